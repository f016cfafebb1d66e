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

	"github.com/chenu/chenu/migrations/diagram"
)

const diagramAbout = `Prints a diagram of the tables that the migrations create, grouped by sphere, with
columns, keys, foreign keys and their cardinalities. The command replays the
migrations on a development server and connects to no other database.

Formats:
  mermaid   for code hosts and editors
  dot       for Graphviz
  svg       requires the program dot of Graphviz
  markdown  page with all diagrams, as in docs/schema.md

Exit codes: 0 if the diagram was printed, 1 if the command failed, 64 for a usage error.`

var diagramFormats = []string{"mermaid", "dot", "svg", "markdown"}

func runMigrateDiagram(ctx context.Context, args []string, env environment) (err error) {
	var (
		t      target
		server development
		o      diagram.Options
		format string
	)
	set := newFlags(env, "chenu migrate diagram [flags]", diagramAbout)
	t.registerDir(set)
	server.register(set)
	set.StringVar(&format, "format", "mermaid", "output `format`: "+strings.Join(diagramFormats, ", "))
	set.Func("table", "`name` of a table to include, as schema.name unless the schema is public;\nmay be repeated; by default all tables", func(name string) error {
		o.Tables = append(o.Tables, name)
		return nil
	})
	set.BoolVar(&o.NoColumns, "no-columns", false, "omit the columns")
	set.BoolVar(&o.NoOwners, "no-owners", false, "omit the foreign keys to the identity that owns a row")
	if err := parseAll(set, args); err != nil {
		return err
	}
	if !slices.Contains(diagramFormats, format) {
		return usagef("unknown format %q: use one of %s", format, strings.Join(diagramFormats, ", "))
	}
	dot := ""
	if format == "svg" {
		if dot, err = exec.LookPath("dot"); err != nil {
			return errors.New("the program dot of Graphviz is not installed: install Graphviz (apt-get install graphviz, brew install graphviz), or use --format dot or mermaid")
		}
	}
	made, err := replayed(ctx, &t, &server, env)
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
		return fmt.Errorf("run dot: %w: %s", err, firstLine(complaint.String(), 200))
	}
	return nil
}
