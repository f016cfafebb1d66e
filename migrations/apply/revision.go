package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations"
)

// Names of the Atlas CLI.
const (
	revisionSchema = "atlas_schema_revisions"
	revisionTable  = "atlas_schema_revisions"
)

// createRevisionsSQL creates the same table as the CLI, so that the CLI's migration of the table changes nothing.
const createRevisionsSQL = `CREATE SCHEMA IF NOT EXISTS atlas_schema_revisions;
CREATE TABLE IF NOT EXISTS atlas_schema_revisions.atlas_schema_revisions (
	version character varying NOT NULL,
	description character varying NOT NULL,
	type bigint NOT NULL DEFAULT 2,
	applied bigint NOT NULL DEFAULT 0,
	total bigint NOT NULL DEFAULT 0,
	executed_at timestamptz NOT NULL,
	execution_time bigint NOT NULL,
	error text NULL,
	error_stmt text NULL,
	hash character varying NOT NULL,
	partial_hashes jsonb NULL,
	operator_version character varying NOT NULL,
	PRIMARY KEY (version)
);`

// A row whose version starts with a dot is not a revision: the CLI stores an identifier of the table in it.
const selectRevisionSQL = `SELECT version, description, type, applied, total, executed_at, execution_time,
	coalesce(error, ''), coalesce(error_stmt, ''), hash, partial_hashes, operator_version
FROM atlas_schema_revisions.atlas_schema_revisions WHERE left(version, 1) <> '.'`

const writeRevisionSQL = `INSERT INTO atlas_schema_revisions.atlas_schema_revisions
	(version, description, type, applied, total, executed_at, execution_time, error, error_stmt, hash, partial_hashes, operator_version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (version) DO UPDATE SET
	description = excluded.description, type = excluded.type, applied = excluded.applied, total = excluded.total,
	executed_at = excluded.executed_at, execution_time = excluded.execution_time,
	error = excluded.error, error_stmt = excluded.error_stmt,
	hash = excluded.hash, partial_hashes = excluded.partial_hashes, operator_version = excluded.operator_version`

// Querier is the part of a connection, pool or transaction of pgx that Revisions needs.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Revisions reads and writes the revision table of the Atlas CLI. In a transaction, its writes are part of it. It does
// not create the table: without the table it reads no revisions, and writing fails.
type Revisions struct {
	db    Querier
	owner string
}

var _ migrate.RevisionReadWriter = (*Revisions)(nil)

// NewRevisions returns the revisions of the database to which db is connected, for a role that can read them. Only the
// role owner can write them.
func NewRevisions(db Querier, owner string) *Revisions { return &Revisions{db, owner} }

// Ident implements migrate.RevisionReadWriter.
func (r *Revisions) Ident() *migrate.TableIdent {
	return &migrate.TableIdent{Schema: revisionSchema, Name: revisionTable}
}

// exists reports whether the revision table exists.
func (r *Revisions) exists(ctx context.Context) (bool, error) {
	var exists bool
	err := r.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2)`, revisionSchema, revisionTable).Scan(&exists)
	if err != nil {
		return false, fmt.Errorf("find the revision table: %w", err)
	}
	return exists, nil
}

// create creates the revision table if it does not exist.
func (r *Revisions) create(ctx context.Context) error {
	if exists, err := r.exists(ctx); err != nil || exists {
		return err
	}
	if _, err := r.db.Exec(ctx, createRevisionsSQL); err != nil {
		if state(err) == stateInsufficientPrivilege {
			return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: r.owner + " has no privilege to create a schema in this database", Err: err,
				Advice: "ask an administrator to run `chenu bootstrap`, or: ALTER DATABASE … OWNER TO " + r.owner}
		}
		return fmt.Errorf("create the revision table: %w", err)
	}
	return nil
}

// unprotectedSQL returns whether the revision table lacks the trigger that rejects TRUNCATE while the trigger's
// function exists.
const unprotectedSQL = `SELECT to_regprocedure('app.refuse_truncate()') IS NOT NULL AND EXISTS (
	SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relname = $2 AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'refuse_truncate'))`

const protectSQL = `CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON atlas_schema_revisions.atlas_schema_revisions
	FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()`

// protect makes TRUNCATE of the revision table fail, like that of every table of the schema. A migration cannot do this,
// because the table does not exist when the Atlas CLI or the planner replays the files. Before the migration that creates
// the function, protect does nothing.
func (r *Revisions) protect(ctx context.Context) error {
	var unprotected bool
	if err := r.db.QueryRow(ctx, unprotectedSQL, revisionSchema, revisionTable).Scan(&unprotected); err != nil {
		return fmt.Errorf("check the trigger of the revision table: %w", err)
	}
	if !unprotected {
		return nil
	}
	if _, err := r.db.Exec(ctx, protectSQL); err != nil {
		return fmt.Errorf("protect the revision table from TRUNCATE: %w", err)
	}
	return nil
}

// ReadRevisions implements migrate.RevisionReadWriter. It returns all revisions in the order of their versions.
func (r *Revisions) ReadRevisions(ctx context.Context) ([]*migrate.Revision, error) {
	if exists, err := r.exists(ctx); err != nil || !exists {
		return nil, err
	}
	// The collation "C" compares as Go does, which is the order of the files; the database's collation may differ.
	rows, err := r.db.Query(ctx, selectRevisionSQL+` ORDER BY version COLLATE "C"`)
	if err != nil {
		return nil, r.readError(err)
	}
	revisions, err := pgx.CollectRows(rows, scanRevision)
	if err != nil {
		return nil, r.readError(err)
	}
	return revisions, nil
}

// ReadRevision implements migrate.RevisionReadWriter.
func (r *Revisions) ReadRevision(ctx context.Context, version string) (*migrate.Revision, error) {
	if exists, err := r.exists(ctx); err != nil {
		return nil, err
	} else if !exists {
		return nil, migrate.ErrRevisionNotExist
	}
	rows, err := r.db.Query(ctx, selectRevisionSQL+" AND version = $1", version)
	if err != nil {
		return nil, r.readError(err)
	}
	revision, err := pgx.CollectExactlyOneRow(rows, scanRevision)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, migrate.ErrRevisionNotExist
	}
	if err != nil {
		return nil, r.readError(err)
	}
	return revision, nil
}

func (r *Revisions) readError(err error) error {
	if state(err) == stateInsufficientPrivilege {
		return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: "the revision table cannot be read", Err: err,
			Advice: "if the Atlas CLI created it as another role, run as that role: ALTER SCHEMA atlas_schema_revisions OWNER TO " + r.owner +
				"; ALTER TABLE atlas_schema_revisions.atlas_schema_revisions OWNER TO " + r.owner}
	}
	return fmt.Errorf("read the revision table: %w", err)
}

func scanRevision(row pgx.CollectableRow) (*migrate.Revision, error) {
	var (
		r    migrate.Revision
		kind int64
		took int64
	)
	err := row.Scan(&r.Version, &r.Description, &kind, &r.Applied, &r.Total, &r.ExecutedAt, &took,
		&r.Error, &r.ErrorStmt, &r.Hash, &r.PartialHashes, &r.OperatorVersion)
	r.Type, r.ExecutionTime = migrate.RevisionType(kind), time.Duration(took)
	r.ExecutedAt = r.ExecutedAt.UTC()
	return &r, err
}

// WriteRevision implements migrate.RevisionReadWriter: it inserts the revision, or replaces that of the same version.
func (r *Revisions) WriteRevision(ctx context.Context, v *migrate.Revision) error {
	_, err := r.db.Exec(ctx, writeRevisionSQL, v.Version, v.Description, int64(v.Type), v.Applied, v.Total, v.ExecutedAt,
		int64(v.ExecutionTime), v.Error, v.ErrorStmt, v.Hash, v.PartialHashes, v.OperatorVersion)
	if err != nil {
		return fmt.Errorf("write revision %s: %w", v.Version, err)
	}
	return nil
}

// DeleteRevision implements migrate.RevisionReadWriter.
func (r *Revisions) DeleteRevision(ctx context.Context, version string) error {
	if _, err := r.db.Exec(ctx, "DELETE FROM atlas_schema_revisions.atlas_schema_revisions WHERE version = $1", version); err != nil {
		return fmt.Errorf("delete revision %s: %w", version, err)
	}
	return nil
}
