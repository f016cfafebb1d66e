package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// A stream is aborted, so that it does not look complete, once its agent was dismissed or its timeout has passed.
func TestAStreamEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout time.Duration
		valid   func(parts int) error
		most    int
	}{
		"a dismissed agent":  {time.Minute, func(parts int) error { return map[bool]error{true: auth.ErrInvalidToken}[parts >= 3] }, 3},
		"no time left":       {time.Nanosecond, func(int) error { return nil }, 0},
		"an unknown session": {time.Minute, func(int) error { return errors.New("the database is away") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parts := 0
			b := setup(t, func(c *api.Config, _ *bundle) func(*api.API) {
				c.StreamTimeout = test.timeout
				c.StillValid = func(_ context.Context, who auth.Identity) error {
					if who.ActorID != helper {
						t.Errorf("checked the caller %v", who)
					}
					return test.valid(parts)
				}
				return func(a *api.API) {
					api.HandleStream(a, api.Op{ID: "read-all", Method: http.MethodGet, Path: "/v1/all", Tag: "things", Summary: "Read all", ContentType: "text/plain"},
						func(context.Context, *ent.Tx, *struct{}) (api.Stream, error) {
							return func(ctx context.Context, db api.Transactor, w io.Writer) error {
								for range 10 {
									if err := db.Do(ctx, session.Options{ReadOnly: true}, func(context.Context, *ent.Tx) error { return nil }); err != nil {
										return err
									}
									parts++
									if _, err := io.WriteString(w, "part\n"); err != nil {
										return err
									}
								}
								return nil
							}, nil
						})
				}
			})
			handler := b.handler
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/all", nil)
			r.Header.Set("Authorization", "Bearer helper")
			defer func() {
				if ended := recover(); ended != http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value the same way.
					t.Errorf("the stream ended with %v, want http.ErrAbortHandler", ended)
				}
				if parts != test.most {
					t.Errorf("%d parts were sent, want %d", parts, test.most)
				}
			}()
			handler.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}
