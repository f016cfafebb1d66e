package session

import (
	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/server/auth"
)

// Driver returns the Ent driver of the client.
func Driver(d *DB) dialect.Driver { return d.driver }

// Pool returns the pool for a kind of actor.
func Pool(d *DB, kind auth.Kind) *pgxpool.Pool { return d.pool(kind) }

// PatchLevel checks the version of a server.
var PatchLevel = patchLevel
