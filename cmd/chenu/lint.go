package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	pages "github.com/chenu/chenu/docs/lint"
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

// lintWriters are the formats of the report.
var lintWriters = map[string]func(io.Writer, *lintReport) error{
	"text": writeLintText, "markdown": writeLintMarkdown, "json": writeLintJSON,
}

func newMigrateLint(env environment) *cobra.Command {
	var (
		t                       target
		s                       selection
		server                  development
		format, failOn, explain string
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
				return explainRule(env.Stdout, explain)
			}
			write, ok := lintWriters[format]
			if !ok {
				return usagef("--format: unknown format %q: use text, markdown or json", format)
			}
			if failOn != "warning" && failOn != "error" {
				return usagef("--fail-on: unknown severity %q: use warning or error", failOn)
			}
			report, err := lintFiles(cmd.Context(), &t, &s, &server, env)
			if err != nil {
				return err
			}
			report.color = colored(env)
			if err := write(env.Stdout, report); err != nil {
				return fmt.Errorf("write the findings: %w", err)
			}
			if found, warnings := report.count(); found > 0 || warnings > 0 && failOn == "warning" {
				return foundf("%s", report.sum())
			}
			return nil
		},
	}
	flags := cmd.Flags()
	t.register(flags, env)
	s.register(flags)
	server.register(flags)
	flags.StringVar(&format, "format", "text", "output `format`: text, markdown or json")
	flags.StringVar(&failOn, "fail-on", "warning", "lowest `severity` that leads to exit code 2: warning or error")
	flags.StringVar(&explain, "explain", "", "print the page about the finding with this `code`, and exit")
	completesDir(cmd)
	s.completes(cmd, &t)
	completesOneOf(cmd, "format", slices.Sorted(maps.Keys(lintWriters))...)
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

// lintReport is the report that the command prints.
type lintReport struct {
	Looked   []string       `json:"files"`
	Findings []lint.Finding `json:"findings"`
	dir      string         // before the files' names; "" for those of the program
	color    bool
}

func lintFiles(ctx context.Context, t *target, s *selection, server *development, env environment) (_ *lintReport, err error) {
	chosen, err := s.files(ctx, t)
	if err != nil {
		return nil, err
	}
	report := &lintReport{Looked: []string{}, Findings: []lint.Finding{}, dir: t.dir}
	for _, f := range chosen.files {
		if chosen.want(f) {
			report.Looked = append(report.Looked, f.Name)
		}
	}
	fmt.Fprintf(env.Stderr, "checking %s: %s\n", chosen.what, plural(len(report.Looked), "file"))
	options := lint.Options{Conventions: &policies.Conventions, History: history(chosen)}
	major := 0
	if t.url != "" {
		if major, options.History.PublicMay, err = askDatabase(ctx, t.url); err != nil {
			return nil, err
		}
	}
	record := new(replay.Record)
	if len(report.Looked) > 0 {
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

// replayOn replays on the development server at url.
func replayOn(ctx context.Context, url string, in replay.Input) (_ *replay.Record, err error) {
	server, err := dev.Open(ctx, url, &policies.Conventions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close(ctx)) }()
	return replay.Run(ctx, server, in)
}

// history is what the selection has learned of other branches and the database.
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

// askDatabase asks for the major version of its PostgreSQL, and what PUBLIC may
// do to the database itself.
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

// count counts the findings that are not accepted.
func (r *lintReport) count() (found, warnings int) {
	for _, f := range lint.Open(r.Findings) {
		if f.Severity == lint.Error {
			found++
		} else {
			warnings++
		}
	}
	return found, warnings
}

// sum returns a line with the number of findings.
func (r *lintReport) sum() string {
	found, warnings := r.count()
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{found, "error"}, {warnings, "warning"}} {
		if p.n > 0 {
			parts = append(parts, plural(p.n, p.noun))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "no findings")
	}
	text := strings.Join(parts, " and ") + " in " + plural(len(r.Looked), "file")
	if n := len(r.Findings) - found - warnings; n > 0 {
		text += fmt.Sprintf(", %d accepted", n)
	}
	return text
}

// place returns the location of a finding, in the form that editors and terminals link.
func (r *lintReport) place(f lint.Finding) string {
	switch {
	case f.File == "":
		return "the database"
	case f.Line == 0:
		return filepath.Join(r.dir, f.File)
	}
	return fmt.Sprintf("%s:%d", filepath.Join(r.dir, f.File), f.Line)
}

func writeLintText(w io.Writer, r *lintReport) error {
	paint := func(code, text string) string {
		if !r.color {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	var b strings.Builder
	for _, f := range lint.Open(r.Findings) {
		tone := "33" // yellow
		if f.Severity == lint.Error {
			tone = "31" // red
		}
		fmt.Fprintf(&b, "%s: %s %s: %s\n", r.place(f), paint("1", f.Code), paint(tone, string(f.Severity)), f.Message)
		if f.Advice != "" {
			for line := range strings.SplitSeq(f.Advice, "\n") {
				fmt.Fprintf(&b, "    %s\n", paint("2", line))
			}
		}
	}
	if found, warnings := r.count(); found+warnings == 0 {
		fmt.Fprintln(&b, r.sum())
	} else {
		fmt.Fprintln(&b, "\nUse \"chenu migrate lint --explain CODE\" for more about a finding.")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeLintMarkdown(w io.Writer, r *lintReport) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## Migration lint: %s\n", r.sum())
	for _, f := range lint.Open(r.Findings) {
		fmt.Fprintf(&b, "\n**%s** `%s` %s, at `%s`: %s\n", f.Code, f.Name, f.Severity, r.place(f), f.Message)
		switch {
		case strings.HasSuffix(f.Advice, ";"):
			fmt.Fprintf(&b, "\n```sql\n%s\n```\n", f.Advice)
		case f.Advice != "":
			fmt.Fprintf(&b, "\n%s\n", f.Advice)
		}
	}
	accepted := false
	for _, f := range r.Findings {
		if f.Accepted == "" {
			continue
		}
		if !accepted {
			fmt.Fprint(&b, "\n### Accepted\n\n")
			accepted = true
		}
		fmt.Fprintf(&b, "- %s at `%s`: %s (%s)\n", f.Code, r.place(f), f.Message, f.Accepted)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeLintJSON(w io.Writer, r *lintReport) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}
