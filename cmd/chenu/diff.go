package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/ent/migrate"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
)

// migrationsDir is the directory of the migrations, relative to the root of the project.
const migrationsDir = "migrations"

const diffAbout = `Plans the next migration, from the existing migration files to the state that
ent/schema and policies declare. It tests the migration on a development server and
writes it together with atlas.sum. If nothing changed, it writes nothing. NAME states
the purpose of the migration, such as add_task_due_date.

A plan has up to three files, so that long operations do not block reads and writes:
  NAME.sql         One transaction that holds its locks only briefly. New constraints of
                   existing tables are not validated yet: they apply to new rows only.
  NAME_online.sql  Runs outside a transaction. It fills existing rows in batches, builds
                   indexes concurrently and validates the constraints. Changes that
                   require these steps, such as NOT NULL, follow with brief locks.
  NAME_drop.sql    One transaction that drops the columns from which rows were filled.
A file is written only if it is needed. A change without an online form is in NAME.sql,
with a comment about its cost. docs/expand-and-contract.md explains how to rename
columns and tables while the service is running.

--json prints one object: files (each with name and sql), summary (a list of lines) and
written (true if the files were written). Both lists are empty if nothing changed.`

func newMigrateDiff(env environment) *cobra.Command {
	var (
		dir    string
		server development
		in     = plan.Input{Conventions: &policies.Conventions, Backfills: plan.Expressions{}, Conversions: plan.Expressions{}}
		as     diffForm
	)
	cmd := &cobra.Command{
		Use:   "diff NAME",
		Short: "plan the next migration from ent/schema and policies",
		Long:  diffAbout,
		Example: `  chenu migrate diff add_task_due_date
  chenu migrate diff --backfill "tasks.due_on=created_at::date" require_task_due_date
  chenu migrate diff --check`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && (len(args) > 0 || !as.check) {
				return usagef("expected one argument: the name of the migration, such as add_task_due_date")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Name = "check"
			if len(args) > 0 {
				in.Name = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(args[0]))
			}
			return diffMigrations(cmd.Context(), env, dir, &server, in, as)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "dir", migrationsDir, "`directory` of the migration files")
	server.register(flags)
	flags.BoolVar(&in.AllowDestructive, "allow-destructive", false, "allow the migration to drop columns and tables together with their data")
	flags.Var(repeated(in.Backfills.Set), "backfill", "`table.column=expression` that computes the values of existing rows for a column that becomes NOT NULL; may be repeated")
	flags.Var(repeated(in.Conversions.Set), "convert", "`table.column=expression` that converts the values of a column whose type changes; may be repeated")
	flags.BoolVar(&as.check, "check", false, "write nothing, and fail if a migration is needed")
	jsonFlag(flags, &as.json)
	completesDir(cmd)
	describeExits(cmd, "the migration was written, or nothing changed", "the plan was refused, or the command failed", "with --check: a migration is needed")
	return cmd
}

// diffForm selects what happens with the plan. check writes no migration, and fails if one is needed. json prints the
// plan as JSON.
type diffForm struct{ check, json bool }

// diffMigrations plans the next migration of the directory and writes it.
func diffMigrations(ctx context.Context, env environment, dir string, server *development, in plan.Input, as diffForm) (err error) {
	if in.Dir, err = openDir(dir); err != nil {
		return err
	}
	var stop func() error
	if in.DevURL, stop, err = server.start(ctx, env, 0); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	in.Desired = plan.Graph(migrate.Tables, policies.Tables, policies.SQL())
	planned, err := plan.Diff(ctx, in)
	if err != nil {
		return err
	}
	if planned == nil {
		planned = &plan.Plan{Files: []plan.File{}, Summary: []string{}}
	}
	if !as.json {
		if err := planned.Text(env.Stdout); err != nil {
			return err
		}
	}
	if len(planned.Files) > 0 && !as.check {
		if err := plan.Write(dir, planned); err != nil {
			return err
		}
	}
	if as.json {
		if err := writeJSON(env.Stdout, planned); err != nil {
			return err
		}
	}
	switch {
	case len(planned.Files) > 0 && as.check:
		return foundf("the migrations differ from ent/schema and policies: run make migration name=…")
	case as.json || !planned.Written:
		return nil
	}
	for _, file := range planned.Files {
		fmt.Fprintf(env.Stdout, "wrote %s/%s\n", dir, file.Name)
	}
	return nil
}
