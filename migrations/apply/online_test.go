package apply_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/local"
	"github.com/chenu/chenu/postgres/pgtest"
)

// seen is a lock timeout that is long enough for the watching connection to see the holder of the lock, also on a busy
// machine.
const seen = 2 * time.Second

// holder starts a session with an application name, in a transaction that has run sql and stays open until release is
// called.
func (b *bundle) holder(sql string) (release func()) {
	b.t.Helper()
	config, err := pgx.ParseConfig(b.db.AdminURL)
	if err != nil {
		b.t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = "the holder"
	conn, err := pgx.ConnectConfig(b.t.Context(), config)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.Exec(b.t.Context(), "BEGIN; "+sql); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		if _, err := conn.Exec(context.Background(), "ROLLBACK"); err != nil {
			b.t.Error(err)
		}
	}
}

type outcome struct {
	report apply.Report
	err    error
}

// start runs Apply in the background, until the test or ctx ends.
func (b *bundle) start(ctx context.Context, o apply.Options) <-chan outcome {
	b.t.Helper()
	c := make(chan outcome, 1)
	go func() {
		report, err := apply.Apply(ctx, b.db.MigrateURL, o)
		c <- outcome{report, err}
	}()
	return c
}

// events returns a channel of the events of one type. Events that are not received are dropped.
func events[E apply.Event](o *apply.Options) <-chan E {
	c := make(chan E, 1000)
	o.Progress = func(e apply.Event) {
		if e, ok := e.(E); ok {
			select {
			case c <- e:
			default:
			}
		}
	}
	return c
}

// owned creates a table of the owner with a row, before the migration.
const owned = "SET ROLE chenu_owner; CREATE TABLE a (id int); INSERT INTO a VALUES (1); RESET ROLE"

func TestApply_RetriesLock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, directive string
		meanwhile       string // tables during the pause
	}{
		{"the file, if it is a transaction", "", "a"},
		{"the statement, if it is not", "-- atlas:txmode none\n\n", "a,b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, map[string]string{"1_a.sql": test.directive + "CREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\nALTER TABLE a ADD COLUMN n int;"})
			b.exec(owned)
			release := b.holder("LOCK TABLE a IN ACCESS SHARE MODE")
			o := b.options()
			o.LockTimeout, o.LockRetries = seen, 1000
			retries := events[apply.Retrying](&o)
			done := b.start(t.Context(), o)
			first := await(t, "a retry", retries)
			b.want("tables while it pauses", b.tables(), test.meanwhile)
			b.want("place", fmt.Sprintf("%s %d/%d", first.File, first.Statement, first.Statements), "1_a.sql 3/3")
			b.want("attempt", fmt.Sprintf("%d of %d", first.Attempt, first.Attempts), "1 of 1001")
			for e := first; ; e = await(t, "a retry that says who has the lock", retries) {
				if e.Blockers != "" {
					b.contains(e.Blockers, "process ", `"the holder" of `)
					break
				}
			}
			release()
			if r := await(t, "the end", done); r.err != nil {
				t.Fatal(r.err)
			}
			b.want("rows", b.ask("SELECT id FROM b"), "1")
			b.want("revisions", b.versions(), "1:3/3")
		})
	}
}

func TestApply_GivesUpLock(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nCREATE TABLE b (id int);\nALTER TABLE a ADD COLUMN n int;"})
	b.exec(owned)
	release := b.holder("LOCK TABLE a IN ACCESS SHARE MODE")
	o := b.options()
	o.LockTimeout, o.LockRetries = seen, 1
	_, err := apply.Apply(t.Context(), b.db.MigrateURL, o)
	failed, ok := errors.AsType[*apply.StatementError](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	b.want("attempts, kept", fmt.Sprint(failed.Attempts, failed.Kept), "2 1")
	b.contains(failed.Advice, "the 1 statements before it remain applied", "for longer than the lock timeout of 2s, 2 times (server process ", `"the holder" of `, "--lock-retries")
	b.contains(b.status().Stopped.Error, "lock timeout")
	release()
	b.mustApply()
	b.want("revisions", b.versions(), "1:2/2")
}

// TestApply_CanceledRetry cancels ctx during the pause between attempts, as Ctrl-C does.
func TestApply_CanceledRetry(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "ALTER TABLE a ADD COLUMN n int;"})
	b.exec(owned)
	release := b.holder("LOCK TABLE a IN ACCESS SHARE MODE")
	ctx, cancel := context.WithCancel(t.Context())
	o := b.options()
	o.LockTimeout = 10 * time.Millisecond
	o.Progress = func(e apply.Event) {
		if _, ok := e.(apply.Retrying); ok {
			cancel()
		}
	}
	_, err := apply.Apply(ctx, b.db.MigrateURL, o)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	b.contains(err.Error(), "the file was rolled back: the run was canceled; apply again")
	release()
	b.mustApply()
}

func TestApply_RetriesDeadlock(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "LOCK TABLE a;\nLOCK TABLE b;\nALTER TABLE a ADD COLUMN n int;"})
	b.exec(owned)
	b.exec("SET ROLE chenu_owner; CREATE TABLE b (); RESET ROLE")
	// The session of Apply checks for a deadlock after this time. The other session never checks, so Apply detects the
	// deadlock.
	b.exec(fmt.Sprintf("ALTER DATABASE %s SET deadlock_timeout = '3s'", pgx.Identifier{b.db.Name}.Sanitize()))
	tx, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	for _, sql := range []string{"SET LOCAL deadlock_timeout = '1h'", "LOCK TABLE b"} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	o := b.options()
	retries := events[apply.Retrying](&o)
	done := b.start(t.Context(), o)
	b.until("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'b'::regclass AND NOT granted)")
	if _, err := tx.Exec(t.Context(), "LOCK TABLE a"); err != nil {
		t.Fatal(err)
	}
	b.want("attempt", fmt.Sprint(await(t, "a retry", retries).Attempt), "1")
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := await(t, "the end", done); r.err != nil {
		t.Fatal(r.err)
	}
	b.want("revisions", b.versions(), "1:3/3")
}

// until waits for a query to return true.
func (b *bundle) until(query string) {
	b.t.Helper()
	for deadline := time.Now().Add(patience); b.ask(query) != "true"; {
		if time.Now().After(deadline) {
			b.t.Fatalf("timed out: %s", query)
		}
	}
}

// TestApply_SharesLockTimeout checks that a transaction that waited for its first lock does not wait a whole lock
// timeout for each further one.
func TestApply_SharesLockTimeout(t *testing.T) {
	t.Parallel()
	const tell = "DO $$ BEGIN RAISE NOTICE '%', current_setting('lock_timeout'); END $$;\n"
	b := setup(t, map[string]string{"1_a.sql": "SELECT gate();\n" + tell, "2_b.sql": "SET lock_timeout = '29s';\n" + tell})
	reached, open := b.gate()
	o := b.options()
	told := events[apply.Notice](&o)
	done := b.start(t.Context(), o)
	await(t, "the first statement", reached)
	open()
	left, err := time.ParseDuration(await(t, "what is left", told).Message)
	if err != nil || left >= 9*patience/10 || left < patience/10 {
		t.Errorf("left %s of %s, %v", left, patience, err)
	}
	b.want("what the file says", await(t, "the other file", told).Message, "29s")
	if r := await(t, "the end", done); r.err != nil {
		t.Fatal(r.err)
	}
}

// TestApply_WithoutWatching checks that Apply works without the second connection.
func TestApply_WithoutWatching(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "ALTER TABLE a ADD COLUMN n int;"})
	b.exec(owned)
	release := b.holder("LOCK TABLE a IN ACCESS SHARE MODE")
	o := b.options()
	o.LockTimeout = 500 * time.Millisecond
	retries := make(chan apply.Retrying, 1000)
	o.Progress = func(e apply.Event) {
		switch e := e.(type) {
		case apply.FileStarted: // the first connection exists, and superusers are exempt
			if _, err := b.admin.Exec(t.Context(), "ALTER DATABASE "+pgx.Identifier{b.db.Name}.Sanitize()+" CONNECTION LIMIT 0"); err != nil {
				t.Error(err)
			}
		case apply.Retrying:
			retries <- e
		}
	}
	done := b.start(t.Context(), o)
	b.want("who has the lock", await(t, "a retry", retries).Blockers, "")
	release()
	if r := await(t, "the end", done); r.err != nil {
		t.Fatal(r.err)
	}
}

// invalid returns the indexes of a report as text.
func invalid(all []apply.InvalidIndex) string {
	var s []string
	for _, i := range all {
		s = append(s, fmt.Sprintf("%s on %s: %s", i.Name, i.Table, i.Remove))
	}
	return strings.Join(s, ", ")
}

// TestApply_InterruptedBuild checks that, however a concurrent build is interrupted, its invalid index is reported, and
// that the next run builds it again.
func TestApply_InterruptedBuild(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  func(b *bundle, cancel func())
		says string
	}{
		{"the connection is lost", func(b *bundle, _ func()) {
			b.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chenu migrate'")
		}, "the connection was lost"},
		{"it is stopped", func(_ *bundle, cancel func()) { cancel() }, "the run was canceled; apply again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nCREATE TABLE b ();\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);\nCREATE TABLE c ();"})
			b.exec(owned)
			release := b.holder("INSERT INTO a VALUES (2)")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := b.options()
			running := events[apply.StatementRunning](&o)
			done := b.start(ctx, o)
			for {
				e := await(t, "the build to wait for the writer", running)
				if e.Phase == "waiting for writers before build" && e.Blockers != "" {
					b.contains(e.Blockers, `"the holder" of `)
					b.want("writers", fmt.Sprintf("%d of %d", e.Done, e.Total), "0 of 1")
					break
				}
			}
			b.want("what is being built", invalid(b.status().Invalid), "")
			test.end(b, cancel)
			r := await(t, "the end", done)
			if r.err == nil {
				t.Fatal("no error")
			}
			const left = "public.a_id on public.a: DROP INDEX CONCURRENTLY public.a_id"
			b.contains(r.err.Error(), test.says)
			b.want("left, in the report", invalid(r.report.Invalid), left)
			b.want("left, in the status", invalid(b.status().Invalid), left)
			release()

			o = b.options()
			cleared := events[apply.InvalidIndexDropped](&o)
			report, err := apply.Apply(t.Context(), b.db.MigrateURL, o)
			if err != nil {
				t.Fatal(err)
			}
			b.want("dropped", await(t, "what is dropped", cleared).Index.Name, "public.a_id")
			b.want("left", invalid(report.Invalid)+invalid(b.status().Invalid), "")
			b.want("valid", b.ask("SELECT indexrelid::regclass::text || indisvalid FROM pg_index WHERE indrelid = 'a'::regclass"), "a_idtrue")
			b.want("revisions", b.versions(), "1:3/3")
		})
	}
}

// TestApply_ServerKilled kills the server in the middle of a build, and starts it again.
func TestApply_ServerKilled(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, d := range []string{data, filepath.Dir(data)} { // Postgres may run as another user.
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	start := func() (server *local.Server, migrateURL string) {
		server, err := local.Start(t.Context(), local.Config{DataDir: data})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Stop(context.Background()) }) // an error, since the server was killed
		login := apply.Login{Name: "chenu_migrate", Password: "a password of the test"}
		report, err := apply.Bootstrap(t.Context(), server.URL("postgres"), apply.BootstrapOptions{Conventions: &policies.Conventions, Database: "killed", Migrate: login})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range report.Logins {
			if l.Name == login.Name {
				migrateURL = l.URL
			}
		}
		return server, migrateURL
	}
	server, migrateURL := start()
	path := dbtest.WriteDir(t, map[string]string{
		"1_a.sql": "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);",
		"2_b.sql": "-- atlas:txmode none\n\nCREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY a_id ON a (id);\nCREATE TABLE c ();",
	})
	o := apply.Options{Conventions: &policies.Conventions, Dir: dbtest.OpenDir(t, path), To: "1"}
	if _, err := apply.Apply(t.Context(), migrateURL, o); err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.Connect(t.Context(), server.URL("killed"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(context.Background()) }() // this connection must stay open
	if _, err := admin.Exec(t.Context(), "BEGIN; INSERT INTO a VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	o.To = ""
	running := events[apply.StatementRunning](&o)
	done := make(chan error, 1)
	go func() {
		_, err := apply.Apply(t.Context(), migrateURL, o)
		done <- err
	}()
	for e := (apply.StatementRunning{}); e.Phase != "waiting for writers before build"; {
		e = await(t, "the build to wait for the writer", running)
	}
	pgtest.Kill(t, data)
	await(t, "the end of the server", server.Done())
	_ = server.Stop(t.Context()) // returns how it ended
	if err := await(t, "the end", done); err == nil || !strings.Contains(err.Error(), "the connection was lost; run `chenu migrate status`") {
		t.Fatalf("got %v", err)
	}

	_, migrateURL = start()
	standing, err := apply.ReadStatus(t.Context(), migrateURL, &policies.Conventions, o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%s after %d; %s", standing.State, standing.Stopped.Applied, invalid(standing.Invalid)),
		"partial after 1; public.a_id on public.a: DROP INDEX CONCURRENTLY public.a_id"; got != want {
		t.Errorf("status: %s; want %s", got, want)
	}
	report, err := apply.Apply(t.Context(), migrateURL, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(report.Files[0].Resumed, len(report.Invalid)); got != "1 0" {
		t.Errorf("resumed after, invalid: %s", got)
	}
}

// TestApply_RetriesBuild checks that a build that fails for a lock is started again within one Apply.
func TestApply_RetriesBuild(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nSET lock_timeout = '300ms';\nCREATE INDEX CONCURRENTLY a_id ON a (id);"})
	b.exec(owned)
	release := b.holder("INSERT INTO a VALUES (2)")
	o := b.options()
	o.LockRetries = 1000
	var kinds []string
	retried := make(chan struct{}, 1000)
	o.Progress = func(e apply.Event) {
		switch e.(type) {
		case apply.Retrying:
			retried <- struct{}{}
		case apply.InvalidIndexDropped, apply.InvalidIndexRemains:
			kinds = append(kinds, fmt.Sprintf("%T", e))
		}
	}
	done := b.start(t.Context(), o)
	await(t, "a retry", retried)
	await(t, "another", retried)
	release()
	if r := await(t, "the end", done); r.err != nil {
		t.Fatal(r.err)
	}
	b.want("events", fmt.Sprint(kinds), "[apply.InvalidIndexDropped]")
	b.want("valid", b.ask("SELECT indexrelid::regclass::text || indisvalid FROM pg_index WHERE indrelid = 'a'::regclass"), "a_idtrue")
}

// TestApply_LeavesOtherIndexes checks that Apply drops only the index that the started statement would have created.
func TestApply_LeavesOtherIndexes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, before, statement, left string }{
		{"a valid one", "CREATE INDEX a_id ON a (id)", "CREATE INDEX CONCURRENTLY a_id ON a (id);", ""},
		{"another table's", "CREATE TABLE b (id int); CREATE INDEX a_id ON b (id)", "CREATE INDEX CONCURRENTLY a_id ON a (id);", "public.a_id on public.b: DROP INDEX CONCURRENTLY public.a_id"},
		{"one with another name", `CREATE INDEX "A_id" ON a (id); CREATE INDEX a_id ON a (id)`, "CREATE INDEX CONCURRENTLY a_id ON a (id);", `public."A_id" on public.a: DROP INDEX CONCURRENTLY public."A_id"`},
		{"another schema's", "CREATE SCHEMA s; CREATE TABLE s.a (id int); CREATE INDEX a_id ON s.a (id); CREATE INDEX a_id ON a (id)", "CREATE INDEX CONCURRENTLY a_id ON a (id);", "s.a_id on s.a: DROP INDEX CONCURRENTLY s.a_id"},
		{"a constraint's", "CREATE TABLE b (id int CONSTRAINT b_key UNIQUE)", "CREATE INDEX CONCURRENTLY b_key ON b (id);", "public.b_key on public.b: ALTER TABLE public.b DROP CONSTRAINT b_key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\n" + test.statement})
			b.exec(owned)
			b.exec("SET ROLE chenu_owner; " + test.before + "; RESET ROLE")
			if test.left != "" {
				name, _, _ := strings.Cut(test.left, " ")
				b.exec("UPDATE pg_index SET indisvalid = false WHERE indexrelid = '" + name + "'::regclass")
			}
			before := b.ask("SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) ORDER BY 1")
			for range 2 { // the second time, the statement had been started
				_, err := b.apply()
				if err == nil {
					t.Fatal("no error")
				}
			}
			b.want("indexes", b.ask("SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) ORDER BY 1"), before)
			b.want("invalid", invalid(b.status().Invalid), test.left)
		})
	}
}

// TestApply_ClearsByName checks that the names in a statement are resolved as the server resolves them.
func TestApply_ClearsByName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, statement, index string }{
		{"folded", "CREATE INDEX CONCURRENTLY A_Id ON A (id);", "public.a_id"},
		{"quoted", "CREATE UNIQUE INDEX CONCURRENTLY \"A \"\"id\" ON \"a\"(id);", `public."A ""id"`},
		{"with a schema", "create index\n  concurrently if not exists a_id\n  on public.a using btree (id);", "public.a_id"},
		{"in the search path", "CREATE INDEX CONCURRENTLY a_id ON t (id);", "s.a_id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nSET search_path = public, s;\n" + test.statement})
			b.exec(owned)
			b.exec("SET ROLE chenu_owner; CREATE SCHEMA s; CREATE TABLE s.t (id int); INSERT INTO s.t VALUES (1); RESET ROLE")
			b.mustApply()
			// The state that a killed attempt leaves.
			b.exec("UPDATE pg_index SET indisvalid = false WHERE indexrelid = '" + test.index + "'::regclass")
			before := b.ask("SELECT '" + test.index + "'::regclass::oid")
			if _, err := b.admin.Exec(t.Context(), "UPDATE atlas_schema_revisions.atlas_schema_revisions SET applied = 1, error_stmt = $1, partial_hashes = "+
				"(SELECT jsonb_build_array('h1:' || encode(sha256('SET search_path = public, s;'), 'base64')))", test.statement); err != nil {
				t.Fatal(err)
			}
			o := b.options()
			cleared := events[apply.InvalidIndexDropped](&o)
			if _, err := apply.Apply(t.Context(), b.db.MigrateURL, o); err != nil {
				t.Fatal(err)
			}
			b.contains(await(t, "what is dropped", cleared).Index.Name, test.index)
			if after := b.ask("SELECT '" + test.index + "'::regclass::oid"); after == before {
				t.Error("the index was not built again")
			}
			b.want("invalid", invalid(b.status().Invalid), "")
		})
	}
}

// TestApply_InterruptedReindex checks the index that REINDEX CONCURRENTLY leaves, which has another name.
func TestApply_InterruptedReindex(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nREINDEX INDEX CONCURRENTLY a_id;"})
	b.exec(owned)
	b.exec("SET ROLE chenu_owner; CREATE INDEX a_id ON a (id); RESET ROLE")
	release := b.holder("INSERT INTO a VALUES (2)")
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	o := b.options()
	o.Progress = func(e apply.Event) {
		if e, ok := e.(apply.StatementRunning); ok && strings.HasPrefix(e.Phase, "waiting for writers") {
			cancel()
		}
	}
	r := await(t, "the end", b.start(ctx, o))
	if r.err == nil {
		t.Fatal("no error")
	}
	b.want("left", invalid(r.report.Invalid), "public.a_id_ccnew on public.a: DROP INDEX CONCURRENTLY public.a_id_ccnew")
}

// TestApply_CommitsInBatches checks that backfills that commit in between resume where they stopped.
func TestApply_CommitsInBatches(t *testing.T) {
	t.Parallel()
	const batches = `DO $$
DECLARE
  n int;
BEGIN
  LOOP
    UPDATE a SET done = true WHERE id = (SELECT min(id) FROM a WHERE done IS NULL) RETURNING id INTO n;
    EXIT WHEN n IS NULL;
    IF n = 3 THEN
      PERFORM gate();
    END IF;
    COMMIT;
  END LOOP;
END $$;`
	b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nCREATE TABLE a (id int, done boolean);\nINSERT INTO a SELECT generate_series(1, 5);\n" + batches})
	reached, open := b.gate()
	done := b.start(t.Context(), b.options())
	await(t, "the third batch", reached)
	b.want("committed", b.ask("SELECT id FROM a WHERE done ORDER BY 1"), "1,2")
	b.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chenu migrate'")
	if r := await(t, "the end", done); r.err == nil {
		t.Fatal("no error")
	}
	b.want("revisions", b.versions(), "1:2/3")
	b.want("kept", b.ask("SELECT id FROM a WHERE done ORDER BY 1"), "1,2")
	open()
	b.mustApply()
	b.want("rows", b.ask("SELECT id FROM a WHERE done ORDER BY 1"), "1,2,3,4,5")
}

// TestApply_Timeouts checks the timeouts of files, and of concurrent builds in them.
func TestApply_Timeouts(t *testing.T) {
	t.Parallel()
	const (
		record = "INSERT INTO settings SELECT name, setting FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout');\n"
		build  = "CREATE INDEX CONCURRENTLY a_id ON a (tell(id));\n"
		none   = "-- atlas:txmode none\n\n"
	)
	for _, test := range []struct {
		name, file string
		set        func(*apply.Options)
		recorded   string
		told       string // lock_timeout as the build saw it
	}{
		{"a transaction", record, nil, "lock_timeout=5000,statement_timeout=600000", ""},
		{"not one", none + build + record, nil, "lock_timeout=5000,statement_timeout=0", "0"},
		{"given", none + build + record, func(o *apply.Options) { o.LockTimeout, o.StatementTimeout = 7*time.Second, time.Hour }, "lock_timeout=7000,statement_timeout=3600000", "7s"},
		{"none", record, func(o *apply.Options) { o.LockTimeout, o.StatementTimeout = -1, -1 }, "lock_timeout=0,statement_timeout=0", ""},
		{"the file's own", none + "SET lock_timeout = '6s';\n" + build + record, nil, "lock_timeout=6000,statement_timeout=0", "6s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, map[string]string{"1_a.sql": test.file})
			b.exec(owned)
			b.exec("SET ROLE chenu_owner; CREATE TABLE settings (name text, setting text); " +
				"CREATE FUNCTION tell(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', current_setting('lock_timeout'); RETURN 1; END $$; RESET ROLE")
			o := b.options()
			o.LockTimeout = 0
			if test.set != nil {
				test.set(&o)
			}
			var told string
			o.Progress = func(e apply.Event) {
				if e, ok := e.(apply.Notice); ok {
					told = e.Message
				}
			}
			if _, err := apply.Apply(t.Context(), b.db.MigrateURL, o); err != nil {
				t.Fatal(err)
			}
			b.want("settings", b.ask("SELECT name || '=' || setting FROM settings ORDER BY 1"), test.recorded)
			b.want("while it builds", told, test.told)
		})
	}
}

// TestApply_CanceledBetween cancels ctx between two statements, as Ctrl-C does: the revision records the completed
// statements.
func TestApply_CanceledBetween(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nCREATE TABLE a ();\nCREATE TABLE b ();"})
	for _, revisions := range []string{"1:1/2", "1:2/2"} {
		ctx, cancel := context.WithCancel(t.Context())
		o := b.options()
		o.Progress = func(e apply.Event) {
			if _, ok := e.(apply.StatementDone); ok {
				cancel()
			}
		}
		_, err := apply.Apply(ctx, b.db.MigrateURL, o)
		if last := revisions == "1:2/2"; last != (err == nil) || !last && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", revisions, err)
		}
		b.want("revisions", b.versions(), revisions)
	}
	b.want("tables", b.tables(), "a,b")
	b.want("state", string(b.status().State), "current")
}

// TestApply_ResumesSettings checks that settings of completed statements apply when the file is resumed.
func TestApply_ResumesSettings(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nSET search_path = s;\nCREATE TABLE b AS SELECT 1 / n AS n FROM public.knob;"})
	b.exec("SET ROLE chenu_owner; CREATE SCHEMA s; CREATE TABLE knob AS SELECT 0 AS n; RESET ROLE")
	b.want("stopped at", fmt.Sprint(b.fails().Statement), "2")
	b.exec("UPDATE knob SET n = 1")
	b.mustApply()
	b.want("where", b.ask("SELECT n FROM s.b"), "1")
}

func TestApply_StatementTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "SELECT pg_sleep(600);"})
	o := b.options()
	o.StatementTimeout = 10 * time.Millisecond
	_, err := apply.Apply(t.Context(), b.db.MigrateURL, o)
	if err == nil {
		t.Fatal("no error")
	}
	b.contains(err.Error(), "the file was rolled back: the statement exceeded the statement timeout of 10ms", "--statement-timeout")
}
