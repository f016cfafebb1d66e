package access

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chenu/chenu/policies/predicate"
	"github.com/chenu/chenu/postgres/catalog"
)

// Effect classifies a change of access.
type Effect string

// The effects. Widening, Narrowing and Unchanged are proven. Review means that the comparison
// cannot decide.
const (
	// Widening: all previous access remains, and more may be added.
	Widening Effect = "widening"
	// Review: the effect is unknown. The change may add and remove access.
	Review Effect = "review"
	// Narrowing: no access is added, and some may be removed.
	Narrowing Effect = "narrowing"
	// Unchanged: the definition changed, but the access did not.
	Unchanged Effect = "unchanged"
)

var effects = []Effect{Widening, Review, Narrowing, Unchanged}

// Change is a difference in access between two states.
type Change struct {
	Effect Effect `json:"effect"`
	// Object is the object of the change: the name of a table, or a kind and a name such as
	// "function app.f(uuid)".
	Object string `json:"object"`
	// Command and Role are set for rows of a table and for privileges.
	Command string `json:"command,omitempty"`
	Role    string `json:"role,omitempty"`
	// New reports that the object did not exist before, so that the change concerns no existing
	// row.
	New bool `json:"new,omitempty"`
	// What describes the change if Before and After do not.
	What string `json:"what,omitempty"`
	// Before and After are the rows and columns that the command can access, in SQL, or definitions
	// of the object; "nothing" if there is no access.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Compare returns the changes of access from one state of a database to a later state of the same
// database. The object identifiers of both states must come from one database. The order is by
// effect, object, role and command; new objects come last.
func Compare(before, after *catalog.State) ([]Change, error) {
	changed := changedRoles(before, after)
	c := &comparison{before: newReader(before, changed), after: newReader(after, changed)}
	c.tables()
	c.policies()
	c.privileges()
	c.functions()
	c.triggers()
	c.views()
	c.owners()
	c.roles()
	Sort(c.changes)
	return c.changes, errors.Join(append(c.before.errs, c.after.errs...)...)
}

// Sort sorts changes as Compare does.
func Sort(changes []Change) {
	slices.SortStableFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(index(a.New), index(b.New)), cmp.Compare(slices.Index(effects, a.Effect), slices.Index(effects, b.Effect)),
			cmp.Compare(a.Object, b.Object), cmp.Compare(a.Role, b.Role),
			cmp.Compare(slices.Index(Commands, a.Command), slices.Index(Commands, b.Command)), cmp.Compare(a.What, b.What))
	})
}

type comparison struct {
	before, after *reader
	changes       []Change
	touched       map[catalog.Key]bool // tables with changed access
	changed       map[entryKey]bool    // entries with changed access
}

func (c *comparison) add(change Change) { c.changes = append(c.changes, change) }

// tables compares the matrices by table. A renamed table is the same table.
func (c *comparison) tables() {
	c.touched, c.changed = map[catalog.Key]bool{}, map[entryKey]bool{}
	all := map[uint32]bool{}
	for _, r := range []*reader{c.before, c.after} {
		for _, oid := range r.tables() {
			all[oid] = true
		}
	}
	roles := slices.Clone(c.before.roles)
	for _, role := range c.after.roles {
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	for _, oid := range slices.Sorted(maps.Keys(all)) {
		relation, exists := c.after.state.Relations[oid]
		if !exists {
			relation = c.before.state.Relations[oid]
		}
		if was, ok := c.before.state.Relations[oid]; ok && exists && was.Key != relation.Key {
			c.add(Change{Effect: Unchanged, Object: relation.Key.Qualified(), What: "was named " + was.Key.Qualified()})
		}
		for _, role := range roles {
			for _, command := range Commands {
				effect, differs := c.entry(oid, role, command)
				if !differs {
					continue
				}
				c.touched[relation.Key], c.changed[entryKey{oid, role, command}] = true, true
				change := Change{
					Effect: effect, Object: relation.Key.Qualified(), Command: command, Role: role,
					Before: c.before.entry(oid, role, command).words(command), After: c.after.entry(oid, role, command).words(command),
				}
				old, was := c.before.state.Relations[oid]
				change.New = !was
				if more := c.newColumns(old, oid, role, command); was && len(more.columns) > 0 {
					change.New, change.Before, change.After = true, "nothing", more.words(command)
				}
				if change.Before == change.After {
					change.What = "same expression, different effect: a function it calls, or the SELECT policy, changed"
				}
				c.add(change)
			}
		}
	}
}

// words describes an entry: "columns (a, b) of rows where …".
func (e *entry) words(command string) string {
	if e.none() {
		return "nothing"
	}
	var parts []string
	if !e.all && command != "DELETE" {
		parts = append(parts, "columns ("+strings.Join(e.columnNames(), ", ")+")")
	}
	if command != "INSERT" {
		parts = append(parts, "rows "+where(e.using.text))
	}
	if command == "INSERT" || command == "UPDATE" && e.check.text != e.using.text {
		parts = append(parts, "new rows "+where(e.check.text))
	}
	return strings.Join(parts, ", ")
}

func where(text string) string {
	if text == "true" {
		return "without a condition"
	}
	return "where " + text
}

// entry compares one entry, and reports whether it differs.
func (c *comparison) entry(table uint32, role, command string) (effect Effect, differs bool) {
	a, b := c.before.entry(table, role, command), c.after.entry(table, role, command)
	switch {
	case a.none() && b.none():
		return "", false
	case a.none():
		return Widening, true
	case b.none():
		return Narrowing, true
	}
	relation := both(columns(a, b), c.rows(table, role, command, a, b))
	same := a.using.text == b.using.text && a.check.text == b.check.text && a.all == b.all && maps.Equal(a.columns, b.columns)
	if relation == predicate.Same && same {
		return "", false
	}
	return effectOf(relation), true
}

// newColumns returns the added access of an entry, if it consists only of columns that the table
// did not have before.
func (c *comparison) newColumns(old catalog.Relation, table uint32, role, command string) *entry {
	a, b := c.before.entry(table, role, command), c.after.entry(table, role, command)
	more := &entry{using: b.using, check: b.check}
	if a.none() || b.none() || b.all || c.rows(table, role, command, a, b) != predicate.Same || columns(a, b) != predicate.Wider {
		return more
	}
	for number, name := range b.columns {
		if _, had := a.columns[number]; had {
			continue
		}
		if _, there := old.Columns[number]; there {
			return &entry{}
		}
		if more.columns == nil {
			more.columns = map[int]string{}
		}
		more.columns[number] = name
	}
	return more
}

// readable compares the columns that a role may read, and so use in conditions. Columns that the
// table did not have before are ignored.
func (c *comparison) readable(table uint32, role string) predicate.Relation {
	a, b := c.before.entry(table, role, "SELECT"), c.after.entry(table, role, "SELECT")
	if a.none() || b.none() {
		return predicate.Same // without rows to select, the comparison of rows covers it
	}
	previous := c.before.state.Relations[table]
	old := &entry{all: b.all, columns: maps.Clone(b.columns)}
	maps.DeleteFunc(old.columns, func(number int, _ string) bool {
		_, there := previous.Columns[number]
		return !there
	})
	return columns(a, old)
}

func effectOf(r predicate.Relation) Effect {
	return map[predicate.Relation]Effect{
		predicate.Unknown: Review, predicate.Same: Unchanged, predicate.Wider: Widening, predicate.Narrower: Narrowing,
	}[r]
}

// both combines the relations of two conditions that must both be met.
func both(a, b predicate.Relation) predicate.Relation {
	switch {
	case a == predicate.Same:
		return b
	case b == predicate.Same, a == b:
		return a
	}
	return predicate.Unknown
}

func columns(a, b *entry) predicate.Relation {
	within := func(a, b *entry) bool {
		if b.all {
			return true
		}
		for number := range a.columns {
			if _, ok := b.columns[number]; !ok {
				return false
			}
		}
		return !a.all
	}
	switch wider, narrower := within(a, b), within(b, a); {
	case wider && narrower:
		return predicate.Same
	case wider:
		return predicate.Wider
	case narrower:
		return predicate.Narrower
	}
	return predicate.Unknown
}

// rows compares the rows. A command that reads columns can only access rows that SELECT can access,
// and so can RETURNING for new rows. A command that reads no column does not need SELECT. The
// relation must hold in both cases.
func (c *comparison) rows(table uint32, role, command string, a, b *entry) predicate.Relation {
	// Existing rows, and new rows. INSERT has no existing rows.
	var pairs [][2]predicate.Formula
	if command != "INSERT" {
		pairs = append(pairs, [2]predicate.Formula{a.using.formula, b.using.formula})
	}
	if command == "INSERT" || command == "UPDATE" {
		pairs = append(pairs, [2]predicate.Formula{a.check.formula, b.check.formula})
	}
	relation := predicate.Same
	for _, pair := range pairs {
		relation = both(relation, predicate.Compare(pair[0], pair[1]))
	}
	if command == "SELECT" {
		return relation
	}
	seen := func(r *reader) predicate.Formula {
		e := r.entry(table, role, "SELECT")
		if e.none() {
			return predicate.Never
		}
		return e.using.formula
	}
	was, is := seen(c.before), seen(c.after)
	relation = both(relation, c.readable(table, role))
	for _, pair := range pairs {
		relation = both(relation, predicate.Compare(predicate.And(pair[0], was), predicate.And(pair[1], is)))
	}
	return relation
}

// policies reports the changed policies of tables whose access did not change.
func (c *comparison) policies() {
	for _, d := range catalog.Compare(c.before.state, c.after.state) {
		table := catalog.Key{Kind: catalog.KindTable, Schema: d.Key.Schema, Name: d.Key.Name}
		_, existed := c.before.oids[table]
		_, exists := c.after.oids[table]
		if c.touched[table] || !existed || !exists {
			continue
		}
		switch d.Key.Kind {
		case catalog.KindPolicy:
			from, _ := d.From.(*catalog.Policy)
			to, _ := d.To.(*catalog.Policy)
			what := "changed, but no role gains or loses rows"
			switch {
			case from == nil:
				what = "is new, but no role gains or loses rows"
			case to == nil:
				what = "was dropped, but no role gains or loses rows"
			case uncommented(from) == uncommented(to):
				continue
			}
			c.add(Change{Effect: Unchanged, Object: d.Key.String(), What: what})
		case catalog.KindSecurity:
			c.add(Change{Effect: Unchanged, Object: d.Key.String(), What: "is " + securityWords(d.To) + ", was " + securityWords(d.From) + "; no role gains or loses rows"})
		}
	}
}

// uncommented returns the policy without its comment, for comparison.
func uncommented(p *catalog.Policy) string {
	as := *p
	as.Comment = ""
	return fmt.Sprintf("%+v", as)
}

func securityWords(o catalog.Object) string {
	switch s, _ := o.(*catalog.Security); {
	case s == nil || !s.Enabled:
		return "disabled"
	case !s.Forced:
		return "enabled, but not forced"
	default:
		return "enabled and forced"
	}
}

// privileges compares the privileges that the matrix does not contain: those on other objects, and
// those on tables to which policies do not apply. It ignores the implicit privileges of owners, and
// USAGE for PUBLIC on types of a new schema.
func (c *comparison) privileges() {
	type holder struct {
		of   catalog.Key
		role string
	}
	read := func(r *reader) map[holder][]string {
		all := map[holder][]string{}
		for _, p := range r.state.Privileges {
			for _, g := range p.Grants {
				command := slices.Contains(Commands, g.Privilege) && (p.Of.Kind == catalog.KindTable || p.Of.Kind == catalog.KindColumn)
				owner := p.Owner
				if table, ok := r.objects[catalog.PrivilegesOf(of(p.Of))].(*catalog.Privileges); ok {
					owner = table.Owner
				}
				if g.Grantee == owner || c.triggerFunction(p.Of) || command && !g.Grantable && c.matters(p.Of, g) {
					continue
				}
				privilege := g.Privilege
				if g.Grantable {
					privilege += " WITH GRANT OPTION"
				}
				h := holder{p.Of, g.Grantee}
				all[h] = append(all[h], privilege)
			}
		}
		return all
	}
	was, is := read(c.before), read(c.after)
	every := maps.Clone(was)
	maps.Copy(every, is)
	for h := range every {
		lost, gained := less(was[h], is[h]), less(is[h], was[h])
		effect := Widening
		switch {
		case len(lost) > 0 && len(gained) > 0:
			effect = Review
		case len(lost) > 0:
			effect = Narrowing
		case len(gained) == 0:
			continue
		}
		object := h.of.String()
		if h.of.Kind == catalog.KindTable {
			object = h.of.Qualified()
		}
		change := Change{Effect: effect, Object: object, Role: h.role, Command: strings.Join(append(lost, gained...), ", "), Before: listed(was[h]), After: listed(is[h])}
		_, existed := c.before.objects[catalog.PrivilegesOf(of(h.of))]
		change.New = !existed
		if len(less(append(slices.Clone(lost), gained...), Commands)) == 0 && of(h.of).Kind == catalog.KindTable {
			change.Effect, change.What = Unchanged, "no policy gives access to a row"
		}
		if f, ok := c.after.objects[h.of].(*catalog.Function); ok && effect == Widening {
			if f.Definer {
				change.What = "runs with the privileges of " + f.Owner
			} else {
				change.Effect, change.What = Unchanged, "runs with the privileges of the caller"
			}
		}
		c.add(change)
	}
}

// matters reports whether the rows of the table already show the privilege: it has or had an
// effect, or its table is created or dropped.
func (c *comparison) matters(key catalog.Key, g catalog.Grant) bool {
	table := of(key)
	before, existed := c.before.oids[table]
	after, exists := c.after.oids[table]
	if !existed || !exists || before != after {
		return true
	}
	return c.changed[entryKey{after, g.Grantee, g.Privilege}] || !c.after.entry(after, g.Grantee, g.Privilege).none()
}

// of returns the object of a privilege; for a column, its table.
func of(key catalog.Key) catalog.Key {
	if key.Kind == catalog.KindColumn {
		return catalog.Key{Kind: catalog.KindTable, Schema: key.Schema, Name: key.Name}
	}
	return key
}

// triggerFunction reports whether only triggers can call the function.
func (c *comparison) triggerFunction(of catalog.Key) bool {
	for _, r := range []*reader{c.before, c.after} {
		if f, ok := r.objects[of].(*catalog.Function); ok && (f.Result == "trigger" || f.Result == "event_trigger") {
			return true
		}
	}
	return false
}

func less(from, what []string) []string {
	return slices.DeleteFunc(slices.Clone(from), func(s string) bool { return slices.Contains(what, s) })
}

func listed(all []string) string {
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// functions compares functions that run with other privileges than those of the caller, or in
// triggers.
func (c *comparison) functions() {
	calls := map[string][]string{} // tables by the trigger function that they call
	for _, t := range c.after.state.Triggers {
		calls[t.Function] = append(calls[t.Function], catalog.Qualify(t.Schema, t.Table))
	}
	for _, d := range catalog.Compare(c.before.state, c.after.state) {
		if d.Key.Kind != catalog.KindFunction || d.From == nil || d.To == nil {
			continue // new and dropped functions are reported as grants and triggers
		}
		from, _ := d.From.(*catalog.Function)
		to, _ := d.To.(*catalog.Function)
		change := Change{Effect: Review, Object: d.Key.String()}
		tables := calls[to.Schema+"."+to.Name]
		switch {
		case from.Definer && to.Definer && from.Owner != to.Owner:
			change.What = "runs with the privileges of " + to.Owner + ", before with those of " + from.Owner
		case from.Definer != to.Definer:
			change.What = "runs with the privileges of " + rights(to) + ", before with those of " + rights(from)
		case from.Definition == to.Definition:
			continue // only the comment changed, or the owner, whose rights the function does not use
		case len(tables) > 0:
			slices.Sort(tables)
			change.What = "the body changed; it runs when " + some(slices.Compact(tables)) + " changes, with the privileges of " + rights(to)
		case to.Definer:
			change.What = "the body changed; it runs with the privileges of " + to.Owner
		default:
			continue // it runs with the rights of its caller; if a policy calls it, the comparison of rows reports it
		}
		if from.Definition != to.Definition {
			change.Before, change.After = from.Definition, to.Definition
		}
		c.add(change)
	}
}

// some returns the first names of a list.
func some(all []string) string {
	const few = 3
	switch n := len(all); {
	case n > few+1:
		return fmt.Sprintf("%s or one of %d other tables", strings.Join(all[:few], ", "), n-few)
	case n > 1:
		return strings.Join(all[:n-1], ", ") + " or " + all[n-1]
	default:
		return all[0]
	}
}

func rights(f *catalog.Function) string {
	if f.Definer {
		return f.Owner
	}
	return "the caller"
}

func (c *comparison) triggers() {
	for _, d := range catalog.Compare(c.before.state, c.after.state) {
		if d.Key.Kind != catalog.KindTrigger {
			continue
		}
		table := catalog.Key{Kind: catalog.KindTable, Schema: d.Key.Schema, Name: d.Key.Name}
		_, existed := c.before.oids[table]
		_, exists := c.after.oids[table]
		if !existed || !exists {
			continue // created or dropped together with its table
		}
		change := Change{Effect: Review, Object: d.Key.String()}
		from, _ := d.From.(*catalog.Trigger)
		to, _ := d.To.(*catalog.Trigger)
		switch {
		case from == nil:
			change.What = "is new and may reject or change written rows, or write to other tables: " + to.Definition
		case to == nil:
			change.What = "was dropped, so its checks and writes no longer happen: " + from.Definition
		case from.Enabled != to.Enabled:
			change.What = "fires " + firing[to.Enabled] + ", previously " + firing[from.Enabled]
		case from.Definition != to.Definition:
			change.Before, change.After = from.Definition, to.Definition
		default:
			continue
		}
		c.add(change)
	}
}

var firing = map[string]string{"O": "in ordinary sessions", "A": "always", "R": "only in replica sessions", "D": "never"}

// views reports changed views. A view uses the privileges of its owner unless it has security_invoker.
func (c *comparison) views() {
	for _, d := range catalog.Compare(c.before.state, c.after.state) {
		if !strings.Contains(string(d.Key.Kind), "view") && d.Key.Kind != "rule" {
			continue
		}
		what := "changed"
		if d.From == nil {
			what = "is new"
		} else if d.To == nil {
			what = "was dropped"
		}
		c.add(Change{Effect: Review, Object: d.Key.String(), What: what + "; this report does not analyze which rows it shows to which role"})
	}
}

// owners reports changed owners. An owner has all privileges on its objects.
func (c *comparison) owners() {
	for _, d := range catalog.Compare(c.before.state, c.after.state) {
		from, ok := d.From.(*catalog.Privileges)
		to, ok2 := d.To.(*catalog.Privileges)
		if ok && ok2 && from.Owner != to.Owner && from.Of.Kind != catalog.KindFunction {
			c.add(Change{Effect: Review, Object: from.Of.String(), What: fmt.Sprintf("is owned by %s, previously by %s; an owner can change policies and privileges", to.Owner, from.Owner)})
		}
		if d.Key.Kind == catalog.KindDefaults {
			c.add(Change{Effect: Review, Object: d.Key.String(), What: "privileges on objects created in the future changed"})
		}
	}
}

// changedRoles returns the roles whose attributes or memberships differ between the two states.
// They are considered even if nothing else names them.
func changedRoles(before, after *catalog.State) []string {
	was := map[string]*catalog.Role{}
	for _, r := range before.Roles {
		was[r.Name] = r
	}
	var changed []string
	for _, is := range after.Roles {
		if r := was[is.Name]; r == nil || !slices.Equal(r.Attributes, is.Attributes) || !slices.Equal(r.MemberOf, is.MemberOf) {
			changed = append(changed, is.Name)
		}
	}
	return changed
}

func (c *comparison) roles() {
	was := map[string]*catalog.Role{}
	for _, r := range c.before.state.Roles {
		was[r.Name] = r
	}
	for _, is := range c.after.state.Roles {
		r := was[is.Name]
		if r == nil {
			r = &catalog.Role{Name: is.Name}
		}
		gained := append(less(powers(is), powers(r)), less(is.MemberOf, r.MemberOf)...)
		lost := append(less(powers(r), powers(is)), less(r.MemberOf, is.MemberOf)...)
		effect := Widening
		switch {
		case len(gained) > 0 && len(lost) > 0:
			effect = Review
		case len(lost) > 0:
			effect = Narrowing
		case len(gained) == 0:
			continue
		}
		c.add(Change{Effect: effect, Object: "role " + catalog.Ident(is.Name), Before: listed(append(powers(r), r.MemberOf...)), After: listed(append(powers(is), is.MemberOf...))})
	}
}

// powers returns the attributes that give a role more privileges.
func powers(r *catalog.Role) []string {
	return slices.DeleteFunc(slices.Clone(r.Attributes), func(a string) bool { return strings.HasPrefix(a, "NO") })
}
