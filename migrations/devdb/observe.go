package devdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// LockMode is a lock on a table; a stronger one is greater. The zero value is
// none. https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
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

// ParseLockMode reads a mode as pg_locks has it; 0 for another text.
func ParseLockMode(mode string) LockMode { return LockMode(max(0, slices.Index(lockModes, mode))) }

// String names the lock as the manual does.
func (m LockMode) String() string {
	return []string{
		"", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE",
		"SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE",
	}[m]
}

// Waits says whom the lock keeps waiting, of those who read and write rows.
func (m LockMode) Waits() string {
	switch {
	case m == 0:
		return ""
	case m < Share:
		return "reads and writes go on"
	case m < AccessExclusive:
		return "writes wait"
	default:
		return "reads and writes wait"
	}
}

// Effect is what happened to one table, as Postgres itself reports it.
type Effect struct {
	Table string // schema.name, quoted where SQL needs it
	// Lock is the one it has now, if that is stronger than the one it had.
	Lock      LockMode
	Rewritten bool // it has another file
	Scanned   bool // it was read from end to end
}

// Observation is the state of every table and view within the running
// transaction.
type Observation map[uint32]observed

type observed struct {
	OID      uint32
	Name     string
	Filenode uint32
	Scans    int64
	Lock     string
}

const observeQuery = `
	SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
		CASE WHEN c.relkind IN ('r', 'm') THEN coalesce(pg_catalog.pg_relation_filenode(c.oid), 0) ELSE 0 END,
		CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_stat_get_xact_numscans(c.oid) ELSE 0 END,
		coalesce((
			SELECT l.mode FROM pg_catalog.pg_locks l
			WHERE l.relation = c.oid AND l.locktype = 'relation' AND l.granted AND l.pid = pg_catalog.pg_backend_pid()
			AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
			ORDER BY pg_catalog.array_position($1::text[], l.mode) DESC LIMIT 1
		), '')
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
	ORDER BY 2`

// Observe reads what the running transaction has locked, read and written anew
// so far.
func (s *Session) Observe(ctx context.Context) (Observation, error) {
	rows, err := s.conn.Query(ctx, observeQuery, lockModes)
	if err != nil {
		return nil, fmt.Errorf("observe: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[observed])
	if err != nil {
		return nil, fmt.Errorf("observe: %w", err)
	}
	o := make(Observation, len(all))
	for _, one := range all {
		o[one.OID] = one
	}
	return o, nil
}

// Effects are what happened between two observations of one transaction, to
// the tables that are in the first, by name.
func (o Observation) Effects(after Observation) []Effect {
	var all []Effect
	for oid, was := range o {
		now, ok := after[oid]
		if !ok { // dropped
			now = was
			now.Lock = lockModes[AccessExclusive]
		}
		e := Effect{Table: was.Name, Rewritten: was.Filenode != now.Filenode, Scanned: now.Scans > was.Scans}
		if mode := ParseLockMode(now.Lock); mode > ParseLockMode(was.Lock) {
			e.Lock = mode
		}
		if e != (Effect{Table: was.Name}) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b Effect) int { return cmp.Compare(a.Table, b.Table) })
	return all
}

// Named keeps of an observation what has one of the names.
func (o Observation) Named(names map[string]bool) Observation {
	kept := Observation{}
	for oid, one := range o {
		if names[one.Name] {
			kept[oid] = one
		}
	}
	return kept
}

// Only keeps of an observation what another has too.
func (o Observation) Only(others Observation) Observation {
	kept := Observation{}
	for oid, one := range o {
		if _, ok := others[oid]; ok {
			kept[oid] = one
		}
	}
	return kept
}
