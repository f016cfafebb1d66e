package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/local"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// openDir returns a temporary directory that other users can enter, since Postgres may run as another user.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// startPostgres runs a Postgres on the directory, with the newest schema, and returns it and the URLs of the logins.
func startPostgres(t *testing.T, dir string) (*local.Server, map[string]string) {
	t.Helper()
	postgres, err := local.Start(t.Context(), local.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { endPostgres(t, postgres) })
	report, err := apply.Bootstrap(t.Context(), postgres.URL("postgres"), apply.BootstrapOptions{
		Conventions: &policies.Conventions,
		Service:     apply.Login{Name: "service", Password: "service"}, Agent: apply.Login{Name: "agent", Password: "agent"},
		Migrate: apply.Login{Name: "migrate", Password: "migrate"},
	})
	if err != nil {
		t.Fatal(err)
	}
	urls := map[string]string{}
	for _, login := range report.Logins {
		urls[login.Variable] = login.URL
	}
	if _, err := apply.Apply(t.Context(), urls["CHENU_MIGRATE_DATABASE_URL"], apply.Options{Conventions: &policies.Conventions}); err != nil {
		t.Fatal(err)
	}
	return postgres, urls
}

func endPostgres(t *testing.T, postgres *local.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := postgres.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// TestKilledInLogins kills a Postgres with SIGKILL while people log in. After a restart, successful logins are valid,
// failed ones have left no incomplete state, and no failed login attempts are counted.
func TestKilledInLogins(t *testing.T) {
	t.Parallel()
	const people, enough = 3, 12
	const password = "copper meadow distant violin"
	dir := openDir(t)
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	secret := auth.NewSecret()
	// start starts a Postgres on the directory, and a service that uses it.
	start := func() (*local.Server, *apitest.Client, string) {
		postgres, urls := startPostgres(t, dir)
		service := urls["CHENU_DATABASE_URL"]
		s, err := server.New(t.Context(), server.Config{
			DevelopmentTokens: true,
			Session:           session.Config{HumanURL: service, AgentURL: urls["CHENU_AGENT_DATABASE_URL"], MaxConns: 4}, Secret: secret, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Close)
		config, err := pgx.ParseConfig(service)
		if err != nil {
			t.Fatal(err)
		}
		return postgres, apitest.New(t, s.Handler(), document), postgres.URL(config.Database)
	}
	credentials := func(person int) object {
		return object{"email": fmt.Sprintf("person%d@example.org", person), "password": password}
	}

	postgres, client, _ := start()
	for person := range people {
		body := credentials(person)
		body["name"] = "Somebody"
		client.Post("/v1/auth/register", body).Want(http.StatusCreated)
	}
	let, stop := make(chan string, 10_000), make(chan struct{})
	var logins sync.WaitGroup
	for person := range people {
		logins.Go(func() {
			for {
				switch r := client.Post("/v1/auth/login", credentials(person)); r.Status {
				case http.StatusOK:
					let <- r.Object()["refresh_token"].(string)
				case http.StatusServiceUnavailable:
					return // The database is gone.
				default:
					t.Errorf("the response to a login is %d %s", r.Status, r.Body)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	var tokens []string
	for range enough {
		select {
		case token := <-let:
			tokens = append(tokens, token)
		case <-time.After(time.Minute):
			close(stop)
			t.Fatal("no login succeeds")
		}
	}
	pgtest.Kill(t, dir)
	<-postgres.Done()
	logins.Wait()
	endPostgres(t, postgres)
	close(let)
	for token := range let {
		tokens = append(tokens, token)
	}

	_, client, url := start()
	for _, token := range tokens {
		client.Post("/v1/auth/refresh", object{"refresh_token": token}).Want(http.StatusOK)
	}
	for person := range people {
		client.Post("/v1/auth/login", credentials(person)).Want(http.StatusOK)
	}
	admin := pgtest.Connect(t, url)
	var half, failed int
	err = admin.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM app.sessions s WHERE NOT EXISTS (SELECT FROM app.refresh_tokens r WHERE r.session_id = s.id)
			OR NOT EXISTS (SELECT FROM audit_logs a WHERE a.action = 'login' AND a.outcome = 'success' AND a.resource_id = s.id)),
		(SELECT count(*) FROM identities WHERE failed_logins > 0 OR locked_until IS NOT NULL)`).Scan(&half, &failed)
	if err != nil || half != 0 || failed != 0 {
		t.Errorf("%d sessions are incomplete, %d accounts have failed logins: %v", half, failed, err)
	}
}
