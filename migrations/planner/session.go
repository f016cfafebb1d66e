package planner

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/chenu/chenu/migrations/catalog"
	"github.com/chenu/chenu/policies"
)

// server is the development server, with the databases made on it.
type server struct {
	url   string
	admin *pgx.Conn
	open  []*Session
}

// databasePrefix starts the names of the planner's databases; the time when
// one was made follows.
const databasePrefix = "chenu_plan_"

// openServer connects, makes our roles, and drops what a killed run left.
func openServer(ctx context.Context, url string) (*server, error) {
	if url == "" {
		return nil, errors.New("no development server is given")
	}
	admin, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the development server: %w", err)
	}
	s := &server{url: url, admin: admin}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	return s, nil
}

func (s *server) prepare(ctx context.Context) error {
	if err := s.roles(ctx); err != nil {
		return fmt.Errorf("create our roles on the development server: %w", describe(err))
	}
	rows, err := s.admin.Query(ctx, "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)", databasePrefix)
	if err != nil {
		return fmt.Errorf("list the development server's databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list the development server's databases: %w", err)
	}
	for _, name := range names {
		stamp, _, _ := strings.Cut(strings.TrimPrefix(name, databasePrefix), "_")
		if made, err := strconv.ParseInt(stamp, 10, 64); err == nil && time.Since(time.Unix(made, 0)) > time.Hour {
			_ = s.drop(ctx, name) // another run may be dropping it, too
		}
	}
	return nil
}

// roles makes the cluster's roles. Others may be at it, too: then Postgres
// finds one row changed under its hands, and it is tried again. A login that
// may not make roles has to find them there.
func (s *server) roles(ctx context.Context) error {
	const attempts = 5
	var err error
	for range attempts {
		_, err = s.admin.PgConn().Exec(ctx, policies.Roles()).ReadAll()
		pg, refused := errors.AsType[*pgconn.PgError](err)
		if !refused {
			return err
		}
		switch pg.Code {
		case "XX000", "23505", "42710": // tuple concurrently updated, unique_violation, duplicate_object
		case "42501": // insufficient_privilege
			var there bool
			if e := s.admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", Owner).Scan(&there); e == nil && there {
				return nil
			}
			return err
		default:
			return err
		}
	}
	return err
}

func (s *server) drop(ctx context.Context, name string) error {
	if _, err := s.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+catalog.Ident(name)+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop development database %s: %w", name, err)
	}
	return nil
}

// close drops the databases, also when the caller's context has ended.
func (s *server) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	var errs []error
	if s.admin.IsClosed() {
		// A cancelled query closes its connection.
		admin, err := pgx.Connect(ctx, s.url)
		if err != nil {
			return fmt.Errorf("reconnect to drop the development databases: %w", err)
		}
		s.admin = admin
	}
	for _, session := range s.open {
		errs = append(errs, session.close(), s.drop(ctx, session.database))
	}
	return errors.Join(append(errs, s.admin.Close(ctx))...)
}

// create makes an empty database owned by Owner and a session on it.
func (s *server) create(ctx context.Context) (*Session, error) {
	name := fmt.Sprintf("%s%d_%s", databasePrefix, time.Now().Unix(), strings.ToLower(rand.Text()[:12]))
	// template0 holds nothing of the server's own. The locale is fixed, so
	// that a plan does not depend on the machine it is made on.
	_, err := s.admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE template0 OWNER "+Owner+" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
	if err != nil {
		return nil, fmt.Errorf("create a development database (the login needs CREATEDB and membership in %s): %w", Owner, err)
	}
	config, err := pgx.ParseConfig(s.url)
	if err != nil {
		return nil, fmt.Errorf("connect to the development server: %w", err)
	}
	config.Database = name
	session := &Session{database: name, pool: openPool(config)}
	s.open = append(s.open, session)
	if err := session.connect(ctx); err != nil {
		return nil, err
	}
	return session, nil
}

// openPool gives connections like those that apply migrations: they are Owner
// from the first moment, and a query that row security would change is an
// error.
func openPool(config *pgx.ConnConfig) *sql.DB {
	config.RuntimeParams["search_path"] = "public"
	config.RuntimeParams["role"] = Owner
	config.RuntimeParams["row_security"] = "off"
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["client_min_messages"] = "warning"
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(1)
	return pool
}

// Session is one connection to one database, as Owner.
type Session struct {
	database string
	pool     *sql.DB
	atlas    *sql.Conn
	conn     *pgx.Conn // the same connection
	driver   migrate.Driver
}

func (s *Session) connect(ctx context.Context) (err error) {
	if s.atlas, err = s.pool.Conn(ctx); err != nil {
		return fmt.Errorf("connect as %s: %w", Owner, err)
	}
	err = s.atlas.Raw(func(driver any) error {
		s.conn = driver.(*stdlib.Conn).Conn()
		return nil
	})
	if err != nil {
		return fmt.Errorf("connect as %s: %w", Owner, err)
	}
	if s.driver, err = postgres.Open(s.atlas); err != nil {
		return fmt.Errorf("open the database with Atlas: %w", err)
	}
	return nil
}

// close ends the connection; one that the server or a cancelled context ended
// already is no error.
func (s *Session) close() error {
	if s.atlas != nil {
		_ = s.atlas.Close()
	}
	return s.pool.Close()
}

// exec runs one statement by the simple protocol, as a migration does.
func (s *Session) exec(ctx context.Context, sql string) error {
	_, err := s.conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// transaction runs fn between BEGIN and COMMIT.
func (s *Session) transaction(ctx context.Context, fn func() error) error {
	if err := s.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := fn(); err != nil {
		_ = s.exec(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	return s.exec(ctx, "COMMIT")
}

// Driver is Atlas on the session.
func (s *Session) Driver() migrate.Driver { return s.driver }

// Exec runs statements of the declaration, in their order.
func (s *Session) Exec(ctx context.Context, statements ...*Statement) error {
	for _, statement := range statements {
		for _, sql := range statement.execution() {
			if err := s.exec(ctx, sql); err != nil {
				return fmt.Errorf("%s: %w", statement.Position, describe(err))
			}
		}
	}
	return nil
}

// ExecSQL runs a statement that is not declared, such as one of Atlas'.
func (s *Session) ExecSQL(ctx context.Context, sql string) error {
	if err := s.exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", firstLine(sql), describe(err))
	}
	return nil
}

// Savepoint runs fn so that its failure leaves the transaction usable.
func (s *Session) Savepoint(ctx context.Context, fn func() error) error {
	if err := s.exec(ctx, "SAVEPOINT attempt"); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return errors.Join(err, s.exec(ctx, "ROLLBACK TO SAVEPOINT attempt"))
	}
	return s.exec(ctx, "RELEASE SAVEPOINT attempt")
}

// build makes the desired state in one transaction and has Postgres check the
// bodies of its functions, which could not be checked before the tables they
// speak of existed.
func (s *Session) build(ctx context.Context, desired Desired) (declaration *Declaration, err error) {
	err = s.transaction(ctx, func() error {
		if err := s.exec(ctx, "SET LOCAL check_function_bodies = off"); err != nil {
			return err
		}
		if declaration, err = desired.Build(ctx, s); err != nil {
			return err
		}
		return s.exec(ctx, "SET LOCAL check_function_bodies = on")
	})
	if err != nil {
		return nil, fmt.Errorf("build the desired state: %w", err)
	}
	if err := s.checkBodies(ctx); err != nil {
		return nil, fmt.Errorf("build the desired state: %w", err)
	}
	return declaration, nil
}

// checkBodies calls each function's language validator, as CREATE FUNCTION
// would have done.
func (s *Session) checkBodies(ctx context.Context) error {
	const query = `
		SELECT p.oid::regprocedure::text, l.lanvalidator::regproc::text, p.oid
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND l.lanvalidator <> 0 AND l.lanname IN ('sql', 'plpgsql')
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
		ORDER BY 1`
	type function struct {
		Name, Validator string
		OID             uint32
	}
	rows, err := s.conn.Query(ctx, query)
	if err != nil {
		return err
	}
	functions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[function])
	if err != nil {
		return err
	}
	// A body may read tables whose policies concern the owner.
	if err := s.exec(ctx, "SET row_security = on"); err != nil {
		return err
	}
	for _, f := range functions {
		if err := s.exec(ctx, fmt.Sprintf("SELECT %s(%d)", f.Validator, f.OID)); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, describe(err))
		}
	}
	return s.exec(ctx, "RESET row_security")
}

// replay runs the directory's files as applying them does: each in one
// transaction, unless it says otherwise.
func (s *Session) replay(ctx context.Context, dir migrate.Dir) error {
	files, err := migrate.FilesFromLastCheckpoint(dir)
	if err != nil {
		return fmt.Errorf("read the migration directory: %w", err)
	}
	for _, file := range files {
		statements, err := migrate.FileStmtDecls(s.driver, file)
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name(), err)
		}
		run := func() error {
			for _, statement := range statements {
				if err := s.exec(ctx, statement.Text); err != nil {
					line := 1 + strings.Count(string(file.Bytes()[:min(statement.Pos, len(file.Bytes()))]), "\n")
					return fmt.Errorf("replay %s, line %d: %w", file.Name(), line, describe(err))
				}
			}
			return nil
		}
		local, ok := file.(*migrate.LocalFile)
		if ok && slices.Contains(local.Directive("txmode"), "none") {
			err = run()
		} else {
			err = s.transaction(ctx, run)
		}
		if err != nil {
			return err
		}
		// A file may leave settings behind that the next must not see.
		if err := s.exec(ctx, "RESET ALL"); err != nil {
			return err
		}
	}
	return nil
}

// inspection is one database's state, tables and the rest.
type inspection struct {
	realm *schema.Realm
	state *catalog.State
}

// inspect reads both halves of the state from one snapshot.
func (s *Session) inspect(ctx context.Context) (*inspection, error) {
	tx, err := s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("inspect: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	// The revision table is the applying tool's own.
	realm, err := s.driver.InspectRealm(ctx, &schema.InspectRealmOption{Exclude: []string{catalog.RevisionsSchema}})
	if err != nil {
		return nil, fmt.Errorf("inspect tables: %w", err)
	}
	state, err := catalog.ReadIn(ctx, tx)
	if err != nil {
		return nil, err
	}
	in := &inspection{realm, state}
	in.forgetPartitionKeys()
	return in, nil
}

// forgetPartitionKeys removes the foreign keys that Postgres adds for every
// partition of a referenced table; they come and go with the partitions.
func (in *inspection) forgetPartitionKeys() {
	partitions := map[string]bool{}
	for _, name := range in.state.RuntimePartitions {
		partitions[name] = true
	}
	for _, p := range in.state.Partitions {
		partitions[p.Schema+"."+p.Name] = true
	}
	for _, s := range in.realm.Schemas {
		for _, t := range s.Tables {
			t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(fk *schema.ForeignKey) bool {
				return fk.RefTable.Schema != nil && partitions[fk.RefTable.Schema.Name+"."+fk.RefTable.Name]
			})
		}
	}
}

// table finds a table of the realm.
func (in *inspection) table(schemaName, name string) (*schema.Table, bool) {
	s, ok := in.realm.Schema(schemaName)
	if !ok {
		return nil, false
	}
	return s.Table(name)
}

// describe adds to a Postgres error what helps the author of the SQL.
func describe(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	lines := []string{pg.Message + " (SQLSTATE " + pg.Code + ")"}
	for _, more := range []string{pg.Detail, pg.Hint, pg.Where} {
		if more != "" {
			lines = append(lines, strings.ReplaceAll(more, "\n", "\n\t"))
		}
	}
	return &describedError{strings.Join(lines, "\n\t"), err}
}

type describedError struct {
	text  string
	cause error
}

func (e *describedError) Error() string { return e.text }
func (e *describedError) Unwrap() error { return e.cause }

func firstLine(s string) string {
	line, _, more := strings.Cut(s, "\n")
	if more {
		line += " …"
	}
	return line
}
