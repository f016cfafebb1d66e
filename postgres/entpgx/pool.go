package entpgx

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Open opens a pool of connections. If named is false, no statement is prepared by name, as a pooler in transaction
// mode requires: each statement is then parsed and planned when it runs. Open changes config. All pools must be opened
// before the first use of the driver.
func (c *Driver) Open(ctx context.Context, name string, config *pgxpool.Config, named bool) error {
	// The driver uses pgconn and caches statements itself. Statements that go through pgx must not be prepared.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.ConnConfig.StatementCacheCapacity = 0
	config.ConnConfig.DescriptionCacheCapacity = 0
	config.ConnConfig.OnNotice = receiveNotice
	// The text form of results must not depend on the configuration of the server. PgBouncer keeps track of exactly these
	// parameters, and of application_name.
	params := config.ConnConfig.RuntimeParams
	params["DateStyle"], params["TimeZone"], params["client_encoding"] = "ISO, YMD", "UTC", "UTF8"
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		return c.prepare(ctx, conn, named)
	}
	config.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		return doubtful(p.Conn.PgConn().Conn(), p.IdleDuration)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("entpgx: open the pool %s: %w", name, err)
	}
	c.pools[name] = pool
	return nil
}

// Pool returns a pool by its name, or nil.
func (c *Driver) Pool(name string) *pgxpool.Pool { return c.pools[name] }

// Pools returns the names of the pools, sorted.
func (c *Driver) Pools() []string { return slices.Sorted(maps.Keys(c.pools)) }

// ClosePools closes all connections. It waits for those in use.
func (c *Driver) ClosePools() {
	for _, pool := range c.pools {
		pool.Close()
	}
}
