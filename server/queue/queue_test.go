package queue_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/chenu/chenu/server/queue"
)

// waitFor waits until the key has n callers.
func waitFor(t *testing.T, q *queue.Queue, key string, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); q.Callers(key) != n; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d callers, want %d", q.Callers(key), n)
		}
	}
}

// Hardening item 2: callers of a key are admitted in order and within the limits, and callers of other keys do not
// wait for them.
func TestQueueAdmitsInOrder(t *testing.T) {
	t.Parallel()
	q := queue.New(queue.Config{Active: 1, Waiting: 3, Patience: time.Minute})
	leave, err := q.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	order := make(chan int, 3)
	for i := range 3 {
		go func() {
			leave, err := q.Enter(t.Context(), "a")
			if err != nil {
				t.Error(err)
				return
			}
			order <- i
			leave()
		}()
		waitFor(t, q, "a", i+2)
	}
	if _, err := q.Enter(t.Context(), "a"); !errors.Is(err, queue.ErrBusy) {
		t.Errorf("a caller beyond the limit: %v", err)
	}
	other, err := q.Enter(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	other()
	leave()
	got := []int{<-order, <-order, <-order}
	if !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("admitted in the order %v", got)
	}
	waitFor(t, q, "a", 0)
}

func TestQueueWaitsForALimitedTime(t *testing.T) {
	t.Parallel()
	q := queue.New(queue.Config{Active: 1, Waiting: 1, Patience: time.Millisecond})
	leave, err := q.Enter(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Enter(t.Context(), "a"); !errors.Is(err, queue.ErrBusy) {
		t.Errorf("after the maximum wait: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Enter(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	leave()
	waitFor(t, q, "a", 0)
}
