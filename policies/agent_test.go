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
	"github.com/chenu/chenu/postgres/pgtest"
)

// hireAgent hires an agent as a superuser, to whom no gate applies.
func hireAgent(t *testing.T, db *dbtest.DB, identity uuid.UUID, status string, capabilities ...string) uuid.UUID {
	t.Helper()
	id := dbtest.NewID()
	_, err := pgtest.Connect(t, db.AdminURL).Exec(t.Context(), "INSERT INTO team_agents (id, created_by, name, status, capabilities) VALUES ($1, $2, 'Bookkeeper', $3, $4)",
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
	admin := pgtest.Connect(t, db.AdminURL)
	mine, others := hireAgent(t, db, w.owner, "active", "team"), hireAgent(t, db, w.owner, "active", "team")
	task := func(column string, assignee uuid.UUID) uuid.UUID {
		id := dbtest.NewID()
		_, err := admin.Exec(t.Context(), fmt.Sprintf("INSERT INTO team_tasks (id, created_by, title, %s) VALUES ($1, $2, 'Proofread', $3)", column), id, w.owner, assignee)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	own, other, member := task("agent_id", mine), task("agent_id", others), task("member_id", w.rows()["TeamMember"])
	insert := fmt.Sprintf("INSERT INTO team_tasks (id, created_by, title, agent_id) VALUES ('%s', '%s', 'Do my work', '%s')", dbtest.NewID(), w.owner, others)
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
		{"reassign its own task", fmt.Sprintf("UPDATE team_tasks SET agent_id = '%s' WHERE id = $1", others), own, refused},
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

// capabilityOf maps entities whose rows belong to no sphere or to several to their capability.
var capabilityOf = map[string]string{
	"Thread": "threads", "ThreadEvent": "threads", "Checkpoint": "checkpoints", "AuditLog": "audit-logs",
}

// Hardening items 10 and 13: agents reach only the spheres of their capabilities, also in raw SQL with the database
// login of agents. For each action of the matrix that an agent with all capabilities may take, the test tries agents
// without the capability, an agent with its read-only form, and actors that are not active agents of the identity.
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
				"with the capability":      {w.agents[w.owner], one},
				"without the capability":   {without[capability], none},
				"that only reads":          {reader, reads},
				"that is suspended":        {suspended, none},
				"that is dismissed":        {dismissed, none},
				"never hired":              {dbtest.NewID(), none},
				"of another identity":      {w.agents[w.other], none},
				"with the id of the human": {w.owner, none},
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
	thread := dbtest.NewID()
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
		{"create a thread as an agent that does not exist", create, dbtest.NewID(), "CH401"},
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
		{"record a read", "SELECT app.record_read('contact', NULL, '{}', 'business')", reader, one},
		{"record a read after the dismissal", "SELECT app.record_read('contact', NULL, '{}', 'business')", dismissed, "CH401"},
		{"record a refusal after the suspension", "SELECT app.record_denial('read', 'contact', NULL, '{}')", suspended, "CH401"},
		{"record a refusal as an agent that does not exist", "SELECT app.record_denial('read', 'contact', NULL, '{}')", dbtest.NewID(), "CH401"},
	} {
		if got := try(t, test.actor, test.statement); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// Hardening item 10: checking the capability for a fixed sphere costs an agent one evaluation for each statement, and a
// human none.
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
			t.Errorf("%s as a human checks capabilities:\n%s", query, got)
		}
		got := plan("chenu_agent", w.agents[w.owner], query)
		for line := range strings.Lines(got) {
			if strings.Contains(line, "Filter:") && strings.Contains(line, "agent_capabilities()") {
				t.Errorf("%s as an agent checks capabilities for each row:\n%s", query, got)
			}
		}
		if !strings.Contains(got, "InitPlan") {
			t.Errorf("%s as an agent does not check capabilities:\n%s", query, got)
		}
	}
}

// Hardening item 10: capabilities are compared by what they imply, including read-only forms, so narrowing them needs
// no approval and widening them does.
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

// Hardening item 10: an agent always sees the checkpoints that it requested, and those of others only in the spheres of
// its capabilities.
func TestAgentsSeeTheirOwnRequests(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin, agents := pgtest.Connect(t, db.AdminURL), db.Pool(t, db.AgentURL)
	mine := hireAgent(t, db, w.owner, "active", "social")
	made := hireAgent(t, db, w.owner, "dismissed", "social", "checkpoints")
	reader := hireAgent(t, db, w.owner, "active", "checkpoints:read", "social:read")
	for i, who := range []uuid.UUID{mine, made} {
		_, err := admin.Exec(t.Context(), `INSERT INTO checkpoints (id, created_by, sphere, type, action, resource_type, payload, digest, requested_by, requested_by_kind, expires_at)
			VALUES ($1, $2, $3, 'cost', 'x', 'post', '{}', sha256($4), $5, 'agent', now() + interval '1 hour')`, dbtest.NewID(), w.owner, []string{"social", "business"}[i], who[:], who)
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

// Hardening item 13: an agent can neither read nor delete the stored outcomes (idempotency keys) of other actors, and
// only an active agent can store one.
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
		"never hired": dbtest.NewID(), "another identity's": w.agents[w.other],
	} {
		tx := as(t, agents, "chenu_agent", w.owner, actor)
		if got := attempt(t, tx, keep, w.owner, "ended"); got != refused {
			t.Errorf("an agent that is %s stores an outcome: got %s, want %s", name, got, refused)
		}
		_ = tx.Rollback(t.Context())
	}
}

// Hardening item 10: a token issued before the agent's last suspension cannot read or write anything after the agent is
// resumed.
func TestTokensFromBeforeASuspensionReachNothing(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	hired := hireAgent(t, db, w.owner, "active", "personal")
	if _, err := pgtest.Connect(t, db.AdminURL).Exec(t.Context(), "UPDATE team_agents SET suspended_at = now() - interval '1 minute' WHERE id = $1", hired); err != nil {
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

// Hardening item 41: no write of an agent commits after the agent was suspended or dismissed. Whichever of the two
// transactions starts second waits for the other. Agents do not wait for each other, and a dismissal does not deadlock
// with the work on a task.
func TestNoWriteCommitsAfterASuspension(t *testing.T) {
	t.Parallel()
	const (
		hold    = "SELECT app.hold_agent(nullif(current_setting('app.actor_id', true), '')::uuid)"
		suspend = "SELECT app.suspend_all_agents()"
		write   = "INSERT INTO personal_notes (id, created_by, title) VALUES (app.uuid_v7(), nullif(current_setting('app.identity_id', true), '')::uuid, 'x')"
		work    = "UPDATE team_tasks SET status = 'in_progress'"
		denial  = "SELECT app.record_denial('read', 'note', NULL, '{}')"
	)
	for name, test := range map[string]struct{ end, write string }{
		"suspension and a write":     {suspend, write},
		"suspension and a denial":    {suspend, denial},
		"dismissal and a task":       {"", work},
		"dismissal and another note": {"", write},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := dbtest.New(t)
			w := newWorld(t, db)
			admin := pgtest.Connect(t, db.AdminURL)
			agents, humans := db.Pool(t, db.AgentURL), db.Pool(t, db.ServiceURL)
			for _, agentFirst := range []bool{true, false} {
				hired := hireAgent(t, db, w.owner, "active", "personal", "team")
				if _, err := admin.Exec(t.Context(), "INSERT INTO team_tasks (id, created_by, title, agent_id) VALUES ($1, $2, 'x', $3)", dbtest.NewID(), w.owner, hired); err != nil {
					t.Fatal(err)
				}
				end := test.end
				if end == "" {
					end = "SELECT app.dismiss_agent('" + hired.String() + "', 'x')"
				}
				task := func(statement string) string {
					if statement == work {
						return statement + " WHERE agent_id = '" + hired.String() + "'"
					}
					return statement
				}
				agent, human := as(t, agents, "chenu_agent", w.owner, hired), as(t, humans, "chenu_human", w.owner, w.owner)
				other := as(t, agents, "chenu_agent", w.owner, hired)
				run := func(tx pgx.Tx, statements ...string) error {
					for _, s := range statements {
						if _, err := tx.Exec(t.Context(), s); err != nil {
							return err
						}
					}
					return nil
				}
				done := make(chan error, 1)
				if agentFirst {
					if err := run(agent, hold, task(test.write)); err != nil {
						t.Fatal(err)
					}
					if err := run(other, "SET LOCAL lock_timeout = '5s'", hold, write); err != nil {
						t.Errorf("a second transaction of the agent: %v", err)
					}
					if err := other.Commit(t.Context()); err != nil {
						t.Fatal(err)
					}
					go func() { done <- run(human, end) }()
					if err := pgtest.AwaitLocks(t.Context(), admin, 1, done); err != nil {
						t.Fatal(err)
					}
					if err := agent.Commit(t.Context()); err != nil {
						t.Errorf("the agent's write: %v", err)
					}
					if err := <-done; err != nil {
						t.Errorf("the suspension or dismissal: %v", err)
					}
				} else {
					if err := run(human, end); err != nil {
						t.Fatal(err)
					}
					// The transaction does not take the service's lock at its start: the database takes it.
					go func() { done <- run(agent, task(test.write)) }()
					if err := pgtest.AwaitLocks(t.Context(), admin, 1, done); err != nil {
						t.Fatal(err)
					}
				}
				if err := human.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !agentFirst {
					if got := pgtest.SQLState(<-done); got != "CH401" {
						t.Errorf("a write that began before the suspension or dismissal: %s", got)
					}
				}
				late := as(t, agents, "chenu_agent", w.owner, hired)
				if got := attempt(t, late, task(test.write)); got != "CH401" && got != zero && got != refused {
					t.Errorf("a write after the suspension or dismissal: %s", got)
				}
			}
			var deadlocks int
			if err := admin.QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&deadlocks); err != nil || deadlocks != 0 {
				t.Errorf("%d deadlocks, %v", deadlocks, err)
			}
		})
	}
}
