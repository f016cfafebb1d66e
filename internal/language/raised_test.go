package language_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chenu/chenu/internal/language"
)

// TestRaised checks the errors that the functions of the policies raise.
func TestRaised(t *testing.T) {
	t.Parallel()
	findings, err := language.Raised("../../policies/functions")
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}

func TestRaisedFindings(t *testing.T) {
	t.Parallel()
	const plain = `RAISE EXCEPTION 'the agent''s credential is revoked' USING ERRCODE = 'CH409',
	DETAIL = '{"code": "revoked", "detail": "The agent''s credential is revoked."}';
`
	for name, test := range map[string]struct{ sql, want string }{
		"plain texts":                  {plain, ""},
		"message":                      {plain + "RAISE EXCEPTION\n\t'the thread is begun'", `f.sql:4: "the thread is begun": "begun" is retired`},
		"message after a quote":        {plain + `RAISE INFO 'the agent''s thread is begun: %', x`, `"begun" is retired`},
		"hint":                         {plain + `HINT = 'Mark it.'`, `f.sql:3: "Mark it.": "Mark" is retired`},
		"detail in JSON":               {plain + `DETAIL = '{"code": "x", "detail": "Read one \"or\" two rows."}'`, `"Read one" is retired`},
		"detail without a full stop":   {plain + `"detail": "Revoke the credential"`, "full stop"},
		"detail of few words":          {plain + `"detail": "Too many."`, "has 2 words"},
		"detail as an argument":        {plain + "jsonb_build_object('detail',\n\t'The row''s moment has passed.')", `"The row's moment has passed.": "moment" is retired`},
		"detail with values":           {plain + "jsonb_build_object('detail', format(\n\t'There are %s rows left.', 1))", `"left" is retired`},
		"word in a name or a comment":  {plain + "-- Marks the row that was made.\nPERFORM app.mark_notice('left');", ""},
		"code and pointer in a detail": {plain + `'{"pointer": "/hand", "code": "made"}'`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings, err := language.Raised(directory(t, test.sql))
			if err != nil {
				t.Fatal(err)
			}
			check(t, test.sql, findings, test.want)
		})
	}
}

// TestRaisedReadsNothing checks that a directory without texts is an error: otherwise a moved directory would pass.
func TestRaisedReadsNothing(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"no errors":   "SELECT 1;",
		"no messages": `DETAIL = '{"detail": "The credential is revoked."}'`,
		"no details":  `RAISE EXCEPTION 'the credential is revoked'`,
	} {
		if findings, err := language.Raised(directory(t, sql)); err == nil || !strings.HasPrefix(err.Error(), "no messages or no details") {
			t.Errorf("%s: the findings are %q with the error %v, want an error", name, findings, err)
		}
	}
	if _, err := language.Raised(t.TempDir()); err == nil {
		t.Error("no error for a directory without files")
	}
}

// directory returns a new directory with the SQL as its only file.
func directory(t *testing.T, sql string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f.sql"), []byte(sql), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
