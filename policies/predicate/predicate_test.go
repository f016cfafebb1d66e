package predicate_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/policies/predicate"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/pgtest"
)

// bundle is a database with one table, whose policies contain the expressions to test.
type bundle struct {
	t    *testing.T
	conn *pgx.Conn
}

const table = `CREATE TABLE rows (owner uuid, kind text, size int, open boolean, due date, title varchar(20));
CREATE FUNCTION mine(uuid) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true'`

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t, pgtest.Connect(t, dbtest.Empty(t).AdminURL)}
	b.exec(table)
	return b
}

func (b *bundle) exec(sql string) {
	b.t.Helper()
	if _, err := b.conn.Exec(b.t.Context(), sql); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

// read parses expressions as Postgres stores them.
func (b *bundle) read(role string, expressions ...string) []predicate.Formula {
	b.t.Helper()
	for i, e := range expressions {
		b.exec(fmt.Sprintf("CREATE POLICY p%d ON rows USING (%s)", i, e))
	}
	state, err := catalog.Read(b.t.Context(), b.conn, policies.Conventions.RolePrefix())
	if err != nil {
		b.t.Fatal(err)
	}
	c := &predicate.Context{State: state, Role: role, Column: strconv.Itoa}
	all := make([]predicate.Formula, len(expressions))
	for i := range expressions {
		tree := state.Trees[catalog.Key{Kind: catalog.KindPolicy, Schema: "public", Name: "rows", Sub: "p" + strconv.Itoa(i)}].Using
		if all[i], err = c.Read(tree); err != nil {
			b.t.Fatal(err)
		}
		b.exec(fmt.Sprintf("DROP POLICY p%d ON rows", i))
	}
	return all
}

const own = "owner = nullif(current_setting('app.identity_id', true), '')::uuid"

func TestCompare(t *testing.T) {
	t.Parallel()
	const same, wider, narrower, unknown = predicate.Same, predicate.Wider, predicate.Narrower, predicate.Unknown
	tests := []struct {
		before, after string
		want          predicate.Relation
	}{
		{own, own, same},
		{own, "nullif(current_setting('app.identity_id', true), '')::uuid = owner", same},
		{own, "true", wider},
		{own, "false", narrower},
		{"false", "null", same},
		{own, own + " OR open", wider},
		{own, own + " AND open", narrower},
		{own, own + " AND (open OR NOT open)", narrower}, // if open is null, neither is true
		{own, own + " AND (open OR NOT open OR open IS NULL)", same},
		{own + " AND open", "open AND " + own, same},
		{own, "owner IS NOT NULL", wider},
		{own, "owner = nullif(current_setting('app.actor_id', true), '')::uuid", unknown},
		{own, "owner = nullif(current_setting('app.identity_id', false), '')::uuid", unknown},
		{own + " AND kind IN ('a', 'b')", own + " AND kind IN ('b', 'a')", same},
		{own + " AND kind IN ('a', 'b')", own + " AND kind IN ('a', 'b', 'c')", wider},
		{own + " AND kind IN ('a', 'b', 'c')", own + " AND kind = 'b'", narrower},
		{"kind = 'a'", "kind <> 'b'", wider},
		{"kind <> 'a' AND kind <> 'b'", "kind NOT IN ('a', 'b')", same},
		{"NOT kind = 'a'", "kind <> 'a'", same},
		{"kind = 'a' AND kind = 'b'", "false", same},
		{"kind IS NULL OR kind = 'a'", "coalesce(kind, 'a') = 'a'", unknown},
		{"title IN ('a', 'b')", "title = 'a'", narrower},
		{"title = 'a'", "title IN ('b', 'a')", wider},
		{"size < 3", "NOT size >= 3", same},
		{"size < 3", "3 > size", same},
		{"size < 3", "size < 4", unknown}, // narrower, but the package does not know the operator
		{"open", "open IS TRUE", same},
		{"open", "open IS NOT FALSE", wider},
		{"open", "open IS NOT UNKNOWN", wider},
		{"open IS NOT TRUE", "NOT open", narrower},
		{"open = true", "open", unknown},
		{"due < now()", "due < now()", same},
		{"due < now()", "due < clock_timestamp()", unknown},
		{"due < clock_timestamp()", "CURRENT_USER = 'chenu_gate' AND due < clock_timestamp()", same},
		{"random() < 0.5", "random() < 0.5", same},
		{"random() < 0.5", "random() < 0.5 OR random() < 0.5", unknown},
		{"CURRENT_USER = 'chenu_gate'", "true", same},
		{"CURRENT_USER <> 'chenu_gate'", "false", same},
		{"CURRENT_USER = 'chenu_human' AND " + own, "false", same},
		{"SESSION_USER = 'chenu_gate'", "true", wider},
		{"mine(owner)", "mine(owner) OR open", wider},
		{"EXISTS (SELECT FROM rows r WHERE r.owner = rows.owner)", "EXISTS (SELECT FROM rows r WHERE r.owner = rows.owner) AND open", narrower},
		{"EXISTS (SELECT FROM rows r WHERE r.owner = rows.owner)", "EXISTS (SELECT FROM rows r WHERE r.size = rows.size)", unknown},
	}
	b := setup(t)
	var all []string
	for _, tt := range tests {
		all = append(all, tt.before, tt.after)
	}
	formulas := b.read("chenu_gate", all...)
	for i, tt := range tests {
		if got := predicate.Compare(formulas[2*i], formulas[2*i+1]); got != tt.want {
			t.Errorf("%s → %s: %d, want %d", tt.before, tt.after, got, tt.want)
		}
		opposite := map[predicate.Relation]predicate.Relation{wider: narrower, narrower: wider, same: same, unknown: unknown}[tt.want]
		if got := predicate.Compare(formulas[2*i+1], formulas[2*i]); got != opposite {
			t.Errorf("%s → %s: %d, want %d", tt.after, tt.before, got, opposite)
		}
	}
}

// TestCompare_HoldsOnTheServer checks that Compare is correct for the rows that the server returns. Expressions are
// random; the second one is often a variation of the first.
func TestCompare_HoldsOnTheServer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`SELECT set_config('app.identity_id', '00000000-0000-7000-8000-00000000000a', false);
INSERT INTO rows SELECT owner, kind, size, open, due, title
FROM (VALUES (NULL::uuid), ('00000000-0000-7000-8000-00000000000a'), ('00000000-0000-7000-8000-00000000000b')) o (owner),
	(VALUES (NULL), ('a'), ('b'), ('c'), ('z')) k (kind), (VALUES (NULL::int), (1), (2), (3)) s (size),
	(VALUES (NULL::bool), (true), (false)) p (open), (VALUES (NULL::date), ('2020-01-01'), ('2999-01-01')) d (due),
	(VALUES (NULL), ('a'), ('q')) t (title)`)
	const pairs = 400
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	var all []string
	for range pairs {
		before := g.expression(3)
		after := g.expression(2)
		switch g.IntN(5) {
		case 0:
			after = "(" + before + ") OR " + after
		case 1:
			after = "(" + before + ") AND (" + after + ")"
		case 2:
			after = g.shuffled(before)
		}
		all = append(all, before, after)
	}
	formulas := b.read("chenu_human", all...)
	known, subsets := 0, 0
	for i := range pairs {
		before, after := all[2*i], all[2*i+1]
		var lost, gained bool
		query := fmt.Sprintf("SELECT EXISTS (SELECT FROM rows WHERE (%s) AND (%s) IS NOT TRUE), EXISTS (SELECT FROM rows WHERE (%s) AND (%s) IS NOT TRUE)",
			before, after, after, before)
		if err := b.conn.QueryRow(t.Context(), query).Scan(&lost, &gained); err != nil {
			t.Fatal(err)
		}
		relation := predicate.Compare(formulas[2*i], formulas[2*i+1])
		if lost && (relation == predicate.Same || relation == predicate.Wider) || gained && (relation == predicate.Same || relation == predicate.Narrower) {
			t.Errorf("%s → %s: reported as %d, but loses rows: %t, gains rows: %t", before, after, relation, lost, gained)
		}
		if !lost || !gained {
			subsets++
			if relation != predicate.Unknown {
				known++
			}
		}
	}
	t.Logf("%d pairs in which one expression allows every row that the other allows, %d of them recognized", subsets, known)
	if known*2 < subsets {
		t.Errorf("only %d of %d are recognized", known, subsets)
	}
}

type generator struct{ *rand.Rand }

func (g generator) of(all ...string) string { return all[g.IntN(len(all))] }

func (g generator) expression(depth int) string {
	if depth == 0 || g.IntN(3) == 0 {
		return g.of(own, "owner IS NULL", "kind = 'a'", "kind = 'b'", "'b' = kind", "kind <> 'a'", "kind IN ('a', 'b')", "kind NOT IN ('a', 'c')",
			"kind IS NOT NULL", "size = 1", "size <> 2", "size < 2", "size >= 2", "size IS NULL", "size IN (1, 2, 3)", "open", "open IS TRUE",
			"open IS NOT FALSE", "open IS UNKNOWN", "open IS NULL", "due < now()", "due >= now()", "due IS NULL", "title IN ('a', 'q')", "title = 'a'",
			"true", "false", "NULL", "size > length(kind)", "length(kind) < size", "CURRENT_USER = 'chenu_gate'")
	}
	a, b := "("+g.expression(depth-1)+")", "("+g.expression(depth-1)+")"
	return g.of(a+" AND "+b, a+" OR "+b, "NOT "+a, a+" IS NOT TRUE", a+" AND NOT "+b)
}

// shuffled returns an equivalent expression.
func (g generator) shuffled(e string) string {
	return g.of("("+e+") AND true", "NOT (NOT ("+e+"))", "("+e+") IS TRUE", "(("+e+") OR ("+e+"))", "("+e+") AND ("+e+")", strings.ReplaceAll(e, "kind = 'a'", "'a' = kind"))
}

// TestEqualities checks that the numbers in equalities are those of Postgres.
func TestEqualities(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var wrong string
	err := b.conn.QueryRow(t.Context(), `SELECT coalesce(string_agg(format('%s %s', o.oid, coalesce(p.oprleft::regtype::text, '?')), ', '), '')
FROM unnest($1::oid[]) o (oid) LEFT JOIN pg_operator p ON p.oid = o.oid AND p.oprname = '=' AND p.oprleft = p.oprright
	AND p.oprleft IN ('bool'::regtype, '"char"'::regtype, 'name'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype, 'uuid'::regtype, 'date'::regtype)
WHERE p.oid IS NULL`, predicate.Equalities()).Scan(&wrong)
	if err != nil || wrong != "" {
		t.Errorf("%v: %s", err, wrong)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"{VAR :varno 1}", `{CONST :constvalue 4 [ 1 0 0 0 ]}`, `{A :b ("x\"y" <> {C})}`, "{", "(", "{A :b", `{A :b "`, `{A\`} {
		f.Add(text)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		if n, err := predicate.Parse(text); err == nil {
			n.Walk(func(n *predicate.Node) { _ = n.OID("funcid") })
		}
	})
}
