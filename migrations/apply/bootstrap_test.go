package apply_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// bootstrapBundle has names for a database and logins that only this test uses on the shared server.
type bootstrapBundle struct {
	t       *testing.T
	admin   *pgx.Conn
	options apply.BootstrapOptions
}

func setupBootstrap(t *testing.T) *bootstrapBundle {
	t.Helper()
	prefix := "chenu_test_" + strings.ToLower(rand.Text()[:10]) + "_"
	b := &bootstrapBundle{t: t, options: apply.BootstrapOptions{Conventions: &policies.Conventions, Database: prefix + "db",
		Service: apply.Login{Name: prefix + "s"}, Agent: apply.Login{Name: prefix + "g"},
		Migrate: apply.Login{Name: prefix + "m"}, Audit: apply.Login{Name: prefix + "v"}}}
	var err error
	if b.admin, err = pgx.Connect(t.Context(), dbtest.ServerURL(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, sql := range []string{
			"DROP DATABASE IF EXISTS " + b.options.Database + " WITH (FORCE)",
			fmt.Sprintf("DROP ROLE IF EXISTS %s, %s, %s, %s, %s", b.options.Service.Name, b.options.Agent.Name, b.options.Migrate.Name, b.options.Audit.Name, prefix+"admin"),
		} {
			if _, err := b.admin.Exec(context.Background(), sql); err != nil {
				t.Error(err)
			}
		}
		_ = b.admin.Close(context.Background())
	})
	return b
}

func (b *bootstrapBundle) run() apply.BootstrapReport {
	b.t.Helper()
	report, err := apply.Bootstrap(b.t.Context(), dbtest.ServerURL(b.t), b.options)
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

func (b *bootstrapBundle) exec(sql string) {
	b.t.Helper()
	if _, err := b.admin.Exec(b.t.Context(), sql); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

func (b *bootstrapBundle) ask(query string, args ...any) string {
	b.t.Helper()
	var answer string
	if err := b.admin.QueryRow(b.t.Context(), query, args...).Scan(&answer); err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func TestBootstrap(t *testing.T) {
	t.Parallel()
	b := setupBootstrap(t)
	o := b.options
	report := b.run()
	for _, change := range []string{
		"created login " + o.Service.Name, "granted chenu_human to " + o.Service.Name,
		"granted chenu_agent to " + o.Agent.Name, "granted chenu_owner to " + o.Migrate.Name, "granted chenu_auditor to " + o.Audit.Name,
		"created database " + o.Database, "revoked CONNECT and TEMPORARY on database " + o.Database + " from PUBLIC",
		"granted CONNECT on database " + o.Database + " to " + o.Audit.Name,
	} {
		if !slices.Contains(report.Changes, change) {
			t.Errorf("the report does not contain %q: %q", change, report.Changes)
		}
	}
	if again := b.run(); len(again.Changes) != 0 {
		t.Errorf("the second run changed something: %q", again.Changes)
	}

	// These checks need a server: the logins can connect, and no other role can.
	for _, l := range report.Logins {
		if len(l.Password) < 26 {
			t.Errorf("%s: no generated password is reported", l.Name)
		}
		conn, err := pgx.Connect(t.Context(), l.URL)
		if err != nil {
			t.Errorf("%s: %v", l.Name, err)
			continue
		}
		var user, database string
		if err := conn.QueryRow(t.Context(), "SELECT session_user, current_database()").Scan(&user, &database); err != nil || user != l.Name || database != o.Database {
			t.Errorf("%s: is %s in %s, %v", l.Name, user, database, err)
		}
		_ = conn.Close(t.Context())
	}
	if got := b.ask("SELECT string_agg(grantee::regrole::text || ' ' || privilege_type, ', ' ORDER BY 1) FROM pg_database, aclexplode(datacl) WHERE datname = $1 AND grantee <> datdba", o.Database); strings.Contains(got, "-") || strings.Contains(got, "TEMP") {
		t.Errorf("privileges on the database: %s", got)
	}
	if got := b.ask("SELECT pg_get_userbyid(datdba) || ' ' || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = $1", o.Database); got != "chenu_owner UTF8" {
		t.Errorf("database: %s", got)
	}
	// Only the auditor has its role's privileges without SET ROLE; no login is or can become another role.
	for name, want := range map[string]string{o.Service.Name: "f chenu_human", o.Agent.Name: "f chenu_agent", o.Migrate.Name: "f chenu_owner", o.Audit.Name: "t chenu_auditor"} {
		got := b.ask(`SELECT CASE WHEN pg_has_role(u.oid, m.roleid, 'USAGE') THEN 't ' ELSE 'f ' END || string_agg(m.roleid::regrole::text, ' ') FROM pg_roles u JOIN pg_auth_members m ON m.member = u.oid
WHERE u.rolname = $1 AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) GROUP BY u.oid, m.roleid`, name)
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if _, err := apply.Apply(t.Context(), report.Logins[2].URL, apply.Options{Conventions: &policies.Conventions, Dir: dbtest.OpenDir(t, dbtest.WriteDir(t, map[string]string{"1_a.sql": "CREATE TABLE a ();"}))}); err != nil {
		t.Errorf("the migration login cannot migrate: %v", err)
	}
}

// Hardening item 41: sessions of the service's logins start with timeouts, so that a transaction that an agent keeps
// open does not delay its suspension indefinitely. A value that the operator set is kept.
func TestServiceLoginsBeginWithTimeouts(t *testing.T) {
	t.Parallel()
	b := setupBootstrap(t)
	report := b.run()
	transaction := "none"
	if b.ask("SELECT (current_setting('server_version_num')::int >= 170000)::text") == "true" {
		transaction = "0"
	}
	settings := func(url string) (got string) {
		t.Helper()
		conn := pgtest.Connect(t, url)
		defer func() { _ = conn.Close(t.Context()) }()
		if err := conn.QueryRow(t.Context(), `SELECT concat_ws(' ', current_setting('idle_in_transaction_session_timeout'),
			current_setting('statement_timeout'), coalesce(current_setting('transaction_timeout', true), 'none'))`).Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	ofAgents := strings.Replace(transaction, "0", "2min", 1)
	for i, want := range []string{"30s 1min " + transaction, "30s 1min " + ofAgents, "0 0 " + transaction, "0 0 " + transaction} {
		if got := settings(report.Logins[i].URL); got != want {
			t.Errorf("%s begins with %s, want %s", report.Logins[i].Name, got, want)
		}
	}
	b.exec("ALTER ROLE " + b.options.Agent.Name + " SET idle_in_transaction_session_timeout = '300ms'")
	b.exec("ALTER ROLE " + b.options.Service.Name + " RESET statement_timeout")
	if again := b.run(); !slices.Equal(again.Changes, []string{"set statement_timeout of login " + b.options.Service.Name + " to 60s"}) {
		t.Errorf("a later run: %q", again.Changes)
	}
	if got := settings(report.Logins[1].URL); got != "300ms 1min "+ofAgents {
		t.Errorf("after a later run the login for agents begins with %s", got)
	}
	// A transaction that is kept open is ended.
	conn := pgtest.Connect(t, report.Logins[1].URL)
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	gone := func() bool {
		return b.ask("SELECT count(*)::text FROM pg_stat_activity WHERE usename = $1", b.options.Agent.Name) == "0"
	}
	for deadline := time.Now().Add(time.Minute); !gone(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a transaction is still open a minute after its last statement")
		}
	}
}

// Hardening item 12: the service login of an earlier version could become either kind of actor. Running bootstrap again
// revokes that, and a shared login must be requested.
func TestServiceLoginLosesSharedMembership(t *testing.T) {
	t.Parallel()
	b := setupBootstrap(t)
	roles := func() string {
		return b.ask("SELECT string_agg(m.roleid::regrole::text, ' ' ORDER BY 1) FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = $1", b.options.Service.Name)
	}
	b.options.SharedLogin = true
	b.run()
	if got := roles(); got != "chenu_app" {
		t.Errorf("a shared login is a member of %s", got)
	}
	b.options.SharedLogin = false
	report := b.run()
	if got := roles(); got != "chenu_human" {
		t.Errorf("the login for humans is a member of %s", got)
	}
	if change := "revoked chenu_app from " + b.options.Service.Name; !slices.Contains(report.Changes, change) {
		t.Errorf("the report does not contain %q: %q", change, report.Changes)
	}
	if again := b.run(); len(again.Changes) != 0 {
		t.Errorf("the next run changed something: %q", again.Changes)
	}
}

func TestBootstrap_Passwords(t *testing.T) {
	t.Parallel()
	b := setupBootstrap(t)
	name := b.options.Service.Name
	verifier := func() string { return b.ask("SELECT rolpassword FROM pg_authid WHERE rolname = $1", name) }
	b.options.Service.Password = "first: ü/@"
	report := b.run()
	if report.Logins[0].Password != "" {
		t.Error("a given password is reported as generated")
	}
	u, err := url.Parse(report.Logins[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	if password, _ := u.User.Password(); password != "first: ü/@" {
		t.Errorf("the URL has another password: %s", u)
	}
	first := verifier()
	if !strings.HasPrefix(first, "SCRAM-SHA-256$4096:") {
		t.Errorf("stored as %s", first)
	}
	if again := b.run(); len(again.Changes) != 0 || verifier() != first {
		t.Errorf("the same password changed something: %q", again.Changes)
	}
	b.options.Service.Password = "second"
	if changed := b.run(); !slices.Equal(changed.Changes, []string{"set the password of login " + name}) || verifier() == first {
		t.Errorf("another password: %q", changed.Changes)
	}
	second := verifier()
	b.options.Service.Password = ""
	if left := b.run(); len(left.Changes) != 0 || verifier() != second || strings.Contains(left.Logins[0].URL, ":@") {
		t.Errorf("no password: %q, %s", left.Changes, left.Logins[0].URL)
	}
}

// TestBootstrap_Repairs checks that manual changes are corrected.
func TestBootstrap_Repairs(t *testing.T) {
	t.Parallel()
	b := setupBootstrap(t)
	b.run()
	o := b.options
	b.exec("ALTER ROLE " + o.Service.Name + " INHERIT BYPASSRLS")
	b.exec("REVOKE chenu_owner FROM " + o.Migrate.Name)
	b.exec("GRANT TEMPORARY ON DATABASE " + o.Database + " TO PUBLIC")
	b.exec("REVOKE CONNECT ON DATABASE " + o.Database + " FROM " + o.Agent.Name)
	want := []string{
		"changed login " + o.Service.Name + " to NOINHERIT",
		"removed administrative attributes from login " + o.Service.Name,
		"granted chenu_owner to " + o.Migrate.Name,
		"revoked CONNECT and TEMPORARY on database " + o.Database + " from PUBLIC",
		"granted CONNECT on database " + o.Database + " to " + o.Agent.Name,
	}
	if got := b.run().Changes; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := b.run().Changes; len(got) != 0 {
		t.Errorf("again: %q", got)
	}
}

func TestBootstrap_Refuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(b *bootstrapBundle) (adminURL string)
		says   []string
	}{
		{"a role without rights", func(b *bootstrapBundle) string {
			name := strings.TrimSuffix(b.options.Database, "db") + "admin"
			b.exec("CREATE ROLE " + name + " LOGIN PASSWORD 'x'")
			u, err := url.Parse(dbtest.ServerURL(b.t))
			if err != nil {
				b.t.Fatal(err)
			}
			u.User = url.UserPassword(name, "x")
			return u.String()
		}, []string{"lacks CREATEROLE (to create the roles and logins) and CREATEDB (to create the database)", "chenu bootstrap --print"}},
		{"another's database", func(b *bootstrapBundle) string {
			b.exec("CREATE DATABASE " + b.options.Database)
			return ""
		}, []string{"there is a database", "already, and it belongs to", "OWNER TO chenu_owner"}},
		{"a login that is a group", func(b *bootstrapBundle) string {
			b.exec("CREATE ROLE " + b.options.Agent.Name + " NOLOGIN")
			return ""
		}, []string{"there is a role already that nobody may log in as: chenu_test_", "choose another name"}},
		{"one login for two", func(b *bootstrapBundle) string {
			b.options.Agent.Name = b.options.Service.Name
			return ""
		}, []string{"is given twice"}},
		{"a name that needs quotes", func(b *bootstrapBundle) string {
			b.options.Agent.Name = `x"; DROP ROLE postgres; --`
			return ""
		}, []string{"lower-case letters, digits and underscores"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setupBootstrap(t)
			o := b.options
			at := test.change(b)
			if at == "" {
				at = dbtest.ServerURL(t)
			}
			_, err := apply.Bootstrap(t.Context(), at, b.options)
			b.options = o // for the cleanup
			if err == nil {
				t.Fatal("it was not refused")
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not contain %q", err, part)
				}
			}
			if got := b.ask("SELECT count(*)::text FROM pg_roles WHERE rolname = $1", o.Service.Name); got != "0" {
				t.Error("a login was created nevertheless")
			}
		})
	}
}

// TestBootstrap_CreateRoleAdministrator runs bootstrap as an administrator of a managed server, who is not a superuser.
func TestBootstrap_CreateRoleAdministrator(t *testing.T) {
	t.Parallel()
	setupBootstrap(t).run() // creates the roles, with another creator
	b := setupBootstrap(t)
	name := strings.TrimSuffix(b.options.Database, "db") + "admin"
	b.exec("CREATE ROLE " + name + " LOGIN CREATEROLE CREATEDB PASSWORD 'x'")
	u, err := url.Parse(dbtest.ServerURL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, "x")
	report, err := apply.Bootstrap(t.Context(), u.String(), b.options)
	if b.ask("SELECT (current_setting('server_version_num')::int >= 160000)::text") == "true" {
		// The roles exist already, created by another role, and this administrator has no ADMIN OPTION on them.
		if !errors.Is(err, migrations.ErrNoRights) || !strings.Contains(err.Error(), "ADMIN OPTION") {
			t.Errorf("got %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(report.Changes, "granted chenu_owner to the administrator") || !slices.Contains(report.Changes, "created database "+b.options.Database) {
		t.Errorf("changes: %q", report.Changes)
	}
	if report, err = apply.Bootstrap(t.Context(), u.String(), b.options); err != nil || len(report.Changes) != 0 {
		t.Errorf("the second run: %q, %v", report.Changes, err)
	}
}

func TestBootstrapSQL(t *testing.T) {
	t.Parallel()
	script, err := apply.BootstrapSQL(apply.BootstrapOptions{Conventions: &policies.Conventions, Service: apply.Login{Password: "sesam"}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(script, "sesam") {
		t.Error("the script has a password in it")
	}
	roles := strings.TrimSpace(policies.Roles())
	if !strings.Contains(script, roles) {
		t.Error("the roles are not in the script")
	}
	golden.File(t, "testdata/bootstrap.sql", strings.Replace(script, roles, "-- (policies/roles.sql)", 1))
	if _, err := apply.BootstrapSQL(apply.BootstrapOptions{Conventions: &policies.Conventions, Database: "x y"}); err == nil {
		t.Error("a name with a space is accepted")
	}
}

// TestBootstrap_WhileOthersMakeRoles checks that other sessions may create the roles at the same time without the lock,
// as the planner does on a development server.
func TestBootstrap_WhileOthersMakeRoles(t *testing.T) {
	t.Parallel()
	b := setupBootstrap(t)
	b.run()
	tx, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "ALTER ROLE chenu_app NOINHERIT"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := apply.Bootstrap(t.Context(), dbtest.ServerURL(t), b.options)
		done <- err
	}()
	// It waits for the row of chenu_app, which then has changed.
	deadline := time.Now().Add(patience)
	for waiting := false; !waiting; {
		if time.Now().After(deadline) {
			t.Fatal("no session waits for the role")
		}
		if err := tx.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND transactionid = (SELECT backend_xid FROM pg_stat_activity WHERE pid = pg_backend_pid()))").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := await(t, "bootstrap", done); err != nil {
		t.Error(err)
	}
}
