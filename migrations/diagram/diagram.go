// Package diagram draws tables and the foreign keys between them: as Mermaid, which code hosts and editors render, and
// as DOT, which graphviz converts to SVG. It draws the tables that were read from a database, so the diagram always
// matches the migrations.
package diagram

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/policies"
)

// Options select what to draw. The zero value draws everything.
type Options struct {
	// Tables limits the diagram to these tables, as name or schema.name, and the names of those to which they refer.
	Tables []string
	// NoColumns omits the columns.
	NoColumns bool
	// NoOwners omits the foreign keys by which rows belong to an identity.
	NoOwners bool
}

// Diagram is a diagram, divided into groups.
type Diagram struct{ Groups []*Group }

// Group has the tables of a sphere, or of a schema.
type Group struct {
	Name   string
	Tables []*Table
}

// Table is a table of the diagram.
type Table struct {
	Name    string // with its schema, unless that is public
	Comment string
	Columns []Column
	Links   []Link
	// Bare reports that the table is drawn only because others refer to it.
	Bare bool
}

// Column is a column of a table.
type Column struct {
	Name, Type            string
	Nullable              bool
	Primary, Foreign, Key bool // Key: part of a unique key
}

// Link is a foreign key.
type Link struct {
	Label, To string
	Optional  bool // the reference may be NULL
	One       bool // at most one row refers to the same row
}

// New draws the tables of the realm.
func New(realm *schema.Realm, o Options) (*Diagram, error) {
	d := &Diagram{}
	groups := map[string]*Group{}
	bare := map[string]bool{}
	wanted := map[string]bool{}
	for _, name := range o.Tables {
		wanted[strings.TrimPrefix(name, "public.")] = true
	}
	drawn := map[string]bool{}
	for _, space := range realm.Schemas {
		for _, t := range space.Tables {
			name := nameOf(t)
			if len(o.Tables) > 0 && !wanted[name] {
				continue
			}
			box := newTable(t, o)
			drawn[name] = true
			for _, l := range box.Links {
				bare[l.To] = true
			}
			group := groupOf(t)
			if groups[group] == nil {
				groups[group] = &Group{Name: group}
				d.Groups = append(d.Groups, groups[group])
			}
			groups[group].Tables = append(groups[group].Tables, box)
		}
	}
	for _, name := range o.Tables {
		if !drawn[strings.TrimPrefix(name, "public.")] {
			return nil, fmt.Errorf("unknown table %s", name)
		}
	}
	for _, g := range d.Groups {
		slices.SortFunc(g.Tables, func(a, b *Table) int { return cmp.Compare(a.Name, b.Name) })
	}
	slices.SortFunc(d.Groups, func(a, b *Group) int { return cmp.Compare(a.Name, b.Name) })
	var beside Group
	for name := range bare {
		if !drawn[name] {
			beside.Tables = append(beside.Tables, &Table{Name: name, Bare: true})
		}
	}
	if len(beside.Tables) > 0 {
		slices.SortFunc(beside.Tables, func(a, b *Table) int { return cmp.Compare(a.Name, b.Name) })
		d.Groups = append(d.Groups, &beside)
	}
	return d, nil
}

func nameOf(t *schema.Table) string {
	if t.Schema.Name == "public" {
		return t.Name
	}
	return t.Schema.Name + "." + t.Name
}

// described returns the description of the table from ent/schema, if it has one.
func described(t *schema.Table) (policies.Table, bool) {
	i := slices.IndexFunc(policies.Tables, func(d policies.Table) bool { return d.QualifiedName() == nameOf(t) })
	if i < 0 {
		return policies.Table{}, false
	}
	return policies.Tables[i], true
}

// groupOf returns the table's sphere, or its schema if it has no sphere.
func groupOf(t *schema.Table) string {
	d, ok := described(t)
	switch {
	case ok && d.Sphere != "":
		return d.Sphere
	case ok && !d.Supporting():
		return "across spheres"
	default:
		return "schema " + t.Schema.Name
	}
}

func newTable(t *schema.Table, o Options) *Table {
	box := &Table{Name: nameOf(t)}
	for _, a := range t.Attrs {
		if c, ok := a.(*schema.Comment); ok {
			box.Comment = c.Text
		}
	}
	owner := "created_by"
	if d, ok := described(t); ok {
		owner = d.Owner
		if box.Comment == "" {
			box.Comment = d.Comment
		}
	}
	for _, fk := range t.ForeignKeys {
		if fk.RefTable == nil || fk.RefTable.Schema == nil || o.NoOwners && len(fk.Columns) == 1 && fk.Columns[0].Name == owner {
			continue
		}
		link := Link{To: nameOf(fk.RefTable), One: unique(t, fk)}
		var labels []string
		for _, c := range fk.Columns {
			link.Optional = link.Optional || c.Type.Null
			if c.Name != owner || len(fk.Columns) == 1 {
				labels = append(labels, c.Name)
			}
		}
		link.Label = strings.Join(labels, ", ")
		box.Links = append(box.Links, link)
	}
	slices.SortFunc(box.Links, func(a, b Link) int { return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Label, b.Label)) })
	if o.NoColumns {
		return box
	}
	for _, c := range t.Columns {
		column := Column{Name: c.Name, Type: typeOf(c), Nullable: c.Type.Null}
		column.Primary = t.PrimaryKey != nil && has(t.PrimaryKey, c)
		column.Foreign = slices.ContainsFunc(t.ForeignKeys, func(fk *schema.ForeignKey) bool { return slices.Contains(fk.Columns, c) })
		column.Key = slices.ContainsFunc(t.Indexes, func(i *schema.Index) bool { return i.Unique && has(i, c) })
		box.Columns = append(box.Columns, column)
	}
	return box
}

func has(i *schema.Index, c *schema.Column) bool {
	return slices.ContainsFunc(i.Parts, func(p *schema.IndexPart) bool { return p.C == c })
}

// unique reports whether at most one row can have the values of the foreign key: a unique key contains only columns of
// the foreign key.
func unique(t *schema.Table, fk *schema.ForeignKey) bool {
	within := func(i *schema.Index) bool {
		if i == nil || len(i.Parts) == 0 {
			return false
		}
		for _, a := range i.Attrs {
			if _, partial := a.(*postgres.IndexPredicate); partial {
				return false
			}
		}
		return !slices.ContainsFunc(i.Parts, func(p *schema.IndexPart) bool { return p.C == nil || !slices.Contains(fk.Columns, p.C) })
	}
	return within(t.PrimaryKey) || slices.ContainsFunc(t.Indexes, func(i *schema.Index) bool { return i.Unique && within(i) })
}

// short maps type names to their common short forms.
var short = strings.NewReplacer("timestamp with time zone", "timestamptz", "character varying", "varchar", "double precision", "float8")

func typeOf(c *schema.Column) string {
	text, err := postgres.FormatType(c.Type.Type)
	if err != nil {
		text = c.Type.Raw
	}
	return short.Replace(text)
}

// keys returns the key markers of a column.
func (c Column) keys() []string {
	var all []string
	for _, k := range []struct {
		is   bool
		mark string
	}{{c.Primary, "PK"}, {c.Foreign, "FK"}, {c.Key && !c.Primary, "UK"}} {
		if k.is {
			all = append(all, k.mark)
		}
	}
	return all
}

// Mermaid returns the diagram in Mermaid's notation. https://mermaid.js.org/syntax/entityRelationshipDiagram.html
func (d *Diagram) Mermaid() string {
	var b strings.Builder
	b.WriteString("erDiagram\n")
	for _, g := range d.Groups {
		if g.Name != "" {
			fmt.Fprintf(&b, "    %%%% %s\n", g.Name)
		}
		for _, t := range g.Tables {
			if len(t.Columns) == 0 {
				fmt.Fprintf(&b, "    %s\n", mermaidName(t.Name))
				continue
			}
			fmt.Fprintf(&b, "    %s {\n", mermaidName(t.Name))
			for _, c := range t.Columns {
				fmt.Fprintf(&b, "        %s %s", mermaidWord(c.Type), mermaidWord(c.Name))
				if keys := c.keys(); len(keys) > 0 {
					b.WriteString(" " + strings.Join(keys, ", "))
				}
				if c.Nullable {
					b.WriteString(` "may be null"`)
				}
				b.WriteString("\n")
			}
			b.WriteString("    }\n")
		}
	}
	for _, g := range d.Groups {
		for _, t := range g.Tables {
			for _, l := range t.Links {
				parent, child := "||", "o{"
				if l.Optional {
					parent = "|o"
				}
				if l.One {
					child = "o|"
				}
				fmt.Fprintf(&b, "    %s %s--%s %s : %q\n", mermaidName(l.To), parent, child, mermaidName(t.Name), l.Label)
			}
		}
	}
	return b.String()
}

func mermaidName(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !word(r) }) {
		return `"` + strings.NewReplacer(`"`, "'", "%", "", `\`, "").Replace(name) + `"`
	}
	return name
}

// mermaidWord converts the name of a type or a column to a word of Mermaid, which consists of letters, digits,
// underscores, hyphens, brackets and parentheses.
func mermaidWord(text string) string {
	return strings.Map(func(r rune) rune {
		if word(r) || strings.ContainsRune("-[]()", r) {
			return r
		}
		return '_'
	}, text)
}

func word(r rune) bool {
	return r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// DOT returns the diagram in graphviz' notation, with a frame around each group.
// https://graphviz.org/doc/info/lang.html
func (d *Diagram) DOT() string {
	var b strings.Builder
	b.WriteString(`digraph tables {
    graph [rankdir=LR, fontname="sans-serif", nodesep=0.3, ranksep=1.2]
    node [shape=plaintext, fontname="sans-serif", fontsize=11]
    edge [dir=both, fontname="sans-serif", fontsize=9]
`)
	for i, g := range d.Groups {
		indent := "    "
		if g.Name != "" {
			fmt.Fprintf(&b, "    subgraph cluster_%d {\n        graph [label=%s, style=rounded, color=gray]\n", i, quote(g.Name))
			indent = "        "
		}
		for _, t := range g.Tables {
			fmt.Fprintf(&b, "%s%s [label=<%s>]\n", indent, quote(t.Name), t.html())
		}
		if g.Name != "" {
			b.WriteString("    }\n")
		}
	}
	for _, g := range d.Groups {
		for _, t := range g.Tables {
			for _, l := range t.Links {
				parent, child := "teetee", "crowodot"
				if l.Optional {
					parent = "teeodot"
				}
				if l.One {
					child = "teeodot"
				}
				fmt.Fprintf(&b, "    %s -> %s [label=%s, arrowhead=%s, arrowtail=%s]\n", quote(t.Name), quote(l.To), quote(l.Label), parent, child)
			}
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// html returns a table of the diagram in the subset of HTML that graphviz supports.
func (t *Table) html() string {
	var b strings.Builder
	b.WriteString(`<table border="0" cellborder="1" cellspacing="0" cellpadding="3">`)
	fmt.Fprintf(&b, `<tr><td bgcolor="#e8e8e8" colspan="3"><b>%s</b></td></tr>`, escape(t.Name))
	for _, c := range t.Columns {
		name := escape(c.Name)
		if c.Nullable {
			name = "<i>" + name + "</i>"
		}
		fmt.Fprintf(&b, `<tr><td align="left">%s</td><td align="left">%s</td><td>%s</td></tr>`, name, escape(c.Type), strings.Join(c.keys(), " "))
	}
	b.WriteString("</table>")
	return b.String()
}

func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace

// Document returns a Markdown page: all tables without columns, and then the tables of each group with columns.
func Document(realm *schema.Realm) (string, error) {
	overview, err := New(realm, Options{NoColumns: true, NoOwners: true})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(`<!-- Code generated by chenu migrate diagram. DO NOT EDIT. -->

# The tables

The tables of a database to which all migrations were applied. Every table with an owner has a column ` + "`created_by`" + ` that refers
to ` + "`identities`" + `, and every key starts with it; the diagrams omit these lines. PK, FK and UK label the columns of primary, foreign and
unique keys.

## All tables

` + "```mermaid\n" + overview.Mermaid() + "```\n")
	for _, g := range overview.Groups {
		if g.Name == "" {
			continue
		}
		var names []string
		for _, t := range g.Tables {
			names = append(names, t.Name)
		}
		part, err := New(realm, Options{Tables: names, NoOwners: true})
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n## %s\n\n", strings.ToUpper(g.Name[:1])+g.Name[1:])
		for _, t := range g.Tables {
			fmt.Fprintf(&b, "- `%s`", t.Name)
			if t.Comment != "" {
				b.WriteString(": " + strings.ReplaceAll(t.Comment, "\n", " "))
			}
			b.WriteString("\n")
		}
		b.WriteString("\n```mermaid\n" + part.Mermaid() + "```\n")
	}
	return b.String(), nil
}
