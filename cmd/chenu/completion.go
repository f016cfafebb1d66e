package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/policies"
)

const completionAbout = `Prints a script that completes commands, flags and values in a shell: names of tables and
roles, versions of migrations, formats and codes. The script calls this program, which
connects to no database for this purpose.

To load the script in each new session:
  bash  chenu completion bash > /etc/bash_completion.d/chenu
  zsh   chenu completion zsh > "${fpath[1]}/_chenu"
  fish  chenu completion fish > ~/.config/fish/completions/chenu.fish

bash requires the package bash-completion. zsh requires "autoload -U compinit; compinit"
in ~/.zshrc.`

func newCompletion(env environment) *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	cmd := &cobra.Command{
		Use:   "completion SHELL",
		Short: "print a completion script for bash, zsh or fish",
		Long:  completionAbout,
		Example: `  source <(chenu completion bash)
  chenu completion fish | source`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return usagef("expected one argument, the name of a shell: use bash, zsh or fish")
			}
			return nil
		},
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := map[string]func(io.Writer) error{
				"bash": func(w io.Writer) error { return cmd.Root().GenBashCompletionV2(w, true) },
				"zsh":  cmd.Root().GenZshCompletion,
				"fish": func(w io.Writer) error { return cmd.Root().GenFishCompletion(w, true) },
			}[args[0]](env.Stdout)
			if err != nil {
				return fmt.Errorf("write the completion script: %w", err)
			}
			return nil
		},
	}
	describeExits(cmd, "the script was printed", "the script could not be written", "")
	return cmd
}

// completes makes the shell complete the value of a flag with the values that list returns. A
// value may have a description, after a tab. list must not connect to anything.
func completes(cmd *cobra.Command, flag string, list func() []cobra.Completion) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return startingWith(typed, list()), cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // The command has no such flag.
	}
}

// completesOneOf makes the shell complete the value of a flag with these values.
func completesOneOf(cmd *cobra.Command, flag string, values ...string) {
	completes(cmd, flag, func() []cobra.Completion { return values })
}

// completesDir makes the shell complete the value of --dir with names of directories.
func completesDir(cmd *cobra.Command) {
	if err := cmd.MarkFlagDirname("dir"); err != nil {
		panic(err) // The command has no such flag.
	}
}

func startingWith(prefix string, all []cobra.Completion) []cobra.Completion {
	var some []cobra.Completion
	for _, c := range all {
		if strings.HasPrefix(c, prefix) {
			some = append(some, c)
		}
	}
	return some
}

// tableNames returns the names of the tables in the form in which flags take them: without the
// schema public.
func tableNames() []cobra.Completion {
	names := make([]cobra.Completion, len(policies.Tables))
	for i, t := range policies.Tables {
		names[i] = strings.TrimPrefix(t.Schema+"."+t.Name, "public.")
	}
	return names
}

// roleNames returns the names of the roles that chenu bootstrap creates.
func roleNames() []cobra.Completion {
	names := regexp.MustCompile("'("+policies.Conventions.RolePrefix()+"[a-z_]+)'").FindAllStringSubmatch(policies.Conventions.Roles, -1)
	all := make([]cobra.Completion, len(names))
	for i, name := range names {
		all[i] = name[1]
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ruleCodes returns the codes of the rules for migration files, with their titles.
func ruleCodes() []cobra.Completion {
	var codes []cobra.Completion
	for _, r := range lint.Rules() {
		codes = append(codes, cobra.CompletionWithDesc(r.Code, r.Title))
	}
	return codes
}

// versions returns the versions of the migration files in the target's directory, newest first,
// with their names. If the directory cannot be read, there are none.
func (t *target) versions() []cobra.Completion {
	dir, err := t.open()
	if err != nil {
		return nil
	}
	files, err := dir.Files()
	if err != nil {
		return nil
	}
	var all []cobra.Completion
	for _, f := range slices.Backward(files) {
		all = append(all, cobra.CompletionWithDesc(f.Version(), f.Desc()))
	}
	return all
}
