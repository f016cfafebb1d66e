package refusal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/problem"
)

// begun creates a private thread, and returns its id and a function that requests to make it public.
func (g *gated) begun(t testing.TB) (id uuid.UUID, publish func(context.Context, uuid.UUID) error) {
	t.Helper()
	id = dbtest.NewID()
	if err := g.do(g.agent, uuid.Nil, thread.private, id, g.adaID, "Sunday"); err != nil {
		t.Fatal(err)
	}
	return id, func(ctx context.Context, checkpoint uuid.UUID) error {
		return g.do(ctx, checkpoint, thread.goPublic, id)
	}
}

// history returns the events of a thread in order, each with the kind of its actor and "step" if it is a step of the
// checkpoint.
func (g *gated) history(t testing.TB, thread, checkpoint uuid.UUID) []string {
	t.Helper()
	rows, _ := g.admin.Query(t.Context(), `SELECT concat_ws(' ', type, actor_kind, CASE WHEN checkpoint_id = $2 THEN 'step' END)
		FROM thread_events WHERE thread_id = $1 ORDER BY sequence`, thread, checkpoint)
	steps, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestGateOfAThread requests to make a thread public by an append. The thread records each step of the checkpoint, and
// the steps do not invalidate the approval. Any other event of the thread does.
func TestGateOfAThread(t *testing.T) {
	t.Parallel()
	const approved = "approved"
	note := "SELECT app.append_events($1, NULL, '[{\"type\": \"note.added\", \"schema_version\": 1, \"payload\": {\"text\": \"swapped\"}}]')"
	ask := `SELECT id FROM app.request_checkpoint(jsonb_build_object('identity', $2::text, 'type', 'sensitive', 'sphere', NULL, 'resource_type', 'report',
		'action', 'share', 'resource_id', NULL, 'resource_version', NULL, 'thread_id', $1::text, 'content', '{}'::jsonb))`
	decided := []string{"thread.created agent", "checkpoint.requested agent step", "checkpoint.approved human step"}
	for name, test := range map[string]struct {
		code, decision string
		between        func(t *testing.T, g *gated, id uuid.UUID, c *problem.Checkpoint)
		as             func(g *gated) context.Context
		history        []string
	}{
		"approved": {decision: approved, history: append(slices.Clone(decided), "thread.updated agent", "action.executed agent step")},
		"pending":  {code: "checkpoint_pending", history: decided[:2]},
		"rejected": {code: "checkpoint_rejected", decision: "rejected", history: append(slices.Clone(decided[:2]), "checkpoint.rejected human step")},
		"withdrawn": {
			code: "checkpoint_expired", history: append(slices.Clone(decided[:2]), "checkpoint.expired agent step"),
			between: func(t *testing.T, g *gated, _ uuid.UUID, c *problem.Checkpoint) {
				t.Helper()
				if err := g.do(g.agent, uuid.Nil, "SELECT app.withdraw_checkpoint($1)", c.ID); err != nil {
					t.Fatal(err)
				}
			},
		},
		"expired and swept": {
			code: "checkpoint_expired", history: append(slices.Clone(decided[:2]), "checkpoint.expired system step"),
			between: func(t *testing.T, g *gated, _ uuid.UUID, c *problem.Checkpoint) {
				t.Helper()
				g.exec(t, "UPDATE checkpoints SET expires_at = clock_timestamp() WHERE id = $1", c.ID)
				g.sweep(t, 1)
			},
		},
		"approved and expired by a microsecond": {
			code: "checkpoint_expired", decision: approved, history: decided,
			between: func(t *testing.T, g *gated, _ uuid.UUID, _ *problem.Checkpoint) {
				t.Helper()
				g.exec(t, "UPDATE checkpoints SET use_before = clock_timestamp() - interval '1 microsecond'")
			},
		},
		"another event appended": {
			code: "checkpoint_mismatch", decision: approved, history: append(slices.Clone(decided), "note.added agent"),
			between: func(t *testing.T, g *gated, id uuid.UUID, _ *problem.Checkpoint) {
				t.Helper()
				if err := g.do(g.agent, uuid.Nil, note, id); err != nil {
					t.Fatal(err)
				}
			},
		},
		"a step of another checkpoint appended": {
			code: "checkpoint_mismatch", decision: approved, history: append(slices.Clone(decided), "checkpoint.requested agent"),
			between: func(t *testing.T, g *gated, id uuid.UUID, _ *problem.Checkpoint) {
				t.Helper()
				if err := g.do(g.agent, uuid.Nil, ask, id, g.adaID); err != nil {
					t.Fatal(err)
				}
			},
		},
		"by another agent": {
			code: "checkpoint_mismatch", decision: approved, history: decided,
			as: func(g *gated) context.Context { return g.otherAgent },
		},
		"by the human": {
			code: "checkpoint_mismatch", decision: approved, history: decided,
			as: func(g *gated) context.Context { return g.ada },
		},
		"by another identity": {
			code: "not_found", decision: approved, history: decided,
			as: func(g *gated) context.Context { return g.eve },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := setupGated(t)
			id, publish := g.begun(t)
			c := asked(t, publish(g.agent, uuid.Nil))
			if again := asked(t, publish(g.agent, uuid.Nil)); again.ID != c.ID || again.Digest != c.Digest {
				t.Errorf("the same request again returns %+v, first %+v", again, c)
			}
			if test.decision != "" {
				for range 2 { // repeating the decision adds no step
					if err := g.decide(g.ada, c, test.decision); err != nil {
						t.Fatal(err)
					}
				}
			}
			if test.between != nil {
				test.between(t, g, id, c)
			}
			as := g.agent
			if test.as != nil {
				as = test.as(g)
			}
			err := publish(as, c.ID)
			if test.code == "" && err != nil || test.code != "" && (err == nil || problem.From(err).Code != test.code) {
				t.Fatalf("got %v, want %q", err, test.code)
			}
			want := "private"
			if test.code == "" {
				want = "public"
			}
			if n := g.count(t, "SELECT count(*) FROM threads WHERE id = $1 AND visibility = $2 AND event_count = last_sequence AND version = event_count - step_count",
				id, want); n != 1 {
				t.Errorf("the thread is not %s, or its version does not count its events", want)
			}
			if got := g.history(t, id, c.ID); !slices.Equal(got, test.history) {
				t.Errorf("the events are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.history, "\n"))
			}
			if test.code == "" {
				if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE resource_id = $1 AND checkpoint_id = $2 AND outcome = 'success' AND actor_id = $3", id, c.ID, g.agentID); n != 1 {
					t.Errorf("%d audit rows of the change name its approval, want 1", n)
				}
			}
		})
	}
}

// sweep expires checkpoints that are due, without an identity.
func (g *gated) sweep(t testing.TB, want int) {
	t.Helper()
	n, err := g.expire(t.Context())
	if err != nil || n != want {
		t.Errorf("%v: %d expired, want %d", err, n, want)
	}
}

// TestSweepWaitsForNobody shows that a sweep skips checkpoints that an open transaction has locked, and expires them
// the next time.
func TestSweepWaitsForNobody(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	held, publish := g.begun(t)
	asked(t, publish(g.agent, uuid.Nil))
	_, other := g.begun(t)
	asked(t, other(g.agent, uuid.Nil))
	asked(t, g.publish(g.agent, uuid.Nil, "without a thread"))
	g.exec(t, "UPDATE checkpoints SET expires_at = clock_timestamp()")
	tx, err := g.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), "SELECT FROM threads WHERE id = $1 FOR UPDATE", held); err != nil {
		t.Fatal(err)
	}
	g.sweep(t, 2)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.sweep(t, 1)
	if n := g.count(t, "SELECT count(*) FROM thread_events WHERE type = 'checkpoint.expired' AND actor_kind = 'system' AND actor_id IS NULL"); n != 2 {
		t.Errorf("%d expirations in threads, want 2", n)
	}
	if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE resource_type IN ('thread_event', 'checkpoint') AND actor_kind = 'system' AND actor_id IS NULL AND created_by = $1", g.adaID); n != 5+3 {
		t.Errorf("%d audit rows of the sweep, want 8", n) // including the three rows of the UPDATE above
	}
}

// TestGateOfAThreadAtOnce uses an approval of a thread's change in two concurrent transactions.
func TestGateOfAThreadAtOnce(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for round := range 20 {
		id, publish := g.begun(t)
		c := asked(t, publish(g.agent, uuid.Nil))
		if err := g.decide(g.ada, c, "approved"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() { errs[i] = publish(g.agent, c.ID) })
		}
		wg.Wait()
		// Once the thread is public, the second change changes nothing, and does not match the approval.
		used := 0
		for _, err := range errs {
			if err == nil {
				used++
				continue
			}
			_ = locked(t, err, "checkpoint_mismatch")
		}
		if used != 1 {
			t.Fatalf("round %d: %d published, want 1: %v", round, used, errs)
		}
		if n := g.count(t, "SELECT count(*) FROM thread_events WHERE thread_id = $1 AND checkpoint_id = $2", id, c.ID); n != 3 {
			t.Fatalf("round %d: %d steps, want 3", round, n)
		}
	}
	if n := g.count(t, "SELECT count(*) FROM audit_logs WHERE action = 'checkpoint_consumed'"); n != 20 {
		t.Errorf("%d uses, want 20", n)
	}
}

// TestStepsAmongAppends runs concurrently in one thread: appends and requests of agents, decisions of a human, uses of
// approvals, and sweeps. There are no deadlocks, and the sequences have no gaps.
func TestStepsAmongAppends(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	id, _ := g.begun(t)
	const rounds = 15
	each := []func(round int) error{
		func(int) error {
			return g.do(g.agent, uuid.Nil, "SELECT app.append_events($1, NULL, '[{\"type\": \"note.added\", \"schema_version\": 1, \"payload\": {\"text\": \"x\"}}]')", id)
		},
		func(round int) error { // a post, requested, approved and written
			post := "INSERT INTO social_posts (id, created_by, body, visibility, published_at, thread_id) VALUES ($1, $2, $3, 'public', '2026-01-01', $4)"
			body := fmt.Sprint("post ", round)
			c := problem.From(g.do(g.agent, uuid.Nil, post, dbtest.NewID(), g.adaID, body, id)).Checkpoint
			if c == nil {
				return errors.New("the post requested no checkpoint")
			}
			if err := g.decide(g.ada, c, "approved"); err != nil {
				return err
			}
			return g.do(g.agent, c.ID, post, dbtest.NewID(), g.adaID, body, id)
		},
		func(round int) error { // the title of the thread, which other events invalidate
			update := fmt.Sprintf("SELECT app.append_events($1, NULL, '[%s]')", threadUpdate(fmt.Sprintf(`{"visibility": "public", "title": "%d"}`, round)))
			c := problem.From(g.do(g.otherAgent, uuid.Nil, update, id)).Checkpoint
			if c == nil {
				return errors.New("the title requested no checkpoint")
			}
			if err := g.decide(g.ada, c, "approved"); err != nil {
				return err
			}
			if err := g.do(g.otherAgent, c.ID, update, id); err != nil && problem.From(err).Code != "checkpoint_mismatch" {
				return err
			}
			return g.do(g.ada, uuid.Nil, "SELECT app.append_events($1, NULL, '[{\"type\": \"note.added\", \"schema_version\": 1, \"payload\": {\"text\": \"y\"}}]')", id)
		},
		func(int) error { // a request that is not decided
			ask := `SELECT app.request_checkpoint(jsonb_build_object('identity', $2::text, 'type', 'sensitive', 'sphere', NULL, 'resource_type', 'report',
				'action', 'share', 'resource_id', NULL, 'resource_version', NULL, 'thread_id', $1::text, 'content', jsonb_build_object('n', $3::text)), interval '1 second')`
			return g.do(g.agent, uuid.Nil, ask, id, g.adaID, dbtest.NewID())
		},
		func(int) error {
			_, err := g.expire(t.Context())
			return err
		},
	}
	var wg sync.WaitGroup
	for i, do := range each {
		wg.Go(func() {
			for round := range rounds {
				// Once the thread is public, each append needs an approval.
				if err := do(round); err != nil && problem.From(err).Code != problem.CheckpointRequired {
					t.Errorf("%d, round %d: %v", i, round, err)
				}
			}
		})
	}
	wg.Wait()
	if n := g.count(t, `SELECT count(*) FROM threads t WHERE id = $1 AND last_sequence = event_count
		AND last_sequence = (SELECT count(*) FROM thread_events e WHERE e.thread_id = t.id) AND last_sequence = (SELECT max(sequence) FROM thread_events e WHERE e.thread_id = t.id)
		AND last_event_at = (SELECT created_at FROM thread_events e WHERE e.thread_id = t.id ORDER BY sequence DESC LIMIT 1)`, id); n != 1 {
		t.Error("the thread does not match its events")
	}
	if n := g.count(t, `SELECT count(*) FROM checkpoints c WHERE (SELECT count(*) FROM thread_events e WHERE e.checkpoint_id = c.id)
		<> 1 + (status <> 'pending')::int + (consumed_at IS NOT NULL)::int`); n != 0 {
		t.Errorf("%d checkpoints lack a step or have an additional one", n)
	}
}

// TestStepsOfOtherThings shows the steps of checkpoints that only belong to a thread: a post of the thread, and an
// action of a client, which expires when its agent is dismissed.
func TestStepsOfOtherThings(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	id, _ := g.begun(t)
	post := "INSERT INTO social_posts (id, created_by, body, visibility, published_at, thread_id) VALUES ($1, $2, 'b', 'public', '2026-01-01', $3)"
	c := asked(t, g.do(g.agent, uuid.Nil, post, dbtest.NewID(), g.adaID, id))
	if err := g.decide(g.ada, c, "approved"); err != nil {
		t.Fatal(err)
	}
	if err := g.do(g.agent, c.ID, post, dbtest.NewID(), g.adaID, id); err != nil {
		t.Fatal(err)
	}
	want := []string{"thread.created agent", "checkpoint.requested agent step", "checkpoint.approved human step", "action.executed agent step"}
	if got := g.history(t, id, c.ID); !slices.Equal(got, want) {
		t.Errorf("the events are %q, want %q", got, want)
	}
	var payload map[string]any
	var text []byte
	err := g.admin.QueryRow(t.Context(), "SELECT payload FROM thread_events WHERE thread_id = $1 AND type = 'action.executed'", id).Scan(&text)
	if err != nil || json.Unmarshal(text, &payload) != nil || fmt.Sprint(payload) != "map[action:insert social post outcome:success resource_type:social_post]" {
		t.Errorf("%v: the use is recorded as %s", err, text)
	}
	if n := g.count(t, "SELECT count(*) FROM threads WHERE version = 4 AND step_count = 0"); n != 1 {
		t.Error("the steps of a post do not count as events")
	}

	ask := `SELECT app.request_checkpoint(jsonb_build_object('identity', $2::text, 'type', 'sensitive', 'sphere', NULL, 'resource_type', 'report',
		'action', 'share', 'resource_id', NULL, 'resource_version', NULL, 'thread_id', $1::text, 'content', '{}'::jsonb))`
	if err := g.do(g.agent, uuid.Nil, ask, id, g.adaID); err != nil {
		t.Fatal(err)
	}
	if err := g.do(g.ada, uuid.Nil, "SELECT app.dismiss_agent($1, 'done')", g.agentID); err != nil {
		t.Fatal(err)
	}
	want = []string{"checkpoint.requested agent", "checkpoint.expired human"}
	if got := g.history(t, id, c.ID)[4:]; !slices.Equal(got, want) {
		t.Errorf("the dismissal recorded %q, want %q", got, want)
	}
	// A request cannot name a thread of another identity or a thread that does not exist.
	for ctx, owner := range map[context.Context]uuid.UUID{g.eve: g.eveID, g.ada: g.adaID} {
		thread := id
		if owner == g.adaID {
			thread = dbtest.NewID()
		}
		if err := g.do(ctx, uuid.Nil, ask, thread, owner); problem.From(err).Status != http.StatusUnprocessableEntity {
			t.Errorf("a request in a thread that the caller does not own: %v", err)
		}
	}
}

// TestRefusalIsNotLogged shows that only the client receives the content of a refused write: the error, which the
// server logs, contains none of it.
func TestRefusalIsNotLogged(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	config, err := pgx.ParseConfig(g.database.ServiceURL)
	if err != nil {
		t.Fatal(err)
	}
	var said []*pgconn.Notice
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { said = append(said, n) }
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	batch := &pgx.Batch{}
	batch.Queue("SELECT set_config('role', 'chenu_agent', true), set_config('app.identity_id', $1, true), set_config('app.actor_id', $2, true)", g.adaID.String(), g.agentID.String())
	batch.Queue(g.public, dbtest.NewID(), g.adaID, "a private matter")
	err = conn.SendBatch(t.Context(), batch).Close()
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != "CH423" {
		t.Fatalf("got %v, want CH423", err)
	}
	if text := fmt.Sprintf("%+v", *pg); strings.Contains(text, "private matter") {
		t.Errorf("the error contains the content: %s", text)
	}
	if len(said) != 1 || said[0].SeverityUnlocalized != "INFO" || said[0].Code != "CH423" || !strings.Contains(said[0].Detail, "a private matter") {
		t.Errorf("the client received %+v", said)
	}
	for setting, want := range map[string]string{"log_min_messages": "warning", "log_parameter_max_length_on_error": "0"} {
		var got string
		if err := g.admin.QueryRow(t.Context(), "SELECT current_setting($1)", setting).Scan(&got); err != nil || got != want {
			t.Errorf("%v: %s is %s, want %s: the server would log the content", err, setting, got, want)
		}
	}
	// The connection does not keep the notice: the next refusal has its own.
	first, second := asked(t, g.publish(g.agent, uuid.Nil, "first")), asked(t, g.publish(g.agent, uuid.Nil, "second"))
	if first.Digest == second.Digest || !second.ExpiresAt.After(time.Now()) {
		t.Errorf("the two checkpoints are %+v and %+v", first, second)
	}
}
