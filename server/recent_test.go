package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
)

// TestStolenTokenIsNoPermanentAccess checks that a stolen access token, which is valid for ten minutes, cannot be
// turned into permanent access. It sends every request that could do so in a session that was authenticated too long
// ago, then authenticates again and succeeds.
func TestStolenTokenIsNoPermanentAccess(t *testing.T) {
	t.Parallel()
	b := newService(t)
	const password = "copper meadow distant violin"
	anyone := b.client.For(t)
	registered := anyone.Post("/v1/auth/register", map[string]any{"email": "ada@example.org", "name": "Ada", "password": password}).Want(http.StatusCreated).Object()
	if _, err := b.db.Pool(t, b.db.AdminURL).Exec(t.Context(), "UPDATE identities SET email_verified_at = now()"); err != nil {
		t.Fatal(err)
	}
	stolen := anyone.As(registered["access_token"].(string))
	fresh := b.person(t, "ada")
	agent := hire(t, fresh, "business")
	worker := b.worker(t, newCredential(t, fresh, agent))
	requestPayment := func(number string) (id string, body map[string]any) {
		draft := worker.Post("/v1/business/invoices", strings.Replace(invoice, "2026-001", number, 1)).Want(http.StatusCreated)
		id, digest := checkpointOf(t, worker.Patch("/v1/business/invoices/"+fmt.Sprint(draft.Object()["id"]), draft.ETag(), map[string]any{"status": "sent"}))
		return id, map[string]any{"digest": digest, "reason": "As agreed."}
	}
	paid, approval := requestPayment("1")
	refused, rejection := requestPayment("2")
	own, ownDigest := checkpointOf(t, stolen.Post("/v1/entertainment/playlists", map[string]any{"name": "n", "visibility": "public"}))
	requests := map[string]func(c *apitest.Client) *apitest.Response{
		"create a credential":        func(c *apitest.Client) *apitest.Response { return c.Post(agent+"/credentials", map[string]any{}) },
		"export all data":            func(c *apitest.Client) *apitest.Response { return c.Get("/v1/me/export") },
		"export the audit trail":     func(c *apitest.Client) *apitest.Response { return c.Get("/v1/audit-logs/export") },
		"approve an agent's payment": func(c *apitest.Client) *apitest.Response { return c.Post("/v1/checkpoints/"+paid+"/approve", approval) },
		"reject an agent's payment": func(c *apitest.Client) *apitest.Response {
			return c.Post("/v1/checkpoints/"+refused+"/reject", rejection)
		},
		"approve an own request": func(c *apitest.Client) *apitest.Response {
			return c.Post("/v1/checkpoints/"+own+"/approve", map[string]any{"digest": ownDigest})
		},
	}
	admin := b.db.Pool(t, b.db.AdminURL)
	if _, err := admin.Exec(t.Context(), `UPDATE app.sessions SET authenticated_at = authenticated_at - interval '5 minutes' WHERE amr = '{pwd}'`); err != nil {
		t.Fatal(err)
	}
	for name, request := range requests {
		t.Log(name)
		request(stolen).WantProblem(http.StatusForbidden, "recent_authentication_required")
		if r := request(worker); r.Status != http.StatusForbidden {
			t.Errorf("%s as an agent: %d %s", name, r.Status, r.Body)
		}
	}
	again := anyone.As(stolen.Post("/v1/auth/step-up", map[string]any{"password": password}).Want(http.StatusOK).Object()["access_token"].(string))
	for name, request := range requests {
		if r := request(again); r.Status >= http.StatusMultipleChoices {
			t.Errorf("%s after a step-up: %d %s", name, r.Status, r.Body)
		}
	}
}

// Other types of requests can be decided with an older authentication, unless the human confirms a request of their
// own.
func TestStaleLoginDecidesHarmlessRequests(t *testing.T) {
	t.Parallel()
	b := newService(t)
	agent := b.agentOf(t, "ada")
	stale := b.as(t, account.DevelopmentToken{Email: "ada@example.org", AuthTime: time.Now().Add(-time.Hour)})
	id, digest := checkpointOf(t, agent.Post("/v1/entertainment/playlists", map[string]any{"name": "n", "visibility": "public"}))
	stale.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
}

// TestRecentAuthenticationIsNoSetting checks that the database takes the time of authentication from the session's
// row. With raw SQL as the serving role, it tries every setting by which a caller could claim a recent
// authentication.
func TestRecentAuthenticationIsNoSetting(t *testing.T) {
	t.Parallel()
	b := newService(t)
	human, stranger := b.person(t, "ada"), b.person(t, "eve")
	me := human.Get("/v1/me").Object()["id"].(string)
	agent := strings.TrimPrefix(hire(t, human, "business"), "/v1/team/agents/")
	draft := b.agentOf(t, "ada").Post("/v1/business/invoices", invoice).Want(http.StatusCreated)
	pending, digest := checkpointOf(t, b.agentOf(t, "ada").Patch("/v1/business/invoices/"+fmt.Sprint(draft.Object()["id"]), draft.ETag(), map[string]any{"status": "sent"}))
	stranger.Get("/v1/me").Want(http.StatusOK)
	admin := b.db.Pool(t, b.db.AdminURL)
	// A subtest may wait longer to run than a request for approval is valid.
	if _, err := admin.Exec(t.Context(), "UPDATE checkpoints SET expires_at = now() + interval '1 day' WHERE id = $1", pending); err != nil {
		t.Fatal(err)
	}
	// Each subtest creates its own session, because the session would be too old if the subtest waits to run.
	session := func(ago, of string, revoked bool) func(*testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			id := dbtest.NewID().String()
			if _, err := admin.Exec(t.Context(), `INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr, revoked_at)
				SELECT $1, i.id, clock_timestamp() + interval '1 day', clock_timestamp() - $2::interval, '{pwd}', CASE WHEN $4 THEN clock_timestamp() END
				FROM identities i WHERE email = $3`, id, ago, of, revoked); err != nil {
				t.Fatal(err)
			}
			return id
		}
	}
	is := func(id string) func(*testing.T) string { return func(*testing.T) string { return id } }
	const refused = "CH403"
	for name, test := range map[string]struct {
		session    func(*testing.T) string
		role, want string
	}{
		"a recent session":              {session("1 minute", "ada@example.org", false), "chenu_human", ""},
		"an old session":                {session("5 minutes 1 second", "ada@example.org", false), "chenu_human", refused},
		"a revoked session":             {session("0", "ada@example.org", true), "chenu_human", refused},
		"another identity's session":    {session("0", "eve@example.org", false), "chenu_human", refused},
		"a session that does not exist": {is(dbtest.NewID().String()), "chenu_human", refused},
		"no session":                    {is(""), "chenu_human", refused},
		"a recent session, as an agent": {session("0", "ada@example.org", false), "chenu_agent", "42501"},
	} {
		for what, query := range map[string]string{
			"credential": fmt.Sprintf("SELECT app.add_agent_credential(app.uuid_v7(), '%s', 'x', sha256('x'), NULL, NULL)", agent),
			"decision":   fmt.Sprintf(`SELECT app.decide_checkpoint('%s', '\x%s', 'approved')`, pending, digest),
			"rejection":  fmt.Sprintf(`SELECT app.decide_checkpoint('%s', '\x%s', 'rejected', 'no')`, pending, digest),
			"export":     "SELECT app.record_export('identity')",
			"trail":      "SELECT app.record_export('audit_log')",
		} {
			t.Run(what+" with "+name, func(t *testing.T) {
				t.Parallel()
				conn := pgtest.Connect(t, b.db.ServiceURL)
				tx, err := conn.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback(t.Context()) }()
				if _, err := tx.Exec(t.Context(), `SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true),
					set_config('app.actor_id', $2, true), set_config('app.auth_time', now()::text, true),
					set_config('app.session_id', $3, true)`, test.role, me, test.session(t)); err != nil {
					t.Fatal(err)
				}
				if _, err = tx.Exec(t.Context(), query); pgtest.SQLState(err) != test.want {
					t.Errorf("got %v, want %q", err, test.want)
				}
			})
		}
	}
}
