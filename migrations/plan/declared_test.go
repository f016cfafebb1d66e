package plan

import (
	"strings"
	"testing"

	"github.com/chenu/chenu/postgres/syntax"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sql  string
		want Statement
	}{
		{"CREATE SCHEMA app", Statement{Kind: CreateSchema, Name: "app"}},
		{"create schema if not exists \"App\"", Statement{Kind: CreateSchema, Name: "App"}},
		{"CREATE FUNCTION app.f(a text) RETURNS text LANGUAGE sql AS $$ SELECT 'x;' $$", Statement{Kind: CreateFunction, Schema: "app", Name: "f"}},
		{"CREATE OR REPLACE FUNCTION F() RETURNS text LANGUAGE sql AS 'x'", Statement{Kind: CreateFunction, Schema: "public", Name: "f"}},
		{"CREATE PROCEDURE app.p() LANGUAGE sql AS ''", Statement{Kind: CreateFunction, Schema: "app", Name: "p"}},
		{"ALTER FUNCTION app.f(text, numeric(1,2)) OWNER TO chenu_audit", Statement{Kind: AlterFunctionOwner, Schema: "app", Name: "f", Role: "chenu_audit"}},
		{"ALTER FUNCTION app.f(text) COST 3", Statement{Schema: "app", Name: "f"}},
		{"REVOKE EXECUTE ON FUNCTION app.f(text) FROM PUBLIC", Statement{Kind: GrantOrRevoke}},
		{"GRANT SELECT (a, b) ON notes TO x", Statement{Kind: GrantOrRevoke}},
		{"ALTER TABLE ONLY app.t FORCE ROW LEVEL SECURITY", Statement{Kind: RowSecurity, Schema: "app", Name: "t"}},
		{"ALTER TABLE notes ENABLE ROW LEVEL SECURITY", Statement{Kind: RowSecurity, Schema: "public", Name: "notes"}},
		{"ALTER TABLE notes ADD COLUMN a text", Statement{Schema: "public", Name: "notes"}},
		{"CREATE TABLE app.a_default PARTITION OF app.a DEFAULT", Statement{Kind: CreatePartition, Schema: "app", Name: "a_default"}},
		{"CREATE TABLE a_1 PARTITION OF a FOR VALUES FROM (1) TO (2)", Statement{Schema: "public", Name: "a_1"}},
		{"CREATE TABLE a (id uuid)", Statement{Schema: "public", Name: "a"}},
		{"CREATE TRIGGER t AFTER INSERT OR UPDATE OF on_hand ON app.stock FOR EACH ROW EXECUTE FUNCTION f()", Statement{Kind: CreateTrigger, Schema: "app", Name: "stock", Sub: "t"}},
		{"CREATE OR REPLACE TRIGGER \"a \"\"b\"\"\" BEFORE TRUNCATE ON x EXECUTE FUNCTION f()", Statement{Kind: CreateTrigger, Schema: "public", Name: "x", Sub: `a "b"`}},
		{"CREATE CONSTRAINT TRIGGER t AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION f()", Statement{Kind: CreateTrigger, Schema: "public", Name: "x", Sub: "t"}},
		{"CREATE POLICY p ON notes USING (true)", Statement{Kind: CreatePolicy, Schema: "public", Name: "notes", Sub: "p", Using: "(true)"}},
		{
			"CREATE POLICY p ON app.notes AS RESTRICTIVE FOR UPDATE TO a, b\n  USING (x = ')' AND (y) -- a ( comment\n  ) WITH CHECK ((/* ) /* ) */ */ \"(\" = E'\\t)' AND z = $q$ ) $q$))",
			Statement{
				Kind: CreatePolicy, Schema: "app", Name: "notes", Sub: "p",
				Using: "(x = ')' AND (y) -- a ( comment\n  )", Check: "((/* ) /* ) */ */ \"(\" = E'\\t)' AND z = $q$ ) $q$))",
			},
		},
		{"COMMENT ON TABLE x IS 'y'", Statement{}},
	} {
		statements, err := Parse(File{Name: "f.sql", SQL: "-- before\n" + test.sql + ";\n"})
		if err != nil || len(statements) != 1 {
			t.Errorf("%s: %d statements, %v", test.sql, len(statements), err)
			continue
		}
		test.want.Text, test.want.Position = test.sql, "f.sql:2"
		if got := *statements[0]; got != test.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", test.sql, got, test.want)
		}
	}
}

func TestParseFile(t *testing.T) {
	t.Parallel()
	statements, err := Parse(File{Name: "f.sql", SQL: "-- head; of file\n\nSELECT 1;\n\n/* two\n*/ SELECT ';'\n;\nCREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;\nSELECT 3"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range statements {
		got = append(got, s.Position+" "+s.Text)
	}
	want := "f.sql:3 SELECT 1|f.sql:6 SELECT ';'|f.sql:8 CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END|f.sql:9 SELECT 3"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

// FuzzLex checks what the parser relies on: for any text, the tokens are in order and within the text.
func FuzzLex(f *testing.F) {
	for _, seed := range []string{"", "a.b('c''d', E'\\'', \"e\"\"f\", $$ $ $$, $x$ $$ $x$) -- g\n/* /* */ */ 1.5e3 ≥ é", "'", "\"", "$$", "$a", "/*", "--", "E'\\", "$1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		end := 0
		for _, token := range syntax.Lex(source) {
			if token.Start < end || token.End <= token.Start || token.End > len(source) {
				t.Fatalf("token %+v after %d in %q", token, end, source)
			}
			end = token.End
		}
		parser := &parser{source: source, tokens: syntax.Lex("(" + source)}
		if parser.source = "(" + source; parser.parentheses() == "" {
			t.Fatalf("no parentheses in %q", parser.source)
		}
	})
}
