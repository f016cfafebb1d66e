package openapi

import (
	stdjson "encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/invopop/jsonschema"
)

// ComponentPrefix is the prefix of references to the schemas of the OpenAPI document.
const ComponentPrefix = "#/components/schemas/"

// Schemas converts Go types to JSON Schema 2020-12 when operations are registered. The same schemas are published in
// the OpenAPI document and compiled into the validators.
//
//   - A property is required unless its json tag has omitempty or omitzero.
//   - A pointer is nullable.
//   - A type can define its own schema with a method JSONSchema() *jsonschema.Schema. An enum
//     or object becomes a component; other schemas are repeated where the type is used, so that
//     the limits of a field apply to them.
//   - If a type's own schema refers to components by $ref, a method JSONSchemaComponents() []any
//     returns values of the types of these components.
//   - In addition to the tags of invopop/jsonschema, a field may have item_max_length:"64" (of the
//     strings in a list) and example:"<JSON>".
type Schemas struct {
	// Components are the schemas of named types.
	Components jsonschema.Definitions
	types      map[string]reflect.Type
	describe   func(t reflect.Type, property string) string
	err        error
}

// NewSchemas returns an empty set of schemas. describe returns the description of a property of a struct type if the
// field has no description tag, or "" if there is none. describe may be nil.
func NewSchemas(describe func(t reflect.Type, property string) string) *Schemas {
	return &Schemas{Components: jsonschema.Definitions{}, types: map[string]reflect.Type{}, describe: describe}
}

// Err returns the first error of building the schemas: two types with the same name, or an invalid tag.
func (s *Schemas) Err() error { return s.err }

// Of returns the schema of t, which is a reference to a component if t has a name.
func (s *Schemas) Of(t reflect.Type) *jsonschema.Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	named := map[string]reflect.Type{}
	r := &jsonschema.Reflector{
		Anonymous: true,
		Mapper:    Inlined,
		Namer: func(t reflect.Type) string {
			if t.Kind() == reflect.Pointer || t.Name() == "" {
				return ""
			}
			name := componentName(t.Name())
			if other, ok := named[name]; ok && other != t {
				s.fail("the types %v and %v would both be the component %s: rename one", other, t, name)
			}
			named[name] = t
			return name
		},
	}
	root := r.ReflectFromType(t)
	definitions := root.Definitions
	root.Version, root.Definitions = "", nil
	for name, schema := range definitions {
		if other, ok := s.types[name]; ok {
			if other != named[name] {
				s.fail("the types %v and %v would both be the component %s: rename one", other, named[name], name)
			}
			continue
		}
		s.types[name] = named[name]
		s.Components[name] = schema
	}
	for name, schema := range definitions {
		if s.Components[name] != schema {
			continue
		}
		rewrite(schema)
		if _, own := reflect.TypeAssert[selfDescribing](reflect.Zero(named[name])); !own && named[name].Kind() == reflect.Struct {
			s.refine(named[name], schema)
		}
	}
	for name := range definitions {
		if own, ok := reflect.TypeAssert[referring](reflect.Zero(named[name])); ok && s.Components[name] == definitions[name] {
			for _, component := range own.JSONSchemaComponents() {
				s.Of(reflect.TypeOf(component))
			}
		}
	}
	rewrite(root)
	if root.Ref == "" && t.Kind() == reflect.Struct {
		if _, own := reflect.TypeAssert[selfDescribing](reflect.Zero(t)); !own && root.Properties != nil {
			s.refine(t, root)
		}
	}
	return root
}

func (s *Schemas) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

type selfDescribing interface{ JSONSchema() *jsonschema.Schema }

// referring is implemented by types whose schema refers to the components of other types.
type referring interface{ JSONSchemaComponents() []any }

// ComponentRef returns the reference to the component of a named type.
func ComponentRef(t reflect.Type) string { return ComponentPrefix + componentName(t.Name()) }

var (
	timeType = reflect.TypeFor[time.Time]()
	uuidType = reflect.TypeFor[uuid.UUID]()
)

// Inlined returns the schema of t if it is repeated wherever t is used, or nil if it is a component.
func Inlined(t reflect.Type) *jsonschema.Schema {
	switch t {
	case timeType:
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case uuidType:
		return &jsonschema.Schema{Type: "string", Format: "uuid"}
	}
	if t.Kind() == reflect.Pointer {
		return nil
	}
	if own, ok := reflect.TypeAssert[selfDescribing](reflect.New(t)); ok {
		if schema := own.JSONSchema(); len(schema.Enum) == 0 && schema.Type != "object" {
			return schema
		}
	}
	return nil
}

var typeArgument = regexp.MustCompile(`^\*?(?:[^\[\],]*[./])?([^\[\],./]+)$`)

// componentName converts the name of a Go type to a readable name: List[*…/ent.Contact] to ContactList.
func componentName(name string) string {
	generic, arguments, ok := strings.Cut(strings.TrimSuffix(name, "]"), "[")
	if !ok {
		return name
	}
	var b strings.Builder
	for argument := range strings.SplitSeq(arguments, ",") {
		if m := typeArgument.FindStringSubmatch(argument); m != nil {
			argument = m[1]
		}
		b.WriteString(strings.Map(func(r rune) rune {
			if r == '[' || r == ']' || r == '*' || r == '.' || r == '/' || r == '·' {
				return -1
			}
			return r
		}, argument))
	}
	return b.String() + generic
}

// rewrite changes references to point to components, and converts "oneOf null" to a nullable type.
func rewrite(schema *jsonschema.Schema) {
	visit(schema, func(s *jsonschema.Schema) {
		if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
			s.Ref = ComponentPrefix + name
		}
		if s.Properties == nil {
			return
		}
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			if o := p.Value.OneOf; len(o) == 2 && o[1].Type == "null" { // the tag "nullable"
				p.Value = nullable(o[0])
			}
		}
	})
}

// nullable returns a schema that also accepts null.
func nullable(s *jsonschema.Schema) *jsonschema.Schema {
	switch {
	case s.Extras["type"] != nil, len(s.AnyOf) > 0 && s.AnyOf[len(s.AnyOf)-1].Type == "null":
		return s
	case s.Type != "":
		out := *s
		out.Extras = map[string]any{"type": []string{s.Type, "null"}}
		maps.Copy(out.Extras, s.Extras)
		out.Type = ""
		if len(s.Enum) > 0 {
			out.Enum = append(slices.Clone(s.Enum), nil)
		}
		return &out
	case s.Ref != "":
		return &jsonschema.Schema{
			AnyOf:       []*jsonschema.Schema{{Ref: s.Ref}, {Type: "null"}},
			Description: s.Description, Examples: s.Examples, Default: s.Default,
		}
	}
	return s // The schema has no type, so it already accepts null.
}

// visit calls f for a schema and all schemas in it, outer schemas first.
func visit(s *jsonschema.Schema, f func(*jsonschema.Schema)) {
	if s == nil {
		return
	}
	f(s)
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		for _, sub := range list {
			visit(sub, f)
		}
	}
	for _, sub := range []*jsonschema.Schema{s.Not, s.If, s.Then, s.Else, s.Items, s.Contains, s.AdditionalProperties, s.PropertyNames, s.ContentSchema} {
		visit(sub, f)
	}
	for _, sub := range s.PatternProperties {
		visit(sub, f)
	}
	for _, sub := range s.DependentSchemas {
		visit(sub, f)
	}
	if s.Properties != nil {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			visit(p.Value, f)
		}
	}
}

// refine completes the properties of the struct t with what invopop/jsonschema does not support: descriptions from
// describe, the additional tags, and nullable pointers.
func (s *Schemas) refine(t reflect.Type, schema *jsonschema.Schema) {
	if schema.Properties == nil {
		return
	}
	for f := range fields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		p, ok := schema.Properties.Get(name)
		if !ok {
			continue
		}
		if p.Description == "" && s.describe != nil {
			p.Description = s.describe(t, name)
		}
		s.annotate(f, p)
		if f.Type.Kind() == reflect.Pointer {
			p = nullable(p)
		}
		schema.Properties.Set(name, p)
	}
}

// annotate applies the additional tags of this package to the schema of a field.
func (s *Schemas) annotate(f reflect.StructField, p *jsonschema.Schema) {
	if text := f.Tag.Get("item_max_length"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || p.Items == nil {
			s.fail("the field %s has the tag item_max_length:%q, which wants a number and a list", f.Name, text)
			return
		}
		p.Items.MaxLength = &n
	}
	if text := f.Tag.Get("example"); text != "" {
		var example any
		if err := stdjson.Unmarshal([]byte(text), &example); err != nil {
			s.fail("the field %s has an example that is not JSON: %w", f.Name, err)
			return
		}
		p.Examples = append(p.Examples, stdjson.RawMessage(text))
	}
}

// fields returns the fields of a struct as JSON has them: the fields of an embedded struct belong to the outer
// struct.
func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct && (f.Anonymous && name == "" || slices.Contains(strings.Split(options, ","), "inline")) {
				for g := range fields(inner) {
					if !yield(g) {
						return
					}
				}
				continue
			}
			if f.IsExported() && name != "-" && !yield(f) {
				return
			}
		}
	}
}

// PatchOf returns the schema of a merge patch (RFC 7396) for the documents that schema describes. No field is
// required, and optional fields also accept null, which removes them. Objects in the document are merged, so their
// schemas are converted too. Lists are replaced.
func (s *Schemas) PatchOf(schema *jsonschema.Schema) *jsonschema.Schema {
	if name, ok := strings.CutPrefix(schema.Ref, ComponentPrefix); ok {
		target := s.Components[name]
		if target == nil || target.Type != "object" {
			return schema
		}
		patchName := name + "Patch"
		out := *schema
		out.Ref = ComponentPrefix + patchName
		if _, made := s.Components[patchName]; !made {
			s.Components[patchName] = nil // for recursive types
			s.Components[patchName] = s.PatchOf(target)
		}
		return &out
	}
	out := *schema
	if len(schema.AnyOf) > 0 {
		out.AnyOf = make([]*jsonschema.Schema, len(schema.AnyOf))
		for i, option := range schema.AnyOf {
			out.AnyOf[i] = s.PatchOf(option)
		}
	}
	if schema.Properties != nil {
		out.Properties = jsonschema.NewProperties()
		out.Required = nil
		for p := schema.Properties.Oldest(); p != nil; p = p.Next() {
			property := s.PatchOf(p.Value)
			if !slices.Contains(schema.Required, p.Key) {
				property = nullable(property)
			}
			out.Properties.Set(p.Key, property)
		}
	}
	return &out
}

// Reachable returns the names of the components to which the schemas refer, directly or indirectly.
func (s *Schemas) Reachable(roots ...*jsonschema.Schema) map[string]bool {
	found := map[string]bool{}
	var follow func(*jsonschema.Schema)
	follow = func(schema *jsonschema.Schema) {
		name, ok := strings.CutPrefix(schema.Ref, ComponentPrefix)
		if ok && !found[name] {
			found[name] = true
			visit(s.Components[name], follow)
		}
	}
	for _, root := range roots {
		visit(root, follow)
	}
	return found
}
