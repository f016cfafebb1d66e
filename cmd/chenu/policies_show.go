package main

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

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

--json prints one object with the list access. Each element has: table; role; command;
rows, in words; using and check, the predicates for existing and for new rows; columns, if
the role may not name all; and policies.`

// showForm selects the part of the access to print, and the format. Empty lists mean all tables and all roles.
type showForm struct {
	format        format
	predicates    bool
	tables, roles []string
}

func newPoliciesShow(env environment) *cobra.Command {
	var (
		t      target
		server development
		form   showForm
	)
	cmd := &cobra.Command{
		Use:   "show",
		Short: "show which roles can access which rows",
		Long:  policiesShowAbout,
		Example: `  chenu policies show --table contacts --role chenu_agent -v
  chenu policies show --format html > access.html`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := form.format.check(cmd); err != nil {
				return err
			}
			state, err := replayedState(cmd.Context(), &t, &server, env)
			if err != nil {
				return err
			}
			return showAccess(env.Stdout, state, form)
		},
	}
	flags := cmd.Flags()
	t.registerDir(flags)
	flags.StringVar(&t.url, "url", "", "`URL` of a database to show instead of the migrations, with a login that is a member of chenu_owner")
	server.register(flags)
	form.format.register(cmd, "text", "markdown", "html", "json")
	flags.BoolVarP(&form.predicates, "verbose", "v", false, "include the predicates and columns in the text format")
	flags.StringArrayVar(&form.tables, "table", nil, tableUsage)
	flags.StringArrayVar(&form.roles, "role", nil, "`name` of a role to include; may be repeated; by default all roles")
	completesDir(cmd)
	completes(cmd, "table", tableNames)
	completes(cmd, "role", roleNames)
	describeExits(cmd, "the access was printed", "the command failed", "")
	return cmd
}

// showAccess prints the access of roles to a database with the state.
func showAccess(w io.Writer, state *catalog.State, form showForm) error {
	matrix, err := access.Matrix(state)
	if err != nil {
		return err
	}
	if matrix, err = access.Select(matrix, form.tables, form.roles); err != nil {
		return err
	}
	var out bytes.Buffer
	switch form.format.name {
	case "json":
		err = writeJSON(&out, access.List(matrix))
	case "markdown":
		err = access.Document(&out, matrix, &policies.Conventions)
	case "html":
		err = access.HTML(&out, "Access to rows by role", matrix)
	default:
		err = access.Text(&out, matrix, form.predicates)
	}
	if err != nil {
		return err
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("write the matrix: %w", err)
	}
	return nil
}

// replayedState returns the state of the database at the target's URL, or, without a URL, the state that the migrations
// in the directory create.
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
