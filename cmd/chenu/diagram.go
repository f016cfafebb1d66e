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

const diagramAbout = `Draws the tables that the migrations make, with columns, keys and foreign keys with
their cardinalities, grouped by sphere. The migrations are replayed on a development
server; no other database is looked at.

Formats: mermaid, which code hosts and editors render; dot, for graphviz; svg, where
graphviz' program dot is at hand; markdown, a page with all of it (docs/schema.md).

Exits with 0 when it is drawn, 1 when not, 64 when called wrongly.`

var diagramFormats = []string{"mermaid", "dot", "svg", "markdown"}

func runMigrateDiagram(ctx context.Context, args []string, env environment) (err error) {
	var (
		t      target
		dev    development
		o      diagram.Options
		format string
	)
	set := newFlags(env, "chenu migrate diagram [flags]", diagramAbout)
	t.registerDir(set)
	dev.register(set)
	set.StringVar(&format, "format", "mermaid", "`one` of "+strings.Join(diagramFormats, ", "))
	set.Func("table", "`name` of a table to draw, as schema.name unless it is public; may be repeated;\nby default all", func(name string) error {
		o.Tables = append(o.Tables, name)
		return nil
	})
	set.BoolVar(&o.NoColumns, "no-columns", false, "leave the columns out")
	set.BoolVar(&o.NoOwners, "no-owners", false, "leave out the foreign keys by which every table belongs to an identity")
	if err := parseAll(set, args); err != nil {
		return err
	}
	if !slices.Contains(diagramFormats, format) {
		return usagef("there is no format %q: choose one of %s", format, strings.Join(diagramFormats, ", "))
	}
	dot := ""
	if format == "svg" {
		if dot, err = exec.LookPath("dot"); err != nil {
			return errors.New("graphviz' program dot is not at hand: install graphviz (apt-get install graphviz, brew install graphviz), or use --format dot or mermaid")
		}
	}
	made, err := replayed(ctx, &t, &dev, env)
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
		return fmt.Errorf("draw with dot: %w: %s", err, firstLine(complaint.String(), 200))
	}
	return nil
}
