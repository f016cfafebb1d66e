package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/postgres/catalog"
)

// tables turns the changes of Atlas into steps. Atlas would alter a table in one statement. Here
// each statement has one purpose and its place in the order, so that a reviewer sees its locks, and
// so that keys of several tables fit together.
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
			p.refuse("%T: write the migration manually", c)
		}
		if err != nil {
			return err
		}
	}
	for _, l := range p.links { // now it is known which keys are built late
		if err := p.link(ctx, l); err != nil {
			return err
		}
	}
	if len(added) > 0 {
		return p.atlas(ctx, phaseTables, "", added...)
	}
	return nil
}

// atlas adds the statements that Atlas plans for the changes.
func (p *planning) atlas(ctx context.Context, at phase, note string, changes ...schema.Change) error {
	planned, err := p.driver.PlanChanges(ctx, "plan", changes, func(o *migrate.PlanOptions) {
		if at == phaseTables {
			o.Indent = "    "
		}
	})
	if err != nil {
		return fmt.Errorf("plan tables: %w", err)
	}
	for _, c := range planned.Changes {
		if strings.HasPrefix(c.Cmd, "COMMENT ON ") {
			p.add(phaseComments, c.Cmd, "")
		} else {
			p.add(at, c.Cmd, note)
		}
	}
	return nil
}

// alter is like atlas, for parts of the change of one table.
func (p *planning) alter(ctx context.Context, at phase, note string, t *schema.Table, parts ...schema.Change) error {
	if len(parts) == 0 {
		return nil
	}
	return p.atlas(ctx, at, note, &schema.ModifyTable{T: t, Changes: parts})
}

// dropSchema drops a schema with its tables, without CASCADE: other objects in it have separate steps, or the plan
// fails.
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
	drop := step{phase: phaseTableDrops, sql: "DROP TABLE " + tableName(t), destroys: "table " + tableName(t)}
	for _, change := range changes {
		if add, ok := change.(*schema.AddTable); ok && alike(t, add.T) {
			drop.successor = "table " + tableName(add.T)
			drop.filling = "INSERT INTO " + tableName(add.T) + " … SELECT … FROM " + tableName(t) + " … ON CONFLICT DO NOTHING, in a migration that you write"
		}
	}
	p.steps = append(p.steps, drop)
	p.removeTable(t.Schema.Name, t.Name)
}

// alike reports whether two tables have the same columns.
func alike(a, b *schema.Table) bool {
	return len(a.Columns) == len(b.Columns) && !slices.ContainsFunc(a.Columns, func(c *schema.Column) bool {
		same, ok := b.Column(c.Name)
		return !ok || typeOf(same) != typeOf(c)
	})
}

// changesKeys reports whether the keys of a table change, so that foreign keys to it must be
// dropped first.
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

// removeTable removes a dropped table, its partitions and their dependents from the current
// objects.
func (p *planning) removeTable(schemaName, name string) {
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
				p.removeTable(o.Schema, o.Name)
			}
		}
	}
	// Sequences of identity columns have their own privileges.
	for _, d := range p.current.State.Dependencies {
		if d.Of.Kind == catalog.KindSequence && d.On.Schema == schemaName && d.On.Name == name {
			delete(p.work, catalog.PrivilegesOf(d.Of))
		}
	}
}

// declared returns the table with expressions in their declared form. An expression that is not declared keeps the form
// of Postgres.

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
			fk.RefTable = &as // Atlas recognizes a self-reference by the pointer
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

// brief removes the default actions of a foreign key.
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
