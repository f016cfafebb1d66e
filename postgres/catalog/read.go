package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Read reads the database in one read-only transaction, so that the result is consistent. It omits the system's
// schemas, the schema of the revision table, members of extensions, and partitions that were created at run time. Of
// the server's roles it reads those whose names start with rolePrefix. The session can have any role, since every role
// can read the catalog.
func Read(ctx context.Context, conn *pgx.Conn, rolePrefix string) (*State, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	return ReadIn(ctx, tx, rolePrefix)
}

// ReadIn is like Read, within the caller's transaction, which should be REPEATABLE READ. It clears the transaction's
// search_path.
func ReadIn(ctx context.Context, tx pgx.Tx, rolePrefix string) (*State, error) {
	var (
		s     = &State{}
		batch pgx.Batch
	)
	// With an empty search path, Postgres qualifies all names.
	batch.Queue("SET LOCAL search_path = ''").Exec(func(pgconn.CommandTag) error { return nil })
	batch.Queue("SELECT current_setting('server_version_num')::int").QueryRow(func(row pgx.Row) error { return row.Scan(&s.Version) })
	queue(&batch, functionsQuery, &s.Functions)
	queue(&batch, triggersQuery, &s.Triggers)
	queue(&batch, policiesQuery, &s.Policies)
	queue(&batch, securityQuery, &s.Security)
	queue(&batch, partitionsQuery, &s.Partitions)
	queue(&batch, defaultsQuery, &s.Defaults)
	queue(&batch, othersQuery, &s.Others)
	queue(&batch, rolesQuery, &s.Roles, rolePrefix)
	batch.Queue(privilegesQuery).Query(func(rows pgx.Rows) (err error) {
		s.Privileges, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Privileges, error) {
			var p Privileges
			err := row.Scan(&p.Of.Kind, &p.Of.Schema, &p.Of.Name, &p.Of.Sub, &p.Owner, &p.Grants, &p.Initial)
			return &p, err
		})
		// A column whose last grant was revoked keeps an empty list.
		s.Privileges = slices.DeleteFunc(s.Privileges, func(p *Privileges) bool { return p.Of.Kind == KindColumn && len(p.Grants) == 0 })
		return err
	})
	batch.Queue(detailsQuery).Query(func(rows pgx.Rows) (err error) {
		s.Details, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Detail, error) {
			var d Detail
			err := row.Scan(&d.Of.Kind, &d.Of.Schema, &d.Of.Name, &d.Of.Sub, &d.Definition)
			return &d, err
		})
		return err
	})
	batch.Queue(dependenciesQuery).Query(func(rows pgx.Rows) (err error) {
		s.Dependencies, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Dependency, error) {
			var d Dependency
			err := row.Scan(&d.Of.Kind, &d.Of.Schema, &d.Of.Name, &d.Of.Sub, &d.On.Kind, &d.On.Schema, &d.On.Name, &d.On.Sub)
			return d, err
		})
		return err
	})
	s.Trees, s.Relations, s.Routines = map[Key]Trees{}, map[uint32]Relation{}, map[uint32]Key{}
	batch.Queue(treesQuery).Query(func(rows pgx.Rows) error {
		var (
			key  = Key{Kind: KindPolicy}
			tree Trees
		)
		_, err := pgx.ForEachRow(rows, []any{&key.Schema, &key.Name, &key.Sub, &tree.Using, &tree.Check}, func() error {
			s.Trees[key] = tree
			return nil
		})
		return err
	})
	batch.Queue(relationsQuery).Query(func(rows pgx.Rows) error {
		var (
			oid     uint32
			key     Key
			columns []byte
		)
		_, err := pgx.ForEachRow(rows, []any{&oid, &key.Kind, &key.Schema, &key.Name, &columns}, func() error {
			r := Relation{Key: key}
			err := json.Unmarshal(columns, &r.Columns)
			s.Relations[oid] = r
			return err
		})
		return err
	})
	batch.Queue(routinesQuery).Query(func(rows pgx.Rows) error {
		var (
			oid uint32
			key = Key{Kind: KindFunction}
		)
		_, err := pgx.ForEachRow(rows, []any{&oid, &key.Schema, &key.Name, &key.Sub}, func() error {
			s.Routines[oid] = key
			return nil
		})
		return err
	})
	s.Operators, s.Volatile = map[uint32]Operator{}, map[uint32]bool{}
	batch.Queue(operatorsQuery).Query(func(rows pgx.Rows) error {
		var o Operator
		_, err := pgx.ForEachRow(rows, []any{&o.OID, &o.Commutator, &o.Negator, &o.Strict}, func() error {
			s.Operators[o.OID] = o
			return nil
		})
		return err
	})
	batch.Queue("SELECT oid FROM pg_catalog.pg_proc WHERE provolatile = 'v'").Query(func(rows pgx.Rows) error {
		var oid uint32
		_, err := pgx.ForEachRow(rows, []any{&oid}, func() error {
			s.Volatile[oid] = true
			return nil
		})
		return err
	})
	batch.Queue(runtimePartitionsQuery).Query(func(rows pgx.Rows) (err error) {
		s.RuntimePartitions, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	return s, nil
}

func queue[T any](batch *pgx.Batch, query string, into *[]*T, args ...any) {
	batch.Queue(query, args...).Query(func(rows pgx.Rows) (err error) {
		*into, err = pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[T])
		return err
	})
}
