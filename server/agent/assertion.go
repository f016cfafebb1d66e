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
	// maxAssertionLife is how far ahead the expiry of an assertion may be. The database stores its id for as long.
	maxAssertionLife = 5 * time.Minute
	// maxJTI is the maximum length of the id of an assertion, in bytes.
	maxJTI = 200
)

// assertion is what must be stored of a verified assertion, so that it is accepted only once. The zero value means
// that there is none.
type assertion struct {
	// digest is the SHA-256 hash of the assertion's id; nil if there is none.
	digest    []byte
	expiresAt *time.Time
}

// verify verifies an assertion (RFC 7523, section 3): it must be signed by the key, for this service, about the
// credential, and short-lived. It does not check whether the assertion was used before.
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
		// The key comes from the credential. Keys in the assertion, and extensions that must be understood (RFC 7515,
		// section 4.1.11), are rejected.
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
	// The id is stored until the assertion is not accepted any more, including the leeway.
	end := claims.ExpiresAt.Add(2 * auth.Leeway).UTC()
	return assertion{digest[:], &end}, nil
}
