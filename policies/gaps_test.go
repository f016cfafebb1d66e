package policies_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
)

// waits returns when a session of the database waits for a lock.
func waits(t *testing.T, admin *pgx.Conn, done <-chan error) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		var waiting bool
		if err := admin.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting {
			return
		}
		select {
		case err := <-done:
			t.Fatalf("the statement did not wait: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing waits")
		}
	}
}

// Hardening item 41: no write of an agent commits after the agent was suspended or dismissed. The
// one that comes later waits for the other, agents do not wait for each other, and a dismissal and
// the work on a task do not deadlock.
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
			admin := connect(t, db.AdminURL)
			agents, humans := db.Pool(t, db.AgentURL), db.Pool(t, db.ServiceURL)
			for _, agentFirst := range []bool{true, false} {
				hired := hireAgent(t, db, w.owner, "active", "personal", "team")
				if _, err := admin.Exec(t.Context(), "INSERT INTO team_tasks (id, created_by, title, agent_id) VALUES ($1, $2, 'x', $3)", newID(), w.owner, hired); err != nil {
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
					waits(t, admin, done)
					if err := agent.Commit(t.Context()); err != nil {
						t.Errorf("the agent's write: %v", err)
					}
					if err := <-done; err != nil {
						t.Errorf("the end of the agent: %v", err)
					}
				} else {
					if err := run(human, end); err != nil {
						t.Fatal(err)
					}
					// Without the service's lock at the start: the database takes it.
					go func() { done <- run(agent, task(test.write)) }()
					waits(t, admin, done)
				}
				if err := human.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
				if !agentFirst {
					if got := outcomeOf(<-done); got != "CH401" {
						t.Errorf("a write that began before the end of the agent: %s", got)
					}
				}
				late := as(t, agents, "chenu_agent", w.owner, hired)
				if got := attempt(t, late, task(test.write)); got != "CH401" && got != zero && got != refused {
					t.Errorf("a write after the end of the agent: %s", got)
				}
			}
			var deadlocks int
			if err := admin.QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&deadlocks); err != nil || deadlocks != 0 {
				t.Errorf("%d deadlocks, %v", deadlocks, err)
			}
		})
	}
}

// Hardening items 13 and 41: no serving role takes an advisory lock of its choice, reads what other
// sessions run, or holds up anybody by an idempotency key.
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
	// None of these locks is one of the numbers that other functions lock.
	var others int
	if err := connect(t, db.AdminURL).QueryRow(t.Context(), `SELECT count(*) FROM pg_locks
		WHERE locktype = 'advisory' AND objsubid <> 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&others); err != nil || others != 0 {
		t.Errorf("%d locks in the space of other functions, %v", others, err)
	}
}

// Hardening item 13: what a serving role sets before it writes neither names an approval that was
// not used nor stores more than a request's properties in the audit trail.
func TestSettingsDoNotFillTheTrail(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	hired := hireAgent(t, db, w.owner, "active", "personal")
	admin := connect(t, db.AdminURL)
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
			request := newID()
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
