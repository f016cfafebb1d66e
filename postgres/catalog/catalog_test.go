package catalog_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/pgtest"
)

const objects = `
SET ROLE chenu_owner;
CREATE SCHEMA app;
CREATE SCHEMA atlas_schema_revisions;
CREATE TABLE atlas_schema_revisions.atlas_schema_revisions (version text PRIMARY KEY);
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION app.shout(title text, "Times" integer DEFAULT 1, OUT loud text) LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT upper(title)';
COMMENT ON FUNCTION app.shout(text, integer) IS 'Loud.';
REVOKE EXECUTE ON FUNCTION app.shout(text, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.shout(text, integer) TO chenu_human WITH GRANT OPTION;
CREATE PROCEDURE app.proc() LANGUAGE sql AS 'SELECT 1';
CREATE TABLE parents (id integer PRIMARY KEY);
CREATE TABLE "Notes" (
	id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	parent_id integer CONSTRAINT parent REFERENCES parents,
	title text COLLATE "C" NOT NULL DEFAULT 'x' CONSTRAINT title CHECK (app.shout(title) <> ''),
	loud text GENERATED ALWAYS AS (app.shout(title)) STORED
);
ALTER TABLE "Notes" ENABLE ROW LEVEL SECURITY;
CREATE POLICY read ON "Notes" FOR SELECT TO chenu_human, chenu_agent USING (title <> '');
CREATE POLICY "write" ON "Notes" AS RESTRICTIVE FOR INSERT WITH CHECK (app.shout(title) <> '');
CREATE TRIGGER touch BEFORE UPDATE OF title ON "Notes" FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE "Notes" ENABLE ALWAYS TRIGGER touch;
GRANT SELECT, UPDATE (title) ON "Notes" TO chenu_human;
GRANT SELECT (loud) ON "Notes" TO PUBLIC;
GRANT SELECT (id) ON "Notes" TO chenu_agent;
REVOKE SELECT (id) ON "Notes" FROM chenu_agent;
CREATE INDEX loud ON "Notes" (app.shout(title)) WHERE title <> 'y';
CREATE VIEW titles AS SELECT title FROM "Notes";
CREATE TABLE logs (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE logs_default PARTITION OF logs DEFAULT;
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (2);
CREATE TRIGGER all_logs BEFORE INSERT ON logs FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TRIGGER own BEFORE TRUNCATE ON logs_1 EXECUTE FUNCTION app.touch();
CREATE TRIGGER own BEFORE TRUNCATE ON logs_default EXECUTE FUNCTION app.touch();
CREATE POLICY read ON logs_1 USING (true);
CREATE FUNCTION app.all_notes() RETURNS SETOF "Notes" LANGUAGE sql BEGIN ATOMIC SELECT * FROM "Notes"; END;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON SEQUENCES TO chenu_agent;
RESET ROLE;
CREATE EXTENSION pg_trgm SCHEMA app;
`

func read(t *testing.T, sql ...string) (*catalog.State, *pgx.Conn) {
	t.Helper()
	conn := pgtest.Connect(t, dbtest.Empty(t).AdminURL)
	return readAgain(t, conn, sql...), conn
}

func readAgain(t *testing.T, conn *pgx.Conn, sql ...string) *catalog.State {
	t.Helper()
	if _, err := conn.PgConn().Exec(t.Context(), strings.Join(sql, ";\n")).ReadAll(); err != nil {
		t.Fatal(err)
	}
	state, err := catalog.Read(t.Context(), conn, policies.Conventions.RolePrefix())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestRead(t *testing.T) {
	t.Parallel()
	s, conn := read(t, objects)
	var got []string
	for key := range s.Objects() {
		got = append(got, key.String())
	}
	slices.Sort(got)
	want := []string{
		`column public."Notes".id`, `column public."Notes".loud`, `column public."Notes".parent_id`, `column public."Notes".title`,
		"column public.logs.id", "column public.parents.id",
		`constraint "Notes_pkey" on public."Notes"`, "constraint logs_pkey on public.logs", `constraint parent on public."Notes"`,
		"constraint parents_pkey on public.parents", `constraint title on public."Notes"`,
		"default privileges of SEQUENCES made by chenu_owner in schema app",
		"extension pg_trgm",
		"function app.all_notes()", "function app.proc()", "function app.shout(text, integer)", "function app.touch()",
		`index public."Notes_pkey"`, "index public.logs_pkey", "index public.loud", "index public.parents_pkey",
		"partition public.logs_default",
		`policy read on public."Notes"`, `policy write on public."Notes"`,
		`privileges of column public."Notes".loud`, `privileges of column public."Notes".title`,
		"privileges of function app.all_notes()", "privileges of function app.proc()", "privileges of function app.shout(text, integer)", "privileges of function app.touch()",
		"privileges of schema app", "privileges of schema public",
		`privileges of sequence public."Notes_id_seq"`,
		`privileges of table public."Notes"`, "privileges of table public.logs", "privileges of table public.logs_default", "privileges of table public.parents",
		"privileges of view public.titles",
		`row security of public."Notes"`, "row security of public.logs", "row security of public.logs_default", "row security of public.parents",
		`table public."Notes"`, "table public.logs", "table public.parents",
		"trigger all_logs on public.logs", "trigger own on public.logs_default", `trigger touch on public."Notes"`,
		"view public.titles",
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("objects:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if want := []string{"public.logs_1"}; !slices.Equal(s.RuntimePartitions, want) {
		t.Errorf("partitions created at run time: %v; want %v", s.RuntimePartitions, want)
	}

	shout := find(t, s, "function app.shout(text, integer)").(*catalog.Function)
	if shout.Arguments != `title text, "Times" integer, OUT loud text` || shout.Result != "text" || shout.Defaults != 1 || !shout.Definer ||
		shout.Owner != "chenu_owner" || shout.Language != "sql" || shout.Comment != "Loud." || !strings.HasPrefix(shout.Definition, "CREATE OR REPLACE FUNCTION app.shout(") {
		t.Errorf("function: %+v", shout)
	}
	touch := find(t, s, `trigger touch on public."Notes"`).(*catalog.Trigger)
	if touch.Enabled != "A" || touch.Constraint || touch.Function != "app.touch" || touch.Definition != `CREATE TRIGGER touch BEFORE UPDATE OF title ON public."Notes" FOR EACH ROW EXECUTE FUNCTION app.touch()` {
		t.Errorf("trigger: %+v", touch)
	}
	readPolicy := find(t, s, `policy read on public."Notes"`).(*catalog.Policy)
	if readPolicy.Command != "SELECT" || !readPolicy.Permissive || !slices.Equal(readPolicy.Roles, []string{"chenu_agent", "chenu_human"}) || readPolicy.Using != "(title <> ''::text)" || readPolicy.Check != "" {
		t.Errorf("policy: %+v", readPolicy)
	}
	writePolicy := find(t, s, `policy write on public."Notes"`).(*catalog.Policy)
	if writePolicy.Command != "INSERT" || writePolicy.Permissive || !slices.Equal(writePolicy.Roles, []string{"PUBLIC"}) || writePolicy.Using != "" || writePolicy.Check == "" {
		t.Errorf("policy: %+v", writePolicy)
	}
	if security := find(t, s, `row security of public."Notes"`).(*catalog.Security); !security.Enabled || security.Forced {
		t.Errorf("row security: %+v", security)
	}
	if partition := find(t, s, "partition public.logs_default").(*catalog.Partition); partition.ParentTable != "logs" {
		t.Errorf("partition: %+v", partition)
	}
	execute := find(t, s, "privileges of function app.shout(text, integer)").(*catalog.Privileges)
	if want := []catalog.Grant{{"chenu_human", "EXECUTE", true}, {"chenu_owner", "EXECUTE", false}}; !same(execute.Grants, want) || execute.Owner != "chenu_owner" {
		t.Errorf("privileges: %+v; want %+v", execute.Grants, want)
	}
	if want := []catalog.Grant{{"PUBLIC", "EXECUTE", false}, {"chenu_owner", "EXECUTE", false}}; !same(execute.Initial, want) {
		t.Errorf("initial privileges: %+v; want %+v", execute.Initial, want)
	}
	if title := find(t, s, `privileges of column public."Notes".title`).(*catalog.Privileges); !same(title.Grants, []catalog.Grant{{"chenu_human", "UPDATE", false}}) {
		t.Errorf("privileges of a column: %+v", title.Grants)
	}
	if detail := find(t, s, `column public."Notes".title`).(*catalog.Detail); detail.Definition != `text COLLATE "C" NOT NULL DEFAULT 'x'::text` {
		t.Errorf("column: %s", detail.Definition)
	}

	for _, pair := range [][2]string{
		{`policy read on public."Notes"`, `column public."Notes".title`},
		{`policy write on public."Notes"`, "function app.shout(text, integer)"},
		{`trigger touch on public."Notes"`, `column public."Notes".title`},
		{`trigger touch on public."Notes"`, "function app.touch()"},
		{`column public."Notes".loud`, `column public."Notes".title`},
		{`column public."Notes".loud`, "function app.shout(text, integer)"},
		{`constraint title on public."Notes"`, "function app.shout(text, integer)"},
		{"index public.loud", "function app.shout(text, integer)"},
		{"index public.loud", `column public."Notes".title`},
		{"view public.titles", `column public."Notes".title`},
		{"function app.all_notes()", `table public."Notes"`},
	} {
		if !slices.ContainsFunc(s.Dependencies, func(d catalog.Dependency) bool { return d.Of.String() == pair[0] && d.On.String() == pair[1] }) {
			t.Errorf("%s does not depend on %s", pair[0], pair[1])
		}
	}

	if d := catalog.Compare(s, readAgain(t, conn)); len(d) > 0 {
		t.Errorf("two readings differ: %v", d)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	before, conn := read(t, objects)
	after := readAgain(t, conn, `
		SET ROLE chenu_owner;
		ALTER POLICY read ON "Notes" TO chenu_human USING (title <> 'z');
		DROP TRIGGER touch ON "Notes";
		CREATE FUNCTION app.late() RETURNS integer LANGUAGE sql AS 'SELECT 1';
		GRANT DELETE ON "Notes" TO chenu_agent;
		ALTER TABLE "Notes" ALTER COLUMN title DROP DEFAULT;
		RESET ROLE`)
	var got []string
	for _, d := range catalog.Compare(before, after) {
		got = append(got, d.String())
	}
	want := []string{
		`column public."Notes".title is text COLLATE "C" NOT NULL DEFAULT 'x'::text and should be text COLLATE "C" NOT NULL`,
		"function app.late() is missing",
		`policy read on public."Notes" differs: roles, using`,
		"privileges of function app.late() is missing",
		`privileges of table public."Notes" differs: grants`,
		`trigger touch on public."Notes" is not expected`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("differences:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Hardening item 1: servers from 15.20 on store an option of their own on every column.
func TestColumnOptions(t *testing.T) {
	t.Parallel()
	before, conn := read(t, "CREATE TABLE notes (id integer, title text)")
	// Servers from 15.20 on store this option, with values that differ between databases. An older server stores it
	// too, but refuses ALTER TABLE afterwards, so the chosen options are stored in the same way.
	after := readAgain(t, conn, `SET allow_system_table_mods = on;
		UPDATE pg_attribute SET attoptions = '{pg_attver=1}' WHERE attrelid = 'notes'::regclass AND attnum > 0`)
	if d := catalog.Compare(before, after); len(d) > 0 {
		t.Errorf("an option that the server stores is a difference: %v", d)
	}
	chosen := readAgain(t, conn, `UPDATE pg_attribute SET attoptions = '{pg_attver=1,n_distinct=5,n_distinct_inherited=-0.5}'
		WHERE attrelid = 'notes'::regclass AND attname = 'title'`)
	if got, want := find(t, chosen, "column public.notes.title").(*catalog.Detail).Definition, "text {n_distinct=5,n_distinct_inherited=-0.5}"; got != want {
		t.Errorf("column: %s; want %s", got, want)
	}
}

func TestCompareRoles(t *testing.T) {
	t.Parallel()
	role := func(name, attributes, memberOf string) *catalog.Role {
		return &catalog.Role{Name: name, Attributes: strings.Fields(attributes), MemberOf: strings.Fields(memberOf)}
	}
	got := catalog.CompareRoles(
		&catalog.State{Roles: []*catalog.Role{role("a", "SUPERUSER", ""), role("b", "LOGIN", "x"), role("extra", "", "")}},
		&catalog.State{Roles: []*catalog.Role{role("a", "NOSUPERUSER", ""), role("b", "LOGIN", "x y"), role("c", "", "")}},
	)
	want := []string{
		"role a is SUPERUSER and should be NOSUPERUSER",
		"role b is a member of [x] and should be of [x, y]",
		"role c is missing",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

func TestReplacesAndAlters(t *testing.T) {
	t.Parallel()
	f := catalog.Function{Arguments: "a text", Result: "text", Kind: "f", Defaults: 1}
	for name, test := range map[string]struct {
		change func(*catalog.Function)
		want   bool
	}{
		"body":             {func(f *catalog.Function) { f.Definition = "x" }, true},
		"more defaults":    {func(f *catalog.Function) { f.Defaults = 2 }, true},
		"fewer defaults":   {func(f *catalog.Function) { f.Defaults = 0 }, false},
		"renamed argument": {func(f *catalog.Function) { f.Arguments = "b text" }, false},
		"result":           {func(f *catalog.Function) { f.Result = "integer" }, false},
		"procedure":        {func(f *catalog.Function) { f.Kind = "p" }, false},
	} {
		changed := f
		test.change(&changed)
		if got := changed.Replaces(&f); got != test.want {
			t.Errorf("%s: Replaces is %t", name, got)
		}
	}
	p := catalog.Policy{Command: "UPDATE", Permissive: true, Using: "a", Check: "b"}
	for name, test := range map[string]struct {
		change func(*catalog.Policy)
		want   bool
	}{
		"expressions": {func(p *catalog.Policy) { p.Using, p.Check = "c", "d" }, true},
		"roles":       {func(p *catalog.Policy) { p.Roles = []string{"x"} }, true},
		"command":     {func(p *catalog.Policy) { p.Command = "ALL" }, false},
		"restrictive": {func(p *catalog.Policy) { p.Permissive = false }, false},
		"no using":    {func(p *catalog.Policy) { p.Using = "" }, false},
		"no check":    {func(p *catalog.Policy) { p.Check = "" }, false},
	} {
		changed := p
		test.change(&changed)
		if got := changed.Alters(&p); got != test.want {
			t.Errorf("%s: Alters is %t", name, got)
		}
	}
}

func TestIdent(t *testing.T) {
	t.Parallel()
	// Postgres itself determines which names must be quoted.
	_, conn := read(t)
	words := []string{"notes", "user", "order", "Notes", "a b", `a"b`, "1a", "_a", "a1$", "é", "json", "between", "name", "value"}
	for _, word := range words {
		var want string
		if err := conn.QueryRow(t.Context(), "SELECT quote_ident($1)", word).Scan(&want); err != nil {
			t.Fatal(err)
		}
		if got := catalog.Ident(word); got != want && word != "json" { // a keyword from version 17 on
			t.Errorf("Ident(%q) is %s; want %s", word, got, want)
		}
	}
	var missing []string
	rows, err := conn.Query(t.Context(), "SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range all {
		if catalog.Ident(word) == word {
			missing = append(missing, word)
		}
	}
	if len(missing) > 0 {
		t.Errorf("keywords that are not quoted: %v", missing)
	}
}

func find(t *testing.T, s *catalog.State, name string) catalog.Object {
	t.Helper()
	for key, object := range s.Objects() {
		if key.String() == name {
			return object
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

func same(a, b []catalog.Grant) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(g catalog.Grant) bool { return !slices.Contains(b, g) })
}
