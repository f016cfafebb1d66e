package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/migrations/review"
	"github.com/chenu/chenu/policies"
)

func runMigratePlan(ctx context.Context, args []string, env environment) (err error) {
	var (
		t          target
		choice     selection
		server     development
		format     string
		all, check bool
	)
	set := newFlags(env, "chenu migrate plan [flags]", `Reviews migration files. For each statement the report has the locks it takes and what
they block, table scans and rewrites, possible failures on existing rows, its timeouts,
and a safer form if there is one. The report also has the access that the files grant or
remove. The command runs the files on a development server and observes them. With a
database, the report includes the sizes of its tables. The command only reads from the
database.

`+selectionHelp+`

Exit codes: 0 if the report was printed, 1 if the command failed, 64 for a usage error.
With --check: 2 if a statement fails or a finding is not accepted.`)
	t.register(set, env)
	choice.register(set)
	server.register(set)
	set.StringVar(&format, "format", "text", "output `format`: text, markdown or json")
	set.BoolVar(&all, "v", false, "list the statements that block nothing too")
	set.BoolVar(&check, "check", false, "fail if a statement fails or a finding is not accepted")
	if err := parseAll(set, args); err != nil {
		return err
	}
	if format != "text" && format != "markdown" && format != "json" {
		return usagef("--format: unknown format %q: use text, markdown or json", format)
	}
	chosen, err := choice.files(ctx, &t)
	if err != nil {
		return err
	}
	if len(chosen.wanted) == 0 && (chosen.status == nil || chosen.status.Problem == "") {
		fmt.Fprintf(env.Stderr, "nothing to review: %s\n", chosen.what)
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
	switch format {
	case "json":
		err = writeJSON(env.Stdout, r)
	case "markdown":
		err = r.Markdown(env.Stdout)
	default:
		err = r.Text(env.Stdout, isTerminal(env.Stdout) && env.Getenv("NO_COLOR") == "", all)
	}
	switch {
	case err != nil:
		return fmt.Errorf("write the report: %w", err)
	case check && r.Totals.Failed > 0:
		return foundf("a statement fails")
	case check && r.Totals.Findings > 0:
		return foundf("%s not accepted", plural(r.Totals.Findings, "finding"))
	}
	return nil
}
