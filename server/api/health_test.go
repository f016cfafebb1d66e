package api_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"testing"

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
				t.Errorf("answered %v, want %v", got, test.want)
			}
			b.Get("/readyz?verbose=1").WantProblem(http.StatusBadRequest, "invalid_request")
		})
	}
}
