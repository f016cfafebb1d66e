package lint

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies/access"
	"github.com/chenu/chenu/postgres/catalog"
)

var securityRules = []rule{
	{Rule: Rule{"CN301", "row-security-off", "A table without row-level security", themeSecurity, Error}, check: rowSecurityOff},
	{Rule: Rule{"CN302", "row-security-not-forced", "Row-level security is not forced for the owner", themeSecurity, Error}, check: rowSecurityNotForced},
	{Rule: Rule{"CN303", "policy-dropped", "A policy is dropped", themeSecurity, Warning}, check: policyDropped},
	{Rule: Rule{"CN304", "policy-widened", "A policy allows more rows", themeSecurity, Error}, check: policyWidened},
	{Rule: Rule{"CN305", "no-with-check", "A policy for writes without WITH CHECK", themeSecurity, Warning}, check: noWithCheck},
	{Rule: Rule{"CN306", "policies-or", "Several permissive policies for one command and role", themeSecurity, Warning}, check: policiesOr},
	{Rule: Rule{"CN307", "policy-without-owner", "A policy that does not compare the owner", themeSecurity, Error}, check: policyWithoutOwner},
	{Rule: Rule{"CN308", "immutable-reads-setting", "An IMMUTABLE function depends on changing state", themeSecurity, Error}, check: immutableReads},
	{Rule: Rule{"CN309", "search-path", "A SECURITY DEFINER function without a fixed search_path", themeSecurity, Error}, check: searchPath},
	{Rule: Rule{"CN310", "public-definer", "A SECURITY DEFINER function that PUBLIC may execute", themeSecurity, Error}, check: publicDefiner},
	{Rule: Rule{"CN311", "view-not-invoker", "A view without security_invoker", themeSecurity, Error}, check: viewNotInvoker},
	{Rule: Rule{"CN312", "key-not-led-by-owner", "A key that does not start with the owner", themeSecurity, Error}, check: keyNotLedByOwner},
	{Rule: Rule{"CN313", "reference-without-index", "A foreign key without an index", themeSecurity, Warning}, check: referenceWithoutIndex},
	{Rule: Rule{"CN314", "list-without-index", "An owner column without an index", themeSecurity, Warning}, check: listWithoutIndex},
	{Rule: Rule{"CN315", "partition-reachable", "A partition that is accessible without its parent", themeSecurity, Error}, check: partitionReachable},
	{Rule: Rule{"CN316", "setting-read-unsafely", "A policy reads a setting that may be missing", themeSecurity, Warning}, check: settingReadUnsafely},
	{Rule: Rule{"CN317", "policy-subselect", "A policy with a sub-select", themeSecurity, Warning}, check: policySubselect},
	{Rule: Rule{"CN318", "no-row-security-kind", "A kind of relation without row-level security", themeSecurity, Error}, check: noRowSecurityKind},
	{Rule: Rule{"CN319", "definer-is-owner", "A SECURITY DEFINER function runs as the owner of the tables", themeSecurity, Error}, check: definerIsOwner},
}

// owner returns the column that names the identity to which a row of the table belongs, or "" if there is none.
func (p *pass) owner(state *catalog.State, table string) string {
	column := p.options.Conventions.OwnerColumnOf(table)
	if slices.Contains(columnsOf(state, table), column) {
		return column
	}
	return ""
}

// changedObjects calls fn for the objects that are new or changed after the file.
func changedObjects[T catalog.Object](p *pass, of func(*catalog.State) []T, fn func(was, is T)) {
	if p.After == nil {
		return
	}
	before := map[catalog.Key]T{}
	for _, o := range of(p.Before.State) {
		before[o.Key()] = o
	}
	same := map[catalog.Key]bool{}
	for k := range before {
		same[k] = true
	}
	for _, d := range catalog.Compare(p.Before.State, p.After.State) {
		delete(same, d.Key)
	}
	for _, o := range of(p.After.State) {
		was := p.before(o.Key())
		if _, ok := before[was]; same[o.Key()] || ok && was != o.Key() {
			continue
		}
		fn(before[was], o)
	}
}

func functions(s *catalog.State) []*catalog.Function { return s.Functions }
func policies(s *catalog.State) []*catalog.Policy    { return s.Policies }
func security(s *catalog.State) []*catalog.Security  { return s.Security }

func (p *pass) isPartition(table string) bool {
	return slices.ContainsFunc(p.After.State.Partitions, func(d *catalog.Partition) bool { return catalog.Qualify(d.Schema, d.Name) == table })
}

// whereSecurity returns the last statement that changed the row-level security of a table.
func (p *pass) whereSecurity(s *catalog.Security) int {
	table := s.Key().Qualified()
	at := p.last(func(n *pg.Node) bool {
		if replay.Name(n.GetAlterTableStmt().GetRelation()) != table {
			return false
		}
		return adds(n, pg.AlterTableType_AT_EnableRowSecurity) || adds(n, pg.AlterTableType_AT_DisableRowSecurity) ||
			adds(n, pg.AlterTableType_AT_ForceRowSecurity) || adds(n, pg.AlterTableType_AT_NoForceRowSecurity)
	})
	if at >= 0 {
		return at
	}
	return p.whereTable(s.Table, table)
}

func rowSecurityOff(p *pass) {
	changedObjects(p, security, func(_, s *catalog.Security) {
		if table := s.Key().Qualified(); !s.Enabled && !p.isPartition(table) {
			p.report(p.whereSecurity(s), fmt.Sprintf("%s has no row-level security: a role with privileges on the table can access every row.", table),
				lines("ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY;", "ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY;"))
		}
	})
}

func rowSecurityNotForced(p *pass) {
	changedObjects(p, security, func(_, s *catalog.Security) {
		if table := s.Key().Qualified(); s.Enabled && !s.Forced && !p.isPartition(table) {
			p.report(p.whereSecurity(s), fmt.Sprintf("The policies of %s do not apply to its owner.", table),
				"ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY;")
		}
	})
}

// wherePolicy returns the last statement that created or changed a policy.
func (p *pass) wherePolicy(policy *catalog.Policy) int {
	table := policy.Key().Qualified()
	return p.last(func(n *pg.Node) bool {
		c, a := n.GetCreatePolicyStmt(), n.GetAlterPolicyStmt()
		return c.GetPolicyName() == policy.Name && replay.Name(c.GetTable()) == table ||
			a.GetPolicyName() == policy.Name && replay.Name(a.GetTable()) == table
	}, policy.Name, policy.Table)
}

// commands returns the commands to which a policy applies.
func commands(policy *catalog.Policy) []string {
	if policy.Command == "ALL" {
		return []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	}
	return []string{policy.Command}
}

// meet returns the intersection of two lists of roles, where PUBLIC means all roles.
func meet(a, b []string) []string {
	if slices.Contains(a, catalog.Public) {
		return b
	}
	if slices.Contains(b, catalog.Public) {
		return a
	}
	var both []string
	for _, r := range a {
		if slices.Contains(b, r) {
			both = append(both, r)
		}
	}
	return both
}

func policyDropped(p *pass) {
	if p.After == nil {
		return
	}
	is := map[catalog.Key]bool{}
	for _, policy := range p.After.State.Policies {
		is[p.before(policy.Key())] = true
	}
	for _, policy := range p.Before.State.Policies {
		table := policy.Key().Qualified()
		if is[policy.Key()] || len(columnsOf(p.After.State, table)) == 0 || p.replaced(policy) {
			continue
		}
		at := p.last(func(n *pg.Node) bool {
			d := n.GetDropStmt()
			return d.GetRemoveType() == pg.ObjectType_OBJECT_POLICY && slices.ContainsFunc(d.GetObjects(), func(o *pg.Node) bool {
				names := texts(o.GetList().GetItems())
				return len(names) > 1 && names[len(names)-1] == policy.Name && named(o.GetList().GetItems()[:len(names)-1]) == table
			})
		}, policy.Name)
		if at < 0 { // by CASCADE
			at = p.whereTable(policy.Table, table)
		}
		who, what := strings.Join(policy.Roles, ", "), policy.Command
		if !policy.Permissive {
			p.report(at, fmt.Sprintf("Policy %s on %s is dropped: its restriction of %s (%s) no longer applies.", catalog.Ident(policy.Name), table, who, what),
				"Keep the policy, or create its replacement in the same file.")
			continue
		}
		p.report(at, fmt.Sprintf("Policy %s on %s is dropped: %s can no longer %s the rows that it allowed.", catalog.Ident(policy.Name), table, who, what),
			"Create its replacement in the same file. Or first check that no running release needs the policy.")
	}
}

// replaced reports whether new policies of the same kind replace a dropped policy for all its
// commands and roles.
func (p *pass) replaced(gone *catalog.Policy) bool {
	old := map[catalog.Key]bool{}
	for _, policy := range p.Before.State.Policies {
		old[policy.Key()] = true
	}
	for _, command := range commands(gone) {
		for _, role := range gone.Roles {
			if !slices.ContainsFunc(p.After.State.Policies, func(n *catalog.Policy) bool {
				return !old[n.Key()] && n.Key().Qualified() == gone.Key().Qualified() && n.Permissive == gone.Permissive &&
					slices.Contains(commands(n), command) && (slices.Contains(n.Roles, role) || slices.Contains(n.Roles, catalog.Public))
			}) {
				return false
			}
		}
	}
	return true
}

var reColumns = regexp.MustCompile(`^columns \([^)]*\),? ?`)

// policyWidened checks the rows of existing tables. The access report covers columns that a grant
// adds, and CN301 and CN302 cover tables without effective policies.
func policyWidened(p *pass) {
	for _, c := range p.access {
		if c.New || c.Role == p.options.Conventions.Owner || c.Before == "nothing" || !slices.Contains(access.Commands, c.Command) ||
			c.Effect != access.Widening && c.Effect != access.Review || p.unprotected(c.Object) {
			continue
		}
		if c.What == "" && reColumns.ReplaceAllString(c.Before, "") == reColumns.ReplaceAllString(c.After, "") {
			continue
		}
		at := p.last(func(n *pg.Node) bool {
			return replay.Name(n.GetCreatePolicyStmt().GetTable()) == c.Object || replay.Name(n.GetAlterPolicyStmt().GetTable()) == c.Object
		})
		if at < 0 {
			at = p.last(func(n *pg.Node) bool {
				return n.GetDropStmt().GetRemoveType() == pg.ObjectType_OBJECT_POLICY || n.GetCreateFunctionStmt() != nil && c.What != ""
			}, c.Role)
		}
		what := fmt.Sprintf("Before: %s. After: %s.", c.Before, c.After)
		if c.What != "" {
			what = fmt.Sprintf("%s: %s.", c.After, c.What)
		}
		if c.Effect == access.Review {
			p.reportAs(Warning, at, fmt.Sprintf("%s may now %s other rows of %s; the check cannot decide whether it may access more rows. %s", c.Role, c.Command, c.Object, what),
				"Compare both conditions, and accept this finding with the result.")
			continue
		}
		p.report(at, fmt.Sprintf("%s may now %s more rows of %s. %s", c.Role, c.Command, c.Object, what), "If this is intended, accept this finding with the reason.")
	}
}

// unprotected reports whether row-level security of the table is disabled.
func (p *pass) unprotected(table string) bool {
	return slices.ContainsFunc(p.After.State.Security, func(s *catalog.Security) bool { return s.Key().Qualified() == table && !s.Enabled })
}

func policyName(policy *catalog.Policy) string {
	return catalog.Ident(policy.Name) + " on " + policy.Key().Qualified()
}

func noWithCheck(p *pass) {
	changedObjects(p, policies, func(_, policy *catalog.Policy) {
		if policy.Check != "" || policy.Command == "SELECT" || policy.Command == "DELETE" {
			return
		}
		check := policy.Using
		if check == "" {
			check = "…"
		}
		p.report(p.wherePolicy(policy), fmt.Sprintf("Policy %s is for %s and has no WITH CHECK: USING also decides which rows may be written, even if it is widened later.",
			policyName(policy), policy.Command), fmt.Sprintf("ALTER POLICY %s WITH CHECK (%s);", policyName(policy), check))
	})
}

func policiesOr(p *pass) {
	changedObjects(p, policies, func(_, policy *catalog.Policy) {
		if !policy.Permissive {
			return
		}
		var others, roles, with []string
		for _, o := range p.After.State.Policies {
			if o.Key() == policy.Key() || !o.Permissive || o.Key().Qualified() != policy.Key().Qualified() {
				continue
			}
			both, shared := meet(policy.Roles, o.Roles), meet(commands(policy), commands(o))
			if len(both) == 0 || len(shared) == 0 {
				continue
			}
			others = append(others, catalog.Ident(o.Name))
			for _, r := range both {
				if !slices.Contains(roles, r) {
					roles = append(roles, r)
				}
			}
			for _, c := range shared {
				if !slices.Contains(with, c) {
					with = append(with, c)
				}
			}
		}
		if len(others) > 0 {
			p.report(p.wherePolicy(policy), fmt.Sprintf("Policy %s is combined with %s by OR: for %s by %s, a row needs to pass only one of them.",
				policyName(policy), strings.Join(others, ", "), strings.Join(with, ", "), strings.Join(roles, ", ")),
				"Write one policy per command and role with all conditions. Use AS RESTRICTIVE for a condition that must always be met.")
		}
	})
}

// served returns the serving login and the roles that it can switch to.
func (p *pass) served() []string {
	members := map[string][]string{}
	for _, r := range p.After.State.Roles {
		for _, m := range r.MemberOf {
			name, _, _ := strings.Cut(m, " WITH")
			members[r.Name] = append(members[r.Name], name)
		}
	}
	all := []string{p.options.Conventions.Shared}
	for i := 0; i < len(all); i++ {
		for _, r := range members[all[i]] {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// ours reports whether the project creates the role.
func (p *pass) ours(role string) bool {
	return slices.ContainsFunc(p.After.State.Roles, func(r *catalog.Role) bool { return r.Name == role })
}

// reachable returns the roles of a policy that a user of the service can act as: all except roles
// of the project that the serving login cannot switch to.
func (p *pass) reachable(policy *catalog.Policy) []string {
	served := p.served()
	var all []string
	for _, r := range policy.Roles {
		if r == catalog.Public || slices.Contains(served, r) || !p.ours(r) {
			all = append(all, r)
		}
	}
	return all
}

func policyWithoutOwner(p *pass) {
	changedObjects(p, policies, func(_, policy *catalog.Policy) {
		who := p.reachable(policy)
		if !policy.Permissive || len(who) == 0 {
			return
		}
		table := policy.Key().Qualified()
		owner := p.owner(p.After.State, table)
		var open []string
		for _, e := range []struct {
			clause, text string
			needed       bool
		}{
			{"USING", policy.Using, policy.Command != "INSERT"},
			{"WITH CHECK", policy.Check, policy.Command == "INSERT" || policy.Check != ""},
		} {
			if e.needed && !owned(expression(e.text), owner) {
				open = append(open, fmt.Sprintf("%s (%s)", e.clause, e.text))
			}
		}
		if len(open) == 0 {
			return
		}
		compares := "has no owner column to compare"
		advice := "Revoke the table from roles that serve requests, or accept this finding with the reason why all identities share its rows, or how the condition limits them."
		if owner != "" {
			compares = "does not compare " + catalog.Ident(owner) + " in every case"
			is := fmt.Sprintf("%s = nullif(current_setting('%s', true), '')::uuid", catalog.Ident(owner), p.options.Conventions.IdentitySetting)
			switch policy.Command {
			case "INSERT":
				advice = fmt.Sprintf("ALTER POLICY %s WITH CHECK (%s);", policyName(policy), is)
			case "SELECT", "DELETE":
				advice = fmt.Sprintf("ALTER POLICY %s USING (%s);", policyName(policy), is)
			default:
				advice = fmt.Sprintf("ALTER POLICY %s USING (%s) WITH CHECK (%[2]s);", policyName(policy), is)
			}
		}
		p.report(p.wherePolicy(policy), fmt.Sprintf("Nothing shows that policy %s allows %s to %s only rows of their own identity: %s %s.",
			policyName(policy), strings.Join(who, ", "), policy.Command, strings.Join(open, " and "), compares), advice)
	})
}

// owned reports whether a predicate can be true only for rows whose owner equals a value that does
// not come from the row.
func owned(n *pg.Node, owner string) bool {
	switch {
	case n.GetAConst() != nil:
		return n.GetAConst().GetIsnull() || n.GetAConst().GetBoolval() != nil && !n.GetAConst().GetBoolval().GetBoolval()
	case n.GetBoolExpr() != nil:
		one := func(n *pg.Node) bool { return owned(n, owner) }
		switch n.GetBoolExpr().GetBoolop() {
		case pg.BoolExprType_AND_EXPR:
			return slices.ContainsFunc(n.GetBoolExpr().GetArgs(), one)
		case pg.BoolExprType_OR_EXPR:
			return !slices.ContainsFunc(n.GetBoolExpr().GetArgs(), func(n *pg.Node) bool { return !one(n) })
		default:
			return false
		}
	case n.GetAExpr() != nil:
		e := n.GetAExpr()
		if owner == "" || e.GetKind() != pg.A_Expr_Kind_AEXPR_OP || !slices.Equal(texts(e.GetName()), []string{"="}) {
			return false
		}
		return isColumn(e.GetLexpr(), owner) && !hasColumn(e.GetRexpr()) || isColumn(e.GetRexpr(), owner) && !hasColumn(e.GetLexpr())
	}
	return false
}

// isColumn reports whether a node is the column, possibly with a cast.
func isColumn(n *pg.Node, name string) bool {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().GetArg()
	}
	fields := texts(n.GetColumnRef().GetFields())
	return len(fields) > 0 && fields[len(fields)-1] == name
}

func hasColumn(n *pg.Node) bool {
	return mentions(n, func(n *pg.Node) bool { return n.GetColumnRef() != nil })
}

// head and body return the two parts of a result of pg_get_functiondef.
func head(f *catalog.Function) string {
	h, _ := split(f)
	return h
}

var reBody = regexp.MustCompile(`\n(AS |BEGIN ATOMIC|\s*RETURN )`)

func split(f *catalog.Function) (head, body string) {
	if at := reBody.FindStringIndex(f.Definition); at != nil {
		return f.Definition[:at[0]], f.Definition[at[0]:]
	}
	return f.Definition, ""
}

// whereFunction returns the last statement that changed a function.
func (p *pass) whereFunction(f *catalog.Function) int {
	name := catalog.Qualify(f.Schema, f.Name)
	at := p.last(func(n *pg.Node) bool {
		return named(n.GetCreateFunctionStmt().GetFuncname()) == name || named(n.GetAlterFunctionStmt().GetFunc().GetObjname()) == name
	})
	if at >= 0 {
		return at
	}
	return p.last(func(n *pg.Node) bool {
		return slices.ContainsFunc(n.GetGrantStmt().GetObjects(), func(o *pg.Node) bool { return objectName(o) == name }) ||
			named(n.GetAlterOwnerStmt().GetObject().GetObjectWithArgs().GetObjname()) == name
	}, f.Name)
}

// signature names a function as ALTER FUNCTION does.
func signature(f *catalog.Function) string {
	kind := "FUNCTION "
	if f.Kind == "p" {
		kind = "PROCEDURE "
	}
	return kind + catalog.Qualify(f.Schema, f.Name) + "(" + f.Types + ")"
}

var (
	reImmutable = regexp.MustCompile(`(?m)^ .*\bIMMUTABLE\b`)
	reChanges   = regexp.MustCompile(`(?i)\b(current_setting\s*\(|(?:current_user|session_user|current_role|current_date|current_time|current_timestamp|localtime|localtimestamp)\b|(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|random|gen_random_uuid|nextval)\s*\()`)
	rePath      = regexp.MustCompile(`(?m)^ SET search_path TO (.*)$`)
)

func immutableReads(p *pass) {
	changedObjects(p, functions, func(_, f *catalog.Function) {
		head, body := split(f)
		found := reChanges.FindString(uncommented(body))
		if !reImmutable.MatchString(head) || found == "" {
			return
		}
		p.report(p.whereFunction(f), fmt.Sprintf("%s is IMMUTABLE and uses %s: Postgres may compute it once and return the same result to all identities.",
			signature(f), strings.TrimRight(found, " (")), "ALTER "+signature(f)+" STABLE;")
	})
}

func searchPath(p *pass) {
	changedObjects(p, functions, func(_, f *catalog.Function) {
		if !f.Definer {
			return
		}
		path := rePath.FindStringSubmatch(head(f))
		message := fmt.Sprintf("%s runs as %s and resolves names in the search_path of the caller.", signature(f), f.Owner)
		if path != nil {
			parts := strings.Split(path[1], ", ")
			if strings.Trim(parts[len(parts)-1], `'"`) == "pg_temp" {
				return
			}
			message = fmt.Sprintf("%s runs as %s and resolves names in the caller's temporary tables first, because pg_temp is not the last schema of its search_path.", signature(f), f.Owner)
		}
		p.report(p.whereFunction(f), message, "ALTER "+signature(f)+" SET search_path = pg_catalog, pg_temp;")
	})
}

func publicDefiner(p *pass) {
	if p.After == nil {
		return
	}
	definers := map[catalog.Key]*catalog.Function{}
	for _, f := range p.After.State.Functions {
		if f.Definer {
			definers[f.Key()] = f
		}
	}
	was := map[catalog.Key]bool{}
	for _, f := range p.Before.State.Functions {
		was[f.Key()] = f.Definer
	}
	open := func(s *catalog.State) map[catalog.Key]bool {
		all := map[catalog.Key]bool{}
		for _, of := range s.Privileges {
			all[of.Of] = slices.ContainsFunc(of.Grants, func(g catalog.Grant) bool { return g.Grantee == catalog.Public })
		}
		return all
	}
	before, after := open(p.Before.State), open(p.After.State)
	for _, f := range p.After.State.Functions {
		if definers[f.Key()] != nil && after[f.Key()] && (!was[f.Key()] || !before[f.Key()]) {
			p.report(p.whereFunction(f), fmt.Sprintf("%s runs as %s, and PUBLIC may execute it.", signature(f), f.Owner),
				lines("REVOKE EXECUTE ON "+signature(f)+" FROM PUBLIC;", "GRANT EXECUTE ON "+signature(f)+" TO …;"))
		}
	}
}

func definerIsOwner(p *pass) {
	changedObjects(p, functions, func(_, f *catalog.Function) {
		if f.Definer && f.Owner == p.options.Conventions.Owner {
			p.report(p.whereFunction(f), fmt.Sprintf("%s runs as %s, the owner of all tables: it sees no rows of tables with FORCE, and all rows of others.", signature(f), f.Owner),
				"Use an owner with only the privileges that the function needs: ALTER "+signature(f)+" OWNER TO …;")
		}
	})
}

func viewNotInvoker(p *pass) {
	invoker := map[string]bool{} // views that this file created or changed
	at := map[string]int{}
	var names []string
	for i := range p.Statements {
		n := p.node(i)
		switch {
		case n.GetViewStmt() != nil:
			name := replay.Name(n.GetViewStmt().GetView())
			if _, ok := invoker[name]; !ok {
				names = append(names, name)
			}
			invoker[name], at[name] = option(n.GetViewStmt().GetOptions(), "security_invoker"), i
		case n.GetAlterTableStmt() != nil:
			name := replay.Name(n.GetAlterTableStmt().GetRelation())
			for _, c := range n.GetAlterTableStmt().GetCmds() {
				cmd := c.GetAlterTableCmd()
				listed := slices.ContainsFunc(cmd.GetDef().GetList().GetItems(), func(o *pg.Node) bool { return o.GetDefElem().GetDefname() == "security_invoker" })
				if !listed {
					continue
				}
				if _, ok := invoker[name]; !ok {
					names = append(names, name)
				}
				invoker[name], at[name] = cmd.GetSubtype() == pg.AlterTableType_AT_SetRelOptions && option(cmd.GetDef().GetList().GetItems(), "security_invoker"), i
			}
		case n.GetDropStmt() != nil:
			for _, o := range n.GetDropStmt().GetObjects() {
				if name := objectName(o); n.GetDropStmt().GetRemoveType() == pg.ObjectType_OBJECT_VIEW {
					invoker[name] = true
				}
			}
		}
	}
	for _, name := range names {
		if !invoker[name] {
			p.report(at[name], fmt.Sprintf("View %s reads with the privileges and policies of its owner, not of the caller.", name),
				"ALTER VIEW "+name+" SET (security_invoker = true);")
		}
	}
	p.viewsOfBlocks(names)
}

// viewsOfBlocks reports the new views that no statement of the file creates directly.
func (p *pass) viewsOfBlocks(seen []string) {
	views := func(s *catalog.State) map[string]bool {
		all := map[string]bool{}
		for _, of := range s.Privileges {
			if of.Of.Kind == catalog.KindView && slices.ContainsFunc(s.Others, func(o *catalog.Other) bool {
				return o.Type == "view" && o.Identity == of.Of.Qualified()
			}) {
				all[of.Of.Qualified()] = true
			}
		}
		return all
	}
	if p.After == nil {
		return
	}
	before := views(p.Before.State)
	for _, name := range slices.Sorted(maps.Keys(views(p.After.State))) {
		if _, renamed := p.former[name]; before[name] || renamed || slices.Contains(seen, name) {
			continue
		}
		_, bare, _ := strings.Cut(name, ".")
		p.reportAs(Warning, p.last(func(*pg.Node) bool { return false }, bare), fmt.Sprintf("View %s is created by a block of code, so the check cannot decide whether it has security_invoker.", name),
			"Create the view in a statement of the file, WITH (security_invoker = true).")
	}
}

func keyNotLedByOwner(p *pass) {
	constraints := map[string]bool{} // their indexes have the same names
	if p.After != nil {
		for _, d := range p.After.State.Details {
			if d.Of.Kind == catalog.KindConstraint {
				constraints[catalog.Qualify(d.Of.Schema, d.Of.Sub)] = true
			}
		}
	}
	p.fresh(func(k key) {
		owner := p.owner(p.After.State, k.table)
		if owner == "" || len(k.columns) == 0 {
			return
		}
		led := k.columns[0] == owner
		name := catalog.Ident(k.of.Sub)
		switch {
		case k.kind == pg.ConstrType_CONSTR_FOREIGN:
			theirs := p.owner(p.After.State, k.refers)
			if theirs == "" || led && len(k.referred) > 0 && k.referred[0] == theirs {
				return
			}
			p.report(p.whereKey(k), fmt.Sprintf("Foreign key %s of %s refers to %s without the owner: an identity can refer to another's row and learn that it exists, because foreign keys bypass policies.",
				name, k.table, k.refers), fmt.Sprintf("FOREIGN KEY (%s, …) REFERENCES %s (%s, …)", catalog.Ident(owner), k.refers, catalog.Ident(theirs)))
		case k.of.Kind == catalog.KindIndex:
			if !k.unique || led || constraints[k.of.Qualified()] {
				return
			}
			p.report(p.whereKey(k), fmt.Sprintf("Unique index %s does not start with %s: a rejected write reveals that another identity has the same value.", k.of.Qualified(), catalog.Ident(owner)),
				fmt.Sprintf("CREATE UNIQUE INDEX … ON %s (%s, …)", k.table, catalog.Ident(owner)))
		case !led:
			kind := strings.ReplaceAll(strings.TrimPrefix(k.kind.String(), "CONSTR_"), "PRIMARY", "PRIMARY KEY")
			p.report(p.whereKey(k), fmt.Sprintf("The %s %s of %s does not start with %s: a rejected write reveals that another identity has the same value.", kind, name, k.table, catalog.Ident(owner)),
				fmt.Sprintf("%s (%s, %s)", kind, catalog.Ident(owner), idents(slices.DeleteFunc(slices.Clone(k.columns), func(c string) bool { return c == owner || c == "" }))))
		}
	})
}

// unindexed returns the foreign keys whose columns are not the first columns of an index, in any
// order.
func (p *pass) unindexed(state *catalog.State) map[catalog.Key]key {
	keys := p.keys.all(state)
	all := map[catalog.Key]key{}
	for _, k := range keys {
		if k.kind == pg.ConstrType_CONSTR_FOREIGN && !slices.ContainsFunc(keys, func(i key) bool { return supports(i, k) }) {
			all[k.of] = k
		}
	}
	return all
}

func supports(i, k key) bool {
	if i.of.Kind != catalog.KindIndex || i.table != k.table || len(i.columns) < len(k.columns) {
		return false
	}
	if test := i.condition.GetNullTest(); i.partial && (test.GetNulltesttype() != pg.NullTestType_IS_NOT_NULL ||
		!slices.ContainsFunc(k.columns, func(c string) bool { return isColumn(test.GetArg(), c) })) {
		return false
	}
	for _, c := range i.columns[:len(k.columns)] {
		if !slices.Contains(k.columns, c) {
			return false
		}
	}
	return true
}

func referenceWithoutIndex(p *pass) {
	if p.After == nil {
		return
	}
	before := p.unindexed(p.Before.State)
	for of, k := range p.unindexed(p.After.State) {
		if was, ok := before[p.before(of)]; ok && slices.Equal(was.columns, k.columns) {
			continue
		}
		p.report(p.whereKey(k), fmt.Sprintf("No index of %s starts with (%s), the columns of foreign key %s: each delete or key update in %s scans the whole table.",
			k.table, idents(k.columns), catalog.Ident(of.Sub), k.refers),
			lines(ownFile, fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s);", k.table, idents(k.columns))))
	}
}

// unlisted returns the tables whose policies compare the owner and that have no index for it.
func (p *pass) unlisted(state *catalog.State) map[string]bool {
	led := map[string]bool{}
	for _, k := range p.keys.all(state) {
		if k.of.Kind == catalog.KindIndex && !k.partial && len(k.columns) > 0 && k.columns[0] == p.owner(state, k.table) {
			led[k.table] = true
		}
	}
	all := map[string]bool{}
	for _, policy := range state.Policies {
		table := policy.Key().Qualified()
		owner := p.owner(state, table)
		if slices.Contains(commands(policy), "SELECT") && owner != "" && !led[table] && owned(expression(policy.Using), owner) {
			all[table] = true
		}
	}
	return all
}

func listWithoutIndex(p *pass) {
	if p.After == nil {
		return
	}
	before := p.unlisted(p.Before.State)
	for table := range p.unlisted(p.After.State) {
		if was, ok := p.former[table]; before[table] || ok && before[was.Qualified()] {
			continue
		}
		owner := p.owner(p.After.State, table)
		at := p.last(func(n *pg.Node) bool {
			return replay.Name(n.GetCreateStmt().GetRelation()) == table || replay.Name(n.GetCreatePolicyStmt().GetTable()) == table
		}, table)
		p.report(at, fmt.Sprintf("The policies of %s compare %s, but no index starts with this column: each list scans the rows of all identities.", table, catalog.Ident(owner)),
			lines(ownFile, fmt.Sprintf("CREATE INDEX CONCURRENTLY ON %s (%s, …);", table, catalog.Ident(owner))))
	}
}

// partitionReachable checks partitions that the file creates, and grants on others.
func partitionReachable(p *pass) {
	partition := map[string]bool{}
	for _, name := range p.Before.State.RuntimePartitions {
		partition[name] = true
	}
	for name := range p.parents {
		partition[name] = true
	}
	enabled, forced := map[string]bool{}, map[string]bool{}
	var made []string
	at := map[string]int{}
	grants := func(i int, table, to string) {
		p.report(i, fmt.Sprintf("%s can access the rows in partition %s without the policies of its parent.", to, table),
			lines("-- grant only on the parent:", "REVOKE ALL ON "+table+" FROM "+to+";"))
	}
	for i := range p.Statements {
		n := p.node(i)
		switch {
		case n.GetCreateStmt().GetPartbound() != nil:
			name := replay.Name(n.GetCreateStmt().GetRelation())
			partition[name], at[name] = true, i
			made = append(made, name)
		case n.GetAlterTableStmt() != nil:
			name := replay.Name(n.GetAlterTableStmt().GetRelation())
			enabled[name] = enabled[name] || adds(n, pg.AlterTableType_AT_EnableRowSecurity)
			forced[name] = forced[name] || adds(n, pg.AlterTableType_AT_ForceRowSecurity)
			for _, c := range n.GetAlterTableStmt().GetCmds() {
				cmd := c.GetAlterTableCmd()
				if child := replay.Name(cmd.GetDef().GetPartitionCmd().GetName()); cmd.GetSubtype() == pg.AlterTableType_AT_AttachPartition {
					partition[child], at[child] = true, i
					made = append(made, child)
					for _, s := range p.Before.State.Security {
						if s.Key().Qualified() == child && p.Existed[child] {
							enabled[child], forced[child] = enabled[child] || s.Enabled, forced[child] || s.Forced
						}
					}
				}
			}
		case n.GetGrantStmt().GetIsGrant() && n.GetGrantStmt().GetObjtype() == pg.ObjectType_OBJECT_TABLE:
			for _, o := range n.GetGrantStmt().GetObjects() {
				if name := replay.Name(o.GetRangeVar()); partition[name] {
					for _, g := range n.GetGrantStmt().GetGrantees() {
						grants(i, name, roleName(g))
					}
				}
			}
		}
	}
	for _, name := range made {
		if !enabled[name] || !forced[name] {
			p.report(at[name], fmt.Sprintf("Partition %s has no row-level security, and the policies of its parent do not apply to queries that name the partition.", name),
				lines("ALTER TABLE "+name+" ENABLE ROW LEVEL SECURITY;", "ALTER TABLE "+name+" FORCE ROW LEVEL SECURITY;"))
		}
	}
}

func roleName(n *pg.Node) string {
	r := n.GetRoleSpec()
	switch r.GetRoletype() {
	case pg.RoleSpecType_ROLESPEC_PUBLIC:
		return catalog.Public
	case pg.RoleSpecType_ROLESPEC_CSTRING:
		return catalog.Ident(r.GetRolename())
	default:
		return "CURRENT_USER"
	}
}

// expressions returns the expressions of a policy.
func expressions(policy *catalog.Policy) []*pg.Node {
	var all []*pg.Node
	for _, text := range []string{policy.Using, policy.Check} {
		if text != "" {
			all = append(all, expression(text))
		}
	}
	return all
}

// callsSetting returns the name of the setting that a node reads; "" if it reads none.
func callsSetting(n *pg.Node) (name string, mayMiss bool) {
	names := texts(n.GetFuncCall().GetFuncname())
	if len(names) == 0 || names[len(names)-1] != "current_setting" {
		return "", false
	}
	args := n.GetFuncCall().GetArgs()
	for _, a := range args {
		walk(a, func(n *pg.Node) bool {
			if s := n.GetAConst().GetSval(); s != nil && name == "" {
				name = s.GetSval()
			}
			if n.GetAConst().GetBoolval() != nil {
				mayMiss = n.GetAConst().GetBoolval().GetBoolval()
			}
			return true
		})
	}
	return name, mayMiss
}

func settingReadUnsafely(p *pass) {
	changedObjects(p, policies, func(_, policy *catalog.Policy) {
		found := map[string]string{}
		for _, e := range expressions(policy) {
			safe := map[*pg.Node]bool{}
			walk(e, func(n *pg.Node) bool {
				if x := n.GetAExpr(); x.GetKind() == pg.A_Expr_Kind_AEXPR_NULLIF {
					inner := x.GetLexpr()
					for inner.GetTypeCast() != nil {
						inner = inner.GetTypeCast().GetArg()
					}
					safe[inner] = true
				}
				name, mayMiss := callsSetting(n)
				switch {
				case !strings.Contains(name, "."): // Postgres' own settings always exist
				case !mayMiss:
					found[name] = "fails if the setting does not exist"
				case !safe[n]:
					found[name] = "compares with '' after the setting was reset"
				}
				return true
			})
		}
		for name, why := range found {
			p.report(p.wherePolicy(policy), fmt.Sprintf("Policy %s reads %s in a way that %s.", policyName(policy), name, why),
				fmt.Sprintf("nullif(current_setting('%s', true), '')", name))
		}
	})
}

func policySubselect(p *pass) {
	changedObjects(p, policies, func(_, policy *catalog.Policy) {
		what := ""
		for _, e := range expressions(policy) {
			walk(e, func(n *pg.Node) bool {
				sub := n.GetSubLink()
				switch {
				case sub == nil || runsOnce(sub):
				case refersTo(sub, policy.Table):
					what = "refers to the row: it can run once for each row"
				case what == "":
					what = "reads a table: it adds a query to each statement"
				}
				return true
			})
		}
		if what == "" {
			return
		}
		p.report(p.wherePolicy(policy), fmt.Sprintf("Policy %s has a sub-select that %s. From a table it gets only the committed rows that the policies of that table allow.", policyName(policy), what),
			"Compare columns of the row with settings. Copy other values into the row or into a setting,\nor read them in a function and call that as (SELECT app.function()), which runs once for each statement.")
	})
}

// refersTo reports whether a sub-select of a policy refers to the policy's row. Postgres prints the columns inside a
// sub-select with their table, and another reference to the same table with an alias. Without a FROM clause, a column
// can only be a column of the row.
func refersTo(s *pg.SubLink, table string) bool {
	return mentions(s.GetSubselect(), func(n *pg.Node) bool {
		fields := texts(n.GetColumnRef().GetFields())
		return len(fields) > 0 && (fields[0] == table || len(fields) == 1 && len(s.GetSubselect().GetSelectStmt().GetFromClause()) == 0)
	})
}

// runsOnce reports whether Postgres evaluates the sub-select once for each statement, as an InitPlan. It must return a
// value or an array, and neither it nor a query inside it may read a table or refer to a column. Without a FROM clause,
// a column can only be a column of the policy's row.
func runsOnce(s *pg.SubLink) bool {
	if t := s.GetSubLinkType(); t != pg.SubLinkType_EXPR_SUBLINK && t != pg.SubLinkType_ARRAY_SUBLINK {
		return false
	}
	return !mentions(s.GetSubselect(), func(n *pg.Node) bool {
		return n.GetColumnRef() != nil || len(n.GetSelectStmt().GetFromClause()) > 0
	})
}

// noRowSecurityKind checks whether a role may read materialized views or foreign tables, which have no policies.
func noRowSecurityKind(p *pass) {
	if p.After == nil {
		return
	}
	kinds := map[string]string{}
	for _, o := range p.After.State.Others {
		if o.Type == "materialized view" || o.Type == "foreign table" {
			kinds[o.Identity] = o.Type
		}
	}
	p.grants(func(of *catalog.Privileges, grantee string, _ []catalog.Grant) {
		name := of.Of.Schema + "." + of.Of.Name
		if kind := kinds[name]; kind != "" && of.Of.Sub == "" {
			p.report(p.whereGrant(of.Of, grantee), fmt.Sprintf("%s may read all rows of %s %s, because Postgres does not support row-level security for this kind.", grantee, kind, of.Of.Qualified()),
				"Grant access to a view with security_invoker or to a function that filters rows instead.")
		}
	})
}
