package server_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/api/apitest"
)

// credential is a credential with which an agent requests its access tokens.
type credential struct {
	ID, Secret string
	ClientID   string `json:"client_id"`
}

func newCredential(t *testing.T, human *apitest.Client, agent string) credential {
	t.Helper()
	var made credential
	human.Post(agent+"/credentials", map[string]any{"name": "the scheduler's"}).Want(http.StatusCreated).JSON(&made)
	return made
}

func (c credential) ask(more ...any) map[string]any {
	body := map[string]any{"grant_type": "client_credentials", "client_id": c.ClientID, "client_secret": c.Secret}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i].(string)] = more[i+1]
	}
	return body
}

// worker returns a client with a token that was issued for the credential.
func (s *service) worker(t *testing.T, c credential) *apitest.Client {
	t.Helper()
	token := s.client.For(t).Post("/v1/auth/agent-token", c.ask()).Want(http.StatusOK).Object()["access_token"].(string)
	return s.client.For(t).As(token)
}

// wantEnd waits until the worker's token is rejected. This can take as long as a valid session is cached; package
// auth tests that duration with a fake clock.
func wantEnd(t *testing.T, worker *apitest.Client) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		r := worker.Get("/v1/me")
		if r.Status == http.StatusUnauthorized {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the token is still valid: %d %s", r.Status, r.Body)
		}
	}
}

func TestAgentsToken(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, stranger := b.person(t, "ada"), b.person(t, "eve")
	me := human.Get("/v1/me").Object()["id"].(string)
	agent := hire(t, human, "business", "team")
	made := human.Post(agent+"/credentials", map[string]any{"name": "the scheduler's"}, "Idempotency-Key", "k").Want(http.StatusCreated)
	var c credential
	made.JSON(&c)
	if !strings.HasPrefix(c.Secret, "chenu_agent_") {
		t.Errorf("the secret is %q", c.Secret)
	}
	answer := b.client.For(t).Post("/v1/auth/agent-token", c.ask()).Want(http.StatusOK).Object()
	if answer["scope"] != "business team" || answer["token_type"] != "Bearer" || answer["expires_in"] != 600.0 {
		t.Errorf("the response is %v", answer)
	}
	token := answer["access_token"].(string)
	var claims struct {
		Sub, Scope string
		Act        struct{ Sub string }
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil || claims.Sub != me || "/v1/team/agents/"+claims.Act.Sub != agent || claims.Scope != "business team" {
		t.Errorf("the claims of the token are %s: %v", payload, err)
	}

	// The agent may call what its capabilities include, and nothing that they do not include or that no agent may
	// call.
	worker := b.client.For(t).As(token)
	made = worker.Post("/v1/business/contacts", map[string]any{"name": "Grace"}).Want(http.StatusCreated)
	if made.Object()["updated_by"] != claims.Act.Sub || made.Object()["created_by"] != me {
		t.Errorf("the contact is %s", made.Body)
	}
	refused := worker.Get("/v1/personal/notes")
	refused.WantProblem(http.StatusForbidden, "insufficient_scope")
	if got := refused.Header.Get("WWW-Authenticate"); got != `Bearer realm="chenu", error="insufficient_scope", scope="personal:read"` {
		t.Errorf("WWW-Authenticate: %s", got)
	}
	worker.Get(agent+"/credentials").WantProblem(http.StatusForbidden, "forbidden")
	narrower := b.client.For(t).Post("/v1/auth/agent-token", c.ask("scope", "team")).Want(http.StatusOK).Object()["access_token"].(string)
	b.client.For(t).As(narrower).Get("/v1/business/contacts").WantProblem(http.StatusForbidden, "insufficient_scope")
	b.client.For(t).Post("/v1/auth/agent-token", c.ask("scope", "team personal")).WantProblem(http.StatusBadRequest, "invalid_scope")
	b.client.For(t).Post("/v1/auth/agent-token", c.ask("scope", " ")).WantProblem(http.StatusBadRequest, "invalid_scope")

	// Other identities have no access, secrets are not shown again, and secrets are not stored.
	stranger.Get(agent+"/credentials").WantProblem(http.StatusNotFound, "not_found")
	stranger.Post(agent+"/credentials", map[string]any{}).WantProblem(http.StatusNotFound, "not_found")
	stranger.Do(http.MethodDelete, agent+"/credentials/"+c.ID, nil).WantProblem(http.StatusNotFound, "not_found")
	list := human.Get(agent + "/credentials").Want(http.StatusOK)
	items := list.Object()["items"].([]any)
	if len(items) != 1 || items[0].(map[string]any)["last_used_at"] == nil || strings.Contains(string(list.Body), c.Secret) {
		t.Errorf("the list is %s", list.Body)
	}
	var dump string
	admin := b.db.Pool(t, b.db.AdminURL)
	if err := admin.QueryRow(t.Context(), `SELECT concat((SELECT jsonb_agg(a) FROM audit_logs a), (SELECT jsonb_agg(k) FROM app.idempotency_keys k),
		(SELECT jsonb_agg(c) FROM app.agent_credentials c), (SELECT jsonb_agg(c) FROM checkpoints c))`).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dump, c.Secret) || strings.Contains(dump, base64.StdEncoding.EncodeToString([]byte(c.Secret))) {
		t.Error("the secret is stored")
	}
	trail := b.trail(t, human, "/v1/audit-logs?actor_kind=agent")
	for _, want := range []string{"login success agent_credential", "create success contact", "read denied request insufficient_scope", "read denied request forbidden"} {
		if !slices.Contains(trail, want) {
			t.Errorf("the agent's trail lacks %q: %q", want, trail)
		}
	}

	// After its dismissal, the agent's token and credential are invalid, and it cannot get new ones.
	human.Post(agent+"/dismiss", map[string]any{"reason": "Done."}).Want(http.StatusOK)
	worker.Post("/v1/business/contacts", map[string]any{"name": "Charles"}).Want(http.StatusUnauthorized) // immediately, regardless of caches
	b.client.For(t).Post("/v1/auth/agent-token", c.ask()).WantProblem(http.StatusUnauthorized, "invalid_client")
	human.Post(agent+"/credentials", map[string]any{}).WantProblem(http.StatusConflict, "agent_dismissed")
	if item := human.Get(agent + "/credentials").Object()["items"].([]any)[0].(map[string]any); item["revoked_at"] == nil {
		t.Errorf("the credential of a dismissed agent is %v", item)
	}
	wantEnd(t, worker)
}

// TestAgentsTokenEnds checks every way in which a valid token ends, except dismissal.
func TestAgentsTokenEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, b *service, human *apitest.Client, agent string, c credential){
		"its credential is revoked": func(_ *testing.T, _ *service, human *apitest.Client, agent string, c credential) {
			for range 2 {
				human.Do(http.MethodDelete, agent+"/credentials/"+c.ID, nil).Want(http.StatusNoContent)
			}
		},
		"it is suspended": func(_ *testing.T, _ *service, human *apitest.Client, agent string, _ credential) {
			human.Patch(agent, human.Get(agent).ETag(), map[string]any{"status": "suspended"}).Want(http.StatusOK)
		},
		"it loses a capability": func(_ *testing.T, _ *service, human *apitest.Client, agent string, _ credential) {
			human.Patch(agent, human.Get(agent).ETag(), map[string]any{"capabilities": []string{}}).Want(http.StatusOK)
		},
		"its identity is locked": func(t *testing.T, b *service, _ *apitest.Client, _ string, _ credential) {
			if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "UPDATE identities SET status = 'locked' WHERE email = 'ada@example.org'"); err != nil {
				t.Fatal(err)
			}
		},
		"its credential expires": func(t *testing.T, b *service, _ *apitest.Client, _ string, _ credential) {
			if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "UPDATE app.agent_credentials SET expires_at = clock_timestamp()"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newService(t)
			human := b.person(t, "ada")
			agent := hire(t, human, "me")
			c := newCredential(t, human, agent)
			worker := b.worker(t, c)
			worker.Get("/v1/me").Want(http.StatusOK)
			end(t, b, human, agent, c)
			wantEnd(t, worker)
			if r := b.client.For(t).Post("/v1/auth/agent-token", c.ask()); r.Status != http.StatusUnauthorized && r.Status != http.StatusBadRequest {
				t.Errorf("the agent gets another token: %s", r.Body)
			}
		})
	}
}

// TestCredentials checks the limits of credentials.
func TestCredentials(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	agent := hire(t, human, "business")
	for range 20 {
		human.Post(agent+"/credentials", map[string]any{}).Want(http.StatusCreated)
	}
	human.Post(agent+"/credentials", map[string]any{}).WantProblem(http.StatusConflict, "too_many_credentials")
	for body, pointer := range map[string]string{
		`{"expires_at":"2020-01-01T00:00:00Z"}`:                                                          "/expires_at",
		`{"public_key":{"kty":"RSA","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}`: "/public_key/kty",
		`{"public_key":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}}`:                                        "/public_key/x",
		`{"secret":"mine"}`: "/secret",
	} {
		other := hire(t, human, "business")
		if p := human.Post(other+"/credentials", body).WantProblem(http.StatusUnprocessableEntity, "validation_failed"); *p.Errors[0].Pointer != pointer {
			t.Errorf("%s: %+v", body, p.Errors)
		}
	}
	made := newCredential(t, human, hire(t, human, "business"))
	none := newCredential(t, human, hire(t, human))
	other := hire(t, human, "team")
	revoked := newCredential(t, human, other)
	for name, test := range map[string]struct {
		body   map[string]any
		status int
		code   string
	}{
		"unknown":              {made.ask("client_id", strings.Split(made.ClientID, ".")[0]+"."+dbtest.NewID().String()), http.StatusUnauthorized, "invalid_client"},
		"another agent's":      {made.ask("client_id", dbtest.NewID().String()+"."+made.ID), http.StatusUnauthorized, "invalid_client"},
		"its id alone":         {made.ask("client_id", made.ID), http.StatusUnauthorized, "invalid_client"},
		"capitals":             {made.ask("client_id", strings.ToUpper(made.ClientID)), http.StatusUnauthorized, "invalid_client"},
		"wrong":                {made.ask("client_secret", none.Secret), http.StatusUnauthorized, "invalid_client"},
		"empty":                {made.ask("client_secret", ""), http.StatusUnprocessableEntity, "validation_failed"},
		"both":                 {made.ask("client_assertion", "x"), http.StatusUnprocessableEntity, "validation_failed"},
		"other grant":          {made.ask("grant_type", "password"), http.StatusUnprocessableEntity, "validation_failed"},
		"without capabilities": {none.ask(), http.StatusBadRequest, "invalid_scope"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b.client.For(t).Post("/v1/auth/agent-token", test.body).WantProblem(test.status, test.code)
		})
	}
	t.Run("on record", func(t *testing.T) {
		t.Parallel()
		human.Do(http.MethodDelete, other+"/credentials/"+revoked.ID, nil).Want(http.StatusNoContent)
		b.client.For(t).Post("/v1/auth/agent-token", revoked.ask()).WantProblem(http.StatusUnauthorized, "invalid_client")
		denied := human.Get("/v1/audit-logs?action=login&outcome=denied&actor_kind=system&resource_id=" + revoked.ID).Want(http.StatusOK).Object()["items"].([]any)
		if details := denied[0].(map[string]any)["details"].(map[string]any); details["reason"] != "not_active" || "/v1/team/agents/"+details["agent_id"].(string) != other {
			t.Errorf("recorded: %v", denied)
		}
	})
}

// Failed logins of agents create one audit row per credential, network and hour, and one row with the number of
// further failures. The rows do not have the agent as actor, because anyone could have sent the requests.
func TestFailedAgentLoginsDoNotFillTheTrail(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	agent := hire(t, human, "business")
	made := newCredential(t, human, agent)
	const failures = 7
	for range failures {
		b.client.For(t).Post("/v1/auth/agent-token", made.ask("client_secret", "x")).WantProblem(http.StatusUnauthorized, "invalid_client")
	}
	// A login with a credential that does not exist creates no row.
	b.client.For(t).Post("/v1/auth/agent-token", made.ask("client_id", strings.Split(made.ClientID, ".")[0]+"."+dbtest.NewID().String())).WantProblem(http.StatusUnauthorized, "invalid_client")
	admin := b.db.Pool(t, b.db.AdminURL)
	trail := func() []string {
		t.Helper()
		rows, err := admin.Query(t.Context(), `SELECT actor_kind || ' ' || coalesce(actor_id::text, 'nobody') || ' ' || (details ->> 'reason') || ' ' || coalesce(details ->> 'count', '1')
			FROM audit_logs WHERE action = 'login' AND outcome = 'denied' AND resource_type = 'agent_credential' AND resource_id = $1 ORDER BY id`, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if got := trail(); !slices.Equal(got, []string{"system nobody wrong_secret 1"}) {
		t.Errorf("after %d failures: %q", failures, got)
	}
	if _, err := admin.Exec(t.Context(), "UPDATE app.login_attempts SET recorded_at = recorded_at - interval '1 hour' WHERE origin LIKE $1 || ' %'", made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.Exec(t.Context(), "SELECT app.record_failures()"); err != nil {
		t.Fatal(err)
	}
	if got := trail(); !slices.Equal(got, []string{"system nobody wrong_secret 1", "system nobody repeated 6"}) {
		t.Errorf("after the maintenance: %q", got)
	}
	b.client.For(t).Post("/v1/auth/agent-token", made.ask()).Want(http.StatusOK)
}

// TestAssertions checks that forged and invalid assertions are rejected.
func TestAssertions(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	agent := hire(t, human, "business")
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}
	made := human.Post(agent+"/credentials", map[string]any{"public_key": jwk}).Want(http.StatusCreated).Object()
	if made["secret"] != nil || made["type"] != "public_key" {
		t.Errorf("created: %v", made)
	}
	id := made["client_id"].(string)
	withSecret := newCredential(t, human, agent)
	claims := func(change map[string]any) jwt.MapClaims {
		now := time.Now()
		c := jwt.MapClaims{"iss": id, "sub": id, "aud": "chenu", "jti": dbtest.NewID().String(), "iat": now.Unix(), "exp": now.Add(4 * time.Minute).Unix()}
		for name, value := range change {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
		return c
	}
	sign := func(method jwt.SigningMethod, key any, c jwt.MapClaims, header ...string) string {
		token := jwt.NewWithClaims(method, c)
		for i := 0; i+1 < len(header); i += 2 {
			token.Header[header[i]] = header[i+1]
		}
		text, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	ask := func(t *testing.T, client, assertion string) *apitest.Response {
		t.Helper()
		return b.client.For(t).Post("/v1/auth/agent-token", map[string]any{
			"grant_type": "client_credentials", "client_id": client, "client_assertion": assertion,
			"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		})
	}
	good := sign(jwt.SigningMethodEdDSA, private, claims(nil))
	token := ask(t, id, good).Want(http.StatusOK).Object()["access_token"].(string)
	b.client.For(t).As(token).Get("/v1/business/contacts").Want(http.StatusOK)
	ask(t, id, good).WantProblem(http.StatusUnauthorized, "invalid_client") // an assertion is valid once

	eddsa := jwt.SigningMethodEdDSA
	now := time.Now()
	for name, assertion := range map[string]string{
		"another's key":        sign(eddsa, otherKey, claims(nil)),
		"no algorithm":         sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)),
		"HMAC by public key":   sign(jwt.SigningMethodHS256, []byte(public), claims(nil)),
		"a key in its header":  sign(eddsa, otherKey, claims(nil), "jku", "https://example.org/keys"),
		"an extension":         sign(eddsa, private, claims(nil), "crit", "exp"),
		"another audience":     sign(eddsa, private, claims(map[string]any{"aud": "other"})),
		"two audiences":        sign(eddsa, private, claims(map[string]any{"aud": []string{"chenu", "other"}})),
		"no audience":          sign(eddsa, private, claims(map[string]any{"aud": nil})),
		"another issuer":       sign(eddsa, private, claims(map[string]any{"iss": withSecret.ClientID})),
		"another subject":      sign(eddsa, private, claims(map[string]any{"sub": withSecret.ClientID})),
		"no expiry":            sign(eddsa, private, claims(map[string]any{"exp": nil})),
		"expired":              sign(eddsa, private, claims(map[string]any{"exp": now.Add(-time.Minute).Unix()})),
		"too long-lived":       sign(eddsa, private, claims(map[string]any{"exp": now.Add(time.Hour).Unix()})),
		"not yet valid":        sign(eddsa, private, claims(map[string]any{"nbf": now.Add(time.Hour).Unix()})),
		"issued in the future": sign(eddsa, private, claims(map[string]any{"iat": now.Add(time.Hour).Unix()})),
		"no id":                sign(eddsa, private, claims(map[string]any{"jti": nil})),
		"a long id":            sign(eddsa, private, claims(map[string]any{"jti": strings.Repeat("x", 300)})),
		"no token":             "x.y.z",
		"an access token":      token,
		"cut off":              good[:len(good)-2],
		"an x5u header":        sign(eddsa, private, claims(nil), "x5u", "https://example.org"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ask(t, id, assertion).WantProblem(http.StatusUnauthorized, "invalid_client")
		})
	}
	t.Run("a key's assertion for a secret", func(t *testing.T) {
		t.Parallel()
		ask(t, withSecret.ClientID, sign(eddsa, private, claims(map[string]any{"iss": withSecret.ClientID, "sub": withSecret.ClientID}))).
			WantProblem(http.StatusUnauthorized, "invalid_client")
	})
	t.Run("two at once", func(t *testing.T) {
		t.Parallel()
		same := sign(eddsa, private, claims(nil))
		statuses := make(chan int, 2)
		for range 2 {
			go func() { statuses <- ask(t, id, same).Status }()
		}
		if got := []int{<-statuses, <-statuses}; !slices.Contains(got, http.StatusOK) || !slices.Contains(got, http.StatusUnauthorized) {
			t.Errorf("statuses %v", got)
		}
	})
	t.Run("a secret for a key", func(t *testing.T) {
		t.Parallel()
		b.client.For(t).Post("/v1/auth/agent-token", credential{ClientID: id, Secret: withSecret.Secret}.ask()).WantProblem(http.StatusUnauthorized, "invalid_client")
	})
}

func newKey(t *testing.T) ed25519.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// weakKeys returns the eight points of small order, and encodings that are not canonical.
func weakKeys(t *testing.T) []ed25519.PublicKey {
	t.Helper()
	zeros, ones := strings.Repeat("00", 30), strings.Repeat("ff", 30)
	var keys []ed25519.PublicKey
	for _, text := range []string{
		"01" + zeros + "00", "ec" + ones + "7f", "00" + zeros + "00", "00" + zeros + "80",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		// Not canonical: p, p + 1 and the largest number; and points with x = 0 and a sign.
		"ed" + ones + "7f", "ed" + ones + "ff", "ee" + ones + "7f", "ee" + ones + "ff", "ff" + ones + "7f", "01" + zeros + "80", "ec" + ones + "ff",
	} {
		key, err := hex.DecodeString(text)
		if err != nil || len(key) != ed25519.PublicKeySize {
			t.Fatalf("%s: %v", text, err)
		}
		keys = append(keys, key)
	}
	return keys
}

// The database itself enforces the rules: which operations require a verified address, a maximum lifetime of 365
// days, and no weak keys, whatever the service requests.
func TestCredentialRulesAreTheDatabases(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	me := human.Get("/v1/me").Object()["id"].(string)
	agent := strings.TrimPrefix(hire(t, human, "business"), "/v1/team/agents/")
	session := b.recentSession(t, me)
	add := func(key, end string) string {
		hash := "sha256('x')"
		if key != "NULL" {
			hash = "NULL"
		}
		return fmt.Sprintf("SELECT app.add_agent_credential(app.uuid_v7(), '%s', 'x', %s, %s, %s)", agent, hash, key, end)
	}
	try := func(want, detail, statement string) {
		t.Helper()
		err := b.inTransaction(t, "chenu_human", me, session, statement)
		if pgtest.SQLState(err) != want {
			t.Errorf("%s: got %v, want %q", statement, err, want)
		}
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !strings.Contains(pg.Detail, detail) {
			t.Errorf("%s: the detail %q lacks %q", statement, pg.Detail, detail)
		}
	}
	try("", "", add("NULL", "NULL"))
	try("", "", add("NULL", "clock_timestamp() + interval '364 days'"))
	try("CH422", "out_of_range", add("NULL", "clock_timestamp() + interval '366 days'"))
	try("CH422", "out_of_range", add("NULL", "'infinity'"))
	try("CH422", "out_of_range", add("NULL", "clock_timestamp()"))
	for _, key := range weakKeys(t) {
		try("CH422", "weak_key", add(`'\x`+hex.EncodeToString(key)+`'`, "NULL"))
	}
	try("", "", add(`'\x`+hex.EncodeToString(newKey(t))+`'`, "NULL"))
	var days float64
	admin := b.db.Pool(t, b.db.AdminURL)
	if err := admin.QueryRow(t.Context(), `SELECT extract(epoch FROM min(expires_at) - now()) / 86400 FROM app.agent_credentials`).Scan(&days); err != nil || days < 89.9 || days > 90 {
		t.Errorf("a credential without an expiry expires in %v days: %v", days, err)
	}

	if _, err := admin.Exec(t.Context(), "UPDATE identities SET email_verified_at = NULL; UPDATE team_agents SET status = 'suspended'"); err != nil {
		t.Fatal(err)
	}
	try("CH403", "email_unverified", add("NULL", "NULL"))
	for _, status := range []string{"active", "suspended"} {
		try("CH403", "email_unverified", fmt.Sprintf("INSERT INTO team_agents (id, created_by, name, status) VALUES (app.uuid_v7(), '%s', 'x', '%s')", me, status))
	}
	try("CH403", "email_unverified", "UPDATE team_agents SET status = 'active'")
	try("42501", "", "UPDATE team_agents SET suspended_at = NULL")
	try("42501", "", "UPDATE identities SET email_verified_at = now()")
}

// Under a key of small order, signatures that were made without a private key are valid. Such a key is rejected when
// a credential is created, and so are assertions for an existing credential with such a key.
func TestSmallOrderKeysProveNothing(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	agent := hire(t, human, "business")
	made := human.Post(agent+"/credentials", map[string]any{"public_key": map[string]any{
		"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(newKey(t)),
	}}).Want(http.StatusCreated).Object()
	id := made["client_id"].(string)
	admin := b.db.Pool(t, b.db.AdminURL)
	forged := 0
	for _, key := range weakKeys(t) {
		r := human.Post(agent+"/credentials", map[string]any{"public_key": map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(key)}})
		if p := r.WantProblem(http.StatusUnprocessableEntity, "validation_failed"); *p.Errors[0].Pointer != "/public_key/x" || p.Errors[0].Code != "weak_key" {
			t.Errorf("%x: the errors are %+v", key, p.Errors)
		}
		// A row that was created by an older release.
		if _, err := admin.Exec(t.Context(), "UPDATE app.agent_credentials SET public_key = $1 WHERE id = $2", []byte(key), made["id"]); err != nil {
			t.Fatal(err)
		}
		assertion, ok := forge(t, id, key)
		if !ok {
			continue // not a point, so no signature is valid under it
		}
		forged++
		b.client.For(t).Post("/v1/auth/agent-token", map[string]any{
			"grant_type": "client_credentials", "client_id": id, "client_assertion": assertion,
			"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		}).WantProblem(http.StatusUnauthorized, "invalid_client")
		me, _, _ := strings.Cut(id, ".")
		if err := b.inTransaction(t, "chenu_human", me, "", fmt.Sprintf("SELECT app.use_agent_credential('%s', 'swk', NULL, NULL)", made["id"])); pgtest.SQLState(err) != "CH401" {
			t.Errorf("%x is accepted: %v", key, err)
		}
	}
	if forged < 8 {
		t.Errorf("crypto/ed25519 accepts a forged signature under only %d keys, so the test does not check the others", forged)
	}
}

// forge returns an assertion that is valid under a key of small order, signed without a private key. R is the neutral
// element and S is 0. That signature is valid if the hash is a multiple of the key's order, so forge tries assertions
// until one is valid.
func forge(t *testing.T, client string, key ed25519.PublicKey) (string, bool) {
	t.Helper()
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1
	for range 1000 {
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
			"iss": client, "sub": client, "aud": "chenu", "jti": dbtest.NewID().String(), "exp": time.Now().Add(4 * time.Minute).Unix(),
		})
		text, err := token.SigningString()
		if err != nil {
			t.Fatal(err)
		}
		if ed25519.Verify(key, []byte(text), signature) {
			return text + "." + base64.RawURLEncoding.EncodeToString(signature), true
		}
	}
	return "", false
}
