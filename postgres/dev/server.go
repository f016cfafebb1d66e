// Package dev creates databases on a development server, in which a migration directory is replayed or a desired state
// is created, and reads the resulting state. Its sessions have the settings of those that apply migrations.
package dev

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/project"
)

// Server is a development server with the databases that were created on it.
type Server struct {
	url         string
	conventions *project.Conventions
	admin       *pgx.Conn
	strategy    string // of CREATE DATABASE
	open        []*Session
}

// databasePrefix starts the names of the databases that s creates. The time of the creation follows.
func (s *Server) databasePrefix() string { return s.conventions.Project + "_plan_" }

// Open connects to a server with a login that can create databases and roles, creates the project's roles, and drops the
// databases of runs that were killed more than an hour ago. It changes nothing else. The caller must close the Server.
func Open(ctx context.Context, url string, conventions *project.Conventions) (*Server, error) {
	if url == "" {
		return nil, errors.New("the URL of the development server is missing")
	}
	admin, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the development server: %w", err)
	}
	s := &Server{url: url, conventions: conventions, admin: admin}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func (s *Server) prepare(ctx context.Context) error {
	if err := s.roles(ctx); err != nil {
		return fmt.Errorf("create the roles on the development server: %w", Describe(err))
	}
	// Copying files takes a third of the time, but it needs two checkpoints. These are cheap only on a server that does not
	// wait for its disk.
	const strategy = "SELECT CASE current_setting('fsync') WHEN 'off' THEN 'file_copy' ELSE 'wal_log' END"
	if err := s.admin.QueryRow(ctx, strategy).Scan(&s.strategy); err != nil {
		return fmt.Errorf("read the settings of the development server: %w", err)
	}
	rows, err := s.admin.Query(ctx, "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)", s.databasePrefix())
	if err != nil {
		return fmt.Errorf("list the development server's databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the development server's databases: %w", err)
	}
	for _, name := range names {
		stamp, _, _ := strings.Cut(strings.TrimPrefix(name, s.databasePrefix()), "_")
		if made, err := strconv.ParseInt(stamp, 10, 64); err == nil && time.Since(time.Unix(made, 0)) > time.Hour {
			_ = s.drop(ctx, name) // another run may be dropping it, too
		}
	}
	return nil
}

// roles creates the roles of the project. If another session changes them at the same time,
// Postgres reports a concurrent update, and the statement is retried. If the login may not create
// roles, they must exist.
func (s *Server) roles(ctx context.Context) error {
	const attempts = 5
	var err error
	for range attempts {
		_, err = s.admin.PgConn().Exec(ctx, s.conventions.Roles).ReadAll()
		pg, refused := errors.AsType[*pgconn.PgError](err)
		if !refused {
			return err
		}
		switch pg.Code {
		case "XX000", "23505", "42710": // tuple concurrently updated, unique_violation, duplicate_object
		case "42501": // insufficient_privilege
			var there bool
			if e := s.admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", s.conventions.Owner).Scan(&there); e == nil && there {
				return nil
			}
			return err
		default:
			return err
		}
	}
	return err
}

func (s *Server) drop(ctx context.Context, name string) error {
	if _, err := s.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+catalog.Ident(name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop the development database %s: %w", name, err)
	}
	return nil
}

// Close drops the databases, even if the caller's context has ended.
func (s *Server) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var errs []error
	if s.admin.IsClosed() {
		// A canceled query closes its connection.
		admin, err := pgx.Connect(ctx, s.url)
		if err != nil {
			return fmt.Errorf("reconnect to drop the development databases: %w", err)
		}
		s.admin = admin
	}
	for _, session := range s.open {
		errs = append(errs, session.Close(), s.drop(ctx, session.database))
	}
	return errors.Join(append(errs, s.admin.Close(ctx))...)
}

// Create creates an empty database that the owner role owns, and a session on it.
func (s *Server) Create(ctx context.Context) (*Session, error) {
	name := fmt.Sprintf("%s%d_%s", s.databasePrefix(), time.Now().Unix(), strings.ToLower(rand.Text()[:12]))
	// template0 contains no objects of this server. The locale is fixed, so that a plan does not
	// depend on the machine.
	_, err := s.admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 OWNER "+catalog.Ident(s.conventions.Owner)+" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' STRATEGY "+s.strategy)
	if err != nil {
		return nil, fmt.Errorf("create a development database (the login needs CREATEDB and membership in %s): %w", s.conventions.Owner, err)
	}
	config, err := pgx.ParseConfig(s.url)
	if err != nil {
		return nil, fmt.Errorf("connect to the development server: %w", err)
	}
	config.Database = name
	session := &Session{database: name, config: config, conventions: s.conventions, pool: openPool(config, s.conventions.Owner)}
	s.open = append(s.open, session)
	if err := session.connect(ctx); err != nil {
		return nil, err
	}
	return session, nil
}

// openPool opens connections like those that apply migrations: they start as the owner role, and a query whose result
// row-level security would change is an error.
func openPool(config *pgx.ConnConfig, owner string) *sql.DB {
	config.RuntimeParams["search_path"] = "public"
	config.RuntimeParams["role"] = owner
	config.RuntimeParams["row_security"] = "off"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["client_min_messages"] = "warning"
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(1)
	return pool
}

// Connect opens a session on a database of any server, as the owner role. The caller must close it.
func Connect(ctx context.Context, url string, conventions *project.Conventions) (*Session, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse the database URL: %w", err)
	}
	// Reading definitions can need a lock that a migration holds. The wait is limited, because
	// other sessions wait behind it.
	config.RuntimeParams["lock_timeout"] = "3s"
	session := &Session{database: config.Database, config: config, conventions: conventions, pool: openPool(config, conventions.Owner)}
	if err := session.connect(ctx); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return session, nil
}
