package plan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/syntax"
)

// Statements whose time grows with the table must not hold a lock that blocks other sessions. So a plan has up to three
// files. The first is one transaction with short locks: new constraints apply only to new rows. The second runs without
// a transaction: it fills existing rows, builds indexes and validates constraints without blocking reads and writes,
// and then completes these changes with a short lock on one table at a time. The third drops what was needed to fill
// the rows.

// part is a file of the plan.
type part int

const (
	partMain part = iota
	partOnline
	partDrop
)

// of returns the file of the statements of a phase.
func (at phase) part() part {
	switch {
	case at >= phaseLateTableDrops:
		return partDrop
	case at >= phaseFill:
		return partOnline
	default:
		return partMain
	}
}

func partitioned(t *schema.Table) bool {
	return slices.ContainsFunc(t.Attrs, func(a schema.Attr) bool {
		_, ok := a.(*postgres.Partition)
		return ok
	})
}

// constraint returns the attribute of an index that belongs to a constraint, or nil. Atlas also
// returns the foreign keys that refer to it.
func constraint(i *schema.Index) *postgres.Constraint {
	for _, a := range i.Attrs {
		if c, ok := a.(*postgres.Constraint); ok && (c.IsUnique() || c.IsExclude()) {
			return c
		}
	}
	return nil
}

// buildsConcurrently reports whether an index of an existing table can be built outside a
// transaction. This excludes indexes of exclusion constraints and of partitioned tables, unique
// indexes that a new table refers to, and unique indexes without which duplicates could be written
// meanwhile.
func (p *planning) buildsConcurrently(t *schema.Table, i *schema.Index, all []schema.Change) bool {
	if c := constraint(i); p.atOnce || partitioned(t) || c != nil && !c.IsUnique() || p.unbuilt[catalog.Qualify(t.Schema.Name, i.Name)] {
		return false
	}
	return !i.Unique || !slices.ContainsFunc(all, func(change schema.Change) bool {
		add, ok := change.(*schema.AddTable)
		return ok && refers(add.T.ForeignKeys, t)
	})
}

func refers(keys []*schema.ForeignKey, to *schema.Table) bool {
	return slices.ContainsFunc(keys, func(fk *schema.ForeignKey) bool { return sameTable(fk.RefTable, to) })
}

func sameTable(a, b *schema.Table) bool {
	return a.Name == b.Name && (a.Schema == nil || b.Schema == nil || a.Schema.Name == b.Schema.Name)
}

// build adds the concurrent build of an index, under a temporary name if the name is in use.
func (p *planning) build(ctx context.Context, t *schema.Table, i *schema.Index, name string) error {
	as := *p.declaredIndex(t, i)
	as.Attrs = slices.DeleteFunc(slices.Clone(as.Attrs), func(a schema.Attr) bool {
		_, ok := a.(*postgres.Constraint)
		return ok
	})
	if i.Unique {
		p.lateKeys[tableName(t)] = true
	}
	var comments []string
	as.Name = name
	change := &schema.ModifyTable{T: t, Changes: []schema.Change{&schema.AddIndex{I: &as, Extra: []schema.Clause{&postgres.Concurrently{}}}}}
	planned, err := p.driver.PlanChanges(ctx, "plan", []schema.Change{change})
	if err != nil {
		return fmt.Errorf("plan tables: %w", err)
	}
	for _, c := range planned.Changes {
		if strings.HasPrefix(c.Cmd, "COMMENT ON ") {
			comments = append(comments, c.Cmd)
			continue
		}
		p.steps = append(p.steps, step{phase: phaseBuild, sql: c.Cmd, alone: true})
	}
	for _, sql := range comments {
		at := phaseBuilt
		if name != i.Name {
			at, sql = phaseSettled, strings.Replace(sql, `"`+name+`"`, `"`+i.Name+`"`, 1)
		}
		p.add(at, sql, "")
	}
	return nil
}

// addIndex builds a new index. An index of a constraint is attached to it after the build.
func (p *planning) addIndex(ctx context.Context, t *schema.Table, i *schema.Index) error {
	if err := p.build(ctx, t, i, i.Name); err != nil {
		return err
	}
	if c := constraint(i); c != nil {
		name := c.N
		if name == "" {
			name = i.Name
		}
		p.add(phaseSettle, "ALTER TABLE "+tableName(t)+" ADD CONSTRAINT "+catalog.Ident(name)+" UNIQUE USING INDEX "+catalog.Ident(i.Name), "")
	}
	return nil
}

// replaceIndex builds the new index next to the old one, so that there is always an index, and then
// swaps their names.
func (p *planning) replaceIndex(ctx context.Context, t *schema.Table, i *schema.Index) error {
	name := shorten(i.Name, "_new")
	if err := p.build(ctx, t, i, name); err != nil {
		return err
	}
	p.dropConcurrently(phaseSettle, t, i, "Replaced by the new index.")
	p.add(phaseSettle, "ALTER INDEX IF EXISTS "+catalog.Qualify(t.Schema.Name, name)+" RENAME TO "+catalog.Ident(i.Name), "")
	return nil
}

// dropIndex drops an index after its replacement is built.
func (p *planning) dropIndex(ctx context.Context, t *schema.Table, c *schema.DropIndex) error {
	if constraint(c.I) != nil {
		return p.alter(ctx, phaseSettle, "", t, c)
	}
	p.dropConcurrently(phaseUnbuildLate, t, c.I, "")
	return nil
}

func (p *planning) dropConcurrently(at phase, t *schema.Table, i *schema.Index, note string) {
	p.steps = append(p.steps, step{
		phase: at, sql: "DROP INDEX CONCURRENTLY IF EXISTS " + catalog.Qualify(t.Schema.Name, i.Name), note: note, alone: true,
	})
}

// primaryKey creates the primary key from an index that was built before. old is the key that it
// replaces, or nil. It returns false if that is not possible, because other tables refer to the old
// key or a column may be NULL.
func (p *planning) primaryKey(ctx context.Context, t *schema.Table, old, key *schema.Index, all []schema.Change) (bool, error) {
	if p.atOnce || partitioned(t) {
		return false, nil
	}
	for _, change := range all {
		if add, ok := change.(*schema.AddTable); ok && refers(add.T.ForeignKeys, t) {
			return false, nil
		}
	}
	for _, space := range p.current.Realm.Schemas {
		for _, other := range space.Tables {
			if old != nil && refers(other.ForeignKeys, t) {
				return false, nil
			}
		}
	}
	now, ok := p.current.Table(t.Schema.Name, t.Name)
	if !ok {
		return false, nil
	}
	for _, part := range key.Parts {
		if part.C == nil {
			return false, nil
		}
		if c, ok := now.Column(part.C.Name); !ok || c.Type.Null {
			return false, nil
		}
	}
	name := key.Name
	if name == "" {
		name = shorten(t.Name, "_pkey")
	}
	index := schema.NewUniqueIndex(shorten(name, "_new")).AddParts(key.Parts...)
	index.Table, index.Attrs = t, key.Attrs
	if err := p.build(ctx, t, index, index.Name); err != nil {
		return false, err
	}
	instead, note := "", ""
	if old != nil {
		oldName := old.Name
		if oldName == "" {
			oldName = shorten(t.Name, "_pkey")
		}
		instead, note = " DROP CONSTRAINT "+catalog.Ident(oldName)+",", "Replaced by the new primary key."
	}
	p.add(phaseSettle, "ALTER TABLE "+tableName(t)+instead+" ADD CONSTRAINT "+catalog.Ident(name)+" PRIMARY KEY USING INDEX "+catalog.Ident(index.Name), note)
	return true, nil
}

// shorten appends a suffix to a name, within the maximum length of names in Postgres.
func shorten(name, suffix string) string {
	const longest = 63 // NAMEDATALEN - 1
	return name[:min(len(name), longest-len(suffix))] + suffix
}

// addCheck adds a check that applies to new rows from its phase on, and is validated later.
func (p *planning) addCheck(ctx context.Context, at phase, t *schema.Table, c *schema.Check) error {
	change := &schema.AddCheck{C: p.declaredCheck(t, c)}
	if p.atOnce {
		return p.alter(ctx, phaseKeys, "", t, change)
	}
	return p.notValid(ctx, at, t, c.Name, change)
}

// notValid adds a constraint of an existing table as NOT VALID, and its validation.
func (p *planning) notValid(ctx context.Context, at phase, t *schema.Table, name string, change schema.Change) error {
	planned, err := p.driver.PlanChanges(ctx, "plan", []schema.Change{&schema.ModifyTable{T: t, Changes: []schema.Change{change}}})
	if err != nil {
		return fmt.Errorf("plan tables: %w", err)
	}
	for _, c := range planned.Changes {
		p.add(at, c.Cmd+" NOT VALID", "Applies to rows that are written from now on. Existing rows are checked later.")
	}
	validate := phaseValidate
	if _, ok := change.(*schema.AddForeignKey); ok {
		validate = phaseValidateLinks
	}
	p.add(validate, "ALTER TABLE "+tableName(t)+" VALIDATE CONSTRAINT "+catalog.Ident(name), "")
	return nil
}

// link is a new foreign key.
type link struct {
	table *schema.Table
	add   *schema.AddForeignKey
}

// link adds a foreign key. Postgres checks existing rows with a query to which the owner's policies
// apply, so FORCE must be off meanwhile.
func (p *planning) link(ctx context.Context, l link) error {
	// Before version 18, Postgres does not support NOT VALID for foreign keys of partitioned
	// tables.
	if p.atOnce || partitioned(l.table) {
		return p.linkAtOnce(ctx, l.table, l.add)
	}
	at := phaseLinks
	if to := l.add.F.RefTable; to.Schema != nil && p.lateKeys[tableName(to)] {
		at = phaseHold
	}
	for _, t := range []*schema.Table{l.table, l.add.F.RefTable} {
		if t.Schema != nil {
			p.unforceLate(t.Schema.Name, t.Name)
		}
	}
	return p.notValid(ctx, at, l.table, l.add.F.Symbol, l.add)
}

func (p *planning) linkAtOnce(ctx context.Context, t *schema.Table, c *schema.AddForeignKey) error {
	const note = "Without this, policies would hide existing rows from the query that checks them."
	restores := []func(){p.unforce(phaseLinks, note, t.Schema.Name, t.Name)}
	for _, key := range sortedKeys(p.work) {
		if d, ok := p.work[key].(*catalog.Partition); ok && d.ParentSchema == t.Schema.Name && d.ParentTable == t.Name {
			restores = append(restores, p.unforce(phaseLinks, note, d.Schema, d.Name))
		}
	}
	if to := c.F.RefTable; to.Schema != nil && !sameTable(to, t) {
		restores = append(restores, p.unforce(phaseLinks, note, to.Schema.Name, to.Name))
	}
	err := p.alter(ctx, phaseLinks, "", t, c)
	for _, restore := range slices.Backward(restores) {
		restore()
	}
	return err
}

// forced reports whether row-level security is forced for the owner of a table in a state.
func forced(state map[catalog.Key]catalog.Object, schemaName, name string) bool {
	s, ok := state[catalog.Key{Kind: catalog.KindSecurity, Schema: schemaName, Name: name}].(*catalog.Security)
	return ok && s.Enabled && s.Forced
}

// unforce exempts the owner from the policies of an existing table. The returned function ends
// this.
func (p *planning) unforce(at phase, note, schemaName, name string) (restore func()) {
	state := p.work
	if at.part() != partMain {
		state = p.want // the state at that time
	}
	if !forced(state, schemaName, name) {
		return func() {}
	}
	table := catalog.Qualify(schemaName, name)
	p.add(at, "ALTER TABLE "+table+" NO FORCE ROW LEVEL SECURITY", note)
	return func() { p.add(at, "ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY", "") }
}

// unforceLate is like unforce, for the statements that fill and check rows online. It adds one statement per table.
func (p *planning) unforceLate(schemaName, name string) {
	table := catalog.Qualify(schemaName, name)
	if p.unforced[table] || !forced(p.want, schemaName, name) {
		return
	}
	p.unforced[table] = true
	p.add(phaseUnforce, "ALTER TABLE "+table+" NO FORCE ROW LEVEL SECURITY", "Without this, policies would hide rows from the next statements.")
	p.add(phaseReforce, "ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY", "")
}

// validate validates constraints that the migrations only added as NOT VALID, for example because the file that
// validates them was lost in a merge.
func (p *planning) validate() {
	for _, d := range catalog.Compare(p.current.State, p.desired.State) {
		if !unvalidated(d) {
			continue
		}
		at := phaseValidate
		if isForeignKey(detail(d.To)) {
			at = phaseValidateLinks
			p.unforceLate(d.Key.Schema, d.Key.Name)
			p.unforceLate(referencedTable(detail(d.To)))
		}
		p.add(at, "ALTER TABLE "+d.Key.Qualified()+" VALIDATE CONSTRAINT "+catalog.Ident(d.Key.Sub), "")
	}
}

// unvalidated reports whether the difference is that a constraint is NOT VALID.
func unvalidated(d catalog.Difference) bool {
	live, expected := detail(d.From), detail(d.To)
	return d.Key.Kind == catalog.KindConstraint && expected != "" && live == expected+" NOT VALID"
}

func isForeignKey(definition string) bool { return strings.HasPrefix(definition, "FOREIGN KEY") }

// referencedTable returns the table that a foreign key refers to.
func referencedTable(definition string) (schemaName, name string) {
	p := &parser{source: definition, tokens: syntax.Lex(definition)}
	for !p.end() && !p.words("references") {
		p.next()
	}
	return p.qualified()
}

// dropLate moves statements that delete data after those that may read the data to fill existing rows.
func (p *planning) dropLate() {
	if !slices.ContainsFunc(p.steps, func(s step) bool { return s.phase == phaseFill }) {
		return
	}
	for i, s := range p.steps {
		switch s.phase {
		case phaseTableDrops:
			p.steps[i].phase = phaseLateTableDrops
		case phaseFunctionDrops:
			p.steps[i].phase = phaseLateFunctionDrops
		case phaseSchemaDrops:
			p.steps[i].phase = phaseLateSchemaDrops
		}
	}
}
