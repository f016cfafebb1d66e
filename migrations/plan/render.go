package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chenu/chenu/postgres/dev"
)

// headers start the file of each part.
var headers = [3]string{
	"-- Runs in one transaction: other sessions see all of it or nothing.\n",
	"-- Runs outside a transaction: each statement commits separately. Statements that take long do not block reads or writes.\n",
	"-- Runs in one transaction: drops what was needed until the rows were filled.\n",
}

var suffixes = [3]string{"", "_online", "_drop"}

// render returns the files of the plan.
func (p *planning) render(version, name string, e *effects, access []string) *Plan {
	planned := &Plan{}
	used := map[part]bool{}
	for _, s := range p.steps {
		used[s.phase.part()] = true
	}
	for at := range partDrop + 1 {
		if !used[at] {
			continue
		}
		var destroys, locks []string
		for _, s := range p.steps {
			if s.destroys != "" && s.phase.part() == at {
				destroys = append(destroys, s.destroys)
			}
		}
		for _, table := range slices.Sorted(maps.Keys(e.held[at])) {
			locks = append(locks, table+": "+lockWords(e.held[at][table]))
		}
		held := "Locks, held until commit:"
		if at == partOnline {
			held = "Strongest locks, each held for one statement:"
		}
		var summary []string
		for _, section := range []struct {
			title string
			lines []string
		}{{"Destroys:", destroys}, {"Access:", access}, {held, locks}} {
			if len(section.lines) > 0 {
				summary = append(summary, section.title)
				for _, line := range section.lines {
					summary = append(summary, "  "+line)
				}
			}
		}
		access = nil // only the first file lists it
		file := File{Name: version + "_" + name + suffixes[at] + ".sql"}
		file.SQL = p.renderFile(at, name, summary, e)
		planned.Files = append(planned.Files, file)
		version = after(version)
		if len(planned.Files) > 1 && len(summary) > 0 {
			planned.Summary = append(planned.Summary, "Then, in "+file.Name+":")
		}
		planned.Summary = append(planned.Summary, summary...)
	}
	return planned
}

func (p *planning) renderFile(at part, name string, summary []string, e *effects) string {
	var b strings.Builder
	if at == partOnline {
		b.WriteString("-- atlas:txmode none\n\n")
	}
	fmt.Fprintf(&b, "-- %s\n--\n", strings.ReplaceAll(name, "_", " "))
	b.WriteString(headers[at])
	if at == partOnline {
		for _, line := range p.remarks() {
			b.WriteString("-- " + line + "\n")
		}
	}
	for _, line := range summary {
		b.WriteString("-- " + line + "\n")
	}
	for i, s := range p.steps {
		if s.phase.part() != at {
			continue
		}
		b.WriteString("\n")
		comment(&b, s.note)
		for _, f := range e.steps[i] {
			comment(&b, effectWords(at, f))
		}
		if s.destroys != "" {
			comment(&b, "Destroys "+s.destroys+".")
		}
		b.WriteString(s.sql + ";\n")
	}
	return b.String()
}

// remarks returns what a reader of the online part must know before applying it.
func (p *planning) remarks() []string {
	has := func(phases ...phase) bool {
		return slices.ContainsFunc(p.steps, func(s step) bool { return slices.Contains(phases, s.phase) })
	}
	var all []string
	if slices.ContainsFunc(p.steps, func(s step) bool {
		return s.phase.part() == partOnline && strings.HasSuffix(s.sql, " NO FORCE ROW LEVEL SECURITY")
	}) {
		all = append(all, "Between NO FORCE and FORCE, policies do not apply to the owner of the table. They apply to all other roles.")
	}
	if has(phaseBuild) {
		// https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
		all = append(all, "An interrupted build leaves an invalid index. `chenu migrate apply` drops it before the next attempt.")
	}
	return all
}

func comment(b *strings.Builder, text string) {
	if text != "" {
		b.WriteString("-- " + strings.ReplaceAll(text, "\n", " ") + "\n")
	}
}

// effectWords returns the locks, scan or rewrite of a table as a comment.
func effectWords(at part, f seen) string {
	var parts []string
	if f.Lock > 0 {
		briefly := ""
		if at != partMain && f.Lock >= dev.Share {
			briefly = " briefly"
		}
		parts = append(parts, "Locks "+f.Table+briefly+": "+lockWords(f.Lock)+".")
	}
	var does string
	switch {
	case f.Rewritten:
		does = "Rewrites " + f.Table
	case f.Scanned:
		does = "Scans " + f.Table
	default:
		return strings.Join(parts, " ")
	}
	if f.under >= dev.Share {
		does += ", and " + f.under.Blocking() + " meanwhile: this change has no online form"
	}
	return strings.Join(append(parts, does+"."), " ")
}

func lockWords(m dev.LockMode) string { return m.String() + " (" + m.Blocking() + ")" }
