package replay_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
)

const first = "CREATE TABLE notes (id int PRIMARY KEY, title text); CREATE TABLE tags (id int PRIMARY KEY);"

// record replays a directory of two files, the second with the given text, and records the second.
func record(t *testing.T, sql string) *replay.File {
	t.Helper()
	return recordWith(t, sql, func() {})
}

// recordWith is like record, and calls meanwhile after the state before the file was read.
func recordWith(t *testing.T, sql string, meanwhile func()) *replay.File {
	t.Helper()
	return recordAfter(t, first, sql, meanwhile)
}

// recordAfter is like recordWith, with another text of the first file.
func recordAfter(t *testing.T, first, sql string, meanwhile func()) *replay.File {
	t.Helper()
	files, err := migrations.Read(dbtest.Dir(t, map[string]string{"1_first.sql": first, "2_second.sql": sql}))
	if err != nil {
		t.Fatal(err)
	}
	server, err := dev.Open(t.Context(), dbtest.ServerURL(t), &policies.Conventions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	r, err := replay.Run(t.Context(), server, replay.Input{
		Files: files, Want: func(f migrations.File) bool { return f.Version == "2" }, Progress: func(string) { meanwhile() },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Files) != 1 {
		t.Fatalf("%d files", len(r.Files))
	}
	return r.Files[0]
}

func TestRun(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, sql, want string }{
		{"a new table is not reported", "CREATE TABLE new (id int); CREATE INDEX ON new (id);", "[] []"},
		{"brief", "ALTER TABLE notes ADD COLUMN a int;", "[public.notes ACCESS EXCLUSIVE]"},
		{"rewritten", "ALTER TABLE notes ADD COLUMN a uuid DEFAULT gen_random_uuid();", "[public.notes ACCESS EXCLUSIVE rewritten scanned]"},
		{"already held by the transaction", "ALTER TABLE notes ADD a int; ALTER TABLE notes ADD CHECK (id > 0);",
			"[public.notes ACCESS EXCLUSIVE] [public.notes scanned]"},
		{"both ends of a reference", "ALTER TABLE notes ADD FOREIGN KEY (id) REFERENCES tags (id) NOT VALID;",
			"[public.notes SHARE ROW EXCLUSIVE, public.tags SHARE ROW EXCLUSIVE]"},
		{"rows", "UPDATE notes SET title = '';", "[public.notes ROW EXCLUSIVE scanned]"},
		{"dropped", "DROP TABLE tags;", "[public.tags ACCESS EXCLUSIVE]"},
		{"outside a transaction", "-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY i ON notes (title); ALTER TABLE notes ADD b int;",
			"[public.notes SHARE UPDATE EXCLUSIVE scanned alone] [public.notes ACCESS EXCLUSIVE]"},
		{"a block that commits", "-- atlas:txmode none\n\nDO $$ BEGIN UPDATE notes SET title = ''; COMMIT; END $$;", "[public.notes ROW EXCLUSIVE scanned commits]"},
		{"refused", "ALTER TABLE notes ADD a int; ALTER TABLE notes ADD a int; ALTER TABLE notes ADD b int;",
			"[public.notes ACCESS EXCLUSIVE] [42701]"},
		{"refused outside a transaction", "-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY i ON notes (missing); SELECT 1;", "[42703]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := record(t, tt.sql)
			if got := words(f); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if (f.After == nil) != (f.Failed != nil) {
				t.Errorf("After is %v, Failed %v", f.After, f.Failed)
			}
		})
	}
}

func words(f *replay.File) string {
	all := make([]string, len(f.Statements))
	for i, s := range f.Statements {
		var effects []string
		for _, e := range s.Effects {
			text := strings.TrimRight(e.Table+" "+e.Lock.String(), " ")
			for _, more := range []struct {
				is   bool
				word string
			}{{e.Rewritten, "rewritten"}, {e.Scanned, "scanned"}, {s.Alone, "alone"}, {s.Commits, "commits"}} {
				if more.is {
					text += " " + more.word
				}
			}
			effects = append(effects, text)
		}
		all[i] = "[" + strings.Join(effects, ", ") + "]"
		if s.Err != nil {
			all[i] = fmt.Sprintf("[%s]", s.Err.Code)
		}
	}
	return strings.Join(all, " ")
}

// TestRun_OutsideTransactions compares the observed effects of statements that cannot run in a transaction with the
// manual: https://www.postgresql.org/docs/current/explicit-locking.html and the pages of the statements. Two locks are not
// in the manual: DETACH … CONCURRENTLY locks the tables to which the partition's foreign keys refer, and REINDEX …
// CONCURRENTLY of a partitioned table first locks each partition with SHARE.
func TestRun_OutsideTransactions(t *testing.T) {
	t.Parallel()
	const given = `
CREATE TABLE notes (id int PRIMARY KEY, title text);
CREATE INDEX notes_title ON notes (title);
CREATE TABLE tags (id int PRIMARY KEY, note int REFERENCES notes (id));
CLUSTER tags USING tags_pkey;
CREATE TABLE visits (id int PRIMARY KEY, note int REFERENCES notes (id)) PARTITION BY RANGE (id);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (0) TO (10);
CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM (10) TO (20);
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM notes;
CREATE UNIQUE INDEX counts_n ON counts (n);
CREATE VIEW titles AS SELECT title FROM notes;`
	for _, tt := range []struct {
		sql  string
		want []string
	}{
		{"VACUUM", []string{
			"counts: SHARE UPDATE EXCLUSIVE, scanned", "notes: SHARE UPDATE EXCLUSIVE, scanned", "tags: SHARE UPDATE EXCLUSIVE, scanned",
			"visits: SHARE UPDATE EXCLUSIVE", "visits_1: SHARE UPDATE EXCLUSIVE, scanned", "visits_2: SHARE UPDATE EXCLUSIVE, scanned",
		}},
		{"VACUUM notes", []string{"notes: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"VACUUM (FULL false) notes", []string{"notes: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"VACUUM (FULL 0, ANALYZE) notes, tags", []string{"notes: SHARE UPDATE EXCLUSIVE, scanned", "tags: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"VACUUM visits", []string{
			"visits: SHARE UPDATE EXCLUSIVE", "visits_1: SHARE UPDATE EXCLUSIVE, scanned", "visits_2: SHARE UPDATE EXCLUSIVE, scanned",
		}},
		{"VACUUM counts", []string{"counts: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"VACUUM (SKIP_LOCKED) notes", []string{"notes: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"VACUUM FULL", []string{
			"counts: ACCESS EXCLUSIVE, rewritten", "notes: ACCESS EXCLUSIVE, rewritten", "tags: ACCESS EXCLUSIVE, rewritten",
			"visits: ACCESS EXCLUSIVE", "visits_1: ACCESS EXCLUSIVE, rewritten", "visits_2: ACCESS EXCLUSIVE, rewritten",
		}},
		{"VACUUM FULL notes", []string{"notes: ACCESS EXCLUSIVE, rewritten"}},
		{"VACUUM (FULL, SKIP_LOCKED) notes", []string{"notes: ACCESS EXCLUSIVE, rewritten"}},
		{"VACUUM FULL visits", []string{"visits: ACCESS EXCLUSIVE", "visits_1: ACCESS EXCLUSIVE, rewritten", "visits_2: ACCESS EXCLUSIVE, rewritten"}},
		{"VACUUM FULL counts", []string{"counts: ACCESS EXCLUSIVE, rewritten"}},
		{"VACUUM titles", nil},
		{"CLUSTER", []string{"tags: ACCESS EXCLUSIVE, rewritten"}},
		{"CLUSTER visits USING visits_pkey", []string{
			"visits: ACCESS EXCLUSIVE", "visits_1: ACCESS EXCLUSIVE, rewritten", "visits_2: ACCESS EXCLUSIVE, rewritten",
		}},
		{"ALTER TABLE visits DETACH PARTITION visits_1 CONCURRENTLY", []string{
			"notes: SHARE ROW EXCLUSIVE", "visits: SHARE UPDATE EXCLUSIVE", "visits_1: ACCESS EXCLUSIVE",
		}},
		{"CREATE INDEX CONCURRENTLY fresh ON notes (title)", []string{"notes: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS fresh ON notes (title, id)", []string{"notes: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"CREATE INDEX CONCURRENTLY fresh ON counts (n)", []string{"counts: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"DROP INDEX CONCURRENTLY notes_title", []string{"notes: SHARE UPDATE EXCLUSIVE"}},
		{"DROP INDEX CONCURRENTLY IF EXISTS nothing", nil},
		{"REINDEX INDEX CONCURRENTLY notes_title", []string{"notes: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"REINDEX TABLE CONCURRENTLY notes", []string{"notes: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"REINDEX TABLE CONCURRENTLY visits", []string{
			"visits: SHARE UPDATE EXCLUSIVE, through SHARE", "visits_1: SHARE, scanned", "visits_2: SHARE, scanned",
		}},
		{"REINDEX TABLE CONCURRENTLY counts", []string{"counts: SHARE UPDATE EXCLUSIVE, scanned"}},
		{"REINDEX TABLE visits", []string{
			"visits: SHARE, through ACCESS EXCLUSIVE", "visits_1: SHARE, through ACCESS EXCLUSIVE, scanned", "visits_2: SHARE, through ACCESS EXCLUSIVE, scanned",
		}},
		{"REINDEX INDEX visits_pkey", []string{
			"visits: SHARE, through ACCESS EXCLUSIVE", "visits_1: SHARE, through ACCESS EXCLUSIVE, scanned", "visits_2: SHARE, through ACCESS EXCLUSIVE, scanned",
		}},
		{"REINDEX SCHEMA public", []string{
			"counts: SHARE, through ACCESS EXCLUSIVE, scanned", "notes: SHARE, through ACCESS EXCLUSIVE, scanned", "tags: SHARE, through ACCESS EXCLUSIVE, scanned",
			"visits: through ACCESS EXCLUSIVE", "visits_1: SHARE, through ACCESS EXCLUSIVE, scanned", "visits_2: SHARE, through ACCESS EXCLUSIVE, scanned",
		}},
		{"REINDEX SCHEMA CONCURRENTLY public", []string{
			"counts: SHARE UPDATE EXCLUSIVE, scanned", "notes: SHARE UPDATE EXCLUSIVE, scanned", "tags: SHARE UPDATE EXCLUSIVE, scanned",
			"visits: through SHARE UPDATE EXCLUSIVE", "visits_1: SHARE UPDATE EXCLUSIVE, scanned", "visits_2: SHARE UPDATE EXCLUSIVE, scanned",
		}},
	} {
		t.Run(tt.sql, func(t *testing.T) {
			t.Parallel()
			f := recordAfter(t, given, "-- atlas:txmode none\n\nSET lock_timeout = '1ms'; "+tt.sql+"; SELECT;", func() {})
			if f.Failed != nil {
				t.Fatal(f.Failed.Err)
			}
			s := f.Statements[1]
			var got []string
			for _, e := range s.Effects {
				var did []string
				if e.Lock > 0 {
					did = append(did, e.Lock.String())
				}
				if e.Through > e.Lock {
					did = append(did, "through "+e.Through.String())
				}
				if e.Rewritten {
					did = append(did, "rewritten")
				} else if e.Scanned {
					did = append(did, "scanned")
				}
				got = append(got, strings.TrimPrefix(e.Table, "public.")+": "+strings.Join(did, ", "))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(tt.want, "\n\t"))
			}
			if !s.Alone {
				t.Error("it can run in a transaction")
			}
			if f.Statements[2].LockTimeout != time.Millisecond {
				t.Errorf("then lock_timeout is %s", f.Statements[2].LockTimeout)
			}
		})
	}
}

// TestRun_OutsideTransactions_Locked checks that the replay ends with an error if another session keeps a table locked.
func TestRun_OutsideTransactions_Locked(t *testing.T) {
	t.Parallel()
	server, err := dev.Open(t.Context(), dbtest.ServerURL(t), &policies.Conventions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	session, err := server.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Exec(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	there, err := session.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(dbtest.ServerURL(t))
	if err != nil {
		t.Fatal(err)
	}
	config.Database = session.Conn().Config().Database
	other, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(context.WithoutCancel(t.Context())) })
	if _, err := other.Exec(t.Context(), "BEGIN; LOCK TABLE notes IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
	_, err = session.ObserveOutside(t.Context(), "VACUUM notes", there)
	if err == nil || !strings.Contains(err.Error(), "lock the tables of the development database: ERROR: canceling statement due to lock timeout") {
		t.Errorf("error %v", err)
	}
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		t.Error("the error is that of the statement")
	}
	if _, err := other.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if _, err := session.ObserveOutside(t.Context(), "VACUUM notes", there); err != nil {
		t.Errorf("then: %v", err)
	}
}

// TestRun_Roles checks that the result contains only changes of roles that the file names, because roles belong to the
// server.
func TestRun_Roles(t *testing.T) {
	t.Parallel()
	names := func(f *replay.File) string {
		var all []string
		for _, r := range f.After.State.Roles {
			if !slices.ContainsFunc(f.Before.State.Roles, func(b *catalog.Role) bool { return b.Name == r.Name }) {
				all = append(all, r.Name)
			}
		}
		return strings.Join(all, " ")
	}
	mine, other := "chenu_mine_"+strings.ToLower(rand.Text()[:8]), "chenu_other_"+strings.ToLower(rand.Text()[:8])
	admin, err := pgx.Connect(t.Context(), dbtest.ServerURL(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, err := admin.Exec(context.WithoutCancel(t.Context()), "DROP ROLE IF EXISTS "+mine+", "+other)
		if err := errors.Join(err, admin.Close(context.WithoutCancel(t.Context()))); err != nil {
			t.Error(err)
		}
	})
	for _, tt := range []struct{ name, sql, want string }{
		{"none", "SELECT 1;", ""},
		{"named", "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'; -- " + mine, mine},
	} {
		if _, err := admin.Exec(t.Context(), "DROP ROLE IF EXISTS "+mine+", "+other); err != nil {
			t.Fatal(err)
		}
		f := recordWith(t, tt.sql, func() {
			if _, err := admin.Exec(t.Context(), "CREATE ROLE "+other+"; CREATE ROLE "+mine); err != nil {
				t.Error(err)
			}
		})
		if got := names(f); got != tt.want {
			t.Errorf("%s: new roles %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestRun_Timeouts checks that the settings of a file apply from their statement to the end of the file.
func TestRun_Timeouts(t *testing.T) {
	t.Parallel()
	f := record(t, "SELECT 1; SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '2min'; SELECT 2;")
	if a, b := f.Statements[0], f.Statements[3]; a.LockTimeout != apply.DefaultLockTimeout || b.LockTimeout.Seconds() != 1 || b.StatementTimeout.Minutes() != 2 {
		t.Errorf("%s, then %s and %s", a.LockTimeout, b.LockTimeout, b.StatementTimeout)
	}
}

// TestRun_Names checks that the names of a statement have the schemas that the server finds for them in the search path
// of the statement. A name in public stays as it is.
func TestRun_Names(t *testing.T) {
	t.Parallel()
	const given = `
		CREATE SCHEMA app; CREATE SCHEMA "Odd";
		CREATE TABLE app.notes (id int PRIMARY KEY, title text); CREATE INDEX notes_title ON app.notes (title);
		CREATE POLICY p ON app.notes; CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE TYPE app.state AS ENUM ('open'); CREATE TABLE "Odd"."Table" (id int);
		SET LOCAL search_path = app, "Odd", public;`
	statements := []struct{ sql, want string }{
		{`ALTER TABLE notes ADD a int`, `ALTER TABLE app.notes ADD COLUMN a int`},
		{`ALTER TABLE tags ADD a int REFERENCES notes`, `ALTER TABLE tags ADD COLUMN a int REFERENCES app.notes`},
		{`ALTER TABLE public.notes ADD a int`, `ALTER TABLE public.notes ADD COLUMN a int`},
		{`ALTER TABLE "Table" ADD a int`, `ALTER TABLE "Odd"."Table" ADD COLUMN a int`},
		{`CREATE VIEW v AS SELECT id FROM tags UNION SELECT id FROM notes`, `CREATE VIEW app.v AS SELECT id FROM tags UNION SELECT id FROM app.notes`},
		{`CREATE TABLE more (LIKE notes)`, `CREATE TABLE app.more (LIKE app.notes)`},
		{`SELECT * FROM notes more FOR UPDATE OF more`, `SELECT * FROM app.notes more FOR UPDATE OF more`},
		{`WITH notes AS (SELECT * FROM notes), n AS (SELECT * FROM notes) SELECT * FROM notes, n`,
			`WITH notes AS (SELECT * FROM app.notes), n AS (SELECT * FROM notes) SELECT * FROM notes, n`},
		{`WITH RECURSIVE notes AS (SELECT 1 AS id UNION SELECT id FROM notes) DELETE FROM notes USING notes n`,
			`WITH RECURSIVE notes AS (SELECT 1 AS id UNION SELECT id FROM notes) DELETE FROM app.notes USING notes n`},
		{`DROP INDEX notes_title`, `DROP INDEX app.notes_title`},
		{`DROP POLICY p ON notes`, `DROP POLICY p ON app.notes`},
		{`GRANT SELECT ON notes, tags TO PUBLIC`, `GRANT select ON app.notes, tags TO public`},
		{`ALTER TYPE state ADD VALUE 'done'`, `ALTER TYPE app.state ADD VALUE 'done'`},
		{`DROP TYPE state`, `DROP TYPE app.state`},
		{`CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2'`, `CREATE OR REPLACE FUNCTION app.f() RETURNS int LANGUAGE sql AS $$SELECT 2$$`},
		{`ALTER FUNCTION f() STABLE`, `ALTER FUNCTION app.f() STABLE`},
		{`DROP FUNCTION f()`, `DROP FUNCTION app.f()`},
		{`DROP TABLE IF EXISTS nothing, more`, `DROP TABLE IF EXISTS app.nothing, app.more`},
		{`CREATE TABLE tags (id int PRIMARY KEY, of int REFERENCES tags)`, `CREATE TABLE app.tags (id int PRIMARY KEY, of int REFERENCES app.tags)`},
		{`CREATE TEMPORARY TABLE notes (id int)`, `CREATE TEMPORARY TABLE pg_temp.notes (id int)`},
		{`DELETE FROM notes`, `DELETE FROM pg_temp.notes`},
		{`DROP TABLE notes`, `DROP TABLE pg_temp.notes`},
		{`DELETE FROM notes`, `DELETE FROM app.notes`},
		{`SET LOCAL search_path TO ''`, `SET LOCAL search_path TO ''`},
		{`DROP TABLE IF EXISTS notes`, `DROP TABLE IF EXISTS pg_catalog.notes`},
		{`RESET search_path`, `RESET search_path`},
		{`DELETE FROM notes`, `DELETE FROM notes`},
	}
	text := given
	for _, s := range statements {
		text += s.sql + ";"
	}
	f := record(t, text)
	if f.Failed != nil {
		t.Fatalf("%s: %v", f.Failed.SQL, f.Failed.Err)
	}
	for i, s := range f.Statements[len(f.Statements)-len(statements):] {
		got, err := pgquery.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: s.Node}}})
		if err != nil {
			t.Fatal(err)
		}
		if want := statements[i].want; got != want {
			t.Errorf("%s\ngot  %s\nwant %s", s.SQL, got, want)
		}
	}
}
