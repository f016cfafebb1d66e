package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/postgres/catalog"
)

var privilegeRules = []rule{
	{Rule: Rule{"CN401", "needless-privilege", "A privilege that no role needs", themePrivileges, Error}, check: needlessPrivilege},
	{Rule: Rule{"CN402", "foreign-grantee", "A privilege for PUBLIC or a foreign role", themePrivileges, Error}, check: foreignGrantee},
	{Rule: Rule{"CN403", "grant-option", "A privilege with grant option", themePrivileges, Error}, check: grantOption},
	{Rule: Rule{"CN404", "database-public", "CONNECT or TEMPORARY for PUBLIC", themePrivileges, Error}, check: databasePublic, elsewhere: true},
	{Rule: Rule{"CN405", "roles", "A migration manages roles", themePrivileges, Error}, check: roles},
	{Rule: Rule{"CN406", "foreign-owner", "An object with another owner", themePrivileges, Error}, check: foreignOwner},
}

// grants calls fn for each object and grantee with the privileges that the file granted, without
// those of the owner and the default ones of a new object.
func (p *pass) grants(fn func(of *catalog.Privileges, grantee string, given []catalog.Grant)) {
	if p.After == nil {
		return
	}
	before := map[catalog.Key]*catalog.Privileges{}
	for _, of := range p.Before.State.Privileges {
		before[of.Of] = of
	}
	for _, of := range p.After.State.Privileges {
		was := before[p.before(of.Of)]
		if was == nil {
			was = &catalog.Privileges{Grants: of.Initial}
		}
		by := map[string][]catalog.Grant{}
		for _, g := range of.Grants {
			if g.Grantee != p.ownerOf(of) && !slices.Contains(was.Grants, g) {
				by[g.Grantee] = append(by[g.Grantee], g)
			}
		}
		for _, grantee := range slices.Sorted(maps.Keys(by)) {
			fn(of, grantee, by[grantee])
		}
	}
}

// ownerOf returns the owner of an object; for a column, the owner of its table.
func (p *pass) ownerOf(of *catalog.Privileges) string {
	if of.Owner != "" {
		return of.Owner
	}
	for _, o := range p.After.State.Privileges {
		if o.Of.Kind != catalog.KindColumn && o.Of.Schema == of.Of.Schema && o.Of.Name == of.Of.Name && o.Owner != "" {
			return o.Owner
		}
	}
	return ""
}

// whereGrant returns the last statement that granted a privilege on an object to a role.
func (p *pass) whereGrant(of catalog.Key, grantee string) int {
	name := of.Qualified()
	if of.Kind == catalog.KindSchema {
		name = catalog.Ident(of.Name)
	}
	return p.last(func(n *pg.Node) bool {
		g := n.GetGrantStmt()
		if !g.GetIsGrant() || !slices.ContainsFunc(g.GetGrantees(), func(r *pg.Node) bool { return roleName(r) == catalog.Ident(grantee) || roleName(r) == grantee }) {
			return false
		}
		return g.GetTargtype() == pg.GrantTargetType_ACL_TARGET_ALL_IN_SCHEMA || slices.ContainsFunc(g.GetObjects(), func(o *pg.Node) bool {
			return replay.Name(o.GetRangeVar()) == name || objectName(o) == name
		})
	}, of.Name, grantee)
}

// onSQL names an object as GRANT and REVOKE do.
func onSQL(k catalog.Key) string {
	switch k.Kind {
	case catalog.KindTable, catalog.KindView, catalog.KindColumn:
		return k.Qualified()
	case catalog.KindSchema:
		return "SCHEMA " + catalog.Ident(k.Name)
	case catalog.KindFunction:
		return "FUNCTION " + k.Qualified() + "(" + k.Sub + ")"
	default:
		return strings.ToUpper(string(k.Kind)) + " " + k.Qualified()
	}
}

func privilegeNames(k catalog.Key, grants []catalog.Grant) []string {
	all := make([]string, len(grants))
	for i, g := range grants {
		all[i] = g.Privilege
		if k.Kind == catalog.KindColumn {
			all[i] += " (" + catalog.Ident(k.Sub) + ")"
		}
	}
	return all
}

// needless reports whether no request needs the privilege on this kind of object.
func needless(k catalog.Kind, privilege string) bool {
	switch k {
	case catalog.KindTable, catalog.KindView, catalog.KindColumn:
		return slices.Contains([]string{"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"}, privilege)
	case catalog.KindSchema:
		return privilege == "CREATE"
	default:
		return false
	}
}

func needlessPrivilege(p *pass) {
	p.grants(func(of *catalog.Privileges, grantee string, all []catalog.Grant) {
		all = slices.DeleteFunc(all, func(g catalog.Grant) bool { return !needless(of.Of.Kind, g.Privilege) })
		if len(all) > 0 {
			names := privilegeNames(of.Of, all)
			p.report(p.whereGrant(of.Of, grantee), fmt.Sprintf("%s gets %s on %s, which row-level security does not limit.", grantee, strings.Join(names, ", "), onSQL(of.Of)),
				fmt.Sprintf("REVOKE %s ON %s FROM %s;", strings.Join(names, ", "), onSQL(of.Of), grantee))
		}
	})
}

// foreignGrantee ignores EXECUTE for PUBLIC: a function that runs with the privileges of its caller gives no access,
// and CN310 covers the other functions.
func foreignGrantee(p *pass) {
	p.grants(func(of *catalog.Privileges, grantee string, all []catalog.Grant) {
		if p.ours(grantee) || grantee == catalog.Public && of.Of.Kind == catalog.KindFunction {
			return
		}
		names := privilegeNames(of.Of, all)
		what := "a role outside this project"
		if grantee == catalog.Public {
			what = "which means every role"
		}
		p.report(p.whereGrant(of.Of, grantee), fmt.Sprintf("%s on %s is granted to %s, %s.", strings.Join(names, ", "), onSQL(of.Of), grantee, what),
			fmt.Sprintf("REVOKE %s ON %s FROM %s;", strings.Join(names, ", "), onSQL(of.Of), grantee))
	})
	changedObjects(p, func(s *catalog.State) []*catalog.Defaults { return s.Defaults }, func(was, is *catalog.Defaults) {
		for _, g := range is.Grants {
			if g.Grantee == is.Role || p.ours(g.Grantee) || was != nil && slices.Contains(was.Grants, g) {
				continue
			}
			if g.Grantee == catalog.Public && (is.Objects == "FUNCTIONS" || is.Objects == "TYPES") {
				continue
			}
			at := p.last(func(n *pg.Node) bool { return n.GetAlterDefaultPrivilegesStmt() != nil }, "DEFAULT PRIVILEGES")
			p.report(at, fmt.Sprintf("%s on all %s that %s creates in the future is granted to %s.", g.Privilege, strings.ToLower(is.Objects), is.Role, g.Grantee),
				fmt.Sprintf("ALTER DEFAULT PRIVILEGES REVOKE %s ON %s FROM %s;", g.Privilege, is.Objects, g.Grantee))
		}
	})
}

func grantOption(p *pass) {
	p.grants(func(of *catalog.Privileges, grantee string, all []catalog.Grant) {
		all = slices.DeleteFunc(all, func(g catalog.Grant) bool { return !g.Grantable })
		if len(all) > 0 {
			names := strings.Join(privilegeNames(of.Of, all), ", ")
			p.report(p.whereGrant(of.Of, grantee), fmt.Sprintf("%s may grant %s on %s to other roles.", grantee, names, onSQL(of.Of)),
				fmt.Sprintf("REVOKE GRANT OPTION FOR %s ON %s FROM %s;", names, onSQL(of.Of), grantee))
		}
	})
}

func databasePublic(p *pass) {
	granted := map[int]*pg.GrantStmt{}
	for i := range p.Statements {
		g := p.node(i).GetGrantStmt()
		if g.GetObjtype() != pg.ObjectType_OBJECT_DATABASE ||
			!slices.ContainsFunc(g.GetGrantees(), func(r *pg.Node) bool { return roleName(r) == catalog.Public }) {
			continue
		}
		if g.GetIsGrant() {
			granted[i] = g
			continue
		}
		maps.DeleteFunc(granted, func(_ int, was *pg.GrantStmt) bool {
			return len(g.GetPrivileges()) == 0 || slices.Equal(accessNames(was), accessNames(g)) // ALL, or the same privileges
		})
	}
	for i, g := range granted {
		names := strings.Join(accessNames(g), ", ")
		p.report(i, fmt.Sprintf("PUBLIC gets %s on the database: every login of the server can connect.", names),
			fmt.Sprintf("REVOKE %s ON DATABASE %s FROM PUBLIC;", names, objectName(g.GetObjects()[0])))
	}
}

// accessNames returns the privileges of a GRANT or REVOKE.
func accessNames(g *pg.GrantStmt) []string {
	var names []string
	for _, a := range g.GetPrivileges() {
		names = append(names, strings.ToUpper(a.GetAccessPriv().GetPrivName()))
	}
	if len(names) == 0 {
		return []string{"ALL"}
	}
	return names
}

// managesRoles reports whether a statement creates or changes roles or memberships.
func managesRoles(n *pg.Node) bool {
	switch {
	case n.GetCreateRoleStmt() != nil, n.GetAlterRoleStmt() != nil, n.GetAlterRoleSetStmt() != nil, n.GetDropRoleStmt() != nil,
		n.GetGrantRoleStmt() != nil, n.GetReassignOwnedStmt() != nil, n.GetDropOwnedStmt() != nil:
		return true
	case n.GetRenameStmt() != nil:
		return n.GetRenameStmt().GetRenameType() == pg.ObjectType_OBJECT_ROLE
	}
	return false
}

func roles(p *pass) {
	const why = "roles belong to the server, not to this database, and the owner must not manage them."
	for i := range p.Statements {
		n := p.node(i)
		if managesRoles(n) {
			p.report(i, "The migration manages roles: "+why, "Move the statement to policies/roles.sql, which `chenu bootstrap` runs.")
			continue
		}
		becomes := false
		walk(n, func(n *pg.Node) bool {
			names := texts(n.GetFuncCall().GetFuncname())
			if len(names) > 0 && names[len(names)-1] == "set_config" && len(n.GetFuncCall().GetArgs()) > 0 {
				s := n.GetFuncCall().GetArgs()[0].GetAConst().GetSval().GetSval()
				becomes = becomes || strings.EqualFold(s, "role") || strings.EqualFold(s, "session_authorization")
			}
			return true
		})
		if becomes {
			p.report(i, "The migration switches to another role: later objects get another owner, and recording the revision fails.",
				"Remove the statement: migrations already run as "+p.options.Conventions.Owner+".")
		}
	}
}

func foreignOwner(p *pass) {
	changedObjects(p, func(s *catalog.State) []*catalog.Privileges { return s.Privileges }, func(was, is *catalog.Privileges) {
		if is.Owner == "" || is.Owner == p.options.Conventions.Owner || was != nil && was.Owner == is.Owner || is.Of.Kind == catalog.KindFunction && p.ours(is.Owner) {
			return
		}
		// A new database has schema public with this owner.
		if is.Of.Kind == catalog.KindSchema && is.Owner == "pg_database_owner" {
			return
		}
		at := p.last(func(n *pg.Node) bool {
			return adds(n, pg.AlterTableType_AT_ChangeOwner) && replay.Name(n.GetAlterTableStmt().GetRelation()) == is.Of.Qualified() ||
				objectName(n.GetAlterOwnerStmt().GetObject()) == is.Of.Name
		}, is.Of.Name)
		p.report(at, fmt.Sprintf("%s owns %s: an owner can drop policies, grant privileges and alter the object.", is.Owner, onSQL(is.Of)),
			fmt.Sprintf("ALTER %s OWNER TO %s;", strings.ToUpper(string(is.Of.Kind))+" "+strings.TrimPrefix(onSQL(is.Of), strings.ToUpper(string(is.Of.Kind))+" "), p.options.Conventions.Owner))
	})
}
