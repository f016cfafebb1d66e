package server_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
)

// hire hires an agent with the capabilities, with the approval that it takes, and returns
// its path.
func hire(t *testing.T, human *apitest.Client, capabilities ...string) string {
	t.Helper()
	agent := map[string]any{"name": "Bookkeeper", "capabilities": capabilities}
	id, digest := checkpointOf(t, human.Post("/v1/team/agents", agent))
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	return "/v1/team/agents/" + human.Post("/v1/team/agents", agent, "Checkpoint", id).Want(http.StatusCreated).Object()["id"].(string)
}

// credential is what an agent asks for its tokens with.
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

// worker returns a client with a token that the credential gives.
func (s *service) worker(t *testing.T, c credential) *apitest.Client {
	t.Helper()
	token := s.client.For(t).Post("/v1/auth/agent-token", c.ask()).Want(http.StatusOK).Object()["access_token"].(string)
	return s.client.For(t).As(token)
}

// wantEnd waits until the worker's token is refused, which takes as long as a session that
// was found alive counts as alive. How long that is, package auth shows by a clock of its own.
func wantEnd(t *testing.T, worker *apitest.Client) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		r := worker.Get("/v1/me")
		if r.Status == http.StatusUnauthorized {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the token is still good: %d %s", r.Status, r.Body)
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
		t.Errorf("the answer is %v", answer)
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
		t.Errorf("the token says %s: %v", payload, err)
	}

	// What it may, what its capabilities do not cover, and what no agent may.
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

	// Nobody else's, nothing shown again, nothing kept.
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
		t.Error("the secret is kept")
	}
	trail := b.trail(t, human, "/v1/audit-logs?actor_kind=agent")
	for _, want := range []string{"login success agent_credential", "create success contact", "read denied request insufficient_scope", "read denied request forbidden"} {
		if !slices.Contains(trail, want) {
			t.Errorf("the agent's trail lacks %q: %q", want, trail)
		}
	}

	// Dismissed, it is out, with its token and its credential, and gets no other.
	human.Post(agent+"/dismiss", map[string]any{"reason": "Done."}).Want(http.StatusOK)
	worker.Post("/v1/business/contacts", map[string]any{"name": "Charles"}).Want(http.StatusUnauthorized) // at once, whatever is cached
	b.client.For(t).Post("/v1/auth/agent-token", c.ask()).WantProblem(http.StatusUnauthorized, "invalid_client")
	human.Post(agent+"/credentials", map[string]any{}).WantProblem(http.StatusConflict, "agent_dismissed")
	if item := human.Get(agent + "/credentials").Object()["items"].([]any)[0].(map[string]any); item["revoked_at"] == nil {
		t.Errorf("the credential of a dismissed agent is %v", item)
	}
	wantEnd(t, worker)
}

// TestAgentsTokenEnds ends a live token in every way that there is beside dismissal.
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
		"its credential is over": func(t *testing.T, b *service, _ *apitest.Client, _ string, _ credential) {
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
				t.Errorf("it gets another token: %s", r.Body)
			}
		})
	}
}

// TestCredentials are the limits of credentials.
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
		"unknown":              {made.ask("client_id", strings.Split(made.ClientID, ".")[0]+"."+newID().String()), http.StatusUnauthorized, "invalid_client"},
		"another's":            {made.ask("client_id", newID().String()+"."+made.ID), http.StatusUnauthorized, "invalid_client"},
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

// Hardening item 28: failed logins of agents leave one row for each credential, network and hour, and
// one with the number of the others. The rows do not name the agent as the actor, since anybody may
// have sent them.
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
	// A credential that does not exist leaves nothing.
	b.client.For(t).Post("/v1/auth/agent-token", made.ask("client_id", strings.Split(made.ClientID, ".")[0]+"."+newID().String())).WantProblem(http.StatusUnauthorized, "invalid_client")
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

// TestAssertions forges what an agent proves itself with by a key.
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
		t.Errorf("made: %v", made)
	}
	id := made["client_id"].(string)
	withSecret := newCredential(t, human, agent)
	claims := func(change map[string]any) jwt.MapClaims {
		now := time.Now()
		c := jwt.MapClaims{"iss": id, "sub": id, "aud": "chenu", "jti": newID().String(), "iat": now.Unix(), "exp": now.Add(4 * time.Minute).Unix()}
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
	ask(t, id, good).WantProblem(http.StatusUnauthorized, "invalid_client") // once

	eddsa := jwt.SigningMethodEdDSA
	now := time.Now()
	for name, assertion := range map[string]string{
		"another's key":       sign(eddsa, otherKey, claims(nil)),
		"no algorithm":        sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)),
		"HMAC by public key":  sign(jwt.SigningMethodHS256, []byte(public), claims(nil)),
		"a key it brings":     sign(eddsa, otherKey, claims(nil), "jku", "https://example.org/keys"),
		"an extension":        sign(eddsa, private, claims(nil), "crit", "exp"),
		"for others":          sign(eddsa, private, claims(map[string]any{"aud": "other"})),
		"for others too":      sign(eddsa, private, claims(map[string]any{"aud": []string{"chenu", "other"}})),
		"for nobody":          sign(eddsa, private, claims(map[string]any{"aud": nil})),
		"by another":          sign(eddsa, private, claims(map[string]any{"iss": withSecret.ClientID})),
		"about another":       sign(eddsa, private, claims(map[string]any{"sub": withSecret.ClientID})),
		"without end":         sign(eddsa, private, claims(map[string]any{"exp": nil})),
		"over":                sign(eddsa, private, claims(map[string]any{"exp": now.Add(-time.Minute).Unix()})),
		"too long":            sign(eddsa, private, claims(map[string]any{"exp": now.Add(time.Hour).Unix()})),
		"not yet":             sign(eddsa, private, claims(map[string]any{"nbf": now.Add(time.Hour).Unix()})),
		"from the future":     sign(eddsa, private, claims(map[string]any{"iat": now.Add(time.Hour).Unix()})),
		"without id":          sign(eddsa, private, claims(map[string]any{"jti": nil})),
		"a long id":           sign(eddsa, private, claims(map[string]any{"jti": strings.Repeat("x", 300)})),
		"no token":            "x.y.z",
		"an access token":     token,
		"cut off":             good[:len(good)-2],
		"with another's name": sign(eddsa, private, claims(nil), "x5u", "https://example.org"),
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
			t.Errorf("answered with %v", got)
		}
	})
	t.Run("a secret for a key", func(t *testing.T) {
		t.Parallel()
		b.client.For(t).Post("/v1/auth/agent-token", credential{ClientID: id, Secret: withSecret.Secret}.ask()).WantProblem(http.StatusUnauthorized, "invalid_client")
	})
}

// operationOf is what the document says of an operation.
type operationOf struct {
	ID, method, path string
	OperationID      string `json:"operationId"` //nolint:tagliatelle // OpenAPI's own name
	Tags             []string
	Security         *[]any
	RequestBody      struct {
		Content map[string]struct{ Example json.RawMessage }
	} `json:"requestBody"` //nolint:tagliatelle // OpenAPI's own name
}

func operations(t *testing.T) []operationOf {
	t.Helper()
	data, err := server.Document()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]operationOf
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	var all []operationOf
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for method, o := range document.Paths[path] {
			o.ID, o.method, o.path = o.OperationID, strings.ToUpper(method), path
			all = append(all, o)
		}
	}
	return all
}

// try sends what the document gives as an example.
func (o operationOf) try(c *apitest.Client) *apitest.Response {
	path := o.path
	for strings.Contains(path, "{") {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + newID().String() + after
	}
	var body any
	header := []string{"If-Match", `"v1"`}
	for media, content := range o.RequestBody.Content {
		header = append(header, "Content-Type", media)
		body = "{}"
		if content.Example != nil && o.method != http.MethodPatch {
			body = string(content.Example)
		}
	}
	return c.Do(o.method, path, body, header...)
}

// forHumans are the operations that no agent may call, whatever it may else. Others of what
// concerns the account itself are for humans by rule.
var forHumans = []string{
	"approve-checkpoint", "reject-checkpoint",
	"create-hired-agent", "update-hired-agent", "delete-hired-agent", "dismiss-hired-agent",
	"create-agent-credential", "list-agent-credentials", "revoke-agent-credential",
	"export-audit-logs", "suspend-all-hired-agents", "create-team-task", "delete-team-task",
}

func (o operationOf) forHumans() bool {
	account := slices.Contains([]string{"Me", "Accounts"}, o.Tags[0]) && o.ID != "get-me"
	return account || slices.Contains(forHumans, o.ID)
}

// TestAgentTriesEverything calls every operation of the document as an agent that may do all
// that agents may, and as one that may do next to nothing.
func TestAgentTriesEverything(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	all := operations(t)
	var tags []string
	for _, o := range all {
		if o.Security == nil && !o.forHumans() {
			tags = append(tags, strings.ToLower(o.Tags[0]))
		}
	}
	slices.Sort(tags)
	capabilities := datatype.Capability("").Values()
	full := slices.DeleteFunc(slices.Clone(capabilities), func(c string) bool { return strings.HasSuffix(c, ":read") })
	if slices.Sort(full); !slices.Equal(slices.Compact(tags), full) {
		t.Errorf("agents may be allowed %v, and the operations that are for them have the tags %v", capabilities, slices.Compact(tags))
	}
	able := b.worker(t, newCredential(t, human, hire(t, human, capabilities...)))
	feeble := b.worker(t, newCredential(t, human, hire(t, human, "me")))
	b.person(t, "grace")
	asDeveloper := b.agentOf(t, "grace")
	public := 0
	for _, o := range all {
		t.Run(o.ID, func(t *testing.T) {
			t.Parallel()
			for name, c := range map[string]*apitest.Client{"able": able.For(t), "development": asDeveloper.For(t), "feeble": feeble.For(t)} {
				r := o.try(c)
				switch {
				case o.Security != nil:
					if r.Status == http.StatusForbidden || r.Status >= http.StatusInternalServerError {
						t.Errorf("%s: a public operation answers %d %s", name, r.Status, r.Body)
					}
				case o.forHumans():
					r.WantProblem(http.StatusForbidden, "forbidden")
				case name == "feeble" && o.Tags[0] != "Me":
					r.WantProblem(http.StatusForbidden, "insufficient_scope")
				case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden || r.Status >= http.StatusInternalServerError:
					t.Errorf("%s: it answers %d %s", name, r.Status, r.Body)
				}
			}
		})
		if o.Security != nil {
			public++
		}
	}
	if len(all) < 100 || public < 5 {
		t.Errorf("the document has %d operations, %d of them public", len(all), public)
	}
	for _, id := range forHumans {
		if !slices.ContainsFunc(all, func(o operationOf) bool { return o.ID == id }) {
			t.Errorf("the document has no operation %s", id)
		}
	}
}

// TestAgentsLogin says with raw SQL, as the agents' own login and with settings of its
// choice, what no agent may.
func TestAgentsLogin(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	me := human.Get("/v1/me").Object()["id"].(string)
	agent := strings.TrimPrefix(hire(t, human, "business", "entertainment"), "/v1/team/agents/")
	c := newCredential(t, human, "/v1/team/agents/"+agent)
	task := human.Post("/v1/team/tasks", map[string]any{"title": "Proofread", "agent_id": agent}).Want(http.StatusCreated).Object()["id"].(string)
	pending, digest := checkpointOf(t, b.agentNamed(t, "ada", uuid.MustParse(agent)).Post("/v1/entertainment/playlists", map[string]any{"name": "n", "visibility": "public"}))
	const denied = "42501"
	for name, test := range map[string]struct{ query, want string }{
		"sees credentials":        {"SELECT id FROM app.agent_credentials", denied},
		"makes a credential":      {fmt.Sprintf("SELECT app.add_agent_credential(app.uuid_v7(), '%s', 'x', sha256('x'), NULL, NULL)", agent), denied},
		"inserts a credential":    {fmt.Sprintf("INSERT INTO app.agent_credentials (id, created_by, agent_id, secret_hash) VALUES (app.uuid_v7(), '%s', '%s', sha256('x'))", me, agent), denied},
		"revokes a credential":    {fmt.Sprintf("SELECT app.revoke_agent_credential('%s', '%s')", agent, c.ID), denied},
		"looks up a credential":   {fmt.Sprintf("SELECT app.agent_credential('%s')", c.ID), denied},
		"uses a credential":       {fmt.Sprintf("SELECT app.use_agent_credential('%s', 'pwd', NULL, NULL)", c.ID), denied},
		"sees assertions":         {"SELECT id FROM app.used_assertions", denied},
		"sees sessions":           {"SELECT id FROM app.sessions", denied},
		"opens a session":         {"SELECT app.open_session(app.uuid_v7(), now(), now() + interval '1 day', '{pwd}')", denied},
		"looks up a login":        {"SELECT app.login_lookup('ada@example.org')", denied},
		"reads the signing keys":  {"SELECT app.signing_keys()", denied},
		"adds a signing key":      {`SELECT app.add_first_signing_key(app.uuid_v7(), '\x00', '\x00')`, denied},
		"reads the password":      {"SELECT hashed_password FROM identities", denied},
		"changes the identity":    {"UPDATE identities SET name = 'x'", denied},
		"hires":                   {fmt.Sprintf("INSERT INTO team_agents (id, created_by, name) VALUES (app.uuid_v7(), '%s', 'x')", me), denied},
		"gives itself more":       {"UPDATE team_agents SET capabilities = '{business,team}'", denied},
		"dismisses":               {fmt.Sprintf("SELECT app.dismiss_agent('%s', 'x')", agent), denied},
		"assigns a new task":      {fmt.Sprintf("INSERT INTO team_tasks (id, created_by, title, agent_id) VALUES (app.uuid_v7(), '%s', 'x', '%s')", me, agent), denied},
		"decides":                 {fmt.Sprintf(`SELECT app.decide_checkpoint('%s', '\x%s', 'approved')`, pending, digest), denied},
		"approves":                {fmt.Sprintf("UPDATE checkpoints SET status = 'approved' WHERE id = '%s'", pending), denied},
		"uses up a checkpoint":    {"SELECT app.use_checkpoint('{}')", denied},
		"erases":                  {"SELECT app.erase_identity()", denied},
		"erases rows":             {fmt.Sprintf("SELECT app.erase_rows('%s')", me), denied},
		"spends others' tokens":   {"SELECT app.take_tokens('x', 1, 1, 1)", denied},
		"sees buckets":            {"SELECT id FROM app.rate_buckets", denied},
		"empties the trail":       {"DELETE FROM audit_logs", denied},
		"becomes a human":         {"SELECT set_config('role', 'chenu_human', true)", denied},
		"becomes who logs in":     {"SET LOCAL ROLE chenu_login", denied},
		"claims to be the system": {"RESET ROLE; SELECT id FROM team_agents", denied},
		"works on its task":       {fmt.Sprintf("UPDATE team_tasks SET status = 'done' WHERE id = '%s'", task), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := pgx.Connect(t.Context(), b.db.AgentURL)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(t.Context()) }()
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			// Everything that a person's request would say, but for the role and the actor.
			if _, err := tx.Exec(t.Context(), `SELECT set_config('role', 'chenu_agent', true), set_config('app.identity_id', $1, true),
				set_config('app.actor_id', $3, true), set_config('app.auth_time', now()::text, true), set_config('app.checkpoint_id', $2, true),
				set_config('app.approved_write', $2 || ' hired_agent x', true)`, me, pending, agent); err != nil {
				t.Fatal(err)
			}
			_, err = tx.Exec(t.Context(), test.query)
			if got := sqlstate(err); got != test.want {
				t.Errorf("%s: got %q, want %q", test.query, got, test.want)
			}
		})
	}
}

// TestDevelopmentAgent shows that chenu token --agent makes tokens of hired agents, which end
// when the agent is dismissed, and hires an agent that does not exist (hardening item 10).
func TestDevelopmentAgent(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	agent := hire(t, human, "business")
	worker := b.as(t, account.DevelopmentToken{Email: "ada@example.org", Agent: uuid.MustParse(strings.TrimPrefix(agent, "/v1/team/agents/"))})
	worker.Get("/v1/business/contacts").Want(http.StatusOK)
	worker.Get("/v1/personal/notes").WantProblem(http.StatusForbidden, "insufficient_scope")
	human.Post(agent+"/dismiss", map[string]any{"reason": "Done."}).Want(http.StatusOK)
	wantEnd(t, worker)

	b.client.For(t).Post("/v1/auth/register", map[string]any{"email": "grace@example.org", "name": "Grace", "password": "copper meadow distant violin"}).Want(http.StatusCreated)
	if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "UPDATE identities SET email_verified_at = now() WHERE email = 'grace@example.org'"); err != nil {
		t.Fatal(err)
	}
	id := uuid.Must(uuid.NewV7())
	hired := b.as(t, account.DevelopmentToken{Email: "grace@example.org", Agent: id})
	hired.Post("/v1/personal/notes", map[string]any{"title": "By an agent"}).Want(http.StatusCreated)
	got := hired.Get("/v1/team/agents/" + id.String()).Want(http.StatusOK).Object()
	if got["status"] != "active" || got["hire_checkpoint_id"] == nil {
		t.Errorf("the agent is %v", got)
	}
	again := b.as(t, account.DevelopmentToken{Email: "grace@example.org", Agent: id})
	again.Get("/v1/personal/notes").Want(http.StatusOK)
}

// Hardening item 10: capabilities have a read-only form, which tokens can be narrowed to, and
// the audit trail shows an agent neither sessions nor other spheres.
func TestReadOnlyCapabilities(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	c := newCredential(t, human, hire(t, human, "business", "audit-logs:read"))
	human.Post("/v1/personal/notes", map[string]any{"title": "Diary"}).Want(http.StatusCreated)
	human.Post("/v1/business/contacts", map[string]any{"name": "Grace"}).Want(http.StatusCreated)
	token := b.client.For(t).Post("/v1/auth/agent-token", c.ask("scope", "business:read")).Want(http.StatusOK).Object()["access_token"].(string)
	reader := b.client.For(t).As(token)
	reader.Get("/v1/business/contacts").Want(http.StatusOK)
	reader.Post("/v1/business/contacts", map[string]any{"name": "Ada"}).WantProblem(http.StatusForbidden, "insufficient_scope")
	b.client.For(t).Post("/v1/auth/agent-token", c.ask("scope", "audit-logs")).WantProblem(http.StatusBadRequest, "invalid_scope")
	worker := b.worker(t, c)
	trail := worker.Get("/v1/audit-logs?page_size=100").Want(http.StatusOK)
	items := trail.Object()["items"].([]any)
	if len(items) == 0 {
		t.Error("the agent sees nothing of its own sphere")
	}
	for _, item := range items {
		row := item.(map[string]any)
		if row["sphere"] != "business" || row["ip"] != nil || row["user_agent"] != nil || row["session_id"] != nil {
			t.Errorf("the agent sees %v", row)
		}
	}
	worker.Get("/v1/audit-logs/count").Want(http.StatusOK)
}
