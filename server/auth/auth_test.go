package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// memory is a KeyStore in memory.
type memory struct {
	mu    sync.Mutex
	keys  []StoredKey
	reads int
	err   error
}

func (m *memory) SigningKeys(context.Context) ([]StoredKey, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	return slices.Clone(m.keys), m.err
}

func (m *memory) AddFirstSigningKey(_ context.Context, k StoredKey) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.keys, func(k StoredKey) bool { return k.Status == KeyActive }) {
		m.keys = append(m.keys, k)
	}
	return m.err
}

// AdvanceSigningKeys performs the steps immediately: the database, not this package, is responsible for their times.
func (m *memory) AdvanceSigningKeys(_ context.Context, fresh StoredKey, maxAge time.Duration) (KeyStep, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var step KeyStep
	m.keys = slices.DeleteFunc(m.keys, func(k StoredKey) bool { return k.Status == KeyRetiring })
	if i := slices.IndexFunc(m.keys, func(k StoredKey) bool { return k.Status == KeyNext }); i >= 0 {
		for j := range m.keys {
			m.keys[j].Status = KeyRetiring
		}
		m.keys[i].Status, step.Promoted = KeyActive, true
	} else if step.Made = maxAge == 0; step.Made {
		m.keys, step.NextID = append(m.keys, fresh), fresh.ID
	}
	return step, m.err
}

// change edits the stored keys as another instance could.
func (m *memory) change(edit func(keys []StoredKey) []StoredKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys = edit(m.keys)
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

// clock is a clock that tests can set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bundle is an issuer and a verifier that share keys and a clock.
type bundle struct {
	secret   Secret
	store    *memory
	keys     *Keys
	clock    *clock
	issuer   *Issuer
	verifier *Verifier
	id       Identity
}

func newBundle(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{secret: NewSecret(), store: &memory{}, clock: &clock{now: time.Now().Truncate(time.Second)}}
	var err error
	if b.keys, err = OpenKeys(context.Background(), b.store, slog.New(slog.DiscardHandler), b.secret); err != nil {
		t.Fatal(err)
	}
	b.keys.now = b.clock.Now
	b.issuer = NewIssuer(b.keys, Config{})
	b.issuer.now = b.clock.Now
	b.verifier = newVerifier(b.keys, Config{}, b.clock.Now)
	id := uuid.Must(uuid.NewV7())
	b.id = Identity{
		ID: id, ActorID: id, Kind: Human, SessionID: uuid.Must(uuid.NewV7()),
		AuthTime: b.clock.Now().Add(-time.Minute).UTC(),
	}
	return b
}

func (b *bundle) issue(t testing.TB) string {
	t.Helper()
	token, _, err := b.issuer.Issue(b.id, []string{"pwd"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// parts returns the header and claims of a valid token, which a test can change.
func (b *bundle) parts() (header, claims map[string]any) {
	now := b.clock.Now().Unix()
	return map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": b.keys.set.Load().signerID},
		map[string]any{
			"iss": "chenu", "aud": "chenu", "sub": b.id.ID.String(), "sid": b.id.SessionID.String(),
			"auth_time": now - 60, "amr": []string{"pwd"}, "jti": uuid.NewString(),
			"iat": now, "nbf": now, "exp": now + 600,
		}
}

// sign returns a token with any header and claims, signed with the active key.
func (b *bundle) sign(header, claims any) string {
	return sign(b.keys.set.Load().signer, header, claims)
}

func sign(key ed25519.PrivateKey, header, claims any) string {
	text := segment(header) + "." + segment(claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(text)))
}

func segment(v any) string {
	text, ok := v.([]byte)
	if !ok {
		text, _ = json.Marshal(v)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func mustKey(t testing.TB) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func wantInvalid(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, ErrInvalidToken) {
		t.Errorf("err = %v, want an invalid token", err)
	}
}
