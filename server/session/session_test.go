package session_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// bundle is a database with a session of the service.
type bundle struct {
	*session.DB
	database *dbtest.DB
	admin    *pgxpool.Pool // a superuser, for checks and for creating tables
}

// setup opens a session on a new database.
func setup(t testing.TB, change ...func(*session.Config)) *bundle {
	t.Helper()
	b := closed(t)
	b.DB = open(t, b.database, change...)
	return b
}

// closed returns a bundle whose session is not open yet.
func closed(t testing.TB) *bundle {
	t.Helper()
	d := dbtest.New(t)
	return &bundle{database: d, admin: d.Pool(t, d.AdminURL)}
}

func open(t testing.TB, d *dbtest.DB, change ...func(*session.Config)) *session.DB {
	t.Helper()
	cfg := session.Config{HumanURL: d.ServiceURL, SharedLogin: true, MaxConns: 4, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&cfg)
	}
	db, err := session.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// as returns a context with a new human identity.
func as(t testing.TB) (context.Context, uuid.UUID) {
	t.Helper()
	id := dbtest.NewID()
	return auth.With(t.Context(), auth.Identity{ID: id, ActorID: id, Kind: auth.Human}), id
}

// exec runs SQL as a superuser.
func (b *bundle) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := b.admin.Exec(context.WithoutCancel(t.Context()), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// things is a table with an owner, policies and columns of several types.
const things = `
CREATE TABLE things (
    id uuid NOT NULL DEFAULT gen_random_uuid(), created_by uuid NOT NULL, note text NOT NULL DEFAULT '',
    number bigint NOT NULL DEFAULT 0 CONSTRAINT things_number_positive CHECK (number >= 0),
    parent uuid, slow boolean,
    PRIMARY KEY (created_by, id), UNIQUE (created_by, note) DEFERRABLE INITIALLY IMMEDIATE,
    CONSTRAINT things_parent FOREIGN KEY (created_by, parent) REFERENCES things (created_by, id) DEFERRABLE INITIALLY IMMEDIATE
);
ALTER TABLE things ENABLE ROW LEVEL SECURITY;
ALTER TABLE things FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON things TO chenu_human, chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON things TO chenu_human, chenu_agent;`

// scanOne runs a raw query that returns one row, and scans it.
func scanOne(ctx context.Context, t testing.TB, q session.Querier, query string, args []any, dest ...any) {
	t.Helper()
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatalf("%s: no row (%v)", query, rows.Err())
	}
	if err := rows.Scan(dest...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
