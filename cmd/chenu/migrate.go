package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
)

const migrateURLVariable = "CHENU_MIGRATE_DATABASE_URL"

const migrateAbout = `Plans, reviews and applies migrations, and compares databases with them. Most subcommands
use the migrations in this program, or in the directory of --dir, and connect as
CHENU_MIGRATE_DATABASE_URL, a login that is a member of chenu_owner.`

func newMigrate(env environment) *cobra.Command {
	return newGroup(env, "migrate", "plan, review and apply migrations, and detect drift", migrateAbout,
		newMigrateDiff(env), newMigratePlan(env), newMigrateApply(env), newMigrateStatus(env), newMigrateLint(env),
		newMigrateDrift(env), newMigrateDiagram(env), newMigrateValidate(env), newMigrateHash())
}

// target is the database and directory that a subcommand works on.
type target struct {
	url, dir string
}

func (t *target) register(flags *pflag.FlagSet, env environment) {
	flags.StringVar(&t.url, "url", env.Getenv(migrateURLVariable), "`URL` of the database, with a login that is a member of chenu_owner; by default "+migrateURLVariable+", which keeps the password out of the process list")
	t.registerDir(flags)
	// The default would show a password in the help.
	flags.Lookup("url").DefValue = ""
}

func (t *target) registerDir(flags *pflag.FlagSet) {
	flags.StringVar(&t.dir, "dir", "", "`directory` of the migration files; by default the migrations in this program")
}

func (t *target) needURL() error {
	if t.url == "" {
		return usagef("no database is set: set %s or --url", migrateURLVariable)
	}
	return nil
}

func (t *target) open() (migrate.Dir, error) {
	if t.dir == "" {
		return migrations.Embedded()
	}
	return openDir(t.dir)
}

func openDir(path string) (migrate.Dir, error) {
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("the migration directory %s does not exist", path)
		}
		return nil, fmt.Errorf("cannot read the migration directory %s", path)
	}
	return dir, nil
}

const applyAbout = `Applies the pending migrations. Each file runs in one transaction, together with the
record that it was applied. A file with the comment "-- atlas:txmode none" runs statement
by statement outside a transaction. If a statement of such a file fails, the next apply
continues with this statement. Only one apply runs at a time, including the Atlas CLI.
Others wait.

Lock timeout: a statement that waits for an exclusive lock blocks every later query on
the table. It is therefore cancelled after --lock-timeout and retried after a pause,
which becomes longer each time. A statement that ends in a deadlock is retried too. If
the file is one transaction, the transaction is rolled back first, so that it holds no
locks, and the whole file is retried. Building, rebuilding or dropping an index
CONCURRENTLY blocks neither reads nor writes, and would lose its work when cancelled, so
it has no lock timeout by default.

Statement timeout: a transaction holds its locks until its end, so the statements of a
file that is one transaction have a time limit. Other statements have none by default.

A SET in the file takes precedence over both flags.

A concurrent build that is interrupted creates an invalid index, which is dropped before
the statement is retried. The command lists the invalid indexes that remain at the end,
with the statement that drops each.`

func newMigrateApply(env environment) *cobra.Command {
	var (
		t       target
		o       apply.Options
		verbose bool
	)
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "apply the pending migrations",
		Long:  applyAbout,
		Example: `  chenu migrate apply --dry-run
  chenu migrate apply --lock-timeout 2s --lock-retries 30`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if err := t.needURL(); err != nil {
				return err
			}
			if o.Dir, err = t.open(); err != nil {
				return err
			}
			return applyMigrations(cmd.Context(), env, t.url, o, verbose)
		},
	}
	flags := cmd.Flags()
	t.register(flags, env)
	flags.StringVar(&o.To, "to", "", "last `version` to apply; by default the last version in the directory")
	flags.BoolVar(&o.DryRun, "dry-run", false, "print the statements without running them; writes nothing to the database, not even the table of applied migrations")
	flags.DurationVar(&o.LockTimeout, "lock-timeout", 0, "maximum `duration` of a wait for a lock on a table; a negative value means no limit; by default 5s, and no limit for building, rebuilding or dropping an index CONCURRENTLY")
	flags.DurationVar(&o.StatementTimeout, "statement-timeout", 0, "maximum `duration` of a statement; a negative value means no limit; by default 10m in a file that is one transaction, and no limit in other files")
	flags.IntVar(&o.LockRetries, "lock-retries", apply.DefaultLockRetries, "maximum `number` of retries after a lock timeout or a deadlock")
	flags.DurationVar(&o.Wait, "wait", apply.DefaultWait, "maximum `duration` of the wait for another migration to end")
	flags.BoolVarP(&verbose, "verbose", "v", false, "print each statement and its duration")
	completesDir(cmd)
	completes(cmd, "to", t.versions)
	describeExits(cmd, "the database is at the last version", "a migration failed or was refused (earlier migrations stay applied)", "")
	return cmd
}

func applyMigrations(ctx context.Context, env environment, url string, o apply.Options, verbose bool) error {
	p := &progress{w: env.Stdout, terminal: isTerminal(env), verbose: verbose, dryRun: o.DryRun}
	o.Progress = p.event
	if o.Wait == 0 {
		o.Wait = -1
	}
	if o.LockRetries == 0 {
		o.LockRetries = -1
	}
	began := time.Now()
	report, err := apply.Apply(ctx, url, o)
	p.clear()
	if err != nil {
		if n := len(report.Files); n > 0 {
			fmt.Fprintf(env.Stdout, "%s applied before the failure; the database is at %s\n", plural(n, "file"), at(report.To))
		}
		return err
	}
	switch {
	case len(report.Files) == 0 && len(report.Unknown) > 0:
		fmt.Fprintf(env.Stdout, "nothing to apply: the database has versions that are not in this directory: %s\n", strings.Join(report.Unknown, ", "))
	case len(report.Files) == 0:
		fmt.Fprintf(env.Stdout, "nothing to apply: the database is at %s\n", at(report.To))
	case o.DryRun:
		printDryRun(env.Stdout, report)
	default:
		fmt.Fprintf(env.Stdout, "the database is at %s: %s applied in %s\n", at(report.To), plural(len(report.Files), "file"), short(time.Since(began)))
	}
	return nil
}

func printDryRun(w io.Writer, report apply.Report) {
	for _, f := range report.Files {
		mode := "one transaction"
		if !f.Transaction {
			mode = "no transaction"
		}
		fmt.Fprintf(w, "-- %s: %s, %s", f.Name, plural(len(f.Statements), "statement"), mode)
		if f.Resumed > 0 {
			fmt.Fprintf(w, ", resuming after %d applied statements", f.Resumed)
		}
		fmt.Fprintln(w)
		for _, s := range f.Statements {
			fmt.Fprintln(w, s.SQL)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "-- dry run: nothing was applied. The database is at %s. %s would be applied, up to %s.\n", at(report.From), plural(len(report.Files), "file"), report.To)
}

// progress prints the progress of Apply. In a terminal the running statement is on a line that is overwritten. Elsewhere
// progress prints a line for each file, and every sayEvery a line about a statement that is still running.
type progress struct {
	w                         io.Writer
	terminal, verbose, dryRun bool
	live                      bool
	said                      time.Duration // how long the statement had run when that was last said
}

// liveWidth is the width of most terminals. A longer line would wrap and could not be overwritten completely.
const liveWidth = 79

// sayEvery is the interval between lines about a long statement if lines cannot be overwritten.
const sayEvery = 10 * time.Second

func (p *progress) clear() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.live = false
	}
}

func (p *progress) event(e apply.Event) {
	p.clear()
	switch e := e.(type) {
	case apply.Waiting:
		fmt.Fprintf(p.w, "waiting for another migration to end: %s\n", e.Holder)
	case apply.Started:
		if e.Files > 0 && !p.dryRun {
			fmt.Fprintf(p.w, "the database is at %s: %s to apply\n", at(e.From), plural(e.Files, "file"))
		}
	case apply.FileStarted:
		if e.Applied > 0 {
			fmt.Fprintf(p.w, "%s: resuming after statement %d of %d\n", e.File, e.Applied, e.Statements)
		}
	case apply.StatementStarted:
		p.said = 0
		if p.terminal {
			fmt.Fprintf(p.w, "%s: %d/%d %s", e.File, e.Statement, e.Statements, firstLine(e.SQL, 50))
			p.live = true
		}
	case apply.StatementRunning:
		if p.terminal {
			fmt.Fprint(p.w, firstLine(fmt.Sprintf("%d/%d %s: %s", e.Statement, e.Statements, running(e), e.SQL), liveWidth))
			p.live = true
		} else if e.Took >= p.said+sayEvery {
			p.said = e.Took
			fmt.Fprintf(p.w, "%s:%d: %d/%d %s\n", e.File, e.Line, e.Statement, e.Statements, running(e))
		}
	case apply.Retrying:
		fmt.Fprintln(p.w, retrying(e))
	case apply.InvalidIndexDropped:
		fmt.Fprintln(p.w, dropped(e))
	case apply.InvalidIndexRemains:
		fmt.Fprintln(p.w, remains(e))
	case apply.StatementDone:
		if p.verbose {
			fmt.Fprintf(p.w, "%s:%d: %d/%d %s (%s)\n", e.File, e.Line, e.Statement, e.Statements, firstLine(e.SQL, 50), short(e.Took))
		}
	case apply.FileDone:
		fmt.Fprintf(p.w, "%s: %s in %s\n", e.File, plural(e.Statements, "statement"), short(e.Took))
	case apply.Notice:
		fmt.Fprintf(p.w, "notice: %s\n", e.Message)
	}
}

// running describes the progress of a statement.
func running(e apply.StatementRunning) string {
	s := "running for " + e.Took.Round(time.Second).String()
	if e.Phase != "" {
		s += ", " + e.Phase
		if e.Total > 0 {
			s += fmt.Sprintf(" %d %% (%d of %d)", 100*e.Done/e.Total, e.Done, e.Total)
		}
	}
	if e.Blockers != "" {
		s += ", waiting for " + e.Blockers
	}
	return s
}

func retrying(e apply.Retrying) string {
	s := fmt.Sprintf("%s:%d: attempt %d of %d did not obtain a lock", e.File, e.Line, e.Attempt, e.Attempts)
	if e.Blockers != "" {
		s += " held by " + e.Blockers
	}
	return s + ": retrying in " + short(e.Pause)
}

func dropped(e apply.InvalidIndexDropped) string {
	return fmt.Sprintf("%s:%d: dropping the invalid index %s on %s of an earlier attempt", e.File, e.Line, e.Index.Name, e.Index.Table)
}

func remains(e apply.InvalidIndexRemains) string {
	return fmt.Sprintf("invalid: index %s on %s: its build did not finish. Queries do not use the index, but writes update it. To remove it: %s;",
		e.Index.Name, e.Index.Table, e.Index.Remove)
}

func newMigrateStatus(env environment) *cobra.Command {
	var (
		t             target
		asJSON, check bool
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "show the applied and the pending migrations",
		Long: `Shows which migrations are applied and which are pending. It writes nothing and does not
wait for a running migration.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.needURL(); err != nil {
				return err
			}
			return migrateStatus(cmd.Context(), env, &t, asJSON, check)
		},
	}
	flags := cmd.Flags()
	t.register(flags, env)
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	flags.BoolVar(&check, "check", false, "fail if the database is not at the last version")
	completesDir(cmd)
	describeExits(cmd, "the state is known", "the command failed", "with --check: the state is not current")
	return cmd
}

func migrateStatus(ctx context.Context, env environment, t *target, asJSON, check bool) error {
	dir, err := t.open()
	if err != nil {
		return err
	}
	status, err := apply.ReadStatus(ctx, t.url, dir)
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(env.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(status); err != nil {
			return fmt.Errorf("write status: %w", err)
		}
	} else {
		printStatus(env.Stdout, status)
	}
	if check && status.State != apply.Current {
		return foundf("the state is %s: expected current", status.State)
	}
	return nil
}

func printStatus(w io.Writer, s *apply.Status) {
	sentence := map[apply.State]string{
		apply.Current:  "no migration is pending",
		apply.Behind:   fmt.Sprintf("%s pending, to %s", plural(len(s.Pending), "file"), s.Head),
		apply.Ahead:    "the database has versions that are not in this directory: " + strings.Join(s.Unknown, ", "),
		apply.Partial:  "a file is partly applied; apply resumes it",
		apply.Conflict: "apply would be refused",
	}[s.State]
	fmt.Fprintf(w, "state:    %s (%s)\n", s.State, sentence)
	fmt.Fprintf(w, "version:  %s\n", at(s.Version))
	fmt.Fprintf(w, "applied:  %s\n", plural(len(s.Applied), "file"))
	if n := len(s.Applied); n > 0 {
		last := s.Applied[n-1]
		fmt.Fprintf(w, "          last: %s_%s, at %s by %s\n", last.Version, last.Name, last.AppliedAt.UTC().Format(time.RFC3339), last.By)
	}
	for _, name := range s.Pending {
		fmt.Fprintf(w, "pending:  %s\n", name)
	}
	if s.Stopped != nil {
		fmt.Fprintf(w, "stopped:  %s, after %d of %s\n", s.Stopped.Version, s.Stopped.Applied, plural(s.Stopped.Statements, "statement"))
		fmt.Fprintf(w, "          %s\n", firstLine(s.Stopped.Statement, 100))
		fmt.Fprintf(w, "          %s\n", firstLine(s.Stopped.Error, 200))
	}
	if s.Running != "" {
		fmt.Fprintf(w, "running:  %s\n", s.Running)
	}
	if s.Problem != "" {
		fmt.Fprintf(w, "problem:  %s\n", s.Problem)
	}
	for _, i := range s.Invalid {
		fmt.Fprintf(w, "invalid:  index %s on %s: its build did not finish. Queries do not use the index, but writes update it. To remove it:\n", i.Name, i.Table)
		fmt.Fprintf(w, "          %s;\n", i.Remove)
	}
}

func newMigrateValidate(env environment) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "check the migration directory without a database",
		Long: `Checks that atlas.sum matches the files in the directory, and that each file is
well-formed. It requires no database.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return validateMigrations(env, &t) },
	}
	t.registerDir(cmd.Flags())
	completesDir(cmd)
	describeExits(cmd, "the directory is valid", "the directory is not valid, or cannot be read", "")
	return cmd
}

func validateMigrations(env environment, t *target) error {
	dir, err := t.open()
	if err != nil {
		return err
	}
	if err := migrations.Validate(dir); err != nil {
		return err
	}
	head, err := migrations.Head(dir)
	if err != nil {
		return err
	}
	files, err := dir.Files()
	if err != nil {
		return fmt.Errorf("read migration directory: %w", err)
	}
	fmt.Fprintf(env.Stdout, "the directory is valid: %s, last version %s\n", plural(len(files), "file"), at(head))
	return nil
}

func newMigrateHash() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "hash",
		Short: "rewrite atlas.sum after a deliberate edit",
		Long: `Rewrites atlas.sum for the current files. Use it after you deliberately edited or renamed
a file that is not applied to any database. A database to which the file was applied
still refuses the edited file.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if _, err := openDir(path); err != nil {
				return err
			}
			if err := migrations.Hash(path); err != nil {
				return err
			}
			dir, err := openDir(path)
			if err != nil {
				return err
			}
			return migrations.Validate(dir)
		},
	}
	cmd.Flags().StringVar(&path, "dir", migrationsDir, "`directory` of the migration files")
	completesDir(cmd)
	describeExits(cmd, "atlas.sum matches the files, which are well-formed", "a file is not well-formed, or the directory cannot be read", "")
	return cmd
}

// legibleError is an error with a text of several lines.
type legibleError struct {
	error
	text string
}

func (e legibleError) Error() string { return e.text }
func (e legibleError) Unwrap() error { return e.error }

// legible puts the advice of an error, and the statement that failed, on separate lines.
func legible(err error) error {
	var (
		statement *apply.StatementError
		refusal   *migrations.Refusal
	)
	switch {
	case errors.As(err, &statement):
		const most = 8 // lines; a function can have hundreds
		lines := strings.Split(statement.SQL, "\n")
		if len(lines) > most {
			lines = append(lines[:most], "…")
		}
		if statement.Statement == 0 { // the COMMIT
			lines = nil
		}
		text := []string{strings.TrimSuffix(err.Error(), "; "+statement.Advice)}
		for _, line := range lines {
			text = append(text, "  | "+line)
		}
		return legibleError{err, strings.Join(append(text, "  "+statement.Advice), "\n")}
	case errors.As(err, &refusal) && refusal.Advice != "":
		return legibleError{err, strings.TrimSuffix(err.Error(), "; "+refusal.Advice) + "\n  " + refusal.Advice}
	}
	return err
}

// isTerminal reports whether the output is a terminal that can overwrite lines and show colors.
func isTerminal(env environment) bool {
	f, ok := env.Stdout.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && env.Getenv("TERM") != "dumb"
}

// colored reports whether the output is colored.
func colored(env environment) bool { return isTerminal(env) && env.Getenv("NO_COLOR") == "" }

func at(version string) string {
	if version == "" {
		return "no version"
	}
	return version
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// short formats a duration, rounded for people.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

// firstLine returns the beginning of s, on one line.
func firstLine(s string, width int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}
