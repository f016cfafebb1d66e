package api

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

	"github.com/chenu/chenu/server/problem"
)

// docsPolicy lets the page load its style and nothing else. The page needs no script, so
// none is allowed.
const docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docs/style.css
var docsStyle []byte

//go:embed docs/page.tmpl
var docsPage string

// What the page shows, in its order.
type (
	docsView struct {
		Info    info
		Groups  []docsGroup
		Schemas []docsSchema
		// Problems are the codes of errors, FieldProblems those of errors of fields.
		Problems      []problem.Definition
		FieldProblems []problem.FieldDefinition
	}
	docsPart struct {
		Text string
		Code bool
	}
	docsGroup struct {
		Name       string
		Operations []docsOperation
	}
	docsOperation struct {
		*operationDoc
		Method, Path string
		Public       bool
		Parameters   []*parameterDoc
		Common       []*parameterDoc
		Body         *jsonschema.Schema
		Request      string // a command to paste
		Answers      []docsAnswer
	}
	docsAnswer struct {
		Status  string
		Answer  *responseDoc
		Schema  *jsonschema.Schema
		Example string
	}
	docsSchema struct {
		Name   string
		Schema *jsonschema.Schema
		Fields []docsField
	}
	docsField struct {
		Name     string
		Required bool
		Schema   *jsonschema.Schema
	}
)

// renderDocs makes the page of the document. It is finished HTML: what a person reads
// does not depend on a script.
func renderDocs(doc *document) ([]byte, error) {
	t, err := template.New("docs").Funcs(template.FuncMap{
		"component": func(ref string) string { return strings.TrimPrefix(ref, componentPrefix) },
		"types":     typesOf,
		"limits":    limitsOf,
		"prose":     proseOf,
	}).Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, viewOf(doc))
	return b.Bytes(), err
}

func viewOf(doc *document) docsView {
	view := docsView{Info: doc.Info, Problems: problem.Definitions, FieldProblems: problem.FieldDefinitions}
	methods := []string{"get", "post", "put", "patch", "delete"}
	for _, tag := range doc.Tags {
		group := docsGroup{Name: tag.Name}
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			for _, method := range methods {
				if o := doc.Paths[path][method]; o != nil && o.Tags[0] == tag.Name {
					group.Operations = append(group.Operations, doc.operationView(o, method, path))
				}
			}
		}
		view.Groups = append(view.Groups, group)
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
		schema := doc.Components.Schemas[name]
		s := docsSchema{Name: name, Schema: schema}
		if schema.Properties != nil {
			for p := schema.Properties.Oldest(); p != nil; p = p.Next() {
				s.Fields = append(s.Fields, docsField{p.Key, slices.Contains(schema.Required, p.Key), p.Value})
			}
		}
		view.Schemas = append(view.Schemas, s)
	}
	return view
}

func (doc *document) operationView(o *operationDoc, method, path string) docsOperation {
	v := docsOperation{operationDoc: o, Method: strings.ToUpper(method), Path: path, Public: o.Security != nil}
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
		a := docsAnswer{Status: status, Answer: o.Responses[status]}
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

// command is the operation as a call of curl.
func (v docsOperation) command(body []byte) string {
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
		if p.In == inHeader && p.Required {
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

// proseOf returns the parts of a sentence. Every second one was between backquotes and is code.
func proseOf(sentence string) []docsPart {
	var parts []docsPart
	for i, text := range strings.Split(sentence, "`") {
		parts = append(parts, docsPart{Text: text, Code: i%2 == 1})
	}
	return parts
}

// typesOf are the types that the schema itself names, without those behind references.
func typesOf(s *jsonschema.Schema) []string {
	if types, ok := s.Extras["type"].([]string); ok {
		return types
	}
	if s.Type == "" {
		return nil
	}
	return []string{s.Type}
}

// limitsOf are the schema's limits in words.
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
