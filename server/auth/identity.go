// Package auth establishes who is calling. It verifies the credentials of a
// request, and carries what they prove, an [Identity], in the context. Everything
// after it reads the caller from the context and from nowhere else.
package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Kind says what kind of actor is calling. It chooses the database role a
// transaction runs as, so it never comes from anything a client may state freely:
// only from a verified credential.
type Kind string

// The kinds of actor.
const (
	Human Kind = "human"
	Agent Kind = "agent"
)

// Identity is a verified caller: on whose behalf it acts, and who acts.
type Identity struct {
	// ID is the identity whose rows are reached: the owner.
	ID uuid.UUID
	// ActorID is who acts for it: the same as ID for a human, the hired agent's own
	// id for an agent.
	ActorID uuid.UUID
	// Kind is the kind of actor that ActorID is.
	Kind Kind
	// SessionID is the login the credential belongs to; the zero UUID when it
	// belongs to none.
	SessionID uuid.UUID
	// AuthTime is when the person last proved who they are (the claim auth_time),
	// in UTC; the zero time when the credential does not say.
	AuthTime time.Time
	// Scope lists what the credential allows beyond the role; empty means no
	// narrowing.
	Scope []string
}

// Request is what the audit trail records of a request besides its caller.
type Request struct {
	// ID names the request in answers, logs and audit rows. The service makes it, so that
	// no client chooses what the trail calls its requests.
	ID uuid.UUID
	// ClientID is the id that the client gave to the request; zero when it gave none.
	ClientID uuid.UUID
	// Traceparent is the W3C Trace Context header as received, or empty.
	Traceparent string
	// IP is the client's address without a port, or empty.
	IP string
	// UserAgent is the User-Agent header as received, or empty.
	UserAgent string
}

type (
	identityKey struct{}
	requestKey  struct{}
)

// With returns a context in which the caller is id.
func With(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// From returns the caller, and false when nobody was authenticated.
func From(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(Identity)
	return id, ok
}

// WithRequest returns a context that carries what the audit trail records of the
// request.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestFrom returns what WithRequest stored, and false outside a request.
func RequestFrom(ctx context.Context) (Request, bool) {
	r, ok := ctx.Value(requestKey{}).(Request)
	return r, ok
}

// Allows reports whether the scope covers the capability. One such as business implies
// business:read. An empty scope covers everything.
func (id Identity) Allows(capability string) bool {
	return len(id.Scope) == 0 || Covers(id.Scope, capability)
}

// Covers reports whether the capabilities have the one, or one that implies it.
func Covers(capabilities []string, one string) bool {
	return slices.Contains(capabilities, one) || slices.Contains(capabilities, strings.TrimSuffix(one, ReadSuffix))
}

// ReadSuffix ends the capabilities that allow reading only.
const ReadSuffix = ":read"
