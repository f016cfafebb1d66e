package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestEveryRouteHasItsOperation checks that every route has an operation in the document, and every operation a
// route.
func TestEveryRouteHasItsOperation(t *testing.T) {
	t.Parallel()
	a, err := described()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(a.Document(), &document); err != nil {
		t.Fatal(err)
	}
	var operations, routes []string
	for path, methods := range document.Paths {
		for method := range methods {
			if method != "parameters" {
				operations = append(operations, strings.ToUpper(method)+" "+path)
			}
		}
	}
	for _, route := range a.Routes() {
		method, path := route[0], route[1]
		if method == "HEAD" || strings.HasPrefix(path, "/docs") || path == "/openapi.json" {
			continue // the HEAD of a GET, and the routes of the document itself
		}
		routes = append(routes, method+" "+path)
	}
	slices.Sort(operations)
	slices.Sort(routes)
	for _, route := range routes {
		if !slices.Contains(operations, route) {
			t.Errorf("the route %s has no operation", route)
		}
	}
	for _, operation := range operations {
		if !slices.Contains(routes, operation) && !strings.Contains(operation, "/openapi.json") && !strings.Contains(operation, "/docs") {
			t.Errorf("the operation %s has no route", operation)
		}
	}
}
