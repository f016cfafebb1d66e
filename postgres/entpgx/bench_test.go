package entpgx_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/postgres/pgtest"
)

const settings = "SELECT set_config('bench.identity', $1, true), set_config('bench.request', $2, true)"

var notes = pgtest.Template{
	Name: "entpgx_bench_1", Owner: "postgres",
	Prepare: func(ctx context.Context, adminURL, database string, exists bool) error {
		if exists {
			return nil
		}
		for _, step := range []struct{ database, sql string }{
			{"", "CREATE DATABASE " + database},
			{database, `CREATE TABLE notes (id uuid PRIMARY KEY, owner uuid NOT NULL, title text NOT NULL, content text, tags jsonb NOT NULL,
				version bigint NOT NULL, pinned boolean NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
			INSERT INTO notes SELECT gen_random_uuid(), '01890a5d-ac96-774b-bcce-b302099a8057', 'note ' || n, repeat('x', 200), '["a", "b"]', n, false, now(), now()
			FROM generate_series(1, 200) n`},
		} {
			config, err := pgx.ParseConfig(adminURL)
			if err != nil {
				return err
			}
			if step.database != "" {
				config.Database = step.database
			}
			conn, err := pgx.ConnectConfig(ctx, config)
			if err != nil {
				return err
			}
			if _, err := conn.Exec(ctx, step.sql); err != nil {
				return err
			}
			if err := conn.Close(ctx); err != nil {
				return err
			}
		}
		return nil
	},
}

// note has the types that Ent scans into.
type note struct {
	id, owner        uuid.UUID
	title            sql.NullString
	content          sql.NullString
	tags             []byte
	version          sql.NullInt64
	pinned           sql.NullBool
	created, updated sql.NullTime
}

func (n *note) dest() []any {
	return []any{&n.id, &n.owner, &n.title, &n.content, &n.tags, &n.version, &n.pinned, &n.created, &n.updated}
}

// BenchmarkRead compares reads in a transaction with settings: with this driver, and with pgx.Batch and pgtype. Both
// send one round trip and use prepared statements.
//
//	go test ./postgres/entpgx -run '^$' -bench Read -benchmem
func BenchmarkRead(b *testing.B) {
	database := notes.Clone(b)
	owner := uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	for _, limit := range []int{1, 20, 200} {
		query := fmt.Sprintf("SELECT id, owner, title, content, tags, version, pinned, created_at, updated_at FROM notes WHERE owner = $1 AND created_at <= $2 LIMIT %d", limit)
		args := []any{owner, time.Now()}
		b.Run(fmt.Sprintf("rows=%d/entpgx", limit), func(b *testing.B) {
			values := [][]byte{[]byte(owner.String()), []byte("x")}
			driver := entpgx.New(entpgx.Config{
				Settings: settings, ReadOnlySettings: settings,
				Prelude: func(context.Context, bool) (*entpgx.Prelude, error) {
					return &entpgx.Prelude{Pool: "one", Values: values}, nil
				},
			})
			config, err := pgxpool.ParseConfig(database.URL)
			if err != nil {
				b.Fatal(err)
			}
			if err := driver.Open(b.Context(), "one", config, true); err != nil {
				b.Fatal(err)
			}
			defer driver.ClosePools()
			b.ReportAllocs()
			for b.Loop() {
				var rows entsql.Rows
				if err := driver.Query(b.Context(), query, args, &rows); err != nil {
					b.Fatal(err)
				}
				var all []note
				for rows.Next() {
					var n note
					if err := rows.Scan(n.dest()...); err != nil {
						b.Fatal(err)
					}
					all = append(all, n)
				}
				if err := rows.Close(); err != nil || len(all) != limit {
					b.Fatal(len(all), err)
				}
			}
		})
		b.Run(fmt.Sprintf("rows=%d/pgx.Batch", limit), func(b *testing.B) {
			pool := pgtest.Pool(b, database.URL)
			b.ReportAllocs()
			for b.Loop() {
				var batch pgx.Batch
				batch.Queue(settings, owner.String(), "x")
				batch.Queue(query, args...)
				results := pool.SendBatch(b.Context(), &batch)
				if _, err := results.Exec(); err != nil {
					b.Fatal(err)
				}
				rows, err := results.Query()
				if err != nil {
					b.Fatal(err)
				}
				var all []note
				for rows.Next() {
					var n note
					if err := rows.Scan(n.dest()...); err != nil {
						b.Fatal(err)
					}
					all = append(all, n)
				}
				if err := rows.Err(); err != nil || len(all) != limit {
					b.Fatal(len(all), err)
				}
				if err := results.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
