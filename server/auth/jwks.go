package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// JWKSPath is where the public keys are published.
const JWKSPath = "/.well-known/jwks.json"

// jwksMaxAge is how long others may keep the published keys. A key has to be
// published for longer than this before it signs.
const jwksMaxAge = 5 * time.Minute

// JWK is a public signing key (RFC 7517, RFC 8037).
type JWK struct {
	// KeyType is always OKP.
	KeyType string `json:"kty"`
	// Curve is always Ed25519.
	Curve string `json:"crv"`
	// X is the public key in base64url.
	X string `json:"x"`
	// ID is what tokens name in their header.
	ID string `json:"kid"`
	// Use is always sig.
	Use string `json:"use"`
	// Algorithm is always EdDSA.
	Algorithm string `json:"alg"`
}

// JWKS is a set of public signing keys (RFC 7517 section 5).
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// publish renders the document that ServeHTTP answers with, in an order that does not
// depend on the map's.
func (s *keySet) publish() error {
	var doc JWKS
	for id, key := range s.public {
		doc.Keys = append(doc.Keys, JWK{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(key),
			ID: id, Use: "sig", Algorithm: algorithm,
		})
	}
	slices.SortFunc(doc.Keys, func(a, b JWK) int { return strings.Compare(a.ID, b.ID) })
	text, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("render the public keys: %w", err)
	}
	sum := sha256.Sum256(text)
	s.document, s.etag = text, `"`+hex.EncodeToString(sum[:16])+`"`
	return nil
}

// ServeHTTP answers with the public keys as a JWK Set, cacheable by anyone for five
// minutes.
func (k *Keys) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	set := k.set.Load()
	h := w.Header()
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(jwksMaxAge.Seconds())))
	h.Set("ETag", set.etag)
	if matches(r.Header.Values("If-None-Match"), set.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(set.document) // A client that went away is no fault of ours.
}

// matches compares as If-None-Match does: weakly, in a list, or anything at all
// (RFC 9110 section 13.1.2).
func matches(values []string, etag string) bool {
	for value := range strings.SplitSeq(strings.Join(values, ","), ",") {
		value = strings.TrimSpace(value)
		if value == "*" || strings.TrimPrefix(value, "W/") == etag {
			return true
		}
	}
	return false
}
