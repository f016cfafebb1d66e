package policies_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
)

// TestAuditTrail checks what a change records: the actor, the changed row before and after, and no secret.
func TestAuditTrail(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	ctx := t.Context()
	request := dbtest.NewID()
	tx, err := w.service.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.become(t, tx, agent)
	for _, statement := range []string{
		fmt.Sprintf("SELECT set_config('app.request_id', '%s', true), set_config('app.ip', '192.0.2.1', true)", request),
		fmt.Sprintf("UPDATE business_contacts SET name = 'Rear Admiral', lead_score = lead_score WHERE id = '%s'", w.rows()["Contact"]),
		fmt.Sprintf("UPDATE business_contacts SET name = name WHERE id = '%s'", w.rows()["Note"]),
		fmt.Sprintf("DELETE FROM personal_notes WHERE id = '%s'", w.rows()["Note"]),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	admin := pgtest.Connect(t, db.AdminURL)
	rows, _ := admin.Query(ctx, `
		SELECT concat_ws(' ', action, outcome, resource_type, actor_kind, db_role, sphere, ip,
			CASE WHEN action = 'update' THEN before ->> 'name' || ' > ' || (after ->> 'name') ELSE before ->> 'title' END,
			(SELECT count(*) FROM jsonb_object_keys(after)),
			content_digest = app.content_digest(content_salt, to_jsonb(a), '{before,after,ip,user_agent}'))
		FROM audit_logs a WHERE request_id = $1 AND created_by = $2 ORDER BY id`, request, w.owner)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	// updated_at, updated_by, updated_by_kind and version change beside the name.
	want := []string{
		"update success contact agent chenu_agent business 192.0.2.1 Grace > Rear Admiral 5 t",
		"delete success note agent chenu_agent personal 192.0.2.1 Note 0 t",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestClaims checks which events without a changed row a serving role may record: reads and denials.
func TestClaims(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	for _, who := range []actor{owner, agent} {
		for statement, want := range map[string]string{
			"SELECT app.record_read('clinical_trial', NULL, '{}', 'government')":   one,
			"SELECT app.record_denial('login', 'identity', NULL, '{}')":            one,
			"SELECT app.record_event('login', 'success', 'session', NULL, '{}')":   refused,
			"SELECT app.record_event('read', 'denied', 'session', NULL, '{}')":     refused,
			"INSERT INTO audit_logs (id, created_by) VALUES (app.uuid_v7(), NULL)": refused,
		} {
			if got := w.try(t, who, statement); got != want {
				t.Errorf("%v: %s: got %s, want %s", who, statement, got, want)
			}
		}
	}
	if got := w.try(t, nobody, "SELECT app.record_denial('login', 'identity', NULL, '{}')"); got != "CH401" {
		t.Errorf("a denial without an identity: %s", got)
	}
}

// TestNoSecretIsAudited writes a marker into every secret column and searches all audit rows for it.
func TestNoSecretIsAudited(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := pgtest.Connect(t, db.AdminURL)
	ctx := t.Context()
	const marker = "$argon2id$v=19$m=8,t=1,p=1$c2VjcmV0$bWFya2Vy"
	secrets := 0
	for _, table := range identitiesFirst() {
		for _, column := range table.Columns {
			if !column.Rules.Secret || table.UnauditedWhy != "" {
				continue
			}
			secrets++
			id, owner, mine := dbtest.NewID(), w.owner, w.rowsOf[w.owner]
			if table.Owner == "id" {
				owner = id
			}
			statement := insertWith(table, id, owner, mine.spare, mine.first, map[string]string{column.Name: "'" + marker + "'"})
			if _, err := admin.Exec(ctx, statement); err != nil {
				t.Fatal(err)
			}
			changed := fmt.Sprintf("UPDATE %s SET %[2]s = %[2]s || '1' WHERE id = '%[3]s'", table.QualifiedName(), column.Name, id)
			if _, err := admin.Exec(ctx, changed); err != nil {
				t.Fatal(err)
			}
			var recorded, leaked int
			err := admin.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE to_jsonb(a)::text LIKE '%bWFya2Vy%' OR to_jsonb(a)::text LIKE '%' || $2 || '%')
				FROM audit_logs a WHERE resource_id = $1`, id, column.Name).Scan(&recorded, &leaked)
			if err != nil {
				t.Fatal(err)
			}
			if recorded != 2 || leaked != 0 {
				t.Errorf("%s.%s: %d audit rows, of which %d name the secret; want 2 and 0", table.Name, column.Name, recorded, leaked)
			}
		}
	}
	if secrets == 0 {
		t.Error("the graph has no audited table with a secret column: this test checks nothing")
	}
}

// Hardening item 13: an audit row names an approval only if it approved that write, in that
// transaction, whatever app.approved_write says.
func TestForgedApprovalIsNotRecorded(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := pgtest.Connect(t, db.AdminURL)
	agent := hireAgent(t, db, w.owner, "active", "entertainment", "business")
	agents := db.Pool(t, db.AgentURL)
	contact := w.rows()["Contact"]
	// approval inserts an approved checkpoint that the agent requested.
	approval := func(consumed string) uuid.UUID {
		id := dbtest.NewID()
		_, err := admin.Exec(t.Context(), `INSERT INTO checkpoints (id, created_by, sphere, type, status, action, resource_type, resource_id, payload, digest, requested_by,
				requested_by_kind, expires_at, decided_by, decided_at, use_before, consumed_at)
			VALUES ($1, $2, 'business', 'cost', 'approved', 'update contact', 'contact', $3, jsonb_build_object('resource_type', 'contact', 'table', 'business_contacts',
				'operation', 'UPDATE', 'id', $3::uuid, 'version', 1), sha256($4), $5, 'agent', now() + interval '1 hour', $2, now(), now() + interval '1 hour', `+consumed+`)`,
			id, w.owner, contact, id[:], agent)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for name, checkpoint := range map[string]uuid.UUID{
		"one that never existed": dbtest.NewID(), "one that was not used": approval("NULL"), "one that was used before": approval("now()"),
	} {
		tx := as(t, agents, "chenu_agent", w.owner, agent)
		if _, err := tx.Exec(t.Context(), "SELECT set_config('app.approved_write', $1, true)", fmt.Sprintf("%s contact %s", checkpoint, contact)); err != nil {
			t.Fatal(err)
		}
		if got := attempt(t, tx, "UPDATE business_contacts SET name = $2 WHERE id = $1", contact, name); got != one {
			t.Fatalf("%s: %s", name, got)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		var named *uuid.UUID
		err := admin.QueryRow(t.Context(), "SELECT checkpoint_id FROM audit_logs WHERE resource_type = 'contact' AND after ->> 'name' = $1", name).Scan(&named)
		if err != nil {
			t.Fatal(err)
		}
		if named != nil {
			t.Errorf("%s: the audit row names the approval %s", name, named)
		}
	}
}

// Hardening item 13: the size of the details of an audit row is limited, so that they cannot be used as storage.
func TestDetailsAreLimited(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	agent := hireAgent(t, db, w.owner, "active", "business")
	tx := as(t, db.Pool(t, db.AgentURL), "chenu_agent", w.owner, agent)
	for size, want := range map[int]string{8000: one, 8192: "CH422", 5 << 20: "CH422"} {
		for _, function := range []string{"app.record_denial('read', 'contact', NULL, %s)", "app.record_read('contact', NULL, %s, 'business')"} {
			statement := "SELECT " + fmt.Sprintf(function, fmt.Sprintf("jsonb_build_object('x', repeat('x', %d))", size))
			if got := attempt(t, tx, statement); got != want {
				t.Errorf("%s: got %s, want %s", statement, got, want)
			}
		}
	}
}

// Hardening item 13: settings that a serving role sets before it writes can neither name an approval that was not used
// nor store more in the audit trail than the properties of a request.
func TestSettingsDoNotFillTheTrail(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	hired := hireAgent(t, db, w.owner, "active", "personal")
	admin := pgtest.Connect(t, db.AdminURL)
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	long := strings.Repeat("a", 5<<20)
	for name, test := range map[string]struct{ traceparent, ip, wantTrace, wantIP string }{
		"long":       {long, long, "", strings.Repeat("a", 45)},
		"text":       {"free text", "free text", "", "f"},
		"a trace":    {good, "2001:db8::1", good, "2001:db8::1"},
		"a longer":   {good + "-more", "192.0.2.1 free text", good, "192.0.2.1"},
		"nothing":    {"", "", "", ""},
		"other case": {strings.ToUpper(good), "2001:DB8::1", "", "2001:DB8::1"},
	} {
		for _, role := range []string{"chenu_human", "chenu_agent"} {
			url, actor := db.ServiceURL, w.owner
			statements := []string{
				"SELECT app.record_denial('read', 'note', NULL, '{}')", "SELECT app.record_read('note', NULL, '{}', NULL)",
				"INSERT INTO personal_notes (id, created_by, title) VALUES (app.uuid_v7(), nullif(current_setting('app.identity_id', true), '')::uuid, 'x')",
			}
			if role == "chenu_agent" {
				url, actor = db.AgentURL, hired
			} else {
				statements = append(statements, "SELECT app.open_session(app.uuid_v7(), now(), now() + interval '1 hour', '{dev}')")
			}
			tx := as(t, db.Pool(t, url), role, w.owner, actor)
			request := dbtest.NewID()
			if _, err := tx.Exec(t.Context(), `SELECT set_config('app.request_id', $1, true), set_config('app.traceparent', $2, true), set_config('app.ip', $3, true)`,
				request.String(), test.traceparent, test.ip); err != nil {
				t.Fatal(err)
			}
			for i, statement := range statements {
				checkpoint := ""
				if i < 2 {
					checkpoint = uuid.NewString()
				}
				if _, err := tx.Exec(t.Context(), "SELECT set_config('app.checkpoint_id', $1, true)", checkpoint); err != nil {
					t.Fatal(err)
				}
				if _, err := tx.Exec(t.Context(), statement); err != nil {
					t.Fatalf("%s as %s: %s: %v", name, role, statement, err)
				}
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			rows, _ := admin.Query(t.Context(), "SELECT coalesce(traceparent, ''), coalesce(ip, ''), coalesce(checkpoint_id::text, ''), '' FROM audit_logs WHERE request_id = $1", request)
			n := 0
			var trace, ip, checkpoint, rest string
			if _, err := pgx.ForEachRow(rows, []any{&trace, &ip, &checkpoint, &rest}, func() error {
				n++
				if trace != test.wantTrace || ip != test.wantIP || checkpoint != "" {
					t.Errorf("%s as %s: traceparent %.80q, ip %.80q, checkpoint %q", name, role, trace, ip, checkpoint)
				}
				return nil
			}); err != nil || n < len(statements) {
				t.Errorf("%s as %s: %d audit rows, %v", name, role, n, err)
			}
		}
	}
	var longest int
	if err := admin.QueryRow(context.WithoutCancel(t.Context()), "SELECT max(length(ip)) FROM app.sessions").Scan(&longest); err != nil || longest > 45 {
		t.Errorf("a session's address has %d characters, %v", longest, err)
	}
}
