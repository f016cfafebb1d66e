package account

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/dbtest"
)

// signer returns the service's signing key, decrypted from the database with the secret. Tokens signed with it are
// rejected for their content, not for their signature.
func (b *bundle) signer(t testing.TB) (string, ed25519.PrivateKey) {
	t.Helper()
	stored, err := KeyStore{DB: b.session}.SigningKeys(t.Context())
	if err != nil || len(stored) != 1 {
		t.Fatalf("%d keys, %v", len(stored), err)
	}
	block, err := aes.NewCipher(b.secret.Derive("signing-keys"))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := aead.Open(nil, nil, stored[0].Sealed, slices.Concat([]byte("ed25519 "), stored[0].ID[:], stored[0].PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return stored[0].ID.String(), ed25519.NewKeyFromSeed(seed)
}

func part(v any) string {
	text, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(text)
}

// TestForgedTokens sends forged tokens to the running service: each is a valid token with one change.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	kid, key := b.signer(t)
	public := key.Public().(ed25519.PublicKey)
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyServer := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the service fetched a key from a URL in the token")
	}))
	t.Cleanup(keyServer.Close)
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(ada.token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	sign := func(with ed25519.PrivateKey, header, claims map[string]any) string {
		text := part(header) + "." + part(claims)
		return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(with, []byte(text)))
	}
	header := map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": kid}
	withHeader := func(name string, value any) string {
		h := maps.Clone(header)
		if h[name] = value; value == nil {
			delete(h, name)
		}
		return sign(key, h, claims)
	}
	withClaim := func(name string, value any) string {
		c := maps.Clone(claims)
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return sign(key, header, c)
	}
	hs256 := part(map[string]any{"alg": "HS256", "typ": "at+jwt", "kid": kid}) + "." + part(claims)
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(hs256))
	eve := b.register(t, "eve@example.org")
	now := time.Now().Unix()
	for name, token := range map[string]string{
		"none":                      part(map[string]any{"alg": "none", "typ": "at+jwt", "kid": kid}) + "." + part(claims) + ".",
		"HS256 with the public key": hs256 + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)),
		"another key":               sign(foreign, header, claims),
		"unknown kid":               withHeader("kid", uuid.NewString()),
		"no kid":                    withHeader("kid", nil),
		"jku":                       withHeader("jku", keyServer.URL),
		"x5u":                       withHeader("x5u", keyServer.URL),
		"jwk":                       withHeader("jwk", map[string]string{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(foreign.Public().(ed25519.PublicKey))}),
		"crit":                      withHeader("crit", []string{"exp"}),
		"typ JWT":                   withHeader("typ", "JWT"),
		"no typ":                    withHeader("typ", nil),
		"no aud":                    withClaim("aud", nil),
		"wrong aud":                 withClaim("aud", "elsewhere"),
		"two aud":                   withClaim("aud", []string{"chenu", "elsewhere"}),
		"wrong iss":                 withClaim("iss", "elsewhere"),
		"expired":                   withClaim("exp", now-3600),
		"never expires":             withClaim("exp", now+1<<30),
		"not valid yet":             withClaim("nbf", now+3600),
		"another identity":          withClaim("sub", eve.id),
		"no session":                withClaim("sid", nil),
		"unknown session":           withClaim("sid", dbtest.NewID().String()),
		"chain of agents":           withClaim("act", map[string]any{"sub": uuid.NewString(), "act": map[string]any{"sub": uuid.NewString()}}),
		"payload of another token":  strings.Join([]string{strings.Split(ada.token, ".")[0], strings.Split(eve.token, ".")[1], strings.Split(ada.token, ".")[2]}, "."),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := b.me(t, token)
			a.problem(http.StatusUnauthorized, "invalid_token")
			if strings.Contains(a.text(), token) {
				t.Error("the response contains the token")
			}
		})
	}
	t.Run("outside the Authorization header", func(t *testing.T) {
		t.Parallel()
		for _, request := range [][2]string{{"/v1/me?access_token=" + ada.token, ""}, {"/v1/me", "access_token=" + ada.token}} {
			a := b.send(t, http.MethodGet, request[0], "", "Cookie", request[1])
			if a.Status != http.StatusUnauthorized && a.Status != http.StatusUnprocessableEntity && a.Status != http.StatusBadRequest {
				t.Errorf("%v: %d", request, a.Status)
			}
		}
		b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer, "Authorization", eve.bearer).want(http.StatusBadRequest)
	})
	b.me(t, sign(key, header, claims)).want(http.StatusOK) // The token without changes is valid; otherwise the cases above would show nothing.
}

// TestEnumerationByTime checks that a failed login takes the same time whether the account does not exist, is locked
// or closed, or the password is wrong. It compares the times with each other, since absolute times depend on the
// machine.
func TestEnumerationByTime(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	// This step is longer than a login takes on a busy machine, so a response that does not wait for the step is
	// several times faster.
	b.service.refusals = 400 * time.Millisecond
	ada, closed, locked := b.register(t, "ada@example.org"), b.register(t, "closed@example.org"), b.register(t, "locked@example.org")
	b.exec(t, `UPDATE identities SET status = 'locked' WHERE id = $1`, locked.id)
	cases := map[string][2]string{
		"unknown": {"mallory@example.org", password}, "wrong": {ada.email, wrong}, "closed": {closed.email, password}, "locked": {locked.email, password},
	}
	times := map[string][]time.Duration{}
	for range 3 {
		b.exec(t, `UPDATE identities SET failed_logins = 0, locked_until = CASE WHEN id = $1 THEN clock_timestamp() + interval '1 hour' END`, closed.id)
		for name, c := range cases {
			began := time.Now()
			b.send(t, http.MethodPost, "/v1/auth/login", credentials(c[0], c[1])).want(http.StatusUnauthorized)
			times[name] = append(times[name], time.Since(began))
		}
	}
	least, most := time.Hour, time.Duration(0)
	medians := map[string]time.Duration{}
	for name, all := range times {
		slices.Sort(all)
		medians[name] = all[len(all)/2]
		least, most = min(least, medians[name]), max(most, medians[name])
	}
	t.Logf("medians %v", medians)
	// One step of difference can be caused by a busy machine.
	if 2*most > 5*least {
		t.Errorf("the medians differ: %v", medians)
	}
}

// cut terminates the service's connections that wait for a lock, as a restart of the database does. It returns once it
// has terminated at least one.
func (b *bundle) cut(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		var n int
		b.scan(t, `SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'chenu human' AND wait_event_type = 'Lock'`, nil, &n)
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no connection waits for a lock")
		}
		<-time.After(5 * time.Millisecond)
	}
}

// TestDatabaseRestart restarts the database during different steps of an operation. The response is 503 with
// Retry-After, nothing is half done, and a retry does not count as the reuse of a refresh token.
func TestDatabaseRestart(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	access, refresh := b.login(t, ada.email)
	count := func() (sessions, logins, tokens int) {
		t.Helper()
		b.scan(t, `SELECT (SELECT count(*) FROM app.sessions), (SELECT count(*) FROM audit_logs WHERE action = 'login'), (SELECT count(*) FROM app.refresh_tokens)`,
			nil, &sessions, &logins, &tokens)
		return sessions, logins, tokens
	}
	sessions, logins, tokens := count()
	for _, test := range []struct{ name, lock, path, body string }{
		{"counting the attempt", `SELECT FROM identities FOR UPDATE`, "/v1/auth/login", credentials(ada.email, password)},
		{"opening the session", `LOCK TABLE app.sessions IN EXCLUSIVE MODE`, "/v1/auth/login", credentials(ada.email, password)},
		{"storing the refresh token", `LOCK TABLE app.refresh_tokens IN EXCLUSIVE MODE`, "/v1/auth/login", credentials(ada.email, password)},
		{"rotating", `LOCK TABLE app.refresh_tokens IN EXCLUSIVE MODE`, "/v1/auth/refresh", `{"refresh_token":"` + refresh + `"}`},
		{"stepping up", `LOCK TABLE app.sessions IN EXCLUSIVE MODE`, "/v1/auth/step-up", `{"password":"` + password + `"}`},
		{"changing the password", `LOCK TABLE app.sessions IN EXCLUSIVE MODE`, "/v1/me/password", change(password, "a longer horse and a staple")},
	} {
		tx, err := b.admin.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), test.lock); err != nil {
			t.Fatal(err)
		}
		answered := make(chan answer)
		go func() {
			answered <- b.send(t, http.MethodPost, test.path, test.body, "Authorization", "Bearer "+access)
		}()
		b.cut(t)
		a := <-answered
		if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", test.name, a.Status, a.Body)
		}
	}
	if s, l, n := count(); s != sessions || l != logins || n != tokens {
		t.Errorf("%d sessions, %d logins, %d tokens; before %d, %d, %d", s, l, n, sessions, logins, tokens)
	}
	b.refreshed(t, refresh)
	b.login(t, ada.email)
	b.me(t, access).want(http.StatusOK)
}

// TestClockSkew checks that lifetimes are measured by the database's clock when the clock of the service is an hour
// behind. TestOpenedSession checks that a service whose clock is ahead cannot open a session in the future.
func TestClockSkew(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	b.service.now = func() time.Time { return time.Now().Add(-time.Hour) }
	a := b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusOK)
	if ttl := a.Object()["refresh_expires_in"]; ttl != IdleLifetime.Seconds() {
		t.Errorf("refresh_expires_in is %v", ttl)
	}
	_, refresh := tokensOf(a)
	b.pass(t, ada.id, IdleLifetime)
	b.refused(t, refresh)
	_, refresh = b.login(t, ada.email)
	b.refreshed(t, refresh)
	// A network from which the identity has logged in before has a separate counter.
	b.exec(t, `UPDATE app.login_attempts SET failed = 5, locked_until = clock_timestamp() + interval '30 minutes' WHERE created_by = $1`, ada.id)
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusUnauthorized)
}

// BenchmarkRefresh measures one token rotation, including its commit.
func BenchmarkRefresh(b *testing.B) {
	bundle := newBundle(b)
	bundle.register(b, "ada@example.org")
	_, token := bundle.login(b, "ada@example.org")
	for b.Loop() {
		_, token = bundle.refreshed(b, token)
	}
}
