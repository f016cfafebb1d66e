package server_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/problem"
)

// TestExamples holds every example in the document against its schema, each tag
// to a description, and each operation to an error that it documents.
func TestExamples(t *testing.T) {
	t.Parallel()
	data, err := server.Document()
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
