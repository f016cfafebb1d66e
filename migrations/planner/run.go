package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/catalog"
)

// effect is what one statement did to one table that stood before the plan,
// as Postgres itself reports it.
type effect struct {
	table     string
	lock      lockMode // 0: no new one, or one that keeps nobody waiting
	rewritten bool
	scanned   bool
}

// effects are what a plan was seen to do.
type effects struct {
	steps [][]effect          // by step
	held  map[string]lockMode // the strongest lock of each table, held to the end
}

// lockMode orders table locks by strength.
// https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
type lockMode int

var lockModes = []string{
	"", "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock",
	"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
}

const shareUpdateExclusive lockMode = 4

// String names the lock as the manual does and says who waits.
func (m lockMode) String() string {
	return []string{
		"", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE (reads and writes go on)",
		"SHARE (writes wait)", "SHARE ROW EXCLUSIVE (writes wait)", "EXCLUSIVE (writes wait)", "ACCESS EXCLUSIVE (reads and writes wait)",
	}[m]
}

// observed is the state of one table within the running transaction.
type observed struct {
	OID      uint32
	Name     string
	Filenode uint32
	Scans    int64
	Lock     string
}

const observeQuery = `
	SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
		coalesce(pg_catalog.pg_relation_filenode(c.oid), 0), pg_catalog.pg_stat_get_xact_numscans(c.oid),
		coalesce((
			SELECT l.mode FROM pg_catalog.pg_locks l
			WHERE l.relation = c.oid AND l.locktype = 'relation' AND l.granted AND l.pid = pg_catalog.pg_backend_pid()
			AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
			ORDER BY pg_catalog.array_position($1::text[], l.mode) DESC LIMIT 1
		), '')
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
	ORDER BY 2`

func (s *Session) observe(ctx context.Context) (map[uint32]observed, error) {
	rows, err := s.conn.Query(ctx, observeQuery, lockModes)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[observed])
	if err != nil {
		return nil, err
	}
	byOID := map[uint32]observed{}
	for _, o := range all {
		byOID[o.OID] = o
	}
	return byOID, nil
}

// run runs the plan as applying it does, in one transaction, and watches what
// each statement locks, scans and rewrites of the tables that stood before.
func (s *Session) run(ctx context.Context, steps []step, current *inspection) (*effects, error) {
	e := &effects{steps: make([][]effect, len(steps)), held: map[string]lockMode{}}
	watch := slices.ContainsFunc(current.state.Security, func(*catalog.Security) bool { return true }) // one for every table
	err := s.transaction(ctx, func() error {
		var (
			before map[uint32]observed
			err    error
		)
		if watch {
			if before, err = s.observe(ctx); err != nil {
				return err
			}
		}
		for i, step := range steps {
			if err := s.exec(ctx, step.sql); err != nil {
				return planFailed(step, err)
			}
			if !watch {
				continue
			}
			after, err := s.observe(ctx)
			if err != nil {
				return err
			}
			e.steps[i] = e.compare(before, after)
			for oid := range before {
				if now, ok := after[oid]; ok {
					before[oid] = now
				} else {
					delete(before, oid)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (e *effects) compare(before, after map[uint32]observed) []effect {
	var all []effect
	for oid, was := range before {
		now, ok := after[oid]
		if !ok {
			now = was
			now.Lock = "AccessExclusiveLock" // dropped
		}
		f := effect{table: was.Name, rewritten: was.Filenode != now.Filenode, scanned: now.Scans > was.Scans}
		if mode := lockMode(slices.Index(lockModes, now.Lock)); mode >= shareUpdateExclusive && mode > e.held[was.Name] {
			f.lock = mode
			e.held[was.Name] = mode
		}
		if f.lock > 0 || f.rewritten || f.scanned {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b effect) int {
		if a.table < b.table {
			return -1
		}
		return 1
	})
	return all
}

// planFailed explains a statement of the plan that Postgres refused.
func planFailed(s step, err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && s.phase == phaseColumns && (pg.Code == "42804" || pg.Code == "42846") {
		return &Refusal{Reasons: []string{fmt.Sprintf(
			"%s: Postgres does not convert the values by itself; say how with --convert 'table.column=<SQL expression>'", pg.Message)}}
	}
	return fmt.Errorf("the planned statement fails: %w\n\t%s", describe(err), firstLine(s.sql))
}
