// Package queue limits the concurrent work of each client, so that slow requests of one client do not delay the
// requests of others.
package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy is returned if too many callers of a key wait, or if a caller has waited for the configured time.
var ErrBusy = errors.New("queue: too much is waiting for this key")

// Config contains the limits for each key of a queue.
type Config struct {
	// Active is how many callers of a key are admitted at the same time; at least 1.
	Active int
	// Waiting is how many further callers of a key may wait in Enter.
	Waiting int
	// Patience is how long a caller waits at most; zero means until its context is done.
	Patience time.Duration
}

// Queue admits a limited number of callers for each key. Further callers of that key wait and are admitted in the
// order of their arrival. Keys do not affect each other. A Queue is safe for concurrent use.
type Queue struct {
	config Config
	mu     sync.Mutex
	lines  map[string]*line
}

// line is the queue of one key. It exists while the key has callers.
type line struct {
	active  *semaphore.Weighted
	callers int // active and waiting, guarded by Queue.mu
}

// New returns a queue without callers.
func New(c Config) *Queue {
	c.Active = max(1, c.Active)
	return &Queue{config: c, lines: map[string]*line{}}
}

// Enter waits until the caller is admitted, and returns a function that the caller must call once when it has
// finished. The error is ErrBusy, or the error of the context if the context is done first.
func (q *Queue) Enter(ctx context.Context, key string) (leave func(), err error) {
	l, err := q.join(key)
	if err != nil {
		return nil, err
	}
	// A caller that need not wait is admitted even if its context is already done; Acquire would return an error.
	if !l.active.TryAcquire(1) {
		waiting := ctx
		if q.config.Patience > 0 {
			var cancel context.CancelFunc
			waiting, cancel = context.WithTimeout(ctx, q.config.Patience)
			defer cancel()
		}
		if err := l.active.Acquire(waiting, 1); err != nil {
			q.quit(key, l)
			if ctx.Err() == nil {
				return nil, ErrBusy
			}
			return nil, fmt.Errorf("wait in a queue: %w", err)
		}
	}
	return func() {
		l.active.Release(1)
		q.quit(key, l)
	}, nil
}

// join adds a caller to the key's line.
func (q *Queue) join(key string) (*line, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[key]
	if l == nil {
		l = &line{active: semaphore.NewWeighted(int64(q.config.Active))}
		q.lines[key] = l
	}
	if l.callers >= q.config.Active+q.config.Waiting {
		return nil, ErrBusy
	}
	l.callers++
	return l, nil
}

// quit removes a caller that join added. The last caller of a key deletes its line.
func (q *Queue) quit(key string, l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.callers--; l.callers == 0 {
		delete(q.lines, key)
	}
}

// Callers returns how many callers of the key are admitted or waiting.
func (q *Queue) Callers(key string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := q.lines[key]; l != nil {
		return l.callers
	}
	return 0
}
