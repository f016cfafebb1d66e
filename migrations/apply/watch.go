package apply

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// watcher observes the applying session from a second connection: which sessions it waits for, and the progress of an
// index build. It is best effort: if it fails, the migration continues without it. It sends short statements in
// separate transactions, so that no concurrent build waits for its snapshot.
type watcher struct {
	url   string
	pid   uint32 // of the applying session
	every time.Duration
	send  func(Event)
	conn  *pgx.Conn

	blockers string // the sessions for which the last statement was seen to wait; read it between statements only
}

func newWatcher(url string, pid uint32, lockTimeout time.Duration, send func(Event)) *watcher {
	const often, seldom = 10 * time.Millisecond, 250 * time.Millisecond
	w := &watcher{url: url, pid: pid, every: seldom, send: send}
	if lockTimeout > 0 { // a wait must not end before it is observed
		w.every = max(often, min(seldom, lockTimeout/4))
	}
	return w
}

// watch sends a StatementRunning for each observation of the statement, until stop is called.
func (w *watcher) watch(ctx context.Context, at Position) (stop func()) {
	w.blockers = ""
	began, end, ended := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(w.every)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			seen, err := w.look(ctx)
			if err != nil {
				w.close()
				tick.Reset(closeTimeout) // and then on a new connection
				continue
			}
			tick.Reset(w.every)
			if seen.Blockers != "" {
				w.blockers = seen.Blockers
			}
			seen.Position, seen.Took = at, time.Since(began)
			w.send(seen)
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// The meaning of the counters depends on the phase.
// https://www.postgresql.org/docs/current/progress-reporting.html#CREATE-INDEX-PHASES
const lookSQL = `SELECT coalesce(a.wait_event_type = 'Lock', false), coalesce(p.phase, ''),
	coalesce(CASE WHEN p.phase LIKE 'waiting %' THEN p.lockers_done WHEN p.phase LIKE '%tuples%' THEN p.tuples_done ELSE p.blocks_done END, 0),
	coalesce(CASE WHEN p.phase LIKE 'waiting %' THEN p.lockers_total WHEN p.phase LIKE '%tuples%' THEN p.tuples_total ELSE p.blocks_total END, 0)
FROM pg_catalog.pg_stat_activity a LEFT JOIN pg_catalog.pg_stat_progress_create_index p ON p.pid = a.pid
WHERE a.pid = $1`

// blockersSQL returns what an ordinary login may see of other sessions: the process id, the application name and the
// login, and the start of the transaction only for sessions of the same login. Process 0 represents a prepared
// transaction.
const blockersSQL = `SELECT b.pid, coalesce(a.application_name, ''), coalesce(a.usename, ''), a.xact_start
FROM (SELECT DISTINCT unnest(pg_catalog.pg_blocking_pids($1)) AS pid) b LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
ORDER BY a.xact_start, b.pid LIMIT 5`

func (w *watcher) look(ctx context.Context) (StatementRunning, error) {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	var e StatementRunning
	if w.conn == nil {
		if err := w.connect(ctx); err != nil {
			return e, err
		}
	}
	var waits bool
	if err := w.conn.QueryRow(ctx, lookSQL, w.pid).Scan(&waits, &e.Phase, &e.Done, &e.Total); err != nil || !waits {
		return e, err
	}
	rows, err := w.conn.Query(ctx, blockersSQL, w.pid)
	if err != nil {
		return e, err
	}
	all, err := pgx.CollectRows(rows, scanBlocker)
	e.Blockers = strings.Join(all, "; ")
	return e, err
}

func scanBlocker(row pgx.CollectableRow) (string, error) {
	var (
		pid            int32
		program, login string
		since          *time.Time
	)
	if err := row.Scan(&pid, &program, &login, &since); err != nil {
		return "", err
	}
	if pid == 0 {
		return "a prepared transaction, see pg_prepared_xacts", nil
	}
	s := "server process " + strconv.Itoa(int(pid))
	if program != "" {
		s += ", " + strconv.Quote(program)
	}
	if login != "" {
		s += " of " + login
	}
	if since != nil {
		s += ", in a transaction since " + since.UTC().Format(time.RFC3339)
	}
	return s, nil
}

// connect logs in and does not change the role: the owner's role may see less of the applying session than the login of
// both sessions.
func (w *watcher) connect(ctx context.Context) error {
	config, err := parseURL(w.url)
	if err != nil {
		return err
	}
	maps.Copy(config.RuntimeParams, map[string]string{
		"application_name": applicationName + " (watching)", "role": "none", "search_path": "pg_catalog",
		"statement_timeout": strconv.FormatInt(closeTimeout.Milliseconds(), 10), "default_transaction_read_only": "on",
	})
	w.conn, err = dial(ctx, config)
	return err
}

func (w *watcher) close() {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = w.conn.Close(ctx) // it only reads
	w.conn = nil
}
