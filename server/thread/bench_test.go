package thread_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/session"
)

const benchThreads = 1000

// BenchmarkAppend appends one note at a time, with 1, 8 and 32 writers, to one thread and to a thousand. The metric x
// is the throughput relative to plain INSERTs of the same rows by the same number of writers, each in its own
// transaction, into a table like thread_events with its indexes, but without functions, triggers and policies.
// "unaudited" is without the audit trigger.
func BenchmarkAppend(b *testing.B) {
	bundle := newBundle(b)
	db, err := session.Open(b.Context(), session.Config{HumanURL: bundle.db.ServiceURL, AgentURL: bundle.db.AgentURL, MaxConns: 32})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	config, err := pgxpool.ParseConfig(bundle.db.AdminURL)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = 32
	admin, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	defer admin.Close()
	threads := make([]uuid.UUID, benchThreads)
	tx, err := bundle.admin.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := tx.Exec(b.Context(), "SELECT set_config('app.identity_id', $1, true)", bundle.ada.String()); err != nil {
		b.Fatal(err)
	}
	for i := range threads {
		threads[i] = dbtest.NewID()
		if _, err := tx.Exec(b.Context(), "SELECT app.create_thread($1, $2, 1, $3)", threads[i], dbtest.NewID(), object(
			"founding_intent", "Begin", "sphere", "personal", "type", "personal", "visibility", "private", "title", nil, "parent_thread_id", nil, "tags", []string{})); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	// Plans depend on statistics, which must be gathered explicitly on a test server.
	for _, id := range threads {
		if err := appendNotes(b.Context(), db, bundle.ada, id, dbtest.NewID(), dbtest.NewID()); err != nil {
			b.Fatal(err)
		}
	}
	bundle.exec(b, "VACUUM ANALYZE threads, thread_events")
	bundle.exec(b, "CREATE TABLE bare (LIKE thread_events INCLUDING INDEXES INCLUDING DEFAULTS)")

	var sequence atomic.Int64
	bare := func(ctx context.Context, thread uuid.UUID) error {
		id := dbtest.NewID()
		_, err := admin.Exec(ctx, `INSERT INTO bare (id, created_by, thread_id, sequence, type, schema_version, payload, actor_kind, content_digest)
			VALUES ($1, $2, $3, $4, 'note.added', 1, $5, 'human', '')`, id, bundle.ada, thread, sequence.Add(1), object("text", id.String()))
		return err
	}
	service := func(ctx context.Context, thread uuid.UUID) error {
		return appendNotes(ctx, db, bundle.ada, thread, dbtest.NewID())
	}
	unaudited := func(on bool) {
		verb := "ENABLE"
		if on {
			verb = "DISABLE"
		}
		bundle.exec(b, "ALTER TABLE thread_events "+verb+" TRIGGER audit")
	}
	for _, of := range []int{1, benchThreads} {
		for _, writers := range []int{1, 8, 32} {
			var base float64
			for _, way := range []struct {
				name string
				do   func(context.Context, uuid.UUID) error
			}{{"bare", bare}, {"service", service}, {"unaudited", service}} {
				b.Run(fmt.Sprintf("threads=%d/writers=%d/%s", of, writers, way.name), func(b *testing.B) {
					if way.name == "unaudited" {
						unaudited(true)
						defer unaudited(false)
					}
					rate := measure(b, writers, func(ctx context.Context) error { return way.do(ctx, threads[rand.IntN(of)]) })
					if way.name == "bare" {
						base = rate
					}
					b.ReportMetric(rate, "appends/s")
					if base > 0 {
						b.ReportMetric(rate/base, "x")
					}
				})
			}
		}
	}
}

// measure divides b.N operations among the writers and returns the number of operations per second.
func measure(b *testing.B, writers int, do func(context.Context) error) float64 {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range writers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	return float64(b.N) / b.Elapsed().Seconds()
}
