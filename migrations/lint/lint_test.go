package lint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	pgquery "github.com/wasilibs/go-pgquery"

	pages "github.com/chenu/chenu/docs/lint"
	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
)

// directory returns the files of a directory with the texts, in their order.
func directory(t *testing.T, texts ...string) []migrations.File {
	t.Helper()
	dir := &migrate.MemDir{}
	for i, text := range texts {
		if err := dir.WriteFile(fmt.Sprintf("%02d_file.sql", i), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return read(t, dir)
}

func read(t *testing.T, dir *migrate.MemDir) []migrations.File {
	t.Helper()
	dbtest.Hash(t, dir)
	files, err := migrations.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// run runs the lint on the files after the first skip files.
func run(t *testing.T, skip int, files []migrations.File, options lint.Options) []lint.Finding {
	t.Helper()
	server, err := dev.Open(t.Context(), dbtest.ServerURL(t), &policies.Conventions)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	wanted := map[string]bool{}
	for _, f := range files[skip:] {
		wanted[f.Name] = true
	}
	record, err := replay.Run(t.Context(), server, replay.Input{
		Files: files, Tables: true, Want: func(f migrations.File) bool { return wanted[f.Name] },
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := lint.Run(t.Context(), record, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		// An advice that ends with a semicolon and has no placeholder must be valid SQL.
		if strings.HasSuffix(f.Advice, ";") && !strings.Contains(f.Advice, "…") {
			if _, err := pgquery.Parse(f.Advice); err != nil {
				t.Errorf("the advice of %s is not SQL: %v\n%s", f.Code, err, f.Advice)
			}
		}
	}
	return found
}

func codes(all []lint.Finding) []string {
	some := make([]string, len(all))
	for i, f := range all {
		some[i] = f.Code
	}
	return some
}

// example is the example of a page.
type example struct {
	given, bad, good []string
}

func readExample(page string) example {
	var e example
	for section := range strings.SplitSeq(page, "\n## ") {
		var blocks []string
		for i, part := range strings.Split(section, "```") {
			if sql, ok := strings.CutPrefix(part, "sql\n"); ok && i%2 == 1 {
				blocks = append(blocks, sql)
			}
		}
		switch title, _, _ := strings.Cut(section, "\n"); title {
		case "Given":
			e.given = blocks
		case "Bad":
			e.bad = blocks
		case "Good":
			e.good = blocks
		}
	}
	return e
}

// withoutExample are the rules whose findings no SQL can show. They have separate tests.
var withoutExample = []string{"CN003", "CN004", "CN005", "CN006"}

// TestPages checks that the bad example of each page has a finding of its rule only, and the good example none.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, rule := range lint.Rules() {
		t.Run(rule.Code, func(t *testing.T) {
			t.Parallel()
			page, ok := pages.Page(rule.Code)
			if !ok {
				t.Fatalf("docs/lint has no page %s.md", rule.Code)
			}
			head := fmt.Sprintf("# %s: %s\n\n`%s`, %s. %s.\n", rule.Code, rule.Title, rule.Name, rule.Severity.Noun(), rule.Theme)
			if !strings.HasPrefix(page, head) || !strings.Contains(page, "](https://www.postgresql.org/docs/") && !slices.Contains(append(withoutExample, "CN002"), rule.Code) {
				t.Errorf("the page does not begin with\n%s\nor does not cite the manual", head)
			}
			if slices.Contains(withoutExample, rule.Code) {
				return
			}
			e := readExample(page)
			if len(e.bad) == 0 || len(e.good) == 0 {
				t.Fatal("the page has no examples")
			}
			given := append([]string{pages.Base()}, e.given...)
			bad := lint.Open(run(t, len(given), directory(t, slices.Concat(given, e.bad)...), lint.Options{Conventions: &policies.Conventions}))
			if !slices.Equal(codes(bad), []string{rule.Code}) {
				t.Errorf("the bad example gives\n%s", show(bad))
			}
			if len(bad) == 1 {
				checkAdvice(t, rule, bad[0], given, e.bad)
			}
			good := lint.Open(run(t, len(given), directory(t, slices.Concat(given, e.good)...), lint.Options{Conventions: &policies.Conventions}))
			if len(good) > 0 {
				t.Errorf("the good example gives\n%s", show(good))
			}
		})
	}
}

// checkAdvice follows an advice that is SQL and checks that the finding disappears. Advice about locks replaces the
// statement, with as many files as it mentions. Advice about row-level security and privileges is run after the file.
func checkAdvice(t *testing.T, rule lint.Rule, f lint.Finding, given, bad []string) {
	t.Helper()
	if !strings.HasSuffix(f.Advice, ";") || strings.Contains(f.Advice, "…") || len(bad) != 1 {
		return
	}
	var files []string
	switch {
	case strings.HasPrefix(rule.Code, "CN1"):
		if statements := directory(t, bad[0])[0].Statements; len(statements) > 1 {
			files = []string{statements[0].SQL} // the statements before it are kept
		}
		file := ""
		for line := range strings.SplitSeq(f.Advice+"\n-- in a later file", "\n") {
			alone := strings.Contains(line, "`-- atlas:txmode none`")
			if strings.HasPrefix(line, "-- in a later file") || strings.HasPrefix(line, "-- in one after that") || alone {
				if strings.TrimSpace(file) != "" {
					files = append(files, file)
				}
				file = ""
			}
			if alone {
				file = "-- atlas:txmode none\n\n"
			}
			file += line + "\n"
		}
	case strings.HasPrefix(rule.Code, "CN3"), strings.HasPrefix(rule.Code, "CN4"):
		files = []string{bad[0] + "\n" + f.Advice}
	default:
		return
	}
	after := run(t, len(given), directory(t, slices.Concat(given, files)...), lint.Options{Conventions: &policies.Conventions})
	for _, c := range codes(after) {
		if c == rule.Code || c == "CN001" {
			t.Errorf("following the advice of %s gives\n%s\nfrom\n%s", rule.Code, show(after), strings.Join(files, "\n----\n"))
			return
		}
	}
	t.Logf("the advice of %s was followed", rule.Code)
}

func show(all []lint.Finding) string {
	var b strings.Builder
	for _, f := range all {
		fmt.Fprintf(&b, "%s:%d: %s %s: %s\n", f.File, f.Line, f.Code, f.Severity, f.Message)
		for line := range strings.SplitSeq(f.Advice, "\n") {
			fmt.Fprintf(&b, "    %s\n", line)
		}
		if f.Accepted != "" {
			fmt.Fprintf(&b, "    accepted: %s\n", f.Accepted)
		}
	}
	return b.String()
}
