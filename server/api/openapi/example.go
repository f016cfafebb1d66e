package openapi

import (
	"bytes"
	stdjson "encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/invopop/jsonschema"
)

// exampleUUID is a UUIDv7 that does not identify any row.
const exampleUUID = "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b"

// formatExamples are examples for the formats that schemas use.
var formatExamples = map[string]string{
	"uuid": exampleUUID, "date-time": "2026-01-31T09:30:00.000000Z", "date": "2026-01-31", "email": "grace@example.org",
	"uri": "https://example.org/", "uri-reference": "/v1/example", "json-pointer": "/name",
}

// textExamples are candidates for a string that has a pattern or limits and no example.
var textExamples = []string{
	"text", "1.00", "1", "0", "EUR", "some_code", strings.Repeat("0123456789abcdef", 4), `"v1"`,
}

// Example returns a value that the schema accepts, built from the examples in the schema where it has some. It
// returns false if it finds none. Optional fields are included if they have an example.
func (s *Schemas) Example(schema *jsonschema.Schema) (stdjson.RawMessage, bool) {
	return s.example(schema, 0)
}

func (s *Schemas) example(schema *jsonschema.Schema, depth int) (stdjson.RawMessage, bool) {
	const deepest = 8 // Limits recursive types.
	if depth > deepest {
		return nil, false
	}
	given := func(v any) (stdjson.RawMessage, bool) {
		data, err := stdjson.Marshal(v)
		return data, err == nil
	}
	types, _ := schema.Extras["type"].([]string)
	switch {
	case len(schema.Examples) > 0:
		return given(schema.Examples[0])
	case schema.Default != nil:
		return given(schema.Default)
	case schema.Const != nil:
		return given(schema.Const)
	case len(types) > 1 && types[1] == "null", len(schema.AnyOf) == 2 && schema.AnyOf[1].Type == "null":
		return given(nil)
	case len(schema.Enum) > 0:
		return given(schema.Enum[0])
	case schema.Ref != "":
		component := s.Components[strings.TrimPrefix(schema.Ref, ComponentPrefix)]
		if component == nil {
			return nil, false
		}
		return s.example(component, depth+1)
	}
	switch schema.Type {
	case "boolean":
		return given(false)
	case "integer", "number":
		if schema.Minimum != "" {
			return given(schema.Minimum)
		}
		return given(1)
	case "string":
		return textExample(schema)
	case "array":
		if schema.MinItems == nil || *schema.MinItems == 0 {
			if item, ok := s.example(schema.Items, depth+1); ok && schema.Items.Ref != "" {
				return slices.Concat([]byte("["), item, []byte("]")), true
			}
			return stdjson.RawMessage("[]"), true
		}
		item, ok := s.example(schema.Items, depth+1)
		return slices.Concat([]byte("["), item, []byte("]")), ok && *schema.MinItems == 1
	case "object":
		return s.objectExample(schema, depth)
	}
	return stdjson.RawMessage("{}"), true // Anything is accepted.
}

func (s *Schemas) objectExample(schema *jsonschema.Schema, depth int) (stdjson.RawMessage, bool) {
	var b bytes.Buffer
	b.WriteByte('{')
	if schema.Properties != nil {
		for p := schema.Properties.Oldest(); p != nil; p = p.Next() {
			if !slices.Contains(schema.Required, p.Key) && len(p.Value.Examples) == 0 {
				continue
			}
			value, ok := s.example(p.Value, depth+1)
			if !ok {
				return nil, false
			}
			if b.Len() > 1 {
				b.WriteByte(',')
			}
			name, err := stdjson.Marshal(p.Key)
			if err != nil {
				return nil, false
			}
			b.Write(name)
			b.WriteByte(':')
			b.Write(value)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), true
}

func textExample(schema *jsonschema.Schema) (stdjson.RawMessage, bool) {
	pattern, err := regexp.Compile(schema.Pattern)
	if err != nil {
		return nil, false
	}
	candidates := textExamples
	if text, ok := formatExamples[schema.Format]; ok {
		candidates = []string{text}
	}
	for _, text := range candidates {
		length := uint64(utf8.RuneCountInString(text))
		if pattern.MatchString(text) &&
			(schema.MinLength == nil || length >= *schema.MinLength) && (schema.MaxLength == nil || length <= *schema.MaxLength) {
			data, err := stdjson.Marshal(text)
			return data, err == nil
		}
	}
	return nil, false
}
