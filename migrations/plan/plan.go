// Package plan writes migrations. It compares the state that the migration
// directory reaches with the desired state, both built in databases of their
// own on a development server, and plans one new file from the differences:
// tables, keys, checks and indexes by Atlas; functions, triggers, policies,
// row security, privileges and default partitions by itself. It runs the plan
// before it gives it away, so a plan is known to work, to reach the desired
// state, and to take the locks that its comments name.
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
type File struct{ Name, SQL string }

// Desired builds the wanted state.
type Desired interface {
	// Build brings the empty database of the session to the wanted state, as
	// Owner, and says what was declared.
	Build(ctx context.Context, s *dev.Session) (*Declaration, error)
}

// Input is what Diff plans from.
type Input struct {
	// Name says what the migration is for: lower-case words. It becomes part
	// of the file's name.
	Name string
	// Conventions are the project's names. They are required.
	Conventions *project.Conventions
	// Dir is the migration directory. Diff reads it; Write writes it.
	Dir migrate.Dir
	// Desired is where to go.
	Desired Desired
	// DevURL is a login on a development server that may create databases
	// and roles. Nothing there is touched but databases that Diff makes and
	// drops, and our roles, which it creates when they are missing.
	DevURL string
	// Backfills gives, by table.column or schema.table.column, the SQL
	// expression that fills a column of existing rows when it becomes NOT
	// NULL. They add to the ones that Desired declares.
	Backfills Expressions
	// Conversions gives, by the same names, the USING expression of a change
	// of a column's type.
	Conversions Expressions
	// AllowDestructive permits a plan that drops columns or tables with what
	// is in them.
	AllowDestructive bool
	// Now is the time of the plan; the zero time means the present.
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

// Plan is what Diff found. Its SQL is final: it has been run.
type Plan struct {
	// Files are those that are needed of three, in the order they apply:
	// <UTC timestamp>_<name>.sql, one transaction that needs its locks for a
	// moment; _online.sql, outside a transaction, what takes long and keeps
	// nobody waiting; _drop.sql, one transaction, what goes after that.
	Files   []File
	Summary []string // who gains or loses access, what is locked or destroyed, in lines to print
}

// Refusal is an error that says what is missing for a plan, and what to do.
type Refusal struct{ Reasons []string }

// Error joins the reasons, one a line.
func (r *Refusal) Error() string { return strings.Join(r.Reasons, "\n") }

// Diff plans the migration that leads from the state of the directory to the
// desired state. It returns nil and no error when there is nothing to do. It
// writes nothing; see Write.
//
// A plan that would lose data, or needs to be told something, is refused with
// a *Refusal.
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
	// Roles are the whole server's, where others may be at work. No plan changes any.
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
