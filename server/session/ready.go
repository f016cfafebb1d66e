package session

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/chenu/chenu/server/auth"
)

// Kinds returns the kinds of actors that there is a pool for.
func (d *DB) Kinds() []auth.Kind { return slices.Sorted(maps.Keys(d.conductor.pools)) }

// AnonymousQueryAs runs one read-only statement without an identity, with the role and in the
// pool of the kind. It is one round trip and a transaction of its own, like AnonymousQuery.
func (d *DB) AnonymousQueryAs(ctx context.Context, kind auth.Kind, query string, args ...any) (*sql.Rows, error) {
	r, err := d.conductor.once(ctx, anonymousSettings(ctx, kind), true, query, args)
	if err != nil {
		return nil, err
	}
	return standardRows(r)
}
