package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"

	"github.com/google/uuid"
)

// secretBytes is the length of an opaque token's random part: 256 bits, so that its plain
// hash is as good as a password's slow one.
const secretBytes = 32

// opaque is a token that only this service reads: the rows that it speaks of, and a random
// part. The ids make the transaction that checks it run as one identity; they prove nothing.
// The database gets the hash only.
type opaque struct {
	ids    []uuid.UUID
	secret [secretBytes]byte
}

func newOpaque(ids ...uuid.UUID) opaque {
	t := opaque{ids: ids}
	// Never fails: the program ends when the system has no randomness.
	_, _ = rand.Read(t.secret[:])
	return t
}

// parseOpaque reads a token that names so many rows; false for every other text.
func parseOpaque(text string, ids int) (opaque, bool) {
	// The decoder skips line breaks even when strict, so the length has to be right, too.
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

// text is what is given out.
func (t opaque) text() string {
	var raw []byte
	for _, id := range t.ids {
		raw = append(raw, id[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(append(raw, t.secret[:]...))
}

// hash is what is kept.
func (t opaque) hash() []byte {
	sum := sha256.Sum256(t.secret[:])
	return sum[:]
}

// String hides the token.
func (opaque) String() string { return "[token]" }

// GoString hides the token.
func (opaque) GoString() string { return "[token]" }
