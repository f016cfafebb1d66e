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

// describe checks every type and returns their tables: entities first, each group sorted by name.
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

// description is a type of the graph that is being described.
type description struct {
	node  *gen.Type
	table policies.Table
	// fields are the fields of the type, with its id, by column.
	fields map[string]*gen.Field
}

// describeNode checks one type and returns its table. It also completes the type for Ent: its check constraints, the
// names of its indexes and the tags of its struct.
func describeNode(node *gen.Type) (policies.Table, error) {
	d := &description{
		node:   node,
		table:  policies.Table{Schema: "public", Name: node.Table(), Entity: node.Name, Resource: snake(node.Name)},
		fields: map[string]*gen.Field{},
	}
	if a := node.EntSQL(); a != nil && a.Schema != "" {
		d.table.Schema = a.Schema
	}
	for _, step := range []func() error{
		d.readOwnership, d.readAudit, d.readKept, d.readOptions, d.readColumns, d.checkColumns, d.checkAppendOnly,
		func() error { return checkErasure(d.table, d.fields) },
		func() error { return checkGate(d.table) },
		d.addConstraints, d.readReferences, d.nameIndexes,
	} {
		if err := step(); err != nil {
			return d.table, err
		}
	}
	d.tagStruct()
	return d.table, nil
}

// readOwnership reads which column holds the owner and who has access to the rows. An ownerless table needs a reason
// and has no access: it is accessed through functions only.
func (d *description) readOwnership() error {
	t, name := &d.table, d.node.Name
	var (
		owner     policies.Owner
		ownerless policies.Ownerless
	)
	hasOwner := annotation(d.node.Annotations, &owner)
	if annotation(d.node.Annotations, &ownerless) == hasOwner {
		return fmt.Errorf("%s needs exactly one of the annotations Owner and Ownerless: say whose its rows are (Rule #3)", name)
	}
	if !annotation(d.node.Annotations, &t.Access) {
		return fmt.Errorf("%s has no Access annotation: say what humans and agents may do with its rows (Rule #3)", name)
	}
	if ownerless.Why == "" && !hasOwner {
		return fmt.Errorf("%s is Ownerless without a reason", name)
	}
	if !hasOwner && t.Access != (policies.Access{}) {
		return fmt.Errorf("%s is Ownerless, so its Access must be empty: functions reach it", name)
	}
	t.Owner, t.OwnerlessWhy = owner.Column, ownerless.Why
	return nil
}

// hasOwner reports whether the rows belong to identities.
func (d *description) hasOwner() bool { return d.table.OwnerlessWhy == "" }

// readAudit reads what the audit trail records of the table, or why it records nothing.
func (d *description) readAudit() error {
	t, a := &d.table, d.node.Annotations
	var unaudited policies.Unaudited
	if annotation(a, &unaudited) && unaudited.Why == "" {
		return fmt.Errorf("%s is Unaudited without a reason (Rule #6)", d.node.Name)
	}
	t.UnauditedWhy = unaudited.Why
	if t.Transient = has[policies.Transient](a); t.Transient {
		t.UnauditedWhy = "its rows never outlive their transaction"
	}
	if !d.hasOwner() && t.UnauditedWhy == "" {
		return fmt.Errorf("%s is Ownerless, so nobody's audit trail can have its changes: annotate it Unaudited and say why", d.node.Name)
	}
	t.AuditReads = has[policies.AuditReads](a)
	t.AuditWithout, t.AuditCounters = valueOf[policies.AuditWithout](a), valueOf[policies.AuditCounters](a)
	return nil
}

// readKept reads why rows outlive the erasure of their identity.
func (d *description) readKept() error {
	var kept policies.Kept
	if annotation(d.node.Annotations, &kept) && kept.Why == "" {
		return fmt.Errorf("%s is Kept without a reason", d.node.Name)
	}
	d.table.KeptWhy = kept.Why
	return nil
}

// readOptions reads the optional annotations that need no check. Its error is always nil.
func (d *description) readOptions() error {
	t, a := &d.table, d.node.Annotations
	t.Comment = comment(a)
	t.Sphere = string(valueOf[policies.Sphere](a))
	t.TimeOrder = string(valueOf[policies.TimeOrder](a))
	t.Triggers = valueOf[policies.Triggers](a)
	t.Unversioned = valueOf[policies.Unversioned](a)
	t.Retired = valueOf[policies.Retired](a)
	t.KeyWith = valueOf[policies.KeyWith](a)
	t.Partitioned = has[policies.Partitioned](a)
	t.AppendOnly = optional[policies.AppendOnly](a)
	t.Search = optional[policies.Search](a)
	if gate := optional[policies.Gate](a); gate != nil {
		t.Gates = append(t.Gates, *gate)
	}
	t.UngatedWhy = valueOf[policies.Ungated](a).Why
	t.Capability = string(valueOf[policies.Capability](a))
	t.AgentRows = string(valueOf[policies.AgentRows](a))
	t.AgentOwnRows = string(valueOf[policies.AgentOwnRows](a))
	t.AgentUpdates = valueOf[policies.AgentUpdates](a)
	t.HiddenFromAgents = valueOf[policies.HiddenFromAgents](a)
	return nil
}

// readColumns describes the id and the fields. Each column needs a comment, and a jsonb column needs a limit.
func (d *description) readColumns() error {
	for _, f := range append([]*gen.Field{d.node.ID}, d.node.Fields...) {
		d.fields[f.StorageKey()] = f
		c := policies.Column{
			Name: f.StorageKey(), Comment: f.Comment(), Optional: f.Optional || f.Nillable, Immutable: f.Immutable,
		}
		annotation(f.Annotations, &c.Rules)
		c.Enum = append(c.Enum, f.EnumValues()...)
		if c.Comment == "" {
			return fmt.Errorf("%s.%s has no comment: it is the field's public documentation", d.node.Name, f.Name)
		}
		if f.IsJSON() && c.Rules.MaxBytes == 0 {
			return fmt.Errorf("%s.%s is jsonb without a limit: give it policies.Bytes(…), or policies.BytesBy(…) where only a function writes it", d.node.Name, f.Name)
		}
		d.table.Columns = append(d.table.Columns, c)
	}
	return nil
}

// checkColumns checks that the columns exist that the annotations name or that every table of its kind needs.
func (d *description) checkColumns() error {
	t, name := &d.table, d.node.Name
	for _, column := range t.KeyWith {
		if d.fields[column] == nil {
			return fmt.Errorf("%s has %q in its key, but no such field", name, column)
		}
	}
	if d.hasOwner() && d.fields[t.Owner] == nil {
		return fmt.Errorf("%s names %q as its owner column, but has no such field", name, t.Owner)
	}
	if d.fields["created_at"] == nil {
		return fmt.Errorf("%s has no created_at: every entity carries timestamps (Rule #6)", name)
	}
	if d.anyoneMay('U') && (d.fields["updated_at"] == nil || d.fields["version"] == nil) {
		return fmt.Errorf("%s may be updated but lacks updated_at or version (Rule #6)", name)
	}
	return nil
}

// anyoneMay reports whether humans or agents have the privilege: see [policies.Verbs].
func (d *description) anyoneMay(verb byte) bool {
	return d.table.Access.Human.Has(verb) || d.table.Access.Agent.Has(verb)
}

// checkAppendOnly checks that no role may change the rows of an append-only table, and that their content can be
// erased.
func (d *description) checkAppendOnly() error {
	only := d.table.AppendOnly
	if only == nil {
		return nil
	}
	if d.anyoneMay('U') || d.anyoneMay('D') {
		return fmt.Errorf("%s is AppendOnly, so its Access has neither update nor delete", d.node.Name)
	}
	if len(only.Content) > 0 && (d.fields["content_salt"] == nil || d.fields["content_digest"] == nil) {
		return fmt.Errorf("%s is AppendOnly with content but lacks content_salt or content_digest", d.node.Name)
	}
	for _, name := range only.Content {
		// The text of times in jsonb depends on the time zone of the session.
		if f := d.fields[name]; f == nil || !f.IsJSON() && !f.IsString() {
			return fmt.Errorf("%s.%s is content, so it must be a field of text or JSON", d.node.Name, name)
		}
	}
	return nil
}

// addConstraints adds the checks of the table, and gives Ent the check constraints for them: one for each check, or one
// for all if a function checks the row.
func (d *description) addConstraints() error {
	t, a := &d.table, d.node.Annotations
	if err := addChecks(t, d.fields, valueOf[policies.Checks](a)); err != nil {
		return err
	}
	entSQL := d.node.EntSQL()
	if entSQL == nil {
		return fmt.Errorf("%s has no entsql.Table annotation: name its table", d.node.Name)
	}
	constraints := t.Checks
	if has[policies.CheckedByFunction](a) {
		var err error
		if t.RowCheck, err = rowCheck(*t, d.fields); err != nil {
			return err
		}
		constraints = []policies.Check{t.RowConstraint()}
	}
	sql := *entSQL
	sql.Checks = map[string]string{}
	for _, c := range constraints {
		sql.Checks[c.Name] = c.Expression
	}
	sql.WithComments = new(true)
	a[entsql.Annotation{}.Name()] = sql
	return nil
}

// readReferences describes the foreign keys of the table.
func (d *description) readReferences() error {
	t := &d.table
	for _, e := range d.node.Edges {
		if !e.OwnFK() {
			continue
		}
		key, err := e.ForeignKey()
		if err != nil {
			return fmt.Errorf("%s.%s: %w", d.node.Name, e.Name, err)
		}
		ref := policies.Reference{
			Name: t.Name + "_" + key.Field.StorageKey() + "_fkey", Column: key.Field.StorageKey(), Table: e.Type.Table(),
		}
		if inverse := e.Ref; inverse != nil && inverse.EntSQL() != nil {
			ref.Cascade = inverse.EntSQL().OnDelete == entsql.Cascade
		}
		t.References = append(t.References, ref)
	}
	return nil
}

// nameIndexes names the indexes of the type after their columns without the owner, which must be the first column of
// each index, and describes the unique indexes.
func (d *description) nameIndexes() error {
	t := &d.table
	for _, index := range d.node.Indexes {
		index.Name = t.Name + "_" + strings.Join(others(index.Columns, t.Owner), "_")
		if d.hasOwner() && index.Columns[0] != t.Owner {
			return fmt.Errorf("%s: index %s does not lead with %s, so it would look into other identities' rows", d.node.Name, index.Name, t.Owner)
		}
		if index.Unique {
			index.Name += "_key"
			t.Uniques = append(t.Uniques, policies.Unique{Name: index.Name, Columns: index.Columns})
		} else {
			index.Name += "_idx"
		}
	}
	if unique := optional[policies.UniqueExpression](d.node.Annotations); unique != nil {
		t.Uniques = append(t.Uniques, policies.Unique{Name: unique.Index, Columns: []string{unique.Column}, Expression: unique.Expression})
	}
	return nil
}

// tagStruct gives the fields, the id and the edges of the type their JSON tags.
func (d *description) tagStruct() {
	for _, f := range d.node.Fields {
		tagField(f)
	}
	// Ent reads the tags of the id and the edges from this annotation.
	d.node.Annotations[field.Annotation{}.Name()] = map[string]any{"StructTag": map[string]string{"id": `json:"id"`}}
	d.node.Annotations[edge.Annotation{}.Name()] = map[string]any{"StructTag": `json:"-"`}
}

// tagField gives every field a JSON tag without omitempty, so that null values are included. Secrets, columns that only
// the database uses, and fields whose tag says so are not part of the JSON.
func tagField(f *gen.Field) {
	hidden := f.Sensitive() || f.StructTag == `json:"-"`
	f.StructTag = fmt.Sprintf(`json:"%s"`, f.StorageKey())
	if hidden {
		f.StructTag = `json:"-"`
	}
}

// ranking are words that no column of a social or entertainment entity may contain.
var ranking = []string{"score", "rank", "likes", "like_count", "views", "view_count", "engagement", "popularity", "trending", "boost"}

// refuseRanking enforces Rule #5: feeds are in chronological order, so there are no columns to rank by.
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

// annotation decodes the annotation of into's type. It reports whether the annotation exists.
func annotation[T interface{ Name() string }](from gen.Annotations, into *T) bool {
	return named(from, (*into).Name(), into)
}

// valueOf returns the annotation of the type T, or the zero value if there is none.
func valueOf[T interface{ Name() string }](from gen.Annotations) T {
	var value T
	annotation(from, &value)
	return value
}

// optional returns the annotation of the type T, or nil if there is none.
func optional[T interface{ Name() string }](from gen.Annotations) *T {
	var value T
	if !annotation(from, &value) {
		return nil
	}
	return &value
}

// has reports whether there is an annotation of the type T.
func has[T interface{ Name() string }](from gen.Annotations) bool {
	var value T
	_, ok := from[value.Name()]
	return ok
}

// comment returns the text of Ent's comment annotation, or nothing if there is none.
func comment(from gen.Annotations) string {
	var c struct{ Text string }
	named(from, "Comment", &c)
	return c.Text
}

// named decodes the annotation with the name into a pointer. It reports whether the annotation exists.
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
		panic(fmt.Sprintf("annotation %s: %v", name, err)) // an annotation of this project that does not fit its type
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
