package openapi

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/server/problem"
)

// Config is the information of a document about the whole API.
type Config struct {
	// Title and Version default to CHE·NU and 0.
	Title, Version, Description string
	// Tags are the descriptions of the operations' tags.
	Tags map[string]string
}

// A Route describes an operation for [Describe].
type Route struct {
	ID, Method, Path          string
	Tag, Summary, Description string
	// Public operations require no access token. ReadOnly operations never write. Idempotent operations accept an
	// Idempotency-Key. Limited operations count against a rate limit.
	Public, ReadOnly, Idempotent, Limited bool
	// Parameters are the parameters of the input, in the order of the document.
	Parameters []*Parameter
	// IfMatch reports whether the header If-Match is required.
	IfMatch bool
	// Body is nil if the operation has no body.
	Body *RouteBody
	// Answers are the successful responses. Headers include ETag if the responses can be cached.
	Answers []Answer
	Headers []ResponseHeader
	// Problems are statuses of errors, in addition to those that follow from the other fields.
	Problems []int
}

// A RouteBody is the body of a request.
type RouteBody struct {
	Schema *jsonschema.Schema
	// Patched is the schema of the object that a merge patch changes, or nil if the body is not a merge patch.
	Patched    *jsonschema.Schema
	Optional   bool
	MediaTypes []string
}

// An Answer is a successful response.
type Answer struct {
	Status int
	// Description may be empty for a general description of the status.
	Description string
	// Content maps media types to the schema of the body. It is nil if there is no body.
	Content map[string]*jsonschema.Schema
	// Example adds an example to the response, generated from the schema.
	Example bool
}

// A ResponseHeader is a header of the successful responses.
type ResponseHeader struct {
	Name string
	// Description may be empty for a header in headerDescriptions.
	Description string
	Schema      *jsonschema.Schema
}

// Describe returns the document of the operations. The components of s become those of the document.
func Describe(c Config, s *Schemas, routes []Route) *Document {
	problemSchema := s.Of(reflect.TypeFor[problem.Problem]())
	d := &Document{
		OpenAPI:  "3.1.1",
		Info:     Info{Title: cmp.Or(c.Title, "CHE·NU"), Version: cmp.Or(c.Version, "0"), Description: c.Description},
		Servers:  []Server{{URL: "/"}},
		Security: []Security{{bearer: {}}},
		// The URL is relative to the document, so it is correct wherever the service runs.
		ExternalDocs: ExternalDocs{Description: "Every error code, with its cause and remedy.", URL: "/docs#problems"},
		Paths:        map[string]map[string]*Operation{},
		Components: Components{
			Responses:  map[string]*Response{},
			Parameters: map[string]*Parameter{},
			Headers:    map[string]*Header{},
			SecuritySchemes: map[string]*SecurityScheme{bearer: {
				Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "Access token, issued by `POST /v1/auth/login`. Agents use `POST /v1/auth/agent-token`.",
			}},
		},
	}
	var bodies []*jsonschema.Schema
	for _, r := range routes {
		if r.Body != nil {
			bodies = append(bodies, r.Body.Schema)
			if r.Body.Patched != nil {
				bodies = append(bodies, r.Body.Patched)
			}
		}
		path := d.Paths[r.Path]
		if path == nil {
			path = map[string]*Operation{}
			d.Paths[r.Path] = path
		}
		path[strings.ToLower(r.Method)] = d.operation(s, r, problemSchema)
		if tag := (Tag{r.Tag, c.Tags[r.Tag]}); !slices.Contains(d.Tags, tag) {
			d.Tags = append(d.Tags, tag)
		}
	}
	// Requests may have only the described fields; responses may get more fields later.
	closed := s.Reachable(bodies...)
	for name, schema := range s.Components {
		if !closed[name] && schema.AdditionalProperties == jsonschema.FalseSchema {
			schema.AdditionalProperties = nil
		}
	}
	d.Components.Schemas = s.Components
	return d
}

func (d *Document) operation(s *Schemas, r Route, problemSchema *jsonschema.Schema) *Operation {
	o := &Operation{
		ID: r.ID, Tags: []string{r.Tag}, Summary: r.Summary, Description: r.Description,
		Responses: map[string]*Response{},
	}
	if r.Public {
		o.Security = &[]Security{}
	}
	// The parameters of the input come first: validators refer to them by index.
	o.Parameters = slices.Clone(r.Parameters)
	for _, name := range r.commonParameters() {
		d.Components.Parameters[name] = commonParameters[name]
		o.Parameters = append(o.Parameters, &Parameter{Ref: "#/components/parameters/" + name})
	}
	if r.Body != nil {
		o.RequestBody = &RequestBody{Required: !r.Body.Optional, Content: map[string]*Media{}}
		example, _ := s.Example(r.Body.Schema)
		for _, media := range r.Body.MediaTypes {
			o.RequestBody.Content[media] = &Media{Schema: r.Body.Schema, Example: example}
		}
	}
	for _, a := range r.Answers {
		o.Responses[strconv.Itoa(a.Status)] = d.answer(s, r, a)
	}
	if r.cached() {
		o.Responses["304"] = &Response{Description: "The resource has not changed since the given ETag.", Headers: d.headers(append(r.everyHeader(), "ETag")...)}
	}
	for _, status := range r.refusals() {
		if o.Responses[strconv.Itoa(status)] == nil {
			o.Responses[strconv.Itoa(status)] = d.refusal(status, problemSchema)
		}
	}
	return o
}

// refusal returns a reference to the response of an error status, and adds that response to the components.
func (d *Document) refusal(status int, problemSchema *jsonschema.Schema) *Response {
	name := strings.ReplaceAll(http.StatusText(status), " ", "")
	if d.Components.Responses[name] == nil {
		r := refusals[status]
		d.Components.Responses[name] = &Response{
			Description: r.description,
			Headers:     d.headers(append([]string{"Request-Id", "Client-Request-Id", "RateLimit", "RateLimit-Policy"}, r.headers...)...),
			Content:     map[string]*Media{problem.ContentType: {Schema: problemSchema}},
		}
	}
	return &Response{Ref: "#/components/responses/" + name}
}

func (d *Document) answer(s *Schemas, route Route, a Answer) *Response {
	r := &Response{
		Description: cmp.Or(a.Description, answerDescriptions[a.Status], http.StatusText(a.Status)),
		Headers:     d.headers(route.everyHeader()...),
	}
	for _, h := range route.Headers {
		r.Headers[h.Name] = &Header{Description: cmp.Or(h.Description, headerDescriptions[h.Name]), Schema: h.Schema}
	}
	if route.Idempotent {
		r.Headers["Idempotent-Replayed"] = d.headers("Idempotent-Replayed")["Idempotent-Replayed"]
	}
	for name, schema := range a.Content {
		media := &Media{Schema: schema}
		if a.Example {
			media.Example, _ = s.Example(schema)
		}
		if r.Content == nil {
			r.Content = map[string]*Media{}
		}
		r.Content[name] = media
	}
	return r
}

// answerDescriptions are the descriptions of successful responses that have none.
var answerDescriptions = map[int]string{
	http.StatusOK:        "The request succeeded.",
	http.StatusCreated:   "The resource was created.",
	http.StatusAccepted:  "The request was accepted.",
	http.StatusNoContent: "The request succeeded. The response has no body.",
}

// cached reports whether clients can cache the response and revalidate it.
func (r Route) cached() bool {
	return r.Method == http.MethodGet && slices.ContainsFunc(r.Headers, func(h ResponseHeader) bool { return h.Name == "ETag" })
}

// commonParameters returns the names of the parameters of the operation that are not part of its input.
func (r Route) commonParameters() []string {
	var names []string
	if r.cached() {
		names = append(names, "IfNoneMatch")
	}
	if r.Idempotent {
		names = append(names, IdempotencyComponent)
	}
	if !r.Public && !r.ReadOnly {
		names = append(names, CheckpointComponent)
	}
	return append(names, "RequestId", "Traceparent")
}

// everyHeader returns the headers that every response of the operation can have.
func (r Route) everyHeader() []string {
	if r.Limited {
		return []string{"Request-Id", "Client-Request-Id", "RateLimit", "RateLimit-Policy"}
	}
	return []string{"Request-Id", "Client-Request-Id"}
}

// refusals returns the statuses of errors that follow from the definition of the operation, and those in Problems.
func (r Route) refusals() []int {
	list := []int{http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	if !r.Public {
		list = append(list, http.StatusUnauthorized, http.StatusForbidden)
	}
	if r.Limited {
		list = append(list, http.StatusTooManyRequests)
	}
	if len(r.Parameters) > 0 || r.Body != nil || !r.ReadOnly && !r.Public {
		list = append(list, http.StatusUnprocessableEntity)
	}
	if strings.Contains(r.Path, "{") {
		list = append(list, http.StatusNotFound)
	}
	if r.Body != nil {
		list = append(list, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if r.IfMatch {
		list = append(list, http.StatusPreconditionRequired, http.StatusPreconditionFailed)
	}
	if r.Method != http.MethodGet {
		list = append(list, http.StatusConflict)
		if !r.Public {
			list = append(list, http.StatusLocked)
		}
	}
	list = append(list, r.Problems...)
	slices.Sort(list)
	return slices.Compact(list)
}
