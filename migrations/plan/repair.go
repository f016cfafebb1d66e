package plan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/postgres/catalog"
)

// The roles that run the statements of a repair.
const (
	// Admin is an administrator: a superuser, or the creator of the roles.
	Admin = "admin"
	// AsOwner is a login that can SET ROLE to the owner.
	AsOwner = "owner"
)

// Repair is a statement that undoes a difference.
type Repair struct {
	// SQL is the statement without a semicolon. It is empty if Withheld states what to do manually.
	SQL string `json:"sql,omitempty"`
	As  string `json:"as"` // admin or owner
	// Note states the effect or requirement of the statement.
	Note string `json:"note,omitempty"`
	// Withheld is the reason to review the statement before it runs. It is empty if the statement
	// can run without a review.
	Withheld string `json:"withheld,omitempty"`
	object   string // the only difference that it undoes, or ""
}

// repair plans the statements from the live state to the expected state. It changes the
// inspections.
func (c *comparison) repair(ctx context.Context, driver migrate.Driver) []Repair {
	r := &repairing{
		planning: newPlanning(Input{Conventions: c.conventions, AllowDestructive: true}, driver, c.is, c.should, &Declaration{}),
		byAdmin:  slices.DeleteFunc(slices.Clone(c.admin), func(r Repair) bool { return r.As != Admin }),
		last:     slices.DeleteFunc(slices.Clone(c.admin), func(r Repair) bool { return r.As != AsOwner }),
	}
	r.atOnce = true // a repair is read and run manually, as one script
	r.owners()
	r.hidden()
	r.others(c.accepted)
	r.views()
	r.attach()
	r.details()
	r.changes(ctx)
	r.objects()
	r.defaults()
	return r.assemble()
}

// repairing is the plan of a repair. The planning does most of it; statements that a migration
// never contains, or that Atlas cannot plan, are kept separately.
type repairing struct {
	*planning
	byAdmin, first, last []Repair
}

func (r *repairing) manual(format string, args ...any) {
	r.last = append(r.last, Repair{As: AsOwner, Withheld: fmt.Sprintf(format, args...)})
}

// owners restores the owners of objects. Only an administrator that is a member of both roles can
// do this. Implicit privileges of the former owner move along.
func (r *repairing) owners() {
	for _, key := range sortedKeys(r.want) {
		want, ok := r.want[key].(*catalog.Privileges)
		if !ok {
			continue
		}
		have, ok := r.work[key].(*catalog.Privileges)
		if !ok || have.Owner == want.Owner || want.Of.Kind == catalog.KindColumn {
			continue
		}
		f := of[*catalog.Function](r.work[want.Of])
		if f != nil && r.in.Conventions.Creates(have.Owner) && have.Owner != r.in.Conventions.Owner {
			continue // planned, as Owner
		}
		if !linked(r.current.State, want.Of) {
			on := "TABLE " + want.Of.Qualified()
			if want.Of.Kind != catalog.KindTable {
				on = r.onObject(want.Of)
			}
			r.byAdmin = append(r.byAdmin, Repair{SQL: "ALTER " + on + " OWNER TO " + catalog.Ident(want.Owner), As: Admin})
		}
		r.work[key] = withOwner(have, want.Owner)
		if f != nil {
			as := *f
			as.Owner = want.Owner
			r.work[want.Of] = &as
		}
	}
}

// hidden handles the tables and schemas that Atlas cannot read because the owner has no privilege
// on them, so that they are not created again.
func (r *repairing) hidden() {
	for _, key := range sortedKeys(r.work, r.want) {
		switch {
		case key.Kind == catalog.KindTable && r.work[key] != nil:
			if _, read := r.current.Table(key.Schema, key.Name); read || r.isPartition(key) {
				continue
			}
			expected, ok := r.desired.Table(key.Schema, key.Name)
			if !ok {
				r.byAdmin = append(r.byAdmin, Repair{SQL: "DROP TABLE " + key.Qualified(), As: Admin, Withheld: destroying(key.String())})
				continue
			}
			if space, ok := r.current.Realm.Schema(key.Schema); ok {
				as := *expected
				as.Schema = space
				space.Tables = append(space.Tables, &as)
				r.manual("%s could not be read: compare again after its owner is corrected", key)
			}
		case key.Kind == catalog.KindPrivileges && r.work[key] != nil && r.want[key] == nil:
			privileges := r.work[key].(*catalog.Privileges)
			if privileges.Of.Kind == catalog.KindSchema && !r.in.Conventions.Creates(privileges.Owner) {
				r.byAdmin = append(r.byAdmin, Repair{SQL: "DROP SCHEMA " + privileges.Of.Qualified() + " CASCADE", As: Admin, Withheld: destroying(privileges.Of.String())})
				r.removeSchema(privileges.Of.Name)
			}
		}
	}
}

// removeSchema removes the objects of a dropped schema from the plan.
func (r *repairing) removeSchema(name string) {
	for key, object := range r.work {
		privileges, ok := object.(*catalog.Privileges)
		if key.Schema == name || ok && (privileges.Of.Schema == name || privileges.Of.Kind == catalog.KindSchema && privileges.Of.Name == name) {
			delete(r.work, key)
		}
	}
	s := r.current.State
	s.Functions = slices.DeleteFunc(s.Functions, func(f *catalog.Function) bool { return f.Schema == name })
	s.Others = slices.DeleteFunc(s.Others, func(o *catalog.Other) bool { return strings.HasPrefix(o.Identity, name+".") })
	s.Details = slices.DeleteFunc(s.Details, func(d *catalog.Detail) bool { return d.Of.Schema == name })
	r.current.Realm.Schemas = slices.DeleteFunc(r.current.Realm.Schemas, func(s *schema.Schema) bool { return s.Name == name })
}

func (r *repairing) isPartition(key catalog.Key) bool {
	return r.work[catalog.Key{Kind: catalog.KindPartition, Schema: key.Schema, Name: key.Name}] != nil
}

func destroying(what string) string { return "this drops " + what + " with all its data" }

// keep contains the kinds of objects that someone may need, or that cannot be created again, with
// the reason to withhold their DROP.
var keep = map[catalog.Kind]string{
	"sequence":      "this loses the current value of the sequence",
	"extension":     "the extension may be in use, and its objects are dropped with it",
	"publication":   "a subscriber may use the publication",
	"foreign table": "the foreign table may be in use",
}

// others drops unexpected objects, and reports missing ones that only a migration can create.
func (r *repairing) others(accepted []string) {
	for _, d := range catalog.Compare(r.current.State, r.desired.State) {
		have, _ := d.From.(*catalog.Other)
		switch {
		case !isOther(either(d)), slices.Contains(accepted, d.Key.String()):
			continue
		case d.To != nil || have.Drop == "":
			r.manual("%s: the planner does not support an object of kind %s: restore it manually, from the migration that created it", sentence(d), d.Key.Kind)
			continue
		}
		repair := Repair{SQL: have.Drop, As: AsOwner, Withheld: keep[d.Key.Kind]}
		switch d.Key.Kind {
		case "event trigger", "extension", "disabled key":
			repair.As, repair.Note = Admin, "Needs a superuser."
			r.byAdmin = append(r.byAdmin, repair)
			continue
		case "view", "materialized view":
			// The view is dropped first, so no later object depends on it.
			r.current.State.Dependencies = slices.DeleteFunc(r.current.State.Dependencies, func(dep catalog.Dependency) bool {
				return dep.Of.Kind == catalog.KindView && dep.Of.Schema+"."+dep.Of.Name == have.Identity
			})
		}
		r.first = append(r.first, repair)
	}
}

// views restores the privileges of views that migrations created without the planner.
func (r *repairing) views() {
	for _, key := range sortedKeys(r.want) {
		want, ok := r.want[key].(*catalog.Privileges)
		have, had := r.work[key].(*catalog.Privileges)
		if !ok || !had || want.Of.Kind != catalog.KindView {
			continue
		}
		for _, g := range without(have.Grants, want.Grants) {
			r.last = append(r.last, Repair{SQL: "REVOKE " + g.Privilege + " ON " + want.Of.Qualified() + " FROM " + grantee(g.Grantee) + " CASCADE", As: AsOwner})
		}
		for _, g := range without(want.Grants, have.Grants) {
			option := ""
			if g.Grantable {
				option = " WITH GRANT OPTION"
			}
			r.last = append(r.last, Repair{SQL: "GRANT " + g.Privilege + " ON " + want.Of.Qualified() + " TO " + grantee(g.Grantee) + option, As: AsOwner})
		}
	}
}

// attach attaches a DEFAULT partition again that was detached, instead of creating a new one.
func (r *repairing) attach() {
	for _, key := range sortedKeys(r.want) {
		want, ok := r.want[key].(*catalog.Partition)
		if !ok || r.work[key] != nil {
			continue
		}
		space, ok := r.current.Realm.Schema(want.Schema)
		if !ok {
			continue
		}
		if _, detached := space.Table(want.Name); !detached {
			continue
		}
		r.add(phasePartitions, "ALTER TABLE "+catalog.Qualify(want.ParentSchema, want.ParentTable)+" ATTACH PARTITION "+key.Qualified()+" DEFAULT", "It was detached.")
		r.work[key] = want
		space.Tables = slices.DeleteFunc(space.Tables, func(t *schema.Table) bool { return t.Name == want.Name })
	}
}

// details repairs constraints and indexes with the definitions of Postgres, which contain more than
// Atlas reads, and hides these differences from Atlas.
func (r *repairing) details() {
	both := map[catalog.Key]bool{}
	for _, space := range r.current.Realm.Schemas {
		for _, t := range space.Tables {
			if to, ok := r.desired.Table(space.Name, t.Name); ok {
				both[tableKey(t)] = true
				same(t, to)
			}
		}
	}
	found := slices.DeleteFunc(catalog.Compare(r.current.State, r.desired.State), func(d catalog.Difference) bool {
		table := tableOf(d)
		return !both[catalog.Key{Kind: catalog.KindTable, Schema: table[0], Name: table[1]}]
	})
	constraints := map[[3]string]bool{}
	for _, d := range found {
		if d.Key.Kind == catalog.KindConstraint {
			constraints[[3]string{d.Key.Schema, d.Key.Name, d.Key.Sub}] = true
		}
	}
	relinked := map[catalog.Key]bool{}
	for _, d := range found {
		switch {
		case d.Key.Kind == catalog.KindConstraint:
			r.constraint(d, relinked)
		case d.Key.Kind == catalog.KindIndex && !constraints[[3]string{tableOf(d)[0], tableOf(d)[1], d.Key.Name}]:
			r.index(d, relinked)
		case d.Key.Kind == catalog.KindTable:
			r.manual("%s: the planner cannot change the kind of a table: create the table again manually", sentence(d))
		}
	}
}

// same gives a table the keys, checks and indexes of another table.
func same(t, to *schema.Table) {
	t.Indexes, t.ForeignKeys, t.PrimaryKey = slices.Clone(to.Indexes), slices.Clone(to.ForeignKeys), to.PrimaryKey
	isCheck := func(a schema.Attr) bool {
		_, ok := a.(*schema.Check)
		return ok
	}
	t.Attrs = slices.DeleteFunc(t.Attrs, isCheck)
	for _, a := range to.Attrs {
		if isCheck(a) {
			t.Attrs = append(t.Attrs, a)
		}
	}
}

func detail(o catalog.Object) string {
	if d, ok := o.(*catalog.Detail); ok {
		return d.Definition
	}
	return ""
}

func (r *repairing) constraint(d catalog.Difference, relinked map[catalog.Key]bool) {
	live, expected := detail(d.From), detail(d.To)
	table, name := d.Key.Qualified(), catalog.Ident(d.Key.Sub)
	link := isForeignKey(live + expected)
	if unvalidated(d) {
		at, restore := phaseKeys, func() {}
		if link {
			at, restore = phaseLinks, r.unforceReferring(d)
		}
		r.add(at, "ALTER TABLE "+table+" VALIDATE CONSTRAINT "+name, "Scans the whole table. Fails if rows violate the constraint: correct them first.")
		restore()
		return
	}
	if live != "" {
		at := phaseUnbuild
		if link {
			at = phaseUnlink
		}
		r.relink(catalog.Key{Kind: catalog.KindIndex, Schema: d.Key.Schema, Name: d.Key.Sub}, relinked)
		r.add(at, "ALTER TABLE "+table+" DROP CONSTRAINT "+name, "")
	}
	if expected == "" {
		return
	}
	sql := "ALTER TABLE " + table + " ADD CONSTRAINT " + name + " " + expected
	if !link {
		r.add(phaseKeys, sql, "")
		return
	}
	restore := r.unforceReferring(d)
	r.add(phaseLinks, sql, "")
	restore()
}

// unforceReferring exempts the owner from the policies of both tables of a foreign key, for the
// query that checks existing rows.
func (r *repairing) unforceReferring(d catalog.Difference) (restore func()) {
	const note = "Without this, policies would hide existing rows from the query that checks them."
	schemaName, name := referencedTable(detail(d.To))
	restoreThis := r.unforce(phaseLinks, note, d.Key.Schema, d.Key.Name)
	restoreThat := func() {}
	if schemaName != d.Key.Schema || name != d.Key.Name {
		restoreThat = r.unforce(phaseLinks, note, schemaName, name)
	}
	return func() {
		restoreThat()
		restoreThis()
	}
}

func (r *repairing) index(d catalog.Difference, relinked map[catalog.Key]bool) {
	live, expected := detail(d.From), detail(d.To)
	switch {
	case live != "" && live == expected+" INVALID":
		r.add(phaseKeys, "REINDEX INDEX "+d.Key.Qualified(), "Blocks writes until the transaction ends. REINDEX INDEX CONCURRENTLY, outside a transaction, does not.")
		return
	case live != "":
		r.relink(d.Key, relinked)
		r.add(phaseUnbuild, "DROP INDEX "+d.Key.Qualified(), "")
	}
	if expected != "" {
		r.add(phaseKeys, expected, "Blocks writes until the transaction ends. CREATE INDEX CONCURRENTLY, outside a transaction, does not.")
	}
}

// relink drops the foreign keys that depend on a dropped index, and creates them again afterwards.
func (r *repairing) relink(index catalog.Key, done map[catalog.Key]bool) {
	expected := r.desired.State.Objects()
	for _, key := range r.current.State.Dependents(index) {
		want := expected[key]
		if key.Kind != catalog.KindConstraint || done[key] || !isForeignKey(detail(want)) || detail(want) != detail(r.work[key]) {
			continue
		}
		done[key] = true
		r.add(phaseUnlink, "ALTER TABLE "+key.Qualified()+" DROP CONSTRAINT "+catalog.Ident(key.Sub), "Depends on "+index.String()+", which changes. Created again below.")
		restore := r.unforceReferring(catalog.Difference{Key: key, To: want})
		r.add(phaseLinks, "ALTER TABLE "+key.Qualified()+" ADD CONSTRAINT "+catalog.Ident(key.Sub)+" "+detail(want), "")
		restore()
	}
}

// changes plans tables and columns. Refused changes are reported as manual work.
func (r *repairing) changes(ctx context.Context) {
	changes, err := r.stage()
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		for _, reason := range refusal.Reasons {
			r.manual("%s", reason)
		}
		r.refusals = nil
		return
	}
	if err != nil {
		r.manual("the tables cannot be compared: %v", err)
		return
	}
	r.planTables(ctx, changes)
	seen := map[catalog.Key]bool{}
	for _, change := range changes {
		if m, ok := change.(*schema.ModifyTable); ok {
			for _, part := range m.Changes {
				if c, ok := part.(*schema.ModifyColumn); ok {
					seen[columnKey(m.T, c.To.Name)] = true
				}
			}
		}
	}
	for _, d := range catalog.Compare(r.current.State, r.desired.State) {
		if d.Key.Kind == catalog.KindColumn && d.From != nil && d.To != nil && !seen[d.Key] && !r.rebuilt[d.Key] && !isPrivileges(d.From) {
			r.manual("%s is %s and should be %s: the planner does not support this change", d.Key, detail(d.From), detail(d.To))
		}
	}
}

// planTables plans each table separately if they cannot be planned together, so that one
// unsupported change does not prevent the others.
func (r *repairing) planTables(ctx context.Context, changes []schema.Change) {
	steps := slices.Clone(r.steps)
	if r.tables(ctx, changes) == nil {
		return
	}
	r.steps = steps
	var added []schema.Change
	for _, change := range changes {
		if _, ok := change.(*schema.AddTable); ok {
			added = append(added, change)
			continue
		}
		steps := slices.Clone(r.steps)
		if err := r.tables(ctx, []schema.Change{change}); err != nil {
			r.steps = steps
			r.manual("%s: the planner does not support this change", changed(change))
		}
	}
	if err := r.tables(ctx, added); err != nil {
		r.manual("the missing tables cannot be planned: %v", err)
	}
}

func changed(change schema.Change) string {
	if m, ok := change.(*schema.ModifyTable); ok {
		return "table " + tableName(m.T)
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", change), "*schema.")
}

func isPrivileges(o catalog.Object) bool {
	_, ok := o.(*catalog.Privileges)
	return ok
}

// defaults restores default privileges. Only their role or a member of it can alter them.
func (r *repairing) defaults() {
	for _, d := range catalog.Compare(r.current.State, r.desired.State) {
		at, ok := either(d).(*catalog.Defaults)
		if !ok {
			continue
		}
		have, want := at.Initial, at.Initial
		if d.From != nil {
			have = d.From.(*catalog.Defaults).Grants
		}
		if d.To != nil {
			want = d.To.(*catalog.Defaults).Grants
		}
		head := "ALTER DEFAULT PRIVILEGES FOR ROLE " + catalog.Ident(at.Role)
		if at.Schema != "" {
			head += " IN SCHEMA " + catalog.Ident(at.Schema)
		}
		repair := func(sql string) {
			if at.Role == r.in.Conventions.Owner {
				r.last = append(r.last, Repair{SQL: head + " " + sql, As: AsOwner})
			} else {
				r.byAdmin = append(r.byAdmin, Repair{SQL: head + " " + sql, As: Admin})
			}
		}
		for _, g := range without(have, want) {
			repair("REVOKE " + g.Privilege + " ON " + at.Objects + " FROM " + grantee(g.Grantee))
		}
		for _, g := range without(want, have) {
			option := ""
			if g.Grantable {
				option = " WITH GRANT OPTION"
			}
			repair("GRANT " + g.Privilege + " ON " + at.Objects + " TO " + grantee(g.Grantee) + option)
		}
	}
}

// assemble returns all statements in order: those of the administrator, the drops, the plan, and
// the rest.
func (r *repairing) assemble() []Repair {
	all := slices.Concat(r.byAdmin, r.first)
	for _, s := range r.ordered() {
		repair := Repair{SQL: s.sql, As: AsOwner, Note: s.note}
		if s.destroys != "" {
			repair.Withheld = destroying(s.destroys)
		}
		all = append(all, repair)
	}
	for _, refusal := range r.refusals {
		all = append(all, Repair{As: AsOwner, Withheld: refusal})
	}
	return append(all, r.last...)
}

// WriteRepair writes the repair as a psql script with one transaction for an administrator and one
// for the owner.
func (d *Drift) WriteRepair(w io.Writer) error {
	var b strings.Builder
	version := "the state of version " + d.Version
	if d.Version == "" {
		version = "the state before the first migration"
	}
	fmt.Fprintf(&b, "-- Restores database %s to %s. Review this script before you run it.\n", catalog.Ident(d.Database), version)
	b.WriteString("-- If a manual change was intended, write a migration for it. Withheld statements are commented out: each needs a decision.\n")
	if len(d.Repair) > 0 {
		b.WriteString("\\set ON_ERROR_STOP on\n")
	}
	for _, part := range []struct{ as, title, begin string }{
		{Admin, "As an administrator.", "BEGIN;\n"},
		{AsOwner, "As " + d.owner + ", or as a login that is a member of this role.",
			"BEGIN;\nSET LOCAL ROLE " + d.owner + ";\nSET LOCAL row_security = off;\nSET LOCAL search_path = public;\nSET LOCAL lock_timeout = '5s';\n"},
	} {
		some := slices.DeleteFunc(slices.Clone(d.Repair), func(r Repair) bool { return r.As != part.as })
		if len(some) == 0 {
			continue
		}
		b.WriteString("\n-- " + part.title + "\n" + part.begin)
		for _, r := range some {
			comment(&b, r.Note)
			if r.Withheld != "" {
				comment(&b, "Withheld: "+r.Withheld+".")
			}
			switch {
			case r.SQL == "":
			case r.Withheld != "":
				b.WriteString("-- " + strings.ReplaceAll(r.SQL, "\n", "\n-- ") + ";\n")
			default:
				b.WriteString(r.SQL + ";\n")
			}
		}
		b.WriteString("COMMIT;\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
