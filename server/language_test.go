package server

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chenu/chenu/internal/language"
)

// TestLanguageOfTheDocument checks every text of the OpenAPI document that users see. It fails on missing texts,
// placeholders, descriptions of fewer than three words, and retired words.
func TestLanguageOfTheDocument(t *testing.T) {
	t.Parallel()
	data, err := Document()
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	texts := publicTexts(document)
	if len(texts) < 1500 {
		t.Fatalf("the document has %d texts, so the test does not find all of them", len(texts))
	}
	for _, text := range texts {
		check := language.Description
		if text.summary {
			check = language.Summary
		}
		for _, finding := range check(text.text) {
			t.Errorf("%s: %q %s", text.at, text.text, finding)
		}
	}
}

// TestLanguageFindsMissingTexts checks that publicTexts reports every kind of missing text.
func TestLanguageFindsMissingTexts(t *testing.T) {
	t.Parallel()
	const document = `{
		"info": {"title": "T"},
		"tags": [{"name": "notes"}],
		"paths": {"/notes": {"get": {
			"parameters": [{"name": "q", "schema": {"type": "string"}}],
			"responses": {"200": {"headers": {"ETag": {"schema": {"type": "string"}}}}}
		}}},
		"components": {
			"schemas": {"Note": {"type": "object", "properties": {
				"title": {"type": "string"},
				"description": {"type": "string"},
				"parts": {"description": "Parts of the note.", "items": {"properties": {"body": {"type": "string"}}}}
			}}},
			"headers": {"Allow": {}}, "parameters": {"Trace": {"name": "Trace"}}, "responses": {"NotFound": {}},
			"securitySchemes": {"bearer": {"type": "http"}}
		}
	}`
	var parsed map[string]any
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, text := range publicTexts(parsed) {
		if text.text == "" {
			missing = append(missing, text.at)
		}
	}
	slices.Sort(missing)
	want := []string{
		"components/headers/Allow/description",
		"components/parameters/Trace/description",
		"components/responses/NotFound/description",
		"components/schemas/Note/properties/description/description",
		"components/schemas/Note/properties/parts/items/properties/body/description",
		"components/schemas/Note/properties/title/description",
		"components/securitySchemes/bearer/description",
		"info/description",
		"paths//notes/get/description",
		"paths//notes/get/parameters/q/description",
		"paths//notes/get/responses/200/description",
		"paths//notes/get/responses/200/headers/ETag/description",
		"paths//notes/get/summary",
		"tags/notes/description",
	}
	if !slices.Equal(missing, want) {
		t.Errorf("the missing texts are\n%s\nwant\n%s", strings.Join(missing, "\n"), strings.Join(want, "\n"))
	}
}

// publicText is a text of the document that users see, and its location.
type publicText struct {
	at, text string
	summary  bool
}

// publicTexts returns the texts of an OpenAPI document, and an empty text for each operation, parameter, header,
// response, field, tag or security scheme that has none, and for the document itself. Examples are data and not
// included.
func publicTexts(document map[string]any) []publicText {
	var texts []publicText
	add := func(at string, of any, required bool) {
		text, _ := members(of)["description"].(string)
		if required || text != "" {
			texts = append(texts, publicText{at: at + "/description", text: text})
		}
	}
	isReference := func(of any) bool { return members(of)["$ref"] != nil } // Its target is visited separately.
	var schema func(at string, of any)
	schema = func(at string, of any) {
		object := members(of)
		add(at, object, false)
		for name, property := range members(object["properties"]) {
			add(at+"/properties/"+name, property, true)
			property, _ := property.(map[string]any)
			property = maps.Clone(property)
			delete(property, "description")
			schema(at+"/properties/"+name, property)
		}
		for name, value := range object {
			switch name {
			case "items", "then", "else", "additionalProperties", "contains": // if and not are conditions
				schema(at+"/"+name, value)
			case "allOf", "anyOf", "oneOf", "prefixItems":
				list, _ := value.([]any)
				for _, part := range list {
					schema(at+"/"+name, part)
				}
			case "patternProperties", "$defs", "dependentSchemas":
				for key, part := range members(value) {
					schema(at+"/"+name+"/"+key, part)
				}
			}
		}
	}
	described := func(at string, of any) { // of a parameter or a header
		if isReference(of) {
			return
		}
		add(at, of, true)
		object, _ := of.(map[string]any)
		schema(at+"/schema", object["schema"])
	}
	content := func(at string, of any) {
		for media, value := range members(of) {
			value, _ := value.(map[string]any)
			schema(at+"/content/"+media, value["schema"])
		}
	}
	response := func(at string, of any) {
		if isReference(of) {
			return
		}
		object, _ := of.(map[string]any)
		add(at, object, true)
		for name, header := range members(object["headers"]) {
			described(at+"/headers/"+name, header)
		}
		content(at, object["content"])
	}

	add("info", document["info"], true)
	tags, _ := document["tags"].([]any)
	for _, tag := range tags {
		tag, _ := tag.(map[string]any)
		name, _ := tag["name"].(string)
		add("tags/"+name, tag, true)
	}
	for path, item := range members(document["paths"]) {
		for method, value := range members(item) {
			at := "paths/" + path + "/" + method
			operation, _ := value.(map[string]any)
			summary, _ := operation["summary"].(string)
			texts = append(texts, publicText{at: at + "/summary", text: summary, summary: true})
			add(at, operation, true)
			parameters, _ := operation["parameters"].([]any)
			for _, parameter := range parameters {
				object, _ := parameter.(map[string]any)
				name, _ := object["name"].(string)
				described(at+"/parameters/"+name, parameter)
			}
			if body, ok := operation["requestBody"].(map[string]any); ok {
				content(at+"/requestBody", body["content"])
			}
			for status, answer := range members(operation["responses"]) {
				response(at+"/responses/"+status, answer)
			}
		}
	}
	components, _ := document["components"].(map[string]any)
	for name, value := range members(components["schemas"]) {
		schema("components/schemas/"+name, value)
	}
	for _, kind := range []string{"parameters", "headers"} {
		for name, value := range members(components[kind]) {
			described("components/"+kind+"/"+name, value)
		}
	}
	for name, value := range members(components["responses"]) {
		response("components/responses/"+name, value)
	}
	for name, value := range members(components["securitySchemes"]) {
		add("components/securitySchemes/"+name, value, true)
	}
	return texts
}

// members returns the members of a JSON object, and nil for other values.
func members(of any) map[string]any {
	object, _ := of.(map[string]any)
	return object
}
