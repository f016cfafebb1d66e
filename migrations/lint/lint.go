// Package lint checks migration files for statements that block other sessions, lose or reject
// data, or give more access than intended. It uses what package replay recorded: the parsed
// statements, the locks, reads and writes of each statement, and the state of the database before
// and after.
//
// A file accepts a finding with a reason, in a directive of Atlas; see acceptance. Each rule has a
// page in docs/lint.
package lint

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/postgres/project"
)

// Severity is the severity of a finding.
type Severity string

const (
	// Error: the file loses data, opens a security hole, or blocks the service.
	Error Severity = "error"
	// Warning: the file can do so, depending on facts that the check does not know.
	Warning Severity = "warning"
)

// Finding is a finding of a rule.
type Finding struct {
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	// File is the name in the directory; "" if the finding concerns the database.
	File string `json:"file,omitempty"`
	// Line is the first line of the statement, from 1; 0 if the finding concerns no statement.
	Line int `json:"line,omitempty"`
	// Statement is the number of the statement, from 1; 0 if the finding concerns none.
	Statement int    `json:"statement,omitempty"`
	Message   string `json:"message"`
	// Advice describes what to do instead, as SQL for this statement if possible. It can have several lines.
	Advice string `json:"advice,omitempty"`
	// Accepted is the reason that the file states; "" if the finding is not accepted.
	Accepted string `json:"accepted,omitempty"`
}

// Options are the conventions of the project and its history.
type Options struct {
	// Conventions are the project's names. They are required.
	Conventions *project.Conventions
	History     History
}

// Run returns the findings of the recorded files, in the order of the files and their statements.
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

// Open returns the findings that are not accepted.
func Open(all []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f Finding) bool { return f.Accepted != "" })
}

// Noun returns the severity with its article.
func (s Severity) Noun() string {
	if s == Error {
		return "an error"
	}
	return "a warning"
}
