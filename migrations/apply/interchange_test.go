package apply_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Two kinds of tests check that this package and the Atlas CLI can each resume a run of the other: those in this file
// use a recording of what the CLI wrote, because building the CLI takes minutes, and atlascli_test.go runs the CLI
// itself, which also writes the recording:
//
//	make test-atlas [testflags=-update]
const recordingPath = "testdata/atlascli/recording.json"

// recording is the state after the CLI applied interchangeFiles, whose last file fails half-way.
type recording struct {
	Columns   []string           `json:"columns"` // of the revision table: name, type, nullability, default
	Key       string             `json:"key"`
	Revisions []recordedRevision `json:"revisions"`
}

// recordedRevision omits what differs from run to run. Some versions of Atlas keep the statement hashes of finished
// files and others do not, and all read them only for unfinished files.
type recordedRevision struct {
	Version       string   `json:"version"`
	Description   string   `json:"description"`
	Type          int      `json:"type"`
	Applied       int      `json:"applied"`
	Total         int      `json:"total"`
	Hash          string   `json:"hash"`
	PartialHashes []string `json:"partial_hashes,omitempty"`
	ErrorStmt     string   `json:"error_stmt,omitempty"`
	HasError      bool     `json:"has_error"`
	HasTime       bool     `json:"has_time"`
	HasTook       bool     `json:"has_took"`
}

// interchangeFiles fail in the last file until the table knob is changed, so that no file has to change.
var interchangeFiles = map[string]string{
	"20260101000000_first.sql": "-- A comment, and a statement of two lines.\nCREATE TABLE knob\n  (n int);\nINSERT INTO knob VALUES (0);\n" +
		"CREATE FUNCTION two() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN 2; -- a semicolon\nEND\n$$;",
	"20260102000000_second.sql": "-- atlas:txmode none\n\nCREATE TABLE log (n int);\nINSERT INTO log VALUES (1);\nINSERT INTO log SELECT 2 / n FROM knob;\nINSERT INTO log VALUES (E'3'::int);\nCREATE INDEX CONCURRENTLY log_n ON log (n);",
	"20260103000000_third.sql":  "INSERT INTO log VALUES (4);",
}

func (b *bundle) record() recording {
	b.t.Helper()
	r := recording{
		Columns: strings.Split(b.ask(`SELECT format('%s %s %s %s', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END, pg_get_expr(d.adbin, d.adrelid))
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = 'atlas_schema_revisions.atlas_schema_revisions'::regclass AND a.attnum > 0 ORDER BY a.attnum`), ","),
		Key: b.ask("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'atlas_schema_revisions.atlas_schema_revisions'::regclass AND contype = 'p'"),
	}
	rows, err := b.admin.Query(b.t.Context(), `SELECT version, description, type::int, applied::int, total::int, hash,
CASE WHEN applied < total THEN partial_hashes END, coalesce(error_stmt, ''), coalesce(error, '') <> '', executed_at > now() - interval '1 hour', execution_time > 0
FROM atlas_schema_revisions.atlas_schema_revisions ORDER BY version`)
	if err != nil {
		b.t.Fatal(err)
	}
	if r.Revisions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[recordedRevision]); err != nil {
		b.t.Fatal(err)
	}
	return r
}

func readRecording(t *testing.T) recording {
	t.Helper()
	text, err := os.ReadFile(recordingPath)
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r recording) String() string {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text) + "\n"
}

// finished checks that every statement ran exactly once. The CLI leaves the error of a failed attempt in the row after
// the next attempt has succeeded.
func (b *bundle) finished() {
	b.t.Helper()
	b.want("rows", b.ask("SELECT n FROM log ORDER BY n"), "1,2,3,4")
	b.want("revisions", b.versions(), "20260101000000:3/3,20260102000000:5/5,20260103000000:1/1")
	b.want("state", string(b.status().State), "current")
}

// TestInterchange_Writes checks that Apply writes the same revision of a partly applied file as the CLI.
func TestInterchange_Writes(t *testing.T) {
	t.Parallel()
	b := setup(t, interchangeFiles)
	b.want("stopped at", fmt.Sprint(b.fails().Statement), "3")
	b.want("recording", b.record().String(), readRecording(t).String())
}

// TestInterchange_Reads checks that Apply resumes from the revisions that the CLI wrote.
func TestInterchange_Reads(t *testing.T) {
	t.Parallel()
	b := setup(t, interchangeFiles)
	// The state after the CLI's run, created without the CLI.
	b.exec("SET ROLE chenu_owner; CREATE TABLE knob (n int); INSERT INTO knob VALUES (1); CREATE TABLE log (n int); INSERT INTO log VALUES (1); RESET ROLE")
	recorded := readRecording(t)
	b.exec("SET ROLE chenu_owner; CREATE SCHEMA atlas_schema_revisions; CREATE TABLE atlas_schema_revisions.atlas_schema_revisions (" +
		strings.Join(slices.Collect(columnDefinitions(recorded.Columns)), ", ") + ", " + recorded.Key + "); RESET ROLE")
	for _, r := range recorded.Revisions {
		if _, err := b.admin.Exec(t.Context(), `INSERT INTO atlas_schema_revisions.atlas_schema_revisions VALUES ($1, $2, $3, $4, $5, now(), 1, $6, $7, $8, $9, 'Atlas CLI')`,
			r.Version, r.Description, r.Type, r.Applied, r.Total, map[bool]string{true: "failed"}[r.HasError], r.ErrorStmt, r.Hash, r.PartialHashes); err != nil {
			t.Fatal(err)
		}
	}
	status := b.status()
	b.want("status", fmt.Sprintf("%s %d of %d", status.State, status.Stopped.Applied, status.Stopped.Statements), "partial 2 of 5")
	report := b.mustApply()
	b.want("resumed", fmt.Sprintf("%s after %d", report.Files[0].Name, report.Files[0].Resumed), "20260102000000_second.sql after 2")
	b.finished()
	b.want("errors", b.ask("SELECT count(*) FROM atlas_schema_revisions.atlas_schema_revisions WHERE error <> '' OR error_stmt <> ''"), "0")
}

// columnDefinitions converts the recorded columns to SQL.
func columnDefinitions(columns []string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, c := range columns {
			// A default follows the nullability.
			for _, null := range []string{" not null ", " null "} {
				if before, value, ok := strings.Cut(c, null); ok {
					if c = before + null; value != "" {
						c += "default " + value
					}
					break
				}
			}
			if !yield(c) {
				return
			}
		}
	}
}
