package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/migrations/apply"
)

const adminURLVariable = "CHENU_ADMIN_DATABASE_URL"

const bootstrapAbout = `Prepares a PostgreSQL server for the first migration: it creates the roles, four
logins, and the database, to which only the logins can connect. It requires a
superuser, or a role with CREATEROLE and CREATEDB. It can be run again: it then
creates only the missing objects.

The passwords of the logins are read from CHENU_BOOTSTRAP_SERVICE_PASSWORD,
CHENU_BOOTSTRAP_AGENT_PASSWORD, CHENU_BOOTSTRAP_MIGRATE_PASSWORD and
CHENU_BOOTSTRAP_AUDIT_PASSWORD. If a variable is not set, a new login gets a generated
password, which is printed once, and an existing login keeps its password.

With --print the command connects to no server. It prints a script for psql that does
the same. A comment at the start of the script explains how to run it.`

func newBootstrap(env environment) *cobra.Command {
	var (
		adminURL  string
		printOnly bool
		o         apply.BootstrapOptions
	)
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "create the roles, the logins and the database, or print the SQL script",
		Long:  bootstrapAbout,
		Example: `  CHENU_ADMIN_DATABASE_URL=postgres://postgres@db.example.org/postgres chenu bootstrap
  chenu bootstrap --print > bootstrap.sql`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printOnly {
				script, err := apply.BootstrapSQL(o)
				if err != nil {
					return usagef("%v", err)
				}
				_, err = fmt.Fprint(env.Stdout, script)
				return err
			}
			if adminURL == "" {
				return usagef("no server is set: set %s or --url, or use --print", adminURLVariable)
			}
			return bootstrap(cmd.Context(), env, adminURL, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&adminURL, "url", env.Getenv(adminURLVariable), "`URL` of any database on the server, with the login of an administrator; by default "+adminURLVariable+", which keeps the password out of the process list")
	flags.Lookup("url").DefValue = "" // It may contain a password.
	flags.BoolVar(&printOnly, "print", false, "print the SQL script instead of running it")
	flags.StringVar(&o.Database, "database", apply.DefaultDatabase, "`name` of the database")
	flags.StringVar(&o.Service.Name, "service-login", "", "`name` of the login that serves people (default chenu_service)")
	flags.StringVar(&o.Agent.Name, "agent-login", "", "`name` of the login that serves agents (default chenu_service_agent)")
	flags.BoolVar(&o.SharedLogin, "shared-login", false, "use the service login for agents too: see CHENU_SHARED_LOGIN")
	flags.StringVar(&o.Migrate.Name, "migrate-login", "", "`name` of the login that applies migrations (default chenu_migrate)")
	flags.StringVar(&o.Audit.Name, "audit-login", "", "`name` of the login for verification and backups (default chenu_verify)")
	describeExits(cmd, "all objects exist", "the command failed", "")
	return cmd
}

func bootstrap(ctx context.Context, env environment, adminURL string, o apply.BootstrapOptions) error {
	o.Service.Password = env.Getenv("CHENU_BOOTSTRAP_SERVICE_PASSWORD")
	o.Agent.Password = env.Getenv("CHENU_BOOTSTRAP_AGENT_PASSWORD")
	o.Migrate.Password = env.Getenv("CHENU_BOOTSTRAP_MIGRATE_PASSWORD")
	o.Audit.Password = env.Getenv("CHENU_BOOTSTRAP_AUDIT_PASSWORD")
	report, err := apply.Bootstrap(ctx, adminURL, o)
	if err != nil {
		return err
	}
	for _, change := range report.Changes {
		fmt.Fprintln(env.Stdout, change)
	}
	if len(report.Changes) == 0 {
		fmt.Fprintln(env.Stdout, "nothing changed: all objects exist")
	}
	for _, warning := range report.Warnings {
		fmt.Fprintln(env.Stderr, "warning:", warning)
	}
	fmt.Fprint(env.Stdout, "\nSet these variables for the service and its commands:\n")
	generated := false
	for _, l := range report.Logins {
		fmt.Fprintf(env.Stdout, "\n# %s\n%s=%s\n", l.Purpose, l.Variable, shownURL(l))
		generated = generated || l.Password != ""
	}
	if generated {
		fmt.Fprint(env.Stdout, "\nThe generated passwords are not stored anywhere else: save these lines now.\n")
	}
	fmt.Fprint(env.Stdout, "\nNext: `chenu migrate apply`.\n")
	return nil
}

// shownURL is the login's URL with the password only if it was generated just now.
// Whoever gave one has it, and output is often kept, as container engines do.
func shownURL(l apply.BootstrapLogin) string {
	u, err := url.Parse(l.URL)
	if err != nil || l.Password != "" || u.User == nil {
		return l.URL
	}
	u.User = url.User(u.User.Username())
	return u.String()
}
