package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/local"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// bootstrapOneLogin prepares a server as the previous version did: the service login is a member of chenu_app, and
// there is no login for agents.
func bootstrapOneLogin(t *testing.T, adminURL, databaseURL string, o apply.BootstrapOptions) {
	t.Helper()
	o.SharedLogin = true
	if _, err := apply.Bootstrap(t.Context(), adminURL, o); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	agent := pgx.Identifier{o.Agent.Name}.Sanitize()
	for _, statement := range []string{"DROP OWNED BY " + agent, "DROP ROLE " + agent} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// membership returns the role of which the login is a member.
func membership(t *testing.T, url, login string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var roles string
	err = conn.QueryRow(t.Context(), `SELECT string_agg(m.roleid::regrole::text, ' ') FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = $1`, login).Scan(&roles)
	if err != nil {
		t.Fatal(err)
	}
	return roles
}

// Hardening item 12: a data directory that the previous version bootstrapped with one login
// starts after the upgrade, because bootstrap adds the login for agents.
func TestUpgradeOfEmbeddedWithOneLogin(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // Postgres may run as another user.
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	secret := auth.NewSecret()
	before, err := local.Start(ctx, local.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	bootstrapOneLogin(t, before.URL("postgres"), before.URL(apply.DefaultDatabase), apply.BootstrapOptions{
		Conventions: &policies.Conventions,
		Service:     embeddedLogin(secret, "chenu_service"), Agent: embeddedLogin(secret, "chenu_service_agent"),
		Migrate: embeddedLogin(secret, migrateLogin), Audit: embeddedLogin(secret, auditLogin),
	})
	if got := membership(t, before.URL("postgres"), "chenu_service"); got != "chenu_app" {
		t.Errorf("before the upgrade the service login is a member of %s", got)
	}
	if err := before.Stop(ctx); err != nil {
		t.Fatal(err)
	}

	c := &config{DataDir: dir, Secret: secret}
	after, err := startEmbedded(ctx, c, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := after.stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	if c.AgentDatabaseURL == "" || c.AgentDatabaseURL == c.DatabaseURL {
		t.Errorf("the login for agents is not a separate one: %q", c.AgentDatabaseURL)
	}
	var log bytes.Buffer
	db, err := session.Open(ctx, c.server("", slog.New(slog.NewTextHandler(&log, nil))).Session)
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	for _, warning := range []string{"share one database login", "can also become chenu_agent", "pg_catalog"} {
		if strings.Contains(log.String(), warning) {
			t.Errorf("it still warns: %s", &log)
		}
	}
	for login, want := range map[string]string{"chenu_service": "chenu_human", "chenu_service_agent": "chenu_agent"} {
		if got := membership(t, after.postgres.URL("postgres"), login); got != want {
			t.Errorf("%s is a member of %s, want %s", login, got, want)
		}
	}
}

// Hardening item 12: a server that the previous version bootstrapped with one login gets the
// login for agents when bootstrap runs again.
func TestUpgradeOfServerWithOneLogin(t *testing.T) {
	t.Parallel()
	prefix := "chenu_test_" + strings.ToLower(rand.Text()[:10])
	t.Cleanup(func() { dropBootstrapped(t, prefix) })
	admin := dbtest.ServerURL(t)
	o := apply.BootstrapOptions{
		Conventions: &policies.Conventions,
		Database:    prefix, Service: apply.Login{Name: prefix + "_service", Password: "service"}, Agent: apply.Login{Name: prefix + "_agent"},
		Migrate: apply.Login{Name: prefix + "_migrate"}, Audit: apply.Login{Name: prefix + "_audit"},
	}
	database, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	database.Path = "/" + prefix
	bootstrapOneLogin(t, admin, database.String(), o)
	report, err := apply.Bootstrap(t.Context(), admin, o)
	if err != nil {
		t.Fatal(err)
	}
	changes := strings.Join(report.Changes, "\n")
	for _, change := range []string{"created login " + prefix + "_agent", "revoked chenu_app from " + prefix + "_service"} {
		if !strings.Contains(changes, change) {
			t.Errorf("the report does not contain %q:\n%s", change, changes)
		}
	}
	urls := map[string]string{}
	for _, l := range report.Logins {
		urls[l.Variable] = l.URL
	}
	db, err := session.Open(t.Context(), session.Config{
		HumanURL: urls["CHENU_DATABASE_URL"], AgentURL: urls["CHENU_AGENT_DATABASE_URL"], MaxConns: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
}

// Hardening item 12: an installation with one login refuses to start after the upgrade and
// prints both remedies.
func TestServeRefusesOneLogin(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	for name, agentURL := range map[string]string{"no login for agents": "", "the same login": db.ServiceURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, out := testEnvironment(t, map[string]string{
				"CHENU_DATABASE_URL": db.ServiceURL, "CHENU_AGENT_DATABASE_URL": agentURL,
				"CHENU_SECRET_KEY": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)), "CHENU_LISTEN_ADDR": "127.0.0.1:0",
			})
			if code := run(t.Context(), []string{"serve"}, env); code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			for _, part := range []string{"chenu bootstrap", "CHENU_AGENT_DATABASE_URL", "CHENU_SHARED_LOGIN=true"} {
				if !strings.Contains(out.String(), part) {
					t.Errorf("%q does not name %s", out, part)
				}
			}
		})
	}
}
