package review

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Size is the size of a table of the live database, with its partitions.
type Size struct {
	// Rows is the planner's estimate; -1 if the table was never analyzed.
	Rows int64 `json:"rows"`
	// Bytes is the size of the table, and IndexBytes that of its indexes.
	Bytes      int64 `json:"bytes"`
	IndexBytes int64 `json:"index_bytes"`
}

// sizesQuery takes only short ACCESS SHARE locks, and waits for an ACCESS EXCLUSIVE lock of another
// session no longer than the lock timeout.
const sizesQuery = `
SELECT t.name, coalesce(sum(c.reltuples) FILTER (WHERE c.relkind <> 'p'), -1)::bigint,
	coalesce(sum(pg_catalog.pg_relation_size(c.oid)), 0)::bigint, coalesce(sum((
		SELECT sum(pg_catalog.pg_relation_size(i.indexrelid)) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid
	)), 0)::bigint
FROM unnest($1::text[]) t (name)
CROSS JOIN LATERAL (SELECT pg_catalog.to_regclass(t.name) AS oid) top
JOIN pg_catalog.pg_class c ON c.oid = top.oid
	OR c.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(top.oid) p)
GROUP BY t.name`

// Measure adds the sizes of the tables in a live database. It uses one read-only transaction.
func (r *Report) Measure(ctx context.Context, url string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("parse the database URL: %w", err)
	}
	maps.Copy(config.RuntimeParams, map[string]string{
		"default_transaction_read_only": "on", "lock_timeout": "2s", "statement_timeout": "30s", "application_name": "chenu migrate plan",
	})
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var names []string
	for _, f := range r.Files {
		for _, s := range f.Statements {
			for _, t := range s.Tables {
				if !slices.Contains(names, t.Name) {
					names = append(names, t.Name)
				}
			}
		}
	}
	r.Sizes = map[string]Size{}
	rows, err := conn.Query(ctx, sizesQuery, names)
	if err != nil {
		return fmt.Errorf("measure tables: %w", err)
	}
	var (
		name string
		size Size
	)
	_, err = pgx.ForEachRow(rows, []any{&name, &size.Rows, &size.Bytes, &size.IndexBytes}, func() error {
		r.Sizes[name] = size
		return nil
	})
	if err != nil {
		return fmt.Errorf("measure tables: %w", err)
	}
	return nil
}
