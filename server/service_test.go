package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies/verify"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/account"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/ratelimit"
	"github.com/chenu/chenu/server/session"
)

// openAPI returns the OpenAPI document. Generating it takes a tenth of a second, so the tests share it.
var openAPI = sync.OnceValues(server.Document)

// service is a complete service with its own database.
type service struct {
	*server.Server
	db     *dbtest.DB
	client *apitest.Client
}

// quickHash are argon2id parameters with which a hash takes almost no time.
var quickHash = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func newService(t *testing.T, change ...func(*server.Config)) *service {
	t.Helper()
	db := dbtest.New(t)
	config := server.Config{
		DevelopmentTokens: true,
		Session:           session.Config{HumanURL: db.ServiceURL, AgentURL: db.AgentURL, MaxConns: 4}, Secret: auth.NewSecret(),
		// A model test sends more requests than any person.
		Limits:       ratelimit.Limits{"identity": {Requests: 1_000_000, Window: time.Minute}},
		PasswordHash: quickHash,
		Log:          slog.New(slog.DiscardHandler),
	}
	for _, fn := range change {
		fn(&config)
	}
	s, err := server.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	closing := s
	t.Cleanup(func() {
		closing.Close()
		closing = nil // The testing package keeps this function, and with it a few megabytes, until all tests have ended.
	})
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	return &service{s, db, apitest.New(t, s.Handler(), document)}
}

// person returns a client for the identity with the name, which is created if it does not exist, and agentOf a client
// for an agent of the identity.
func (s *service) person(t *testing.T, name string) *apitest.Client {
	t.Helper()
	return s.as(t, account.DevelopmentToken{Email: name + "@example.org"})
}

func (s *service) agentOf(t *testing.T, name string) *apitest.Client {
	t.Helper()
	return s.as(t, account.DevelopmentToken{Email: name + "@example.org", Agent: dbtest.NewID()})
}

// agentNamed returns a client for the agent with the id, which acts for the identity.
func (s *service) agentNamed(t *testing.T, name string, agent uuid.UUID) *apitest.Client {
	t.Helper()
	return s.as(t, account.DevelopmentToken{Email: name + "@example.org", Agent: agent})
}

func (s *service) as(t *testing.T, wanted account.DevelopmentToken) *apitest.Client {
	t.Helper()
	return s.client.For(t).AsRenewed(func(t testing.TB) string {
		t.Helper()
		token, _, err := s.Accounts().MakeDevelopmentToken(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		return token
	})
}

// with returns a client with the access token of the response.
func (s *service) with(t *testing.T, r *apitest.Response) *apitest.Client {
	t.Helper()
	return s.client.For(t).As(r.Object()["access_token"].(string))
}

type object = map[string]any

// listed returns the ids of the first page of a collection.
func listed(c *apitest.Client, path string) []string {
	var list struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	c.Get(path).Want(http.StatusOK).JSON(&list)
	var ids []string
	for _, item := range list.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// checkpointOf returns the id and digest of the checkpoint in a response of status 423.
func checkpointOf(t *testing.T, r *apitest.Response) (id, digest string) {
	t.Helper()
	c := r.WantProblem(http.StatusLocked, "checkpoint_required").Checkpoint
	if c == nil || c.Status != "pending" {
		t.Fatalf("the response has no pending checkpoint: %s", r.Body)
	}
	return c.ID.String(), c.Digest
}

// inTransaction runs statements with raw SQL as a serving role in a session of the identity.
func (s *service) inTransaction(t *testing.T, role, identity, session string, statements ...string) error {
	t.Helper()
	conn := pgtest.Connect(t, s.db.ServiceURL)
	defer func() { _ = conn.Close(t.Context()) }() // not at the end of the test, which may call this often
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

// recentSession returns an open session of the identity that has just been authenticated.
func (s *service) recentSession(t *testing.T, identity string) string {
	t.Helper()
	id := dbtest.NewID().String()
	if _, err := s.db.Pool(t, s.db.AdminURL).Exec(t.Context(), `INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr)
		VALUES ($1, $2, clock_timestamp() + interval '1 day', clock_timestamp(), '{pwd}')`, id, identity); err != nil {
		t.Fatal(err)
	}
	return id
}

// behind runs a statement as a superuser and without triggers, so that the version of the row does not change. It
// simulates the passing of time.
func (s *service) behind(t *testing.T, statement string, args ...any) {
	t.Helper()
	tx, err := s.db.Pool(t, s.db.AdminURL).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "SET LOCAL session_replication_role = replica"); err != nil {
		t.Fatal(err)
	}
	if tag, err := tx.Exec(t.Context(), statement, args...); err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%s: %v %v", statement, tag, err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wantSound runs the verification of all data in the database and fails the test on findings.
func (s *service) wantSound(t *testing.T) {
	t.Helper()
	conn := pgtest.Connect(t, s.db.AuditURL)
	report, err := verify.Database(t.Context(), conn, func(f verify.Finding) { t.Error(f) })
	if err != nil || report.Rows["threads"] == 0 || report.Rows["audit_logs"] == 0 {
		t.Errorf("verified %v: %v", report.Rows, err)
	}
}
