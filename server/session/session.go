// Package session is the service's access to the database: one transaction as one identity. It tells the driver
// (postgres/entpgx) as whom each transaction runs, in the same round trip as its first statement. Without an identity
// nothing leaves the process. Postgres decides what the identity may see and change.
//
// A request uses Do, the unit of work. What needs no transaction of its own uses
// Client, one round trip for each statement. Anonymous is for the few functions
// that a caller without an identity may call.
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

// Config says where the database is and how to use it.
type Config struct {
	// HumanURL is the login for people's requests, a member of chenu_human only (see `chenu
	// bootstrap`). It takes pgxpool's parameters too, such as pool_max_conns.
	HumanURL string
	// AgentURL is the login for agents' requests, a member of chenu_agent only.
	// If it is empty or equal to HumanURL, SharedLogin must be set.
	AgentURL string
	// SharedLogin allows one login for people and agents, a member of chenu_app. SQL in
	// an agent's transaction can then become a human.
	SharedLogin bool
	// MaxConns bounds each of the two pools. Zero leaves it to the URL, and else to
	// pgx: the number of processors, at least 4.
	MaxConns int32
	// Pooler says that a pooler in transaction mode, such as PgBouncer, stands
	// before Postgres. Then nothing is prepared: each statement is parsed and planned
	// when it runs.
	Pooler bool
	// StrictPatchLevel refuses a server whose minor version lacks security fixes
	// that row-level security relies on; otherwise that is a warning.
	StrictPatchLevel bool
	// Logger gets the warnings; nil means slog's default.
	Logger *slog.Logger
}

// DB is the database as the service sees it. Safe for concurrent use.
type DB struct {
	driver *entpgx.Driver
	client *ent.Client
}

// Open connects, one pool for each kind of actor, and refuses to serve as a login
// for which row-level security does not hold; the error says what to do.
//
// There are two pools because a prepared statement is analysed anew whenever its
// connection changes its role, which costs more than a whole read by key.
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

// ErrSharedLogin is returned by Open when people and agents would share one login and
// Config.SharedLogin does not allow it.
var ErrSharedLogin = errors.New("session: people and agents would share one database login, and SQL in an agent's transaction could then become a human " +
	"and approve its own request. Either run `chenu bootstrap` and set CHENU_AGENT_DATABASE_URL to the login for agents, " +
	"or set CHENU_SHARED_LOGIN=true to accept this (the login must then be a member of chenu_app: `chenu bootstrap --shared-login`)")

// shared reports whether people and agents have one login.
func (c Config) shared() bool { return c.AgentURL == c.HumanURL }

// Limits of a pool that the URL does not set.
const (
	connectTimeout = 5 * time.Second
	// lifetimeJitter spreads the renewal of connections, which happens each hour.
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

// Close closes all connections. It waits for those in use.
func (d *DB) Close() { d.driver.ClosePools() }

// Ping is the health check: each pool gets a connection and becomes its role.
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

// Stats returns each pool's statistics, for metrics.
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

// Client returns the graph for single statements. Each runs as the identity in
// its context, in one round trip and a transaction of its own; what Ent does in
// several statements (an update that reads back, edges) it does in a transaction.
func (d *DB) Client() *ent.Client { return d.client }

// Options are what a unit of work may ask for.
type Options struct {
	// ReadOnly refuses every write. At the default isolation it also saves the
	// commit's round trip: see Do.
	ReadOnly bool
	// Checkpoint is the approved checkpoint that a gated write uses up; zero is none.
	Checkpoint uuid.UUID
	// Several says that the unit may make several writes. If one of them needs an
	// approval, the unit runs a second time to collect them all, so that one approval
	// covers them. The function of such a unit must have no effect outside of its
	// transaction.
	Several bool
	// Isolation is the transaction's isolation level; zero is READ COMMITTED.
	Isolation sql.IsolationLevel
	// Description describes the unit where a refusal of it is recorded. This package does not read it.
	Description string
}

// Do runs fn as one transaction of the identity in ctx, a unit of work. It
// commits when fn returns nil, and rolls back when fn returns an error or
// panics; the panic goes on. The transaction ends with ctx: what was not
// committed by then is rolled back.
//
// Nothing is sent before fn's first statement, and nothing at all when it has
// none. A write of n statements costs n+1 round trips. A read-only unit of n
// statements costs n: at READ COMMITTED every statement sees a snapshot of its
// own in any case, so each goes as a read-only transaction by itself; ask for
// sql.LevelRepeatableRead where several must see the same snapshot.
//
// Errors come back as they are: of the driver as *pgconn.PgError, serialization
// failures (40001, 40P01) included, so that the caller decides on a retry;
// ErrNoIdentity; entpgx.ErrCommitUnknown; ErrNested where fn begins another unit with its
// context. If the database refused a statement, the error is a *Denied or a *GateRefused, which
// wraps the error of fn; server/refusal records it. fn and tx are for one goroutine.
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

// Accounted reports whether the unit of work that ctx belongs to runs in collecting mode or
// names an approval. Then its writes must have the same order each time it runs.
func Accounted(ctx context.Context) bool {
	checkpoint, _ := ctx.Value(checkpointKey{}).(uuid.UUID)
	return checkpoint != uuid.Nil || ctx.Value(collectingKey{}) != nil
}

// ErrNested is returned when a unit of work begins another one, or runs a statement outside
// its transaction. Its transaction holds a connection: when every connection of the pool is
// held by a unit that waits for a second one, none of them ever ends.
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

// Querier runs raw statements. Rows hold no connection.
type Querier = entpgx.Querier

// Anonymous runs fn as one transaction of nobody: the role of a human without an
// identity, whoever ctx may name. No policy shows such a caller a row; only the
// functions answer that are made for it, such as app.login_lookup.
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

// AnonymousQuery runs one statement as nobody, like Anonymous, in one round trip and a
// transaction of its own.
func (d *DB) AnonymousQuery(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := nested(ctx); err != nil {
		return nil, err
	}
	return d.driver.QueryOnce(ctx, anonymous(ctx, auth.Human), false, query, args...)
}

// finish ends a transaction as the work in it ended. The rollback is deferred, so
// that a panic, or a test's FailNow, passes through with its own stack.
func finish(tx interface {
	Commit() error
	Rollback() error
}, work func() error) error {
	worked := false
	defer func() {
		if !worked {
			_ = tx.Rollback() // the panic is what counts
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
