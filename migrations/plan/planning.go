package plan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
)

// phase is the order of the statements of a plan. Objects that must be dropped are dropped first,
// so that nothing depends on what changes. New objects follow their dependencies: functions before
// the tables whose generated columns and checks call them, tables before policies and triggers, and
// these before the privileges that give access to rows.
type phase int

const (
	phaseSchemas        phase = iota
	phaseUnguard              // policies and triggers that are dropped, or depend on changed objects
	phaseRevokes              // revoked privileges
	phaseUnlink               // dropped foreign keys
	phaseUnbuild              // indexes, constraints, defaults and generated columns that are dropped or created again
	phaseOldFunctions         // functions whose signature changes
	phaseBodies               // SET LOCAL check_function_bodies
	phaseFunctions            // functions, before the tables
	phaseColumns              // new and changed columns
	phaseBackfills            // values for existing rows
	phaseTableDrops           // dropped tables and columns: after the backfills, which may read them
	phasePartitionDrops       // dropped DEFAULT partitions
	phaseKeys                 // primary keys, unique constraints, indexes, checks
	phaseTables               // new tables
	phaseLinks                // new foreign keys
	phaseLateFunctions        // functions that need the new tables
	phaseOwners               // owners of functions
	phasePartitions           // DEFAULT partitions
	phaseSecurity             // row-level security
	phasePolicies
	phaseTriggers
	phaseGrants
	phaseComments
	phaseFunctionDrops // functions that are no longer used
	phaseSchemaDrops

	phaseFill          // values for existing rows, in batches
	phaseBuild         // indexes
	phaseBuilt         // comments on them
	phaseUnbuildLate   // replaced indexes
	phaseHold          // constraints that need filled rows or new keys
	phaseUnforce       // NO FORCE ROW LEVEL SECURITY
	phaseRefill        // values for rows that were written meanwhile
	phaseValidateLinks // foreign keys
	phaseReforce
	phaseValidate // checks
	phaseRequire  // NOT NULL
	phaseSettle   // constraints of indexes, and replaced indexes
	phaseSettled  // comments on them

	phaseLateTableDrops // tables and columns that the backfills read
	phaseLateFunctionDrops
	phaseLateSchemaDrops
)

// step is one statement of the plan.
type step struct {
	phase phase
	sql   string
	note  string // describes the statement for reviewers; may be empty
	// destroys names the data that the statement deletes; empty for most.
	destroys string
	// successor is a new object of this plan that looks like the destroyed object under another
	// name. filling is what fills it.
	successor, filling string
	// trust is a query that fails if policies would hide rows from the statement, even if the
	// statement itself runs with row_security on; empty for most.
	trust string
	// alone reports whether the statement cannot run in a transaction.
	alone bool
}

// planning is an unfinished plan.
type planning struct {
	in          Input
	driver      migrate.Driver
	current     *dev.Inspection
	desired     *dev.Inspection
	declaration *Declaration

	// work contains the current objects as they are after the steps planned so far.
	work map[catalog.Key]catalog.Object
	want map[catalog.Key]catalog.Object

	steps    []step
	refusals []string

	// atOnce reports whether everything must be one transaction, even if it blocks other sessions.
	atOnce bool
	// unforced are the tables with NO FORCE ROW LEVEL SECURITY while existing rows are filled and
	// checked.
	unforced map[string]bool
	// links are the foreign keys that are added to existing tables.
	links []link
	// lateKeys are the tables on which a unique index is built online.
	lateKeys map[string]bool
	// unbuilt are the unique indexes, by schema and name, that were dropped before the tables could
	// change. They are created again in the same transaction.
	unbuilt map[string]bool

	// oldFunctions are the functions that must be dropped before they are created again, by their
	// current key.
	oldFunctions map[catalog.Key]bool
	// rebuilt are the generated columns that are dropped and added again.
	rebuilt map[catalog.Key]bool
}

func newPlanning(in Input, driver migrate.Driver, current, desired *dev.Inspection, declaration *Declaration) *planning {
	return &planning{
		in: in, driver: driver, current: current, desired: desired, declaration: declaration,
		work: current.State.Objects(), want: desired.State.Objects(),
		oldFunctions: map[catalog.Key]bool{}, rebuilt: map[catalog.Key]bool{}, unforced: map[string]bool{}, lateKeys: map[string]bool{}, unbuilt: map[string]bool{},
	}
}

func (p *planning) add(at phase, sql, note string) {
	p.steps = append(p.steps, step{phase: at, sql: sql, note: note})
}

func (p *planning) refuse(format string, args ...any) {
	p.refusals = append(p.refusals, fmt.Sprintf(format, args...))
}

// plan fills steps. It changes the realm of current, but not desired.
func (p *planning) plan(ctx context.Context) error {
	p.checkOverloads()
	p.checkOthers()
	if err := p.refused(); err != nil {
		return err
	}
	changes, err := p.stage()
	if err != nil {
		return err
	}
	if err := p.tables(ctx, changes); err != nil {
		return err
	}
	p.objects()
	p.validate()
	p.dropLate()
	if !p.in.AllowDestructive {
		for _, s := range p.steps {
			if s.destroys != "" {
				p.refuse("%s would be dropped with all its data: if this is intended, plan again with --allow-destructive%s", s.destroys, s.renaming())
			}
		}
	}
	return p.refused()
}

// renaming returns the advice for renaming what the step destroys. A rename in one step would break
// every release that runs before or after it.
func (s step) renaming() string {
	if s.successor == "" {
		return "; to rename instead, see docs/expand-and-contract.md"
	}
	return fmt.Sprintf("; if %s is its new name, keep both for a while (docs/expand-and-contract.md):\n"+
		"\t1. add %[1]s without NOT NULL, and keep the old name\n"+
		"\t2. release a service that writes both\n"+
		"\t3. fill existing rows: %[2]s\n"+
		"\t4. release a service that reads and writes only %[1]s\n"+
		"\t5. drop the old name in a later plan, with --allow-destructive", s.successor, s.filling)
}

func (p *planning) refused() error {
	if len(p.refusals) == 0 {
		return nil
	}
	return &Refusal{Reasons: p.refusals}
}

// ordered returns the steps in the order in which they run.
func (p *planning) ordered() []step {
	slices.SortStableFunc(p.steps, func(a, b step) int { return cmp.Compare(a.phase, b.phase) })
	return p.steps
}

// checkOverloads rejects two functions with the same name: their declarations could not be
// distinguished, and calls would depend on argument types.
func (p *planning) checkOverloads() {
	for _, state := range []*catalog.State{p.current.State, p.desired.State} {
		for i, f := range state.Functions {
			if i > 0 && state.Functions[i-1].Schema == f.Schema && state.Functions[i-1].Name == f.Name {
				p.refuse("function %s is overloaded, which the planner does not support: give each function a name of its own", catalog.Qualify(f.Schema, f.Name))
			}
		}
	}
}

// partOfTable reports whether the key of an Other is a property of a planned object, and not a separate object.
func partOfTable(key catalog.Key) bool {
	return key.Kind == "inheritance"
}

// checkOthers rejects differences that cannot be planned. Objects that only migrations create, and
// that the desired state does not mention, are kept.
func (p *planning) checkOthers() {
	for _, d := range catalog.Compare(p.current.State, p.desired.State) {
		switch {
		case d.Key.Kind == catalog.KindDefaults:
			p.refuse("%s: write the migration manually, with ALTER DEFAULT PRIVILEGES", d)
		case isOther(d.From) || isOther(d.To):
			if d.To != nil || partOfTable(d.Key) {
				p.refuse("%s: the planner does not support an object of kind %s; write the migration manually", d, d.Key.Kind)
			}
		}
	}
}

// onlyInMigrations reports whether an object that is not desired is kept, because only a hand-written migration can
// have created it.
func onlyInMigrations(o catalog.Object) bool {
	switch o := o.(type) {
	case *catalog.Other:
		return !partOfTable(o.Key())
	case *catalog.Privileges:
		return o.Of.Kind == catalog.KindView || o.Of.Kind == catalog.KindSequence
	default:
		return false
	}
}

func isOther(o catalog.Object) bool {
	_, ok := o.(*catalog.Other)
	return ok
}

// lookup returns what was declared for a column, by table.column or schema.table.column. The
// caller's expression takes precedence over the declaration.
func lookup(t *schema.Table, column string, all ...Expressions) (string, bool) {
	for _, m := range all {
		for _, name := range []string{t.Schema.Name + "." + t.Name + "." + column, t.Name + "." + column} {
			if expression, ok := m[name]; ok && strings.TrimSpace(expression) != "" {
				return expression, true
			}
		}
	}
	return "", false
}

func tableName(t *schema.Table) string { return catalog.Qualify(t.Schema.Name, t.Name) }

func columnKey(t *schema.Table, column string) catalog.Key {
	return catalog.Key{Kind: catalog.KindColumn, Schema: t.Schema.Name, Name: t.Name, Sub: column}
}

func tableKey(t *schema.Table) catalog.Key {
	return catalog.Key{Kind: catalog.KindTable, Schema: t.Schema.Name, Name: t.Name}
}
