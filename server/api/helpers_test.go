package api_test

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/ent"
)

// pgError is an error as the server sends it, with what clients must not see.
func pgError(code string) error {
	return &pgconn.PgError{Code: code, Message: `new row violates row-level security policy for relation "things"`, TableName: "things"}
}

// capture is an operation that hands its input to the test.
func capture[In any](into **In) func(context.Context, *ent.Tx, *In) (*struct{}, error) {
	return func(_ context.Context, _ *ent.Tx, in *In) (*struct{}, error) {
		*into = in
		return nil, nil
	}
}
