package review

import (
	"fmt"
	"io"
	"strings"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/policies/access"
)

// Markdown writes the report for a pull request.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("## Migration plan\n\n")
	for _, line := range r.summary() {
		b.WriteString("- " + escape(line) + "\n")
	}
	for _, o := range r.Findings {
		b.WriteString("- " + finding(o.Code, findingLines(o)) + "\n")
	}
	for i := range r.Files {
		r.markdownFile(&b, &r.Files[i])
	}
	if len(r.Files) > 1 && r.Access != nil {
		b.WriteString("\n### All files together\n")
		markdownAccess(&b, r.Access)
	}
	if legend := r.legend(); len(legend) > 0 {
		b.WriteString("\n<sub>" + escape(strings.Join(legend, " ")) + "</sub>\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func finding(code string, lines []string) string {
	return "**" + code + "** " + escape(strings.Join(strings.Fields(strings.Join(lines, " ")), " "))
}

func (r *Report) markdownFile(b *strings.Builder, f *File) {
	fmt.Fprintf(b, "\n### `%s`\n\n%s\n", f.Name, escape(f.heading()))
	for _, o := range f.Findings {
		b.WriteString("\n- " + finding(o.Code, findingLines(o)) + "\n")
	}
	quiet := 0
	header := false
	for i := range f.Statements {
		s := &f.Statements[i]
		points := r.points(f, s)
		if len(points) == 0 {
			quiet++
			continue
		}
		if !header {
			b.WriteString("\n| line | statement | effects |\n|---:|---|---|\n")
			header = true
		}
		var cells []string
		for _, p := range points {
			lines := make([]string, len(p.lines))
			for i, line := range p.lines {
				lines[i] = escape(strings.TrimSpace(line))
			}
			cells = append(cells, "**"+p.word+"** "+strings.Join(lines, "<br>"))
		}
		fmt.Fprintf(b, "| %d | %s | %s |\n", s.Line, code(migrations.OneLine(s.SQL, 160)), strings.Join(cells, "<br>"))
	}
	if quiet > 0 {
		fmt.Fprintf(b, "\nNot listed: %s without effects on other sessions.\n", count(quiet, "statement"))
	}
	if len(f.Locks) > 0 {
		b.WriteString("\n| table | strongest lock | from line | blocks |\n|---|---|---:|---|\n")
		for _, l := range f.Locks {
			fmt.Fprintf(b, "| %s | %s | %d | %s |\n", code(l.Table), modes(l.Mode, l.Through), l.Line, l.Blocks)
		}
	}
	if f.Access != nil {
		b.WriteString("\n#### Access\n")
		markdownAccess(b, f.Access)
	}
}

func markdownAccess(b *strings.Builder, changes []access.Change) {
	if len(changes) == 0 {
		b.WriteString("\nNo role gains or loses access.\n")
		return
	}
	b.WriteString("\n")
	for _, g := range access.Groups(changes) {
		title := g.Title()
		if title == string(access.Widening) || title == string(access.Review) {
			title = "**" + strings.ToUpper(title) + "**"
		}
		b.WriteString("- " + title + ": " + escape(g.Head()) + "\n")
		for _, detail := range g.Details() {
			b.WriteString("  - " + code(detail) + "\n")
		}
		if lines := g.Diff(); len(lines) > 0 {
			b.WriteString("\n  ~~~~diff\n")
			for _, line := range lines {
				b.WriteString("  " + line + "\n")
			}
			b.WriteString("  ~~~~\n")
		}
	}
}

// escape escapes Markdown, within tables too.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "`", "\\`", "[", `\[`).Replace(s)
}

// code returns the text as code, within tables too: a code span cannot escape the bar that ends a
// cell, but markup within <code> can.
func code(s string) string {
	s = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;", "*", "&#42;", "_", "&#95;", "`", "&#96;", "[", "&#91;", "\n", " ").Replace(s)
	return "<code>" + s + "</code>"
}
