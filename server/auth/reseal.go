package auth

import (
	"context"
	"errors"
	"fmt"
)

// ErrKeysChanged is returned by [Resealer] if the stored keys are not the keys that were read.
var ErrKeysChanged = errors.New("the signing keys have changed")

// Resealer replaces the sealed private keys of all signing keys in one transaction.
type Resealer interface {
	// ResealSigningKeys stores the field Sealed of each key and changes nothing else. Unless keys are exactly the
	// stored keys, it stores nothing and returns ErrKeysChanged.
	ResealSigningKeys(ctx context.Context, keys []StoredKey) error
}

// resealAttempts is how often Reseal tries again with the current keys when the keys have changed.
const resealAttempts = 3

// Reseal encrypts every signing key with the secret that k was opened with, and returns the number of keys. Keys and
// tokens stay valid: only the encryption changes. If a key can be decrypted neither with this secret nor with a
// previous one, Reseal returns an error and changes nothing.
func (k *Keys) Reseal(ctx context.Context, into Resealer) (int, error) {
	for attempt := 1; ; attempt++ {
		stored, err := k.store.SigningKeys(ctx)
		if err != nil {
			return 0, fmt.Errorf("read the signing keys: %w", err)
		}
		for i, s := range stored {
			private, err := k.open(s)
			if err != nil {
				return 0, err
			}
			stored[i].Sealed = k.aead.Seal(nil, nil, private.Seed(), sealContext(s.ID, s.PublicKey)) //nolint:gosec // The nonce is random and made by Seal.
		}
		switch err := into.ResealSigningKeys(ctx, stored); {
		case err == nil:
			return len(stored), k.Refresh(ctx)
		case !errors.Is(err, ErrKeysChanged) || attempt == resealAttempts:
			return 0, fmt.Errorf("store the signing keys: %w", err)
		}
	}
}
