//go:build ignore

// Command entc generates the graph and what follows from its annotations: the
// typed inputs and stores, policies/tables.json and policies/tables/*.sql. It
// refuses a schema that leaves the wall a gap.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/policies"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("entc: ")
	templates := gen.MustParse(gen.NewTemplate("chenu").Funcs(template.FuncMap{
		"describe": describe,
		"listed":   func(t policies.Table) bool { return !t.Supporting() && t.Entity != "Identity" },
		"written":  func(t policies.Table) bool { return !t.Supporting() && t.Sphere != "" && t.Access.Human.Has('I') },
		"updated":  func(t policies.Table) bool { return !t.Supporting() && t.Sphere != "" && t.Access.Human.Has('U') },
		"article":  article,
		"inputs":   inputs,
		"filters":  filters,
		"hasTags": func(t policies.Table) bool {
			_, ok := t.Column("tags")
			return ok
		},
	}).ParseGlob("template/*.tmpl"))
	var tables []policies.Table
	err := entc.Generate("./schema", &gen.Config{
		Features: []gen.Feature{
			gen.FeatureExecQuery, gen.FeatureIntercept, gen.FeatureLock,
			gen.FeatureModifier, gen.FeatureSchemaConfig, gen.FeatureUpsert,
		},
		Templates: []*gen.Template{templates},
		Hooks: []gen.Hook{func(next gen.Generator) gen.Generator {
			return gen.GenerateFunc(func(g *gen.Graph) (err error) {
				if tables, err = describeAll(g); err != nil {
					return err
				}
				return next.Generate(g)
			})
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := writePolicies("../policies", tables); err != nil {
		log.Fatal(err)
	}
}

// described holds each type's table for the templates.
var described = map[string]policies.Table{}

// describe is the template function that gives a type's table.
func describe(t *gen.Type) policies.Table { return described[t.Name] }

func describeAll(g *gen.Graph) ([]policies.Table, error) {
	var tables []policies.Table
	for _, node := range g.Nodes {
		table, err := describeNode(node)
		if err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	for i := range tables {
		if err := refuseRanking(tables[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(tables, func(a, b policies.Table) int {
		return strings.Compare(a.Schema+a.Name, b.Schema+b.Name)
	})
	slices.SortStableFunc(tables, func(a, b policies.Table) int { // entities first
		return strings.Compare(strconv.FormatBool(a.Supporting()), strconv.FormatBool(b.Supporting()))
	})
	for _, t := range tables {
		described[t.Entity] = t
	}
	return tables, nil
}

func describeNode(node *gen.Type) (policies.Table, error) {
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
		sphere    policies.Sphere
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
	t.Sphere = string(sphere)
	_, t.AuditReads = node.Annotations[policies.AuditReads{}.Name()]
	_, t.Partitioned = node.Annotations[policies.Partitioned{}.Name()]
	if annotation(node.Annotations, &only) {
		t.AppendOnly = &only
	}
	if annotation(node.Annotations, &search) {
		t.Search = &search
	}
	if annotation(node.Annotations, &gate) {
		t.Gates = append(t.Gates, gate)
	}
	if _, ok := node.Annotations["Comment"]; ok {
		named(node.Annotations, "Comment", &comment)
		t.Comment = comment.Text
	}

	fields := append([]*gen.Field{node.ID}, node.Fields...)
	names := map[string]*gen.Field{}
	for _, f := range fields {
		names[f.StorageKey()] = f
		isJSON[node.Name+"."+f.StorageKey()] = f.IsJSON()
		c := policies.Column{
			Name: f.StorageKey(), Comment: f.Comment(), Optional: f.Optional || f.Nillable, Immutable: f.Immutable,
		}
		annotation(f.Annotations, &c.Rules)
		for _, e := range f.EnumValues() {
			c.Enum = append(c.Enum, e)
		}
		if c.Comment == "" {
			return t, fmt.Errorf("%s.%s has no comment: it is the field's public documentation", node.Name, f.Name)
		}
		t.Columns = append(t.Columns, c)
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

	annotation(node.Annotations, &checks)
	addChecks(&t, checks)
	entSQL := node.EntSQL()
	if entSQL == nil {
		return t, fmt.Errorf("%s has no entsql.Table annotation: name its table", node.Name)
	}
	sql := *entSQL
	sql.Checks = map[string]string{}
	for _, c := range t.Checks {
		sql.Checks[c.Name] = c.Expression
	}
	sql.WithComments = ptr(true)
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
		index.Name = t.Name + "_" + strings.Join(without(index.Columns, t.Owner), "_")
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
	node.Annotations[field.Annotation{}.Name()] = map[string]any{
		"StructTag": map[string]string{"id": `json:"id"`, "edges": `json:"-"`},
	}
	return t, nil
}

// addChecks derives the CHECK constraints from the columns' rules.
func addChecks(t *policies.Table, own policies.Checks) {
	add := func(column, suffix, expression string) {
		t.Checks = append(t.Checks, policies.Check{Name: t.Name + "_" + column + suffix, Column: column, Expression: expression})
	}
	for _, c := range t.Columns {
		r := c.Rules
		switch {
		case len(c.Enum) > 0:
			quoted := make([]string, len(c.Enum))
			for i, v := range c.Enum {
				quoted[i] = "'" + v + "'"
			}
			add(c.Name, "_check", fmt.Sprintf("%s IN (%s)", c.Name, strings.Join(quoted, ", ")))
		case r.ItemMaxLength > 0:
			add(c.Name, "_check", fmt.Sprintf("app.texts_valid(%s, %d, %d)", c.Name, r.MaxLength, r.ItemMaxLength))
		case r.MaxLength > 0 && isJSON[t.Entity+"."+c.Name]:
			// the entity's own check looks into the value
		case r.MaxLength > 0 && r.MinLength > 0:
			add(c.Name, "_check", fmt.Sprintf("char_length(%s) BETWEEN %d AND %d", c.Name, r.MinLength, r.MaxLength))
		case r.MaxLength > 0:
			add(c.Name, "_check", fmt.Sprintf("char_length(%s) <= %d", c.Name, r.MaxLength))
		}
		if r.Pattern != "" {
			add(c.Name, "_format", fmt.Sprintf("%s ~ '^(%s)$'", c.Name, strings.ReplaceAll(r.Pattern, "'", "''")))
		}
		if r.Minimum != nil && r.Maximum != nil {
			add(c.Name, "_check", fmt.Sprintf("%s BETWEEN %v AND %v", c.Name, *r.Minimum, *r.Maximum))
		} else if r.Minimum != nil {
			add(c.Name, "_check", fmt.Sprintf("%s >= %v", c.Name, *r.Minimum))
		}
		if r.MaxBytes > 0 {
			add(c.Name, "_check", fmt.Sprintf("pg_column_size(%s) <= %d", c.Name, r.MaxBytes))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		t.Checks = append(t.Checks, policies.Check{Name: name, Expression: own[name]})
	}
}

// isJSON remembers the jsonb fields by Entity.column.
var isJSON = map[string]bool{}

// tagField gives every field a JSON tag without omitempty: a null is shown,
// not left out. Secrets and the database's own columns stay out of JSON.
func tagField(f *gen.Field) {
	f.StructTag = fmt.Sprintf(`json:"%s"`, f.StorageKey())
	if f.Sensitive() {
		f.StructTag = `json:"-"`
	}
}

// inputs are the fields that a client gives.
func inputs(t policies.Table, n *gen.Type) []*gen.Field {
	var out []*gen.Field
	for _, f := range n.Fields {
		if c, _ := t.Column(f.StorageKey()); !c.Rules.Derived && !c.Rules.Secret && f.StorageKey() != t.Owner {
			out = append(out, f)
		}
	}
	return out
}

// filter is one query parameter of a collection.
type filter struct{ Field, Type, Param, Op, Doc, IDBound, IDValue string }

// filters are the query parameters that the field's rules ask for.
func filters(t policies.Table, f *gen.Field) []filter {
	c, _ := t.Column(f.StorageKey())
	var out []filter
	if c.Rules.Filter {
		out = append(out, filter{Field: f.StructField(), Type: f.Type.String(), Param: c.Name, Op: "EQ", Doc: "Equal to: " + c.Comment})
	}
	if c.Rules.Range {
		stem := strings.TrimSuffix(strings.TrimSuffix(c.Name, "_at"), "_on")
		name := strings.TrimSuffix(strings.TrimSuffix(f.StructField(), "At"), "On")
		after := filter{Field: name + "After", Type: f.Type.String(), Param: stem + "_after", Op: "GTE", Doc: "At this moment or later: " + c.Comment}
		before := filter{Field: name + "Before", Type: f.Type.String(), Param: stem + "_before", Op: "LT", Doc: "Before this moment: " + c.Comment}
		if c.Name == "created_at" {
			after.IDBound, after.IDValue = "IDGTE", "idsFrom"
			before.IDBound, before.IDValue = "IDLT", "idsBefore"
		}
		out = append(out, after, before)
	}
	return out
}

// article is the resource's name with its article.
func article(t policies.Table) string {
	name := strings.ReplaceAll(t.Resource, "_", " ")
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
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

func writePolicies(dir string, tables []policies.Table) error {
	data, err := json.MarshalIndent(tables, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "tables.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "tables", "*.sql"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := os.WriteFile(filepath.Join(dir, "tables", t.Name+".sql"), []byte(policies.Render(t)), 0o644); err != nil {
			return err
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
		log.Fatalf("annotation %s: %v", name, err)
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

func without(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
}

func ptr[T any](v T) *T { return &v }
