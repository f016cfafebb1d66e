package server_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/mailer"
)

const ownersPassword = "copper meadow distant violin"

// mailed runs the service's mail. It returns a function that waits for the mail to ada@example.org with the subject
// and returns its text. Mails with other subjects may arrive in any order.
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
				t.Fatalf("no mail %q arrived, only %+v", subject, others)
			}
		}
	}
}

// mailedToken returns the line of a mail that is a token.
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

// An attacker registers the victim's address before the victim does. Unless the attacker can read the victim's mail,
// they can neither hire an agent nor create a credential. An agent that was hired before that rule loses its access
// when the victim resets the password by mail.
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
		t.Errorf("the error does not say what to do: %s", p.Detail)
	}

	// Simulate an agent and a credential that were created before the rule.
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
	if text := mail("Your password was reset"); !strings.Contains(text, "The reset revoked 1 credential of agents and suspended 1 agent.") {
		t.Errorf("the mail to the owner is %s", text)
	}
	// An agent that the owner approved after the verification keeps working after a reset, with its other credential.
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

// After a reset by mail, all pending requests for approval from before are expired, whether an agent or a session
// made them, and the owner cannot approve them.
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
		t.Errorf("the mail to the owner is %s", text)
	}

	// The database decides which roles may call the function.
	me := owner.Get("/v1/me").Object()["id"].(string)
	for _, role := range []string{"chenu_human", "chenu_agent"} {
		if err := b.inTransaction(t, role, me, "", "SELECT app.expire_requests('x', own => true)"); pgtest.SQLState(err) != "42501" {
			t.Errorf("as %s: %v", role, err)
		}
	}
}

// A password change revokes the credentials of all agents if the request says so.
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
	for id, want := range map[string]string{ofAgent: "expired", own: "pending"} { // The session of the own request stays open.
		if got := human.Get("/v1/checkpoints/" + id).Object()["status"]; got != want {
			t.Errorf("the request is %v, want %s", got, want)
		}
	}
	b.client.For(t).Post("/v1/auth/agent-token", c.ask()).WantProblem(http.StatusUnauthorized, "invalid_client")
	wantEnd(t, worker)
}
