package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/lint"
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

func TestLint_Color(t *testing.T) {
	t.Parallel()
	r := &lintReport{color: true, Looked: []string{"1_a.sql"}, Findings: []lint.Finding{
		{Code: "CN404", Severity: lint.Error, Message: "PUBLIC has CONNECT on the database.", Advice: "Take it."},
		{Code: "CN004", Severity: lint.Warning, File: "1_a.sql", Message: "It is another."},
	}}
	var out bytes.Buffer
	if err := writeLintText(&out, r); err != nil {
		t.Fatal(err)
	}
	const want = "the database: \x1b[1mCN404\x1b[0m \x1b[31merror\x1b[0m: PUBLIC has CONNECT on the database.\n    \x1b[2mTake it.\x1b[0m\n" +
		"1_a.sql: \x1b[1mCN004\x1b[0m \x1b[33mwarning\x1b[0m: It is another.\n\nchenu migrate lint --explain CODE says more.\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
}
