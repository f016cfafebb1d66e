// Package apitest is a client for tests that checks every response against the OpenAPI document. A response that the
// document does not describe fails the test, whatever the test itself checks. The package reads the document with
// another library than the one that wrote it. Only tests import the package.
package apitest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/chenu/chenu/server/problem"
)

// Client sends requests to a handler and checks the responses. Serve and Do may be called from several goroutines of
// the test.
type Client struct {
	t        testing.TB
	handler  http.Handler
	contract *contract
	header   http.Header
	token    func(testing.TB) string // returns the access token for a subtest; nil if all subtests use the same token
}

// New returns a client for the handler that serves the API of the document. It fails the test if the document is not
// valid OpenAPI.
func New(t testing.TB, handler http.Handler, document []byte) *Client {
	t.Helper()
	c, err := contractOf(document)
	if err != nil {
		t.Fatalf("the OpenAPI document: %v", err)
	}
	return &Client{t: t, handler: handler, contract: c, header: http.Header{}}
}

// With returns a client that also sends the header with every request.
func (c *Client) With(name, value string) *Client {
	out := *c
	out.header = c.header.Clone()
	out.header.Set(name, value)
	return &out
}

// Header returns the value of a header that the client sends with every request.
func (c *Client) Header(name string) string { return c.header.Get(name) }

// As returns a client that sends an access token.
func (c *Client) As(token string) *Client { return c.With("Authorization", "Bearer "+token) }

// AsRenewed returns a client that sends an access token from token, and a new access token in each subtest: a subtest
// that waits for others may start after the first token has expired.
func (c *Client) AsRenewed(token func(testing.TB) string) *Client {
	out := c.As(token(c.t))
	out.token = token
	return out
}

// For returns the same client for a subtest.
func (c *Client) For(t testing.TB) *Client {
	out := *c
	out.t = t
	if c.token != nil {
		return out.AsRenewed(c.token)
	}
	return &out
}

// Do sends a request. A body that is a string or []byte is sent unchanged; any other body that is not nil is sent as
// JSON. header is a list of alternating names and values; an empty value removes the header.
func (c *Client) Do(method, target string, body any, header ...string) *Response {
	c.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			c.t.Fatalf("%s %s: marshal the body: %v", method, target, err)
		}
		reader = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(c.t.Context(), method, target, reader)
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(r.Header, c.header)
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	return c.Serve(r)
}

// Get sends a GET.
func (c *Client) Get(target string, header ...string) *Response {
	c.t.Helper()
	return c.Do(http.MethodGet, target, nil, header...)
}

// Post sends a POST.
func (c *Client) Post(target string, body any, header ...string) *Response {
	c.t.Helper()
	return c.Do(http.MethodPost, target, body, header...)
}

// Patch sends a merge patch with the ETag in If-Match.
func (c *Client) Patch(target, etag string, body any, header ...string) *Response {
	c.t.Helper()
	return c.Do(http.MethodPatch, target, body, append([]string{"If-Match", etag, "Content-Type", "application/merge-patch+json"}, header...)...)
}

// Delete sends a DELETE with the ETag in If-Match.
func (c *Client) Delete(target, etag string, header ...string) *Response {
	c.t.Helper()
	return c.Do(http.MethodDelete, target, nil, append([]string{"If-Match", etag}, header...)...)
}

// Serve sends the request unchanged and checks the response.
func (c *Client) Serve(r *http.Request) *Response {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	result := w.Result()
	body, err := io.ReadAll(result.Body)
	if err != nil {
		c.t.Fatalf("%s %s: read the response: %v", r.Method, r.URL.Path, err)
	}
	response := &Response{t: c.t, request: r.Method + " " + r.URL.String(), Status: result.StatusCode, Header: result.Header, Body: body}
	c.contract.check(c.t, r, response)
	return response
}

// Response is a response that was checked against the document.
type Response struct {
	t       testing.TB
	request string
	Status  int
	Header  http.Header
	Body    []byte
}

// Want stops the test unless the response has the status. It returns r.
func (r *Response) Want(status int) *Response {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("%s: status %d, want %d: %s", r.request, r.Status, status, r.Body)
	}
	return r
}

// WantProblem stops the test unless the response is a problem with the status and code. It returns the problem.
func (r *Response) WantProblem(status int, code string) problem.Problem {
	r.t.Helper()
	r.Want(status)
	var p problem.Problem
	r.JSON(&p)
	if p.Code != code {
		r.t.Fatalf("%s: code %q, want %q: %s", r.request, p.Code, code, r.Body)
	}
	return p
}

// JSON decodes the body into v.
func (r *Response) JSON(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		r.t.Fatalf("%s: decode the response: %v: %s", r.request, err, r.Body)
	}
}

// Object decodes the body as a JSON object.
func (r *Response) Object() map[string]any {
	r.t.Helper()
	var object map[string]any
	r.JSON(&object)
	return object
}

// ETag returns the entity tag of the response.
func (r *Response) ETag() string { return r.Header.Get("ETag") }

// contract is a parsed OpenAPI document.
type contract struct {
	document *openapi3.T
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	schemas  map[string]*jsonschema.Schema
}

var (
	contractsMutex sync.Mutex
	contracts      = map[[sha256.Size]byte]*contract{}
)

// contractOf parses a document. It caches the result, so that a process parses each document once.
func contractOf(document []byte) (*contract, error) {
	contractsMutex.Lock()
	defer contractsMutex.Unlock()
	sum := sha256.Sum256(document)
	if c, ok := contracts[sum]; ok {
		return c, nil
	}
	c, err := read(document)
	if err == nil {
		contracts[sum] = c
	}
	return c, err
}

// documentURL is the URL of the document for the schema compiler. It is never fetched.
const documentURL = "chenu:///openapi.json"

func read(document []byte) (*contract, error) {
	c := &contract{compiler: jsonschema.NewCompiler(), schemas: map[string]*jsonschema.Schema{}}
	loader := openapi3.NewLoader()
	var err error
	if c.document, err = loader.LoadFromData(document); err != nil {
		return nil, err
	}
	if err = c.document.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		return nil, err
	}
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	object, _ := tree.(map[string]any)
	components, _ := object["components"].(map[string]any)
	closeSchemas(components["schemas"])
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	return c, c.compiler.AddResource(documentURL, tree)
}

// closeSchemas forbids additional properties in every object with properties. Clients must accept new fields in
// responses, but in a test a field that the document does not describe is an error.
func closeSchemas(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeSchemas(inner)
		}
	case []any:
		for _, inner := range v {
			closeSchemas(inner)
		}
	}
}

// schema compiles the schema at a JSON pointer of the document. Results are cached.
func (c *contract) schema(tokens ...string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pointer := problem.Pointer(tokens...)
	if s, ok := c.schemas[pointer]; ok {
		return s, nil
	}
	s, err := c.compiler.Compile(documentURL + "#" + (&url.URL{Path: pointer}).EscapedPath())
	if err == nil {
		c.schemas[pointer] = s
	}
	return s, err
}

// everywhere lists the headers that any response may have without being described.
var everywhere = []string{
	"Cache-Control", "Content-Length", "Content-Security-Policy", "Content-Type", "Date",
	"Referrer-Policy", "Vary", "X-Content-Type-Options",
}

// check fails the test if the document does not describe the response.
func (c *contract) check(t testing.TB, r *http.Request, response *Response) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: status %d: %s\n%s", response.request, response.Status, fmt.Sprintf(format, args...), response.Body)
	}
	if _, err := uuid.Parse(response.Header.Get("Request-Id")); err != nil {
		fail("the response has no Request-Id")
	}
	path, op := c.find(r)
	if op == nil && response.Status < http.StatusBadRequest {
		fail("the document does not describe this path and method")
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if media == problem.ContentType || op == nil {
		if mistake := problemMistake(r, response); mistake != "" {
			fail("%s", mistake)
		}
	}
	if op == nil {
		return
	}
	status := strconv.Itoa(response.Status)
	declared := op.Responses.Value(status)
	if declared == nil {
		fail("the document does not describe this status")
		return
	}
	for name := range response.Header {
		if !slices.Contains(everywhere, name) && !slices.ContainsFunc(slices.Collect(maps.Keys(declared.Value.Headers)), func(h string) bool {
			return http.CanonicalHeaderKey(h) == name
		}) {
			fail("the document does not describe the header %s", name)
		}
	}
	if r.Method == http.MethodHead {
		return // There is no body to check.
	}
	if len(declared.Value.Content) == 0 {
		if len(response.Body) > 0 {
			fail("the document describes no body")
		}
		return
	}
	content := response.Header.Get("Content-Type")
	if declared.Value.Content[content] == nil {
		fail("the document does not describe the media type %q", content)
		return
	}
	if media != "application/json" && !strings.HasSuffix(media, "+json") {
		return
	}
	at := []string{"paths", path, strings.ToLower(op.method), "responses", status}
	if name, ok := strings.CutPrefix(declared.Ref, "#/components/responses/"); ok {
		at = []string{"components", "responses", name}
	}
	schema, err := c.schema(append(at, "content", content, "schema")...)
	if err != nil {
		fail("the schema cannot be compiled: %v", err)
		return
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(response.Body))
	if err == nil {
		err = schema.Validate(body)
	}
	if err != nil {
		fail("the response does not match the document: %v", err)
	}
}

// operation is an operation with its method.
type operation struct {
	*openapi3.Operation
	method string
}

// find returns the path and operation of the request, and nil if the document has none. A HEAD has the operation of
// its GET. A literal path has precedence over one with parameters.
func (c *contract) find(r *http.Request) (string, *operation) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	segments := strings.Split(r.URL.Path, "/")
	var at string
	var found *operation
	literal := -1
	for path, item := range c.document.Paths.Map() {
		op := item.Operations()[method]
		if n := matches(strings.Split(path, "/"), segments); op != nil && n > literal {
			at, found, literal = path, &operation{op, method}, n
		}
	}
	return at, found
}

// matches returns the number of segments that are literally equal, or -1 if the path does not match the pattern.
func matches(pattern, segments []string) int {
	if len(pattern) != len(segments) {
		return -1
	}
	same := 0
	for i, p := range pattern {
		switch {
		case p == segments[i]:
			same++
		case !strings.HasPrefix(p, "{") || segments[i] == "":
			return -1
		}
	}
	return same
}

// problemMistake returns what is wrong with the form of an error response, or "" if it is correct.
func problemMistake(request *http.Request, r *Response) string {
	if r.Header.Get("Content-Type") != problem.ContentType {
		return "the error is not a problem document"
	}
	if request.Method == http.MethodHead {
		return ""
	}
	var p problem.Problem
	if err := json.Unmarshal(r.Body, &p); err != nil {
		return "the problem cannot be parsed"
	}
	switch {
	case p.Status != r.Status:
		return "the problem has another status"
	case p.RequestID != r.Header.Get("Request-Id"):
		return "the problem has another request_id"
	case p.Code == "" || p.Title == "" || p.Type == "":
		return "the problem has no code, title or type"
	case p.Status == http.StatusUnauthorized && r.Header.Get("WWW-Authenticate") == "":
		return "the 401 has no WWW-Authenticate"
	}
	for _, word := range internals {
		if strings.Contains(string(r.Body), word) {
			return "the problem shows internals: " + word
		}
	}
	return ""
}

// internals are texts that only messages of the database and its driver contain.
var internals = []string{"SQLSTATE", "pgx", "pq:", "ent: ", "_fkey", "_pkey", `_key\"`, "SELECT ", "INSERT ", "row-level security", "relation ", "goroutine "}

// Log is a writer that stores what is written to it. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns everything that was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
