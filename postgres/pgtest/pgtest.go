// Package pgtest gives every test a separate PostgreSQL database, cloned in 10 to 30 ms from a template. Only tests
// import it.
//
// The server is the one at CHENU_TEST_DATABASE_URL, whose user must be a superuser. Without the variable, the first
// test of a process starts `go run ./postgres/pgtest/with-postgres`. The documentation of that program describes how it
// chooses between a container and a local server. It outlives the process just long enough to remove the server again,
// however the process ends. `make test` runs that program once for all packages.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// templateTimeout limits the creation of a template, including the wait for another process that creates it.
	templateTimeout = 3 * time.Minute
	// cloneTimeout limits an operation that normally takes milliseconds, on a machine that is busy compiling.
	cloneTimeout = time.Minute
	// maxPoolConns keeps many parallel tests below the server's max_connections.
	maxPoolConns = 4
	// lockPoll is the pause between two queries for waiting sessions, and lockTimeout limits the wait on a busy
	// machine.
	lockPoll    = 5 * time.Millisecond
	lockTimeout = time.Minute

	templateLockName = "pgtest template"
)

const waitingSQL = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

// Database is the database of one test.
type Database struct {
	Name string
	URL  string // of the superuser, to whom row-level security does not apply
}

// Template is a database that tests clone. It is created when the first test of the server needs it, and exists as long
// as the server runs. A Template is safe for concurrent use, and must not be copied.
type Template struct {
	// Name of the database. It must change with the content, since an existing database of that name is used as it is.
	Name string
	// Owner is the role that owns the clones.
	Owner string
	// Prepare runs once in each process that uses the template. If exists is false, it must create the database and its
	// content; if exists is true, it may only change what belongs to the server, such as the passwords of logins.
	Prepare func(ctx context.Context, adminURL, database string, exists bool) error

	once     sync.Once
	err      error
	grants   []string // on a clone, for whose name %s stands: CREATE DATABASE does not copy privileges
	strategy string   // of CREATE DATABASE
	admin    *pgxpool.Pool
}

// Clone returns a new database with the content of the template. It is dropped when the test ends; if the test failed, it
// is kept and its URL is logged.
func (m *Template) Clone(t testing.TB) *Database {
	t.Helper()
	m.once.Do(func() { m.err = m.find() })
	if m.err != nil {
		t.Fatalf("pgtest: template database %s: %v", m.Name, m.err)
	}
	d := &Database{Name: cloneName(t.Name())}
	d.URL = urlOf(m.admin.Config().ConnConfig.ConnString(), d.Name, nil)
	ctx, cancel := context.WithTimeout(context.Background(), cloneTimeout)
	defer cancel()
	if err := m.clone(ctx, d.Name); err != nil {
		t.Fatalf("pgtest: clone the template: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("pgtest: the database is kept for as long as its server runs: psql '%s'", d.URL)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), cloneTimeout)
		defer cancel()
		if _, err := m.admin.Exec(ctx, "DROP DATABASE "+quote(d.Name)+" WITH (FORCE)"); err != nil {
			t.Errorf("pgtest: drop the database: %v", err)
		}
	})
	return d
}

// URLOf returns the URL of the database for a login with the password.
func (d *Database) URLOf(login, password string) string {
	return urlOf(d.URL, d.Name, url.UserPassword(login, password))
}

// ServerURL returns the superuser's URL of the server that all tests share. Other tests see what a test changes outside
// its own database.
func ServerURL(t testing.TB) string {
	t.Helper()
	at, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Pool opens a pool at the URL of a database. The pool is closed when the test ends.
func Pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	config.MaxConns = maxPoolConns
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("pgtest: open a pool: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Connect opens a connection at the URL of a database. The connection is closed when the test ends.
func Connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// SQLState returns the SQLSTATE of an error from the server. It returns "" if err is nil, and the text of any other error.
func SQLState(err error) string {
	if err == nil {
		return ""
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return err.Error()
}

// AwaitLocks returns nil once at least n sessions of the database wait for a lock. It returns an error if that takes
// longer than lockTimeout, or if ended, which may be nil, delivers the result of a statement that was expected to wait.
func AwaitLocks(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, n int, ended <-chan error) error {
	tick, deadline := time.NewTicker(lockPoll), time.After(lockTimeout)
	defer tick.Stop()
	for {
		var waiting int
		if err := db.QueryRow(ctx, waitingSQL).Scan(&waiting); err != nil {
			return fmt.Errorf("count waiting sessions: %w", err)
		}
		if waiting >= n {
			return nil
		}
		select {
		case err := <-ended:
			return errors.Join(errors.New("the statement ended without waiting for a lock"), err)
		case <-deadline:
			return fmt.Errorf("after %s %d sessions wait for a lock, want %d", lockTimeout, waiting, n)
		case <-tick.C:
		}
	}
}

func (m *Template) clone(ctx context.Context, name string) error {
	if _, err := m.admin.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER %s STRATEGY %s", quote(name), quote(m.Name), quote(m.Owner), m.strategy)); err != nil {
		return err
	}
	for _, grant := range m.grants {
		if _, err := m.admin.Exec(ctx, fmt.Sprintf(grant, quote(name))); err != nil {
			return err
		}
	}
	return nil
}

// find finds the template on the server, or creates it.
func (m *Template) find() error {
	ctx, cancel := context.WithTimeout(context.Background(), templateTimeout)
	defer cancel()
	adminURL, err := server()
	if err != nil {
		return err
	}
	if m.admin, err = adminPool(); err != nil {
		return err
	}
	conn, err := m.admin.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	// One process at a time creates a template. The others wait, and then find it.
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", templateLockName); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), cloneTimeout)
		defer cancel()
		_, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", templateLockName)
	}()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", m.Name).Scan(&exists); err != nil {
		return err
	}
	// The database is created under another name, so that an unfinished one is never cloned.
	name := m.Name
	if !exists {
		name += "_building"
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	if err := m.Prepare(ctx, adminURL, name, exists); err != nil {
		return err
	}
	if !exists {
		for _, sql := range []string{
			"ALTER DATABASE %s ALLOW_CONNECTIONS false", // a database with connections cannot be cloned
			"ALTER DATABASE %s RENAME TO " + quote(m.Name),
		} {
			if _, err := conn.Exec(ctx, fmt.Sprintf(sql, quote(name))); err != nil {
				return err
			}
		}
	}
	if m.grants, err = grantsOn(ctx, conn.Conn(), m.Name); err != nil {
		return err
	}
	// Copying files takes 13 ms where the default takes 40, but it needs two checkpoints. These are cheap only on a
	// server that does not wait for its disk, such as those that with-postgres starts.
	return conn.QueryRow(ctx, "SELECT CASE current_setting('fsync') WHEN 'off' THEN 'file_copy' ELSE 'wal_log' END").Scan(&m.strategy)
}

// grantsOn returns the statements that give another database the privileges of this one.
func grantsOn(ctx context.Context, conn *pgx.Conn, database string) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT format('GRANT %s ON DATABASE %%s TO %s', a.privilege_type,
       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = $1`, database)
	if err != nil {
		return nil, err
	}
	grants, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	return append([]string{"REVOKE ALL ON DATABASE %s FROM PUBLIC"}, grants...), nil
}

// adminPool is the superuser's pool, for creating and dropping databases.
var adminPool = sync.OnceValues(func() (*pgxpool.Pool, error) {
	adminURL, err := server()
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(adminURL)
	if err != nil {
		return nil, err
	}
	config.MaxConns = maxPoolConns
	config.ConnConfig.RuntimeParams["application_name"] = "pgtest"
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), cloneTimeout)
	defer cancel()
	var super bool
	if err := pool.QueryRow(ctx, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").Scan(&super); err != nil {
		return nil, err
	}
	if !super {
		return nil, errors.New("the user of " + urlVariable + " is not a superuser: the tests create roles and databases, and bypass row-level security")
	}
	return pool, nil
})

// urlOf returns the URL at with another database, and with another user unless it is nil.
func urlOf(at, database string, user *url.Userinfo) string {
	u, err := url.Parse(at)
	if err != nil || u.Scheme == "" {
		panic("pgtest: " + urlVariable + " was a URL when it was first read") // server checks it
	}
	if user != nil {
		u.User = user
	}
	u.Path = "/" + database
	return u.String()
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// cloneName returns a unique name that contains the name of the test.
func cloneName(test string) string {
	const maxTest = 30 // of the 63 bytes that a name may have
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(test), "_"), "_")
	return fmt.Sprintf("test_%s_%s", name[:min(len(name), maxTest)], strings.ToLower(rand.Text()[:10]))
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
