package generator

import (
	"slices"
	"strings"

	"entgo.io/ent/entc/gen"

	"github.com/chenu/chenu/policies"
)

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

// inLists are the fields that lists read; none where lists read whole rows.
func inLists(t policies.Table, n *gen.Type) []*gen.Field {
	var out []*gen.Field
	for _, f := range n.Fields {
		if c, _ := t.Column(f.StorageKey()); !c.Rules.Unlisted {
			out = append(out, f)
		}
	}
	if len(out) == len(n.Fields) {
		return nil
	}
	return out
}

// computed are the fields whose values readers see computed at the time.
func computed(t policies.Table, n *gen.Type) []*gen.Field {
	var out []*gen.Field
	for _, f := range n.Fields {
		if c, _ := t.Column(f.StorageKey()); c.Rules.Read != "" {
			out = append(out, f)
		}
	}
	return out
}

// filter is one query parameter of a collection.
type filter struct{ Field, Type, Param, Op, Doc, Schema, Read, IDBound, IDValue string }

// filters are the query parameters that the field's rules ask for.
func filters(t policies.Table, f *gen.Field) []filter {
	c, _ := t.Column(f.StorageKey())
	var out []filter
	if c.Rules.Filter {
		equal := filter{Field: f.StructField(), Type: f.Type.String(), Param: c.Name, Op: "EQ", Doc: "Equal to: " + c.Comment, Read: c.Rules.Read}
		if len(c.Rules.ReadValues) > 0 {
			equal.Type, equal.Schema = "string", "enum="+strings.Join(slices.Concat(c.Enum, c.Rules.ReadValues), ",enum=")
		}
		out = append(out, equal)
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
