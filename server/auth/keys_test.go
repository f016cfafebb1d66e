package auth

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestInstancesAgreeOnTheFirstKey(t *testing.T) {
	t.Parallel()
	store, secret := &memory{}, NewSecret()
	const instances = 8
	all := make([]*Keys, instances)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			var err error
			if all[i], err = OpenKeys(t.Context(), store, slog.New(slog.DiscardHandler), secret); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range all {
		if k == nil || k.set.Load().signerID != store.keys[0].ID.String() {
			t.Fatalf("an instance signs with a different key")
		}
	}
	if len(store.keys) != 1 {
		t.Errorf("%d keys were stored", len(store.keys))
	}
}

func TestStoredKeyShowsNothing(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	stored := b.store.keys[0]
	if seed := b.keys.set.Load().signer.Seed(); bytes.Contains(stored.Sealed, seed) {
		t.Error("the stored key contains the seed unencrypted")
	}
	again, err := b.keys.generate()
	if err != nil {
		t.Fatal(err)
	}
	if string(again.Sealed[:12]) == string(stored.Sealed[:12]) {
		t.Error("two seals have the same nonce")
	}
}

// TestTamperedKeys changes the stored keys as an attacker could who can write the table but does not know the secret.
func TestTamperedKeys(t *testing.T) {
	t.Parallel()
	public, _ := mustKey(t)
	for name, tamper := range map[string]func(keys []StoredKey) []StoredKey{
		"another public key": func(keys []StoredKey) []StoredKey {
			keys[0].PublicKey = public
			return keys
		},
		"another id": func(keys []StoredKey) []StoredKey {
			keys[0].ID = uuid.New()
			return keys
		},
		"sealed key changed": func(keys []StoredKey) []StoredKey {
			keys[0].Sealed = slices.Clone(keys[0].Sealed)
			keys[0].Sealed[len(keys[0].Sealed)-1] ^= 1
			return keys
		},
		"sealed key empty": func(keys []StoredKey) []StoredKey {
			keys[0].Sealed = nil
			return keys
		},
		"no active key": func(keys []StoredKey) []StoredKey {
			keys[0].Status = KeyRetiring
			return keys
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			token := b.issue(t)
			b.store.change(tamper)
			if err := b.keys.Refresh(t.Context()); err == nil {
				t.Error("a tampered key is accepted")
			}
			if _, err := b.verifier.Verify(t.Context(), token); err != nil {
				t.Errorf("the keys loaded before are lost: %v", err)
			}
		})
	}
}

func TestPlantedKeyVerifiesNothing(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	public, private := mustKey(t)
	planted := StoredKey{ID: uuid.Must(uuid.NewV7()), PublicKey: public, Sealed: b.store.keys[0].Sealed, Status: KeyRetiring}
	b.store.change(func(keys []StoredKey) []StoredKey { return append(keys, planted) })
	if err := b.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, c := b.parts()
	h["kid"] = planted.ID.String()
	_, err := b.verifier.Verify(t.Context(), sign(private, h, c))
	wantInvalid(t, err)
}

func TestAnotherSecret(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	_, err := OpenKeys(t.Context(), b.store, slog.New(slog.DiscardHandler), NewSecret())
	if err == nil || !strings.Contains(err.Error(), "CHENU_SECRET_KEY") {
		t.Errorf("err = %v, want an error that names the variable", err)
	}
}

func TestUnknownKeyReloads(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	other, err := OpenKeys(t.Context(), b.store, slog.New(slog.DiscardHandler), b.secret)
	if err != nil {
		t.Fatal(err)
	}
	next, err := other.generate()
	if err != nil {
		t.Fatal(err)
	}
	b.store.change(func(keys []StoredKey) []StoredKey {
		keys[0].Status = KeyRetiring
		return append(keys, next)
	})
	if err := other.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	issuer := NewIssuer(other, Config{})
	issuer.now = b.clock.Now
	token, _, err := issuer.Issue(b.id, []string{"pwd"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.verifier.Verify(t.Context(), token); err != nil {
		t.Errorf("a token signed with another instance's new key: %v", err)
	}
}

func TestUnknownKeysDoNotReachTheStore(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	before := b.store.count()
	for range 1000 {
		h, c := b.parts()
		h["kid"] = uuid.NewString()
		_, err := b.verifier.Verify(t.Context(), b.sign(h, c))
		wantInvalid(t, err)
	}
	if n := b.store.count() - before; n != 1 {
		t.Errorf("1000 unknown key ids read the store %d times, want once", n)
	}
	b.clock.Add(keyReloadPause)
	h, c := b.parts()
	h["kid"] = uuid.NewString()
	_, err := b.verifier.Verify(t.Context(), b.sign(h, c))
	wantInvalid(t, err)
	if n := b.store.count() - before; n != 2 {
		t.Errorf("after the pause the store was read %d times, want twice", n)
	}
}

func TestStoreDown(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	token := b.issue(t)
	b.store.err = errors.New("connection refused")
	if _, err := b.verifier.Verify(t.Context(), token); err != nil {
		t.Errorf("verifying with a known key uses the store: %v", err)
	}
	h, c := b.parts()
	h["kid"] = uuid.NewString()
	// This is not the client's fault, so it must not be a 401.
	if _, err := b.verifier.Verify(t.Context(), b.sign(h, c)); err == nil || errors.Is(err, ErrInvalidToken) {
		t.Errorf("err = %v, want the error of the store", err)
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h, c := b.parts()
	h["kid"] = uuid.NewString()
	_, err := b.verifier.Verify(ctx, b.sign(h, c))
	if err == nil {
		t.Error("no error")
	}
}

func TestJWKS(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	next, err := b.keys.generate()
	if err != nil {
		t.Fatal(err)
	}
	next.Status = KeyNext
	b.store.change(func(keys []StoredKey) []StoredKey { return append(keys, next) })
	if err := b.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc, etag := b.keys.Public()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Keys []map[string]string }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Keys) != 2 {
		t.Fatalf("%d keys, want the active and the next one", len(got.Keys))
	}
	for _, key := range got.Keys {
		x, err := base64.RawURLEncoding.DecodeString(key["x"])
		if err != nil || !b.keys.set.Load().public[key["kid"]].Equal(ed25519.PublicKey(x)) {
			t.Errorf("key %v does not match its kid", key)
		}
		want := map[string]string{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key["kid"], "x": key["x"]}
		if !maps.Equal(key, want) {
			t.Errorf("key = %v, want %v and no other parameters", key, want)
		}
	}
	if err := b.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, same := b.keys.Public(); same != etag {
		t.Error("the entity tag changes although the keys do not")
	}
	b.store.change(func(keys []StoredKey) []StoredKey { return keys[:1] })
	if err := b.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, other := b.keys.Public(); other == etag {
		t.Error("the entity tag does not change with the keys")
	}
}

func TestRunNoticesARemovedKey(t *testing.T) {
	t.Parallel()
	synctestRun(t, func(t *testing.T) {
		b := newBundle(t)
		b.clock.now = time.Now()
		token := b.issue(t)
		next, err := b.keys.generate()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.keys.Run(ctx)
		}()
		b.store.change(func([]StoredKey) []StoredKey { return []StoredKey{next} })
		time.Sleep(KeyRefreshEvery + time.Second) //nolint:forbidigo // advances the clock of the bubble
		_, err = b.verifier.Verify(t.Context(), token)
		wantInvalid(t, err)
		cancel()
		<-done
	})
}
