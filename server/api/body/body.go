// Package body reads and writes JSON bodies: strictly, within limits that keep what is stored
// small, and in one form.
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

// What a JSON document may be made of, whatever its schema says.
const (
	// maxDepth bounds nesting: deeper than any body of ours, and shallow enough for every
	// recursive reader, Postgres's jsonb among them.
	maxDepth = 64
	// maxDigits and maxExponent limit a number: Postgres's jsonb writes 1e308 in 309
	// characters, whatever the number's length in the request was.
	maxDigits   = 40
	maxExponent = 40
	// maxInteger is the largest integer that every reader of JSON keeps exactly (RFC 7493
	// section 2.2); a larger one would come back as another number.
	maxInteger = 1<<53 - 1
	// MaxErrors is the largest number of field errors in one response.
	MaxErrors = 50
)

// timeLayout is RFC 3339 in UTC with microseconds, as Postgres keeps them.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// writing is how every answer is written: times as timeLayout, maps in a fixed order,
// empty lists as []; omitempty leaves out what is empty in Go, as encoding/json does, so
// that a pointer to an empty text stays.
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

// Marshal writes v as answers are written: times in RFC 3339, UTC, with microseconds;
// nil slices and maps as empty ones.
func Marshal(v any) ([]byte, error) { return json.Marshal(v, writing) }

// Parse reads exactly one JSON value of RFC 8259 into maps, slices, strings, bools, nil
// and [stdjson.Number]s, the form that schema validation takes. The problem is a 400 for
// what is no JSON: bad syntax, bad UTF-8, lone surrogates, duplicate names, trailing data,
// too deep nesting. The field errors are for JSON that can't be stored: NUL characters,
// which Postgres's text and jsonb do not take, and numbers beyond the limits; in the value,
// such a number is 0.
func Parse(data []byte) (value any, errs []problem.FieldError, p *problem.Problem) {
	return parseWith(reader{dec: jsontext.NewDecoder(bytes.NewBuffer(data))}, data)
}

// ParseStored is Parse for JSON that the service itself wrote. It keeps numbers of any size:
// they may have been stored before there were limits.
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

// Required returns the problem of a request without the body that its operation needs.
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
	return nil, nil // JSON's null.
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

// bounded reports whether the JSON number s is within the limits, so that its text stays
// short, and, as an integer, is the same number to every reader.
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

// Decode fills into, a pointer, from JSON that its schema accepted. What the schema
// can't say, such as an integer's size, is a field error here.
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
