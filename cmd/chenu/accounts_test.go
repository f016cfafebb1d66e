package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/chenu/chenu/migrations/dbtest"
)

// Hardening item 40: the command as an operator runs it, and what it records in the audit trail. The effects of a lock
// are tested in package account, together with the functions that the command calls.
func TestAccountsLock(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	const id = "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b"
	if _, err := admin.Exec(t.Context(), "INSERT INTO identities (id, email, name) VALUES ($1, 'Ada@example.org', 'Ada')", id); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(t.Context(), "INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr) VALUES (app.uuid_v7(), $1, now() + interval '1 day', now(), '{pwd}')", id); err != nil {
		t.Fatal(err)
	}
	accounts := func(vars []string, args ...string) (int, string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		code := run(context.WithoutCancel(t.Context()), append([]string{"accounts"}, args...), environment{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
			Getenv: func(string) string { return "" }, Environ: func() []string { return append(vars, "CHENU_DATA_DIR="+t.TempDir()) },
		})
		return code, out.String(), errs.String()
	}
	operator := []string{"CHENU_MIGRATE_DATABASE_URL=" + db.MigrateURL}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"unlock", "--email", "ada@example.org"}, exitOK, "The account ada@example.org (" + id + ") was not locked.\n"},
		{[]string{"lock", "--email", "ada@example.org"}, exitOK, "Locked the account ada@example.org (" + id + ") and ended 1 session.\n"},
		{[]string{"lock", "--email", "ada@example.org"}, exitOK, "The account ada@example.org (" + id + ") was already locked.\n"},
		{[]string{"unlock", "--email", "ADA@example.org"}, exitOK, "Unlocked the account ADA@example.org (" + id + ").\n"},
		{[]string{"lock", "--email", "nobody@example.org"}, exitFailed, "there is no account with the e-mail address nobody@example.org"},
		{[]string{"lock"}, exitUsage, "--email is not set: set it to the e-mail address of the account"},
		{[]string{"lock", "--email", "ada@example.org", "now"}, exitUsage, `unexpected argument "now"`},
		{[]string{"delete"}, exitUsage, `unknown subcommand "delete"`},
	} {
		code, out, errs := accounts(operator, test.args...)
		if code != test.code || test.code == exitOK && out != test.want || !strings.Contains(out+errs, test.want) {
			t.Errorf("%v: exit %d, %q, %q; want %d, %q", test.args, code, out, errs, test.code, test.want)
		}
	}
	var trail string
	err := admin.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', resource_type, after ->> 'status', actor_kind, db_role, request_id IS NOT NULL, user_agent), E'\n' ORDER BY l.id)
		FROM audit_logs l WHERE created_by = $1 AND action = 'update'`, id).Scan(&trail)
	const by = " chenu_owner t chenu accounts "
	want := "session system" + by + "lock, login \nidentity locked system" + by + "lock, login \nidentity active system" + by + "unlock, login "
	for line := range strings.SplitSeq(want, "\n") {
		if err != nil || !strings.Contains(trail, line) {
			t.Errorf("the trail has\n%s\nand not %q, %v", trail, line, err)
		}
	}
	// The login of the service is not an operator's, and without a login the command names the one that it needs.
	if code, _, errs := accounts([]string{"CHENU_MIGRATE_DATABASE_URL=" + db.ServiceURL}, "lock", "--email", "ada@example.org"); code != exitFailed || !strings.Contains(errs, "chenu_owner") {
		t.Errorf("as the service: exit %d, %q", code, errs)
	}
	if code, _, errs := accounts([]string{"CHENU_DATABASE_URL=" + db.ServiceURL}, "lock", "--email", "ada@example.org"); code != exitFailed || !strings.Contains(errs, "CHENU_MIGRATE_DATABASE_URL") {
		t.Errorf("without the owner's login: exit %d, %q", code, errs)
	}
}

// Hardening item 5: if no mail is configured, an operator verifies an address, which is recorded, and lists the agents
// that were hired before hiring required a verified address.
func TestAccountsVerify(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	const id, agent = "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b", "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1c"
	if _, err := admin.Exec(t.Context(), "INSERT INTO identities (id, email, name) VALUES ($1, 'ada@example.org', 'Ada')", id); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(t.Context(), "INSERT INTO team_agents (id, created_by, name) VALUES ($1, $2, 'Bookkeeper')", agent, id); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"unverified"}, exitOK, "ada@example.org (" + id + "): agent " + agent + "\n"},
		{[]string{"unverified", "--json"}, exitOK, `{
  "agents": [
    {
      "email": "ada@example.org",
      "identity_id": "` + id + `",
      "agent_id": "` + agent + `"
    }
  ]
}
`},
		{[]string{"unverified", "all"}, exitUsage, ""},
		{[]string{"verify", "--email", "nobody@example.org"}, exitFailed, ""},
		{[]string{"verify", "--email", "ADA@example.org"}, exitOK, "Verified the e-mail address of the account ADA@example.org (" + id + ").\n"},
		{[]string{"verify", "--email", "ada@example.org"}, exitOK, "The e-mail address of the account ada@example.org (" + id + ") was already verified.\n"},
		{[]string{"unverified", "--json"}, exitOK, "{\n  \"agents\": []\n}\n"},
		{[]string{"unverified"}, exitOK, "No active agent belongs to an account whose e-mail address is not verified.\n"},
	} {
		var out, errs bytes.Buffer
		code := run(context.WithoutCancel(t.Context()), append([]string{"accounts"}, step.args...), environment{
			Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" },
			Environ: func() []string {
				return []string{"CHENU_MIGRATE_DATABASE_URL=" + db.MigrateURL, "CHENU_DATA_DIR=" + t.TempDir()}
			},
		})
		if code != step.code || out.String() != step.want && code == exitOK {
			t.Errorf("%v: exit %d, %q, %q; want %d, %q", step.args, code, out.String(), errs.String(), step.code, step.want)
		}
	}
	var recorded int
	err := admin.QueryRow(t.Context(), `SELECT count(*) FROM audit_logs WHERE created_by = $1 AND resource_type = 'identity' AND action = 'update'
		AND actor_kind = 'system' AND after ? 'email_verified_at' AND user_agent LIKE 'chenu accounts verify, login %'`, id).Scan(&recorded)
	if err != nil || recorded != 1 {
		t.Errorf("the verification is recorded %d times: %v", recorded, err)
	}
}
