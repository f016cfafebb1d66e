package refusal_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
)

// opened begins a transaction around the service, as the owner of the tables. The test may commit it or roll it back.
func (g *gated) opened(t testing.TB) pgx.Tx {
	t.Helper()
	tx, err := g.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	return tx
}

// become sets the caller, and the checkpoint unless it is zero, for the rest of the transaction.
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

// waits runs the function in a goroutine and returns a channel with its error. It fails the test unless the function
// waits for a lock.
func (g *gated) waits(t testing.TB, run func() error) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- run() }()
	if err := pgtest.AwaitLocks(t.Context(), g.admin, 1, ended); err != nil {
		t.Fatal(err)
	}
	return ended
}

// Hardening item 3: an append that names a pending checkpoint does not deadlock with the decision. It used to hold the
// thread and wait for the checkpoint, while the decision held the checkpoint and waited for the thread.
func TestUseOfAPendingCheckpointDoesNotWaitForItsDecision(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for _, decision := range []string{"approved", "rejected"} {
		id := dbtest.NewID()
		g.exec(t, thread.public, id, g.adaID, "Sunday")
		note := g.append(id, noteEvent(decision))
		c := asked(t, g.unit(g.agent, uuid.Nil, note))

		// The append takes this lock first.
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
		if code := pgtest.SQLState(err); code != "CH423" {
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

// Hardening item 3: a write that needs no approval does not lock the checkpoint that it names.
func TestNoLockOnACheckpointThatIsNotUsed(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	pending := asked(t, g.publish(g.agent, uuid.Nil, "pending"))
	approved := g.approved(t, "approved")
	for name, test := range map[string]struct {
		as         context.Context //nolint:containedctx // the caller
		checkpoint uuid.UUID
	}{
		"own, pending":           {g.agent, pending.ID},
		"of another agent":       {g.otherAgent, approved.ID},
		"own, for another write": {g.agent, approved.ID},
	} {
		tx := g.opened(t)
		g.become(t, tx, test.as, test.checkpoint)
		if _, err := tx.Exec(t.Context(), g.private, dbtest.NewID(), g.adaID, "free"); err != nil {
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

const publishGroup = "UPDATE community_groups SET visibility = 'public' WHERE id = $1"

// eventChanges are statements that change what a group publishes, each with the parameters event, identity and group.
// The event is in the group, or in no group for the last two.
var eventChanges = map[string]struct {
	query string
	in    bool // whether the event is in the group before the statement
}{
	"changed":   {"UPDATE community_events SET title = 'evil' WHERE id = $1 AND created_by = $2 AND group_id = $3", true},
	"deleted":   {"DELETE FROM community_events WHERE id = $1 AND created_by = $2 AND group_id = $3", true},
	"moved out": {"UPDATE community_events SET group_id = NULL WHERE id = $1 AND created_by = $2 AND group_id = $3", true},
	"moved in":  {"UPDATE community_events SET group_id = $3 WHERE id = $1 AND created_by = $2", false},
	"inserted": {`INSERT INTO community_events (id, created_by, group_id, title, starts_at, ends_at, time_zone)
		SELECT app.uuid_v7(), $2, $3, 'evil', e.starts_at, e.ends_at, 'UTC' FROM community_events e WHERE e.id = $1`, false},
}

// approvedGroup creates a group and an event, in the group or in no group, and approves the publication of the group
// by the agent.
func (g *gated) approvedGroup(t testing.TB, in bool) (group, event, approval uuid.UUID) {
	t.Helper()
	group, event = dbtest.NewID(), dbtest.NewID()
	g.put(g.agent, t, "INSERT INTO community_groups (id, created_by, name) VALUES ($1, $2, 'n')", group, g.adaID)
	g.put(g.agent, t, `INSERT INTO community_events (id, created_by, group_id, title, starts_at, ends_at, time_zone)
		VALUES ($1, $2, CASE WHEN $4 THEN $3::uuid END, 'e', '2030-01-01 10:00Z', '2030-01-01 12:00Z', 'UTC')`, event, g.adaID, group, in)
	return group, event, g.confirm(t, g.wantLocked(g.agent, t, publishGroup, group))
}

// Hardening item 11: an agent cannot change an event of a group while the approved publication of the group is in
// progress. Without locks, the publication would not see the new text, and the gate of the event would not see the
// publication. Whichever comes second waits and is rejected.
func TestNoEventChangesWhileItsGroupIsPublished(t *testing.T) {
	t.Parallel()
	for name, change := range eventChanges {
		t.Run(name+" first", func(t *testing.T) {
			t.Parallel()
			g := setupGated(t)
			group, event, approval := g.approvedGroup(t, change.in)
			tx := g.opened(t)
			g.become(t, tx, g.agent, uuid.Nil)
			if _, err := tx.Exec(t.Context(), change.query, event, g.adaID, group); err != nil {
				t.Fatal(err)
			}
			published := g.waits(t, func() error { return g.do(g.agent, approval, publishGroup, group) })
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = locked(t, <-published, "checkpoint_mismatch")
		})
		t.Run(name+" second", func(t *testing.T) {
			t.Parallel()
			g := setupGated(t)
			group, event, approval := g.approvedGroup(t, change.in)
			tx := g.opened(t)
			g.become(t, tx, g.agent, approval)
			if _, err := tx.Exec(t.Context(), publishGroup, group); err != nil {
				t.Fatal(err)
			}
			changed := g.waits(t, func() error { return g.do(g.agent, uuid.Nil, change.query, event, g.adaID, group) })
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = locked(t, <-changed, "checkpoint_required")
			if n := g.count(t, "SELECT count(*) FROM community_events WHERE title = 'evil' OR id = $1 AND (group_id IS NOT NULL) <> $2", event, change.in); n != 0 {
				t.Error("the event changed in a public group")
			}
		})
	}
}

// Hardening item 11: a publication fails at isolation levels where its snapshot can be older than its lock of the
// group, since it would miss events that changed in between.
func TestPublicationDoesNotReadAnOlderSnapshot(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			g := setupGated(t)
			group, event, approval := g.approvedGroup(t, true)
			tx := g.opened(t)
			if _, err := tx.Exec(t.Context(), "SET TRANSACTION ISOLATION LEVEL "+level); err != nil {
				t.Fatal(err)
			}
			g.become(t, tx, g.agent, approval)
			g.put(g.agent, t, eventChanges["changed"].query, event, g.adaID, group)
			_, err := tx.Exec(t.Context(), publishGroup, group)
			if code := pgtest.SQLState(err); code != "0A000" {
				t.Errorf("the publication: %v, want 0A000", err)
			}
		})
	}
}

// Hardening item 24: pending requests are counted in a current snapshot; older snapshots are rejected.
func TestRequestsAreNotCountedInAnOlderSnapshot(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	for level, want := range map[string]string{"READ COMMITTED": "", "REPEATABLE READ": "0A000", "SERIALIZABLE": "0A000"} {
		tx := g.opened(t)
		if _, err := tx.Exec(t.Context(), "SET TRANSACTION ISOLATION LEVEL "+level); err != nil {
			t.Fatal(err)
		}
		g.become(t, tx, g.agent, uuid.Nil)
		_, err := tx.Exec(t.Context(), `SELECT app.request_checkpoint(jsonb_build_object('identity', $1::text, 'type', 'sensitive', 'sphere', NULL, 'resource_type', 'report',
			'action', 'send', 'resource_id', NULL, 'resource_version', NULL, 'thread_id', NULL, 'content', '{}'::jsonb))`, g.adaID.String())
		if code := pgtest.SQLState(err); code != want {
			t.Errorf("%s: %v, want %q", level, err, want)
		}
		_ = tx.Rollback(t.Context())
	}
}

// Hardening item 3: a publication of a group does not deadlock with events that are moved into the group. It used to
// upgrade its lock of the group, which waited for the events, and the events waited for the publication.
func TestPublicationAndMovedEventsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	group, event, approval := g.approvedGroup(t, false)
	tx := g.opened(t)
	g.become(t, tx, g.agent, uuid.Nil)
	if _, err := tx.Exec(t.Context(), eventChanges["inserted"].query, event, g.adaID, group); err != nil {
		t.Fatal(err)
	}
	published := g.waits(t, func() error { return g.do(g.agent, approval, publishGroup, group) })
	// The transaction holds the lock of the group by the foreign key, and now takes the lock by membership.
	if _, err := tx.Exec(t.Context(), eventChanges["moved in"].query, event, g.adaID, group); err != nil {
		t.Errorf("move an event: %v", err)
	}
	if _, err := tx.Exec(t.Context(), "UPDATE community_events SET group_id = NULL WHERE group_id = $1", group); err != nil {
		t.Errorf("move the events out: %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Errorf("commit: %v", err)
	}
	if err := <-published; err != nil {
		t.Errorf("publish: %v", err) // The group again has the content that was approved.
	}
}

// Hardening item 11: an agent cannot change a post while a human schedules it, so that text that the human did not see
// is not published. Whichever comes second waits and is rejected.
func TestAgentDoesNotChangeAPostWhileItIsScheduled(t *testing.T) {
	t.Parallel()
	const (
		newPost  = "INSERT INTO social_posts (id, created_by, body) VALUES ($1, $2, 'good')"
		rewrite  = "UPDATE social_posts SET body = 'evil' WHERE id = $1"
		schedule = "INSERT INTO social_schedules (id, created_by, post_id, platform, scheduled_at, status) VALUES ($1, $2, $3, 'mastodon', '2035-01-01', $4)"
		resume   = "UPDATE social_schedules SET status = 'scheduled' WHERE id = $1"
	)
	for _, again := range []bool{false, true} {
		// scheduling creates a post and returns the statement with which the human schedules it.
		scheduling := func(t *testing.T, g *gated) (post uuid.UUID, query string, args []any) {
			t.Helper()
			post = dbtest.NewID()
			g.put(g.agent, t, newPost, post, g.adaID)
			if !again {
				return post, schedule, []any{dbtest.NewID(), g.adaID, post, "scheduled"}
			}
			cancelled := dbtest.NewID()
			g.put(g.ada, t, schedule, cancelled, g.adaID, post, "cancelled")
			return post, resume, []any{cancelled}
		}
		t.Run(fmt.Sprintf("again %t, changed first", again), func(t *testing.T) {
			t.Parallel()
			g := setupGated(t)
			post, query, args := scheduling(t, g)
			tx := g.opened(t)
			g.become(t, tx, g.agent, uuid.Nil)
			if _, err := tx.Exec(t.Context(), rewrite, post); err != nil {
				t.Fatal(err)
			}
			scheduled := g.waits(t, func() error { return g.do(g.ada, uuid.Nil, query, args...) })
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if p := problem.From(<-scheduled); p.Status != http.StatusConflict || p.Code != "conflict" {
				t.Errorf("the schedule: %d %s, want 409 conflict", p.Status, p.Code)
			}
			g.put(g.ada, t, query, args...) // The human schedules the post again.
			g.wantLocked(g.agent, t, "UPDATE social_posts SET body = 'worse' WHERE id = $1", post)
		})
		for _, level := range []string{"READ COMMITTED", "REPEATABLE READ"} {
			t.Run(fmt.Sprintf("again %t, changed second, %s", again, level), func(t *testing.T) {
				t.Parallel()
				g := setupGated(t)
				post, query, args := scheduling(t, g)
				agent := g.opened(t)
				if _, err := agent.Exec(t.Context(), "SET TRANSACTION ISOLATION LEVEL "+level); err != nil {
					t.Fatal(err)
				}
				g.become(t, agent, g.agent, uuid.Nil) // takes the snapshot
				human := g.opened(t)
				g.become(t, human, g.ada, uuid.Nil)
				if _, err := human.Exec(t.Context(), query, args...); err != nil {
					t.Fatal(err)
				}
				changed := g.waits(t, func() error { _, err := agent.Exec(t.Context(), rewrite, post); return err })
				if err := human.Commit(t.Context()); err != nil {
					t.Fatal(err)
				}
				want := "CH423"
				if level != "READ COMMITTED" {
					want = "0A000"
				}
				if code := pgtest.SQLState(<-changed); code != want {
					t.Errorf("the change of the scheduled post: %s, want %s", code, want)
				}
			})
		}
	}
}

// Hardening item 11: an agent can change neither a row that a schedule refers to nor the reference.
func TestAgentChangesNothingThatAScheduleRefersTo(t *testing.T) {
	t.Parallel()
	g := setupGated(t)
	first, other, post := dbtest.NewID(), dbtest.NewID(), dbtest.NewID()
	const newPost = "INSERT INTO social_posts (id, created_by, body, reply_to_id) VALUES ($1, $2, 'b', $3)"
	g.put(g.agent, t, newPost, first, g.adaID, nil)
	g.put(g.agent, t, newPost, other, g.adaID, nil)
	g.put(g.agent, t, newPost, post, g.adaID, first)
	g.put(g.ada, t, "INSERT INTO social_schedules (id, created_by, post_id, platform, scheduled_at) VALUES ($1, $2, $3, 'mastodon', '2035-01-01')", dbtest.NewID(), g.adaID, post)
	for _, set := range []string{"body = 'c'", "reply_to_id = '" + other.String() + "'", "reply_to_id = NULL", "visibility = 'public'", "published_at = '2026-01-01'"} {
		g.wantLocked(g.agent, t, "UPDATE social_posts SET "+set+" WHERE id = $1", post)
	}
	if code := pgtest.SQLState(g.do(g.agent, uuid.Nil, "DELETE FROM social_posts WHERE id = $1", post)); code != "23503" {
		t.Errorf("the deletion of the scheduled post: %s, want 23503", code)
	}
	// A request to schedule a reply shows the id of the post that it replies to.
	c := g.wantLocked(g.agent, t, "INSERT INTO social_schedules (id, created_by, post_id, platform, scheduled_at) VALUES ($1, $2, $3, 'bluesky', '2035-01-01')", dbtest.NewID(), g.adaID, post)
	if n := g.count(t, "SELECT count(*) FROM checkpoints WHERE id = $1 AND payload #>> '{references,post_id,shows,reply_to_id}' = $2::text", c.ID, first); n != 1 {
		t.Error("the payload does not show the post that is replied to")
	}
}
