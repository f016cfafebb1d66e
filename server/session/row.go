package session

import (
	"context"
	"database/sql"
	"errors"
)

// One scans the first row of a query into the destinations. It returns [sql.ErrNoRows] if there is none.
func One(ctx context.Context, q Querier, query string, args []any, into ...any) error {
	found := false
	err := Each(ctx, q, query, args, func(rows *sql.Rows) error {
		if found {
			return nil
		}
		found = true
		return rows.Scan(into...)
	})
	if err == nil && !found {
		return sql.ErrNoRows
	}
	return err
}

// Each calls row for every row of a query and returns the first error.
func Each(ctx context.Context, q Querier, query string, args []any, row func(*sql.Rows) error) (err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
