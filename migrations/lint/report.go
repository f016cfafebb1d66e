package lint

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/chenu/chenu/migrations"
)

// Report is the result of checking files.
type Report struct {
	// Files are the names of the checked files.
	Files    []string  `json:"files"`
	Findings []Finding `json:"findings"`
	// Dir is the directory to print before the names of files in text formats; "" if the files are built into the
	// program.
	Dir string `json:"-"`
}

// Count counts the findings that are not accepted.
func (r *Report) Count() (errors, warnings int) {
	for _, f := range Open(r.Findings) {
		if f.Severity == Error {
			errors++
		} else {
			warnings++
		}
	}
	return errors, warnings
}

// Summary returns a line with the number of findings.
func (r *Report) Summary() string {
	found, warnings := r.Count()
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{found, "error"}, {warnings, "warning"}} {
		if p.n > 0 {
			parts = append(parts, migrations.Count(p.n, p.noun))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "no findings")
	}
	text := strings.Join(parts, " and ") + " in " + migrations.Count(len(r.Files), "file")
	if n := len(r.Findings) - found - warnings; n > 0 {
		text += fmt.Sprintf(", %d accepted", n)
	}
	return text
}

// place returns the location of a finding, in the form that editors and terminals link.
func (r *Report) place(f Finding) string {
	switch {
	case f.File == "":
		return "the database"
	case f.Line == 0:
		return filepath.Join(r.Dir, f.File)
	}
	return fmt.Sprintf("%s:%d", filepath.Join(r.Dir, f.File), f.Line)
}

// Text writes the findings that are not accepted for a terminal.
func (r *Report) Text(w io.Writer, colored bool) error {
	paint := func(code, text string) string {
		if !colored {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	var b strings.Builder
	for _, f := range Open(r.Findings) {
		tone := "33" // yellow
		if f.Severity == Error {
			tone = "31" // red
		}
		fmt.Fprintf(&b, "%s: %s %s: %s\n", r.place(f), paint("1", f.Code), paint(tone, string(f.Severity)), f.Message)
		if f.Advice != "" {
			for line := range strings.SplitSeq(f.Advice, "\n") {
				fmt.Fprintf(&b, "    %s\n", paint("2", line))
			}
		}
	}
	if found, warnings := r.Count(); found+warnings == 0 {
		fmt.Fprintln(&b, r.Summary())
	} else {
		fmt.Fprintln(&b, "\nUse \"chenu migrate lint --explain CODE\" for more about a finding.")
	}
	return write(w, b.String())
}

// Markdown writes all findings for a pull request. Accepted findings follow with their reasons.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## Migration lint: %s\n", r.Summary())
	for _, f := range Open(r.Findings) {
		fmt.Fprintf(&b, "\n**%s** `%s` %s, at `%s`: %s\n", f.Code, f.Name, f.Severity, r.place(f), f.Message)
		switch {
		case strings.HasSuffix(f.Advice, ";"):
			fmt.Fprintf(&b, "\n```sql\n%s\n```\n", f.Advice)
		case f.Advice != "":
			fmt.Fprintf(&b, "\n%s\n", f.Advice)
		}
	}
	accepted := false
	for _, f := range r.Findings {
		if f.Accepted == "" {
			continue
		}
		if !accepted {
			fmt.Fprint(&b, "\n### Accepted\n\n")
			accepted = true
		}
		fmt.Fprintf(&b, "- %s at `%s`: %s (%s)\n", f.Code, r.place(f), f.Message, f.Accepted)
	}
	return write(w, b.String())
}

func write(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write the findings: %w", err)
	}
	return nil
}
