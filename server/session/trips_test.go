package session_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"testing"

	"entgo.io/ent/dialect/sql/sqlgraph"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/session"
)

// TestRoundTrips counts the round trips to the server. The letters are the kinds of messages (Postgres manual, section
// 55.7): P parse, D describe, B bind, E execute, C close, S sync.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	b := closed(t)
	b.exec(t, things)
	network := newCounter(t, b.database.ServiceURL)
	b.database.ServiceURL = network.url
	b.DB = open(t, b.database, func(c *session.Config) { c.MaxConns = 1 })
	ctx, id := as(t)
	c := b.Client()

	const (
		read  = "SELECT note FROM things WHERE number = $1"
		write = "INSERT INTO things (created_by, note) VALUES ($1, $2)"
	)
	get := func(q session.Querier) error {
		rows, err := q.QueryContext(ctx, read, 1)
		if err == nil {
			err = rows.Close()
		}
		return err
	}
	note := 0
	put := func(q session.Querier) error {
		note++
		_, err := q.ExecContext(ctx, write, id, note)
		return err
	}
	for _, test := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"a new statement", func() error { return get(c) }, []string{"BE" + "PD" + "BDE" + "S"}},
		{"a known statement", func() error { return get(c) }, []string{"BE" + "BE" + "S"}},
		{"a new write", func() error { return put(c) }, []string{"BE" + "PD" + "BDE" + "S"}},
		{"a known write", func() error { return put(c) }, []string{"BE" + "BDE" + "S"}},
		{"a failing statement", func() error {
			if _, err := c.ExecContext(ctx, write, id, 1); !sqlgraph.IsConstraintError(err) {
				return errors.New("no constraint error")
			}
			return nil
		}, []string{"BE" + "BDE" + "S"}},
		{"the statement after it", func() error { return get(c) }, []string{"BE" + "BE" + "S"}},
		{"a write in a transaction", func() error {
			return b.Do(ctx, session.Options{}, func(_ context.Context, tx *ent.Tx) error { return put(tx) })
		}, []string{"BDE" + "BE" + "BDE" + "S", "BDES"}},
		{"two writes and a read in a transaction", func() error {
			return b.Do(ctx, session.Options{}, func(_ context.Context, tx *ent.Tx) error {
				return errors.Join(put(tx), put(tx), get(tx))
			})
		}, []string{"BDE" + "BE" + "BDE" + "S", "BDES", "BES", "BDES"}},
		{"a transaction that does nothing", func() error {
			return b.Do(ctx, session.Options{}, func(context.Context, *ent.Tx) error { return nil })
		}, nil},
		{"a transaction that fails before it does anything", func() error {
			if err := b.Do(ctx, session.Options{}, func(context.Context, *ent.Tx) error { return sql.ErrNoRows }); !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			return nil
		}, nil},
		{"a rolled back transaction", func() error {
			err := b.Do(ctx, session.Options{}, func(_ context.Context, tx *ent.Tx) error {
				return errors.Join(put(tx), sql.ErrNoRows)
			})
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			return nil
		}, []string{"BDE" + "BE" + "BDE" + "S", "BDES"}},
		{"a read-only unit of two reads", func() error {
			return b.Do(ctx, session.Options{ReadOnly: true}, func(_ context.Context, tx *ent.Tx) error {
				return errors.Join(get(tx), get(tx))
			})
		}, []string{"BE" + "BE" + "S", "BE" + "BE" + "S"}},
		{"a read-only unit with one snapshot", func() error {
			return b.Do(ctx, session.Options{ReadOnly: true, Isolation: sql.LevelRepeatableRead}, func(_ context.Context, tx *ent.Tx) error {
				return errors.Join(get(tx), get(tx))
			})
		}, []string{"BDE" + "BE" + "BE" + "S", "BES", "BDES"}},
		{"an anonymous statement", func() error {
			return b.Anonymous(ctx, func(q session.Querier) error { return get(q) })
		}, []string{"BDE" + "BE" + "BE" + "S", "BDES"}},
		{"a statement without identity", func() error {
			_, err := c.ExecContext(t.Context(), write, id, 0)
			if !errors.Is(err, session.ErrNoIdentity) {
				return err
			}
			return nil
		}, nil},
		{"a value that cannot be encoded", func() error {
			_, err := c.ExecContext(ctx, write, id, make(chan int))
			if err == nil {
				return errors.New("no error")
			}
			return nil
		}, nil},
	} {
		got := network.during(func() {
			if err := test.do(); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		})
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %d round trips %q, want %d %q", test.name, len(got), got, len(test.want), test.want)
		}
	}

	// Behind a pooler statements are not prepared, and still need one round trip.
	pooled := open(t, b.database, func(c *session.Config) { c.MaxConns, c.Pooler = 1, true })
	for range 2 {
		got := network.during(func() {
			if err := get(pooled.Client()); err != nil {
				t.Error(err)
			}
		})
		if want := []string{"PBDE" + "PBDE" + "S"}; !slices.Equal(got, want) {
			t.Errorf("behind a pooler: round trips %q, want %q", got, want)
		}
	}
}
