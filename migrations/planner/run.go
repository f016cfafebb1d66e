package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/catalog"
	"github.com/chenu/chenu/migrations/devdb"
)

// effects are what a plan was seen to do to the tables that stood before it.
type effects struct {
	steps [][]devdb.Effect          // by step
	held  map[string]devdb.LockMode // the strongest lock of each table, held to the end
}

// run runs the plan as applying it does, in one transaction, and watches what
// each statement locks, scans and rewrites of the tables that stood before.
func run(ctx context.Context, s *devdb.Session, steps []step, current *devdb.Inspection) (*effects, error) {
	e := &effects{steps: make([][]devdb.Effect, len(steps)), held: map[string]devdb.LockMode{}}
	watch := slices.ContainsFunc(current.State.Security, func(*catalog.Security) bool { return true }) // one for every table
	err := s.Transaction(ctx, func() error {
		var (
			before devdb.Observation
			err    error
		)
		if watch {
			if before, err = s.Observe(ctx); err != nil {
				return err
			}
		}
		for i, step := range steps {
			if err := s.Exec(ctx, step.sql); err != nil {
				return planFailed(step, err)
			}
			if !watch {
				continue
			}
			after, err := s.Observe(ctx)
			if err != nil {
				return err
			}
			e.add(i, before.Effects(after))
			before = after.Only(before)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// add keeps what a reviewer wants to know: of locks those that keep others
// from changing the table, or from more.
func (e *effects) add(i int, all []devdb.Effect) {
	for _, f := range all {
		f.Through = 0 // of what is the table's own, its lock tells
		if f.Lock < devdb.ShareUpdateExclusive {
			f.Lock = 0
		}
		if f.Lock > 0 {
			e.held[f.Table] = f.Lock
		}
		if f.Lock > 0 || f.Rewritten || f.Scanned {
			e.steps[i] = append(e.steps[i], f)
		}
	}
}

// planFailed explains a statement of the plan that Postgres refused.
func planFailed(s step, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && s.phase == phaseColumns && (pg.Code == "42804" || pg.Code == "42846") {
		return &Refusal{Reasons: []string{fmt.Sprintf(
			"%s: Postgres does not convert the values by itself; say how with --convert 'table.column=<SQL expression>'", pg.Message)}}
	}
	return fmt.Errorf("the planned statement fails: %w\n\t%s", devdb.Describe(err), firstLine(s.sql))
}

func firstLine(s string) string {
	line, _, more := strings.Cut(s, "\n")
	if more {
		line += " …"
	}
	return line
}
