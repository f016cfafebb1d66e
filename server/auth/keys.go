package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"
)

// How the instances learn of each other's keys.
const (
	// keyReloadPause is the shortest time between two reloads that unknown key ids
	// cause, whatever clients send.
	keyReloadPause = time.Second
	// keyReloadTimeout bounds one such reload.
	keyReloadTimeout = 5 * time.Second
	// KeyRefreshEvery is how often [Keys.Run] reads the keys again: the longest time
	// for which a removed key is still accepted.
	KeyRefreshEvery = time.Minute
)

// KeyStatus is a signing key's place in its life. A key that is gone is not stored
// any more.
type KeyStatus string

// The places, in order: published before it signs, signing, and verifying what it
// signed before.
const (
	KeyNext     KeyStatus = "next"
	KeyActive   KeyStatus = "active"
	KeyRetiring KeyStatus = "retiring"
)

// StoredKey is a signing key as the database keeps it.
type StoredKey struct {
	// ID is the `kid` of the key's tokens.
	ID uuid.UUID
	// PublicKey is the Ed25519 public key, 32 bytes.
	PublicKey []byte
	// Sealed is the private key's seed, encrypted under the service's secret.
	Sealed []byte
	// Status is the key's place in its life.
	Status KeyStatus
}

// KeyStore keeps signing keys. All instances of the service share one.
type KeyStore interface {
	// SigningKeys returns every key that is not gone.
	SigningKeys(ctx context.Context) ([]StoredKey, error)
	// AddFirstSigningKey stores k as the active key unless there is an active key
	// already; of several that try at once, one succeeds. It is no error to be late.
	AddFirstSigningKey(ctx context.Context, k StoredKey) error
	// AdvanceSigningKeys does, for all instances together, what [Keys.Advance] says, with
	// fresh as the new key where one is due.
	AdvanceSigningKeys(ctx context.Context, fresh StoredKey, maxAge time.Duration) (KeyStep, error)
}

// Keys holds the signing keys: the active one signs, all of them verify. A key counts
// only when its sealed half opens under the service's secret, so that a public key
// planted in the database verifies nothing. Safe for concurrent use.
type Keys struct {
	store  KeyStore
	log    *slog.Logger
	aead   cipher.AEAD
	older  []cipher.AEAD // open what was sealed before the secret was rotated
	now    func() time.Time
	set    atomic.Pointer[keySet]
	flight singleflight.Group
	// lastReload is when an unknown key id last caused a reload, in Unix nanoseconds.
	lastReload atomic.Int64
}

// keySet is one reading of the store, never changed after it is made.
type keySet struct {
	signer   ed25519.PrivateKey
	signerID string
	// public holds the keys that verify, by their kid.
	public   map[string]ed25519.PublicKey
	document JWKS
	etag     string
}

// OpenKeys reads the signing keys, and makes the first one where there is none. It is
// an error when the active key was sealed under another secret. New keys are sealed under
// secret. Keys that are sealed under one of the previous secrets open too, while the secret is
// being rotated.
func OpenKeys(ctx context.Context, store KeyStore, log *slog.Logger, secret Secret, previous ...Secret) (*Keys, error) {
	aead, err := sealer(secret)
	if err != nil {
		return nil, err
	}
	k := &Keys{store: store, log: log, aead: aead, now: time.Now}
	for _, s := range previous {
		older, err := sealer(s)
		if err != nil {
			return nil, err
		}
		k.older = append(k.older, older)
	}
	err = k.Refresh(ctx)
	if errors.Is(err, errNoActiveKey) {
		var first StoredKey
		if first, err = k.generate(); err != nil {
			return nil, err
		}
		if err = store.AddFirstSigningKey(ctx, first); err != nil {
			return nil, fmt.Errorf("store the first signing key: %w", err)
		}
		err = k.Refresh(ctx) // Another instance may have been first: then its key.
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// sealer returns the cipher that seals signing keys under the secret.
func sealer(secret Secret) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret.Derive("signing-keys"))
	if err != nil {
		return nil, fmt.Errorf("create the signing keys' cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("create the signing keys' cipher: %w", err)
	}
	return aead, nil
}

var errNoActiveKey = errors.New("there is no active signing key")

// Refresh reads the keys again. On an error the keys stay as they were.
func (k *Keys) Refresh(ctx context.Context) error {
	stored, err := k.store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("read the signing keys: %w", err)
	}
	set := &keySet{public: make(map[string]ed25519.PublicKey, len(stored))}
	for _, s := range stored {
		private, err := k.open(s)
		switch {
		case err != nil && s.Status == KeyActive:
			return err
		case err != nil:
			k.log.WarnContext(ctx, "ignored a signing key", "kid", s.ID, "error", err)
			continue
		}
		set.public[s.ID.String()] = private.Public().(ed25519.PublicKey)
		if s.Status == KeyActive {
			set.signer, set.signerID = private, s.ID.String()
		}
	}
	if set.signer == nil {
		return errNoActiveKey
	}
	if err := set.publish(); err != nil {
		return err
	}
	k.set.Store(set)
	return nil
}

// Run reads the keys again every [KeyRefreshEvery] until ctx ends, so that a key that
// was removed or added elsewhere is noticed without a token that names it. A failed
// reading is logged and tried again.
func (k *Keys) Run(ctx context.Context) {
	tick := time.NewTicker(KeyRefreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := k.Refresh(ctx); err != nil && ctx.Err() == nil {
			k.log.ErrorContext(ctx, "the signing keys could not be reloaded; the earlier keys stay in use", "error", err)
		}
	}
}

// find returns the public key that id names. An unknown id makes it read the store
// again, at most once per keyReloadPause for all callers together: another instance
// may have made the key since.
func (k *Keys) find(ctx context.Context, id string) (ed25519.PublicKey, error) {
	if key, ok := k.set.Load().public[id]; ok {
		return key, nil
	}
	done := k.flight.DoChan("", func() (any, error) {
		now, last := k.now().UnixNano(), k.lastReload.Load()
		if last != 0 && now-last < int64(keyReloadPause) {
			return nil, nil //nolint:nilnil // The result is in k.set.
		}
		k.lastReload.Store(now)
		// Not the caller's cancellation: the others wait for the same reading.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keyReloadTimeout)
		defer cancel()
		return nil, k.Refresh(ctx)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
	}
	if key, ok := k.set.Load().public[id]; ok {
		return key, nil
	}
	return nil, invalid("the key id is unknown")
}

// accepts says whether id still names exactly this key.
func (k *Keys) accepts(id string, key ed25519.PublicKey) bool {
	have, ok := k.set.Load().public[id]
	return ok && have.Equal(key)
}

// generate makes a key pair and seals it. Its status is [KeyActive].
func (k *Keys) generate() (StoredKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return StoredKey{}, fmt.Errorf("create a signing key: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return StoredKey{}, fmt.Errorf("create a signing key: %w", err)
	}
	return StoredKey{
		ID:        id,
		PublicKey: public,
		Sealed:    k.aead.Seal(nil, nil, private.Seed(), sealContext(id, public)), //nolint:gosec // The nonce is random and made by Seal.
		Status:    KeyActive,
	}, nil
}

// sealContext is authenticated with the sealed half, so that neither the id nor the
// public half of a row can be exchanged.
func sealContext(id uuid.UUID, public []byte) []byte {
	return slices.Concat([]byte("ed25519 "), id[:], public)
}

// open decrypts a stored key.
func (k *Keys) open(s StoredKey) (ed25519.PrivateKey, error) {
	seed, err := k.aead.Open(nil, nil, s.Sealed, sealContext(s.ID, s.PublicKey))
	for _, older := range k.older {
		if err == nil {
			break
		}
		seed, err = older.Open(nil, nil, s.Sealed, sealContext(s.ID, s.PublicKey))
	}
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the signing key %s does not open under this secret key: "+
			"set CHENU_SECRET_KEY to the value with which the key was created", s.ID)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
