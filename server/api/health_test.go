package api_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chenu/chenu/server/api"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	good := func(context.Context) error { return nil }
	bad := func(context.Context) error { return errors.New("pgx: password of chenu is wrong") }
	falling := func(context.Context) error { panic("no") }
	hanging := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, test := range []struct {
		name   string
		checks []api.Check
		status int
		want   map[string]any
	}{
		{"no checks", nil, 200, map[string]any{"status": "ok"}},
		{"ready", []api.Check{{"database", good}, {"migrations", good}}, 200, map[string]any{"status": "ok", "checks": map[string]any{"database": "ok", "migrations": "ok"}}},
		{"not ready", []api.Check{{"database", bad}, {"migrations", good}}, 503, map[string]any{"status": "failed", "checks": map[string]any{"database": "failed", "migrations": "ok"}}},
		{"panic", []api.Check{{"database", falling}}, 503, map[string]any{"status": "failed", "checks": map[string]any{"database": "failed"}}},
		{"hanging", []api.Check{{"database", hanging}}, 503, map[string]any{"status": "failed", "checks": map[string]any{"database": "failed"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(*api.Config, *bundle) func(*api.API) {
				return func(a *api.API) { api.HandleHealth(a, test.checks...) }
			})
			b.Get("/healthz", "Authorization", "").Want(http.StatusOK)
			if got := b.Get("/readyz", "Authorization", "").Want(test.status).Object(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("the response is %v, want %v", got, test.want)
			}
			b.Get("/readyz?verbose=1").WantProblem(http.StatusBadRequest, "invalid_request")
		})
	}
}

// Anyone can request /readyz, so the checks do not run for every request.
func TestReadinessIsCheckedOnceForAllCallers(t *testing.T) {
	t.Parallel()
	var checks atomic.Int64
	slow := func(context.Context) error {
		checks.Add(1)
		<-time.After(20 * time.Millisecond)
		return nil
	}
	b := setup(t, func(*api.Config, *bundle) func(*api.API) {
		return func(a *api.API) { api.HandleHealth(a, api.Check{Name: "database", Ready: slow}) }
	})
	started := time.Now()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { b.Get("/readyz", "Authorization", "").Want(http.StatusOK) })
	}
	all.Wait()
	if n, most := checks.Load(), 1+int64(time.Since(started)/time.Second); n > most {
		t.Errorf("50 requests ran the check %d times, want at most %d", n, most)
	}
	b.Get("/healthz", "Authorization", "").Want(http.StatusOK)
	before := checks.Load()
	for deadline := time.Now().Add(20 * time.Second); checks.Load() == before; <-time.After(50 * time.Millisecond) {
		if b.Get("/readyz", "Authorization", ""); time.Now().After(deadline) {
			t.Fatal("the check never runs again")
		}
	}
}
