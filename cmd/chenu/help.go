package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Titles of the sections of a help page that are not in fields of [cobra.Command]. They are
// annotations of the command.
const (
	exitCodesSection = "exit codes"
	variablesSection = "variables"
)

// describeExits describes the exit codes of a command for its help: ok, failed and found state when the codes 0, 1 and
// 2 are returned. found is empty if the command checks nothing.
func describeExits(cmd *cobra.Command, ok, failed, found string) {
	text := fmt.Sprintf("  %-2d  %s\n  %-2d  %s\n", exitOK, ok, exitFailed, failed)
	if found != "" {
		text += fmt.Sprintf("  %-2d  %s\n", exitFound, found)
	}
	setSection(cmd, exitCodesSection, text+fmt.Sprintf("  %-2d  usage error\n", exitUsage))
}

func setSection(cmd *cobra.Command, title, text string) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[title] = text
}

// section is a part of a help page or a man page. Its text is indented by two spaces.
type section struct{ title, text string }

// sections returns the parts of a command's page that follow the description.
func sections(cmd *cobra.Command) []section {
	all := subcommandSections(cmd)
	if cmd.Example != "" {
		all = append(all, section{"examples", cmd.Example + "\n"})
	}
	if text := flagUsages(cmd); text != "" {
		all = append(all, section{"flags", text})
	}
	for _, title := range []string{variablesSection, exitCodesSection} {
		if text := cmd.Annotations[title]; text != "" {
			all = append(all, section{title, text})
		}
	}
	return all
}

// subcommandSections returns lists of subcommands: a list for each group, or a single list.
func subcommandSections(cmd *cobra.Command) []section {
	if len(cmd.Groups()) == 0 {
		if text := subcommandList(cmd, ""); text != "" {
			return []section{{"subcommands", text}}
		}
		return nil
	}
	var all []section
	for _, group := range cmd.Groups() {
		all = append(all, section{group.Title, subcommandList(cmd, group.ID)})
	}
	return all
}

func subcommandList(cmd *cobra.Command, group string) string {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, sub := range cmd.Commands() {
		if !sub.Hidden && sub.GroupID == group {
			fmt.Fprintf(tw, "  %s\t%s\n", sub.Name(), sub.Short)
		}
	}
	_ = tw.Flush()
	return b.String()
}

// synopsis returns the line that states how a command is called.
func synopsis(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		if cmd.HasParent() {
			return cmd.CommandPath() + " SUBCOMMAND [flags]"
		}
		return cmd.CommandPath() + " COMMAND [flags]"
	}
	line := cmd.CommandPath()
	if flagUsages(cmd) != "" {
		line += " [flags]"
	}
	if _, arguments, ok := strings.Cut(cmd.Use, " "); ok {
		line += " " + arguments
	}
	return line
}

// flagUsages returns the help of a command's flags: for each flag its name, its value, the meaning of the value, and
// the default.
func flagUsages(cmd *cobra.Command) string {
	var b strings.Builder
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden || flag.Name == "help" {
			return
		}
		fmt.Fprintf(&b, "  %s\n%s", flagName(flag), wrapped(flagMeaning(flag), "      "))
	})
	return b.String()
}

// flagName returns the names of a flag and the name of its value: -v, --verbose or --dir directory.
func flagName(flag *pflag.Flag) string {
	name := "--" + flag.Name
	if flag.Shorthand != "" {
		name = "-" + flag.Shorthand + ", " + name
	}
	if value := valueName(flag); value != "" {
		name += " " + value
	}
	return name
}

// valueNameAnnotation is the annotation of a flag that has the name of its value.
const valueNameAnnotation = "value name"

// unquoteUsages removes the backquotes around the names of values from the usages of all flags,
// because shells show the usages. It keeps the names as annotations.
func unquoteUsages(cmd *cobra.Command) {
	cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(flag)
		flag.Usage = usage
		if flag.Annotations == nil {
			flag.Annotations = map[string][]string{}
		}
		flag.Annotations[valueNameAnnotation] = []string{value}
	})
	for _, sub := range cmd.Commands() {
		unquoteUsages(sub)
	}
}

// valueName returns the name of a flag's value in its help. It is empty for a flag without a value.
func valueName(flag *pflag.Flag) string {
	if name, ok := flag.Annotations[valueNameAnnotation]; ok {
		return name[0]
	}
	name, _ := pflag.UnquoteUsage(flag)
	return name
}

// wrapped returns the text in lines of at most 92 characters that start with the indent, unless a
// word is longer.
func wrapped(text, indent string) string {
	var b strings.Builder
	width := 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case width == 0:
			b.WriteString(indent)
			width = len(indent)
		case width+1+n > 92:
			b.WriteString("\n" + indent)
			width = len(indent)
		default:
			b.WriteString(" ")
			width++
		}
		b.WriteString(word)
		width += n
	}
	return b.String() + "\n"
}

// flagMeaning returns the description of a flag and its default.
func flagMeaning(flag *pflag.Flag) string {
	_, usage := pflag.UnquoteUsage(flag)
	switch flag.DefValue {
	case "", "0", "0s", "false", "[]":
		return usage
	}
	return usage + " (default " + flag.DefValue + ")"
}

// printHelp prints the help page of a command.
func printHelp(w io.Writer, cmd *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s\n", synopsis(cmd))
	if cmd.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", cmd.Long)
	}
	for _, s := range sections(cmd) {
		fmt.Fprintf(&b, "\n%s:\n%s", s.title, s.text)
	}
	if cmd.HasAvailableSubCommands() {
		kind := "a command"
		if cmd.HasParent() {
			kind = "a subcommand"
		}
		fmt.Fprintf(&b, "\nUse \"%s --help\" for more about %s.\n", strings.TrimSuffix(synopsis(cmd), " [flags]"), kind)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// newHelp returns the command that prints help pages. Unlike cobra's command, it fails if the page does not exist.
func newHelp(env environment) *cobra.Command {
	help := &cobra.Command{
		Use:   "help [COMMAND] [SUBCOMMAND]",
		Short: "print the help of a command",
		Long:  "Prints the help of a command, as COMMAND --help does.",
		RunE: func(cmd *cobra.Command, args []string) error {
			of := cmd.Root()
			for _, name := range args {
				at := of
				for _, sub := range at.Commands() {
					if sub.Name() == name {
						of = sub
					}
				}
				if of == at {
					return unknownCommand(at, name)
				}
			}
			return printHelp(env.Stdout, of)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			of, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var all []cobra.Completion
			for _, sub := range of.Commands() {
				if sub.IsAvailableCommand() {
					all = append(all, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return startingWith(typed, all), cobra.ShellCompDirectiveNoFileComp
		},
	}
	describeExits(help, "the help was printed", "the help could not be written", "")
	return help
}
