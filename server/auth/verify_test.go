package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	token := b.issue(t)
	if len(token) > MaxTokenBytes/4 {
		t.Errorf("the token has %d bytes", len(token))
	}
	for _, state := range []string{"cold", "cached"} {
		got, err := b.verifier.Verify(t.Context(), token)
		if err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		if !reflect.DeepEqual(got.Identity, b.id) {
			t.Errorf("%s: identity = %+v, want %+v", state, got.Identity, b.id)
		}
		if want := b.clock.Now().Add(TokenLifetime).UTC(); !got.ExpiresAt.Equal(want) {
			t.Errorf("%s: expires at %v, want %v", state, got.ExpiresAt, want)
		}
		if got.ID == "" || !reflect.DeepEqual(got.AMR, []string{"pwd"}) {
			t.Errorf("%s: jti %q, amr %v", state, got.ID, got.AMR)
		}
	}
}

func TestVerifyAgent(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.id.Kind, b.id.ActorID, b.id.Scope = Agent, uuid.Must(uuid.NewV7()), []string{"personal:read", "team:read"}
	got, err := b.verifier.Verify(t.Context(), b.issue(t))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Identity, b.id) {
		t.Errorf("identity = %+v, want %+v", got.Identity, b.id)
	}
}

func TestIssueRefusesWhatWouldNotVerify(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for name, spoil := range map[string]func(id *Identity, amr *[]string){
		"no identity":            func(id *Identity, _ *[]string) { id.ID, id.ActorID = uuid.Nil, uuid.Nil },
		"no session":             func(id *Identity, _ *[]string) { id.SessionID = uuid.Nil },
		"no authentication time": func(id *Identity, _ *[]string) { id.AuthTime = time.Time{} },
		"future authentication":  func(id *Identity, _ *[]string) { id.AuthTime = b.clock.Now().Add(time.Minute) },
		"no method":              func(_ *Identity, amr *[]string) { *amr = nil },
		"no kind":                func(id *Identity, _ *[]string) { id.Kind = "" },
		"another human as actor": func(id *Identity, _ *[]string) { id.ActorID = uuid.New() },
		"an agent without an id": func(id *Identity, _ *[]string) { id.Kind, id.ActorID = Agent, uuid.Nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id, amr := b.id, []string{"pwd"}
			spoil(&id, &amr)
			if token, _, err := b.issuer.Issue(id, amr); err == nil {
				t.Errorf("issued %s", token)
			}
		})
	}
}

// TestForgeries checks that forged tokens that a careless verifier accepts are rejected.
func TestForgeries(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	public := b.keys.set.Load().public[b.keys.set.Load().signerID]
	_, other := mustKey(t)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	hs256 := func(key []byte) func(h, c map[string]any) string {
		return func(h, c map[string]any) string {
			h["alg"] = "HS256"
			text := segment(h) + "." + segment(c)
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(text))
			return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
	}
	header := func(name string, value any) func(h, c map[string]any) string {
		return func(h, c map[string]any) string {
			if h[name] = value; value == nil {
				delete(h, name)
			}
			return b.sign(h, c)
		}
	}
	claim := func(name string, value any) func(h, c map[string]any) string {
		return func(h, c map[string]any) string {
			if c[name] = value; value == nil {
				delete(c, name)
			}
			return b.sign(h, c)
		}
	}
	unsigned := func(alg string) func(h, c map[string]any) string {
		return func(h, c map[string]any) string {
			h["alg"] = alg
			return segment(h) + "." + segment(c) + "."
		}
	}
	text := func(edit func(token string) string) func(h, c map[string]any) string {
		return func(h, c map[string]any) string { return edit(b.sign(h, c)) }
	}
	now := b.clock.Now().Unix()
	jwk := map[string]string{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(other.Public().(ed25519.PublicKey))}

	for name, forge := range map[string]func(h, c map[string]any) string{
		"none":                            unsigned("none"),
		"None":                            unsigned("None"),
		"none, our algorithm claimed":     unsigned("EdDSA"),
		"HS256 with the public key":       hs256(public),
		"HS256 with the public key, PEM":  hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"HS256 with the public key, DER":  hs256(der),
		"HS256 with the key's JWK x":      hs256([]byte(base64.RawURLEncoding.EncodeToString(public))),
		"HS256 with an empty key":         hs256(nil),
		"RS256 claimed":                   header("alg", "RS256"),
		"ES256 claimed":                   header("alg", "ES256"),
		"Ed25519 claimed":                 header("alg", "Ed25519"),
		"eddsa in lower case":             header("alg", "eddsa"),
		"no algorithm":                    header("alg", nil),
		"algorithm not a string":          header("alg", []string{"EdDSA"}),
		"another key, our kid":            func(h, c map[string]any) string { return sign(other, h, c) },
		"no kid":                          header("kid", nil),
		"empty kid":                       header("kid", ""),
		"unknown kid":                     header("kid", uuid.NewString()),
		"kid with a path":                 header("kid", "../../dev/null"),
		"kid with SQL":                    header("kid", "' OR 1=1 --"),
		"kid not a string":                header("kid", 1),
		"kid in capitals":                 header("kid", strings.ToUpper(b.keys.set.Load().signerID)),
		"jwk":                             header("jwk", jwk),
		"jku":                             header("jku", "https://attacker.example/jwks.json"),
		"x5u":                             header("x5u", "https://attacker.example/cert.pem"),
		"x5c":                             header("x5c", []string{"MIIB"}),
		"x5t#S256":                        header("x5t#S256", "abc"),
		"crit":                            header("crit", []string{"exp"}),
		"b64 unencoded":                   header("b64", false),
		"zip":                             header("zip", "DEF"),
		"cty":                             header("cty", "JWT"),
		"KID beside kid":                  header("KID", "x"),
		"typ JWT":                         header("typ", "JWT"),
		"typ of an ID token":              header("typ", "id+jwt"),
		"typ in capitals":                 header("typ", "AT+JWT"),
		"typ with its full name":          header("typ", "application/at+jwt"),
		"no typ":                          header("typ", nil),
		"no aud":                          claim("aud", nil),
		"empty aud":                       claim("aud", ""),
		"aud of another service":          claim("aud", "other"),
		"aud with another audience":       claim("aud", []string{"chenu", "other"}),
		"aud not a string":                claim("aud", 1),
		"aud in capitals":                 claim("aud", "CHENU"),
		"no iss":                          claim("iss", nil),
		"another iss":                     claim("iss", "https://attacker.example"),
		"iss not a string":                claim("iss", []string{"chenu"}),
		"no exp":                          claim("exp", nil),
		"exp a string":                    claim("exp", "9999999999"),
		"exp null":                        claim("exp", []byte(nil)),
		"expired":                         claim("exp", now-3600),
		"exp negative":                    claim("exp", -1),
		"exp out of range":                claim("exp", 1e300),
		"lives too long":                  claim("exp", now+601),
		"lives for a year":                claim("exp", now+31536000),
		"no iat":                          claim("iat", nil),
		"issued in the future":            claim("iat", now+3600),
		"no nbf":                          claim("nbf", nil),
		"not yet valid":                   claim("nbf", now+3600),
		"no jti":                          claim("jti", nil),
		"empty jti":                       claim("jti", ""),
		"no sub":                          claim("sub", nil),
		"sub not a UUID":                  claim("sub", "ada@example.org"),
		"sub the zero UUID":               claim("sub", uuid.Nil.String()),
		"sub in capitals":                 claim("sub", strings.ToUpper(b.id.ID.String())),
		"sub a URN":                       claim("sub", b.id.ID.URN()),
		"sub in braces":                   claim("sub", "{"+b.id.ID.String()+"}"),
		"sub without dashes":              claim("sub", strings.ReplaceAll(b.id.ID.String(), "-", "")),
		"no sid":                          claim("sid", nil),
		"sid the zero UUID":               claim("sid", uuid.Nil.String()),
		"sid not a UUID":                  claim("sid", "1"),
		"no auth_time":                    claim("auth_time", nil),
		"auth_time zero":                  claim("auth_time", 0),
		"auth_time after iat":             claim("auth_time", now+60),
		"no amr":                          claim("amr", nil),
		"empty amr":                       claim("amr", []string{}),
		"amr an empty method":             claim("amr", []string{""}),
		"amr not a list":                  claim("amr", "pwd"),
		"act without sub":                 claim("act", map[string]any{}),
		"act not an object":               claim("act", "agent"),
		"act not a UUID":                  claim("act", map[string]any{"sub": "agent"}),
		"chain of agents":                 claim("act", map[string]any{"sub": uuid.NewString(), "act": map[string]any{"sub": uuid.NewString()}}),
		"claims not an object":            func(h, _ map[string]any) string { return b.sign(h, []string{"chenu"}) },
		"claims null":                     func(h, _ map[string]any) string { return b.sign(h, []byte("null")) },
		"claims empty":                    func(h, _ map[string]any) string { return b.sign(h, []byte("")) },
		"claims with a second object":     func(h, _ map[string]any) string { return b.sign(h, []byte(`{"iss":"chenu"}{}`)) },
		"header null":                     func(_, c map[string]any) string { return b.sign([]byte("null"), c) },
		"header empty":                    func(_, c map[string]any) string { return b.sign([]byte(""), c) },
		"header not an object":            func(_, c map[string]any) string { return b.sign([]byte(`["EdDSA"]`), c) },
		"padded":                          text(func(s string) string { return s + "==" }),
		"line break in the signature":     text(func(s string) string { return s[:len(s)-4] + "\n" + s[len(s)-4:] }),
		"carriage return at the end":      text(func(s string) string { return s + "\r" }),
		"blank at the start":              text(func(s string) string { return " " + s }),
		"standard alphabet":               text(func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "-", "+"), "_", "/") + "+" }),
		"non-canonical last character":    text(func(s string) string { return s[:len(s)-1] + string(nextInAlphabet(s[len(s)-1])) }),
		"truncated signature":             text(func(s string) string { return s[:len(s)-2] }),
		"longer signature":                text(func(s string) string { return s + "AA" }),
		"no signature":                    text(func(s string) string { return s[:strings.LastIndex(s, ".")+1] }),
		"two segments":                    text(func(s string) string { return s[:strings.LastIndex(s, ".")] }),
		"four segments":                   text(func(s string) string { return s + ".AAAA" }),
		"five segments, as encrypted":     text(func(s string) string { return s + ".AAAA.AAAA" }),
		"too long":                        claim("pad", strings.Repeat("x", MaxTokenBytes)),
		"empty":                           func(_, _ map[string]any) string { return "" },
		"dots":                            func(_, _ map[string]any) string { return ".." },
		"JSON serialization":              func(_, c map[string]any) string { return `{"payload":"` + segment(c) + `"}` },
		"not a token":                     func(_, _ map[string]any) string { return "null" },
		"not UTF-8":                       func(_, _ map[string]any) string { return "\xff\xfe.\xff.\xff" },
		"S beyond the order of the curve": text(malleate),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, c := b.parts()
			token := forge(h, c)
			for range 2 { // a rejected token must not be cached as valid
				got, err := b.verifier.Verify(t.Context(), token)
				wantInvalid(t, err)
				if !reflect.DeepEqual(got, Token{}) {
					t.Errorf("a rejected token returns %+v", got)
				}
			}
		})
	}
	h, c := b.parts()
	if _, err := b.verifier.Verify(t.Context(), b.sign(h, c)); err != nil {
		t.Errorf("the unchanged token: %v", err) // otherwise the cases above would show nothing
	}
	c["aud"] = []string{"chenu"}
	if _, err := b.verifier.Verify(t.Context(), b.sign(h, c)); err != nil {
		t.Errorf("one audience in a list: %v", err)
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// nextInAlphabet changes only the bits beyond the last byte, so that a lenient decoder decodes the same signature.
func nextInAlphabet(c byte) byte { return alphabet[strings.IndexByte(alphabet, c)|1] }

// malleate adds the order of the curve to S. A verifier without the check of RFC 8032 section 5.1.7 accepts this
// signature, too.
func malleate(token string) string {
	order := []byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
	}
	i := strings.LastIndex(token, ".") + 1
	sig, err := base64.RawURLEncoding.DecodeString(token[i:])
	if err != nil {
		panic(err)
	}
	carry := 0
	for j := range order {
		sum := int(sig[32+j]) + int(order[j]) + carry
		sig[32+j], carry = byte(sum), sum>>8
	}
	return token[:i] + base64.RawURLEncoding.EncodeToString(sig)
}

// TestMutations replaces every character of a valid token.
func TestMutations(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	token := b.issue(t)
	if _, err := b.verifier.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	// Two similar characters, the dot and a character outside the alphabet cover the same cases as all 64 characters,
	// in a thirtieth of the time.
	for i := range len(token) {
		for _, c := range []byte{flip(token[i], 1), flip(token[i], 32), '.', '='} {
			if c == token[i] {
				continue
			}
			if _, err := b.verifier.Verify(t.Context(), token[:i]+string(c)+token[i+1:]); !errors.Is(err, ErrInvalidToken) {
				t.Fatalf("character %d as %q: err = %v", i, c, err)
			}
		}
		for _, mutant := range []string{token[:i] + token[i+1:], token[:i] + token[i:i+1] + token[i:], token[:i]} {
			if mutant == token {
				continue
			}
			if _, err := b.verifier.Verify(t.Context(), mutant); !errors.Is(err, ErrInvalidToken) {
				t.Fatalf("around character %d: err = %v", i, err)
			}
		}
	}
}

func flip(c byte, bit int) byte {
	i := strings.IndexByte(alphabet, c)
	if i < 0 {
		return 'A'
	}
	return alphabet[i^bit]
}

func TestClockSkew(t *testing.T) {
	t.Parallel()
	for _, cached := range []bool{false, true} {
		for _, test := range []struct {
			name  string
			skew  time.Duration
			valid bool
		}{
			{"immediately", 0, true},
			{"our clock is behind within the leeway", -Leeway, true},
			{"our clock is behind", -Leeway - time.Second, false},
			{"just before the end", TokenLifetime - time.Second, true},
			{"within the leeway after the end", TokenLifetime + Leeway - time.Second, true},
			{"after the leeway", TokenLifetime + Leeway, false},
			{"long after the end", 24 * time.Hour, false},
		} {
			name := test.name
			if cached {
				name += ", cached"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := newBundle(t)
				token := b.issue(t)
				if cached {
					if _, err := b.verifier.Verify(t.Context(), token); err != nil {
						t.Fatal(err)
					}
				}
				b.clock.Add(test.skew)
				_, err := b.verifier.Verify(t.Context(), token)
				switch {
				case test.valid && err != nil:
					t.Error(err)
				case !test.valid:
					wantInvalid(t, err)
					if expired := test.skew > 0; errors.Is(err, ErrExpiredToken) != expired {
						t.Errorf("err = %v, expired = %v", err, expired)
					}
				}
			})
		}
	}
}

func TestCacheForgetsWithTheKey(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	token := b.issue(t)
	if _, err := b.verifier.Verify(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	// Another active key replaces the first key, which is removed.
	next, err := b.keys.generate()
	if err != nil {
		t.Fatal(err)
	}
	old := b.store.keys[0]
	b.store.change(func([]StoredKey) []StoredKey { return []StoredKey{next} })
	if err := b.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = b.verifier.Verify(t.Context(), token)
	wantInvalid(t, err)

	// A retiring key verifies the tokens that it signed, but signs no new ones.
	old.Status = KeyRetiring
	b.store.change(func(keys []StoredKey) []StoredKey { return append(keys, old) })
	if err := b.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.verifier.Verify(t.Context(), token); err != nil {
		t.Errorf("a token signed with a retiring key: %v", err)
	}
	if b.keys.set.Load().signerID != next.ID.String() {
		t.Error("the retiring key signs")
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for range 50 {
		_, _ = b.verifier.Verify(t.Context(), "a.b.c")
		_, _ = b.verifier.Verify(t.Context(), sign(ed25519.NewKeyFromSeed(make([]byte, 32)), map[string]any{"alg": "EdDSA"}, 1))
	}
	if n := b.verifier.cache.Len(); n != 0 {
		t.Errorf("%d rejected tokens are cached", n)
	}
}

func FuzzVerify(f *testing.F) {
	b := newBundle(f)
	token := b.issue(f)
	h, c := b.parts()
	f.Add(token)
	f.Add(b.sign(h, c))
	h["alg"] = "none"
	f.Add(segment(h) + "." + segment(c) + ".")
	f.Add("..")
	f.Add(strings.Repeat("A", MaxTokenBytes+1))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := b.verifier.Verify(context.Background(), text)
		switch {
		case err == nil && got.Identity.ID != b.id.ID:
			t.Fatalf("%q is accepted as %v", text, got.Identity)
		case err != nil && !errors.Is(err, ErrInvalidToken):
			t.Fatalf("%q: %v", text, err)
		}
		// A valid token with additional text is not valid.
		if text != "" {
			for _, mutant := range []string{token + text, text + token} {
				if _, err := b.verifier.Verify(context.Background(), mutant); err == nil {
					t.Fatalf("%q is accepted", mutant)
				}
			}
		}
	})
}

// FuzzMutation checks that every change of a valid token is rejected.
func FuzzMutation(f *testing.F) {
	b := newBundle(f)
	token := b.issue(f)
	first, second := strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')
	for _, at := range []int{0, first - 1, first, first + 1, second - 1, second, second + 1, len(token) - 1} {
		for kind := range byte(5) {
			f.Add(at, kind, "A")
			f.Add(at, kind, "=")
			f.Add(at, kind, "\n")
		}
	}
	f.Fuzz(func(t *testing.T, at int, kind byte, with string) {
		if at < 0 || at >= len(token) {
			return
		}
		mutant := token
		switch kind % 5 {
		case 0: // replaced
			mutant = token[:at] + with + token[min(len(token), at+len(with)):]
		case 1: // inserted
			mutant = token[:at] + with + token[at:]
		case 2: // deleted
			mutant = token[:at] + token[min(len(token), at+1+len(with)):]
		case 3: // one bit flipped
			mutant = token[:at] + string(token[at]^(1<<(len(with)%8))) + token[at+1:]
		case 4: // repeated
			mutant = token[:at] + token[max(0, at-len(with)):]
		}
		got, err := b.verifier.Verify(context.Background(), mutant)
		if (err == nil) != (mutant == token) || (err != nil && !errors.Is(err, ErrInvalidToken)) {
			t.Fatalf("%q: %+v, %v", mutant, got, err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	bundle := newBundle(b)
	token := bundle.issue(b)
	ctx := context.Background()
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			if _, err := bundle.verifier.verify(ctx, token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		for b.Loop() {
			if _, err := bundle.verifier.Verify(ctx, token); err != nil {
				b.Fatal(err)
			}
		}
	})
}
