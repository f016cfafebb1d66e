package generator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/entc/gen"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/policies"
)

// describe checks every type and returns their tables: entities first, each
// group by name.
func (g *graph) describe(nodes *gen.Graph) ([]policies.Table, error) {
	var tables []policies.Table
	for _, node := range nodes.Nodes {
		table, err := describeNode(node)
		if err != nil {
			return nil, err
		}
		if err := refuseRanking(table); err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	slices.SortFunc(tables, func(a, b policies.Table) int {
		return strings.Compare(a.Schema+a.Name, b.Schema+b.Name)
	})
	slices.SortStableFunc(tables, func(a, b policies.Table) int { // entities first
		return strings.Compare(strconv.FormatBool(a.Supporting()), strconv.FormatBool(b.Supporting()))
	})
	for _, t := range tables {
		g.tables[t.Entity] = t
	}
	if err := checkContents(tables); err != nil {
		return nil, err
	}
	return tables, checkKeptReferences(tables)
}

func describeNode(node *gen.Type) (policies.Table, error) { //nolint:gocognit // One annotation after the other.
	t := policies.Table{Schema: "public", Name: node.Table(), Entity: node.Name, Resource: snake(node.Name)}
	var (
		owner     policies.Owner
		ownerless policies.Ownerless
		unaudited policies.Unaudited
		checks    policies.Checks
		unique    policies.UniqueExpression
		comment   struct{ Text string }
		only      policies.AppendOnly
		search    policies.Search
		gate      policies.Gate
		ungated   policies.Ungated
		sphere    policies.Sphere
		order     policies.TimeOrder
		triggers  policies.Triggers
		without   policies.AuditWithout
		counters  policies.AuditCounters
		silent    policies.Unversioned
		kept      policies.Kept
		updates   policies.AgentUpdates
		keyWith   policies.KeyWith
		allowed   policies.Capability
		rows      policies.AgentRows
		ownRows   policies.AgentOwnRows
		hidden    policies.HiddenFromAgents
	)
	if a := node.EntSQL(); a != nil && a.Schema != "" {
		t.Schema = a.Schema
	}
	hasOwner := annotation(node.Annotations, &owner)
	if annotation(node.Annotations, &ownerless) == hasOwner {
		return t, fmt.Errorf("%s needs exactly one of the annotations Owner and Ownerless: say whose its rows are (Rule #3)", node.Name)
	}
	if !annotation(node.Annotations, &t.Access) {
		return t, fmt.Errorf("%s has no Access annotation: say what humans and agents may do with its rows (Rule #3)", node.Name)
	}
	if ownerless.Why == "" && !hasOwner {
		return t, fmt.Errorf("%s is Ownerless without a reason", node.Name)
	}
	if !hasOwner && t.Access != (policies.Access{}) {
		return t, fmt.Errorf("%s is Ownerless, so its Access must be empty: functions reach it", node.Name)
	}
	t.Owner, t.OwnerlessWhy = owner.Column, ownerless.Why
	if annotation(node.Annotations, &unaudited) && unaudited.Why == "" {
		return t, fmt.Errorf("%s is Unaudited without a reason (Rule #6)", node.Name)
	}
	if t.UnauditedWhy = unaudited.Why; !hasOwner && t.UnauditedWhy == "" {
		return t, fmt.Errorf("%s is Ownerless, so nobody's audit trail can have its changes: annotate it Unaudited and say why", node.Name)
	}
	annotation(node.Annotations, &sphere)
	annotation(node.Annotations, &order)
	annotation(node.Annotations, &triggers)
	annotation(node.Annotations, &without)
	annotation(node.Annotations, &counters)
	annotation(node.Annotations, &silent)
	annotation(node.Annotations, &t.Retired)
	annotation(node.Annotations, &updates)
	annotation(node.Annotations, &keyWith)
	annotation(node.Annotations, &allowed)
	annotation(node.Annotations, &rows)
	annotation(node.Annotations, &ownRows)
	annotation(node.Annotations, &hidden)
	t.Unversioned, t.AgentUpdates, t.KeyWith, t.HiddenFromAgents = silent, updates, keyWith, hidden
	t.Capability, t.AgentRows, t.AgentOwnRows = string(allowed), string(rows), string(ownRows)
	t.Sphere, t.TimeOrder, t.Triggers, t.AuditWithout, t.AuditCounters = string(sphere), string(order), triggers, without, counters
	_, t.AuditReads = node.Annotations[policies.AuditReads{}.Name()]
	_, t.Partitioned = node.Annotations[policies.Partitioned{}.Name()]
	if annotation(node.Annotations, &only) {
		t.AppendOnly = &only
	}
	if annotation(node.Annotations, &kept) && kept.Why == "" {
		return t, fmt.Errorf("%s is Kept without a reason", node.Name)
	}
	t.KeptWhy = kept.Why
	if annotation(node.Annotations, &search) {
		t.Search = &search
	}
	if annotation(node.Annotations, &gate) {
		t.Gates = append(t.Gates, gate)
	}
	annotation(node.Annotations, &ungated)
	t.UngatedWhy = ungated.Why
	if _, ok := node.Annotations["Comment"]; ok {
		named(node.Annotations, "Comment", &comment)
		t.Comment = comment.Text
	}

	fields := append([]*gen.Field{node.ID}, node.Fields...)
	names := map[string]*gen.Field{}
	for _, f := range fields {
		names[f.StorageKey()] = f
		c := policies.Column{
			Name: f.StorageKey(), Comment: f.Comment(), Optional: f.Optional || f.Nillable, Immutable: f.Immutable,
		}
		annotation(f.Annotations, &c.Rules)
		c.Enum = append(c.Enum, f.EnumValues()...)
		if c.Comment == "" {
			return t, fmt.Errorf("%s.%s has no comment: it is the field's public documentation", node.Name, f.Name)
		}
		if f.IsJSON() && c.Rules.MaxBytes == 0 {
			return t, fmt.Errorf("%s.%s is jsonb without a limit: give it policies.Bytes(…), or policies.BytesBy(…) where only a function writes it", node.Name, f.Name)
		}
		t.Columns = append(t.Columns, c)
	}
	for _, name := range t.KeyWith {
		if names[name] == nil {
			return t, fmt.Errorf("%s has %q in its key, but no such field", node.Name, name)
		}
	}
	if hasOwner && names[t.Owner] == nil {
		return t, fmt.Errorf("%s names %q as its owner column, but has no such field", node.Name, t.Owner)
	}
	if names["created_at"] == nil {
		return t, fmt.Errorf("%s has no created_at: every entity carries timestamps (Rule #6)", node.Name)
	}
	if (t.Access.Human + t.Access.Agent).Has('U') && (names["updated_at"] == nil || names["version"] == nil) {
		return t, fmt.Errorf("%s may be updated but lacks updated_at or version (Rule #6)", node.Name)
	}
	if t.AppendOnly != nil {
		if (t.Access.Human + t.Access.Agent).Has('U') || (t.Access.Human + t.Access.Agent).Has('D') {
			return t, fmt.Errorf("%s is AppendOnly, so its Access has neither update nor delete", node.Name)
		}
		if len(only.Content) > 0 && (names["content_salt"] == nil || names["content_digest"] == nil) {
			return t, fmt.Errorf("%s is AppendOnly with content but lacks content_salt or content_digest", node.Name)
		}
	}

	if err := checkErasure(t, names); err != nil {
		return t, err
	}
	if err := checkGate(t); err != nil {
		return t, err
	}

	annotation(node.Annotations, &checks)
	err := addChecks(&t, names, checks)
	if err != nil {
		return t, err
	}
	entSQL := node.EntSQL()
	if entSQL == nil {
		return t, fmt.Errorf("%s has no entsql.Table annotation: name its table", node.Name)
	}
	sql := *entSQL
	sql.Checks = map[string]string{}
	constraints := t.Checks
	if annotation(node.Annotations, &policies.CheckedByFunction{}) {
		if t.RowCheck, err = rowCheck(t, names); err != nil {
			return t, err
		}
		constraints = []policies.Check{t.RowConstraint()}
	}
	for _, c := range constraints {
		sql.Checks[c.Name] = c.Expression
	}
	sql.WithComments = new(true)
	node.Annotations[entsql.Annotation{}.Name()] = sql

	for _, e := range node.Edges {
		if !e.OwnFK() {
			continue
		}
		key, err := e.ForeignKey()
		if err != nil {
			return t, fmt.Errorf("%s.%s: %w", node.Name, e.Name, err)
		}
		ref := policies.Reference{
			Name: t.Name + "_" + key.Field.StorageKey() + "_fkey", Column: key.Field.StorageKey(), Table: e.Type.Table(),
		}
		if inverse := e.Ref; inverse != nil && inverse.EntSQL() != nil {
			ref.Cascade = inverse.EntSQL().OnDelete == entsql.Cascade
		}
		t.References = append(t.References, ref)
	}
	for _, index := range node.Indexes {
		index.Name = t.Name + "_" + strings.Join(others(index.Columns, t.Owner), "_")
		if hasOwner && index.Columns[0] != t.Owner {
			return t, fmt.Errorf("%s: index %s does not lead with %s, so it would look into other identities' rows", node.Name, index.Name, t.Owner)
		}
		if index.Unique {
			index.Name += "_key"
			t.Uniques = append(t.Uniques, policies.Unique{Name: index.Name, Columns: index.Columns})
		} else {
			index.Name += "_idx"
		}
	}
	if annotation(node.Annotations, &unique) {
		t.Uniques = append(t.Uniques, policies.Unique{Name: unique.Index, Columns: []string{unique.Column}, Expression: unique.Expression})
	}
	for _, f := range node.Fields {
		tagField(f)
	}
	// Ent reads the tags of the id and the edges from this annotation.
	node.Annotations[field.Annotation{}.Name()] = map[string]any{"StructTag": map[string]string{"id": `json:"id"`}}
	node.Annotations[edge.Annotation{}.Name()] = map[string]any{"StructTag": `json:"-"`}
	return t, nil
}

// tagField gives every field a JSON tag without omitempty: a null is shown,
// not left out. Secrets and the database's own columns stay out of JSON, and
// fields whose tag says so.
func tagField(f *gen.Field) {
	hidden := f.Sensitive() || f.StructTag == `json:"-"`
	f.StructTag = fmt.Sprintf(`json:"%s"`, f.StorageKey())
	if hidden {
		f.StructTag = `json:"-"`
	}
}

// ranking are words that no social or entertainment column may carry.
var ranking = []string{"score", "rank", "likes", "like_count", "views", "view_count", "engagement", "popularity", "trending", "boost"}

// refuseRanking holds Rule #5: feeds come in time order, so nothing to rank
// them by exists.
func refuseRanking(t policies.Table) error {
	if t.Sphere != "social" && t.Sphere != "entertainment" {
		return nil
	}
	for _, c := range t.Columns {
		for _, word := range ranking {
			if c.Name == word || strings.HasPrefix(c.Name, word+"_") || strings.HasSuffix(c.Name, "_"+word) {
				return fmt.Errorf("%s.%s: social and entertainment entities have no score, rank or engagement column (Rule #5)", t.Entity, c.Name)
			}
		}
	}
	return nil
}

// annotation decodes the annotation of into's type; false when there is none.
func annotation[T interface{ Name() string }](from gen.Annotations, into *T) bool {
	return named(from, (*into).Name(), into)
}

func named(from gen.Annotations, name string, into any) bool {
	a, ok := from[name]
	if !ok {
		return false
	}
	data, err := json.Marshal(a)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		panic(fmt.Sprintf("annotation %s: %v", name, err)) // ours, and not of its own type
	}
	return true
}

func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

func others(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
}
