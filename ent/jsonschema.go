package ent

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/policies"
)

// extendSchema gives a schema's properties what policies knows of the columns
// of the same names: descriptions, limits and examples. So each limit stands
// once, at the field in ent/schema.
//
// What readers see of a column may have values that writers cannot give.
func extendSchema(s *jsonschema.Schema, entity string, reading bool) {
	table, ok := policies.ByEntity(entity)
	if !ok {
		return
	}
	s.Description = table.Comment
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		if column, ok := table.Column(pair.Key); ok {
			extendProperty(pair.Value, column)
			if reading && len(column.Rules.ReadValues) > 0 {
				pair.Value.Ref, pair.Value.Type, pair.Value.Enum = "", "string", nil
				for _, value := range slices.Concat(column.Enum, column.Rules.ReadValues) {
					pair.Value.Enum = append(pair.Value.Enum, value)
				}
			}
		}
	}
}

func extendProperty(s *jsonschema.Schema, c policies.Column) {
	r := c.Rules
	s.Description = c.Comment
	if s.Type == "array" {
		s.MinItems, s.MaxItems = count(r.MinLength), count(r.MaxLength)
		if r.ItemMaxLength > 0 {
			s.Items.MinLength, s.Items.MaxLength = count(1), count(r.ItemMaxLength)
		}
	} else {
		s.MinLength, s.MaxLength = count(r.MinLength), count(r.MaxLength)
	}
	s.Minimum, s.Maximum = number(r.Minimum), number(r.Maximum)
	if r.Pattern != "" {
		s.Pattern = "^(" + policies.ECMAPattern(r.Pattern) + ")$"
	}
	if r.Format != "" {
		s.Format = r.Format
	}
	if r.Format == "uri" {
		s.Pattern = policies.ECMAPattern(policies.URIPattern)
	}
	if r.Example != "" {
		s.Examples = []any{json.RawMessage(r.Example)}
	}
}

func count(n int) *uint64 {
	if n == 0 {
		return nil
	}
	u := uint64(n)
	return &u
}

func number(f *float64) json.Number {
	if f == nil {
		return ""
	}
	return json.Number(strconv.FormatFloat(*f, 'f', -1, 64))
}
