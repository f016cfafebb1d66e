package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/problem"
)

// document returns the document of the tests' API as generic JSON.
func document(t *testing.T, b *bundle) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(b.api.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at returns the value at the path of names in nested objects.
func at(v any, names ...string) any {
	for _, name := range names {
		object, _ := v.(map[string]any)
		v = object[name]
	}
	return v
}

func TestDocumentIsDeterministic(t *testing.T) {
	t.Parallel()
	first := setup(t).api.Document()
	for range 5 {
		if !bytes.Equal(first, setup(t).api.Document()) {
			t.Fatal("two documents of the same operations differ")
		}
	}
	if !bytes.HasSuffix(first, []byte("}\n")) || bytes.Contains(first, []byte(`\u003c`)) {
		t.Error("the document is not written as expected")
	}
}

// TestEveryRouteHasItsOperation checks that every route has an operation in the document, and every operation a
// route.
func TestEveryRouteHasItsOperation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var described []string
	paths, _ := document(t, b)["paths"].(map[string]any)
	for path, methods := range paths {
		for method := range methods.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
			if method == "get" {
				described = append(described, "HEAD "+path)
			}
		}
	}
	var routed []string
	for _, route := range b.api.Routes() {
		routed = append(routed, route[0]+" "+route[1])
	}
	slices.Sort(described)
	slices.Sort(routed)
	if !slices.Equal(described, routed) {
		t.Errorf("described %v\nrouted %v", described, routed)
	}
}

func TestDocumentOfAnOperation(t *testing.T) {
	t.Parallel()
	doc := document(t, setup(t))
	if version := doc["openapi"]; version != "3.1.1" {
		t.Errorf("openapi %v", version)
	}
	parameters := func(path, method string) string {
		var names []string
		list, _ := at(doc, "paths", path, method, "parameters").([]any)
		for _, p := range list {
			if ref, ok := at(p, "$ref").(string); ok {
				names = append(names, ref[strings.LastIndexByte(ref, '/')+1:])
				continue
			}
			names = append(names, fmt.Sprint(at(p, "name")))
		}
		return strings.Join(names, " ")
	}
	responses := func(path, method string) string {
		var list []string
		object, _ := at(doc, "paths", path, method, "responses").(map[string]any)
		for status := range object {
			list = append(list, status)
		}
		slices.Sort(list)
		return strings.Join(list, " ")
	}
	for _, test := range []struct{ path, method, parameters, responses string }{
		{"/v1/things", "get", "page_size page_token color since name owner least small exact X-Client RequestId Traceparent", "200 400 401 403 422 429 500 503 504"},
		{"/v1/things", "post", "IdempotencyKey Checkpoint RequestId Traceparent", "201 400 401 403 409 413 415 422 423 429 500 503 504"},
		{"/v1/things/{id}", "get", "id IfNoneMatch RequestId Traceparent", "200 304 400 401 403 404 422 429 500 503 504"},
		{"/v1/things/{id}", "patch", "id If-Match Checkpoint RequestId Traceparent", "200 400 401 403 404 409 412 413 415 422 423 428 429 500 503 504"},
		{"/v1/things/{id}", "delete", "id If-Match Checkpoint RequestId Traceparent", "204 400 401 403 404 409 412 422 423 428 429 500 503 504"},
		{"/openapi.json", "get", "IfNoneMatch RequestId Traceparent", "200 304 400 500 503 504"},
	} {
		if got := parameters(test.path, test.method); got != test.parameters {
			t.Errorf("%s %s: parameters %s", test.method, test.path, got)
		}
		if got := responses(test.path, test.method); got != test.responses {
			t.Errorf("%s %s: responses %s", test.method, test.path, got)
		}
	}
	for path, want := range map[string]string{
		"components/schemas/ThingInput/additionalProperties":             "false",
		"components/schemas/ThingInputPatch/additionalProperties":        "false",
		"components/schemas/PartPatch/additionalProperties":              "false",
		"components/schemas/Thing/additionalProperties":                  "<nil>", // responses may get more fields
		"components/schemas/ThingInput/required":                         "[name]",
		"components/schemas/ThingInputPatch/required":                    "<nil>",
		"components/schemas/ThingInputPatch/properties/name/type":        "string",
		"components/schemas/ThingInputPatch/properties/email/type":       "[string null]",
		"components/schemas/ThingInputPatch/properties/count/type":       "[integer null]",
		"components/schemas/ThingInputPatch/properties/tags/type":        "[array null]",
		"components/schemas/ThingInputPatch/properties/parts/items/$ref": "#/components/schemas/Part",
		"components/schemas/ThingInputPatch/properties/owner/anyOf":      "[map[$ref:#/components/schemas/PartPatch] map[type:null]]",
		"components/schemas/ThingInput/properties/color/anyOf":           "[map[$ref:#/components/schemas/Color] map[type:null]]",
		"components/schemas/ThingInput/properties/tags/items/maxLength":  "5",
		"components/schemas/ThingInput/properties/price/pattern":         "^[0-9]{1,9}[.][0-9]{2}$",
		"components/schemas/ThingInput/properties/name/examples":         "[hammer]",
		"components/schemas/ThingInput/properties/due_at/format":         "date-time",
		"components/schemas/Color/enum":                                  "[red green]",
		"components/schemas/ThingList/properties/items/items/$ref":       "#/components/schemas/Thing",
		"components/schemas/ThingList/properties/next_page_token/type":   "[string null]",
		"components/responses/PreconditionFailed/headers/ETag/$ref":      "#/components/headers/ETag",
		"components/securitySchemes/bearer/scheme":                       "bearer",
	} {
		if got := fmt.Sprint(at(doc, strings.Split(path, "/")...)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if got := fmt.Sprint(at(doc, "paths", "/openapi.json", "get", "security")); got != "[]" {
		t.Errorf("security of a public operation is %s", got)
	}
	if got := at(doc, "paths", "/v1/things", "post", "responses", "201", "headers", "Location", "description"); got != "Where it is." {
		t.Errorf("description of Location: %v", got)
	}
}

// TestExamplesFitTheirSchemas checks every example of the document against its schema.
func TestExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.api.Document()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("mem:///doc", tree); err != nil {
		t.Fatal(err)
	}
	examples := 0
	var visit func(pointer string, v any)
	visit = func(pointer string, v any) {
		object, _ := v.(map[string]any)
		if example, ok := object["example"]; ok && object["schema"] != nil {
			examples++
			schema, err := compiler.Compile("mem:///doc#" + pointer + "/schema")
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(example); err != nil {
				t.Errorf("%s: %v", pointer, err)
			}
		}
		for name, inner := range object {
			visit(pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name), inner)
		}
	}
	visit("", tree)
	if examples < 5 {
		t.Errorf("only %d examples", examples)
	}
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.Get("/openapi.json", "Authorization", "").Want(http.StatusOK)
	if !bytes.Equal(r.Body, b.api.Document()) || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("served %v", r.Header)
	}
	b.Get("/openapi.json", "If-None-Match", r.ETag()).Want(http.StatusNotModified)
	b.Get("/openapi.json?x=1").WantProblem(http.StatusBadRequest, "invalid_request")
	b.Do(http.MethodHead, "/openapi.json", nil).Want(http.StatusOK)
}

// outside matches references to other hosts.
var outside = regexp.MustCompile(`(?i)(src|href|action|url|@import)\s*[=(\s]\s*["']?\s*(https?:)?//[^"')\s]+`)

func TestDocsPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := b.Get("/docs", "Authorization", "").Want(http.StatusOK)
	style := b.Get("/docs/style.css", "Authorization", "").Want(http.StatusOK)
	if got := page.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if got := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'; style-src 'self'") || strings.Contains(got, "unsafe") {
		t.Errorf("Content-Security-Policy %q", got)
	}
	for _, body := range [][]byte{page.Body, style.Body} {
		if found := outside.Find(body); found != nil {
			t.Errorf("the page refers to another host: %s", found)
		}
	}
	for _, want := range []string{`href="/docs/style.css"`, `id="create-thing"`, `href="#schema-ThingInput"`, `id="schema-ThingInput"`, "/v1/things/{id}", "hammer"} {
		if !bytes.Contains(page.Body, []byte(want)) {
			t.Errorf("the page does not contain %s", want)
		}
	}
	for _, word := range []string{"<script", "style=", "onclick", "<no value>", "ZgotmplZ"} {
		if bytes.Contains(page.Body, []byte(word)) {
			t.Errorf("the page contains %s", word)
		}
	}
	b.Get("/docs", "If-None-Match", page.ETag()).Want(http.StatusNotModified)
}

// TestExternalDocs checks that the page to which the document links explains every error code.
func TestExternalDocs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	link, _ := at(document(t, b), "externalDocs", "url").(string)
	path, fragment, _ := strings.Cut(link, "#")
	page := string(b.Get(path, "Authorization", "").Want(http.StatusOK).Body)
	if !strings.Contains(page, `id="`+fragment+`"`) {
		t.Errorf("the page %s has no element %q", path, fragment)
	}
	for _, d := range problem.Definitions {
		if !strings.Contains(page, "<code>"+d.Code+"</code>") {
			t.Errorf("the page %s does not explain %s", path, d.Code)
		}
	}
}

func TestMistakesInOperations(t *testing.T) {
	t.Parallel()
	type thing struct {
		ID uuid.UUID `path:"id"`
	}
	type untagged struct{ Name string }
	type list struct {
		Names []string `query:"names"`
	}
	type body struct{ Body ThingInput }
	type unnamed struct{ Body struct{ X int } }
	none := func(context.Context, *ent.Tx, *struct{}) (*struct{}, error) { return nil, nil }
	op := api.Op{ID: "x", Method: http.MethodGet, Path: "/v1/x", Tag: "x", Summary: "X"}
	at := func(change func(*api.Op)) api.Op {
		changed := op
		change(&changed)
		return changed
	}
	for name, test := range map[string]struct {
		register func(*api.API)
		want     string
	}{
		"no id":              {func(a *api.API) { api.Handle(a, at(func(o *api.Op) { o.ID = "" }), none) }, "needs an ID"},
		"no summary":         {func(a *api.API) { api.Handle(a, at(func(o *api.Op) { o.Summary = "" }), none) }, "needs an ID, a Summary"},
		"twice":              {func(a *api.API) { api.Handle(a, op, none); api.Handle(a, op, none) }, "registered twice"},
		"same route":         {func(a *api.API) { api.Handle(a, op, none); api.Handle(a, at(func(o *api.Op) { o.ID = "y" }), none) }, "GET /v1/x"},
		"method":             {func(a *api.API) { api.Handle(a, at(func(o *api.Op) { o.Method = "LIST" }), none) }, "none of GET"},
		"missing parameter":  {func(a *api.API) { api.Handle(a, at(func(o *api.Op) { o.Path = "/v1/x/{id}" }), none) }, "has the parameters [id]"},
		"unused parameter":   {func(a *api.API) { api.Handle(a, op, capture(new(*thing))) }, "the input [id]"},
		"untagged field":     {func(a *api.API) { api.Handle(a, op, capture(new(*untagged))) }, "no tag path, query or header"},
		"list parameter":     {func(a *api.API) { api.Handle(a, op, capture(new(*list))) }, `schema type "array"`},
		"GET with a body":    {func(a *api.API) { api.Handle(a, op, capture(new(*body))) }, "has no body"},
		"body without name":  {func(a *api.API) { api.Handle(a, at(func(o *api.Op) { o.Method = "POST" }), capture(new(*unnamed))) }, "has no name"},
		"two types one name": {func(a *api.API) { registerOtherThing(a, op) }, "would both be the component Thing"},
		"input no struct": {func(a *api.API) {
			api.HandlePublic(a, op, func(context.Context, *int) (*struct{}, error) { return nil, nil })
		}, "not a struct"},
		"output field": {func(a *api.API) {
			api.HandlePublic(a, op, func(context.Context, *struct{}) (*untagged, error) { return nil, nil })
		}, "neither tagged header"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := api.New(api.Config{Transactor: &store{}, Authenticate: authenticate, PageKey: make([]byte, 32)})
			if err != nil {
				t.Fatal(err)
			}
			test.register(a)
			if _, err := a.Handler(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	for name, config := range map[string]api.Config{
		"no transactor": {Authenticate: authenticate, PageKey: make([]byte, 32)},
		"short key":     {Transactor: &store{}, Authenticate: authenticate, PageKey: make([]byte, 31)},
		"proxies":       {Transactor: &store{}, Authenticate: authenticate, PageKey: make([]byte, 32), TrustedProxies: []string{"x"}},
	} {
		if _, err := api.New(config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func registerOtherThing(a *api.API, op api.Op) {
	type Thing struct {
		Other string `json:"other"`
	}
	type output struct{ Body Thing }
	(&bundle{store: &store{}}).things(a)
	api.HandlePublic(a, op, func(context.Context, *struct{}) (*output, error) { return &output{}, nil })
}
