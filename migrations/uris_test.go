package migrations_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
)

// before applies the migrations before the first one whose name ends so, and connects as the
// superuser.
func before(t *testing.T, db *dbtest.DB, suffix string) *pgx.Conn {
	t.Helper()
	dir, err := migrations.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	files, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(files, func(f migrate.File) bool { return strings.HasSuffix(f.Name(), suffix) })
	if at < 1 {
		t.Fatalf("no migration ends with %s", suffix)
	}
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{To: files[at-1].Version()}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), db.AdminURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Hardening item 35: the upgrade names rows whose URIs have another scheme, and goes on once the
// operator changed them as its hint says.
func TestUpgradeNamesRowsWithOtherURIs(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	conn := before(t, db, "_limit_uri_schemes.sql")
	const ada = "01890a5d-ac96-774b-bcce-b302099a8057"
	id := func(n int) string { return fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a9%03d", n) }
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO identities (id, email, name) VALUES ($1, 'ada@example.org', 'Ada')`, ada)
	exec(`INSERT INTO creative_assets (id, created_by, name, kind, uri, media_type, size_bytes) VALUES
		($1, $3, 'n', 'image', 'javascript:alert(1)', 'image/png', 1), ($2, $3, 'n', 'image', 'HTTPS://example.org/x', 'image/png', 1)`, id(1), id(2), ada)
	exec(`INSERT INTO community_events (id, created_by, title, starts_at, ends_at, time_zone, online_url) VALUES ($1, $2, 't', '2030-01-01', '2030-01-02', 'UTC', 'zoommtg://x')`, id(3), ada)
	exec(`INSERT INTO scholar_references (id, created_by, title, authors, citation_key, url) VALUES ($1, $2, 't', '{a}', 'k', 'data:text/html,x')`, id(4), ada)
	exec(`INSERT INTO social_posts (id, created_by, body, media) VALUES ($1, $2, 'b', '[{"uri": "https://example.org", "media_type": "image/png"}, {"uri": "data:image/png,x", "media_type": "image/png"}]')`, id(5), ada)
	exec(`INSERT INTO government_compliance (id, created_by, name, regulation, authority, evidence)
		VALUES ($1, $2, 'n', 'r', 'a', jsonb_build_array(jsonb_build_object('uri', 'cover.png', 'sha256', repeat('0', 64))))`, id(6), ada)

	_, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{})
	if err == nil {
		t.Fatal("the migration accepted the rows")
	}
	for _, part := range []string{
		"community_events.online_url: " + id(3) + " (zoommtg)", "creative_assets.uri: " + id(1) + " (javascript)", "government_compliance.evidence: " + id(6) + " (none)",
		"scholar_references.url: " + id(4) + " (data)", "social_posts.media: " + id(5) + " (data)",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), id(2)) {
		t.Errorf("the error names a row that is right: %v", err)
	}
	forced := func() (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relrowsecurity AND NOT relforcerowsecurity`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := forced(); n != 0 {
		t.Errorf("%d tables do not force row-level security after the failure", n)
	}

	// What the hint says, as the login that migrates.
	operator, err := pgx.Connect(t.Context(), db.MigrateURL)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close(t.Context())
	for _, fix := range []struct{ table, set string }{
		{"public.community_events", "online_url = NULL"}, {"public.creative_assets", "uri = 'urn:removed:uri'"}, {"public.scholar_references", "url = NULL"},
		{"public.government_compliance", "evidence = '[]'"}, {"public.social_posts", "media = '[]'"},
	} {
		if _, err := operator.Exec(t.Context(), fmt.Sprintf(`BEGIN; SET LOCAL ROLE chenu_owner; ALTER TABLE %[1]s NO FORCE ROW LEVEL SECURITY;
			UPDATE %[1]s SET %[2]s WHERE id = ANY ('{%[3]s,%[4]s,%[5]s,%[6]s,%[7]s}'); ALTER TABLE %[1]s FORCE ROW LEVEL SECURITY; COMMIT`,
			fix.table, fix.set, id(1), id(3), id(4), id(5), id(6))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{}); err != nil {
		t.Fatal(err)
	}
	var valid bool
	if err := conn.QueryRow(t.Context(), `SELECT bool_and(convalidated) FROM pg_constraint WHERE contype = 'c'`).Scan(&valid); err != nil {
		t.Fatal(err)
	}
	if n := forced(); n != 0 || !valid {
		t.Errorf("%d tables do not force row-level security; all constraints are validated: %v", n, valid)
	}
}

// Hardening item 7: the upgrade names jsonb values that are too long, and goes on once the operator
// shortened them with the statements of docs/migrations.md, as they are written there.
func TestOperatorShortensLongRows(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	conn := before(t, db, "_harden_approvals_agents_and_accounts.sql")
	const ada, group = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"
	for _, sql := range []string{
		`INSERT INTO identities (id, email, name) VALUES ('` + ada + `', 'ada@example.org', 'Ada')`,
		`INSERT INTO community_groups (id, created_by, name, settings) VALUES ('` + group + `', '` + ada + `', 'n', jsonb_build_object('x', array_fill('1e308'::numeric, '{60}')))`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	_, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{})
	if err == nil || !strings.Contains(err.Error(), "public.community_groups.settings") || !strings.Contains(err.Error(), group) {
		t.Fatalf("the migration does not name the row: %v", err)
	}
	page, err := os.ReadFile("../docs/migrations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## When a migration names rows that are too long")
	_, section, _ = strings.Cut(section, "```sql\n")
	fix, _, ok := strings.Cut(section, "```")
	if !ok {
		t.Fatal("docs/migrations.md has no SQL")
	}
	operator, err := pgx.Connect(t.Context(), db.MigrateURL)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close(context.WithoutCancel(t.Context()))
	if _, err := operator.Exec(t.Context(), strings.ReplaceAll(fix, "00000000-0000-0000-0000-000000000000", group)); err != nil {
		t.Fatal(err)
	}
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{}); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := conn.QueryRow(t.Context(), `SELECT g.settings::text || ' ' || (SELECT length(l.before #>> '{settings,x}') > 16384 FROM audit_logs l WHERE l.resource_id = g.id AND l.action = 'update')
		|| ' ' || c.relforcerowsecurity FROM community_groups g JOIN pg_class c ON c.oid = 'community_groups'::regclass`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := "{} true true"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
