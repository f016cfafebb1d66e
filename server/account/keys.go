package account

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

const advanceSigningKeysSQL = `SELECT made, promoted, removed, next_id, coalesce(next_signs_at, 'epoch')
  FROM app.advance_signing_keys($1, $2, $3, make_interval(secs => $4))`

// AdvanceSigningKeys implements [auth.KeyStore].
func (s KeyStore) AdvanceSigningKeys(ctx context.Context, fresh auth.StoredKey, maxAge time.Duration) (auth.KeyStep, error) {
	var (
		step auth.KeyStep
		next uuid.NullUUID
	)
	err := s.DB.Anonymous(ctx, func(q session.Querier) error {
		return session.One(ctx, q, advanceSigningKeysSQL, []any{fresh.ID, fresh.PublicKey, fresh.Sealed, maxAge.Seconds()},
			&step.Made, &step.Promoted, &step.Removed, &next, &step.NextSignsAt)
	})
	if err != nil {
		return auth.KeyStep{}, fmt.Errorf("move the signing keys on: %w", err)
	}
	step.NextID = next.UUID
	return step, nil
}
