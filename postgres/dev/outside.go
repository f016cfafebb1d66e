package dev

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// stopInterval is the pause between two looks at whether the observed statement waits.
	stopInterval = 200 * time.Microsecond
	// foreignWait is how long the observed statement may wait for a session other than the observer's.
	foreignWait = 30 * time.Second
)

// ObserveOutside runs a statement that cannot run in a transaction, and returns its effects on those of the given tables
// and views that exist now. If Postgres rejects the statement, the error is a *pgconn.PgError.
//
// The locks are complete. Before the statement starts, two other sessions hold a lock on every table, so that the
// statement must wait for its first lock on each table. While it waits, its request is in pg_locks. The lock of the
// observer is then replaced by the strongest lock that does not conflict with the modes requested so far: so the
// statement waits again before it gets a stronger lock on the table, in the same or in a later transaction of its own.
//
// The observer cannot lock indexes. An index whose file is new was locked with ACCESS EXCLUSIVE. Weaker locks on indexes
// are not reported, and neither is the removal of an index, which no query opens any more when it is locked.
func (s *Session) ObserveOutside(ctx context.Context, sql string, on Observation) ([]Effect, error) {
	o := &outside{pid: s.conn.PgConn().PID(), requested: map[uint32][]LockMode{}, through: map[uint32]LockMode{}}
	defer o.close(ctx)
	effects, refused, err := o.observe(ctx, s, sql, on)
	if err != nil {
		if _, ok := errors.AsType[*pgconn.PgError](err); ok { // not of the statement
			return nil, errors.New("observe a statement outside a transaction: " + err.Error())
		}
		return nil, fmt.Errorf("observe a statement outside a transaction: %w", err)
	}
	return effects, refused
}

// outside is the observation of one statement from other sessions.
type outside struct {
	pid     uint32
	poll    *pgx.Conn // reads pg_locks; it is never in a transaction
	holders [2]*holder
	// requested contains the modes that the statement has requested on each table.
	requested map[uint32][]LockMode
	// through is the strongest mode that it requested on each partition while queries on the partitioned table opened the
	// partition.
	through map[uint32]LockMode
}

// relation is an observed table, view or index.
type relation struct {
	observed
	Kind  string // pg_class.relkind
	Owner string
	Ours  bool // the role of the session is a member of the owner
}

// outsideQuery is like observeQuery, for statements that have ended. VACUUM without FULL reads a table without a scan
// that is counted.
const outsideQuery = `
	SELECT c.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), ` + ofColumn + `, c.relkind IN ('i', 'I'),
		CASE WHEN c.relkind IN ('r', 'm', 'i') THEN coalesce(pg_catalog.pg_relation_filenode(c.oid), 0) ELSE 0 END,
		CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_stat_get_numscans(c.oid) + pg_catalog.pg_stat_get_vacuum_count(c.oid) ELSE 0 END,
		'', c.relkind::text, pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(c.relowner)), pg_catalog.pg_has_role(c.relowner, 'USAGE')
	FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'i', 'I') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'`

// observe returns the effects, the error of the statement, and its own error.
func (o *outside) observe(ctx context.Context, s *Session, sql string, on Observation) (effects []Effect, refused, err error) {
	if err := o.connect(ctx, s); err != nil {
		return nil, nil, err
	}
	before, err := o.read(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	maps.DeleteFunc(before, func(oid uint32, _ relation) bool { _, ok := on[oid]; return !ok })
	if err := o.start(ctx, before); err != nil {
		return nil, nil, err
	}
	if refused, err = o.run(ctx, s, sql); err != nil {
		return nil, nil, err
	}
	after, err := o.read(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	return o.effects(before, after), refused, nil
}

func (o *outside) effects(before, after map[uint32]relation) []Effect {
	was, now, locks := Observation{}, Observation{}, map[uint32]locked{}
	for oid, r := range before {
		was[oid], now[oid] = r.observed, r.observed
		if r, ok := after[oid]; ok {
			now[oid] = r.observed
		}
		if r.Index && was[oid].Filenode != now[oid].Filenode {
			locks[oid] = locked{AccessExclusive, AccessExclusive}
		} else if requested := o.requested[oid]; len(requested) > 0 {
			locks[oid] = locked{slices.Max(requested), o.through[oid]}
		}
	}
	return was.effects(now, locks)
}

// connect opens the sessions of the observer, as the same role as s.
func (o *outside) connect(ctx context.Context, s *Session) (err error) {
	config := s.config.Copy()
	// A lock of the observer conflicts with no session that works longer. It must not hold the locks forever if this
	// process stops.
	config.RuntimeParams["lock_timeout"] = "10s"
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "10min"
	if o.poll, err = pgx.ConnectConfig(ctx, config); err != nil {
		return err
	}
	for i := range o.holders {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			return err
		}
		o.holders[i] = &holder{conn: conn, pid: conn.PgConn().PID()}
	}
	return nil
}

func (o *outside) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), foreignWait)
	defer cancel()
	if o.poll != nil {
		_ = o.poll.Close(ctx)
	}
	for _, h := range o.holders {
		if h != nil {
			_ = h.conn.Close(ctx)
		}
	}
}

// read returns the relations and their statistics, to which s first adds its own.
func (o *outside) read(ctx context.Context, s *Session) (map[uint32]relation, error) {
	if err := s.Exec(ctx, "SELECT pg_catalog.pg_stat_force_next_flush()"); err != nil {
		return nil, err
	}
	rows, err := o.poll.Query(ctx, outsideQuery)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[relation])
	if err != nil {
		return nil, err
	}
	relations := make(map[uint32]relation, len(all))
	for _, r := range all {
		relations[r.OID] = r
	}
	return relations, nil
}

// start locks the tables that the role of the session owns: a statement that cannot run in a transaction needs the owner
// of its tables.
func (o *outside) start(ctx context.Context, tables map[uint32]relation) error {
	var all []hold
	// Statements without a table name lock the oldest table first, and the newest lock of the observer is the easiest to
	// release.
	for _, oid := range slices.Backward(slices.Sorted(maps.Keys(tables))) {
		if r := tables[oid]; r.Ours && (r.Kind == "r" || r.Kind == "p" || r.Kind == "m") {
			all = append(all, hold{r, AccessExclusive})
		}
	}
	for _, h := range o.holders {
		if err := h.exec(ctx, "BEGIN"); err != nil {
			return err
		}
	}
	if err := o.holders[0].take(ctx, all...); err != nil {
		return fmt.Errorf("lock the tables of the development database: %w", err)
	}
	return nil
}

// run runs the statement and releases the locks of the observer for which it waits. The timeouts of s do not apply to
// the statement, because it waits for the observer. It returns the error of the statement, and its own.
func (o *outside) run(ctx context.Context, s *Session, sql string) (refused, err error) {
	var lockTimeout, statementTimeout string
	const settings = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
	if err := s.conn.QueryRow(ctx, settings).Scan(&lockTimeout, &statementTimeout); err != nil {
		return nil, err
	}
	if err := s.Exec(ctx, "SET lock_timeout = 0; SET statement_timeout = 0"); err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Exec(running, sql) }()
	if refused, err = o.follow(ctx, done); err != nil {
		cancel()
		<-done //nolint:errcheck // the statement was canceled because of err
		return nil, err
	}
	if _, ok := errors.AsType[*pgconn.PgError](refused); refused != nil && !ok {
		return nil, refused
	}
	for _, h := range o.holders {
		if err := h.exec(ctx, "ROLLBACK"); err != nil {
			return nil, err
		}
	}
	return refused, s.Exec(ctx, "SET lock_timeout = '"+lockTimeout+"'; SET statement_timeout = '"+statementTimeout+"'")
}

// follow steps through the statement until it has ended. It returns the statement's error, and its own.
func (o *outside) follow(ctx context.Context, done <-chan error) (refused, err error) {
	tick := time.NewTicker(stopInterval)
	defer tick.Stop()
	var since time.Time // since when the statement has waited for another session
	for {
		select {
		case refused := <-done:
			return refused, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		w, err := o.waiting(ctx)
		if err != nil {
			return nil, err
		}
		if w == nil {
			since = time.Time{}
			continue
		}
		i := slices.IndexFunc(o.holders[:], func(h *holder) bool { return slices.Contains(w.Blockers, h.pid) })
		if i < 0 {
			if since.IsZero() {
				since = time.Now()
			}
			if time.Since(since) > foreignWait {
				return nil, fmt.Errorf("the statement has waited for %s for other sessions of the development server (processes %v)", foreignWait, w.Blockers)
			}
			continue
		}
		since = time.Time{}
		from, to := o.holders[i], o.holders[1-i]
		if k := slices.IndexFunc(from.holds, func(h hold) bool { return h.OID == w.Relation }); k >= 0 {
			err = o.step(ctx, w, from, to, k)
		} else {
			err = o.hand(ctx, from, to)
		}
		if err != nil {
			return nil, err
		}
	}
}

// wait is what the statement waits for.
type wait struct {
	Relation uint32 // 0 if it waits for the end of a transaction
	Mode     string
	Blockers []uint32
}

// waiting returns what the statement waits for, or nil.
func (o *outside) waiting(ctx context.Context) (*wait, error) {
	const query = `
		SELECT CASE WHEN l.locktype = 'relation' THEN l.relation ELSE 0 END, l.mode,
			array(SELECT b::bigint FROM unnest(pg_catalog.pg_blocking_pids(l.pid)) b)
		FROM pg_catalog.pg_locks l WHERE l.pid = $1 AND NOT l.granted`
	rows, err := o.poll.Query(ctx, query, o.pid)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[wait])
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// step records the lock for which the statement waits, which is lock k of from, and lets the statement have it.
func (o *outside) step(ctx context.Context, w *wait, from, to *holder, k int) error {
	table, mode := from.holds[k].relation, ParseLockMode(w.Mode)
	o.requested[table.OID] = append(o.requested[table.OID], mode)
	// The statement waits, so this is still true when it gets the lock.
	var pending bool
	const query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = $1 AND h.inhdetachpending)"
	if err := o.poll.QueryRow(ctx, query, table.OID).Scan(&pending); err != nil {
		return err
	}
	if !pending {
		o.through[table.OID] = max(o.through[table.OID], mode)
	}
	// Releasing a lock releases the later ones of the session too.
	later := slices.Clone(from.holds[k+1:])
	if len(later) > 0 {
		if err := from.release(ctx, k+1); err != nil {
			return err
		}
		if err := to.take(ctx, later...); err != nil {
			return err
		}
	}
	next := table.guard(o.requested[table.OID])
	if next == 0 {
		return from.release(ctx, k)
	}
	// The weaker lock is queued behind the request of the statement, and Postgres grants both when the stronger lock is
	// released. Between these two the statement could do nothing.
	taken := make(chan error, 1)
	go func() { taken <- to.take(ctx, hold{table, next}) }()
	if err := o.queued(ctx, to, taken); err != nil {
		return err
	}
	err := from.release(ctx, k)
	return errors.Join(err, <-taken)
}

// queued waits until a holder waits for a lock.
func (o *outside) queued(ctx context.Context, h *holder, taken chan error) error {
	tick := time.NewTicker(stopInterval)
	defer tick.Stop()
	for {
		select {
		case err := <-taken:
			taken <- err // for the caller
			return err
		case <-tick.C:
		}
		var waits bool
		if err := o.poll.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = $1 AND NOT l.granted)", h.pid).Scan(&waits); err != nil {
			return errors.Join(err, <-taken)
		}
		if waits {
			return nil
		}
	}
}

// hand moves all locks to the other holder and ends the transaction of the first, for whose end the statement waits.
func (o *outside) hand(ctx context.Context, from, to *holder) error {
	if holds := slices.Clone(from.holds); len(holds) > 0 {
		if err := from.release(ctx, 0); err != nil {
			return err
		}
		if err := to.take(ctx, holds...); err != nil {
			return err
		}
	}
	if err := from.exec(ctx, "ROLLBACK"); err != nil {
		return err
	}
	return from.exec(ctx, "BEGIN")
}

// conflicts contains the modes that conflict with each mode.
// https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
var conflicts = map[LockMode][]LockMode{
	AccessShare:          {AccessExclusive},
	RowShare:             {Exclusive, AccessExclusive},
	RowExclusive:         {Share, ShareRowExclusive, Exclusive, AccessExclusive},
	ShareUpdateExclusive: {ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive},
	Share:                {RowExclusive, ShareUpdateExclusive, ShareRowExclusive, Exclusive, AccessExclusive},
	ShareRowExclusive:    {RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive},
	Exclusive:            {RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive},
}

// guard returns the mode that conflicts with most of the modes that are stronger than the requested ones, and with none
// of the requested ones. It returns 0 if there is none.
func (r relation) guard(requested []LockMode) (best LockMode) {
	most := 0
	for mode, with := range conflicts {
		stronger := 0
		for _, m := range with {
			if m > slices.Max(requested) {
				stronger++
			}
		}
		if r.lock(mode) == "" || slices.ContainsFunc(requested, func(m LockMode) bool { return slices.Contains(with, m) }) {
			continue
		}
		if stronger > most || stronger == most && stronger > 0 && mode < best {
			best, most = mode, stronger
		}
	}
	return best
}

// lock returns a statement that locks a table and changes nothing; "" if there is none. LOCK TABLE rejects materialized
// views, for which SHARE UPDATE EXCLUSIVE is enough: no statement upgrades a stronger lock on one.
func (r relation) lock(mode LockMode) string {
	switch {
	case r.Kind != "m":
		return "LOCK TABLE ONLY " + r.Name + " IN " + mode.String() + " MODE"
	case mode == AccessExclusive:
		return "ALTER MATERIALIZED VIEW " + r.Name + " OWNER TO " + r.Owner
	case mode == ShareUpdateExclusive:
		return "COMMENT ON MATERIALIZED VIEW " + r.Name + " IS NULL" // rolled back
	default:
		return ""
	}
}

// holder is a session with an open transaction that holds locks on tables, each under a savepoint of its own.
type holder struct {
	conn  *pgx.Conn
	pid   uint32
	holds []hold // the newest is the last
}

// hold is a lock of the observer.
type hold struct {
	relation
	mode LockMode
}

func (h *holder) exec(ctx context.Context, sql string) error {
	_, err := h.conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// take takes locks.
func (h *holder) take(ctx context.Context, all ...hold) error {
	var b strings.Builder
	for i, one := range all {
		fmt.Fprintf(&b, "SAVEPOINT hold_%d; %s; ", len(h.holds)+i, one.lock(one.mode))
	}
	h.holds = append(h.holds, all...)
	return h.exec(ctx, b.String())
}

// release releases the locks from number k on.
func (h *holder) release(ctx context.Context, k int) error {
	h.holds = h.holds[:k]
	return h.exec(ctx, fmt.Sprintf("ROLLBACK TO SAVEPOINT hold_%d; RELEASE SAVEPOINT hold_%[1]d", k))
}
