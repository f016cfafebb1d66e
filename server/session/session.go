// Package session gives the service access to the database. Each transaction runs as one identity. The driver
// (postgres/entpgx) sets the identity in the same round trip as the first statement. Without an identity, no statement
// is sent. Postgres decides what the identity may see and change.
//
// Requests use Do, a unit of work. Single statements that need no transaction use Client, with one round trip each.
// Anonymous is for the few functions that a caller without an identity may call.
package session

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/auth"
)

// Config configures the connection to the database.
type Config struct {
	// HumanURL contains the login for requests of humans, a member of chenu_human only (see `chenu bootstrap`). It
	// accepts pgxpool's parameters, such as pool_max_conns.
	HumanURL string
	// AgentURL contains the login for requests of agents, a member of chenu_agent only. If it is empty or equal to
	// HumanURL, SharedLogin must be set.
	AgentURL string
	// SharedLogin allows one login for humans and agents, a member of chenu_app. SQL in an agent's transaction can
	// then become a human.
	SharedLogin bool
	// MaxConns is the maximum size of each of the two pools. If it is zero, the URL determines the size; the default
	// of pgx is the number of processors, at least 4.
	MaxConns int32
	// Pooler reports whether there is a pooler in transaction mode, such as PgBouncer, in front of Postgres. In that
	// case statements are not prepared: they are parsed and planned each time they run.
	Pooler bool
	// StrictPatchLevel rejects a server whose minor version lacks security fixes that row-level security relies on. If
	// it is not set, this is a warning.
	StrictPatchLevel bool
	// Logger receives the warnings; nil means slog.Default().
	Logger *slog.Logger
}

// DB gives access to the database as the identity in the context. It is safe for concurrent use.
type DB struct {
	driver *entpgx.Driver
	client *ent.Client
}

// Open opens one pool for each kind of actor. It returns an error if row-level security does not hold for the login;
// the error says what to do.
//
// There are two pools because Postgres analyzes a prepared statement again after the role of its connection has
// changed, which costs more than reading a row by its key.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.HumanURL == "" {
		return nil, errors.New("session: no database URL")
	}
	if cfg.AgentURL == "" {
		cfg.AgentURL = cfg.HumanURL
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default() //nolint:forbidigo // the documented default
	}
	if cfg.shared() {
		if !cfg.SharedLogin {
			return nil, ErrSharedLogin
		}
		cfg.Logger.WarnContext(ctx, "people and agents share one database login: SQL in an agent's transaction can become a human and approve its own request; "+
			"to end this, run `chenu bootstrap`, set CHENU_AGENT_DATABASE_URL and unset CHENU_SHARED_LOGIN")
	}
	d := &DB{driver: entpgx.New(entpgx.Config{
		Settings: settingsSQL, ReadOnlySettings: readOnlySettingsSQL, Prelude: prelude, Announced: stateLocked,
		PoolerAdvice: "set CHENU_DATABASE_POOLER=transaction",
	})}
	for _, kind := range []auth.Kind{auth.Human, auth.Agent} {
		if err := d.open(ctx, kind, cfg); err != nil {
			d.Close()
			return nil, err
		}
		if err := d.guard(ctx, kind, cfg); err != nil {
			d.Close()
			return nil, err
		}
	}
	d.client = newClient(d.driver)
	return d, nil
}

// ErrSharedLogin is returned by Open if humans and agents would share one login and Config.SharedLogin does not allow
// it.
var ErrSharedLogin = errors.New("session: people and agents would share one database login, and SQL in an agent's transaction could then become a human " +
	"and approve its own request. Either run `chenu bootstrap` and set CHENU_AGENT_DATABASE_URL to the login for agents, " +
	"or set CHENU_SHARED_LOGIN=true to accept this (the login must then be a member of chenu_app: `chenu bootstrap --shared-login`)")

// shared reports whether humans and agents share one login.
func (c Config) shared() bool { return c.AgentURL == c.HumanURL }

// Limits of a pool that the URL does not set.
const (
	connectTimeout = 5 * time.Second
	// lifetimeJitter spreads the hourly renewal of connections.
	lifetimeJitter = 5 * time.Minute
)

// open opens the pool for a kind of actor.
func (d *DB) open(ctx context.Context, kind auth.Kind, cfg Config) error {
	url := cfg.HumanURL
	if kind == auth.Agent {
		url = cfg.AgentURL
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("session: database URL for actors of the kind %s: %w", kind, err)
	}
	if cfg.MaxConns > 0 {
		config.MaxConns = cfg.MaxConns
	}
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.MaxConnLifetimeJitter == 0 {
		config.MaxConnLifetimeJitter = lifetimeJitter
	}
	if params := config.ConnConfig.RuntimeParams; params["application_name"] == "" {
		params["application_name"] = "chenu " + string(kind)
	}
	if err := d.driver.Open(ctx, string(kind), config, !cfg.Pooler); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// Close closes all connections. It waits for connections in use.
func (d *DB) Close() { d.driver.ClosePools() }

// Ping checks that each pool has a connection that can become the pool's role.
func (d *DB) Ping(ctx context.Context) error {
	for _, kind := range d.Kinds() {
		if err := d.try(ctx, kind); err != nil {
			return fmt.Errorf("session: ping as %s: %w", kind, err)
		}
	}
	return nil
}

// try runs a statement without an identity in the role of the kind.
func (d *DB) try(ctx context.Context, kind auth.Kind) error {
	rows, err := d.driver.QueryOnce(ctx, anonymous(ctx, kind), true, "SELECT 1")
	if err != nil {
		return err
	}
	return errors.Join(rows.Close(), rows.Err())
}

// Stats returns the statistics of each pool, for metrics.
func (d *DB) Stats() map[auth.Kind]*pgxpool.Stat {
	stats := map[auth.Kind]*pgxpool.Stat{}
	for _, kind := range d.Kinds() {
		stats[kind] = d.pool(kind).Stat()
	}
	return stats
}

// MaxConns returns the size of the pool for a kind of actor.
func (d *DB) MaxConns(kind auth.Kind) int { return int(d.pool(kind).Config().MaxConns) }

func (d *DB) pool(kind auth.Kind) *pgxpool.Pool { return d.driver.Pool(string(kind)) }

// Client returns the graph's client for single statements. Each statement runs as the identity in its context, in one
// round trip and its own transaction. Operations for which Ent needs several statements (an update that reads the row,
// edges) run in one transaction.
func (d *DB) Client() *ent.Client { return d.client }

// Options are the options of a unit of work.
type Options struct {
	// ReadOnly rejects every write. At the default isolation level it also saves the round trip of the commit: see Do.
	ReadOnly bool
	// Checkpoint is the approved checkpoint that a gated write consumes; zero means none.
	Checkpoint uuid.UUID
	// Several allows the unit to make several writes. If one of them needs an approval, the unit runs a second
	// time to collect all of them, so that one approval covers them. The function of such a unit must have no effects
	// outside its transaction.
	Several bool
	// Isolation is the isolation level of the transaction; zero means READ COMMITTED.
	Isolation sql.IsolationLevel
	// Description describes the unit when its refusal is recorded. This package does not use it.
	Description string
}

// Do runs fn in a transaction of the identity in ctx, a unit of work. It commits if fn returns nil, and rolls back if
// fn returns an error or panics; a panic is propagated. If ctx is done before the commit, the transaction is rolled
// back.
//
// Nothing is sent before fn's first statement, and nothing at all if fn has no statements. A unit of n statements
// costs n+1 round trips. A read-only unit of n statements costs n round trips: at READ COMMITTED every statement sees
// its own snapshot anyway, so each statement is a separate read-only transaction. Use sql.LevelRepeatableRead if
// several statements must see the same snapshot.
//
// Errors are returned unchanged: errors of the driver as *pgconn.PgError, including serialization failures (40001,
// 40P01), so that the caller decides whether to retry; ErrNoIdentity; entpgx.ErrCommitUnknown; ErrNested if fn begins
// another unit with its context. If the database refused a statement, the error is a *Denied or a *GateRefused, which
// wraps the error of fn; server/refusal records it. fn and tx must be used by one goroutine only.
func (d *DB) Do(ctx context.Context, o Options, fn func(ctx context.Context, tx *ent.Tx) error) error {
	ctx, cancel := context.WithCancel(context.WithValue(ctx, checkpointKey{}, o.Checkpoint))
	defer cancel()
	tx, err := d.client.BeginTx(ctx, &sql.TxOptions{ReadOnly: o.ReadOnly, Isolation: o.Isolation})
	if err != nil {
		return err
	}
	inner := ctx
	if !o.ReadOnly || o.Isolation != sql.LevelDefault {
		inner = context.WithValue(ctx, holdsKey{}, true)
	}
	err = refusal(finish(tx, func() error { return fn(inner, tx) }))
	if gate, ok := errors.AsType[*GateRefused](err); ok && o.Several && gate.Unapproved {
		return d.collect(ctx, o, fn, gate)
	}
	return err
}

// Accounted reports whether the unit of work that ctx belongs to runs in collecting mode or has an approval. In that
// case its writes must have the same order each time it runs.
func Accounted(ctx context.Context) bool {
	checkpoint, _ := ctx.Value(checkpointKey{}).(uuid.UUID)
	return checkpoint != uuid.Nil || ctx.Value(collectingKey{}) != nil
}

// ErrNested is returned if a unit of work begins another unit, or runs a statement outside its transaction. Its
// transaction holds a connection: if every connection of the pool is held by a unit that waits for a second one, no
// unit ever ends.
var ErrNested = errors.New("session: the unit of work already holds a connection and must not wait for another one")

// holdsKey marks the context of a unit of work that holds a connection.
type holdsKey struct{}

// nested returns ErrNested in the context of a unit of work that holds a connection.
func nested(ctx context.Context) error {
	if ctx.Value(holdsKey{}) != nil {
		return ErrNested
	}
	return nil
}

// Querier runs raw statements. The rows that it returns hold no connection.
type Querier = entpgx.Querier

// Anonymous runs fn in a transaction without an identity, in the role of a human, even if ctx has an identity.
// Policies show no rows to such a caller. Only functions that are made for it, such as app.login_lookup, return data.
func (d *DB) Anonymous(ctx context.Context, fn func(Querier) error) error {
	if err := nested(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tx, err := d.driver.Begin(ctx, anonymous(ctx, auth.Human), nil)
	if err != nil {
		return err
	}
	return finish(tx, func() error { return fn(tx.(Querier)) })
}

// AnonymousQuery runs one statement without an identity, like Anonymous, in one round trip and its own transaction.
func (d *DB) AnonymousQuery(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := nested(ctx); err != nil {
		return nil, err
	}
	return d.driver.QueryOnce(ctx, anonymous(ctx, auth.Human), false, query, args...)
}

// finish calls work and commits or rolls back the transaction accordingly. The rollback after a panic, or a test's
// FailNow, is deferred, so that the original stack is kept.
func finish(tx interface {
	Commit() error
	Rollback() error
}, work func() error) error {
	worked := false
	defer func() {
		if !worked {
			_ = tx.Rollback() // the panic is what matters
		}
	}()
	err := work()
	worked = true
	if err == nil {
		return tx.Commit()
	}
	if rollbackErr := tx.Rollback(); rollbackErr != nil && !errors.Is(rollbackErr, sql.ErrTxDone) {
		err = errors.Join(err, fmt.Errorf("roll back: %w", rollbackErr))
	}
	return err
}
