package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/policies"
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
with the statement that drops each.

--json prints one object to standard output, and the progress to standard error. If a
file fails, the object has the files before it:
  dry_run          true if nothing was applied
  from, to         versions before and after; in a dry run, the one that would be reached
  files            list of applied files with: name; version; transaction, true if the file
                   is one transaction; resumed_after, the number of statements that an
                   earlier apply ran; statements, each with line and sql; and took_ns
  unknown          list of applied versions that are newer than the directory
  invalid_indexes  as in chenu migrate status
  took_ns          duration in nanoseconds`

func newMigrateApply(env environment) *cobra.Command {
	var (
		t               target
		o               = apply.Options{Conventions: &policies.Conventions}
		verbose, asJSON bool
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
			return applyMigrations(cmd.Context(), env, t.url, o, verbose, asJSON)
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
	jsonFlag(flags, &asJSON)
	completesDir(cmd)
	completes(cmd, "to", t.versions)
	describeExits(cmd, "the database is at the last version", "a migration failed or was refused (earlier migrations stay applied)", "")
	return cmd
}

func applyMigrations(ctx context.Context, env environment, url string, o apply.Options, verbose, asJSON bool) error {
	p := &apply.Printer{W: env.Stdout, Terminal: isTerminal(env), Verbose: verbose, DryRun: o.DryRun}
	if asJSON {
		p.W, p.Terminal = env.Stderr, false
	}
	o.Progress = p.Event
	if o.Wait == 0 {
		o.Wait = -1
	}
	if o.LockRetries == 0 {
		o.LockRetries = -1
	}
	report, err := apply.Apply(ctx, url, o)
	p.Clear()
	if asJSON {
		if err == nil || len(report.Files) > 0 {
			err = errors.Join(err, writeJSON(env.Stdout, report))
		}
		return err
	}
	if err != nil {
		if n := len(report.Files); n > 0 {
			fmt.Fprintf(env.Stdout, "%s applied before the failure; the database is at %s\n", migrations.Count(n, "file"), migrations.ShownVersion(report.To))
		}
		return err
	}
	return report.Text(env.Stdout)
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
wait for a running migration.

--json prints one object:
  state            current, behind, ahead, partial or conflict
  version          last version that is completely applied
  head             last version in the directory
  applied          list of applied files with: version; name; applied_at; took_ns, in
                   nanoseconds; statements, their number; and by, the program
  pending          list of names of files
  unknown          list of applied versions that are newer than the directory
  stopped          the partly applied file: version; applied and statements, numbers of
                   statements; statement, which failed; and error
  problem          reason why apply would be refused
  running          the session that applies migrations now
  invalid_indexes  list of indexes whose build failed, with: name; table; and remove, the
                   statement that drops the index`,
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
	jsonFlag(flags, &asJSON)
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
	status, err := apply.ReadStatus(ctx, t.url, &policies.Conventions, dir)
	if err != nil {
		return err
	}
	if asJSON {
		err = writeJSON(env.Stdout, status)
	} else {
		err = status.Text(env.Stdout)
	}
	if err != nil {
		return err
	}
	if check && status.State != apply.Current {
		return foundf("the state is %s: expected current", status.State)
	}
	return nil
}

func newMigrateValidate(env environment) *cobra.Command {
	var (
		t      target
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "check the migration directory without a database",
		Long: `Checks that atlas.sum matches the files in the directory, and that each file is
well-formed. It requires no database.

--json prints one object: valid, files (number of files), version (of the last file), and
problem (why the directory is not valid).`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return validateMigrations(env, &t, asJSON) },
	}
	t.registerDir(cmd.Flags())
	jsonFlag(cmd.Flags(), &asJSON)
	completesDir(cmd)
	describeExits(cmd, "the directory is valid", "the directory is not valid, or cannot be read", "")
	return cmd
}

func validateMigrations(env environment, t *target, asJSON bool) error {
	dir, err := t.open()
	if err != nil {
		return err
	}
	result, err := migrations.ValidationOf(dir)
	switch {
	case asJSON && result != nil:
		return errors.Join(err, writeJSON(env.Stdout, result))
	case err != nil:
		return err
	}
	return result.Text(env.Stdout)
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
