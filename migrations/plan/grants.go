package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/chenu/chenu/postgres/catalog"
)

// privilegeOrder is the order in which privileges are listed.
var privilegeOrder = []string{
	"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN", "USAGE", "CREATE", "EXECUTE",
}

// securable is an object with its columns, whose privileges are granted and revoked together.
type securable struct {
	key     catalog.Key
	initial []catalog.Grant // default privileges of a new object
	all     []string        // all privileges that exist for such an object
	// have and want are grants by column; "" is the object itself.
	have, want map[string][]catalog.Grant
	isNew      bool
}

// privileges plans GRANT and REVOKE: one statement per object and grantee.
func (p *planning) privileges() {
	for _, s := range p.securables() {
		var roles []string
		for _, side := range []map[string][]catalog.Grant{s.have, s.want} {
			for _, grants := range side {
				for _, g := range grants {
					if !slices.Contains(roles, g.Grantee) {
						roles = append(roles, g.Grantee)
					}
				}
			}
		}
		slices.Sort(roles)
		for _, role := range roles {
			p.privilegesOf(s, role)
		}
	}
}

func (p *planning) privilegesOf(s *securable, role string) {
	have, want := only(s.have, role), only(s.want, role)
	// REVOKE first: revoking a privilege on the table revokes it on all columns too.
	gone := less(have, want)
	for _, g := range gone[""] {
		for column, grants := range have {
			if column != "" {
				have[column] = slices.DeleteFunc(grants, func(c catalog.Grant) bool { return c.Privilege == g.Privilege })
				gone[column] = slices.DeleteFunc(gone[column], func(c catalog.Grant) bool { return c.Privilege == g.Privilege })
			}
		}
	}
	at := phaseRevokes
	if s.isNew {
		at = phaseGrants
	}
	if text := p.list(s, gone); text != "" {
		p.add(at, "REVOKE "+text+" ON "+p.onObject(s.key)+" FROM "+grantee(role), "")
	}
	for column := range have {
		have[column] = slices.DeleteFunc(have[column], func(g catalog.Grant) bool {
			return slices.ContainsFunc(gone[column], func(o catalog.Grant) bool { return o.Privilege == g.Privilege })
		})
	}
	come := less(want, have)
	for _, option := range []bool{false, true} {
		some := map[string][]catalog.Grant{}
		for column, grants := range come {
			for _, g := range grants {
				if g.Grantable == option {
					some[column] = append(some[column], g)
				}
			}
		}
		if text := p.list(s, some); text != "" {
			suffix := ""
			if option {
				suffix = " WITH GRANT OPTION"
			}
			p.add(phaseGrants, "GRANT "+text+" ON "+p.onObject(s.key)+" TO "+grantee(role)+suffix, "")
		}
	}
}

// securables joins the privileges of objects with those of their columns.
func (p *planning) securables() []*securable {
	var all []*securable
	byKey := map[catalog.Key]*securable{}
	get := func(of catalog.Key) (*securable, string) {
		key, column := of, ""
		if of.Kind == catalog.KindColumn {
			key, column = catalog.Key{Kind: catalog.KindTable, Schema: of.Schema, Name: of.Name}, of.Sub
		}
		s, ok := byKey[key]
		if !ok {
			s = &securable{key: key, have: map[string][]catalog.Grant{}, want: map[string][]catalog.Grant{}, isNew: true}
			byKey[key] = s
			all = append(all, s)
		}
		return s, column
	}
	for _, key := range sortedKeys(p.work, p.want) {
		if have, ok := p.work[key].(*catalog.Privileges); ok {
			if s, column := get(have.Of); column == "" {
				s.have[""], s.isNew = have.Grants, false
			} else {
				s.have[column] = have.Grants
			}
		}
		if want, ok := p.want[key].(*catalog.Privileges); ok {
			s, column := get(want.Of)
			s.want[column] = want.Grants
			if column == "" {
				s.initial = want.Initial
				s.all = ownersOf(want)
				if have, ok := p.work[key].(*catalog.Privileges); ok && have.Owner != want.Owner {
					p.refuse("%s is owned by %s and should be owned by  %s: write the migration manually", want.Of, have.Owner, want.Owner)
				}
			}
		}
	}
	// Dropped objects lose their privileges, and views are not planned.
	all = slices.DeleteFunc(all, func(s *securable) bool { return len(s.want) == 0 || s.key.Kind == catalog.KindView })
	for _, s := range all {
		if s.isNew {
			s.have[""] = s.initial
		}
	}
	slices.SortStableFunc(all, func(a, b *securable) int {
		rank := func(s *securable) int {
			return slices.Index([]catalog.Kind{catalog.KindSchema, catalog.KindFunction, catalog.KindTable, catalog.KindSequence}, s.key.Kind)
		}
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.key.Compare(b.key))
	})
	return all
}

// only returns the grants of one role.
func only(grants map[string][]catalog.Grant, role string) map[string][]catalog.Grant {
	mine := map[string][]catalog.Grant{}
	for column, all := range grants {
		for _, g := range all {
			if g.Grantee == role {
				mine[column] = append(mine[column], g)
			}
		}
	}
	return mine
}

// less returns the grants of a that are not in b.
func less(a, b map[string][]catalog.Grant) map[string][]catalog.Grant {
	rest := map[string][]catalog.Grant{}
	for column, grants := range a {
		for _, g := range grants {
			if !slices.Contains(b[column], g) {
				rest[column] = append(rest[column], g)
			}
		}
	}
	return rest
}

// list returns the privileges as SQL, with columns in the order of the table: SELECT, UPDATE
// (title, content). It lists all privileges by name instead of ALL, so that the file has the same
// meaning on a newer Postgres.
func (p *planning) list(s *securable, grants map[string][]catalog.Grant) string {
	if len(grants[""]) > 1 && len(grants[""]) == len(s.all) && len(grants) == 1 {
		return "ALL"
	}
	var parts []string
	for _, privilege := range privilegeOrder {
		has := func(column string) bool {
			return slices.ContainsFunc(grants[column], func(g catalog.Grant) bool { return g.Privilege == privilege })
		}
		if has("") {
			parts = append(parts, privilege)
		}
		var columns []string
		for _, column := range p.columnOrder(s.key, grants) {
			if has(column) {
				columns = append(columns, catalog.Ident(column))
			}
		}
		if len(columns) > 0 {
			parts = append(parts, privilege+" ("+strings.Join(columns, ", ")+")")
		}
	}
	return strings.Join(parts, ", ")
}

func (p *planning) columnOrder(key catalog.Key, grants map[string][]catalog.Grant) []string {
	var names []string
	for column := range grants {
		if column != "" {
			names = append(names, column)
		}
	}
	t, ok := p.desired.Table(key.Schema, key.Name)
	place := func(name string) int {
		if ok {
			for i, c := range t.Columns {
				if c.Name == name {
					return i
				}
			}
		}
		return -1
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) })
	return names
}

// onObject names the object as GRANT does.
func (p *planning) onObject(key catalog.Key) string {
	switch key.Kind {
	case catalog.KindSchema:
		return "SCHEMA " + catalog.Ident(key.Name)
	case catalog.KindFunction:
		word := "FUNCTION"
		if f, ok := p.want[key].(*catalog.Function); ok {
			word = routine(f)
		}
		return word + " " + key.Qualified() + "(" + key.Sub + ")"
	case catalog.KindSequence:
		return "SEQUENCE " + key.Qualified()
	default:
		return key.Qualified()
	}
}

// ownersOf returns the implicit privileges of an owner: all privileges on the object.
func ownersOf(privileges *catalog.Privileges) []string {
	var all []string
	for _, g := range privileges.Initial {
		if g.Grantee == privileges.Owner {
			all = append(all, g.Privilege)
		}
	}
	return all
}
