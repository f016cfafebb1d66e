package dev

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// LockMode is a table lock mode. A stronger lock has a greater value. The zero value means no lock.
type LockMode int

// The lock modes.
const (
	AccessShare LockMode = iota + 1
	RowShare
	RowExclusive
	ShareUpdateExclusive
	Share
	ShareRowExclusive
	Exclusive
	AccessExclusive
)

// lockModes are the names of pg_locks.mode.
var lockModes = []string{
	"", "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock",
	"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
}

// ParseLockMode parses a mode of pg_locks. It returns 0 for any other text.
func ParseLockMode(mode string) LockMode { return LockMode(max(0, slices.Index(lockModes, mode))) }

// String returns the name of the lock in the Postgres manual.
func (m LockMode) String() string {
	return []string{
		"", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE",
		"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE",
	}[m]
}

// Blocking returns whether the lock blocks reads and writes of rows, in words.
func (m LockMode) Blocking() string {
	switch {
	case m == 0:
		return ""
	case m < Share:
		return "allows reads and writes"
	case m < AccessExclusive:
		return "blocks writes"
	default:
		return "blocks reads and writes"
	}
}

// Effect is the observed effect on one table.
type Effect struct {
	Table string // schema.name, quoted where SQL needs it
	// Lock is the new lock, if it is stronger than the one that was held before.
	Lock LockMode
	// Through is the strongest new lock on an index or partition of the table. A query on the table
	// opens these too, and waits for them.
	Through   LockMode
	Rewritten bool // the table has a new file
	Scanned   bool // the whole table was read
}

// Blocking returns what the locks on the table, its indexes and its
// partitions block, in words.
func (e Effect) Blocking() string { return max(e.Lock, e.Through).Blocking() }

// Observation is the state of all tables and views within the running transaction.
type Observation map[uint32]observed

type observed struct {
	OID      uint32
	Name     string
	Of       uint32 // an index's table, or a partition's partitioned table; otherwise 0
	Index    bool
	Filenode uint32
	Scans    int64
	Lock     string
}

// ofColumn is the column Of. Queries on a partitioned table do not open a partition that is being detached.
const ofColumn = `coalesce((SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid = c.oid),
			(SELECT h.inhparent FROM pg_catalog.pg_inherits h WHERE h.inhrelid = c.oid AND c.relispartition AND NOT h.inhdetachpending), 0)`

const observeQuery = `
	WITH held AS MATERIALIZED (
		SELECT l.relation, max(pg_catalog.array_position($1::text[], l.mode)) AS mode FROM pg_catalog.pg_locks l
		WHERE l.locktype = 'relation' AND l.granted AND l.pid = pg_catalog.pg_backend_pid()
		AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
		GROUP BY l.relation
	)
	SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
		` + ofColumn + `, c.relkind IN ('i', 'I'),
		CASE WHEN c.relkind IN ('r', 'm') THEN coalesce(pg_catalog.pg_relation_filenode(c.oid), 0) ELSE 0 END,
		CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_stat_get_xact_numscans(c.oid) ELSE 0 END,
		coalesce(($1::text[])[held.mode], '')
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN held ON held.relation = c.oid
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'i', 'I') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'`

// Observe reads what the running transaction has locked, read and rewritten so far.
func (s *Session) Observe(ctx context.Context) (Observation, error) {
	rows, err := s.conn.Query(ctx, observeQuery, lockModes)
	if err != nil {
		return nil, fmt.Errorf("observe locks and tables: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[observed])
	if err != nil {
		return nil, fmt.Errorf("observe locks and tables: %w", err)
	}
	o := make(Observation, len(all))
	for _, one := range all {
		o[one.OID] = one
	}
	return o, nil
}

// Effects returns the effects between two observations of one transaction on the tables of the
// first, sorted by name.
func (o Observation) Effects(after Observation) []Effect {
	locks := map[uint32]locked{}
	for oid, was := range o {
		mode := AccessExclusive // of a dropped relation
		if now, ok := after[oid]; ok {
			mode = ParseLockMode(now.Lock)
		}
		if mode > ParseLockMode(was.Lock) {
			locks[oid] = locked{mode, mode}
		}
	}
	return o.effects(after, locks)
}

// locked are the new locks on a relation: the strongest, and the strongest that queries on its table or partitioned
// table wait for.
type locked struct{ mode, through LockMode }

// effects returns the effects of a statement with these locks.
func (o Observation) effects(after Observation, locks map[uint32]locked) []Effect {
	effects := map[uint32]*Effect{}
	of := func(oid uint32) *Effect {
		if effects[oid] == nil {
			effects[oid] = &Effect{Table: o[oid].Name}
		}
		return effects[oid]
	}
	for oid, was := range o {
		now, ok := after[oid]
		if !ok { // dropped
			now = was
		}
		lock := locks[oid]
		for parent := was.Of; lock.through > 0 && parent != 0; parent = o[parent].Of {
			if _, ok := o[parent]; ok {
				of(parent).Through = max(of(parent).Through, lock.through)
			}
		}
		if was.Index {
			continue
		}
		e := of(oid)
		e.Lock, e.Rewritten, e.Scanned = lock.mode, was.Filenode != now.Filenode, now.Scans > was.Scans
	}
	var all []Effect
	for _, e := range effects {
		if *e != (Effect{Table: e.Table}) {
			all = append(all, *e)
		}
	}
	slices.SortFunc(all, func(a, b Effect) int { return cmp.Compare(a.Table, b.Table) })
	return all
}

// Names returns the names of the tables and views.
func (o Observation) Names() map[string]bool {
	names := map[string]bool{}
	for _, one := range o {
		if !one.Index {
			names[one.Name] = true
		}
	}
	return names
}

// Only returns the part of an observation that another contains too.
func (o Observation) Only(others Observation) Observation {
	kept := Observation{}
	for oid, one := range o {
		if _, ok := others[oid]; ok {
			kept[oid] = one
		}
	}
	return kept
}
