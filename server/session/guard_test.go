package session_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// TestGuard lists the logins with which the session refuses to serve, each with the reason and the remedy.
func TestGuard(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		sql   string // gives the login %[1]s a forbidden attribute; %[2]s is an intermediate role
		want  string
		agent bool // whether the login is for agents
	}{
		{"a superuser", "ALTER ROLE %[1]s SUPERUSER", "it is a superuser", false},
		{"BYPASSRLS", "ALTER ROLE %[1]s BYPASSRLS", "it has BYPASSRLS", false},
		{"CREATEROLE", "ALTER ROLE %[1]s CREATEROLE", "it has CREATEROLE", false},
		{"REPLICATION", "ALTER ROLE %[1]s REPLICATION", "it has REPLICATION", false},
		{"the owner of a table", "CREATE TABLE mine (); ALTER TABLE mine OWNER TO %[1]s", "it owns public.mine", false},
		{"the owner of a function", "CREATE FUNCTION app.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION app.mine() OWNER TO %[1]s", "it owns app.mine", false},
		{"the owner of a schema", "CREATE SCHEMA mine AUTHORIZATION %[1]s", "it owns mine", false},
		{"a member of the owner", "GRANT chenu_owner TO %[1]s", ", which owns app.", false},
		{"a member of the owner by way of another", "GRANT %[2]s TO %[1]s; GRANT chenu_owner TO %[2]s", ", which owns app.", false},
		{"a superuser by way of another", "ALTER ROLE %[2]s SUPERUSER; GRANT %[2]s TO %[1]s", "it can become %[2]s, which is a superuser", false},
		{"BYPASSRLS by way of another", "ALTER ROLE %[2]s BYPASSRLS; GRANT %[2]s TO %[1]s", "it can become %[2]s, which has BYPASSRLS", false},
		{"an auditor", "GRANT chenu_auditor TO %[1]s", "it can become chenu_auditor, which has policies of its own", false},
		{"programs of the server", "GRANT pg_execute_server_program TO %[1]s", "it can become pg_execute_server_program, which", false},
		{"data of the server", "GRANT pg_read_all_data TO %[1]s", "it can become pg_read_all_data, which", false},
		{"not a member of chenu_app", "REVOKE chenu_app FROM %[1]s", "cannot become chenu_human: grant it membership in chenu_app", false},
		{"the agents' login can become a human", "", "it can become chenu_human, which is a human, and this login is for agents", true},
		{"the agents' login cannot become an agent", "REVOKE chenu_app FROM %[1]s", "cannot become chenu_agent: grant it membership in chenu_agent", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			suffix := strings.ReplaceAll(uuid.NewString(), "-", "")
			login, between := "login_"+suffix, "between_"+suffix
			// Postgres rejects concurrent grants in one database with the error "tuple concurrently updated".
			one := closed(t)
			one.exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN NOINHERIT PASSWORD 'x' IN ROLE chenu_app; CREATE ROLE %s", login, between))
			t.Cleanup(func() {
				one.exec(t, fmt.Sprintf("DROP OWNED BY %[1]s, %[2]s", login, between))
				one.exec(t, fmt.Sprintf("DROP ROLE %[1]s; DROP ROLE %[2]s", login, between))
			})
			one.exec(t, fmt.Sprintf("GRANT CONNECT ON DATABASE %s TO %s", one.database.Name, login))
			if test.sql != "" {
				one.exec(t, fmt.Sprintf(test.sql, login, between))
			}
			cfg := session.Config{HumanURL: loginURL(t, one.database.ServiceURL, login), SharedLogin: true, Logger: slog.New(slog.DiscardHandler)}
			variable := "CHENU_DATABASE_URL"
			if test.agent {
				cfg.HumanURL, cfg.AgentURL, variable = one.database.ServiceURL, cfg.HumanURL, "CHENU_AGENT_DATABASE_URL"
			}
			db, err := session.Open(t.Context(), cfg)
			if err == nil {
				db.Close()
				t.Fatal("the session opened")
			}
			want := strings.ReplaceAll(test.want, "%[2]s", between)
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not say %q", err, want)
			}
			if !strings.Contains(err.Error(), "chenu bootstrap") || strings.Contains(err.Error(), "refusing") && !strings.Contains(err.Error(), variable) {
				t.Errorf("error %q does not say what to do", err)
			}
		})
	}
}

// Hardening item 12: a shared login for humans and agents must be enabled, and is logged as a warning.
func TestSharedLoginNeedsConsent(t *testing.T) {
	t.Parallel()
	b := closed(t)
	for _, agentURL := range []string{"", b.database.ServiceURL} {
		_, err := session.Open(t.Context(), session.Config{HumanURL: b.database.ServiceURL, AgentURL: agentURL, Logger: slog.New(slog.DiscardHandler)})
		if !errors.Is(err, session.ErrSharedLogin) {
			t.Fatalf("with the login for agents %q: %v", agentURL, err)
		}
		for _, remedy := range []string{"chenu bootstrap", "CHENU_AGENT_DATABASE_URL", "CHENU_SHARED_LOGIN=true"} {
			if !strings.Contains(err.Error(), remedy) {
				t.Errorf("error %q does not name %s", err, remedy)
			}
		}
	}
	var log bytes.Buffer
	db, err := session.Open(t.Context(), session.Config{HumanURL: b.database.ServiceURL, SharedLogin: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if !strings.Contains(log.String(), "share one database login") {
		t.Errorf("no warning: %s", log.String())
	}
}

// loginURL returns the URL with another login.
func loginURL(t *testing.T, target, login string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(login, "x")
	return u.String()
}

// TestOpen shows the other conditions for opening a session.
func TestOpen(t *testing.T) {
	t.Parallel()
	b := closed(t)
	t.Run("the bootstrapped logins", func(t *testing.T) {
		t.Parallel()
		db := open(t, b.database, func(c *session.Config) { c.AgentURL = b.database.AgentURL })
		if err := db.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		stats := db.Stats()
		if len(stats) != 2 || stats["human"].TotalConns() == 0 || stats["agent"].TotalConns() == 0 || stats["human"].MaxConns() != 4 {
			t.Errorf("statistics %v", stats)
		}
	})
	t.Run("a superuser", func(t *testing.T) {
		t.Parallel()
		_, err := session.Open(t.Context(), session.Config{HumanURL: b.database.AdminURL, SharedLogin: true})
		if err == nil || !strings.Contains(err.Error(), "superuser") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("the migration login", func(t *testing.T) {
		t.Parallel()
		_, err := session.Open(t.Context(), session.Config{HumanURL: b.database.MigrateURL, SharedLogin: true})
		if err == nil || !strings.Contains(err.Error(), "owns") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no URL", func(t *testing.T) {
		t.Parallel()
		if _, err := session.Open(t.Context(), session.Config{}); err == nil {
			t.Error("opened")
		}
	})
	t.Run("an invalid URL does not reveal the password", func(t *testing.T) {
		t.Parallel()
		_, err := session.Open(t.Context(), session.Config{HumanURL: "postgres://me:hunter2@localhost:port/x", SharedLogin: true})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a login that inherits", func(t *testing.T) {
		t.Parallel()
		var number int
		if err := b.admin.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int").Scan(&number); err != nil {
			t.Fatal(err)
		}
		login := "login_" + strings.ReplaceAll(uuid.NewString(), "-", "")
		b.exec(t, "CREATE ROLE "+login+" LOGIN INHERIT PASSWORD 'x' IN ROLE chenu_app; GRANT CONNECT ON DATABASE "+b.database.Name+" TO "+login)
		t.Cleanup(func() { b.exec(t, "DROP OWNED BY "+login); b.exec(t, "DROP ROLE "+login) })
		var log bytes.Buffer
		db, err := session.Open(t.Context(), session.Config{HumanURL: loginURL(t, b.database.ServiceURL, login), SharedLogin: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if warned := strings.Contains(log.String(), "NOINHERIT"); warned != (number < 160000) {
			t.Errorf("log %q on server version %d", &log, number)
		}
	})
}

// TestPatchLevel shows the minimum versions, whatever version the test server has.
func TestPatchLevel(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		number       int
		version      string
		warns, fails bool // if not strict
	}{
		{140020, "14.20", false, true},
		{150019, "15.19 (Debian 15.19-0+deb12u1)", true, false},
		{150020, "15.20", false, false},
		{160015, "16.15", true, false},
		{160016, "16.16", false, false},
		{170011, "17.11", true, false},
		{170012, "17.12", false, false},
		{180006, "18.6", true, false},
		{180007, "18.7", false, false},
		{190000, "19.0", false, false},
	} {
		for _, strict := range []bool{false, true} {
			var log bytes.Buffer
			err := session.PatchLevel(t.Context(), auth.Human, test.number, test.version, session.Config{StrictPatchLevel: strict, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if fails := test.fails || strict && test.warns; (err != nil) != fails {
				t.Errorf("%s, strict %v: error %v", test.version, strict, err)
			}
			if warns := test.warns && !strict; (log.Len() > 0) != warns {
				t.Errorf("%s, strict %v: log %q", test.version, strict, &log)
			}
			// The login for agents uses the same server: it gets the same result, and the warning is logged once.
			said := log.Len()
			agents := session.PatchLevel(t.Context(), auth.Agent, test.number, test.version, session.Config{StrictPatchLevel: strict, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if (agents != nil) != (err != nil) || log.Len() != said {
				t.Errorf("%s, strict %v, for agents: error %v, log %q", test.version, strict, agents, &log)
			}
		}
	}
}
