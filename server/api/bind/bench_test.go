package bind_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/chenu/chenu/server/api/bind"
	"github.com/chenu/chenu/server/api/body"
	"github.com/chenu/chenu/server/api/openapi"
)

// Thing is a request body of typical size.
type Thing struct {
	Name  string     `json:"name"             jsonschema:"minLength=1,maxLength=20"`
	Email *string    `json:"email,omitempty"  jsonschema:"format=email"`
	Count int        `json:"count,omitempty"  jsonschema:"minimum=0,maximum=100"`
	Price string     `json:"price,omitempty"  jsonschema:"pattern=^[0-9]{1\\,9}[.][0-9]{2}$"`
	Tags  []string   `json:"tags,omitempty"   jsonschema:"maxItems=3,uniqueItems=true"`
	DueAt *time.Time `json:"due_at,omitempty"`
}

// BenchmarkReadBody measures the steps of reading a body: parsing it for validation, validating it against its
// schema, and decoding it into the struct.
func BenchmarkReadBody(b *testing.B) {
	type input struct{ Body Thing }
	content := []byte(`{"name":"hammer","email":"a@example.org","count":7,"price":"12.50","tags":["a","b"],"due_at":"2026-01-01T00:00:00Z"}`)
	schemas := openapi.NewSchemas(nil)
	in, err := bind.Of(reflect.TypeFor[input](), schemas)
	if err != nil {
		b.Fatal(err)
	}
	document, err := json.Marshal(openapi.Describe(openapi.Config{}, schemas, []openapi.Route{{
		Method: http.MethodPost, Path: "/things", Body: &openapi.RouteBody{Schema: in.BodySchema, MediaTypes: in.MediaTypes()},
	}}))
	if err != nil {
		b.Fatal(err)
	}
	compiler, err := bind.NewCompiler(document)
	if err != nil {
		b.Fatal(err)
	}
	if err := in.Compile(compiler, "paths", "/things", "post"); err != nil {
		b.Fatal(err)
	}
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/things", bytes.NewReader(content))
			r.Header.Set("Content-Type", "application/json")
			var to input
			if _, err := in.ReadBody(httptest.NewRecorder(), r, reflect.ValueOf(&to).Elem(), int64(len(content))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			if _, errs, malformed := body.Parse(content); len(errs) > 0 || malformed != nil {
				b.Fatal(errs, malformed)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			var to Thing
			if errs := body.Decode(content, &to); len(errs) > 0 {
				b.Fatal(errs)
			}
		}
	})
}
