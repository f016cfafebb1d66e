package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/problem"
)

// TestDocumentIsCheckedIn checks that the checked-in document is that of the routes.
func TestDocumentIsCheckedIn(t *testing.T) {
	t.Parallel()
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(document) != string(kept) {
		t.Error("server/openapi.json is not the document of the routes: run make generate")
	}
}

// TestExamples checks that every example in the document matches its schema, that each tag has a description, and
// that each operation documents an error.
func TestExamples(t *testing.T) {
	t.Parallel()
	data, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	const name = "chenu:///openapi.json"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource(name, tree); err != nil {
		t.Fatal(err)
	}
	examples := 0
	check := func(at []string, values ...any) {
		schema, err := compiler.Compile(name + "#" + (&url.URL{Path: problem.Pointer(at...)}).EscapedPath())
		if err != nil {
			t.Errorf("%v: %v", at, err)
			return
		}
		for _, value := range values {
			examples++
			if err := schema.Validate(value); err != nil {
				t.Errorf("%v: the example %v: %v", at, value, err)
			}
		}
	}
	var walk func(at []string, v any)
	walk = func(at []string, v any) {
		switch v := v.(type) {
		case map[string]any:
			example, one := v["example"]
			if _, ok := v["schema"]; one && ok {
				check(append(slices.Clone(at), "schema"), example)
			}
			if list, ok := v["examples"].([]any); ok {
				check(at, list...)
			}
			for key, inner := range v {
				if key != "example" && key != "examples" {
					walk(append(slices.Clone(at), key), inner)
				}
			}
		case []any:
			for i, inner := range v {
				walk(append(slices.Clone(at), fmt.Sprint(i)), inner)
			}
		}
	}
	walk(nil, tree)
	if examples < 100 {
		t.Errorf("only %d examples were found", examples)
	}

	document := tree.(map[string]any)
	for _, tag := range document["tags"].([]any) {
		if tag := tag.(map[string]any); tag["description"] == nil {
			t.Errorf("the tag %v has no description", tag["name"])
		}
	}
	for path, operations := range document["paths"].(map[string]any) {
		for method, operation := range operations.(map[string]any) {
			responses := operation.(map[string]any)["responses"].(map[string]any)
			if !slices.ContainsFunc(slices.Collect(maps.Keys(responses)), func(status string) bool { return status[0] == '4' }) {
				t.Errorf("%s %s documents no 4xx", method, path)
			}
		}
	}
}

// Every field that is a URI by its name or format, including fields that are added later, has the pattern of the
// allowed schemes.
func TestEveryURIOfADocumentIsLimited(t *testing.T) {
	t.Parallel()
	s, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(s, &document); err != nil {
		t.Fatal(err)
	}
	found := 0
	var walk func(at string, value any)
	walk = func(at string, value any) {
		switch value := value.(type) {
		case []any:
			for i, item := range value {
				walk(fmt.Sprintf("%s/%d", at, i), item)
			}
		case map[string]any:
			for name, item := range value {
				schema, _ := item.(map[string]any)
				named := strings.HasSuffix(at, "/properties") && regexp.MustCompile(`(^|_)(uri|url|href|link|website)$`).MatchString(name)
				// The service generates these two.
				made := at == "/components/schemas/Problem/properties" && name == "type" || at == "/components/schemas/Checkpoint/properties" && name == "href"
				if (named || schema["format"] == "uri") && !made {
					found++
					if schema["format"] != "uri" || schema["pattern"] != policies.ECMAPattern(policies.URIPattern) {
						t.Errorf("%s/%s has the format %v and the pattern %v", at, name, schema["format"], schema["pattern"])
					}
				}
				walk(at+"/"+name, item)
			}
		}
	}
	walk("", document)
	if found < 10 {
		t.Errorf("only %d URIs were found", found)
	}
}

// operationOf is an operation of the OpenAPI document.
type operationOf struct {
	ID, method, path string
	OperationID      string `json:"operationId"` //nolint:tagliatelle // OpenAPI's own name
	Tags             []string
	Security         *[]any
	RequestBody      struct {
		Content map[string]struct{ Example json.RawMessage }
	} `json:"requestBody"` //nolint:tagliatelle // OpenAPI's own name
}

// operations returns the operations of the OpenAPI document, ordered by id.
func operations(t *testing.T) []operationOf {
	t.Helper()
	data, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]operationOf
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	var all []operationOf
	for path, methods := range document.Paths {
		for method, o := range methods {
			o.ID, o.method, o.path = o.OperationID, strings.ToUpper(method), path
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b operationOf) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// try sends a request with the examples of the document.
func (o operationOf) try(c *apitest.Client) *apitest.Response {
	path := o.path
	for strings.Contains(path, "{") {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + dbtest.NewID().String() + after
	}
	var body any
	header := []string{"If-Match", `"v1"`}
	for media, content := range o.RequestBody.Content {
		header = append(header, "Content-Type", media)
		body = "{}"
		if content.Example != nil && o.method != http.MethodPatch {
			body = string(content.Example)
		}
	}
	return c.Do(o.method, path, body, header...)
}
