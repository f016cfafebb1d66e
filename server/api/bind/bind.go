// Package bind fills the input struct of an operation from a request: path and query parameters, headers and the
// body. It validates them against the schemas of the OpenAPI document, so that the document and the service cannot
// disagree.
package bind

import (
	"encoding"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/server/api/body"
	"github.com/chenu/chenu/server/api/openapi"
	"github.com/chenu/chenu/server/problem"
)

// A HeaderList is the type of a header whose lines are joined (RFC 9110 section 5.3), such as If-Match. An error of
// UnmarshalText is reported with status 400; its text follows "This value".
type HeaderList interface {
	encoding.TextUnmarshaler
	// Missing returns the problem for a request without the header.
	Missing() error
}

// A Parameter is a path or query parameter or a header of an operation.
type Parameter struct {
	// In is one of [openapi.InPath], [openapi.InQuery] and [openapi.InHeader].
	In, Name string
	// Index is the index of the field in the input struct, for [reflect.Value.FieldByIndex].
	Index []int
	// Type is the field's type, without the pointer of an optional parameter.
	Type        reflect.Type
	Required    bool
	Description string
	Schema      *jsonschema.Schema

	pointer   bool
	list      bool   // Type is a HeaderList
	kind      string // type of the schema, which the text is converted to before it is validated
	fallback  string // default of the schema, as text
	validator *Validator
}

// An Input fills structs of one type from requests. It is safe for concurrent use after Compile has returned.
type Input struct {
	Parameters []*Parameter
	// BodySchema is nil for an operation without a body.
	BodySchema   *jsonschema.Schema
	BodyOptional bool
	// Patched is the schema of the object that a [Patch] changes, or nil if the body is not a Patch.
	Patched *jsonschema.Schema

	query     map[string]*Parameter
	bodyIndex []int
	body      *Validator
	patched   *Validator
}

// repeatedHeader is the detail of the error for a header that has several lines.
const repeatedHeader = "Send this header once."

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// Of describes the struct type t. Fields tagged path:"id", query:"status" or header:"If-Match" are parameters, the
// field Body is the body, and the fields of other struct fields are treated like those of t. The components that t
// refers to are added to the schemas.
func Of(t reflect.Type, s *openapi.Schemas) (*Input, error) {
	in := &Input{query: map[string]*Parameter{}}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the input %v is not a struct", t)
	}
	return in, in.add(t, nil, s)
}

func (in *Input) add(t reflect.Type, at []int, s *openapi.Schemas) error {
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		index := append(slices.Clone(at), i)
		where, name, ok := source(f)
		switch {
		case ok:
			p, err := newParameter(f, where, name, index, s)
			if err != nil {
				return fmt.Errorf("%v.%s: %w", t, f.Name, err)
			}
			in.Parameters = append(in.Parameters, p)
			if where == openapi.InQuery {
				in.query[name] = p
			}
		case f.Name == "Body" && len(at) == 0:
			if err := in.addBody(f.Type, index, s); err != nil {
				return fmt.Errorf("%v.Body: %w", t, err)
			}
		case f.Type.Kind() == reflect.Struct:
			if err := in.add(f.Type, index, s); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%v.%s has no tag path, query or header and is not a struct of such fields", t, f.Name)
		}
	}
	return nil
}

func source(f reflect.StructField) (where, name string, ok bool) {
	for _, where := range []string{openapi.InPath, openapi.InQuery, openapi.InHeader} {
		if name, ok := f.Tag.Lookup(where); ok {
			return where, name, true
		}
	}
	return "", "", false
}

func newParameter(f reflect.StructField, where, name string, index []int, s *openapi.Schemas) (*Parameter, error) {
	p := &Parameter{In: where, Name: name, Index: index, Type: f.Type}
	if p.Type.Kind() == reflect.Pointer {
		p.Type, p.pointer = p.Type.Elem(), true
	}
	_, p.list = reflect.TypeAssert[HeaderList](reflect.New(p.Type))
	// Get the parameter's schema from a property with the same type and tags.
	carrier := reflect.StructOf([]reflect.StructField{{
		Name: "Parameter", Type: p.Type,
		Tag: reflect.StructTag(`json:"parameter,omitempty" ` + string(f.Tag)),
	}})
	whole := s.Of(carrier)
	schema, ok := whole.Properties.Get("parameter")
	if !ok {
		return nil, errors.New("has no schema")
	}
	p.Schema = schema
	p.Description, schema.Description = schema.Description, ""
	if own := openapi.Inlined(p.Type); own != nil && p.Description == "" {
		p.Description = own.Description
	}
	p.Required = where == openapi.InPath || p.list || len(whole.Required) > 0
	p.kind = schema.Type
	if component, ok := strings.CutPrefix(schema.Ref, openapi.ComponentPrefix); ok {
		p.kind = s.Components[component].Type
	}
	switch p.kind {
	case "string", "integer", "boolean":
	default:
		return nil, fmt.Errorf("a parameter can't be of the schema type %q", p.kind)
	}
	if schema.Default != nil {
		p.fallback = fmt.Sprint(schema.Default)
	}
	if where == openapi.InHeader {
		p.Name = http.CanonicalHeaderKey(name)
	}
	return p, nil
}

func (in *Input) addBody(t reflect.Type, index []int, s *openapi.Schemas) error {
	in.bodyIndex = index
	if t.Kind() == reflect.Pointer {
		t, in.BodyOptional = t.Elem(), true
	}
	if patch, ok := reflect.TypeAssert[patchBody](reflect.New(t)); ok {
		in.Patched = s.Of(patch.patched())
		if in.Patched.Ref == "" {
			return fmt.Errorf("the patched type %v has no name", patch.patched())
		}
		in.BodySchema = s.PatchOf(in.Patched)
		return nil
	}
	in.BodySchema = s.Of(t)
	if in.BodySchema.Ref == "" {
		return fmt.Errorf("the type %v has no name to publish its schema under", t)
	}
	return nil
}

// Compile compiles the validators from the document. operation is the JSON pointer of the operation in the document,
// whose list of parameters starts with those of the input.
func (in *Input) Compile(c *Compiler, operation ...string) (err error) {
	for i, p := range in.Parameters {
		pointer := problem.Pointer(append(slices.Clone(operation), "parameters", strconv.Itoa(i), "schema")...)
		if p.validator, err = c.compile(pointer); err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
	}
	for _, body := range []struct {
		schema    *jsonschema.Schema
		validator **Validator
	}{{in.BodySchema, &in.body}, {in.Patched, &in.patched}} {
		if body.schema == nil {
			continue
		}
		if *body.validator, err = c.compile(strings.TrimPrefix(body.schema.Ref, "#")); err != nil {
			return fmt.Errorf("body: %w", err)
		}
	}
	return nil
}

// MediaTypes returns the media types that the operation accepts for the body.
func (in *Input) MediaTypes() []string {
	if in.Patched != nil {
		return []string{mergePatchType, "application/json"}
	}
	return []string{"application/json"}
}

// integerText matches an integer in a parameter. Longer integers do not fit into any type.
var integerText = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,19})$`)

// BindParameters fills the tagged fields of v, the input struct, and returns the query. segment returns the value of
// a path parameter. The problem reports all errors at once. Its status is 400 if parameters do not exist, are
// repeated or are malformed, and 422 if only values are invalid.
func (in *Input) BindParameters(r *http.Request, segment func(name string) string, v reflect.Value) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem.Malformed(problem.In("", "invalid_syntax", "The query string is malformed. Encode it as name=value pairs.")).
			WithCause(err)
	}
	var malformed, invalid []problem.FieldError
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case in.query[name] == nil:
			malformed = append(malformed, problem.In(Printable(name), "unknown_parameter", "This parameter does not exist. Omit it."))
		case len(query[name]) > 1:
			malformed = append(malformed, problem.In(name, "repeated_parameter", "Send this parameter once."))
		}
	}
	for _, p := range in.Parameters {
		text, given, repeated := p.text(r, segment, query)
		switch {
		case repeated:
			if p.In == openapi.InHeader { // repeated query parameters were reported above
				malformed = append(malformed, problem.In(p.Name, "repeated_parameter", repeatedHeader))
			}
			continue
		case !given && p.fallback != "":
			text = p.fallback
		case !given && p.list:
			list, _ := reflect.TypeAssert[HeaderList](reflect.New(p.Type))
			return nil, list.Missing()
		case !given && p.Required:
			invalid = append(invalid, problem.In(p.Name, "required", "This parameter is required."))
			continue
		case !given:
			continue
		}
		if fieldError, ok := p.bind(text, v.FieldByIndex(p.Index)); !ok {
			if p.list {
				malformed = append(malformed, fieldError)
			} else {
				invalid = append(invalid, fieldError)
			}
		}
	}
	all := slices.Concat(malformed, invalid)
	all = all[:min(len(all), body.MaxErrors)]
	switch {
	case len(malformed) > 0:
		return nil, problem.Malformed(all...)
	case len(invalid) > 0:
		return nil, problem.Invalid(all...)
	}
	return query, nil
}

// text returns the value of the parameter in the request, whether the request has it, and whether it is repeated.
func (p *Parameter) text(r *http.Request, segment func(name string) string, query url.Values) (text string, given, repeated bool) {
	switch p.In {
	case openapi.InPath:
		return segment(p.Name), true, false
	case openapi.InQuery:
		values := query[p.Name]
		if len(values) == 0 {
			return "", false, false
		}
		return values[0], true, len(values) > 1
	}
	values := r.Header.Values(p.Name)
	switch {
	case len(values) == 0:
		return "", false, false
	case p.list:
		return strings.Join(values, ","), true, false
	}
	return values[0], true, len(values) > 1
}

// bind validates the text against the parameter's schema and stores it in field.
func (p *Parameter) bind(text string, field reflect.Value) (problem.FieldError, bool) {
	wrong := func(code, detail string) (problem.FieldError, bool) { return problem.In(p.Name, code, detail), false }
	var value any = text
	switch p.kind {
	case "string":
		if !utf8.ValidString(text) {
			return wrong("invalid_encoding", "This value is not valid UTF-8.")
		}
		if strings.IndexByte(text, 0) >= 0 {
			return wrong("invalid_character", "Text must not contain the character U+0000.")
		}
	case "integer":
		if !integerText.MatchString(text) {
			return wrong("wrong_type", "This value must be an integer.")
		}
		value = stdjson.Number(text)
	case "boolean":
		if text != "true" && text != "false" {
			return wrong("wrong_type", "This value must be true or false.")
		}
		value = text == "true"
	}
	if errs := p.validator.Check(value); len(errs) > 0 {
		return wrong(errs[0].Code, errs[0].Detail)
	}
	if p.pointer {
		field.Set(reflect.New(p.Type))
		field = field.Elem()
	}
	if reflect.PointerTo(p.Type).Implements(textType) {
		err := field.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
		switch {
		case err != nil && p.list:
			return wrong("invalid_format", "This value "+err.Error()+".")
		case err != nil:
			return wrong("invalid_format", "This value does not have the required form.")
		}
		return problem.FieldError{}, true
	}
	var err error
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		field.SetBool(text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(text, 10, field.Type().Bits()); err == nil {
			field.SetInt(n)
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		var n uint64
		if n, err = strconv.ParseUint(text, 10, field.Type().Bits()); err == nil {
			field.SetUint(n)
		}
	default:
		panic(fmt.Sprintf("bind: the parameter %s is of the kind %v, which no text is read as", p.Name, field.Kind()))
	}
	if err != nil {
		return wrong("out_of_range", "This number is too large or too small.")
	}
	return problem.FieldError{}, true
}

// ReadBody reads the body, at most limit bytes, validates it and decodes it into the Body field of v, the input
// struct. It returns the parsed body, or nil if there is none.
func (in *Input) ReadBody(w http.ResponseWriter, r *http.Request, v reflect.Value, limit int64) (any, error) {
	data, err := readAll(w, r, limit)
	if err != nil {
		return nil, err
	}
	if in.bodyIndex == nil {
		if len(data) > 0 {
			return nil, problem.New(http.StatusBadRequest, "unexpected_body", "This operation accepts no body. Send the request without a body.")
		}
		return nil, nil // No body.
	}
	if len(data) == 0 {
		if in.BodyOptional {
			return nil, nil // No body.
		}
		return nil, body.Required()
	}
	if err := in.checkMediaType(r.Header); err != nil {
		return nil, err
	}
	tree, errs, malformed := body.Parse(data)
	if malformed != nil {
		return nil, malformed
	}
	if errs = append(errs, in.body.Check(tree)...); len(errs) > 0 {
		return nil, problem.Invalid(errs[:min(len(errs), body.MaxErrors)]...)
	}
	into := v.FieldByIndex(in.bodyIndex)
	if in.BodyOptional {
		into.Set(reflect.New(into.Type().Elem()))
	} else {
		into = into.Addr()
	}
	if in.Patched != nil {
		into.Interface().(patchBody).bind(tree, in.patched)
		return tree, nil
	}
	if errs := body.Decode(data, into.Interface()); len(errs) > 0 {
		return nil, problem.Invalid(errs...)
	}
	return tree, nil
}

func readAll(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil {
		return data, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge(limit)
	}
	if r.Context().Err() != nil {
		return nil, r.Context().Err()
	}
	return nil, problem.New(http.StatusBadRequest, "incomplete_body", "The body ended before it was complete. Send the request again.").WithCause(err)
}

func tooLarge(limit int64) *problem.Problem {
	return problem.New(http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("The body is too large: it must have at most %d bytes.", limit))
}

func (in *Input) checkMediaType(h http.Header) error {
	accepted := in.MediaTypes()
	unsupported := func(detail string) error {
		p := problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", detail).
			WithHeader("Accept", strings.Join(accepted, ", "))
		if in.Patched != nil {
			p.WithHeader("Accept-Patch", strings.Join(accepted, ", ")) // RFC 5789 section 2.2
		}
		return p
	}
	if encodings := h.Values("Content-Encoding"); len(encodings) > 0 && !strings.EqualFold(encodings[0], "identity") {
		return unsupported("The body must not be compressed.")
	}
	declared := h.Values("Content-Type")
	if len(declared) != 1 {
		return unsupported("The Content-Type of the body is missing: set it to " + accepted[0] + ".")
	}
	media, parameters, err := mime.ParseMediaType(declared[0])
	if err != nil || !slices.Contains(accepted, media) {
		return unsupported("The Content-Type of the body must be " + strings.Join(accepted, " or ") + ".")
	}
	if charset, ok := parameters["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return unsupported("The body must be encoded as UTF-8.")
	}
	return nil
}

// Printable returns a client's text in a form that is safe to include in a response or a log: valid UTF-8 of at most
// 100 bytes, with an ellipsis if it was truncated.
func Printable(s string) string {
	const most = 100
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
