package dbtest_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
)

func query(t *testing.T, url, sql string, args ...any) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var text string
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestLogins(t *testing.T) {
	t.Parallel()
	for kind, open := range map[string]func(testing.TB) *dbtest.DB{"new": dbtest.New, "empty": dbtest.Empty} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			for _, tt := range []struct {
				name, url, mayBecome string
				super                string
			}{
				{"service", db.ServiceURL, "chenu_agent,chenu_app,chenu_human", "false"},
				{"agent", db.AgentURL, "chenu_agent", "false"},
				{"audit", db.AuditURL, "chenu_auditor", "false"},
				{"admin", db.AdminURL, "", "true"},
			} {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					if got := query(t, tt.url, "SELECT current_database()::text"); got != db.Name {
						t.Errorf("database = %q, want %q", got, db.Name)
					}
					if got := query(t, tt.url, "SELECT (rolsuper OR rolbypassrls)::text FROM pg_roles WHERE rolname = current_user"); got != tt.super {
						t.Errorf("superuser = %s, want %s", got, tt.super)
					}
					if tt.mayBecome == "" {
						return
					}
					got := query(t, tt.url, `SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles
						WHERE rolname LIKE 'chenu\_%' AND rolname <> current_user AND pg_has_role(rolname, 'MEMBER')`)
					if got != tt.mayBecome {
						t.Errorf("may become %s, want %s", got, tt.mayBecome)
					}
				})
			}
			owner := query(t, db.AdminURL, "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()")
			if owner != "chenu_owner" {
				t.Errorf("owner = %s", owner)
			}
			public := query(t, db.AdminURL, "SELECT count(*)::text FROM pg_database d, aclexplode(d.datacl) a WHERE datname = current_database() AND a.grantee = 0")
			if public != "0" {
				t.Errorf("PUBLIC has %s privileges", public)
			}
			if got := query(t, db.MigrateURL, "SELECT set_config('role', 'chenu_owner', false)"); got != "chenu_owner" {
				t.Errorf("migrate login became %s", got)
			}
		})
	}
}

func TestEmptyIsEmpty(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	if got := query(t, db.AdminURL, "SELECT count(*)::text FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_|^information_schema$')"); got != "0" {
		t.Errorf("%s relations", got)
	}
}

func TestEachTestHasItsOwn(t *testing.T) {
	t.Parallel()
	first, second := dbtest.Empty(t), dbtest.Empty(t)
	pool := first.Pool(t, first.MigrateURL)
	if _, err := pool.Exec(t.Context(), "SET ROLE chenu_owner; CREATE TABLE mine ()"); err != nil {
		t.Fatal(err)
	}
	if got := query(t, second.AdminURL, "SELECT coalesce(to_regclass('mine')::text, 'none')"); got != "none" {
		t.Errorf("the other test's database has %s", got)
	}
}

// record represents a test that ends separately.
type record struct {
	testing.TB
	failed   bool
	cleanups []func()

	mu  sync.Mutex
	log []string
}

func (r *record) Failed() bool      { return r.failed }
func (r *record) Cleanup(fn func()) { r.cleanups = append(r.cleanups, fn) }

func (r *record) Logf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, format)
	for _, a := range args {
		if s, ok := a.(string); ok {
			r.log = append(r.log, s)
		}
	}
}

func (r *record) end() {
	for _, fn := range slices.Backward(r.cleanups) {
		fn()
	}
}

func TestKeptOnlyAfterFailure(t *testing.T) {
	t.Parallel()
	exists := func(name string) string {
		return query(t, dbtest.ServerURL(t), "SELECT count(*)::text FROM pg_database WHERE datname = $1", name)
	}
	passed := &record{TB: t}
	db := dbtest.Empty(passed)
	// A connection that the test does not close does not prevent dropping the database.
	conn, err := pgx.Connect(t.Context(), db.ServiceURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	passed.end()
	if got := exists(db.Name); got != "0" {
		t.Error("a passed test's database is still there")
	}

	failed := &record{TB: t, failed: true}
	db = dbtest.Empty(failed)
	failed.end()
	if got := exists(db.Name); got != "1" {
		t.Error("a failed test's database is gone")
	}
	if said := strings.Join(failed.log, "\n"); !strings.Contains(said, db.AdminURL) {
		t.Errorf("log %q does not name the database %s", said, db.AdminURL)
	}
	admin, err := pgx.Connect(t.Context(), dbtest.ServerURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(t.Context(), "DROP DATABASE "+pgx.Identifier{db.Name}.Sanitize()); err != nil {
		t.Error(err)
	}
}

func BenchmarkEmpty(b *testing.B) {
	for b.Loop() {
		r := &record{TB: b}
		dbtest.Empty(r)
		r.end()
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		r := &record{TB: b}
		dbtest.New(r)
		r.end()
	}
}
