package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
)

// hire hires an agent with the capabilities, including the required approval, and returns its path.
func hire(t *testing.T, human *apitest.Client, capabilities ...string) string {
	t.Helper()
	agent := map[string]any{"name": "Bookkeeper", "capabilities": capabilities}
	id, digest := checkpointOf(t, human.Post("/v1/team/agents", agent))
	human.Post("/v1/checkpoints/"+id+"/approve", map[string]any{"digest": digest}).Want(http.StatusOK)
	return "/v1/team/agents/" + human.Post("/v1/team/agents", agent, "Checkpoint", id).Want(http.StatusCreated).Object()["id"].(string)
}

// forHumans lists operations that no agent may call, whatever its capabilities. The method forHumans also includes
// the operations on the account itself.
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

// TestAgentTriesEverything calls every operation of the document as an agent with all capabilities, and as an agent
// with almost none.
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
		t.Errorf("the capabilities of agents are %v, but the operations for agents have the tags %v", capabilities, slices.Compact(tags))
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
						t.Errorf("%s: the response of a public operation is %d %s", name, r.Status, r.Body)
					}
				case o.forHumans():
					r.WantProblem(http.StatusForbidden, "forbidden")
				case name == "feeble" && o.Tags[0] != "Me":
					r.WantProblem(http.StatusForbidden, "insufficient_scope")
				case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden || r.Status >= http.StatusInternalServerError:
					t.Errorf("%s: the response is %d %s", name, r.Status, r.Body)
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

// TestAgentsLogin checks, with raw SQL as the database login of agents and with arbitrary settings, what agents must
// not be able to do.
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
		"selects credentials":        {"SELECT id FROM app.agent_credentials", denied},
		"creates a credential":       {fmt.Sprintf("SELECT app.add_agent_credential(app.uuid_v7(), '%s', 'x', sha256('x'), NULL, NULL)", agent), denied},
		"inserts a credential":       {fmt.Sprintf("INSERT INTO app.agent_credentials (id, created_by, agent_id, secret_hash) VALUES (app.uuid_v7(), '%s', '%s', sha256('x'))", me, agent), denied},
		"revokes a credential":       {fmt.Sprintf("SELECT app.revoke_agent_credential('%s', '%s')", agent, c.ID), denied},
		"looks up a credential":      {fmt.Sprintf("SELECT app.agent_credential('%s')", c.ID), denied},
		"uses a credential":          {fmt.Sprintf("SELECT app.use_agent_credential('%s', 'pwd', NULL, NULL)", c.ID), denied},
		"selects assertions":         {"SELECT id FROM app.used_assertions", denied},
		"selects sessions":           {"SELECT id FROM app.sessions", denied},
		"opens a session":            {"SELECT app.open_session(app.uuid_v7(), now(), now() + interval '1 day', '{pwd}')", denied},
		"looks up a login":           {"SELECT app.login_lookup('ada@example.org')", denied},
		"reads the signing keys":     {"SELECT app.signing_keys()", denied},
		"adds a signing key":         {`SELECT app.add_first_signing_key(app.uuid_v7(), '\x00', '\x00')`, denied},
		"reads the password":         {"SELECT hashed_password FROM identities", denied},
		"changes the identity":       {"UPDATE identities SET name = 'x'", denied},
		"hires an agent":             {fmt.Sprintf("INSERT INTO team_agents (id, created_by, name) VALUES (app.uuid_v7(), '%s', 'x')", me), denied},
		"extends its capabilities":   {"UPDATE team_agents SET capabilities = '{business,team}'", denied},
		"dismisses itself":           {fmt.Sprintf("SELECT app.dismiss_agent('%s', 'x')", agent), denied},
		"assigns a new task":         {fmt.Sprintf("INSERT INTO team_tasks (id, created_by, title, agent_id) VALUES (app.uuid_v7(), '%s', 'x', '%s')", me, agent), denied},
		"decides a checkpoint":       {fmt.Sprintf(`SELECT app.decide_checkpoint('%s', '\x%s', 'approved')`, pending, digest), denied},
		"approves a checkpoint":      {fmt.Sprintf("UPDATE checkpoints SET status = 'approved' WHERE id = '%s'", pending), denied},
		"uses a checkpoint":          {"SELECT app.use_checkpoint('{}')", denied},
		"erases the identity":        {"SELECT app.erase_identity()", denied},
		"erases rows":                {fmt.Sprintf("SELECT app.erase_rows('%s')", me), denied},
		"takes rate limit tokens":    {"SELECT app.take_tokens('x', 1, 1, 1)", denied},
		"selects rate limit buckets": {"SELECT id FROM app.rate_buckets", denied},
		"deletes the audit trail":    {"DELETE FROM audit_logs", denied},
		"sets the role of humans":    {"SELECT set_config('role', 'chenu_human', true)", denied},
		"sets the role of logins":    {"SET LOCAL ROLE chenu_login", denied},
		"resets the role":            {"RESET ROLE; SELECT id FROM team_agents", denied},
		"updates its task":           {fmt.Sprintf("UPDATE team_tasks SET status = 'done' WHERE id = '%s'", task), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := pgtest.Connect(t, b.db.AgentURL)
			tx, err := conn.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			// Set everything as for a request of a human, except the role and the actor.
			if _, err := tx.Exec(t.Context(), `SELECT set_config('role', 'chenu_agent', true), set_config('app.identity_id', $1, true),
				set_config('app.actor_id', $3, true), set_config('app.auth_time', now()::text, true), set_config('app.checkpoint_id', $2, true),
				set_config('app.approved_write', $2 || ' hired_agent x', true)`, me, pending, agent); err != nil {
				t.Fatal(err)
			}
			_, err = tx.Exec(t.Context(), test.query)
			if got := pgtest.SQLState(err); got != test.want {
				t.Errorf("%s: got %q, want %q", test.query, got, test.want)
			}
		})
	}
}

// TestDevelopmentAgent checks that chenu token --agent creates tokens of hired agents, which end when the agent is
// dismissed, and hires an agent that does not exist.
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
	id := dbtest.NewID()
	hired := b.as(t, account.DevelopmentToken{Email: "grace@example.org", Agent: id})
	hired.Post("/v1/personal/notes", map[string]any{"title": "By an agent"}).Want(http.StatusCreated)
	got := hired.Get("/v1/team/agents/" + id.String()).Want(http.StatusOK).Object()
	if got["status"] != "active" || got["hire_checkpoint_id"] == nil {
		t.Errorf("the agent is %v", got)
	}
	again := b.as(t, account.DevelopmentToken{Email: "grace@example.org", Agent: id})
	again.Get("/v1/personal/notes").Want(http.StatusOK)
}

// Capabilities have a read-only form, to which tokens can be narrowed. In the audit trail, an agent sees neither
// sessions nor other spheres.
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
		t.Error("the agent sees no rows of its own sphere")
	}
	for _, item := range items {
		row := item.(map[string]any)
		if row["sphere"] != "business" || row["ip"] != nil || row["user_agent"] != nil || row["session_id"] != nil {
			t.Errorf("the agent sees %v", row)
		}
	}
	worker.Get("/v1/audit-logs/count").Want(http.StatusOK)
}

// One call suspends all agents of an identity, and does not require a recent login. The tokens of the agents end
// permanently. Each agent is resumed separately, with an approval.
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
			t.Errorf("suspended %v agents, want %v", got, want)
		}
	}
	for _, worker := range workers {
		worker.Post("/v1/business/contacts", map[string]any{"name": "Grace"}).Want(http.StatusUnauthorized) // immediately, regardless of caches
		wantEnd(t, worker)
	}
	bystander.Get("/v1/business/contacts").Want(http.StatusOK)
	if got := trail(human, strings.TrimPrefix(first, "/v1/team/agents/")); got[0] != "update" {
		t.Errorf("the trail of the agent is %q", got)
	}

	// Agents are resumed one at a time, and their old tokens stay invalid.
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

	// The database decides: agents cannot call the function, and it suspends only the caller's own agents.
	me := human.Get("/v1/me").Object()["id"].(string)
	if err := b.inTransaction(t, "chenu_agent", me, "", "SELECT app.suspend_all_agents()"); pgtest.SQLState(err) != "42501" {
		t.Errorf("as an agent: %v", err)
	}
	if err := b.inTransaction(t, "chenu_human", me, "", "SELECT app.suspend_agents('x', 'infinity')"); pgtest.SQLState(err) != "42501" {
		t.Errorf("the inner function: %v", err)
	}
	if got := stranger.Get(others).Object()["status"]; got != "active" {
		t.Errorf("another identity's agent is %v", got)
	}
}

// The owner is notified by mail when an agent is hired and when it gets a credential. The mails contain neither a
// secret nor text chosen by a client.
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
		t.Errorf("the mails to the owner are %s\n%s", hired, created)
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

// At startup, the service logs the active agents of identities whose address is not verified.
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

// The token budget of agents was never charged. It is no longer part of the API, and no serving role can set it.
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
		t.Errorf("the error for setting it is %+v", p.Errors)
	}
	me := human.Get("/v1/me").Object()["id"].(string)
	if err := b.inTransaction(t, "chenu_human", me, "", "UPDATE team_agents SET token_budget = 1"); pgtest.SQLState(err) != "42501" {
		t.Errorf("with raw SQL: %v", err)
	}
}
