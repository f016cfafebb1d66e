package api

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/invopop/jsonschema"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// DefaultStreamTimeout is the maximum duration of a stream if the Config sets none. It is enough for 900 MiB at one
// MiB per second, which is slow.
const DefaultStreamTimeout = 15 * time.Minute

// Stream writes a response of unknown length: see [HandleStream] and [Raw]. It runs after the operation's transaction
// has committed, and without a transaction of its own: it reads each part in a separate transaction of db, as the
// caller in ctx. These transactions fail once the caller's session or agent has ended or the stream has exceeded its
// timeout. Writes to w are sent to the client immediately.
type Stream func(ctx context.Context, db Transactor, w io.Writer) error

// HandleStream registers a GET whose response is a stream. start runs like the function of [Handle], in a transaction
// that may write, so that it can record what will be read. Nothing is sent unless that transaction commits. If the
// stream fails, the connection is aborted, so that the client can tell that the response is incomplete.
func HandleStream[In any](a *API, op Op, start func(ctx context.Context, tx *ent.Tx, in *In) (Stream, error)) {
	op.Status, op.AuditedRead = http.StatusOK, true
	o := &operation{
		Op: op, api: a, streams: true,
		newIn: func() any { return new(In) },
		run: func(ctx context.Context, tx *ent.Tx, in any) (any, error) {
			return start(ctx, tx, in.(*In))
		},
	}
	if err := o.prepare(reflect.TypeFor[In](), reflect.TypeFor[struct{}]()); err != nil {
		a.fail(fmt.Errorf("operation %s: %w", op.ID, err))
		return
	}
	o.out.bodySchema = &jsonschema.Schema{Type: "string"}
	a.add(o)
}

// streamWriteTimeout is how long one write to the client may take.
const streamWriteTimeout = time.Minute

func (o *operation) writeStream(c *gin.Context, r *response) {
	c.Writer.WriteHeader(r.status)
	c.Writer.WriteHeaderNow()
	if c.Request.Method == http.MethodHead {
		return
	}
	w := &streamWriter{w: c.Writer, control: http.NewResponseController(c.Writer)}
	ctx, cancel := context.WithTimeout(r.ctx, cmp.Or(o.api.config.StreamTimeout, DefaultStreamTimeout))
	defer cancel()
	if err := r.stream(ctx, validTransactor{o.api.transactor, o.api.config.StillValid}, w); err != nil {
		o.api.log.WarnContext(r.ctx, "a stream ended with an error", "operation", o.ID, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// validTransactor runs transactions as long as the credentials of their caller are valid.
type validTransactor struct {
	Transactor

	valid func(ctx context.Context, who auth.Identity) error
}

// Do implements [Transactor].
func (v validTransactor) Do(ctx context.Context, o session.Options, fn func(ctx context.Context, tx *ent.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("the stream ends: %w", err)
	}
	if v.valid != nil {
		who, err := Caller(ctx)
		if err == nil {
			err = v.valid(ctx, who)
		}
		if err != nil {
			return fmt.Errorf("the stream ends: %w", err)
		}
	}
	return v.Transactor.Do(ctx, o, fn)
}

// streamWriter flushes each write, and sets a write deadline for it.
type streamWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (s *streamWriter) Write(p []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // the recorder of a test does not support deadlines
	n, err := s.w.Write(p)
	if err == nil {
		_ = s.control.Flush()
	}
	return n, err
}
