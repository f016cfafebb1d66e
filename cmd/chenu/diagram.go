package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/diagram"
)

const diagramAbout = `Prints a diagram of the tables that the migrations create, grouped by sphere, with
columns, keys, foreign keys and their cardinalities. The command replays the
migrations on a development server and connects to no other database.

Formats:
  mermaid   for code hosts and editors
  dot       for Graphviz
  svg       requires the program dot of Graphviz
  markdown  page with all diagrams, as in docs/schema.md`

// tableUsage describes the flag --table of the commands that print something about tables.
const tableUsage = "`name` of a table to include, as schema.name unless the schema is public; may be repeated; by default all tables"

var diagramFormats = []string{"mermaid", "dot", "svg", "markdown"}

func newMigrateDiagram(env environment) *cobra.Command {
	var (
		t      target
		server development
		o      diagram.Options
		format string
	)
	cmd := &cobra.Command{
		Use:   "diagram",
		Short: "print a diagram of the tables",
		Long:  diagramAbout,
		Example: `  chenu migrate diagram --table contacts --table invoices
  chenu migrate diagram --format svg > schema.svg`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(diagramFormats, format) {
				return usagef("unknown format %q: use one of %s", format, strings.Join(diagramFormats, ", "))
			}
			return printDiagram(cmd.Context(), env, &t, &server, o, format)
		},
	}
	flags := cmd.Flags()
	t.registerDir(flags)
	server.register(flags)
	flags.StringVar(&format, "format", "mermaid", "output `format`: "+strings.Join(diagramFormats, ", "))
	flags.StringArrayVar(&o.Tables, "table", nil, tableUsage)
	flags.BoolVar(&o.NoColumns, "no-columns", false, "omit the columns")
	flags.BoolVar(&o.NoOwners, "no-owners", false, "omit the foreign keys to the identity that owns a row")
	completesDir(cmd)
	completesOneOf(cmd, "format", diagramFormats...)
	completes(cmd, "table", tableNames)
	describeExits(cmd, "the diagram was printed", "the command failed", "")
	return cmd
}

func printDiagram(ctx context.Context, env environment, t *target, server *development, o diagram.Options, format string) (err error) {
	dot := ""
	if format == "svg" {
		if dot, err = exec.LookPath("dot"); err != nil {
			return errors.New("the program dot of Graphviz is not installed: install Graphviz (apt-get install graphviz, brew install graphviz), or use --format dot or mermaid")
		}
	}
	made, err := replayed(ctx, t, server, env)
	if err != nil {
		return err
	}
	var text string
	if format == "markdown" {
		if text, err = diagram.Document(made.Realm); err != nil {
			return err
		}
	} else {
		d, err := diagram.New(made.Realm, o)
		if err != nil {
			return err
		}
		if text = d.Mermaid(); format != "mermaid" {
			text = d.DOT()
		}
	}
	if dot != "" {
		return drawSVG(ctx, dot, text, env.Stdout)
	}
	_, err = io.WriteString(env.Stdout, text)
	return err
}

func drawSVG(ctx context.Context, dot, text string, to io.Writer) error {
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, dot, "-Tsvg")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), to, &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run dot: %w: %s", err, migrations.OneLine(complaint.String(), 200))
	}
	return nil
}
