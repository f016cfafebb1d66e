// Package dbtest gives every test a PostgreSQL database of its own, cloned in 10 to 30 ms from a template that was
// migrated once. Tests import it, and nothing else does.
//
// The server is the one at CHENU_TEST_DATABASE_URL, whose user must be a superuser. Without it, the first test of a
// process starts `go run ./migrations/dbtest/with-postgres`, which says there how it chooses between a container and a
// server of this machine, and which outlives the process just long enough to remove the server again, however the
// process ends. `make test` runs that program once for all packages.
package dbtest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/policies"
)

const (
	// templateTimeout bounds the making of a template, including the wait for another process that makes it.
	templateTimeout = 3 * time.Minute
	// cloneTimeout bounds what normally takes milliseconds, on a machine that is busy compiling.
	cloneTimeout = time.Minute
	// maxPoolConns keeps many parallel tests below the server's max_connections.
	maxPoolConns = 4

	templateLockName = "chenu dbtest template"
)

// DB is one test's database. The URLs have its logins, which are as `chenu bootstrap` makes them.
type DB struct {
	Name string

	ServiceURL string // serves requests: becomes chenu_human or chenu_agent by SET ROLE, and by itself reads nothing
	AgentURL   string // becomes chenu_agent and nothing else
	MigrateURL string // becomes chenu_owner
	AuditURL   string // reads everything
	AdminURL   string // the superuser: row-level security does not hold for it
}

// New returns a database with all migrations applied. It is dropped when the test ends; if the test failed, it is kept
// and its URL is logged.
func New(t testing.TB) *DB {
	t.Helper()
	return clone(t, migrated)
}

// Empty returns a database without anything in it, owned by chenu_owner, with the cluster's roles in place. It is dropped
// like New's.
func Empty(t testing.TB) *DB {
	t.Helper()
	return clone(t, empty)
}

// ServerURL is the superuser's URL of the server that all tests share. What a test changes outside its own database,
// others see.
func ServerURL(t testing.TB) string {
	t.Helper()
	url, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// Pool opens a pool at one of the database's URLs, closed when the test ends.
func (d *DB) Pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	config.MaxConns = maxPoolConns
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("dbtest: open a pool: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Hire makes the agent an active agent of the identity with the capabilities, or with all that
// agents may have. No gate holds the superuser who does it.
func (d *DB) Hire(t testing.TB, identity, agent uuid.UUID, capabilities ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cloneTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.AdminURL)
	if err != nil {
		t.Fatalf("dbtest: hire an agent: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if len(capabilities) == 0 {
		capabilities = []string{
			"me", "threads", "checkpoints", "personal", "business", "creative", "entertainment", "community", "social", "scholar",
			"government", "team", "audit-logs",
		}
	}
	if _, err := conn.Exec(ctx, "INSERT INTO team_agents (id, created_by, name, capabilities) VALUES ($1, $2, 'Test', $3)", agent, identity, capabilities); err != nil {
		t.Fatalf("dbtest: hire an agent: %v", err)
	}
}

// kind is what a template holds.
type kind string

const (
	migrated kind = "migrated"
	empty    kind = "empty"
)

// template is a database that clones are made of.
type template struct {
	name     string
	grants   []string // who may do what with a clone: CREATE DATABASE does not copy that; %s stands for its name
	strategy string   // of CREATE DATABASE
	admin    *pgxpool.Pool
	logins   map[string]login
}

type login struct{ name, password string }

func clone(t testing.TB, k kind) *DB {
	t.Helper()
	from, err := templates[k]()
	if err != nil {
		t.Fatal(err)
	}
	d := &DB{Name: cloneName(t.Name())}
	ctx, cancel := context.WithTimeout(context.Background(), cloneTimeout)
	defer cancel()
	if err := from.clone(ctx, d.Name); err != nil {
		t.Fatalf("dbtest: clone the template: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("dbtest: the database is kept for as long as its server runs: psql '%s'", d.AdminURL)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), cloneTimeout)
		defer cancel()
		if _, err := from.admin.Exec(ctx, "DROP DATABASE "+quote(d.Name)+" WITH (FORCE)"); err != nil {
			t.Errorf("dbtest: drop the database: %v", err)
		}
	})
	d.AdminURL = from.url("", d.Name)
	d.ServiceURL = from.url("service", d.Name)
	d.AgentURL = from.url("agent", d.Name)
	d.MigrateURL = from.url("migrate", d.Name)
	d.AuditURL = from.url("audit", d.Name)
	return d
}

func (from *template) clone(ctx context.Context, name string) error {
	if _, err := from.admin.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER chenu_owner STRATEGY %s", quote(name), quote(from.name), from.strategy)); err != nil {
		return err
	}
	for _, grant := range from.grants {
		if _, err := from.admin.Exec(ctx, fmt.Sprintf(grant, quote(name))); err != nil {
			return err
		}
	}
	return nil
}

// url is a login's URL of a database; the login "" is the superuser.
func (from *template) url(who, database string) string {
	c := from.admin.Config().ConnConfig
	u, err := url.Parse(c.ConnString())
	if err != nil || u.Scheme == "" {
		panic("dbtest: CHENU_TEST_DATABASE_URL was a URL when it was first read") // serverURL checks it
	}
	if who != "" {
		l := from.logins[who]
		u.User = url.UserPassword(l.name, l.password)
	}
	u.Path = "/" + database
	return u.String()
}

// templates are made, or found, when the first test of the process needs them.
var templates = map[kind]func() (*template, error){
	migrated: sync.OnceValues(func() (*template, error) { return makeTemplate(migrated) }),
	empty:    sync.OnceValues(func() (*template, error) { return makeTemplate(empty) }),
}

// makeTemplate finds or makes the template database on the server. Its name holds the hash of all that it is made of.
func makeTemplate(k kind) (*template, error) {
	from, err := newTemplate(k)
	if err != nil {
		return nil, fmt.Errorf("dbtest: make a template database (%s): %w", k, err)
	}
	return from, nil
}

func newTemplate(k kind) (*template, error) {
	ctx, cancel := context.WithTimeout(context.Background(), templateTimeout)
	defer cancel()
	adminURL, err := server()
	if err != nil {
		return nil, err
	}
	admin, err := adminPool()
	if err != nil {
		return nil, err
	}
	hash, err := contentHash(k)
	if err != nil {
		return nil, err
	}
	from := &template{name: fmt.Sprintf("chenu_template_%s_%s", k, hash), admin: admin, logins: logins(admin.Config().ConnConfig.Password)}

	// One process at a time: the others find the template made.
	conn, err := admin.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtextextended($1, 0))", templateLockName); err != nil {
		return nil, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), cloneTimeout)
		defer cancel()
		_, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", templateLockName)
	}()
	var made bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", from.name).Scan(&made); err != nil {
		return nil, err
	}
	// Built under another name, so that one that is only half made is never cloned.
	name := from.name
	if !made {
		name += "_building"
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
			return nil, err
		}
	}
	as := func(who string) migrations.Login {
		return migrations.Login{Name: from.logins[who].name, Password: from.logins[who].password}
	}
	// Of a template that is there, this only makes sure that the logins still have these passwords.
	if _, err := migrations.Bootstrap(ctx, adminURL, migrations.BootstrapOptions{
		Database: name, Service: as("service"), Agent: as("agent"), Migrate: as("migrate"), Audit: as("audit"),
		SharedLogin: true, // tests of the database try both kinds of actor with one login
	}); err != nil {
		return nil, err
	}
	if !made {
		if k == migrated {
			if _, err := migrations.Apply(ctx, from.url("migrate", name), migrations.Options{}); err != nil {
				return nil, err
			}
		}
		for _, sql := range []string{
			"ALTER DATABASE %s ALLOW_CONNECTIONS false", // a connection to it would keep others from cloning it
			"ALTER DATABASE %s RENAME TO " + quote(from.name),
		} {
			if _, err := conn.Exec(ctx, fmt.Sprintf(sql, quote(name))); err != nil {
				return nil, err
			}
		}
	}
	if from.grants, err = grantsOn(ctx, conn.Conn(), from.name); err != nil {
		return nil, err
	}
	// Copying files takes 13 ms where the default takes 40, but it needs two checkpoints, which are free only on a server
	// that does not wait for its disk, as those are that we start.
	err = conn.QueryRow(ctx, "SELECT CASE current_setting('fsync') WHEN 'off' THEN 'file_copy' ELSE 'wal_log' END").Scan(&from.strategy)
	return from, err
}

// grantsOn lists the statements that give another database the privileges of this one.
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

// contentHash tells apart templates that are made of different things.
func contentHash(k kind) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, policies.Roles())
	fmt.Fprintln(h, policies.OpenFunctions)
	if k == migrated {
		dir, err := migrations.Embedded()
		if err != nil {
			return "", err
		}
		files, err := dir.Files()
		if err != nil {
			return "", err
		}
		for _, f := range files {
			fmt.Fprintf(h, "%s %d\n%s\n", f.Name(), len(f.Bytes()), f.Bytes())
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}

// logins are those of all databases of the server. Their names are not those of a real service, which the server may
// serve as well; their passwords are the same in every process and known only to who knows the superuser's.
func logins(adminPassword string) map[string]login {
	m := map[string]login{}
	for _, who := range []string{"service", "agent", "migrate", "audit"} {
		mac := hmac.New(sha256.New, []byte(adminPassword))
		mac.Write([]byte(who))
		m[who] = login{name: "chenu_test_" + who, password: hex.EncodeToString(mac.Sum(nil))[:32]}
	}
	return m
}

// adminPool is the superuser's, for cloning and dropping.
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
	config.ConnConfig.RuntimeParams["application_name"] = "chenu dbtest"
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
		return nil, errors.New("the user of CHENU_TEST_DATABASE_URL is not a superuser: the tests make roles and databases, and look past row-level security")
	}
	return pool, nil
})

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// cloneName is unique, and says which test it belongs to.
func cloneName(test string) string {
	const maxTest = 30 // of the 63 bytes that a name may have
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(test), "_"), "_")
	return fmt.Sprintf("chenu_%s_%s", name[:min(len(name), maxTest)], strings.ToLower(rand.Text()[:10]))
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
