package dev

import (
	"context"
	"database/sql"
	"strings"
)

// atlasConn is the connection that Atlas uses. It corrects a query of Atlas.
type atlasConn struct{ *sql.Conn }

// Atlas reads the columns of a partition key as numbers and uses them as positions. These differ
// after a column before the key was dropped: Atlas then fails, or takes another column.
const (
	keyNumbers   = "t4.partattrs AS partition_attrs"
	keyPositions = `(
		SELECT string_agg((
			SELECT count(*) FROM pg_catalog.pg_attribute c
			WHERE c.attrelid = t4.partrelid AND c.attnum BETWEEN 1 AND k.number AND NOT c.attisdropped
		)::text, ' ' ORDER BY k.place)
		FROM unnest(t4.partattrs::int2[]) WITH ORDINALITY AS k(number, place)
	) AS partition_attrs`
)

// QueryContext implements [schema.ExecQuerier].
func (c atlasConn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return c.Conn.QueryContext(ctx, strings.Replace(query, keyNumbers, keyPositions, 1), args...)
}
