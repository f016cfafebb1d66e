package apply

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
)

// retry calls try until it succeeds, fails for another reason than a lock, or has failed after all retries.
func (a *applier) retry(ctx context.Context, try func() error) error {
	for attempt := 1; ; attempt++ {
		err := try()
		failed, ok := errors.AsType[*StatementError](err)
		if !ok {
			return err
		}
		failed.Attempts = attempt
		if !lockMissed(err) {
			return err
		}
		if attempt > a.LockRetries {
			failed.Advice = failed.kept + ": " + a.lockAdvice(failed)
			return err
		}
		pause := backoff(attempt)
		at := Position{File: failed.File, Line: failed.Line, Statement: failed.Statement, Statements: failed.Statements, SQL: failed.SQL}
		a.event(Retrying{Position: at, Blockers: a.watcher.blockers, Attempt: attempt, Attempts: a.LockRetries + 1, Pause: pause})
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			failed.Err = errors.Join(ctx.Err(), failed.Err)
			failed.Advice = failed.kept + ": the run was canceled; apply again"
			return err
		case <-timer.C:
		}
	}
}

func lockMissed(err error) bool {
	return state(err) == stateLockNotAvailable || state(err) == stateDeadlockDetected
}

// backoff returns the pause after an attempt: a random part of a limit that doubles each time, so that sessions that
// wait for the same lock do not retry together.
func backoff(attempt int) time.Duration {
	const first, longest = 500 * time.Millisecond, 30 * time.Second
	return rand.N(min(first<<min(attempt-1, 10), longest)) //nolint:gosec // only spreads the attempts
}

func (a *applier) lockAdvice(failed *StatementError) string {
	what := fmt.Sprintf("another session held its lock for longer than the lock timeout of %s", a.LockTimeout)
	if state(failed.Err) == stateDeadlockDetected {
		what = "a deadlock with another session"
	}
	if failed.Attempts > 1 {
		what += fmt.Sprintf(", %d times", failed.Attempts)
	}
	if a.watcher.blockers != "" {
		what += " (" + a.watcher.blockers + ")"
	}
	return what + ": apply again at a quieter time, or with a longer --lock-timeout or more --lock-retries"
}

// budget is the remaining lock timeout of a transaction. A session that waits for a lock of its first statement also
// waits while later statements wait for theirs, so these waits share one timeout.
type budget struct {
	whole, given time.Duration
	began        time.Time
}

func newBudget(whole time.Duration) *budget {
	return &budget{whole: whole, given: whole, began: time.Now()}
}

// share sets the lock timeout of the next statement to the remainder, less a tenth for running, and at least a tenth
// of the whole.
func (b *budget) share(ctx context.Context, tx pgx.Tx) error {
	left := max(9*(b.whole-time.Since(b.began))/10, b.whole/10)
	if b.whole == 0 || b.given-left < b.whole/20 { // a small difference is not reported
		return nil
	}
	b.given = left
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", max(left.Milliseconds(), 1))); err != nil {
		return fmt.Errorf("set the remaining lock timeout: %w", err)
	}
	return nil
}
