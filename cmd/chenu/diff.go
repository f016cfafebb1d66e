package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/chenu/chenu/ent/migrate"
	"github.com/chenu/chenu/migrations/planner"
	"github.com/chenu/chenu/policies"
)

// migrationsDir is where the project keeps its history, from its root.
const migrationsDir = "migrations"

func runMigrateDiff(ctx context.Context, args []string, env environment) (err error) {
	var (
		dir   string
		dev   development
		in    planner.Input
		check bool
	)
	set := newFlags(env, "chenu migrate diff [flags] NAME", `Plans the migration from the last one to what ent/schema and policies say, proves
it on a development server, and writes it with atlas.sum. Writes nothing when
nothing changed. NAME says what it is for, as in add_task_due_date.

A plan has two files, so that nobody waits for what takes long. NAME.sql, one
transaction, needs its locks for a moment: constraints of tables that stand hold for
new rows. NAME_online.sql, outside a transaction, fills existing rows in batches,
builds indexes concurrently and checks the constraints; what that makes possible, such
as NOT NULL, follows for a moment each. NAME_drop.sql, one transaction, drops what the
rows were filled from. Each is written only if needed. What has no online form is
in the first, and says there what it costs. docs/expand-and-contract.md tells how to
change names while the service runs.

Exits with 0 when it was written or nothing changed, 1 when it was refused or
failed, 64 when called wrongly; with --check with 2 when something changed.`)
	set.StringVar(&dir, "dir", migrationsDir, "migration `directory`")
	dev.register(set)
	set.BoolVar(&in.AllowDestructive, "allow-destructive", false, "permit dropping columns and tables with what is in them")
	in.Backfills, in.Conversions = planner.Expressions{}, planner.Expressions{}
	set.Var(in.Backfills, "backfill", "`table.column=expression` that fills a column of existing rows when it becomes\nNOT NULL; may be repeated")
	set.Var(in.Conversions, "convert", "`table.column=expression` that converts the values of a column whose type changes;\nmay be repeated")
	set.BoolVar(&check, "check", false, "write nothing; fail when there would be something to write")
	if err := parse(set, args); err != nil {
		return err
	}
	switch {
	case check && set.NArg() == 0:
		in.Name = "check"
	case set.NArg() == 1:
		in.Name = strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(set.Arg(0)))
	default:
		return usagef("give the migration one name, such as add_task_due_date")
	}
	if in.Dir, err = openDir(dir); err != nil {
		return err
	}
	var stop func() error
	if in.DevURL, stop, err = dev.start(ctx, env, 0); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	in.Desired = planner.Graph(migrate.Tables, policies.Tables, policies.SQL())
	plan, err := planner.Diff(ctx, in)
	if err != nil {
		return err
	}
	if plan == nil {
		fmt.Fprintln(env.Stdout, "no changes")
		return nil
	}
	for _, line := range plan.Summary {
		fmt.Fprintln(env.Stdout, line)
	}
	if check {
		return foundf("the migrations do not lead to what ent/schema and policies say: run make migration name=…")
	}
	if err := planner.Write(dir, plan); err != nil {
		return err
	}
	for _, file := range plan.Files {
		fmt.Fprintf(env.Stdout, "written: %s/%s\n", dir, file.Name)
	}
	return nil
}
