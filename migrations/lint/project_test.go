package lint_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"

	"ariga.io/atlas/sql/schema"
)

// TestProject checks the findings for the project's own history, which is not edited any more, so a change of the
// golden file shows a change of the rules.
func TestProject(t *testing.T) {
	t.Parallel()
	dir, err := migrations.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	files, err := migrations.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	// Later files would change the golden file with each migration.
	const last = "20261123074029"
	for i, f := range files {
		if f.Version == last {
			files = files[:i+1]
			break
		}
	}
	golden.File(t, "testdata/project.golden", show(run(t, 0, files, lint.Options{Conventions: &policies.Conventions})))
}

// TestIndex checks that the index of the pages is generated from the rules.
func TestIndex(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`# What ` + "`chenu migrate lint`" + ` finds

Each code has a page with the reason for the rule, a bad example and a good one. The meaning
of a code never changes. [CN002](CN002.md) describes how to accept a finding in the file. An
error loses data, opens a security hole or blocks the service. A warning can do so, depending
on facts that the check does not know. The examples change [these tables](base.sql).

Generated from the rules: go test ./migrations/lint -run TestIndex -update
`)
	theme := ""
	for _, r := range lint.Rules() {
		if r.Theme != theme {
			theme = r.Theme
			fmt.Fprintf(&b, "\n## %s\n\n| Code | Name | | |\n| --- | --- | --- | --- |\n", theme)
		}
		fmt.Fprintf(&b, "| [%s](%[1]s.md) | `%s` | %s | %s |\n", r.Code, r.Name, r.Severity, r.Title)
	}
	golden.File(t, "../../docs/lint/README.md", b.String())
}

func TestRules(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range lint.Rules() {
		for _, id := range []string{r.Code, r.Name} {
			if seen[id] {
				t.Errorf("%s is listed twice", id)
			}
			seen[id] = true
		}
	}
}

// recorded returns a record that is not from a server.
func recorded(name, text string, statements ...*replay.Statement) *replay.Record {
	empty := func() *dev.Inspection { return &dev.Inspection{Realm: &schema.Realm{}, State: &catalog.State{}} }
	f := &replay.File{File: migrations.File{Name: name, Text: text, Transaction: true}, Before: empty(), After: empty(), Statements: statements}
	for _, s := range statements {
		f.File.Statements = append(f.File.Statements, s.Statement)
	}
	return &replay.Record{Files: []*replay.File{f}}
}

func TestRun_NotUnderstood(t *testing.T) {
	t.Parallel()
	const text = "FROB notes;\n"
	record := recorded("1_a.sql", text, &replay.Statement{Statement: migrations.Statement{Line: 1, SQL: "FROB notes"}})
	found, err := lint.Run(t.Context(), record, lint.Options{Conventions: &policies.Conventions})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(codes(found), " "); got != "CN006" || found[0].Line != 1 || found[0].Statement != 1 {
		t.Error(show(found))
	}
}

func TestRun_History(t *testing.T) {
	t.Parallel()
	refused := func(kind error) error {
		return fmt.Errorf("status: %w", &migrations.Refusal{Kind: kind, Reason: "why", Advice: "what to do"})
	}
	tests := []struct {
		name    string
		history lint.History
		want    string
	}{
		{"nothing", lint.History{}, ""},
		{"edited", lint.History{Base: "main", Edited: []string{"1_a.sql"}}, "1_a.sql CN004"},
		{"removed", lint.History{Base: "main", Removed: []string{"1_a.sql"}}, "1_a.sql CN005"},
		{"in order", lint.History{Base: "main", Added: []string{"3_c.sql"}, Merged: []string{"2_b.sql"}}, ""},
		{"nothing merged", lint.History{Base: "main", Added: []string{"3_c.sql"}}, ""},
		{"out of order", lint.History{Base: "main", Added: []string{"2_b.sql", "4_d.sql"}, Merged: []string{"1_a.sql", "3_c.sql"}}, "2_b.sql CN003"},
		{"a database that has another file", lint.History{Refusal: refused(migrations.ErrChanged)}, " CN004"},
		{"a database that has one more", lint.History{Refusal: refused(migrations.ErrMissing)}, " CN005"},
		{"a database that has a later one", lint.History{Refusal: refused(migrations.ErrOutOfOrder)}, " CN003"},
		{"another error", lint.History{Refusal: errors.New("no")}, ""},
		{"a database that is open", lint.History{PublicMay: []string{"CONNECT", "TEMPORARY"}}, " CN404"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := lint.Run(t.Context(), new(replay.Record), lint.Options{Conventions: &policies.Conventions, History: tt.history})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				got = append(got, f.File+" "+f.Code)
				if f.Message == "" || f.Advice == "" || f.Severity != lint.Error {
					t.Errorf("%+v", f)
				}
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestRun_HistoryAccepted checks that findings about the history of a file can be accepted in the file, like other
// findings.
func TestRun_HistoryAccepted(t *testing.T) {
	t.Parallel()
	const text = "-- atlas:nolint CN004 -- a comment was mended\n\nSELECT 1;\n"
	record := recorded("1_a.sql", text, &replay.Statement{Statement: migrations.Statement{Line: 3, SQL: "SELECT 1"}, Node: replay.Parse("SELECT 1")})
	for _, history := range []lint.History{{Base: "main", Edited: []string{"1_a.sql"}}, {}} {
		found, err := lint.Run(t.Context(), record, lint.Options{Conventions: &policies.Conventions, History: history})
		if err != nil {
			t.Fatal(err)
		}
		if open := lint.Open(found); len(open) > 0 || len(found) != len(history.Edited) {
			t.Error(show(found))
		}
	}
}

func TestRun_Acceptances(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"none", "TRUNCATE a;\n", "CN203"},
		{"above the statement", "-- atlas:nolint CN203 -- empty\nTRUNCATE a;\n", "accepted: empty"},
		{"with a dash", "-- atlas:nolint CN203 — it is  empty\nTRUNCATE a;\n", "accepted: it is empty"},
		{"several codes", "-- atlas:nolint DS102 CN203 -- empty\nTRUNCATE a;\n", `CN002 1 "The acceptance of DS102 has no effect: there is no such finding."`},
		{"for the file", "-- atlas:nolint CN203 -- empty\n\nTRUNCATE a;\n", "accepted: empty"},
		{"two for the file", "-- atlas:nolint CN203 -- empty\n-- atlas:nolint CN101 -- small\n\nTRUNCATE a;\n", `CN002 2 "The acceptance of CN101 has no effect: there is no such finding."`},
		{"of another code", "-- atlas:nolint CN101 -- small\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance of CN101 has no effect: there is no such finding."`},
		{"no codes", "-- atlas:nolint\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance names no code."`},
		{"an analyzer", "-- atlas:nolint destructive\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance names no code."`},
		{"no reason", "-- atlas:nolint CN203\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance gives no reason."`},
		{"an empty reason", "-- atlas:nolint CN203 --\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance gives no reason."`},
		{"no dash", "-- atlas:nolint CN203 it is empty\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance has \"it\" instead of a code or the dash before the reason."`},
		{"a comma", "-- atlas:nolint CN203, CN101 -- empty\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance names no code."`},
		{"an unknown code", "-- atlas:nolint CN999 CN203 -- empty\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance names the unknown code CN999."`},
		{
			"a reason that Atlas interprets differently", "-- atlas:nolint CN203 -- it is destructive only in name\nTRUNCATE a;\n",
			`CN203, CN002 1 "The acceptance has the word \"destructive\" in its reason, which the Atlas CLI reads as a code."`,
		},
		{
			"above nothing", "SELECT 1;\n-- atlas:nolint CN203 -- empty\n\nTRUNCATE a;\n",
			`CN203, CN002 2 "The acceptance is neither directly above a statement nor at the top of the file, so it has no effect."`,
		},
		{"after all", "TRUNCATE a;\n-- atlas:nolint CN203 -- empty\n", `CN203, CN002 2 "The acceptance is neither directly above a statement nor at the top of the file, so it has no effect."`},
		{"of an acceptance", "-- atlas:nolint CN002 -- why not\n-- atlas:nolint\nTRUNCATE a;\n", `CN203, CN002 1 "The acceptance of CN002 has no effect: there is no such finding.", CN002 2 "The acceptance names no code."`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var statements []*replay.Statement
			for i, line := range strings.Split(tt.text, "\n") {
				if sql, ok := strings.CutSuffix(line, ";"); ok {
					statements = append(statements, &replay.Statement{Statement: migrations.Statement{Line: i + 1, SQL: sql}, Node: replay.Parse(sql)})
				}
			}
			record := recorded("1_a.sql", tt.text, statements...)
			record.Files[0].Existed = map[string]bool{"public.a": true}
			found, err := lint.Run(t.Context(), record, lint.Options{Conventions: &policies.Conventions})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, code := range []string{"CN203", "CN002"} {
				for _, f := range found {
					switch {
					case f.Code != code:
					case f.Accepted != "":
						got = append(got, "accepted: "+f.Accepted)
					case code == "CN002":
						got = append(got, fmt.Sprintf("%s %d %q", f.Code, f.Line, f.Message))
					default:
						got = append(got, f.Code)
					}
				}
			}
			want := tt.want
			if strings.HasPrefix(want, "CN002") {
				want = "accepted: empty, " + want
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
			}
		})
	}
}
