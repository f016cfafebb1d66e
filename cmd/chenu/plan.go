package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/migrations/report"
)

func runMigratePlan(ctx context.Context, args []string, env environment) (err error) {
	var (
		t          target
		choice     selection
		dev        development
		format     string
		all, check bool
	)
	set := newFlags(env, "chenu migrate plan [flags]", `Says of migration files what a DBA decides by: what each statement locks and whom
that keeps waiting, what it reads from end to end or writes anew, whether it can
fail on rows that are there, its timeouts, and a safer form where there is one; and
who gains or loses access to which rows. The files are run on a development server
and watched; nothing is written anywhere else. With a database it adds how large its
tables are, and only reads it.

`+selectionHelp+`

Exits with 0 when it could tell, 1 when not, 64 when called wrongly; with --check
with 2 when a statement fails, or a finding is not accepted.`)
	t.register(set, env)
	choice.register(set)
	dev.register(set)
	set.StringVar(&format, "format", "text", "`text`, markdown or json")
	set.BoolVar(&all, "v", false, "list the statements that keep nobody waiting too")
	set.BoolVar(&check, "check", false, "fail when a statement does, or a finding is not accepted")
	if err := parseAll(set, args); err != nil {
		return err
	}
	if format != "text" && format != "markdown" && format != "json" {
		return usagef("--format is text, markdown or json, not %q", format)
	}
	chosen, err := choice.files(ctx, &t)
	if err != nil {
		return err
	}
	if len(chosen.wanted) == 0 && (chosen.standing == nil || chosen.standing.Problem == "") {
		fmt.Fprintf(env.Stderr, "nothing to plan in %s\n", chosen.what)
		return nil
	}
	fmt.Fprintf(env.Stderr, "planning %s\n", chosen.what)
	options := lint.Options{History: history(chosen)}
	major := 0
	if t.url != "" {
		if major, options.History.PublicMay, err = askDatabase(ctx, t.url); err != nil {
			return err
		}
	}
	url, stop, err := dev.start(ctx, env, major)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	record, err := replayOn(ctx, url, replay.Input{
		Files: chosen.files, Want: chosen.want, Tables: true,
		Progress: func(name string) { fmt.Fprintf(env.Stderr, "trying %s\n", name) },
	})
	if err != nil {
		return err
	}
	r, err := report.New(ctx, record, options)
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
		return fmt.Errorf("write the plan: %w", err)
	case check && r.Totals.Failed > 0:
		return foundf("a statement fails")
	case check && r.Totals.Findings > 0:
		return foundf("%s not accepted", plural(r.Totals.Findings, "finding"))
	}
	return nil
}
