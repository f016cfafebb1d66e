package migrations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/dbtest"
)

// Hardening item 11: what an approval covers changed, so requests from before the upgrade end,
// and their owners find that in the audit trail and in the requests' threads.
func TestRequestsFromBeforeGatesCoveredContentExpire(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	dir, err := migrations.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	files, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(files, func(f migrate.File) bool {
		return strings.HasSuffix(f.Name(), "_harden_approvals_agents_and_accounts.sql")
	})
	if at < 1 {
		t.Fatal("there is no such migration")
	}
	if _, err := migrations.Apply(t.Context(), db.MigrateURL, migrations.Options{To: files[at-1].Version()}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), db.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const ada, thread = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(fmt.Sprintf(`INSERT INTO identities (id, email, name) VALUES ('%s', 'ada@example.org', 'Ada')`, ada))
	exec(fmt.Sprintf(`INSERT INTO threads (id, created_by, founding_intent, sphere, last_sequence) VALUES ('%s', '%s', 'x', 'personal', 0)`, thread, ada))
	for _, c := range []struct{ name, payload, decided, values string }{
		{"pending write", `{"table": "threads"}`, "", ""},
		{"approved write", `{"table": "playlists"}`, ", decided_at, use_before", ", now(), now() + interval '1 hour'"},
		{"used write", `{"table": "playlists"}`, ", decided_at, use_before, consumed_at", ", now(), '2026-01-01', now()"},
		{"pending client", `{"action": "share"}`, "", ""},
		{"approved client", `{"action": "share"}`, ", decided_at, use_before", ", now(), 'infinity'"},
		{"erased", "", "", ""},
	} {
		status, action, payload := "'approved'", "'"+c.name+"'", "'"+c.payload+"'"
		if c.decided == "" {
			status = "'pending'"
		}
		if c.payload == "" {
			status, action, payload = "'expired'", "'[erased]'", "NULL"
		}
		exec(fmt.Sprintf(`INSERT INTO checkpoints (id, created_by, type, status, action, resource_type, payload, digest, requested_by, requested_by_kind, expires_at, thread_id%s)
			VALUES (app.uuid_v7(), '%s', 'sensitive', %s, %s, 'x', %s, sha256('%s'), '%s', 'agent', now() + interval '1 hour', '%s'%s)`,
			c.decided, ada, status, action, payload, c.name, ada, thread, c.values))
	}
	if _, err := migrations.Apply(t.Context(), db.MigrateURL, migrations.Options{}); err != nil {
		t.Fatal(err)
	}
	query := func(sql string) string {
		t.Helper()
		var found *string
		if err := conn.QueryRow(t.Context(), sql).Scan(&found); err != nil {
			t.Fatal(err)
		}
		if found == nil {
			return ""
		}
		return *found
	}
	got := query(`SELECT string_agg(concat_ws(' ', action, origin, status, CASE WHEN use_before > now() THEN 'usable' END, left(reason, 10)), '; ' ORDER BY id) FROM checkpoints`)
	want := "pending write write expired An upgrade; approved write write approved; used write write approved; " +
		"pending client client pending; approved client client approved usable; [erased] client expired"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := query(`SELECT string_agg(action, ' ' ORDER BY id) FROM audit_logs WHERE resource_type = 'checkpoint' AND action = 'checkpoint_expired'`); got != "checkpoint_expired" {
		t.Errorf("the trail has %q", got)
	}
	if got := query(`SELECT string_agg(type, ' ' ORDER BY sequence) FROM thread_events WHERE type = 'checkpoint.expired'`); got != "checkpoint.expired" {
		t.Errorf("the thread has %q", got)
	}
}
