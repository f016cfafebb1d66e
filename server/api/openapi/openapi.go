// Package openapi describes operations: it converts Go types to JSON schemas, and a list of operations to an OpenAPI
// document. It does not depend on how requests are served.
package openapi

import (
	"bytes"
	stdjson "encoding/json"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/server/problem"
)

// The document as OpenAPI 3.1.1 defines it, with the fields that the service uses, in the order
// in which they are written.
type (
	// Document is an OpenAPI document.
	Document struct {
		OpenAPI      string                           `json:"openapi"`
		Info         Info                             `json:"info"`
		Servers      []Server                         `json:"servers"`
		Security     []Security                       `json:"security"`
		Tags         []Tag                            `json:"tags"`
		ExternalDocs ExternalDocs                     `json:"externalDocs"`
		Paths        map[string]map[string]*Operation `json:"paths"`
		Components   Components                       `json:"components"`
	}
	// ExternalDocs links to other documentation.
	ExternalDocs struct {
		Description string `json:"description"`
		URL         string `json:"url"`
	}
	// Info names the API.
	Info struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description,omitempty"`
	}
	// Server is a URL of the API, relative to the document.
	Server struct {
		URL string `json:"url"`
	}
	// Security lists the accepted security schemes by name.
	Security map[string][]string
	// Tag describes a group of operations.
	Tag struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
	}
	// Components has the objects that others refer to.
	Components struct {
		Schemas         jsonschema.Definitions     `json:"schemas"`
		Responses       map[string]*Response       `json:"responses"`
		Parameters      map[string]*Parameter      `json:"parameters"`
		Headers         map[string]*Header         `json:"headers"`
		SecuritySchemes map[string]*SecurityScheme `json:"securitySchemes"`
	}
	// Operation is one method on one path.
	Operation struct {
		ID          string               `json:"operationId"`
		Tags        []string             `json:"tags"`
		Summary     string               `json:"summary"`
		Description string               `json:"description,omitempty"`
		Parameters  []*Parameter         `json:"parameters,omitempty"`
		RequestBody *RequestBody         `json:"requestBody,omitempty"`
		Responses   map[string]*Response `json:"responses"`
		Security    *[]Security          `json:"security,omitempty"`
	}
	// Parameter is a parameter of an operation, or a reference to one.
	Parameter struct {
		Ref         string             `json:"$ref,omitempty"`
		Name        string             `json:"name,omitempty"`
		In          string             `json:"in,omitempty"`
		Description string             `json:"description,omitempty"`
		Required    bool               `json:"required,omitempty"`
		Schema      *jsonschema.Schema `json:"schema,omitempty"`
	}
	// RequestBody is the body of a request by media type.
	RequestBody struct {
		Required bool              `json:"required,omitempty"`
		Content  map[string]*Media `json:"content"`
	}
	// Media describes the content of a body.
	Media struct {
		Schema  *jsonschema.Schema `json:"schema"`
		Example stdjson.RawMessage `json:"example,omitempty"`
	}
	// Response is a response of an operation, or a reference to one.
	Response struct {
		Ref         string             `json:"$ref,omitempty"`
		Description string             `json:"description,omitempty"`
		Headers     map[string]*Header `json:"headers,omitempty"`
		Content     map[string]*Media  `json:"content,omitempty"`
	}
	// Header is a header of a response, or a reference to one.
	Header struct {
		Ref         string             `json:"$ref,omitempty"`
		Description string             `json:"description,omitempty"`
		Schema      *jsonschema.Schema `json:"schema,omitempty"`
	}
	// SecurityScheme describes how a caller authenticates.
	SecurityScheme struct {
		Type         string `json:"type"`
		Scheme       string `json:"scheme"`
		BearerFormat string `json:"bearerFormat"`
		Description  string `json:"description"`
	}
)

const bearer = "bearer"

// Locations of a parameter.
const (
	InPath   = "path"
	InQuery  = "query"
	InHeader = "header"
)

// Headers that many operations have and that are not part of their inputs.
const (
	CheckpointHeader  = "Checkpoint"
	IdempotencyHeader = "Idempotency-Key"
	// CheckpointComponent and IdempotencyComponent are the names of the parameters of these headers in the components
	// of the document.
	CheckpointComponent  = "Checkpoint"
	IdempotencyComponent = "IdempotencyKey"
)

// maxIdempotencyKey is the maximum length of an Idempotency-Key, in characters.
const maxIdempotencyKey = 255

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

// headerDescriptions are the descriptions of response headers that no output declares.
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

// commonParameters are the parameters that operations have and that are not part of their inputs.
var commonParameters = map[string]*Parameter{
	"RequestId": {
		Name: problem.RequestIDHeader, In: InHeader, Description: "Id that the client assigns to the request, a UUID. Other values are ignored. Logs and the audit trail store it as `client_request_id`, and the response returns it as `Client-Request-Id`. The `Request-Id` header of the response is always assigned by the service.",
		Schema: &jsonschema.Schema{Type: "string"},
	},
	"Traceparent": {
		Name: "traceparent", In: InHeader, Description: "W3C Trace Context of the request. The audit trail stores it.",
		Schema: &jsonschema.Schema{Type: "string", Examples: []any{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
	},
	IdempotencyComponent: {
		Name: IdempotencyHeader, In: InHeader, Description: "Allows a safe repetition of the request: for 24 hours, a request of the same actor with the same key receives the first response again. Keys of different actors are independent.",
		Schema: &jsonschema.Schema{Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(maxIdempotencyKey))},
	},
	CheckpointComponent: {
		Name: CheckpointHeader, In: InHeader, Description: "Id of the approved checkpoint to use. Required if the write needs an approval.",
		Schema: &jsonschema.Schema{Type: "string", Format: "uuid"},
	},
	"IfNoneMatch": {
		Name: "If-None-Match", In: InHeader, Description: "ETags that the client has cached. If the current ETag is one of them, the response is 304. The whole ETag is compared.",
		Schema: &jsonschema.Schema{Type: "string", Examples: []any{`"v3"`}},
	},
}

// Write returns the document as JSON. The order is deterministic: members of structs in their order, members of maps
// by name. The text ends with a line feed.
func (d *Document) Write() ([]byte, error) {
	var b bytes.Buffer
	e := stdjson.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	data := jsontext.Value(b.Bytes())
	err := data.Format(jsontext.WithIndent("  "), jsontext.PreserveRawStrings(false))
	return append(data, '\n'), err
}

// headers returns references to the named headers, and adds the headers to the components.
func (d *Document) headers(names ...string) map[string]*Header {
	headers := map[string]*Header{}
	for _, name := range names {
		d.Components.Headers[name] = &Header{Description: headerDescriptions[name], Schema: &jsonschema.Schema{Type: "string"}}
		headers[name] = &Header{Ref: "#/components/headers/" + name}
	}
	return headers
}
