package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/server/auth"
)

// opened begins a transaction around the service, as the owner of the tables. The test may
// end it.
func (g *gated) opened(t testing.TB) pgx.Tx {
	t.Helper()
	tx, err := g.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return tx
}

// become makes the rest of the transaction one of the caller's, under the checkpoint if there
// is one.
func (g *gated) become(t testing.TB, tx pgx.Tx, ctx context.Context, checkpoint uuid.UUID) { //nolint:revive // t comes first in tests
	t.Helper()
	who, _ := auth.From(ctx)
	named := ""
	if checkpoint != uuid.Nil {
		named = checkpoint.String()
	}
	if _, err := tx.Exec(t.Context(), `SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true), set_config('app.actor_id', $3, true),
		set_config('app.checkpoint_id', $4, true)`, "chenu_"+string(who.Kind), who.ID.String(), who.ActorID.String(), named); err != nil {
		t.Fatal(err)
	}
}

// waits runs the function and returns a channel with its error. It fails the test unless the
// function waits for a lock.
func (g *gated) waits(t testing.TB, run func() error) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	for waiting := 0; waiting == 0; {
		select {
		case err := <-ended:
			t.Fatalf("it did not wait for the other transaction: %v", err)
		case <-time.After(10 * time.Millisecond):
			waiting = g.count(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
		}
	}
	return ended
}

// Hardening item 3: an append that names a pending checkpoint held the thread and waited for
// the checkpoint, while the decision held the checkpoint and waited for the thread.
func TestUseOfAPendingCheckpointDoesNotWaitForItsDecision(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for _, decision := range []string{"approved", "rejected"} {
		id := newID()
		g.exec(t, thread.public, id, g.adaID, "Sunday")
		note := g.append(id, noteEvent(decision))
		c := asked(t, g.unit(g.agent, uuid.Nil, note))

		// The lock that the append takes first.
		use := g.opened(t)
		if _, err := use.Exec(t.Context(), "SELECT FROM threads WHERE id = $1 FOR NO KEY UPDATE", id); err != nil {
			t.Fatal(err)
		}
		decided := g.waits(t, func() error { return g.decide(g.ada, c, decision) })
		g.become(t, use, g.agent, c.ID)
		if _, err := use.Exec(t.Context(), "SET LOCAL lock_timeout = '5s'"); err != nil {
			t.Fatal(err)
		}
		_, err := use.Exec(t.Context(), "SELECT app.append_events($1, NULL, $2)", id, "["+noteEvent(decision)+"]")
		if code := sqlstate(err); code != "CH423" {
			t.Errorf("the use of the pending checkpoint: %v, want CH423", err)
		}
		if err := use.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-decided; err != nil {
			t.Errorf("the decision: %v", err)
		}
	}
}

// Hardening item 3: a write that needs no approval locked whichever checkpoint it named.
func TestNoLockOnACheckpointThatIsNotUsed(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	pending := asked(t, g.publish(g.agent, uuid.Nil, "pending"))
	approved := g.approved(t, "approved")
	for name, test := range map[string]struct {
		as         context.Context //nolint:containedctx // It says who is calling.
		checkpoint uuid.UUID
	}{
		"own and pending":           {g.agent, pending.ID},
		"of another agent":          {g.otherAgent, approved.ID},
		"own and for another write": {g.agent, approved.ID},
	} {
		tx := g.opened(t)
		g.become(t, tx, test.as, test.checkpoint)
		if _, err := tx.Exec(t.Context(), g.private, newID(), g.adaID, "free"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := g.count(t, "WITH free AS (SELECT id FROM checkpoints WHERE id = $1 FOR UPDATE SKIP LOCKED) SELECT count(*) FROM free", test.checkpoint); n != 1 {
			t.Errorf("%s: the checkpoint is locked", name)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
