package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/mattn/go-isatty"

	"github.com/chenu/chenu/migrations"
)

const migrateURLVariable = "CHENU_MIGRATE_DATABASE_URL"

var migrateCommands = []command{
	{"diff", "plan the next migration from what ent/schema and policies say", runMigrateDiff},
	{"plan", "say what migrations lock, read, write and risk, and who gains access to what", runMigratePlan},
	{"apply", "apply the pending migrations", runMigrateApply},
	{"status", "say what is applied and what is pending", runMigrateStatus},
	{"lint", "say what a DBA would object to in migration files", runMigrateLint},
	{"drift", "say how the database differs from what its migrations make", runMigrateDrift},
	{"diagram", "draw the tables that the migrations make", runMigrateDiagram},
	{"validate", "check the migration directory, without a database", runMigrateValidate},
	{"hash", "write atlas.sum anew after files were edited on purpose", runMigrateHash},
}

func runMigrate(ctx context.Context, args []string, env environment) error {
	return legible(runSubcommand(ctx, "migrate", migrateCommands, args, env))
}

// target is the database and directory that a subcommand works on.
type target struct {
	url, dir string
}

func (t *target) register(set *flag.FlagSet, env environment) {
	set.StringVar(&t.url, "url", env.Getenv(migrateURLVariable), "`URL` of the database, with a login that is a member of chenu_owner;\nby default "+migrateURLVariable+", which does not show it in the process list")
	t.registerDir(set)
	// The default would show a password in the help.
	set.Lookup("url").DefValue = ""
}

func (t *target) registerDir(set *flag.FlagSet) {
	set.StringVar(&t.dir, "dir", "", "migration `directory`; by default the one this program was built with")
}

func (t *target) needURL() error {
	if t.url == "" {
		return usagef("no database is given: set %s or --url", migrateURLVariable)
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
			return nil, fmt.Errorf("there is no migration directory %s", path)
		}
		return nil, fmt.Errorf("%s is not a directory that can be read", path)
	}
	return dir, nil
}

func runMigrateApply(ctx context.Context, args []string, env environment) error {
	var (
		t       target
		o       migrations.Options
		verbose bool
	)
	set := newFlags(env, "chenu migrate apply [flags]", `Applies the pending migrations, each file in one transaction together with the
record that it was applied; a file that says "-- atlas:txmode none" goes statement
by statement, and after a failure the next apply goes on with the statement that
failed. Only one apply runs at a time, the Atlas CLI included: others wait.

A statement that waits for an exclusive lock keeps every later query on the table
waiting, so it gives up after --lock-timeout, and so does one that ends in a deadlock.
A file that is one transaction is then rolled back, so that it holds no lock, and tried
again after a pause that grows; of another file the statement is tried again.
Building, rebuilding or dropping an index CONCURRENTLY keeps neither reads nor writes
waiting, and has worked in vain if it gives up: it has no lock timeout unless one is
given. What a file that is one transaction has locked stays locked until its end, so its
statements have a time limit; those of other files have none unless one is given. A SET
in the file goes before both flags.

A concurrent build that ends before its time leaves an invalid index, which is dropped
when its statement is tried again. Those that are left at the end are named, with the
statement that removes each.

Exits with 0 when the database is at the last version, 1 when something failed or
was refused (what was applied before it stays), 64 when called wrongly.`)
	t.register(set, env)
	set.StringVar(&o.To, "to", "", "`version` to stop after; by default the last")
	set.BoolVar(&o.DryRun, "dry-run", false, "print what would be run; writes nothing to the database, not even the record table")
	set.DurationVar(&o.LockTimeout, "lock-timeout", 0, "how long a statement waits for a lock on a table; negative is for ever; by default 5s,\nand for ever while an index is built, rebuilt or dropped CONCURRENTLY")
	set.DurationVar(&o.StatementTimeout, "statement-timeout", 0, "how long a statement runs; negative is for ever; by default 10m in a file that is one\ntransaction, and for ever in others")
	set.IntVar(&o.LockRetries, "lock-retries", migrations.DefaultLockRetries, "how often to try again after a lock timeout or a deadlock")
	set.DurationVar(&o.Wait, "wait", migrations.DefaultWait, "how long to wait for another migration to end")
	set.BoolVar(&verbose, "v", false, "print each statement with its duration")
	if err := parseAll(set, args); err != nil {
		return err
	}
	if err := t.needURL(); err != nil {
		return err
	}
	var err error
	if o.Dir, err = t.open(); err != nil {
		return err
	}
	p := &progress{w: env.Stdout, terminal: isTerminal(env.Stdout), verbose: verbose, dryRun: o.DryRun}
	o.Progress = p.event
	if o.Wait == 0 {
		o.Wait = -1
	}
	if o.LockRetries == 0 {
		o.LockRetries = -1
	}
	began := time.Now()
	report, err := migrations.Apply(ctx, t.url, o)
	p.clear()
	if err != nil {
		if n := len(report.Files); n > 0 {
			fmt.Fprintf(env.Stdout, "%s applied before that; the database is at %s\n", plural(n, "file"), at(report.To))
		}
		return err
	}
	switch {
	case len(report.Files) == 0 && len(report.Unknown) > 0:
		fmt.Fprintf(env.Stdout, "nothing to apply: the database is ahead of this directory, which does not have %s\n", strings.Join(report.Unknown, ", "))
	case len(report.Files) == 0:
		fmt.Fprintf(env.Stdout, "nothing to apply: the database is at %s\n", at(report.To))
	case o.DryRun:
		printDryRun(env.Stdout, report)
	default:
		fmt.Fprintf(env.Stdout, "the database is at %s: %s applied in %s\n", at(report.To), plural(len(report.Files), "file"), short(time.Since(began)))
	}
	return nil
}

func printDryRun(w io.Writer, report migrations.Report) {
	for _, f := range report.Files {
		mode := "one transaction"
		if !f.Transaction {
			mode = "no transaction"
		}
		fmt.Fprintf(w, "-- %s: %s, %s", f.Name, plural(len(f.Statements), "statement"), mode)
		if f.Resumed > 0 {
			fmt.Fprintf(w, ", after %d that are applied", f.Resumed)
		}
		fmt.Fprintln(w)
		for _, s := range f.Statements {
			fmt.Fprintln(w, s.SQL)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "-- dry run: nothing was applied; the database is at %s, and %s would bring it to %s\n", at(report.From), plural(len(report.Files), "file"), report.To)
}

// progress prints what Apply does: in a terminal with the running statement on a line that is overwritten, elsewhere a
// line per file, and now and then one about a statement that takes long.
type progress struct {
	w                         io.Writer
	terminal, verbose, dryRun bool
	live                      bool
	said                      time.Duration // how long the statement had run when that was last said
}

// liveWidth is what fits on a line of most terminals: one that wraps is not wholly overwritten.
const liveWidth = 79

// sayEvery is how often a statement that takes long is told of where lines are not overwritten.
const sayEvery = 10 * time.Second

func (p *progress) clear() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.live = false
	}
}

func (p *progress) event(e migrations.Event) {
	p.clear()
	switch e.Kind {
	case migrations.Waiting:
		fmt.Fprintf(p.w, "waiting: another migration is running (%s)\n", e.Message)
	case migrations.Started:
		if e.Statements > 0 && !p.dryRun {
			fmt.Fprintf(p.w, "the database is at %s, %s to apply\n", at(e.Message), plural(e.Statements, "file"))
		}
	case migrations.FileStarted:
		if e.Statement > 0 {
			fmt.Fprintf(p.w, "%s: resuming after statement %d of %d\n", e.File, e.Statement, e.Statements)
		}
	case migrations.StatementStarted:
		p.said = 0
		if p.terminal {
			fmt.Fprintf(p.w, "%s: %d/%d %s", e.File, e.Statement, e.Statements, firstLine(e.SQL, 50))
			p.live = true
		}
	case migrations.Running:
		if p.terminal {
			fmt.Fprint(p.w, firstLine(fmt.Sprintf("%d/%d %s: %s", e.Statement, e.Statements, running(e), e.SQL), liveWidth))
			p.live = true
		} else if e.Took >= p.said+sayEvery {
			p.said = e.Took
			fmt.Fprintf(p.w, "%s:%d: %d/%d %s\n", e.File, e.Line, e.Statement, e.Statements, running(e))
		}
	case migrations.Retried:
		fmt.Fprintln(p.w, retried(e))
	case migrations.Cleared:
		fmt.Fprintln(p.w, cleared(e))
	case migrations.Left:
		fmt.Fprintln(p.w, left(e))
	case migrations.StatementDone:
		if p.verbose {
			fmt.Fprintf(p.w, "%s:%d: %d/%d %s (%s)\n", e.File, e.Line, e.Statement, e.Statements, firstLine(e.SQL, 50), short(e.Took))
		}
	case migrations.FileDone:
		fmt.Fprintf(p.w, "%s: %s in %s\n", e.File, plural(e.Statements, "statement"), short(e.Took))
	case migrations.Noticed:
		fmt.Fprintf(p.w, "notice: %s\n", e.Message)
	}
}

// running says how far a statement is.
func running(e migrations.Event) string {
	s := "running for " + e.Took.Round(time.Second).String()
	if e.Phase != "" {
		s += ", " + e.Phase
		if e.Total > 0 {
			s += fmt.Sprintf(" %d %% (%d of %d)", 100*e.Done/e.Total, e.Done, e.Total)
		}
	}
	if e.Message != "" {
		s += ", waits for " + e.Message
	}
	return s
}

func retried(e migrations.Event) string {
	s := fmt.Sprintf("%s:%d: attempt %d of %d did not get a lock", e.File, e.Line, e.Attempt, e.Attempts)
	if e.Message != "" {
		s += ", which " + e.Message + " has"
	}
	return s + ": again in " + short(e.Pause)
}

func cleared(e migrations.Event) string {
	return fmt.Sprintf("%s:%d: an earlier attempt left index %s invalid: it is dropped", e.File, e.Line, e.Message)
}

func left(e migrations.Event) string {
	return fmt.Sprintf("invalid: index %s was not finished: no query uses it, each write pays for it; %s;", e.Message, e.SQL)
}

func runMigrateStatus(ctx context.Context, args []string, env environment) error {
	var (
		t             target
		asJSON, check bool
	)
	set := newFlags(env, "chenu migrate status [flags]", `Says which migrations the database has and which are pending. Writes nothing, and
does not wait for a migration that is running.

Exits with 0 when it could tell, 1 when not, 64 when called wrongly; with --check
with 2 when the database is anything but current.`)
	t.register(set, env)
	set.BoolVar(&asJSON, "json", false, "print JSON")
	set.BoolVar(&check, "check", false, "fail unless the database is at the last version")
	if err := parseAll(set, args); err != nil {
		return err
	}
	if err := t.needURL(); err != nil {
		return err
	}
	dir, err := t.open()
	if err != nil {
		return err
	}
	standing, err := migrations.Status(ctx, t.url, dir)
	if err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(env.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(standing); err != nil {
			return fmt.Errorf("write status: %w", err)
		}
	} else {
		printStatus(env.Stdout, standing)
	}
	if check && standing.State != migrations.Current {
		return foundf("the state is %s", standing.State)
	}
	return nil
}

func printStatus(w io.Writer, s *migrations.Standing) {
	sentence := map[migrations.State]string{
		migrations.Current:  "nothing is pending",
		migrations.Behind:   fmt.Sprintf("%s pending, to %s", plural(len(s.Pending), "file"), s.Head),
		migrations.Ahead:    "the database has versions that this directory does not: " + strings.Join(s.Unknown, ", "),
		migrations.Partial:  "a file stopped half-way; apply resumes it",
		migrations.Conflict: "apply would refuse",
	}[s.State]
	fmt.Fprintf(w, "state:    %s (%s)\n", s.State, sentence)
	fmt.Fprintf(w, "version:  %s\n", at(s.Version))
	fmt.Fprintf(w, "applied:  %s\n", plural(len(s.Applied), "file"))
	if n := len(s.Applied); n > 0 {
		last := s.Applied[n-1]
		fmt.Fprintf(w, "          last %s_%s, at %s by %s\n", last.Version, last.Name, last.AppliedAt.UTC().Format(time.RFC3339), last.By)
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
		fmt.Fprintf(w, "invalid:  index %s on %s was not finished: no query uses it, each write pays for it\n", i.Name, i.Table)
		fmt.Fprintf(w, "          %s;\n", i.Remove)
	}
}

func runMigrateValidate(_ context.Context, args []string, env environment) error {
	var t target
	set := newFlags(env, "chenu migrate validate [flags]", `Checks that atlas.sum is of exactly the files in the directory, and that each file
is well-formed. Needs no database. Exits with 0 if so, 1 if not.`)
	t.registerDir(set)
	if err := parseAll(set, args); err != nil {
		return err
	}
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
	fmt.Fprintf(env.Stdout, "the directory is valid: %s, the last version is %s\n", plural(len(files), "file"), at(head))
	return nil
}

func runMigrateHash(_ context.Context, args []string, env environment) error {
	var path string
	set := newFlags(env, "chenu migrate hash [flags]", `Writes atlas.sum anew for the files as they are now. To be used after a file that
was applied nowhere was edited or renamed on purpose. Databases that have applied a
file that was edited still refuse it.`)
	set.StringVar(&path, "dir", "migrations", "migration `directory`")
	if err := parseAll(set, args); err != nil {
		return err
	}
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
}

// parseAll parses flags where nothing else is expected.
func parseAll(set *flag.FlagSet, args []string) error {
	if err := parse(set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usagef("unexpected argument %q", set.Arg(0))
	}
	return nil
}

// legibleError is an error with its text laid out for a person.
type legibleError struct {
	error
	text string
}

func (e legibleError) Error() string { return e.text }
func (e legibleError) Unwrap() error { return e.error }

// legible puts what to do about an error, and the statement it is about, on lines of their own.
func legible(err error) error {
	var (
		statement *migrations.StatementError
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

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
}

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

// short rounds a duration to what a person reads.
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
