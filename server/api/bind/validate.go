package bind

import (
	"cmp"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api/body"
	"github.com/chenu/chenu/server/problem"
)

// A Validator checks parsed JSON against one schema of the OpenAPI document. It is safe for
// concurrent use.
type Validator struct{ schema *jsonschema.Schema }

// documentURL is the URL of the OpenAPI document for the schema compiler. It is never fetched.
const documentURL = "chenu:///openapi.json"

// A Compiler compiles the schemas of an OpenAPI document, each once. It is safe for concurrent use.
type Compiler struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*Validator // by the JSON pointer of the schema
}

// NewCompiler returns a compiler for schemas in the OpenAPI document.
func NewCompiler(document []byte) (*Compiler, error) {
	tree, err := jsonschema.UnmarshalJSON(strings.NewReader(string(document)))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	// Dates and times must be accepted exactly if they can be decoded into a time.Time.
	c.RegisterFormat(&jsonschema.Format{Name: "date-time", Validate: formatOf(func(s string) error {
		t, err := time.Parse(time.RFC3339, s)
		if err == nil && (t.UTC().Year() < 1 || t.UTC().Year() > 9999) {
			err = errors.New("year out of range")
		}
		return err
	})})
	c.RegisterFormat(&jsonschema.Format{Name: "date", Validate: formatOf(func(s string) error {
		t, err := time.Parse(time.DateOnly, s)
		if err == nil && t.Year() < 1 {
			err = errors.New("year out of range")
		}
		return err
	})})
	if err := c.AddResource(documentURL, tree); err != nil {
		return nil, err
	}
	return &Compiler{compiler: c, compiled: map[string]*Validator{}}, nil
}

func formatOf(check func(string) error) func(any) error {
	return func(v any) error {
		if s, ok := v.(string); ok {
			return check(s)
		}
		return nil
	}
}

// compile returns the validator of the schema at the JSON pointer in the document.
func (c *Compiler) compile(pointer string) (*Validator, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.compiled[pointer]; ok {
		return v, nil
	}
	schema, err := c.compiler.Compile(documentURL + "#" + (&url.URL{Path: pointer}).EscapedPath())
	if err != nil {
		return nil, fmt.Errorf("compile the schema at %s: %w", pointer, err)
	}
	v := &Validator{schema}
	c.compiled[pointer] = v
	return v, nil
}

// Check returns the errors of the value, ordered by JSON pointer; at most [body.MaxErrors].
func (v *Validator) Check(value any) []problem.FieldError {
	invalid, ok := errors.AsType[*jsonschema.ValidationError](v.schema.Validate(value))
	if !ok {
		return nil // Validate returns no errors of other types.
	}
	var errs []problem.FieldError
	flatten(invalid, &errs)
	slices.SortStableFunc(errs, func(a, b problem.FieldError) int {
		return cmp.Or(strings.Compare(*a.Pointer, *b.Pointer), strings.Compare(a.Code, b.Code))
	})
	errs = slices.CompactFunc(errs, func(a, b problem.FieldError) bool {
		return *a.Pointer == *b.Pointer && a.Code == b.Code
	})
	return errs[:min(len(errs), body.MaxErrors)]
}

// flatten appends the errors of e, those without causes, to errs.
func flatten(e *jsonschema.ValidationError, errs *[]problem.FieldError) {
	at := func(code, format string, args ...any) {
		*errs = append(*errs, problem.At(problem.Pointer(e.InstanceLocation...), code, fmt.Sprintf(format, args...)))
	}
	under := func(names []string, code, detail string) {
		for _, name := range names {
			*errs = append(*errs, problem.At(problem.Pointer(append(slices.Clone(e.InstanceLocation), name)...), code, detail))
		}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		// The error is in the only alternative that is not null.
		if meant := meantAlternative(e); meant != nil {
			flatten(meant, errs)
			return
		}
		at("invalid_value", "This value does not match any of the allowed forms.")
	case *kind.Required:
		under(k.Missing, "required", "This field is required.")
	case *kind.DependentRequired:
		under(k.Missing, "required", fmt.Sprintf("This field is required if the field %s is set.", k.Prop))
	case *kind.AdditionalProperties:
		under(k.Properties, "unknown_field", "This field does not exist, or it cannot be set. Omit it.")
	case *kind.Type:
		if k.Got == "null" {
			at("null_not_allowed", "This value must not be null.")
			return
		}
		at("wrong_type", "This value must be %s.", typeWords(k.Want))
	case *kind.Enum:
		at("not_in_enum", "This value must be one of %s.", words(k.Want))
	case *kind.Const:
		at("not_in_enum", "This value must be %s.", words([]any{k.Want}))
	case *kind.Format:
		at("invalid_format", "This value must be %s.", formatWords(k.Want))
	case *kind.Pattern:
		if k.Want == uriPattern {
			at("invalid_format", "This value must be %s.", formatWords("uri"))
			return
		}
		at("invalid_format", "This value must match the pattern %s.", k.Want)
	case *kind.MinLength:
		at("too_short", "This value must have at least %s.", quantity(k.Want, "character"))
	case *kind.MaxLength:
		at("too_long", "This value must have at most %s.", quantity(k.Want, "character"))
	case *kind.MinItems:
		at("too_short", "This value must have at least %s.", quantity(k.Want, "item"))
	case *kind.MaxItems:
		at("too_long", "This value must have at most %s.", quantity(k.Want, "item"))
	case *kind.MinProperties:
		at("too_short", "This value must have at least %s.", quantity(k.Want, "field"))
	case *kind.MaxProperties:
		at("too_long", "This value must have at most %s.", quantity(k.Want, "field"))
	case *kind.UniqueItems:
		at("not_unique", "The items %d and %d are equal. Remove or change one of them.", k.Duplicates[0], k.Duplicates[1])
	case *kind.Minimum:
		at("out_of_range", "This value must be at least %s.", number(k.Want))
	case *kind.Maximum:
		at("out_of_range", "This value must be at most %s.", number(k.Want))
	case *kind.ExclusiveMinimum:
		at("out_of_range", "This value must be greater than %s.", number(k.Want))
	case *kind.ExclusiveMaximum:
		at("out_of_range", "This value must be less than %s.", number(k.Want))
	case *kind.MultipleOf:
		at("out_of_range", "This value must be a multiple of %s.", number(k.Want))
	default:
		if len(e.Causes) == 0 {
			at("invalid_value", "This value is not valid.")
			return
		}
		for _, cause := range e.Causes {
			flatten(cause, errs)
		}
	}
}

// meantAlternative returns the error of the only alternative that is not "null", or nil if there are several.
func meantAlternative(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	meant := slices.DeleteFunc(slices.Clone(e.Causes), func(cause *jsonschema.ValidationError) bool {
		k, ok := cause.ErrorKind.(*kind.Type)
		return ok && slices.Equal(k.Want, []string{"null"})
	})
	if len(meant) != 1 {
		return nil
	}
	return meant[0]
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// quantity returns the number followed by the noun, in the plural unless the number is 1.
func quantity(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

func words(values []any) string {
	list := make([]string, len(values))
	for i, v := range values {
		text, err := stdjson.Marshal(v)
		if err != nil {
			continue
		}
		list[i] = string(text)
	}
	return strings.Join(list, ", ")
}

func typeWords(types []string) string {
	list := make([]string, 0, len(types))
	for _, t := range types {
		switch t {
		case "null":
		case "integer", "array", "object":
			list = append(list, "an "+t)
		default:
			list = append(list, "a "+t)
		}
	}
	return strings.Join(list, " or ")
}

// uriPattern is the pattern of URIs in the regular expression syntax of JSON Schema.
var uriPattern = policies.ECMAPattern(policies.URIPattern)

// formatWords describes a JSON Schema format, as a continuation of "This value must be".
func formatWords(format string) string {
	switch format {
	case "uuid":
		return "a UUID, such as 019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b"
	case "date-time":
		return "a time in RFC 3339 format, such as 2026-01-31T09:30:00Z"
	case "date":
		return "a date, such as 2026-01-31"
	case "email":
		return "an e-mail address"
	case "uri":
		return "a URI without spaces that starts with one of " + strings.Join(policies.URISchemes, ":, ") + ":"
	}
	return "in the format " + format
}
