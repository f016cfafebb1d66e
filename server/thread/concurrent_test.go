package thread_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/policies/verify"
	"github.com/chenu/chenu/postgres/local"
	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

const appendSQL = `SELECT app.append_events($1, $2, $3)`

// appendNotes appends a note for each id as the identity, in one transaction.
func appendNotes(ctx context.Context, db *session.DB, owner, thread uuid.UUID, ids ...uuid.UUID) error {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"id": %q, "type": "note.added", "schema_version": 1, "payload": {"text": %q}}`, id, id)
	}
	ctx = auth.With(ctx, auth.Identity{ID: owner, ActorID: owner, Kind: auth.Human})
	return db.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
		_, err := tx.ExecContext(ctx, appendSQL, thread, (*int64)(nil), "["+strings.Join(list, ",")+"]")
		return err
	})
}

// acknowledged records the ids of events whose append was confirmed.
type acknowledged struct {
	mutex sync.Mutex
	ids   map[uuid.UUID]uuid.UUID // maps to the thread
}

func (a *acknowledged) add(thread uuid.UUID, ids ...uuid.UUID) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, id := range ids {
		a.ids[id] = thread
	}
}

// check verifies the guarantees: the sequence numbers of every thread start at 1 and have no gaps, every acknowledged
// event is in its thread exactly once, and every row is the result of its events.
func (a *acknowledged) check(t *testing.T, adminURL string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, _ := conn.Query(ctx, "SELECT id, thread_id, sequence FROM thread_events ORDER BY thread_id, sequence")
	stored := map[uuid.UUID]uuid.UUID{}
	var id, thread, before uuid.UUID
	var sequence, last int64
	_, err = pgx.ForEachRow(rows, []any{&id, &thread, &sequence}, func() error {
		if thread != before {
			before, last = thread, 0
		}
		if sequence != last+1 {
			t.Errorf("thread %s: %d follows %d", thread, sequence, last)
		}
		if _, twice := stored[id]; twice {
			t.Errorf("event %s is stored twice", id)
		}
		stored[id], last = thread, sequence
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, thread := range a.ids {
		if stored[id] != thread {
			t.Errorf("event %s was acknowledged and is lost", id)
		}
	}
	report, err := verify.Database(ctx, conn, func(f verify.Finding) { t.Error(f) })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d threads, %d events, of which %d acknowledged appends", report.Rows["threads"], report.Rows["thread_events"], len(a.ids))
}

// TestWritersAtOnce has many writers append concurrently to one thread and to several, some with an expected sequence
// number, over HTTP and in batches.
func TestWritersAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	var threads []uuid.UUID
	for range 5 {
		threads = append(threads, uuid.MustParse(begin(c)[len("/v1/threads/"):]))
	}
	a := &acknowledged{ids: map[uuid.UUID]uuid.UUID{}}
	var wg sync.WaitGroup
	for writer := range 16 {
		wg.Go(func() {
			for n := range 15 {
				thread := threads[0]
				if writer%2 == 0 {
					thread = threads[rand.IntN(len(threads))]
				}
				ids := make([]uuid.UUID, 1+n%3)
				for i := range ids {
					ids[i] = dbtest.NewID()
				}
				if err := appendNotes(t.Context(), b.session, b.ada, thread, ids...); err != nil {
					t.Error(err)
					return
				}
				a.add(thread, ids...)
			}
		})
	}
	// Writers that expect the same sequence number: one succeeds, the others get 412.
	path := "/v1/threads/" + threads[1].String()
	for range 4 {
		wg.Go(func() {
			for won := 0; won < 5 && !t.Failed(); {
				last := c.Get(path).Want(http.StatusOK).Object()["last_sequence"]
				id := dbtest.NewID()
				r := c.Post(path+"/events", object("expected_sequence", last, "events", []any{note("x", "id", id)}))
				if r.Status == http.StatusPreconditionFailed {
					continue
				}
				if r.Want(http.StatusCreated).Object()["last_sequence"] != last.(float64)+1 {
					t.Errorf("%v was expected, and %s appended", last, r.Body)
				}
				a.add(threads[1], id)
				won++
			}
		})
	}
	wg.Wait()
	a.check(t, b.db.AdminURL)
}

// TestOneEventAtOnce repeats one append concurrently. The events are appended once.
func TestOneEventAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	path := begin(c)
	body := events(note("x", "id", dbtest.NewID()), note("y", "id", dbtest.NewID()))
	var made, again atomic.Int32
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			switch c.Post(path+"/events", body).Status {
			case http.StatusCreated:
				made.Add(1)
			case http.StatusOK:
				again.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || again.Load() != 11 || c.Get(path).Object()["last_sequence"] != 3.0 {
		t.Errorf("%d requests appended the events, %d got the earlier response", made.Load(), again.Load())
	}
}

// TestParentsAtOnce makes two threads each other's parent concurrently. Only one of the requests succeeds.
func TestParentsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	c := b.human(t, b.ada)
	for range 10 {
		one, two := begin(c), begin(c)
		var wg sync.WaitGroup
		var became atomic.Int32
		for _, pair := range [][2]string{{one, two}, {two, one}} {
			wg.Go(func() {
				if c.Patch(pair[0], "*", object("parent_thread_id", pair[1][len("/v1/threads/"):])).Status == http.StatusOK {
					became.Add(1)
				}
			})
		}
		wg.Wait()
		if became.Load() != 1 {
			t.Fatalf("%d of the two became the other's child, want 1", became.Load())
		}
	}
}

// TestKilled kills a Postgres with SIGKILL during appends, three times. Afterwards, acknowledged events are stored,
// and events that were not acknowledged are appended again with the same ids and stored once.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // Postgres may run as another user.
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	start := func() *local.Server {
		server, err := local.Start(t.Context(), local.Config{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return server
	}
	stop := func(server *local.Server) {
		ctx, cancel := context.WithTimeout(context.Background(), within)
		defer cancel()
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	}
	server := start()
	defer func() { stop(server) }()
	var serviceURL, agentURL, migrateURL, database string
	bootstrap := func() {
		report, err := apply.Bootstrap(t.Context(), server.URL("postgres"), apply.BootstrapOptions{
			Conventions: &policies.Conventions,
			Service:     apply.Login{Name: "service", Password: "service"}, Agent: apply.Login{Name: "agent", Password: "agent"},
			Migrate: apply.Login{Name: "migrate", Password: "migrate"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, login := range report.Logins {
			switch login.Variable {
			case "CHENU_DATABASE_URL":
				serviceURL = login.URL
			case "CHENU_AGENT_DATABASE_URL":
				agentURL = login.URL
			case "CHENU_MIGRATE_DATABASE_URL":
				migrateURL = login.URL
			}
		}
		config, err := pgx.ParseConfig(serviceURL)
		if err != nil {
			t.Fatal(err)
		}
		database = config.Database
	}
	bootstrap()
	if _, err := apply.Apply(t.Context(), migrateURL, apply.Options{Conventions: &policies.Conventions}); err != nil {
		t.Fatal(err)
	}

	owner := dbtest.NewID()
	a := &acknowledged{ids: map[uuid.UUID]uuid.UUID{}}
	admin, err := pgx.Connect(t.Context(), server.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	threads := make([]uuid.UUID, 4)
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO identities (id, email, name) VALUES ($1, 'ada@example.org', 'Ada')", owner)
	batch.Queue("SELECT set_config('app.identity_id', $1, true)", owner.String())
	for i := range threads {
		threads[i] = dbtest.NewID()
		batch.Queue("SELECT app.create_thread($1, $2, 1, $3)", threads[i], dbtest.NewID(), object(
			"founding_intent", "Begin", "sphere", "personal", "type", "personal", "visibility", "private", "title", nil, "parent_thread_id", nil, "tags", []string{}))
	}
	if err := errors.Join(admin.SendBatch(t.Context(), batch).Close(), admin.Close(t.Context())); err != nil {
		t.Fatal(err)
	}

	var doubtful sync.Map // ids whose append got no response, and their threads
	for round := range 3 {
		db, err := session.Open(t.Context(), session.Config{HumanURL: serviceURL, AgentURL: agentURL, MaxConns: 8})
		if err != nil {
			t.Fatal(err)
		}
		// Repeat the appends that got no response before the crash.
		doubtful.Range(func(id, thread any) bool {
			if err := appendNotes(t.Context(), db, owner, thread.(uuid.UUID), id.(uuid.UUID)); err != nil {
				t.Errorf("repeat after the crash: %v", err)
			}
			a.add(thread.(uuid.UUID), id.(uuid.UUID))
			doubtful.Delete(id)
			return true
		})
		ctx, cancel := context.WithTimeout(t.Context(), within)
		var done atomic.Int32
		enough := make(chan struct{})
		var wg sync.WaitGroup
		for writer := range 8 {
			wg.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					id, thread := dbtest.NewID(), threads[(writer*n)%len(threads)]
					if err := appendNotes(ctx, db, owner, thread, id); err != nil {
						doubtful.Store(id, thread)
						return // The server is gone.
					}
					a.add(thread, id)
					if done.Add(1) == 60 {
						close(enough)
					}
				}
			})
		}
		select {
		case <-enough:
		case <-ctx.Done():
			t.Fatal("the writers made no progress")
		}
		pgtest.Kill(t, dir)
		<-server.Done()
		wg.Wait()
		cancel()
		db.Close()
		stop(server)
		server = start()
		bootstrap() // only for the URLs, because the server has a new address
		a.check(t, server.URL(database))
		t.Logf("round %d: %d appends before the crash", round, done.Load())
	}
}
