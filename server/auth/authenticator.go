package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jellydator/ttlcache/v3"
	"golang.org/x/sync/singleflight"
)

const (
	// SessionTTL is how long a session that was found alive is not checked again. For that long, a token may outlive
	// its revoked session.
	SessionTTL = 2 * time.Second
	// sessionTimeout limits how long a check of a session may take.
	sessionTimeout = 5 * time.Second
	// maxCachedSessions limits the size of the cache; an entry takes about 300 B.
	maxCachedSessions = 10_000
)

// Sessions reports which sessions are alive.
type Sessions interface {
	// Alive reports whether the identity is active and its session is open: it exists, is not revoked and has not
	// expired. The session of an agent is its credential; it is alive while the agent is active and has the
	// capabilities in its scope. If the identity or the session does not exist, Alive returns false and no error.
	Alive(ctx context.Context, id Identity) (bool, error)
}

// ErrNoCredentials is returned for a request without credentials of a supported scheme.
var ErrNoCredentials = errors.New("no bearer token")

// ErrMalformedCredentials is returned for a request whose Authorization header is malformed or ambiguous.
var ErrMalformedCredentials = errors.New("malformed credentials")

// Authenticator authenticates requests. It is safe for concurrent use.
type Authenticator struct {
	verifier *Verifier
	sessions Sessions
	alive    *ttlcache.Cache[uuid.UUID, Identity]
	flight   singleflight.Group
}

// NewAuthenticator returns an authenticator that accepts the verifier's tokens while their sessions are alive.
func NewAuthenticator(v *Verifier, s Sessions) *Authenticator {
	return &Authenticator{
		verifier: v,
		sessions: s,
		alive: ttlcache.New(
			ttlcache.WithTTL[uuid.UUID, Identity](SessionTTL),
			ttlcache.WithCapacity[uuid.UUID, Identity](maxCachedSessions),
			ttlcache.WithDisableTouchOnHit[uuid.UUID, Identity](),
		),
	}
}

// Authenticate returns the caller, authenticated by the Authorization header of r (RFC 6750 section 2.1; tokens in the
// URL or the body are ignored). The error is [ErrNoCredentials], [ErrMalformedCredentials], an [ErrInvalidToken], or
// another error if the check could not be completed.
func (a *Authenticator) Authenticate(r *http.Request) (Identity, error) {
	text, err := bearer(r.Header)
	if err != nil {
		return Identity{}, err
	}
	ctx := r.Context()
	token, err := a.verifier.Verify(ctx, text)
	if err != nil {
		return Identity{}, err
	}
	return token.Identity, a.checkSession(ctx, token.Identity)
}

// Revalidate checks the identity's session without the cache. It returns nil if the session is alive, and otherwise
// [ErrInvalidToken] or another error. It ignores whether the token has expired in the meantime. It is for responses
// that take longer than [SessionTTL].
func (a *Authenticator) Revalidate(ctx context.Context, id Identity) error {
	a.Forget(id)
	return a.checkSession(ctx, id)
}

// Forget removes the session from the cache, so that the next request checks it again. Code that revokes a session
// calls Forget, so that this instance rejects the session immediately; other instances reject it within [SessionTTL].
func (a *Authenticator) Forget(id Identity) {
	a.flight.Forget(flightKey(id))
	a.alive.Delete(id.SessionID)
}

// flightKey returns a key of everything that the result of [Sessions] depends on. It includes the time of an agent's
// token: tokens issued before a suspension stay rejected, even if later tokens of the same credential are accepted.
func flightKey(id Identity) string {
	key := string(id.ID[:]) + string(id.ActorID[:]) + string(id.SessionID[:])
	if id.Kind == Agent {
		key += strconv.FormatInt(id.AuthTime.Unix(), 10) + " "
	}
	return key + strings.Join(id.Scope, " ")
}

func (a *Authenticator) checkSession(ctx context.Context, id Identity) error {
	if item := a.alive.Get(id.SessionID); item != nil && flightKey(item.Value()) == flightKey(id) {
		return nil
	}
	done := a.flight.DoChan(flightKey(id), func() (any, error) {
		// The caller's cancellation does not apply, since other callers wait for the same result.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sessionTimeout)
		defer cancel()
		asked := time.Now()
		alive, err := a.sessions.Alive(ctx, id)
		if err == nil && alive {
			// The TTL starts before the check, since the check may have been slow.
			if ttl := SessionTTL - time.Since(asked); ttl > 0 {
				a.alive.Set(id.SessionID, id, ttl)
			}
		}
		return alive, err
	})
	select {
	case <-ctx.Done():
		return fmt.Errorf("look at the session: %w", ctx.Err())
	case r := <-done:
		if r.Err != nil {
			return fmt.Errorf("look at the session: %w", r.Err)
		}
		if alive, _ := r.Val.(bool); !alive {
			return invalid("its session has ended")
		}
		return nil
	}
}

// bearer returns the token in the Authorization header.
func bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch len(values) {
	case 0:
		return "", ErrNoCredentials
	case 1:
	default:
		return "", ErrMalformedCredentials
	}
	// The name of the scheme is not case-sensitive (RFC 9110 section 11.1).
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoCredentials
	}
	if token = strings.Trim(token, " "); token == "" {
		return "", ErrMalformedCredentials
	}
	return token, nil
}
