// Package auth authenticates the caller. It verifies the credentials of a request and stores the result, an
// [Identity], in the context. All other code takes the caller from the context and from nowhere else.
package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Kind is the kind of the actor. It determines the database role of a transaction, so it always comes from a verified
// credential, never from other input of a client.
type Kind string

// The kinds of actor.
const (
	Human Kind = "human"
	Agent Kind = "agent"
)

// Identity is an authenticated caller: the actor, and the identity that it acts for.
type Identity struct {
	// ID is the identity that owns the rows that the caller can access.
	ID uuid.UUID
	// ActorID is the actor: for a human, the same as ID; for an agent, the id of the hired agent.
	ActorID uuid.UUID
	// Kind is the kind of the actor.
	Kind Kind
	// SessionID is the session of the credential; the zero UUID if it has none.
	SessionID uuid.UUID
	// AuthTime is the time in UTC when the human last authenticated (the claim auth_time); zero if it is unknown.
	AuthTime time.Time
	// Scope lists the capabilities of the credential; empty means that the credential does not restrict the role.
	Scope []string
}

// Request contains what the audit log records of a request in addition to its caller.
type Request struct {
	// ID is the id of the request in responses, logs and audit rows. The service generates it, so that clients cannot
	// choose the ids in the audit log.
	ID uuid.UUID
	// ClientID is the id that the client sent for the request; zero if it sent none.
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

// From returns the caller, or false if no caller was authenticated.
func From(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(identityKey{}).(Identity)
	return id, ok
}

// WithRequest returns a context that carries r for the audit log.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestFrom returns the request that WithRequest stored, or false outside a request.
func RequestFrom(ctx context.Context) (Request, bool) {
	r, ok := ctx.Value(requestKey{}).(Request)
	return r, ok
}

// Allows reports whether the scope covers the capability. A capability such as business implies business:read. An
// empty scope covers every capability.
func (id Identity) Allows(capability string) bool {
	return len(id.Scope) == 0 || Covers(id.Scope, capability)
}

// Covers reports whether the capabilities contain the capability one or a capability that implies it.
func Covers(capabilities []string, one string) bool {
	return slices.Contains(capabilities, one) || slices.Contains(capabilities, strings.TrimSuffix(one, ReadSuffix))
}

// ReadSuffix is the suffix of capabilities for read-only access.
const ReadSuffix = ":read"
