package lint_test

import (
	"bytes"
	"testing"

	"github.com/chenu/chenu/migrations/lint"
)

func TestReportText(t *testing.T) {
	t.Parallel()
	r := &lint.Report{Files: []string{"1_a.sql"}, Findings: []lint.Finding{
		{Code: "CN404", Severity: lint.Error, Message: "PUBLIC has CONNECT on the database.", Advice: "Take it."},
		{Code: "CN004", Severity: lint.Warning, File: "1_a.sql", Message: "It is another."},
	}}
	var out bytes.Buffer
	if err := r.Text(&out, true); err != nil {
		t.Fatal(err)
	}
	const want = "the database: \x1b[1mCN404\x1b[0m \x1b[31merror\x1b[0m: PUBLIC has CONNECT on the database.\n    \x1b[2mTake it.\x1b[0m\n" +
		"1_a.sql: \x1b[1mCN004\x1b[0m \x1b[33mwarning\x1b[0m: It is another.\n\nUse \"chenu migrate lint --explain CODE\" for more about a finding.\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
}

// TestReportMarkdown checks that an advice that is SQL is a code block, which can be copied.
func TestReportMarkdown(t *testing.T) {
	t.Parallel()
	r := &lint.Report{Files: []string{"1_a.sql"}, Findings: []lint.Finding{
		{Code: "CN404", Name: "database-public", Severity: lint.Error, Message: "PUBLIC has CONNECT on the database.", Advice: "Take it."},
		{Code: "CN302", Name: "not-forced", Severity: lint.Error, File: "1_a.sql", Line: 2, Message: "No.", Advice: "ALTER TABLE a FORCE ROW LEVEL SECURITY;"},
	}}
	var out bytes.Buffer
	if err := r.Markdown(&out); err != nil {
		t.Fatal(err)
	}
	const want = "## Migration lint: 2 errors in 1 file\n" +
		"\n**CN404** `database-public` error, at `the database`: PUBLIC has CONNECT on the database.\n\nTake it.\n" +
		"\n**CN302** `not-forced` error, at `1_a.sql:2`: No.\n\n```sql\nALTER TABLE a FORCE ROW LEVEL SECURITY;\n```\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
}
