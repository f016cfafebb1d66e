// Package problem implements the errors that clients receive: RFC 9457 problem documents. Only this package maps
// errors to HTTP statuses, and it ensures that no internals (SQL, names of tables and constraints, texts of the
// driver) are sent to clients.
package problem

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

// ContentType is the media type of every error (RFC 9457 section 3).
const ContentType = "application/problem+json"

// RequestIDHeader is the header with the request's id. In a response the service generated the id, in a request the
// client did.
const RequestIDHeader = "Request-Id"

// typePrefix followed by the code is the type of a problem. It is a URN, because the code contains all the
// information and clients need not resolve the type (RFC 9457 section 3.1.1).
const typePrefix = "urn:chenu:problem:"

// Problem is an error that a client receives. It implements error, so any layer can return one. Type and Title are
// derived from Code.
type Problem struct {
	Type   string `json:"type"             jsonschema:"format=uri,example=urn:chenu:problem:not_found" jsonschema_description:"URN of the problem type: urn:chenu:problem: followed by the code."`
	Title  string `json:"title"            jsonschema:"example=Not found"                              jsonschema_description:"Short title of the problem type. The same for every occurrence."`
	Status int    `json:"status"           jsonschema:"minimum=400,maximum=599,example=404"            jsonschema_description:"HTTP status code of the response."`
	Detail string `json:"detail,omitempty" jsonschema:"example=There is no such resource."             jsonschema_description:"Explanation of this occurrence, for people."`
	// Code is stable, so clients can depend on it.
	Code      string       `json:"code"             jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=not_found" jsonschema_description:"Error code, for programs. Codes are stable."`
	RequestID string       `json:"request_id"       jsonschema:"format=uuid"                                 jsonschema_description:"Id of the request, as in the Request-Id header. Include it in problem reports."`
	Errors    []FieldError `json:"errors,omitempty"                                                          jsonschema_description:"Errors of single fields and parameters of the request."`
	// Checkpoint is the approval that a 423 requires.
	Checkpoint *Checkpoint `json:"checkpoint,omitempty" jsonschema_description:"Checkpoint whose approval the write needs. Only for status 423."`
	// Kinds are the kinds of resources that refer to the resource of a 409 in_use.
	Kinds []string `json:"kinds,omitempty" jsonschema_description:"Kinds of the resources that still refer to the resource. Only for code in_use."`

	// Present is the current state that caused a 409 or 412.
	Present *Present `json:"present,omitempty" jsonschema_description:"Current state of the resource, if the request conflicts with it."`

	// Header is sent with the response, in addition to the headers of all problems.
	Header http.Header `json:"-"`
	cause  error
}

// FieldError describes an error in one part of the request. Exactly one of Pointer and Parameter is set.
type FieldError struct {
	// Pointer is a JSON Pointer (RFC 6901) into the request body; nil for a parameter.
	Pointer *string `json:"pointer,omitzero" jsonschema:"format=json-pointer,example=/line_items/0/quantity" jsonschema_description:"JSON Pointer (RFC 6901) to the invalid part of the request body. Empty for the whole body."`
	// Parameter is the name of a path or query parameter or of a header.
	Parameter string `json:"parameter,omitempty" jsonschema:"example=page_size" jsonschema_description:"Name of the invalid parameter or header. Missing for errors in the body."`
	Code      string `json:"code"   jsonschema:"pattern=^[a-z][a-z0-9_]*$,example=out_of_range" jsonschema_description:"Error code of the field, for programs. Codes are stable."`
	Detail    string `json:"detail"                                                             jsonschema_description:"Explanation of the error, for people."`
}

// CheckpointRequired is the code of a gated write that lacks an approval.
const CheckpointRequired = "checkpoint_required"

// CheckpointPath followed by an id is the path of a checkpoint.
const CheckpointPath = "/v1/checkpoints/"

// Checkpoint describes an approval in a 423.
type Checkpoint struct {
	ID        uuid.UUID `json:"id"         jsonschema_description:"Id of the checkpoint. Once a human has approved it, repeat the request with this id in the Checkpoint header."`
	Type      string    `json:"type"       jsonschema_description:"Reason for the approval, as a category."`
	Status    string    `json:"status"     jsonschema_description:"Decision status of the checkpoint."`
	Digest    string    `json:"digest"     jsonschema:"pattern=^[0-9a-f]{64}$" jsonschema_description:"SHA-256 of the write to approve, in hexadecimal."`
	ExpiresAt time.Time `json:"expires_at" jsonschema_description:"Time after which the checkpoint can no longer be decided."`
	Href      string    `json:"href"       jsonschema:"format=uri-reference" jsonschema_description:"Path of the checkpoint in this API."`
}

// MarshalJSON writes the time like all responses: in UTC with microseconds.
func (c Checkpoint) MarshalJSON() ([]byte, error) {
	type plain Checkpoint
	return json.Marshal(struct {
		plain
		ExpiresAt string `json:"expires_at"`
	}{plain(c), c.ExpiresAt.UTC().Format("2006-01-02T15:04:05.000000Z")})
}

// Present is the part of a resource's current state with which a request conflicts.
type Present struct {
	Status       string `json:"status,omitempty"        jsonschema:"example=archived" jsonschema_description:"Current status of the resource."`
	LastSequence *int64 `json:"last_sequence,omitempty" jsonschema:"minimum=1"        jsonschema_description:"Sequence number of the latest event of the thread."`
}

// New returns a problem. The code is in snake_case and stable. The detail is a sentence for clients and must not
// contain internals.
func New(status int, code, detail string) *Problem {
	return &Problem{
		Type:   typePrefix + code,
		Title:  words(code),
		Status: status,
		Code:   code,
		Detail: detail,
	}
}

// spelling replaces the words of codes that titles do not write in lower case.
var spelling = strings.NewReplacer(" id ", " ID ", " if match ", " If-Match ", " json ", " JSON ")

// words converts a code to a title, such as not_found to "Not found".
func words(code string) string {
	text := strings.Trim(spelling.Replace(" "+strings.ReplaceAll(code, "_", " ")+" "), " ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// NotFound returns the problem for a resource that does not exist or that belongs to another identity. The responses
// in both cases must be identical.
func NotFound() *Problem {
	return New(http.StatusNotFound, "not_found", "There is no such resource.")
}

// Challenge is the value of WWW-Authenticate in every 401 (RFC 9110 section 15.5.2, RFC 6750 section 3).
const Challenge = `Bearer realm="chenu"`

// Unauthorized returns a 401 in the form of RFC 6750 section 3. The detail describes what is wrong with the
// credentials of the request; it is empty if the request has none.
func Unauthorized(detail string) *Problem {
	if detail == "" {
		return New(http.StatusUnauthorized, "unauthenticated", "Send an access token: Authorization: Bearer <token>.").
			WithHeader("WWW-Authenticate", Challenge)
	}
	return New(http.StatusUnauthorized, "invalid_token", detail).
		WithHeader("WWW-Authenticate", Challenge+`, error="invalid_token"`)
}

// Forbidden returns a 403, for an authenticated caller.
func Forbidden(detail string) *Problem {
	return New(http.StatusForbidden, "forbidden", detail)
}

// Invalid returns a 422, for a well-formed request with invalid values.
func Invalid(errs ...FieldError) *Problem {
	return New(http.StatusUnprocessableEntity, "validation_failed", "The request has invalid values. The field errors describe each of them.").WithErrors(errs...)
}

// Malformed returns a 400, for a request that cannot be parsed or has unknown parts.
func Malformed(errs ...FieldError) *Problem {
	return New(http.StatusBadRequest, "invalid_request", "The request is malformed. The errors describe each invalid part.").WithErrors(errs...)
}

// RateLimited returns a 429. after is rounded up to whole seconds.
func RateLimited(after time.Duration) *Problem {
	return New(http.StatusTooManyRequests, "rate_limited", "Too many requests. Repeat the request after Retry-After.").WithRetryAfter(after)
}

// maxPointer limits the length of a pointer in bytes, because it can contain names from clients, of any length.
const maxPointer = 500

// At returns a FieldError about a part of the body. The pointer is a JSON Pointer (RFC 6901); see [Pointer]. A
// pointer longer than 500 bytes is truncated.
func At(pointer, code, detail string) FieldError {
	if len(pointer) > maxPointer {
		pointer = strings.ToValidUTF8(pointer[:maxPointer], "") + "…"
	}
	return FieldError{Pointer: &pointer, Code: code, Detail: detail}
}

// In returns a FieldError about a path or query parameter or a header.
func In(parameter, code, detail string) FieldError {
	return FieldError{Parameter: parameter, Code: code, Detail: detail}
}

// Pointer joins names and indices to a JSON Pointer. It escapes them according to RFC 6901 section 3.
func Pointer(tokens ...string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(pointerEscaper.Replace(t))
	}
	return b.String()
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// WithErrors adds field errors and returns p.
func (p *Problem) WithErrors(errs ...FieldError) *Problem {
	p.Errors = append(p.Errors, errs...)
	return p
}

// WithHeader sets a header of the response and returns p.
func (p *Problem) WithHeader(name, value string) *Problem {
	if p.Header == nil {
		p.Header = http.Header{}
	}
	p.Header.Set(name, value)
	return p
}

// WithRetryAfter sets Retry-After to whole seconds, rounded up and at least 1, and returns p.
func (p *Problem) WithRetryAfter(after time.Duration) *Problem {
	seconds := max(1, int64((after+time.Second-1)/time.Second))
	return p.WithHeader("Retry-After", strconv.FormatInt(seconds, 10))
}

// WithCause stores err for the log and for errors.Is, and returns p. Clients never receive it.
func (p *Problem) WithCause(err error) *Problem {
	p.cause = err
	return p
}

// Error returns a text for logs.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, p.Code)
	if p.Detail != "" {
		b.WriteString(": " + p.Detail)
	}
	for _, e := range p.Errors {
		where := e.Parameter
		if e.Pointer != nil {
			where = *e.Pointer
		}
		fmt.Fprintf(&b, "; %q %s", where, e.Code)
	}
	if p.cause != nil {
		b.WriteString(": " + p.cause.Error())
	}
	return b.String()
}

// Unwrap returns the cause, or nil if there is none.
func (p *Problem) Unwrap() error { return p.cause }

// logKey is the key of a request's logger in its context.
const logKey = "github.com/chenu/chenu/server/problem.log"

// SetLog sets the logger of [Write] for this request. The default is slog.Default().
func SetLog(c *gin.Context, l *slog.Logger) { c.Set(logKey, l) }

// Write translates err with [From], writes the response and aborts the remaining handlers of the request. Errors of
// the server are logged here, once, with their cause. If the response has already started, nothing is written.
func Write(c *gin.Context, err error) {
	c.Abort()
	p := From(err)
	id := c.Writer.Header().Get(RequestIDHeader)
	logCause(c, p, id, err)
	if c.Writer.Written() {
		return
	}
	answer := *p // Requests may share the caller's problem.
	answer.RequestID = id
	body, err := json.Marshal(&answer)
	if err != nil {
		panic(fmt.Errorf("marshal a problem: %w", err)) // Marshaling strings, numbers and times does not fail.
	}
	header := c.Writer.Header()
	for name, values := range p.Header {
		header[name] = slices.Clone(values)
	}
	header.Set("Content-Type", ContentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-store")
	}
	c.Writer.WriteHeader(p.Status)
	_, _ = c.Writer.Write(body) // A client that closed the connection is not an error.
}

func logCause(c *gin.Context, p *Problem, id string, err error) {
	ctx := c.Request.Context()
	log := slog.Default() //nolint:forbidigo // the default for requests without a logger
	if own, ok := c.Value(logKey).(*slog.Logger); ok {
		log = own
	}
	switch {
	case p.Code == codeClientGone:
		log.DebugContext(ctx, "the client closed the connection", "request_id", id)
	case p.Status >= http.StatusInternalServerError:
		log.ErrorContext(ctx, "request failed", "request_id", id, "status", p.Status, "code", p.Code, "error", err)
	case isDatabaseError(err):
		// The database rejected the request. The error is the client's, but its cause is logged only here.
		log.InfoContext(ctx, "request refused by the database", "request_id", id, "status", p.Status, "code", p.Code, "error", err)
	}
}

// Is reports whether err is, or wraps, a problem with this code.
func Is(err error, code string) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Code == code
}
