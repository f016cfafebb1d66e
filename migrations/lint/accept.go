package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"

	"github.com/chenu/chenu/migrations"
)

// acceptance is a line such as
//
//	-- atlas:nolint CN113 DS103 — the table has ten rows
//
// directly above a statement, for that statement; or at the top of the file with an empty line below, for the whole
// file. Atlas reads the line for its own codes, too, and ignores unknown words, except for the names of its analyzers.
type acceptance struct {
	line      int
	statement int // from 0; -1 means the whole file
	codes     []string
	reason    string
	problem   string
	used      map[string]bool
}

var (
	reAccept = regexp.MustCompile(`(?m)^-- *atlas:nolint\b[ \t]*([^\r\n]*)`)
	reCode   = regexp.MustCompile(`^[A-Z]{2}[0-9]{3}$`)
	// analyzers are the names with which Atlas accepts all codes of an analyzer.
	analyzers = []string{"destructive", "data_depend", "condrop", "incompatible", "concurrent_index"}
)

// noStatement is the statement of an acceptance that is not directly above a statement.
const noStatement = -2

// acceptances returns the acceptances of the file.
func (p *pass) acceptances() []*acceptance {
	file := migrate.NewLocalFile(p.Name, []byte(p.Text))
	whole := len(file.Directive("nolint"))
	statements, _ := new(postgres.Driver).ScanStmts(p.Text) // no error: migrations.Read has scanned the text before
	var all []*acceptance
	for _, m := range reAccept.FindAllStringSubmatchIndex(p.Text, -1) {
		value := strings.TrimSpace(p.Text[m[2]:m[3]])
		a := readAcceptance(value)
		a.line = 1 + strings.Count(p.Text[:m[0]], "\n")
		a.statement = noStatement
		if len(all) < whole {
			a.statement = -1
		} else if i := slices.IndexFunc(p.File.File.Statements, func(s migrations.Statement) bool { return s.Line > a.line }); i >= 0 &&
			i < len(statements) && slices.Contains(statements[i].Directive("nolint"), value) {
			a.statement = i
		}
		all = append(all, a)
	}
	return all
}

func readAcceptance(value string) *acceptance {
	a := &acceptance{used: map[string]bool{}}
	words := strings.Fields(value)
	n := 0
	for n < len(words) && reCode.MatchString(words[n]) {
		n++
	}
	a.codes = words[:n]
	switch {
	case n == 0:
		a.problem = "names no code"
	case n == len(words):
		a.problem = "gives no reason"
	case words[n] != "—" && words[n] != "--":
		a.problem = fmt.Sprintf("has %q instead of a code or the dash before the reason", words[n])
	case n+1 == len(words):
		a.problem = "gives no reason"
	default:
		a.reason = strings.Join(words[n+1:], " ")
		for _, w := range words[n+1:] {
			if slices.Contains(analyzers, w) || reCode.MatchString(w) {
				a.problem = fmt.Sprintf("has the word %q in its reason, which the Atlas CLI reads as a code", w)
			}
		}
	}
	for _, code := range a.codes {
		if findRule(code) == nil {
			a.problem = "names the unknown code " + code
		}
	}
	return a
}

// accept sets Accepted in the findings that the file accepts, and adds findings about invalid acceptances.
func (p *pass) accept(findings []Finding) []Finding {
	all := p.acceptances()
	for i := range findings {
		f := &findings[i]
		for _, a := range all {
			if a.problem != "" || a.statement != -1 && a.statement != f.Statement-1 || !slices.Contains(a.codes, f.Code) {
				continue
			}
			a.used[f.Code] = true
			f.Accepted = a.reason
		}
	}
	r := findRule("CN002")
	for _, a := range all {
		for _, problem := range a.problems(p.Failed != nil) {
			findings = append(findings, Finding{
				Code: r.Code, Name: r.Name, Severity: r.Severity, File: p.Name, Line: a.line, Message: "The acceptance " + problem + ".",
				Advice: "Write `-- atlas:nolint CODE … — the reason` directly above the statement, or at the top of the file with an empty line below.",
			})
		}
	}
	return findings
}

// problems returns what is wrong with an acceptance. If the file failed, later statements may have
// findings too, so an acceptance without a finding is not reported.
func (a *acceptance) problems(failed bool) []string {
	switch {
	case a.problem != "":
		return []string{a.problem}
	case a.statement == noStatement:
		return []string{"is neither directly above a statement nor at the top of the file, so it has no effect"}
	case failed:
		return nil
	}
	var all []string
	for _, code := range a.codes {
		if !a.used[code] && !findRule(code).elsewhere {
			all = append(all, "of "+code+" has no effect: there is no such finding")
		}
	}
	return all
}
