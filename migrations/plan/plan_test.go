package plan_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
	"github.com/chenu/chenu/postgres/pgtest"
)

// TestPlans runs the scripts in testdata. Each defines two desired states. The plan from the first to the second is
// compared with the golden files, applied to a database with rows of two identities, and planned again.
//
// The comment of a script contains settings, one per line: "allow-destructive", "backfill: table.column=expression",
// "convert: table.column=expression", "append-only: schema.table", and "refused: text" if the plan must be refused with
// that text. Files: before.sql and after.sql, each of which follows base.sql; rows.sql, run by a superuser in between;
// check.sql, whose queries must each return true at the end; hand.sql, an earlier hand-written migration; plan.sql,
// online.sql and drop.sql are the golden files.
func TestPlans(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	base, err := os.ReadFile("testdata/base.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := readScript(t, path)
			s.base = plan.File{Name: "base.sql", SQL: string(base)}
			s.run(t)
		})
	}
}

type script struct {
	path    string
	archive *txtar.Archive
	base    plan.File
	input   plan.Input
	refused string
	// appendOnly are the tables that the desired state declares as append-only.
	appendOnly []string
}

func readScript(t *testing.T, path string) *script {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{path: path, archive: archive}
	s.input.Conventions = &policies.Conventions
	s.input.Backfills, s.input.Conversions = plan.Expressions{}, plan.Expressions{}
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.TrimSpace(line)
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "allow-destructive":
			s.input.AllowDestructive = true
		case "backfill":
			err = s.input.Backfills.Set(value)
		case "convert":
			err = s.input.Conversions.Set(value)
		case "append-only":
			s.appendOnly = append(s.appendOnly, value)
		case "refused":
			s.refused = value
		default:
			if line != "" && !strings.HasPrefix(line, "#") {
				t.Fatalf("%s: unknown setting %q", path, line)
			}
		}
		if err != nil {
			t.Fatalf("%s: %s: %v", path, line, err)
		}
	}
	return s
}

func (s *script) file(name string) string {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func (s *script) desired(name string) plan.Desired {
	return declaring{plan.SQL(s.base, plan.File{Name: name, SQL: s.file(name)}), s.appendOnly}
}

// declaring adds to the declaration of a desired state.
type declaring struct {
	plan.Desired
	appendOnly []string
}

func (d declaring) Build(ctx context.Context, s *dev.Session) (*plan.Declaration, error) {
	declaration, err := d.Desired.Build(ctx, s)
	if err == nil {
		declaration.AppendOnly = d.appendOnly
	}
	return declaration, err
}

func (s *script) run(t *testing.T) {
	ctx := t.Context()
	dir := &migrate.MemDir{}
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

	add(t, dir, s.first(t, day))
	if hand := s.file("hand.sql"); hand != "" {
		add(t, dir, &plan.Plan{Files: []plan.File{{Name: "20260101120000_hand.sql", SQL: hand}}})
	}
	database := dbtest.Empty(t)
	applyAll(t, database.MigrateURL, dir)
	exec(t, database.AdminURL, "INSERT INTO identities (id, email) VALUES "+
		"('00000000-0000-7000-8000-00000000000a', 'ada@example.org'), ('00000000-0000-7000-8000-00000000000b', 'bob@example.org')")
	if rows := s.file("rows.sql"); rows != "" {
		exec(t, database.AdminURL, rows)
	}

	in := s.input
	in.Name, in.Dir, in.Desired, in.Now = strings.TrimSuffix(filepath.Base(s.path), ".txtar"), dir, s.desired("after.sql"), day.AddDate(0, 0, 1)
	in.DevURL = dbtest.ServerURL(t)
	began := time.Now()
	planned, err := plan.Diff(ctx, in)
	t.Logf("planned in %s", time.Since(began).Round(time.Millisecond))
	if s.refused != "" {
		var refusal *plan.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), s.refused) {
			t.Fatalf("Diff: %v; want a refusal with %q", err, s.refused)
		}
		return
	}
	if err != nil {
		t.Fatalf("Diff: %v", err)
	}
	if planned == nil {
		planned = &plan.Plan{}
	}
	got := map[string]string{}
	for _, file := range planned.Files {
		kind := strings.TrimPrefix(migrate.NewLocalFile(file.Name, nil).Desc(), in.Name)
		got[kind] = file.SQL
	}
	s.golden(t, "plan.sql", got[""])
	s.golden(t, "online.sql", got["_online"])
	s.golden(t, "drop.sql", got["_drop"])
	add(t, dir, planned)
	applyAll(t, database.MigrateURL, dir)
	s.check(t, database.AdminURL)

	in.Now = in.Now.AddDate(0, 0, 1)
	if again, err := plan.Diff(ctx, in); err != nil || again != nil {
		t.Fatalf("second Diff: %v, %+v; want no changes", err, again)
	}
}

// firstPlans caches plans of the states before, by their text: many scripts start with the same state.
var firstPlans sync.Map

// first plans the state before for an empty database.
func (s *script) first(t *testing.T, now time.Time) *plan.Plan {
	t.Helper()
	in := plan.Input{Conventions: &policies.Conventions, Name: "first", Dir: &migrate.MemDir{}, Desired: s.desired("before.sql"), DevURL: dbtest.ServerURL(t), Now: now}
	planned, _ := firstPlans.LoadOrStore(s.file("before.sql"), sync.OnceValues(func() (*plan.Plan, error) {
		return plan.Diff(context.Background(), in)
	}))
	first, err := planned.(func() (*plan.Plan, error))()
	if err != nil {
		t.Fatalf("plan the state before: %v", err)
	}
	return first
}

// golden compares a plan with the script's file, or writes the file.
func (s *script) golden(t *testing.T, name, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, "MAINTAIN, ", "") // a privilege since PostgreSQL 17
	if want := s.file(name); got == want {
		return
	} else if !golden.Update() {
		t.Errorf("%s differs (go test ./migrations/plan -update rewrites it)\ngot:\n%s\nwant:\n%s", name, got, want)
		return
	}
	found := false
	for i := range s.archive.Files {
		if s.archive.Files[i].Name == name {
			s.archive.Files[i].Data, found = []byte(got), true
		}
	}
	if !found {
		s.archive.Files = append(s.archive.Files, txtar.File{Name: name, Data: []byte(got)})
	}
	golden.Write(t, s.path, txtar.Format(s.archive))
}

// check runs the queries of check.sql; each must return one row, true.
func (s *script) check(t *testing.T, url string) {
	t.Helper()
	conn := pgtest.Connect(t, url)
	for query := range strings.SplitSeq(s.file("check.sql"), ";\n") {
		if strings.TrimSpace(query) == "" {
			continue
		}
		var ok bool
		if err := conn.QueryRow(t.Context(), query).Scan(&ok); err != nil || !ok {
			t.Errorf("check: %t, %v: %s", ok, err, query)
		}
	}
}

func add(t *testing.T, dir migrate.Dir, planned *plan.Plan) {
	t.Helper()
	for _, file := range planned.Files {
		if err := dir.WriteFile(file.Name, []byte(file.SQL)); err != nil {
			t.Fatal(err)
		}
	}
	dbtest.Hash(t, dir)
}

func applyAll(t *testing.T, url string, dir migrate.Dir) {
	t.Helper()
	if _, err := apply.Apply(t.Context(), url, apply.Options{Conventions: &policies.Conventions, Dir: dir}); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

func exec(t *testing.T, url, sql string) {
	t.Helper()
	if _, err := pgtest.Connect(t, url).PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
		t.Fatalf("%v: %s", err, sql)
	}
}
