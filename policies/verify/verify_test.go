package verify_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies/verify"
	"github.com/chenu/chenu/postgres/pgtest"
)

// TestDatabase tampers with a database as only a superuser can, with triggers disabled, and checks the findings.
func TestDatabase(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tamper string
		want   []string
	}{
		"nothing":                   {"SELECT $1::uuid", nil},
		"a title":                   {"UPDATE threads SET title = 'Other' WHERE id = $1", []string{"threads title"}},
		"a founding intent":         {"UPDATE threads SET founding_intent = 'Other' WHERE id = $1", []string{"threads founding_intent"}},
		"a status and tags":         {"UPDATE threads SET status = 'archived', tags = '{x}' WHERE id = $1", []string{"threads status,tags"}},
		"a visibility":              {"UPDATE threads SET visibility = 'public' WHERE id = $1", []string{"threads visibility"}},
		"a count":                   {"UPDATE threads SET event_count = 2 WHERE id = $1", []string{"threads event_count"}},
		"the last event, deleted":   {"DELETE FROM thread_events WHERE thread_id = $1 AND sequence = 4", []string{"threads event_count,last_event_at,last_sequence,status"}},
		"an event, deleted":         {"DELETE FROM thread_events WHERE thread_id = $1 AND sequence = 3", []string{"threads event_count,sequence"}},
		"all events":                {"DELETE FROM thread_events WHERE thread_id = $1", []string{"threads sequence"}},
		"an event and both numbers": {"WITH d AS (DELETE FROM thread_events WHERE thread_id = $1 AND sequence = 3) UPDATE threads SET event_count = 3 WHERE id = $1", []string{"threads sequence"}},
		"a note":                    {`UPDATE thread_events SET payload = '{"text": "other"}' WHERE thread_id = $1 AND sequence = 3`, []string{"thread_events content"}},
		"a title in its event":      {`UPDATE thread_events SET payload = '{"title": "other"}' WHERE thread_id = $1 AND sequence = 2`, []string{"thread_events content", "threads title"}},
		"content removed":           {"UPDATE thread_events SET payload = NULL WHERE thread_id = $1 AND sequence = 3", []string{"thread_events content"}},
		"content and salt removed":  {"UPDATE thread_events SET payload = NULL, content_salt = NULL WHERE thread_id = $1 AND sequence = 3", []string{"thread_events content"}},
		"an audit row":              {`UPDATE audit_logs SET after = '{}' WHERE resource_id = $1 AND action = 'create'`, []string{"audit_logs content"}},
		"erased content":            {"WITH e AS (UPDATE thread_events SET payload = NULL, content_salt = NULL WHERE thread_id = $1) UPDATE identities SET status = 'erased' WHERE id = (SELECT created_by FROM threads WHERE id = $1)", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tamper(t, test.tamper, test.want)
		})
	}
}

// TestUndetected checks what a verification cannot find, as `chenu verify` and docs/security.md state: a digest covers
// one row and is stored in it (hardening item 19). Once a ledger holds each row's position and digest, these become
// findings, and the statements of the limits change with this test.
func TestUndetected(t *testing.T) {
	t.Parallel()
	for name, tampering := range map[string]string{
		"an audit row, deleted":          "DELETE FROM audit_logs WHERE resource_id = $1 AND action = 'create'",
		"a thread, deleted with events":  "WITH e AS (DELETE FROM thread_events WHERE thread_id = $1) DELETE FROM threads WHERE id = $1",
		"last event and counters":        "WITH e AS (DELETE FROM thread_events WHERE thread_id = $1 AND sequence = 4) UPDATE threads SET status = 'active', event_count = 3, last_sequence = 3, last_event_at = (SELECT created_at FROM thread_events WHERE thread_id = $1 AND sequence = 3) WHERE id = $1",
		"a note and its digest":          `UPDATE thread_events SET payload = '{"text": "other"}', content_digest = app.content_digest(content_salt, '{"payload": {"text": "other"}}', '{payload}') WHERE thread_id = $1 AND sequence = 3`,
		"an audit row and its digest":    `UPDATE audit_logs SET before = NULL, after = '{}', content_digest = app.content_digest(content_salt, to_jsonb(audit_logs) || '{"before": null, "after": {}}', '{before,after,ip,user_agent}') WHERE resource_id = $1 AND action = 'create'`,
		"the actor of an audit row":      "UPDATE audit_logs SET actor_id = gen_random_uuid(), actor_kind = 'agent' WHERE resource_id = $1 AND action = 'create'",
		"the details of an audit row":    `UPDATE audit_logs SET details = '{"x": 1}' WHERE resource_id = $1 AND action = 'create'`,
		"the time of an audit row":       "UPDATE audit_logs SET created_at = created_at - interval '1 day' WHERE resource_id = $1 AND action = 'create'",
		"the approval of an audited row": "UPDATE audit_logs SET checkpoint_id = gen_random_uuid() WHERE resource_id = $1 AND action = 'create'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tamper(t, tampering, nil)
		})
	}
}

// tamper creates two threads, runs the statement on the second one with triggers disabled, and compares the findings
// with those wanted.
func tamper(t *testing.T, statement string, want []string) {
	t.Helper()
	db := dbtest.New(t)
	admin, auditor := pgtest.Connect(t, db.AdminURL), pgtest.Connect(t, db.AuditURL)
	ctx := t.Context()
	var ids []uuid.UUID
	for range 2 {
		identity, id := dbtest.NewID(), dbtest.NewID()
		ids = append(ids, id)
		batch := &pgx.Batch{}
		batch.Queue("INSERT INTO identities (id, email, name) VALUES ($1, $2, 'Ada')", identity, identity.String()+"@example.org")
		batch.Queue("SELECT set_config('app.identity_id', $1, true)", identity.String())
		batch.Queue("SELECT app.create_thread($1, $2, 1, $3)", id, dbtest.NewID(), map[string]any{
			"founding_intent": "Begin", "sphere": "personal", "type": "personal", "visibility": "private", "title": nil, "parent_thread_id": nil, "tags": []string{},
		})
		batch.Queue("SELECT app.append_events($1, 1, $2)", id, []map[string]any{
			{"type": "thread.updated", "schema_version": 1, "payload": map[string]any{"title": "One"}},
			{"type": "note.added", "schema_version": 1, "payload": map[string]any{"text": "two"}},
			{"type": "thread.paused", "schema_version": 1, "payload": map[string]any{}},
		})
		if err := admin.SendBatch(ctx, batch).Close(); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := admin.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "SET LOCAL session_replication_role = replica"); err != nil {
		t.Fatal(err)
	}
	tag, err := tx.Exec(ctx, statement, ids[1])
	if err != nil {
		t.Fatal(err)
	}
	if tag.RowsAffected() == 0 {
		t.Fatal("the statement changed no row")
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	var got []string
	report, err := verify.Database(ctx, auditor, func(f verify.Finding) {
		got = append(got, f.Table+" "+strings.Join(f.What, ","))
		if f.Table == "threads" && (f.ID != ids[1] || !strings.Contains(f.String(), ids[1].String())) {
			t.Errorf("it found %s, want %s", f, ids[1])
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if fmt.Sprint(got) != fmt.Sprint(want) || report.Findings != len(want) {
		t.Errorf("found %q, report %+v; want %q", got, report, want)
	}
	threads := int64(2)
	if strings.Contains(statement, "DELETE FROM threads") {
		threads = 1
	}
	if report.Rows["threads"] != threads || report.Rows["audit_logs"] == 0 {
		t.Errorf("checked rows: %v", report.Rows)
	}
}

// TestNeedsAuditor checks that other logins get an error rather than an empty report.
func TestNeedsAuditor(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	for name, url := range map[string]string{"service": db.ServiceURL, "agent": db.AgentURL} {
		if _, err := verify.Database(t.Context(), pgtest.Connect(t, url), func(verify.Finding) {}); err == nil || !strings.Contains(err.Error(), "chenu_auditor") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Hardening item 13: the auditor's login can list which functions of pg_catalog PUBLIC may execute again, after someone
// granted the privilege or a server was upgraded.
func TestOpenFunctionsAreReported(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := pgtest.Connect(t, db.AuditURL)
	open := func() []string {
		t.Helper()
		report, err := verify.Database(t.Context(), conn, func(f verify.Finding) { t.Error(f) })
		if err != nil {
			t.Fatal(err)
		}
		return report.OpenFunctions
	}
	if got := open(); len(got) > 0 {
		t.Errorf("PUBLIC may execute %q", got)
	}
	if _, err := pgtest.Connect(t, db.AdminURL).Exec(t.Context(), "GRANT EXECUTE ON FUNCTION lo_create(oid), pg_notify(text, text) TO PUBLIC"); err != nil {
		t.Fatal(err)
	}
	if got, want := open(), []string{"lo_create(oid)", "pg_notify(text,text)"}; !slices.Equal(got, want) {
		t.Errorf("PUBLIC may execute %q, want %q", got, want)
	}
}
