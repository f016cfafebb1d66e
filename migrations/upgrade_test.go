package migrations_test

import (
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
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// before applies the migrations before the first one whose name has the suffix, and connects as the superuser.
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
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions, To: files[at-1].Version()}); err != nil {
		t.Fatal(err)
	}
	conn := pgtest.Connect(t, db.AdminURL)
	return conn
}

// Hardening item 35: the upgrade names rows whose URIs have another scheme, and succeeds after the operator changed
// them as the hint describes.
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

	_, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions})
	if err == nil {
		t.Fatal("the migration accepted the rows")
	}
	for _, part := range []string{
		"community_events.online_url: " + id(3) + " (zoommtg)", "creative_assets.uri: " + id(1) + " (javascript)", "government_compliance.evidence: " + id(6) + " (none)",
		"scholar_references.url: " + id(4) + " (data)", "social_posts.media: " + id(5) + " (data)",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not contain %q: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), id(2)) {
		t.Errorf("the error names a valid row: %v", err)
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

	// The change that the hint describes, as the login that migrates.
	operator := pgtest.Connect(t, db.MigrateURL)
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
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions}); err != nil {
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

// Hardening item 7: the upgrade names jsonb values that are too long, and succeeds after the operator shortened them
// with exactly the statements of docs/migrations.md.
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
	_, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions})
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
	operator := pgtest.Connect(t, db.MigrateURL)
	if _, err := operator.Exec(t.Context(), strings.ReplaceAll(fix, "00000000-0000-0000-0000-000000000000", group)); err != nil {
		t.Fatal(err)
	}
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions}); err != nil {
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

// Hardening item 11: because approvals now cover other content, requests from before the upgrade expire. Their owners
// find that in the audit trail and in the requests' threads.
func TestRequestsFromBeforeGatesCoveredContentExpire(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	conn := before(t, db, "_harden_approvals_agents_and_accounts.sql")
	const ada, thread = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(fmt.Sprintf(`INSERT INTO identities (id, email, name) VALUES ('%s', 'ada@example.org', 'Ada')`, ada))
	exec(fmt.Sprintf(`INSERT INTO threads (id, created_by, founding_intent, sphere, last_sequence) VALUES ('%s', '%s', 'x', 'personal', 0)`, thread, ada))
	for _, c := range []struct{ name, payload, decided, values string }{
		{"pending write", `{"table": "threads"}`, "", ""},
		{"approved write", `{"table": "playlists"}`, ", decided_at, use_before", ", now(), now() + interval '1 hour'"},
		{"used write", `{"table": "playlists"}`, ", decided_at, use_before, consumed_at", ", now(), '2026-01-01', now()"},
		{"pending client", `{"action": "share"}`, "", ""},
		{"approved client", `{"action": "share"}`, ", decided_at, use_before", ", now(), 'infinity'"},
		{"erased", "", "", ""},
	} {
		status, action, payload := "'approved'", "'"+c.name+"'", "'"+c.payload+"'"
		if c.decided == "" {
			status = "'pending'"
		}
		if c.payload == "" {
			status, action, payload = "'expired'", "'[erased]'", "NULL"
		}
		exec(fmt.Sprintf(`INSERT INTO checkpoints (id, created_by, type, status, action, resource_type, payload, digest, requested_by, requested_by_kind, expires_at, thread_id%s)
			VALUES (app.uuid_v7(), '%s', 'sensitive', %s, %s, 'x', %s, sha256('%s'), '%s', 'agent', now() + interval '1 hour', '%s'%s)`,
			c.decided, ada, status, action, payload, c.name, ada, thread, c.values))
	}
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions}); err != nil {
		t.Fatal(err)
	}
	query := func(sql string) string {
		t.Helper()
		var found *string
		if err := conn.QueryRow(t.Context(), sql).Scan(&found); err != nil {
			t.Fatal(err)
		}
		if found == nil {
			return ""
		}
		return *found
	}
	got := query(`SELECT string_agg(concat_ws(' ', action, origin, status, CASE WHEN use_before > now() THEN 'usable' END, left(reason, 10)), '; ' ORDER BY id) FROM checkpoints`)
	want := "pending write write expired An upgrade; approved write write approved; used write write approved; " +
		"pending client client pending; approved client client approved usable; [erased] client expired"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := query(`SELECT string_agg(action, ' ' ORDER BY id) FROM audit_logs WHERE resource_type = 'checkpoint' AND action = 'checkpoint_expired'`); got != "checkpoint_expired" {
		t.Errorf("the trail has %q", got)
	}
	if got := query(`SELECT string_agg(type, ' ' ORDER BY sequence) FROM thread_events WHERE type = 'checkpoint.expired'`); got != "checkpoint.expired" {
		t.Errorf("the thread has %q", got)
	}
}

// Hardening item 11: owners of requests that the upgrade expired, and of approvals that it ended, get one mail, and no
// one else does.
func TestOwnersOfExpiredRequestsAreTold(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	conn := before(t, db, "_harden_approvals_agents_and_accounts.sql")
	const reason = "An upgrade changed what an approval covers. Repeat the request to ask again."
	who := map[string]string{}
	for i, name := range []string{"ada", "bob", "eve", "kim", "zoe"} {
		who[name] = fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a805%d", i)
		if _, err := conn.Exec(t.Context(), `INSERT INTO identities (id, email, name) VALUES ($1, $2 || '@example.org', 'N')`, who[name], name); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct{ owner, payload, status, reason, decided, used string }{
		{"ada", `{"table": "playlists"}`, "pending", "", "NULL", "NULL, NULL"},
		{"ada", `{"table": "threads"}`, "pending", "", "NULL", "NULL, NULL"},
		{"ada", `{"table": "playlists"}`, "approved", "", "now()", "now() + interval '1 hour', NULL"},
		{"ada", `{"table": "playlists"}`, "approved", "", "now()", "now() + interval '1 hour', now()"}, // used
		{"bob", `{"table": "playlists"}`, "approved", "", "now()", "now() + interval '1 hour', NULL"},
		{"eve", `{"action": "share"}`, "pending", "", "NULL", "NULL, NULL"}, // of a client: its payload is kept
		{"eve", `{"action": "share"}`, "approved", "", "now()", "now() + interval '1 hour', NULL"},
		{"kim", `{"table": "playlists"}`, "expired", "withdrawn: " + reason, "NULL", "NULL, NULL"},
		{"kim", `{"table": "playlists"}`, "rejected", reason, "now()", "NULL, NULL"},
		{"kim", `{"table": "playlists"}`, "expired", "its agent was dismissed", "NULL", "NULL, NULL"},
		{"kim", `{"table": "playlists"}`, "approved", "", "now() - interval '2 hours'", "now() - interval '1 hour', NULL"}, // had expired before
	} {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf(`INSERT INTO checkpoints (id, created_by, type, status, reason, action, resource_type, payload, digest, requested_by, requested_by_kind,
			created_at, expires_at, decided_at, use_before, consumed_at)
			VALUES (app.uuid_v7(), $1, 'sensitive', $2, nullif($3, ''), 'x', 'x', $4, sha256($5::text::bytea), $1, 'agent',
			coalesce(%[1]s, now()), coalesce(%[1]s, now()) + interval '1 hour', %[1]s, %[2]s)`, c.decided, c.used), who[c.owner], c.status, c.reason, c.payload, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions}); err != nil {
		t.Fatal(err)
	}
	notices := func() (got string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), `SELECT coalesce(string_agg(split_part(i.email, '@', 1) || ' ' || n.kind || ' ' || n.details, '; ' ORDER BY n.created_by), '')
			FROM app.account_notices n JOIN identities i ON i.id = n.created_by WHERE n.sent_at IS NULL AND n.due_at <= now()`).Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := `ada requests_expired {"requests": 2, "approvals": 1}; bob requests_expired {"requests": 0, "approvals": 1}`
	if got := notices(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var again int
	if err := conn.QueryRow(t.Context(), `SELECT app.tell_expired_requests($1, '-infinity')`, reason).Scan(&again); err != nil || again != 0 || notices() != want {
		t.Errorf("the second call notifies %d owners, %v: %s", again, err, notices())
	}
	// A later upgrade with the same reason notifies owners only of requests that it expired.
	var later int
	if err := conn.QueryRow(t.Context(), `SELECT app.tell_expired_requests($1, clock_timestamp() + interval '2 hours')`, reason).Scan(&later); err != nil || later != 0 {
		t.Errorf("a later upgrade notifies %d owners, %v", later, err)
	}
	for _, role := range []string{"chenu_human", "chenu_agent", "chenu_login", "chenu_gate", "chenu_maintain"} {
		var may bool
		if err := conn.QueryRow(t.Context(), `SELECT has_function_privilege($1, 'app.tell_expired_requests(text, timestamptz)', 'EXECUTE')`, role).Scan(&may); err != nil || may {
			t.Errorf("%s may call it: %v, %v", role, may, err)
		}
	}
}

// Hardening item 11: trials beyond the planning stage that have an ethics approval with a future date from before the
// upgrade are reported to the operator, and their owners get a mail.
func TestUpgradeNamesTrialsWithFutureApprovals(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	conn := before(t, db, "_harden_approvals_agents_and_accounts.sql")
	const ada, eve = "01890a5d-ac96-774b-bcce-b302099a8051", "01890a5d-ac96-774b-bcce-b302099a8052"
	trial := func(n int) string { return fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a806%d", n) }
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO identities (id, email, name) VALUES ($1, 'ada@example.org', 'Ada'), ($2, 'eve@example.org', 'Eve')`, ada, eve)
	for i, c := range []struct{ owner, status, day string }{
		{ada, "recruiting", "2999-01-01"}, {ada, "completed", "2999-01-01"}, {ada, "planned", "2999-01-01"}, {ada, "withdrawn", "2999-01-01"}, {eve, "recruiting", "2026-01-01"},
	} {
		exec(`INSERT INTO government_clinical_trials (id, created_by, registry_id, title, status, ethics_reference, ethics_approved_on) VALUES ($1, $2, $3, 't', $4, 'r', $5)`,
			trial(i), c.owner, fmt.Sprint("T-", i), c.status, c.day)
	}
	var said string
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions, Progress: func(e apply.Event) {
		if notice, ok := e.(apply.Notice); ok && strings.Contains(notice.Message, "ethics") {
			said += notice.Message
		}
	}}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(said, "2 clinical trials") || !strings.HasSuffix(said, ": "+trial(0)+", "+trial(1)) {
		t.Errorf("the report to the operator is %q", said)
	}
	var got string
	if err := conn.QueryRow(t.Context(), `SELECT string_agg(created_by || ' ' || kind || ' ' || details, '; ') FROM app.account_notices`).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := ada + ` future_ethics_approvals {"trials": 2, "trial_id": "` + trial(0) + `"}`; got != want {
		t.Errorf("the notices are %s, want %s", got, want)
	}
}

// Hardening item 11: schedules that agents set before that needed an approval, and posts that they changed after a
// human had scheduled them, are reported to the operator, and their owners get a mail. Requests whose payloads changed
// expire, and their owners get a mail about these.
func TestUpgradeNamesUnapprovedSchedules(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	conn := before(t, db, "_tell_owners_of_unapproved_schedules.sql")
	const ada, eve, agent = "01890a5d-ac96-774b-bcce-b302099a8051", "01890a5d-ac96-774b-bcce-b302099a8052", "01890a5d-ac96-774b-bcce-b302099a8053"
	id := func(kind, n int) string { return fmt.Sprintf("01890a5d-ac96-774b-bcce-b302099a%d%02d0", kind, n) }
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO identities (id, email, name) VALUES ($1, 'ada@example.org', 'Ada'), ($2, 'eve@example.org', 'Eve')`, ada, eve)
	const human, byAgent, approved = "human", "agent", "approved"
	for i, c := range []struct{ owner, status, set, changed, field string }{
		{ada, "scheduled", human, "", ""},
		{ada, "scheduled", byAgent, "", ""}, // reported
		{ada, "scheduled", approved, "", ""},
		{ada, "scheduled", human, byAgent, "body"}, // reported
		{ada, "scheduled", human, byAgent, "thread_id"},
		{ada, "scheduled", human, human, "body"},
		{ada, "scheduled", human, approved, "body"},
		{ada, "cancelled", byAgent, "", ""},
		{eve, "scheduled", approved, approved, "body"},
	} {
		exec(`INSERT INTO social_posts (id, created_by, body) VALUES ($1, $2, 'b')`, id(1, i), c.owner)
		exec(`INSERT INTO social_schedules (id, created_by, post_id, platform, scheduled_at, status) VALUES ($1, $2, $3, 'mastodon', '2035-01-01', $4)`, id(2, i), c.owner, id(1, i), c.status)
		for _, l := range []struct{ who, resource, resourceID, action, field, value string }{
			{human, "social_schedule", id(2, i), "create", "status", "cancelled"},
			{c.set, "social_schedule", id(2, i), "update", "status", "scheduled"},
			{human, "social_schedule", id(2, i), "update", "attempts", "1"},
			{c.changed, "social_post", id(1, i), "update", c.field, "x"},
		} {
			if l.who != "" {
				exec(`INSERT INTO audit_logs (id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, after, checkpoint_id, db_role)
					VALUES (app.uuid_v7(), $1, $2, $3, $4, 'success', $5, $6, jsonb_build_object($7::text, $8::text), CASE WHEN $9 THEN $2::uuid END, 'x')`,
					c.owner, agent, strings.Replace(l.who, approved, byAgent, 1), l.action, l.resource, l.resourceID, l.field, l.value, l.who == approved)
			}
		}
	}
	for i, c := range []struct{ payload, status, decided, use string }{
		{`{"table": "community_groups"}`, "pending", "NULL", "NULL"},
		{`{"writes": [{"table": "notes"}, {"table": "social_schedules"}]}`, "pending", "NULL", "NULL"},
		{`{"table": "social_schedules"}`, "approved", "now()", "now() + interval '1 hour'"},
		{`{"table": "playlists"}`, "pending", "NULL", "NULL"},
		{`{"writes": [{"table": "playlists"}]}`, "approved", "now()", "now() + interval '1 hour'"},
		{`{"action": "share", "content": {"table": "social_schedules"}}`, "pending", "NULL", "NULL"},
	} {
		exec(fmt.Sprintf(`INSERT INTO checkpoints (id, created_by, type, status, action, origin, resource_type, payload, digest, requested_by, requested_by_kind, expires_at, decided_at, use_before)
			VALUES (app.uuid_v7(), $1, 'sensitive', $2, 'x', 'write', 'x', $3, sha256($4::text::bytea), $1, 'agent', now() + interval '1 hour', %s, %s)`, c.decided, c.use), eve, c.status, c.payload, fmt.Sprint(i))
	}
	var said string
	if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions, Progress: func(e apply.Event) {
		if notice, ok := e.(apply.Notice); ok && strings.Contains(notice.Message, "schedules") {
			said += notice.Message
		}
	}}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(said, "2 schedules of posts") || !strings.HasSuffix(said, ": "+id(2, 1)+", "+id(2, 3)) {
		t.Errorf("the report to the operator is %q", said)
	}
	for query, want := range map[string]string{
		`SELECT string_agg(split_part(i.email, '@', 1) || ' ' || n.kind || ' ' || n.details, '; ' ORDER BY n.created_by) FROM app.account_notices n JOIN identities i ON i.id = n.created_by`: `ada unapproved_schedules {"schedules": 2, "schedule_id": "` + id(2, 1) + `"}; eve requests_expired {"requests": 2, "approvals": 1}`,
		`SELECT string_agg(concat_ws(' ', status, CASE WHEN use_before > now() THEN 'usable' END), ', ' ORDER BY id) FROM checkpoints WHERE created_by = '` + eve + `'`:                       strings.Repeat("expired, ", 2) + "approved, pending, approved usable, pending",
		`SELECT count(*)::text FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity`:                                                                                                "0",
	} {
		var got string
		if err := conn.QueryRow(t.Context(), query).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

// Hardening item 5: the upgrade limits credentials without an expiry to 90 days and others to at most 365 days, revokes
// weak keys (item 22), and queues a mail to the owners. Agents of unverified identities keep working.
func TestUpgradeLimitsCredentials(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	apply := func(to string) {
		t.Helper()
		if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions, To: to}); err != nil {
			t.Fatal(err)
		}
	}
	apply("20261123074029")
	admin := db.Pool(t, db.AdminURL)
	const owner, agent = "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b", "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1c"
	for _, statement := range []string{
		fmt.Sprintf("INSERT INTO identities (id, email, name) VALUES ('%s', 'ada@example.org', 'Ada')", owner),
		fmt.Sprintf("INSERT INTO team_agents (id, created_by, name, token_budget) VALUES ('%s', '%s', 'Bookkeeper', 7)", agent, owner),
		fmt.Sprintf(`INSERT INTO app.agent_credentials (id, created_by, agent_id, name, secret_hash, public_key, expires_at, revoked_at)
			SELECT app.uuid_v7(), '%s', '%s', name, CASE WHEN key IS NULL THEN sha256('x') END, key, expires_at, revoked_at FROM (VALUES
				('endless', NULL::bytea, NULL::timestamptz, NULL::timestamptz), ('long', NULL, now() + interval '5 years', NULL),
				('short', NULL, now() + interval '5 days', NULL), ('revoked', NULL, NULL, now()),
				('weak', decode('01' || repeat('00', 31), 'hex'), NULL, NULL)) AS v (name, key, expires_at, revoked_at)`, owner, agent),
	} {
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	apply("")
	var got, notice, status string
	if err := admin.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', name, round(extract(epoch FROM expires_at - now()) / 86400), CASE WHEN revoked_at IS NOT NULL THEN 'revoked' END), ', ' ORDER BY name),
		(SELECT string_agg(n.kind || ' ' || (n.details ->> 'credentials'), ',') FROM app.account_notices n WHERE n.created_by = $1 AND n.sent_at IS NULL AND n.due_at <= now()),
		(SELECT a.status FROM team_agents a WHERE a.id = $2) FROM app.agent_credentials`, owner, agent).Scan(&got, &notice, &status); err != nil {
		t.Fatal(err)
	}
	if want := "endless 90, long 365, revoked 90 revoked, short 5, weak 90 revoked"; got != want {
		t.Errorf("the credentials are %q, want %q", got, want)
	}
	if notice != "credentials_expire 3" || status != "active" {
		t.Errorf("the notice is %q, the agent %s", notice, status)
	}
}
