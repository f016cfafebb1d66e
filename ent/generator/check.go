package generator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"entgo.io/ent/entc/gen"

	"github.com/chenu/chenu/policies"
)

// addChecks derives the CHECK constraints from the columns' rules.
func addChecks(t *policies.Table, fields map[string]*gen.Field, own policies.Checks) {
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
		case r.MaxLength > 0 && fields[c.Name].IsJSON():
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
