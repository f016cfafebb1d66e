package api

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/server/api/bind"
	"github.com/chenu/chenu/server/api/docs"
	"github.com/chenu/chenu/server/api/openapi"
	"github.com/chenu/chenu/server/problem"
)

// complete generates the document and compiles the validators of all operations from it.
func (a *API) complete() (*derivation, error) {
	a.documentRoutes()
	routes := make([]openapi.Route, len(a.operations))
	for i, o := range a.operations {
		routes[i] = o.describe()
	}
	doc := openapi.Describe(openapi.Config{
		Title: a.config.Title, Version: a.config.Version, Description: a.config.Description, Tags: a.config.Tags,
	}, a.schemas, routes)
	data, err := doc.Write()
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	if err := a.schemas.Err(); err != nil {
		return nil, err
	}
	a.document = data
	derived, err := derive(data, doc)
	if err != nil {
		return nil, err
	}
	for _, o := range a.operations {
		if err := o.compile(derived.compiler); err != nil {
			return nil, fmt.Errorf("operation %s: %w", o.ID, err)
		}
	}
	return derived, nil
}

// derivation holds everything that is computed from an API's document. It depends only on the document.
type derivation struct {
	compiler *bind.Compiler
	page     []byte
}

// derivations maps the SHA-256 digest of a document to a function that returns its (*derivation, error). A process
// has one document, but its tests start many services with it. Compiling the schemas and rendering the page takes two
// thirds of the time to complete an API.
var derivations sync.Map

// derive returns the derivation of doc, whose JSON is data. Each document is processed once.
func derive(data []byte, doc *openapi.Document) (*derivation, error) {
	once, _ := derivations.LoadOrStore(sha256.Sum256(data), sync.OnceValues(func() (*derivation, error) {
		compiler, err := bind.NewCompiler(data)
		if err != nil {
			return nil, fmt.Errorf("read the OpenAPI document: %w", err)
		}
		page, err := docs.Render(doc)
		if err != nil {
			return nil, fmt.Errorf("render the documentation: %w", err)
		}
		return &derivation{compiler, page}, nil
	}))
	return once.(func() (*derivation, error))()
}

// describe returns what the OpenAPI document says about the operation.
func (o *operation) describe() openapi.Route {
	r := openapi.Route{
		ID: o.ID, Method: o.Method, Path: o.Path, Tag: o.Tag, Summary: o.Summary, Description: o.Description,
		Public: o.public, ReadOnly: o.readOnly(), Idempotent: o.idempotent(), Limited: o.limited(),
		Problems: o.Problems,
	}
	for _, p := range o.in.Parameters {
		r.Parameters = append(r.Parameters, &openapi.Parameter{
			Name: p.Name, In: p.In, Description: p.Description, Required: p.Required, Schema: p.Schema,
		})
		r.IfMatch = r.IfMatch || p.Type == reflect.TypeFor[IfMatch]()
	}
	if o.in.BodySchema != nil {
		r.Body = &openapi.RouteBody{
			Schema: o.in.BodySchema, Patched: o.in.Patched, Optional: o.in.BodyOptional, MediaTypes: o.in.MediaTypes(),
		}
	}
	for _, h := range o.out.headers {
		name := h.name
		if name == "Etag" {
			name = "ETag" // The spelling of RFC 9110.
		}
		r.Headers = append(r.Headers, openapi.ResponseHeader{Name: name, Description: h.description, Schema: h.schema})
	}
	for _, status := range append([]int{o.Status}, o.OtherStatuses...) {
		answer := openapi.Answer{Status: status, Description: o.Responses[status]}
		switch {
		case o.out.bodySchema == nil || status == http.StatusNoContent:
		case o.out.raw:
			answer.Content = map[string]*jsonschema.Schema{}
			for _, m := range o.out.media {
				answer.Content[m.name] = m.schema
			}
		default:
			answer.Content = map[string]*jsonschema.Schema{o.ContentType: o.out.bodySchema}
			answer.Example = status == o.Status && o.ContentType == "application/json" && o.out.bodyIndex != nil
		}
		r.Answers = append(r.Answers, answer)
	}
	return r
}

var ginParameter = regexp.MustCompile(`:([^/]+)`)

func openapiPath(path string) string { return ginParameter.ReplaceAllString(path, "{$1}") }

// documentRoutes adds the operations that return the document and its page to the document. serveDocument adds their
// routes.
func (a *API) documentRoutes() {
	anything := &jsonschema.Schema{Type: "object"}
	page := &jsonschema.Schema{Type: "string"}
	tagHeader := outputHeader{name: "Etag", schema: &jsonschema.Schema{Type: "string"}}
	for _, o := range []*operation{
		{
			Op: Op{
				ID: "get-openapi", Method: http.MethodGet, Path: "/openapi.json", Tag: "service", Status: http.StatusOK,
				Summary: "Get the OpenAPI document", Description: "Returns the OpenAPI 3.1 document of the service as JSON.",
				Responses: map[int]string{http.StatusOK: "The OpenAPI document."}, ContentType: "application/json",
			},
			out: &output{headers: []outputHeader{tagHeader}, bodySchema: anything},
		},
		{
			Op: Op{
				ID: "get-docs", Method: http.MethodGet, Path: "/docs", Tag: "service", Status: http.StatusOK,
				Summary: "Get the documentation page", Description: "Returns the OpenAPI document as an HTML page.",
				Responses: map[int]string{http.StatusOK: "The documentation page."}, ContentType: "text/html; charset=utf-8",
			},
			out: &output{headers: []outputHeader{tagHeader}, bodySchema: page},
		},
		{
			Op: Op{
				ID: "get-docs-style", Method: http.MethodGet, Path: "/docs/style.css", Tag: "service", Status: http.StatusOK,
				Summary: "Get the style sheet", Description: "Returns the style sheet of the documentation page.",
				Responses: map[int]string{http.StatusOK: "The style sheet."}, ContentType: "text/css; charset=utf-8",
			},
			out: &output{headers: []outputHeader{tagHeader}, bodySchema: page},
		},
	} {
		o.public, o.api, o.in = true, a, &bind.Input{}
		a.operations = append(a.operations, o)
	}
}

// serveDocument adds the routes of the document, its page and the style sheet.
func (a *API) serveDocument(page []byte) {
	a.serveFile("get-openapi", a.document, "")
	a.serveFile("get-docs", page, docs.Policy)
	a.serveFile("get-docs-style", docs.Style, "")
}

// serveFile serves content that does not change while the process runs.
func (a *API) serveFile(id string, content []byte, contentSecurityPolicy string) {
	i := slices.IndexFunc(a.operations, func(o *operation) bool { return o.ID == id })
	o := a.operations[i]
	sum := sha256.Sum256(content)
	r := &response{status: http.StatusOK, body: content, header: http.Header{
		"Content-Type":  {o.ContentType},
		"Etag":          {`"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`},
		"Cache-Control": {"public, no-cache"},
	}}
	if contentSecurityPolicy != "" {
		r.header.Set("Content-Security-Policy", contentSecurityPolicy)
	}
	a.route(o.Method, o.Path, func(c *gin.Context) {
		v := reflect.ValueOf(&struct{}{}).Elem()
		if _, err := o.in.BindParameters(c.Request, c.Param, v); err != nil {
			problem.Write(c, err)
			return
		}
		o.write(c, r)
	})
}
