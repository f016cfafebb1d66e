package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// repeated is the value of a flag that may be repeated: a function that is called for each
// value. Unlike a function of package pflag, its type says that the flag may be repeated,
// so that the shell completes the flag again.
type repeated func(text string) error

// Set implements [pflag.Value].
func (r repeated) Set(text string) error { return r(text) }

// String implements [pflag.Value]. There is no default.
func (repeated) String() string { return "" }

// Type implements [pflag.Value].
func (repeated) Type() string { return "stringArray" }

// doubleDashes returns args with the flags in the form that package pflag parses. Package flag,
// which the program used before, treats -name and --name alike, and scripts rely on it.
func doubleDashes(root *cobra.Command, args []string) []string {
	out := append([]string{}, args...) // Without arguments cobra would use those of the process.
	cmd, i := root, 0
	for ; i < len(out); i++ {
		sub := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == out[i] })
		if sub < 0 {
			break
		}
		cmd = cmd.Commands()[sub]
	}
	cmd.InitDefaultHelpFlag()
	for ; i < len(out) && out[i] != "--"; i++ {
		text := strings.TrimLeft(out[i], "-")
		name, _, hasValue := strings.Cut(text, "=")
		if dashes := len(out[i]) - len(text); dashes == 0 || dashes > 2 {
			continue
		}
		flag := cmd.Flags().Lookup(name)
		switch {
		case len(name) == 1:
			flag = cmd.Flags().ShorthandLookup(name)
			text = "-" + text
		default:
			text = "--" + text
		}
		if flag == nil {
			continue
		}
		out[i] = text
		if !hasValue && flag.NoOptDefVal == "" {
			i++ // The next argument is the value, even if it starts with a dash.
		}
	}
	return out
}

// flagError rewords an error of package pflag in the style of the program.
func flagError(cmd *cobra.Command, err error) error {
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 { // The flag belongs to the subcommand that was meant.
		return unknownCommand(cmd, cmd.Flags().Arg(0))
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if group := e.GetSpecifiedShortnames(); group != "" {
			return usagef("unknown flag -%s", e.GetSpecifiedName())
		}
		return usagef("unknown flag --%s%s", e.GetSpecifiedName(), didYouMean(similarFlags(cmd, e.GetSpecifiedName())))
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return usagef("--%s needs a value: %s", e.GetFlag().Name, valueName(e.GetFlag()))
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return usagef("invalid value %q for --%s: %s", e.GetValue(), e.GetFlag().Name, invalid(e))
	}
	return usageError{err.Error()}
}

// invalid returns the message for an invalid value of a flag.
func invalid(e *pflag.InvalidValueError) string {
	switch e.GetFlag().Value.Type() {
	case "bool":
		return "use true or false"
	case "duration":
		return "use a number with a unit, such as 30s"
	case "int":
		return "use a whole number"
	default:
		return e.Unwrap().Error()
	}
}

// similarFlags returns the flags of cmd whose names are similar to name, by the measure that cobra uses for commands.
func similarFlags(cmd *cobra.Command, name string) []string {
	all := new(cobra.Command)
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		all.AddCommand(&cobra.Command{Use: flag.Name, Run: func(*cobra.Command, []string) {}})
	})
	similar := suggestions(all, name)
	for i := range similar {
		similar[i] = "--" + similar[i]
	}
	return similar
}
