package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jellydator/ttlcache/v3"
)

// maxCachedTokens bounds the cache of verified tokens, about 1 KiB each. Only tokens
// that we signed get in, so a client can't fill it with inventions.
const maxCachedTokens = 10_000

// ErrInvalidToken is the error of a token that proves nothing: forged, expired, not for
// us, or no token at all. [ErrExpiredToken] is one of these.
var ErrInvalidToken = errors.New("invalid access token")

// ErrExpiredToken is the error of a token that we signed and that is past its end.
var ErrExpiredToken = expired{}

type expired struct{}

func (expired) Error() string        { return "expired access token" }
func (expired) Is(target error) bool { return target == ErrInvalidToken }

// invalidError is an invalid token with the reason, which is for the log: a client is
// told only that the token is invalid.
type invalidError struct{ reason string }

func invalid(reason string) error { return &invalidError{reason: reason} }

func (e *invalidError) Error() string        { return ErrInvalidToken.Error() + ": " + e.reason }
func (e *invalidError) Is(target error) bool { return target == ErrInvalidToken }

// Verifier verifies access tokens. Safe for concurrent use.
type Verifier struct {
	keys   *Keys
	parser *jwt.Parser
	now    func() time.Time
	// cache holds verified tokens by the hash of their text, until they end. An
	// Ed25519 verification costs some 90 µs, a hit 1 or 2.
	cache *ttlcache.Cache[[sha256.Size]byte, verified]
}

// verified is a token whose signature, header and claims were found good under key.
type verified struct {
	token     Token
	notBefore time.Time
	keyID     string
	key       ed25519.PublicKey
}

// NewVerifier returns a verifier of the tokens that an [Issuer] with the same keys and
// configuration signs.
func NewVerifier(keys *Keys, c Config) *Verifier { return newVerifier(keys, c, time.Now) }

func newVerifier(keys *Keys, c Config, now func() time.Time) *Verifier {
	c = c.withDefaults()
	return &Verifier{
		keys: keys,
		now:  now,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{algorithm}),
			jwt.WithStrictDecoding(),
			jwt.WithIssuer(c.Issuer),
			jwt.WithAudience(c.Audience),
			jwt.WithExpirationRequired(),
			jwt.WithNotBeforeRequired(),
			jwt.WithIssuedAt(),
			jwt.WithLeeway(Leeway),
			jwt.WithTimeFunc(now),
		),
		cache: ttlcache.New(
			ttlcache.WithCapacity[[sha256.Size]byte, verified](maxCachedTokens),
			ttlcache.WithDisableTouchOnHit[[sha256.Size]byte, verified](),
		),
	}
}

// Verify returns what the token says, if it is one of ours and valid now. Any fault of
// the token is an [ErrInvalidToken]; another error means that it could not be decided,
// because the keys could not be read. The token is shared with other callers: its
// slices are not to be changed. It says nothing of whether the session still lives:
// see [Authenticator].
func (v *Verifier) Verify(ctx context.Context, token string) (Token, error) {
	if len(token) > MaxTokenBytes {
		return Token{}, invalid("it is too long")
	}
	hash := sha256.Sum256([]byte(token))
	if item := v.cache.Get(hash); item != nil {
		have := item.Value()
		// What was true at the first sight and may be so no more: key and clock.
		if v.keys.accepts(have.keyID, have.key) {
			return have.token, have.check(v.now())
		}
		v.cache.Delete(hash)
	}
	have, err := v.verify(ctx, token)
	if err != nil {
		return Token{}, err
	}
	// Zero would mean for ever.
	if ttl := have.token.ExpiresAt.Add(Leeway).Sub(v.now()); ttl > 0 {
		v.cache.Set(hash, have, ttl)
	}
	return have.token, nil
}

// check compares the token's times with now. The parser does the same for a token that
// is not cached.
func (v *verified) check(now time.Time) error {
	switch {
	case !now.Before(v.token.ExpiresAt.Add(Leeway)):
		return ErrExpiredToken
	case now.Before(v.notBefore.Add(-Leeway)):
		return invalid("it is not valid yet")
	}
	return nil
}

func (v *Verifier) verify(ctx context.Context, token string) (verified, error) {
	// The decoder skips line breaks even when strict, so they have to go first: one
	// token has one text.
	if strings.ContainsFunc(token, notTokenCharacter) {
		return verified{}, invalid("it has characters that no token has")
	}
	var (
		c   claims
		out verified
	)
	_, err := v.parser.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if err := checkHeader(t.Header); err != nil {
			return nil, err
		}
		var err error
		out.keyID, _ = t.Header["kid"].(string)
		out.key, err = v.keys.find(ctx, out.keyID)
		return out.key, err
	})
	switch {
	case err == nil:
	case errors.Is(err, ErrInvalidToken):
		return verified{}, err
	case errors.Is(err, jwt.ErrTokenExpired):
		return verified{}, ErrExpiredToken
	case errors.Is(err, jwt.ErrTokenUnverifiable) && out.keyID != "":
		return verified{}, err // The store did not answer.
	default:
		return verified{}, invalid(err.Error())
	}
	if out.token, err = c.token(); err != nil {
		return verified{}, err
	}
	out.notBefore = c.NotBefore.Time
	return out, nil
}

// checkHeader admits the three parameters that we write and no others. So a key that
// the token brings or points to (jwk, jku, x5c, x5u) and extensions that have to be
// understood (crit, RFC 7515 section 4.1.11) never get as far as being ignored.
func checkHeader(h map[string]any) error {
	for name := range h {
		switch name {
		case "alg", "typ", "kid":
		default:
			return invalid("its header has parameters that ours have not")
		}
	}
	if h["alg"] != algorithm {
		return invalid("its algorithm is not " + algorithm)
	}
	if h["typ"] != tokenType {
		return invalid("its type is not " + tokenType)
	}
	if id, ok := h["kid"].(string); !ok || id == "" {
		return invalid("it names no key")
	}
	return nil
}

// notTokenCharacter is true outside the base64url alphabet and the dot.
func notTokenCharacter(r rune) bool {
	switch {
	case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '_', r == '.':
		return false
	}
	return true
}
