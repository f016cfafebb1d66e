package planner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/migrations/catalog"
)

// tables turns Atlas' changes into steps. Atlas would alter a table in one
// statement; here each statement has one intent and its place among the
// others, so that a reviewer sees what each one locks, and so that keys fit
// together across tables.
func (p *planning) tables(ctx context.Context, changes []schema.Change) error {
	var added []schema.Change
	for _, change := range changes {
		var err error
		switch c := change.(type) {
		case *schema.AddSchema:
			err = p.atlas(ctx, phaseSchemas, "", c)
		case *schema.ModifySchema:
			err = p.atlas(ctx, phaseComments, "", c)
		case *schema.DropSchema:
			p.dropSchema(c.S)
		case *schema.AddTable:
			added = append(added, &schema.AddTable{T: p.declaredTable(c.T)})
		case *schema.DropTable:
			p.dropTable(c.T, changes)
		case *schema.ModifyTable:
			err = p.modifyTable(ctx, c, changes)
		default:
			p.refuse("%T: write that migration by hand", c)
		}
		if err != nil {
			return err
		}
	}
	if len(added) > 0 {
		return p.atlas(ctx, phaseTables, "", added...)
	}
	return nil
}

// atlas has Atlas write the statements of changes.
func (p *planning) atlas(ctx context.Context, at phase, note string, changes ...schema.Change) error {
	plan, err := p.driver.PlanChanges(ctx, "plan", changes, func(o *migrate.PlanOptions) {
		if at == phaseTables {
			o.Indent = "    "
		}
	})
	if err != nil {
		return fmt.Errorf("plan tables: %w", err)
	}
	for _, c := range plan.Changes {
		if strings.HasPrefix(c.Cmd, "COMMENT ON ") {
			p.add(phaseComments, c.Cmd, "")
		} else {
			p.add(at, c.Cmd, note)
		}
	}
	return nil
}

// alter is atlas for parts of one table's change.
func (p *planning) alter(ctx context.Context, at phase, note string, t *schema.Table, parts ...schema.Change) error {
	if len(parts) == 0 {
		return nil
	}
	return p.atlas(ctx, at, note, &schema.ModifyTable{T: t, Changes: parts})
}

// dropSchema drops a schema with its tables. It leaves CASCADE out: whatever
// else is found in it has been planned, or makes the plan fail.
func (p *planning) dropSchema(s *schema.Schema) {
	for _, t := range s.Tables {
		p.dropTable(t, nil)
	}
	p.steps = append(p.steps, step{phase: phaseSchemaDrops, sql: "DROP SCHEMA " + catalog.Ident(s.Name), destroys: "schema " + s.Name})
	delete(p.work, catalog.PrivilegesOf(catalog.Key{Kind: catalog.KindSchema, Name: s.Name}))
}

func (p *planning) dropTable(t *schema.Table, changes []schema.Change) {
	for _, fk := range t.ForeignKeys {
		if fk.RefTable != t && changesKeys(changes, fk.RefTable) {
			p.add(phaseUnlink, "ALTER TABLE "+tableName(t)+" DROP CONSTRAINT "+catalog.Ident(fk.Symbol), "")
		}
	}
	p.steps = append(p.steps, step{phase: phaseTableDrops, sql: "DROP TABLE " + tableName(t), destroys: "table " + tableName(t)})
	p.forgetTable(t.Schema.Name, t.Name)
}

// changesKeys says whether a table's keys change, so that references to it
// must go before.
func changesKeys(changes []schema.Change, t *schema.Table) bool {
	for _, change := range changes {
		m, ok := change.(*schema.ModifyTable)
		if !ok || m.T.Name != t.Name {
			continue
		}
		for _, part := range m.Changes {
			switch part.(type) {
			case *schema.DropPrimaryKey, *schema.ModifyPrimaryKey, *schema.DropIndex, *schema.ModifyIndex:
				return true
			}
		}
	}
	return false
}

// forgetTable takes what goes with a table out of the current objects, and so
// for its partitions.
func (p *planning) forgetTable(schemaName, name string) {
	for key, object := range p.work {
		switch o := object.(type) {
		case *catalog.Trigger, *catalog.Policy, *catalog.Security:
			if key.Schema == schemaName && key.Name == name {
				delete(p.work, key)
			}
		case *catalog.Privileges:
			if o.Of.Kind != catalog.KindFunction && o.Of.Schema == schemaName && o.Of.Name == name {
				delete(p.work, key)
			}
		case *catalog.Partition:
			if o.ParentSchema == schemaName && o.ParentTable == name {
				delete(p.work, key)
				p.forgetTable(o.Schema, o.Name)
			}
		}
	}
	// Sequences of identity columns have privileges of their own.
	for _, d := range p.current.State.Dependencies {
		if d.Of.Kind == catalog.KindSequence && d.On.Schema == schemaName && d.On.Name == name {
			delete(p.work, catalog.PrivilegesOf(d.Of))
		}
	}
}

// modifyTable splits one table's change into its parts.
func (p *planning) modifyTable(ctx context.Context, m *schema.ModifyTable, all []schema.Change) error {
	var (
		t                                 = m.T
		unlink, unbuild, columns, notNull []schema.Change
		keys, links, comments             []schema.Change
		backfilled                        []backfill
		errs                              []error
		do                                = func(err error) { errs = append(errs, err) }
		dropIndex                         = func(i *schema.Index) { unbuild = append(unbuild, &schema.DropIndex{I: i}) }
		addIndex                          = func(i *schema.Index) { keys = append(keys, &schema.AddIndex{I: p.declaredIndex(t, i)}) }
		addCheck                          = func(c *schema.Check) { keys = append(keys, &schema.AddCheck{C: p.declaredCheck(t, c)}) }
		commentOnly                       = func(k schema.ChangeKind) bool { return k == schema.ChangeComment }
		rest                              = m.Changes
	)
	for _, change := range rest {
		switch c := change.(type) {
		case *schema.AddAttr, *schema.ModifyAttr:
			comments = append(comments, c)
		case *schema.DropForeignKey:
			unlink = append(unlink, c)
		case *schema.AddForeignKey:
			links = append(links, &schema.AddForeignKey{F: brief(c.F)})
		case *schema.ModifyForeignKey:
			unlink = append(unlink, &schema.DropForeignKey{F: c.From})
			links = append(links, &schema.AddForeignKey{F: brief(c.To)})
		case *schema.DropPrimaryKey:
			unbuild = append(unbuild, c)
		case *schema.AddPrimaryKey:
			keys = append(keys, c)
		case *schema.ModifyPrimaryKey:
			if commentOnly(c.Change) {
				p.refuse("the comment of the primary key of %s differs: write that migration by hand", tableName(t))
				continue
			}
			unbuild = append(unbuild, &schema.DropPrimaryKey{P: c.From})
			keys = append(keys, &schema.AddPrimaryKey{P: c.To})
		case *schema.DropCheck:
			unbuild = append(unbuild, c)
		case *schema.AddCheck:
			addCheck(c.C)
		case *schema.ModifyCheck:
			unbuild = append(unbuild, &schema.DropCheck{C: c.From})
			addCheck(c.To)
		case *schema.DropIndex:
			dropIndex(c.I)
		case *schema.AddIndex:
			if p.in.ConcurrentIndexes && buildsConcurrently(t, c.I, all) {
				do(p.addConcurrently(ctx, t, c.I))
			} else {
				addIndex(c.I)
			}
		case *schema.ModifyIndex:
			if commentOnly(c.Change) {
				comments = append(comments, c)
				continue
			}
			dropIndex(c.From)
			addIndex(c.To)
		case *schema.AddColumn:
			column := p.declaredColumn(t, c.C)
			if !needsValue(column) {
				columns = append(columns, &schema.AddColumn{C: column})
				continue
			}
			expression, ok := p.backfill(t, column.Name)
			if !ok {
				continue
			}
			b := backfill{column: column, expression: expression, added: true}
			if err := p.checkConstant(ctx, &b); err != nil {
				return err
			}
			backfilled = append(backfilled, b)
		case *schema.ModifyColumn:
			column := p.declaredColumn(t, c.To)
			kind := c.Change
			if kind.Is(schema.ChangeNull) && !column.Type.Null && generated(column) == "" {
				if expression, ok := p.backfill(t, column.Name); ok {
					backfilled = append(backfilled, backfill{column: column, expression: expression})
				}
				notNull = append(notNull, &schema.ModifyColumn{From: c.From, To: column, Change: schema.ChangeNull})
				kind &^= schema.ChangeNull
			}
			if kind.Is(schema.ChangeComment) {
				comments = append(comments, &schema.ModifyColumn{From: c.From, To: column, Change: schema.ChangeComment})
				kind &^= schema.ChangeComment
			}
			if kind.Is(schema.NoChange) {
				continue
			}
			modify := &schema.ModifyColumn{From: c.From, To: column, Change: kind}
			if kind.Is(schema.ChangeType) {
				do(p.convert(ctx, t, modify))
			}
			columns = append(columns, modify)
		case *schema.DropColumn:
			p.dropColumn(t, c.C)
		default:
			p.refuse("table %s: %T: write that migration by hand", tableName(t), c)
		}
	}
	do(p.alter(ctx, phaseUnlink, "", t, unlink...))
	do(p.alter(ctx, phaseUnbuild, "", t, unbuild...))
	do(p.alter(ctx, phaseColumns, "", t, columns...))
	do(p.backfills(ctx, t, backfilled))
	do(p.alter(ctx, phaseBackfills, "", t, notNull...))
	do(p.alter(ctx, phaseKeys, "", t, keys...))
	do(p.alter(ctx, phaseComments, "", t, comments...))
	for _, link := range links {
		do(p.link(ctx, t, link.(*schema.AddForeignKey)))
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *planning) dropColumn(t *schema.Table, c *schema.Column) {
	p.steps = append(p.steps, step{
		phase: phaseTableDrops, destroys: columnKey(t, c.Name).String(),
		sql: "ALTER TABLE " + tableName(t) + " DROP COLUMN " + catalog.Ident(c.Name),
	})
	delete(p.work, catalog.PrivilegesOf(columnKey(t, c.Name)))
}

// convert completes a change of type by what was declared for it.
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

// link adds a foreign key. Postgres validates it with a query that the
// owner's own policies would filter, so FORCE must be off meanwhile.
func (p *planning) link(ctx context.Context, t *schema.Table, c *schema.AddForeignKey) error {
	const note = "Existing rows are checked with a query, which the owner's policies would filter: FORCE is off for it."
	restore := p.unforce(phaseLinks, note, t.Schema.Name, t.Name)
	restoreRef := func() {}
	if c.F.RefTable.Schema != nil && tableName(c.F.RefTable) != tableName(t) {
		restoreRef = p.unforce(phaseLinks, note, c.F.RefTable.Schema.Name, c.F.RefTable.Name)
	}
	err := p.alter(ctx, phaseLinks, "", t, c)
	restoreRef()
	restore()
	return err
}

// unforce lets the owner past the policies of a table that exists, and gives
// what ends that.
func (p *planning) unforce(at phase, note, schemaName, name string) (restore func()) {
	security, ok := p.work[catalog.Key{Kind: catalog.KindSecurity, Schema: schemaName, Name: name}].(*catalog.Security)
	if !ok || !security.Enabled || !security.Forced {
		return func() {}
	}
	table := catalog.Qualify(schemaName, name)
	p.add(at, "ALTER TABLE "+table+" NO FORCE ROW LEVEL SECURITY", note)
	return func() { p.add(at, "ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY", "") }
}

// buildsConcurrently says whether an index of an existing table can be built
// outside the transaction: constraints cannot, nor indexes of partitioned
// tables, nor one that a foreign key of the same plan refers to.
func buildsConcurrently(t *schema.Table, i *schema.Index, all []schema.Change) bool {
	for _, a := range i.Attrs {
		if _, ok := a.(*postgres.Constraint); ok {
			return false
		}
	}
	for _, a := range t.Attrs {
		if _, ok := a.(*postgres.Partition); ok {
			return false
		}
	}
	if !i.Unique {
		return true
	}
	refers := func(fks []*schema.ForeignKey) bool {
		return slices.ContainsFunc(fks, func(fk *schema.ForeignKey) bool { return fk.RefTable.Name == t.Name })
	}
	for _, change := range all {
		switch c := change.(type) {
		case *schema.AddTable:
			if refers(c.T.ForeignKeys) {
				return false
			}
		case *schema.ModifyTable:
			for _, part := range c.Changes {
				if add, ok := part.(*schema.AddForeignKey); ok && refers([]*schema.ForeignKey{add.F}) {
					return false
				}
			}
		}
	}
	return true
}

func (p *planning) addConcurrently(ctx context.Context, t *schema.Table, i *schema.Index) error {
	change := &schema.ModifyTable{T: t, Changes: []schema.Change{
		&schema.AddIndex{I: p.declaredIndex(t, i), Extra: []schema.Clause{&postgres.Concurrently{}}},
	}}
	plan, err := p.driver.PlanChanges(ctx, "plan", []schema.Change{change})
	if err != nil {
		return fmt.Errorf("plan tables: %w", err)
	}
	for _, c := range plan.Changes {
		p.concurrent = append(p.concurrent, step{sql: c.Cmd})
	}
	return nil
}

// The declared forms. What is not found among the declared tables stays as
// Postgres wrote it.

func (p *planning) declared(t *schema.Table) *schema.Table {
	if p.declaration.Tables == nil {
		return nil
	}
	s, ok := p.declaration.Tables.Schema(t.Schema.Name)
	if !ok {
		return nil
	}
	d, _ := s.Table(t.Name)
	return d
}

func (p *planning) declaredTable(t *schema.Table) *schema.Table {
	as := *t
	as.Columns, as.Indexes, as.Attrs, as.ForeignKeys = nil, nil, nil, nil
	for _, fk := range t.ForeignKeys {
		fk = brief(fk)
		fk.Table = &as
		if fk.RefTable == t {
			fk.RefTable = &as // Atlas knows a self-reference by the pointer
		}
		as.ForeignKeys = append(as.ForeignKeys, fk)
	}
	for _, c := range t.Columns {
		as.Columns = append(as.Columns, p.declaredColumn(t, c))
	}
	for _, i := range t.Indexes {
		as.Indexes = append(as.Indexes, p.declaredIndex(t, i))
	}
	for _, a := range t.Attrs {
		if c, ok := a.(*schema.Check); ok {
			a = p.declaredCheck(t, c)
		}
		as.Attrs = append(as.Attrs, a)
	}
	return &as
}

// brief leaves out what a foreign key does anyway.
func brief(fk *schema.ForeignKey) *schema.ForeignKey {
	as := *fk
	if as.OnUpdate == schema.NoAction {
		as.OnUpdate = ""
	}
	if as.OnDelete == schema.NoAction {
		as.OnDelete = ""
	}
	return &as
}

func (p *planning) declaredColumn(t *schema.Table, c *schema.Column) *schema.Column {
	d := p.declared(t)
	if d == nil {
		return c
	}
	from, ok := d.Column(c.Name)
	if !ok {
		return c
	}
	as := *c
	if c.Default != nil && from.Default != nil {
		as.Default = from.Default
	}
	if expression := generated(from); expression != "" {
		as.Attrs = slices.Clone(c.Attrs)
		for i, a := range as.Attrs {
			if _, ok := a.(*schema.GeneratedExpr); ok {
				as.Attrs[i] = &schema.GeneratedExpr{Expr: expression}
			}
		}
	}
	return &as
}

func (p *planning) declaredCheck(t *schema.Table, c *schema.Check) *schema.Check {
	d := p.declared(t)
	if d == nil {
		return c
	}
	for _, a := range d.Attrs {
		if from, ok := a.(*schema.Check); ok && from.Name == c.Name {
			as := *c
			as.Expr = from.Expr
			return &as
		}
	}
	return c
}

func (p *planning) declaredIndex(t *schema.Table, i *schema.Index) *schema.Index {
	d := p.declared(t)
	if d == nil {
		return i
	}
	from, ok := d.Index(i.Name)
	if !ok {
		return i
	}
	as := *i
	as.Attrs = slices.Clone(i.Attrs)
	for n, a := range as.Attrs {
		if _, ok := a.(*postgres.IndexPredicate); !ok {
			continue
		}
		for _, b := range from.Attrs {
			if predicate, ok := b.(*postgres.IndexPredicate); ok {
				as.Attrs[n] = predicate
			}
		}
	}
	if len(from.Parts) == len(i.Parts) {
		as.Parts = nil
		for n, part := range i.Parts {
			if part.X != nil && from.Parts[n].X != nil {
				expression := *part
				expression.X = from.Parts[n].X
				part = &expression
			}
			as.Parts = append(as.Parts, part)
		}
	}
	return &as
}
