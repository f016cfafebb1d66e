package session_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// TestSchemaChange shows that a migration under a running service causes no errors if the statement is the first of
// its transaction: prepared statements that do not match the new schema are prepared again.
func TestSchemaChange(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 3 })
	b.exec(t, things)
	ctx, id := as(t)
	const all = "SELECT * FROM things"
	columns := func(q session.Querier) (int, error) {
		rows, err := q.QueryContext(ctx, all)
		if err != nil {
			return 0, err
		}
		defer rows.Close()
		names, err := rows.Columns()
		return len(names), err
	}
	warm := func() { // every connection has prepared the statement
		var group sync.WaitGroup
		for range 30 {
			group.Go(func() {
				if _, err := columns(b.Client()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	warm()
	b.exec(t, "ALTER TABLE things ADD COLUMN extra text")
	for range 10 {
		if n, err := columns(b.Client()); n != 7 || err != nil {
			t.Errorf("single statement: %d columns, error %v", n, err)
		}
	}
	warm()
	b.exec(t, "ALTER TABLE things DROP COLUMN extra")
	for range 3 {
		err := b.Do(ctx, session.Options{}, func(_ context.Context, tx *ent.Tx) error {
			n, err := columns(tx)
			if n != 6 {
				err = errors.Join(err, fmt.Errorf("%d columns", n))
			}
			return err
		})
		if err != nil {
			t.Errorf("first statement of a transaction: %v", err)
		}
	}
	// Later in a transaction it is an error, but only once: the prepared statements of the other connections have been
	// invalidated.
	warm()
	b.exec(t, "ALTER TABLE things ADD COLUMN extra text")
	failures := 0
	for range 10 {
		err := b.Do(ctx, session.Options{}, func(_ context.Context, tx *ent.Tx) error {
			if _, err := tx.ExecContext(ctx, insertThing, id, time.Now().String()); err != nil {
				return err
			}
			_, err := columns(tx)
			return err
		})
		if err != nil {
			failures++
		}
	}
	if failures > 1 {
		t.Errorf("%d of 10 transactions failed after one change of the schema", failures)
	}
}

// TestManyStatements shows that a connection keeps a limited number of prepared statements, and that statements
// evicted from the client's cache are deallocated on the server.
func TestManyStatements(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	ctx, _ := as(t)
	const more = entpgx.StatementCacheSize + 50
	for n := range more {
		var got int
		scanOne(ctx, t, b.Client(), fmt.Sprintf("SELECT %d", n), nil, &got)
		if got != n {
			t.Fatalf("statement %d returned %d", n, got)
		}
	}
	var count int
	scanOne(ctx, t, b.Client(), "SELECT count(*) FROM pg_prepared_statements WHERE name NOT LIKE 'entpgx_fixed_%'", nil, &count)
	if count > entpgx.StatementCacheSize+1 || count < entpgx.StatementCacheSize-1 {
		t.Errorf("the server has %d prepared statements", count)
	}
	for n := range more { // the first statements were evicted and are prepared again
		var got int
		scanOne(ctx, t, b.Client(), fmt.Sprintf("SELECT %d", n), nil, &got)
	}
}

// TestDeadConnections shows that idle connections closed by the server, as in a restart, cause no errors.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, _ := as(t)
	for range 3 {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { _, _ = b.Client().ExecContext(ctx, "SELECT pg_sleep(0.005)") })
		}
		group.Wait()
		b.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chenu human'")
		b.wait(t, "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chenu human'")
		for range 4 {
			if _, err := b.Client().ExecContext(ctx, "SELECT 1"); err != nil {
				t.Errorf("after the server closed all connections: %v", err)
			}
			if err := b.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestCancelledConnection shows that the connection of a statement whose context ended is discarded, that the server
// cancels the statement, and that the pool keeps its size.
func TestCancelledConnection(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	ctx, _ := as(t)
	var before, after int
	scanOne(ctx, t, b.Client(), "SELECT pg_backend_pid()", nil, &before)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := b.Client().ExecContext(short, "SELECT pg_sleep(60)")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	scanOne(ctx, t, b.Client(), "SELECT pg_backend_pid()", nil, &after)
	if before == after {
		t.Error("the connection was used again")
	}
	b.wait(t, "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", before)
	if time.Since(start) > 30*time.Second {
		t.Error("the server did not cancel the statement")
	}
	if total := session.Pool(b.DB, auth.Human).Stat().TotalConns(); total != 1 {
		t.Errorf("%d connections", total)
	}
}

// TestExhaustedPool shows that a caller waits for a connection until its context is done.
func TestExhaustedPool(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	ctx, _ := as(t)
	err := b.Do(ctx, session.Options{}, func(_ context.Context, tx *ent.Tx) error {
		if _, err := tx.ExecContext(ctx, "SELECT 1"); err != nil {
			return err
		}
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := b.Client().ExecContext(short, "SELECT 1")
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "get a connection") {
			t.Errorf("error %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCommitUnknown shows that a connection lost during the commit is distinguished from a failed commit.
func TestCommitUnknown(t *testing.T) {
	t.Parallel()
	b := closed(t)
	b.exec(t, things)
	cut := newCutter(t, b.database.ServiceURL)
	b.database.ServiceURL = cut.url
	b.DB = open(t, b.database, func(c *session.Config) { c.MaxConns = 1 })
	ctx, id := as(t)
	err := b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, insertThing, id, "a")
		cut.armed.Store(true) // the commit reaches the server, its response does not reach the client
		return err
	})
	if !errors.Is(err, entpgx.ErrCommitUnknown) {
		t.Errorf("error %v", err)
	}
	b.wait(t, "SELECT count(*) = 1 FROM things WHERE created_by = $1", id)
}

// Hardening item 2: a unit of work that holds a connection gets an error instead of waiting for a second connection,
// in whatever way it requests one.
func TestNestedUnitsAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	ctx, _ := as(t)
	nothing := func(context.Context, *ent.Tx) error { return nil }
	for name, second := range map[string]func(context.Context) error{
		"a unit":             func(ctx context.Context) error { return b.Do(ctx, session.Options{}, nothing) },
		"a read-only unit":   func(ctx context.Context) error { return b.Do(ctx, session.Options{ReadOnly: true}, nothing) },
		"a single statement": func(ctx context.Context) error { _, err := b.Client().ExecContext(ctx, "SELECT 1"); return err },
		"an anonymous unit":  func(ctx context.Context) error { return b.Anonymous(ctx, func(session.Querier) error { return nil }) },
		"an anonymous query": func(ctx context.Context) error {
			rows, err := b.AnonymousQuery(ctx, "SELECT 1")
			if err == nil {
				err = errors.Join(rows.Err(), rows.Close())
			}
			return err
		},
	} {
		for _, options := range []session.Options{{}, {ReadOnly: true, Isolation: sql.LevelRepeatableRead}} {
			err := b.Do(ctx, options, func(ctx context.Context, _ *ent.Tx) error { return second(context.WithoutCancel(ctx)) })
			if !errors.Is(err, session.ErrNested) {
				t.Errorf("%s in %+v: %v", name, options, err)
			}
		}
		// A read-only unit holds no connection between its statements.
		if err := b.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, _ *ent.Tx) error { return second(ctx) }); err != nil {
			t.Errorf("%s in a read-only unit: %v", name, err)
		}
	}
}
