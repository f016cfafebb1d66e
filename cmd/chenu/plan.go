package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/migrations/review"
	"github.com/chenu/chenu/policies"
)

const planAbout = `Reviews migration files. For each statement the report has the locks it takes and what
they block, table scans and rewrites, possible failures on existing rows, its timeouts,
and a safer form if there is one. The report also has the access that the files grant or
remove. The command runs the files on a development server and observes them. With a
database, the report includes the sizes of its tables. The command only reads from the
database.

` + selectionHelp

// planForm selects the form of the review. all also lists the statements that block nothing, and check fails if a
// statement fails or a finding is not accepted.
type planForm struct {
	format     format
	all, check bool
}

func newMigratePlan(env environment) *cobra.Command {
	var (
		t      target
		choice selection
		server development
		form   planForm
	)
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "show the locks, scans, rewrites, risks and access changes of migrations",
		Long:  planAbout,
		Example: `  chenu migrate plan
  chenu migrate plan --git-base origin/main --format markdown --check`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := form.format.check(cmd); err != nil {
				return err
			}
			return reviewFiles(cmd.Context(), env, &t, &choice, &server, form)
		},
	}
	flags := cmd.Flags()
	t.register(flags, env)
	choice.register(flags)
	server.register(flags)
	form.format.register(cmd, "text", "markdown", "json")
	flags.BoolVarP(&form.all, "verbose", "v", false, "list the statements that block nothing too")
	flags.BoolVar(&form.check, "check", false, "fail if a statement fails or a finding is not accepted")
	completesDir(cmd)
	choice.completes(cmd, &t)
	describeExits(cmd, "the report was printed", "the command failed", "with --check: a statement fails, or a finding is not accepted")
	return cmd
}

func reviewFiles(ctx context.Context, env environment, t *target, choice *selection, server *development, form planForm) (err error) {
	chosen, err := choice.files(ctx, t)
	if err != nil {
		return err
	}
	if chosen.nothing() {
		fmt.Fprintf(env.Stderr, "nothing to review: %s\n", chosen.what)
		if form.format.name == "json" {
			r, err := review.New(ctx, new(replay.Record), lint.Options{Conventions: &policies.Conventions})
			if err != nil {
				return err
			}
			return writeJSON(env.Stdout, r)
		}
		return nil
	}
	fmt.Fprintf(env.Stderr, "reviewing %s\n", chosen.what)
	options := lint.Options{Conventions: &policies.Conventions, History: history(chosen)}
	major := 0
	if t.url != "" {
		if major, options.History.PublicMay, err = askDatabase(ctx, t.url); err != nil {
			return err
		}
	}
	url, stop, err := server.start(ctx, env, major)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	record, err := replayOn(ctx, url, replay.Input{
		Files: chosen.files, Want: chosen.want, Tables: true,
		Progress: func(name string) { fmt.Fprintf(env.Stderr, "running %s\n", name) },
	})
	if err != nil {
		return err
	}
	r, err := review.New(ctx, record, options)
	if err != nil {
		return err
	}
	if t.url != "" {
		if err := r.Measure(ctx, t.url); err != nil {
			return err
		}
	}
	switch form.format.name {
	case "json":
		err = writeJSON(env.Stdout, r)
	case "markdown":
		err = r.Markdown(env.Stdout)
	default:
		err = r.Text(env.Stdout, colored(env), form.all)
	}
	switch {
	case err != nil:
		return fmt.Errorf("write the report: %w", err)
	case form.check && r.Totals.Failed > 0:
		return foundf("a statement fails")
	case form.check && r.Totals.Findings > 0:
		return foundf("%s not accepted", migrations.Count(r.Totals.Findings, "finding"))
	}
	return nil
}
