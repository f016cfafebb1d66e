package account

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/auth"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	a := b.send(t, http.MethodPost, "/v1/auth/register", registration(" Ada@Example.org ", password, "Ada Lovelace"), "User-Agent", "test/1").
		want(http.StatusCreated)
	if a.Header.Get("Location") != "/v1/me" || a.Header.Get("ETag") != `"v1"` || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", a.Header)
	}
	v := a.Object()
	if v["token_type"] != "Bearer" || v["expires_in"] != 600.0 || len(v) != 6 {
		t.Errorf("response %v", v)
	}
	me, _ := v["identity"].(map[string]any)
	if me["email"] != "Ada@Example.org" || me["name"] != "Ada Lovelace" || me["status"] != "active" || me["version"] != 1.0 {
		t.Errorf("identity %v", me)
	}
	for _, secret := range []string{"password", "argon2", password} {
		if strings.Contains(a.text(), secret) {
			t.Errorf("the response contains %q: %s", secret, a.Body)
		}
	}
	token := fmt.Sprint(v["access_token"])
	got := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", "Bearer "+token).want(http.StatusOK)
	if !reflect.DeepEqual(got.Object(), me) {
		t.Errorf("GET /v1/me returns %v, register returned %v", got.Object(), me)
	}
	if trail := b.trail(t, fmt.Sprint(me["id"])); !slices.Equal(trail, []string{"login success session chenu_human"}) {
		t.Errorf("trail %v", trail)
	}
	var agent, leaks string
	err := b.admin.QueryRow(t.Context(), `SELECT
		(SELECT user_agent FROM app.sessions),
		(SELECT coalesce(string_agg(l::text, ''), '') FROM audit_logs l WHERE l::text LIKE '%argon2%')`).Scan(&agent, &leaks)
	if err != nil || agent != "test/1" || leaks != "" {
		t.Errorf("user agent %q, password in the audit log: %q, %v", agent, leaks, err)
	}
}

func TestRegisterTaken(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.register(t, "ada@example.org")
	for _, email := range []string{"ada@example.org", "ADA@example.ORG", " ada@example.org"} {
		if at := b.send(t, http.MethodPost, "/v1/auth/register", registration(email, password, "Eve")).problem(http.StatusConflict, "email_taken"); at != "/email" {
			t.Errorf("%q: pointer %q", email, at)
		}
	}
	var n int
	if err := b.admin.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM identities) + (SELECT count(*) FROM app.sessions)`).Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows, %v: a rejected registration left rows", n, err)
	}
}

func TestRegisterAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	statuses := make([]int, 8)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = b.send(t, http.MethodPost, "/v1/auth/register", registration("ada@example.org", password, "Ada")).Status
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	if want := append([]int{201}, slices.Repeat([]int{409}, 7)...); !slices.Equal(statuses, want) {
		t.Errorf("statuses %v, want %v", statuses, want)
	}
}

func TestRegisterBadInput(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for name, test := range map[string]struct{ body, pointer, code string }{
		"no e-mail":                   {`{"password":"` + password + `","name":"Ada"}`, "/email", "required"},
		"no password":                 {`{"email":"a@b.c","name":"Ada"}`, "/password", "required"},
		"no name":                     {`{"email":"a@b.c","password":"` + password + `"}`, "/name", "required"},
		"e-mail null":                 {`{"email":null,"password":"` + password + `","name":"Ada"}`, "/email", ""},
		"e-mail not an address":       {registration("ada", password, "Ada"), "/email", "invalid_format"},
		"e-mail with a name":          {registration("Ada <ada@example.org>", password, "Ada"), "/email", "invalid_format"},
		"e-mail with a line break":    {registration("ada@example.org\nBcc: x@y.z", password, "Ada"), "/email", "invalid_format"},
		"e-mail too long":             {registration(strings.Repeat("a", 320)+"@example.org", password, "Ada"), "/email", ""},
		"local part too long":         {registration(strings.Repeat("a", 65)+"@example.org", password, "Ada"), "/email", "invalid_format"},
		"password short":              {registration("ada@example.org", "fourteen chars", "Ada"), "/password", "password_too_short"},
		"password short, of 15 bytes": {registration("ada@example.org", "ééééééé", "Ada"), "/password", "password_too_short"},
		"password too long":           {registration("ada@example.org", strings.Repeat("ab3d5", 52), "Ada"), "/password", "password_too_long"},
		"password repeats one letter": {registration("ada@example.org", strings.Repeat("a", 20), "Ada"), "/password", "password_too_common"},
		"password a sequence":         {registration("ada@example.org", "abcdefghijklmnop", "Ada"), "/password", "password_too_common"},
		"password the e-mail":         {registration("ada.lovelace@example.org", "Ada.Lovelace@example.org", "Ada"), "/password", "password_too_common"},
		"password the name":           {registration("ada@example.org", "Augusta Ada King-Noel", "Augusta Ada King-Noel"), "/password", "password_too_common"},
		"name empty":                  {registration("ada@example.org", password, ""), "/name", "too_short"},
		"name blank":                  {registration("ada@example.org", password, "   "), "/name", "too_short"},
		"name too long":               {registration("ada@example.org", password, strings.Repeat("x", 201)), "/name", "too_long"},
		"an unknown field":            {`{"email":"a@b.c","password":"` + password + `","name":"Ada","status":"active"}`, "/status", ""},
		"an id":                       {`{"email":"a@b.c","password":"` + password + `","name":"Ada","id":"` + uuid.NewString() + `"}`, "/id", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := b.send(t, http.MethodPost, "/v1/auth/register", test.body)
			if at := a.problem(http.StatusUnprocessableEntity, "validation_failed"); at != test.pointer {
				t.Errorf("pointer %q, want %q: %s", at, test.pointer, a.Body)
			}
			if test.code != "" && !strings.Contains(a.text(), `"code":"`+test.code+`"`) {
				t.Errorf("want the code %s: %s", test.code, a.Body)
			}
			if strings.Contains(a.text(), password) {
				t.Errorf("the response contains the password: %s", a.Body)
			}
		})
	}
	t.Cleanup(func() {
		var n int
		if err := b.admin.QueryRow(t.Context(), `SELECT count(*) FROM identities`).Scan(&n); err == nil && n != 0 {
			t.Errorf("%d identities were created", n)
		}
	})
}

func TestLogin(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "Ada@example.org")
	for _, email := range []string{"Ada@example.org", "ada@EXAMPLE.org", "  ada@example.org "} {
		v := b.send(t, http.MethodPost, "/v1/auth/login", credentials(email, password)).want(http.StatusOK).Object()
		token := fmt.Sprint(v["access_token"])
		if token == ada.token {
			t.Error("two logins got the same token")
		}
		me := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", "Bearer "+token).want(http.StatusOK).Object()
		if me["id"] != ada.id {
			t.Errorf("logged in as %v", me)
		}
	}
	// The same characters in decomposed form, as another keyboard types them.
	b.send(t, http.MethodPost, "/v1/auth/register", registration("eve@example.org", "pässword für Eve", "Eve")).want(http.StatusCreated)
	b.send(t, http.MethodPost, "/v1/auth/login", credentials("eve@example.org", "pa\u0308ssword fu\u0308r Eve")).want(http.StatusOK)
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	eve := b.register(t, "eve@example.org")
	locked := b.register(t, "locked@example.org")
	until := b.register(t, "until@example.org")
	passwordless := b.register(t, "nobody@example.org")
	if _, err := b.admin.Exec(t.Context(), `UPDATE identities SET
		status = CASE WHEN id = $1 THEN 'locked' ELSE status END,
		locked_until = CASE WHEN id = $2 THEN clock_timestamp() + interval '1 hour' END,
		hashed_password = CASE WHEN id = $3 THEN NULL ELSE hashed_password END WHERE id IN ($1, $2, $3)`,
		locked.id, until.id, passwordless.id); err != nil {
		t.Fatal(err)
	}
	var first string
	for _, test := range []struct{ name, email, password string }{
		{"wrong password", ada.email, "coral meadow distant violin"},
		{"empty password", ada.email, ""},
		{"password of another", eve.email, "the password of somebody"},
		{"password in capitals", ada.email, strings.ToUpper(password)},
		{"password and more", ada.email, password + "x"},
		{"password with a blank", ada.email, password + " "},
		{"unknown e-mail", "mallory@example.org", password},
		{"no e-mail", "", password},
		{"e-mail of invalid form", "'; DROP TABLE identities; --", password},
		{"pattern as e-mail", "%", password},
		{"locked account", locked.email, password},
		{"account locked for a time", until.email, password},
		{"account without a password", passwordless.email, password},
		{"account without a password, empty one", passwordless.email, ""},
		{"the dummy's password", "mallory@example.org", ""},
	} {
		a := b.send(t, http.MethodPost, "/v1/auth/login", credentials(test.email, test.password))
		a.problem(http.StatusUnauthorized, "invalid_credentials")
		v := a.Object()
		delete(v, "request_id")
		header := a.Header.Clone()
		header.Del("Request-Id")
		all, err := json.Marshal([]any{v, header})
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(all)
		}
		if string(all) != first {
			t.Errorf("%s has a different response:\n%s\n%s", test.name, all, first)
		}
		if a.Header.Get("WWW-Authenticate") == "" {
			t.Error("no WWW-Authenticate")
		}
	}
	// The first failed login of an hour is recorded immediately; further ones are counted.
	for id, want := range map[string]int{ada.id: 5, eve.id: 1, locked.id: 1, until.id: 1, passwordless.id: 2} {
		if !slices.Contains(b.trail(t, id), "login denied identity chenu_human") {
			t.Error("no failed login is recorded")
		}
		var recorded, counted int
		b.scan(t, `SELECT coalesce(sum(CASE WHEN details ->> 'reason' = 'repeated' THEN (details ->> 'count')::integer ELSE 1 END), 0),
			(SELECT coalesce(sum(unrecorded), 0) FROM app.login_attempts WHERE created_by = $1)
			FROM audit_logs WHERE created_by = $1 AND action = 'login' AND outcome = 'denied'`, []any{id}, &recorded, &counted)
		if recorded+counted != want {
			t.Errorf("%d failed logins are recorded and %d are counted, want %d in total", recorded, counted, want)
		}
	}
	var details, requestID string
	if err := b.admin.QueryRow(t.Context(), `SELECT string_agg(DISTINCT details ->> 'reason', ',' ORDER BY details ->> 'reason'), max(request_id::text)
		FROM audit_logs WHERE outcome = 'denied'`).Scan(&details, &requestID); err != nil || details != "account_locked,wrong_password" || requestID == "" {
		t.Errorf("reasons %q, request %q, %v", details, requestID, err)
	}
	if b.trail(t, ada.id)[0] != "login success session chenu_human" {
		t.Errorf("trail %v", b.trail(t, ada.id))
	}
}

// TestRefusalTakesWholeSteps checks that the response times of a known and an unknown address do not differ.
func TestRefusalTakesWholeSteps(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.service.refusals = 150 * time.Millisecond
	ada := b.register(t, "ada@example.org")
	for _, email := range []string{ada.email, "mallory@example.org"} {
		began := time.Now()
		b.send(t, http.MethodPost, "/v1/auth/login", credentials(email, "wrong")).want(http.StatusUnauthorized)
		if took := time.Since(began); took < b.service.refusals {
			t.Errorf("%s was rejected after %v", email, took)
		}
	}
}

func TestLoginRehashes(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	hash := func() (text string, version int) {
		t.Helper()
		if err := b.admin.QueryRow(t.Context(), `SELECT hashed_password, version FROM identities WHERE id = $1`, ada.id).Scan(&text, &version); err != nil {
			t.Fatal(err)
		}
		return text, version
	}
	before, _ := hash()
	stronger := quick
	stronger.Iterations = 2
	b.service.hasher = newHasher(stronger, 4)
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, "wrong")).want(http.StatusUnauthorized)
	if now, _ := hash(); now != before {
		t.Error("a wrong password replaced the hash")
	}
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusOK)
	after, _ := hash()
	if !strings.Contains(after, "t=2") {
		t.Errorf("hash %s is not the stronger one", after)
	}
	b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusOK)
	if again, _ := hash(); again != after {
		t.Error("a strong hash was replaced")
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	other := b.instance(t)
	ada := b.register(t, "ada@example.org")
	second := fmt.Sprint(b.send(t, http.MethodPost, "/v1/auth/login", credentials(ada.email, password)).want(http.StatusOK).Object()["access_token"])
	me := func(i *bundle, token string) answer {
		return i.send(t, http.MethodGet, "/v1/me", "", "Authorization", "Bearer "+token)
	}
	me(b, ada.token).want(http.StatusOK)
	me(other, ada.token).want(http.StatusOK)

	a := b.send(t, http.MethodPost, "/v1/auth/logout", "", "Authorization", ada.bearer).want(http.StatusNoContent)
	loggedOut := time.Now()
	if len(a.Body) != 0 {
		t.Errorf("body %s", a.Body)
	}
	a = me(b, ada.token)
	a.problem(http.StatusUnauthorized, "invalid_token")
	if got := a.Header.Get("WWW-Authenticate"); got != `Bearer realm="chenu", error="invalid_token"` {
		t.Errorf("WWW-Authenticate %s", got)
	}
	b.send(t, http.MethodPost, "/v1/auth/logout", "", "Authorization", ada.bearer).want(http.StatusUnauthorized)
	for deadline := loggedOut.Add(time.Minute); me(other, ada.token).Status != http.StatusUnauthorized; {
		if time.Now().After(deadline) {
			t.Fatal("the other instance still accepts the token")
		}
		<-time.After(20 * time.Millisecond)
	}
	me(b, second).want(http.StatusOK) // This token belongs to another session of the same human.

	want := []string{"login success session chenu_human", "login success session chenu_human", "logout success session chenu_human"}
	if trail := b.trail(t, ada.id); !slices.Equal(trail, want) {
		t.Errorf("trail %v", trail)
	}
}

// TestTokenOfInactiveIdentity checks that tokens with a valid signature are rejected if their identity or session is
// not active.
func TestTokenOfInactiveIdentity(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for name, sql := range map[string]string{
		"locked":          `UPDATE identities SET status = 'locked' WHERE id = $1`,
		"erased":          `UPDATE identities SET status = 'erased' WHERE id = $1`,
		"session over":    `UPDATE app.sessions SET expires_at = clock_timestamp() - interval '1 second' WHERE created_by = $1`,
		"session revoked": `UPDATE app.sessions SET revoked_at = clock_timestamp() WHERE created_by = $1`,
		"session gone":    `DELETE FROM app.sessions WHERE created_by = $1`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := b.register(t, strings.ReplaceAll(name, " ", ".")+"@example.org")
			if _, err := b.admin.Exec(t.Context(), sql, p.id); err != nil {
				t.Fatal(err)
			}
			b.send(t, http.MethodGet, "/v1/me", "", "Authorization", p.bearer).problem(http.StatusUnauthorized, "invalid_token")
		})
	}
	t.Run("unknown identity", func(t *testing.T) {
		t.Parallel()
		id := dbtest.NewID()
		token, _, err := b.service.Issuer.Issue(auth.Identity{ID: id, ActorID: id, Kind: auth.Human, SessionID: dbtest.NewID(), AuthTime: time.Now()}, []string{"pwd"})
		if err != nil {
			t.Fatal(err)
		}
		b.send(t, http.MethodGet, "/v1/me", "", "Authorization", "Bearer "+token).problem(http.StatusUnauthorized, "invalid_token")
	})
	t.Run("session of another", func(t *testing.T) {
		t.Parallel()
		ada, eve := b.register(t, "ada@example.org"), b.register(t, "eve@example.org")
		var sid uuid.UUID
		if err := b.admin.QueryRow(t.Context(), `SELECT id FROM app.sessions WHERE created_by = $1`, ada.id).Scan(&sid); err != nil {
			t.Fatal(err)
		}
		id := uuid.MustParse(eve.id)
		token, _, err := b.service.Issuer.Issue(auth.Identity{ID: id, ActorID: id, Kind: auth.Human, SessionID: sid, AuthTime: time.Now()}, []string{"pwd"})
		if err != nil {
			t.Fatal(err)
		}
		b.send(t, http.MethodGet, "/v1/me", "", "Authorization", "Bearer "+token).problem(http.StatusUnauthorized, "invalid_token")
	})
}

func TestInstancesShareKeys(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	instances := make([]*bundle, 4)
	for i := range instances {
		instances[i] = b.instance(t)
	}
	ada := b.register(t, "ada@example.org")
	for _, i := range instances {
		i.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer).want(http.StatusOK)
	}
	var n int
	if err := b.admin.QueryRow(t.Context(), `SELECT count(*) FROM app.signing_keys`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d signing keys, %v", n, err)
	}
}

func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	for _, route := range [][2]string{{http.MethodGet, "/v1/me"}, {http.MethodPatch, "/v1/me"}, {http.MethodPost, "/v1/auth/logout"}} {
		a := b.send(t, route[0], route[1], "")
		a.problem(http.StatusUnauthorized, "unauthenticated")
		if got := a.Header.Get("WWW-Authenticate"); got != `Bearer realm="chenu"` {
			t.Errorf("%v: WWW-Authenticate %q", route, got)
		}
	}
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	a := b.send(t, http.MethodGet, "/.well-known/jwks.json", "").want(http.StatusOK)
	if a.Header.Get("Content-Type") != "application/jwk-set+json" || a.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("header %v", a.Header)
	}
	keys, _ := a.Object()["keys"].([]any)
	if len(keys) != 1 {
		t.Fatalf("keys %v", keys)
	}
	if key, _ := keys[0].(map[string]any); len(key) != 6 || key["d"] != nil || key["kty"] != "OKP" {
		t.Errorf("key %v", key)
	}
	a = b.send(t, http.MethodGet, "/.well-known/jwks.json", "", "If-None-Match", a.Header.Get("ETag")).want(http.StatusNotModified)
	if len(a.Body) != 0 {
		t.Errorf("body %s", a.Body)
	}
}

func TestUpdateMe(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	patch := func(etag, body string) answer {
		headers := []string{"Authorization", ada.bearer}
		if etag != "" {
			headers = append(headers, "If-Match", etag)
		}
		return b.send(t, http.MethodPatch, "/v1/me", body, headers...)
	}
	v := patch(`"v1"`, `{"name":"Augusta","settings":{"time_zone":"Europe/Paris","theme":{"dark":true}}}`).want(http.StatusOK)
	if v.Header.Get("ETag") != `"v2"` || v.Object()["version"] != 2.0 || v.Object()["name"] != "Augusta" {
		t.Errorf("%v %s", v.Header, v.Body)
	}
	want := map[string]any{"time_zone": "Europe/Paris", "theme": map[string]any{"dark": true}}
	if !reflect.DeepEqual(v.Object()["settings"], want) {
		t.Errorf("settings %v, want %v", v.Object()["settings"], want)
	}
	// A merge patch keeps what it does not mention, and null removes a key.
	v = patch(`"v2"`, `{"settings":{"theme":null,"week":"monday"}}`).want(http.StatusOK)
	if want := map[string]any{"time_zone": "Europe/Paris", "week": "monday"}; !reflect.DeepEqual(v.Object()["settings"], want) {
		t.Errorf("settings %v, want %v", v.Object()["settings"], want)
	}
	if got := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer).want(http.StatusOK); got.text() != v.text() || got.Header.Get("ETag") != `"v3"` {
		t.Errorf("GET returns %s, PATCH %s", got.Body, v.Body)
	}
	b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer, "If-None-Match", `"v3"`).want(http.StatusNotModified)
	if v = patch(`"v3"`, `{}`).want(http.StatusOK); v.Header.Get("ETag") != `"v3"` {
		t.Errorf("nothing changed, but the version is %s", v.Header.Get("ETag"))
	}

	for _, test := range []struct {
		name, etag, body string
		status           int
		code, pointer    string
	}{
		{"no If-Match", "", `{"name":"X"}`, 428, "if_match_required", ""},
		{"stale", `"v2"`, `{"name":"X"}`, 412, "stale_version", ""},
		{"weak", `W/"v3"`, `{"name":"X"}`, 412, "stale_version", ""},
		{"name empty", `"v3"`, `{"name":""}`, 422, "validation_failed", "/name"},
		{"name blank", `"v3"`, `{"name":" \t"}`, 422, "validation_failed", "/name"},
		{"name null", `"v3"`, `{"name":null}`, 422, "validation_failed", "/name"},
		{"name too long", `"v3"`, `{"name":"` + strings.Repeat("x", 201) + `"}`, 422, "validation_failed", "/name"},
		{"name not a string", `"v3"`, `{"name":1}`, 422, "validation_failed", "/name"},
		{"e-mail", `"v3"`, `{"email":"eve@example.org"}`, 422, "validation_failed", "/email"},
		{"password", `"v3"`, `{"hashed_password":"x"}`, 422, "validation_failed", "/hashed_password"},
		{"version", `"v3"`, `{"version":9}`, 422, "validation_failed", "/version"},
		{"status", `"v3"`, `{"status":"locked"}`, 422, "validation_failed", "/status"},
		{"settings null", `"v3"`, `{"settings":null}`, 422, "validation_failed", "/settings"},
		{"settings a list", `"v3"`, `{"settings":[]}`, 422, "validation_failed", "/settings"},
		{"settings too large", `"v3"`, `{"settings":{"x":"` + strings.Repeat("x", 17<<10) + `"}}`, 422, "", "/settings"},
		{"time zone unknown", `"v3"`, `{"settings":{"time_zone":"Mars/Olympus"}}`, 422, "validation_failed", "/settings/time_zone"},
		{"time zone of the server", `"v3"`, `{"settings":{"time_zone":"Local"}}`, 422, "validation_failed", "/settings/time_zone"},
		{"time zone empty", `"v3"`, `{"settings":{"time_zone":""}}`, 422, "validation_failed", "/settings/time_zone"},
		{"time zone a file path", `"v3"`, `{"settings":{"time_zone":"../../etc/passwd"}}`, 422, "validation_failed", "/settings/time_zone"},
		{"time zone with leap seconds", `"v3"`, `{"settings":{"time_zone":"right/UTC"}}`, 422, "validation_failed", "/settings/time_zone"},
		{"time zone not a string", `"v3"`, `{"settings":{"time_zone":1}}`, 422, "validation_failed", "/settings/time_zone"},
		{"not an object", `"v3"`, `[]`, 422, "validation_failed", ""},
		{"not JSON", `"v3"`, `{`, 400, "", ""},
		{"no body", `"v3"`, ``, 400, "", ""},
	} {
		a := patch(test.etag, test.body).want(test.status)
		p := a.Object()
		if test.code != "" && p["code"] != test.code {
			t.Errorf("%s: code %v, want %s", test.name, p["code"], test.code)
		}
		if test.pointer != "" {
			if at := a.problem(test.status, fmt.Sprint(p["code"])); at != test.pointer {
				t.Errorf("%s: pointer %q, want %q: %s", test.name, at, test.pointer, a.Body)
			}
		}
	}
	if got := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", ada.bearer).want(http.StatusOK); got.Header.Get("ETag") != `"v3"` {
		t.Errorf("a rejected request changed the identity: %s", got.Body)
	}
}

// TestUpdateMeAtOnce checks that exactly one of several concurrent changes of the same version succeeds.
func TestUpdateMeAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	ada := b.register(t, "ada@example.org")
	statuses := make([]int, 6)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = b.send(t, http.MethodPatch, "/v1/me", fmt.Sprintf(`{"name":"Ada %d"}`, i),
				"Authorization", ada.bearer, "If-Match", `"v1"`).Status
		})
	}
	wg.Wait()
	slices.Sort(statuses)
	if want := append([]int{200}, slices.Repeat([]int{412}, 5)...); !slices.Equal(statuses, want) {
		t.Errorf("statuses %v, want %v", statuses, want)
	}
}

func TestAgent(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	agent := dbtest.NewID()
	token, _, err := b.service.MakeDevelopmentToken(t.Context(), DevelopmentToken{Email: "ada@example.org", Agent: agent})
	if err != nil {
		t.Fatal(err)
	}
	bearer := "Bearer " + token
	me := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", bearer).want(http.StatusOK).Object()
	if me["email"] != "ada@example.org" {
		t.Errorf("the agent acts for %v", me)
	}
	b.send(t, http.MethodPatch, "/v1/me", `{"name":"X"}`, "Authorization", bearer, "If-Match", "*").want(http.StatusForbidden)
	b.send(t, http.MethodPost, "/v1/auth/logout", "", "Authorization", bearer).want(http.StatusForbidden)
}

func TestDevelopmentToken(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	var ids []any
	for _, d := range []DevelopmentToken{{Email: "ada@example.org"}, {Email: "ADA@example.org", AuthTime: at}} {
		token, end, err := b.service.MakeDevelopmentToken(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(end); left <= 0 || left > auth.TokenLifetime {
			t.Errorf("the token is valid for %v", left)
		}
		me := b.send(t, http.MethodGet, "/v1/me", "", "Authorization", "Bearer "+token).want(http.StatusOK).Object()
		ids = append(ids, me["id"])
		verified, err := auth.NewVerifier(b.keys, auth.Config{}).Verify(t.Context(), token)
		if err != nil || !slices.Equal(verified.AMR, []string{"dev"}) {
			t.Errorf("amr %v, %v", verified.AMR, err)
		}
		if !d.AuthTime.IsZero() && !verified.Identity.AuthTime.Equal(at) {
			t.Errorf("authenticated at %v, want %v", verified.Identity.AuthTime, at)
		}
	}
	if ids[0] != ids[1] {
		t.Error("the identity was created twice")
	}
	b.send(t, http.MethodPost, "/v1/auth/login", credentials("ada@example.org", "")).want(http.StatusUnauthorized)
	if _, _, err := b.service.MakeDevelopmentToken(t.Context(), DevelopmentToken{Email: "ada"}); err == nil {
		t.Error("an invalid address is accepted")
	}
	if _, err := b.admin.Exec(t.Context(), `UPDATE identities SET status = 'locked'`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.service.MakeDevelopmentToken(t.Context(), DevelopmentToken{Email: "ada@example.org"}); err == nil {
		t.Error("a locked account got a token")
	}
}
