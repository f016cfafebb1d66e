// Package plan writes migrations. It compares the state that the migration directory produces with
// the desired state, both built on a development server, and plans new files from the differences.
// Atlas plans tables, keys, checks and indexes; this package plans functions, triggers, policies,
// row-level security, privileges and default partitions. It runs a plan before it returns it, so a
// plan is known to succeed, to produce the desired state, and to take the locks that its comments
// name.
package plan

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"golang.org/x/sync/errgroup"

	"github.com/chenu/chenu/policies/access"
	"github.com/chenu/chenu/postgres/dev"
	"github.com/chenu/chenu/postgres/project"
)

// File is a file of desired-state SQL.
type File struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
}

// Desired builds the desired state.
type Desired interface {
	// Build brings the empty database of the session to the desired state, as the owner, and
	// returns what was declared.
	Build(ctx context.Context, s *dev.Session) (*Declaration, error)
}

// Input is what Diff plans from.
type Input struct {
	// Name states the intent of the migration in lower-case words. It becomes part of the file
	// names.
	Name string
	// Conventions are the project's names. They are required.
	Conventions *project.Conventions
	// Dir is the migration directory. Diff reads it; Write writes it.
	Dir migrate.Dir
	// Desired is the desired state.
	Desired Desired
	// DevURL is a login on a development server that may create databases and roles. Diff only
	// changes databases that it creates and drops there, and creates the roles of the project if
	// they are missing.
	DevURL string
	// Backfills contains, by table.column or schema.table.column, the SQL expression that fills a
	// column of existing rows when it becomes NOT NULL. The expressions are added to those that
	// Desired declares.
	Backfills Expressions
	// Conversions contains, by the same names, the USING expression of a change of a column's type.
	Conversions Expressions
	// AllowDestructive permits a plan that drops columns or tables with their data.
	AllowDestructive bool
	// Now is the time of the plan. The zero value means the current time.
	Now time.Time
}

// Expressions are SQL expressions by table.column or schema.table.column. As a
// flag.Value it adds one column=expression at a time.
type Expressions map[string]string

// String implements flag.Value.
func (e Expressions) String() string {
	var all []string
	for _, column := range slices.Sorted(maps.Keys(e)) {
		all = append(all, column+"="+e[column])
	}
	return strings.Join(all, ", ")
}

// Set implements flag.Value.
func (e Expressions) Set(text string) error {
	column, expression, ok := strings.Cut(text, "=")
	if column, expression = strings.TrimSpace(column), strings.TrimSpace(expression); !ok || !strings.Contains(column, ".") || expression == "" {
		return errors.New("write table.column=<SQL expression>")
	}
	e[column] = expression
	return nil
}

// Plan is the result of Diff. Its SQL is final: Diff has run it.
type Plan struct {
	// Files are up to three files in the order in which they are applied: <UTC
	// timestamp>_<name>.sql, one transaction with short locks; _online.sql, without a transaction,
	// for statements that take long but do not block reads or writes; _drop.sql, one transaction
	// that drops what the other files needed.
	Files   []File   `json:"files"`
	Summary []string `json:"summary"` // gained and lost access, locks and deleted data, as lines to print
	Written bool     `json:"written"` // reports whether Write has written the files
}

// Refusal is an error that states why there is no plan, and what to do.
type Refusal struct{ Reasons []string }

// Error returns the reasons, one per line.
func (r *Refusal) Error() string { return strings.Join(r.Reasons, "\n") }

// Diff plans the migration from the state of the directory to the desired state. It returns nil
// without an error if there is no difference. It writes nothing; see Write.
//
// Diff returns a *Refusal if a plan would lose data or needs more information.
func Diff(ctx context.Context, in Input) (_ *Plan, err error) {
	name, err := checkName(in.Name)
	if err != nil {
		return nil, err
	}
	version, err := nextVersion(in.Dir, in.Now)
	if err != nil {
		return nil, err
	}
	server, err := dev.Open(ctx, in.DevURL, in.Conventions)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close(ctx)) }()

	var (
		replayed, wanted       *dev.Session
		current, desired       *dev.Inspection
		declaration            *Declaration
		group, groupCtx        = errgroup.WithContext(ctx)
		replayedErr, wantedErr error
	)
	if replayed, replayedErr = server.Create(ctx); replayedErr != nil {
		return nil, replayedErr
	}
	if wanted, wantedErr = server.Create(ctx); wantedErr != nil {
		return nil, wantedErr
	}
	group.Go(func() (err error) {
		if err := replayed.Replay(groupCtx, in.Dir); err != nil {
			return err
		}
		current, err = replayed.Inspect(groupCtx)
		return err
	})
	group.Go(func() (err error) {
		if declaration, err = build(groupCtx, wanted, in.Desired); err != nil {
			return err
		}
		desired, err = wanted.Inspect(groupCtx)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}

	p := newPlanning(in, wanted.Driver(), current, desired, declaration)
	if err := p.plan(ctx); err != nil {
		return nil, err
	}
	if len(p.steps) == 0 {
		return nil, unplanned(wanted.Driver(), current, desired)
	}
	effects, err := run(ctx, replayed, p.ordered(), current)
	if err != nil {
		return nil, err
	}
	reached, err := replayed.Inspect(ctx)
	if err != nil {
		return nil, err
	}
	if rest, err := differences(wanted.Driver(), reached, desired); err != nil {
		return nil, fmt.Errorf("the plan does not reach the desired state: %w", err)
	} else if len(rest) > 0 {
		return nil, fmt.Errorf("the plan does not reach the desired state; after it:\n\t%s", strings.Join(rest, "\n\t"))
	}
	// Roles belong to the server, where other runs can change them. No plan changes a role.
	reached.State.Roles = current.State.Roles
	changes, err := access.Compare(current.State, reached.State)
	if err != nil {
		return nil, fmt.Errorf("compare access: %w", err)
	}
	return p.render(version, name, effects, access.Lines(changes)), nil
}

// unplanned refuses differences for which there is no plan.
func unplanned(driver migrate.Driver, current, desired *dev.Inspection) error {
	rest, err := differences(driver, current, desired)
	if err != nil || len(rest) == 0 {
		return err
	}
	for i := range rest {
		rest[i] += ": the planner does not support this change; write the migration manually"
	}
	return &Refusal{rest}
}
