package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/access"
	"github.com/chenu/chenu/migrations/catalog"
)

const policiesShowAbout = `Shows who may do what with which rows: for each table, role and command the rows in
words and as the predicate that Postgres applies, and the columns that may be named.
Privileges, row-level security, the policies of all roles that count and USAGE of the
schema are taken together. What is not listed is refused.

By default it shows what the migrations make, replayed on a development server; with
--url what a database has, which is only read.

Exits with 0 when it is shown, 1 when not, 64 when called wrongly.`

func runPoliciesShow(ctx context.Context, args []string, env environment) error {
	var (
		t             target
		dev           development
		format        string
		predicates    bool
		tables, roles []string
	)
	set := newFlags(env, "chenu policies show [flags]", policiesShowAbout)
	t.registerDir(set)
	set.StringVar(&t.url, "url", "", "`URL` of a database to show instead, with a login that is a member of chenu_owner")
	dev.register(set)
	set.StringVar(&format, "format", "text", "`text`, markdown or html")
	set.BoolVar(&predicates, "v", false, "with text: the predicates and columns too")
	set.Func("table", "`name` of a table to show, as schema.name unless it is public; may be repeated;\nby default all", func(name string) error {
		if !strings.Contains(name, ".") {
			name = "public." + name
		}
		tables = append(tables, name)
		return nil
	})
	set.Func("role", "`name` of a role to show; may be repeated; by default all", func(name string) error {
		roles = append(roles, name)
		return nil
	})
	if err := parseAll(set, args); err != nil {
		return err
	}
	if !slices.Contains([]string{"text", "markdown", "html"}, format) {
		return usagef("--format is text, markdown or html, not %q", format)
	}
	state, err := replayedState(ctx, &t, &dev, env)
	if err != nil {
		return err
	}
	matrix, err := access.Matrix(state)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if !slices.ContainsFunc(matrix, func(a access.Access) bool { return a.Table == table }) {
			return fmt.Errorf("nobody may do anything with a table %s, or there is none", table)
		}
	}
	matrix = slices.DeleteFunc(matrix, func(a access.Access) bool {
		return len(tables) > 0 && !slices.Contains(tables, a.Table) || len(roles) > 0 && !slices.Contains(roles, a.Role)
	})
	var out bytes.Buffer
	switch format {
	case "markdown":
		err = access.Document(&out, matrix)
	case "html":
		err = access.HTML(&out, "Who may do what with which rows", matrix)
	default:
		err = access.Text(&out, matrix, predicates)
	}
	if err != nil {
		return err
	}
	if _, err := out.WriteTo(env.Stdout); err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	return nil
}

// replayedState is the state of the database at the target's URL, or else of
// what the directory makes.
func replayedState(ctx context.Context, t *target, dev *development, env environment) (_ *catalog.State, err error) {
	if t.url != "" {
		conn, err := pgx.Connect(ctx, t.url)
		if err != nil {
			return nil, fmt.Errorf("connect to the database: %w", err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		return catalog.Read(ctx, conn)
	}
	made, err := replayed(ctx, t, dev, env)
	if err != nil {
		return nil, err
	}
	return made.State, nil
}
