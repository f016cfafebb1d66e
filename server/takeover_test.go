package server_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/mailer"
)

const ownersPassword = "copper meadow distant violin"

// mailed runs the service's mail and returns a function that waits for the mail to ada@example.org
// with the subject and returns its text. Mails with other subjects may come in any order.
func mailed(t *testing.T, s *service, box letters) func(subject string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.Accounts().RunMail(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	var others []mailer.Message
	return func(subject string) string {
		t.Helper()
		for i, m := range others {
			if m.Subject == subject {
				others = slices.Delete(others, i, i+1)
				return m.Text
			}
		}
		for deadline := time.After(time.Minute); ; {
			select {
			case m := <-box:
				if m.Subject == subject && m.To == "ada@example.org" {
					return m.Text
				}
				others = append(others, m)
			case <-deadline:
				t.Fatalf("no mail %q came, but %+v", subject, others)
			}
		}
	}
}

// mailedToken is the line of a mail that is a token.
func mailedToken(t *testing.T, text string) string {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > 40 && !strings.Contains(line, " ") {
			return line
		}
	}
	t.Fatalf("no token in %q", text)
	return ""
}

// as makes requests with a token of an answer.
func (s *service) with(t *testing.T, r *apitest.Response) *apitest.Client {
	t.Helper()
	return s.client.For(t).As(r.Object()["access_token"].(string))
}

// Hardening item 5: an attacker registers the victim's address before the victim does. Without
// reading the victim's mail they can neither hire an agent nor create a credential. An agent of
// the time before that rule loses its access when the victim resets the password by mail.
func TestRecoveredAccountHasNoForeignAgent(t *testing.T) {
	t.Parallel()
	box := make(letters, 100)
	b := newService(t, func(c *server.Config) { c.Mail = box })
	mail := mailed(t, b, box)
	admin := b.db.Pool(t, b.db.AdminURL)
	attacker := b.with(t, b.client.For(t).Post("/v1/auth/register",
		map[string]any{"email": "ada@example.org", "name": "Ada", "password": ownersPassword}).Want(http.StatusCreated))
	mail("Verify your e-mail address")
	p := attacker.Post("/v1/team/agents", map[string]any{"name": "Bookkeeper", "capabilities": []string{"personal"}}).
		WantProblem(http.StatusForbidden, "email_unverified")
	if !strings.Contains(p.Detail, "/v1/auth/verify-email") || !strings.Contains(p.Detail, "chenu accounts verify --email") {
		t.Errorf("the refusal does not say what to do: %s", p.Detail)
	}

	// As if it had been hired, and given a credential, before the rule.
	verified := func(at string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), "UPDATE identities SET email_verified_at = "+at+" WHERE email = 'ada@example.org'"); err != nil {
			t.Fatal(err)
		}
	}
	verified("now()")
	agent := hire(t, attacker, "personal")
	c := newCredential(t, attacker, agent)
	verified("NULL")
	attacker.Post(agent+"/credentials", map[string]any{}).WantProblem(http.StatusForbidden, "email_unverified")
	worker := b.worker(t, c)
	worker.Get("/v1/personal/notes").Want(http.StatusOK)

	b.client.For(t).Post("/v1/auth/request-password-reset", map[string]any{"email": "ada@example.org"}).Want(http.StatusAccepted)
	b.client.For(t).Post("/v1/auth/reset-password", map[string]any{
		"token": mailedToken(t, mail("Reset your password")), "password": "a longer horse and a staple",
	}).Want(http.StatusNoContent)

	owner := b.with(t, b.client.For(t).Post("/v1/auth/login", map[string]any{"email": "ada@example.org", "password": "a longer horse and a staple"}).Want(http.StatusOK))
	if got := owner.Get(agent).Want(http.StatusOK).Object(); got["status"] != "suspended" || got["suspend_reason"] != "approved before the e-mail address was verified" || got["suspended_at"] == nil {
		t.Errorf("the foreign agent is %v", got)
	}
	if got := owner.Get(agent + "/credentials").Object()["items"].([]any)[0].(map[string]any); got["revoked_at"] == nil {
		t.Errorf("its credential is %v", got)
	}
	b.client.For(t).Post("/v1/auth/agent-token", c.ask()).WantProblem(http.StatusUnauthorized, "invalid_client")
	wantEnd(t, worker)
	var recorded string
	if err := admin.QueryRow(t.Context(), `SELECT details ->> 'revoked_credentials' || ' ' || (details ->> 'suspended_agents') FROM audit_logs
		WHERE action = 'credential_change' AND details ->> 'by' = 'mail'`).Scan(&recorded); err != nil || recorded != "1 1" {
		t.Errorf("the reset is recorded with %q: %v", recorded, err)
	}
	// Hardening item 37.
	if text := mail("Your password was reset"); !strings.Contains(text, "The reset revoked 1 credential of agents and suspended 1 agent.") {
		t.Errorf("the owner is told: %s", text)
	}
	// An agent that the owner approved after the verification keeps working through a reset, with
	// another credential.
	mine := hire(t, owner, "personal")
	if _, err := admin.Exec(t.Context(), "DELETE FROM app.account_tokens"); err != nil {
		t.Fatal(err)
	}
	b.client.For(t).Post("/v1/auth/request-password-reset", map[string]any{"email": "ada@example.org"}).Want(http.StatusAccepted)
	b.client.For(t).Post("/v1/auth/reset-password", map[string]any{
		"token": mailedToken(t, mail("Reset your password")), "password": ownersPassword,
	}).Want(http.StatusNoContent)
	owner = b.with(t, b.client.For(t).Post("/v1/auth/login", map[string]any{"email": "ada@example.org", "password": ownersPassword}).Want(http.StatusOK))
	if got := owner.Get(mine).Object()["status"]; got != "active" {
		t.Errorf("the owner's own agent is %v", got)
	}
}

// Hardening item 5: after a reset by mail, the owner finds no request for approval of whoever used
// the account before, whether an agent or a session asked for it, and cannot approve one.
func TestResetExpiresPendingRequests(t *testing.T) {
	t.Parallel()
	box := make(letters, 100)
	b := newService(t, func(c *server.Config) { c.Mail = box })
	mail := mailed(t, b, box)
	attacker := b.with(t, b.client.For(t).Post("/v1/auth/register",
		map[string]any{"email": "ada@example.org", "name": "Ada", "password": ownersPassword}).Want(http.StatusCreated))
	admin := b.db.Pool(t, b.db.AdminURL)
	if _, err := admin.Exec(t.Context(), "UPDATE identities SET email_verified_at = now()"); err != nil {
		t.Fatal(err)
	}
	worker := b.worker(t, newCredential(t, attacker, hire(t, attacker, "entertainment")))
	if _, err := admin.Exec(t.Context(), "UPDATE identities SET email_verified_at = NULL"); err != nil {
		t.Fatal(err)
	}
	publish := map[string]any{"name": "n", "visibility": "public"}
	ofAgent, digestOfAgent := checkpointOf(t, worker.Post("/v1/entertainment/playlists", publish))
	ofHuman, digestOfHuman := checkpointOf(t, attacker.Post("/v1/entertainment/playlists", publish))
	stranger := b.agentOf(t, "eve")
	ofStranger, _ := checkpointOf(t, stranger.Post("/v1/entertainment/playlists", publish))

	b.client.For(t).Post("/v1/auth/request-password-reset", map[string]any{"email": "ada@example.org"}).Want(http.StatusAccepted)
	b.client.For(t).Post("/v1/auth/reset-password", map[string]any{
		"token": mailedToken(t, mail("Reset your password")), "password": "a longer horse and a staple",
	}).Want(http.StatusNoContent)

	owner := b.with(t, b.client.For(t).Post("/v1/auth/login", map[string]any{"email": "ada@example.org", "password": "a longer horse and a staple"}).Want(http.StatusOK))
	if got := owner.Get("/v1/checkpoints/count?status=pending").Object()["count"]; got != 0.0 {
		t.Errorf("%v requests are pending", got)
	}
	for _, c := range []struct{ id, digest, reason string }{
		{ofAgent, digestOfAgent, "all credentials of agents were revoked"}, {ofHuman, digestOfHuman, "the password was reset by mail"},
	} {
		if got := owner.Get("/v1/checkpoints/" + c.id).Object(); got["status"] != "expired" || got["reason"] != c.reason {
			t.Errorf("the request is %v, reason %v", got["status"], got["reason"])
		}
		owner.Post("/v1/checkpoints/"+c.id+"/approve", map[string]any{"digest": c.digest}).WantProblem(http.StatusConflict, "checkpoint_expired")
	}
	if got := b.person(t, "eve").Get("/v1/checkpoints/" + ofStranger).Object()["status"]; got != "pending" {
		t.Errorf("another identity's request is %v", got)
	}
	if text := mail("Your password was reset"); !strings.Contains(text, "pending requests for approval expired") {
		t.Errorf("the owner is told: %s", text)
	}

	// The database decides who may call it.
	me := owner.Get("/v1/me").Object()["id"].(string)
	for _, role := range []string{"chenu_human", "chenu_agent"} {
		if err := b.inTransaction(t, role, me, "", "SELECT app.expire_requests('x', own => true)"); sqlstate(err) != "42501" {
			t.Errorf("as %s: %v", role, err)
		}
	}
}

// Hardening item 5: a password change revokes the credentials of all agents when it is asked to.
func TestPasswordChangeRevokesAgents(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.with(t, b.client.For(t).Post("/v1/auth/register", map[string]any{"email": "ada@example.org", "name": "Ada", "password": ownersPassword}).Want(http.StatusCreated))
	if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "UPDATE identities SET email_verified_at = now()"); err != nil {
		t.Fatal(err)
	}
	c := newCredential(t, human, hire(t, human, "personal", "entertainment"))
	change := func(from, to string, more map[string]any) {
		t.Helper()
		body := map[string]any{"current_password": from, "new_password": to}
		maps.Copy(body, more)
		human.Post("/v1/me/password", body).Want(http.StatusNoContent)
	}
	change(ownersPassword, "a longer horse and a staple", nil)
	worker := b.worker(t, c)
	publish := map[string]any{"name": "n", "visibility": "public"}
	ofAgent, _ := checkpointOf(t, worker.Post("/v1/entertainment/playlists", publish))
	own, _ := checkpointOf(t, human.Post("/v1/entertainment/playlists", publish))
	change("a longer horse and a staple", ownersPassword, map[string]any{"revoke_agents": true})
	for id, want := range map[string]string{ofAgent: "expired", own: "pending"} { // The session of the own request goes on.
		if got := human.Get("/v1/checkpoints/" + id).Object()["status"]; got != want {
			t.Errorf("the request is %v, want %s", got, want)
		}
	}
	b.client.For(t).Post("/v1/auth/agent-token", c.ask()).WantProblem(http.StatusUnauthorized, "invalid_client")
	wantEnd(t, worker)
}

// inTransaction runs statements with raw SQL as a serving role in a session of the identity.
func (s *service) inTransaction(t *testing.T, role, identity, session string, statements ...string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.db.ServiceURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	return pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true), set_config('app.actor_id', $2, true),
			set_config('app.session_id', $3, true)`, role, identity, session); err != nil {
			t.Fatal(err)
		}
		for _, statement := range statements {
			if _, err := tx.Exec(t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// recentSession is an open session of the identity that was just authenticated.
func (s *service) recentSession(t *testing.T, identity string) string {
	t.Helper()
	id := newID().String()
	if _, err := s.db.Pool(t, s.db.AdminURL).Exec(t.Context(), `INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr)
		VALUES ($1, $2, clock_timestamp() + interval '1 day', clock_timestamp(), '{pwd}')`, id, identity); err != nil {
		t.Fatal(err)
	}
	return id
}

// Hardening items 5 and 22: the database itself refuses what an identity with an unverified address
// may not do, lifetimes of more than 365 days, and weak keys, whatever the service asks for.
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
		if sqlstate(err) != want {
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
		t.Errorf("a credential without an end expires in %v days: %v", days, err)
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

func newKey(t *testing.T) ed25519.PublicKey {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// weakKeys are the eight points of small order, and encodings that are not canonical.
func weakKeys(t *testing.T) []ed25519.PublicKey {
	t.Helper()
	zeros, ones := strings.Repeat("00", 30), strings.Repeat("ff", 30)
	var keys []ed25519.PublicKey
	for _, text := range []string{
		"01" + zeros + "00", "ec" + ones + "7f", "00" + zeros + "00", "00" + zeros + "80",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		// Not canonical: p, p + 1, and the largest number; and points whose x is 0 with a sign.
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

// Hardening item 22: a signature that needs no private key verifies under a key of small order.
// Such a key is refused when a credential is created, and so is an assertion under the key of a
// credential that is there already.
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
			t.Errorf("%x is refused with %+v", key, p.Errors)
		}
		// The row of an older release.
		if _, err := admin.Exec(t.Context(), "UPDATE app.agent_credentials SET public_key = $1 WHERE id = $2", []byte(key), made["id"]); err != nil {
			t.Fatal(err)
		}
		assertion, ok := forge(t, id, key)
		if !ok {
			continue // no point at all: nothing verifies under it
		}
		forged++
		b.client.For(t).Post("/v1/auth/agent-token", map[string]any{
			"grant_type": "client_credentials", "client_id": id, "client_assertion": assertion,
			"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		}).WantProblem(http.StatusUnauthorized, "invalid_client")
		me, _, _ := strings.Cut(id, ".")
		if err := b.inTransaction(t, "chenu_human", me, "", fmt.Sprintf("SELECT app.use_agent_credential('%s', 'swk', NULL, NULL)", made["id"])); sqlstate(err) != "CH401" {
			t.Errorf("%x is used: %v", key, err)
		}
	}
	if forged < 8 {
		t.Errorf("crypto/ed25519 accepts a forged signature under %d keys: the test shows nothing of the others", forged)
	}
}

// forge returns an assertion that verifies under a key of small order and was signed with no
// private key: R is the neutral element and S is 0, which is right when the hash is a multiple of
// the key's order. So it tries assertions until one is.
func forge(t *testing.T, client string, key ed25519.PublicKey) (string, bool) {
	t.Helper()
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1
	for range 1000 {
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
			"iss": client, "sub": client, "aud": "chenu", "jti": newID().String(), "exp": time.Now().Add(4 * time.Minute).Unix(),
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

// Hardening item 41: one call stops all agents of an identity, with an old login too. Their tokens
// end for good; each agent is resumed by itself, with an approval.
func TestOneCallSuspendsAllAgents(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, stranger := b.person(t, "ada"), b.person(t, "eve")
	stale := b.as(t, account.DevelopmentToken{Email: "ada@example.org", AuthTime: time.Now().Add(-time.Hour)})
	first, second, others := hire(t, human, "business"), hire(t, human, "business"), hire(t, stranger, "business")
	c := newCredential(t, human, first)
	workers := []*apitest.Client{b.worker(t, c), b.worker(t, newCredential(t, human, second))}
	bystander := b.worker(t, newCredential(t, stranger, others))
	workers[0].Post("/v1/team/agents/suspend-all", nil).WantProblem(http.StatusForbidden, "forbidden")
	for _, want := range []float64{2, 0} {
		if got := stale.Post("/v1/team/agents/suspend-all", nil).Want(http.StatusOK).Object()["suspended"]; got != want {
			t.Errorf("it suspended %v agents, want %v", got, want)
		}
	}
	for _, worker := range workers {
		worker.Post("/v1/business/contacts", map[string]any{"name": "Grace"}).Want(http.StatusUnauthorized) // at once, whatever is cached
		wantEnd(t, worker)
	}
	bystander.Get("/v1/business/contacts").Want(http.StatusOK)
	if got := trail(human, strings.TrimPrefix(first, "/v1/team/agents/")); got[0] != "update" {
		t.Errorf("the trail of the agent is %q", got)
	}

	// Resuming is for each agent, and does not bring the old token back.
	resume := map[string]any{"status": "active"}
	etag := human.Get(first).ETag()
	id, digest := checkpointOf(t, human.Patch(first, etag, resume))
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	human.Patch(first, etag, resume, "Checkpoint", id).Want(http.StatusOK)
	b.worker(t, c).Get("/v1/business/contacts").Want(http.StatusOK)
	workers[0].Post("/v1/business/contacts", map[string]any{"name": "Grace"}).Want(http.StatusUnauthorized)
	workers[0].Get("/v1/business/contacts").Want(http.StatusUnauthorized)
	if got := human.Get(second).Object()["status"]; got != "suspended" {
		t.Errorf("the other agent is %v", got)
	}

	// The database decides: agents may not call it, and it reaches the caller's own agents only.
	me := human.Get("/v1/me").Object()["id"].(string)
	if err := b.inTransaction(t, "chenu_agent", me, "", "SELECT app.suspend_all_agents()"); sqlstate(err) != "42501" {
		t.Errorf("as an agent: %v", err)
	}
	if err := b.inTransaction(t, "chenu_human", me, "", "SELECT app.suspend_agents('x', 'infinity')"); sqlstate(err) != "42501" {
		t.Errorf("the inner function: %v", err)
	}
	if got := stranger.Get(others).Object()["status"]; got != "active" {
		t.Errorf("another identity's agent is %v", got)
	}
}

// Hardening item 37: the owner is told by mail when an agent is hired and when it gets a
// credential. The mails name neither a secret nor any text that a client chose.
func TestOwnerIsToldOfAgents(t *testing.T) {
	t.Parallel()
	box := make(letters, 100)
	b := newService(t, func(c *server.Config) { c.Mail = box })
	mail := mailed(t, b, box)
	human := b.person(t, "ada")
	agent := hire(t, human, "business")
	c := newCredential(t, human, agent)
	id := strings.TrimPrefix(agent, "/v1/team/agents/")
	hired, created := mail("An agent was hired"), mail("A credential was created for your agent")
	if !strings.Contains(hired, id) || !strings.Contains(created, id) || !strings.Contains(created, c.ID) {
		t.Errorf("the owner is told: %s\n%s", hired, created)
	}
	for _, text := range []string{"Bookkeeper", "scheduler", c.Secret} {
		if strings.Contains(hired+created, text) {
			t.Errorf("a mail has %q", text)
		}
	}
	admin := b.db.Pool(t, b.db.AdminURL)
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		var open, sent int
		if err := admin.QueryRow(t.Context(), "SELECT count(*) FILTER (WHERE sent_at IS NULL), count(*) FROM app.account_notices").Scan(&open, &sent); err != nil {
			t.Fatal(err)
		}
		if open == 0 && sent == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d notices are not marked as sent", open, sent)
		}
	}
	var due int
	if err := admin.QueryRow(t.Context(), "SELECT count(*) FROM app.take_notices(10)").Scan(&due); err != nil || due != 0 {
		t.Errorf("%d notices would be sent again: %v", due, err)
	}
}

// Hardening item 5: the upgrade gives credentials without an end 90 days, and others at most 365,
// revokes weak keys (item 22), and owes the owners a mail. Agents of unverified identities keep
// working.
func TestUpgradeLimitsCredentials(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	apply := func(to string) {
		t.Helper()
		if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{To: to}); err != nil {
			t.Fatal(err)
		}
	}
	apply("20261123074029")
	admin := db.Pool(t, db.AdminURL)
	const owner, agent = "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b", "019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1c"
	for _, statement := range []string{
		fmt.Sprintf("INSERT INTO identities (id, email, name) VALUES ('%s', 'ada@example.org', 'Ada')", owner),
		fmt.Sprintf("INSERT INTO team_agents (id, created_by, name, token_budget) VALUES ('%s', '%s', 'Bookkeeper', 7)", agent, owner),
		fmt.Sprintf(`INSERT INTO app.agent_credentials (id, created_by, agent_id, name, secret_hash, public_key, expires_at, revoked_at)
			SELECT app.uuid_v7(), '%s', '%s', name, CASE WHEN key IS NULL THEN sha256('x') END, key, expires_at, revoked_at FROM (VALUES
				('endless', NULL::bytea, NULL::timestamptz, NULL::timestamptz), ('long', NULL, now() + interval '5 years', NULL),
				('short', NULL, now() + interval '5 days', NULL), ('revoked', NULL, NULL, now()),
				('weak', decode('01' || repeat('00', 31), 'hex'), NULL, NULL)) AS v (name, key, expires_at, revoked_at)`, owner, agent),
	} {
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	apply("")
	var got, notice, status string
	if err := admin.QueryRow(t.Context(), `SELECT string_agg(concat_ws(' ', name, round(extract(epoch FROM expires_at - now()) / 86400), CASE WHEN revoked_at IS NOT NULL THEN 'revoked' END), ', ' ORDER BY name),
		(SELECT string_agg(n.kind || ' ' || (n.details ->> 'credentials'), ',') FROM app.account_notices n WHERE n.created_by = $1 AND n.sent_at IS NULL AND n.due_at <= now()),
		(SELECT a.status FROM team_agents a WHERE a.id = $2) FROM app.agent_credentials`, owner, agent).Scan(&got, &notice, &status); err != nil {
		t.Fatal(err)
	}
	if want := "endless 90, long 365, revoked 90 revoked, short 5, weak 90 revoked"; got != want {
		t.Errorf("the credentials are %q, want %q", got, want)
	}
	if notice != "credentials_expire 3" || status != "active" {
		t.Errorf("the notice is %q, the agent %s", notice, status)
	}
}

// Hardening item 5: a start lists the active agents of identities whose address is not verified.
func TestStartListsAgentsOfUnverifiedIdentities(t *testing.T) {
	t.Parallel()
	var log apitest.Log
	b := newService(t, func(c *server.Config) {
		c.Log, c.ListenAddr = slog.New(slog.NewTextHandler(&log, nil)), "127.0.0.1:0"
	})
	known, unknown := b.person(t, "ada"), b.person(t, "eve")
	agents := []string{hire(t, known, "business"), hire(t, unknown, "business")}
	if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "UPDATE identities SET email_verified_at = NULL WHERE email = 'eve@example.org'"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx, func(net.Addr) {}) }()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(log.String(), "chenu accounts unverified"); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log is %s", log.String())
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, strings.TrimPrefix(agents[1], "/v1/team/agents/")) || strings.Contains(text, strings.TrimPrefix(agents[0], "/v1/team/agents/")) {
		t.Errorf("the log lists other agents than Eve's: %s", text)
	}
}

// Hardening item 34: nothing ever charged an agent's token budget, so the API has none any more and
// no serving role may set it.
func TestAgentsHaveNoTokenBudget(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human := b.person(t, "ada")
	agent := hire(t, human, "business")
	if _, ok := human.Get(agent).Want(http.StatusOK).Object()["token_budget"]; ok {
		t.Error("an agent still has a token budget")
	}
	p := human.Patch(agent, human.Get(agent).ETag(), map[string]any{"token_budget": 1}).WantProblem(http.StatusUnprocessableEntity, "validation_failed")
	if *p.Errors[0].Pointer != "/token_budget" {
		t.Errorf("setting it is refused with %+v", p.Errors)
	}
	me := human.Get("/v1/me").Object()["id"].(string)
	if err := b.inTransaction(t, "chenu_human", me, "", "UPDATE team_agents SET token_budget = 1"); sqlstate(err) != "42501" {
		t.Errorf("with raw SQL: %v", err)
	}
}
