package plan

import (
	"context"
	"fmt"
	"slices"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/postgres/catalog"
)

// modification is the change of one table, split into parts by the phase of their statements. Parts that need separate
// statements, such as indexes that are built concurrently, are added to the plan immediately and are not kept here.
type modification struct {
	*planning
	table *schema.Table
	// parts are the changes of the table, and all the changes of all tables.
	parts, all []schema.Change
	// concurrently reports whether an index of the table is built concurrently. The old indexes
	// of the table are then dropped after the build.
	concurrently bool

	unlink, unbuild, columns, notNull, keys, comments []schema.Change

	backfilled []backfill
	checks     []*schema.Check
}

// modifyTable splits the change of one table into its parts and adds their statements.
func (p *planning) modifyTable(ctx context.Context, change *schema.ModifyTable, all []schema.Change) error {
	m := &modification{planning: p, table: change.T, parts: change.Changes, all: all}
	m.concurrently = slices.ContainsFunc(m.parts, func(part schema.Change) bool {
		add, ok := part.(*schema.AddIndex)
		return ok && p.buildsConcurrently(m.table, add.I, all)
	})
	for _, part := range m.parts {
		if err := m.split(ctx, part); err != nil {
			return err
		}
	}
	return m.addStatements(ctx)
}

// split takes one part of the change. It refuses the plan if it does not know the kind.
func (m *modification) split(ctx context.Context, part schema.Change) error {
	switch part.(type) {
	case *schema.AddAttr, *schema.ModifyAttr:
		m.comments = append(m.comments, part)
	case *schema.AddForeignKey, *schema.ModifyForeignKey, *schema.DropForeignKey:
		m.splitForeignKey(part)
	case *schema.AddPrimaryKey, *schema.ModifyPrimaryKey, *schema.DropPrimaryKey:
		return m.splitPrimaryKey(ctx, part)
	case *schema.AddCheck, *schema.ModifyCheck, *schema.DropCheck:
		m.splitCheck(part)
	case *schema.AddIndex, *schema.ModifyIndex, *schema.DropIndex:
		return m.splitIndex(ctx, part)
	case *schema.AddColumn, *schema.ModifyColumn, *schema.DropColumn:
		return m.splitColumn(ctx, part)
	default:
		m.refuse("table %s: %T: write the migration manually", tableName(m.table), part)
	}
	return nil
}

// splitForeignKey drops a foreign key before the keys change. It adds a foreign key when it is known which keys are
// built late: see [planning.tables].
func (m *modification) splitForeignKey(part schema.Change) {
	add := func(fk *schema.ForeignKey) {
		m.links = append(m.links, link{m.table, &schema.AddForeignKey{F: brief(fk)}})
	}
	switch c := part.(type) {
	case *schema.AddForeignKey:
		add(c.F)
	case *schema.ModifyForeignKey:
		m.unlink = append(m.unlink, &schema.DropForeignKey{F: c.From})
		add(c.To)
	case *schema.DropForeignKey:
		m.unlink = append(m.unlink, c)
	}
}

// splitPrimaryKey creates the primary key from an index that is built before, or in one statement if that is not
// possible.
func (m *modification) splitPrimaryKey(ctx context.Context, part schema.Change) error {
	switch c := part.(type) {
	case *schema.AddPrimaryKey:
		online, err := m.primaryKey(ctx, m.table, nil, c.P, m.all)
		if err != nil || online {
			return err
		}
		m.keys = append(m.keys, c)
	case *schema.ModifyPrimaryKey:
		if commentOnly(c.Change) {
			m.refuse("the comment of the primary key of %s differs: write the migration manually", tableName(m.table))
			return nil
		}
		online, err := m.primaryKey(ctx, m.table, c.From, c.To, m.all)
		if err != nil || online {
			return err
		}
		m.unbuild = append(m.unbuild, &schema.DropPrimaryKey{P: c.From})
		m.keys = append(m.keys, &schema.AddPrimaryKey{P: c.To})
	case *schema.DropPrimaryKey:
		m.unbuild = append(m.unbuild, c)
	}
	return nil
}

// splitCheck drops a check before the columns change and adds one afterwards.
func (m *modification) splitCheck(part schema.Change) {
	switch c := part.(type) {
	case *schema.AddCheck:
		m.checks = append(m.checks, c.C)
	case *schema.ModifyCheck:
		m.unbuild = append(m.unbuild, &schema.DropCheck{C: c.From})
		m.checks = append(m.checks, c.To)
	case *schema.DropCheck:
		m.unbuild = append(m.unbuild, c)
	}
}

// splitIndex builds an index concurrently if that is possible, and drops the old index only
// after the build.
func (m *modification) splitIndex(ctx context.Context, part schema.Change) error {
	switch c := part.(type) {
	case *schema.AddIndex:
		if m.buildsConcurrently(m.table, c.I, m.all) {
			return m.addIndex(ctx, m.table, c.I)
		}
		m.keys = append(m.keys, &schema.AddIndex{I: m.declaredIndex(m.table, c.I)})
	case *schema.ModifyIndex:
		switch {
		case commentOnly(c.Change):
			m.comments = append(m.comments, c)
		case m.buildsConcurrently(m.table, c.To, m.all) && constraint(c.From) == nil && constraint(c.To) == nil:
			return m.replaceIndex(ctx, m.table, c.To)
		default:
			m.unbuild = append(m.unbuild, &schema.DropIndex{I: c.From})
			m.keys = append(m.keys, &schema.AddIndex{I: m.declaredIndex(m.table, c.To)})
		}
	case *schema.DropIndex:
		if m.concurrently && !partitioned(m.table) {
			return m.dropIndex(ctx, m.table, c)
		}
		m.unbuild = append(m.unbuild, c)
	}
	return nil
}

// splitColumn adds, changes or drops a column.
func (m *modification) splitColumn(ctx context.Context, part schema.Change) error {
	switch c := part.(type) {
	case *schema.AddColumn:
		return m.addColumn(ctx, c)
	case *schema.ModifyColumn:
		return m.modifyColumn(ctx, c)
	case *schema.DropColumn:
		m.dropColumn(m.table, c.C, m.parts)
	}
	return nil
}

// addColumn adds a column: at once if Postgres fills it, and otherwise with a backfill.
func (m *modification) addColumn(ctx context.Context, c *schema.AddColumn) error {
	b, fill, err := m.newColumn(ctx, m.table, c.C)
	if err != nil {
		return err
	}
	switch {
	case !fill:
		m.columns = append(m.columns, &schema.AddColumn{C: b.column})
	case b.expression != "":
		m.backfilled = append(m.backfilled, b)
	}
	return nil
}

// modifyColumn splits the change of a column: NOT NULL follows the backfill, comments have separate statements, and the
// rest is one statement.
func (m *modification) modifyColumn(ctx context.Context, c *schema.ModifyColumn) error {
	column := m.declaredColumn(m.table, c.To)
	kind := c.Change
	if kind.Is(schema.ChangeNull) && !column.Type.Null && generated(column) == "" {
		if expression, ok := m.backfill(m.table, column.Name); ok {
			m.backfilled = append(m.backfilled, backfill{column: column, expression: expression})
		}
		m.notNull = append(m.notNull, &schema.ModifyColumn{From: c.From, To: column, Change: schema.ChangeNull})
		kind &^= schema.ChangeNull
	}
	if kind.Is(schema.ChangeComment) {
		m.comments = append(m.comments, &schema.ModifyColumn{From: c.From, To: column, Change: schema.ChangeComment})
		kind &^= schema.ChangeComment
	}
	if kind.Is(schema.NoChange) {
		return nil
	}
	modify := &schema.ModifyColumn{From: c.From, To: column, Change: kind}
	m.columns = append(m.columns, modify)
	if kind.Is(schema.ChangeType) {
		return m.convert(ctx, m.table, modify)
	}
	return nil
}

// addStatements adds the statements of the parts, in the order in which they depend on each other.
func (m *modification) addStatements(ctx context.Context) error {
	if err := m.alterParts(ctx, alteration{phaseUnlink, m.unlink}, alteration{phaseUnbuild, m.unbuild}, alteration{phaseColumns, m.columns}); err != nil {
		return err
	}
	filled, err := m.backfills(ctx, m.table, m.backfilled, m.notNull)
	if err != nil {
		return err
	}
	if err := m.alterParts(ctx, alteration{phaseKeys, m.keys}, alteration{phaseComments, m.comments}); err != nil {
		return err
	}
	for _, c := range m.checks {
		at := phaseKeys
		if slices.ContainsFunc(checkColumns(c), func(name string) bool { return filled[name] }) {
			at = phaseHold // rows that are not filled yet may violate it
		}
		if err := m.addCheck(ctx, at, m.table, c); err != nil {
			return err
		}
	}
	return nil
}

// alteration is the parts of the change whose statements belong to one phase.
type alteration struct {
	at    phase
	parts []schema.Change
}

// alterParts adds the statements of the alterations.
func (m *modification) alterParts(ctx context.Context, alterations ...alteration) error {
	for _, a := range alterations {
		if err := m.alter(ctx, a.at, "", m.table, a.parts...); err != nil {
			return err
		}
	}
	return nil
}

// commentOnly reports whether nothing but a comment differs.
func commentOnly(kind schema.ChangeKind) bool { return kind == schema.ChangeComment }

// newColumn returns how a new column is filled, without an expression if none was declared. It returns false if no row
// has to be filled, because Postgres fills it or the column may be NULL.
func (p *planning) newColumn(ctx context.Context, t *schema.Table, c *schema.Column) (backfill, bool, error) {
	b := backfill{column: p.declaredColumn(t, c), added: true}
	required := needsValue(b.column)
	var known bool
	if required {
		b.expression, known = p.backfill(t, c.Name)
	} else {
		b.expression, known = defaultOf(b.column)
	}
	if known {
		if err := p.examine(ctx, &b); err != nil {
			return backfill{}, false, err
		}
	}
	return b, required || b.rewrites && !p.appendOnly(t), nil
}

// dropColumn drops a column. If a column of the same type is added, the plan names it as the
// place for the values.
func (p *planning) dropColumn(t *schema.Table, c *schema.Column, changes []schema.Change) {
	drop := step{
		phase: phaseTableDrops, destroys: columnKey(t, c.Name).String(),
		sql: "ALTER TABLE " + tableName(t) + " DROP COLUMN " + catalog.Ident(c.Name),
	}
	for _, change := range changes {
		if add, ok := change.(*schema.AddColumn); ok && typeOf(add.C) == typeOf(c) && generated(add.C) == "" {
			drop.successor = columnKey(t, add.C.Name).String()
			drop.filling = fmt.Sprintf("--backfill '%s.%s=%s' when it becomes NOT NULL", t.Name, add.C.Name, catalog.Ident(c.Name))
			break
		}
	}
	p.steps = append(p.steps, drop)
	delete(p.work, catalog.PrivilegesOf(columnKey(t, c.Name)))
}

// convert adds the declared expression to a change of type.
func (p *planning) convert(ctx context.Context, t *schema.Table, c *schema.ModifyColumn) error {
	using, ok := lookup(t, c.To.Name, p.in.Conversions, p.declaration.Conversions)
	if !ok {
		return nil
	}
	c.Extra = append(c.Extra, &postgres.ConvertUsing{X: using})
	if c.From.Default == nil {
		return nil
	}
	// The expression converts values, not the default.
	if c.To.Default != nil {
		c.Change |= schema.ChangeDefault
	} else {
		c.Change &^= schema.ChangeDefault
	}
	bare := *c.From
	bare.Default = nil
	return p.alter(ctx, phaseUnbuild, "", t, &schema.ModifyColumn{From: c.From, To: &bare, Change: schema.ChangeDefault})
}
