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
// from a command that it got wrong, so that 2 means the former alone.
const (
	exitOK     = 0
	exitFailed = 1  // it was tried and did not work
	exitFound  = 2  // it was checked, and something was found
	exitUsage  = 64 // it was asked for in a way that cannot be tried: EX_USAGE of sysexits.h
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], environment{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Environ: os.Environ,
	})
	stop()
	os.Exit(code)
}

// environment is what a command has of its surroundings, so that tests can run
// it in others.
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
	{"serve", "run the service; without a database URL with a Postgres of its own", runServe},
	{"migrate", "diff, apply, status, lint, drift, validate, hash: the database's history", runMigrate},
	{"policies", "show who may do what with which rows", runPolicies},
	{"bootstrap", "make the roles, logins and the database, or print the SQL for it", runBootstrap},
	{"verify", "check threads against their events, and content against its digests", runVerify},
	{"accounts", "lock or unlock an account", runAccounts},
	{"keys", "rotate the key that signs access tokens, or the secret key", runKeys},
	{"token", "make a development token on the embedded database", runToken},
	{"demo", "fill an identity of the embedded database with data to look at", runDemo},
	{"openapi", "print the OpenAPI document", runOpenAPI},
	{"health", "ask a running service whether it is ready", runHealth},
}

// usageError is a mistake in how the program was called.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// foundError says in a line what a check found, after the command has printed it.
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
	fmt.Fprintf(env.Stderr, "chenu: there is no command %q. See chenu --help.\n", args[0])
	return exitUsage
}

// runSubcommand runs the named one of a command's subcommands.
func runSubcommand(ctx context.Context, name string, all []command, args []string, env environment) error {
	if len(args) == 0 {
		names := make([]string, len(all))
		for i, c := range all {
			names[i] = c.name
		}
		return usagef("no subcommand is given: choose one of %s", strings.Join(names, ", "))
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		fmt.Fprintf(env.Stdout, "usage: chenu %s SUBCOMMAND [flags]\n\n", name)
		tw := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
		for _, c := range all {
			fmt.Fprintf(tw, "  %s\t%s\n", c.name, c.summary)
		}
		_ = tw.Flush()
		fmt.Fprintf(env.Stdout, "\nchenu %s SUBCOMMAND --help says more.\n", name)
		return nil
	}
	for _, c := range all {
		if c.name == args[0] {
			return c.run(ctx, args[1:], env)
		}
	}
	return usagef("there is no subcommand %q", args[0])
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "chenu: threads, tasks, contacts, invoices and more, for people and their agents; Postgres enforces the rules.")
	fmt.Fprintln(w, "\nusage: chenu COMMAND [flags]")
	fmt.Fprintln(w)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands {
		fmt.Fprintf(tw, "  %s\t%s\n", c.name, c.summary)
	}
	_ = tw.Flush()
	fmt.Fprintln(w, "\nchenu COMMAND --help says more.")
}

// newFlags makes the flag set of a command; its help begins with the synopsis
// and what the command does.
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

// parse parses a command's flags. The flag package prints the whole help for a
// mistake; the error alone says more.
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
