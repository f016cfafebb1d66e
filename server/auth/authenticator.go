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
	// SessionTTL is how long a session that was found alive counts as alive without
	// looking again: how long a token may outlive its revoked session.
	SessionTTL = 2 * time.Second
	// sessionTimeout bounds one look at a session.
	sessionTimeout = 5 * time.Second
	// maxCachedSessions bounds the memory of what was found, about 300 B each.
	maxCachedSessions = 10_000
)

// Sessions says which sessions live.
type Sessions interface {
	// Alive says whether the identity is active and its session is open: exists, not
	// revoked, not past its end. An agent's session is its credential, and lives while the
	// agent is active and may do what its scope says. An identity or session that is not
	// there is not alive, and that is no error.
	Alive(ctx context.Context, id Identity) (bool, error)
}

// ErrNoCredentials is the error of a request that offers no credentials of a kind that
// is understood.
var ErrNoCredentials = errors.New("no bearer token")

// ErrMalformedCredentials is the error of a request whose Authorization header can't
// be read in one way only.
var ErrMalformedCredentials = errors.New("malformed credentials")

// Authenticator tells who makes a request. Safe for concurrent use.
type Authenticator struct {
	verifier *Verifier
	sessions Sessions
	alive    *ttlcache.Cache[uuid.UUID, Identity]
	flight   singleflight.Group
}

// NewAuthenticator returns an authenticator that accepts the verifier's tokens while
// their sessions live.
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

// Authenticate returns the caller that the Authorization header of r proves (RFC 6750
// section 2.1; a token in the URL or the body is never looked at). The error is
// [ErrNoCredentials], [ErrMalformedCredentials], an [ErrInvalidToken], or another when
// it could not be decided.
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

// Revalidate looks at the identity's session without the cache: it returns nil while the
// session lives, else [ErrInvalidToken] or another error. Whether the token has expired in
// the meantime does not matter. It is for answers that take longer than [SessionTTL].
func (a *Authenticator) Revalidate(ctx context.Context, id Identity) error {
	a.Forget(id)
	return a.checkSession(ctx, id)
}

// Forget makes the next request of a session look at it again. Whoever revokes a
// session calls it, so that here it ends at once; other instances notice within
// [SessionTTL].
func (a *Authenticator) Forget(id Identity) {
	a.flight.Forget(flightKey(id))
	a.alive.Delete(id.SessionID)
}

// flightKey is what the answer of [Sessions] depends on. Tokens of an agent that were made before
// its suspension stay refused, also when later ones with the same credential are accepted.
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
		// Not the caller's cancellation: the others wait for the same answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sessionTimeout)
		defer cancel()
		asked := time.Now()
		alive, err := a.sessions.Alive(ctx, id)
		if err == nil && alive {
			// Counted from the question: the answer may have been slow.
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
	// The scheme's name has no case (RFC 9110 section 11.1).
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoCredentials
	}
	if token = strings.Trim(token, " "); token == "" {
		return "", ErrMalformedCredentials
	}
	return token, nil
}
