package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	pages "github.com/chenu/chenu/docs/lint"
	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
)

const lintAbout = `Replays migration files on a development server and reports statements that block
reads or writes, lose data, can fail on existing data, or grant more access than
intended. Each finding has a code and, if there is a safer form, the SQL to use
instead. --explain CODE prints the reasons and examples.

` + selectionHelp + `
With a database, the command also checks the database's history and the privileges of
PUBLIC on the database. It writes nothing to the database.

To accept a finding, add a comment to the file: above the statement, or at the top of
the file followed by an empty line. The Atlas CLI reads the same comment:

  -- atlas:nolint CN113 DS103 -- the table has ten rows`

func newMigrateLint(env environment) *cobra.Command {
	var (
		t               target
		s               selection
		server          development
		as              format
		failOn, explain string
	)
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "check migration files for unsafe statements",
		Long:  lintAbout,
		Example: `  chenu migrate lint --latest 1
  chenu migrate lint --git-base origin/main --format markdown
  chenu migrate lint --explain CN101`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if explain != "" {
				if as.json {
					return usagef("--explain and --json exclude each other: use one of them")
				}
				return explainRule(env.Stdout, explain)
			}
			if err := as.check(cmd); err != nil {
				return err
			}
			if failOn != "warning" && failOn != "error" {
				return usagef("--fail-on: unknown severity %q: use warning or error", failOn)
			}
			report, err := lintFiles(cmd.Context(), &t, &s, &server, env)
			if err != nil {
				return err
			}
			switch as.name {
			case "json":
				err = writeJSON(env.Stdout, report)
			case "markdown":
				err = report.Markdown(env.Stdout)
			default:
				err = report.Text(env.Stdout, colored(env))
			}
			if err != nil {
				return err
			}
			if found, warnings := report.Count(); found > 0 || warnings > 0 && failOn == "warning" {
				return foundf("%s", report.Summary())
			}
			return nil
		},
	}
	flags := cmd.Flags()
	t.register(flags, env)
	s.register(flags)
	server.register(flags)
	as.register(cmd, "text", "markdown", "json")
	flags.StringVar(&failOn, "fail-on", "warning", "lowest `severity` that leads to exit code 2: warning or error")
	flags.StringVar(&explain, "explain", "", "print the page about the finding with this `code`, and exit")
	completesDir(cmd)
	s.completes(cmd, &t)
	completesOneOf(cmd, "fail-on", "warning", "error")
	completes(cmd, "explain", ruleCodes)
	describeExits(cmd, "there are no findings, or all are accepted", "the command failed", "there are findings that are not accepted")
	return cmd
}

func explainRule(w io.Writer, code string) error {
	page, ok := pages.Page(strings.ToUpper(code))
	if !ok {
		var codes []string
		for _, r := range lint.Rules() {
			codes = append(codes, r.Code)
		}
		return usagef("unknown code %s: use one of %s", code, strings.Join(codes, " "))
	}
	fmt.Fprint(w, page)
	return nil
}

func lintFiles(ctx context.Context, t *target, s *selection, server *development, env environment) (_ *lint.Report, err error) {
	chosen, err := s.files(ctx, t)
	if err != nil {
		return nil, err
	}
	report := &lint.Report{Files: []string{}, Findings: []lint.Finding{}, Dir: t.dir}
	for _, f := range chosen.files {
		if chosen.want(f) {
			report.Files = append(report.Files, f.Name)
		}
	}
	fmt.Fprintf(env.Stderr, "checking %s: %s\n", chosen.what, migrations.Count(len(report.Files), "file"))
	options := lint.Options{Conventions: &policies.Conventions, History: history(chosen)}
	major := 0
	if t.url != "" {
		if major, options.History.PublicMay, err = askDatabase(ctx, t.url); err != nil {
			return nil, err
		}
	}
	record := new(replay.Record)
	if len(report.Files) > 0 {
		url, stop, err := server.start(ctx, env, major)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, stop()) }()
		if record, err = replayOn(ctx, url, replay.Input{Files: chosen.files, Want: chosen.want, Tables: true}); err != nil {
			return nil, err
		}
	}
	found, err := lint.Run(ctx, record, options)
	if err != nil {
		return nil, err
	}
	report.Findings = append(report.Findings, found...)
	return report, nil
}

// replayOn replays the migrations on the development server at url.
func replayOn(ctx context.Context, url string, in replay.Input) (_ *replay.Record, err error) {
	server, err := dev.Open(ctx, url, &policies.Conventions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close(ctx)) }()
	return replay.Run(ctx, server, in)
}

// history returns what is known about other branches and the database from the selection.
func history(c *selected) lint.History {
	var h lint.History
	if c.status != nil {
		h.Refusal = c.status.Err()
	}
	if c.base != nil {
		h.Base, h.Edited, h.Removed, h.Merged = c.base.ref, c.base.edited, c.base.removed, c.base.merged
		for _, f := range c.files {
			if !slices.Contains(c.base.same, f.Name) && !slices.Contains(c.base.edited, f.Name) {
				h.Added = append(h.Added, f.Name)
			}
		}
	}
	return h
}

// askDatabase returns the major version of the server, and the privileges of PUBLIC on the database itself.
func askDatabase(ctx context.Context, url string) (major int, publicMay []string, err error) {
	const query = `
		SELECT pg_catalog.current_setting('server_version_num')::int / 10000, ARRAY(
			SELECT a.privilege_type
			FROM pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
			WHERE a.grantee = 0 ORDER BY 1)
		FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, nil, fmt.Errorf("connect to the database: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	if err := conn.QueryRow(ctx, query).Scan(&major, &publicMay); err != nil {
		return 0, nil, fmt.Errorf("read the database's version and privileges: %w", err)
	}
	return major, publicMay, nil
}
