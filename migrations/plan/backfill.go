package plan

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/postgres/catalog"
)

// backfill fills a column of existing rows.
type backfill struct {
	column     *schema.Column
	expression string
	added      bool // the column is new
	constant   bool // the expression refers to no column of the row
	rewrites   bool // a new column with this default would rewrite the table
}

// needsValue reports whether a new column is NOT NULL, and neither a default, an expression nor an
// identity fills it.
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

// backfill returns the declared expression, or refuses the plan.
func (p *planning) backfill(t *schema.Table, column string) (string, bool) {
	expression, ok := lookup(t, column, p.in.Backfills, p.declaration.Backfills)
	if !ok {
		p.refuse("column %s.%s becomes NOT NULL, but no value is declared for existing rows: "+
			"annotate the field with policies.Backfill(\"<SQL expression>\"), or give --backfill '%s.%s=<SQL expression>'",
			tableName(t), catalog.Ident(column), t.Name, column)
	}
	return expression, ok
}

// defaultOf returns the default of the column. It reports false if a sequence, identity or
// expression fills it.
func defaultOf(c *schema.Column) (string, bool) {
	if _, serial := c.Type.Type.(*postgres.SerialType); serial || generated(c) != "" {
		return "", false
	}
	switch x := c.Default.(type) {
	case *schema.RawExpr:
		return x.X, true
	case *schema.Literal:
		return x.V, true
	}
	return "", false
}

// examine finds out whether the expression refers to no column, and whether its value differs for
// each row. Postgres decides this in the desired database, where the functions of the expression
// exist.
func (p *planning) examine(ctx context.Context, b *backfill) error {
	_, err := p.driver.ExecContext(ctx, "SELECT ("+b.expression+") WHERE false")
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return nil
	}
	if err != nil {
		return err
	}
	b.constant = true
	if !b.added || p.atOnce {
		return nil
	}
	b.rewrites, err = p.rewrites(ctx, b)
	return err
}

// rewrites adds the column to a temporary table, and reports whether Postgres rewrites it.
func (p *planning) rewrites(ctx context.Context, b *backfill) (_ bool, err error) {
	if _, err := p.driver.ExecContext(ctx, "BEGIN"); err != nil {
		return false, err
	}
	defer func() {
		_, ended := p.driver.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		err = errors.Join(err, ended)
	}()
	file := func() (node int64, err error) {
		rows, err := p.driver.QueryContext(ctx, "SELECT pg_relation_filenode('pg_temp.tried')")
		if err != nil {
			return 0, err
		}
		for rows.Next() {
			err = rows.Scan(&node)
		}
		return node, errors.Join(err, rows.Err(), rows.Close())
	}
	if _, err := p.driver.ExecContext(ctx, "CREATE TEMPORARY TABLE tried ()"); err != nil {
		return false, err
	}
	before, err := file()
	if err != nil {
		return false, err
	}
	_, err = p.driver.ExecContext(ctx, "ALTER TABLE pg_temp.tried ADD COLUMN c "+typeOf(b.column)+" DEFAULT ("+b.expression+")")
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return false, nil // the plan will fail with the reason
	}
	if err != nil {
		return false, err
	}
	after, err := file()
	return before != after, err
}

func (p *planning) appendOnly(t *schema.Table) bool {
	return slices.Contains(p.declaration.AppendOnly, t.Schema.Name+"."+t.Name)
}

// backfills adds the steps for the columns of one table. notNull are the changes of existing
// columns. If the value of a new column refers to no other column, the column is added with this
// value as a default that is dropped at once: Postgres stores such a value once for all rows, so no
// row is written, no trigger fires, and an append-only table can get the column. Other values need
// an UPDATE, from which policies would hide rows. It returns the columns that are filled later.
// https://www.postgresql.org/docs/current/ddl-alter.html#DDL-ALTER-ADDING-A-COLUMN
func (p *planning) backfills(ctx context.Context, t *schema.Table, all []backfill, notNull []schema.Change) (map[string]bool, error) {
	var updated []backfill
	for _, b := range all {
		switch {
		case b.added && b.constant && (!b.rewrites || p.appendOnly(t)):
			filled := *b.column
			filled.Default = &schema.RawExpr{X: b.expression}
			if err := p.alter(ctx, phaseColumns, "Existing rows get this value. New rows must provide a value.", t, &schema.AddColumn{C: &filled}); err != nil {
				return nil, err
			}
			change := &schema.ModifyColumn{From: &filled, To: b.column, Change: schema.ChangeDefault}
			if err := p.alter(ctx, phaseColumns, "", t, change); err != nil {
				return nil, err
			}
			continue
		case b.added:
			empty := nullable(b.column)
			empty.Default = nil
			if err := p.alter(ctx, phaseColumns, "", t, &schema.AddColumn{C: empty}); err != nil {
				return nil, err
			}
			if b.column.Default != nil {
				change := &schema.ModifyColumn{From: empty, To: nullable(b.column), Change: schema.ChangeDefault}
				if err := p.alter(ctx, phaseColumns, "The default applies to new rows. Existing rows are filled later.", t, change); err != nil {
					return nil, err
				}
			}
			if !b.column.Type.Null {
				notNull = append(notNull, &schema.ModifyColumn{From: nullable(b.column), To: b.column, Change: schema.ChangeNull})
			}
		}
		updated = append(updated, b)
	}
	switch {
	case len(updated) == 0:
		return nil, p.alter(ctx, phaseBackfills, "", t, notNull...)
	case p.appendOnly(t):
		for _, b := range updated {
			p.refuse("column %s.%s cannot be filled by UPDATE, because the table is append-only: "+
				"add it as a new column with a backfill that refers to no other column, or keep it nullable", tableName(t), catalog.Ident(b.column.Name))
		}
		return nil, nil
	}
	if reader := p.reader(t, updated); reader != "" {
		restore := p.unforce(phaseBackfills, "Without this, policies would hide rows from the UPDATE.", t.Schema.Name, t.Name)
		disableRowSecurity := p.enableRowSecurity(phaseBackfills, t)
		p.fill(phaseBackfills, t, updated, update(t, updated), "Fills existing rows in one statement. Triggers of the table fire for each row. Batches are not possible, because "+reader+
			" must never read a row that is not filled. To fill in batches, add this dependency in a later migration.")
		disableRowSecurity()
		restore()
		return nil, p.alter(ctx, phaseBackfills, "", t, notNull...)
	}
	restore := p.unforce(phaseFill, "Without this, policies would hide rows from the UPDATE.", t.Schema.Name, t.Name)
	disableRowSecurity := p.enableRowSecurity(phaseFill, t)
	p.fill(phaseFill, t, updated, inBatches(t, updated, true), "Fills existing rows in batches. Each row is locked until its batch commits. Triggers of the table fire for each row.")
	disableRowSecurity()
	restore()
	if len(notNull) > 0 {
		if err := p.requireLate(ctx, t, updated, notNull); err != nil {
			return nil, err
		}
	}
	later := map[string]bool{}
	for _, b := range updated {
		later[b.column.Name] = true
	}
	return later, nil
}

// requireLate sets NOT NULL without a scan under a lock: Postgres accepts a validated check as
// proof.
// https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-SET-DROP-NOT-NULL
func (p *planning) requireLate(ctx context.Context, t *schema.Table, updated []backfill, notNull []schema.Change) error {
	var (
		filled  []backfill
		present []string
	)
	for _, change := range notNull {
		name := change.(*schema.ModifyColumn).To.Name
		present = append(present, catalog.Ident(name)+" IS NOT NULL")
		if i := slices.IndexFunc(updated, func(b backfill) bool { return b.column.Name == name }); i >= 0 {
			filled = append(filled, updated[i])
		}
	}
	table, check := tableName(t), catalog.Ident(shorten(t.Name, "_is_filled"))
	p.add(phaseHold, "ALTER TABLE "+table+" ADD CONSTRAINT "+check+" CHECK ("+strings.Join(present, " AND ")+") NOT VALID",
		"From now on, every row that is written must have a value.")
	p.unforceLate(t.Schema.Name, t.Name)
	disableRowSecurity := p.enableRowSecurity(phaseRefill, t)
	p.fill(phaseRefill, t, filled, inBatches(t, filled, false), "Fills the rows that other sessions wrote while the batches ran.")
	disableRowSecurity()
	p.add(phaseValidate, "ALTER TABLE "+table+" VALIDATE CONSTRAINT "+check, "")
	if err := p.alter(ctx, phaseRequire, "Postgres does not scan the table, because the validated check proves that every row has a value.", t, notNull...); err != nil {
		return err
	}
	p.add(phaseRequire, "ALTER TABLE "+table+" DROP CONSTRAINT IF EXISTS "+check, "")
	return nil
}

// fill adds a statement that fills columns, with a query that fails if policies would hide rows
// from it.
func (p *planning) fill(at phase, t *schema.Table, columns []backfill, sql, note string) {
	var expressions []string
	for _, b := range columns {
		expressions = append(expressions, "("+b.expression+")")
	}
	p.steps = append(p.steps, step{phase: at, sql: sql, note: note, trust: "SELECT " + strings.Join(expressions, ", ") + " FROM " + tableName(t) + " WHERE false"})
}

// enableRowSecurity turns row_security on for what the table's triggers write; the returned function
// turns it off. Migrations run with row_security off, so that a statement fails if a policy would
// hide rows from it, including statements in SECURITY DEFINER functions.
func (p *planning) enableRowSecurity(at phase, t *schema.Table) (end func()) {
	state, local := p.work, "LOCAL "
	if at.part() != partMain {
		state, local = p.want, ""
	}
	triggers := false
	for key, object := range state {
		if _, ok := object.(*catalog.Trigger); ok && key.Schema == t.Schema.Name && key.Name == t.Name {
			triggers = true
		}
	}
	if !triggers {
		return func() {}
	}
	p.add(at, "SET "+local+"row_security = on", "Triggers of the table write to tables with policies, which fails while row_security is off.")
	return func() { p.add(at, "SET "+local+"row_security = off", "") }
}

// reader returns an object that must not read the columns before they are filled, such as a policy,
// which would hide or show the wrong rows; "" if there is none.
func (p *planning) reader(t *schema.Table, columns []backfill) string {
	for _, b := range columns {
		for _, of := range p.desired.State.Dependents(columnKey(t, b.column.Name)) {
			if of.Kind == catalog.KindPolicy {
				return of.String()
			}
		}
		if d, ok := p.desired.Table(t.Schema.Name, t.Name); ok && d.PrimaryKey != nil && slices.Contains(indexColumns(d.PrimaryKey), b.column.Name) {
			return "the primary key"
		}
	}
	return ""
}

// update returns one statement for all columns of a table, which keeps existing values.
func update(t *schema.Table, columns []backfill) string {
	sets, missing := assignments(columns)
	return "UPDATE " + tableName(t) + " SET " + sets + " WHERE " + missing
}

func assignments(columns []backfill) (sets, missing string) {
	var all, conditions []string
	for _, b := range columns {
		name, expression := catalog.Ident(b.column.Name), b.expression
		if len(columns) > 1 {
			expression = "coalesce(" + name + ", " + expression + ")"
		}
		all = append(all, name+" = "+expression)
		conditions = append(conditions, name+" IS NULL")
	}
	return strings.Join(all, ", "), strings.Join(conditions, " OR ")
}

// batchBlocks is the number of blocks that one batch fills: some hundred rows, which take about ten
// milliseconds, or about a hundred if each row is audited (0.2 ms).
const batchBlocks = 16

// inBatches returns an update in batches, each of which commits, over ranges of blocks: one pass reads the table once,
// with TID range scans. The next pass fills rows that moved meanwhile. The first statement skips rows that other
// sessions have locked, so that neither waits for the other; the second waits for them. The statement can be run again.
func inBatches(t *schema.Table, columns []backfill, first bool) string {
	sets, missing := assignments(columns)
	if len(columns) > 1 {
		missing = "(" + missing + ")"
	}
	table := tableName(t)
	condition := missing + "\n    AND ctid >= format('(%s,0)', fill.low)::tid AND ctid < format('(%s,0)', fill.low + fill.batch)::tid"
	unlocked := ""
	if first {
		unlocked = "\n    AND (tableoid, ctid) IN (\n        SELECT tableoid, ctid FROM " + table + "\n        WHERE " +
			strings.ReplaceAll(condition, "\n", "\n    ") + "\n        FOR NO KEY UPDATE SKIP LOCKED)"
	}
	size := "pg_relation_size(" + literal(table) + ")"
	if partitioned(t) {
		size = "(SELECT max(pg_relation_size(relid)) FROM pg_partition_tree(" + literal(table) + "))"
	}
	pass := `low := 0;
blocks := ` + size + ` / current_setting('block_size')::bigint;
WHILE low <= blocks LOOP
    UPDATE ` + table + ` SET ` + sets + `
    WHERE ` + condition + unlocked + `;
` + map[bool]string{true: "    GET DIAGNOSTICS filled = ROW_COUNT;\n    total := total + filled;\n"}[first] + `    COMMIT;
    low := low + batch;
END LOOP;`
	variables := "low bigint;\n    blocks bigint;"
	if first {
		variables += "\n    filled bigint;\n    total bigint;"
		pass = "FOR pass IN 1 .. 3 LOOP\n    total := 0;\n    " + strings.ReplaceAll(pass, "\n", "\n    ") + "\n    EXIT WHEN total = 0;\nEND LOOP;"
	}
	quote := "$fill$"
	for strings.Contains(sets, quote) {
		quote = "$" + strings.Trim(quote, "$") + "_$"
	}
	return `DO ` + quote + `
#variable_conflict use_column
<<fill>>
DECLARE
    batch CONSTANT bigint := ` + strconv.Itoa(batchBlocks) + `; -- blocks
    ` + variables + `
BEGIN
    ` + strings.ReplaceAll(pass, "\n", "\n    ") + `
END ` + quote
}

func nullable(c *schema.Column) *schema.Column {
	as, kind := *c, *c.Type
	kind.Null = true
	as.Type = &kind
	return &as
}
