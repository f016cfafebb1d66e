// Package lint finds in migration files what a DBA would object to: what keeps
// readers and writers waiting, loses or refuses data, or lets someone see or do
// more than meant. It judges what package replay has recorded: how Postgres
// parsed each statement, what it locked, read and wrote when it ran, and how
// the database was before and after.
//
// A finding that is as it should be is accepted in the file, with a reason, by
// Atlas' own directive; see acceptances. Each rule has a page in docs/lint.
package lint

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/postgres/project"
)

// Severity says how bad a finding is.
type Severity string

const (
	// Error is for what loses data, opens a hole, or stops the service.
	Error Severity = "error"
	// Warning is for what can hurt, depending on what only people know.
	Warning Severity = "warning"
)

// Finding is one thing that a rule found.
type Finding struct {
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	// File is its name in the directory; "" if it is about the database.
	File string `json:"file,omitempty"`
	// Line is where the statement begins, from 1; 0 if the finding is not about
	// a statement.
	Line int `json:"line,omitempty"`
	// Statement counts from 1; 0 if the finding is not about one.
	Statement int    `json:"statement,omitempty"`
	Message   string `json:"message"`
	// Advice is what to do instead: where there is one, the SQL for this very
	// statement. It may have several lines.
	Advice string `json:"advice,omitempty"`
	// Accepted is the reason that the file gives; "" if it is not accepted.
	Accepted string `json:"accepted,omitempty"`
}

// Options say what a project expects of its tables and roles, and what is known
// of its history. The zero value is right for ours.
type Options struct {
	// Conventions are the project's names. They are required.
	Conventions *project.Conventions
	History     History
}

// Run gives the findings of the recorded files, in the order of the files and
// their statements.
func Run(ctx context.Context, record *replay.Record, options Options) ([]Finding, error) {
	all := options.History.findings()
	keys := keyReader{}
	for _, file := range record.Files {
		p := newPass(file, options, keys)
		if err := p.analyze(ctx); err != nil {
			return nil, fmt.Errorf("lint %s: %w", file.Name, err)
		}
		for i := range rules {
			if p.rule = &rules[i]; p.rule.check != nil {
				p.rule.check(p)
			}
		}
		late := slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.File != file.Name })
		all = slices.DeleteFunc(all, func(f Finding) bool { return f.File == file.Name })
		all = append(all, p.accept(append(late, p.findings...))...)
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Statement, b.Statement),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(all), nil
}

// Open are the findings that are not accepted.
func Open(all []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.Accepted != "" })
}

// Noun is the severity with its article.
func (s Severity) Noun() string {
	if s == Error {
		return "an error"
	}
	return "a warning"
}
