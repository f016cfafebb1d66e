package lint

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/postgres/catalog"
)

var columnRules = []rule{
	{Rule: Rule{"CN221", "serial", "A serial column", themeColumns, Warning}, check: serial},
	{Rule: Rule{"CN222", "char", "A column of type char(n)", themeColumns, Warning},
		check: typed("bpchar", "pads values with blanks", "text")},
	{Rule: Rule{"CN223", "json", "A column of type json", themeColumns, Warning},
		check: typed("json", "has no equality operator and is parsed at each access", "jsonb")},
	{Rule: Rule{"CN224", "timestamp", "A column of type timestamp without time zone", themeColumns, Warning},
		check: typed("timestamp", "does not identify an instant", "timestamptz")},
	{Rule: Rule{"CN225", "varchar-limit", "A column of type varchar(n)", themeColumns, Warning}, check: varcharLimit},
	{Rule: Rule{"CN226", "small-key", "A primary key with a small integer type", themeColumns, Warning}, check: smallKey},
	{Rule: Rule{"CN227", "money", "A column of type money", themeColumns, Warning},
		check: typed("money", "depends on the lc_monetary of the server", "numeric")},
	{Rule: Rule{"CN228", "no-primary-key", "A table without a primary key", themeColumns, Warning}, check: noPrimaryKey},
	{Rule: Rule{"CN229", "duplicate-index", "A duplicate index", themeColumns, Warning}, check: duplicateIndex},
}

// columns calls fn for each column that is added or changes its type.
func (p *pass) columns(fn func(i int, table *pg.RangeVar, c *pg.ColumnDef)) {
	for i := range p.Statements {
		s := p.node(i).GetCreateStmt()
		for _, e := range s.GetTableElts() {
			if c := e.GetColumnDef(); c != nil {
				fn(i, s.GetRelation(), c)
			}
		}
	}
	p.alterAny(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		switch cmd.GetSubtype() {
		case pg.AlterTableType_AT_AddColumn:
			fn(i, table, cmd.GetDef().GetColumnDef())
		case pg.AlterTableType_AT_AlterColumnType:
			c := cmd.GetDef().GetColumnDef()
			fn(i, table, &pg.ColumnDef{Colname: cmd.GetName(), TypeName: c.GetTypeName()})
		default:
		}
	})
}

func columnName(table *pg.RangeVar, c *pg.ColumnDef) string {
	return replay.Name(table) + "." + catalog.Ident(c.GetColname())
}

// typed returns the check for columns of a built-in type.
func typed(name, why, instead string) func(*pass) {
	return func(p *pass) {
		p.columns(func(i int, table *pg.RangeVar, c *pg.ColumnDef) {
			if typeName(c.GetTypeName()) == name {
				p.report(i, fmt.Sprintf("Column %s is %s, which %s.", columnName(table, c), typeSQL(c.GetTypeName()), why),
					fmt.Sprintf("%s %s", catalog.Ident(c.GetColname()), instead))
			}
		})
	}
}

func serial(p *pass) {
	p.columns(func(i int, table *pg.RangeVar, c *pg.ColumnDef) {
		if serialType(c.GetTypeName()) != "" {
			p.report(i, fmt.Sprintf("Column %s is %s: its sequence has its own owner and privileges, and a writer can set any value.", columnName(table, c), typeName(c.GetTypeName())),
				catalog.Ident(c.GetColname())+" bigint GENERATED ALWAYS AS IDENTITY")
		}
	})
}

func varcharLimit(p *pass) {
	p.columns(func(i int, table *pg.RangeVar, c *pg.ColumnDef) {
		if typeName(c.GetTypeName()) == "varchar" && len(c.GetTypeName().GetTypmods()) > 0 {
			n := c.GetTypeName().GetTypmods()[0].GetAConst().GetIval().GetIval()
			column := catalog.Ident(c.GetColname())
			p.report(i, fmt.Sprintf("Column %s is varchar(%d): lowering the limit later scans the table under a lock.", columnName(table, c), n),
				fmt.Sprintf("%s text CONSTRAINT %s CHECK (char_length(%[1]s) <= %[3]d)", column, catalog.Ident(table.GetRelname()+"_"+c.GetColname()+"_length"), n))
		}
	})
}

// smallKey checks primary keys of one column that use a sequence of small integers.
func smallKey(p *pass) {
	p.columns(func(i int, table *pg.RangeVar, c *pg.ColumnDef) {
		name := typeName(c.GetTypeName())
		if serial := serialType(c.GetTypeName()); serial == "integer" || serial == "smallint" {
			name = serial
		}
		key := slices.ContainsFunc(c.GetConstraints(), func(n *pg.Node) bool {
			return n.GetConstraint().GetContype() == pg.ConstrType_CONSTR_PRIMARY
		})
		if key && slices.Contains([]string{"int4", "int2", "integer", "smallint"}, name) {
			p.report(i, fmt.Sprintf("The primary key %s is %s: changing the type later rewrites the table and all tables that refer to it.", columnName(table, c), typeSQL(c.GetTypeName())),
				catalog.Ident(c.GetColname())+" bigint, or uuid")
		}
	})
}

func noPrimaryKey(p *pass) {
	changedObjects(p, security, func(was, s *catalog.Security) {
		table := s.Key().Qualified()
		has := slices.ContainsFunc(p.After.State.Details, func(d *catalog.Detail) bool {
			return d.Of.Kind == catalog.KindConstraint && d.Of.Qualified() == table && strings.HasPrefix(d.Definition, "PRIMARY KEY ")
		})
		if was == nil && !has && !p.isPartition(table) {
			p.report(p.whereTable(s.Table, table), fmt.Sprintf("%s has no primary key: a row cannot be identified, and logical replication cannot update or delete rows.", table),
				"PRIMARY KEY ("+p.options.Conventions.OwnerColumn+", id)")
		}
	})
}

// duplicateIndex compares definitions without the names of index and table. A unique index can
// replace one that is not unique.
func duplicateIndex(p *pass) {
	if p.After == nil {
		return
	}
	type index struct {
		k    key
		body string
	}
	var all []index
	for _, d := range p.After.State.Details {
		if _, body, ok := strings.Cut(d.Definition, " USING "); ok && d.Of.Kind == catalog.KindIndex {
			if k, ok := p.keys.read(d); ok {
				all = append(all, index{k, body})
			}
		}
	}
	p.fresh(func(k key) {
		if k.of.Kind != catalog.KindIndex {
			return
		}
		at := slices.IndexFunc(all, func(i index) bool { return i.k.of == k.of })
		for _, o := range all {
			if at < 0 || o.k.of == k.of || o.k.table != k.table || o.body != all[at].body || k.unique && !o.k.unique {
				continue
			}
			p.report(p.whereKey(k), fmt.Sprintf("Index %s duplicates %s: every write updates both.", k.of.Qualified(), o.k.of.Qualified()),
				"Remove the index.")
			return
		}
	})
}
