package lint

import (
	"fmt"
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/chenu/chenu/migrations/catalog"
	"github.com/chenu/chenu/migrations/replay"
)

var columnRules = []rule{
	{Rule: Rule{"CN221", "serial", "A serial column", themeColumns, Warning}, check: serial},
	{Rule: Rule{"CN222", "char", "A column of type char(n)", themeColumns, Warning},
		check: typed("bpchar", "pads what is stored with blanks", "text")},
	{Rule: Rule{"CN223", "json", "A column of type json", themeColumns, Warning},
		check: typed("json", "has no equality, and is parsed anew at each reading", "jsonb")},
	{Rule: Rule{"CN224", "timestamp", "A column of type timestamp without time zone", themeColumns, Warning},
		check: typed("timestamp", "does not say which moment is meant", "timestamptz")},
	{Rule: Rule{"CN225", "varchar-limit", "A column of type varchar(n)", themeColumns, Warning}, check: varcharLimit},
	{Rule: Rule{"CN226", "small-key", "A primary key that runs out of numbers", themeColumns, Warning}, check: smallKey},
	{Rule: Rule{"CN227", "money", "A column of type money", themeColumns, Warning},
		check: typed("money", "changes its meaning with the server's lc_monetary", "numeric")},
}

// columns calls fn for each column that is added or gets another type. A table
// is given with its name alone.
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

// typed makes the check for columns of one type of Postgres' own.
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
			p.report(i, fmt.Sprintf("Column %s is %s: its sequence has owner and privileges of its own, and anyone may write any number.", columnName(table, c), typeName(c.GetTypeName())),
				catalog.Ident(c.GetColname())+" bigint GENERATED ALWAYS AS IDENTITY")
		}
	})
}

func varcharLimit(p *pass) {
	p.columns(func(i int, table *pg.RangeVar, c *pg.ColumnDef) {
		if typeName(c.GetTypeName()) == "varchar" && len(c.GetTypeName().GetTypmods()) > 0 {
			n := c.GetTypeName().GetTypmods()[0].GetAConst().GetIval().GetIval()
			column := catalog.Ident(c.GetColname())
			p.report(i, fmt.Sprintf("Column %s is varchar(%d): to lower the limit later, the table must be read and locked.", columnName(table, c), n),
				fmt.Sprintf("%s text CONSTRAINT %s CHECK (char_length(%[1]s) <= %[3]d)", column, catalog.Ident(table.GetRelname()+"_"+c.GetColname()+"_length"), n))
		}
	})
}

// smallKey concerns keys that are counted up; a key of several columns is not.
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
			p.report(i, fmt.Sprintf("The primary key %s is %s, and to change that later is to write the table and all that refer to it anew.", columnName(table, c), typeSQL(c.GetTypeName())),
				catalog.Ident(c.GetColname())+" bigint, or uuid")
		}
	})
}
