package policies_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
)

// as returns a transaction of the role, for the identity and the actor. It is rolled back when
// the test ends.
func as(t *testing.T, pool *pgxpool.Pool, role string, identity, actor uuid.UUID) pgx.Tx {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(t.Context()) })
	_, err = tx.Exec(t.Context(), "SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true), set_config('app.actor_id', $3, true)",
		role, identity.String(), actor.String())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// attempt runs the statement in a savepoint and returns its outcome.
func attempt(t *testing.T, tx pgx.Tx, statement string, args ...any) string {
	t.Helper()
	inner, err := tx.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tag, err := inner.Exec(t.Context(), statement, args...)
	got := outcome(t, tag, err)
	if err != nil {
		err = inner.Rollback(t.Context())
	} else {
		err = inner.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// hireAgent hires an agent as a superuser, whom no gate holds.
func hireAgent(t *testing.T, db *dbtest.DB, identity uuid.UUID, status string, capabilities ...string) uuid.UUID {
	t.Helper()
	id := newID()
	_, err := connect(t, db.AdminURL).Exec(t.Context(), "INSERT INTO team_agents (id, created_by, name, status, capabilities) VALUES ($1, $2, 'Bookkeeper', $3, $4)",
		id, identity, status, capabilities)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Hardening item 9: agents direct other agents.
func TestAgentsWorkOnlyOnTheirTasks(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := connect(t, db.AdminURL)
	mine, others := hireAgent(t, db, w.owner, "active", "team"), hireAgent(t, db, w.owner, "active", "team")
	task := func(column string, assignee uuid.UUID) uuid.UUID {
		id := newID()
		_, err := admin.Exec(t.Context(), fmt.Sprintf("INSERT INTO team_tasks (id, created_by, title, %s) VALUES ($1, $2, 'Proofread', $3)", column), id, w.owner, assignee)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	own, other, member := task("agent_id", mine), task("agent_id", others), task("member_id", w.rows()["TeamMember"])
	insert := fmt.Sprintf("INSERT INTO team_tasks (id, created_by, title, agent_id) VALUES ('%s', '%s', 'Do my work', '%s')", newID(), w.owner, others)
	tests := []struct {
		name, statement string
		task            uuid.UUID
		want            string
	}{
		{"finish its own task", "UPDATE team_tasks SET status = 'done', result = 'Seven errors.' WHERE id = $1", own, one},
		{"reopen its own task", "UPDATE team_tasks SET status = 'in_progress' WHERE id = $1", own, one},
		{"retitle its own task", "UPDATE team_tasks SET title = 'Rest' WHERE id = $1", own, refused},
		{"describe its own task", "UPDATE team_tasks SET description = 'Rest' WHERE id = $1", own, refused},
		{"move the date of its own task", "UPDATE team_tasks SET due_at = now() WHERE id = $1", own, refused},
		{"prioritize its own task", "UPDATE team_tasks SET priority = 'low' WHERE id = $1", own, refused},
		{"pass on its own task", fmt.Sprintf("UPDATE team_tasks SET agent_id = '%s' WHERE id = $1", others), own, refused},
		{"delete its own task", "DELETE FROM team_tasks WHERE id = $1", own, refused},
		{"finish another agent's task", "UPDATE team_tasks SET status = 'done' WHERE id = $1", other, "CH403"},
		{"reopen another agent's task", "UPDATE team_tasks SET status = 'todo' WHERE id = $1", other, "CH403"},
		{"write another agent's result", "UPDATE team_tasks SET result = 'Do better.' WHERE id = $1", other, "CH403"},
		{"rewrite another agent's task", "UPDATE team_tasks SET title = 'Do my work' WHERE id = $1", other, refused},
		{"take over another agent's task", fmt.Sprintf("UPDATE team_tasks SET agent_id = '%s' WHERE id = $1", mine), other, refused},
		{"delete another agent's task", "DELETE FROM team_tasks WHERE id = $1", other, refused},
		{"finish a member's task", "UPDATE team_tasks SET status = 'done' WHERE id = $1", member, "CH403"},
		{"delete a member's task", "DELETE FROM team_tasks WHERE id = $1", member, refused},
		{"assign a task", insert + " -- $1", own, refused},
	}
	agents := db.Pool(t, db.AgentURL)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tx := as(t, agents, "chenu_agent", w.owner, mine)
			statement := strings.Replace(test.statement, "$1", "'"+test.task.String()+"'", 1)
			if got := attempt(t, tx, statement); got != test.want {
				t.Errorf("%s: got %s, want %s", statement, got, test.want)
			}
		})
	}
}

// Hardening item 16: TRUNCATE leaves no audit row, so no table allows it, not even to its
// owner or to a superuser.
func TestNoTableCanBeTruncated(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	newWorld(t, db)
	admin, owner := connect(t, db.AdminURL), connect(t, db.MigrateURL)
	if _, err := owner.Exec(t.Context(), "SET ROLE chenu_owner"); err != nil {
		t.Fatal(err)
	}
	for _, table := range policies.Tables {
		for who, conn := range map[string]*pgx.Conn{"a superuser": admin, "the owner": owner} {
			statement := fmt.Sprintf("TRUNCATE %s CASCADE", table.QualifiedName())
			tag, err := conn.Exec(t.Context(), statement)
			if got := outcome(t, tag, err); got != "CH403" {
				t.Errorf("%s as %s: got %s, want CH403", statement, who, got)
			}
		}
	}
}

// Hardening item 16: whoever becomes the tables' owner reads neither e-mail addresses nor
// password hashes by accident.
func TestOwnerSeesNoPasswordHash(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	newWorld(t, db)
	conn := connect(t, db.MigrateURL)
	if _, err := conn.Exec(t.Context(), "SET ROLE chenu_owner"); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"SELECT email, hashed_password FROM identities", "SELECT email_key FROM identities", "SELECT FROM app.signing_keys"} {
		tag, err := conn.Exec(t.Context(), statement)
		if got := outcome(t, tag, err); got != zero {
			t.Errorf("%s as the owner: got %s, want %s", statement, got, zero)
		}
	}
}

// Hardening item 13: an audit row names an approval only if it approved that write, in that
// transaction, whatever app.approved_write says.
func TestForgedApprovalIsNotRecorded(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := connect(t, db.AdminURL)
	agent := hireAgent(t, db, w.owner, "active", "entertainment", "business")
	agents := db.Pool(t, db.AgentURL)
	contact := w.rows()["Contact"]
	// approval makes an approved checkpoint of what the agent asked for.
	approval := func(consumed string) uuid.UUID {
		id := newID()
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
		"one that never existed": newID(), "one that was not used": approval("NULL"), "one that was used before": approval("now()"),
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

// Hardening item 13: the details of an audit row are no place to keep data in.
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

// Hardening item 13: raw SQL that poses as a suspended or dismissed agent through app.actor_id
// changes no row that an active agent may change. Idempotency keys are the exception, because no
// audit trigger covers them.
func TestEndedAgentsWriteNothing(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	agents := db.Pool(t, db.AgentURL)
	ended := map[string]uuid.UUID{}
	for _, status := range []string{"suspended", "dismissed"} {
		ended[status] = hireAgent(t, db, w.owner, status, "personal")
	}
	tried := 0
	for _, table := range policies.Tables {
		for _, action := range []string{"insert", "update", "delete"} {
			if matrix[table.Entity][agent][action] != one || table.Name == "idempotency_keys" {
				continue
			}
			tried++
			statement := actions[action](w, table, agent)
			for status, id := range ended {
				tx := as(t, agents, "chenu_agent", w.owner, id)
				if got := attempt(t, tx, statement); got != "CH401" {
					t.Errorf("%s of %s by a %s agent: got %s, want CH401", action, table.Name, status, got)
				}
				if err := tx.Rollback(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if tried < 40 {
		t.Errorf("only %d statements were tried", tried)
	}
}

// Hardening item 13: of what serving roles could pass data or disturb others by, PUBLIC keeps
// nothing that is not listed here. A new version of PostgreSQL may bring a function to decide on.
func TestPublicKeepsOnlyListedFunctions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := connect(t, db.AdminURL)
	// Volatile functions with SQL types that need no revoking: they return what the caller may
	// know, change only the caller's session, or check a privilege of their own.
	const kept = `^(amvalidate|binary_upgrade_.*|brin_.*|gin_clean_.*|clock_timestamp|current_query|currtid2|currval|lastval|nextval|setval|gen_random_uuid|uuidv[47]|random.*|setseed|timeofday|set_config` +
		`|pg_sleep.*|pg_xact_.*|txid_.*|pg_(blocking_pids|safe_snapshot_blocking_pids|collation_actual_version|database_collation_actual_version)|pg_control_.*|pg_.*_replication_slot|pg_replication_.*` +
		`|pg_.*wal.*|pg_logical_slot_.*|pg_.*_size|pg_export_snapshot|pg_extension_config_dump|pg_get_.*|pg_import_.*|pg_is_in_recovery|pg_isolation_.*|pg_jit_available|pg_last_.*|pg_nextoid` +
		`|pg_notification_queue_usage|pg_partition_.*|pg_prepared_xact|pg_read_file_old|pg_rotate_.*|pg_sequence_.*|pg_stat_.*|pg_stop_making_pinned_objects|pg_promote|pg_sync_.*|pg_restore_.*|pg_clear_.*|pg_set_.*|plpgsql_.*)$`
	rows, _ := admin.Query(t.Context(), `
		SELECT p.oid::regprocedure::text FROM pg_proc p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.provolatile = 'v' AND p.prokind = 'f'
		AND NOT p.proargtypes::oid[] && ARRAY['internal'::regtype::oid, 'cstring'::regtype::oid]
		AND p.prorettype <> ALL ('{trigger,event_trigger,internal,cstring}'::regtype[])
		AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
		AND p.proname !~ $1`, kept)
	open, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, function := range open {
		t.Errorf("PUBLIC may execute %s: revoke it in policies.OpenFunctions, or list it here", function)
	}
	w := newWorld(t, db)
	tx := as(t, db.Pool(t, db.AgentURL), "chenu_agent", w.owner, hireAgent(t, db, w.owner, "active", "personal"))
	for _, statement := range []string{
		"SELECT lo_from_bytea(0, 'x')", "SELECT lo_create(0)", "SELECT pg_advisory_lock(1)", "SELECT pg_terminate_backend(0)", "SELECT pg_cancel_backend(0)",
		"SELECT query FROM pg_stat_activity", "SELECT objid FROM pg_locks", "SELECT query_to_xml('SELECT 1', true, true, '')", "SELECT pg_notify('x', 'y')",
	} {
		if got := attempt(t, tx, statement); got != refused {
			t.Errorf("%s: got %s, want %s", statement, got, refused)
		}
	}
	if got := attempt(t, tx, "SELECT pg_try_advisory_xact_lock(1)"); got != one {
		t.Errorf("the lock of idempotency keys: %s", got)
	}
}
