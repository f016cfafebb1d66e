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

// Bounds of what waits for a turn. Clients time out later than turnPatience, and it is well
// below the time that an operation may take.
const (
	turnPatience = 5 * time.Second
	maxWaiting   = 200
)

// turns is a Transactor that lets one identity use a part of the connections only, so that
// the transactions of one identity, however slow, cannot keep every other identity waiting.
// Further transactions of the identity wait in order. One that waits too long is refused
// with 429 too_many_concurrent_requests, before anything of it was done.
type turns struct {
	Transactor
	queue *queue.Queue
}

func newTurns(t Transactor, concurrency int) turns {
	return turns{t, queue.New(queue.Config{Active: concurrency, Waiting: maxWaiting, Patience: turnPatience})}
}

// Do implements [Transactor].
func (t turns) Do(ctx context.Context, o session.Options, fn func(ctx context.Context, tx *ent.Tx) error) error {
	id, ok := auth.From(ctx)
	if !ok {
		return t.Transactor.Do(ctx, o, fn)
	}
	// People and agents have a pool each.
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
