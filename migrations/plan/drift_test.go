package plan_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"ariga.io/atlas/sql/migrate"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// driftSQL is a small schema with each kind of object that the project's schema has.
const driftSQL = `
	CREATE TABLE notes (
		created_by uuid NOT NULL, id uuid NOT NULL, title text NOT NULL CONSTRAINT notes_title CHECK (title <> ''), kind text DEFAULT 'plain',
		words tsvector GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED, PRIMARY KEY (created_by, id));
	CREATE INDEX notes_kind ON notes (created_by, kind);
	COMMENT ON TABLE notes IS 'What people note.';
	ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
	ALTER TABLE notes FORCE ROW LEVEL SECURITY;
	CREATE POLICY human_select ON notes FOR SELECT TO chenu_human USING (created_by = app.identity());
	CREATE POLICY human_update ON notes FOR UPDATE TO chenu_human USING (created_by = app.identity()) WITH CHECK (created_by = app.identity());
	GRANT SELECT, UPDATE (title) ON notes TO chenu_human;
	CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TRIGGER touch BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION app.touch();
	CREATE TABLE tasks (created_by uuid NOT NULL, id uuid PRIMARY KEY, note_id uuid NOT NULL,
		number integer GENERATED ALWAYS AS IDENTITY, CONSTRAINT tasks_note FOREIGN KEY (created_by, note_id) REFERENCES notes (created_by, id));
	CREATE TABLE logs (created_by uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (created_by, id)) PARTITION BY RANGE (id);
	ALTER TABLE logs ENABLE ROW LEVEL SECURITY;
	ALTER TABLE logs FORCE ROW LEVEL SECURITY;
	CREATE POLICY human_select ON logs FOR SELECT TO chenu_human USING (created_by = app.identity());
	GRANT SELECT ON logs TO chenu_human;
	CREATE TABLE logs_default PARTITION OF logs DEFAULT;
	ALTER TABLE logs_default ENABLE ROW LEVEL SECURITY;
	ALTER TABLE logs_default FORCE ROW LEVEL SECURITY;
	CREATE TRIGGER refuse BEFORE TRUNCATE ON logs_default FOR EACH STATEMENT EXECUTE FUNCTION app.touch();`

// driftHand is a hand-written migration, because the planner plans no views.
const driftHand = `
CREATE VIEW heads WITH (security_invoker = true) AS SELECT id, title FROM notes;
GRANT SELECT ON heads TO chenu_human;`

// driftServer is a separate server for a test, since databases share the objects of their server.
type driftServer struct {
	url   string
	login apply.Login
	dir   migrate.Dir
	// The database from which the others are cloned.
	once       sync.Once
	logins     []string
	migrateURL string
}

func startDriftServer(t *testing.T) *driftServer {
	t.Helper()
	dir := &migrate.MemDir{}
	planned, err := plan.Diff(t.Context(), plan.Input{Conventions: &policies.Conventions, Name: "first", Dir: dir, Desired: base(t, driftSQL), DevURL: dbtest.ServerURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	add(t, dir, planned)
	add(t, dir, &plan.Plan{Files: []plan.File{{Name: "29990101000000_views.sql", SQL: driftHand}}})
	return &driftServer{url: otherServer(t), login: apply.Login{Name: "chenu_migrate", Password: "a password of the test"}, dir: dir}
}

// live is a bootstrapped and migrated database.
type live struct {
	*driftServer
	name, migrateURL, adminURL string
}

// create clones a bootstrapped and migrated database.
func (s *driftServer) create(t *testing.T) *live {
	t.Helper()
	s.once.Do(func() {
		report, err := apply.Bootstrap(t.Context(), s.url, apply.BootstrapOptions{Conventions: &policies.Conventions, Database: "template", Migrate: s.login})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range report.Logins {
			s.logins = append(s.logins, l.Name)
			if l.Name == s.login.Name {
				s.migrateURL = l.URL
			}
		}
		applyAll(t, s.migrateURL, s.dir)
	})
	name := "drift_" + strings.ToLower(rand.Text()[:10])
	// CREATE DATABASE copies no privileges.
	for _, sql := range []string{
		"CREATE DATABASE " + name + " TEMPLATE template OWNER chenu_owner", "REVOKE CONNECT, TEMPORARY ON DATABASE " + name + " FROM PUBLIC",
		"GRANT CONNECT ON DATABASE " + name + " TO " + strings.Join(s.logins, ", "),
	} {
		exec(t, s.url, sql)
	}
	at := func(url, from string) string { return strings.Replace(url, "/"+from+"?", "/"+name+"?", 1) }
	return &live{driftServer: s, name: name, adminURL: at(s.url, "postgres"), migrateURL: at(s.migrateURL, "template")}
}

func (d *live) drift(t *testing.T) *plan.Drift {
	t.Helper()
	got, err := plan.ReadDrift(t.Context(), plan.DriftInput{
		Conventions: &policies.Conventions,
		URL:         d.migrateURL, Dir: d.dir,
		DevServer: func(context.Context, int) (string, error) { return dbtest.ServerURL(t), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// repair runs the printed script, including the withheld statements, according to its comments.
func (d *live) repair(t *testing.T, drift *plan.Drift) {
	t.Helper()
	for i := range drift.Repair {
		if drift.Repair[i].SQL != "" {
			drift.Repair[i].Withheld = ""
		}
	}
	var b strings.Builder
	if err := drift.WriteRepair(&b); err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(b.String(), "\\set ON_ERROR_STOP on\n", "")
	admin, owner, _ := strings.Cut(script, "-- As chenu_owner")
	exec(t, d.adminURL, admin)
	conn := pgtest.Connect(t, d.migrateURL)
	if _, err := conn.PgConn().Exec(t.Context(), "--"+owner).ReadAll(); err != nil {
		t.Fatalf("the repair fails: %v\n%s", err, script)
	}
}

func whats(d *plan.Drift) []string {
	all := []string{}
	for _, f := range d.Differences {
		all = append(all, f.What)
	}
	return all
}

type driftCase struct {
	name string
	do   string   // manual change, as a superuser
	want []string // expected differences
	hand string   // manual repair of what cannot be planned, as a superuser
}

var driftCases = []driftCase{
	{name: "runtime partition", do: `SET ROLE chenu_owner;
		CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO ('10000000-0000-0000-0000-000000000000');
		ALTER TABLE logs_1 ENABLE ROW LEVEL SECURITY; ALTER TABLE logs_1 FORCE ROW LEVEL SECURITY;
		CREATE TRIGGER refuse BEFORE TRUNCATE ON logs_1 FOR EACH STATEMENT EXECUTE FUNCTION app.touch()`},
	{name: "open partition", do: `SET ROLE chenu_owner;
		CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM ('00000000-0000-0000-0000-000000000000') TO ('10000000-0000-0000-0000-000000000000');
		CREATE POLICY p ON logs_1 USING (true); GRANT SELECT ON logs_1 TO chenu_human`, want: []string{
		"partition public.logs_1: row-level security is disabled, unlike public.logs_default",
		"partition public.logs_1: it has policy p, unlike public.logs_default",
		"partition public.logs_1: chenu_human SELECT, unlike public.logs_default",
		"partition public.logs_1: it lacks trigger refuse, unlike public.logs_default",
	}},
	{name: "partitioned parent", do: `SET ROLE chenu_owner; ALTER POLICY human_select ON logs USING (true); ALTER TABLE logs_default NO FORCE ROW LEVEL SECURITY`,
		want: []string{"policy human_select on public.logs differs: using", "row security of public.logs_default differs: forced"}},
	{name: "detached default", do: `SET ROLE chenu_owner; ALTER TABLE logs DETACH PARTITION logs_default`,
		want: []string{"partition public.logs_default is missing", "table public.logs_default is not expected"}},
	{name: "policy changed", do: `SET ROLE chenu_owner; ALTER POLICY human_select ON notes TO PUBLIC USING (true)`, want: []string{"policy human_select on public.notes differs: roles, using"}},
	{name: "policy added", do: `SET ROLE chenu_owner; CREATE POLICY extra ON notes AS RESTRICTIVE FOR DELETE TO chenu_agent USING (false)`, want: []string{"policy extra on public.notes is not expected"}},
	{name: "policy dropped", do: `SET ROLE chenu_owner; DROP POLICY human_update ON notes`, want: []string{"policy human_update on public.notes is missing"}},
	{name: "row security", do: `SET ROLE chenu_owner; ALTER TABLE notes DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY`, want: []string{"row security of public.notes differs: enabled, forced"}},
	{name: "grants", do: `SET ROLE chenu_owner; GRANT DELETE ON notes TO chenu_agent; REVOKE SELECT ON notes FROM chenu_human; GRANT SELECT (id) ON notes TO PUBLIC;
		GRANT UPDATE (kind) ON notes TO chenu_human WITH GRANT OPTION; GRANT ALL ON SCHEMA app TO PUBLIC; GRANT USAGE ON SEQUENCE tasks_number_seq TO chenu_agent;
		GRANT EXECUTE ON FUNCTION app.touch() TO chenu_agent WITH GRANT OPTION`, want: []string{
		"column public.notes.id: PUBLIC SELECT, which is not expected",
		"column public.notes.kind: chenu_human UPDATE with grant option, which is not expected",
		"function app.touch(): chenu_agent EXECUTE with grant option, which is not expected",
		"schema app: PUBLIC USAGE, CREATE, which is not expected",
		"sequence public.tasks_number_seq: chenu_agent USAGE, which is not expected",
		"table public.notes: chenu_agent DELETE, which is not expected; chenu_human SELECT is missing",
	}},
	{name: "owners", do: `CREATE ROLE somebody NOLOGIN; ALTER TABLE tasks OWNER TO somebody; ALTER FUNCTION app.touch() OWNER TO somebody; ALTER SCHEMA app OWNER TO somebody`, want: []string{
		"function app.touch() is owned by somebody and should be owned by chenu_owner",
		"schema app is owned by somebody and should be owned by chenu_owner",
		"table public.tasks is owned by somebody and should be owned by chenu_owner",
	}},
	{name: "default privileges", do: `SET ROLE chenu_owner; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO chenu_agent;
		ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON SEQUENCES TO chenu_human WITH GRANT OPTION`,
		want: []string{
			"default privileges of FUNCTIONS made by chenu_owner is not expected",
			"default privileges of SEQUENCES made by chenu_owner in schema app is not expected",
			"default privileges of TABLES made by chenu_owner is not expected",
		}},
	{name: "function body", do: `SET ROLE chenu_owner; CREATE OR REPLACE FUNCTION app.identity() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid'`,
		want: []string{"function app.identity() differs: definition"}},
	{name: "function definer", do: `SET ROLE chenu_owner; ALTER FUNCTION app.touch() SECURITY DEFINER; CREATE FUNCTION app.late(a text) RETURNS text LANGUAGE sql AS 'SELECT a'`,
		want: []string{"function app.late(text) is not expected", "function app.touch() differs: definer, definition"}},
	{name: "function overload", do: `SET ROLE chenu_owner; CREATE FUNCTION app.identity(a text) RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid'`,
		want: []string{"function app.identity(text) is not expected"}},
	{name: "function dropped", do: `SET ROLE chenu_owner; DROP FUNCTION app.touch() CASCADE`, want: []string{
		"function app.touch() is missing", "trigger refuse on public.logs_default is missing", "trigger touch on public.notes is missing",
	}},
	{name: "trigger disabled", do: `SET ROLE chenu_owner; ALTER TABLE notes DISABLE TRIGGER touch`, want: []string{"trigger touch on public.notes is disabled"}},
	{name: "trigger changed", do: `SET ROLE chenu_owner; CREATE OR REPLACE TRIGGER touch BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION app.touch();
		CREATE TRIGGER more AFTER DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION app.touch()`, want: []string{
		"trigger more on public.tasks is not expected", "trigger touch on public.notes differs: definition",
	}},
	{name: "foreign key not enforced", do: `ALTER TABLE tasks DISABLE TRIGGER ALL`, want: []string{"foreign key public.tasks.tasks_note is not enforced: its triggers are disabled"}},
	{name: "columns", do: `SET ROLE chenu_owner; ALTER TABLE notes ADD COLUMN pinned boolean, ALTER COLUMN title DROP NOT NULL, ALTER COLUMN kind SET DEFAULT 'fancy', ALTER COLUMN kind TYPE varchar(20);
		ALTER TABLE tasks ALTER COLUMN number DROP IDENTITY`, want: []string{
		"column public.notes.kind differs", "column public.notes.pinned is not expected", "column public.notes.title differs", "column public.tasks.number differs",
	}, hand: `ALTER TABLE tasks ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY`},
	{name: "objects of another role", do: `CREATE TABLE scratch (a int); CREATE SCHEMA lab; CREATE FUNCTION lab.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TABLE lab.rats (a int); CREATE VIEW all_notes AS SELECT * FROM notes`, want: []string{
		"function lab.f() is not expected", "schema lab is not expected", "table lab.rats is not expected", "table public.scratch is not expected", "view public.all_notes is not expected",
	}},
	{name: "column dropped", do: `SET ROLE chenu_owner; ALTER TABLE notes DROP COLUMN kind`, want: []string{
		"column public.notes.kind is missing", "index public.notes_kind is missing",
	}},
	{name: "collation", do: `SET ROLE chenu_owner; ALTER TABLE notes ALTER COLUMN kind TYPE text COLLATE "POSIX"`, want: []string{"column public.notes.kind differs"},
		hand: `ALTER TABLE notes ALTER COLUMN kind TYPE text COLLATE "default"`},
	{name: "indexes", do: `SET ROLE chenu_owner; DROP INDEX notes_kind; CREATE INDEX notes_kind ON notes (kind); CREATE INDEX extra ON notes (title)`, want: []string{
		"index public.extra is not expected", "index public.notes_kind differs",
	}},
	{name: "invalid index", do: `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'notes_kind'::regclass`, want: []string{
		"index public.notes_kind is invalid: its build did not finish, and queries do not use it",
	}},
	{name: "constraints not validated", do: `SET ROLE chenu_owner; ALTER TABLE notes DROP CONSTRAINT notes_title, ADD CONSTRAINT notes_title CHECK (title <> '') NOT VALID;
		ALTER TABLE tasks DROP CONSTRAINT tasks_note, ADD CONSTRAINT tasks_note FOREIGN KEY (created_by, note_id) REFERENCES notes (created_by, id) NOT VALID`, want: []string{
		"constraint notes_title on public.notes is not validated: existing rows may violate it",
		"constraint tasks_note on public.tasks is not validated: existing rows may violate it",
	}},
	{name: "constraints", do: `SET ROLE chenu_owner; ALTER TABLE notes DROP CONSTRAINT notes_title, ADD CONSTRAINT more CHECK (kind <> ''), ADD CONSTRAINT one UNIQUE (id);
		ALTER TABLE tasks DROP CONSTRAINT tasks_note, ADD CONSTRAINT tasks_note FOREIGN KEY (created_by, note_id) REFERENCES notes (created_by, id) ON DELETE CASCADE DEFERRABLE`, want: []string{
		"constraint more on public.notes is not expected", "constraint notes_title on public.notes is missing", "constraint one on public.notes is not expected",
		"constraint tasks_note on public.tasks differs",
	}},
	{name: "primary key", do: `SET ROLE chenu_owner; ALTER TABLE tasks DROP CONSTRAINT tasks_note; ALTER TABLE notes DROP CONSTRAINT notes_pkey, ADD CONSTRAINT notes_pkey PRIMARY KEY (id, created_by);
		ALTER TABLE tasks ADD CONSTRAINT tasks_note FOREIGN KEY (created_by, note_id) REFERENCES notes (created_by, id)`, want: []string{"constraint notes_pkey on public.notes differs"}},
	{name: "tables", do: `SET ROLE chenu_owner; DROP TABLE tasks; CREATE TABLE scratch (a int); GRANT SELECT ON scratch TO chenu_human; CREATE SCHEMA lab; CREATE TABLE lab.rats (a int)`, want: []string{
		"schema lab is not expected", "table lab.rats is not expected", "table public.scratch is not expected", "table public.tasks is missing",
	}},
	{name: "comment", do: `SET ROLE chenu_owner; COMMENT ON TABLE notes IS 'Changed.'`, want: []string{"comments of table public.notes differ"}},
	{name: "views", do: `SET ROLE chenu_owner; CREATE VIEW titles AS SELECT title FROM notes; CREATE MATERIALIZED VIEW "All" AS SELECT id FROM notes;
		CREATE RULE "Quiet" AS ON DELETE TO tasks DO INSTEAD NOTHING`, want: []string{
		"materialized view public.All is not expected", "rule public.tasks.Quiet is not expected", "view public.titles is not expected",
	}},
	{name: "privileges of a view", do: `SET ROLE chenu_owner; GRANT SELECT ON heads TO chenu_agent WITH GRANT OPTION; REVOKE SELECT ON heads FROM chenu_human`, want: []string{
		"view public.heads: chenu_agent SELECT with grant option, which is not expected; chenu_human SELECT is missing",
	}},
	{name: "view dropped", do: `SET ROLE chenu_owner; DROP VIEW heads`, want: []string{"view public.heads is missing"}, hand: "SET ROLE chenu_owner;" + driftHand},
	{name: "view for its owner's rows", do: `SET ROLE chenu_owner; ALTER VIEW heads RESET (security_invoker)`, want: []string{"view public.heads differs: definition"},
		hand: `ALTER VIEW heads SET (security_invoker = true)`},
	{name: "view on a changed table", do: `SET ROLE chenu_owner; ALTER TABLE notes ALTER COLUMN kind TYPE varchar(20); CREATE VIEW kinds AS SELECT kind FROM notes`, want: []string{
		"view public.kinds is not expected", "column public.notes.kind differs",
	}},
	{name: "other objects", do: `SET ROLE chenu_owner; CREATE SEQUENCE counter; CREATE DOMAIN word AS text CHECK (VALUE <> ''); CREATE TYPE pair AS (a int, b int);
		CREATE STATISTICS together ON created_by, kind FROM notes; ALTER TABLE notes SET (autovacuum_enabled = false), REPLICA IDENTITY FULL`, want: []string{
		"composite type public.pair is not expected", "domain public.word is not expected", "sequence public.counter is not expected",
		"statistics public.together is not expected", "table option public.notes is not expected",
	}},
	{name: "event trigger and extension", do: `CREATE FUNCTION public.ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION public.ev();
		CREATE EXTENSION IF NOT EXISTS pgcrypto`, want: []string{
		"event trigger watch is not expected", "extension pgcrypto is not expected", "function public.ev() is not expected",
	}},
	{name: "database", do: `GRANT CONNECT, TEMPORARY ON DATABASE %[1]s TO PUBLIC; REVOKE CONNECT ON DATABASE %[1]s FROM chenu_verify; ALTER DATABASE %[1]s SET row_security = off;
		ALTER ROLE chenu_service IN DATABASE %[1]s SET app.identity_id = '0190'; ALTER DATABASE %[1]s SET statement_timeout = '1h'`, want: []string{
		"database %[1]s: PUBLIC CONNECT, which is not expected", "database %[1]s: PUBLIC TEMPORARY, which is not expected", "database %[1]s: chenu_verify CONNECT is missing",
		"sessions of database %[1]s start with row_security = 'off', which is not expected",
		"sessions of role chenu_service in this database start with app.identity_id = '0190', which is not expected",
	}},
}

// TestDrift makes each kind of manual change, checks the reported differences, and repairs them with the printed
// script.
func TestDrift(t *testing.T) {
	t.Parallel()
	s := startDriftServer(t)
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		if got := s.create(t).drift(t); len(got.Differences) > 0 || len(got.Repair) > 0 || got.State != apply.Current {
			t.Errorf("a database that was just migrated: %+v", got)
		}
	})
	for _, test := range driftCases {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, s.create(t))
		})
	}
}

func (c driftCase) run(t *testing.T, d *live) {
	t.Helper()
	fill := func(text string) string { return strings.ReplaceAll(text, "%[1]s", d.name) }
	exec(t, d.adminURL, fill(c.do))
	before := d.drift(t)
	want := []string{}
	for _, line := range c.want {
		want = append(want, fill(line))
	}
	got := whats(before)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("differences:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	if c.hand != "" {
		exec(t, d.adminURL, c.hand)
	}
	d.repair(t, before)
	if after := d.drift(t); len(after.Differences) > 0 {
		var script strings.Builder
		_ = before.WriteRepair(&script)
		text, _ := json.MarshalIndent(after.Differences, "", "  ")
		t.Errorf("after the repair: %s\n%s", text, script.String())
	}
}

// TestDriftOfRoles changes objects of the server, in both directions.
func TestDriftOfRoles(t *testing.T) { //nolint:tparallel // the cases change one cluster, in turn
	t.Parallel()
	s := startDriftServer(t)
	for _, test := range []driftCase{ //nolint:paralleltest // the same
		{name: "attributes", do: `ALTER ROLE chenu_human LOGIN BYPASSRLS; ALTER ROLE chenu_service SUPERUSER CREATEDB; ALTER ROLE chenu_app INHERIT`, want: []string{
			"login chenu_service is SUPERUSER CREATEDB and should be NOSUPERUSER NOCREATEDB",
			"role chenu_app is INHERIT and should be NOINHERIT",
			"role chenu_human is LOGIN BYPASSRLS and should be NOLOGIN NOBYPASSRLS",
		}},
		{name: "memberships", do: `CREATE ROLE alice LOGIN; CREATE ROLE team NOLOGIN; CREATE ROLE far LOGIN; GRANT chenu_owner TO alice; GRANT chenu_human TO team, far;
			GRANT chenu_service TO alice; GRANT pg_read_all_data TO chenu_agent, chenu_verify; REVOKE chenu_agent FROM chenu_app; GRANT chenu_app TO chenu_service WITH ADMIN OPTION`, want: []string{
			"alice is a member of chenu_owner, which is not expected", "alice is a member of chenu_service, which is not expected",
			"chenu_agent is a member of pg_read_all_data, which is not expected", "chenu_app is not a member of chenu_agent and should be",
			"chenu_service is a member of chenu_app, which is not expected", "chenu_verify is a member of pg_read_all_data, which is not expected",
			"team is a member of chenu_human, which is not expected",
		}},
		{name: "settings", do: `ALTER ROLE chenu_human SET row_security = off; ALTER ROLE ALL SET search_path = lab, public; ALTER ROLE chenu_service SET session_replication_role = replica`, want: []string{
			"sessions of every role start with search_path = 'lab, public', which is not expected",
			"sessions of role chenu_human start with row_security = 'off', which is not expected",
			"sessions of role chenu_service start with session_replication_role = 'replica', which is not expected",
		}},
		{name: "database owner", do: `CREATE ROLE boss NOLOGIN; ALTER DATABASE %[1]s OWNER TO boss`, want: []string{"database %[1]s is owned by boss and should be owned by chenu_owner"}},
		{name: "owners of definers", do: `ALTER ROLE chenu_erase RENAME TO chenu_gone`, want: []string{"chenu_owner is a member of chenu_gone, which is not expected", "role chenu_erase is missing", "chenu_owner is not a member of chenu_erase and should be"}},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s.create(t)) })
	}
}

// TestDriftStates checks with which version a database is compared.
func TestDriftStates(t *testing.T) {
	t.Parallel()
	d := startDriftServer(t).create(t)
	first := d.drift(t).Version
	behind := d.dir.(*migrate.MemDir)
	planned, err := plan.Diff(t.Context(), plan.Input{Conventions: &policies.Conventions, Name: "second", Dir: behind, Desired: base(t, driftSQL, "CREATE TABLE later (id uuid PRIMARY KEY);"), DevURL: dbtest.ServerURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	add(t, behind, planned)
	if got := d.drift(t); got.State != apply.Behind || got.Version != first || len(got.Differences) > 0 {
		t.Errorf("behind: %+v; want no differences from %s", got, first)
	}
	applyAll(t, d.migrateURL, behind)
	if got := d.drift(t); got.State != apply.Current || got.Version <= first || len(got.Differences) > 0 {
		t.Errorf("current: %+v", got)
	}
	in := plan.DriftInput{Conventions: &policies.Conventions, URL: d.migrateURL, Dir: &migrate.MemDir{}, DevServer: func(context.Context, int) (string, error) { return dbtest.ServerURL(t), nil }}
	for name, test := range map[string]struct {
		change func(*plan.DriftInput)
		want   string
	}{
		"ahead": {func(in *plan.DriftInput) {
			older := &migrate.MemDir{}
			add(t, older, &plan.Plan{Files: []plan.File{{Name: "20200101000000_old.sql", SQL: "SELECT 1;"}}})
			in.Dir = older
		}, "the database has"},
		"no rights": {func(in *plan.DriftInput) {
			in.Dir = d.dir
			exec(t, d.adminURL, "CREATE ROLE nobody LOGIN PASSWORD 'x'; GRANT CONNECT ON DATABASE "+d.name+" TO nobody")
			at, err := url.Parse(d.migrateURL)
			if err != nil {
				t.Fatal(err)
			}
			at.User = url.UserPassword("nobody", "x")
			in.URL = at.String()
		}, "the login cannot SET ROLE chenu_owner"},
	} {
		in := in
		test.change(&in)
		if _, err := plan.ReadDrift(t.Context(), in); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
	}
}

// TestDriftOfTheProject compares the project's own migrations with a database in use, with partitions that were created
// at run time.
func TestDriftOfTheProject(t *testing.T) {
	t.Parallel()
	dir, err := migrations.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	s := startDriftServer(t)
	s.dir = dir
	d := s.create(t)
	exec(t, d.adminURL, "SELECT app.ensure_partitions(2)")
	if got := d.drift(t); len(got.Differences) > 0 {
		t.Errorf("differences: %q", whats(got))
	}
	driftCase{do: "SET ROLE chenu_owner; ALTER POLICY human_select ON audit_logs USING (true); ALTER TABLE audit_logs DISABLE TRIGGER refuse_change", want: []string{
		"policy human_select on public.audit_logs differs: using", "trigger refuse_change on public.audit_logs is disabled",
	}}.run(t, d)
}

// TestDriftWhileMigrating checks that ReadDrift neither waits long for the locks of a migration nor reports uncommitted
// changes. Reading the definition of a view locks its tables, and newer versions lock for many other definitions too.
func TestDriftWhileMigrating(t *testing.T) {
	t.Parallel()
	d := startDriftServer(t).create(t)
	tx, err := pgtest.Connect(t, d.adminURL).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE chenu_owner; ALTER TABLE notes ADD COLUMN more int"); err != nil {
		t.Fatal(err)
	}
	_, err = plan.ReadDrift(t.Context(), plan.DriftInput{Conventions: &policies.Conventions, URL: d.migrateURL, Dir: d.dir})
	if err == nil || !strings.Contains(err.Error(), "holds a lock that conflicts with reading the definitions") {
		t.Errorf("with a view's table locked: %v", err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := whats(d.drift(t)), []string{"column public.notes.more is not expected"}; !slices.Equal(got, want) {
		t.Errorf("after it: %q", got)
	}
}
