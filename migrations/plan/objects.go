package plan

import (
	"maps"
	"slices"
	"strings"

	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/syntax"
)

// objects plans the objects that Atlas does not support.
func (p *planning) objects() {
	p.partitions() // first, because their privileges, security and triggers follow
	functions := p.functions()
	for _, key := range sortedKeys(p.work, p.want) {
		switch want := p.want[key].(type) {
		case *catalog.Policy:
			p.policy(of[*catalog.Policy](p.work[key]), want)
		case *catalog.Trigger:
			p.trigger(of[*catalog.Trigger](p.work[key]), want)
		case *catalog.Security:
			p.security(of[*catalog.Security](p.work[key]), want)
		case nil:
			switch have := p.work[key].(type) {
			case *catalog.Policy:
				p.add(phaseUnguard, "DROP POLICY "+catalog.Ident(have.Name)+" ON "+key.Qualified(), "")
			case *catalog.Trigger:
				p.add(phaseUnguard, "DROP TRIGGER "+catalog.Ident(have.Name)+" ON "+key.Qualified(), "")
			}
		}
	}
	p.owners(functions)
	p.privileges()
}

// of returns the object as its type, or nil if there is none.
func of[T catalog.Object](o catalog.Object) T {
	t, _ := o.(T)
	return t
}

func sortedKeys(states ...map[catalog.Key]catalog.Object) []catalog.Key {
	all := map[catalog.Key]bool{}
	for _, state := range states {
		for key := range state {
			all[key] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), catalog.Key.Compare)
}

func (p *planning) partitions() {
	for _, key := range sortedKeys(p.work, p.want) {
		have, had := p.work[key].(*catalog.Partition)
		want, wanted := p.want[key].(*catalog.Partition)
		if had && (!wanted || *have != *want) {
			p.steps = append(p.steps, step{phase: phasePartitionDrops, sql: "DROP TABLE " + key.Qualified(), destroys: "partition " + key.Qualified()})
			p.removeTable(have.Schema, have.Name)
		}
		if wanted && (!had || *have != *want) {
			p.add(phasePartitions, "CREATE TABLE "+key.Qualified()+" PARTITION OF "+catalog.Qualify(want.ParentSchema, want.ParentTable)+" DEFAULT", "")
		}
	}
}

// functions plans functions without their owners and privileges. It returns the new functions by
// key.
func (p *planning) functions() map[catalog.Key]bool {
	created := map[catalog.Key]bool{}
	late := p.lateFunctions()
	early := false
	var changed []*catalog.Function
	for _, want := range p.functionOrder() {
		key := want.Key()
		have := of[*catalog.Function](p.work[key])
		if have == nil {
			created[key] = true
		}
		if have == nil || have.Definition != want.Definition {
			changed = append(changed, want)
			at := phaseFunctions
			if late[key] {
				at = phaseLateFunctions
			} else {
				early = true
			}
			p.add(at, p.functionText(want, have != nil), p.staleNote(have, key))
		}
		if comment := ""; have != nil || want.Comment != "" {
			if have != nil {
				comment = have.Comment
			}
			if comment != want.Comment {
				p.add(phaseComments, "COMMENT ON "+routine(want)+" "+key.Qualified()+"("+want.Types+") IS "+literal(want.Comment), "")
			}
		}
	}
	if note := p.unchecked(early, changed); note != "" {
		p.add(phaseBodies, "SET LOCAL check_function_bodies = off", note)
	}
	for _, key := range sortedKeys(p.work) {
		if have, ok := p.work[key].(*catalog.Function); ok && p.want[key] == nil {
			p.add(phaseFunctionDrops, "DROP "+routine(have)+" "+key.Qualified()+"("+have.Types+")", "")
			delete(p.work, catalog.PrivilegesOf(key))
		}
	}
	return created
}

// unchecked returns the reason why function bodies are not checked when the plan is applied, or "".
// The desired database has checked them.
func (p *planning) unchecked(early bool, changed []*catalog.Function) string {
	tables := slices.ContainsFunc(p.steps, func(s step) bool { return s.phase > phaseFunctions && s.phase < phaseLateFunctions })
	switch {
	case early && tables:
		return "Functions may refer to tables that change below."
	case slices.ContainsFunc(changed, func(f *catalog.Function) bool { return f.Language == "sql" }):
		return "Checking the body would fail, because row_security is off during migrations."
	default:
		return ""
	}
}

// functionText returns the declared text, as CREATE or CREATE OR REPLACE.
func (p *planning) functionText(f *catalog.Function, replace bool) string {
	text := f.Definition
	if s := p.declaration.statement(CreateFunction, f.Key()); s != nil {
		text = s.Text
	}
	tokens := syntax.Lex(text)
	at := tokens[0].End // after CREATE
	if tokens[1].Text == "or" {
		at = tokens[2].End
	}
	if replace {
		return "CREATE OR REPLACE" + text[at:]
	}
	return "CREATE" + text[at:]
}

// staleNote returns a warning if results of the old function remain, because Postgres does not
// compute stored columns, indexes and checks again.
func (p *planning) staleNote(have *catalog.Function, key catalog.Key) string {
	if have == nil {
		return ""
	}
	var users []string
	for _, of := range p.desired.State.Dependents(key) {
		switch of.Kind {
		case catalog.KindColumn, catalog.KindIndex, catalog.KindConstraint:
			if of.Kind == catalog.KindColumn && p.rebuilt[of] {
				continue
			}
			users = append(users, of.String())
		}
	}
	if len(users) == 0 {
		return ""
	}
	return "Existing rows keep the results of the old body in " + strings.Join(users, ", ") + "."
}

// lateFunctions are the functions that cannot exist before the tables change, because their
// signature or SQL-standard body names a new object.
func (p *planning) lateFunctions() map[catalog.Key]bool {
	late := map[catalog.Key]bool{}
	for again := true; again; {
		again = false
		for _, d := range p.desired.State.Dependencies {
			if d.Of.Kind == catalog.KindFunction && !late[d.Of] && (p.isNew(d.On) || late[d.On]) {
				late[d.Of] = true
				again = true
			}
		}
	}
	return late
}

// isNew reports whether a table or column is not in the current state, or is created again.
func (p *planning) isNew(key catalog.Key) bool {
	if key.Kind != catalog.KindTable && key.Kind != catalog.KindColumn {
		return false
	}
	t, ok := p.current.Table(key.Schema, key.Name)
	if !ok {
		return true
	}
	if key.Kind == catalog.KindTable {
		return false
	}
	_, ok = t.Column(key.Sub)
	return !ok
}

// functionOrder is the order of declaration, except that a function follows the functions that it
// calls.
func (p *planning) functionOrder() []*catalog.Function {
	place := func(f *catalog.Function) int {
		return slices.IndexFunc(p.declaration.Statements, func(s *Statement) bool {
			return s.Kind == CreateFunction && s.Schema == f.Schema && s.Name == f.Name
		})
	}
	all := slices.Clone(p.desired.State.Functions)
	slices.SortStableFunc(all, func(a, b *catalog.Function) int { return place(a) - place(b) })
	var (
		ordered []*catalog.Function
		visit   func(*catalog.Function)
		seen    = map[catalog.Key]bool{}
	)
	visit = func(f *catalog.Function) {
		if seen[f.Key()] {
			return
		}
		seen[f.Key()] = true
		for _, d := range p.desired.State.Dependencies {
			if d.Of != f.Key() || d.On.Kind != catalog.KindFunction {
				continue
			}
			if i := slices.IndexFunc(all, func(o *catalog.Function) bool { return o.Key() == d.On }); i >= 0 {
				visit(all[i])
			}
		}
		ordered = append(ordered, f)
	}
	for _, f := range all {
		visit(f)
	}
	return ordered
}

// owners sets the owners of functions. Until then, the planner's role owns a new function.
func (p *planning) owners(created map[catalog.Key]bool) {
	give := map[[2]string][]string{} // by schema and role
	for _, key := range sortedKeys(p.want) {
		want, ok := p.want[key].(*catalog.Function)
		if !ok {
			continue
		}
		owner := p.in.Conventions.Owner
		if have := of[*catalog.Function](p.work[key]); have != nil && !created[key] {
			owner = have.Owner
		}
		if owner == want.Owner {
			continue
		}
		to := [2]string{want.Schema, want.Owner}
		give[to] = append(give[to], "ALTER "+routine(want)+" "+key.Qualified()+"("+want.Types+") OWNER TO "+catalog.Ident(want.Owner))
		if privileges := of[*catalog.Privileges](p.work[catalog.PrivilegesOf(key)]); privileges != nil {
			p.work[catalog.PrivilegesOf(key)] = withOwner(privileges, want.Owner)
		}
	}
	for _, to := range slices.SortedFunc(maps.Keys(give), func(a, b [2]string) int { return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1]) }) {
		statements := give[to]
		if !p.mayCreate(to[0], to[1]) {
			statements = bracketOwner(to[0], to[1], statements...)
		}
		for i, sql := range statements {
			note := ""
			if i == 0 {
				note = "The new owner needs CREATE on the schema while the owner changes."
			}
			p.add(phaseOwners, sql, note)
		}
	}
}

// mayCreate reports whether the role has CREATE on the schema.
func (p *planning) mayCreate(schemaName, role string) bool {
	key := catalog.PrivilegesOf(catalog.Key{Kind: catalog.KindSchema, Name: schemaName})
	has := func(o catalog.Object) bool {
		privileges, ok := o.(*catalog.Privileges)
		return ok && (privileges.Owner == role || slices.ContainsFunc(privileges.Grants, func(g catalog.Grant) bool {
			return g.Grantee == role && g.Privilege == "CREATE"
		}))
	}
	return has(p.work[key]) && has(p.want[key])
}

// withOwner returns the privileges after ALTER … OWNER: the new owner gets those of the old owner.
func withOwner(from *catalog.Privileges, owner string) *catalog.Privileges {
	to := &catalog.Privileges{Of: from.Of, Owner: owner}
	for _, g := range from.Grants {
		if g.Grantee == from.Owner {
			g.Grantee = owner
		}
		if !slices.Contains(to.Grants, g) {
			to.Grants = append(to.Grants, g)
		}
	}
	return to
}

func (p *planning) security(have, want *catalog.Security) {
	if have == nil {
		have = &catalog.Security{}
	}
	var actions []string
	switch {
	case want.Enabled && !have.Enabled:
		actions = append(actions, "ENABLE ROW LEVEL SECURITY")
	case !want.Enabled && have.Enabled:
		actions = append(actions, "DISABLE ROW LEVEL SECURITY")
	}
	switch {
	case want.Forced && !have.Forced:
		actions = append(actions, "FORCE ROW LEVEL SECURITY")
	case !want.Forced && have.Forced:
		actions = append(actions, "NO FORCE ROW LEVEL SECURITY")
	}
	if len(actions) > 0 {
		p.add(phaseSecurity, "ALTER TABLE "+want.Key().Qualified()+" "+strings.Join(actions, ", "), "")
	}
}

func (p *planning) policy(have, want *catalog.Policy) {
	key := want.Key()
	table := key.Qualified()
	name := catalog.Ident(want.Name)
	using, check := "("+want.Using+")", "("+want.Check+")"
	var text string
	if s := p.declaration.statement(CreatePolicy, key); s != nil {
		using, check, text = s.Using, s.Check, s.Text
	} else {
		text = policyText(want)
	}
	comment := ""
	switch {
	case have == nil:
		p.add(phasePolicies, text, "")
	case !want.Alters(have):
		p.add(phasePolicies, "DROP POLICY "+name+" ON "+table, "ALTER POLICY can neither change the command nor remove an expression.")
		p.add(phasePolicies, text, "")
	default:
		comment = have.Comment
		var changes []string
		if !slices.Equal(have.Roles, want.Roles) {
			changes = append(changes, "TO "+grantees(want.Roles))
		}
		if have.Using != want.Using {
			changes = append(changes, "USING "+using)
		}
		if have.Check != want.Check {
			changes = append(changes, "WITH CHECK "+check)
		}
		if len(changes) > 0 {
			p.add(phasePolicies, "ALTER POLICY "+name+" ON "+table+"\n    "+strings.Join(changes, "\n    "), "")
		}
	}
	if comment != want.Comment {
		p.add(phaseComments, "COMMENT ON POLICY "+name+" ON "+table+" IS "+literal(want.Comment), "")
	}
}

// policyText returns the statement that creates the policy, as Postgres prints it.
func policyText(p *catalog.Policy) string {
	text := "CREATE POLICY " + catalog.Ident(p.Name) + " ON " + p.Key().Qualified()
	if !p.Permissive {
		text += " AS RESTRICTIVE"
	}
	text += " FOR " + p.Command + " TO " + grantees(p.Roles)
	if p.Using != "" {
		text += " USING (" + p.Using + ")"
	}
	if p.Check != "" {
		text += " WITH CHECK (" + p.Check + ")"
	}
	return text
}

func (p *planning) trigger(have, want *catalog.Trigger) {
	key := want.Key()
	table := key.Qualified()
	name := catalog.Ident(want.Name)
	text := want.Definition
	if s := p.declaration.statement(CreateTrigger, key); s != nil {
		text = s.Text
	}
	tokens := syntax.Lex(text)
	head, tail := "CREATE", text[tokens[0].End:]
	if tokens[1].Text == "or" {
		tail = text[tokens[2].End:]
	}
	enabled, comment := "O", ""
	switch {
	case have == nil:
		p.add(phaseTriggers, head+tail, "")
	case have.Definition != want.Definition && (want.Constraint || have.Constraint):
		p.add(phaseTriggers, "DROP TRIGGER "+name+" ON "+table, "Postgres cannot replace a constraint trigger.")
		p.add(phaseTriggers, head+tail, "")
	case have.Definition != want.Definition:
		comment = have.Comment
		p.add(phaseTriggers, "CREATE OR REPLACE"+tail, "")
	default:
		enabled, comment = have.Enabled, have.Comment
	}
	if enabled != want.Enabled {
		verb := map[string]string{"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "D": "DISABLE"}[want.Enabled]
		p.add(phaseTriggers, "ALTER TABLE "+table+" "+verb+" TRIGGER "+name, "")
	}
	if comment != want.Comment {
		p.add(phaseComments, "COMMENT ON TRIGGER "+name+" ON "+table+" IS "+literal(want.Comment), "")
	}
}

func grantees(roles []string) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = grantee(role)
	}
	return strings.Join(names, ", ")
}

func grantee(role string) string {
	if role == catalog.Public {
		return role
	}
	return catalog.Ident(role)
}

func literal(text string) string {
	if text == "" {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
