// Package apitest is a client for tests that holds every answer against the OpenAPI
// document: an answer that the document does not describe fails the test, whatever the
// test itself was about. It reads the document with another library than the one that
// wrote it. Imported by tests only.
package apitest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"github.com/chenu/chenu/server/problem"
)

// Client sends requests to a handler and checks the answers. Safe for concurrent use by
// the test's own goroutines, with Serve and Do.
type Client struct {
	t        testing.TB
	handler  http.Handler
	contract *contract
	header   http.Header
}

// New returns a client for the handler that serves the API of the document. The document
// itself must be valid OpenAPI.
func New(t testing.TB, handler http.Handler, document []byte) *Client {
	t.Helper()
	c, err := contractOf(document)
	if err != nil {
		t.Fatalf("the OpenAPI document: %v", err)
	}
	return &Client{t: t, handler: handler, contract: c, header: http.Header{}}
}

// With returns a client that also sends a header with every request.
func (c *Client) With(name, value string) *Client {
	out := *c
	out.header = c.header.Clone()
	out.header.Set(name, value)
	return &out
}

// As returns a client that sends an access token.
func (c *Client) As(token string) *Client { return c.With("Authorization", "Bearer "+token) }

// For returns the same client for a subtest.
func (c *Client) For(t testing.TB) *Client {
	out := *c
	out.t = t
	return &out
}

// Do sends a request. A body that is a string or []byte is sent as it is; another one that
// is not nil is sent as JSON. header are names and values by turns; an empty value leaves
// the header out.
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
	for name, values := range c.header {
		r.Header[name] = values
	}
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

// Patch sends a merge patch to the version of the resource that the ETag names.
func (c *Client) Patch(target, etag string, body any, header ...string) *Response {
	c.t.Helper()
	return c.Do(http.MethodPatch, target, body, append([]string{"If-Match", etag, "Content-Type", "application/merge-patch+json"}, header...)...)
}

// Delete sends a DELETE of the version of the resource that the ETag names.
func (c *Client) Delete(target, etag string, header ...string) *Response {
	c.t.Helper()
	return c.Do(http.MethodDelete, target, nil, append([]string{"If-Match", etag}, header...)...)
}

// Serve sends the request as it is and checks the answer.
func (c *Client) Serve(r *http.Request) *Response {
	c.t.Helper()
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	result := w.Result()
	body, err := io.ReadAll(result.Body)
	if err != nil {
		c.t.Fatalf("%s %s: read the answer: %v", r.Method, r.URL.Path, err)
	}
	response := &Response{t: c.t, request: r.Method + " " + r.URL.String(), Status: result.StatusCode, Header: result.Header, Body: body}
	c.contract.check(c.t, r, response)
	return response
}

// Response is an answer that the document describes.
type Response struct {
	t       testing.TB
	request string
	Status  int
	Header  http.Header
	Body    []byte
}

// Want fails the test at once unless the answer has the status. It returns r.
func (r *Response) Want(status int) *Response {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("%s: status %d, want %d: %s", r.request, r.Status, status, r.Body)
	}
	return r
}

// WantProblem fails the test at once unless the answer is a problem with the status and
// code. It returns the problem.
func (r *Response) WantProblem(status int, code string) *problem.Problem {
	r.t.Helper()
	r.Want(status)
	p := &problem.Problem{}
	r.JSON(p)
	if p.Code != code {
		r.t.Fatalf("%s: code %q, want %q: %s", r.request, p.Code, code, r.Body)
	}
	return p
}

// JSON decodes the body into v.
func (r *Response) JSON(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		r.t.Fatalf("%s: decode the answer: %v: %s", r.request, err, r.Body)
	}
}

// Object decodes the body as a JSON object.
func (r *Response) Object() map[string]any {
	r.t.Helper()
	var object map[string]any
	r.JSON(&object)
	return object
}

// ETag is the answer's entity tag.
func (r *Response) ETag() string { return r.Header.Get("ETag") }

// contract is a document that was read.
type contract struct {
	validator validator.Validator
	paths     map[string]map[string]json.RawMessage
}

var (
	contractsMutex sync.Mutex
	contracts      = map[[sha256.Size]byte]*contract{}
)

// contractOf reads a document; the same one only once in a process, because that takes
// some tenths of a second.
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

func read(document []byte) (*contract, error) {
	doc, err := libopenapi.NewDocument(document)
	if err != nil {
		return nil, err
	}
	// Strict: a field that the document does not mention is an error, although clients
	// are told that answers may grow.
	v, errs := validator.NewValidator(doc, config.WithFormatAssertions(), config.WithStrictMode(),
		config.WithoutSecurityValidation(), config.WithStrictIgnoredHeadersExtra(everywhere...))
	if len(errs) > 0 {
		return nil, errs[0]
	}
	if ok, errs := v.ValidateDocument(); !ok {
		return nil, errs[0]
	}
	c := &contract{validator: v}
	return c, json.Unmarshal(document, &struct {
		Paths *map[string]map[string]json.RawMessage `json:"paths"`
	}{&c.paths})
}

// everywhere are headers of HTTP itself that any answer may have.
var everywhere = []string{
	"Allow", "Cache-Control", "Content-Length", "Content-Security-Policy", "Content-Type", "Date",
	"Referrer-Policy", "Vary", "X-Content-Type-Options",
}

// check fails the test when the answer is not one that the document describes.
func (c *contract) check(t testing.TB, r *http.Request, response *Response) {
	t.Helper()
	fail := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: status %d: "+format+"\n%s", append(append([]any{response.request, response.Status}, args...), response.Body)...)
	}
	if _, err := uuid.Parse(response.Header.Get("Request-Id")); err != nil {
		fail("the answer has no Request-Id")
	}
	if response.Status >= http.StatusBadRequest && r.Method != http.MethodHead {
		if message := problemMistake(response); message != "" && response.Header.Get("Content-Type") != "application/json" {
			fail("%s", message)
		}
	}
	described := c.describes(r)
	if !described {
		if response.Status < http.StatusBadRequest {
			fail("the document does not describe this path and method")
		}
		return
	}
	request, method := r, r.Method
	if method == http.MethodHead { // described by its GET
		request = r.Clone(r.Context())
		request.Method = http.MethodGet
		return
	}
	answer := &http.Response{StatusCode: response.Status, Header: response.Header, Body: io.NopCloser(bytes.NewReader(response.Body)), Request: request}
	if ok, errs := c.validator.ValidateHttpResponse(request, answer); !ok {
		for _, err := range errs {
			fail("the answer is not as the document says: %s: %s", err.Message, err.Reason)
			for _, detail := range err.SchemaValidationErrors {
				t.Logf("at %s: %s", detail.FieldPath, detail.Reason)
			}
		}
	}
}

// describes tells whether the document has the request's path and method.
func (c *contract) describes(r *http.Request) bool {
	method := strings.ToLower(r.Method)
	if r.Method == http.MethodHead {
		method = "get"
	}
	segments := strings.Split(r.URL.Path, "/")
	for path, methods := range c.paths {
		if _, ok := methods[method]; ok && matches(strings.Split(path, "/"), segments) {
			return true
		}
	}
	return false
}

func matches(pattern, segments []string) bool {
	if len(pattern) != len(segments) {
		return false
	}
	for i, p := range pattern {
		if p != segments[i] && (!strings.HasPrefix(p, "{") || segments[i] == "") {
			return false
		}
	}
	return true
}

// problemMistake says what is wrong with an error's form; empty when nothing is.
func problemMistake(r *Response) string {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != problem.ContentType {
		return "the error is no problem document"
	}
	var p problem.Problem
	if err := json.Unmarshal(r.Body, &p); err != nil {
		return "the problem can't be read"
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

// internals are words that only the database and its driver say.
var internals = []string{"SQLSTATE", "pgx", "pq:", "ent:", "_fkey", "_pkey", "_key\"", "SELECT ", "INSERT ", "row-level security", "relation ", "goroutine "}
