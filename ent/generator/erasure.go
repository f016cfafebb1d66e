package generator

import (
	"fmt"
	"slices"

	"entgo.io/ent/entc/gen"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/policies"
)

// checkErasure refuses a table if the erasure of an identity could leave personal data in it. The rows of most tables
// are deleted. In a Kept table, each column that may hold something about a person must state its replacement.
func checkErasure(t policies.Table, fields map[string]*gen.Field) error {
	if t.KeptWhy == "" {
		if t.AppendOnly != nil && len(t.AppendOnly.Content) > 0 {
			return fmt.Errorf("%s has content with digests, which are proofs only while its rows stay: annotate it Kept and say why", t.Entity)
		}
		return nil
	}
	if t.Owner == "" {
		return fmt.Errorf("%s is Kept but nobody's: there is nothing to erase", t.Entity)
	}
	for _, c := range t.Columns {
		f := fields[c.Name]
		switch {
		case c.Rules.Erased != "" && t.AppendOnly != nil && c.Rules.Erased != "'{}'":
			return fmt.Errorf("%s.%s: append-only rows are erased to NULL, by AppendOnly.Content, or to '{}'", t.Entity, c.Name)
		case c.Rules.Erased != "" || c.Rules.Impersonal || f.IsEnum():
		case t.AppendOnly != nil && (slices.Contains(t.AppendOnly.Content, c.Name) || c.Name == "content_salt" || c.Name == "content_digest"):
		case slices.Contains([]field.Type{field.TypeUUID, field.TypeTime, field.TypeBool, field.TypeInt, field.TypeInt64}, f.Type.Type):
		default:
			return fmt.Errorf("%s.%s outlives the erasure of its identity: give it policies.Erased(…), or policies.Impersonal()", t.Entity, c.Name)
		}
	}
	return nil
}

// checkKeptReferences refuses a Kept table that refers to a table whose rows are deleted.
func checkKeptReferences(tables []policies.Table) error {
	kept := map[string]bool{}
	for _, t := range tables {
		kept[t.Name] = t.KeptWhy != ""
	}
	for _, t := range tables {
		for _, r := range t.References {
			if kept[t.Name] && !kept[r.Table] {
				return fmt.Errorf("%s is Kept, but %s, which its %s refers to, is not", t.Entity, r.Table, r.Column)
			}
		}
	}
	return nil
}
