// Command chenu is CHE·NU's persistence service and everything that runs it:
// the server, the migrations, and what a DBA needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
)

// Exit codes of the program. A pipeline must be able to tell what was found
// from a usage error, so that 2 always means that a check found something.
const (
	exitOK     = 0
	exitFailed = 1  // the command failed
	exitFound  = 2  // a check found something
	exitUsage  = 64 // usage error: EX_USAGE of sysexits.h
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], environment{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Environ: os.Environ,
	})
	stop()
	os.Exit(code)
}

// environment is the part of the process that a command uses. Tests run commands in
// environments of their own.
type environment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(name string) string
	Environ        func() []string
}

// command is one subcommand of the program.
type command struct {
	name, summary string
	run           func(ctx context.Context, args []string, env environment) error
}

var commands = []command{
	{"serve", "run the service, with an embedded Postgres if no database URL is set", runServe},
	{"migrate", "plan, review and apply migrations, and detect drift", runMigrate},
	{"policies", "show and explain which roles can access which rows", runPolicies},
	{"bootstrap", "create the roles, the logins and the database, or print the SQL script", runBootstrap},
	{"verify", "compare threads with their events, and content with its digests", runVerify},
	{"accounts", "lock, unlock or verify an account", runAccounts},
	{"keys", "rotate the key that signs access tokens, or the secret key", runKeys},
	{"token", "create an access token for development on the embedded database", runToken},
	{"demo", "create sample data in the embedded database", runDemo},
	{"openapi", "print the OpenAPI document", runOpenAPI},
	{"health", "check whether a running service is ready", runHealth},
}

// usageError reports that the program was called with invalid arguments.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// foundError summarizes in one line what a check found, after the command has printed the details.
type foundError struct{ message string }

func (e foundError) Error() string { return e.message }

func foundf(format string, args ...any) error { return foundError{fmt.Sprintf(format, args...)} }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// run runs the named command and returns the program's exit code.
func run(ctx context.Context, args []string, env environment) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(env.Stdout)
		if len(args) == 0 {
			return exitUsage
		}
		return exitOK
	}
	for _, c := range commands {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], env)
		var usage usageError
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return exitOK
		case errors.As(err, &usage):
			fmt.Fprintf(env.Stderr, "chenu %s: %v\nSee chenu %s --help.\n", c.name, err, c.name)
			return exitUsage
		default:
			fmt.Fprintf(env.Stderr, "chenu %s: %v\n", c.name, err)
			if _, ok := errors.AsType[foundError](err); ok {
				return exitFound
			}
			return exitFailed
		}
	}
	fmt.Fprintf(env.Stderr, "chenu: unknown command %q. See chenu --help.\n", args[0])
	return exitUsage
}

// runSubcommand runs the named one of a command's subcommands.
func runSubcommand(ctx context.Context, name string, all []command, args []string, env environment) error {
	if len(args) == 0 {
		names := make([]string, len(all))
		for i, c := range all {
			names[i] = c.name
		}
		return usagef("missing subcommand: use one of %s", strings.Join(names, ", "))
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		fmt.Fprintf(env.Stdout, "usage: chenu %s SUBCOMMAND [flags]\n\n", name)
		tw := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
		for _, c := range all {
			fmt.Fprintf(tw, "  %s\t%s\n", c.name, c.summary)
		}
		_ = tw.Flush()
		fmt.Fprintf(env.Stdout, "\nUse \"chenu %s SUBCOMMAND --help\" for more about a subcommand.\n", name)
		return nil
	}
	for _, c := range all {
		if c.name == args[0] {
			return c.run(ctx, args[1:], env)
		}
	}
	return usagef("unknown subcommand %q", args[0])
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "chenu stores threads, tasks, contacts, invoices and more, for people and their agents. Postgres enforces the access rules.")
	fmt.Fprintln(w, "\nusage: chenu COMMAND [flags]")
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands {
		fmt.Fprintf(tw, "  %s\t%s\n", c.name, c.summary)
	}
	_ = tw.Flush()
	fmt.Fprintln(w, "\nUse \"chenu COMMAND --help\" for more about a command.")
}

// newFlags returns the flag set of a command. Its help starts with the synopsis and
// the description of the command.
func newFlags(env environment, synopsis, about string) *flag.FlagSet {
	name, _, _ := strings.Cut(strings.TrimPrefix(synopsis, "chenu "), " [")
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(env.Stdout)
	flags.Usage = func() {
		fmt.Fprintf(env.Stdout, "usage: %s\n\n%s\n", synopsis, about)
		some := false
		flags.VisitAll(func(*flag.Flag) { some = true })
		if some {
			fmt.Fprintln(env.Stdout, "\nflags:")
			flags.PrintDefaults()
		}
	}
	return flags
}

// parse parses a command's flags. Unlike the flag package, it does not print the whole
// help for a usage error: the message would be hard to find.
func parse(flags *flag.FlagSet, args []string) error {
	help := flags.Usage
	flags.Usage = func() {}
	output := flags.Output()
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	flags.SetOutput(output)
	switch {
	case errors.Is(err, flag.ErrHelp):
		help()
		return err
	case err != nil:
		return usageError{err.Error()}
	}
	return nil
}
