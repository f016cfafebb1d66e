package session_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// settingsQuery returns the caller's settings as Postgres sees them.
const settingsQuery = `SELECT current_user, current_setting('role'), current_setting('app.identity_id'), current_setting('app.actor_id'),
	current_setting('app.session_id'), current_setting('app.auth_time'), current_setting('app.request_id'),
	current_setting('app.traceparent'), current_setting('app.checkpoint_id'), current_setting('app.ip'),
	current_setting('app.user_agent'), current_setting('app.client_request_id'), current_setting('transaction_read_only')`

type seen struct {
	User, Role, Identity, Actor, Session, AuthTime, Request, Traceparent, Checkpoint, IP, UserAgent, ClientRequest, ReadOnly string
}

func look(ctx context.Context, t testing.TB, q session.Querier) (s seen) {
	t.Helper()
	scanOne(ctx, t, q, settingsQuery, nil, &s.User, &s.Role, &s.Identity, &s.Actor, &s.Session, &s.AuthTime, &s.Request,
		&s.Traceparent, &s.Checkpoint, &s.IP, &s.UserAgent, &s.ClientRequest, &s.ReadOnly)
	return s
}

// TestSettings shows that every kind of statement and transaction sets the caller's settings in Postgres.
func TestSettings(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	id, actor, login, request, given, checkpoint := uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()
	ctx := auth.With(t.Context(), auth.Identity{
		ID: id, ActorID: actor, Kind: auth.Agent, SessionID: login,
		AuthTime: time.Date(2026, 11, 22, 12, 0, 0, 500, time.FixedZone("", 3600)),
	})
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	// Header values of clients must neither fail the request nor terminate a string.
	ctx = auth.WithRequest(ctx, auth.Request{ID: request, ClientID: given, Traceparent: trace, IP: "2001:db8::1", UserAgent: "a'; DROP\x00 \xff\\" + strings.Repeat("é", 500)})
	want := seen{
		User: "chenu_agent", Role: "chenu_agent", Identity: id.String(), Actor: actor.String(), Session: login.String(),
		AuthTime: "2026-11-22T11:00:00.0000005Z", Request: request.String(), ClientRequest: given.String(), Traceparent: trace, IP: "2001:db8::1",
		UserAgent: "a'; DROP \uFFFD\\" + strings.Repeat("é", 400-11), ReadOnly: "off",
	}
	if got := look(ctx, t, b.Client()); got != want {
		t.Errorf("single statement:\n got %+v\nwant %+v", got, want)
	}
	want.Checkpoint = checkpoint.String()
	for _, readOnly := range []bool{false, true} {
		if readOnly {
			want.ReadOnly = "on"
		}
		err := b.Do(ctx, session.Options{ReadOnly: readOnly, Checkpoint: checkpoint}, func(ctx context.Context, tx *ent.Tx) error {
			for range 2 {
				if got := look(ctx, t, tx); got != want {
					t.Errorf("read-only %v:\n got %+v\nwant %+v", readOnly, got, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	err := b.Anonymous(ctx, func(q session.Querier) error {
		got := look(ctx, t, q)
		want := seen{
			User: "chenu_human", Role: "chenu_human", Request: request.String(), ClientRequest: given.String(), Traceparent: trace, IP: "2001:db8::1",
			UserAgent: want.UserAgent, ReadOnly: "off",
		}
		if got != want {
			t.Errorf("anonymous:\n got %+v\nwant %+v", got, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	human, person := as(t)
	want = seen{User: "chenu_human", Role: "chenu_human", Identity: person.String(), Actor: person.String(), ReadOnly: "off"}
	if got := look(human, t, b.Client()); got != want {
		t.Errorf("the next caller on the connection:\n got %+v\nwant %+v", got, want)
	}
}

// TestLeftOverSettings shows that a setting made for the whole connection does not affect the next caller.
func TestLeftOverSettings(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	b.exec(t, things)
	victim, id := as(t)
	b.exec(t, insertThing, id, "secret")
	attacker, own := as(t)
	for _, statement := range []string{
		"SET app.identity_id = '" + id.String() + "'",
		"SET ROLE chenu_agent",
		"SELECT set_config('app.identity_id', '" + id.String() + "', false)",
	} {
		_, _ = b.Client().ExecContext(attacker, statement)
		other, _ := as(t)
		for name, ctx := range map[string]context.Context{"attacker": attacker, "another": other} {
			var n int
			scanOne(ctx, t, b.Client(), "SELECT count(*) FROM things", nil, &n)
			if n != 0 {
				t.Errorf("after %s: %s sees %d rows of the victim", statement, name, n)
			}
		}
		err := b.Anonymous(t.Context(), func(q session.Querier) error {
			var n int
			scanOne(t.Context(), t, q, "SELECT count(*) FROM things", nil, &n)
			if n != 0 {
				t.Errorf("after %s: a caller without an identity sees %d rows", statement, n)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if got := look(attacker, t, b.Client()); got.Identity != own.String() || got.Role != "chenu_human" {
		t.Errorf("the attacker's settings: %+v", got)
	}
	var n int
	scanOne(victim, t, b.Client(), "SELECT count(*) FROM things", nil, &n)
	if n != 1 {
		t.Errorf("the victim sees %d of its rows, want 1", n)
	}
}

// TestNoIdentity shows that nothing is sent without a complete identity, by any method.
func TestNoIdentity(t *testing.T) {
	t.Parallel()
	b := closed(t)
	network := newCounter(t, b.database.ServiceURL)
	b.database.ServiceURL = network.url
	b.DB = open(t, b.database)
	id := uuid.New()
	for name, ctx := range map[string]context.Context{
		"no identity":   t.Context(),
		"zero identity": auth.With(t.Context(), auth.Identity{ActorID: id, Kind: auth.Human}),
		"no actor":      auth.With(t.Context(), auth.Identity{ID: id, Kind: auth.Human}),
		"no kind":       auth.With(t.Context(), auth.Identity{ID: id, ActorID: id}),
		"unknown kind":  auth.With(t.Context(), auth.Identity{ID: id, ActorID: id, Kind: "postgres"}),
	} {
		trips := network.during(func() {
			_, execErr := b.Client().ExecContext(ctx, "SELECT 1")
			_, queryErr := b.Client().QueryContext(ctx, "SELECT 1")
			_, txErr := b.Client().Tx(ctx)
			_, entErr := b.Client().Contact.Query().All(ctx)
			doErr := b.Do(ctx, session.Options{}, func(context.Context, *ent.Tx) error {
				t.Errorf("%s: the function was called", name)
				return nil
			})
			for i, err := range []error{execErr, queryErr, txErr, entErr, doErr} {
				if !errors.Is(err, session.ErrNoIdentity) {
					t.Errorf("%s: method %d: %v", name, i, err)
				}
			}
		})
		if len(trips) != 0 {
			t.Errorf("%s: %d round trips", name, len(trips))
		}
	}
}
