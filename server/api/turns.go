package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/queue"
	"github.com/chenu/chenu/server/session"
)

// Limits of the queue of waiting transactions. turnTimeout is shorter than the timeouts of clients, and well below
// the timeout of an operation.
const (
	turnTimeout = 5 * time.Second
	maxWaiting  = 200
)

// turns is a Transactor that limits the concurrent transactions of an identity to a part of the connections, so that
// slow transactions of one identity do not block all other identities. Further transactions of the identity wait in
// order. A transaction that waits longer than turnTimeout is rejected with 429 too_many_concurrent_requests before it
// starts.
type turns struct {
	Transactor
	queue *queue.Queue
}

func newTurns(t Transactor, concurrency int) turns {
	return turns{t, queue.New(queue.Config{Active: concurrency, Waiting: maxWaiting, Patience: turnTimeout})}
}

// Do implements [Transactor].
func (t turns) Do(ctx context.Context, o session.Options, fn func(ctx context.Context, tx *ent.Tx) error) error {
	id, ok := auth.From(ctx)
	if !ok {
		return t.Transactor.Do(ctx, o, fn)
	}
	// An identity itself and its agents have separate limits.
	leave, err := t.queue.Enter(ctx, string(id.Kind)+string(id.ID[:]))
	if errors.Is(err, queue.ErrBusy) {
		return problem.New(http.StatusTooManyRequests, "too_many_concurrent_requests",
			"Too many requests of this identity are running at the same time. Repeat the request after Retry-After.").
			WithRetryAfter(time.Second).WithCause(err)
	}
	if err != nil {
		return err
	}
	defer leave()
	return t.Transactor.Do(ctx, o, fn)
}
