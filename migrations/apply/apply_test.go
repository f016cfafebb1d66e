package apply_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// patience limits the wait of a test for an expected event. It only expires if the test fails.
const patience = 30 * time.Second

// bundle is the database of a test, with a migration directory.
type bundle struct {
	t     *testing.T
	db    *dbtest.DB
	admin *pgxpool.Pool // a superuser, for queries
	path  string
}

func setup(t *testing.T, files map[string]string) *bundle {
	t.Helper()
	db := dbtest.Empty(t)
	return &bundle{t: t, db: db, admin: db.Pool(t, db.AdminURL), path: dbtest.WriteDir(t, files)}
}

// edit changes or adds a file, and updates atlas.sum.
func (b *bundle) edit(name, text string) {
	b.t.Helper()
	dbtest.WriteFile(b.t, b.path, name, text)
	if err := migrations.Hash(b.path); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) options() apply.Options {
	return apply.Options{Conventions: &policies.Conventions, Dir: dbtest.OpenDir(b.t, b.path), Wait: patience, LockTimeout: patience}
}

func (b *bundle) apply() (apply.Report, error) {
	b.t.Helper()
	return apply.Apply(b.t.Context(), b.db.MigrateURL, b.options())
}

func (b *bundle) mustApply() apply.Report {
	b.t.Helper()
	report, err := b.apply()
	if err != nil {
		b.t.Fatalf("apply: %v", err)
	}
	return report
}

// fails applies the files and returns the statement's error.
func (b *bundle) fails() *apply.StatementError {
	b.t.Helper()
	_, err := b.apply()
	var failed *apply.StatementError
	if !errors.As(err, &failed) {
		b.t.Fatalf("apply: %v, want a StatementError", err)
	}
	return failed
}

func (b *bundle) status() *apply.Status {
	b.t.Helper()
	s, err := apply.ReadStatus(b.t.Context(), b.db.MigrateURL, &policies.Conventions, dbtest.OpenDir(b.t, b.path))
	if err != nil {
		b.t.Fatalf("status: %v", err)
	}
	return s
}

// ask runs a query as the superuser and returns one column as text, joined with commas.
func (b *bundle) ask(query string, args ...any) string {
	b.t.Helper()
	rows, err := b.admin.Query(b.t.Context(), query, args...)
	if err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	texts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var v any
		err := row.Scan(&v)
		return fmt.Sprint(v), err
	})
	if err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return strings.Join(texts, ",")
}

func (b *bundle) exec(sql string) {
	b.t.Helper()
	if _, err := b.admin.Exec(b.t.Context(), sql); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

func (b *bundle) want(what, got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func (b *bundle) contains(text string, parts ...string) {
	b.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			b.t.Errorf("%q does not contain %q", text, part)
		}
	}
}

// tables returns the names of the tables in public.
func (b *bundle) tables() string {
	b.t.Helper()
	return b.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
}

// versions returns the revision rows as version:applied/total.
func (b *bundle) versions() string {
	b.t.Helper()
	if b.ask("SELECT to_regclass('atlas_schema_revisions.atlas_schema_revisions') IS NULL") == "true" {
		return "no table"
	}
	return b.ask("SELECT version || ':' || applied || '/' || total FROM atlas_schema_revisions.atlas_schema_revisions ORDER BY 1")
}

// gate creates a function at which a migration can be stopped: a statement `SELECT gate()` blocks until the test calls
// open.
func (b *bundle) gate() (reached <-chan struct{}, open func()) {
	b.t.Helper()
	b.exec("CREATE OR REPLACE FUNCTION public.gate() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_xact_lock(7)'")
	conn, err := b.admin.Acquire(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := conn.Exec(b.t.Context(), "SELECT pg_advisory_lock(7)"); err != nil {
		b.t.Fatal(err)
	}
	at := make(chan struct{})
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for b.t.Context().Err() == nil {
			<-tick.C
			var waiting bool
			err := b.admin.QueryRow(b.t.Context(), `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE d.datname = current_database() AND locktype = 'advisory' AND objid = 7 AND NOT granted)`).Scan(&waiting)
			if err == nil && waiting {
				close(at)
				return
			}
		}
	}()
	open = sync.OnceFunc(func() {
		if _, err := conn.Exec(context.Background(), "SELECT pg_advisory_unlock(7)"); err != nil {
			b.t.Error(err)
		}
		conn.Release()
	})
	b.t.Cleanup(open) // otherwise a test that fails earlier would wait for this connection forever
	return at, open
}

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// Hardening item 16: the revision table refuses TRUNCATE like every other table, also in a database that an earlier
// release has migrated.
func TestRevisionTableIsProtected(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	conn := pgtest.Connect(t, db.AdminURL)
	if _, err := conn.Exec(t.Context(), "DROP TRIGGER refuse_truncate ON atlas_schema_revisions.atlas_schema_revisions"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := apply.Apply(t.Context(), db.MigrateURL, apply.Options{Conventions: &policies.Conventions}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := conn.Exec(t.Context(), "TRUNCATE atlas_schema_revisions.atlas_schema_revisions")
	if pgtest.SQLState(err) != "CH403" {
		t.Errorf("TRUNCATE of the revision table: %v, want CH403", err)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{
		"20260101000000_a.sql": "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);",
		"20260102000000_b.sql": "-- atlas:txmode none\n\nCREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY b_id ON b (id);",
	})
	b.want("state", string(b.status().State), "behind")

	var events []string
	o := b.options()
	o.Progress = func(e apply.Event) {
		step := strings.TrimPrefix(fmt.Sprintf("%T", e), "apply.")
		switch e := e.(type) {
		case apply.Started:
			step += fmt.Sprint(" ", e.Files)
		case apply.FileStarted:
			step += fmt.Sprint(" ", e.Applied, "/", e.Statements)
		case apply.StatementStarted:
			step += fmt.Sprint(" ", e.Statement, "/", e.Statements)
		case apply.StatementDone:
			step += fmt.Sprint(" ", e.Statement, "/", e.Statements)
		case apply.StatementRunning:
			return // depends on the time
		}
		events = append(events, step)
	}
	report, err := apply.Apply(t.Context(), b.db.MigrateURL, o)
	if err != nil {
		t.Fatal(err)
	}
	b.want("from, to", report.From+"-"+report.To, "-20260102000000")
	b.want("files", fmt.Sprint(len(report.Files), report.Files[0].Transaction, report.Files[1].Transaction), "2 true false")
	file := []string{"FileStarted 0/2", "StatementStarted 1/2", "StatementDone 1/2", "StatementStarted 2/2", "StatementDone 2/2", "FileDone"}
	if want := slices.Concat([]string{"Started 2"}, file, file); !slices.Equal(events, want) {
		t.Errorf("events %v\nwant   %v", events, want)
	}
	b.want("owners", b.ask("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'atlas_schema_revisions')"), "chenu_owner")
	b.want("revisions", b.versions(), "20260101000000:2/2,20260102000000:2/2")
	status := b.status()
	b.want("state", string(status.State), "current")
	b.want("applied", status.Applied[1].Name, "b")

	again := b.mustApply()
	b.want("second apply", fmt.Sprintf("%d %s %s", len(again.Files), again.From, again.To), "0 20260102000000 20260102000000")
	b.want("rows", b.ask("SELECT id FROM a"), "1")
}

// TestApply_Superuser checks that the session of a superuser becomes the owner as well.
func TestApply_Superuser(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "CREATE TABLE a (id int);"})
	if _, err := apply.Apply(t.Context(), b.db.AdminURL, b.options()); err != nil {
		t.Fatal(err)
	}
	b.want("owner", b.ask("SELECT tableowner FROM pg_tables WHERE tablename = 'a'"), "chenu_owner")
}

func TestApply_To(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "CREATE TABLE a ();", "2_b.sql": "CREATE TABLE b ();", "3_c.sql": "CREATE TABLE c ();"})
	to := func(version string) (apply.Report, error) {
		o := b.options()
		o.To = version
		return apply.Apply(t.Context(), b.db.MigrateURL, o)
	}
	if _, err := to("4"); err == nil || !strings.Contains(err.Error(), `unknown migration "4"; use one of 1, 2, 3`) {
		t.Errorf("an unknown version: %v", err)
	}
	if report, err := to("2_b.sql"); err != nil || report.To != "2" {
		t.Fatalf("to 2: %+v, %v", report, err)
	}
	b.want("tables", b.tables(), "a,b")
	if report, err := to("1"); err != nil || len(report.Files) != 0 || report.To != "2" || report.Unknown != nil {
		t.Errorf("to 1: %+v, %v", report, err)
	}
	b.mustApply()
	b.want("tables", b.tables(), "a,b,c")
}

func TestApply_FailureInTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{
		"1_a.sql": "CREATE TABLE a (id int);",
		"2_b.sql": "-- one\nCREATE TABLE b (id int);\n\nINSERT INTO b\n  SELECT nothing\n  FROM a;\nCREATE TABLE c (id int);",
		"3_d.sql": "CREATE TABLE d (id int);",
	})
	failed := b.fails()
	b.want("place", fmt.Sprintf("%s:%d %d/%d kept %d", failed.File, failed.Line, failed.Statement, failed.Statements, failed.Kept), "2_b.sql:5 2/3 kept 0")
	b.contains(failed.Error(), `2_b.sql:5: statement 2 of 3: ERROR: column "nothing" does not exist`, "the file was rolled back", "chenu migrate hash")
	b.want("tables", b.tables(), "a")
	b.want("revisions", b.versions(), "1:1/1")
	b.want("state", string(b.status().State), "behind")

	b.edit("2_b.sql", "CREATE TABLE b (id int);")
	b.mustApply()
	b.want("tables", b.tables(), "a,b,d")
}

// TestApply_FailureInCommit checks that a constraint that is checked at the end makes the COMMIT fail, after the
// revision was written.
func TestApply_FailureInCommit(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "CREATE TABLE a (id int PRIMARY KEY);\n" +
		"CREATE TABLE b (id int REFERENCES a DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO b VALUES (1);"})
	failed := b.fails()
	b.contains(failed.Error(), "1_a.sql: commit: ERROR: insert or update on table", "the file was rolled back")
	b.want("tables", b.tables(), "")
	b.want("revisions", b.versions(), "")
}

func TestApply_ResumesExactly(t *testing.T) {
	t.Parallel()
	const head = "-- atlas:txmode none\n\nCREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n"
	b := setup(t, map[string]string{"1_a.sql": head + "INSERT INTO a VALUES (1/0);\nINSERT INTO a VALUES (3);", "2_b.sql": "CREATE TABLE b ();"})
	failed := b.fails()
	b.want("place", fmt.Sprintf("%s:%d %d/%d kept %d", failed.File, failed.Line, failed.Statement, failed.Statements, failed.Kept), "1_a.sql:5 3/4 kept 2")
	b.contains(failed.Error(), "the 2 statements before it remain applied, and the next apply resumes with this statement")
	b.want("rows", b.ask("SELECT id FROM a"), "1")
	b.want("revisions", b.versions(), "1:2/4")
	status := b.status()
	b.want("stopped", fmt.Sprintf("%s %q %d %s", status.State, status.Version, status.Stopped.Applied, status.Stopped.Statement), "partial \"\" 2 INSERT INTO a VALUES (1/0);")
	b.contains(status.Stopped.Error, "division by zero")
	b.want("pending", strings.Join(status.Pending, " "), "1_a.sql 2_b.sql")

	if again := b.fails(); again.Statement != 3 { // no earlier statement is repeated
		t.Errorf("the next attempt failed at statement %d", again.Statement)
	}
	b.want("rows", b.ask("SELECT id FROM a"), "1")

	b.edit("1_a.sql", "-- atlas:txmode none\n\nCREATE TABLE a (id bigint);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);")
	_, err := b.apply()
	if !errors.Is(err, migrations.ErrChanged) {
		t.Fatalf("an applied statement was changed: %v", err)
	}
	b.contains(err.Error(), "1_a.sql stopped after statement 2 of 4, and statement 1 has changed since")

	b.edit("1_a.sql", head+"INSERT INTO a VALUES (2);\nINSERT INTO a VALUES (3);\nINSERT INTO a VALUES (4);")
	report := b.mustApply()
	b.want("resumed", fmt.Sprint(report.Files[0].Resumed, len(report.Files[0].Statements)), "2 3")
	b.want("rows", b.ask("SELECT id FROM a ORDER BY id"), "1,2,3,4")
	b.want("revisions", b.versions(), "1:5/5,2:1/1")
	b.want("leftovers", b.ask("SELECT count(*) FROM atlas_schema_revisions.atlas_schema_revisions WHERE error <> '' OR error_stmt <> '' OR partial_hashes IS NOT NULL"), "0")
	b.want("state", string(b.status().State), "current")
}

func TestApply_Refuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(b *bundle)
		kind   error
		says   string
	}{
		{"an applied file that was edited and hashed again", func(b *bundle) { b.edit("10_a.sql", "CREATE TABLE a (id bigint);") }, migrations.ErrChanged, "10_a.sql differs from the file that was applied"},
		{"a file that was edited and not hashed", func(b *bundle) { dbtest.WriteFile(b.t, b.path, "30_c.sql", "CREATE TABLE x ();") }, migrations.ErrDirectory, "30_c.sql was edited"},
		{"a file before an applied one", func(b *bundle) { b.edit("15_x.sql", "CREATE TABLE x ();") }, migrations.ErrOutOfOrder, "15_x.sql is not applied, but is older than version 20"},
		{"a file before the first", func(b *bundle) { b.edit("00_x.sql", "CREATE TABLE x ();") }, migrations.ErrOutOfOrder, "00_x.sql is not applied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, map[string]string{"10_a.sql": "CREATE TABLE a (id int);", "20_b.sql": "CREATE TABLE b ();"})
			b.mustApply()
			b.edit("30_c.sql", "CREATE TABLE c ();")
			test.change(b)
			_, err := b.apply()
			if !errors.Is(err, test.kind) {
				t.Fatalf("got %v, want %v", err, test.kind)
			}
			b.contains(err.Error(), test.says)
			b.want("tables", b.tables(), "a,b")
			if errors.Is(test.kind, migrations.ErrDirectory) { // for which Status returns an error
				return
			}
			status := b.status()
			b.want("state", string(status.State), "conflict")
			b.want("problem", status.Problem, err.Error())
			if !errors.Is(status.Err(), test.kind) {
				t.Errorf("status.Err() is %v", status.Err())
			}
		})
	}
}

// TestApply_Ahead applies an older release to a database that a newer one migrated.
func TestApply_Ahead(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "CREATE TABLE a ();", "2_b.sql": "CREATE TABLE b ();"})
	b.mustApply()
	b.path = dbtest.WriteDir(t, map[string]string{"1_a.sql": "CREATE TABLE a ();"})
	b.want("state", string(b.status().State), "ahead")
	if report := b.mustApply(); len(report.Files) != 0 || !slices.Equal(report.Unknown, []string{"2"}) {
		t.Errorf("report %+v", report)
	}
}

func TestApply_NoRights(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "CREATE TABLE a ();"})
	for name, url := range map[string]string{"service": b.db.ServiceURL, "agent": b.db.AgentURL, "audit": b.db.AuditURL} {
		_, err := apply.Apply(t.Context(), url, b.options())
		if !errors.Is(err, migrations.ErrNoRights) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b.contains(err.Error(), "cannot SET ROLE chenu_owner", "GRANT chenu_owner TO")
	}
	_, err := apply.Apply(t.Context(), strings.Replace(b.db.MigrateURL, b.db.Name, "nowhere_at_all", 1), b.options())
	if !errors.Is(err, migrations.ErrNoRights) {
		t.Errorf("no database: %v", err)
	} else {
		b.contains(err.Error(), `database "nowhere_at_all" does not exist; create it with`)
	}
	if _, err := apply.Apply(t.Context(), "postgres://u:sesam@%zz/", b.options()); err == nil || strings.Contains(err.Error(), "sesam") {
		t.Errorf("a malformed URL: %v", err)
	}
	if _, err := apply.Apply(t.Context(), "", b.options()); err == nil {
		t.Error("no URL is accepted")
	}
}

// TestApply_Pooler checks that a pooler is detected by the process ids that it generates, as PgBouncer does.
func TestApply_Pooler(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "CREATE TABLE a ();"})
	pooled := throughPooler(t, b.db.MigrateURL)
	_, err := apply.Apply(t.Context(), pooled, b.options())
	if !errors.Is(err, migrations.ErrPooled) {
		t.Fatalf("got %v", err)
	}
	b.contains(err.Error(), "use the URL of the PostgreSQL server")
	b.want("tables", b.tables(), "")
	if _, err := apply.ReadStatus(t.Context(), pooled, &policies.Conventions, dbtest.OpenDir(t, b.path)); !errors.Is(err, migrations.ErrPooled) {
		t.Errorf("status: %v", err)
	}
}

// throughPooler returns the URL of a proxy to the server that generates process ids.
func throughPooler(t *testing.T, at string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(at)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			go func() {
				defer func() { _ = client.Close() }()
				header := make([]byte, 5) // the type of the message, and its length without the type
				for {
					if _, err := io.ReadFull(server, header); err != nil {
						return
					}
					body := make([]byte, binary.BigEndian.Uint32(header[1:])-4)
					if _, err := io.ReadFull(server, body); err != nil {
						return
					}
					if header[0] == 'K' { // BackendKeyData: the process id comes first
						binary.BigEndian.PutUint32(body, binary.BigEndian.Uint32(body)+1)
					}
					if _, err := client.Write(slices.Concat(header, body)); err != nil {
						return
					}
				}
			}()
		}
	}()
	u.Host = listener.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable") // the response to a TLS request is not a message
	u.RawQuery = q.Encode()
	return u.String()
}

func TestDryRunAndStatusWriteNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);"})
	// Everything that a write would change: objects, and a transaction id, which only a write assigns.
	state := func() string {
		return b.ask("SELECT (SELECT count(*) FROM pg_class) || ' ' || (SELECT count(*) FROM pg_namespace) || ' ' || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))")
	}
	before := state()
	o := b.options()
	o.DryRun = true
	report, err := apply.Apply(t.Context(), b.db.MigrateURL, o)
	if err != nil {
		t.Fatal(err)
	}
	plan := report.To
	for _, s := range report.Files[0].Statements {
		plan += fmt.Sprintf(" %d:%s", s.Line, s.SQL)
	}
	b.want("plan", plan, "1 1:CREATE TABLE a (id int); 2:INSERT INTO a VALUES (1);")
	b.want("pending", fmt.Sprint(b.status().Pending), "[1_a.sql]")
	b.want("after", state(), before)
	b.want("revisions", b.versions(), "no table")
}

func TestApply_TwoAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "CREATE TABLE a (id int);\nSELECT gate();\nINSERT INTO a VALUES (1);"})
	reached, open := b.gate()
	type result struct {
		report apply.Report
		err    error
	}
	run := func(o apply.Options) <-chan result {
		c := make(chan result, 1)
		go func() {
			report, err := apply.Apply(t.Context(), b.db.MigrateURL, o)
			c <- result{report, err}
		}()
		return c
	}
	first := run(b.options())
	await(t, "the first to be in the middle", reached)

	impatient := b.options()
	impatient.Wait = -1
	_, err := apply.Apply(t.Context(), b.db.MigrateURL, impatient)
	if !errors.Is(err, migrations.ErrLocked) {
		t.Errorf("with a short wait: %v", err)
	} else {
		b.contains(err.Error(), `"chenu migrate"`, "atlas_migrate_execute")
	}
	b.contains(b.status().Running, `"chenu migrate"`)

	waiting := make(chan string, 1)
	o := b.options()
	o.Progress = func(e apply.Event) {
		if e, ok := e.(apply.Waiting); ok {
			waiting <- e.Holder
		}
	}
	second := run(o)
	b.contains(await(t, "the second to wait", waiting), "process ")
	open()
	for i, c := range []<-chan result{first, second} {
		r := await(t, "both", c)
		if r.err != nil {
			t.Fatalf("run %d: %v", i+1, r.err)
		}
		b.want("files of a run", fmt.Sprint(len(r.report.Files)), fmt.Sprint(1-i))
	}
	b.want("rows", b.ask("SELECT id FROM a"), "1")
}

func TestApply_ConnectionLost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, directive   string
		tables, revisions string // after the connection was lost
	}{
		{"in a transaction", "", "", ""},
		{"in txmode none", "-- atlas:txmode none\n\n", "a", "1:1/3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, map[string]string{"1_a.sql": test.directive + "CREATE TABLE a (id int);\nSELECT gate();\nINSERT INTO a VALUES (1);"})
			reached, open := b.gate()
			done := make(chan error, 1)
			go func() {
				_, err := b.apply()
				done <- err
			}()
			await(t, "the migration to be in the middle", reached)
			b.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chenu migrate'")
			err := await(t, "the end", done)
			if err == nil {
				t.Fatal("no error")
			}
			b.contains(err.Error(), "the connection was lost; run `chenu migrate status`, and apply again")
			b.want("tables", b.tables(), test.tables)
			b.want("revisions", b.versions(), test.revisions)
			if test.directive != "" {
				b.contains(b.status().Stopped.Error, "it is not known whether this statement was finished")
			}
			open()
			b.mustApply()
			b.want("rows", b.ask("SELECT id FROM a"), "1")
			b.want("revisions", b.versions(), "1:3/3")
		})
	}
}

// TestApply_InterruptedAfterTheStatement simulates a process that was killed after a statement had completed and before
// that was recorded.
func TestApply_InterruptedAfterTheStatement(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nCREATE TABLE a (id int);\nCREATE TABLE b (id int);"})
	b.mustApply()
	b.exec("UPDATE atlas_schema_revisions.atlas_schema_revisions SET applied = 0, error = 'interrupted: it is not known whether this statement was finished', error_stmt = 'CREATE TABLE a (id int);'")
	b.exec("DROP TABLE b")
	for range 2 { // what is unknown stays unknown
		b.contains(b.fails().Error(), "an earlier attempt was interrupted in this statement and may have completed it")
		b.contains(b.status().Stopped.Error, "it is not known")
	}
	b.edit("1_a.sql", "-- atlas:txmode none\n\nCREATE TABLE IF NOT EXISTS a (id int);\nCREATE TABLE b (id int);")
	b.mustApply()
	b.want("tables", b.tables(), "a,b")
	b.want("revisions", b.versions(), "1:2/2")
}

// TestApply_Canceled checks that the statement ends on the server if ctx ends, and that this is recorded.
func TestApply_Canceled(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "-- atlas:txmode none\n\nCREATE TABLE a (id int);\nSELECT gate();"})
	reached, open := b.gate()
	defer open()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := apply.Apply(ctx, b.db.MigrateURL, b.options())
		done <- err
	}()
	await(t, "the migration to be in the middle", reached)
	cancel()
	err := await(t, "the end", done)
	if err == nil {
		t.Fatal("no error")
	}
	b.contains(err.Error(), "1_a.sql:4: statement 2 of 2", "the run was canceled; apply again")
	b.want("still running", b.ask("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chenu migrate' AND state = 'active'"), "0")
	b.want("revisions", b.versions(), "1:1/2")
	b.contains(b.status().Stopped.Error, "canceling statement")
}

// TestApply_BackfillUnderRowSecurity checks that a backfill from which a policy hides rows fails.
func TestApply_BackfillUnderRowSecurity(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": `CREATE TABLE a (id int, note text);
INSERT INTO a VALUES (1), (2);
ALTER TABLE a ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON a USING (id = 1);`, "2_b.sql": "UPDATE a SET note = 'filled';"})
	failed := b.fails()
	b.want("place", fmt.Sprintf("%s %d", failed.File, failed.Statement), "2_b.sql 1")
	b.contains(failed.Error(), "query would be affected by row-level security policy", "NO FORCE ROW LEVEL SECURITY before it")
	b.want("rows", b.ask("SELECT count(*) FROM a WHERE note IS NOT NULL"), "0")

	b.edit("2_b.sql", "ALTER TABLE a NO FORCE ROW LEVEL SECURITY;\nUPDATE a SET note = 'filled';\nALTER TABLE a FORCE ROW LEVEL SECURITY;")
	b.mustApply()
	b.want("rows", b.ask("SELECT count(*) FROM a WHERE note = 'filled'"), "2")
	b.want("forced", b.ask("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'a'"), "true")
}

// TestApply_SessionSettings checks that settings of a file or of the login do not affect the next file.
func TestApply_SessionSettings(t *testing.T) {
	t.Parallel()
	const record = "INSERT INTO public.settings SELECT name, setting FROM pg_settings WHERE name IN ('search_path', 'row_security', 'statement_timeout', 'lock_timeout', 'TimeZone');\n" +
		"INSERT INTO public.settings VALUES ('user', current_user);"
	b := setup(t, map[string]string{
		"1_a.sql": "-- atlas:txmode none\n\nCREATE TABLE settings (name text, setting text);\nSET search_path = pg_catalog;\nSET row_security = on;\nSET lock_timeout = '1h';",
		"2_b.sql": record,
	})
	b.exec(fmt.Sprintf("ALTER DATABASE %s SET statement_timeout = '1h'", pgx.Identifier{b.db.Name}.Sanitize()))
	b.exec(fmt.Sprintf("ALTER DATABASE %s SET TimeZone = 'Asia/Kathmandu'", pgx.Identifier{b.db.Name}.Sanitize()))
	b.mustApply()
	b.want("settings", b.ask("SELECT name || '=' || setting FROM settings ORDER BY lower(name)"),
		"lock_timeout=30000,row_security=off,search_path=public,statement_timeout=600000,TimeZone=UTC,user=chenu_owner")
}

func TestApply_Advice(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		before string // run by the superuser
		hold   string // run in a transaction that stays open meanwhile
		sql    string
		says   []string
	}{
		{name: "a lock that is not available", before: "CREATE TABLE a (id int); ALTER TABLE a OWNER TO chenu_owner", hold: "LOCK TABLE a IN ACCESS SHARE MODE",
			sql: "ALTER TABLE a ADD COLUMN b int;", says: []string{"for longer than the lock timeout of 50ms", "--lock-timeout"}},
		{name: "not in a transaction", before: "CREATE TABLE a (id int); ALTER TABLE a OWNER TO chenu_owner",
			sql: "CREATE INDEX CONCURRENTLY ON a (id);", says: []string{"move the statement to a file of its own that starts with `-- atlas:txmode none`"}},
		{name: "a table of another owner", before: "CREATE TABLE a (id int)", sql: "ALTER TABLE a ADD COLUMN b int;", says: []string{"must be owner of table a", "chenu_owner lacks this privilege"}},
		{name: "a table that exists", before: "CREATE TABLE a (id int)", sql: "CREATE TABLE a (id int);", says: []string{"no migration that was applied here created it"}},
		{name: "an index build that failed", before: "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1); ALTER TABLE a OWNER TO chenu_owner",
			sql: "-- atlas:txmode none\n\nCREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id);", says: []string{"could not create unique index", "rows have duplicate keys", "first drops the invalid index public.a_id"}},
		{name: "COMMIT in a procedure", sql: "DO $$ BEGIN COMMIT; END $$;", says: []string{"the file was rolled back"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, map[string]string{"1_a.sql": test.sql})
			if test.before != "" {
				b.exec(test.before)
			}
			if test.hold != "" {
				tx, err := b.admin.Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback(context.Background()) }()
				if _, err := tx.Exec(t.Context(), test.hold); err != nil {
					t.Fatal(err)
				}
			}
			o := b.options()
			o.LockTimeout, o.LockRetries = 50*time.Millisecond, -1
			_, err := apply.Apply(t.Context(), b.db.MigrateURL, o)
			if _, ok := errors.AsType[*apply.StatementError](err); !ok {
				t.Fatalf("got %v", err)
			}
			b.contains(err.Error(), test.says...)
			if _, ok := errors.AsType[*pgconn.PgError](err); !ok {
				t.Error("the server's error is lost")
			}
		})
	}
}

func TestApply_Notices(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "DROP TABLE IF EXISTS a;"})
	var notices []string
	o := b.options()
	o.Progress = func(e apply.Event) {
		if e, ok := e.(apply.Notice); ok {
			notices = append(notices, e.Message)
		}
	}
	if _, err := apply.Apply(t.Context(), b.db.MigrateURL, o); err != nil {
		t.Fatal(err)
	}
	b.want("notices", strings.Join(notices, "; "), `table "a" does not exist, skipping`)
}

func TestRevisions(t *testing.T) {
	t.Parallel()
	b := setup(t, map[string]string{"1_a.sql": "SELECT 1;"})
	ctx := t.Context()
	revisions := apply.NewRevisions(b.admin, policies.Conventions.Owner)
	if all, err := revisions.ReadRevisions(ctx); err != nil || len(all) != 0 {
		t.Fatalf("without a table: %v, %v", all, err)
	}
	if _, err := revisions.ReadRevision(ctx, "1"); !errors.Is(err, migrate.ErrRevisionNotExist) {
		t.Errorf("without a table: %v", err)
	}
	b.mustApply()
	want := migrate.Revision{Version: "2", Description: "two", Type: migrate.RevisionTypeExecute | migrate.RevisionTypeResolved, Applied: 1, Total: 3,
		ExecutedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), ExecutionTime: time.Second, Error: "e", ErrorStmt: "s", Hash: "h",
		PartialHashes: []string{"h1:x"}, OperatorVersion: "Atlas CLI v0"}
	for _, applied := range []int{1, 2} { // inserted, then replaced
		want.Applied = applied
		if err := revisions.WriteRevision(ctx, &want); err != nil {
			t.Fatal(err)
		}
		got, err := revisions.ReadRevision(ctx, "2")
		if err != nil {
			t.Fatal(err)
		}
		b.want("revision", fmt.Sprintf("%+v", *got), fmt.Sprintf("%+v", want))
	}
	// The CLI stores an identifier of the table in it, which is not a revision.
	b.exec("INSERT INTO atlas_schema_revisions.atlas_schema_revisions VALUES ('.atlas_cloud_identifier', 'x', 2, 0, 0, now(), 0, NULL, NULL, '', NULL, '')")
	if all, err := revisions.ReadRevisions(ctx); err != nil || len(all) != 2 {
		t.Errorf("%v, %v", all, err)
	}
	if err := revisions.DeleteRevision(ctx, "2"); err != nil {
		t.Fatal(err)
	}
	b.want("versions", b.ask("SELECT version FROM atlas_schema_revisions.atlas_schema_revisions ORDER BY 1"), ".atlas_cloud_identifier,1")
	if standing, err := apply.ReadStatusOn(ctx, b.admin, &policies.Conventions, dbtest.OpenDir(t, b.path)); err != nil || standing.State != apply.Current {
		t.Errorf("%+v, %v", standing, err)
	}
}
