// Package docs renders an OpenAPI document as an HTML page.
package docs

import (
	"bytes"
	_ "embed"
	stdjson "encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/server/api/openapi"
	"github.com/chenu/chenu/server/problem"
)

// Policy is the Content-Security-Policy of the page. The page may load its style sheet and nothing else; it has no
// scripts.
const Policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Style is the style sheet of the page.
//
//go:embed style.css
var Style []byte

//go:embed page.tmpl
var page string

// Data of the page, in its order.
type (
	view struct {
		Info    openapi.Info
		Groups  []group
		Schemas []schemaView
		// Problems are the error codes, and FieldProblems the codes of field errors.
		Problems      []problem.Definition
		FieldProblems []problem.FieldDefinition
	}
	part struct {
		Text string
		Code bool
	}
	group struct {
		Name       string
		Operations []operation
	}
	operation struct {
		*openapi.Operation
		Method, Path string
		Public       bool
		Parameters   []*openapi.Parameter
		Common       []*openapi.Parameter
		Body         *jsonschema.Schema
		Request      string // example command
		Answers      []answer
	}
	answer struct {
		Status  string
		Answer  *openapi.Response
		Schema  *jsonschema.Schema
		Example string
	}
	schemaView struct {
		Name   string
		Schema *jsonschema.Schema
		Fields []field
	}
	field struct {
		Name     string
		Required bool
		Schema   *jsonschema.Schema
	}
)

// Render returns the page of the document: HTML without scripts.
func Render(doc *openapi.Document) ([]byte, error) {
	t, err := template.New("docs").Funcs(template.FuncMap{
		"component": func(ref string) string { return strings.TrimPrefix(ref, openapi.ComponentPrefix) },
		"types":     typesOf,
		"limits":    limitsOf,
		"prose":     proseOf,
	}).Parse(page)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, viewOf(doc))
	return b.Bytes(), err
}

func viewOf(doc *openapi.Document) view {
	v := view{Info: doc.Info, Problems: problem.Definitions, FieldProblems: problem.FieldDefinitions}
	methods := []string{"get", "post", "put", "patch", "delete"}
	for _, tag := range doc.Tags {
		g := group{Name: tag.Name}
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			for _, method := range methods {
				if o := doc.Paths[path][method]; o != nil && o.Tags[0] == tag.Name {
					g.Operations = append(g.Operations, operationView(doc, o, method, path))
				}
			}
		}
		v.Groups = append(v.Groups, g)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		schema := doc.Components.Schemas[name]
		s := schemaView{Name: name, Schema: schema}
		if schema.Properties != nil {
			for p := schema.Properties.Oldest(); p != nil; p = p.Next() {
				s.Fields = append(s.Fields, field{p.Key, slices.Contains(schema.Required, p.Key), p.Value})
			}
		}
		v.Schemas = append(v.Schemas, s)
	}
	return v
}

func operationView(doc *openapi.Document, o *openapi.Operation, method, path string) operation {
	v := operation{Operation: o, Method: strings.ToUpper(method), Path: path, Public: o.Security != nil}
	for _, p := range o.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			v.Common = append(v.Common, doc.Components.Parameters[name])
			continue
		}
		v.Parameters = append(v.Parameters, p)
	}
	var body []byte
	if o.RequestBody != nil {
		for _, media := range o.RequestBody.Content {
			v.Body, body = media.Schema, media.Example
		}
	}
	v.Request = v.command(body)
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		a := answer{Status: status, Answer: o.Responses[status]}
		if name, ok := strings.CutPrefix(a.Answer.Ref, "#/components/responses/"); ok {
			a.Answer = doc.Components.Responses[name]
		}
		for _, media := range a.Answer.Content {
			a.Schema, a.Example = media.Schema, indented(media.Example)
		}
		v.Answers = append(v.Answers, a)
	}
	return v
}

// command returns a curl command that calls the operation.
func (v operation) command(body []byte) string {
	var b strings.Builder
	b.WriteString("curl")
	if v.Method != http.MethodGet {
		b.WriteString(" -X " + v.Method)
	}
	fmt.Fprintf(&b, ` "$CHENU%s"`, strings.NewReplacer("{", "$", "}", "").Replace(v.Path))
	if !v.Public {
		b.WriteString(" \\\n  -H \"Authorization: Bearer $TOKEN\"")
	}
	for _, p := range v.Parameters {
		if p.In == openapi.InHeader && p.Required {
			fmt.Fprintf(&b, " \\\n  -H '%s: %s'", p.Name, `"v1"`)
		}
	}
	if body != nil {
		fmt.Fprintf(&b, " \\\n  -H 'Content-Type: application/json' \\\n  -d '%s'", strings.ReplaceAll(indented(body), "'", `'\''`))
	}
	return b.String()
}

func indented(data []byte) string {
	var b bytes.Buffer
	if stdjson.Indent(&b, data, "", "  ") != nil {
		return ""
	}
	return b.String()
}

// proseOf splits a sentence at backquotes. Every second part was between backquotes and is code.
func proseOf(sentence string) []part {
	var parts []part
	for i, text := range strings.Split(sentence, "`") {
		parts = append(parts, part{Text: text, Code: i%2 == 1})
	}
	return parts
}

// typesOf returns the types that the schema itself lists, without those of referenced schemas.
func typesOf(s *jsonschema.Schema) []string {
	if types, ok := s.Extras["type"].([]string); ok {
		return types
	}
	if s.Type == "" {
		return nil
	}
	return []string{s.Type}
}

// limitsOf describes the limits of the schema in words.
func limitsOf(s *jsonschema.Schema) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	between := func(least, most *uint64, unit string) {
		switch {
		case least != nil && most != nil && *least == *most:
			say("%d %s", *least, unit)
		case least != nil && most != nil:
			say("%d to %d %s", *least, *most, unit)
		case least != nil:
			say("at least %d %s", *least, unit)
		case most != nil:
			say("at most %d %s", *most, unit)
		}
	}
	between(s.MinLength, s.MaxLength, "characters")
	between(s.MinItems, s.MaxItems, "items")
	if s.Minimum != "" {
		say("≥ %s", s.Minimum)
	}
	if s.Maximum != "" {
		say("≤ %s", s.Maximum)
	}
	if s.Default != nil {
		say("default %v", s.Default)
	}
	if s.Pattern != "" {
		say("matches %s", s.Pattern)
	}
	return out
}
