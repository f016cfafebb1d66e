package api

import (
	"context"

	"github.com/chenu/chenu/ent"
)

// CountInput is the input of an operation that counts rows.
type CountInput[F any] struct {
	Filter F
}

// CountOutput is the output of an operation that counts rows. B is a struct with the number.
type CountOutput[B any] struct {
	Body B
}

// Counter returns the handler of an operation that counts the rows of a store that match the
// filter. body returns the body with the number.
func Counter[S interface {
	Count(ctx context.Context, filter *F) (int, error)
}, F, B any](store func(*ent.Tx) S, body func(n int) B) func(context.Context, *ent.Tx, *CountInput[F]) (*CountOutput[B], error) {
	return func(ctx context.Context, tx *ent.Tx, in *CountInput[F]) (*CountOutput[B], error) {
		n, err := store(tx).Count(ctx, &in.Filter)
		if err != nil {
			return nil, err
		}
		return &CountOutput[B]{Body: body(n)}, nil
	}
}
