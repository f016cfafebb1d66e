package apply

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/chenu/chenu/migrations"
)

const (
	// migrateLock is the name of the Atlas CLI's lock, so that the two exclude each other.
	migrateLock = "atlas_migrate_execute"

	applicationName = "chenu migrate"

	// closeTimeout limits closing the connection, and recording an error, after ctx has ended.
	closeTimeout = 5 * time.Second
)

var errNoConventions = errors.New("the options have no Conventions")

// SQLSTATEs, from the appendix "PostgreSQL Error Codes" of the manual.
const (
	stateActiveTransaction     = "25001"
	stateReadOnly              = "25006"
	stateInsufficientPrivilege = "42501"
	stateDuplicateTable        = "42P07"
	stateDuplicateObject       = "42710"
	stateDuplicateSchema       = "42P06"
	stateInvalidParameter      = "22023"
	stateUniqueViolation       = "23505"
	stateDeadlockDetected      = "40P01"
	stateLockNotAvailable      = "55P03"
	stateObjectInUse           = "55006"
	stateQueryCanceled         = "57014"
	stateInvalidCatalogName    = "3D000"
	stateInternalError         = "XX000" // such as "tuple concurrently updated"
)

// sessionSQL sets the role to the owner, and settings that do not depend on the login, the database or an earlier
// file. row_security is off so that a statement fails if a policy would hide rows from it, instead of silently
// ignoring them. The timeouts replace those of the login, which must not end a long index build.
const sessionSQL = `SELECT
	set_config('role', $1, false),
	set_config('row_security', 'off', false),
	set_config('search_path', 'public', false),
	set_config('lock_timeout', $2, false),
	set_config('statement_timeout', $5, false),
	set_config('idle_in_transaction_session_timeout', '0', false),
	set_config('default_transaction_read_only', $3, false),
	set_config('TimeZone', 'UTC', false),
	set_config('application_name', $4, false)`

type session struct {
	*pgx.Conn
	settings
}

// settings of a session. A timeout of 0 means none.
type settings struct {
	owner                         string // the role that the session runs as, which owns every object and the revision table
	lockTimeout, statementTimeout time.Duration
	readOnly                      bool
}

// connect opens a session as the owner. notice receives the server's notices; it may be nil.
func connect(ctx context.Context, url string, with settings, notice func(string)) (*session, error) {
	config, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if notice != nil {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notice(n.Message) }
	}
	conn, err := dial(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &session{Conn: conn, settings: with}
	if err := s.isDirect(ctx); err != nil {
		s.close()
		return nil, err
	}
	if err := s.reset(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// isDirect rejects a connection through a pooler, where the next transaction can run in another session, without the
// lock and the role. A pooler reports a generated process id at the start of a connection. A pooler in session mode
// would work, but cannot be distinguished.
func (s *session) isDirect(ctx context.Context) error {
	var pid uint32
	if err := s.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid); err != nil {
		return fmt.Errorf("read the session: %w", err)
	}
	if pid != s.PgConn().PID() {
		return &migrations.Refusal{Kind: migrations.ErrPooled, Reason: "the database URL names a connection pooler, which can run statements of a migration in different sessions",
			Advice: "use the URL of the PostgreSQL server"}
	}
	return nil
}

func parseURL(url string) (*pgx.ConnConfig, error) {
	if url == "" {
		return nil, errors.New("the database URL is missing")
	}
	config, err := pgx.ParseConfig(url) // its errors do not contain the password
	if err != nil {
		return nil, fmt.Errorf("parse the database URL: %w", err)
	}
	// If ctx ends, cancel the statement on the server as well: otherwise it would continue there and hold its locks.
	// The connection survives, so that the revision can still be written.
	config.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: closeTimeout}
	}
	return config, nil
}

func dial(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		if state(err) == stateInvalidCatalogName {
			return nil, &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: fmt.Sprintf("database %q does not exist", config.Database), Advice: "create it with `chenu bootstrap`"}
		}
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

// reset restores the initial settings of the session, so that a file does not see the settings of the previous one.
func (s *session) reset(ctx context.Context) error {
	if _, err := s.Exec(ctx, "RESET ALL"); err != nil {
		return fmt.Errorf("reset the session: %w", err)
	}
	readOnly := "off"
	if s.readOnly {
		readOnly = "on"
	}
	_, err := s.Exec(ctx, sessionSQL, s.owner, fmt.Sprint(s.lockTimeout.Milliseconds()), readOnly, applicationName, fmt.Sprint(s.statementTimeout.Milliseconds()))
	switch state(err) {
	case stateInvalidParameter:
		return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: "role " + s.owner + " does not exist on this server", Advice: "create the roles with `chenu bootstrap`"}
	case stateInsufficientPrivilege:
		user := s.Config().User
		return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: fmt.Sprintf("the login %s cannot SET ROLE %s", user, s.owner),
			Advice: fmt.Sprintf("use the login that `chenu bootstrap` creates for migrations, or ask an administrator to run: GRANT %s TO %s", s.owner, pgx.Identifier{user}.Sanitize())}
	}
	if err != nil {
		return fmt.Errorf("set role %s: %w", s.owner, err)
	}
	return nil
}

// waitForLocks disables the lock timeout until restore is called.
func (s *session) waitForLocks(ctx context.Context) (restore func(), err error) {
	const setSQL = "SELECT set_config('lock_timeout', $1, false)"
	if _, err := s.Exec(ctx, setSQL, "0"); err != nil {
		return nil, fmt.Errorf("disable the lock timeout: %w", err)
	}
	return func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_, _ = s.Exec(late, setSQL, fmt.Sprint(s.lockTimeout.Milliseconds())) // fails only if the connection is broken
	}, nil
}

func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = s.Close(ctx) // all work is committed or rolled back by now
}

// lockKey returns Postgres' number for the name of a lock, as Atlas does (ariga.io/atlas/sql/postgres, Driver.Lock).
func lockKey(name string) int64 {
	h := fnv.New32()
	h.Write([]byte(name)) // never fails
	return int64(h.Sum32())
}

// lock acquires the session-level advisory lock, and waits for it up to wait. It polls, because a session that waits
// in a statement holds a snapshot, and CREATE INDEX CONCURRENTLY of the lock's holder would wait for that snapshot.
// waiting is called once with the holder, if lock must wait. The lock ends with the session.
func (s *session) lock(ctx context.Context, name string, wait time.Duration, waiting func(holder string)) error {
	const first, longest = 25 * time.Millisecond, time.Second
	deadline := time.Now().Add(wait)
	for pause := first; ; pause = min(2*pause, longest) {
		var taken bool
		if err := s.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", lockKey(name)).Scan(&taken); err != nil {
			return fmt.Errorf("acquire the migration lock: %w", err)
		}
		if taken {
			return nil
		}
		if pause == first {
			holder, err := s.lockHolder(ctx, name)
			if err != nil {
				return err
			}
			if waiting != nil && holder != "" {
				waiting(holder)
			}
		}
		left := time.Until(deadline)
		if left <= 0 {
			holder, err := s.lockHolder(ctx, name)
			if err != nil {
				return err
			}
			if holder == "" {
				holder = "a sequence of other sessions"
			}
			return &migrations.Refusal{Kind: migrations.ErrLocked, Reason: fmt.Sprintf("another migration is running on this database: %s held the lock %s for longer than %s", holder, name, wait),
				Advice: "wait until it has finished, or end an abandoned session with pg_terminate_backend, and try again"}
		}
		timer := time.NewTimer(min(left, pause+rand.N(pause))) //nolint:gosec // only spreads the attempts
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for the migration lock: %w", ctx.Err())
		case <-timer.C:
		}
	}
}

// lockHolder returns a description of the session that holds the lock, or "" if there is none. A role without
// privileges sees only the process id.
func (s *session) lockHolder(ctx context.Context, name string) (string, error) {
	const holderSQL = `SELECT l.pid, coalesce(a.application_name, ''), a.backend_start
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid = ($1::bigint >> 32)::int::oid AND l.objid = ($1::bigint & 4294967295)::oid`
	var (
		pid     int32
		program string
		since   *time.Time
	)
	err := s.QueryRow(ctx, holderSQL, lockKey(name)).Scan(&pid, &program, &since)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find the holder of the migration lock: %w", err)
	}
	holder := fmt.Sprintf("server process %d", pid)
	if program != "" {
		holder += fmt.Sprintf(", %q", program)
	}
	if since != nil {
		holder += ", connected since " + since.UTC().Format(time.RFC3339)
	}
	return holder, nil
}

// state returns the SQLSTATE of err, or "".
func state(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code
	}
	return ""
}
