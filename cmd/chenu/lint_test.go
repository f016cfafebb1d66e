package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies"
)

// lintDir runs the command on files, without a database.
func lintDir(t *testing.T, files map[string]string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	dir := t.TempDir()
	writeDir(t, dir, files)
	var out, errs bytes.Buffer
	env := environment{Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	code = run(t.Context(), append([]string{"migrate", "lint", "--dir", dir, "--dev-url", dbtest.ServerURL(t)}, args...), env)
	return strings.ReplaceAll(out.String(), dir, "db"), errs.String(), code
}

const lintNotes = "CREATE TABLE notes (id bigint PRIMARY KEY); ALTER TABLE notes ENABLE ROW LEVEL SECURITY; ALTER TABLE notes FORCE ROW LEVEL SECURITY;"

func TestLint_JSON(t *testing.T) {
	t.Parallel()
	out, _, code := lintDir(t, map[string]string{"1_a": lintNotes, "2_b": "-- atlas:nolint CN225 -- a code of two letters\nALTER TABLE notes ADD COLUMN land varchar(2), ADD COLUMN at timestamp;"}, "--format", "json")
	var report struct {
		Files    []string
		Findings []lint.Finding
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if code != exitFound || len(report.Files) != 1 || report.Files[0] != "2_b.sql" || len(report.Findings) != 2 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	if f := report.Findings[0]; f.Code != "CN224" || f.File != "2_b.sql" || f.Line != 2 || f.Statement != 1 || f.Severity != lint.Warning || f.Accepted != "" {
		t.Errorf("%+v", f)
	}
	if f := report.Findings[1]; f.Code != "CN225" || f.Accepted != "a code of two letters" {
		t.Errorf("%+v", f)
	}
}

func TestLint_FailOnError(t *testing.T) {
	t.Parallel()
	files := map[string]string{"1_a": lintNotes, "2_b": "ALTER TABLE notes ADD COLUMN at timestamp;"}
	if out, _, code := lintDir(t, files, "--fail-on", "error"); code != exitOK || !strings.Contains(out, "db/2_b.sql:1: CN224 warning: ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	files["2_b"] = "CREATE TABLE tags (id bigint PRIMARY KEY);"
	if out, _, code := lintDir(t, files, "--fail-on", "error"); code != exitFound || !strings.Contains(out, "db/2_b.sql:1: CN301 error: ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// Everyone may connect to a new database.
func TestLint_PublicDatabase(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	if major, may, err := askDatabase(t.Context(), db.MigrateURL); err != nil || major < 15 || len(may) > 0 {
		t.Errorf("%d, %q, %v", major, may, err)
	}
	if _, err := db.Pool(t, db.AdminURL).Exec(t.Context(), "GRANT CONNECT, TEMPORARY ON DATABASE "+db.Name+" TO PUBLIC"); err != nil {
		t.Fatal(err)
	}
	if _, may, err := askDatabase(t.Context(), db.MigrateURL); err != nil || strings.Join(may, " ") != "CONNECT TEMPORARY" {
		t.Errorf("%q, %v", may, err)
	}
}

// The new files are those that the other branch did not have at the common ancestor.
func TestLint_History(t *testing.T) {
	t.Parallel()
	h := history(&selected{
		files: []migrations.File{{Name: "1_a.sql"}, {Name: "2_b.sql"}, {Name: "4_d.sql"}},
		base:  &gitBase{ref: "main", same: []string{"1_a.sql"}, edited: []string{"2_b.sql"}, removed: []string{"3_c.sql"}, merged: []string{"5_e.sql"}},
	})
	found, err := lint.Run(t.Context(), new(replay.Record), lint.Options{Conventions: &policies.Conventions, History: h})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, f.File+" "+f.Code)
	}
	if want := "2_b.sql CN004, 3_c.sql CN005, 4_d.sql CN003"; strings.Join(got, ", ") != want {
		t.Errorf("%q", got)
	}
}
