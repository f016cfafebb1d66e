// Package queue bounds how much one client may do at the same time, so that a slow request of
// one client does not delay the requests of others.
package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy is returned when a key has too many waiters, or when a waiter has waited as long
// as the queue allows.
var ErrBusy = errors.New("queue: too much is waiting for this key")

// Config bounds each key of a queue.
type Config struct {
	// Active is how many callers of one key may be between Enter and leave; at least 1.
	Active int
	// Waiting is how many more callers of one key may wait in Enter.
	Waiting int
	// Patience is how long a caller waits; zero is as long as its context allows.
	Patience time.Duration
}

// Queue admits a bounded number of callers for each key. The other callers of that key wait
// in the order in which they came. Keys do not affect each other. Safe for concurrent use.
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

// Enter waits until the caller is admitted and returns a function that the caller must call
// once when it has finished. The error is ErrBusy, or the context's when the context ends
// first.
func (q *Queue) Enter(ctx context.Context, key string) (leave func(), err error) {
	l, err := q.join(key)
	if err != nil {
		return nil, err
	}
	// Who need not wait is admitted however little time there is: Acquire refuses when its
	// context has ended, also where the caller could go on.
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

// join counts a caller of the key.
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

// quit ends what join began. The last caller of a key deletes its line.
func (q *Queue) quit(key string, l *line) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.callers--; l.callers == 0 {
		delete(q.lines, key)
	}
}

// Callers returns how many callers of the key are admitted or wait.
func (q *Queue) Callers(key string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l := q.lines[key]; l != nil {
		return l.callers
	}
	return 0
}
