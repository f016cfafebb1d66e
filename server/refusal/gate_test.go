package refusal_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/refusal"
	"github.com/chenu/chenu/server/session"
)

// gated is a database with two humans, ada and eve. Ada has two agents.
type gated struct {
	*refusal.DB
	database *dbtest.DB
	admin    *pgxpool.Pool // a superuser
	subject
	ada, eve             context.Context //nolint:containedctx // contexts of callers
	adaID, eveID         uuid.UUID
	agent, otherAgent    context.Context //nolint:containedctx // as above
	agentID, otherAgentI uuid.UUID
}

func setupGated(t testing.TB, change ...func(*session.Config)) *gated {
	t.Helper()
	g := &gated{database: dbtest.New(t), subject: playlist, agentID: dbtest.NewID(), otherAgentI: dbtest.NewID()}
	g.admin = g.database.Pool(t, g.database.AdminURL)
	log := slog.New(slog.DiscardHandler)
	cfg := session.Config{HumanURL: g.database.ServiceURL, SharedLogin: true, MaxConns: 4, Logger: log}
	for _, f := range change {
		f(&cfg)
	}
	db, err := session.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	g.DB = refusal.New(db, log)
	g.ada, g.adaID = g.person(t)
	g.eve, g.eveID = g.person(t)
	g.database.Hire(t, g.adaID, g.agentID)
	g.database.Hire(t, g.adaID, g.otherAgentI)
	g.agent = auth.With(t.Context(), auth.Identity{ID: g.adaID, ActorID: g.agentID, Kind: auth.Agent})
	g.otherAgent = auth.With(t.Context(), auth.Identity{ID: g.adaID, ActorID: g.otherAgentI, Kind: auth.Agent})
	return g
}

// exec runs SQL as a superuser.
func (g *gated) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := g.admin.Exec(context.WithoutCancel(t.Context()), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// expire expires checkpoints that are due, without an identity, and returns their number.
func (g *gated) expire(ctx context.Context) (n int, err error) {
	err = g.Anonymous(ctx, func(q session.Querier) error {
		rows, err := q.QueryContext(ctx, "SELECT app.expire_checkpoints()")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			if err := rows.Scan(&n); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	return n, err
}

func (g *gated) person(t testing.TB) (context.Context, uuid.UUID) {
	t.Helper()
	id := dbtest.NewID()
	g.exec(t, "INSERT INTO identities (id, email, name, email_verified_at) VALUES ($1, $2, 'Ada', clock_timestamp())", id, id.String()+"@example.org")
	return g.login(t, id, 0), id
}

// login opens a session with a time of authentication in the past, and returns the context of a request in the
// session.
func (g *gated) login(t testing.TB, person uuid.UUID, ago time.Duration) context.Context {
	t.Helper()
	id := dbtest.NewID()
	g.exec(t, `INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr)
		VALUES ($1, $2, clock_timestamp() + interval '1 day', clock_timestamp() - make_interval(secs => $3), '{pwd}')`, id, person, ago.Seconds())
	return auth.With(t.Context(), auth.Identity{ID: person, ActorID: person, Kind: auth.Human, SessionID: id, AuthTime: time.Now().Add(-ago)})
}

// do runs raw SQL as the serving role, in one unit with the checkpoint.
func (g *gated) do(ctx context.Context, checkpoint uuid.UUID, query string, args ...any) error {
	return g.Do(ctx, session.Options{Checkpoint: checkpoint, Description: "POST /test"}, func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	})
}

// subject contains the statements of a gated table that the tests run, in raw SQL. Their parameters are the id of the
// row, its identity and a name.
type subject struct {
	table                  string
	public, private, twice string // twice has the parameters of two ids
	goPublic, hide, rename string // by the id; rename also has the parameter name
}

// playlist needs an approval to become public.
var playlist = subject{
	table:    "entertainment_playlists",
	public:   "INSERT INTO entertainment_playlists (id, created_by, name, visibility) VALUES ($1, $2, $3, 'public')",
	private:  "INSERT INTO entertainment_playlists (id, created_by, name) VALUES ($1, $2, $3)",
	twice:    "INSERT INTO entertainment_playlists (id, created_by, name, visibility) VALUES ($1, $3, $4, 'public'), ($2, $3, $4, 'public')",
	goPublic: "UPDATE entertainment_playlists SET visibility = 'public' WHERE id = $1",
	hide:     "UPDATE entertainment_playlists SET visibility = 'private' WHERE id = $1",
	rename:   "UPDATE entertainment_playlists SET name = $2 WHERE id = $1",
}

// thread needs an approval to become public, too. It changes only by its events.
var thread = subject{
	table:    "threads",
	public:   "SELECT " + beginThread("$1", "$3", "public") + " FROM set_config('app.identity_id', $2::text, true)",
	private:  "SELECT " + beginThread("$1", "$3", "private") + " FROM set_config('app.identity_id', $2::text, true)",
	twice:    "SELECT " + beginThread("$1", "$4", "public") + ", " + beginThread("$2", "$4", "public") + " FROM set_config('app.identity_id', $3::text, true)",
	goPublic: "SELECT app.append_events($1, NULL, '[" + threadUpdate(`{"visibility": "public"}`) + "]')",
	hide:     "SELECT app.append_events($1, NULL, '[" + threadUpdate(`{"visibility": "private"}`) + "]')",
	rename:   "SELECT app.append_events($1, NULL, jsonb_build_array('" + threadUpdate("{}") + "'::jsonb || jsonb_build_object('payload', jsonb_build_object('title', $2::text))))",
}

func beginThread(id, name, visibility string) string {
	return fmt.Sprintf(`app.create_thread(%s, app.uuid_v7(), 1, jsonb_build_object('founding_intent', 'x', 'sphere', 'personal', 'type', 'personal',
		'visibility', '%s', 'title', %s::text, 'parent_thread_id', NULL, 'tags', '[]'::jsonb))`, id, visibility, name)
}

func threadUpdate(payload string) string {
	return `{"type": "thread.updated", "schema_version": 1, "payload": ` + payload + `}`
}

// publish creates a new public row of the subject.
func (g *gated) publish(ctx context.Context, checkpoint uuid.UUID, name string) error {
	id, _ := auth.From(ctx)
	return g.do(ctx, checkpoint, g.public, dbtest.NewID(), id.ID, name)
}

// locked returns the problem in err, which must be a 423 with the code.
func locked(t testing.TB, err error, code string) *problem.Problem {
	t.Helper()
	p, ok := errors.AsType[*problem.Problem](err)
	if !ok || p.Status != http.StatusLocked || p.Code != code {
		t.Fatalf("got %v, want 423 %s", err, code)
	}
	return p
}

// asked returns the checkpoint that a rejected write has requested.
func asked(t testing.TB, err error) *problem.Checkpoint {
	t.Helper()
	c := locked(t, err, problem.CheckpointRequired).Checkpoint
	if c == nil || c.Status != "pending" || len(c.Digest) != 64 || !c.ExpiresAt.After(time.Now()) || c.Href != "/v1/checkpoints/"+c.ID.String() {
		t.Fatalf("the response has the checkpoint %+v", c)
	}
	return c
}

func (g *gated) decide(ctx context.Context, c *problem.Checkpoint, decision string) error {
	return g.do(ctx, uuid.Nil, "SELECT app.decide_checkpoint($1, decode($2, 'hex'), $3, 'because')", c.ID, c.Digest, decision)
}

// approved returns an approved checkpoint for the agent to publish a new row of the subject.
func (g *gated) approved(t testing.TB, name string) *problem.Checkpoint {
	t.Helper()
	c := asked(t, g.publish(g.agent, uuid.Nil, name))
	if err := g.decide(g.ada, c, "approved"); err != nil {
		t.Fatal(err)
	}
	return c
}

// denials returns the number of recorded refusals with the code.
func (g *gated) denials(t testing.TB, code string) (n int) {
	t.Helper()
	err := g.admin.QueryRow(t.Context(), "SELECT count(*) FROM audit_logs WHERE outcome = 'denied' AND details ->> 'code' = $1", code).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (g *gated) count(t testing.TB, query string, args ...any) (n int) {
	t.Helper()
	if err := g.admin.QueryRow(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGate lists statements that are refused: each as raw SQL of the serving role, and each recorded although it was
// rolled back.
func TestGate(t *testing.T) {
	t.Parallel()
	notOfThreads := []string{"made private by DELETE", "made public by an upsert"} // threads are never deleted or inserted by statements
	for name, test := range map[string]struct {
		code  string
		write func(t *testing.T, g *gated) error
	}{
		"no checkpoint": {"checkpoint_required", func(_ *testing.T, g *gated) error {
			return g.publish(g.agent, uuid.Nil, "Sunday")
		}},
		"no checkpoint, as the human": {"checkpoint_required", func(_ *testing.T, g *gated) error {
			return g.publish(g.ada, uuid.Nil, "Sunday")
		}},
		"unknown checkpoint": {"checkpoint_mismatch", func(_ *testing.T, g *gated) error {
			return g.publish(g.agent, dbtest.NewID(), "Sunday")
		}},
		"pending": {"checkpoint_pending", func(t *testing.T, g *gated) error {
			return g.publish(g.agent, asked(t, g.publish(g.agent, uuid.Nil, "Sunday")).ID, "Sunday")
		}},
		"rejected": {"checkpoint_rejected", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
			if err := g.decide(g.ada, c, "rejected"); err != nil {
				t.Fatal(err)
			}
			return g.publish(g.agent, c.ID, "Sunday")
		}},
		"approved and expired by a microsecond": {"checkpoint_expired", func(t *testing.T, g *gated) error {
			c := g.approved(t, "Sunday")
			g.exec(t, "UPDATE checkpoints SET use_before = clock_timestamp() - interval '1 microsecond'")
			return g.publish(g.agent, c.ID, "Sunday")
		}},
		"pending and expired by a microsecond": {"checkpoint_expired", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
			g.exec(t, "UPDATE checkpoints SET expires_at = clock_timestamp() - interval '1 microsecond'")
			if err := g.decide(g.ada, c, "approved"); problem.From(err).Code != "checkpoint_expired" {
				t.Errorf("the decision: %v", err)
			}
			return g.publish(g.agent, c.ID, "Sunday")
		}},
		"withdrawn": {"checkpoint_expired", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
			if err := g.do(g.agent, uuid.Nil, "SELECT app.withdraw_checkpoint($1)", c.ID); err != nil {
				t.Fatal(err)
			}
			return g.publish(g.agent, c.ID, "Sunday")
		}},
		"other payload": {"checkpoint_mismatch", func(t *testing.T, g *gated) error {
			return g.publish(g.agent, g.approved(t, "Sunday").ID, "Monday")
		}},
		"other version": {"checkpoint_mismatch", func(t *testing.T, g *gated) error {
			id := dbtest.NewID()
			c := g.approvedAfter(t, []any{g.private, id, g.adaID, "Sunday"}, g.goPublic, id)
			for _, name := range []string{"Monday", "Sunday"} { // the same content, two versions later
				if err := g.do(g.agent, uuid.Nil, g.rename, id, name); err != nil {
					t.Fatal(err)
				}
			}
			return g.do(g.agent, c.ID, g.goPublic, id)
		}},
		"other resource": {"checkpoint_mismatch", func(t *testing.T, g *gated) error {
			id, other := dbtest.NewID(), dbtest.NewID()
			c := g.approvedAfter(t, []any{g.private, id, g.adaID, "Sunday"}, g.goPublic, id)
			if err := g.do(g.agent, uuid.Nil, g.private, other, g.adaID, "Sunday"); err != nil {
				t.Fatal(err)
			}
			return g.do(g.agent, c.ID, g.goPublic, other)
		}},
		"other identity": {"checkpoint_mismatch", func(t *testing.T, g *gated) error {
			err := g.publish(g.eve, g.approved(t, "Sunday").ID, "Sunday")
			if p := problem.From(err); p.Checkpoint != nil {
				t.Errorf("the response shows the checkpoint of another identity: %+v", p.Checkpoint)
			}
			return err
		}},
		"other agent": {"checkpoint_mismatch", func(t *testing.T, g *gated) error {
			return g.publish(g.otherAgent, g.approved(t, "Sunday").ID, "Sunday")
		}},
		"the human with the agent's checkpoint": {"checkpoint_mismatch", func(t *testing.T, g *gated) error {
			return g.publish(g.ada, g.approved(t, "Sunday").ID, "Sunday")
		}},
		"an agent that poses as the human, with the human's checkpoint": {"unauthenticated", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.ada, uuid.Nil, "Sunday"))
			if err := g.decide(g.ada, c, "approved"); err != nil {
				t.Fatal(err)
			}
			forged := auth.With(g.agent, auth.Identity{ID: g.adaID, ActorID: g.adaID, Kind: auth.Agent})
			return g.publish(forged, c.ID, "Sunday")
		}},
		"used": {"checkpoint_used", func(t *testing.T, g *gated) error {
			c := g.approved(t, "Sunday")
			if err := g.publish(g.agent, c.ID, "Sunday"); err != nil {
				t.Fatalf("the approved write: %v", err)
			}
			return g.publish(g.agent, c.ID, "Sunday")
		}},
		"used twice in one transaction": {"checkpoint_used", func(t *testing.T, g *gated) error {
			c := g.approved(t, "Sunday")
			return g.do(g.agent, c.ID, g.twice, dbtest.NewID(), dbtest.NewID(), g.adaID, "Sunday")
		}},
		"made private by DELETE": {"checkpoint_required", func(t *testing.T, g *gated) error {
			id := dbtest.NewID()
			g.exec(t, g.public, id, g.adaID, "Sunday")
			return g.do(g.agent, uuid.Nil, "DELETE FROM entertainment_playlists WHERE id = $1", id)
		}},
		"made private by UPDATE": {"checkpoint_required", func(t *testing.T, g *gated) error {
			id := dbtest.NewID()
			g.exec(t, g.public, id, g.adaID, "Sunday")
			return g.do(g.agent, uuid.Nil, g.hide, id)
		}},
		"changed while public": {"checkpoint_required", func(t *testing.T, g *gated) error {
			id := dbtest.NewID()
			g.exec(t, g.public, id, g.adaID, "Sunday")
			return g.do(g.agent, uuid.Nil, g.rename, id, "Monday")
		}},
		"made public by an upsert": {"checkpoint_required", func(t *testing.T, g *gated) error {
			id := dbtest.NewID()
			if err := g.do(g.agent, uuid.Nil, g.private, id, g.adaID, "Sunday"); err != nil {
				t.Fatal(err)
			}
			return g.do(g.agent, uuid.Nil, g.public+" ON CONFLICT (created_by, id) DO UPDATE SET visibility = excluded.visibility", id, g.adaID, "Sunday")
		}},
		"decided by an agent": {"forbidden", func(t *testing.T, g *gated) error {
			return g.decide(g.agent, asked(t, g.publish(g.agent, uuid.Nil, "Sunday")), "approved")
		}},
		"decided by an agent that poses as the human": {"unauthenticated", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
			return g.decide(auth.With(g.agent, auth.Identity{ID: g.adaID, ActorID: g.adaID, Kind: auth.Agent, AuthTime: time.Now()}), c, "approved")
		}},
		"decided as a human with an agent's token": {"forbidden", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
			return g.decide(auth.With(g.agent, auth.Identity{ID: g.adaID, ActorID: g.agentID, Kind: auth.Human, AuthTime: time.Now()}), c, "approved")
		}},
		"decided by another identity": {"not_found", func(t *testing.T, g *gated) error {
			return g.decide(g.eve, asked(t, g.publish(g.agent, uuid.Nil, "Sunday")), "approved")
		}},
		"a raw UPDATE of checkpoints by the human": {"forbidden", func(t *testing.T, g *gated) error {
			asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
			return g.do(g.ada, uuid.Nil, "UPDATE checkpoints SET status = 'approved', decided_at = now(), use_before = now() + interval '1 hour'")
		}},
		"a raw UPDATE of checkpoints by an agent": {"forbidden", func(t *testing.T, g *gated) error {
			asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
			return g.do(g.agent, uuid.Nil, "UPDATE checkpoints SET use_before = now() + interval '1 hour'")
		}},
		"a raw INSERT of a checkpoint": {"forbidden", func(_ *testing.T, g *gated) error {
			return g.do(g.ada, uuid.Nil, "INSERT INTO checkpoints (id, created_by, type) VALUES ($1, $2, 'cost')", dbtest.NewID(), g.adaID)
		}},
		"the function of the gate": {"forbidden", func(_ *testing.T, g *gated) error {
			return g.do(g.ada, uuid.Nil, "SELECT app.use_checkpoint('{}')")
		}},
		"the human's own request, authenticated long ago": {"recent_authentication_required", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.ada, uuid.Nil, "Sunday"))
			return g.decide(g.login(t, g.adaID, 5*time.Minute+time.Second), c, "approved")
		}},
		"the human's own request, with a claimed time of authentication": {"recent_authentication_required", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.ada, uuid.Nil, "Sunday"))
			stale, _ := auth.From(g.login(t, g.adaID, time.Hour))
			stale.AuthTime = time.Now()
			return g.decide(auth.With(g.ada, stale), c, "approved")
		}},
		"the human's own request, without a session": {"recent_authentication_required", func(t *testing.T, g *gated) error {
			c := asked(t, g.publish(g.ada, uuid.Nil, "Sunday"))
			return g.decide(auth.With(g.ada, auth.Identity{ID: g.adaID, ActorID: g.adaID, Kind: auth.Human, AuthTime: time.Now()}), c, "approved")
		}},
	} {
		for _, subject := range []subject{playlist, thread} {
			if subject.table == thread.table && slices.Contains(notOfThreads, name) {
				continue
			}
			t.Run(subject.table+"/"+name, func(t *testing.T) {
				t.Parallel()
				g := setupGated(t)
				g.subject = subject
				// The rows of the table, before and after.
				state := fmt.Sprintf("SELECT coalesce(string_agg(p::text, ',' ORDER BY p.id), '') FROM %s p", g.table)
				err := test.write(t, g)
				var before, after string
				if scanErr := g.admin.QueryRow(t.Context(), state).Scan(&before); scanErr != nil {
					t.Fatal(scanErr)
				}
				if p := problem.From(err); err == nil || p.Code != test.code {
					t.Fatalf("got %v, want %s", err, test.code)
				}
				if test.code == "not_found" || test.code == "unauthenticated" {
					return // These refusals have no identity to record them for.
				}
				recorded := g.denials(t, test.code)
				if recorded == 0 {
					t.Error("the refusal is not recorded")
				}
				if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE consumed_at IS NOT NULL"); n > 0 && test.code != "checkpoint_used" || n > 1 {
					t.Errorf("%d approvals were consumed", n)
				}
				if scanErr := g.admin.QueryRow(t.Context(), state).Scan(&after); scanErr != nil || before != after {
					t.Errorf("%v: the %s changed to %s, were %s", scanErr, g.table, after, before)
				}
			})
		}
	}
}

// approvedAfter runs the first statement, and returns an approved checkpoint for the agent's write.
func (g *gated) approvedAfter(t testing.TB, first []any, write string, args ...any) *problem.Checkpoint {
	t.Helper()
	if err := g.do(g.agent, uuid.Nil, first[0].(string), first[1:]...); err != nil {
		t.Fatal(err)
	}
	c := asked(t, g.do(g.agent, uuid.Nil, write, args...))
	if err := g.decide(g.ada, c, "approved"); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestGateAgentLogin runs a process that has only the login for agents and sets any settings.
func TestGateAgentLogin(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	c := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
	conn := pgtest.Connect(t, g.database.AgentURL)
	forged := fmt.Sprintf(`SELECT set_config('role', '%%s', true), set_config('app.identity_id', '%[1]s', true), set_config('app.actor_id', '%[3]s', true),
		set_config('app.auth_time', now()::text, true), set_config('app.checkpoint_id', '%[2]s', true), set_config('app.approved_write', '%[2]s', true)`, g.adaID, c.ID, g.agentID)
	for _, test := range []struct{ role, statement, want string }{
		{"chenu_human", "SELECT", "42501"},
		{"chenu_gate", "SELECT", "42501"},
		{"none", "INSERT INTO entertainment_playlists (id, created_by, name, visibility) VALUES ('%s', '%s', 'Sunday', 'public')", "42501"},
		{"chenu_agent", "INSERT INTO entertainment_playlists (id, created_by, name, visibility) VALUES ('%s', '%s', 'Sunday', 'public')", "CH423"},
		{"chenu_agent", "SELECT app.decide_checkpoint(id, digest, 'approved') FROM checkpoints", "42501"},
		{"chenu_agent", "UPDATE checkpoints SET status = 'approved'", "42501"},
		{"chenu_agent", "SELECT app.gate()", "42501"},
		{"chenu_agent", "SELECT app.dismiss_agent(created_by, 'x') FROM checkpoints", "42501"},
		{"chenu_agent", "ALTER TABLE entertainment_playlists DISABLE TRIGGER ALL", "42501"},
		{"chenu_agent", "SET session_replication_role = replica", "42501"},
	} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = tx.Exec(t.Context(), fmt.Sprintf(forged, test.role)); err == nil {
			statement := test.statement
			if test.want == "CH423" || test.role == "none" {
				statement = fmt.Sprintf(statement, dbtest.NewID(), g.adaID)
			}
			_, err = tx.Exec(t.Context(), statement)
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != test.want {
			t.Errorf("as %s: %s: got %v, want %s", test.role, test.statement, err, test.want)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// A login that inherits the privileges of agents can act without SET ROLE.
	name := "chenu_test_inherits_" + dbtest.NewID().String()[24:]
	g.exec(t, fmt.Sprintf(`CREATE ROLE %s LOGIN INHERIT PASSWORD 'x' IN ROLE chenu_agent`, name))
	t.Cleanup(func() { g.exec(t, "DROP ROLE "+name) })
	tx, err := g.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), fmt.Sprintf("SET LOCAL SESSION AUTHORIZATION %s; SET LOCAL app.identity_id = '%s'; SET LOCAL app.actor_id = '%s'", name, g.adaID, g.agentID)); err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(t.Context(), g.public, dbtest.NewID(), g.adaID, "Sunday")
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "CH423" {
		t.Errorf("as a login that inherits: got %v, want CH423", err)
	}
}

// TestGateUsedAtOnce uses an approval in two concurrent transactions, a hundred times.
func TestGateUsedAtOnce(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for round := range 100 {
		name := fmt.Sprintf("round %d", round)
		c := g.approved(t, name)
		var wg sync.WaitGroup
		errs := make([]error, 2)
		start := make(chan struct{})
		for i := range errs {
			wg.Go(func() {
				<-start
				errs[i] = g.publish(g.agent, c.ID, name)
			})
		}
		close(start)
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("round %d: %v and %v", round, errs[0], errs[1])
		}
		_ = locked(t, errors.Join(errs...), "checkpoint_used")
	}
	if n := g.count(t, "SELECT count(*) FROM entertainment_playlists"); n != 100 {
		t.Errorf("%d playlists, want 100", n)
	}
}

// states contains a row of each gated entity outside its gated state and inside it, with changes that enter the state,
// change the row in it, leave it, and a change that needs no approval although the row is in the state, if there is
// any.
var states = map[string]struct{ columns, outside, inside, enter, change, leave, free string }{
	"Invoice": {
		`number, currency, line_items, status`, `'1', 'EUR', '[{"description":"x","quantity":"1","unit_price":"2","tax_rate":"0"}]', 'draft'`,
		`'1', 'EUR', '[{"description":"x","quantity":"1","unit_price":"2","tax_rate":"0"}]', 'sent'`,
		"status = 'paid'", `line_items = '[{"description":"x","quantity":"1","unit_price":"3","tax_rate":"0"}]'`, "status = 'draft'", "number = number",
	},
	"Playlist":       {"name, visibility", "'n', 'private'", "'n', 'public'", "visibility = 'public'", "name = 'm'", "visibility = 'private'", "name = name"},
	"CommunityGroup": {"name, visibility", "'n', 'private'", "'n', 'public'", "visibility = 'public'", "name = 'm'", "visibility = 'private'", "name = name"},
	"SocialPost": {
		"body, visibility, published_at", "'b', 'public', NULL", "'b', 'public', '2026-01-01'",
		"published_at = '2026-01-01'", "body = 'c'", "visibility = 'private'", "body = body",
	},
	"Manuscript": {"title, status", "'t', 'draft'", "'t', 'submitted'", "status = 'submitted'", "title = 'u'", "status = 'draft'", "title = title"},
	"ClinicalTrial": {
		"registry_id, title, status, ethics_reference, ethics_approved_on, target_enrollment",
		"'EUCT-1', 't', 'planned', 'r', '2026-01-01', 9", "'EUCT-1', 't', 'recruiting', 'r', '2026-01-01', 9",
		"status = 'recruiting'", "title = 'u'", "status = 'planned'", "enrolled = 1",
	},
	"ComplianceItem": {
		"name, regulation, authority, status", "'n', 'r', 'a', 'pending'", "'n', 'r', 'a', 'waived'",
		"status = 'active'", "name = 'm'", "status = 'pending'", "name = name",
	},
	"HiredAgent": {
		"name, capabilities, status", "'n', '{business}', 'suspended'", "'n', '{business}', 'active'",
		"status = 'active'", "capabilities = '{business,team}'", "", "name = 'm', capabilities = '{}'",
	},
	// A thread changes only by its events: the last values are the events' payloads.
	"Thread": {"title, visibility", "private", "public", `{"visibility": "public"}`, `{"title": "m"}`, `{"visibility": "private"}`, ""},
}

// TestGateOfEachEntity enters, changes and leaves every gated state of the graph.
func TestGateOfEachEntity(t *testing.T) { //nolint:tparallel // The subtests use the checkpoints of one identity in turn.
	t.Parallel()
	g := setupGated(t)
	for _, table := range policies.Tables {
		if len(table.Gates) == 0 || table.Entity == "CommunityEvent" || table.Entity == "SocialSchedule" {
			continue // Their state is that of another row: see gate_content_test.go.
		}
		writer := g.ada
		if table.Gates[0].State == "" {
			writer = g.agent
		}
		state, ok := states[table.Entity]
		if !ok {
			t.Errorf("%s has a gate but no case in states", table.Entity)
			continue
		}
		t.Run(table.Name, func(t *testing.T) {
			insert := func(values string) (string, uuid.UUID) {
				id := dbtest.NewID()
				if table.Name == thread.table {
					return "SELECT " + beginThread("'"+id.String()+"'", "'n'", values), id
				}
				return fmt.Sprintf("INSERT INTO %s (id, created_by, %s) VALUES ('%s', '%s', %s)", table.Name, state.columns, id, g.adaID, values), id
			}
			update := func(id uuid.UUID, set string) string {
				if table.Name == thread.table {
					return fmt.Sprintf("SELECT app.append_events('%s', NULL, '[%s]')", id, threadUpdate(set))
				}
				return fmt.Sprintf("UPDATE %s SET %s WHERE id = '%s'", table.Name, set, id)
			}
			refused := func(statement string) *problem.Checkpoint {
				t.Helper()
				c := asked(t, g.do(writer, uuid.Nil, statement))
				if c.Type != table.Gates[0].Type {
					t.Errorf("%s: type %s, want %s", statement, c.Type, table.Gates[0].Type)
				}
				return c
			}
			done := func(checkpoint uuid.UUID, statement string) {
				t.Helper()
				if err := g.do(writer, checkpoint, statement); err != nil {
					t.Errorf("%s: %v", statement, err)
				}
			}

			entering, _ := insert(state.inside)
			refused(entering)
			outside, id := insert(state.outside)
			done(uuid.Nil, outside)
			c := refused(update(id, state.enter))
			if err := g.decide(g.ada, c, "approved"); err != nil {
				t.Fatal(err)
			}
			done(c.ID, update(id, state.enter))
			if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE resource_id = $1 AND checkpoint_id = $2 AND outcome = 'success'", id, c.ID); n != 1 {
				t.Errorf("%d audit rows of the write name its approval, want 1", n)
			}
			refused(update(id, state.change))
			if state.leave != "" {
				refused(update(id, state.leave))
			}
			if state.free != "" {
				done(uuid.Nil, update(id, state.free))
			}
			if table.Access.Human.Has('D') {
				err := g.do(writer, uuid.Nil, fmt.Sprintf("DELETE FROM %s WHERE id = '%s'", table.Name, id))
				if want := map[bool]string{true: "never_deleted", false: "checkpoint_required"}[table.Gates[0].NoDelete]; problem.From(err).Code != want {
					t.Errorf("the deletion: %v, want %s", err, want)
				}
			}
		})
	}
	for entity := range maps.Keys(states) { //nolint:paralleltest // runs no subtests
		if table, ok := policies.ByEntity(entity); !ok || len(table.Gates) == 0 {
			t.Errorf("%s has a case in states but no gate", entity)
		}
	}
}

// TestGateOfTheOwner shows that the gate does not apply to roles that could drop it. Their writes are in the audit
// log.
func TestGateOfTheOwner(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	g.exec(t, g.public, dbtest.NewID(), g.adaID, "Sunday")
	if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE resource_type = 'playlist' AND actor_kind = 'system' AND checkpoint_id IS NULL"); n != 1 {
		t.Errorf("%d audit rows of the superuser's write, want 1", n)
	}
}

// TestCheckpointOfTheSameWrite shows that repeating a refused write returns the same checkpoint.
func TestCheckpointOfTheSameWrite(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	first := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
	if again := asked(t, g.publish(g.agent, uuid.Nil, "Sunday")); again.ID != first.ID || again.Digest != first.Digest {
		t.Errorf("the same write again: %+v, first %+v", again, first)
	}
	if other := asked(t, g.publish(g.otherAgent, uuid.Nil, "Sunday")); other.ID == first.ID || other.Digest != first.Digest {
		t.Errorf("another agent's same write: %+v, first %+v", other, first)
	}
	g.exec(t, "UPDATE checkpoints SET expires_at = clock_timestamp() WHERE id = $1", first.ID)
	second := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
	if second.ID == first.ID {
		t.Error("an expired checkpoint is returned again")
	}
	if err := g.decide(g.ada, second, "approved"); err != nil {
		t.Fatal(err)
	}
	// The agent did not send the checkpoint: the response names the approved one.
	p := locked(t, g.publish(g.agent, uuid.Nil, "Sunday"), problem.CheckpointRequired)
	if p.Checkpoint.ID != second.ID || p.Checkpoint.Status != "approved" {
		t.Errorf("the approved checkpoint is %+v", p.Checkpoint)
	}
	var steps []string
	rows, _ := g.admin.Query(t.Context(), "SELECT action FROM audit_logs WHERE resource_type = 'checkpoint' AND actor_id = ANY ($1) ORDER BY id", []uuid.UUID{g.agentID, g.adaID})
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	want := []string{"checkpoint_requested", "checkpoint_expired", "checkpoint_requested", "checkpoint_approved"}
	if err != nil || !slices.Equal(steps, want) {
		t.Errorf("%v: steps %v, want %v", err, steps, want)
	}
}

// TestDecideTwice shows that repeating a decision succeeds and that a different decision fails.
func TestDecideTwice(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	c := asked(t, g.publish(g.agent, uuid.Nil, "Sunday"))
	other := *c
	other.Digest = "00" + c.Digest[2:]
	if err := g.decide(g.ada, &other, "approved"); problem.From(err).Code != "digest_mismatch" {
		t.Errorf("another digest: %v", err)
	}
	err := g.do(g.ada, uuid.Nil, "SELECT app.decide_checkpoint($1, decode($2, 'hex'), 'rejected', ' ')", c.ID, c.Digest)
	if p := problem.From(err); p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1 || *p.Errors[0].Pointer != "/reason" {
		t.Errorf("rejected without a reason: %v", err)
	}
	for _, test := range []struct{ decision, code string }{{"approved", ""}, {"approved", ""}, {"rejected", "already_decided"}} {
		err := g.decide(g.ada, c, test.decision)
		if err != nil {
			if code := problem.From(err).Code; code != test.code {
				t.Errorf("%s: %v, want %q", test.decision, err, test.code)
			}
		} else if test.code != "" {
			t.Errorf("%s again: no error, want %s", test.decision, test.code)
		}
	}
	if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE action = 'checkpoint_approved'"); n != 1 {
		t.Errorf("%d approvals recorded, want 1", n)
	}
	if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE use_before = decided_at + (expires_at - created_at) AND decided_by = $1", g.adaID); n != 1 {
		t.Error("the approval is not valid for as long as the request was")
	}
}

// TestExpireCheckpoints shows the expiry of checkpoints, which runs without an identity.
func TestExpireCheckpoints(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for i := range 3 {
		asked(t, g.publish(g.agent, uuid.Nil, fmt.Sprint(i)))
	}
	g.approved(t, "approved")
	g.exec(t, "UPDATE checkpoints SET expires_at = clock_timestamp() WHERE id <> (SELECT min(id::text)::uuid FROM checkpoints)")
	for _, want := range []int{2, 0} {
		n, err := g.expire(t.Context())
		if err != nil || n != want {
			t.Errorf("%v: %d expired, want %d", err, n, want)
		}
	}
	if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE action = 'checkpoint_expired' AND actor_kind = 'system' AND actor_id IS NULL AND created_by = $1 AND checkpoint_id = resource_id", g.adaID); n != 2 {
		t.Errorf("%d expirations recorded, want 2", n)
	}
}

// TestDigest computes the digest of the payload that the checkpoint shows.
func TestDigest(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	c := asked(t, g.publish(g.agent, uuid.Nil, "Grüße “Sunday” \u0001 1.10"))
	if n := g.count(t, `SELECT count(*) FROM checkpoints WHERE encode(sha256(convert_to(payload::text, 'UTF8')), 'hex') = $1 AND encode(digest, 'hex') = $1
		AND payload ->> 'identity' = $2 AND payload -> 'values' ->> 'visibility' = 'public' AND payload -> 'id' = 'null'`, c.Digest, g.adaID.String()); n != 1 {
		t.Error("the digest is not that of the payload")
	}
	if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE resource_type = 'checkpoint' AND (after ? 'payload' OR NOT after ? 'digest')"); n != 0 {
		t.Error("the audit log contains the payload or lacks its digest")
	}
}
