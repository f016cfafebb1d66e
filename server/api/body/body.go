// Package body parses and writes JSON bodies. Parsing is strict and limits the size of what is stored; writing has
// one canonical form.
package body

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/chenu/chenu/server/problem"
)

// Limits of a JSON document, whatever its schema allows.
const (
	// maxDepth limits nesting. It is deeper than any body of the API, and shallow enough for every recursive parser,
	// including the one of Postgres's jsonb.
	maxDepth = 64
	// maxDigits and maxExponent limit a number: Postgres's jsonb writes 1e308 with 309 characters, however short the
	// number in the request was.
	maxDigits   = 40
	maxExponent = 40
	// maxInteger is the largest integer that all JSON parsers represent exactly (RFC 7493 section 2.2). Others would
	// return a larger integer as a different number.
	maxInteger = 1<<53 - 1
	// MaxErrors is the maximum number of field errors in a response.
	MaxErrors = 50
)

// timeLayout is RFC 3339 in UTC with microseconds, the precision of Postgres.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// writing holds the options for writing responses: times in timeLayout, maps in a fixed order, and nil slices as [].
// omitempty omits values that are empty in Go, as in encoding/json, so a pointer to an empty string is written.
var writing = json.JoinOptions(
	json.Deterministic(true),
	jsonv1.OmitEmptyWithLegacySemantics(true),
	json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, t time.Time) error {
		b := make([]byte, 0, len(timeLayout)+2)
		b = append(b, '"')
		b = t.UTC().AppendFormat(b, timeLayout)
		return e.WriteValue(append(b, '"'))
	})),
)

// Marshal returns v in the form of responses: times in RFC 3339 in UTC with microseconds, nil slices and maps as
// empty ones.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, writing) }

// Parse parses exactly one JSON value (RFC 8259) into maps, slices, strings, bools, nil and [stdjson.Number]s, the
// types that schema validation expects. The problem has status 400 and is returned for invalid JSON: bad syntax, bad
// UTF-8, lone surrogates, duplicate names, trailing data, or too many levels of nesting. The field errors are for
// JSON that cannot be stored: NUL characters, which Postgres's text and jsonb do not support, and numbers beyond the
// limits, which are 0 in the value.
func Parse(data []byte) (value any, errs []problem.FieldError, p *problem.Problem) {
	return parseWith(reader{dec: jsontext.NewDecoder(bytes.NewBuffer(data))}, data)
}

// ParseStored is like Parse, for JSON that the service itself wrote. It accepts numbers of any size, because they may
// have been stored before the limits were introduced.
func ParseStored(data []byte) (value any, p *problem.Problem) {
	value, _, p = parseWith(reader{dec: jsontext.NewDecoder(bytes.NewBuffer(data)), stored: true}, data)
	return value, p
}

func parseWith(r reader, data []byte) (value any, errs []problem.FieldError, p *problem.Problem) {
	if !utf8.Valid(data) {
		return nil, nil, malformedJSON("", "invalid_encoding", "The body is not valid UTF-8. Encode it as UTF-8.")
	}
	value, err := r.value()
	if err == nil {
		switch _, err = r.dec.ReadToken(); {
		case errors.Is(err, io.EOF):
			return value, r.errs, nil
		case err == nil:
			return nil, nil, malformedJSON("", "trailing_data", "The body has more data after the JSON value. Send one JSON value.")
		}
		return nil, nil, malformedJSON("", "trailing_data", fmt.Sprintf("The body has more data after the JSON value, at byte %d. Send one JSON value.", r.dec.InputOffset()))
	}
	if errors.Is(err, io.EOF) {
		return nil, nil, Required()
	}
	return nil, nil, syntaxProblem(err)
}

// Required returns the problem for a request without the body that its operation requires.
func Required() *problem.Problem {
	return malformedJSON("", "body_required", "The request requires a JSON body.")
}

func malformedJSON(pointer, code, detail string) *problem.Problem {
	return problem.New(http.StatusBadRequest, "invalid_json", "The body is not valid JSON. The errors have the location.").
		WithErrors(problem.At(pointer, code, detail))
}

var errTooDeep = errors.New("nested too deep")

func syntaxProblem(err error) *problem.Problem {
	if errors.Is(err, errTooDeep) {
		return malformedJSON("", "too_deep", fmt.Sprintf("The JSON has too many levels of nesting: at most %d are allowed.", maxDepth))
	}
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return malformedJSON("", "invalid_syntax", "The body is incomplete or cannot be parsed as JSON.")
	}
	pointer := string(syntax.JSONPointer)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return malformedJSON(pointer, "duplicate_field", "The object has this field more than once. Send it once.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return malformedJSON(pointer, "invalid_syntax", "The body ends before the end of the JSON value.")
	}
	return malformedJSON(pointer, "invalid_syntax", fmt.Sprintf("The JSON is malformed at or after byte %d.", syntax.ByteOffset))
}

type reader struct {
	dec    *jsontext.Decoder
	errs   []problem.FieldError
	stored bool
}

func (r *reader) value() (any, error) {
	token, err := r.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case jsontext.KindBeginObject:
		return r.object()
	case jsontext.KindBeginArray:
		return r.array()
	case jsontext.KindString:
		return r.text(token), nil
	case jsontext.KindNumber:
		return r.number(token.String()), nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return token.Bool(), nil
	}
	return nil, nil // JSON null
}

func (r *reader) object() (any, error) {
	if r.dec.StackDepth() > maxDepth {
		return nil, errTooDeep
	}
	object := map[string]any{}
	for r.dec.PeekKind() != jsontext.KindEndObject {
		token, err := r.dec.ReadToken()
		if err != nil {
			return nil, err
		}
		name := r.text(token)
		if object[name], err = r.value(); err != nil {
			return nil, err
		}
	}
	_, err := r.dec.ReadToken()
	return object, err
}

func (r *reader) array() (any, error) {
	if r.dec.StackDepth() > maxDepth {
		return nil, errTooDeep
	}
	array := []any{}
	for r.dec.PeekKind() != jsontext.KindEndArray {
		item, err := r.value()
		if err != nil {
			return nil, err
		}
		array = append(array, item)
	}
	_, err := r.dec.ReadToken()
	return array, err
}

func (r *reader) text(token jsontext.Token) string {
	s := token.String()
	if strings.IndexByte(s, 0) >= 0 {
		r.refuse("invalid_character", "Text must not contain the character U+0000.")
	}
	return s
}

func (r *reader) number(s string) stdjson.Number {
	if !r.stored && !bounded(s) {
		r.refuse("out_of_range", fmt.Sprintf("A number must have at most %d digits and an exponent from -%d to %d, and an integer must be between -(2^53-1) and 2^53-1.",
			maxDigits, maxExponent, maxExponent))
		return "0"
	}
	return stdjson.Number(s)
}

func (r *reader) refuse(code, detail string) {
	if len(r.errs) < MaxErrors {
		r.errs = append(r.errs, problem.At(string(r.dec.StackPointer()), code, detail))
	}
}

// bounded reports whether the JSON number s is within the limits: its text is short, and an integer is represented
// exactly by all parsers.
func bounded(s string) bool {
	mantissa, exponent, scaled := s, "", false
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent, scaled = s[:i], s[i+1:], true
	}
	if len(strings.Trim(mantissa, "-"))-strings.Count(mantissa, ".") > maxDigits {
		return false
	}
	if scaled {
		n, err := strconv.Atoi(exponent)
		return err == nil && n >= -maxExponent && n <= maxExponent
	}
	if !strings.Contains(s, ".") {
		n, err := strconv.ParseInt(s, 10, 64)
		return err == nil && n >= -maxInteger && n <= maxInteger
	}
	return true
}

// Decode decodes JSON that was validated against its schema into the pointer into. Errors that the schema cannot
// detect, such as an integer that overflows its type, are returned as field errors.
func Decode(data []byte, into any) []problem.FieldError {
	err := json.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return []problem.FieldError{problem.At("", "invalid_value", "The body cannot be parsed.")}
	}
	pointer := string(semantic.JSONPointer)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return []problem.FieldError{problem.At(pointer, "out_of_range", "This number is too large or too small.")}
	case semantic.JSONKind == jsontext.KindNumber:
		return []problem.FieldError{problem.At(pointer, "wrong_type", "This number must be an integer without a fraction and an exponent.")}
	}
	return []problem.FieldError{problem.At(pointer, "invalid_format", "This value does not have the required form.")}
}
