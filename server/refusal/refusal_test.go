package refusal_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/refusal"
	"github.com/chenu/chenu/server/session"
)

// bundle is a database with a human and an agent of the human.
type bundle struct {
	plain      *session.DB // does not record refusals
	db         *refusal.DB
	admin      *pgxpool.Pool
	ada        uuid.UUID
	human      context.Context //nolint:containedctx // context of a caller
	agent      context.Context //nolint:containedctx // as above
	agentID    uuid.UUID
	approvable string // a write that needs an approval
}

func setup(t *testing.T) *bundle {
	t.Helper()
	d := dbtest.New(t)
	b := &bundle{
		admin: d.Pool(t, d.AdminURL), ada: dbtest.NewID(), agentID: dbtest.NewID(),
		approvable: "INSERT INTO entertainment_playlists (id, created_by, name, visibility) VALUES (app.uuid_v7(), $1, 'n', 'public')",
	}
	_, err := b.admin.Exec(t.Context(), "INSERT INTO identities (id, email, name, email_verified_at) VALUES ($1, 'ada@example.org', 'Ada', clock_timestamp())", b.ada)
	if err != nil {
		t.Fatal(err)
	}
	d.Hire(t, b.ada, b.agentID)
	b.human = auth.With(t.Context(), auth.Identity{ID: b.ada, ActorID: b.ada, Kind: auth.Human})
	b.agent = auth.With(t.Context(), auth.Identity{ID: b.ada, ActorID: b.agentID, Kind: auth.Agent})
	log := slog.New(slog.DiscardHandler)
	b.plain, err = session.Open(t.Context(), session.Config{HumanURL: d.ServiceURL, AgentURL: d.AgentURL, MaxConns: 2, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.plain.Close)
	b.db = refusal.New(b.plain, log)
	return b
}

func exec(query string, args ...any) func(context.Context, *ent.Tx) error {
	return func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, query, args...)
		return err
	}
}

// denials returns "action resource_type request code" of each recorded refusal.
func (b *bundle) denials(t *testing.T) string {
	t.Helper()
	var s string
	err := b.admin.QueryRow(t.Context(), `SELECT coalesce(string_agg(concat_ws(' ', action, resource_type, details ->> 'request', details ->> 'code'), '; ' ORDER BY id), '')
		FROM audit_logs WHERE outcome = 'denied'`).Scan(&s)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRecords(t *testing.T) {
	t.Parallel()
	forbidden := problem.Forbidden("Only a human can do this.")
	for name, test := range map[string]struct {
		options session.Options
		fn      func(b *bundle) func(context.Context, *ent.Tx) error
		status  int
		want    string
	}{
		"without a privilege": {
			session.Options{Description: "DELETE /v1/x"},
			func(*bundle) func(context.Context, *ent.Tx) error { return exec("DELETE FROM audit_logs") },
			http.StatusForbidden, "delete request DELETE /v1/x forbidden",
		},
		"refused by the function": {
			session.Options{Description: "POST /v1/x"},
			func(*bundle) func(context.Context, *ent.Tx) error {
				return func(context.Context, *ent.Tx) error { return forbidden }
			},
			http.StatusForbidden, "create request POST /v1/x forbidden",
		},
		"refused by the function of a read-only unit without a description": {
			session.Options{ReadOnly: true},
			func(*bundle) func(context.Context, *ent.Tx) error {
				return func(context.Context, *ent.Tx) error { return forbidden }
			},
			http.StatusForbidden, "read request forbidden",
		},
		"by a gate": {
			session.Options{Description: "PATCH /v1/x"},
			func(b *bundle) func(context.Context, *ent.Tx) error { return exec(b.approvable, b.ada) },
			http.StatusLocked, "create playlist PATCH /v1/x checkpoint_required",
		},
		"not a refusal": {
			session.Options{Description: "POST /v1/x"},
			func(*bundle) func(context.Context, *ent.Tx) error {
				return func(context.Context, *ent.Tx) error { return problem.NotFound() }
			},
			http.StatusNotFound, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			ctx, cancel := context.WithCancel(b.agent)
			defer cancel()
			fn := test.fn(b)
			err := b.db.Do(ctx, test.options, func(ctx context.Context, tx *ent.Tx) error {
				defer cancel() // The client disconnects; the refusal is still recorded.
				return fn(ctx, tx)
			})
			if err == nil || problem.From(err).Status != test.status {
				t.Errorf("got %v, want %d", err, test.status)
			}
			if got := b.denials(t); got != test.want {
				t.Errorf("recorded %q, want %q", got, test.want)
			}
		})
	}
}

// TestTypedRefusals checks that a unit of work of package session returns what this package needs, and records
// nothing.
func TestTypedRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	err := b.plain.Do(b.agent, session.Options{}, exec("DELETE FROM audit_logs"))
	if _, ok := errors.AsType[*session.Denied](err); !ok {
		t.Errorf("got %T %[1]v, want *session.Denied", err)
	}
	err = b.plain.Do(b.agent, session.Options{}, exec(b.approvable, b.ada))
	gate, ok := errors.AsType[*session.GateRefused](err)
	if !ok || !gate.Unapproved || len(gate.Payload) == 0 {
		t.Errorf("got %T %[1]v, want *session.GateRefused with the payload", err)
	}
	err = b.plain.Do(b.agent, session.Options{Checkpoint: uuid.New()}, exec(b.approvable, b.ada))
	if gate, ok := errors.AsType[*session.GateRefused](err); !ok || gate.Unapproved {
		t.Errorf("got %T %[1]v, want *session.GateRefused of an approval that does not exist", err)
	}
	if got := b.denials(t); got != "" {
		t.Errorf("session recorded %q", got)
	}
}

// TestCheckpointCannotBeRequested checks that the caller is not told to wait for an approval that could not be
// requested.
func TestCheckpointCannotBeRequested(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const withoutPayload = `DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'CH423', DETAIL = '{"code": "checkpoint_required"}'; END $$`
	err := b.db.Do(b.agent, session.Options{}, exec(withoutPayload))
	if err == nil || problem.From(err).Status == http.StatusLocked {
		t.Errorf("got %v, want an error that is not a 423", err)
	}
}

// TestInactiveAgent checks that an agent that was dismissed while its unit ran gets 401, not the refusal.
func TestInactiveAgent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	err := b.db.Do(b.agent, session.Options{}, func(context.Context, *ent.Tx) error {
		if _, err := b.admin.Exec(t.Context(), "UPDATE team_agents SET status = 'dismissed' WHERE id = $1", b.agentID); err != nil {
			return err
		}
		return problem.Forbidden("Only a human can do this.")
	})
	if err == nil || problem.From(err).Status != http.StatusUnauthorized {
		t.Errorf("got %v, want 401", err)
	}
}
