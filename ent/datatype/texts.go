package datatype

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"
)

// Texts is a text[] column: an ordered list of short texts such as tags. It is never NULL, and an empty list is [] in
// JSON.
type Texts []string

// Value implements driver.Valuer. It returns an array literal (Postgres manual, section 8.15.2), with every element
// quoted.
func (t Texts) Value() (driver.Value, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, s := range t {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String(), nil
}

// Scan implements sql.Scanner for the array literal of a one-dimensional text
// array without NULLs.
func (t *Texts) Scan(src any) error {
	var literal string
	switch v := src.(type) {
	case nil:
		*t = nil
		return nil
	case string:
		literal = v
	case []byte:
		literal = string(v)
	case []string:
		*t = v
		return nil
	default:
		return fmt.Errorf("scan %T into a text array", src)
	}
	elements, err := parseArray(literal)
	if err != nil {
		return err
	}
	*t = elements
	return nil
}

func parseArray(literal string) (Texts, error) {
	bad := fmt.Errorf("not a one-dimensional text array: %.60q", literal)
	if len(literal) < 2 || literal[0] != '{' || literal[len(literal)-1] != '}' {
		return nil, bad
	}
	body, out := literal[1:len(literal)-1], Texts{}
	for i := 0; i < len(body); {
		var element strings.Builder
		if body[i] == '"' {
			i++
			for ; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
				if i == len(body) {
					return nil, bad
				}
				element.WriteByte(body[i])
			}
			if i == len(body) {
				return nil, bad
			}
			i++
		} else {
			for ; i < len(body) && body[i] != ','; i++ {
				if body[i] == '{' || body[i] == '}' || body[i] == '"' {
					return nil, bad
				}
				element.WriteByte(body[i])
			}
			if element.String() == "NULL" || element.Len() == 0 {
				return nil, bad
			}
		}
		out = append(out, element.String())
		if i < len(body) {
			if body[i] != ',' || i+1 == len(body) {
				return nil, bad
			}
			i++
		}
	}
	return out, nil
}

// MarshalJSON implements json.Marshaler.
func (t Texts) MarshalJSON() ([]byte, error) {
	if t == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]string(t))
}

// JSONSchema returns the schema of an array of strings. The limits are added from the field's rules.
func (Texts) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}}
}
