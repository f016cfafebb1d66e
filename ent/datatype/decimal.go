package datatype

import (
	"github.com/invopop/jsonschema"
	"github.com/shopspring/decimal"
)

// Decimal is an exact decimal number. In JSON it is a string, so that clients do not round it: "1250.00".
type Decimal struct{ decimal.Decimal }

// NewDecimal parses a decimal number.
func NewDecimal(text string) (Decimal, error) {
	d, err := decimal.NewFromString(text)
	return Decimal{d}, err
}

// JSONSchema returns the schema of a decimal string with at most 12 digits before and 6 after the decimal point.
func (Decimal) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$`}
}

// Money is a Decimal that always has two decimal places, as numeric(14,2) does.
type Money struct{ Decimal }

// MarshalJSON implements json.Marshaler.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(`"` + m.StringFixed(2) + `"`), nil }

// JSONSchema returns the schema of a decimal string with two decimal places.
func (Money) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^-?(0|[1-9][0-9]{0,11})\.[0-9]{2}$`}
}
