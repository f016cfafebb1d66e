package api_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
)

// pgError returns an error as Postgres sends it, with details that clients must not see.
func pgError(code string) error {
	return &pgconn.PgError{Code: code, Message: `new row violates row-level security policy for relation "things"`, TableName: "things"}
}

// capture returns an operation's function that passes its input to the test.
func capture[In any](into **In) func(context.Context, *ent.Tx, *In) (*struct{}, error) {
	return func(_ context.Context, _ *ent.Tx, in *In) (*struct{}, error) {
		*into = in
		return nil, nil
	}
}

// oneGroup is a limiter that has rules only for logins and for all operations.
type oneGroup struct{ api.Limiter }

func (oneGroup) Limits(group api.Group) bool { return group == api.GroupLogin || group == api.GroupAll }

// TestUnknownRateLimitIsRefused registers an operation of a group for which the limiter has no rule. Without the
// check, its requests would not be counted.
func TestUnknownRateLimitIsRefused(t *testing.T) {
	t.Parallel()
	for group, refused := range map[api.Group]bool{api.GroupLogin: false, "logins": true} {
		store := &store{}
		a, err := api.New(api.Config{Transactor: store, Outcomes: store, Authenticate: authenticate, PageKey: bytes.Repeat([]byte{7}, 32), Limiter: oneGroup{}})
		if err != nil {
			t.Fatal(err)
		}
		op := api.Op{ID: "log-in", Method: http.MethodPost, Path: "/v1/log-in", Tag: "Accounts", Summary: "Log in", Description: "Logs a person in.", Limit: group}
		api.HandlePublic(a, op, func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }) //nolint:nilnil // no output
		if _, err := a.Handler(); (err != nil && strings.Contains(err.Error(), "rate limit")) != refused {
			t.Errorf("%s: %v", group, err)
		}
	}
}
