// Command chenu is CHE·NU's persistence service, together with the commands to operate it: the server, the migrations,
// and tools for DBAs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/server/account"
)

// Exit codes of the program. A pipeline must be able to distinguish findings from a usage error, so 2 always means that
// a check found something.
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

// environment is the part of the process that a command uses. Tests run commands in separate environments.
type environment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(name string) string
	Environ        func() []string
}

// usageError reports that the program was called with invalid arguments.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// foundError summarizes in one line what a check found, after the command has printed the details.
type foundError struct{ message string }

func (e foundError) Error() string { return e.message }

func foundf(format string, args ...any) error { return foundError{fmt.Sprintf(format, args...)} }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// run runs the command that args name and returns the program's exit code. Each run creates a new command tree, so runs
// can be concurrent.
func run(ctx context.Context, args []string, env environment) int {
	return execute(ctx, newRoot(env), args, env)
}

// execute runs the command of root that args name, prints its error, and returns the
// program's exit code.
func execute(ctx context.Context, root *cobra.Command, args []string, env environment) int {
	root.SetArgs(doubleDashes(root, args))
	cmd, err := root.ExecuteContextC(ctx)
	err = legible(err)
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[usageError](err); ok {
		if text := err.Error(); text != "" {
			fmt.Fprintf(env.Stderr, "%s: %s\nSee %[1]s --help.\n", cmd.CommandPath(), text)
		}
		return exitUsage
	}
	fmt.Fprintf(env.Stderr, "%s: %v\n", cmd.CommandPath(), err)
	if _, ok := errors.AsType[foundError](err); ok {
		return exitFound
	}
	return exitFailed
}

const about = `chenu stores threads, tasks, contacts, invoices and more, for people and their agents.
Postgres enforces the access rules.`

// newRoot returns the program's commands, which run in env.
func newRoot(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "chenu",
		Short:         "run and operate the service",
		Long:          about,
		SilenceErrors: true, // execute prints them.
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.Join(printHelp(env.Stdout, cmd), usageError{})
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _ = printHelp(env.Stdout, cmd) })
	root.CompletionOptions.DisableDefaultCmd = true
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	help := newHelp(env)
	root.SetHelpCommand(help)
	for _, group := range []struct {
		title    string
		commands []*cobra.Command
	}{
		{"service", []*cobra.Command{newServe(env), newHealth(env), newOpenAPI(env)}},
		{"database", []*cobra.Command{newBootstrap(env), newMigrate(env), newPolicies(env), newVerify(env)}},
		{"operators", []*cobra.Command{newAccounts(env), newKeys(env)}},
		{"development", []*cobra.Command{newDemo(env), newToken(func(ctx context.Context, wanted account.DevelopmentToken) error {
			return token(ctx, env, wanted, openEmbeddedAccounts)
		})}},
		{"other", []*cobra.Command{newCompletion(env), newMan(env), help}},
	} {
		root.AddGroup(&cobra.Group{ID: group.title, Title: group.title})
		for _, cmd := range group.commands {
			cmd.GroupID = group.title
			root.AddCommand(cmd)
		}
	}
	unquoteUsages(root)
	return root
}

// newGroup returns a command that has only subcommands.
func newGroup(env environment, name, short, long string, subcommands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:   name,
		Short: short,
		Long:  long,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usagef("missing subcommand: use one of %s", strings.Join(names(cmd), ", "))
			case args[0] == "help":
				return printHelp(env.Stdout, cmd)
			default:
				return unknownCommand(cmd, args[0])
			}
		},
	}
	group.AddCommand(subcommands...)
	return group
}

// names returns the names of the subcommands.
func names(cmd *cobra.Command) []string {
	var all []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, sub.Name())
		}
	}
	return all
}

// suggestions returns the subcommands that a misspelt name may mean: those that it abbreviates,
// and those that differ from it by one edit, or by two if the name has five letters or more.
func suggestions(parent *cobra.Command, name string) []string {
	parent.SuggestionsMinimumDistance = 1
	if len(name) >= 5 {
		parent.SuggestionsMinimumDistance = 2
	}
	return parent.SuggestionsFor(name)
}

func unknownCommand(parent *cobra.Command, name string) error {
	kind := "command"
	if parent.HasParent() {
		kind = "subcommand"
	}
	return usagef("unknown %s %q%s", kind, name, didYouMean(suggestions(parent, name)))
}

func didYouMean(names []string) string {
	if len(names) == 0 {
		return ""
	}
	quoted := make([]string, len(names))
	for i, s := range names {
		quoted[i] = fmt.Sprintf("%q", s)
	}
	return ": did you mean " + strings.Join(quoted, " or ") + "?"
}

// noArguments refuses arguments that are not flags.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unexpected argument %q", args[0])
	}
	return nil
}
