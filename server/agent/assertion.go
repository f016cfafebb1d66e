package agent

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/chenu/chenu/server/auth"
)

const (
	// maxAssertionLife is how far ahead an assertion may end: as long as its id is kept.
	maxAssertionLife = 5 * time.Minute
	// maxJTI bounds the id of an assertion, in bytes.
	maxJTI = 200
)

// assertion is what has to be remembered of one that was verified. The zero value is of
// none.
type assertion struct {
	// digest is the SHA-256 of its id; nil when there is none.
	digest    []byte
	expiresAt *time.Time
}

// verify checks an assertion (RFC 7523, section 3): that the key signed it, for us, about
// the credential, and for a short time. It does not know whether it was used before.
func (s *Service) verify(text string, client clientID, key ed25519.PublicKey) (assertion, error) {
	if !acceptable(key) {
		return assertion{}, errors.New("no such credential, or it has no key that can prove anything")
	}
	audience := s.Tokens.Issuer
	if audience == "" {
		audience = auth.DefaultIssuer
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithIssuer(client.String()), jwt.WithSubject(client.String()), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(auth.Leeway),
	)
	var claims jwt.RegisteredClaims
	_, err := parser.ParseWithClaims(text, &claims, func(t *jwt.Token) (any, error) {
		// A key of the credential's own is known: none that the assertion brings, and no
		// extension that has to be understood (RFC 7515, section 4.1.11).
		for name := range t.Header {
			if name != "alg" && name != "typ" && name != "kid" {
				return nil, errors.New("its header has parameters that are not for it")
			}
		}
		return key, nil
	})
	switch {
	case err != nil:
		return assertion{}, err
	case claims.ID == "" || len(claims.ID) > maxJTI:
		return assertion{}, errors.New("it has no id")
	case len(claims.Audience) != 1:
		return assertion{}, errors.New("it is for others too")
	case time.Until(claims.ExpiresAt.Time) > maxAssertionLife+auth.Leeway:
		return assertion{}, errors.New("it lives too long")
	}
	digest := sha256.Sum256([]byte(claims.ID))
	// As long as the leeway lets it be accepted.
	end := claims.ExpiresAt.Add(2 * auth.Leeway).UTC()
	return assertion{digest[:], &end}, nil
}
