package review

import (
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/policies/access"
)

// Text writes the report for a terminal. Statements without effects to list are only counted,
// unless all is set.
func (r *Report) Text(w io.Writer, colored, all bool) error {
	t := &text{Report: r, all: all}
	for style, attributes := range map[*style][]color.Attribute{
		&t.strong: {color.Bold}, &t.faint: {color.Faint}, &t.bad: {color.FgRed, color.Bold}, &t.doubtful: {color.FgYellow, color.Bold}, &t.good: {color.FgGreen},
	} {
		c := color.New(attributes...)
		c.DisableColor()
		if colored {
			c.EnableColor()
		}
		*style = func(s string) string { return c.Sprint(s) }
	}
	for i := range r.Files {
		t.file(&r.Files[i])
	}
	if len(r.Files) > 1 && r.Access != nil {
		t.line(t.strong("all files together"))
		t.access(r.Access)
		t.line("")
	}
	t.findings("", r.Findings)
	for _, line := range r.legend() {
		t.line(t.faint(line))
	}
	for _, line := range r.summary() {
		t.line(line)
	}
	_, err := io.WriteString(w, t.b.String())
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

type style func(string) string

type text struct {
	*Report
	b                                  strings.Builder
	all                                bool
	strong, faint, bad, doubtful, good style
}

func (t *text) line(s string) { t.b.WriteString(s + "\n") }

func (t *text) file(f *File) {
	t.line(t.strong(f.Name) + ": " + f.heading())
	t.findings("  ", f.Findings)
	quiet := []int{}
	flush := func() {
		const few = 3
		if len(quiet) < few || t.all {
			for _, i := range quiet {
				t.line(t.head(&f.Statements[i]))
			}
		} else {
			t.line(t.faint(fmt.Sprintf("  lines %d to %d: %s without effects on other sessions", f.Statements[quiet[0]].Line, f.Statements[quiet[len(quiet)-1]].Line, count(len(quiet), "statement"))))
		}
		quiet = quiet[:0]
	}
	for i := range f.Statements {
		s := &f.Statements[i]
		if t.quiet(f, s) {
			quiet = append(quiet, i)
			continue
		}
		flush()
		t.line(t.head(s))
		for _, p := range t.points(f, s) {
			t.point(p)
		}
	}
	flush()
	if len(f.Locks) > 0 {
		t.line("  " + t.strong("locks"))
		for _, l := range f.Locks {
			t.line(fmt.Sprintf("    %s, %s from line %d: %s", l.Table, modes(l.Mode, l.Through), l.Line, t.blocks(l.Blocks)))
		}
	}
	if f.Access != nil {
		t.access(f.Access)
	}
	t.line("")
}

func (t *text) head(s *Statement) string {
	return fmt.Sprintf("  line %d  %s", s.Line, migrations.OneLine(s.SQL, 110))
}

func (t *text) blocks(s string) string {
	switch s {
	case "blocks reads and writes":
		return t.bad(s)
	case "blocks writes":
		return t.doubtful(s)
	}
	return s
}

func (t *text) point(p point) {
	word := fmt.Sprintf("%-9s", p.word)
	switch p.word {
	case "refused":
		word = t.bad(word)
	case "rewrites", "may fail":
		word = t.doubtful(word)
	}
	for i, line := range p.lines {
		if i > 0 {
			word = strings.Repeat(" ", 9)
		}
		if before, after, ok := strings.Cut(line, "blocks reads and writes"); ok && p.word == "locks" {
			line = before + t.blocks("blocks reads and writes") + after
		}
		t.line("    " + word + " " + line)
	}
}

func (t *text) access(changes []access.Change) {
	if len(changes) == 0 {
		t.line("  " + t.strong("access") + ": no role gains or loses access")
		return
	}
	t.line("  " + t.strong("access"))
	for _, g := range access.Groups(changes) {
		title := g.Title()
		switch {
		case title == "new":
		case g.Effect == access.Widening:
			title = t.bad(title)
		case g.Effect == access.Review:
			title = t.doubtful(title)
		case g.Effect == access.Narrowing, g.Effect == access.Unchanged:
			title = t.good(title)
		}
		t.line("    " + title + ": " + g.Head())
		for _, detail := range g.Details() {
			t.line("        " + detail)
		}
		for _, line := range g.Diff() {
			switch line[:min(1, len(line))] {
			case "-":
				line = t.bad(line)
			case "+":
				line = t.good(line)
			case "@":
				line = t.faint(line)
			}
			t.line("        " + line)
		}
	}
}

func (t *text) findings(indent string, all []lint.Finding) {
	for _, o := range all {
		for i, line := range (point{lines: findingLines(o)}).lines {
			if i == 0 {
				line = o.Code + "  " + line
			}
			t.line(indent + line)
		}
	}
}

func findingLines(o lint.Finding) []string {
	if o.Accepted != "" {
		return []string{"accepted: " + o.Accepted, "  " + o.Message}
	}
	lines := []string{string(o.Severity) + ": " + o.Message}
	if o.Advice != "" {
		for line := range strings.SplitSeq(o.Advice, "\n") {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}
