package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/policies"
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
the same. A comment at the start of the script explains how to run it.

--json prints one object: database; changes and warnings, lists of sentences; and logins,
a list of objects with: name; purpose; variable, which takes the URL; url; and generated,
true if the password was generated. Only then the URL contains the password.`

func newBootstrap(env environment) *cobra.Command {
	var (
		adminURL  string
		printOnly bool
		asJSON    bool
		o         = apply.BootstrapOptions{Conventions: &policies.Conventions}
	)
	cmd := &cobra.Command{
		Use:   "bootstrap",
		Short: "create the roles, the logins and the database, or print the SQL script",
		Long:  bootstrapAbout,
		Example: `  CHENU_ADMIN_DATABASE_URL=postgres://postgres@db.example.org/postgres chenu bootstrap
  chenu bootstrap --print > bootstrap.sql`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if printOnly && asJSON {
				return usagef("--print and --json exclude each other: use one of them")
			}
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
			return bootstrap(cmd.Context(), env, adminURL, o, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&adminURL, "url", env.Getenv(adminURLVariable), "`URL` of any database on the server, with the login of an administrator; by default "+adminURLVariable+", which keeps the password out of the process list")
	flags.Lookup("url").DefValue = "" // It may contain a password.
	flags.BoolVar(&printOnly, "print", false, "print the SQL script instead of running it")
	jsonFlag(flags, &asJSON)
	flags.StringVar(&o.Database, "database", apply.DefaultDatabase, "`name` of the database")
	flags.StringVar(&o.Service.Name, "service-login", "", "`name` of the login that serves people (default chenu_service)")
	flags.StringVar(&o.Agent.Name, "agent-login", "", "`name` of the login that serves agents (default chenu_service_agent)")
	flags.BoolVar(&o.SharedLogin, "shared-login", false, "use the service login for agents too: see CHENU_SHARED_LOGIN")
	flags.StringVar(&o.Migrate.Name, "migrate-login", "", "`name` of the login that applies migrations (default chenu_migrate)")
	flags.StringVar(&o.Audit.Name, "audit-login", "", "`name` of the login for verification and backups (default chenu_verify)")
	describeExits(cmd, "all objects exist", "the command failed", "")
	return cmd
}

func bootstrap(ctx context.Context, env environment, adminURL string, o apply.BootstrapOptions, asJSON bool) error {
	o.Service.Password = env.Getenv("CHENU_BOOTSTRAP_SERVICE_PASSWORD")
	o.Agent.Password = env.Getenv("CHENU_BOOTSTRAP_AGENT_PASSWORD")
	o.Migrate.Password = env.Getenv("CHENU_BOOTSTRAP_MIGRATE_PASSWORD")
	o.Audit.Password = env.Getenv("CHENU_BOOTSTRAP_AUDIT_PASSWORD")
	report, err := apply.Bootstrap(ctx, adminURL, o)
	if err != nil {
		return err
	}
	for _, warning := range report.Warnings {
		fmt.Fprintln(env.Stderr, "warning:", warning)
	}
	if asJSON {
		return writeJSON(env.Stdout, report.Document())
	}
	return report.Text(env.Stdout)
}
