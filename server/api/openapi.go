package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/server/problem"
)

// The document as OpenAPI 3.1.1 defines it, in the order in which it is written. Only what
// we use of it.
type (
	document struct {
		OpenAPI      string                              `json:"openapi"`
		Info         info                                `json:"info"`
		Servers      []server                            `json:"servers"`
		Security     []security                          `json:"security"`
		Tags         []tagObject                         `json:"tags"`
		ExternalDocs externalDocs                        `json:"externalDocs"`
		Paths        map[string]map[string]*operationDoc `json:"paths"`
		Components   components                          `json:"components"`
	}
	externalDocs struct {
		Description string `json:"description"`
		URL         string `json:"url"`
	}
	info struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description,omitempty"`
	}
	server struct {
		URL string `json:"url"`
	}
	security  map[string][]string
	tagObject struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
	}
	components struct {
		Schemas         jsonschema.Definitions     `json:"schemas"`
		Responses       map[string]*responseDoc    `json:"responses"`
		Parameters      map[string]*parameterDoc   `json:"parameters"`
		Headers         map[string]*headerDoc      `json:"headers"`
		SecuritySchemes map[string]*securityScheme `json:"securitySchemes"`
	}
	operationDoc struct {
		ID          string                  `json:"operationId"`
		Tags        []string                `json:"tags"`
		Summary     string                  `json:"summary"`
		Description string                  `json:"description,omitempty"`
		Parameters  []*parameterDoc         `json:"parameters,omitempty"`
		RequestBody *bodyDoc                `json:"requestBody,omitempty"`
		Responses   map[string]*responseDoc `json:"responses"`
		Security    *[]security             `json:"security,omitempty"`
	}
	parameterDoc struct {
		Ref         string             `json:"$ref,omitempty"`
		Name        string             `json:"name,omitempty"`
		In          string             `json:"in,omitempty"`
		Description string             `json:"description,omitempty"`
		Required    bool               `json:"required,omitempty"`
		Schema      *jsonschema.Schema `json:"schema,omitempty"`
	}
	bodyDoc struct {
		Required bool                 `json:"required,omitempty"`
		Content  map[string]*mediaDoc `json:"content"`
	}
	mediaDoc struct {
		Schema  *jsonschema.Schema `json:"schema"`
		Example stdjson.RawMessage `json:"example,omitempty"`
	}
	responseDoc struct {
		Ref         string                `json:"$ref,omitempty"`
		Description string                `json:"description,omitempty"`
		Headers     map[string]*headerDoc `json:"headers,omitempty"`
		Content     map[string]*mediaDoc  `json:"content,omitempty"`
	}
	headerDoc struct {
		Ref         string             `json:"$ref,omitempty"`
		Description string             `json:"description,omitempty"`
		Schema      *jsonschema.Schema `json:"schema,omitempty"`
	}
	securityScheme struct {
		Type         string `json:"type"`
		Scheme       string `json:"scheme"`
		BearerFormat string `json:"bearerFormat"`
		Description  string `json:"description"`
	}
)

const bearer = "bearer"

// refusals are the error responses of operations by status: their descriptions and headers.
var refusals = map[int]struct {
	description string
	headers     []string
}{
	http.StatusBadRequest:                  {"The request is malformed or has unknown parameters.", []string{"WWW-Authenticate"}},
	http.StatusUnauthorized:                {"The access token is missing or invalid.", []string{"WWW-Authenticate"}},
	http.StatusForbidden:                   {"The caller is not allowed to call the operation.", []string{"WWW-Authenticate"}},
	http.StatusNotFound:                    {"The resource does not exist or belongs to another identity.", nil},
	http.StatusMethodNotAllowed:            {"The path does not support this method.", []string{"Allow"}},
	http.StatusConflict:                    {"The request conflicts with the current state of the resource.", []string{"Retry-After"}},
	http.StatusPreconditionFailed:          {"The resource has changed since the version in If-Match.", []string{"ETag"}},
	http.StatusRequestEntityTooLarge:       {"The request body is too large.", nil},
	http.StatusUnsupportedMediaType:        {"The request body has an unsupported media type or is compressed.", []string{"Accept", "Accept-Patch"}},
	http.StatusUnprocessableEntity:         {"The request has invalid values, which are listed in `errors`.", nil},
	http.StatusLocked:                      {"The write needs the approval of a human. `checkpoint` is the pending request for it.", nil},
	http.StatusPreconditionRequired:        {"The If-Match header is missing.", nil},
	http.StatusTooManyRequests:             {"The caller exceeded a rate limit.", []string{"Retry-After"}},
	http.StatusInternalServerError:         {"An internal error occurred. The service logs it with the request id.", nil},
	http.StatusServiceUnavailable:          {"The service cannot reach its database.", []string{"Retry-After"}},
	http.StatusGatewayTimeout:              {"The request timed out. It may have taken effect: repeat it with the same Idempotency-Key to find out.", nil},
	http.StatusRequestHeaderFieldsTooLarge: {"The request headers are too large.", nil},
}

// headerDescriptions describe the response headers that no output declares.
var headerDescriptions = map[string]string{
	"Request-Id":          "Id that the service assigned to the request. Logs and the audit trail contain it.",
	"Client-Request-Id":   "Request-Id header of the request, if it was a UUID.",
	"WWW-Authenticate":    "Required authentication scheme (RFC 6750).",
	"Location":            "Path of the created resource.",
	"Cache-Control":       "Caching directives of the response (RFC 9111).",
	"Allow":               "Methods that the path supports.",
	"Retry-After":         "Number of seconds to wait before the next attempt.",
	"ETag":                "Entity tag of the response: the version of the resource, and a hash of its computed fields if it has any.",
	"Accept":              "Media types that the operation accepts.",
	"Accept-Patch":        "Media types that a PATCH accepts (RFC 5789).",
	"RateLimit":           "Remaining quota of the rate limits (draft-ietf-httpapi-ratelimit-headers).",
	"RateLimit-Policy":    "Rate limits of the operation (draft-ietf-httpapi-ratelimit-headers).",
	"Idempotent-Replayed": "`true` if the response is that of an earlier request with the same Idempotency-Key.",
}

// Parameters that the machinery reads for operations.
var commonParameters = map[string]*parameterDoc{
	"RequestId": {
		Name: problem.RequestIDHeader, In: inHeader, Description: "Id that the client assigns to the request, a UUID. Other values are ignored. Logs and the audit trail store it as `client_request_id`, and the response returns it as `Client-Request-Id`. The `Request-Id` header of the response is always assigned by the service.",
		Schema: &jsonschema.Schema{Type: "string"},
	},
	"Traceparent": {
		Name: "traceparent", In: inHeader, Description: "W3C Trace Context of the request. The audit trail stores it.",
		Schema: &jsonschema.Schema{Type: "string", Examples: []any{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
	},
	"IdempotencyKey": {
		Name: idempotencyHeader, In: inHeader, Description: "Allows a safe repetition of the request: for 24 hours, a request of the same actor with the same key receives the first response again. Keys of different actors are independent.",
		Schema: &jsonschema.Schema{Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(maxIdempotencyKey))},
	},
	"Checkpoint": {
		Name: checkpointHeader, In: inHeader, Description: "Id of the approved checkpoint to use. Required if the write needs an approval.",
		Schema: &jsonschema.Schema{Type: "string", Format: "uuid"},
	},
	"IfNoneMatch": {
		Name: "If-None-Match", In: inHeader, Description: "ETags that the client has cached. If the current ETag is one of them, the response is 304. The whole ETag is compared.",
		Schema: &jsonschema.Schema{Type: "string", Examples: []any{`"v3"`}},
	},
}

// complete makes the document and compiles every operation's validators from it.
func (a *API) complete() (*document, error) {
	doc := a.describe()
	data, err := writeDocument(doc)
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	if a.schemas.err != nil {
		return nil, a.schemas.err
	}
	a.document = data
	compiler, err := newCompiler(data)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	for _, o := range a.operations {
		in := o.in
		for i, p := range in.parameters {
			pointer := problem.Pointer("paths", o.Path, strings.ToLower(o.Method), "parameters", strconv.Itoa(i), "schema")
			if p.validator, err = compile(compiler, pointer); err != nil {
				return nil, fmt.Errorf("operation %s: parameter %s: %w", o.ID, p.name, err)
			}
		}
		for _, body := range []struct {
			schema    *jsonschema.Schema
			validator **validator
		}{{in.bodySchema, &in.body}, {in.patchTarget, &in.patched}} {
			if body.schema == nil {
				continue
			}
			if *body.validator, err = compile(compiler, strings.TrimPrefix(body.schema.Ref, "#")); err != nil {
				return nil, fmt.Errorf("operation %s: body: %w", o.ID, err)
			}
		}
	}
	return doc, nil
}

// writeDocument writes the document the same way every time: members of structs in their
// order, of maps by name.
func writeDocument(doc *document) ([]byte, error) {
	var b bytes.Buffer
	e := stdjson.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(doc); err != nil {
		return nil, err
	}
	data := jsontext.Value(b.Bytes())
	err := data.Format(jsontext.WithIndent("  "), jsontext.PreserveRawStrings(false))
	return append(data, '\n'), err
}

func (a *API) describe() *document {
	a.documentRoutes()
	problemSchema := a.schemas.of(reflect.TypeFor[problem.Problem]())
	doc := &document{
		OpenAPI:  "3.1.1",
		Info:     info{Title: a.config.Title, Version: a.config.Version, Description: a.config.Description},
		Servers:  []server{{URL: "/"}},
		Security: []security{{bearer: {}}},
		// Relative to the document, so that it holds wherever the service runs.
		ExternalDocs: externalDocs{Description: "Every error code, with its cause and remedy.", URL: "/docs#problems"},
		Paths:        map[string]map[string]*operationDoc{},
		Components: components{
			Responses:  map[string]*responseDoc{},
			Parameters: map[string]*parameterDoc{},
			Headers:    map[string]*headerDoc{},
			SecuritySchemes: map[string]*securityScheme{bearer: {
				Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "Access token, issued by `POST /v1/auth/login`. Agents use `POST /v1/auth/agent-token`.",
			}},
		},
	}
	if doc.Info.Title == "" {
		doc.Info.Title = "CHE·NU"
	}
	if doc.Info.Version == "" {
		doc.Info.Version = "0"
	}
	var inputs []*jsonschema.Schema
	for _, o := range a.operations {
		if o.in.bodySchema != nil {
			inputs = append(inputs, o.in.bodySchema)
		}
		if o.in.patchTarget != nil {
			inputs = append(inputs, o.in.patchTarget)
		}
		path := doc.Paths[o.Path]
		if path == nil {
			path = map[string]*operationDoc{}
			doc.Paths[o.Path] = path
		}
		path[strings.ToLower(o.Method)] = a.describeOperation(doc, o, problemSchema)
		if tag := (tagObject{o.Tag, a.config.Tags[o.Tag]}); !slices.Contains(doc.Tags, tag) {
			doc.Tags = append(doc.Tags, tag)
		}
	}
	// Clients send what is known and nothing else; answers may grow fields.
	closed := a.schemas.reachable(inputs...)
	for name, schema := range a.schemas.components {
		if !closed[name] && schema.AdditionalProperties == jsonschema.FalseSchema {
			schema.AdditionalProperties = nil
		}
	}
	doc.Components.Schemas = a.schemas.components
	return doc
}

func (a *API) describeOperation(doc *document, o *operation, problemSchema *jsonschema.Schema) *operationDoc {
	d := &operationDoc{
		ID: o.ID, Tags: []string{o.Tag}, Summary: o.Summary, Description: o.Description,
		Responses: map[string]*responseDoc{},
	}
	if o.public {
		d.Security = &[]security{}
	}
	// The operation's own parameters come first: the validators find them by place.
	for _, p := range o.in.parameters {
		d.Parameters = append(d.Parameters, &parameterDoc{Name: p.name, In: p.in, Description: p.description, Required: p.required, Schema: p.schema})
	}
	common := func(name string) {
		doc.Components.Parameters[name] = commonParameters[name]
		d.Parameters = append(d.Parameters, &parameterDoc{Ref: "#/components/parameters/" + name})
	}
	tagged := slices.ContainsFunc(o.out.headers, func(h outputHeader) bool { return h.name == "Etag" })
	if tagged && o.Method == http.MethodGet {
		common("IfNoneMatch")
	}
	if o.idempotent() {
		common("IdempotencyKey")
	}
	if !o.public && !o.readOnly() {
		common("Checkpoint")
	}
	common("RequestId")
	common("Traceparent")
	if o.in.bodySchema != nil {
		d.RequestBody = &bodyDoc{Required: !o.in.bodyOptional, Content: map[string]*mediaDoc{}}
		example, _ := a.schemas.example(o.in.bodySchema, 0)
		for _, media := range o.in.mediaTypes() {
			d.RequestBody.Content[media] = &mediaDoc{Schema: o.in.bodySchema, Example: example}
		}
	}
	for _, status := range append([]int{o.Status}, o.OtherStatuses...) {
		d.Responses[strconv.Itoa(status)] = a.describeAnswer(doc, o, status)
	}
	if tagged && o.Method == http.MethodGet {
		d.Responses["304"] = &responseDoc{Description: "The resource has not changed since the given ETag.", Headers: doc.headers(append(o.everyHeader(), "ETag")...)}
	}
	for _, status := range o.refusals() {
		name := strings.ReplaceAll(http.StatusText(status), " ", "")
		if d.Responses[strconv.Itoa(status)] != nil {
			continue
		}
		if doc.Components.Responses[name] == nil {
			r := refusals[status]
			doc.Components.Responses[name] = &responseDoc{
				Description: r.description,
				Headers:     doc.headers(append([]string{"Request-Id", "Client-Request-Id", "RateLimit", "RateLimit-Policy"}, r.headers...)...),
				Content:     map[string]*mediaDoc{problem.ContentType: {Schema: problemSchema}},
			}
		}
		d.Responses[strconv.Itoa(status)] = &responseDoc{Ref: "#/components/responses/" + name}
	}
	return d
}

// headers refers to the named headers, and puts them into the components.
func (doc *document) headers(names ...string) map[string]*headerDoc {
	headers := map[string]*headerDoc{}
	for _, name := range names {
		doc.Components.Headers[name] = &headerDoc{Description: headerDescriptions[name], Schema: &jsonschema.Schema{Type: "string"}}
		headers[name] = &headerDoc{Ref: "#/components/headers/" + name}
	}
	return headers
}

func (a *API) describeAnswer(doc *document, o *operation, status int) *responseDoc {
	r := &responseDoc{Description: o.responseText(status), Headers: doc.headers(o.everyHeader()...)}
	for _, h := range o.out.headers {
		name := h.name
		if name == "Etag" {
			name = "ETag" // As RFC 9110 writes it.
		}
		description := h.description
		if description == "" {
			description = headerDescriptions[name]
		}
		r.Headers[name] = &headerDoc{Description: description, Schema: h.schema}
	}
	if o.idempotent() {
		r.Headers["Idempotent-Replayed"] = doc.headers("Idempotent-Replayed")["Idempotent-Replayed"]
	}
	if o.out.bodySchema != nil && status != http.StatusNoContent {
		media := &mediaDoc{Schema: o.out.bodySchema}
		if status == o.Status && o.ContentType == "application/json" && o.out.bodyIndex != nil {
			media.Example, _ = a.schemas.example(o.out.bodySchema, 0)
		}
		r.Content = map[string]*mediaDoc{o.ContentType: media}
		if o.out.raw {
			r.Content = map[string]*mediaDoc{}
			for _, m := range o.out.media {
				r.Content[m.name] = &mediaDoc{Schema: m.schema}
			}
		}
	}
	return r
}

// responseTexts describe the successful responses of operations that do not describe their own.
var responseTexts = map[int]string{
	http.StatusOK:        "The request succeeded.",
	http.StatusCreated:   "The resource was created.",
	http.StatusAccepted:  "The request was accepted.",
	http.StatusNoContent: "The request succeeded. The response has no body.",
}

func (o *operation) responseText(status int) string {
	return cmp.Or(o.Responses[status], responseTexts[status], http.StatusText(status))
}

// everyHeader are the headers that every answer of the operation may have.
func (o *operation) everyHeader() []string {
	if o.limited() {
		return []string{"Request-Id", "Client-Request-Id", "RateLimit", "RateLimit-Policy"}
	}
	return []string{"Request-Id", "Client-Request-Id"}
}

// refusals are the statuses of errors that follow from the operation's form, and its own.
func (o *operation) refusals() []int {
	list := []int{http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	if !o.public {
		list = append(list, http.StatusUnauthorized, http.StatusForbidden)
	}
	if o.limited() {
		list = append(list, http.StatusTooManyRequests)
	}
	if len(o.in.parameters) > 0 || o.in.bodySchema != nil || !o.readOnly() && !o.public {
		list = append(list, http.StatusUnprocessableEntity)
	}
	if strings.Contains(o.Path, "{") {
		list = append(list, http.StatusNotFound)
	}
	if o.in.bodySchema != nil {
		list = append(list, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if o.in.ifMatch {
		list = append(list, http.StatusPreconditionRequired, http.StatusPreconditionFailed)
	}
	if o.Method != http.MethodGet {
		list = append(list, http.StatusConflict)
		if !o.public {
			list = append(list, http.StatusLocked)
		}
	}
	list = append(list, o.Problems...)
	slices.Sort(list)
	return slices.Compact(list)
}

var ginParameter = regexp.MustCompile(`:([^/]+)`)

func openapiPath(path string) string { return ginParameter.ReplaceAllString(path, "{$1}") }

// documentRoutes adds the operations that show the API itself to the document. Their
// routes are added by serveDocument.
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
		o.public, o.api, o.in = true, a, &input{query: map[string]*parameter{}}
		a.operations = append(a.operations, o)
	}
}

// serveDocument adds the routes of the document and its page.
func (a *API) serveDocument(doc *document) error {
	page, err := renderDocs(doc)
	if err != nil {
		return fmt.Errorf("render the documentation: %w", err)
	}
	a.serveFile("get-openapi", a.document, "")
	a.serveFile("get-docs", page, docsPolicy)
	a.serveFile("get-docs-style", docsStyle, "")
	return nil
}

// serveFile serves bytes that stay the same while the process runs.
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
		if _, err := o.in.bindParameters(c, v); err != nil {
			problem.Write(c, err)
			return
		}
		o.write(c, r)
	})
}
