package session_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

const insertThing = "INSERT INTO things (created_by, note) VALUES ($1, $2)"

func (b *bundle) notes(t testing.TB, owner uuid.UUID) (notes []string) {
	t.Helper()
	rows, err := b.admin.Query(t.Context(), "SELECT note FROM things WHERE created_by = $1 ORDER BY note", owner)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		notes = append(notes, s)
	}
	return notes
}

var errOwn = errors.New("an error of the function")

// TestDo shows how the transaction ends for each result of the function.
func TestDo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, things)
	for _, test := range []struct {
		name string
		work func(ctx context.Context, tx *ent.Tx, id uuid.UUID, cancel context.CancelFunc) error
		fits func(error) bool
		kept bool
	}{
		{"returns nil", func(ctx context.Context, tx *ent.Tx, id uuid.UUID, _ context.CancelFunc) error {
			_, err := tx.ExecContext(ctx, insertThing, id, "a")
			return err
		}, func(err error) bool { return err == nil }, true},
		{"returns an error", func(ctx context.Context, tx *ent.Tx, id uuid.UUID, _ context.CancelFunc) error {
			_, err := tx.ExecContext(ctx, insertThing, id, "a")
			return errors.Join(err, errOwn)
		}, func(err error) bool { return errors.Is(err, errOwn) }, false},
		{"a statement failed and it returns nil", func(ctx context.Context, tx *ent.Tx, id uuid.UUID, _ context.CancelFunc) error {
			_, _ = tx.ExecContext(ctx, insertThing, id, "a")
			_, _ = tx.ExecContext(ctx, "SELECT 1/0")
			return nil
		}, func(err error) bool { return errors.Is(err, entpgx.ErrRolledBack) }, false},
		{"the first statement failed and it returns nil", func(ctx context.Context, tx *ent.Tx, _ uuid.UUID, _ context.CancelFunc) error {
			_, _ = tx.ExecContext(ctx, "SELECT 1/0")
			return nil
		}, func(err error) bool { return errors.Is(err, entpgx.ErrRolledBack) }, false},
		{"continues after a failed statement", func(ctx context.Context, tx *ent.Tx, id uuid.UUID, _ context.CancelFunc) error {
			_, _ = tx.ExecContext(ctx, "SELECT 1/0")
			_, err := tx.ExecContext(ctx, insertThing, id, "a")
			return err
		}, func(err error) bool { return pgtest.SQLState(err) == "25P02" }, false},
		{"its context ends", func(ctx context.Context, tx *ent.Tx, id uuid.UUID, cancel context.CancelFunc) error {
			_, err := tx.ExecContext(ctx, insertThing, id, "a")
			cancel()
			return err
		}, func(err error) bool { return errors.Is(err, context.Canceled) }, false},
		{"its context ends in a statement", func(ctx context.Context, tx *ent.Tx, id uuid.UUID, cancel context.CancelFunc) error {
			if _, err := tx.ExecContext(ctx, insertThing, id, "a"); err != nil {
				return err
			}
			time.AfterFunc(10*time.Millisecond, cancel)
			_, err := tx.ExecContext(ctx, "SELECT pg_sleep(60)")
			return err
		}, func(err error) bool { return errors.Is(err, context.Canceled) }, false},
		{"a statement begins and ends", func(ctx context.Context, tx *ent.Tx, id uuid.UUID, _ context.CancelFunc) error {
			if _, err := tx.ExecContext(ctx, insertThing, id, "a"); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "ROLLBACK")
			if err == nil {
				return errors.New("a statement may end the transaction")
			}
			if _, after := tx.ExecContext(ctx, "SELECT 1"); !errors.Is(after, sql.ErrTxDone) {
				return errors.Join(errors.New("the transaction continues"), after)
			}
			return err
		}, func(err error) bool { return err != nil && strings.Contains(err.Error(), "ended the transaction") }, false},
		{"a deferred constraint fails the commit", func(ctx context.Context, tx *ent.Tx, id uuid.UUID, _ context.CancelFunc) error {
			if _, err := tx.ExecContext(ctx, "SET CONSTRAINTS ALL DEFERRED"); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "INSERT INTO things (created_by, parent) VALUES ($1, $1)", id)
			return err
		}, func(err error) bool {
			return pgtest.SQLState(err) == "23503" && sqlgraph.IsForeignKeyConstraintError(err)
		}, false},
		{"context of another identity", func(_ context.Context, tx *ent.Tx, _ uuid.UUID, _ context.CancelFunc) error {
			other, _ := as(t)
			_, err := tx.ExecContext(other, "SELECT 1")
			return err
		}, func(err error) bool { return errors.Is(err, session.ErrIdentityChanged) }, false},
		{"context without an identity", func(_ context.Context, tx *ent.Tx, _ uuid.UUID, _ context.CancelFunc) error {
			_, err := tx.ExecContext(t.Context(), "SELECT 1")
			return err
		}, func(err error) bool { return errors.Is(err, session.ErrNoIdentity) }, false},
		{"row of another identity", func(ctx context.Context, tx *ent.Tx, _ uuid.UUID, _ context.CancelFunc) error {
			_, err := tx.ExecContext(ctx, insertThing, uuid.New(), "a")
			return err
		}, func(err error) bool { return pgtest.SQLState(err) == "42501" }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, id := as(t)
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			err := b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error { return test.work(ctx, tx, id, cancel) })
			if !test.fits(err) {
				t.Errorf("error %v", err)
			}
			if notes := b.notes(t, id); (len(notes) == 1) != test.kept {
				t.Errorf("rows %q, want kept %v", notes, test.kept)
			}
		})
	}
}

// TestDoPanics shows that a panic rolls back the transaction and is propagated, and that the connection is released.
func TestDoPanics(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *session.Config) { c.MaxConns = 1 })
	b.exec(t, things)
	ctx, id := as(t)
	for range 3 {
		func() {
			defer func() {
				if r := recover(); r != "out of paper" {
					t.Errorf("recovered %v", r)
				}
			}()
			_ = b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
				if _, err := tx.ExecContext(ctx, insertThing, id, "a"); err != nil {
					t.Error(err)
				}
				panic("out of paper")
			})
		}()
	}
	if notes := b.notes(t, id); notes != nil {
		t.Errorf("rows %q", notes)
	}
	if n := session.Pool(b.DB, auth.Human).Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections still in use", n)
	}
}

// TestReadOnly shows that a read-only unit cannot write, by any statement and at any isolation level, and cannot be
// switched to read-write.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, things)
	for _, level := range []sql.IsolationLevel{sql.LevelDefault, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
		t.Run(level.String(), func(t *testing.T) {
			t.Parallel()
			for _, statement := range []string{
				"INSERT INTO things (created_by) VALUES (current_setting('app.identity_id')::uuid)",
				"WITH x AS (DELETE FROM things RETURNING 1) SELECT * FROM x",
				"SELECT * FROM things FOR UPDATE",
				"SELECT set_config('transaction_read_only', 'off', true)",
				"SET TRANSACTION READ WRITE",
			} {
				ctx, _ := as(t)
				err := b.Do(ctx, session.Options{ReadOnly: true, Isolation: level}, func(ctx context.Context, tx *ent.Tx) error {
					_, err := tx.ExecContext(ctx, statement)
					return err
				})
				if c := pgtest.SQLState(err); c != "25006" && c != "25001" {
					t.Errorf("%s: %v", statement, err)
				}
			}
		})
	}
}

// TestSnapshots shows whether a read-only unit sees rows that other transactions commit while it runs.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, things)
	for level, want := range map[sql.IsolationLevel]int{sql.LevelDefault: 1, sql.LevelRepeatableRead: 0} {
		ctx, id := as(t)
		var before, after int
		err := b.Do(ctx, session.Options{ReadOnly: true, Isolation: level}, func(ctx context.Context, tx *ent.Tx) error {
			scanOne(ctx, t, tx, "SELECT count(*) FROM things", nil, &before)
			b.exec(t, insertThing, id, "meanwhile")
			scanOne(ctx, t, tx, "SELECT count(*) FROM things", nil, &after)
			return nil
		})
		if err != nil || before != 0 || after != want {
			t.Errorf("%v: %d then %d rows, want 0 then %d; error %v", level, before, after, want, err)
		}
	}
}

// TestSerializationFailure shows that serialization failures of a statement and of the commit are returned unchanged.
func TestSerializationFailure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, things)
	ctx, id := as(t)
	b.exec(t, insertThing, id, "a")
	err := b.Do(ctx, session.Options{Isolation: sql.LevelRepeatableRead}, func(ctx context.Context, tx *ent.Tx) error {
		var n int
		scanOne(ctx, t, tx, "SELECT count(*) FROM things", nil, &n)
		b.exec(t, "UPDATE things SET number = 5 WHERE created_by = $1", id)
		_, err := tx.ExecContext(ctx, "UPDATE things SET number = 6")
		return err
	})
	if pgtest.SQLState(err) != "40001" {
		t.Errorf("statement: %v", err)
	}
	err = b.Do(ctx, session.Options{Isolation: sql.LevelSerializable}, func(inOne context.Context, one *ent.Tx) error {
		var n int
		scanOne(inOne, t, one, "SELECT count(*) FROM things WHERE note = 'y'", nil, &n)
		// This is a unit of another request: with the context of the first unit it would be ErrNested.
		err := b.Do(ctx, session.Options{Isolation: sql.LevelSerializable}, func(inTwo context.Context, two *ent.Tx) error {
			scanOne(inTwo, t, two, "SELECT count(*) FROM things WHERE note = 'x'", nil, &n)
			if _, err := two.ExecContext(inTwo, insertThing, id, "y"); err != nil {
				return err
			}
			_, err := one.ExecContext(inOne, insertThing, id, "x")
			return err
		})
		if err != nil {
			return err
		}
		return nil
	})
	if pgtest.SQLState(err) != "40001" {
		t.Errorf("commit: %v", err)
	}
}

// TestConcurrentUse shows that two goroutines in one transaction get an error and never each other's results, and that
// a transaction that ends while a statement runs discards its connection.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, things)
	ctx, id := as(t)

	t.Run("statements", func(t *testing.T) {
		t.Parallel()
		err := b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			var group sync.WaitGroup
			for n := range 8 {
				group.Go(func() {
					for range 50 {
						rows, err := tx.QueryContext(ctx, "SELECT $1::int, pg_sleep(0.0005)", n)
						if err != nil {
							if !errors.Is(err, entpgx.ErrConcurrentUse) {
								t.Error(err)
							}
							continue
						}
						var got int
						var void string
						for rows.Next() {
							if err := rows.Scan(&got, &void); err != nil || got != n {
								t.Errorf("goroutine %d got the result of %d (%v)", n, got, err)
							}
						}
						if err := errors.Join(rows.Err(), rows.Close()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})

	t.Run("the end", func(t *testing.T) {
		t.Parallel()
		var group sync.WaitGroup
		err := b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			if _, err := tx.ExecContext(ctx, insertThing, id, "left behind"); err != nil {
				return err
			}
			var pid int
			scanOne(ctx, t, tx, "SELECT pg_backend_pid()", nil, &pid)
			group.Go(func() { _, _ = tx.ExecContext(ctx, "SELECT pg_sleep(0.2)") })
			b.wait(t, "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1", pid)
			return nil // while the statement of the goroutine still runs
		})
		if !errors.Is(err, entpgx.ErrConcurrentUse) {
			t.Errorf("commit: %v", err)
		}
		group.Wait()
		if notes := b.notes(t, id); notes != nil {
			t.Errorf("rows %q", notes)
		}
	})

	t.Run("a read-only unit", func(t *testing.T) { // a read-only unit has no shared transaction
		t.Parallel()
		err := b.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) error {
			var group sync.WaitGroup
			for n := range 8 {
				group.Go(func() {
					var got int
					scanOne(ctx, t, tx, "SELECT $1::int", []any{n}, &got)
					if got != n {
						t.Errorf("goroutine %d got the result of %d", n, got)
					}
				})
			}
			group.Wait()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// wait polls a condition as a superuser until it is true.
func (b *bundle) wait(t testing.TB, query string, args ...any) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var ok bool
		if err := b.admin.QueryRow(t.Context(), "SELECT coalesce(("+query+"), false)", args...).Scan(&ok); err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the condition did not become true: %s", query)
		}
	}
}

// TestTxEnds shows that a transaction ends only once, also with Ent's transaction interface.
func TestTxEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, things)
	ctx, id := as(t)
	driver := session.Driver(b.DB)
	for _, readOnly := range []bool{false, true} {
		tx, err := driver.(interface {
			BeginTx(context.Context, *sql.TxOptions) (dialect.Tx, error)
		}).BeginTx(ctx, &sql.TxOptions{ReadOnly: readOnly})
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		if err := tx.Exec(ctx, "SELECT 1", []any{}, nil); !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("statement after the commit: %v", err)
		}
		if err := tx.Commit(); !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("second commit: %v", err)
		}
		if err := tx.Rollback(); !errors.Is(err, sql.ErrTxDone) {
			t.Errorf("rollback after the commit: %v", err)
		}
	}
	if _, err := driver.Tx(t.Context()); !errors.Is(err, session.ErrNoIdentity) {
		t.Errorf("a transaction without an identity: %v", err)
	}
	if _, err := b.Client().BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelLinearizable}); err == nil {
		t.Error("BeginTx accepts an isolation level that Postgres does not have")
	}
	if _, err := b.Client().ExecContext(ctx, "BEGIN"); err == nil || !strings.Contains(err.Error(), "started a transaction") {
		t.Errorf("BEGIN as a statement: %v", err)
	}
	// Single statements of the same client still work.
	if _, err := b.Client().ExecContext(ctx, insertThing, id, "a"); err != nil {
		t.Error(err)
	}
	if notes := b.notes(t, id); len(notes) != 1 {
		t.Errorf("rows %q", notes)
	}
}

// TestSingleStatementIsATransaction shows that an error of the implicit commit is returned as the statement's error,
// so that no row is reported as written that was not.
func TestSingleStatementIsATransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, things)
	b.exec(t, "ALTER TABLE things ALTER CONSTRAINT things_parent DEFERRABLE INITIALLY DEFERRED")
	ctx, id := as(t)
	for range 3 {
		_, err := b.Client().QueryContext(ctx, "INSERT INTO things (created_by, parent) VALUES ($1, $1) RETURNING id", id)
		if pgtest.SQLState(err) != "23503" {
			t.Errorf("error %v", err)
		}
	}
	if notes := b.notes(t, id); notes != nil {
		t.Errorf("rows %q", notes)
	}
}
