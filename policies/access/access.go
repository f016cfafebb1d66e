// Package access computes which role may run which command on which rows of a database, as the
// combined effect of privileges, row-level security and role memberships. It also compares two
// states.
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

// Commands are the commands to which row-level security applies.
var Commands = []string{"SELECT", "INSERT", "UPDATE", "DELETE"}

// Access is the access of a role to the rows of a table by one command.
type Access struct {
	Table   string `json:"table"` // schema.name, quoted where SQL needs it
	Command string `json:"command"`
	Role    string `json:"role"`
	// Columns are the columns that the command may name. If it is empty, the command may name all
	// columns, including future ones. It is empty for DELETE.
	Columns []string `json:"columns,omitempty"`
	// Using is the condition for existing rows, and Check that for new rows, in SQL as Postgres
	// prints it; "true" if there is no condition. They are empty if the command has no such rows.
	Using string `json:"using,omitempty"`
	Check string `json:"check,omitempty"`
	// Policies are the policies that apply. It is empty if row-level security does not apply.
	Policies []string `json:"policies,omitempty"`
}

// Matrix returns all access by table, role and command. Access that is not listed is denied. The
// roles are those with privileges and those of the project.
func Matrix(state *catalog.State) ([]Access, error) {
	r := newReader(state, nil)
	var all []Access
	for _, table := range r.tables() {
		for _, role := range r.roles {
			for _, command := range Commands {
				e := r.entry(table, role, command)
				if e.none() {
					continue
				}
				a := Access{Table: r.state.Relations[table].Key.Qualified(), Command: command, Role: role, Columns: e.columnNames(), Policies: e.policies}
				if command != "INSERT" {
					a.Using = e.using.text
				}
				if command == "INSERT" || command == "UPDATE" {
					a.Check = e.check.text
				}
				all = append(all, a)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Access) int { return cmp.Compare(a.Table, b.Table) })
	return all, errors.Join(r.errs...)
}

// reader reads the access of one state.
type reader struct {
	state    *catalog.State
	roles    []string            // sorted; PUBLIC is first if it has a privilege
	parents  map[string][]string // roles whose privileges a role has, including itself
	powerful map[string]bool     // superusers and roles that bypass row-level security
	oids     map[catalog.Key]uint32
	objects  map[catalog.Key]catalog.Object
	columns  map[catalog.Key]map[string][]catalog.Grant // of a table, by column
	policies map[catalog.Key][]*catalog.Policy          // by table
	meanings *meanings
	read     map[treeKey]predicate.Formula
	entries  map[entryKey]*entry
	errs     []error
}

type treeKey struct{ tree, role, table string }

type entryKey struct {
	table         uint32
	role, command string
}

// newReader reads the state. It considers the roles that privileges, owners and policies name, the
// roles in also, and those that bypasses reports.
func newReader(state *catalog.State, also []string) *reader {
	r := &reader{
		state: state, parents: map[string][]string{}, powerful: map[string]bool{}, oids: map[catalog.Key]uint32{},
		objects: state.Objects(), columns: map[catalog.Key]map[string][]catalog.Grant{}, policies: map[catalog.Key][]*catalog.Policy{},
		meanings: newMeanings(state), read: map[treeKey]predicate.Formula{}, entries: map[entryKey]*entry{},
	}
	for oid, relation := range state.Relations {
		r.oids[relation.Key] = oid
	}
	for _, p := range state.Policies {
		table := catalog.Key{Kind: catalog.KindTable, Schema: p.Schema, Name: p.Table}
		r.policies[table] = append(r.policies[table], p)
	}
	for _, p := range state.Privileges {
		if p.Of.Kind == catalog.KindColumn {
			table := catalog.Key{Kind: catalog.KindTable, Schema: p.Of.Schema, Name: p.Of.Name}
			if r.columns[table] == nil {
				r.columns[table] = map[string][]catalog.Grant{}
			}
			r.columns[table][p.Of.Sub] = p.Grants
		}
	}
	r.readRoles(also)
	return r
}

// readRoles reads the roles to consider and their memberships. Roles belong to the whole server. A
// role that the state does not name belongs to another database; its access in this one is that of
// PUBLIC and of the roles that it is a member of, which are reported separately.
func (r *reader) readRoles(also []string) {
	members := map[string][]string{}
	named := map[string]bool{}
	for _, role := range also {
		named[role] = true
	}
	for _, role := range r.state.Roles {
		inherits := slices.Contains(role.Attributes, "INHERIT")
		for _, of := range role.MemberOf {
			parent, options, _ := strings.Cut(of, " WITH")
			// Since PostgreSQL 16, INHERIT is an option of the membership.
			if r.state.Version >= 160000 {
				inherits = !strings.Contains(options, "OUT INHERIT")
			}
			if inherits {
				members[role.Name] = append(members[role.Name], parent)
			}
		}
		r.powerful[role.Name] = slices.Contains(role.Attributes, "SUPERUSER") || slices.Contains(role.Attributes, "BYPASSRLS")
	}
	for _, p := range r.state.Privileges {
		if p.Owner != "" {
			named[p.Owner] = true
		}
		for _, g := range p.Grants {
			named[g.Grantee] = true
		}
	}
	for _, p := range r.state.Policies {
		for _, role := range p.Roles {
			named[role] = true
		}
	}
	for _, role := range r.state.Roles {
		if r.bypasses(role, members, named) {
			named[role.Name] = true
		}
	}
	// Access that every role has is reported once, for PUBLIC.
	r.roles = slices.SortedFunc(maps.Keys(named), func(a, b string) int {
		return cmp.Or(cmp.Compare(index(b == catalog.Public), index(a == catalog.Public)), cmp.Compare(a, b))
	})
	for _, role := range r.roles {
		var visit func(string)
		visit = func(of string) {
			if slices.Contains(r.parents[role], of) {
				return
			}
			r.parents[role] = append(r.parents[role], of)
			for _, parent := range members[of] {
				visit(parent)
			}
		}
		visit(role)
	}
}

// bypasses reports whether the role has the privileges of a considered role and no policy limits
// it, so that it can access more rows than that role.
func (r *reader) bypasses(role *catalog.Role, members map[string][]string, named map[string]bool) bool {
	if !slices.Contains(role.Attributes, "BYPASSRLS") || slices.Contains(role.Attributes, "SUPERUSER") {
		return false
	}
	seen := map[string]bool{}
	var has func(string) bool
	has = func(of string) bool {
		if seen[of] {
			return false
		}
		seen[of] = true
		return named[of] || slices.ContainsFunc(members[of], has)
	}
	return has(role.Name)
}

func index(is bool) int {
	if is {
		return 1
	}
	return 0
}

// has reports whether a role has the privileges of another role. Every role has those of PUBLIC.
func (r *reader) has(role, of string) bool {
	return of == catalog.Public || slices.Contains(r.parents[role], of)
}

// tables returns the tables, sorted by name.
func (r *reader) tables() []uint32 {
	var all []uint32
	for oid, relation := range r.state.Relations {
		if relation.Key.Kind == catalog.KindTable {
			all = append(all, oid)
		}
	}
	slices.SortFunc(all, func(a, b uint32) int { return r.state.Relations[a].Key.Compare(r.state.Relations[b].Key) })
	return all
}

// rows is a set of rows of a table, as a formula and as SQL.
type rows struct {
	formula predicate.Formula
	text    string
}

var (
	every  = rows{predicate.Always, "true"}
	nobody = rows{predicate.Never, "false"}
)

// entry is the access of one role to one table by one command.
type entry struct {
	all          bool           // all columns
	columns      map[int]string // otherwise these, by number
	using, check rows
	policies     []string
}

func (e *entry) none() bool {
	return !e.all && len(e.columns) == 0 || e.using.text == "false" || e.check.text == "false"
}

func (e *entry) columnNames() []string {
	if e.all {
		return nil
	}
	return slices.Sorted(maps.Values(e.columns))
}

// entry computes the access of a role. It is empty if there is no such table.
func (r *reader) entry(table uint32, role, command string) *entry {
	key := entryKey{table, role, command}
	if e, ok := r.entries[key]; ok {
		return e
	}
	e := &entry{using: nobody, check: nobody}
	r.entries[key] = e
	relation, ok := r.state.Relations[table]
	if !ok {
		return e
	}
	r.privileges(e, relation, role, command)
	if !e.all && len(e.columns) == 0 {
		return e
	}
	e.using, e.check, e.policies = r.rows(relation.Key, role, command)
	return e
}

// privileges sets the columns that the command may name. Without USAGE on the schema there are
// none.
func (r *reader) privileges(e *entry, relation catalog.Relation, role, command string) {
	if r.powerful[role] && r.isSuperuser(role) {
		e.all = true
		return
	}
	schema := r.granted(catalog.Key{Kind: catalog.KindSchema, Name: relation.Key.Schema})
	if !r.holds(schema, role, "USAGE") {
		return
	}
	if r.holds(r.granted(relation.Key), role, command) {
		e.all = true
		return
	}
	for number, name := range relation.Columns {
		if r.holds(r.columns[relation.Key][name], role, command) {
			if e.columns == nil {
				e.columns = map[int]string{}
			}
			e.columns[number] = name
		}
	}
}

func (r *reader) isSuperuser(role string) bool {
	return slices.ContainsFunc(r.state.Roles, func(o *catalog.Role) bool { return o.Name == role && slices.Contains(o.Attributes, "SUPERUSER") })
}

func (r *reader) granted(key catalog.Key) []catalog.Grant {
	if p, ok := r.objects[catalog.PrivilegesOf(key)].(*catalog.Privileges); ok {
		return p.Grants
	}
	return nil
}

func (r *reader) holds(grants []catalog.Grant, role, privilege string) bool {
	return slices.ContainsFunc(grants, func(g catalog.Grant) bool { return g.Privilege == privilege && r.has(role, g.Grantee) })
}

// rows applies row-level security.
// https://www.postgresql.org/docs/current/sql-createpolicy.html#SQL-CREATEPOLICY-SUMMARY
func (r *reader) rows(table catalog.Key, role, command string) (using, check rows, names []string) {
	security, _ := r.objects[catalog.Key{Kind: catalog.KindSecurity, Schema: table.Schema, Name: table.Name}].(*catalog.Security)
	owner := ""
	if p, ok := r.objects[catalog.PrivilegesOf(table)].(*catalog.Privileges); ok {
		owner = p.Owner
	}
	if security == nil || !security.Enabled || r.powerful[role] || r.has(role, owner) && !security.Forced {
		return every, every, nil
	}
	var permissive, restrictive [2][]rows // by USING and WITH CHECK
	for _, p := range r.policies[table] {
		if p.Command != command && p.Command != "ALL" || !slices.ContainsFunc(p.Roles, func(of string) bool { return r.has(role, of) }) {
			continue
		}
		tree := r.state.Trees[p.Key()]
		both := [2]rows{r.expression(table, role, tree.Using, p.Using), r.expression(table, role, tree.Check, p.Check)}
		if p.Check == "" && p.Using != "" {
			both[1] = both[0]
		}
		if p.Permissive && predicate.IsNever(both[0].formula) && predicate.IsNever(both[1].formula) {
			continue // for another role, by CURRENT_USER
		}
		names = append(names, p.Name)
		for i, one := range both {
			if p.Permissive {
				permissive[i] = append(permissive[i], one)
			} else {
				restrictive[i] = append(restrictive[i], one)
			}
		}
	}
	return combine(permissive[0], restrictive[0]), combine(permissive[1], restrictive[1]), names
}

// combine returns (permissive OR …) AND restrictive AND ….
func combine(permissive, restrictive []rows) rows {
	if len(permissive) == 0 {
		return nobody
	}
	some := rows{text: join(permissive, " OR ")}
	var formulas []predicate.Formula
	for _, one := range permissive {
		formulas = append(formulas, one.formula)
	}
	some.formula = predicate.Or(formulas...)
	formulas = []predicate.Formula{some.formula}
	for _, one := range restrictive {
		formulas = append(formulas, one.formula)
	}
	all := rows{predicate.And(formulas...), join(append([]rows{some}, restrictive...), " AND ")}
	if predicate.IsNever(all.formula) {
		return nobody
	}
	return all
}

func join(all []rows, by string) string {
	var texts []string
	for _, one := range all {
		if !slices.Contains(texts, one.text) {
			texts = append(texts, one.text)
		}
	}
	return strings.Join(texts, by)
}

// expression parses the expression of a policy for a role.
func (r *reader) expression(table catalog.Key, role, tree, text string) rows {
	key := treeKey{tree, role, table.Qualified()}
	formula, ok := r.read[key]
	if !ok {
		relation := r.state.Relations[r.oids[table]]
		context := predicate.Context{
			State: r.state, Role: role, Meaning: r.meanings.of,
			Column: func(number int) string { return r.meanings.column(relation, number) },
		}
		if role == catalog.Public {
			context.Role = ""
		}
		var err error
		if formula, err = context.Read(tree); err != nil {
			r.errs = append(r.errs, fmt.Errorf("policies of %s: %w", table.Qualified(), err))
			formula = predicate.Never
		}
		r.read[key] = formula
	}
	if text == "" {
		text = "true"
	}
	return rows{formula, strings.Join(strings.Fields(text), " ")}
}
