package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/chenu/chenu/server"
)

const manAbout = `Writes the manual pages of this program to a directory: chenu.1 and a page for each
command, such as chenu-migrate-plan.1. The directory is created if it does not exist, and
pages in it are replaced. The pages depend only on the version of the program, so that
packages can be built reproducibly.`

func newMan(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "man DIR",
		Short: "write the manual pages",
		Long:  manAbout,
		Example: `  chenu man /usr/local/share/man/man1
  chenu man man1 && man -l man1/chenu-migrate-plan.1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("expected one argument, the directory of the pages, such as man1")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := writeManual(args[0], cmd.Root())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.Stdout, "wrote %d pages to %s\n", n, args[0])
			return err
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	describeExits(cmd, "the pages were written", "a page could not be written", "")
	return cmd
}

// writeManual writes a page for the command and for each command below it, and returns how many
// there are.
func writeManual(dir string, root *cobra.Command) (int, error) {
	version, err := programVersion()
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // Manual pages are public.
		return 0, fmt.Errorf("create the directory of the pages: %w", err)
	}
	n := 0
	var write func(cmd *cobra.Command) error
	write = func(cmd *cobra.Command) error {
		path := filepath.Join(dir, pageName(cmd)+".1")
		if err := os.WriteFile(path, []byte(manPage(cmd, version)), 0o644); err != nil { //nolint:gosec // See above.
			return fmt.Errorf("write a page: %w", err)
		}
		n++
		for _, sub := range cmd.Commands() {
			if sub.Hidden {
				continue
			}
			if err := write(sub); err != nil {
				return err
			}
		}
		return nil
	}
	return n, write(root)
}

// programVersion returns the version of the program, which is that of its API.
func programVersion() (string, error) {
	document, err := server.Document()
	if err != nil {
		return "", err
	}
	var of struct {
		Info struct {
			Version string `json:"version"`
		} `json:"info"`
	}
	if err := json.Unmarshal(document, &of); err != nil {
		return "", fmt.Errorf("read the version: %w", err)
	}
	return of.Info.Version, nil
}

// pageName returns the name of a command's page: chenu-migrate-plan for chenu migrate plan.
func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage returns the page of a command in the macros of man(7). It has the parts of the help page, in the usual order
// of manual pages. Cobra's package doc is not used, because it reads descriptions as Markdown, which would join the
// lines of lists, and knows neither exit codes nor variables.
func manPage(cmd *cobra.Command, version string) string {
	p := &roff{}
	p.line(`.TH %s 1 "" "%s %s" "CHE\[u00B7]NU manual"`, roffText(strings.ToUpper(pageName(cmd))), roffText(cmd.Root().Name()), roffText(version))
	p.line(".nh\n.ad l") // No hyphenation and no justification, because both would change names.
	p.line(".SH NAME\n%s \\- %s", roffText(pageName(cmd)), roffText(cmd.Short))
	p.line(".SH SYNOPSIS\n%s%s", bold(cmd.CommandPath()), roffText(strings.TrimPrefix(synopsis(cmd), cmd.CommandPath())))
	p.line(".SH DESCRIPTION")
	p.text(cmd.Long)
	lists := subcommandSections(cmd)
	if len(cmd.Groups()) > 0 {
		p.line(".SH COMMANDS")
	}
	for _, list := range lists {
		macro, title := ".SH", strings.ToUpper(list.title)
		if len(cmd.Groups()) > 0 {
			macro, title = ".SS", strings.ToUpper(list.title[:1])+list.title[1:]
		}
		p.line("%s %s", macro, roffText(title))
		p.text(list.text)
	}
	if flagUsages(cmd) != "" {
		p.line(".SH OPTIONS")
		cmd.LocalFlags().VisitAll(p.flag)
	}
	for _, s := range []section{{"ENVIRONMENT", cmd.Annotations[variablesSection]}, {"EXIT STATUS", cmd.Annotations[exitCodesSection]}} {
		if s.text != "" {
			p.line(".SH %s", s.title)
			p.text(s.text)
		}
	}
	if cmd.Example != "" {
		p.line(".SH EXAMPLES")
		p.verbatim(strings.Split(cmd.Example, "\n"))
	}
	p.seeAlso(cmd)
	return p.String()
}

// roff builds a page.
type roff struct{ strings.Builder }

func (p *roff) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// flag adds the description of a flag.
func (p *roff) flag(flag *pflag.Flag) {
	if flag.Hidden || flag.Name == "help" {
		return
	}
	names := bold("--" + flag.Name)
	if flag.Shorthand != "" {
		names = bold("-"+flag.Shorthand) + ", " + names
	}
	if value := valueName(flag); value != "" {
		names += ` \fI` + roffText(value) + `\fR`
	}
	p.line(".TP\n%s\n%s", names, roffText(flagMeaning(flag)))
}

// seeAlso adds the names of the pages above and below that of the command.
func (p *roff) seeAlso(cmd *cobra.Command) {
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, bold(pageName(cmd.Parent()))+"(1)")
	}
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			pages = append(pages, bold(pageName(sub))+"(1)")
		}
	}
	p.line(".SH \"SEE ALSO\"\n%s", strings.Join(pages, ",\n"))
}

// verbatim adds lines without filling.
func (p *roff) verbatim(lines []string) {
	p.line(".PP\n.nf")
	for _, line := range lines {
		p.line("%s", roffText(line))
	}
	p.line(".fi")
}

// item matches the first line of a list item in a help text: a dash, a number, or a term in a separate column, and the
// text of the item.
var item = regexp.MustCompile(`^( +(?:(-)|(\d+\.)) | +(\S+(?: \S+)*)  +)(\S.*)$`)

// text adds a description in the format of help pages. Lines without an indent are paragraphs, which end at an empty
// line. Indented lines are items of a list, further lines of an item, which start in the column of its text, or
// preformatted lines.
func (p *roff) text(description string) {
	lines := strings.Split(strings.TrimSuffix(description, "\n"), "\n")
	for i := 0; i < len(lines); {
		from := i
		switch {
		case lines[i] == "":
			i++
		case !strings.HasPrefix(lines[i], " "):
			for i < len(lines) && lines[i] != "" && !strings.HasPrefix(lines[i], " ") {
				i++
			}
			p.line(".PP\n%s", roffText(strings.Join(lines[from:i], " ")))
		case item.MatchString(lines[i]):
			i = p.list(lines, i)
		default:
			for i < len(lines) && strings.HasPrefix(lines[i], " ") && !item.MatchString(lines[i]) {
				i++
			}
			p.verbatim(lines[from:i])
		}
	}
}

// list adds the list that starts at lines[i], and returns the index of the line after it.
func (p *roff) list(lines []string, i int) int {
	p.line(".PP\n.PD 0")
	for i < len(lines) {
		found := item.FindStringSubmatch(lines[i])
		if found == nil {
			break
		}
		column := utf8.RuneCountInString(found[1])
		term := bold(found[4])
		switch {
		case found[2] != "":
			term = `\(bu`
		case found[3] != "":
			term = found[3]
		}
		p.line(".TP %dn\n%s\n%s", min(column, 16), term, roffText(found[5]))
		for i++; i < len(lines) && strings.HasPrefix(lines[i], strings.Repeat(" ", column)); i++ {
			further := strings.TrimSpace(lines[i])
			if strings.HasPrefix(further, "default: ") {
				p.line(".br")
			}
			p.line("%s", roffText(further))
		}
	}
	p.line(".PD")
	return i
}

func bold(s string) string { return `\fB` + roffText(s) + `\fR` }

// roffEscapes replaces the characters that roff interprets or prints as different characters: text that a reader copies
// from a page must work in a shell.
var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

// roffText returns s as text of a page, escaped for roff and in ASCII.
func roffText(s string) string {
	var b strings.Builder
	if strings.HasPrefix(s, ".") {
		b.WriteString(`\&`)
	}
	for _, r := range roffEscapes.Replace(s) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}
