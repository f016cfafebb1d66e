package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chenu/chenu/migrations/devdb"
)

// render writes the plan's files.
func (p *planning) render(version, name string, e *effects) *Plan {
	plan := &Plan{Name: version + "_" + name + ".sql"}
	access := p.access()
	var locks, destroys []string
	for _, table := range slices.Sorted(maps.Keys(e.held)) {
		locks = append(locks, table+": "+lockWords(e.held[table]))
	}
	for _, s := range p.steps {
		if s.destroys != "" {
			destroys = append(destroys, s.destroys)
		}
	}
	sections := []struct {
		title string
		lines []string
	}{
		{"Destroys:", destroys},
		{"Access:", access},
		{"Locks, held until commit:", locks},
	}
	for _, s := range sections {
		if len(s.lines) > 0 {
			plan.Summary = append(plan.Summary, s.title)
			for _, line := range s.lines {
				plan.Summary = append(plan.Summary, "  "+line)
			}
		}
	}
	if len(p.steps) > 0 {
		var b strings.Builder
		fmt.Fprintf(&b, "-- %s\n--\n", strings.ReplaceAll(name, "_", " "))
		b.WriteString("-- Runs in one transaction: no other session sees a state in between.\n")
		for _, line := range plan.Summary {
			b.WriteString("-- " + line + "\n")
		}
		for i, s := range p.steps {
			b.WriteString("\n")
			comment(&b, s.note)
			for _, f := range e.steps[i] {
				comment(&b, effectWords(f))
			}
			if s.destroys != "" {
				comment(&b, "Destroys "+s.destroys+".")
			}
			b.WriteString(s.sql + ";\n")
		}
		plan.SQL = b.String()
	}
	if len(p.concurrent) > 0 {
		plan.Concurrent = p.renderConcurrent(version, name)
		if plan.SQL == "" {
			plan.Name = ""
		}
	}
	return plan
}

// renderConcurrent writes the file of the indexes that are built outside a
// transaction. A build that fails leaves an invalid index behind.
// https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
func (p *planning) renderConcurrent(version, name string) *File {
	var b strings.Builder
	b.WriteString("-- atlas:txmode none\n\n")
	fmt.Fprintf(&b, "-- %s: indexes\n--\n", strings.ReplaceAll(name, "_", " "))
	b.WriteString("-- Runs outside a transaction, statement by statement; reads and writes go on meanwhile.\n")
	b.WriteString("-- A build that is interrupted leaves an invalid index: drop it before applying again.\n")
	for _, s := range p.concurrent {
		b.WriteString("\n" + s.sql + ";\n")
	}
	if len(p.steps) > 0 {
		version = after(version)
	}
	return &File{Name: version + "_" + name + "_indexes.sql", SQL: b.String()}
}

func comment(b *strings.Builder, text string) {
	if text != "" {
		b.WriteString("-- " + strings.ReplaceAll(text, "\n", " ") + "\n")
	}
}

// effectWords says what the statement does to the table.
func effectWords(f devdb.Effect) string {
	var parts []string
	if f.Lock > 0 {
		parts = append(parts, "Locks "+f.Table+": "+lockWords(f.Lock)+".")
	}
	switch {
	case f.Rewritten:
		parts = append(parts, "Rewrites "+f.Table+".")
	case f.Scanned:
		parts = append(parts, "Scans "+f.Table+".")
	}
	return strings.Join(parts, " ")
}

func lockWords(m devdb.LockMode) string { return m.String() + " (" + m.Waits() + ")" }
