package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/ratelimit"
	"github.com/chenu/chenu/server/session"
)

// limited starts instances of one service on one database, with the given limits.
func limited(t *testing.T, instances int, limits ratelimit.Limits, proxies ...string) []*service {
	t.Helper()
	db, secret := dbtest.New(t), auth.NewSecret()
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	var all []*service
	for range instances {
		s, err := server.New(t.Context(), server.Config{
			DevelopmentTokens: true,
			Session:           session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 4}, Secret: secret,
			Limits: limits, TrustedProxies: proxies, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		all = append(all, &service{s, db, apitest.New(t, s.Handler(), document)})
	}
	return all
}

// loginFrom tries to log in from the address.
func (s *service) loginFrom(t *testing.T, address, email string, header ...string) *apitest.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/auth/login",
		strings.NewReader(`{"email":"`+email+`","password":"an utterly wrong password"}`))
	r.RemoteAddr = address + ":4711"
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return s.client.For(t).Serve(r)
}

// TestBruteForce tries passwords through two instances: from one address for many accounts, and from one network for
// one account. The limit of an account is counted per network, so that strangers do not use up the owner's.
func TestBruteForce(t *testing.T) {
	t.Parallel()
	b := limited(t, 2, ratelimit.Limits{"login-address": {Requests: 6, Window: time.Hour}, "login-account": {Requests: 4, Window: time.Hour}})
	b[0].person(t, "ada")
	through := 0
	for i, address := range []string{"198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4", "198.51.100.5", "198.51.100.6", "198.51.100.7"} {
		// A different spelling of the address is the same account.
		r := b[i%2].loginFrom(t, address, []string{"ada@example.org", " Ada@Example.org"}[i%2])
		if r.Status == http.StatusUnauthorized {
			through++
			continue
		}
		r.WantProblem(http.StatusTooManyRequests, "rate_limited")
		if r.Header.Get("Retry-After") == "" || !strings.Contains(r.Header.Get("Ratelimit"), `"login-account";r=0;t=`) ||
			!strings.Contains(r.Header.Get("Ratelimit-Policy"), `"login-account";q=4;w=3600`) {
			t.Errorf("the headers of the 429 are %v", r.Header)
		}
	}
	if through != 4 {
		t.Errorf("%d of 4 passwords were tried at one account", through)
	}
	b[0].loginFrom(t, "203.0.113.9", "ada@example.org").WantProblem(http.StatusUnauthorized, "invalid_credentials")
	through = 0
	for i, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		r := b[i%2].loginFrom(t, "198.51.100.77", name+"@example.org", "X-Forwarded-For", "203.0.113."+string('1'+rune(i)), "Forwarded", "for=203.0.113.1")
		if r.Status == http.StatusUnauthorized {
			through++
			continue
		}
		r.WantProblem(http.StatusTooManyRequests, "rate_limited")
	}
	if through != 6 {
		t.Errorf("%d of 6 passwords were tried from one address that sends forged addresses", through)
	}
}

// TestTrustedProxy checks that requests are counted by the address that a trusted proxy appended, not by addresses
// that the client sent before it.
func TestTrustedProxy(t *testing.T) {
	t.Parallel()
	b := limited(t, 1, ratelimit.Limits{"login-address": {Requests: 2, Window: time.Hour}}, "10.0.0.0/8")[0]
	for i, want := range []int{http.StatusUnauthorized, http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusTooManyRequests} {
		name := string('a'+rune(i)) + "@example.org"
		b.loginFrom(t, "10.0.0.1", name, "X-Forwarded-For", "203.0.113."+string('1'+rune(i))+", 198.51.100.1").Want(want)
	}
	b.loginFrom(t, "10.0.0.1", "x@example.org", "X-Forwarded-For", "198.51.100.2").Want(http.StatusUnauthorized)
	b.loginFrom(t, "198.51.100.3", "y@example.org", "X-Forwarded-For", "198.51.100.1").Want(http.StatusUnauthorized)
}

// TestIdentityAndAgentAreLimited checks that the requests of a person and of an agent are counted separately, through
// two instances.
func TestIdentityAndAgentAreLimited(t *testing.T) {
	t.Parallel()
	b := limited(t, 2, ratelimit.Limits{"identity": {Requests: 20, Window: 24 * time.Hour}, "agent": {Requests: 10, Window: 24 * time.Hour}})
	human := b[0].person(t, "ada")
	token := human.Header("Authorization")
	first := human.Get("/v1/me").Want(http.StatusOK)
	if first.Header.Get("Ratelimit-Policy") != `"identity";q=20;w=86400` || !strings.HasPrefix(first.Header.Get("Ratelimit"), `"identity";r=19;t=`) {
		t.Errorf("the headers are %v", first.Header)
	}
	clients := []*apitest.Client{human, b[1].client.For(t).With("Authorization", token)}
	through := 1
	for i := range 40 {
		if r := clients[i%2].Get("/v1/me"); r.Status == http.StatusOK {
			through++
		} else {
			r.WantProblem(http.StatusTooManyRequests, "rate_limited")
		}
	}
	if through != 20 {
		t.Errorf("%d of 20 requests were allowed", through)
	}
	through = 0
	worker := b[0].agentOf(t, "ada")
	for range 15 {
		if worker.Get("/v1/me").Status == http.StatusOK {
			through++
		}
	}
	if through != 10 {
		t.Errorf("%d of an agent's 10 requests were allowed", through)
	}
	// Other identities are not limited, and public operations are not counted.
	b[0].person(t, "eve").Get("/v1/me").Want(http.StatusOK)
	if r := human.Get("/v1/meta/enums").Want(http.StatusOK); r.Header.Get("Ratelimit") != "" {
		t.Error("a public operation is counted")
	}
}

// TestMailIsLimited requests mails to one account from one network. The requests of strangers do not use up the
// owner's limit.
func TestMailIsLimited(t *testing.T) {
	t.Parallel()
	b := limited(t, 1, ratelimit.Limits{"mail-account": {Requests: 3, Window: time.Hour}})[0]
	through := 0
	for i := range 6 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/auth/request-password-reset", strings.NewReader(`{"email":"Ada@example.org"}`))
		r.RemoteAddr = "198.51.100." + string('1'+rune(i)) + ":4711"
		r.Header.Set("Content-Type", "application/json")
		if answer := b.client.For(t).Serve(r); answer.Status == http.StatusAccepted {
			through++
		} else {
			answer.WantProblem(http.StatusTooManyRequests, "rate_limited")
		}
	}
	if through != 3 {
		t.Errorf("%d of 3 mails to one account were sent", through)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/auth/request-password-reset", strings.NewReader(`{"email":"ada@example.org"}`))
	r.RemoteAddr = "203.0.113.9:4711"
	r.Header.Set("Content-Type", "application/json")
	b.client.For(t).Serve(r).Want(http.StatusAccepted)
}
