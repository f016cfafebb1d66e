package plan_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	entmigrate "github.com/chenu/chenu/ent/migrate"
	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
	"github.com/chenu/chenu/postgres/pgtest"
)

const (
	// trafficRows is the environment variable with the number of notes. make check sets a million, which is enough for
	// a scan or a rewrite under a lock to be noticed. make test uses the default, which takes a fraction of the time.
	trafficRows    = "CHENU_TEST_TRAFFIC_ROWS"
	trafficDefault = 20_000
	// trafficEmpty is the number of notes that the migration fills, and trafficTasks that of tasks. Each adds a row to
	// the audit trail, which takes a fifth of a millisecond.
	trafficEmpty      = 10_000
	trafficTasks      = 5_000
	trafficIdentities = 10
	// A request that waits for the migration fails if it waits longer than the migration waits for requests, plus a
	// margin: a busy machine needs time to end that wait, or to run a statement.
	trafficLockTimeout = 2 * time.Second
	trafficPatience    = trafficLockTimeout + time.Second
	trafficPace        = 5 * time.Millisecond // pause of each session, to leave time for the migration
)

// altered is a desired state with additional changes.
type altered struct {
	plan.Desired
	statements []string
}

func (a altered) Build(ctx context.Context, s *dev.Session) (*plan.Declaration, error) {
	d, err := a.Desired.Build(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, statement := range a.statements {
		if err := s.Exec(ctx, statement); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// trafficNotes returns the number of notes. It must be a multiple of trafficIdentities, so that each identity has the
// same number.
func trafficNotes(t *testing.T) int {
	t.Helper()
	text := os.Getenv(trafficRows)
	if text == "" {
		return trafficDefault
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2*trafficEmpty || n%trafficIdentities != 0 {
		t.Fatalf("%s is %q: use a multiple of %d, at least %d", trafficRows, text, trafficIdentities, 2*trafficEmpty)
	}
	return n
}

// TestTraffic changes a table in every way that has an online form, while several identities read and write it and
// another session keeps transactions open. No request fails, and none waits longer than the migration's lock timeout
// and a margin.
func TestTraffic(t *testing.T) {
	t.Parallel()
	notes := trafficNotes(t)
	database := dbtest.New(t)
	fillTraffic(t, database.AdminURL, notes)

	dir := &migrate.MemDir{}
	embedded, err := migrations.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	files, err := embedded.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := dir.WriteFile(file.Name(), file.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	dbtest.Hash(t, dir)
	planned, err := plan.Diff(t.Context(), plan.Input{
		Conventions: &policies.Conventions,
		Name:        "change", Dir: dir, DevURL: dbtest.ServerURL(t),
		Backfills: plan.Expressions{"personal_notes.folder": "left(title, 4)", "personal_tasks.summary": "lower(title)"},
		Desired: altered{plan.Graph(entmigrate.Tables, policies.Tables, policies.SQL()), []string{
			"ALTER TABLE personal_notes ALTER COLUMN folder SET NOT NULL",
			"ALTER TABLE personal_notes ADD CONSTRAINT personal_notes_said CHECK (title <> content)",
			"ALTER TABLE personal_notes ADD CONSTRAINT personal_notes_filed CHECK (folder IS NOT NULL AND folder <> title)",
			"ALTER TABLE personal_notes NO FORCE ROW LEVEL SECURITY",
			"ALTER TABLE identities NO FORCE ROW LEVEL SECURITY",
			"ALTER TABLE personal_notes ADD CONSTRAINT personal_notes_updated_by_fkey FOREIGN KEY (updated_by) REFERENCES identities (id)",
			"ALTER TABLE identities FORCE ROW LEVEL SECURITY",
			"ALTER TABLE personal_notes FORCE ROW LEVEL SECURITY",
			"CREATE INDEX personal_notes_pinned_idx ON personal_notes (created_by, pinned, id)",
			"CREATE UNIQUE INDEX personal_notes_title_key ON personal_notes (created_by, title)",
			"ALTER TABLE personal_tasks ADD COLUMN summary text NOT NULL",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	add(t, dir, planned)
	if len(planned.Files) != 2 {
		t.Fatalf("files: %v", planned.Files)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	traffic := &traffic{t: t, url: database.ServiceURL, notes: notes}
	for n := range 4 {
		traffic.Go(func() { traffic.requests(ctx, n) })
	}
	holder := &holder{traffic: traffic, conn: traffic.connect(ctx), held: map[string]bool{}}
	traffic.until(t, 100) // requests are running

	var retried, blocked int
	holder.hold(ctx, "", holderReads)
	report, err := apply.Apply(t.Context(), database.MigrateURL, apply.Options{
		Conventions: &policies.Conventions,
		Dir:         dir, LockTimeout: trafficLockTimeout, LockRetries: 1000,
		Progress: func(e apply.Event) {
			switch e := e.(type) {
			case apply.StatementStarted:
				switch {
				case strings.HasPrefix(e.SQL, "CREATE INDEX CONCURRENTLY"):
					holder.hold(ctx, e.SQL, holderWrites)
				case strings.Contains(e.SQL, "ADD CONSTRAINT personal_notes_is_filled"):
					holder.hold(ctx, e.SQL, holderReads)
				}
			case apply.StatementDone:
				t.Logf("%s:%d: %s", e.File, e.Line, e.Took.Round(time.Millisecond))
			case apply.Retrying:
				retried++
				holder.letGo(ctx)
			case apply.StatementRunning:
				if strings.HasPrefix(e.Phase, "waiting for") {
					blocked++
					holder.letGo(ctx)
				}
			}
		},
	})
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	traffic.until(t, 100) // requests are still running
	stop()
	traffic.Wait()
	t.Logf("%d requests meanwhile; the migration retried %d times", traffic.count(), retried)
	if retried == 0 || blocked == 0 {
		t.Errorf("no session made the migration wait: %d retries, %d waits", retried, blocked)
	}
	if len(report.Invalid) > 0 {
		t.Errorf("invalid indexes: %v", report.Invalid)
	}
	if found := drifted(t, database.MigrateURL, otherServer(t), dir); len(found) > 0 {
		t.Errorf("drift: %v", found)
	}
	conn := pgtest.Connect(t, database.AdminURL)
	for _, query := range []string{
		"SELECT count(*) = 0 FROM personal_notes WHERE folder IS NULL",
		fmt.Sprintf("SELECT count(*) = %d FROM personal_notes WHERE folder = 'note'", trafficEmpty),
		fmt.Sprintf("SELECT count(*) = %d FROM personal_tasks WHERE summary = lower(title)", trafficTasks),
		"SELECT count(*) > 0 FROM personal_notes WHERE updated_by IS NOT NULL",
		"SELECT bool_and(relforcerowsecurity) FROM pg_class WHERE relname IN ('personal_notes', 'personal_tasks', 'identities')",
	} {
		var ok bool
		if err := conn.QueryRow(t.Context(), query).Scan(&ok); err != nil || !ok {
			t.Errorf("%t, %v: %s", ok, err, query)
		}
	}
}

// fillTraffic fills the tables with triggers disabled. Each identity has every tenth row.
func fillTraffic(t *testing.T, url string, notes int) {
	t.Helper()
	exec(t, url, fmt.Sprintf(`SET session_replication_role = replica;
INSERT INTO identities (id, email, name) SELECT %[1]s, n || '@example.org', 'Somebody' FROM generate_series(0, %[2]d) n;
INSERT INTO personal_notes (created_by, id, title, folder)
SELECT %[3]s, %[4]s, 'note ' || n, CASE WHEN n >= %[5]d THEN 'Home' END FROM generate_series(0, %[6]d) n;
INSERT INTO personal_tasks (created_by, id, title) SELECT %[3]s, %[4]s, 'Task ' || n FROM generate_series(0, %[7]d) n;
RESET session_replication_role; ANALYZE personal_notes, personal_tasks`,
		numbered("7000", "n"), trafficIdentities-1, numbered("7000", "n % "+strconv.Itoa(trafficIdentities)), numbered("7001", "n"),
		trafficEmpty, notes-1, trafficTasks-1))
}

func numbered(version, n string) string {
	return "('00000000-0000-" + version + "-8000-' || lpad((" + n + ")::text, 12, '0'))::uuid"
}

func number(version string, n int) string {
	return fmt.Sprintf("00000000-0000-%s-8000-%012d", version, n)
}

// traffic runs requests as a service does, with the login of the service.
type traffic struct {
	sync.WaitGroup
	t     *testing.T
	url   string
	notes int // rows of personal_notes

	mu   sync.Mutex
	done int
}

func (r *traffic) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done
}

// until waits for the given number of further requests.
func (r *traffic) until(t *testing.T, more int) {
	t.Helper()
	tick, deadline := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for want := r.count() + more; r.count() < want && !t.Failed(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the requests have stopped")
		}
	}
}

func (r *traffic) connect(ctx context.Context) *pgx.Conn {
	config, err := pgx.ParseConfig(r.url)
	if err != nil {
		r.t.Error(err)
		return nil
	}
	config.RuntimeParams["role"] = "chenu_human"
	config.RuntimeParams["lock_timeout"] = strconv.FormatInt(trafficPatience.Milliseconds(), 10)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		r.t.Error(err)
		return nil
	}
	return conn
}

// as begins a transaction of an identity.
func as(ctx context.Context, conn *pgx.Conn, identity int) (pgx.Tx, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "SELECT set_config('app.identity_id', $1, true), set_config('app.actor_id', $1, true), set_config('app.actor_kind', 'human', true)", number("7000", identity))
	return tx, err
}

// requests sends one request after another until ctx ends. None may fail.
func (r *traffic) requests(ctx context.Context, seed int) {
	conn := r.connect(ctx)
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close(context.Background()) }()
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	pace := time.NewTicker(trafficPace)
	defer pace.Stop()
	for ctx.Err() == nil {
		<-pace.C
		note := random.IntN(r.notes)
		if random.IntN(2) == 0 {
			note = random.IntN(trafficEmpty) // a row that may not be filled yet
		}
		what, err := request(ctx, conn, random, note)
		if err != nil && ctx.Err() == nil {
			r.t.Errorf("a request failed: %s: %v", what, err)
			return
		}
		r.mu.Lock()
		r.done++
		r.mu.Unlock()
	}
}

func request(ctx context.Context, conn *pgx.Conn, random *rand.Rand, note int) (what string, err error) {
	tx, err := as(ctx, conn, note%trafficIdentities)
	if err != nil {
		return "begin", err
	}
	owner, id := number("7000", note%trafficIdentities), number("7001", note)
	var (
		args []any
		rows = 1
	)
	switch random.IntN(6) {
	case 0:
		what, args = "SELECT title, folder, pinned FROM personal_notes WHERE created_by = $1 AND id = $2", []any{owner, id}
	case 1:
		what, args, rows = "SELECT id, title FROM personal_notes WHERE created_by = $1 ORDER BY id DESC LIMIT 20", []any{owner}, 20
	case 2:
		what, args = "UPDATE personal_notes SET pinned = NOT pinned, content = 'changed ' || clock_timestamp() WHERE created_by = $1 AND id = $2", []any{owner, id}
	case 3:
		var fresh uuid.UUID
		if fresh, err = uuid.NewV7(); err != nil {
			return "", err
		}
		what, args = "INSERT INTO personal_notes (created_by, id, title, folder) VALUES ($1, $2, $3, 'Home')", []any{owner, fresh, "fresh " + fresh.String()}
	case 4:
		what, args = "UPDATE personal_tasks SET description = 'changed' WHERE created_by = $1 AND id = $2", []any{owner, number("7001", note%trafficTasks)}
	default:
		what, args = "SELECT title, status FROM personal_tasks WHERE created_by = $1 AND id = $2", []any{owner, number("7001", note%trafficTasks)}
	}
	tag, err := tx.Exec(ctx, what, args...)
	if err != nil {
		return what, err
	}
	if tag.RowsAffected() != int64(rows) {
		return what, fmt.Errorf("%d rows, want %d", tag.RowsAffected(), rows)
	}
	return what, tx.Commit(ctx)
}

// holder keeps a transaction open that blocks the migration, until the migration was observed to wait. It does so at
// most once for each statement.
type holder struct {
	traffic *traffic
	conn    *pgx.Conn
	tx      pgx.Tx
	held    map[string]bool // statements that it has blocked
}

const (
	holderReads  = "SELECT title FROM personal_notes WHERE created_by = $1 AND id = $2"
	holderWrites = "UPDATE personal_notes SET pinned = true WHERE created_by = $1 AND id = $2"
)

func (h *holder) hold(ctx context.Context, statement, sql string) {
	if h.conn == nil || h.tx != nil || h.held[statement] {
		return
	}
	h.held[statement] = true
	tx, err := as(ctx, h.conn, 0)
	if err == nil {
		_, err = tx.Exec(ctx, sql, number("7000", 0), number("7001", h.traffic.notes-trafficIdentities))
	}
	if err != nil {
		h.traffic.t.Errorf("a transaction that is kept open: %v", err)
		return
	}
	h.tx = tx
}

func (h *holder) letGo(ctx context.Context) {
	if h.tx == nil {
		return
	}
	if err := h.tx.Commit(ctx); err != nil {
		h.traffic.t.Errorf("a transaction that was kept open: %v", err)
	}
	h.tx = nil
}
