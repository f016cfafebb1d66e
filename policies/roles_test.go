package policies_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/ent/datatype"
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

// Hardening item 10: no serving role lists identities. The login for people lists agents of
// identities with an unverified address for the service's log, without these identities, and
// takes the notices that the service mails: see "Two logins" in docs/security.md.
func TestServingRolesDoNotListIdentities(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := connect(t, db.AdminURL)
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

// Hardening item 13: of what serving roles could pass data or disturb others by, PUBLIC keeps
// nothing that is not listed here. A new version of PostgreSQL may bring a function to decide on.
func TestPublicKeepsOnlyListedFunctions(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := connect(t, db.AdminURL)
	// Volatile functions with SQL types that need no revoking: they return what the caller may
	// know, change only the caller's session, or check a privilege of their own.
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

// capabilityOf are the capabilities of tables that belong to no single sphere.
var capabilityOf = map[string]string{
	"Thread": "threads", "ThreadEvent": "threads", "Checkpoint": "checkpoints", "AuditLog": "audit-logs",
}

// Hardening items 10 and 13: agents reach only the spheres of their capabilities, in raw SQL as
// the agents' login. Each action of the matrix that an agent with every capability may take is
// tried by agents without the capability, by one with the read-only form, and by actors that are
// not active agents of the identity.
func TestAgentsReachOnlyTheirSpheres(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	spheres := map[string]string{"creative_studio": "creative", "my_team": "team"}
	full := datatype.Capability("").Values()
	readers := slices.DeleteFunc(slices.Clone(full), func(c string) bool { return !strings.HasSuffix(c, ":read") })
	without := map[string]uuid.UUID{}
	for _, c := range full {
		if !strings.HasSuffix(c, ":read") {
			without[c] = hireAgent(t, db, w.owner, "active", slices.DeleteFunc(slices.Clone(full), func(o string) bool { return strings.TrimSuffix(o, ":read") == c })...)
		}
	}
	reader := hireAgent(t, db, w.owner, "active", readers...)
	suspended, dismissed := hireAgent(t, db, w.owner, "suspended", full...), hireAgent(t, db, w.owner, "dismissed", full...)
	agents := db.Pool(t, db.AgentURL)
	try := func(t *testing.T, actor uuid.UUID, statement string) string {
		t.Helper()
		tx := as(t, agents, "chenu_agent", w.owner, actor)
		got := attempt(t, tx, statement)
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		return got
	}
	tried := 0
	for _, table := range policies.Tables {
		capability := capabilityOf[table.Entity]
		if capability == "" {
			capability = table.Sphere
			if other, ok := spheres[capability]; ok {
				capability = other
			}
		}
		for _, action := range []string{"select", "insert", "update", "delete"} {
			if matrix[table.Entity][agent][action] != one {
				continue
			}
			tried++
			statement := actions[action](w, table, agent)
			none, reads := zero, zero
			if action == "insert" {
				none, reads = refused, refused
			}
			if action == "select" {
				reads = one
			}
			for name, test := range map[string]struct {
				actor uuid.UUID
				want  string
			}{
				"with the capability":    {w.agents[w.owner], one},
				"without the capability": {without[capability], none},
				"that only reads":        {reader, reads},
				"that is suspended":      {suspended, none},
				"that was dismissed":     {dismissed, none},
				"never hired":            {newID(), none},
				"of another identity":    {w.agents[w.other], none},
				"posing as the human":    {w.owner, none},
			} {
				if test.actor == uuid.Nil || capability == "" && test.actor == reader {
					continue // Any active agent of the identity may use the table.
				}
				if got := try(t, test.actor, statement); got != test.want {
					t.Errorf("%s: %s by an agent %s: got %s, want %s\n%s", table.Name, action, name, got, test.want, statement)
				}
			}
		}
	}
	if tried < 80 {
		t.Errorf("only %d actions were tried", tried)
	}
	// Rows of a sphere, and rows and columns that describe sessions and credentials.
	for statement, want := range map[string]string{
		"SELECT FROM threads": zero, "SELECT FROM thread_events": zero,
		"SELECT FROM audit_logs WHERE sphere = 'personal'": zero,
	} {
		if got := try(t, without["personal"], statement); got != want {
			t.Errorf("without personal: %s: got %s, want %s", statement, got, want)
		}
	}
	for statement, want := range map[string]string{
		"SELECT FROM audit_logs WHERE resource_type IN ('session', 'agent_credential', 'identity')": zero,
		"SELECT FROM audit_logs WHERE action IN ('login', 'logout', 'credential_change')":           zero,
		"SELECT FROM audit_logs WHERE sphere IS NULL":                                               zero,
		"SELECT ip FROM audit_logs": refused, "SELECT user_agent FROM audit_logs": refused, "SELECT session_id FROM audit_logs": refused,
		"SELECT FROM app.sessions": refused, "SELECT FROM app.agent_credentials": refused,
	} {
		if got := try(t, w.agents[w.owner], statement); got != want {
			t.Errorf("%s: got %s, want %s", statement, got, want)
		}
	}
	// Functions that write with more rights than the agent's role.
	content := `'{"founding_intent": "Begin", "sphere": "business", "type": "personal", "visibility": "private", "title": null, "parent_thread_id": null, "tags": []}'`
	create := fmt.Sprintf("SELECT app.create_thread(app.uuid_v7(), app.uuid_v7(), 1, %s)", content)
	request := fmt.Sprintf(`SELECT FROM app.request_checkpoint(jsonb_build_object('identity', '%s', 'type', 'cross_sphere', 'sphere', 'business', 'resource_type', 'x',
		'action', 'x', 'resource_id', NULL, 'resource_version', NULL, 'thread_id', NULL, 'content', '{}'::jsonb))`, w.owner)
	thread := newID()
	inThread := strings.Replace(strings.Replace(request, "'thread_id', NULL", "'thread_id', '"+thread.String()+"'", 1), "'x', 'action'", "'y', 'action'", 1)
	tx := as(t, agents, "chenu_agent", w.owner, w.agents[w.owner])
	if _, err := tx.Exec(t.Context(), "SELECT app.create_thread($1, app.uuid_v7(), 1, "+strings.Replace(content, "business", "personal", 1)+")", thread); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	event := fmt.Sprintf(`SELECT app.append_events('%s', 1, '[{"type": "note.added", "schema_version": 1, "payload": {"text": "x"}}]')`, thread)
	for _, test := range []struct {
		name, statement string
		actor           uuid.UUID
		want            string
	}{
		{"create a thread", create, w.agents[w.owner], one},
		{"create a thread of a sphere without its capability", create, without["business"], "CH403"},
		{"create a thread without threads", create, without["threads"], "CH403"},
		{"create a thread as a reader", create, reader, "CH403"},
		{"create a thread after the dismissal", create, dismissed, "CH401"},
		{"create a thread as nobody's agent", create, newID(), "CH401"},
		{"append to a thread", event, w.agents[w.owner], one},
		{"append to a thread of a sphere without its capability", event, without["personal"], "CH404"},
		{"append to a thread without threads", event, without["threads"], "CH404"},
		{"append to a thread after the suspension", event, suspended, "CH401"},
		{"append to a thread as a reader", event, reader, "CH403"},
		{"ask for approval in a sphere", request, w.agents[w.owner], one},
		{"ask for approval in a sphere without its capability", request, without["business"], "CH403"},
		{"ask for approval without checkpoints", request, without["checkpoints"], "CH403"},
		{"ask for approval in a thread", inThread, w.agents[w.owner], one},
		{"ask for approval in a thread of a sphere without its capability", inThread, without["personal"], "CH403"},
		{"ask for approval after the dismissal", request, dismissed, "CH401"},
		{"claim a read", "SELECT app.record_read('contact', NULL, '{}', 'business')", reader, one},
		{"claim a read after the dismissal", "SELECT app.record_read('contact', NULL, '{}', 'business')", dismissed, "CH401"},
		{"claim a refusal after the suspension", "SELECT app.record_denial('read', 'contact', NULL, '{}')", suspended, "CH401"},
		{"claim a refusal as nobody's agent", "SELECT app.record_denial('read', 'contact', NULL, '{}')", newID(), "CH401"},
	} {
		if got := try(t, test.actor, test.statement); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// Hardening item 10: a fixed sphere costs an agent one evaluation for each statement, and
// people none.
func TestCapabilitiesAreReadOnce(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	plan := func(role string, actor uuid.UUID, query string) string {
		tx := as(t, db.Pool(t, db.AdminURL), role, w.owner, actor)
		rows, _ := tx.Query(t.Context(), "EXPLAIN (VERBOSE, COSTS OFF) "+query)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	for _, query := range []string{"SELECT id FROM business_contacts", "SELECT id FROM threads", "SELECT id FROM audit_logs", "SELECT id FROM checkpoints", "SELECT id FROM thread_events"} {
		if got := plan("chenu_human", w.owner, query); strings.Contains(got, "agent_capabilities") {
			t.Errorf("%s as a human asks for capabilities:\n%s", query, got)
		}
		got := plan("chenu_agent", w.agents[w.owner], query)
		for line := range strings.Lines(got) {
			if strings.Contains(line, "Filter:") && strings.Contains(line, "agent_capabilities()") {
				t.Errorf("%s as an agent asks for capabilities at each row:\n%s", query, got)
			}
		}
		if !strings.Contains(got, "InitPlan") {
			t.Errorf("%s as an agent asks for no capabilities:\n%s", query, got)
		}
	}
}

// Hardening item 10: read-only forms are compared by what they imply, so that narrowing needs
// no approval and widening does.
func TestNarrowingCapabilitiesIsNotGated(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	people := db.Pool(t, db.ServiceURL)
	for _, test := range []struct {
		from, to []string
		want     string
	}{
		{[]string{"business"}, []string{"business:read"}, one},
		{[]string{"business"}, []string{"business", "business:read"}, one},
		{[]string{"business", "team:read"}, []string{"business:read"}, one},
		{[]string{"business:read"}, []string{"business"}, "CH423"},
		{[]string{"business"}, []string{"business:read", "team:read"}, "CH423"},
		{[]string{"business:read"}, []string{"business:read", "team:read"}, "CH423"},
	} {
		hired := hireAgent(t, db, w.owner, "active", test.from...)
		tx := as(t, people, "chenu_human", w.owner, w.owner)
		if got := attempt(t, tx, "UPDATE team_agents SET capabilities = $2 WHERE id = $1", hired, test.to); got != test.want {
			t.Errorf("from %v to %v: got %s, want %s", test.from, test.to, got, test.want)
		}
		_ = tx.Rollback(t.Context())
	}
}

// Hardening item 10: an agent always sees the requests that it made, and others' only in the
// spheres of its capabilities.
func TestAgentsSeeTheirOwnRequests(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin, agents := connect(t, db.AdminURL), db.Pool(t, db.AgentURL)
	mine := hireAgent(t, db, w.owner, "active", "social")
	made := hireAgent(t, db, w.owner, "dismissed", "social", "checkpoints")
	reader := hireAgent(t, db, w.owner, "active", "checkpoints:read", "social:read")
	for i, who := range []uuid.UUID{mine, made} {
		_, err := admin.Exec(t.Context(), `INSERT INTO checkpoints (id, created_by, sphere, type, action, resource_type, payload, digest, requested_by, requested_by_kind, expires_at)
			VALUES ($1, $2, $3, 'cost', 'x', 'post', '{}', sha256($4), $5, 'agent', now() + interval '1 hour')`, newID(), w.owner, []string{"social", "business"}[i], who[:], who)
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		actor, requester uuid.UUID
		want             string
	}{
		"its own without the capability checkpoints": {mine, mine, one},
		"another's without the capability":           {mine, made, zero},
		"another's of its sphere":                    {reader, mine, one},
		"another's of another sphere":                {reader, made, zero},
		"its own after its dismissal":                {made, made, zero},
	} {
		tx := as(t, agents, "chenu_agent", w.owner, test.actor)
		if got := attempt(t, tx, "SELECT FROM checkpoints WHERE requested_by = $1", test.requester); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
		_ = tx.Rollback(t.Context())
	}
}

// Hardening item 13: an agent neither reads nor deletes the kept outcomes of others, and only an
// active agent keeps one.
func TestAgentsUseOnlyTheirOwnIdempotencyKeys(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	people, agents := db.Pool(t, db.ServiceURL), db.Pool(t, db.AgentURL)
	mine, other := hireAgent(t, db, w.owner, "active", "personal:read"), hireAgent(t, db, w.owner, "active", "personal")
	keep := "INSERT INTO app.idempotency_keys (id, created_by, route, key, request_digest, status, headers) VALUES (app.uuid_v7(), $1, $2, 'k', sha256('x'), 201, '{}')"
	write := func(pool *pgxpool.Pool, role string, actor uuid.UUID, route string) {
		t.Helper()
		tx := as(t, pool, role, w.owner, actor)
		if _, err := tx.Exec(t.Context(), keep, w.owner, route); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	write(people, "chenu_human", w.owner, "human")
	write(agents, "chenu_agent", mine, "mine")
	write(agents, "chenu_agent", other, "other")
	for route, want := range map[string]string{"mine": one, "other": zero, "human": zero} {
		tx := as(t, agents, "chenu_agent", w.owner, mine)
		for _, statement := range []string{"SELECT FROM app.idempotency_keys WHERE route = $1", "DELETE FROM app.idempotency_keys WHERE route = $1"} {
			if got := attempt(t, tx, statement, route); got != want {
				t.Errorf("%s, %s: got %s, want %s", statement, route, got, want)
			}
		}
		_ = tx.Rollback(t.Context())
	}
	for name, actor := range map[string]uuid.UUID{
		"suspended": hireAgent(t, db, w.owner, "suspended", "personal"), "dismissed": hireAgent(t, db, w.owner, "dismissed", "personal"),
		"never hired": newID(), "another identity's": w.agents[w.other],
	} {
		tx := as(t, agents, "chenu_agent", w.owner, actor)
		if got := attempt(t, tx, keep, w.owner, "ended"); got != refused {
			t.Errorf("an agent that is %s keeps an outcome: got %s, want %s", name, got, refused)
		}
		_ = tx.Rollback(t.Context())
	}
}

// Hardening item 10: a token from before the agent's last suspension reads and writes nothing
// after the agent was resumed.
func TestTokensFromBeforeASuspensionReachNothing(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	hired := hireAgent(t, db, w.owner, "active", "personal")
	if _, err := connect(t, db.AdminURL).Exec(t.Context(), "UPDATE team_agents SET suspended_at = now() - interval '1 minute' WHERE id = $1", hired); err != nil {
		t.Fatal(err)
	}
	note := w.rows()["Note"]
	for age, want := range map[string][3]string{"2 minutes": {zero, zero, "CH401"}, "1 second": {one, one, one}} {
		tx := as(t, db.Pool(t, db.AgentURL), "chenu_agent", w.owner, hired)
		if _, err := tx.Exec(t.Context(), "SELECT set_config('app.auth_time', (now() - $1::text::interval)::text, true)", age); err != nil {
			t.Fatal(err)
		}
		for i, statement := range []string{
			"SELECT FROM personal_notes WHERE id = '" + note.String() + "'", "UPDATE personal_notes SET title = 'x' WHERE id = '" + note.String() + "'",
			"SELECT app.record_denial('read', 'note', NULL, '{}')",
		} {
			if got := attempt(t, tx, statement); got != want[i] {
				t.Errorf("%s with a token that is %s old: got %s, want %s", statement, age, got, want[i])
			}
		}
		_ = tx.Rollback(t.Context())
	}
}
