package session

import (
	"context"
	"database/sql"

	"github.com/chenu/chenu/server/auth"
)

// Kinds returns the kinds of actors that have a pool.
func (d *DB) Kinds() []auth.Kind {
	var kinds []auth.Kind
	for _, name := range d.driver.Pools() {
		kinds = append(kinds, auth.Kind(name))
	}
	return kinds
}

// AnonymousQueryAs runs a read-only statement without an identity, with the role and in the pool of the kind, in one
// round trip and its own transaction, like AnonymousQuery.
func (d *DB) AnonymousQueryAs(ctx context.Context, kind auth.Kind, query string, args ...any) (*sql.Rows, error) {
	return d.driver.QueryOnce(ctx, anonymous(ctx, kind), true, query, args...)
}
