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

// Reloading of the keys, by which instances load each other's keys.
const (
	// keyReloadPause is the minimum time between two reloads caused by unknown key ids, however many clients send.
	keyReloadPause = time.Second
	// keyReloadTimeout limits how long such a reload may take.
	keyReloadTimeout = 5 * time.Second
	// KeyRefreshEvery is how often [Keys.Run] reloads the keys. It is the maximum time for which a removed key is
	// still accepted.
	KeyRefreshEvery = time.Minute
)

// KeyStatus is the status of a signing key. A removed key is not stored any more.
type KeyStatus string

// Statuses in their order: a next key is published but does not sign yet, an active key signs, and a retiring key only
// verifies tokens that it signed before.
const (
	KeyNext     KeyStatus = "next"
	KeyActive   KeyStatus = "active"
	KeyRetiring KeyStatus = "retiring"
)

// StoredKey is a signing key as stored in the database.
type StoredKey struct {
	// ID is the key id in the header of tokens (`kid`).
	ID uuid.UUID
	// PublicKey is the Ed25519 public key, 32 bytes.
	PublicKey []byte
	// Sealed is the seed of the private key, encrypted under the service's secret.
	Sealed []byte
	// Status is the status of the key.
	Status KeyStatus
}

// KeyStore stores signing keys. All instances of the service share one store.
type KeyStore interface {
	// SigningKeys returns all stored keys.
	SigningKeys(ctx context.Context) ([]StoredKey, error)
	// AddFirstSigningKey stores k as the active key unless there is an active key. Of several concurrent calls, one
	// stores its key; the others return no error.
	AddFirstSigningKey(ctx context.Context, k StoredKey) error
	// AdvanceSigningKeys performs the steps of [Keys.Advance] for all instances together. If a new key is due, it
	// stores fresh.
	AdvanceSigningKeys(ctx context.Context, fresh StoredKey, maxAge time.Duration) (KeyStep, error)
}

// Keys holds the signing keys: the active key signs, and all keys verify. A key is used only if its sealed private key
// can be decrypted with the service's secret, so that a public key inserted into the database verifies nothing. It is
// safe for concurrent use.
type Keys struct {
	store  KeyStore
	log    *slog.Logger
	aead   cipher.AEAD
	older  []cipher.AEAD // decrypt keys sealed before the secret was rotated
	now    func() time.Time
	set    atomic.Pointer[keySet]
	flight singleflight.Group
	// lastReload is the time of the last reload caused by an unknown key id, in Unix nanoseconds.
	lastReload atomic.Int64
}

// keySet is an immutable snapshot of the store.
type keySet struct {
	signer   ed25519.PrivateKey
	signerID string
	// public maps key ids to the keys that verify.
	public   map[string]ed25519.PublicKey
	document JWKS
	etag     string
}

// OpenKeys loads the signing keys, and creates the first key if there is none. New keys are sealed under secret. Keys
// sealed under one of the previous secrets can be opened too, while the secret is being rotated. It returns an error
// if the active key was sealed under another secret.
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
		err = k.Refresh(ctx) // if another instance was first, load its key
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// sealer returns the cipher that encrypts private keys with the secret.
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

// Refresh reloads the keys. On an error, the loaded keys stay in use.
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

// Run reloads the keys every [KeyRefreshEvery] until ctx is done, so that keys that were removed or added by other
// instances are noticed even if no token refers to them. A failed reload is logged and retried at the next tick.
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

// find returns the public key with the id. For an unknown id it reloads the keys, at most once per keyReloadPause for
// all callers together, since another instance may have created the key.
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
		// The caller's cancellation does not apply, since other callers wait for the same reload.
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

// accepts reports whether id still refers to exactly this key.
func (k *Keys) accepts(id string, key ed25519.PublicKey) bool {
	have, ok := k.set.Load().public[id]
	return ok && have.Equal(key)
}

// generate creates a key pair and seals it. Its status is [KeyActive].
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

// sealContext returns the additional data that is authenticated with the sealed private key, so that neither the id
// nor the public key of a row can be exchanged.
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
