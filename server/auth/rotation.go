package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// KeyMaxAge is how long a key signs before another takes its place.
const KeyMaxAge = 30 * 24 * time.Hour

// KeyStep is what [Keys.Advance] did.
type KeyStep struct {
	// Made is that a key was published that signs later; Promoted, that the one which was
	// published before signs now, and the one before it only verifies.
	Made, Promoted bool
	// Removed is how many keys verify no more: all that they signed has ended.
	Removed int
	// NextID is the key that signs from NextSignsAt on; the zero UUID when none waits.
	NextID      uuid.UUID
	NextSignsAt time.Time
}

// Changed says whether the keys are others than before.
func (s KeyStep) Changed() bool { return s.Made || s.Promoted || s.Removed > 0 }

// Advance moves the keys on as far as their time has come (next, active, retiring, gone),
// and publishes a new one when the key that signs is older than maxAge. No token becomes
// invalid by it. Any number of instances may call it at once, as often as they like.
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
		// The others read them again within KeyRefreshEvery.
		err = k.Refresh(ctx)
	}
	return step, err
}
