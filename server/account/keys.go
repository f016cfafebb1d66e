package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

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

const resealSigningKeysSQL = `SELECT app.reseal_signing_keys(
  ARRAY(SELECT (k ->> 'id')::uuid FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS e(k, n) ORDER BY n),
  ARRAY(SELECT decode(k ->> 'sealed', 'base64') FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS e(k, n) ORDER BY n))`

// ResealSigningKeys implements [auth.Resealer].
func (s KeyStore) ResealSigningKeys(ctx context.Context, keys []auth.StoredKey) error {
	type sealed struct {
		ID     uuid.UUID `json:"id"`
		Sealed []byte    `json:"sealed"`
	}
	list := make([]sealed, len(keys))
	for i, k := range keys {
		list[i] = sealed{k.ID, k.Sealed}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("marshal the signing keys: %w", err)
	}
	var changed int
	err = s.DB.Anonymous(ctx, func(q session.Querier) error {
		return session.One(ctx, q, resealSigningKeysSQL, []any{string(text)}, &changed)
	})
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "CH409" {
		return auth.ErrKeysChanged
	}
	return err
}
