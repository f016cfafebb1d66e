package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/chenu/chenu/internal/language"
)

// helpPages are the arguments that print each help page of the program.
func helpPages() [][]string {
	pages := [][]string{{"--help"}}
	groups := map[string][]command{"migrate": migrateCommands, "policies": policiesCommands, "accounts": accountCommands}
	for _, c := range commands {
		pages = append(pages, []string{c.name, "--help"})
		for _, sub := range groups[c.name] {
			pages = append(pages, []string{c.name, sub.name, "--help"})
		}
	}
	return pages
}

// flagHelp matches the help of one flag, as the package flag prints it: its name and its usage.
var flagHelp = regexp.MustCompile(`(?m)^  (-\S+)[^\t\n]*\n?[ ]*\t(.*(?:\n    \t.*)*)$`)

// defaults matches the default of a flag, which the package flag appends to the usage.
var defaults = regexp.MustCompile(` \(default .*\)$`)

// sentence turns the usage of a flag, a phrase, into the form of a description.
func sentence(usage string) string {
	usage = defaults.ReplaceAllString(strings.Join(strings.Fields(usage), " "), "")
	runes := []rune(usage)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes) + "."
}

// TestLanguageOfTheHelp reads the help of every command. It fails on retired words, on summaries
// that do not name their noun, and on flags without a description of at least three words.
func TestLanguageOfTheHelp(t *testing.T) {
	t.Parallel()
	flags := 0
	for _, args := range helpPages() {
		env, out := surroundings(t, nil)
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
	if pages := len(helpPages()); pages < 27 || flags < 70 {
		t.Errorf("the program has %d help pages with %d flags, so the test does not find all of them", pages, flags)
	}
	for _, list := range [][]command{commands, migrateCommands, policiesCommands, accountCommands} {
		for _, c := range list {
			for _, finding := range language.Summary(c.summary) {
				t.Errorf("summary of %s: %q %s", c.name, c.summary, finding)
			}
		}
	}
}

// TestLanguageOfTheVariables reads the descriptions and defaults of the variables of the service.
func TestLanguageOfTheVariables(t *testing.T) {
	t.Parallel()
	for _, v := range variables {
		for _, finding := range append(language.Description(sentence(strings.TrimSuffix(v.doc, "."))), language.Retired(v.fallback)...) {
			t.Errorf("%s: %q %s", v.name, v.doc, finding)
		}
	}
}

// TestLanguageOfTheMessages reads every other text of the commands: output, progress, errors and
// log messages. The data of chenu demo is not read, and neither is SQL.
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
		// make is the program in: run make migration name=…
		for _, finding := range language.Retired(strings.ReplaceAll(l.Text, "make migration", "")) {
			t.Errorf("%s: %q %s", l.Position, l.Text, finding)
		}
	}
}

// TestLanguageOfTheHelpIsRead checks that the test finds the flags of a help page, with usages of
// one and of more lines.
func TestLanguageOfTheHelpIsRead(t *testing.T) {
	t.Parallel()
	const help = "flags:\n  -all\n    \tselect all files\n  -latest N\n    \tselect the last N files\n    \tor none (default 1)\n  -v\tlist all statements\n"
	var got []string
	for _, found := range flagHelp.FindAllStringSubmatch(help, -1) {
		got = append(got, found[1]+" "+sentence(found[2]))
	}
	want := "-all Select all files.|-latest Select the last N files or none.|-v List all statements."
	if text := strings.Join(got, "|"); text != want {
		t.Errorf("found %q, want %q", text, want)
	}
}
