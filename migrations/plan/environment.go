package plan

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/project"
)

// logins are the expected members of the roles of the project.
type logins struct {
	roles map[string]string // by login
	asker string            // the login of this session; a DBA need not be listed
}

func expectedLogins(c *project.Conventions, more map[string]string) logins {
	all := apply.BootstrapOptions{Conventions: c}.Memberships()
	maps.Copy(all, more)
	return logins{roles: all}
}

func (l logins) names() []string { return slices.Sorted(maps.Keys(l.roles)) }

// add adds the login of this session, which is expected.
func (l *logins) add(asker string) { l.asker = asker }

// found records a difference and its repair.
func (c *comparison) found(all *[]Difference, d Difference, repairs ...Repair) {
	d.Security, d.beside = true, true
	*all = append(*all, d)
	for _, r := range repairs {
		r.object = d.Object
		c.admin = append(c.admin, r)
	}
}

// compareEnvironment compares the properties of the server and of the database as a whole.
func (c *comparison) compareEnvironment() []Difference {
	var all []Difference
	c.database(&all)
	c.roles(&all)
	c.memberships(&all)
	c.settings(&all)
	c.partitions(&all)
	return all
}

func (c *comparison) database(all *[]Difference) {
	name := catalog.Ident(c.environment.Database)
	object := "database " + name
	if c.environment.Owner != c.conventions.Owner {
		c.found(all, Difference{
			Kind: "owner", Object: "owner of " + object, What: object + " is owned by " + c.environment.Owner + " and should be owned by " + c.conventions.Owner,
			Live: c.environment.Owner, Expected: c.conventions.Owner,
		}, Repair{SQL: "ALTER DATABASE " + name + " OWNER TO " + c.conventions.Owner, As: Admin})
	}
	for _, g := range c.environment.Grants {
		_, known := c.known.roles[g.Grantee]
		known = known || g.Grantee == c.known.asker
		if g.Grantee == c.environment.Owner || g.Grantee == c.conventions.Owner || known && g.Privilege == "CONNECT" && !g.Grantable {
			continue
		}
		c.found(all, Difference{
			Kind: "privileges", Object: "privileges of " + object, What: object + ": " + grantWords([]catalog.Grant{g}) + ", which is not expected",
			Live: grantWords([]catalog.Grant{g}),
		}, Repair{SQL: "REVOKE " + g.Privilege + " ON DATABASE " + name + " FROM " + grantee(g.Grantee) + " CASCADE", As: AsOwner})
	}
	for _, login := range c.known.names() {
		r, ok := c.environment.Role(login)
		missing := catalog.Grant{Grantee: login, Privilege: "CONNECT"}
		if !ok || slices.ContainsFunc(c.environment.Grants, func(g catalog.Grant) bool { return g.Grantee == login && g.Privilege == "CONNECT" }) || r.MayConnect && r.Superuser {
			continue
		}
		if !slices.ContainsFunc(c.environment.Memberships, func(m *catalog.Membership) bool { return m.Member == login && m.Role == c.known.roles[login] }) {
			continue // a login of another database
		}
		c.found(all, Difference{
			Kind: "privileges", Object: "privileges of " + object, What: object + ": " + grantWords([]catalog.Grant{missing}) + " is missing",
			Expected: grantWords([]catalog.Grant{missing}),
		}, Repair{SQL: "GRANT CONNECT ON DATABASE " + name + " TO " + catalog.Ident(login), As: AsOwner})
	}
}

// attribute is an attribute of a role, by its name in CREATE ROLE.
type attribute struct {
	word string
	has  func(*catalog.ClusterRole) bool
}

var attributes = []attribute{
	{"SUPERUSER", func(r *catalog.ClusterRole) bool { return r.Superuser }},
	{"LOGIN", func(r *catalog.ClusterRole) bool { return r.Login }},
	{"INHERIT", func(r *catalog.ClusterRole) bool { return r.Inherit }},
	{"BYPASSRLS", func(r *catalog.ClusterRole) bool { return r.BypassRLS }},
	{"CREATEROLE", func(r *catalog.ClusterRole) bool { return r.CreateRole }},
	{"CREATEDB", func(r *catalog.ClusterRole) bool { return r.CreateDB }},
	{"REPLICATION", func(r *catalog.ClusterRole) bool { return r.Replication }},
}

func attributeWords(r *catalog.ClusterRole, only func(attribute) bool) string {
	var words []string
	for _, a := range attributes {
		switch {
		case !only(a):
		case a.has(r):
			words = append(words, a.word)
		default:
			words = append(words, "NO"+a.word)
		}
	}
	return strings.Join(words, " ")
}

func (c *comparison) roles(all *[]Difference) {
	compare := func(kind string, is, should *catalog.ClusterRole) {
		differs := func(a attribute) bool { return a.has(is) != a.has(should) }
		if !slices.ContainsFunc(attributes, differs) {
			return
		}
		live, expected := attributeWords(is, differs), attributeWords(should, differs)
		name := catalog.Ident(is.Name)
		note := ""
		if is.Superuser != should.Superuser || is.BypassRLS != should.BypassRLS || is.Replication != should.Replication {
			note = "Needs a superuser."
		}
		c.found(all, Difference{
			Kind: "role", Object: kind + " " + name, What: kind + " " + name + " is " + live + " and should be " + expected, Live: live, Expected: expected,
		}, Repair{SQL: "ALTER ROLE " + name + " " + expected, As: Admin, Note: note})
	}
	for _, should := range c.expected.Roles {
		if !c.conventions.Creates(should.Name) {
			continue
		}
		if is, ok := c.environment.Role(should.Name); ok {
			compare("role", is, should)
			continue
		}
		name := catalog.Ident(should.Name)
		words := attributeWords(should, func(attribute) bool { return true })
		c.found(all, Difference{Kind: "role", Object: "role " + name, What: "role " + name + " is missing", Expected: words},
			Repair{SQL: "CREATE ROLE " + name + " " + words, As: Admin})
	}
	for _, login := range c.known.names() {
		if is, ok := c.environment.Role(login); ok && login != c.known.asker {
			compare("login", is, &catalog.ClusterRole{Name: login, Login: true, Inherit: c.known.roles[login] == c.conventions.Auditor})
		}
	}
}

// edge is a membership.
type edge struct{ role, member string }

func (c *comparison) memberships(all *[]Difference) {
	is, should := edges(c.environment), map[edge][]*catalog.Membership{}
	for e, grants := range edges(c.expected) {
		if c.conventions.Creates(e.role) && c.conventions.Creates(e.member) {
			should[e] = grants
		}
	}
	for _, e := range sortedEdges(is, should) {
		object := "membership of " + catalog.Ident(e.member) + " in " + catalog.Ident(e.role)
		live, expected := c.membershipWords(is[e]), c.membershipWords(should[e])
		if len(should[e]) == 0 {
			expected = c.expectedMembership(e, is[e])
		}
		if live == expected {
			continue
		}
		d := Difference{Kind: "membership", Object: object, Live: live, Expected: expected}
		switch {
		case expected == "":
			d.What = catalog.Ident(e.member) + " is a member of " + catalog.Ident(e.role) + ", which is not expected"
		case live == "":
			d.What = catalog.Ident(e.member) + " is not a member of " + catalog.Ident(e.role) + " and should be"
		default:
			d.What = catalog.Ident(e.member) + " is " + live + " of " + catalog.Ident(e.role) + " and should be " + expected
		}
		c.found(all, d, c.regrant(e, is[e], expected)...)
	}
}

// expectedMembership returns the options that a membership should have if no migration mentions it. Such memberships
// keep their options, unless they give access that must not exist: then it returns "".
func (c *comparison) expectedMembership(e edge, is []*catalog.Membership) string {
	live := c.membershipWords(is)
	member, _ := c.environment.Role(e.member)
	_, knownMember := c.known.roles[e.member]
	_, knownRole := c.known.roles[e.role]
	switch {
	case member == nil || member.Superuser && !knownMember && !c.conventions.Creates(e.member):
		return live // the member has all privileges anyway
	case e.member == c.known.asker && c.conventions.Creates(e.role):
		return live
	case member.CreateRole && !slices.ContainsFunc(is, func(m *catalog.Membership) bool { return m.Inherit || m.Set }):
		return live // from PostgreSQL 16 on, the creator of a role may administer it
	case knownMember && c.known.roles[e.member] == e.role:
		return memberWords(false, e.role == c.conventions.Auditor && c.version >= 160000, true)
	case c.conventions.Creates(e.member) || knownMember || knownRole:
		return ""
	case !c.conventions.Creates(e.role):
		return live // neither role belongs to the project
	case member.Login && !member.MayConnect && e.role != c.conventions.Owner:
		return live // a login of another database on the server
	default:
		return ""
	}
}

func edges(s *catalog.Environment) map[edge][]*catalog.Membership {
	all := map[edge][]*catalog.Membership{}
	for _, m := range s.Memberships {
		e := edge{m.Role, m.Member}
		all[e] = append(all[e], m)
	}
	return all
}

func sortedEdges(states ...map[edge][]*catalog.Membership) []edge {
	seen := map[edge]bool{}
	for _, state := range states {
		for e := range state {
			seen[e] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b edge) int {
		return strings.Compare(a.member+" "+a.role, b.member+" "+b.role)
	})
}

// membershipWords describes the grants of one membership. It returns "" if there is none.
func (c *comparison) membershipWords(grants []*catalog.Membership) string {
	if len(grants) == 0 {
		return ""
	}
	var admin, inherit, set bool
	for _, m := range grants {
		// Before PostgreSQL 16, INHERIT is an attribute of the member and is compared there.
		admin, inherit, set = admin || m.Admin, inherit || m.Inherit && c.version >= 160000, set || m.Set
	}
	return memberWords(admin, inherit, set)
}

func memberWords(admin, inherit, set bool) string {
	text := "a member"
	if admin {
		text += " with ADMIN"
	}
	if inherit {
		text += " with INHERIT"
	}
	if !set {
		text += " without SET"
	}
	return text
}

// regrant returns the statements that give a membership the expected options.
func (c *comparison) regrant(e edge, is []*catalog.Membership, expected string) []Repair {
	role, member := catalog.Ident(e.role), catalog.Ident(e.member)
	var all []Repair
	for _, m := range is {
		sql := "REVOKE " + role + " FROM " + member
		if c.version >= 160000 {
			sql += " GRANTED BY " + catalog.Ident(m.Grantor)
		}
		all = append(all, Repair{SQL: sql + " CASCADE", As: Admin})
	}
	if expected == "" {
		return all
	}
	sql := "GRANT " + role + " TO " + member
	if c.version >= 160000 {
		sql += " WITH INHERIT " + strings.ToUpper(strconv.FormatBool(strings.Contains(expected, "INHERIT"))) + ", SET TRUE"
	}
	return append(all, Repair{SQL: sql, As: Admin})
}

// settingNames are settings that change which rows a session can access, or the meaning of its
// statements, before its first statement.
var settingNames = []string{
	"row_security", "role", "session_authorization", "search_path", "session_replication_role", "session_preload_libraries", "local_preload_libraries",
	"transform_null_equals",
}

func (c *comparison) settings(all *[]Difference) {
	for _, s := range c.environment.Settings {
		name := strings.ToLower(s.Name)
		if !slices.Contains(settingNames, name) && !strings.HasPrefix(name, "app.") {
			continue
		}
		if _, known := c.known.roles[s.Role]; s.Role != "" && !known && !c.conventions.Creates(s.Role) {
			continue
		}
		var object, sql string
		inDatabase := " IN DATABASE " + catalog.Ident(c.environment.Database)
		switch {
		case s.Role == "" && s.Everywhere:
			object, sql = "every role", "ALTER ROLE ALL"
		case s.Role == "":
			object, sql = "database "+catalog.Ident(c.environment.Database), "ALTER DATABASE "+catalog.Ident(c.environment.Database)
		case s.Everywhere:
			object, sql = "role "+catalog.Ident(s.Role), "ALTER ROLE "+catalog.Ident(s.Role)
		default:
			object, sql = "role "+catalog.Ident(s.Role)+" in this database", "ALTER ROLE "+catalog.Ident(s.Role)+inDatabase
		}
		c.found(all, Difference{
			Kind: "setting", Object: "setting " + s.Name + " of " + object, What: "sessions of " + object + " start with " + s.Name + " = '" + s.Value + "', which is not expected",
			Live: s.Value,
		}, Repair{SQL: sql + " RESET " + settingName(s.Name), As: Admin})
	}
}

// settingName quotes the parts of a setting's name if necessary.
func settingName(name string) string {
	parts := strings.Split(name, ".")
	for i := range parts {
		parts[i] = catalog.Ident(parts[i])
	}
	return strings.Join(parts, ".")
}

// partitions compares the protection of partitions that were created at run time with that of the
// DEFAULT partition. A query that names a partition is subject to its policies, not those of its
// parent.
func (c *comparison) partitions(all *[]Difference) {
	should := c.should.State.Objects()
	for _, p := range c.environment.Partitions {
		var model *catalog.Partition
		for _, m := range c.should.State.Partitions {
			if m.ParentSchema == p.ParentSchema && m.ParentTable == p.ParentTable {
				model = m
			}
		}
		if model == nil {
			continue
		}
		key := catalog.Key{Kind: catalog.KindPartition, Schema: p.Schema, Name: p.Name}
		as := catalog.Qualify(model.Schema, model.Name)
		name := key.Qualified()
		note := func(what, live, expected string, repairs ...Repair) {
			c.found(all, Difference{Kind: "partition", Object: key.String(), What: key.String() + ": " + what + ", unlike " + as, Live: live, Expected: expected}, repairs...)
		}
		modelKey := catalog.Key{Kind: catalog.KindSecurity, Schema: model.Schema, Name: model.Name}
		if s, ok := should[modelKey].(*catalog.Security); ok && (s.Enabled && !p.Enabled || s.Forced && !p.Forced) {
			is := &catalog.Security{Enabled: p.Enabled, Forced: p.Forced}
			note("row-level security is "+securityWords(is), securityWords(is), securityWords(s),
				Repair{SQL: "ALTER TABLE " + name + " ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", As: AsOwner})
		}
		for _, policy := range p.Policies {
			if _, ok := should[catalog.Key{Kind: catalog.KindPolicy, Schema: model.Schema, Name: model.Name, Sub: policy}]; !ok {
				note("it has policy "+catalog.Ident(policy), policy, "", Repair{SQL: "DROP POLICY " + catalog.Ident(policy) + " ON " + name, As: AsOwner})
			}
		}
		if privileges, ok := should[catalog.PrivilegesOf(catalog.Key{Kind: catalog.KindTable, Schema: model.Schema, Name: model.Name})].(*catalog.Privileges); ok {
			if p.Owner != privileges.Owner {
				note("its owner is "+p.Owner, p.Owner, privileges.Owner, Repair{SQL: "ALTER TABLE " + name + " OWNER TO " + catalog.Ident(privileges.Owner), As: Admin})
			}
			for _, g := range p.Grants {
				if g.Grantee != p.Owner && !slices.Contains(privileges.Grants, g) {
					words := grantWords([]catalog.Grant{g})
					note(words, words, "", Repair{SQL: "REVOKE " + g.Privilege + " ON " + name + " FROM " + grantee(g.Grantee) + " CASCADE", As: AsOwner})
				}
			}
		}
		for _, t := range c.should.State.Triggers {
			if t.Schema != model.Schema || t.Table != model.Name {
				continue
			}
			if !slices.Contains(p.Triggers, t.Name) {
				note("it lacks trigger "+catalog.Ident(t.Name), "", t.Definition,
					Repair{SQL: strings.Replace(t.Definition, " ON "+as+" ", " ON "+name+" ", 1), As: AsOwner})
			}
		}
		for _, t := range p.Disabled {
			if slices.ContainsFunc(c.is.State.Triggers, func(o *catalog.Trigger) bool {
				return o.Schema == p.ParentSchema && o.Table == p.ParentTable && o.Name == t && o.Enabled == "D"
			}) {
				continue // the trigger of the parent is disabled, too
			}
			note("trigger "+catalog.Ident(t)+" is disabled", "disabled", "", Repair{SQL: "ALTER TABLE " + name + " ENABLE TRIGGER " + catalog.Ident(t), As: AsOwner})
		}
	}
}
