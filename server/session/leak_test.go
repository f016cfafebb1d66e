package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// TestIdentityNeverLeaks lets many identities share a few connections while contexts end, statements fail, functions
// panic and connections break. No identity may see a row or the settings of another, and no connection may return to
// its pool with an identity or in a transaction.
func TestIdentityNeverLeaks(t *testing.T) {
	t.Parallel()
	for _, pooler := range []bool{false, true} {
		t.Run(fmt.Sprintf("pooler %v", pooler), func(t *testing.T) {
			t.Parallel()
			b := closed(t)
			b.exec(t, things)
			if pooler {
				b.database.ServiceURL = newPooler(t, b.database.ServiceURL, 3)
			}
			b.DB = open(t, b.database, func(c *session.Config) { c.MaxConns, c.Pooler = 5, pooler })
			leakHunt(t, b, !pooler)
		})
	}
}

func leakHunt(t *testing.T, b *bundle, breakConnections bool) {
	const (
		identities = 12
		operations = 80
	)
	var (
		group sync.WaitGroup
		done  atomic.Int64
		stop  = make(chan struct{})
	)
	for range identities {
		group.Go(func() {
			id := dbtest.NewID()
			kind := []auth.Kind{auth.Human, auth.Agent}[rand.IntN(2)]
			ctx := auth.With(t.Context(), auth.Identity{ID: id, ActorID: id, Kind: kind})
			for n := range operations {
				operate(ctx, t, b, id, n)
				done.Add(1)
			}
		})
	}
	var tenders sync.WaitGroup
	if breakConnections {
		tenders.Go(func() { // closes a random connection of the service now and then
			for {
				select {
				case <-stop:
					return
				case <-time.After(3 * time.Millisecond):
				}
				_, _ = b.admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
					WHERE datname = current_database() AND application_name LIKE 'chenu %' ORDER BY random() LIMIT 1`)
			}
		})
		for _, kind := range []auth.Kind{auth.Human, auth.Agent} {
			tenders.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
						inspect(t, session.Pool(b.DB, kind))
					}
				}
			})
		}
	}
	group.Wait()
	close(stop)
	tenders.Wait()
	if breakConnections {
		for _, kind := range []auth.Kind{auth.Human, auth.Agent} {
			inspect(t, session.Pool(b.DB, kind))
			// A ping whose caller gave up may still be running.
			for deadline := time.Now().Add(20 * time.Second); session.Pool(b.DB, kind).Stat().AcquiredConns() > 0; runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatalf("%s: connections were not returned to the pool", kind)
				}
			}
		}
	}
	t.Logf("%d operations", done.Load())
}

// inspect checks every idle connection of a pool directly, without the session.
func inspect(t *testing.T, pool *pgxpool.Pool) {
	for _, conn := range pool.AcquireAllIdle(context.WithoutCancel(t.Context())) {
		pg := conn.Conn().PgConn()
		if status := pg.TxStatus(); status != 'I' {
			t.Errorf("an idle connection with transaction status %q", status)
		}
		results, err := pg.Exec(t.Context(), `SELECT coalesce(current_setting('app.identity_id', true), '') ||
			coalesce(current_setting('app.actor_id', true), '') || current_setting('role') || (SELECT count(*) FROM pg_locks
			WHERE pid = pg_backend_pid() AND locktype = 'advisory')`).ReadAll()
		if err == nil {
			if got := string(results[0].Rows[0][0]); got != "none0" {
				t.Errorf("an idle connection still has settings: %q", got)
			}
		}
		conn.Release()
	}
}

// operate performs a random operation as the identity, most of which fail, and checks that it sees only its own rows
// and settings.
func operate(ctx context.Context, t *testing.T, b *bundle, id uuid.UUID, n int) {
	own := func(q session.Querier, ctx context.Context) error {
		rows, err := q.QueryContext(ctx, "SELECT created_by, current_setting('app.identity_id') FROM things UNION ALL SELECT NULL, current_setting('app.identity_id')")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var owner *uuid.UUID
			var name string
			if err := rows.Scan(&owner, &name); err != nil {
				return err
			}
			if owner != nil && *owner != id || name != id.String() {
				t.Errorf("%s sees a row of %v and has the identity %s", id, owner, name)
			}
		}
		return rows.Err()
	}
	c := b.Client()
	switch rand.IntN(10) {
	case 0: // a context that ends before or while a statement runs
		short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(3000))*time.Microsecond)
		defer cancel()
		_, _ = c.ExecContext(short, "SELECT pg_sleep(0.002)")
	case 1: // a panic in a transaction
		func() {
			defer func() { _ = recover() }()
			_ = b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
				_, _ = tx.ExecContext(ctx, insertThing, id, n)
				panic("in the middle")
			})
		}()
	case 2: // another statement after a failed one
		_ = b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			_, _ = tx.ExecContext(ctx, "SELECT 1/0")
			_, err := tx.ExecContext(ctx, insertThing, id, n)
			return err
		})
	case 3: // a transaction whose context ends
		short, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(5000))*time.Microsecond)
		defer cancel()
		_ = b.Do(short, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			if err := own(tx, ctx); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "SELECT pg_sleep(0.002)")
			return err
		})
	case 4: // a connection that is terminated in its own transaction
		_ = b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
			if err := own(tx, ctx); err != nil {
				return err
			}
			_, err := tx.ExecContext(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		})
	case 5: // a transaction that is begun and rolled back without Do
		tx, err := c.Tx(ctx)
		if err == nil {
			_ = own(tx, ctx)
			_ = tx.Rollback()
		}
	case 6:
		_ = b.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) error { return errors.Join(own(tx, ctx), own(tx, ctx)) })
	case 7:
		_, _ = c.ExecContext(ctx, insertThing, id, uuid.NewString())
	case 8: // a transaction without an identity
		_ = b.Anonymous(ctx, func(q session.Querier) error {
			rows, err := q.QueryContext(ctx, "SELECT created_by FROM things")
			if err != nil {
				return err
			}
			defer rows.Close()
			if rows.Next() {
				t.Error("a caller without an identity sees a row")
			}
			return nil
		})
	default:
		_ = own(c, ctx)
	}
	_ = own(c, ctx)
}
