package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/internal/language"
)

// helpPages are the arguments that print each help page of the program.
func helpPages() [][]string {
	var pages [][]string
	for _, c := range allCommands(newRoot(environment{Getenv: func(string) string { return "" }})) {
		pages = append(pages, append(strings.Fields(c.CommandPath())[1:], "--help"))
	}
	return pages
}

// allCommands returns the command and all commands below it.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}

// flagHelp matches the help of one flag: its name and its usage.
var flagHelp = regexp.MustCompile(`(?m)^  (?:-\w, )?(--\S+)[^\n]*\n((?:      .*\n)+)`)

// defaults matches the default of a flag, which the help appends to the usage.
var defaults = regexp.MustCompile(` \(default .*\)$`)

// sentence converts the usage of a flag, a phrase, into the form of a description.
func sentence(usage string) string {
	usage = defaults.ReplaceAllString(strings.Join(strings.Fields(usage), " "), "")
	runes := []rune(usage)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes) + "."
}

// TestLanguageOfTheHelp checks the help of every command. It fails on retired words, on summaries that do not name
// their noun, and on flags without a description of at least three words.
func TestLanguageOfTheHelp(t *testing.T) {
	t.Parallel()
	flags := 0
	for _, args := range helpPages() {
		env, out := testEnvironment(t, nil)
		if code := run(t.Context(), args, env); code != exitOK {
			t.Errorf("chenu %s exits with %d", strings.Join(args, " "), code)
		}
		for _, finding := range language.Retired(out.String()) {
			t.Errorf("chenu %s: %s", strings.Join(args, " "), finding)
		}
		for _, found := range flagHelp.FindAllStringSubmatch(out.String(), -1) {
			flags++
			for _, finding := range language.Description(sentence(found[2])) {
				t.Errorf("chenu %s: flag %s: %q %s", strings.Join(args, " "), found[1], found[2], finding)
			}
		}
	}
	if pages := len(helpPages()); pages < 30 || flags < 70 {
		t.Errorf("the program has %d help pages with %d flags, so the test does not find all of them", pages, flags)
	}
	for _, c := range allCommands(newRoot(environment{Getenv: func(string) string { return "" }})) {
		if text := c.Annotations[exitCodesSection]; !c.HasSubCommands() && !strings.Contains(text, "\n  64  usage error\n") {
			t.Errorf("the help of %s does not describe the exit codes", c.CommandPath())
		}
		for _, finding := range language.Summary(c.Short) {
			t.Errorf("summary of %s: %q %s", c.CommandPath(), c.Short, finding)
		}
	}
}

// TestLanguageOfTheVariables checks the descriptions and defaults of the variables of the service.
func TestLanguageOfTheVariables(t *testing.T) {
	t.Parallel()
	for _, v := range variables {
		for _, finding := range append(language.Description(sentence(strings.TrimSuffix(v.doc, "."))), language.Retired(v.fallback)...) {
			t.Errorf("%s: %q %s", v.name, v.doc, finding)
		}
	}
}

// TestLanguageOfTheMessages checks every other text of the commands: output, progress, errors and log messages. It does
// not check the data of chenu demo and SQL.
func TestLanguageOfTheMessages(t *testing.T) {
	t.Parallel()
	literals, err := language.Literals(".", "demo_data.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(literals) < 700 {
		t.Fatalf("the commands have %d string literals, so the test does not find all of them", len(literals))
	}
	for _, l := range literals {
		if sql := strings.TrimSpace(l.Text); strings.HasPrefix(sql, "SELECT ") {
			continue
		}
		// make is the name of a program here: run make migration name=…
		for _, finding := range language.Retired(strings.ReplaceAll(l.Text, "make migration", "")) {
			t.Errorf("%s: %q %s", l.Position, l.Text, finding)
		}
	}
}

// TestLanguageOfTheHelpIsRead checks that the patterns match the flags of a help page, with usages of one and of
// several lines.
func TestLanguageOfTheHelpIsRead(t *testing.T) {
	t.Parallel()
	const help = "flags:\n  --all\n      select all files\n  --latest N\n      select the last N files\n      or none (default 1)\n  -v, --verbose\n      list all statements\n\nexit codes:\n  0   the files were read\n"
	var got []string
	for _, found := range flagHelp.FindAllStringSubmatch(help, -1) {
		got = append(got, found[1]+" "+sentence(found[2]))
	}
	want := "--all Select all files.|--latest Select the last N files or none.|--verbose List all statements."
	if text := strings.Join(got, "|"); text != want {
		t.Errorf("found %q, want %q", text, want)
	}
}
