package policies

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/chenu/chenu/policies/functions"
)

// identity is the identity for which a session acts.
const identity = functions.Identity

// Render returns the access rules of one table as SQL: row-level security, policies, triggers and privileges, in that
// order. The output is deterministic.
func Render(t Table) string {
	r := &renderer{Table: t}
	r.line("-- Code generated from ent/schema. DO NOT EDIT.")
	r.describe()
	r.rowSecurity()
	if t.Partitioned {
		r.partition()
	}
	r.policies()
	r.triggers()
	r.privileges()
	return r.text.String()
}

type renderer struct {
	Table
	text strings.Builder
}

func (r *renderer) line(format string, args ...any) {
	fmt.Fprintf(&r.text, format+"\n", args...)
}

func (r *renderer) describe() {
	r.line("--")
	r.line("-- %s: %s", r.QualifiedName(), strings.TrimSpace(r.Comment))
	if r.Owner != "" {
		r.line("-- Owner: %s. Humans: %s. Agents: %s.", r.Owner, r.Access.Human.words(), r.Access.Agent.words())
	} else {
		r.line("-- No owner: %s.", r.OwnerlessWhy)
	}
	for _, g := range r.Gates {
		r.describeGate(g)
	}
	if r.UngatedWhy != "" {
		r.line("-- No gate: %s.", r.UngatedWhy)
	}
	if r.KeptWhy != "" {
		r.line("-- Outlives the erasure of its identity, without its content: %s.", r.KeptWhy)
	}
	if r.UnauditedWhy != "" {
		r.line("-- Not audited: %s.", r.UnauditedWhy)
	}
}

func (r *renderer) describeGate(g Gate) {
	r.line("-- Gate %s: %s.", g.Type, g.Why)
	if g.State != "" {
		r.line("--   States: %s", g.State)
	}
	if g.Agents != "" {
		r.line("--   States for agents: %s", g.Agents)
	}
	if t := g.Through; t != nil {
		r.line("--   Also while %s has a row with %s = this %s and %s", t.Table, t.Key, t.Column, t.Condition)
	}
	if g.Within != "" {
		r.line("--   Changes within: %s", g.Within)
	}
	if len(g.Free) > 0 {
		r.line("--   Free to change: %s", strings.Join(g.Free, ", "))
	}
	if g.FreeExit != "" {
		r.line("--   Free to leave: %s", g.FreeExit)
	}
}

func (v Verbs) words() string {
	names := map[byte]string{'S': "select", 'I': "insert", 'U': "update", 'D': "delete"}
	var words []string
	for i := range len(v) {
		words = append(words, names[v[i]])
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

func (r *renderer) rowSecurity() {
	r.line("")
	r.line("ALTER TABLE %s ENABLE ROW LEVEL SECURITY;", r.QualifiedName())
	r.line("ALTER TABLE %s FORCE ROW LEVEL SECURITY;", r.QualifiedName())
}

// partition writes the DEFAULT partition; app.ensure_partitions() creates the partitions of the months. Queries that
// name a partition directly bypass its parent's policies, so the partition has row-level security enabled and no
// privileges.
func (r *renderer) partition() {
	child := r.QualifiedName() + "_default"
	r.line("")
	r.line("CREATE TABLE %s PARTITION OF %s DEFAULT;", child, r.QualifiedName())
	r.line("ALTER TABLE %s ENABLE ROW LEVEL SECURITY;", child)
	r.line("ALTER TABLE %s FORCE ROW LEVEL SECURITY;", child)
	if r.AppendOnly != nil {
		r.line("CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s", child)
		r.line("    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();")
	}
}

func (r *renderer) policies() {
	r.line("")
	if r.Owner != "" {
		for _, who := range []struct {
			name  string
			verbs Verbs
		}{{"human", r.Access.Human}, {"agent", r.Access.Agent}} {
			r.policiesFor(who.name, who.verbs)
		}
	}
	r.line("CREATE POLICY auditor_select ON %s FOR SELECT TO chenu_auditor", r.QualifiedName())
	r.line("    USING (true);")
	for _, d := range privilegesOf(r.Table) {
		r.definer(d)
	}
}

func (r *renderer) policiesFor(who string, verbs Verbs) {
	owned := fmt.Sprintf("%s = %s", r.Owner, identity)
	own, seen := owned, owned
	if who == "agent" {
		own, seen = owned+" AND "+r.agentCondition(""), owned+" AND "+r.agentCondition(readOnly)
	}
	if verbs.Has('S') {
		r.line("CREATE POLICY %s_select ON %s FOR SELECT TO chenu_%s", who, r.QualifiedName(), who)
		r.line("    USING (%s);", seen)
	}
	if verbs.Has('I') {
		r.line("CREATE POLICY %s_insert ON %s FOR INSERT TO chenu_%s", who, r.QualifiedName(), who)
		r.line("    WITH CHECK (%s);", own)
	}
	if verbs.Has('U') {
		r.line("CREATE POLICY %s_update ON %s FOR UPDATE TO chenu_%s", who, r.QualifiedName(), who)
		r.line("    USING (%s)", own)
		r.line("    WITH CHECK (%s);", own)
	}
	if verbs.Has('D') {
		r.line("CREATE POLICY %s_delete ON %s FOR DELETE TO chenu_%s", who, r.QualifiedName(), who)
		r.line("    USING (%s);", own)
	}
}

// readOnly is the suffix of capabilities that allow only reading.
const readOnly = ":read"

// sphereCapabilities maps spheres to their capabilities where the names differ.
var sphereCapabilities = map[string]string{"creative_studio": "creative", "my_team": "team"}

// AgentCapability returns the capability, without :read, that agents need for every row of the
// table. It is empty if any active agent of the owner may use the table.
func (t Table) AgentCapability() string {
	return cmp.Or(t.Capability, sphereCapabilities[t.Sphere], t.Sphere)
}

// agentCondition returns what an agent needs for a row in addition to the identity; the suffix is
// readOnly for SELECT. The sub-select makes Postgres call the function once for each statement.
// Without it the function would be called for each row, because Postgres never moves a condition
// of a policy into a one-time filter. A sub-select that yields a boolean, and coalesce, keep the
// planner's default selectivity of one half; for an array it would assume that nearly no row
// qualifies, and no longer read the index in the order of the list.
func (r *renderer) agentCondition(suffix string) string {
	const held = "(SELECT app.agent_capabilities())::text[]"
	var all []string
	capability := r.AgentCapability()
	_, ofSphere := r.Column("sphere")
	switch {
	case capability == "":
		all = append(all, "(SELECT cardinality(app.agent_capabilities()) > 0)")
	case ofSphere:
		all = append(all, fmt.Sprintf("coalesce(ARRAY['%s%s', sphere || '%[2]s'] <@ %s, false)", capability, suffix, held))
	default:
		all = append(all, fmt.Sprintf("(SELECT '%s%s' = ANY (app.agent_capabilities()))", capability, suffix))
	}
	if r.AgentRows != "" {
		all = append(all, r.AgentRows)
	}
	condition := strings.Join(all, " AND ")
	if r.AgentOwnRows != "" {
		condition = fmt.Sprintf("(%s AND (SELECT cardinality(app.agent_capabilities()) > 0) OR %s)", r.AgentOwnRows, condition)
	}
	return condition
}

// definer writes the policies of a narrow role that owns definer functions. They test the current role: the owner, who
// is a member of the role, would otherwise accidentally see rows across identities.
func (r *renderer) definer(d functions.Privilege) {
	short := strings.TrimPrefix(d.Role, "chenu_")
	condition := fmt.Sprintf("current_user = '%s'", d.Role)
	if d.Rows != "" {
		condition += " AND " + d.Rows
	}
	for _, g := range d.Grants {
		verb, _, _ := strings.Cut(g, " ")
		name := fmt.Sprintf("%s_%s", short, strings.ToLower(verb))
		r.line("CREATE POLICY %s ON %s FOR %s TO %s", name, r.QualifiedName(), verb, d.Role)
		switch verb {
		case "INSERT":
			r.line("    WITH CHECK (%s);", condition)
		case "UPDATE":
			r.line("    USING (%s)", condition)
			r.line("    WITH CHECK (%s);", condition)
		default:
			r.line("    USING (%s);", condition)
		}
	}
}

func (r *renderer) triggers() {
	name := r.QualifiedName()
	if _, ok := r.Column("created_at"); ok && !r.Transient {
		r.line("")
		r.stamp()
	}
	for _, trigger := range r.Triggers {
		if trigger.Deferred {
			r.line("CREATE CONSTRAINT TRIGGER %s %s ON %s", trigger.Name, trigger.Events, name)
			r.line("    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION %s;", trigger.Function)
			continue
		}
		r.line("CREATE TRIGGER %s %s ON %s", trigger.Name, trigger.Events, name)
		r.line("    FOR EACH ROW EXECUTE FUNCTION %s;", trigger.Function)
	}
	if r.AppendOnly != nil {
		r.line("")
		if len(r.AppendOnly.Content) > 0 {
			r.line("CREATE TRIGGER seal_content BEFORE INSERT ON %s", name)
			r.line("    FOR EACH ROW EXECUTE FUNCTION %s();", r.sealFunction())
		}
		r.line("CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %s", name)
		r.line("    FOR EACH ROW EXECUTE FUNCTION app.refuse_change(%s);", quoted(r.erasable()))
	}
	r.line("")
	r.line("CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %s", name)
	r.line("    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();")
	for _, g := range r.Gates {
		r.gate(g)
	}
	if r.UnauditedWhy == "" {
		r.audit()
	}
}

// stamp writes the trigger that sets times and versions. A table with columns that do not count for the version has a
// separate trigger for updates.
func (r *renderer) stamp() {
	name, function, events := r.QualifiedName(), "app.stamp", "INSERT"
	if _, tracked := r.Column("version"); tracked {
		function = "app.stamp_change"
		if len(r.Unversioned) == 0 {
			events = "INSERT OR UPDATE"
		}
	}
	r.line("CREATE TRIGGER stamp BEFORE %s ON %s", events, name)
	r.line("    FOR EACH ROW EXECUTE FUNCTION %s();", function)
	if len(r.Unversioned) == 0 {
		return
	}
	before, after := r.without(r.Unversioned)
	r.line("CREATE TRIGGER stamp_update BEFORE UPDATE ON %s", name)
	r.line("    FOR EACH ROW WHEN ((%s) IS DISTINCT FROM (%s))", before, after)
	r.line("    EXECUTE FUNCTION %s();", function)
}

// without returns the columns before and after an update, except the named columns and those that every update changes.
func (r *renderer) without(names []string) (before, after string) {
	var olds, news []string
	for _, c := range r.Columns {
		if !slices.Contains(names, c.Name) && !slices.Contains(stamps, c.Name) {
			olds, news = append(olds, "OLD."+c.Name), append(news, "NEW."+c.Name)
		}
	}
	return strings.Join(olds, ", "), strings.Join(news, ", ")
}

// audit writes the trigger that records every change. A table with counters has a separate trigger for updates, whose
// WHEN condition detects that only counters changed without calling the function.
func (r *renderer) audit() {
	name, arguments := r.QualifiedName(), quoted(append([]string{r.Resource, r.Owner, r.Sphere}, r.unaudited()...))
	r.line("")
	if len(r.AuditCounters) == 0 {
		r.line("CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON %s", name)
		r.line("    FOR EACH ROW EXECUTE FUNCTION app.audit(%s);", arguments)
		return
	}
	r.line("CREATE TRIGGER audit AFTER INSERT OR DELETE ON %s", name)
	r.line("    FOR EACH ROW EXECUTE FUNCTION app.audit(%s);", arguments)
	before, after := r.without(r.AuditCounters)
	r.line("CREATE TRIGGER audit_update AFTER UPDATE ON %s", name)
	r.line("    FOR EACH ROW WHEN ((%s) IS DISTINCT FROM (%s))", before, after)
	r.line("    EXECUTE FUNCTION app.audit(%s);", arguments)
}

// stamps are the columns that every update of a row changes.
var stamps = []string{"updated_at", "version", "updated_by", "updated_by_kind"}

// gate writes the triggers that refuse a gated write without approval. Their WHEN conditions select these writes, so
// that other writes do not call the function. The erasure of an identity is approved as a whole, so the writes of its
// function need no further approval.
func (r *renderer) gate(g Gate) {
	columns := r.Gated()
	compared := slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return slices.Contains(g.Free, name) })
	changed := fmt.Sprintf("%s IS DISTINCT FROM %s", row("OLD", compared), row("NEW", compared))
	const notErasing = "current_user <> 'chenu_erase'"
	trigger := func(name, event, function string, conditions ...string) {
		r.line("CREATE TRIGGER %s AFTER %s ON %s", name, event, r.QualifiedName())
		conditions = slices.DeleteFunc(conditions, func(c string) bool { return c == "" })
		r.line("    FOR EACH ROW WHEN (%s)", strings.Join(conditions, " AND "))
		r.line("    EXECUTE FUNCTION %s;", function)
	}

	r.line("")
	before, after := r.inState("OLD", g), r.inState("NEW", g)
	if after != "" {
		function := r.gateFunction(g, nil, columns)
		update := fmt.Sprintf("(%s OR %s)", before, after)
		if g.Within != "" || g.FreeExit != "" {
			within := changed
			if g.Within != "" {
				within = "(" + g.Within + ")"
			}
			update = fmt.Sprintf("(%s AND (%s IS NOT TRUE OR %s)%s)", after, before, within, r.leaving(g, before, after))
		}
		trigger("approve_insert", "INSERT", function, after)
		trigger("approve_update", "UPDATE", function, notErasing, changed, update)
		switch {
		case g.NoDelete || g.FreeExit == "":
			trigger("approve_delete", "DELETE", function, notErasing, before)
		case g.FreeExit != "true":
			trigger("approve_delete", "DELETE", function, notErasing, before, r.staysGated(g))
		}
	}
	if g.Through == nil {
		return
	}
	// The function reads the other row, and only if the row's own columns do not already gate the write.
	function := r.gateFunction(g, g.Through, columns)
	column, only := g.Through.Column, ""
	if g.Through.Agents {
		only = agents
	}
	either := before
	if after != "" {
		either = fmt.Sprintf("(%s OR %s)", before, after)
	}
	if column == "id" {
		// Other rows refer to the row by its id, so nothing refers to a new row.
		trigger("approve_update_through", "UPDATE", function, notErasing, only, changed, isNot(either))
		trigger("approve_delete_through", "DELETE", function, notErasing, only, isNot(before))
		return
	}
	trigger("approve_insert_through", "INSERT", function, only, "NEW."+column+" IS NOT NULL", isNot(after))
	trigger("approve_update_through", "UPDATE", function, notErasing, only, changed,
		fmt.Sprintf("num_nonnulls(OLD.%[1]s, NEW.%[1]s) > 0", column), isNot(either))
	trigger("approve_delete_through", "DELETE", function, notErasing, only, "OLD."+column+" IS NOT NULL", isNot(before))
}

// isNot returns the negation of a condition; it is empty for an empty condition.
func isNot(condition string) string {
	if condition == "" {
		return ""
	}
	return condition + " IS NOT TRUE"
}

// agents is true for every actor that is not known to be a human.
const agents = "app.actor_kind() <> 'human'"

// inState returns the condition under which the row's own columns gate it. It is empty if only another row gates it.
func (r *renderer) inState(row string, g Gate) string {
	var states []string
	if g.State != "" {
		states = append(states, "("+r.over(row, g.State)+")")
	}
	if g.Agents != "" {
		states = append(states, fmt.Sprintf("%s AND (%s)", agents, r.over(row, g.Agents)))
	}
	switch len(states) {
	case 0:
		return ""
	case 1:
		return "(" + states[0] + ")"
	}
	return "(" + strings.Join(states, " OR ") + ")"
}

// leaving returns the part of an update's condition that covers rows that leave the gated state.
func (r *renderer) leaving(g Gate, before, after string) string {
	if g.FreeExit == "true" {
		return ""
	}
	condition := fmt.Sprintf(" OR %s AND %s IS NOT TRUE", before, after)
	if g.FreeExit != "" {
		condition += " AND " + r.staysGated(g)
	}
	return condition
}

// staysGated returns the condition under which a row may not leave the gated state without approval.
func (r *renderer) staysGated(g Gate) string {
	return fmt.Sprintf("(%s) IS NOT TRUE", r.over("OLD", g.FreeExit))
}

// gateOptions are the options of app.gate() in addition to the columns, as JSON.
type gateOptions struct {
	Keep       bool            `json:"keep,omitempty"`
	State      string          `json:"state,omitempty"` // over a row r; empty if there is a Through
	Through    *Through        `json:"through,omitempty"`
	References []GateReference `json:"references,omitempty"`
	Contents   []GateContent   `json:"contents,omitempty"`
}

func (r *renderer) gateFunction(g Gate, through *Through, columns []string) string {
	given := gateOptions{Keep: g.NoDelete, Through: through, References: g.References, Contents: g.Contents}
	if through == nil {
		given.State = r.inState("r", g)
	}
	options, err := json.Marshal(given)
	if err != nil {
		panic(fmt.Sprintf("policies: options of a gate: %v", err)) // cannot happen: all types are of this package
	}
	return fmt.Sprintf("app.gate(%s)", quoted(append([]string{g.Type, r.Resource, r.Sphere, r.Owner, string(options)}, columns...)))
}

// Gated returns the columns that an approval covers: all columns that clients set.
func (t Table) Gated() []string {
	return slices.DeleteFunc(t.Insertable(), func(name string) bool { return name == "id" || name == t.Owner })
}

// words finds the words of an SQL condition and its string constants.
var words = regexp.MustCompile(`'[^']*'|[a-z_][a-z_0-9]*`)

// over qualifies the columns in a condition with the row's name.
func (r *renderer) over(row, condition string) string {
	return words.ReplaceAllStringFunc(condition, func(word string) string {
		if _, ok := r.Column(word); ok {
			return row + "." + word
		}
		return word
	})
}

// row returns the columns of the row as a single row value, for comparisons.
func row(name string, columns []string) string {
	return "ROW(" + name + "." + strings.Join(columns, ", "+name+".") + ")"
}

// unaudited returns the columns that audit rows omit.
func (r *renderer) unaudited() []string {
	out := slices.Concat(r.AuditWithout, r.AuditCounters)
	for _, c := range r.Columns {
		if c.Rules.Secret {
			out = append(out, c.Name)
		}
	}
	if r.Search != nil {
		out = append(out, "search")
	}
	return out
}

func (r *renderer) privileges() {
	r.line("")
	for _, who := range []struct {
		role      string
		verbs     Verbs
		updatable []string
		hidden    []string
	}{{"chenu_human", r.Access.Human, r.Updatable(), nil}, {"chenu_agent", r.Access.Agent, r.UpdatableByAgents(), r.HiddenFromAgents}} {
		if who.verbs.Has('S') {
			r.line("GRANT SELECT%s ON %s TO %s;", r.readable(who.hidden), r.QualifiedName(), who.role)
		}
		if columns := r.Insertable(); who.verbs.Has('I') && len(columns) > 0 {
			r.line("GRANT INSERT (%s) ON %s TO %s;", strings.Join(columns, ", "), r.QualifiedName(), who.role)
		}
		if who.verbs.Has('U') && len(who.updatable) > 0 {
			r.line("GRANT UPDATE (%s) ON %s TO %s;", strings.Join(who.updatable, ", "), r.QualifiedName(), who.role)
		}
		if who.verbs.Has('D') {
			r.line("GRANT DELETE ON %s TO %s;", r.QualifiedName(), who.role)
		}
	}
	r.line("GRANT SELECT ON %s TO chenu_auditor;", r.QualifiedName())
	for _, d := range privilegesOf(r.Table) {
		for _, g := range d.Grants {
			r.line("GRANT %s ON %s TO %s;", g, r.QualifiedName(), d.Role)
		}
	}
}

// readable returns the column list of a SELECT grant. It is empty, which grants all columns, unless a column is secret
// or hidden.
func (r *renderer) readable(hidden []string) string {
	unreadable := func(c Column) bool { return c.Rules.Secret || slices.Contains(hidden, c.Name) }
	if !slices.ContainsFunc(r.Columns, unreadable) {
		return ""
	}
	var names []string
	for _, c := range r.Columns {
		if !unreadable(c) {
			names = append(names, c.Name)
		}
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// Insertable returns the columns that a serving role may set in a new row.
func (t Table) Insertable() []string {
	var names []string
	for _, c := range t.Columns {
		if !c.Rules.Derived {
			names = append(names, c.Name)
		}
	}
	return names
}

// Updatable returns the columns that a serving role may change.
func (t Table) Updatable() []string {
	var names []string
	for _, c := range t.Columns {
		if !c.Rules.Derived && !c.Immutable && c.Name != "id" && c.Name != t.Owner {
			names = append(names, c.Name)
		}
	}
	return names
}

// UpdatableByAgents returns the columns that an agent may change.
func (t Table) UpdatableByAgents() []string {
	if len(t.AgentUpdates) > 0 {
		return t.AgentUpdates
	}
	return t.Updatable()
}

func quoted(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "'" + strings.ReplaceAll(w, "'", "''") + "'"
	}
	return strings.Join(out, ", ")
}
