package session_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"github.com/chenu/chenu/server/session"
)

// TestRows reads no row, one row and several rows of a query, and checks that errors are returned.
func TestRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, _ := as(t)
	const query = "SELECT n FROM generate_series(1, $1::int) AS n"
	for _, test := range []struct {
		rows int
		want error
	}{{0, sql.ErrNoRows}, {1, nil}, {3, nil}} {
		n := 0
		if err := session.One(ctx, b.Client(), query, []any{test.rows}, &n); !errors.Is(err, test.want) || n != min(test.rows, 1) {
			t.Errorf("the first of %d rows: %d, %v", test.rows, n, err)
		}
		var all []int
		err := session.Each(ctx, b.Client(), query, []any{test.rows}, func(rows *sql.Rows) error {
			all = append(all, 0)
			return rows.Scan(&all[len(all)-1])
		})
		if want := []int{1, 2, 3}[:test.rows]; err != nil || !slices.Equal(all, want) {
			t.Errorf("%d rows: %v, %v", test.rows, all, err)
		}
	}
	stop, calls := errors.New("stop"), 0
	err := session.Each(ctx, b.Client(), query, []any{3}, func(*sql.Rows) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("stopped with %v after %d rows", err, calls)
	}
	if err := session.One(ctx, b.Client(), "SELECT 1/0", nil, new(int)); err == nil || errors.Is(err, sql.ErrNoRows) {
		t.Errorf("a failing query: %v", err)
	}
}
