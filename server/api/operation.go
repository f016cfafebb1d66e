package api

import (
	"bytes"
	"context"
	"encoding"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/postgres/entpgx"
	"github.com/chenu/chenu/server/api/bind"
	"github.com/chenu/chenu/server/api/body"
	"github.com/chenu/chenu/server/api/openapi"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// Op describes an operation: one method on one path.
type Op struct {
	// ID is the operation's id: a verb and a noun in kebab-case, such as create-contact.
	ID string
	// Method is GET, POST, PATCH, PUT or DELETE. A GET is also available as HEAD.
	Method string
	// Path is the path in OpenAPI's form, with parameters in braces: /v1/notes/{id}.
	Path string
	// Tag groups operations in the document. Summary is a few words without a full stop, Description one or more
	// sentences.
	Tag, Summary, Description string
	// Responses maps the statuses of successful responses to their descriptions. A status without a description gets
	// a general one.
	Responses map[int]string

	// Status is the status of the response. Zero means 200, or 204 if the output has no Body. If the output has a
	// field Status int, that field sets the status at run time; OtherStatuses lists its other possible values.
	Status        int
	OtherStatuses []int
	// Problems lists statuses of errors, in addition to those that follow from the operation's definition.
	Problems []int
	// ContentType is the media type of the response. The default is application/json.
	ContentType string
	// Media lists the media types of a [Raw] Body. Each maps to a value of the type that describes the content in the
	// document, or nil for text.
	Media map[string]any
	// MaxBodyBytes limits the size of the request body; zero means DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// Unkept is set for a POST whose request or response contains secrets and so must not be stored. The operation
	// does not support Idempotency-Key.
	Unkept bool
	// AuditedRead allows a GET to write, so that it can record the read in its transaction.
	AuditedRead bool
	// Several allows one request to make several gated writes, which one approval then covers: see [session.Options].
	Several bool
	// Replayed, if not nil, runs before the stored response of an earlier POST is sent again, in the transaction that
	// found it. Operations whose reads are recorded use it to record the read.
	Replayed func(ctx context.Context, tx *ent.Tx, kept *Outcome) error
	// HumansOnly rejects agents, whatever their scope. Rejections are recorded.
	HumansOnly bool
	// Timeout limits the duration of the operation; zero means the API's Timeout.
	Timeout time.Duration
	// Limit is the group whose rate limits apply to the operation, in addition to those of all operations.
	Limit Group
	// detached operations run without a transaction: see [HandleDetached].
	detached bool
}

// Raw is a body that is sent as it is, such as a file in another format. Type is a media type of the operation's
// Media. A body of unknown length is written by Stream instead of Content.
type Raw struct {
	Type    string
	Content []byte
	Stream  Stream
}

// JSONSchema returns the schema of a body for which Media has no type: text.
func (Raw) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }

// DefaultMaxBodyBytes limits the size of a request body if the operation sets no limit.
const DefaultMaxBodyBytes = 1 << 20

// operation is a registered Op, with the descriptions of its input and output types.
type operation struct {
	Op
	api    *API
	public bool
	in     *bind.Input
	out    *output
	newIn  func() any
	run    func(ctx context.Context, tx *ent.Tx, in any) (any, error)
	// streams reports whether run returns a Stream.
	streams bool
	// checkpointHeader and keyHeader are nil for operations without these headers.
	checkpointHeader, keyHeader *bind.Header
}

// Handle registers an operation: its route, its transaction and its part of the OpenAPI document.
//
// In is a struct. Its fields are tagged path:"id", query:"status" or header:"Name". They accept the same schema tags
// as the fields of a body (jsonschema, jsonschema_description). A pointer is nil if the parameter is missing; a field
// of another type then has the default of its schema or its zero value. The field Body is the request body: a named
// type, a pointer to one if the body is optional, or a [bind.Patch]. Fields of other struct types, such as [Page],
// are searched for tagged fields. The whole input is validated before fn runs. All errors are reported in one
// problem, with pointers.
//
// Out is a struct. Its fields may be tagged header:"ETag"; empty headers are not sent. The field Body is the response
// body. A field Status int is the status of the response unless it is zero. fn may return nil if Out has no Body.
//
// fn runs in one transaction as the caller. The transaction is read-only for a GET unless the Op is an AuditedRead.
// If fn returns an error, the transaction is rolled back and [problem.From] translates the error to a response. After
// a serialization failure or a deadlock, fn is called a second time, so it must not change in or anything else
// outside the transaction. The response is written after the transaction has committed. A POST stores its response
// under the Idempotency-Key of the request, in the same transaction.
//
// Packages register their operations in a function named Mount, each with a literal Op. The types of a function named
// create are named createInput and createOutput. Helpers for what several operations do are [ListStore], [ListQuery],
// [Counter], [RequireExists], [RecordRead] and [RecordExport].
func Handle[In, Out any](a *API, op Op, fn func(ctx context.Context, tx *ent.Tx, in *In) (*Out, error)) {
	register(a, op, false, fn)
}

// HandlePublic registers an operation that does not require authentication and runs without a transaction. Otherwise
// it is like [Handle], but without support for Idempotency-Key.
func HandlePublic[In, Out any](a *API, op Op, fn func(ctx context.Context, in *In) (*Out, error)) {
	register(a, op, true, func(ctx context.Context, _ *ent.Tx, in *In) (*Out, error) { return fn(ctx, in) })
}

// HandleDetached registers an operation that requires authentication but runs without a transaction: fn runs as the
// caller and starts transactions where it needs them. It is for operations that wait for something other than the
// database, because no operation may wait while it holds a connection. Otherwise it is like [Handle], but without
// support for Idempotency-Key.
func HandleDetached[In, Out any](a *API, op Op, fn func(ctx context.Context, in *In) (*Out, error)) {
	op.Unkept, op.detached = true, true
	register(a, op, false, func(ctx context.Context, _ *ent.Tx, in *In) (*Out, error) { return fn(ctx, in) })
}

func register[In, Out any](a *API, op Op, public bool, fn func(ctx context.Context, tx *ent.Tx, in *In) (*Out, error)) {
	o := &operation{
		Op: op, api: a, public: public,
		newIn: func() any { return new(In) },
		run: func(ctx context.Context, tx *ent.Tx, in any) (any, error) {
			out, err := fn(ctx, tx, in.(*In))
			if err != nil || out == nil {
				return nil, err
			}
			return out, nil
		},
	}
	if err := o.prepare(reflect.TypeFor[In](), reflect.TypeFor[Out]()); err != nil {
		a.fail(fmt.Errorf("operation %s: %w", op.ID, err))
		return
	}
	a.add(o)
}

func (o *operation) prepare(in, out reflect.Type) (err error) {
	if o.ID == "" || o.Summary == "" || o.Tag == "" {
		return errors.New("it needs an ID, a Summary and a Tag")
	}
	if o.in, err = bind.Of(in, o.api.schemas); err != nil {
		return err
	}
	if o.out, err = outputOf(out, o.api.schemas); err != nil {
		return err
	}
	var declared []string
	for _, p := range o.in.Parameters {
		if p.In == openapi.InPath {
			declared = append(declared, p.Name)
		}
	}
	slices.Sort(declared)
	inPath := pathParameters(o.Path)
	slices.Sort(inPath)
	if !slices.Equal(declared, inPath) {
		return fmt.Errorf("the path %s has the parameters %v, the input %v", o.Path, inPath, declared)
	}
	switch o.Method {
	case http.MethodGet, http.MethodDelete:
		if o.in.BodySchema != nil {
			return fmt.Errorf("a %s has no body", o.Method)
		}
	case http.MethodPost, http.MethodPatch, http.MethodPut:
	default:
		return fmt.Errorf("the method %q is none of GET, POST, PATCH, PUT, DELETE", o.Method)
	}
	if o.Status == 0 {
		o.Status = http.StatusOK
		if o.out.bodySchema == nil {
			o.Status = http.StatusNoContent
		}
	}
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = DefaultMaxBodyBytes
	}
	if o.ContentType == "" {
		o.ContentType = "application/json"
	}
	if raw := o.out.raw; raw != (len(o.Media) > 0) {
		return errors.New("a body that is Raw needs Media, and no other does")
	}
	for media, value := range o.Media {
		schema := Raw{}.JSONSchema()
		if value != nil {
			schema = o.api.schemas.Of(reflect.TypeOf(value))
		}
		o.out.media = append(o.out.media, rawMedia{media, schema})
	}
	return nil
}

// compile compiles the validators of the operation from the document.
func (o *operation) compile(c *bind.Compiler) (err error) {
	if err := o.in.Compile(c, "paths", o.Path, strings.ToLower(o.Method)); err != nil {
		return err
	}
	if !o.public && !o.readOnly() {
		if o.checkpointHeader, err = c.Header(openapi.CheckpointHeader, openapi.CheckpointComponent); err != nil {
			return err
		}
	}
	if o.idempotent() {
		o.keyHeader, err = c.Header(openapi.IdempotencyHeader, openapi.IdempotencyComponent)
	}
	return err
}

func pathParameters(path string) []string {
	var names []string
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}

// ginPath converts a path to Gin's form.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

func (o *operation) readOnly() bool { return o.Method == http.MethodGet && !o.AuditedRead }

// idempotent reports whether the operation supports Idempotency-Key.
func (o *operation) idempotent() bool { return o.Method == http.MethodPost && !o.public && !o.Unkept }

// output describes how an operation's output is converted to a response.
type output struct {
	headers     []outputHeader
	statusIndex []int
	bodyIndex   []int
	bodySchema  *jsonschema.Schema
	raw         bool       // Body is a Raw
	media       []rawMedia // possible media types of the Raw, in no particular order
}

type rawMedia struct {
	name   string
	schema *jsonschema.Schema
}

type outputHeader struct {
	name        string
	index       []int
	description string
	schema      *jsonschema.Schema
}

func outputOf(t reflect.Type, s *openapi.Schemas) (*output, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the output %v is not a struct", t)
	}
	out := &output{}
	for f := range t.Fields() {
		name, ok := f.Tag.Lookup("header")
		switch {
		case !f.IsExported():
		case ok:
			out.headers = append(out.headers, outputHeader{
				name: http.CanonicalHeaderKey(name), index: f.Index,
				description: f.Tag.Get("jsonschema_description"), schema: s.Of(f.Type),
			})
		case f.Name == "Status" && f.Type.Kind() == reflect.Int:
			out.statusIndex = f.Index
		case f.Name == "Body":
			out.bodyIndex, out.bodySchema = f.Index, s.Of(f.Type)
			out.raw = f.Type == reflect.TypeFor[Raw]()
		default:
			return nil, fmt.Errorf("%v.%s is neither tagged header nor named Body or Status", t, f.Name)
		}
	}
	return out, nil
}

// response is a response that is ready to be written.
type response struct {
	status   int
	header   http.Header
	body     []byte
	replayed bool
	stream   Stream
	ctx      context.Context //nolint:containedctx // Context of the stream: the request's, with the caller. It has the lifetime of the response.
}

// encode converts the result to a response. It runs inside the transaction, so a result that cannot be encoded rolls
// the transaction back.
func (o *operation) encode(result any) (*response, error) {
	r := &response{status: o.Status, header: http.Header{}}
	if o.streams {
		r.stream, _ = result.(Stream)
		r.header.Set("Content-Type", o.ContentType)
		return r, nil
	}
	if result == nil {
		if o.out.bodySchema != nil {
			return nil, errors.New("the operation returned neither an output nor an error")
		}
		return r, nil
	}
	v := reflect.ValueOf(result).Elem()
	for _, h := range o.out.headers {
		text, err := headerText(v.FieldByIndex(h.index))
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", h.name, err)
		}
		if text != "" {
			r.header.Set(h.name, text)
		}
	}
	if o.out.statusIndex != nil {
		if status := int(v.FieldByIndex(o.out.statusIndex).Int()); status != 0 {
			r.status = status
		}
	}
	switch {
	case o.out.raw:
		raw := v.FieldByIndex(o.out.bodyIndex).Interface().(Raw)
		if _, ok := o.Media[raw.Type]; !ok {
			return nil, fmt.Errorf("the answer has the media type %q, which the operation does not name", raw.Type)
		}
		r.header.Set("Content-Type", raw.Type)
		r.body, r.stream = raw.Content, raw.Stream
	case o.out.bodySchema != nil:
		content, err := body.Marshal(v.FieldByIndex(o.out.bodyIndex).Interface())
		if err != nil {
			return nil, fmt.Errorf("marshal the answer: %w", err)
		}
		r.header.Set("Content-Type", o.ContentType)
		r.body = content
	}
	return r, nil
}

func headerText(v reflect.Value) (string, error) {
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	}
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok {
		text, err := m.MarshalText()
		return string(text), err
	}
	return "", fmt.Errorf("the type %v has no text", v.Type())
}

// serve handles one request.
func (o *operation) serve(c *gin.Context) {
	r, err := o.answer(c)
	if err != nil {
		problem.Write(c, err)
		return
	}
	o.write(c, r)
}

func (o *operation) answer(c *gin.Context) (*response, error) {
	timeout := o.api.timeout
	if o.Timeout > 0 {
		timeout = o.Timeout
		// Extend the server's write deadline, which is shorter than this timeout. The recorder of a test does not
		// support deadlines.
		_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(timeout + streamWriteTimeout))
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), timeout)
	defer cancel()
	var identity auth.Identity
	if !o.public {
		var err error
		if identity, err = o.api.authenticate(c.Request.WithContext(ctx)); err != nil {
			return nil, authProblem(err)
		}
		ctx = auth.With(ctx, identity)
		access(c).identity = identity
	}
	if err := o.limit(ctx, c, identity); err != nil {
		return nil, err
	}
	if err := o.authorize(ctx, c, identity); err != nil {
		return nil, err
	}
	call := &call{operation: o, identity: identity, in: o.newIn(), path: c.Request.URL.Path}
	v := reflect.ValueOf(call.in).Elem()
	query, err := o.in.BindParameters(c.Request, c.Param, v)
	if err != nil {
		return nil, err
	}
	for _, p := range o.in.Parameters {
		token, ok := reflect.TypeAssert[*PageToken](v.FieldByIndex(p.Index).Addr())
		if !ok {
			continue
		}
		if err := token.bind(o.api.pageKey, o.api.previousPageKey, call.binding(query)); err != nil {
			return nil, err
		}
		call.budget = entpgx.NewRowBudget(MaxPageBytes)
		token.budget = call.budget
		ctx = entpgx.WithRowBudget(ctx, call.budget) //nolint:fatcontext // An operation has one page token.
	}
	if call.body, err = o.in.ReadBody(c.Writer, c.Request, v, o.MaxBodyBytes); err != nil {
		return nil, err
	}
	call.query = query
	if err := o.limitAccount(ctx, c, call.in); err != nil {
		return nil, err
	}
	if o.public || o.detached {
		result, err := o.run(ctx, nil, call.in)
		if errors.Is(err, entpgx.ErrCommitUnknown) {
			return nil, outcomeUnknown("Check the state of the resource, or repeat the request.", err)
		}
		if err != nil {
			return nil, err
		}
		return o.encode(result)
	}
	r, err := call.transact(ctx, c.Request.Header)
	if err == nil && r.stream != nil {
		r.ctx = auth.With(c.Request.Context(), identity)
	}
	return r, err
}

// call is one request to an operation, and its caller.
type call struct {
	*operation
	identity auth.Identity
	in       any
	path     string
	query    url.Values
	body     any
	key      string // Idempotency-Key
	budget   *entpgx.RowBudget
}

// binding returns what a page token is bound to: the identity, the operation, the path and the filters.
func (c *call) binding(query url.Values) []byte {
	filters := url.Values{}
	for name, values := range query {
		if name != "page_token" && name != "page_size" {
			filters[name] = values
		}
	}
	var b bytes.Buffer
	b.Write(c.identity.ID[:])
	for _, part := range []string{c.ID, c.path, filters.Encode()} {
		b.WriteString(part)
		b.WriteByte('\n') // Only the path can contain an unescaped line feed, and the part after the path cannot. So the result is unambiguous.
	}
	return b.Bytes()
}

func (c *call) transact(ctx context.Context, h http.Header) (*response, error) {
	options := session.Options{ReadOnly: c.readOnly(), Several: c.Several, Description: c.Method + " " + c.path}
	if !c.readOnly() {
		var err error
		if options.Checkpoint, err = c.readCheckpoint(h); err != nil {
			return nil, err
		}
	}
	if c.idempotent() {
		var err error
		if c.key, err = c.readKey(h); err != nil {
			return nil, err
		}
	}
	var r *response
	attempt := func() error {
		return c.api.transactor.Do(ctx, options, func(ctx context.Context, tx *ent.Tx) (err error) {
			r, err = c.once(ctx, tx)
			return err
		})
	}
	err := attempt()
	if problem.Retryable(err) && ctx.Err() == nil {
		c.api.log.InfoContext(ctx, "retrying a transaction", "operation", c.ID, "error", err)
		err = attempt()
	}
	switch {
	case err == nil:
		return r, nil
	case errors.Is(err, entpgx.ErrCommitUnknown):
		return nil, outcomeUnknown("Check the state of the resource before you repeat the request, or repeat the request with the same Idempotency-Key.", err)
	case c.Method == http.MethodDelete:
		return nil, problem.OnDelete(err)
	}
	return nil, err
}

func outcomeUnknown(advice string, err error) error {
	return problem.New(http.StatusServiceUnavailable, "outcome_unknown",
		"The connection to the database was lost while the change was committed. The change may have taken effect. "+advice).
		WithRetryAfter(time.Second).WithCause(err)
}

// once runs the operation in tx, or returns the stored outcome of an earlier request with the same key.
func (c *call) once(ctx context.Context, tx *ent.Tx) (*response, error) {
	c.budget.Reset()
	if c.key == "" {
		result, err := c.run(ctx, tx, c.in)
		if err != nil {
			return nil, err
		}
		return c.encode(result)
	}
	return c.onceForKey(ctx, tx)
}

func (o *operation) write(c *gin.Context, r *response) {
	h := c.Writer.Header()
	maps.Copy(h, r.header)
	if h.Get("Cache-Control") == "" {
		if tag := h.Get("ETag"); tag != "" && o.Method == http.MethodGet {
			h.Set("Cache-Control", "private, no-cache") // Stored, but revalidated each time.
			h.Set("Vary", "Authorization")
		} else {
			h.Set("Cache-Control", "no-store")
		}
	}
	if r.replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	if o.Method == http.MethodGet && r.status == http.StatusOK &&
		unchanged(c.Request.Header.Values("If-None-Match"), h.Get("ETag")) {
		h.Del("Content-Type")
		c.Writer.WriteHeader(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	if r.stream != nil {
		o.writeStream(c, r)
		return
	}
	if r.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	c.Writer.WriteHeader(r.status)
	c.Writer.WriteHeaderNow()
	if c.Request.Method != http.MethodHead {
		_, _ = c.Writer.Write(r.body) // A client that closed the connection is not an error.
	}
}

// authProblem translates an error of Authenticate to a problem.
func authProblem(err error) error {
	switch {
	case errors.Is(err, auth.ErrNoCredentials):
		return problem.Unauthorized("").WithCause(err)
	case errors.Is(err, auth.ErrMalformedCredentials):
		// RFC 6750 section 3.1: invalid_request is 400.
		return problem.Malformed(problem.In("Authorization", "invalid_format", "Send exactly one header Authorization: Bearer <token>.")).
			WithHeader("WWW-Authenticate", problem.Challenge+`, error="invalid_request"`).WithCause(err)
	case errors.Is(err, auth.ErrInvalidToken):
		return problem.Unauthorized("The access token is invalid or has expired, or its session has ended. Log in again or refresh the session.").WithCause(err)
	}
	return err
}

// readCheckpoint reads the header Checkpoint: the id of the approval that a gated write uses, or the zero UUID if
// there is none.
func (o *operation) readCheckpoint(h http.Header) (uuid.UUID, error) {
	text, given, err := o.checkpointHeader.Read(h)
	if err != nil || !given {
		return uuid.Nil, err
	}
	return uuid.Parse(text)
}
