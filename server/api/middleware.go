package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/chenu/chenu/server/api/bind"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
)

// clientRequestIDHeader repeats the Request-Id of a request in its answer, whose own
// Request-Id is the service's.
const clientRequestIDHeader = "Client-Request-Id"

// maxUserAgent bounds what the audit trail keeps of User-Agent, in characters.
const maxUserAgent = 400

// traceparentForm is version 00 of W3C Trace Context, section 3.2, and the beginning of
// later ones, which may go on after a hyphen.
var traceparentForm = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$`)

// validTraceparent tells whether a traceparent names a trace. One that does not is
// ignored, as the recommendation asks (section 3.2.4).
func validTraceparent(s string) bool {
	m := traceparentForm.FindStringSubmatch(s)
	return m != nil && len(s) <= 512 && m[1] != "ff" && (m[1] != "00" || m[4] == "") &&
		strings.Trim(m[2], "0") != "" && strings.Trim(m[3], "0") != ""
}

// record is what the access log says of a request beyond what Gin knows.
type record struct{ identity auth.Identity }

type recordKey struct{}

func access(c *gin.Context) *record {
	r, ok := c.Request.Context().Value(recordKey{}).(*record)
	if !ok {
		return &record{} // Outside observe: nobody reads it.
	}
	return r
}

// observe gives the request its id, keeps what the audit trail records of it, sets the
// headers that every answer has, and logs it in the end. The query string is never logged:
// it may hold personal data.
func (a *API) observe(c *gin.Context) {
	start := time.Now()
	id := uuid.Must(uuid.NewV7()) // Never fails: the system's randomness doesn't.
	request := auth.Request{ID: id, IP: c.ClientIP(), UserAgent: clean(c.Request.UserAgent())}
	if given, ok := canonicalUUID(c.GetHeader(problem.RequestIDHeader)); ok {
		request.ClientID = given
	}
	if t := c.GetHeader("Traceparent"); validTraceparent(t) {
		request.Traceparent = t
	}
	r := &record{}
	ctx := context.WithValue(auth.WithRequest(c.Request.Context(), request), recordKey{}, r)
	c.Request = c.Request.WithContext(ctx)
	problem.SetLog(c, a.log)

	h := c.Writer.Header()
	h.Set(problem.RequestIDHeader, id.String())
	if request.ClientID != uuid.Nil {
		h.Set(clientRequestIDHeader, request.ClientID.String())
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

	c.Next()

	route := c.FullPath()
	if route == "" {
		route = "(none)"
	}
	attributes := []slog.Attr{
		slog.String("request_id", id.String()),
		slog.String("method", bind.Printable(c.Request.Method)),
		slog.String("route", route),
		slog.Int("status", c.Writer.Status()),
		slog.Int("bytes", max(0, c.Writer.Size())),
		slog.Duration("duration", time.Since(start)),
		slog.String("ip", request.IP),
	}
	if r.identity.ID != uuid.Nil {
		attributes = append(attributes, slog.String("identity", r.identity.ID.String()),
			slog.String("actor", r.identity.ActorID.String()), slog.String("actor_kind", string(r.identity.Kind)))
	}
	if request.ClientID != uuid.Nil {
		attributes = append(attributes, slog.String("client_request_id", request.ClientID.String()))
	}
	if request.Traceparent != "" {
		attributes = append(attributes, slog.String("traceparent", request.Traceparent))
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "request", attributes...)
}

// clean makes a header fit for the database and bounds it.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if characters := []rune(s); len(characters) > maxUserAgent {
		s = string(characters[:maxUserAgent])
	}
	return s
}

// recovered turns a panic into a 500. The process goes on: a request shares nothing with
// the others, and its transaction was rolled back on the way here.
func recovered(c *gin.Context) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if r == http.ErrAbortHandler { //nolint:errorlint // A panic's value, as net/http compares it.
			panic(r)
		}
		problem.Write(c, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
	}()
	c.Next()
}

// canonicalUUID reads a UUID in the form of RFC 9562 section 4 and no other.
func canonicalUUID(s string) (uuid.UUID, bool) {
	if len(s) != 36 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(s)
	return id, err == nil
}
