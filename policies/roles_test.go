package policies_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// Hardening item 10: no serving role can list identities. The database login for humans can list the agents of
// identities with an unverified address for the service's log, without these identities, and takes the notices that the
// service mails: see "Two logins" in docs/security.md.
func TestServingRolesDoNotListIdentities(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := pgtest.Connect(t, db.AdminURL)
	if _, err := admin.Exec(t.Context(), "UPDATE identities SET email_verified_at = NULL WHERE id = $1", w.other); err != nil {
		t.Fatal(err)
	}
	human := as(t, w.service, "chenu_human", w.owner, w.owner)
	agent := as(t, db.Pool(t, db.AgentURL), "chenu_agent", w.owner, w.agents[w.owner])
	for _, test := range []struct {
		statement    string
		human, agent string
	}{
		{"SELECT * FROM app.agents_of_unverified(10)", refused, refused},
		{"SELECT * FROM app.unverified_agents(10)", one, refused},
		{"SELECT * FROM app.take_notices(0)", "0 rows", refused},
		{"SELECT app.account_email('" + w.other.String() + "')", refused, refused},
		{"SELECT FROM identities WHERE id <> '" + w.owner.String() + "'", "0 rows", "0 rows"},
	} {
		if got := attempt(t, human, test.statement); got != test.human {
			t.Errorf("%s as chenu_human: got %s, want %s", test.statement, got, test.human)
		}
		if got := attempt(t, agent, test.statement); got != test.agent {
			t.Errorf("%s as chenu_agent: got %s, want %s", test.statement, got, test.agent)
		}
	}
	var listed, columns string
	if err := human.QueryRow(t.Context(), `SELECT string_agg(agent_id::text, ' '), pg_get_function_result('app.unverified_agents(integer)'::regprocedure)
		FROM app.unverified_agents(10)`).Scan(&listed, &columns); err != nil {
		t.Fatal(err)
	}
	if listed != w.agents[w.other].String() || columns != "TABLE(agent_id uuid)" {
		t.Errorf("the agents are %s, as %s", listed, columns)
	}
}

// Hardening item 16: TRUNCATE writes no audit row, so no table allows it, not even to its owner or to a superuser.
func TestNoTableCanBeTruncated(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	newWorld(t, db)
	admin, owner := pgtest.Connect(t, db.AdminURL), pgtest.Connect(t, db.MigrateURL)
	if _, err := owner.Exec(t.Context(), "SET ROLE chenu_owner"); err != nil {
		t.Fatal(err)
	}
	tables := []string{"atlas_schema_revisions.atlas_schema_revisions"}
	for _, table := range policies.Tables {
		tables = append(tables, table.QualifiedName())
	}
	for _, table := range tables {
		for who, conn := range map[string]*pgx.Conn{"a superuser": admin, "the owner": owner} {
			statement := fmt.Sprintf("TRUNCATE %s CASCADE", table)
			tag, err := conn.Exec(t.Context(), statement)
			if got := outcome(t, tag, err); got != "CH403" {
				t.Errorf("%s as %s: got %s, want CH403", statement, who, got)
			}
		}
	}
}

// Hardening item 16: a session that becomes the owner of the tables reads neither e-mail addresses nor password hashes
// by accident.
func TestOwnerSeesNoPasswordHash(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	newWorld(t, db)
	conn := pgtest.Connect(t, db.MigrateURL)
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

// Hardening item 13: of the functions by which serving roles could pass data to others or disturb them, PUBLIC may
// execute only those that this test lists. A new version of PostgreSQL may add functions that have to be classified.
func TestPublicKeepsOnlyListedFunctions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := pgtest.Connect(t, db.AdminURL)
	// Volatile functions with SQL types that need not be revoked: they return what the caller may know, change only the
	// caller's session, or check a privilege themselves.
	const kept = `^(amvalidate|array_(sample|shuffle)|binary_upgrade_.*|brin_.*|gin_clean_.*|clock_timestamp|current_query|currtid2|currval|lastval|nextval|setval|gen_random_uuid|uuidv[47]|random.*|setseed|timeofday|set_config` +
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
	if got := attempt(t, tx, "SELECT app.lock_idempotency_key('create-note', 'x')"); got != one {
		t.Errorf("the lock of idempotency keys: %s", got)
	}
}

// Hardening items 13 and 41: no serving role can take an advisory lock of its choice, read what other sessions run, or
// block others with an idempotency key.
func TestServingRolesChooseNoLocks(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	hired, second := hireAgent(t, db, w.owner, "active", "personal"), hireAgent(t, db, w.owner, "active", "personal")
	agents, humans := db.Pool(t, db.AgentURL), db.Pool(t, db.ServiceURL)
	agent, other := as(t, agents, "chenu_agent", w.owner, hired), as(t, agents, "chenu_agent", w.owner, second)
	human := as(t, humans, "chenu_human", w.owner, w.owner)
	for _, tx := range []pgx.Tx{agent, human} {
		for _, statement := range []string{
			"SELECT pg_try_advisory_xact_lock(1)", "SELECT pg_try_advisory_xact_lock(1, 1)", "SELECT pg_advisory_xact_lock(1)", "SELECT pg_try_advisory_lock(1)",
			"SELECT pg_stat_get_backend_activity(1)", "SELECT pg_stat_get_backend_idset()", "SELECT pg_stat_get_backend_client_addr(1)",
		} {
			if got := attempt(t, tx, statement); got != refused {
				t.Errorf("%s: got %s, want %s", statement, got, refused)
			}
		}
	}
	lock := func(tx pgx.Tx, route, key string) (free bool) {
		t.Helper()
		if err := tx.QueryRow(t.Context(), "SELECT app.lock_idempotency_key($1, $2)", route, key).Scan(&free); err != nil {
			t.Fatal(err)
		}
		return free
	}
	for _, test := range []struct {
		tx         pgx.Tx
		route, key string
		want       bool
	}{
		{agent, "create-note", "x", true},
		{agent, "create-note", "x", true}, // A transaction does not lock itself out.
		{other, "create-note", "x", true},
		{human, "create-note", "x", true},
		{as(t, agents, "chenu_agent", w.owner, hired), "create-note", "x", false},
		{as(t, agents, "chenu_agent", w.owner, hired), "create-note", "y", true},
		{as(t, humans, "chenu_human", w.other, w.other), "create-note", "x", true},
	} {
		if got := lock(test.tx, test.route, test.key); got != test.want {
			t.Errorf("the lock of %s %s: %v, want %v", test.route, test.key, got, test.want)
		}
	}
	// These locks are not in the number space that other functions lock.
	var others int
	if err := pgtest.Connect(t, db.AdminURL).QueryRow(t.Context(), `SELECT count(*) FROM pg_locks
		WHERE locktype = 'advisory' AND objsubid <> 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&others); err != nil || others != 0 {
		t.Errorf("%d locks in the space of other functions, %v", others, err)
	}
}

// TestLogins checks which roles the logins can become, and that without becoming one they can do nothing.
func TestLogins(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	tests := []struct {
		name, url, statement, want string
	}{
		{"the service reads nothing without a role", db.ServiceURL, "SELECT FROM personal_notes", refused},
		{"the service becomes a human", db.ServiceURL, "SET ROLE chenu_human", ""},
		{"the service becomes an agent", db.ServiceURL, "SET ROLE chenu_agent", ""},
		{"the service does not become the owner", db.ServiceURL, "SET ROLE chenu_owner", refused},
		{"the service does not become the auditor", db.ServiceURL, "SET ROLE chenu_auditor", refused},
		{"the service does not become the role of logins", db.ServiceURL, "SET ROLE chenu_login", refused},
		{"the service does not become the role that appends events", db.ServiceURL, "SET ROLE chenu_threads", refused},
		{"the service does not become the role that writes audit rows", db.ServiceURL, "SET ROLE chenu_audit", refused},
		{"the service does not become the role of gates", db.ServiceURL, "SET ROLE chenu_gate", refused},
		{"the service creates no table", db.ServiceURL, "CREATE TABLE public.x ()", refused},
		{"the service creates no temporary table", db.ServiceURL, "CREATE TEMPORARY TABLE x ()", refused},
		{"the service disables no trigger", db.ServiceURL, "SET session_replication_role = replica", refused},
		{"the agents' login reads nothing without a role", db.AgentURL, "SELECT FROM personal_notes", refused},
		{"the agents' login becomes an agent", db.AgentURL, "SET ROLE chenu_agent", ""},
		{"the agents' login does not become a human", db.AgentURL, "SET ROLE chenu_human", refused},
		{"the agents' login does not become a human by set_config", db.AgentURL, "SELECT set_config('role', 'chenu_human', true)", refused},
		{"the auditor reads", db.AuditURL, "SELECT FROM personal_notes", ""},
		{"the auditor writes nothing", db.AuditURL, "INSERT INTO personal_notes (title) VALUES ('x')", refused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := pgtest.Connect(t, test.url).Exec(t.Context(), test.statement)
			if test.want == "" && err == nil {
				return
			}
			if got := outcome(t, pgconn.CommandTag{}, err); got != test.want {
				t.Errorf("got %s, want %q", got, test.want)
			}
		})
	}
}

// TestOwner checks that the owner of the tables, who is a member of every narrow role, accidentally neither sees nor
// changes a row, whichever identity the session sets.
func TestOwner(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	conn := pgtest.Connect(t, db.MigrateURL)
	for _, who := range []string{"", w.owner.String()} {
		// Migrations run with row_security off: then a query whose rows a policy would hide is an error.
		if _, err := conn.Exec(t.Context(), "SELECT set_config('role', 'chenu_owner', false), set_config('row_security', 'on', false), set_config('app.identity_id', $1, false), set_config('app.actor_id', $1, false)", who); err != nil {
			t.Fatal(err)
		}
		for _, table := range policies.Tables {
			for _, statement := range []string{"SELECT FROM %s", "UPDATE %s SET id = id", "DELETE FROM %s"} {
				statement = fmt.Sprintf(statement, table.QualifiedName())
				tag, err := conn.Exec(t.Context(), statement)
				if got := outcome(t, tag, err); got != zero {
					t.Errorf("%s as the owner, with the identity %q: got %s, want %s", statement, who, got, zero)
				}
			}
		}
	}
}
