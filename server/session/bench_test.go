package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/contact"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

const (
	benchOwners = 20
	benchRows   = 200 // per owner
	benchPage   = 50
	benchConns  = 8
)

// BenchmarkGet reads one row by its key, and BenchmarkList reads the newest page of an owner, in several ways. They
// report the time per operation of each way (us/way, with eight concurrent goroutines) and the throughput of session
// relative to that way (x/way):
//
//	session    Client: role and settings with the statement, one round trip
//	unit       Do, read-only: the same in a unit of work
//	pooler     Client behind a pooler: no prepared statements
//	sql        Ent over database/sql: BEGIN, set_config, the statement, COMMIT
//	pgx        no Ent: the settings pipelined by pgx, scanning into a struct
//	unsecured  no Ent, as a superuser: no role, no settings, no policies
func BenchmarkGet(b *testing.B) {
	benchmark(b, func(ctx context.Context, c *ent.ContactClient, _, id uuid.UUID) error {
		_, err := c.Query().Where(contact.ID(id)).Only(ctx)
		return err
	}, "SELECT "+contactColumns+" FROM business_contacts WHERE created_by = $1 AND id = $2", true)
}

// BenchmarkList: see BenchmarkGet.
func BenchmarkList(b *testing.B) {
	benchmark(b, func(ctx context.Context, c *ent.ContactClient, _, _ uuid.UUID) error {
		all, err := c.Query().Order(ent.Desc(contact.FieldID)).Limit(benchPage).All(ctx)
		if err == nil && len(all) != benchPage {
			err = fmt.Errorf("%d rows", len(all))
		}
		return err
	}, "SELECT "+contactColumns+fmt.Sprintf(" FROM business_contacts WHERE created_by = $1 ORDER BY id DESC LIMIT %d", benchPage), false)
}

const contactColumns = `id, created_by, created_at, updated_at, version, updated_by, updated_by_kind, name, email, phone,
	company, job_title, lead_score, lead_status, source, tags, notes`

// row is the struct that the pgx benchmark scans into.
type row struct {
	ID, CreatedBy                   uuid.UUID
	CreatedAt, UpdatedAt            time.Time
	Version                         int64
	UpdatedBy                       *uuid.UUID
	UpdatedByKind, Name             string
	Email, Phone, Company, JobTitle *string
	LeadScore                       *int
	LeadStatus                      string
	Source                          *string
	Tags                            []string
	Notes                           *string
}

func (r *row) scan(rows pgx.Rows) error {
	return rows.Scan(&r.ID, &r.CreatedBy, &r.CreatedAt, &r.UpdatedAt, &r.Version, &r.UpdatedBy, &r.UpdatedByKind, &r.Name, &r.Email,
		&r.Phone, &r.Company, &r.JobTitle, &r.LeadScore, &r.LeadStatus, &r.Source, &r.Tags, &r.Notes)
}

func benchmark(b *testing.B, op func(ctx context.Context, c *ent.ContactClient, owner, id uuid.UUID) error, query string, byKey bool) {
	b.Helper()
	d := closed(b)
	ids := map[uuid.UUID][]uuid.UUID{}
	var owners []uuid.UUID
	for range benchOwners {
		owner := dbtest.NewID()
		owners = append(owners, owner)
		d.exec(b, "INSERT INTO identities (id, email, name) VALUES ($1, $2, 'Bench')", owner, owner.String()+"@example.com")
		for n := range benchRows {
			id := dbtest.NewID()
			ids[owner] = append(ids[owner], id)
			d.exec(b, `INSERT INTO business_contacts (id, created_by, name, email, company, lead_score, tags)
				VALUES ($1, $2, $3, $4, 'Example Ltd', 50, '{a,b}')`, id, owner, fmt.Sprintf("Contact %d", n), fmt.Sprintf("c%d@example.com", n))
		}
	}
	d.exec(b, "VACUUM ANALYZE business_contacts")
	pick := func() (context.Context, uuid.UUID, uuid.UUID) {
		owner := owners[rand.IntN(len(owners))]
		return auth.With(b.Context(), auth.Identity{ID: owner, ActorID: owner, Kind: auth.Human}), owner, ids[owner][rand.IntN(benchRows)]
	}

	direct := open(b, d.database, func(c *session.Config) { c.MaxConns = benchConns })
	pooled := open(b, d.database, func(c *session.Config) { c.MaxConns, c.Pooler = benchConns, true })
	pool := benchPool(b, d.database.ServiceURL)
	admin := benchPool(b, d.database.AdminURL)
	std := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.Postgres, stdlib.OpenDBFromPool(benchPool(b, d.database.ServiceURL)))))

	raw := func(ctx context.Context, p *pgxpool.Pool, settings bool, owner, id uuid.UUID) error {
		args := []any{owner}
		if byKey {
			args = append(args, id)
		}
		batch := &pgx.Batch{}
		if settings {
			batch.Queue("SELECT set_config('role', 'chenu_human', true), set_config('app.identity_id', $1, true)", owner.String())
		}
		batch.Queue(query, args...)
		results := p.SendBatch(ctx, batch)
		if settings {
			if _, err := results.Exec(); err != nil {
				return err
			}
		}
		rows, err := results.Query()
		if err != nil {
			return err
		}
		var all []row
		for rows.Next() {
			var r row
			if err := r.scan(rows); err != nil {
				return err
			}
			all = append(all, r)
		}
		if len(all) == 0 {
			return fmt.Errorf("no rows: %w", rows.Err())
		}
		return results.Close()
	}
	ways := []struct {
		name string
		run  func(ctx context.Context, owner, id uuid.UUID) error
	}{
		{"session", func(ctx context.Context, owner, id uuid.UUID) error {
			return op(ctx, direct.Client().Contact, owner, id)
		}},
		{"unit", func(ctx context.Context, owner, id uuid.UUID) error {
			return direct.Do(ctx, session.Options{ReadOnly: true}, func(ctx context.Context, tx *ent.Tx) error { return op(ctx, tx.Contact, owner, id) })
		}},
		{"pooler", func(ctx context.Context, owner, id uuid.UUID) error {
			return op(ctx, pooled.Client().Contact, owner, id)
		}},
		{"sql", func(ctx context.Context, owner, id uuid.UUID) error {
			tx, err := std.Tx(ctx)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.ExecContext(ctx, "SELECT set_config('role', 'chenu_human', true), set_config('app.identity_id', $1, true)", owner.String()); err != nil {
				return err
			}
			if err := op(ctx, tx.Contact, owner, id); err != nil {
				return err
			}
			return tx.Commit()
		}},
		{"pgx", func(ctx context.Context, owner, id uuid.UUID) error { return raw(ctx, pool, true, owner, id) }},
		{"unsecured", func(ctx context.Context, owner, id uuid.UUID) error { return raw(ctx, admin, false, owner, id) }},
	}
	// The ways run in turn in short rounds, so that other load on the machine affects all of them. The results are the
	// medians of the rounds.
	const perRound = 200
	took := map[string][]float64{}
	ratio := map[string][]float64{}
	round := func() {
		elapsed := map[string]float64{}
		for _, way := range ways {
			var group sync.WaitGroup
			start := time.Now()
			for range benchConns {
				group.Go(func() {
					for range perRound / benchConns {
						if err := way.run(pick()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			elapsed[way.name] = float64(time.Since(start)) / perRound
		}
		for _, way := range ways {
			took[way.name] = append(took[way.name], elapsed[way.name])
			ratio[way.name] = append(ratio[way.name], elapsed[way.name]/elapsed["session"])
		}
	}
	round() // fills the caches
	clear(took)
	clear(ratio)
	for b.Loop() {
		round()
	}
	b.ReportMetric(0, "ns/op") // the time of a round of all ways is meaningless
	for _, way := range ways {
		b.ReportMetric(median(took[way.name])/1e3, "us/"+way.name)
		if way.name != "session" {
			b.ReportMetric(median(ratio[way.name]), "x/"+way.name)
		}
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func benchPool(b *testing.B, url string) *pgxpool.Pool {
	b.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = benchConns
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return pool
}
