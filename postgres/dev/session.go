package dev

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/project"
)

// Session is a connection to a database, as the owner role.
type Session struct {
	conventions *project.Conventions
	database    string
	config      *pgx.ConnConfig // of further connections like this one
	pool        *sql.DB
	atlas       *sql.Conn
	conn        *pgx.Conn // the same connection
	driver      migrate.Driver
}

func (s *Session) connect(ctx context.Context) (err error) {
	if s.atlas, err = s.pool.Conn(ctx); err != nil {
		return fmt.Errorf("connect as %s: %w", s.conventions.Owner, err)
	}
	err = s.atlas.Raw(func(driver any) error {
		s.conn = driver.(*stdlib.Conn).Conn()
		return nil
	})
	if err != nil {
		return fmt.Errorf("connect as %s: %w", s.conventions.Owner, err)
	}
	if s.driver, err = postgres.Open(atlasConn{s.atlas}); err != nil {
		return fmt.Errorf("open the database with Atlas: %w", err)
	}
	return nil
}

// Close closes the connection. It returns no error if the server or a canceled context has closed
// it already.
func (s *Session) Close() error {
	if s.atlas != nil {
		_ = s.atlas.Close()
	}
	return s.pool.Close()
}

// Exec runs one statement in the simple protocol, as a migration does.
func (s *Session) Exec(ctx context.Context, sql string) error {
	_, err := s.conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// Transaction runs fn between BEGIN and COMMIT.
func (s *Session) Transaction(ctx context.Context, fn func() error) error {
	if err := s.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := fn(); err != nil {
		_ = s.Exec(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	return s.Exec(ctx, "COMMIT")
}

// SQL returns the connection for database/sql.
func (s *Session) SQL() *sql.Conn { return s.atlas }

// Conn returns the same connection for pgx.
func (s *Session) Conn() *pgx.Conn { return s.conn }

// Driver returns Atlas' driver on the session.
func (s *Session) Driver() migrate.Driver { return s.driver }

// Savepoint runs fn so that the transaction remains usable if it fails.
func (s *Session) Savepoint(ctx context.Context, fn func() error) error {
	if err := s.Exec(ctx, "SAVEPOINT attempt"); err != nil {
		return err
	}
	if err := fn(); err != nil {
		return errors.Join(err, s.Exec(ctx, "ROLLBACK TO SAVEPOINT attempt"))
	}
	return s.Exec(ctx, "RELEASE SAVEPOINT attempt")
}

// CheckBodies calls the language validator of each function, as CREATE FUNCTION does.
func (s *Session) CheckBodies(ctx context.Context) error {
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
	// A body may read tables whose policies apply to the owner.
	if err := s.Exec(ctx, "SET row_security = on"); err != nil {
		return err
	}
	for _, f := range functions {
		if err := s.Exec(ctx, fmt.Sprintf("SELECT %s(%d)", f.Validator, f.OID)); err != nil {
			return fmt.Errorf("function %s: %w", f.Name, Describe(err))
		}
	}
	return s.Exec(ctx, "RESET row_security")
}

// Replay runs the files of the directory as apply does: each in one transaction, unless it has `--
// atlas:txmode none`.
func (s *Session) Replay(ctx context.Context, dir migrate.Dir) error {
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
				if err := s.Exec(ctx, statement.Text); err != nil {
					line := 1 + strings.Count(string(file.Bytes()[:min(statement.Pos, len(file.Bytes()))]), "\n")
					return fmt.Errorf("replay %s, line %d: %w", file.Name(), line, Describe(err))
				}
			}
			return nil
		}
		local, ok := file.(*migrate.LocalFile)
		if ok && slices.Contains(local.Directive("txmode"), "none") {
			err = run()
		} else {
			err = s.Transaction(ctx, run)
		}
		if err != nil {
			return err
		}
		// Settings of one file must not affect the next.
		if err := s.Exec(ctx, "RESET ALL"); err != nil {
			return err
		}
	}
	return nil
}

// Inspection is the state of one database: the tables as Atlas reads them, and the rest.
type Inspection struct {
	Realm *schema.Realm
	State *catalog.State
}

// Inspect reads both parts of the state from one snapshot, in a read-only transaction. The
// functions in also can read more in this transaction.
func (s *Session) Inspect(ctx context.Context, also ...func(tx pgx.Tx) error) (*Inspection, error) {
	return s.inspect(ctx, nil, also...)
}

// InspectRest is like Inspect, for tables that the caller has read with Realm and that have not changed since.
func (s *Session) InspectRest(ctx context.Context, tables *schema.Realm) (*Inspection, error) {
	return s.inspect(ctx, tables)
}

func (s *Session) inspect(ctx context.Context, realm *schema.Realm, also ...func(tx pgx.Tx) error) (*Inspection, error) {
	tx, err := s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SET LOCAL enable_nestloop = off"); err != nil { // see Realm
		return nil, fmt.Errorf("read the catalog: %w", err)
	}
	for _, read := range also {
		if err := read(tx); err != nil {
			return nil, err
		}
	}
	if realm == nil {
		if realm, err = s.realm(ctx); err != nil {
			return nil, err
		}
	}
	state, err := catalog.ReadIn(ctx, tx, s.conventions.RolePrefix())
	if err != nil {
		return nil, err
	}
	in := &Inspection{realm, state}
	in.removePartitionKeys()
	return in, nil
}

// Realm reads only the tables, in the running transaction if there is one.
func (s *Session) Realm(ctx context.Context) (realm *schema.Realm, err error) {
	// The catalogs of a new database have no statistics. Atlas' query of the indexes then reads all
	// constraints once for each column of each index: 440 ms instead of 15.
	var before string
	if err := s.conn.QueryRow(ctx, "SELECT current_setting('enable_nestloop')").Scan(&before); err != nil {
		return nil, fmt.Errorf("inspect tables: %w", err)
	}
	if err := s.Exec(ctx, "SET enable_nestloop = off"); err != nil {
		return nil, fmt.Errorf("inspect tables: %w", err)
	}
	if realm, err = s.realm(ctx); err != nil {
		return nil, err
	}
	if err := s.Exec(ctx, "SET enable_nestloop = "+before); err != nil {
		return nil, fmt.Errorf("inspect tables: %w", err)
	}
	return realm, nil
}

func (s *Session) realm(ctx context.Context) (*schema.Realm, error) {
	// The revision table belongs to the tool that applies migrations.
	realm, err := s.driver.InspectRealm(ctx, &schema.InspectRealmOption{Exclude: []string{catalog.RevisionsSchema}})
	if err != nil {
		return nil, fmt.Errorf("inspect tables: %w", err)
	}
	return realm, nil
}

// removePartitionKeys removes the foreign keys that Postgres adds for every partition of a
// referenced table: they are created and dropped with the partitions.
func (in *Inspection) removePartitionKeys() {
	partitions := map[string]bool{}
	for _, name := range in.State.RuntimePartitions {
		partitions[name] = true
	}
	for _, p := range in.State.Partitions {
		partitions[p.Schema+"."+p.Name] = true
	}
	for _, s := range in.Realm.Schemas {
		for _, t := range s.Tables {
			t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(fk *schema.ForeignKey) bool {
				return fk.RefTable.Schema != nil && partitions[fk.RefTable.Schema.Name+"."+fk.RefTable.Name]
			})
		}
	}
}

// Table returns a table of the realm.
func (in *Inspection) Table(schemaName, name string) (*schema.Table, bool) {
	s, ok := in.Realm.Schema(schemaName)
	if !ok {
		return nil, false
	}
	return s.Table(name)
}

// Describe returns a Postgres error with its detail, hint and context in the message. Other errors are unchanged.
func Describe(err error) error {
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
