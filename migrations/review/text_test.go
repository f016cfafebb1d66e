package review_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/review"
)

// TestReports compares reports with the golden files in testdata. A script contains first.sql, which is not part of the
// report; then 2.sql and further files, which are; and text, markdown or json, the golden files.
func TestReports(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var files []string
			wanted := map[string]*[]byte{}
			for i, f := range archive.Files {
				if strings.HasSuffix(f.Name, ".sql") {
					files = append(files, string(f.Data))
				} else {
					wanted[f.Name] = &archive.Files[i].Data
				}
			}
			r := plan(t, files[0], files[1:]...)
			r.ServerVersion = 0 // depends on the machine
			for name, want := range wanted {
				var b bytes.Buffer
				switch name {
				case "text":
					err = r.Text(&b, false, false)
				case "markdown":
					err = r.Markdown(&b)
				case "json":
					e := json.NewEncoder(&b)
					e.SetIndent("", "  ")
					e.SetEscapeHTML(false)
					err = e.Encode(r)
				default:
					t.Fatalf("unknown format %s", name)
				}
				if err != nil {
					t.Fatal(err)
				}
				if golden.Update() {
					*want = b.Bytes()
				} else if got := b.String(); got != string(*want) {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got, *want)
				}
			}
			if golden.Update() {
				golden.Write(t, path, txtar.Format(archive))
			}
		})
	}
}

// TestMeasure checks that a report with a live database contains the sizes of its tables, and that the database does
// not change.
func TestMeasure(t *testing.T) {
	t.Parallel()
	const first = "CREATE TABLE notes (id int PRIMARY KEY, at date NOT NULL); CREATE TABLE logs (at date) PARTITION BY RANGE (at); CREATE TABLE logs_1 PARTITION OF logs DEFAULT;"
	r := plan(t, first, "ALTER TABLE notes ADD CHECK (id > 0); ALTER TABLE logs ADD CHECK (at > '2000-01-01');")
	db := dbtest.Empty(t)
	c := &claims{t: t, db: db}
	c.conn = c.connect()
	c.exec(first + "INSERT INTO notes SELECT n, now() FROM generate_series(1, 20000) n; INSERT INTO logs SELECT now() FROM generate_series(1, 1000); ANALYZE")
	state := func() (text string) {
		t.Helper()
		if err := c.conn.QueryRow(t.Context(), "SELECT string_agg(c::text || c.xmin, ',' ORDER BY c.oid) FROM pg_class c").Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := state()
	if err := r.Measure(t.Context(), db.AdminURL); err != nil {
		t.Fatal(err)
	}
	if after := state(); before != after {
		t.Error("the catalog changed")
	}
	if notes := r.Sizes["public.notes"]; notes.Rows != 20000 || notes.Bytes < 500_000 || notes.IndexBytes < 200_000 {
		t.Errorf("notes: %+v", notes)
	}
	if logs := r.Sizes["public.logs"]; logs.Rows != 1000 || logs.Bytes == 0 {
		t.Errorf("logs: %+v", logs)
	}
	var b bytes.Buffer
	if err := r.Text(&b, false, false); err != nil || !strings.Contains(b.String(), "public.notes (about 20 000 rows, 7") {
		t.Errorf("%v:\n%s", err, &b)
	}
}

// TestTotals checks that totals do not depend on the format of the report.
func TestTotals(t *testing.T) {
	t.Parallel()
	r := plan(t, "CREATE TABLE notes (id int, title text); GRANT SELECT ON notes TO chenu_human;",
		"ALTER TABLE notes ADD COLUMN a uuid DEFAULT gen_random_uuid(); CREATE INDEX ON notes (title);",
		"GRANT DELETE ON notes TO chenu_human; REVOKE SELECT ON notes FROM chenu_human;",
		"ALTER TABLE notes ADD COLUMN a int; SELECT 1;")
	want := review.Totals{Files: 3, Statements: 5, ReadsWait: 1, Rewrites: 1, Scans: 1, Failed: 1, WritesWait: 0, Findings: r.Totals.Findings}
	if r.Totals != want {
		t.Errorf("got  %+v\nwant %+v", r.Totals, want)
	}
	if r.Access != nil || r.Files[2].Access != nil || len(r.Files[1].Access) != 2 {
		t.Errorf("access: %v", r.Access)
	}
}
