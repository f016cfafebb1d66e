package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/chenu/chenu/ent/migrate"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
)

// migrationsDir is where the project keeps its history, from its root.
const migrationsDir = "migrations"

func runMigrateDiff(ctx context.Context, args []string, env environment) (err error) {
	var (
		dir    string
		server development
		in     = plan.Input{Conventions: &policies.Conventions}
		check  bool
	)
	set := newFlags(env, "chenu migrate diff [flags] NAME", `Plans the next migration, from the existing migration files to the state that
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

Exit codes: 0 if the migration was written or nothing changed, 1 if the plan was refused
or the command failed, 64 for a usage error. With --check: 2 if something changed.`)
	set.StringVar(&dir, "dir", migrationsDir, "`directory` of the migration files")
	server.register(set)
	set.BoolVar(&in.AllowDestructive, "allow-destructive", false, "allow the migration to drop columns and tables together with their data")
	in.Backfills, in.Conversions = plan.Expressions{}, plan.Expressions{}
	set.Var(in.Backfills, "backfill", "`table.column=expression` that computes the values of existing rows for a column that\nbecomes NOT NULL; may be repeated")
	set.Var(in.Conversions, "convert", "`table.column=expression` that converts the values of a column whose type changes;\nmay be repeated")
	set.BoolVar(&check, "check", false, "write nothing, and fail if a migration is needed")
	if err := parse(set, args); err != nil {
		return err
	}
	switch {
	case check && set.NArg() == 0:
		in.Name = "check"
	case set.NArg() == 1:
		in.Name = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(set.Arg(0)))
	default:
		return usagef("expected one argument: the name of the migration, such as add_task_due_date")
	}
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
		fmt.Fprintln(env.Stdout, "no changes")
		return nil
	}
	for _, line := range planned.Summary {
		fmt.Fprintln(env.Stdout, line)
	}
	if check {
		return foundf("the migrations differ from ent/schema and policies: run make migration name=…")
	}
	if err := plan.Write(dir, planned); err != nil {
		return err
	}
	for _, file := range planned.Files {
		fmt.Fprintf(env.Stdout, "wrote %s/%s\n", dir, file.Name)
	}
	return nil
}
