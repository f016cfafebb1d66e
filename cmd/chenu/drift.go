package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
)

const driftAbout = `Compares a database with its migrations, and prints the differences and the SQL that
repairs them. The command only reads from the database, in one read-only transaction.
It compares:
  - tables, columns, indexes (including invalid indexes), constraints (including
    constraints that are not validated), functions and triggers (including disabled
    triggers)
  - policies, row-level security, owners, privileges and default privileges
  - views and other objects that no migration creates
  - the roles of chenu and their logins, with their attributes and memberships in both
    directions
  - the owner of the database, and the CONNECT privilege
  - settings of ALTER DATABASE and ALTER ROLE that change which rows a session can access
Partitions that were created at run time are not reported if they have the same
protection as the default partition.

A database with pending migrations is compared with its current version.

If you use other logins than the default logins of chenu bootstrap, name them with
--login. The login of --url is known.

--json prints one object:
  database     name of the database
  version      the version with which the database was compared
  state        current or behind
  differences  list of objects with: kind; object; what, a sentence; live and expected,
               the definitions; and security, true if the difference can affect access
  repair       list of statements, in order, with: sql; as, the role that runs it (admin:
               a superuser or the creator of the roles; owner: a login that is a member of
               chenu_owner); note; and withheld, the reason to review the statement first:
               it would delete data, or it must be completed manually`

// driftForm is the form in which the differences are printed.
type driftForm struct{ onlySQL, json bool }

func newMigrateDrift(env environment) *cobra.Command {
	var (
		t      target
		server development
		in     = plan.DriftInput{Conventions: &policies.Conventions, Logins: map[string]string{}}
		form   driftForm
	)
	cmd := &cobra.Command{
		Use:   "drift",
		Short: "compare a database with its migrations",
		Long:  driftAbout,
		Example: `  chenu migrate drift --login shop_service=chenu_app --accept 'extension pg_stat_statements'
  chenu migrate drift --sql > repair.sql`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if form.onlySQL && form.json {
				return usagef("--sql and --json exclude each other: use one of them")
			}
			return reportDrift(cmd.Context(), env, &t, &server, in, form)
		},
	}
	flags := cmd.Flags()
	t.register(flags, env)
	server.register(flags)
	flags.Var(repeated(func(text string) error {
		login, role, ok := strings.Cut(text, "=")
		if !ok || login == "" || !strings.HasPrefix(role, "chenu_") {
			return errors.New("use the form login=role, such as shop_service=chenu_app")
		}
		in.Logins[login] = role
		return nil
	}), "login", "`name=role` of a login and the role of which it should be a member, such as shop_service=chenu_app; may be repeated")
	flags.StringArrayVar(&in.Accept, "accept", nil, "`object` to ignore, as named by --json, such as 'extension pg_stat_statements'; only for objects that no migration manages; may be repeated")
	flags.BoolVar(&form.onlySQL, "sql", false, "print only the SQL of the repair, as a script for psql")
	jsonFlag(flags, &form.json)
	completesDir(cmd)
	describeExits(cmd, "nothing differs", "the command failed", "something differs")
	return cmd
}

func reportDrift(ctx context.Context, env environment, t *target, server *development, in plan.DriftInput, form driftForm) (err error) {
	if err := t.needURL(); err != nil {
		return err
	}
	in.URL = t.url
	if in.Dir, err = t.open(); err != nil {
		return err
	}
	stop := func() error { return nil }
	defer func() { err = errors.Join(err, stop()) }()
	in.DevServer = func(ctx context.Context, major int) (url string, err error) {
		url, stopServer, err := server.start(ctx, env, major)
		if err == nil {
			stop = stopServer
		}
		return url, err
	}
	steps := &slowSteps{w: env.Stderr}
	in.Progress = steps.next
	drift, err := plan.ReadDrift(ctx, in)
	steps.next("")
	if err != nil {
		return err
	}
	switch {
	case form.json:
		err = writeJSON(env.Stdout, drift)
	case form.onlySQL:
		err = drift.WriteRepair(env.Stdout)
	default:
		err = drift.Text(env.Stdout)
	}
	if err != nil {
		return fmt.Errorf("write the differences: %w", err)
	}
	if n := len(drift.Differences); n > 0 {
		return foundf("the database differs from its migrations: %s", migrations.Count(n, "difference"))
	}
	return nil
}

// slowSteps prints the names of steps that take more than a second.
type slowSteps struct {
	w     io.Writer
	mu    sync.Mutex
	timer *time.Timer
}

func (s *slowSteps) next(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if step == "" {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Second, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.timer == timer {
			fmt.Fprintf(s.w, "%s …\n", step)
		}
	})
	s.timer = timer
}
