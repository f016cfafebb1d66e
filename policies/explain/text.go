package explain

import (
	"fmt"
	"io"
	"strings"
)

// Text writes the explanation for a terminal.
func (e *Explanation) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", e.Verdict, e.Because)
	what := "a new row of " + e.Table
	if e.ID != nil {
		what = "row " + e.ID.String() + " of " + e.Table
	}
	fmt.Fprintf(&b, "statement:   %s %s, as %s for identity %s\n", strings.ToUpper(e.Command), what, e.Role, e.Identity)
	if e.Exists != nil {
		fmt.Fprintf(&b, "exists:      %s\n", yesNo(e.Exists))
	}
	privileges := "none"
	switch {
	case e.Privileges.Granted && e.Command == "delete":
		privileges = "granted"
	case e.Privileges.Granted:
		privileges = "on " + strings.Join(e.Privileges.Columns, ", ")
	}
	fmt.Fprintf(&b, "privileges:  %s\n", privileges)
	if len(e.Privileges.Lacking) > 0 {
		fmt.Fprintf(&b, "             missing on %s\n", strings.Join(e.Privileges.Lacking, ", "))
	}
	answer := fmt.Sprintf("%d rows", e.Answer.Rows)
	switch {
	case e.Answer.SQLState != "":
		answer = e.Answer.Message + " (SQLSTATE " + e.Answer.SQLState + ")"
	case e.Answer.Rows == 1:
		answer = "1 row"
	}
	fmt.Fprintf(&b, "result:      %s; rolled back\n", answer)
	for _, note := range e.Notes {
		fmt.Fprintf(&b, "note:        %s\n", note)
	}
	for _, s := range e.Stages {
		fmt.Fprintf(&b, "\n%s: %s\n", s.Question, yesNo(s.Passed))
		if len(s.Policies) == 0 {
			b.WriteString("  no policy applies\n")
		}
		for _, p := range s.Policies {
			kind := "policy"
			if !p.Permissive {
				kind = "restrictive policy"
			}
			fmt.Fprintf(&b, "  %s %s\n", kind, p.Name)
			printCondition(&b, p.Condition, "    ")
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the explanation: %w", err)
	}
	return nil
}

func printCondition(b *strings.Builder, c Condition, indent string) {
	if len(c.Clauses) == 0 {
		fmt.Fprintf(b, "%s%-7s  %s\n", indent, c.Value, c.SQL)
		return
	}
	fmt.Fprintf(b, "%s%-7s  %s of\n", indent, c.Value, map[string]string{"AND": "all", "OR": "any"}[c.Connective])
	for _, part := range c.Clauses {
		printCondition(b, part, indent+"  ")
	}
}

func yesNo(v *bool) string {
	switch {
	case v == nil:
		return "unknown"
	case *v:
		return "yes"
	default:
		return "no"
	}
}
