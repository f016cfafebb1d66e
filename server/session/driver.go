package session

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/server/auth"
)

// ErrConcurrentUse is returned when two goroutines use one transaction at the
// same time. The second one's statement has not left the process; the first one
// is not disturbed.
var ErrConcurrentUse = errors.New("session: the transaction is in use by another goroutine: one goroutine at a time")

// ErrRolledBack is returned by a commit that the server answered with a
// rollback, because a statement of the transaction had failed.
var ErrRolledBack = errors.New("session: the transaction was rolled back instead of committed: a statement in it had failed")

// ErrCommitUnknown is returned when the connection broke during a commit: the
// transaction may or may not have been committed. Repeat the request only with
// an idempotency key.
var ErrCommitUnknown = errors.New("session: the connection broke during the commit, its outcome is unknown")

// finishTimeout bounds how long a commit or a rollback may take. They do not
// end with the request's context: a client that hangs up just then must not
// make the outcome unknown.
const finishTimeout = 10 * time.Second

// conductor sends statements to the pools, each as the identity in its context.
// It is Ent's driver: every statement outside a transaction is one round trip.
// Safe for concurrent use.
type conductor struct {
	pools map[auth.Kind]*pgxpool.Pool
	// generation counts the times that a prepared statement no longer fit the
	// schema. Connections with an older one forget theirs.
	generation atomic.Uint64
}

var _ interface {
	dialect.Driver
	Querier
	BeginTx(context.Context, *sql.TxOptions) (dialect.Tx, error)
} = (*conductor)(nil)

// sender runs one statement, in whatever transaction it stands for.
type sender interface {
	send(ctx context.Context, query string, args []any) (*result, error)
}

// entQuerier gives a sender the four forms in which Ent and its users query.
type entQuerier struct{ sender }

// Query implements dialect.ExecQuerier; v is a *sql.Rows of Ent's dialect/sql.
func (q entQuerier) Query(ctx context.Context, query string, args, v any) error {
	out, ok := v.(*entsql.Rows)
	if !ok {
		return fmt.Errorf("session: Query was given %T, not *sql.Rows of entgo.io/ent/dialect/sql", v)
	}
	argv, ok := args.([]any)
	if !ok {
		return fmt.Errorf("session: Query was given arguments of type %T, not []any", args)
	}
	r, err := q.send(ctx, query, argv)
	if err != nil {
		return err
	}
	*out = entsql.Rows{ColumnScanner: &rows{result: r}}
	return nil
}

// Exec implements dialect.ExecQuerier; v is nil or a *sql.Result.
func (q entQuerier) Exec(ctx context.Context, query string, args, v any) error {
	argv, ok := args.([]any)
	if !ok {
		return fmt.Errorf("session: Exec was given arguments of type %T, not []any", args)
	}
	out, ok := v.(*sql.Result)
	if !ok && v != nil {
		return fmt.Errorf("session: Exec was given %T, not *sql.Result", v)
	}
	r, err := q.send(ctx, query, argv)
	if err == nil && out != nil {
		*out = affected{r.tag}
	}
	return err
}

// QueryContext runs a raw query and returns its rows, which hold no connection.
func (q entQuerier) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	r, err := q.send(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return standardRows(r)
}

// ExecContext runs a raw statement.
func (q entQuerier) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	r, err := q.send(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return affected{r.tag}, nil
}

// Query, Exec, QueryContext and ExecContext run one statement as the identity in
// the context, in one round trip and a transaction of its own.
func (c *conductor) Query(ctx context.Context, query string, args, v any) error {
	return entQuerier{single{c}}.Query(ctx, query, args, v)
}

// Exec is like Query, for statements without rows.
func (c *conductor) Exec(ctx context.Context, query string, args, v any) error {
	return entQuerier{single{c}}.Exec(ctx, query, args, v)
}

// QueryContext is the raw form of Query.
func (c *conductor) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return entQuerier{single{c}}.QueryContext(ctx, query, args...)
}

// ExecContext is the raw form of Exec.
func (c *conductor) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return entQuerier{single{c}}.ExecContext(ctx, query, args...)
}

// Dialect implements dialect.Driver.
func (c *conductor) Dialect() string { return dialect.Postgres }

// Close is DB.Close's business, which also knows the pools of others; closing an
// Ent client leaves them open.
func (c *conductor) Close() error { return nil }

// Tx implements dialect.Driver: it begins a transaction that may write.
func (c *conductor) Tx(ctx context.Context) (dialect.Tx, error) { return c.BeginTx(ctx, nil) }

// BeginTx begins a transaction as the identity in the context. Nothing is sent
// before its first statement.
//
// A read-only transaction at the default isolation is none for the server: at
// READ COMMITTED each statement sees its own snapshot whether or not BEGIN stands
// before it, so each goes as a read-only transaction of its own, in one round
// trip, and no commit follows.
func (c *conductor) BeginTx(ctx context.Context, opts *sql.TxOptions) (dialect.Tx, error) {
	checkpoint, _ := ctx.Value(checkpointKey{}).(uuid.UUID)
	s, err := settingsFor(ctx, checkpoint)
	if err != nil {
		return nil, err
	}
	return c.begin(ctx, s, opts)
}

func (c *conductor) begin(ctx context.Context, s *settings, opts *sql.TxOptions) (dialect.Tx, error) {
	if err := nested(ctx); err != nil {
		return nil, err
	}
	if opts == nil {
		opts = &sql.TxOptions{}
	}
	if opts.ReadOnly && (opts.Isolation == sql.LevelDefault || opts.Isolation == sql.LevelReadCommitted) {
		r := &reading{conductor: c, settings: s}
		r.entQuerier = entQuerier{r}
		return r, nil
	}
	begin, err := beginStatement(*opts)
	if err != nil {
		return nil, err
	}
	t := &transaction{conductor: c, ctx: ctx, settings: s, begin: []step{{sql: begin}, s.step(opts.ReadOnly)}}
	if s.kind == auth.Agent && s.owner != uuid.Nil && !opts.ReadOnly {
		t.begin = append(t.begin, step{sql: holdAgentSQL})
	}
	if ctx.Value(collectingKey{}) != nil {
		t.begin = append(t.begin, step{sql: collectingSQL})
	}
	t.entQuerier = entQuerier{t}
	return t, nil
}

// checkpointKey is under which the context of a unit of work carries the
// checkpoint that approves what it does.
type checkpointKey struct{}

// collectingKey is the key under which a context asks for a transaction in collecting mode.
type collectingKey struct{}

// collectingSQL puts the transaction in collecting mode. Unlike the other settings, it is
// not reset in other transactions: a transaction that collects by mistake cannot commit.
const collectingSQL = `SELECT set_config('app.collecting', 'on', true)`

// holdAgentSQL locks the agent's row before anything else of the transaction, in the order in
// which a dismissal locks rows. Without it the database takes the lock with the first write.
const holdAgentSQL = `SELECT app.hold_agent(nullif(current_setting('app.actor_id', true), '')::uuid)`

// The isolation levels that Postgres tells apart (manual, section 13.2), each in
// a form that may write and one that may not.
var beginStatements = []string{
	"BEGIN ISOLATION LEVEL READ COMMITTED", "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
	"BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	"BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
}

func beginStatement(opts sql.TxOptions) (string, error) {
	i := 0
	switch opts.Isolation {
	case sql.LevelDefault, sql.LevelReadCommitted:
	case sql.LevelRepeatableRead, sql.LevelSnapshot:
		i = 2
	case sql.LevelSerializable:
		i = 4
	default:
		return "", fmt.Errorf("session: Postgres has no isolation level %s", opts.Isolation)
	}
	if opts.ReadOnly {
		i++
	}
	return beginStatements[i], nil
}

func (s *settings) step(readOnly bool) step {
	if readOnly {
		return step{sql: readOnlySettingsSQL, params: s.values[:]}
	}
	return step{sql: settingsSQL, params: s.values[:]}
}

// acquire takes a connection for the kind of actor.
func (c *conductor) acquire(ctx context.Context, kind auth.Kind) (*pgxpool.Conn, *wire, error) {
	pool := c.pools[kind]
	if pool == nil {
		return nil, nil, fmt.Errorf("session: there is no pool for actors of the kind %q", kind)
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("session: get a connection: %w", err)
	}
	w := wireOf(conn.Conn())
	if now := c.generation.Load(); w.generation != now {
		w.forget()
		w.generation = now
	}
	return conn, w, nil
}

// once runs one statement in a transaction of its own.
func (c *conductor) once(ctx context.Context, s *settings, readOnly bool, query string, args []any) (*result, error) {
	for attempt := 1; ; attempt++ {
		conn, w, err := c.acquire(ctx, s.kind)
		if err != nil {
			return nil, err
		}
		r, err := w.exchange(ctx, []step{s.step(readOnly)}, query, args)
		// BEGIN and the like would leave the connection in a transaction; the pool
		// then destroys it.
		if status := w.pg.TxStatus(); err == nil && status != idle {
			err = errors.New("session: the statement began a transaction: use Do or Tx")
		}
		conn.Release()
		if err == nil {
			return r, nil
		}
		if !c.again(err, attempt) {
			return nil, known(err)
		}
	}
}

// again tells whether a statement that was the first of its transaction is to be
// sent once more. Only what had no effect is: the schema had changed under a
// prepared statement, or the connection broke before anything left.
func (c *conductor) again(err error, attempt int) bool {
	if outdated(err) {
		c.generation.Add(1)
		return attempt <= 2
	}
	return attempt <= 2 && pgconn.SafeToRetry(err) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// The transaction status in ReadyForQuery (Postgres manual, section 55.7).
const (
	idle   = 'I'
	failed = 'E'
)

// single sends statements outside any transaction.
type single struct{ *conductor }

func (s single) send(ctx context.Context, query string, args []any) (*result, error) {
	if err := nested(ctx); err != nil {
		return nil, err
	}
	values, err := settingsFor(ctx, uuid.Nil)
	if err != nil {
		return nil, err
	}
	return s.once(ctx, values, false, query, args)
}

// reading is a read-only unit whose statements are transactions of their own.
// Unlike a transaction it may be used by several goroutines at once.
type reading struct {
	entQuerier
	conductor *conductor
	settings  *settings
	done      atomic.Bool
}

func (r *reading) send(ctx context.Context, query string, args []any) (*result, error) {
	if r.done.Load() {
		return nil, sql.ErrTxDone
	}
	if err := r.settings.same(ctx); err != nil {
		return nil, err
	}
	return r.conductor.once(ctx, r.settings, true, query, args)
}

// Commit ends the unit. There is nothing to send.
func (r *reading) Commit() error { return r.Rollback() }

// Rollback ends the unit. There is nothing to send.
func (r *reading) Rollback() error {
	if r.done.Swap(true) {
		return sql.ErrTxDone
	}
	return nil
}

// same refuses a context that belongs to somebody else.
func (s *settings) same(ctx context.Context) error {
	id, ok := auth.From(ctx)
	switch {
	case s.owner == uuid.Nil: // anonymous, whatever the context says
		return nil
	case !ok:
		return ErrNoIdentity
	case id.ID != s.owner || id.Kind != s.kind:
		return ErrIdentityChanged
	}
	return nil
}

// transaction is one database transaction: BEGIN and the settings go with its
// first statement, and one that never had a statement sends nothing at all. One
// goroutine at a time may use it.
type transaction struct {
	entQuerier
	conductor *conductor
	ctx       context.Context //nolint:containedctx // the unit's, for Commit and Rollback, which Ent gives none
	settings  *settings
	begin     []step

	mu   sync.Mutex // guards busy and done
	busy bool
	done bool

	// The rest belongs to whoever made the transaction busy.
	conn *pgxpool.Conn
	wire *wire
}

// enter makes the caller the transaction's user.
func (t *transaction) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return sql.ErrTxDone
	}
	if t.busy {
		return ErrConcurrentUse
	}
	t.busy = true
	return nil
}

// leave ends the caller's use. When the transaction was ended meanwhile, by
// someone who could not touch the connection, this does it.
func (t *transaction) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = false
	if t.done {
		t.discard()
	}
}

func (t *transaction) send(ctx context.Context, query string, args []any) (*result, error) {
	if err := t.enter(); err != nil {
		return nil, err
	}
	defer t.leave()
	if err := t.settings.same(ctx); err != nil {
		return nil, err
	}
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	if t.conn == nil {
		return t.first(ctx, query, args)
	}
	r, err := t.wire.exchange(ctx, nil, query, args)
	if err == nil {
		err = t.open()
	}
	if err != nil && outdated(err) {
		t.conductor.generation.Add(1)
	}
	return r, known(err)
}

// first sends BEGIN, the settings and the transaction's first statement.
func (t *transaction) first(ctx context.Context, query string, args []any) (*result, error) {
	for attempt := 1; ; attempt++ {
		conn, w, err := t.conductor.acquire(ctx, t.settings.kind)
		if err != nil {
			return nil, err
		}
		r, err := w.exchange(ctx, t.begin, query, args)
		if err == nil {
			t.conn, t.wire = conn, w
			return r, known(t.open())
		}
		if t.conductor.again(err, attempt) {
			conn.Release() // in a failed transaction or broken: the pool destroys it
			continue
		}
		if w.pg.TxStatus() == failed && !w.pg.IsClosed() {
			t.conn, t.wire = conn, w // as after any failed statement
		} else {
			conn.Release()
		}
		return nil, known(err)
	}
}

// open refuses to go on when the statement itself ended the transaction: what
// follows would run without its identity, each statement on its own.
func (t *transaction) open() error {
	if t.wire.pg.TxStatus() != idle {
		return nil
	}
	t.mu.Lock()
	t.done = true // leave discards the connection
	t.mu.Unlock()
	return errors.New("session: the statement ended the transaction: COMMIT and ROLLBACK are the unit of work's")
}

// Commit commits, with the answer checked. A transaction that sent nothing sends
// nothing now; one whose context has ended is rolled back.
func (t *transaction) Commit() error {
	if err := t.finish(); err != nil {
		return err
	}
	defer t.leave()
	if t.conn == nil {
		return nil
	}
	if err := t.ctx.Err(); err != nil {
		return errors.Join(err, t.rollback())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), finishTimeout)
	defer cancel()
	r, err := t.wire.exchange(ctx, []step{{sql: commitSQL}}, "", nil)
	switch {
	case err == nil && r.tag.String() == "COMMIT":
		return nil
	case err == nil:
		return ErrRolledBack
	case t.wire.pg.IsClosed() && !pgconn.SafeToRetry(err) && !answered(err):
		return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
	}
	return known(err)
}

// answered tells whether the server itself reported the error.
func answered(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg)
}

// Rollback rolls back. A transaction that sent nothing sends nothing now. After
// a broken connection there is nothing to do: the server rolls back by itself.
func (t *transaction) Rollback() error {
	if err := t.finish(); err != nil {
		return err
	}
	defer t.leave()
	return t.rollback()
}

func (t *transaction) rollback() error {
	if t.conn == nil || t.wire.pg.IsClosed() || t.wire.pg.TxStatus() == idle {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), finishTimeout)
	defer cancel()
	_, err := t.wire.exchange(ctx, []step{{sql: rollbackSQL}}, "", nil)
	return known(err)
}

// finish makes the caller the transaction's last user. While another goroutine
// still uses it nobody may touch the connection: the transaction is over then
// too, and that goroutine's leave discards the connection, which rolls back.
func (t *transaction) finish() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return sql.ErrTxDone
	}
	t.done = true
	if t.busy {
		return ErrConcurrentUse
	}
	t.busy = true
	return nil
}

// discard gives the connection back. The pool keeps it only when it is idle and
// outside any transaction (pgxpool.Conn.Release); otherwise it closes it. This is
// the same check that an AfterRelease hook would make, without the goroutine
// that pgxpool starts for one.
func (t *transaction) discard() {
	if t.conn != nil {
		t.conn.Release()
		t.conn, t.wire = nil, nil
	}
}
