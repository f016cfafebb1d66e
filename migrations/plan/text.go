package plan

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
)

// Text writes the summary for a terminal, or "no changes" if there are no files.
func (p *Plan) Text(w io.Writer) error {
	text := strings.Join(p.Summary, "\n")
	if len(p.Files) == 0 {
		text = "no changes"
	}
	if text == "" {
		return nil
	}
	if _, err := fmt.Fprintln(w, text); err != nil {
		return fmt.Errorf("write the summary: %w", err)
	}
	return nil
}

// Text writes the differences for a terminal, and the script that repairs them.
func (d *Drift) Text(w io.Writer) error {
	behind := ""
	if d.State == apply.Behind {
		behind = ", its current version (newer migrations are pending)"
	}
	if len(d.Differences) == 0 {
		if _, err := fmt.Fprintf(w, "the database matches its migrations: version %s%s\n", migrations.ShownVersion(d.Version), behind); err != nil {
			return fmt.Errorf("write the differences: %w", err)
		}
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, compared with version %s%s: %s\n", d.Database, migrations.ShownVersion(d.Version), behind, migrations.Count(len(d.Differences), "difference"))
	title := ""
	for _, f := range d.Differences {
		heading := "structure"
		if f.Security {
			heading = "access"
		}
		if heading != title {
			title = heading
			fmt.Fprintf(&b, "\n%s:\n", heading)
		}
		fmt.Fprintf(&b, "  %s\n", f.What)
		if (f.Live == "" || f.Expected == "") && !slices.Contains(shortKinds, f.Kind) {
			continue // The sentence is sufficient.
		}
		for _, side := range []struct{ word, text string }{{"is       ", f.Live}, {"should be", f.Expected}} {
			if side.text != "" {
				fmt.Fprintf(&b, "      %s %s\n", side.word, indented(side.text))
			}
		}
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the differences: %w", err)
	}
	return d.WriteRepair(w)
}

// shortKinds are the kinds of objects whose definition is printed even if only one of the
// two databases has the object.
var shortKinds = []string{"column", "constraint", "index", "policy", "rule", "trigger", "view"}

// indented indents the further lines of a definition.
func indented(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n                ")
}
