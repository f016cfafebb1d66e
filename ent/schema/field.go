package schema

import (
	"strings"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Column types for which Ent has no builder.
var (
	textArray = map[string]string{dialect.Postgres: "text[]"}
	date      = map[string]string{dialect.Postgres: "date"}
	money     = map[string]string{dialect.Postgres: "numeric(14,2)"}
)

// uriSchemes lists the allowed schemes of URIs in running text.
var uriSchemes = strings.Join(policies.URISchemes, ":, ") + ":"

// The builders below return the common kinds of fields. Each takes the public documentation of the field and further
// rules.

// text is a required text of least to most characters.
func text(name string, least, most int, comment string, rules ...policies.Rules) ent.Field {
	return field.String(name).Annotations(with(policies.Length(least, most), rules)...).Comment(comment)
}

// optionalText is a text of 1 to most characters, or null.
func optionalText(name string, most int, comment string, rules ...policies.Rules) ent.Field {
	return field.String(name).Optional().Nillable().Annotations(with(policies.Length(1, most), rules)...).Comment(comment)
}

// fixedText is a text of 1 to most characters that never changes after the row is inserted.
func fixedText(name string, most int, comment string, rules ...policies.Rules) ent.Field {
	return field.String(name).Immutable().Annotations(with(policies.Length(1, most), rules)...).Comment(comment)
}

// choice is an enum with a default.
func choice(name string, enum datatype.Enum, fallback, comment string, rules ...policies.Rules) ent.Field {
	return field.Enum(name).GoType(enum).Default(fallback).
		Annotations(with(policies.Rules{Default: "'" + fallback + "'"}, rules)...).Comment(comment)
}

// required is an enum without a default.
func required(name string, enum datatype.Enum, comment string, rules ...policies.Rules) ent.Field {
	return field.Enum(name).GoType(enum).Annotations(with(policies.Rules{}, rules)...).Comment(comment)
}

// boolean is a boolean with the default false.
func boolean(name, comment string, rules ...policies.Rules) ent.Field {
	return field.Bool(name).Default(false).Annotations(with(policies.Rules{Default: "false"}, rules)...).Comment(comment)
}

// timestamp is a time, or null.
func timestamp(name, comment string, rules ...policies.Rules) ent.Field {
	return field.Time(name).Optional().Nillable().Annotations(with(policies.Rules{}, rules)...).Comment(comment)
}

// day is a calendar day, or null.
func day(name, comment string, rules ...policies.Rules) ent.Field {
	return field.Other(name, datatype.Date{}).SchemaType(date).Optional().Nillable().
		Annotations(with(policies.Rules{}, rules)...).Comment(comment)
}

// reference is the id of another row of the same owner, or null.
func reference(name, comment string) ent.Field {
	return field.UUID(name, uuid.UUID{}).Optional().Nillable().Annotations(policies.Filter()).Comment(comment)
}

// counter is a number that the database maintains.
func counter(name, comment string, rules ...policies.Rules) ent.Field {
	return field.Int(name).Optional().
		Annotations(with(policies.Derived("0"), append(rules, policies.AtLeast(0)))...).Comment(comment)
}

// tags is a list of at most the given number of labels of at most 64 characters.
func tags(most int, rules ...policies.Rules) ent.Field {
	return texts("tags", most, 64, "Labels in the given order.", rules...)
}

// texts is a list of short texts.
func texts(name string, most, longest int, comment string, rules ...policies.Rules) ent.Field {
	return field.Other(name, datatype.Texts{}).SchemaType(textArray).Default(datatype.Texts{}).
		Annotations(with(policies.Length(0, most), append(rules, policies.ItemLength(longest), policies.Rules{Default: "'{}'"}))...).
		Comment(comment)
}

// visibility records who is intended to see the row. Making a row public is gated.
func visibility() ent.Field {
	return choice("visibility", datatype.Visibility(""), "private",
		"Audience that the owner intends. It grants no access: only the owner can read the resource.", policies.Filter())
}

func with(first policies.Rules, more []policies.Rules) []schema.Annotation {
	all := []schema.Annotation{first}
	for _, r := range more {
		all = append(all, r)
	}
	return all
}
