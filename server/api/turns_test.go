package api

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/queue"
	"github.com/chenu/chenu/server/session"
)

// direct calls fn without a transaction.
type direct struct{}

func (direct) Do(ctx context.Context, _ session.Options, fn func(context.Context, *ent.Tx) error) error {
	return fn(ctx, nil)
}

// The number of concurrent transactions of an identity is limited. Another one is rejected with a problem that says
// when to retry. Other identities, and the identity's agents, which have a separate limit, do not wait.
func TestConcurrencyOfOneIdentityIsBounded(t *testing.T) {
	t.Parallel()
	bounded := turns{direct{}, queue.New(queue.Config{Active: 1, Waiting: 1, Patience: time.Millisecond})}
	ada, eve := uuid.New(), uuid.New()
	as := func(id uuid.UUID, kind auth.Kind) context.Context {
		return auth.With(t.Context(), auth.Identity{ID: id, ActorID: id, Kind: kind})
	}
	run := func(ctx context.Context, during func()) error {
		return bounded.Do(ctx, session.Options{}, func(context.Context, *ent.Tx) error { during(); return nil })
	}
	err := run(as(ada, auth.Human), func() {
		var p *problem.Problem
		if err := run(as(ada, auth.Human), func() { t.Error("a second transaction runs") }); !errors.As(err, &p) ||
			p.Status != http.StatusTooManyRequests || p.Code != "too_many_concurrent_requests" || p.Header.Get("Retry-After") != "1" {
			t.Errorf("the second transaction: %v", err)
		}
		for name, ctx := range map[string]context.Context{
			"another identity": as(eve, auth.Human), "an agent": as(ada, auth.Agent), "nobody": t.Context(),
		} {
			ran := false
			if err := run(ctx, func() { ran = true }); err != nil || !ran {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
	if err := run(as(ada, auth.Human), func() {}); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}
