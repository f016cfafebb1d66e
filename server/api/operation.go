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
	// ID is the operation's id: a verb and a noun in kebab-case, create-contact.
	ID string
	// Method is GET, POST, PATCH, PUT or DELETE. A GET also answers HEAD.
	Method string
	// Path is the path as OpenAPI writes it, with parameters in braces: /v1/notes/{id}.
	Path string
	// Tag groups operations in the document; Summary is a few words without a full stop,
	// Description one or more sentences.
	Tag, Summary, Description string
	// Responses are the descriptions of the successful responses by status. A status without
	// one is described in general terms.
	Responses map[int]string

	// Status is the answer's status. Zero is 200, or 204 where the output has no Body. An
	// output with a field Status int sets it at run time; list in OtherStatuses what else
	// that may be.
	Status        int
	OtherStatuses []int
	// Problems are statuses of errors beside those that follow from the operation's form.
	Problems []int
	// ContentType is the answer's media type; empty is application/json.
	ContentType string
	// Media are the media types of a Body that is [Raw], each with a value of the type
	// that describes it in the document: nil for a text.
	Media map[string]any
	// MaxBodyBytes bounds the body; zero is DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// Unkept says that a POST's request or answer holds secrets, so that neither is kept: it
	// takes no Idempotency-Key.
	Unkept bool
	// AuditedRead lets a GET write, so that it can record the reading in its transaction.
	AuditedRead bool
	// Several says that one request may make several writes, which one approval then covers:
	// see [session.Options].
	Several bool
	// Replayed runs before the answer of an earlier POST is sent again, in the transaction that
	// found it. It records that content was read whose reads are recorded; nil does nothing.
	Replayed func(ctx context.Context, tx *ent.Tx, kept *Outcome) error
	// HumansOnly refuses agents, whatever their scope. What is refused is recorded.
	HumansOnly bool
	// Timeout bounds the operation; zero is the API's own.
	Timeout time.Duration
	// Limit is the group of operations whose rate limits hold for this operation too.
	Limit Group
	// detached operations run outside any transaction: see [HandleDetached].
	detached bool
}

// Raw is a body that is sent as it is, such as a file of another format. Its Type is one of
// the operation's Media. A body of any length has a Stream instead of Content.
type Raw struct {
	Type    string
	Content []byte
	Stream  Stream
}

// JSONSchema describes what Media says nothing more about.
func (Raw) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }

// DefaultMaxBodyBytes bounds a request's body where the operation does not say otherwise.
const DefaultMaxBodyBytes = 1 << 20

// operation is an Op with everything that was learned of its types.
type operation struct {
	Op
	api    *API
	public bool
	in     *bind.Input
	out    *output
	newIn  func() any
	run    func(ctx context.Context, tx *ent.Tx, in any) (any, error)
	// streams says that run returns a Stream.
	streams bool
	// checkpointHeader and keyHeader are set for operations with these headers.
	checkpointHeader, keyHeader *bind.Header
}

// Handle registers an operation: its route, its transaction and its part of the OpenAPI
// document.
//
// In is a struct. Its fields are tagged path:"id", query:"status" or header:"Name", with
// the same tags for the schema as a body's (jsonschema, jsonschema_description); a pointer
// is nil when the parameter was not given, another type has its schema's default or its
// zero value. A field Body is the body: a named type, a pointer to one when it may be
// missing, or a [bind.Patch]. Other struct fields, [Page] for one, are looked into. All of it is
// validated before fn runs; whatever is wrong is answered in one problem with pointers.
//
// Out is a struct. Its fields may be tagged header:"ETag"; empty ones are not sent. A
// field Body is the body, a field Status int the status if it isn't zero. fn may return nil
// where Out has no Body.
//
// fn runs in one transaction as the caller, read-only for a GET unless the Op is an
// AuditedRead. Its error rolls the transaction back and is answered as [problem.From] says.
// After a serialization failure or a deadlock it runs a second time, so it must not change
// in or anything else outside the transaction. The answer is written once the transaction
// is committed. A POST keeps its answer under the Idempotency-Key of the request, in the
// same transaction.
//
// Packages register their operations in a function Mount, each with a literal Op. The types of
// the function create are named createInput and createOutput. What several operations do is
// written once: [ListStore], [ListQuery], [Counter], [RequireExists], [RecordRead] and
// [RecordExport].
func Handle[In, Out any](a *API, op Op, fn func(ctx context.Context, tx *ent.Tx, in *In) (*Out, error)) {
	register(a, op, false, fn)
}

// HandlePublic registers an operation that anybody may call and that has no transaction of
// its own. It is otherwise like [Handle], but does without Idempotency-Key.
func HandlePublic[In, Out any](a *API, op Op, fn func(ctx context.Context, in *In) (*Out, error)) {
	register(a, op, true, func(ctx context.Context, _ *ent.Tx, in *In) (*Out, error) { return fn(ctx, in) })
}

// HandleDetached registers an operation of a caller that has no transaction of its own: fn
// runs outside any, as the caller, and begins units of work where it needs them. It is for
// operations that wait for something other than the database, which no operation may do
// while it holds a connection. It does without Idempotency-Key and is otherwise like
// [Handle].
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

// compile makes the validators from the document, which has the operation.
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

// ginPath is the path in Gin's form.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

func (o *operation) readOnly() bool { return o.Method == http.MethodGet && !o.AuditedRead }

// idempotent tells whether the operation honours an Idempotency-Key.
func (o *operation) idempotent() bool { return o.Method == http.MethodPost && !o.public && !o.Unkept }

// output is how an operation's output becomes an answer.
type output struct {
	headers     []outputHeader
	statusIndex []int
	bodyIndex   []int
	bodySchema  *jsonschema.Schema
	raw         bool       // the body is a Raw
	media       []rawMedia // what it may be, in no order
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

// response is an answer that is ready to be written.
type response struct {
	status   int
	header   http.Header
	body     []byte
	replayed bool
	stream   Stream
	ctx      context.Context //nolint:containedctx // It lives as long as the answer; the stream's: the request's, with the caller
}

// encode makes the answer. It runs inside the transaction: what can't be written is not
// committed.
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

// serve answers one request.
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
		// The server cuts slow answers off, this one later. A recorder has no deadline.
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

// call is one request of an operation with a caller.
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

// binding is what a page token is good for: this operation on this path, with these
// filters, for this identity.
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
		b.WriteByte('\n') // None of the parts before it contains one unescaped but the path, which is followed by what has none.
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

// once runs the operation in a transaction, or finds its outcome of the time before.
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
			h.Set("Cache-Control", "private, no-cache") // Kept, and checked each time.
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
		_, _ = c.Writer.Write(r.body) // A client that went away is no error of ours.
	}
}

// authProblem translates what an authenticator says.
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

// readCheckpoint reads the header Checkpoint: the id of the approval that a gated write uses.
func (o *operation) readCheckpoint(h http.Header) (uuid.UUID, error) {
	text, given, err := o.checkpointHeader.Read(h)
	if err != nil || !given {
		return uuid.Nil, err
	}
	return uuid.Parse(text)
}
