package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// KeyMaxAge is how long a key signs before it is replaced.
const KeyMaxAge = 30 * 24 * time.Hour

// KeyStep describes what [Keys.Advance] did.
type KeyStep struct {
	// Made reports whether a new key was published that will sign later. Promoted reports whether the key published
	// before signs now, and its predecessor only verifies.
	Made, Promoted bool
	// Removed is the number of keys that were removed, because all tokens that they signed have expired.
	Removed int
	// NextID is the key that signs from NextSignsAt on; the zero UUID if there is no next key.
	NextID      uuid.UUID
	NextSignsAt time.Time
}

// Changed reports whether the keys were changed.
func (s KeyStep) Changed() bool { return s.Made || s.Promoted || s.Removed > 0 }

// Advance moves each key to the next status when it is due (next, active, retiring, removed), and publishes a new key
// when the active key is older than maxAge. All valid tokens stay valid. Any number of instances may call Advance
// concurrently and as often as they like.
func (k *Keys) Advance(ctx context.Context, maxAge time.Duration) (KeyStep, error) {
	fresh, err := k.generate()
	if err != nil {
		return KeyStep{}, err
	}
	fresh.Status = KeyNext
	step, err := k.store.AdvanceSigningKeys(ctx, fresh, maxAge)
	if err != nil {
		return KeyStep{}, fmt.Errorf("advance the signing keys: %w", err)
	}
	if step.Changed() {
		// The other instances reload the keys within KeyRefreshEvery.
		err = k.Refresh(ctx)
	}
	return step, err
}
