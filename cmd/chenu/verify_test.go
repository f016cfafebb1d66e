package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
)

// TestVerify checks the exit codes and the output of the command.
func TestVerify(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	verify := func(environ ...string) (code int, stdout, stderr string) {
		var out, errs bytes.Buffer
		code = run(t.Context(), []string{"verify"}, environment{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
			Getenv: func(name string) string {
				for _, e := range environ {
					if value, ok := strings.CutPrefix(e, name+"="); ok {
						return value
					}
				}
				return ""
			},
			Environ: func() []string { return environ },
		})
		return code, out.String(), errs.String()
	}
	audit := "CHENU_AUDIT_DATABASE_URL=" + db.AuditURL
	dir := "CHENU_DATA_DIR=" + t.TempDir()
	report, _ := document(t, exitOK, map[string]string{"CHENU_AUDIT_DATABASE_URL": db.AuditURL}, "verify", "--json")
	wantJSON(t, "an untouched database", []any{report["rows"].(map[string]any)["threads"], report["findings"], report["open_functions"]}, `[0,[],[]]`)
	if code, out, errs := verify(dir, audit); code != exitOK || out != "" || !strings.Contains(errs, "All rows match.") {
		t.Errorf("an untouched database: exit %d, %q, %q", code, out, errs)
	}
	// Hardening item 19: a run without findings states what it does not prove.
	if _, _, errs := verify(dir, audit); !strings.Contains(errs, "does not prove that the record is complete") || !strings.Contains(errs, "delete audit rows") {
		t.Errorf("a clean run does not state its limits: %q", errs)
	}
	if code, _, errs := verify(dir, "CHENU_DATABASE_URL="+db.ServiceURL); code != exitFailed || !strings.Contains(errs, "CHENU_AUDIT_DATABASE_URL") {
		t.Errorf("without an auditor: exit %d, %q", code, errs)
	}
	if code, _, errs := verify(dir, "CHENU_AUDIT_DATABASE_URL="+db.ServiceURL); code != exitFailed || !strings.Contains(errs, "chenu_auditor") {
		t.Errorf("as the service: exit %d, %q", code, errs)
	}
	admin, err := pgx.Connect(t.Context(), db.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	const id = "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b"
	for _, statement := range []string{
		"INSERT INTO identities (id, email, name) VALUES ('" + id + "', 'ada@example.org', 'Ada')",
		"INSERT INTO threads (id, created_by, founding_intent, sphere) VALUES ('" + id + "', '" + id + "', 'Begin', 'personal')",
	} {
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	// Hardening item 13: functions that PUBLIC may execute again are reported as a warning.
	if _, err := admin.Exec(t.Context(), "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC"); err != nil {
		t.Fatal(err)
	}
	code, out, errs := verify(dir, audit)
	if !strings.Contains(errs, "warning: PUBLIC can execute functions of pg_catalog that the service does not need (1)") || !strings.Contains(errs, "  lo_create(oid)\n") {
		t.Errorf("a function of PUBLIC is not reported: %q", errs)
	}
	if want := "threads " + id + " of identity " + id + ": sequence\n"; code != exitFound || out != want || !strings.Contains(errs, "1 row does not match") {
		t.Errorf("a thread without an event: exit %d, %q, %q", code, out, errs)
	}
	report, errs = document(t, exitFound, map[string]string{"CHENU_AUDIT_DATABASE_URL": db.AuditURL}, "verify", "--json")
	wantJSON(t, "a thread without an event", []any{report["rows"].(map[string]any)["threads"], report["findings"], report["open_functions"]},
		`[1,[{"id":"`+id+`","identity_id":"`+id+`","table":"threads","what":["sequence"]}],["lo_create(oid)"]]`)
	if !strings.Contains(errs, "1 row does not match") {
		t.Errorf("a thread without an event: %q", errs)
	}
}
