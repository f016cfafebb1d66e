package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// format is the format of a report that has several formats: --format, and --json as a short form of --format json.
type format struct {
	name  string
	json  bool
	names []string
}

// register adds the flags of a command whose report has these formats. The first format is the default.
func (f *format) register(cmd *cobra.Command, names ...string) {
	f.names = names
	cmd.Flags().StringVar(&f.name, "format", names[0], "output `format`: "+f.list())
	if slices.Contains(names, "json") {
		cmd.Flags().BoolVar(&f.json, "json", false, "same as --format json")
	}
	completesOneOf(cmd, "format", slices.Sorted(slices.Values(names))...)
}

func (f *format) list() string {
	last := len(f.names) - 1
	return strings.Join(f.names[:last], ", ") + " or " + f.names[last]
}

// check refuses an unknown format, and flags that contradict each other. Call it before using the name.
func (f *format) check(cmd *cobra.Command) error {
	if f.json {
		if cmd.Flags().Changed("format") && f.name != "json" {
			return usagef("--json and --format %s exclude each other: use one of them", f.name)
		}
		f.name = "json"
	}
	if !slices.Contains(f.names, f.name) {
		return usagef("--format: unknown format %q: use %s", f.name, f.list())
	}
	return nil
}

// jsonFlag adds the flag --json of a command whose report has two formats: text, and one JSON document.
func jsonFlag(flags *pflag.FlagSet, asJSON *bool) {
	flags.BoolVar(asJSON, "json", false, "print the result as JSON")
}

// writeJSON writes a report as one document.
func writeJSON(w io.Writer, report any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(report); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
