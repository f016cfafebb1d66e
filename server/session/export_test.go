package session

import (
	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/server/auth"
)

// Driver is Ent's driver below the client.
func Driver(d *DB) dialect.Driver { return d.driver }

// Pool is the pool for a kind of actor.
func Pool(d *DB, kind auth.Kind) *pgxpool.Pool { return d.pool(kind) }

// PatchLevel judges a server's version.
var PatchLevel = patchLevel
