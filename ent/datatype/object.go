package datatype

import (
	"github.com/invopop/jsonschema"
)

// Object is a JSON object of any shape, stored as it was written. Nil is null.
type Object []byte

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	if o == nil {
		return []byte("null"), nil
	}
	return o, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *Object) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*o = nil
		return nil
	}
	*o = append(Object{}, data...)
	return nil
}

// JSONSchema returns the schema of an object whose properties may have any name.
func (Object) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		PatternProperties: map[string]*jsonschema.Schema{"^": jsonschema.TrueSchema},
		Extras:            map[string]any{"type": []string{"object", "null"}},
	}
}
