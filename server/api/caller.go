package api

import (
	"context"

	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
)

// Caller returns the identity that an authenticated operation runs as, and [problem.Unauthorized] if there is none.
func Caller(ctx context.Context) (auth.Identity, error) {
	id, ok := auth.From(ctx)
	if !ok {
		return auth.Identity{}, problem.Unauthorized("")
	}
	return id, nil
}
