package access_test

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/policies/access"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/pgtest"
)

type bundle struct {
	t    *testing.T
	conn *pgx.Conn
}

const base = `SET ROLE chenu_owner;
CREATE TABLE notes (owner uuid NOT NULL, id int NOT NULL, kind text, shared boolean, PRIMARY KEY (owner, id));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE FUNCTION me() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.identity_id', true), '')::uuid $$;
CREATE FUNCTION friend(uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN me() IS NOT NULL; END $$;
CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER guard BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION guard();
GRANT USAGE ON SCHEMA public TO chenu_human, chenu_agent;
GRANT SELECT, DELETE ON notes TO chenu_human;
GRANT UPDATE (kind, shared) ON notes TO chenu_human;
GRANT SELECT ON notes TO chenu_agent;
CREATE POLICY human_select ON notes FOR SELECT TO chenu_human USING (owner = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON notes FOR UPDATE TO chenu_human USING (owner = me()) WITH CHECK (owner = me());
CREATE POLICY human_delete ON notes FOR DELETE TO chenu_human USING (owner = me());
CREATE POLICY agent_select ON notes FOR SELECT TO chenu_agent USING (friend(owner));
`

func setup(t *testing.T) *bundle {
	t.Helper()
	conn := pgtest.Connect(t, dbtest.Empty(t).AdminURL)
	return &bundle{t, conn}
}

func (b *bundle) exec(sql string) {
	b.t.Helper()
	if _, err := b.conn.Exec(b.t.Context(), sql); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

func (b *bundle) state() *catalog.State {
	b.t.Helper()
	state, err := catalog.Read(b.t.Context(), b.conn, policies.Conventions.RolePrefix())
	if err != nil {
		b.t.Fatal(err)
	}
	return state
}

func (b *bundle) compare(before, after *catalog.State) []access.Change {
	b.t.Helper()
	changes, err := access.Compare(before, after)
	if err != nil {
		b.t.Fatal(err)
	}
	return changes
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const own = "(owner = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)"
	tests := []struct {
		name, sql string
		want      []string
	}{
		{"nothing", "COMMENT ON TABLE notes IS 'Notes.'", nil},
		{"one predicate loosened", "ALTER POLICY human_select ON notes USING (owner = nullif(current_setting('app.identity_id', true), '')::uuid OR shared)", []string{
			"widening public.notes chenu_human SELECT [rows where " + own + " -> rows where (" + own + " OR shared)]",
			"widening public.notes chenu_human UPDATE (same expression, different effect: a function it calls, or the SELECT policy, changed)",
			"widening public.notes chenu_human DELETE (same expression, different effect: a function it calls, or the SELECT policy, changed)",
		}},
		{"one predicate tightened", "ALTER POLICY human_delete ON notes USING (owner = me() AND NOT shared)", []string{
			"narrowing public.notes chenu_human DELETE [rows where (owner = public.me()) -> rows where ((owner = public.me()) AND (NOT shared))]",
		}},
		{"written otherwise", "ALTER POLICY human_delete ON notes USING (me() = owner)", []string{
			"unchanged public.notes chenu_human DELETE [rows where (owner = public.me()) -> rows where (public.me() = owner)]",
		}},
		{"another setting", "ALTER POLICY human_select ON notes USING (owner = current_setting('app.actor_id')::uuid)", []string{
			"review public.notes chenu_human SELECT [rows where " + own + " -> rows where (owner = (current_setting('app.actor_id'::text))::uuid)]",
			"review public.notes chenu_human UPDATE (same expression, different effect: a function it calls, or the SELECT policy, changed)",
			"review public.notes chenu_human DELETE (same expression, different effect: a function it calls, or the SELECT policy, changed)",
		}},
		{"the check alone", "ALTER POLICY human_update ON notes WITH CHECK (true)", []string{
			"widening public.notes chenu_human UPDATE [columns (kind, shared), rows where (owner = public.me()) -> columns (kind, shared), rows where (owner = public.me()), new rows without a condition]",
		}},
		{"a second permissive policy", "CREATE POLICY more ON notes FOR DELETE TO PUBLIC USING (shared)", []string{
			"widening public.notes chenu_human DELETE [rows where (owner = public.me()) -> rows where (owner = public.me()) OR shared]",
			"widening public.notes chenu_owner DELETE [nothing -> rows where shared]",
		}},
		{"a restrictive policy", "CREATE POLICY most ON notes AS RESTRICTIVE FOR DELETE TO chenu_human USING (id > 7)", []string{
			"narrowing public.notes chenu_human DELETE [rows where (owner = public.me()) -> rows where (owner = public.me()) AND (id > 7)]",
		}},
		{"a policy without privileges", "CREATE POLICY idle ON notes FOR INSERT TO chenu_agent WITH CHECK (true)", []string{
			"unchanged policy idle on public.notes (is new, but no role gains or loses rows)",
		}},
		{"a function that a policy calls", "CREATE OR REPLACE FUNCTION me() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT NULL::uuid'", []string{
			// friend calls the function too; the comparison finds that by the name alone.
			"review public.notes chenu_agent SELECT (same expression, different effect: a function it calls, or the SELECT policy, changed)",
			"review public.notes chenu_human UPDATE (same expression, different effect: a function it calls, or the SELECT policy, changed)",
			"review public.notes chenu_human DELETE (same expression, different effect: a function it calls, or the SELECT policy, changed)",
		}},
		{"the same function again", "DROP POLICY agent_select ON notes; DROP FUNCTION friend(uuid); " +
			"CREATE FUNCTION friend(uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN me() IS NOT NULL; END $$; " +
			"CREATE POLICY agent_select ON notes FOR SELECT TO chenu_agent USING (friend(owner));", nil},
		{"privileges", "GRANT UPDATE (id) ON notes TO chenu_human; REVOKE DELETE ON notes FROM chenu_human; GRANT TRUNCATE ON notes TO chenu_agent", []string{
			"widening public.notes chenu_agent TRUNCATE [nothing -> TRUNCATE]",
			"widening public.notes chenu_human UPDATE [columns (kind, shared), rows where (owner = public.me()) -> columns (id, kind, shared), rows where (owner = public.me())]",
			"narrowing public.notes chenu_human DELETE [rows where (owner = public.me()) -> nothing]",
		}},
		{"another column", "REVOKE UPDATE (kind) ON notes FROM chenu_human; GRANT UPDATE (id) ON notes TO chenu_human", []string{
			"review public.notes chenu_human UPDATE [columns (kind, shared), rows where (owner = public.me()) -> columns (id, shared), rows where (owner = public.me())]",
		}},
		{"columns to choose rows by", "REVOKE SELECT ON notes FROM chenu_human; GRANT SELECT (owner, id) ON notes TO chenu_human", []string{
			"narrowing public.notes chenu_human SELECT [rows where " + own + " -> columns (id, owner), rows where " + own + "]",
			"narrowing public.notes chenu_human UPDATE (same expression, different effect: a function it calls, or the SELECT policy, changed)",
			"narrowing public.notes chenu_human DELETE (same expression, different effect: a function it calls, or the SELECT policy, changed)",
		}},
		{"a new column", "ALTER TABLE notes ADD COLUMN due date; GRANT UPDATE (due) ON notes TO chenu_human", []string{
			"widening public.notes chenu_human UPDATE [nothing -> columns (due), rows where (owner = public.me())]",
		}},
		{"a new column and another", "ALTER TABLE notes ADD COLUMN due date; GRANT UPDATE (due, id) ON notes TO chenu_human", []string{
			"widening public.notes chenu_human UPDATE [columns (kind, shared), rows where (owner = public.me()) -> columns (due, id, kind, shared), rows where (owner = public.me())]",
		}},
		{"a column renamed", "ALTER TABLE notes RENAME kind TO sort", []string{
			"unchanged public.notes chenu_human UPDATE [columns (kind, shared), rows where (owner = public.me()) -> columns (shared, sort), rows where (owner = public.me())]",
		}},
		{"a table renamed", "ALTER TABLE notes RENAME TO papers", []string{
			"unchanged public.papers (was named public.notes)",
		}},
		{"the owner column dropped and created again", "DROP POLICY human_select ON notes; ALTER TABLE notes ADD COLUMN other uuid; ALTER TABLE notes DROP CONSTRAINT notes_pkey; " +
			"DROP POLICY human_update ON notes; DROP POLICY human_delete ON notes; DROP POLICY agent_select ON notes; ALTER TABLE notes DROP COLUMN owner; ALTER TABLE notes RENAME other TO owner;" +
			"CREATE POLICY human_select ON notes FOR SELECT TO chenu_human USING (owner = nullif(current_setting('app.identity_id', true), '')::uuid)", []string{
			"review public.notes chenu_human SELECT (same expression, different effect: a function it calls, or the SELECT policy, changed)",
			"narrowing public.notes chenu_agent SELECT [rows where public.friend(owner) -> nothing]",
			"narrowing public.notes chenu_human UPDATE [columns (kind, shared), rows where (owner = public.me()) -> nothing]",
			"narrowing public.notes chenu_human DELETE [rows where (owner = public.me()) -> nothing]",
		}},
		{"schema closed", "REVOKE USAGE ON SCHEMA public FROM chenu_agent, PUBLIC", []string{
			"narrowing public.notes chenu_agent SELECT [rows where public.friend(owner) -> nothing]",
			"narrowing schema public PUBLIC USAGE [USAGE -> nothing]",
			"narrowing schema public chenu_agent USAGE [USAGE -> nothing]",
		}},
		{"row security off", "ALTER TABLE notes DISABLE ROW LEVEL SECURITY", []string{
			"widening public.notes chenu_agent SELECT [rows where public.friend(owner) -> rows without a condition]",
			"widening public.notes chenu_human SELECT [rows where " + own + " -> rows without a condition]",
			"widening public.notes chenu_human UPDATE [columns (kind, shared), rows where (owner = public.me()) -> columns (kind, shared), rows without a condition]",
			"widening public.notes chenu_human DELETE [rows where (owner = public.me()) -> rows without a condition]",
			"widening public.notes chenu_owner SELECT [nothing -> rows without a condition]",
			"widening public.notes chenu_owner INSERT [nothing -> new rows without a condition]",
			"widening public.notes chenu_owner UPDATE [nothing -> rows without a condition]",
			"widening public.notes chenu_owner DELETE [nothing -> rows without a condition]",
		}},
		{"not forced", "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", []string{
			"widening public.notes chenu_owner SELECT [nothing -> rows without a condition]",
			"widening public.notes chenu_owner INSERT [nothing -> new rows without a condition]",
			"widening public.notes chenu_owner UPDATE [nothing -> rows without a condition]",
			"widening public.notes chenu_owner DELETE [nothing -> rows without a condition]",
		}},
		{"trigger dropped", "DROP TRIGGER guard ON notes", []string{
			"review trigger guard on public.notes (was dropped, so its checks and writes no longer happen: CREATE TRIGGER guard BEFORE UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.guard())",
		}},
		{"trigger off", "ALTER TABLE notes DISABLE TRIGGER guard", []string{
			"review trigger guard on public.notes (fires never, previously in ordinary sessions)",
		}},
		{"trigger's function", "CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN old; END $$", []string{
			"review function public.guard() (the body changed; it runs when public.notes changes, with the privileges of the caller)",
		}},
		{"definer", "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM notes'; REVOKE ALL ON FUNCTION peek() FROM PUBLIC; GRANT EXECUTE ON FUNCTION peek() TO chenu_agent; " +
			"CREATE FUNCTION plain() RETURNS int LANGUAGE sql AS 'SELECT 1'", []string{
			"widening function public.peek() chenu_agent EXECUTE [nothing -> EXECUTE] (runs with the privileges of chenu_owner)",
			"unchanged function public.plain() PUBLIC EXECUTE [nothing -> EXECUTE] (runs with the privileges of the caller)",
		}},
		{"becomes a definer", "ALTER FUNCTION friend(uuid) SECURITY DEFINER", []string{
			"review function public.friend(uuid) (runs with the privileges of chenu_owner, before with those of the caller)",
			"review public.notes chenu_agent SELECT (same expression, different effect: a function it calls, or the SELECT policy, changed)",
		}},
		{"view", "CREATE VIEW everything AS SELECT * FROM notes; GRANT SELECT ON everything TO chenu_agent", []string{
			"widening view public.everything chenu_agent SELECT [nothing -> SELECT]",
			"review view public.everything (is new; this report does not analyze which rows it shows to which role)",
		}},
		{"a new table", "CREATE TABLE tags (owner uuid, name text); GRANT SELECT ON tags TO chenu_agent", []string{
			"widening public.tags chenu_agent SELECT [nothing -> rows without a condition]",
			"widening public.tags chenu_owner SELECT [nothing -> rows without a condition]",
			"widening public.tags chenu_owner INSERT [nothing -> new rows without a condition]",
			"widening public.tags chenu_owner UPDATE [nothing -> rows without a condition]",
			"widening public.tags chenu_owner DELETE [nothing -> rows without a condition]",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.exec(base)
			before := b.state()
			b.exec(tt.sql)
			after := b.state()
			after.Roles = catalog.RolesAfter(before.Roles, after.Roles, tt.sql) // Roles belong to the server, which other tests use too.
			var got []string
			for _, c := range b.compare(before, after) {
				got = append(got, text(c))
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
		})
	}
}

func text(c access.Change) string {
	s := strings.Join(strings.Fields(fmt.Sprint(c.Effect, " ", c.Object, " ", c.Role, " ", c.Command)), " ")
	if c.Before != c.After && !strings.Contains(c.Before, "\n") {
		s += fmt.Sprintf(" [%s -> %s]", c.Before, c.After)
	}
	if c.What != "" {
		s += " (" + c.What + ")"
	}
	return s
}

// TestCompare_HoldsOnTheServer checks that the reported effect of a change is correct: it changes policies, privileges
// and functions at random, and the server returns the rows that each role can access before and after.
func TestCompare_HoldsOnTheServer(t *testing.T) {
	t.Parallel()
	const databases, steps = 4, 25
	for range databases {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.exec(base + `GRANT SELECT, UPDATE, DELETE ON notes TO chenu_owner; RESET ROLE;
INSERT INTO notes SELECT o::uuid, row_number() OVER (), k, s
FROM unnest('{00000000-0000-7000-8000-00000000000a,00000000-0000-7000-8000-00000000000b}'::text[]) o, unnest('{a,b,NULL}'::text[]) k, unnest('{true,false,NULL}'::bool[]) s`)
			g := changer{rand.New(rand.NewPCG(seed, 0))}
			before, reached := b.state(), b.reached()
			reported := map[access.Effect]int{}
			for range steps {
				sql := g.change()
				b.exec("SET ROLE chenu_owner; " + sql + "; RESET ROLE")
				after, now := b.state(), b.reached()
				claims := map[string]access.Effect{}
				for _, c := range b.compare(before, after) {
					claims[c.Role+" "+c.Command] = c.Effect
					reported[c.Effect]++
				}
				for who, was := range reached {
					lost := slices.ContainsFunc(was, func(row string) bool { return !slices.Contains(now[who], row) })
					gained := slices.ContainsFunc(now[who], func(row string) bool { return !slices.Contains(was, row) })
					claim, ok := claims[who]
					wrong := !ok && (lost || gained) || claim == access.Unchanged && (lost || gained) || claim == access.Widening && lost || claim == access.Narrowing && gained
					if wrong {
						t.Errorf("%s\n\t%s: reported as %q, but loses rows: %t, gains rows: %t", sql, who, claim, lost, gained)
					}
				}
				before, reached = after, now
			}
			t.Logf("reported: %v", reported)
		})
	}
}

// reached returns the rows that each role can access with each command, by role and command, with an identity set.
func (b *bundle) reached() map[string][]string {
	b.t.Helper()
	all := map[string][]string{}
	for _, role := range []string{"chenu_human", "chenu_agent", "chenu_owner"} {
		for command, sql := range map[string]string{
			"SELECT": "SELECT id::text FROM notes", "DELETE": "DELETE FROM notes RETURNING id::text", "UPDATE": "UPDATE notes SET shared = shared WHERE id > 0 RETURNING id::text",
		} {
			tx, err := b.conn.Begin(b.t.Context())
			if err != nil {
				b.t.Fatal(err)
			}
			if _, err := tx.Exec(b.t.Context(), "SET LOCAL app.identity_id = '00000000-0000-7000-8000-00000000000a'; SET LOCAL ROLE "+role); err != nil {
				b.t.Fatal(err)
			}
			rows, err := tx.Query(b.t.Context(), sql)
			if err != nil {
				b.t.Fatal(err)
			}
			ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "42501" {
				ids, err = nil, nil
			}
			if err != nil {
				b.t.Fatal(err)
			}
			all[role+" "+command] = ids
			if err := tx.Rollback(b.t.Context()); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	return all
}

// changer generates random changes.
type changer struct{ *rand.Rand }

func (g changer) of(all ...string) string { return all[g.IntN(len(all))] }

func (g changer) expression() string {
	e := g.of("owner = me()", "owner = nullif(current_setting('app.identity_id', true), '')::uuid", "friend(owner)", "kind = 'a'", "kind IN ('a', 'b')",
		"kind <> 'a'", "shared", "NOT shared", "shared IS TRUE", "kind IS NULL", "true", "false", "CURRENT_USER = 'chenu_human'", "me() = owner",
		"EXISTS (SELECT FROM notes n WHERE n.id = 1)")
	if g.IntN(2) == 0 {
		e = "(" + e + ") " + g.of("AND", "OR") + " (" + g.of("shared", "kind = 'a'", "kind = 'b'", "owner = me()", "true") + ")"
	}
	return e
}

func (g changer) change() string {
	role := g.of("chenu_human", "chenu_agent", "chenu_owner", "PUBLIC")
	command := g.of("SELECT", "UPDATE", "DELETE", "ALL")
	name := g.of("a", "b", "c", "d", "human_select", "human_update", "human_delete", "agent_select")
	switch g.IntN(12) {
	case 0, 1, 2, 3, 4:
		using := g.expression()
		if command != "DELETE" && strings.Contains(using, "EXISTS") {
			using = "shared" // a policy that reads its own table recurses
		}
		return fmt.Sprintf("DROP POLICY IF EXISTS %s ON notes; CREATE POLICY %s ON notes AS %s FOR %s TO %s USING (%s)",
			name, name, g.of("PERMISSIVE", "PERMISSIVE", "RESTRICTIVE"), command, role, using)
	case 5:
		return "DROP POLICY IF EXISTS " + name + " ON notes"
	case 6:
		return "GRANT " + command + " ON notes TO " + role
	case 7:
		return "REVOKE " + command + " ON notes FROM " + role
	case 8:
		return "GRANT UPDATE (shared), SELECT (id) ON notes TO " + role
	case 9:
		return "ALTER TABLE notes " + g.of("ENABLE", "ENABLE", "DISABLE", "FORCE", "NO FORCE") + " ROW LEVEL SECURITY"
	case 10:
		return "CREATE OR REPLACE FUNCTION me() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT " +
			g.of("NULL::uuid", "nullif(current_setting('app.identity_id', true), '')::uuid", "'00000000-0000-7000-8000-00000000000b'::uuid") + " $$"
	default:
		return "CREATE OR REPLACE FUNCTION friend(uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN " + g.of("me() IS NOT NULL", "$1 = me()", "false") + "; END $$"
	}
}

// TestDocument checks that docs/access.md matches the database that the migrations create.
func TestDocument(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, dbtest.New(t).AdminURL)
	state := (&bundle{t, conn}).state()
	all, err := access.Matrix(state)
	if err != nil {
		t.Fatal(err)
	}
	// Logins differ from server to server.
	all = slices.DeleteFunc(all, func(a access.Access) bool {
		return slices.ContainsFunc(state.Roles, func(r *catalog.Role) bool { return r.Name == a.Role && slices.Contains(r.Attributes, "LOGIN") })
	})
	var got bytes.Buffer
	if err := access.Document(&got, all, &policies.Conventions); err != nil {
		t.Fatal(err)
	}
	golden.File(t, "../../docs/access.md", got.String())
	// The other output formats contain the same access.
	for name, write := range map[string]func(io.Writer) error{
		"text": func(w io.Writer) error { return access.Text(w, all, true) }, "html": func(w io.Writer) error { return access.HTML(w, "Access", all) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		for _, a := range all {
			if !strings.Contains(b.String(), a.Table) || !strings.Contains(html.UnescapeString(b.String()), a.Predicate()) {
				t.Errorf("%s: %+v is missing", name, a)
			}
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	const own = "(created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)"
	tests := []struct{ using, check, want string }{
		{"true", "", "every row"},
		{own, "", "own rows"},
		{own, own, "own rows"},
		{"", own, "own rows"},
		{own, "true", "own rows, and new rows: every row"},
		{"(" + own + " AND (kind = 'x AND y'::text))", "", "own rows where (kind = 'x AND y'::text)"},
		{"(" + own + " OR shared)", "", "every row where (" + own + " OR shared)"},
		{own + " OR shared", "", "every row where " + own + " OR shared"},
		{"((CURRENT_USER = 'chenu_gate'::name) AND " + own + ")", "", "own rows"},
		{"((CURRENT_USER = 'chenu_else'::name) AND " + own + ")", "", "own rows where (CURRENT_USER = 'chenu_else'::name)"},
		{"((a >= 1) AND (a <= 2))", "", "every row where (a >= 1) and (a <= 2)"},
		{"(parent_id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)", "", "every row where (parent_id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)"},
	}
	for _, tt := range tests {
		a := access.Access{Table: "public.notes", Role: "chenu_gate", Using: tt.using, Check: tt.check}
		if got := a.Words(); got != tt.want {
			t.Errorf("%s | %s: %s, want %s", tt.using, tt.check, got, tt.want)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(base)
	before := b.state()
	const sql = `CREATE TABLE tags (owner uuid, name text); CREATE TABLE links (owner uuid);
ALTER TABLE tags ENABLE ROW LEVEL SECURITY; ALTER TABLE tags FORCE ROW LEVEL SECURITY; ALTER TABLE links ENABLE ROW LEVEL SECURITY; ALTER TABLE links FORCE ROW LEVEL SECURITY;
GRANT SELECT, DELETE ON tags, links TO chenu_agent;
CREATE POLICY p ON tags TO chenu_agent USING (owner = me()); CREATE POLICY p ON links TO chenu_agent USING (owner = me());
ALTER POLICY human_delete ON notes USING (true); DROP TRIGGER guard ON notes`
	b.exec(sql)
	after := b.state()
	after.Roles = catalog.RolesAfter(before.Roles, after.Roles, sql)
	got := strings.Join(access.Lines(b.compare(before, after)), "\n")
	const want = `widening: chenu_human, DELETE on public.notes
    before: rows where (owner = public.me())
    after:  rows without a condition
review: trigger guard on public.notes
    was dropped, so its checks and writes no longer happen: CREATE TRIGGER guard BEFORE UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.guard()
new: chenu_agent, SELECT, DELETE on public.links, public.tags
    rows where (owner = public.me())`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestMayName checks that code that cannot set a column is not reported to set it.
func TestMayName(t *testing.T) {
	t.Parallel()
	state := &catalog.State{Functions: []*catalog.Function{{Schema: "app", Name: "Move"}}}
	for code, want := range map[string]bool{
		"DO $$ BEGIN UPDATE notes SET kind = 'x' WHERE format('%s', id) = '1'; END $$": false,
		"DO $$ BEGIN UPDATE notes SET owner = id; END $$":                              true,
		`DO $$ BEGIN UPDATE notes SET "Owner" = id; END $$`:                            true,
		"DO $$ BEGIN EXECUTE 'UPDATE notes SET ' || 'own' || 'er = id'; END $$":        true,
		"DO $$ BEGIN PERFORM app.move(1); END $$":                                      true,
		`DO $$ BEGIN UPDATE notes SET U&"\006fwner" = id; END $$`:                      true,
	} {
		if got := access.MayName(state, code, "owner"); got != want {
			t.Errorf("%s: %t", code, got)
		}
	}
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(base)
	all, err := access.Matrix(b.state())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range all {
		got = append(got, fmt.Sprintf("%s %s %s %v %s|%s %v", a.Table, a.Role, a.Command, a.Columns, a.Using, a.Check, a.Policies))
	}
	want := []string{
		"public.notes chenu_agent SELECT [] public.friend(owner)| [agent_select]",
		"public.notes chenu_human SELECT [] (owner = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)| [human_select]",
		"public.notes chenu_human UPDATE [kind shared] (owner = public.me())|(owner = public.me()) [human_update]",
		"public.notes chenu_human DELETE [] (owner = public.me())| [human_delete]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}
