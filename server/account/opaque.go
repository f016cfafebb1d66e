package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/google/uuid"
)

// secretBytes is the length of the random part of an opaque token. With 256 random bits, a plain hash is as safe as
// the slow hash of a password.
const secretBytes = 32

// opaque is a token that only this service interprets: the ids of the rows that it refers to, and a random part. The
// ids determine the identity that the checking transaction runs as; they prove nothing. The database stores only the
// hash.
type opaque struct {
	ids    []uuid.UUID
	secret [secretBytes]byte
}

func newOpaque(ids ...uuid.UUID) opaque {
	t := opaque{ids: ids}
	// Read never fails: the program crashes if the system has no source of randomness.
	_, _ = rand.Read(t.secret[:])
	return t
}

// parseOpaque parses a token with the given number of ids. It returns false if the text is not such a token.
func parseOpaque(text string, ids int) (opaque, bool) {
	// Even a strict decoder skips line breaks, so the length is checked, too.
	length := 16*ids + secretBytes
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != length || len(text) != base64.RawURLEncoding.EncodedLen(length) {
		return opaque{}, false
	}
	t := opaque{ids: make([]uuid.UUID, ids), secret: [secretBytes]byte(raw[16*ids:])}
	for i := range t.ids {
		if t.ids[i] = uuid.UUID(raw[16*i : 16*i+16]); t.ids[i] == uuid.Nil {
			return opaque{}, false
		}
	}
	return t, true
}

// text returns the token as sent to the client.
func (t opaque) text() string {
	var raw []byte
	for _, id := range t.ids {
		raw = append(raw, id[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(append(raw, t.secret[:]...))
}

// hash returns the hash that is stored in the database.
func (t opaque) hash() []byte {
	sum := sha256.Sum256(t.secret[:])
	return sum[:]
}

// String hides the token.
func (opaque) String() string { return "[token]" }

// GoString hides the token.
func (opaque) GoString() string { return "[token]" }
