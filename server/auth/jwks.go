package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// JWKSPath is the path of the public keys.
const JWKSPath = "/.well-known/jwks.json"

// JWKSMaxAge is how long clients may cache the published keys. A key must be published for longer than this before it
// signs.
const JWKSMaxAge = 5 * time.Minute

// JWK is a public signing key (RFC 7517, RFC 8037).
type JWK struct {
	// KeyType is always OKP.
	KeyType string `json:"kty" jsonschema_description:"Key type, always OKP (RFC 8037)."`
	// Curve is always Ed25519.
	Curve string `json:"crv" jsonschema_description:"Curve of the key, always Ed25519."`
	// X is the public key in base64url.
	X string `json:"x" jsonschema_description:"Public key in base64url encoding."`
	// ID is the key id in the header of tokens.
	ID string `json:"kid" jsonschema_description:"Key id, as in the header of tokens."`
	// Use is always sig.
	Use string `json:"use" jsonschema_description:"Use of the key, always sig."`
	// Algorithm is always EdDSA.
	Algorithm string `json:"alg" jsonschema_description:"Signature algorithm, always EdDSA."`
}

// JWKS is a set of public signing keys (RFC 7517 section 5).
type JWKS struct {
	Keys []JWK `json:"keys" jsonschema_description:"Public keys, in no particular order."`
}

// publish builds the document that Public returns. Its order does not depend on the order of the map.
func (s *keySet) publish() error {
	for id, key := range s.public {
		s.document.Keys = append(s.document.Keys, JWK{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(key),
			ID: id, Use: "sig", Algorithm: algorithm,
		})
	}
	slices.SortFunc(s.document.Keys, func(a, b JWK) int { return strings.Compare(a.ID, b.ID) })
	text, err := json.Marshal(s.document)
	if err != nil {
		return fmt.Errorf("render the public keys: %w", err)
	}
	sum := sha256.Sum256(text)
	s.etag = `"` + hex.EncodeToString(sum[:16]) + `"`
	return nil
}

// Public returns the public keys and their entity tag. Clients may cache them for [JWKSMaxAge].
func (k *Keys) Public() (JWKS, string) {
	set := k.set.Load()
	return set.document, set.etag
}
