package access

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/chenu/chenu/postgres/project"
)

// Words describes the rows of the access.
func (a Access) Words() string {
	using, check := a.inWords(a.Using), a.inWords(a.Check)
	switch {
	case a.Check == "" || using == check:
		return using
	case a.Using == "":
		return check
	default:
		return using + ", and new rows: " + check
	}
}

var (
	ownRow   = regexp.MustCompile(`^\(*(\w+) = \(*NULLIF\(current_setting\('app\.identity_id'::text, true\), ''::text\)\)*::uuid\)*$`)
	isRole   = regexp.MustCompile(`^\(*CURRENT_USER = '([^']*)'::name\)*$`)
	inAction = map[bool]string{true: "own rows", false: "every row"}
)

// inWords describes whether an expression allows the identity's own rows or every row, and its
// other conditions. The owner of a row is its created_by; an identity owns itself.
func (a Access) inWords(text string) string {
	if text == "" {
		return ""
	}
	own := false
	var rest []string
	for _, c := range conjuncts(text) {
		is, owner := isRole.FindStringSubmatch(c), ownRow.FindStringSubmatch(c)
		switch {
		case c == "true", is != nil && is[1] == a.Role:
		case owner != nil && (owner[1] == "created_by" || owner[1] == "id" && a.Table == "public.identities"):
			own = true
		default:
			rest = append(rest, c)
		}
	}
	words := inAction[own]
	if len(rest) > 0 {
		words += " where " + strings.Join(rest, " and ")
	}
	return words
}

// conjuncts returns the operands of AND at the top of an expression. Postgres prints each AND with
// its operands in parentheses.
func conjuncts(text string) []string {
	if !strings.HasPrefix(text, "(") || closing(text) != len(text)-1 {
		return []string{text}
	}
	inner := text[1 : len(text)-1]
	var (
		parts []string
		start int
	)
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == '\'' || c == '"':
			i += 1 + max(0, strings.IndexByte(inner[i+1:], c))
		case c == '(':
			i += max(0, closing(inner[i:]))
		case strings.HasPrefix(inner[i:], " AND "):
			parts = append(parts, inner[start:i])
			start = i + len(" AND ")
			i = start - 1
		case strings.HasPrefix(inner[i:], " BETWEEN "), strings.HasPrefix(inner[i:], " OR "):
			return []string{text}
		}
	}
	if parts == nil {
		return []string{text}
	}
	return append(parts, inner[start:])
}

// closing returns the index of the parenthesis that closes the one at the start of the text; -1 if
// there is none.
func closing(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\'', '"':
			i += 1 + max(0, strings.IndexByte(text[i+1:], c))
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// What returns the command with the columns that it may name.
func (a Access) What() string {
	if len(a.Columns) == 0 {
		return a.Command
	}
	return a.Command + " (" + strings.Join(a.Columns, ", ") + ")"
}

// Predicate returns the conditions of the access as SQL.
func (a Access) Predicate() string {
	switch {
	case a.Check == "" || a.Check == a.Using:
		return a.Using
	case a.Using == "":
		return a.Check
	default:
		return a.Using + ", new rows: " + a.Check
	}
}

// Table is the access to one table.
type Table struct {
	Name string
	// Lines has one line for commands with the same access.
	Lines []Line
}

// Line is the access of a role by commands with the same conditions.
type Line struct {
	Role, Words, Predicate string
	Commands               []string
}

// Tables groups a matrix by table.
func Tables(matrix []Access) []Table {
	var all []Table
	for _, a := range matrix {
		if len(all) == 0 || all[len(all)-1].Name != a.Table {
			all = append(all, Table{Name: a.Table})
		}
		t := &all[len(all)-1]
		i := slices.IndexFunc(t.Lines, func(l Line) bool { return l.Role == a.Role && l.Words == a.Words() && l.Predicate == a.Predicate() })
		if i < 0 {
			t.Lines = append(t.Lines, Line{Role: a.Role, Words: a.Words(), Predicate: a.Predicate()})
			i = len(t.Lines) - 1
		}
		t.Lines[i].Commands = append(t.Lines[i].Commands, a.What())
	}
	for i := range all {
		slices.SortStableFunc(all[i].Lines, func(a, b Line) int { return cmp.Compare(a.Role, b.Role) })
	}
	return all
}

// Select returns the access to the tables by the roles. An empty list of tables or roles selects all. A
// table without a schema is one of public. It is an error if no role can access a table.
func Select(matrix []Access, tables, roles []string) ([]Access, error) {
	qualified := make([]string, len(tables))
	for i, table := range tables {
		if !strings.Contains(table, ".") {
			table = "public." + table
		}
		qualified[i] = table
		if !slices.ContainsFunc(matrix, func(a Access) bool { return a.Table == table }) {
			return nil, fmt.Errorf("the table %s does not exist, or no role can access it", table)
		}
	}
	selected := []Access{}
	for _, a := range matrix {
		if (len(tables) == 0 || slices.Contains(qualified, a.Table)) && (len(roles) == 0 || slices.Contains(roles, a.Role)) {
			selected = append(selected, a)
		}
	}
	return selected, nil
}

// Listing is a matrix for JSON.
type Listing struct {
	Access []Listed `json:"access"`
}

// Listed is an access with a description of its rows.
type Listed struct {
	Access

	Rows string `json:"rows"`
}

// List returns the matrix for JSON.
func List(matrix []Access) Listing {
	listing := Listing{Access: []Listed{}}
	for _, a := range matrix {
		listing.Access = append(listing.Access, Listed{Access: a, Rows: a.Words()})
	}
	return listing
}

// Text writes the matrix for a terminal, optionally with conditions.
func Text(w io.Writer, matrix []Access, predicates bool) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, t := range Tables(matrix) {
		if i > 0 {
			fmt.Fprintln(tw)
		}
		fmt.Fprintln(tw, t.Name)
		for _, l := range t.Lines {
			if !predicates {
				fmt.Fprintf(tw, "  %s\t%s\t%s\n", l.Role, l.Words, short(l.Commands))
				continue
			}
			fmt.Fprintf(tw, "  %s: %s\n", l.Role, l.Words)
			for _, c := range l.Commands {
				fmt.Fprintf(tw, "      %s\n", c)
			}
			fmt.Fprintf(tw, "      where %s\n", l.Predicate)
		}
	}
	if err := tw.Flush(); err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	return nil
}

// short returns commands with the number of columns instead of their names.
func short(commands []string) string {
	var all []string
	for _, c := range commands {
		if command, columns, ok := strings.Cut(c, " ("); ok {
			n := strings.Count(columns, ",") + 1
			c = fmt.Sprintf("%s of %d columns", command, n)
			if n == 1 {
				c = command + " (" + columns
			}
		}
		all = append(all, c)
	}
	return strings.Join(all, ", ")
}

const documentHead = `# Who may do what with which rows

Generated from the migrations by "chenu policies show --format markdown". A test compares it with them. Access that is not listed is denied.
Own rows are those of the identity that the session runs as, %s. The service runs requests as %s; the other
roles own functions that run with their privileges, or verify.
`

// Document writes the matrix as a Markdown page.
func Document(w io.Writer, matrix []Access, conventions *project.Conventions) error {
	var b strings.Builder
	fmt.Fprintf(&b, documentHead, conventions.IdentitySetting, strings.Join(conventions.Serving(), " or "))
	for _, t := range Tables(matrix) {
		fmt.Fprintf(&b, "\n## %s\n\n| role | commands | rows | predicate |\n|---|---|---|---|\n", t.Name)
		for _, l := range t.Lines {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.Role, strings.Join(l.Commands, "<br>"), cell(l.Words), cell(l.Predicate))
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	return nil
}

// cell escapes SQL in a cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;", ">", "&gt;", "_", `\_`).Replace(s)
}

//go:embed show.html
var page string

var pageTemplate = template.Must(template.New("page").Parse(page))

// HTML writes the matrix as an HTML page without external resources.
func HTML(w io.Writer, title string, matrix []Access) error {
	err := pageTemplate.Execute(w, struct {
		Title  string
		Tables []Table
	}{title, Tables(matrix)})
	if err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	return nil
}
