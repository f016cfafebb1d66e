package review

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
)

// mayFail returns the conditions of existing rows under which a statement can fail. Tables that the file creates are
// empty and not considered.
func mayFail(file *replay.File, s *replay.Statement) []string {
	n := s.Node
	f := failures{file: file, effects: s.Effects}
	switch {
	case n.GetAlterTableStmt() != nil:
		f.alterTable(n.GetAlterTableStmt())
	case n.GetIndexStmt() != nil:
		f.index(n.GetIndexStmt())
	case n.GetUpdateStmt() != nil:
		f.write(n.GetUpdateStmt().GetRelation(), "if a new value violates a constraint of %s, or a trigger rejects it")
	case n.GetInsertStmt() != nil:
		f.write(n.GetInsertStmt().GetRelation(), "if a new row violates a constraint of %s, duplicates a key, or a trigger rejects it")
	case n.GetDeleteStmt() != nil:
		f.write(n.GetDeleteStmt().GetRelation(), "if other rows refer to a deleted row, or a trigger of %s rejects it")
	case n.GetTruncateStmt() != nil:
		for _, r := range n.GetTruncateStmt().GetRelations() {
			f.write(r.GetRangeVar(), "if a trigger of %s rejects it")
		}
	case n.GetRefreshMatViewStmt() != nil:
		f.write(n.GetRefreshMatViewStmt().GetRelation(), "if the query of %s fails on a row")
	case n.GetDoStmt() != nil, n.GetCallStmt() != nil:
		f.all = append(f.all, "depending on its code and the existing rows")
	case n.GetAlterDomainStmt() != nil:
		f.domain(n.GetAlterDomainStmt())
	case n.GetCreateStmt() != nil && n.GetCreateStmt().GetPartbound() != nil:
		for _, parent := range n.GetCreateStmt().GetInhRelations() {
			f.write(parent.GetRangeVar(), "if the default partition of %s has rows for the new partition")
		}
	}
	return f.all
}

// domain adds the possible failures of ALTER DOMAIN. Only a new constraint and a validated one are checked against values.
func (f *failures) domain(s *pg.AlterDomainStmt) {
	switch s.GetSubtype() {
	case "C": // ADD CONSTRAINT
		if !s.GetDef().GetConstraint().GetSkipValidation() {
			f.all = append(f.all, "if a value of the domain violates the new constraint")
		}
	case "V": // VALIDATE CONSTRAINT
		f.all = append(f.all, "if a value of the domain violates "+s.GetName())
	case "O": // SET NOT NULL
		f.all = append(f.all, "if a value of the domain is NULL")
	}
}

type failures struct {
	file    *replay.File
	effects []dev.Effect
	all     []string
}

// write adds a possible failure for a table that existed before the file; %s is its name.
func (f *failures) write(table *pg.RangeVar, how string) {
	if name := replay.Name(table); f.file.Existed[name] {
		f.all = append(f.all, strings.ReplaceAll(how, "%s", name))
	}
}

func (f *failures) index(s *pg.IndexStmt) {
	if s.GetUnique() {
		f.write(s.GetRelation(), "if rows of %s have the same key")
	}
	for _, p := range s.GetIndexParams() {
		if p.GetIndexElem().GetExpr() != nil {
			f.write(s.GetRelation(), "if the expression fails on a row of %s")
			return
		}
	}
}

func (f *failures) alterTable(s *pg.AlterTableStmt) {
	table := s.GetRelation()
	for _, node := range s.GetCmds() {
		c := node.GetAlterTableCmd()
		switch c.GetSubtype() {
		case pg.AlterTableType_AT_AddColumn:
			f.column(table, c.GetDef().GetColumnDef())
		case pg.AlterTableType_AT_SetNotNull:
			// If a validated check proves that there is no NULL, Postgres does not scan.
			if slices.ContainsFunc(f.effects, func(e dev.Effect) bool { return e.Scanned }) {
				f.write(table, "if a row of %s has NULL in "+c.GetName())
			}
		case pg.AlterTableType_AT_AlterColumnType:
			f.conversion(table, c.GetName(), c.GetDef().GetColumnDef())
		case pg.AlterTableType_AT_SetExpression:
			f.write(table, "if the expression of "+c.GetName()+" fails on a row of %s")
		case pg.AlterTableType_AT_AddConstraint:
			f.constraint(table, c.GetDef().GetConstraint(), "")
		case pg.AlterTableType_AT_ValidateConstraint:
			f.write(table, "if a row of %s violates "+c.GetName())
		case pg.AlterTableType_AT_AttachPartition:
			f.write(c.GetDef().GetPartitionCmd().GetName(), "if a row of %s is outside the bounds")
		default:
		}
	}
}

// column adds the failures of a new column.
func (f *failures) column(table *pg.RangeVar, c *pg.ColumnDef) {
	var notNull, filled bool
	for _, node := range c.GetConstraints() {
		constraint := node.GetConstraint()
		switch constraint.GetContype() {
		case pg.ConstrType_CONSTR_NOTNULL:
			notNull = true
		case pg.ConstrType_CONSTR_DEFAULT:
			filled = true
		case pg.ConstrType_CONSTR_IDENTITY:
			filled = true
		case pg.ConstrType_CONSTR_GENERATED:
			filled = true
			f.write(table, "if the expression of "+c.GetColname()+" fails on a row of %s")
		case pg.ConstrType_CONSTR_CHECK, pg.ConstrType_CONSTR_FOREIGN, pg.ConstrType_CONSTR_UNIQUE, pg.ConstrType_CONSTR_PRIMARY:
			f.constraint(table, constraint, c.GetColname())
		default:
		}
	}
	for _, name := range c.GetTypeName().GetNames() {
		filled = filled || strings.HasSuffix(name.GetString_().GetSval(), "serial")
	}
	if notNull && !filled {
		f.write(table, "if %s has rows, because the column has no default")
	}
}

// conversion adds the failures of a change of type. There are none if Postgres reads no value, or
// if every value of the old type is valid in the new type.
func (f *failures) conversion(table *pg.RangeVar, name string, c *pg.ColumnDef) {
	looked := slices.ContainsFunc(f.effects, func(e dev.Effect) bool { return e.Table == replay.Name(table) && (e.Rewritten || e.Scanned) })
	if !looked || c.GetRawDefault() == nil && slices.Contains(wider[f.columnType(table, name)], typeName(c)) {
		return
	}
	f.write(table, "if a value of "+name+" in %s cannot be converted")
}

// wider maps a type to the types that contain all its values, by the names of format_type and of
// the parser.
var wider = map[string][]string{
	"smallint": {"int4", "int8", "numeric", "float4", "float8"},
	"integer":  {"int8", "numeric", "float8"},
	"bigint":   {"numeric"},
	"real":     {"float8"},
}

// columnType returns the type of a column before the file, without modifiers.
func (f *failures) columnType(table *pg.RangeVar, name string) string {
	for _, d := range f.file.Before.State.Details {
		if d.Of.Kind == catalog.KindColumn && d.Of.Qualified() == replay.Name(table) && d.Of.Sub == name {
			word, _, _ := strings.Cut(d.Definition, " ")
			return word
		}
	}
	return ""
}

// typeName returns the last part of the name of a column's type. It returns "" if the type has modifiers.
func typeName(c *pg.ColumnDef) string {
	names := c.GetTypeName().GetNames()
	if len(names) == 0 || len(c.GetTypeName().GetTypmods()) > 0 || len(c.GetTypeName().GetArrayBounds()) > 0 {
		return ""
	}
	return names[len(names)-1].GetString_().GetSval()
}

func (f *failures) constraint(table *pg.RangeVar, c *pg.Constraint, column string) {
	name := c.GetConname()
	if name == "" {
		name = "the constraint"
	}
	switch c.GetContype() {
	case pg.ConstrType_CONSTR_CHECK:
		switch {
		case c.GetSkipValidation():
		case column != "":
			f.write(table, "if %s has rows whose value in "+column+" violates "+name)
		default:
			f.write(table, "if a row of %s violates "+name)
		}
	case pg.ConstrType_CONSTR_FOREIGN:
		// A new column without a default is NULL and refers to no row.
		if !c.GetSkipValidation() && column == "" {
			f.write(table, "if a row of %s refers to a row that "+replay.Name(c.GetPktable())+" does not contain")
		}
	case pg.ConstrType_CONSTR_UNIQUE:
		if c.GetIndexname() == "" && column == "" {
			f.write(table, "if rows of %s have the same key")
		}
	case pg.ConstrType_CONSTR_PRIMARY:
		if c.GetIndexname() == "" {
			f.write(table, "if rows of %s have the same key, or NULL in a key column")
		} else {
			f.write(table, "if a row of %s has NULL in a key column")
		}
	case pg.ConstrType_CONSTR_EXCLUSION:
		f.write(table, "if rows of %s conflict with each other")
	case pg.ConstrType_CONSTR_NOTNULL: // PostgreSQL 18
		if !c.GetSkipValidation() {
			f.write(table, "if a row of %s has NULL in the column")
		}
	default:
	}
}

// writes returns the tables whose rows the statement itself changes. Writes of triggers and
// functions are visible only through their locks.
func writes(n *pg.Node) []string {
	switch {
	case n.GetUpdateStmt() != nil:
		return []string{replay.Name(n.GetUpdateStmt().GetRelation())}
	case n.GetInsertStmt() != nil:
		return []string{replay.Name(n.GetInsertStmt().GetRelation())}
	case n.GetDeleteStmt() != nil:
		return []string{replay.Name(n.GetDeleteStmt().GetRelation())}
	case n.GetMergeStmt() != nil:
		return []string{replay.Name(n.GetMergeStmt().GetRelation())}
	case n.GetTruncateStmt() != nil:
		var all []string
		for _, r := range n.GetTruncateStmt().GetRelations() {
			all = append(all, replay.Name(r.GetRangeVar()))
		}
		return all
	}
	return nil
}
