package lint

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chenu/chenu/migrations"
)

var fileRules = []rule{
	{Rule: Rule{"CN001", "does-not-run", "The file fails", themeFile, Error}, check: doesNotRun},
	{Rule: Rule{"CN002", "acceptance", "An invalid acceptance", themeFile, Error}},
	{Rule: Rule{"CN003", "out-of-order", "A file is older than one that is applied or merged", themeFile, Error}, elsewhere: true},
	{Rule: Rule{"CN004", "edited", "A file was edited after it was applied or merged", themeFile, Error}, elsewhere: true},
	{Rule: Rule{"CN005", "removed", "A file was removed after it was applied or merged", themeFile, Error}, elsewhere: true},
	{Rule: Rule{"CN006", "not-understood", "A statement cannot be parsed", themeFile, Warning}, check: notUnderstood},
}

// History is what a branch and a database know about the files of the directory. The zero value
// contains nothing.
type History struct {
	// Base is the name of the branch to compare with.
	Base string
	// Edited and Removed are files that were on that branch at the common ancestor.
	Edited, Removed []string
	// Merged are the files that were added to that branch since then, and Added those that were added to this branch.
	Merged, Added []string
	// Refusal is the error with which a database rejects the directory, or nil.
	Refusal error
	// PublicMay are the privileges of PUBLIC on the database.
	PublicMay []string
}

func (h *History) findings() []Finding {
	var all []Finding
	add := func(code, file, message, advice string) {
		r := findRule(code)
		all = append(all, Finding{Code: r.Code, Name: r.Name, Severity: r.Severity, File: file, Message: message, Advice: advice})
	}
	for _, name := range h.Edited {
		add("CN004", name, name+" differs from "+h.Base+": databases that have applied it reject the directory.",
			"Restore the file, and write the change to a new file: chenu migrate diff NAME")
	}
	for _, name := range h.Removed {
		add("CN005", name, name+" is in "+h.Base+" but not in this directory: databases that have applied it reject the directory.", "Restore the file.")
	}
	if len(h.Merged) > 0 {
		last := slices.Max(h.Merged)
		for _, name := range h.Added {
			if name < last {
				add("CN003", name, fmt.Sprintf("%s is older than %s, which is already in %s: databases that have applied that file reject this one.", name, last, h.Base),
					"Rename the file so that its timestamp is later, and run `chenu migrate hash`.")
			}
		}
	}
	if refusal, ok := errors.AsType[*migrations.Refusal](h.Refusal); ok {
		for kind, code := range map[error]string{
			migrations.ErrChanged: "CN004", migrations.ErrMissing: "CN005", migrations.ErrOutOfOrder: "CN003",
		} {
			if errors.Is(refusal, kind) {
				add(code, "", sentence(refusal.Reason), sentence(refusal.Advice))
			}
		}
	}
	if len(h.PublicMay) > 0 {
		add("CN404", "", "PUBLIC has "+strings.Join(h.PublicMay, " and ")+" on the database.",
			"Ask an administrator to run `chenu bootstrap`, or run: REVOKE "+strings.Join(h.PublicMay, ", ")+" ON DATABASE … FROM PUBLIC;")
	}
	return all
}

// sentence adds a full stop to a text. It keeps the case of the first letter, because the text can
// start with a file name.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	activeTransaction     = "25001"
	unsafeEnumValue       = "55P04"
	insufficientPrivilege = "42501"
)

// explained reports whether another rule explains why the statement was rejected.
func (p *pass) explained(i int) bool {
	n := p.node(i)
	switch p.Statements[i].Err.Code {
	case activeTransaction:
		return concurrently(n)
	case unsafeEnumValue:
		return true
	case insufficientPrivilege:
		return rowSecurityRefuses(p.Statements[i]) || managesRoles(n)
	}
	return false
}

func doesNotRun(p *pass) {
	if p.Failed == nil {
		return
	}
	i := len(p.Statements) - 1
	if p.explained(i) {
		return
	}
	err := p.Failed.Err
	advice := "Correct the statement, and run `chenu migrate hash`."
	if err.Hint != "" {
		advice = sentence(err.Hint)
	}
	if p.node(i).GetCreateFunctionStmt() != nil && strings.Contains(err.Message, "row-level security") {
		advice = lines("-- before the statement, because the body is checked under the owner's policies but runs under other policies:", "SET LOCAL check_function_bodies = off;")
	}
	p.report(i, fmt.Sprintf("Postgres rejects the statement: %s (SQLSTATE %s).", err.Message, err.Code), advice)
}

func notUnderstood(p *pass) {
	for i, s := range p.Statements {
		if s.Node == nil && s.Err == nil {
			p.report(i, "The parser of PostgreSQL 17 cannot parse the statement, so only its effects are checked, not its text.",
				"Review the statement yourself, and accept this finding.")
		}
	}
}
