//go:build groff

package main

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/chenu/chenu/internal/language"
)

// rendered returns a page as a terminal shows it. It fails on warnings of groff.
func rendered(t *testing.T, page string) string {
	t.Helper()
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Fatal("groff is not installed: install it (apt-get install groff-base, brew install groff)")
	}
	// -c, -b, -o and -u: the text without colors, bold and underlined characters.
	cmd := exec.CommandContext(t.Context(), groff, "-man", "-ww", "-Tutf8", "-P-cbou")
	var out, warnings bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(page), &out, &warnings
	if err := cmd.Run(); err != nil || warnings.Len() > 0 {
		t.Errorf("groff: %v\n%s", err, &warnings)
	}
	return out.String()
}

// TestManual renders the page of each command, and checks that it contains everything that the command's help contains.
func TestManual(t *testing.T) {
	t.Parallel()
	pages := writtenPages(t, nil)
	commands := allCommands(newRoot(environment{Getenv: func(string) string { return "" }}))
	if len(pages) != len(commands) {
		t.Errorf("%d pages for %d commands", len(pages), len(commands))
	}
	for _, cmd := range commands {
		t.Run(pageName(cmd), func(t *testing.T) {
			t.Parallel()
			page, ok := pages[pageName(cmd)+".1"]
			if !ok {
				t.Fatal("there is no page")
			}
			shown := rendered(t, page)
			got := words(shown)
			for _, finding := range language.Retired(got) {
				t.Error(finding)
			}
			want := []string{synopsis(cmd), cmd.Short, cmd.Example, cmd.Annotations[variablesSection], cmd.Annotations[exitCodesSection]}
			for _, list := range subcommandSections(cmd) {
				want = append(want, list.text)
			}
			for paragraph := range strings.SplitSeq(cmd.Long, "\n\n") {
				// A dash that begins an item is shown as a bullet.
				want = append(want, strings.ReplaceAll(paragraph, "  - ", "  • "))
			}
			cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
				if flag.Name != "help" {
					want = append(want, flagName(flag)+" "+flagMeaning(flag))
				}
			})
			for _, text := range want {
				if !strings.Contains(got, words(text)) {
					t.Errorf("the page does not contain\n%s\nbut\n%s", text, shown)
				}
			}
		})
	}
}

// TestManualText checks text that roff would interpret.
func TestManualText(t *testing.T) {
	t.Parallel()
	p := new(roff)
	p.text(".first line's \\ of \"chenu\",\n'second' `third` ~ ^ … -- fourth.\n\n'Quoted' first.\n\nA list:\n  - one\n    and more\n  - two\n 1. three\n  term  meaning\n        of it\n        default: none\nAfter the list.\n\n  .kept as it is\n    - and indented")
	if got, want := rendered(t, ".TH A 1\n.SH B\n"+p.String()), `
B
       .first line's \ of "chenu", 'second' `+"`third` ~ ^ … -- fourth."+`

       'Quoted' first.

       A list:

       •   one and more
       •   two
       1.  three
       term    meaning of it
               default: none

       After the list.

         .kept as it is

       •     and indented
`; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
