package generator

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/entc/gen"

	"github.com/chenu/chenu/policies"
)

// formats are POSIX regular expressions that every value of a JSON Schema format matches.
var formats = map[string]string{
	"email": `^[^[:space:]@]+@[^[:space:]@]+$`,
	"uri":   policies.URIPattern,
}

// addChecks derives the CHECK constraints from the columns' rules.
func addChecks(t *policies.Table, fields map[string]*gen.Field, own policies.Checks) error {
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
			valid := fmt.Sprintf("app.texts_valid(%s, %d, %d)", c.Name, r.MaxLength, r.ItemMaxLength)
			if r.MinLength > 0 {
				valid += fmt.Sprintf(" AND cardinality(%s) >= %d", c.Name, r.MinLength)
			}
			add(c.Name, "_check", valid)
		case r.MaxLength > 0 && fields[c.Name].IsJSON():
			// The entity has a specific check of the value.
		case r.MaxLength > 0 && r.MinLength > 0:
			add(c.Name, "_check", fmt.Sprintf("char_length(%s) BETWEEN %d AND %d", c.Name, r.MinLength, r.MaxLength))
		case r.MaxLength > 0:
			add(c.Name, "_check", fmt.Sprintf("char_length(%s) <= %d", c.Name, r.MaxLength))
		}
		if r.Pattern != "" {
			add(c.Name, "_format", fmt.Sprintf("%s ~ '^(%s)$'", c.Name, strings.ReplaceAll(r.Pattern, "'", "''")))
		}
		if r.Format != "" {
			pattern, ok := formats[r.Format]
			if !ok {
				return fmt.Errorf("%s.%s has the format %q, which the database can't check: use one of %v", t.Entity, c.Name, r.Format, slices.Sorted(maps.Keys(formats)))
			}
			add(c.Name, "_form", fmt.Sprintf("%s ~ '%s'", c.Name, pattern))
		}
		if r.Minimum != nil && r.Maximum != nil {
			add(c.Name, "_check", fmt.Sprintf("%s BETWEEN %v AND %v", c.Name, *r.Minimum, *r.Maximum))
		} else if r.Minimum != nil {
			add(c.Name, "_check", fmt.Sprintf("%s >= %v", c.Name, *r.Minimum))
		}
		if r.MaxBytes > 0 && r.MaxBytesBy == "" {
			add(c.Name, "_size", fmt.Sprintf("octet_length(%s::text) <= %d", c.Name, r.MaxBytes))
		}
	}
	slices.SortFunc(own, func(a, b policies.Check) int { return strings.Compare(a.Name, b.Name) })
	for _, c := range own {
		if t.Access != (policies.Access{}) && (t.Access.Human + t.Access.Agent).Has('I') && (fields[c.Column] == nil || c.Detail == "") {
			return fmt.Errorf("%s's check %s doesn't say which column it is about and, in a sentence, what it demands: clients are told both", t.Entity, c.Name)
		}
	}
	t.Checks = append(t.Checks, own...)
	return nil
}

// words matches string constants and words that may be names of columns in an expression.
var words = regexp.MustCompile(`'[^']*'|[a-z_][a-z0-9_]*`)

// rowCheck returns which columns the rules of t read, in the order of the table.
func rowCheck(t policies.Table, fields map[string]*gen.Field) ([]policies.Parameter, error) {
	if (t.Access.Human + t.Access.Agent).Has('I') || (t.Access.Human + t.Access.Agent).Has('U') {
		return nil, fmt.Errorf("%s is CheckedByFunction, but serving roles write it: keep a CHECK constraint for each rule, which tells them the values", t.Entity)
	}
	read := map[string]bool{}
	for _, c := range t.Checks {
		for _, word := range words.FindAllString(c.Expression, -1) {
			read[word] = true
		}
	}
	var given []policies.Parameter
	for _, c := range t.Columns {
		if !read[c.Name] {
			continue
		}
		name, err := columnType(fields[c.Name])
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t.Entity, c.Name, err)
		}
		given = append(given, policies.Parameter{Column: c.Name, Type: name})
	}
	if len(given) == 0 {
		return nil, fmt.Errorf("%s is CheckedByFunction, but no rule reads a column", t.Entity)
	}
	return given, nil
}

// columnType returns a type that accepts the values of the field's column.
func columnType(f *gen.Field) (string, error) {
	switch name := f.Column().SchemaType[dialect.Postgres]; {
	case name != "":
		return name, nil
	case f.IsJSON():
		return "jsonb", nil
	case f.IsTime():
		return "timestamptz", nil
	case f.IsString(), f.IsEnum():
		return "text", nil
	case f.IsInt(), f.IsInt64():
		return "bigint", nil
	case f.IsBytes():
		return "bytea", nil
	}
	return "", fmt.Errorf("the generator does not know the type of the column")
}
