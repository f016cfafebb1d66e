package plan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/postgres/dev"
)

// seen is the observed effect of a statement on a table.
type seen struct {
	dev.Effect
	under dev.LockMode // the strongest lock that its transaction held at that time
}

// effects are the observed effects of a plan on the tables that existed before it.
type effects struct {
	steps [][]seen                   // by step
	held  [3]map[string]dev.LockMode // by part: the strongest lock of each table
}

// trial runs a plan on a development database.
type trial struct {
	*effects
	session *dev.Session
	before  dev.Observation // the tables before the plan; nil if there were none, and then nothing is observed
	now     dev.Observation // the same, in the running transaction
}

// run runs the plan as apply does, and observes the locks, scans and rewrites of each statement on
// existing tables.
func run(ctx context.Context, s *dev.Session, steps []step, current *dev.Inspection) (*effects, error) {
	t := &trial{effects: &effects{steps: make([][]seen, len(steps))}, session: s}
	for at := range t.held {
		t.held[at] = map[string]dev.LockMode{}
	}
	if len(current.State.Security) > 0 { // every table has one
		var err error
		if t.before, err = s.Observe(ctx); err != nil {
			return nil, err
		}
	}
	for i := 0; i < len(steps); {
		at, n := steps[i].phase.part(), 1
		if at != partOnline {
			for i+n < len(steps) && steps[i+n].phase.part() == at {
				n++
			}
		}
		if err := t.file(ctx, steps[i:i+n], i, at); err != nil {
			return nil, err
		}
		i += n
	}
	return t.effects, nil
}

// file runs steps, starting with number first, in one transaction if possible.
func (t *trial) file(ctx context.Context, steps []step, first int, at part) error {
	if s := steps[0]; s.alone {
		effects, err := t.session.ObserveOutside(ctx, s.sql, t.before)
		if err != nil {
			return planFailed(s, err)
		}
		t.add(first, at, effects)
		return nil
	}
	if err := t.transaction(ctx, steps, first, at); !errors.Is(err, errCommits) {
		return err
	}
	// The statement commits, so it was run above without its commits, to observe it.
	if err := t.session.Exec(ctx, steps[0].sql); err != nil {
		return planFailed(steps[0], err)
	}
	return nil
}

// errCommits rolls back a statement that must run outside a transaction.
var errCommits = errors.New("it commits")

const commits = "COMMIT;"

func (t *trial) transaction(ctx context.Context, steps []step, first int, at part) error {
	return t.session.Transaction(ctx, func() error {
		if t.before != nil {
			all, err := t.session.Observe(ctx)
			if err != nil {
				return err
			}
			t.now = all.Only(t.before)
		}
		for i, s := range steps {
			sql := s.sql
			if s.phase == phaseFill || s.phase == phaseRefill {
				sql = strings.ReplaceAll(sql, commits, "NULL;")
			}
			if err := t.trust(ctx, s); err != nil {
				return err
			}
			if err := t.session.Exec(ctx, sql); err != nil {
				return planFailed(s, err)
			}
			if t.before != nil {
				after, err := t.session.Observe(ctx)
				if err != nil {
					return err
				}
				t.add(first+i, at, t.now.Effects(after))
				t.now = after.Only(t.now)
			}
			if sql != s.sql {
				return errCommits
			}
		}
		return nil
	})
}

// trust rejects a backfill that reads a table whose policies would hide rows from it: it would
// silently fill fewer rows.
func (t *trial) trust(ctx context.Context, s step) error {
	if s.trust == "" {
		return nil
	}
	var was string
	if err := t.session.Conn().QueryRow(ctx, "SELECT current_setting('row_security')").Scan(&was); err != nil {
		return err
	}
	if err := t.session.Exec(ctx, "SET LOCAL row_security = off"); err != nil {
		return err
	}
	err := t.session.Exec(ctx, s.trust)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "42501" {
		return &Refusal{Reasons: []string{"policies would hide rows from the backfill: " + pg.Message +
			"; write the migration manually, with ALTER TABLE … NO FORCE ROW LEVEL SECURITY before the backfill and FORCE after it"}}
	}
	if err != nil {
		return planFailed(s, err)
	}
	return t.session.Exec(ctx, "SET LOCAL row_security = "+was)
}

// add keeps the effects for the comments: locks that block writes or more, scans and rewrites.
func (e *effects) add(i int, at part, all []dev.Effect) {
	for _, f := range all {
		f.Through = 0 // the plan lists only the locks on the tables themselves
		if f.Lock < dev.ShareUpdateExclusive {
			f.Lock = 0
		}
		under := f.Lock
		if held := e.held[at][f.Table]; at != partOnline && held > under {
			under = held
		}
		if f.Lock > e.held[at][f.Table] {
			e.held[at][f.Table] = f.Lock
		}
		if f.Lock > 0 || f.Rewritten || f.Scanned {
			e.steps[i] = append(e.steps[i], seen{f, under})
		}
	}
}

// planFailed adds advice to the error of a planned statement.
func planFailed(s step, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && s.phase == phaseColumns && (pg.Code == "42804" || pg.Code == "42846") {
		return &Refusal{Reasons: []string{fmt.Sprintf(
			"%s: Postgres cannot convert the values automatically; add --convert 'table.column=<SQL expression>'", pg.Message)}}
	}
	return fmt.Errorf("the planned statement fails: %w\n\t%s", dev.Describe(err), firstLine(s.sql))
}

func firstLine(s string) string {
	line, _, more := strings.Cut(s, "\n")
	if more {
		line += " …"
	}
	return line
}
