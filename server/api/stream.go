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

// DefaultStreamTimeout is how long a stream runs where the configuration is silent: at a
// mebibyte in a second, which is slow, 900 MiB.
const DefaultStreamTimeout = 15 * time.Minute

// Stream writes an answer of any length: see [HandleStream] and [Raw]. It runs once the operation's transaction is
// committed and holds none itself: each part is read by a unit of its own of db, as the
// caller in ctx. A unit fails once the caller's session or agent has ended or the stream has
// run for too long. What it writes to w goes to the client at once.
type Stream func(ctx context.Context, db Transactor, w io.Writer) error

// HandleStream registers a GET whose answer is streamed. start runs like an operation's
// function, in a transaction that may write, so that it can record what is going to be
// read; nothing is sent unless that is committed. A stream that fails ends the connection
// without its proper end, so that no client takes a part for the whole.
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

// streamWriteTimeout is how long a client may take for one part.
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

// validTransactor runs units while their caller is valid.
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

// streamWriter sends each write at once, with a time limit of its own.
type streamWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (s *streamWriter) Write(p []byte) (int, error) {
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // a recorder has none
	n, err := s.w.Write(p)
	if err == nil {
		_ = s.control.Flush()
	}
	return n, err
}
