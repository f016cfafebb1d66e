package planner

import (
	"context"
	"errors"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/catalog"
)

// backfill gives a column of existing rows a value.
type backfill struct {
	column     *schema.Column
	expression string
	added      bool // the column is new
	constant   bool // the expression names no column of the row
}

// needsValue says whether existing rows would be without a value in the new
// column: it is NOT NULL, and neither default, generation nor identity fills it.
func needsValue(c *schema.Column) bool {
	if c.Type.Null || c.Default != nil {
		return false
	}
	if _, ok := c.Type.Type.(*postgres.SerialType); ok {
		return false
	}
	for _, a := range c.Attrs {
		switch a.(type) {
		case *schema.GeneratedExpr, *postgres.Identity:
			return false
		}
	}
	return true
}

// backfill finds the declared expression, or refuses the plan.
func (p *planning) backfill(t *schema.Table, column string) (string, bool) {
	expression, ok := lookup(t, column, p.in.Backfills, p.declaration.Backfills)
	if !ok {
		p.refuse("column %s.%s becomes NOT NULL, but which value existing rows get is not declared: "+
			"annotate the field with policies.Backfill(\"<SQL expression>\"), or give --backfill '%s.%s=<SQL expression>'",
			tableName(t), catalog.Ident(column), t.Name, column)
	}
	return expression, ok
}

// checkConstant finds out whether the expression stands by itself, without a
// row. Postgres decides, in the desired database, where its functions exist.
func (p *planning) checkConstant(ctx context.Context, b *backfill) error {
	_, err := p.driver.ExecContext(ctx, "SELECT ("+b.expression+") WHERE false")
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return nil
	}
	b.constant = err == nil
	return err
}

// backfills adds the steps for one table's columns. A new column whose value
// names no other column comes with it as a default that is taken away at
// once: Postgres stores such a value once for all rows, so that no row is
// written, no trigger fires and an append-only table stays as it is. Other
// values need an UPDATE, which the table's policies would keep from the owner.
// https://www.postgresql.org/docs/current/ddl-alter.html#DDL-ALTER-ADDING-A-COLUMN
func (p *planning) backfills(ctx context.Context, t *schema.Table, all []backfill) error {
	var updated []backfill
	for _, b := range all {
		switch {
		case b.added && b.constant:
			filled := *b.column
			filled.Default = &schema.RawExpr{X: b.expression}
			if err := p.alter(ctx, phaseColumns, "Existing rows get the value; new rows must bring their own.", t, &schema.AddColumn{C: &filled}); err != nil {
				return err
			}
			change := &schema.ModifyColumn{From: &filled, To: b.column, Change: schema.ChangeDefault}
			if err := p.alter(ctx, phaseColumns, "", t, change); err != nil {
				return err
			}
		case b.added:
			if err := p.alter(ctx, phaseColumns, "", t, &schema.AddColumn{C: nullable(b.column)}); err != nil {
				return err
			}
			fallthrough
		default:
			updated = append(updated, b)
		}
	}
	if len(updated) == 0 {
		return nil
	}
	if slices.Contains(p.declaration.AppendOnly, t.Schema.Name+"."+t.Name) {
		for _, b := range updated {
			p.refuse("column %s.%s cannot be filled by an UPDATE, which the append-only table refuses: "+
				"add it as a new column with a backfill that names no other column, or leave it nullable", tableName(t), catalog.Ident(b.column.Name))
		}
		return nil
	}
	restore := p.unforce(phaseBackfills, "The owner's policies would hide the rows from the UPDATE: FORCE is off for it.", t.Schema.Name, t.Name)
	p.add(phaseBackfills, update(t, updated), "Fills existing rows; the table's triggers fire for each.")
	restore()
	for _, b := range updated {
		if !b.added {
			continue // its change to NOT NULL is planned with its table
		}
		if err := p.alter(ctx, phaseBackfills, "", t, &schema.ModifyColumn{From: nullable(b.column), To: b.column, Change: schema.ChangeNull}); err != nil {
			return err
		}
	}
	return nil
}

// update is one statement for all of a table's columns, which leaves values
// that are there alone.
func update(t *schema.Table, columns []backfill) string {
	var sets, missing []string
	for _, b := range columns {
		name, expression := catalog.Ident(b.column.Name), b.expression
		if len(columns) > 1 {
			expression = "coalesce(" + name + ", " + expression + ")"
		}
		sets = append(sets, name+" = "+expression)
		missing = append(missing, name+" IS NULL")
	}
	return "UPDATE " + tableName(t) + " SET " + strings.Join(sets, ", ") + " WHERE " + strings.Join(missing, " OR ")
}

func nullable(c *schema.Column) *schema.Column {
	as, kind := *c, *c.Type
	kind.Null = true
	as.Type = &kind
	return &as
}
