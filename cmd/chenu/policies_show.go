package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/policies/access"
	"github.com/chenu/chenu/postgres/catalog"
)

const policiesShowAbout = `Shows which roles can access which rows. For each table, role and command it shows the
rows, in words and as the predicate that Postgres applies, and the columns. The result
combines privileges, row-level security, all applicable policies, and USAGE of the
schema. Access that is not listed is refused.

By default the command replays the migrations on a development server and shows the
result. With --url it shows the state of a database, from which it only reads.

Exit codes: 0 if the access was printed, 1 if the command failed, 64 for a usage error.`

func runPoliciesShow(ctx context.Context, args []string, env environment) error {
	var (
		t             target
		server        development
		format        string
		predicates    bool
		tables, roles []string
	)
	set := newFlags(env, "chenu policies show [flags]", policiesShowAbout)
	t.registerDir(set)
	set.StringVar(&t.url, "url", "", "`URL` of a database to show instead of the migrations, with a login that is a member\nof chenu_owner")
	server.register(set)
	set.StringVar(&format, "format", "text", "output `format`: text, markdown or html")
	set.BoolVar(&predicates, "v", false, "include the predicates and columns in the text format")
	set.Func("table", "`name` of a table to include, as schema.name unless the schema is public;\nmay be repeated; by default all tables", func(name string) error {
		if !strings.Contains(name, ".") {
			name = "public." + name
		}
		tables = append(tables, name)
		return nil
	})
	set.Func("role", "`name` of a role to include; may be repeated; by default all roles", func(name string) error {
		roles = append(roles, name)
		return nil
	})
	if err := parseAll(set, args); err != nil {
		return err
	}
	if !slices.Contains([]string{"text", "markdown", "html"}, format) {
		return usagef("--format: unknown format %q: use text, markdown or html", format)
	}
	state, err := replayedState(ctx, &t, &server, env)
	if err != nil {
		return err
	}
	matrix, err := access.Matrix(state)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if !slices.ContainsFunc(matrix, func(a access.Access) bool { return a.Table == table }) {
			return fmt.Errorf("the table %s does not exist, or no role can access it", table)
		}
	}
	matrix = slices.DeleteFunc(matrix, func(a access.Access) bool {
		return len(tables) > 0 && !slices.Contains(tables, a.Table) || len(roles) > 0 && !slices.Contains(roles, a.Role)
	})
	var out bytes.Buffer
	switch format {
	case "markdown":
		err = access.Document(&out, matrix, &policies.Conventions)
	case "html":
		err = access.HTML(&out, "Access to rows by role", matrix)
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
func replayedState(ctx context.Context, t *target, server *development, env environment) (_ *catalog.State, err error) {
	if t.url != "" {
		conn, err := pgx.Connect(ctx, t.url)
		if err != nil {
			return nil, fmt.Errorf("connect to the database: %w", err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		return catalog.Read(ctx, conn, policies.Conventions.RolePrefix())
	}
	made, err := replayed(ctx, t, server, env)
	if err != nil {
		return nil, err
	}
	return made.State, nil
}
