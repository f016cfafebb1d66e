package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chenu/chenu/postgres/dev"
)

// headers say of each part what it is.
var headers = [3]string{
	"-- Runs in one transaction: no other session sees a state in between.\n",
	"-- Runs outside a transaction, statement by statement. Some take long; none of those keeps reads or writes waiting.\n",
	"-- Runs in one transaction: what goes was needed until the rows were filled.\n",
}

var suffixes = [3]string{"", "_online", "_drop"}

// render writes the plan's files.
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
			held = "Strongest locks, each for its statement alone:"
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
		access = nil // the first file says it
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

// remarks say what who applies the online part must know.
func (p *planning) remarks() []string {
	has := func(phases ...phase) bool {
		return slices.ContainsFunc(p.steps, func(s step) bool { return slices.Contains(phases, s.phase) })
	}
	var all []string
	if slices.ContainsFunc(p.steps, func(s step) bool {
		return s.phase.part() == partOnline && strings.HasSuffix(s.sql, " NO FORCE ROW LEVEL SECURITY")
	}) {
		all = append(all, "Between NO FORCE and FORCE the owner, and nobody else, is past its own policies.")
	}
	if has(phaseBuild) {
		// https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
		all = append(all, "A build that is interrupted leaves an invalid index; `chenu migrate apply` drops it before it builds again.")
	}
	return all
}

func comment(b *strings.Builder, text string) {
	if text != "" {
		b.WriteString("-- " + strings.ReplaceAll(text, "\n", " ") + "\n")
	}
}

// effectWords says what the statement does to the table.
func effectWords(at part, f seen) string {
	var parts []string
	if f.Lock > 0 {
		moment := ""
		if at != partMain && f.Lock >= dev.Share {
			moment = " for a moment"
		}
		parts = append(parts, "Locks "+f.Table+moment+": "+lockWords(f.Lock)+".")
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
		does += ", and " + f.under.Waits() + " for as long as that takes: it has no online form here"
	}
	return strings.Join(append(parts, does+"."), " ")
}

func lockWords(m dev.LockMode) string { return m.String() + " (" + m.Waits() + ")" }
