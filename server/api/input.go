package api

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

	"github.com/gin-gonic/gin"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/server/problem"
)

// Where a parameter stands: the words of OpenAPI and the struct tags.
const (
	inPath   = "path"
	inQuery  = "query"
	inHeader = "header"
)

// parameter is one path or query parameter or header of an operation.
type parameter struct {
	in, name    string
	index       []int
	typ         reflect.Type // without the pointer of an optional one
	pointer     bool
	required    bool
	description string
	schema      *jsonschema.Schema
	kind        string // of the schema: what the text is read as before it is validated
	fallback    string // the schema's default, as text
	validator   *validator
}

// input is how an operation's input is made of a request.
type input struct {
	parameters []*parameter
	query      map[string]*parameter
	pages      [][]int // fields of type PageToken
	ifMatch    bool

	// The body; all nil without one.
	bodyIndex    []int
	bodyOptional bool
	bodySchema   *jsonschema.Schema
	body         *validator
	// The schema and validator of what a patch changes.
	patch       bool
	patchTarget *jsonschema.Schema
	patched     *validator
}

var (
	pageTokenType = reflect.TypeFor[PageToken]()
	ifMatchType   = reflect.TypeFor[IfMatch]()
	textType      = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// inputOf reads the struct type t: fields tagged path:"id", query:"status" or
// header:"If-Match" are parameters, a field Body is the body, and the fields of any other
// struct in it count like its own.
func inputOf(t reflect.Type, s *schemas) (*input, error) {
	in := &input{query: map[string]*parameter{}}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the input %v is not a struct", t)
	}
	return in, in.add(t, nil, s)
}

func (in *input) add(t reflect.Type, at []int, s *schemas) error {
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
			in.parameters = append(in.parameters, p)
			switch {
			case where == inQuery:
				in.query[name] = p
			case p.typ == ifMatchType:
				in.ifMatch = true
			}
			if p.typ == pageTokenType {
				in.pages = append(in.pages, index)
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
	for _, where := range []string{inPath, inQuery, inHeader} {
		if name, ok := f.Tag.Lookup(where); ok {
			return where, name, true
		}
	}
	return "", "", false
}

func newParameter(f reflect.StructField, where, name string, index []int, s *schemas) (*parameter, error) {
	p := &parameter{in: where, name: name, index: index, typ: f.Type}
	if p.typ.Kind() == reflect.Pointer {
		p.typ, p.pointer = p.typ.Elem(), true
	}
	// A property of the same type and tags has the schema that the parameter shall have.
	carrier := reflect.StructOf([]reflect.StructField{{
		Name: "Parameter", Type: p.typ,
		Tag: reflect.StructTag(`json:"parameter,omitempty" ` + string(f.Tag)),
	}})
	whole := s.of(carrier)
	schema, ok := whole.Properties.Get("parameter")
	if !ok {
		return nil, errors.New("has no schema")
	}
	p.schema = schema
	p.description, schema.Description = schema.Description, ""
	if own := inlined(p.typ); own != nil && p.description == "" {
		p.description = own.Description
	}
	p.required = where == inPath || p.typ == ifMatchType || len(whole.Required) > 0
	p.kind = schema.Type
	if component, ok := strings.CutPrefix(schema.Ref, componentPrefix); ok {
		p.kind = s.components[component].Type
	}
	switch p.kind {
	case "string", "integer", "boolean":
	default:
		return nil, fmt.Errorf("a parameter can't be of the schema type %q", p.kind)
	}
	if schema.Default != nil {
		p.fallback = fmt.Sprint(schema.Default)
	}
	if where == inHeader {
		p.name = http.CanonicalHeaderKey(name)
	}
	return p, nil
}

func (in *input) addBody(t reflect.Type, index []int, s *schemas) error {
	in.bodyIndex = index
	if t.Kind() == reflect.Pointer {
		t, in.bodyOptional = t.Elem(), true
	}
	if body, ok := reflect.TypeAssert[patchBody](reflect.New(t)); ok {
		in.patch = true
		in.patchTarget = s.of(body.patched())
		if in.patchTarget.Ref == "" {
			return fmt.Errorf("the patched type %v has no name", body.patched())
		}
		in.bodySchema = s.patchOf(in.patchTarget)
		return nil
	}
	in.bodySchema = s.of(t)
	if in.bodySchema.Ref == "" {
		return fmt.Errorf("the type %v has no name to publish its schema under", t)
	}
	return nil
}

// mediaTypes are what the body may be declared as.
func (in *input) mediaTypes() []string {
	if in.patch {
		return []string{mergePatchType, "application/json"}
	}
	return []string{"application/json"}
}

// integerText is how an integer is written in a parameter. Longer ones fit no type.
var integerText = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,19})$`)

// bindParameters fills the tagged fields of v, the input struct. All that is wrong is
// reported at once: 400 when there are parameters that do not exist or stand twice, 422 for
// values.
func (in *input) bindParameters(c *gin.Context, v reflect.Value) (url.Values, error) {
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return nil, problem.Malformed(problem.In("", "invalid_syntax", "The query string is malformed. Encode it as name=value pairs.")).
			WithCause(err)
	}
	var malformed, invalid []problem.FieldError
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case in.query[name] == nil:
			malformed = append(malformed, problem.In(printable(name), "unknown_parameter", "This parameter does not exist. Omit it."))
		case len(query[name]) > 1:
			malformed = append(malformed, problem.In(name, "repeated_parameter", "Send this parameter once."))
		}
	}
	for _, p := range in.parameters {
		text, given, repeated := p.text(c, query)
		switch {
		case repeated:
			if p.in == inHeader { // of the query's it is known already
				malformed = append(malformed, problem.In(p.name, "repeated_parameter", "Send this header once."))
			}
			continue
		case !given && p.fallback != "":
			text = p.fallback
		case !given && p.typ == ifMatchType:
			return nil, ifMatchRequired()
		case !given && p.required:
			invalid = append(invalid, problem.In(p.name, "required", "This parameter is required."))
			continue
		case !given:
			continue
		}
		if fieldError, ok := p.bind(text, v.FieldByIndex(p.index)); !ok {
			if p.typ == ifMatchType {
				malformed = append(malformed, fieldError)
			} else {
				invalid = append(invalid, fieldError)
			}
		}
	}
	all := slices.Concat(malformed, invalid)
	all = all[:min(len(all), maxErrors)]
	switch {
	case len(malformed) > 0:
		return nil, problem.Malformed(all...)
	case len(invalid) > 0:
		return nil, problem.Invalid(all...)
	}
	return query, nil
}

// text returns the parameter as the request has it.
func (p *parameter) text(c *gin.Context, query url.Values) (text string, given, repeated bool) {
	switch p.in {
	case inPath:
		return c.Param(p.name), true, false
	case inQuery:
		values := query[p.name]
		if len(values) == 0 {
			return "", false, false
		}
		return values[0], true, len(values) > 1
	}
	values := c.Request.Header.Values(p.name)
	switch {
	case len(values) == 0:
		return "", false, false
	case p.typ == ifMatchType: // a list, which may stand in several lines
		return strings.Join(values, ","), true, false
	}
	return values[0], true, len(values) > 1
}

// bind validates the text against the parameter's schema and stores it in field.
func (p *parameter) bind(text string, field reflect.Value) (problem.FieldError, bool) {
	wrong := func(code, detail string) (problem.FieldError, bool) { return problem.In(p.name, code, detail), false }
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
	if errs := p.validator.check(value); len(errs) > 0 {
		return wrong(errs[0].Code, errs[0].Detail)
	}
	if p.pointer {
		field.Set(reflect.New(p.typ))
		field = field.Elem()
	}
	if reflect.PointerTo(p.typ).Implements(textType) {
		err := field.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
		switch {
		case err != nil && p.typ == ifMatchType:
			return wrong("invalid_format", "This value "+errTag.Error()+".")
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
		panic(fmt.Sprintf("api: the parameter %s is of the kind %v, which no text is read as", p.name, field.Kind()))
	}
	if err != nil {
		return wrong("out_of_range", "This number is too large or too small.")
	}
	return problem.FieldError{}, true
}

// readBody reads the body, at most limit bytes, parses it once, validates it and decodes it
// into the Body field of v. It returns the parsed body, nil without one.
func (in *input) readBody(c *gin.Context, v reflect.Value, limit int64) (any, error) {
	data, err := readAll(c, limit)
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
		if in.bodyOptional {
			return nil, nil // No body.
		}
		return nil, bodyRequired()
	}
	if err := in.checkMediaType(c.Request.Header); err != nil {
		return nil, err
	}
	tree, errs, malformed := parse(data)
	if malformed != nil {
		return nil, malformed
	}
	if errs = append(errs, in.body.check(tree)...); len(errs) > 0 {
		return nil, problem.Invalid(errs[:min(len(errs), maxErrors)]...)
	}
	body := v.FieldByIndex(in.bodyIndex)
	if in.bodyOptional {
		body.Set(reflect.New(body.Type().Elem()))
	} else {
		body = body.Addr()
	}
	if in.patch {
		body.Interface().(patchBody).bind(tree, in.patched)
		return tree, nil
	}
	if errs := decode(data, body.Interface()); len(errs) > 0 {
		return nil, problem.Invalid(errs...)
	}
	return tree, nil
}

func readAll(c *gin.Context, limit int64) ([]byte, error) {
	r := c.Request
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	data, err := io.ReadAll(http.MaxBytesReader(c.Writer, r.Body, limit))
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

func (in *input) checkMediaType(h http.Header) error {
	accepted := in.mediaTypes()
	unsupported := func(detail string) error {
		p := problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", detail).
			WithHeader("Accept", strings.Join(accepted, ", "))
		if in.patch {
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

// printable makes a client's text fit to be repeated in an answer.
func printable(s string) string {
	const most = 100
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
