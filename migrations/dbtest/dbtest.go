// Package dbtest gives every test a separate database of this project: pgtest clones it from a template that was
// migrated once. Only tests import it.
package dbtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// DB is the database of one test. The URLs have its logins, which are as `chenu bootstrap` creates them.
type DB struct {
	Name string

	ServiceURL string // serves requests: becomes chenu_human or chenu_agent by SET ROLE, and reads nothing before
	AgentURL   string // becomes chenu_agent and nothing else
	MigrateURL string // becomes chenu_owner
	AuditURL   string // reads everything
	AdminURL   string // the superuser, to whom row-level security does not apply
}

// New returns a database with all migrations applied. It is dropped when the test ends; if the test failed, it is kept
// and its URL is logged.
func New(t testing.TB) *DB {
	t.Helper()
	return clone(t, migrated)
}

// Empty returns a database without objects of chenu_owner. The roles and logins exist. It is dropped like that of New.
func Empty(t testing.TB) *DB {
	t.Helper()
	return clone(t, empty)
}

// ServerURL returns the superuser's URL of the server that all tests share. Other tests see what a test changes outside
// its own database.
func ServerURL(t testing.TB) string {
	t.Helper()
	return pgtest.ServerURL(t)
}

// Pool opens a pool at one of the database's URLs. The pool is closed when the test ends.
func (d *DB) Pool(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	return pgtest.Pool(t, url)
}

// Hire makes the agent an active agent of the identity with the capabilities, or with all capabilities if none are
// given. It runs as the superuser, to whom no gate applies.
func (d *DB) Hire(t testing.TB, identity, agent uuid.UUID, capabilities ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// NewID returns a new id for a row: a UUID of version 7.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

var (
	migrated = sync.OnceValues(func() (*pgtest.Template, error) { return newTemplate("migrated", true) })
	empty    = sync.OnceValues(func() (*pgtest.Template, error) { return newTemplate("empty", false) })
)

func clone(t testing.TB, from func() (*pgtest.Template, error)) *DB {
	t.Helper()
	admin, err := pgx.ParseConfig(pgtest.ServerURL(t))
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	template, err := from()
	if err != nil {
		t.Fatalf("dbtest: create a template database: %v", err)
	}
	d := template.Clone(t)
	of := func(who string) string {
		l := loginOf(admin.Password, who)
		return d.URLOf(l.Name, l.Password)
	}
	return &DB{Name: d.Name, AdminURL: d.URL, ServiceURL: of("service"), AgentURL: of("agent"), MigrateURL: of("migrate"), AuditURL: of("audit")}
}

// newTemplate describes a template. Its name contains the hash of everything that determines its content.
func newTemplate(kind string, withMigrations bool) (*pgtest.Template, error) {
	hash, err := contentHash(withMigrations)
	if err != nil {
		return nil, err
	}
	return &pgtest.Template{
		Name:  fmt.Sprintf("chenu_template_%s_%s", kind, hash),
		Owner: policies.Conventions.Owner,
		Prepare: func(ctx context.Context, adminURL, database string, exists bool) error {
			admin, err := pgx.ParseConfig(adminURL)
			if err != nil {
				return err
			}
			migrate := loginOf(admin.Password, "migrate")
			// If the template exists, this only ensures that the logins still have these passwords.
			if _, err := apply.Bootstrap(ctx, adminURL, apply.BootstrapOptions{
				Conventions: &policies.Conventions,
				Database:    database, Service: loginOf(admin.Password, "service"), Agent: loginOf(admin.Password, "agent"),
				Migrate: migrate, Audit: loginOf(admin.Password, "audit"),
				SharedLogin: true, // tests of the database use one login for both kinds of actor
			}); err != nil || exists || !withMigrations {
				return err
			}
			d := pgtest.Database{Name: database, URL: adminURL}
			_, err = apply.Apply(ctx, d.URLOf(migrate.Name, migrate.Password), apply.Options{Conventions: &policies.Conventions})
			return err
		},
	}, nil
}

// contentHash distinguishes templates of different content.
func contentHash(withMigrations bool) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, policies.Roles())
	fmt.Fprintln(h, policies.OpenFunctions)
	if withMigrations {
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

// loginOf returns a login for all databases of the server. Its name differs from that of a real service on the same
// server. Its password is the same in every process, and can be derived only from the superuser's password.
func loginOf(adminPassword, who string) apply.Login {
	mac := hmac.New(sha256.New, []byte(adminPassword))
	mac.Write([]byte(who))
	return apply.Login{Name: "chenu_test_" + who, Password: hex.EncodeToString(mac.Sum(nil))[:32]}
}
