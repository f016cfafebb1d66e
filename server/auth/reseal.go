package auth

import (
	"context"
	"errors"
	"fmt"
)

// ErrKeysChanged is the error of [Resealer] when the keys are no longer those that were read.
var ErrKeysChanged = errors.New("the signing keys have changed")

// Resealer replaces the sealed halves of all signing keys in one transaction.
type Resealer interface {
	// ResealSigningKeys stores the Sealed of each key, and changes nothing else. It returns
	// ErrKeysChanged, and stores nothing, unless keys are all keys that there are.
	ResealSigningKeys(ctx context.Context, keys []StoredKey) error
}

// resealAttempts is how often Reseal reads the keys again when they change meanwhile.
const resealAttempts = 3

// Reseal encrypts every signing key under the secret that k was opened with, and returns how
// many there are. Keys and tokens stay as they are: only the encryption changes. A key that
// opens neither under this secret nor under a previous one is an error, and nothing changes.
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
