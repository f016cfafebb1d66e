package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/chenu/chenu/migrations"
)

const adminURLVariable = "CHENU_ADMIN_DATABASE_URL"

func runBootstrap(ctx context.Context, args []string, env environment) error {
	var (
		adminURL  string
		printOnly bool
		o         migrations.BootstrapOptions
	)
	set := newFlags(env, "chenu bootstrap [flags]", `Makes what the service needs of a PostgreSQL server before the first migration: the
roles, four logins, and the database, which only the logins may connect to. Needs a
superuser, or a role with CREATEROLE and CREATEDB. It may be run again: it changes
only what is missing.

A login's password is taken from CHENU_BOOTSTRAP_SERVICE_PASSWORD, …_AGENT_PASSWORD,
…_MIGRATE_PASSWORD or …_AUDIT_PASSWORD. Where that is not set, a new login gets a
generated one, which is printed once, and one that is there already keeps its own.

With --print nothing is connected to: the same is printed as a script for psql, for a
DBA to read and run; see the comment at its beginning.

Exits with 0 when everything is there, 1 when something failed, 64 when called wrongly.`)
	set.StringVar(&adminURL, "url", env.Getenv(adminURLVariable), "administrator's `URL`, of any database on the server;\nby default "+adminURLVariable+", which does not show it in the process list")
	set.Lookup("url").DefValue = "" // it may have a password
	set.BoolVar(&printOnly, "print", false, "print the SQL for a DBA, and execute nothing")
	set.StringVar(&o.Database, "database", migrations.DefaultDatabase, "`name` of the database")
	set.StringVar(&o.Service.Name, "service-login", "", "`name` of the login that serves people (default chenu_service)")
	set.StringVar(&o.Agent.Name, "agent-login", "", "`name` of the login that serves agents (default chenu_service_agent)")
	set.BoolVar(&o.SharedLogin, "shared-login", false, "let the service login serve agents too: see CHENU_SHARED_LOGIN")
	set.StringVar(&o.Migrate.Name, "migrate-login", "", "`name` of the login that applies migrations (default chenu_migrate)")
	set.StringVar(&o.Audit.Name, "audit-login", "", "`name` of the login that verifies and backs up (default chenu_verify)")
	if err := parseAll(set, args); err != nil {
		return err
	}
	if printOnly {
		script, err := migrations.BootstrapSQL(o)
		if err != nil {
			return usagef("%v", err)
		}
		_, err = fmt.Fprint(env.Stdout, script)
		return err
	}
	if adminURL == "" {
		return usagef("no server is given: set %s or --url, or use --print", adminURLVariable)
	}
	o.Service.Password = env.Getenv("CHENU_BOOTSTRAP_SERVICE_PASSWORD")
	o.Agent.Password = env.Getenv("CHENU_BOOTSTRAP_AGENT_PASSWORD")
	o.Migrate.Password = env.Getenv("CHENU_BOOTSTRAP_MIGRATE_PASSWORD")
	o.Audit.Password = env.Getenv("CHENU_BOOTSTRAP_AUDIT_PASSWORD")
	report, err := migrations.Bootstrap(ctx, adminURL, o)
	if err != nil {
		return legible(err)
	}
	for _, change := range report.Changes {
		fmt.Fprintln(env.Stdout, change)
	}
	if len(report.Changes) == 0 {
		fmt.Fprintln(env.Stdout, "nothing changed: everything was there already")
	}
	for _, warning := range report.Warnings {
		fmt.Fprintln(env.Stderr, "warning:", warning)
	}
	fmt.Fprint(env.Stdout, "\nThe logins, as the service and its commands want them:\n")
	generated := false
	for _, l := range report.Logins {
		fmt.Fprintf(env.Stdout, "\n# %s\n%s=%s\n", l.Purpose, l.Variable, shownURL(l))
		generated = generated || l.Password != ""
	}
	if generated {
		fmt.Fprint(env.Stdout, "\nThe generated passwords are in these lines and nowhere else: keep them now.\n")
	}
	fmt.Fprint(env.Stdout, "\nNext: `chenu migrate apply`.\n")
	return nil
}

// shownURL is the login's URL with the password only if it was generated just now.
// Whoever gave one has it, and output is often kept, as container engines do.
func shownURL(l migrations.BootstrapLogin) string {
	u, err := url.Parse(l.URL)
	if err != nil || l.Password != "" || u.User == nil {
		return l.URL
	}
	u.User = url.User(u.User.Username())
	return u.String()
}
