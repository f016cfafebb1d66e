package review_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/review"
)

// claimsBase creates the tables for the statements of TestClaims.
const claimsBase = `CREATE TABLE owners (id int PRIMARY KEY, name text);
CREATE TABLE notes (owner int NOT NULL, id int NOT NULL, title varchar(20), kind text, due timestamptz, size int, PRIMARY KEY (owner, id));
CREATE INDEX notes_kind ON notes (kind);
CREATE UNIQUE INDEX notes_size ON notes (size, id);
ALTER TABLE notes ADD CONSTRAINT notes_late CHECK (size > 0) NOT VALID;
ALTER TABLE notes ADD CONSTRAINT notes_title CHECK (title IS NOT NULL) NOT VALID;
ALTER TABLE notes ADD CONSTRAINT notes_filled CHECK (kind IS NOT NULL);
CREATE TABLE logs (at date NOT NULL, text text) PARTITION BY RANGE (at);
CREATE TABLE logs_old PARTITION OF logs FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE logs_default PARTITION OF logs DEFAULT;
CREATE TABLE logs_new (at date NOT NULL, text text);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER nothing BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE POLICY own ON notes USING (owner = 1);
CREATE VIEW titles AS SELECT title FROM notes;
CREATE DOMAIN grade AS int CONSTRAINT grade_high CHECK (VALUE < 1000);
ALTER DOMAIN grade ADD CONSTRAINT grade_low CHECK (VALUE > 0) NOT VALID;
CREATE TABLE grades (value grade);
`

// Rows with which all statements succeed, and rows that violate as many conditions as possible.
const (
	goodRows = `INSERT INTO owners SELECT n, 'o' || n FROM generate_series(1, 10) n;
INSERT INTO notes SELECT 1 + n % 10, n, 'a', '7', now(), n FROM generate_series(1, 300) n;
INSERT INTO logs VALUES ('2020-05-05', 'x'), ('2025-05-05', 'y'); INSERT INTO logs_new VALUES ('2022-02-02', 'z');
INSERT INTO grades VALUES (1)`
	badRows = `INSERT INTO owners SELECT n, 'o' FROM generate_series(1, 10) n;
ALTER TABLE notes DISABLE TRIGGER USER;
ALTER TABLE notes DROP CONSTRAINT notes_late; ALTER TABLE notes DROP CONSTRAINT notes_title;
INSERT INTO notes SELECT 100, n, NULL, 'x', NULL, -1 FROM generate_series(1, 300) n;
ALTER TABLE notes ADD CONSTRAINT notes_late CHECK (size > 0) NOT VALID; ALTER TABLE notes ADD CONSTRAINT notes_title CHECK (title IS NOT NULL) NOT VALID;
INSERT INTO logs VALUES ('2022-05-05', 'x'); INSERT INTO logs_new VALUES ('1999-02-02', 'z');
ALTER DOMAIN grade DROP CONSTRAINT grade_low; INSERT INTO grades VALUES (-1), (NULL); ALTER DOMAIN grade ADD CONSTRAINT grade_low CHECK (VALUE > 0) NOT VALID`
)

// TestClaims compares the report on statements with a server that has rows: the lock on every table, as another session
// sees it in pg_locks while the transaction is open; which other sessions are blocked, tried with reads and writes;
// which tables are rewritten and which are read; and whether the statement fails if rows violate conditions.
func TestClaims(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"ALTER TABLE notes ADD COLUMN a int",
		"ALTER TABLE notes ADD COLUMN a int NOT NULL DEFAULT 7",
		"ALTER TABLE notes ADD COLUMN a timestamptz NOT NULL DEFAULT now()",
		"ALTER TABLE notes ADD COLUMN a uuid NOT NULL DEFAULT gen_random_uuid()",
		"ALTER TABLE notes ADD COLUMN a serial",
		"ALTER TABLE notes ADD COLUMN a int GENERATED ALWAYS AS IDENTITY",
		"ALTER TABLE notes ADD COLUMN a int CHECK (a > 0)",
		"ALTER TABLE notes ADD COLUMN a int REFERENCES owners",
		"ALTER TABLE notes ADD COLUMN a int GENERATED ALWAYS AS (kind::int) STORED",
		"ALTER TABLE notes DROP COLUMN due",
		"ALTER TABLE notes ALTER COLUMN due SET DEFAULT now()",
		"ALTER TABLE notes ALTER COLUMN title SET NOT NULL",
		"ALTER TABLE notes ALTER COLUMN due SET NOT NULL",
		"ALTER TABLE notes ALTER COLUMN kind SET NOT NULL",
		"ALTER TABLE notes ALTER COLUMN owner SET STATISTICS 500",
		"ALTER TABLE notes ALTER COLUMN kind SET STORAGE external",
		"ALTER TABLE notes ALTER COLUMN size DROP EXPRESSION IF EXISTS",
		"ALTER INDEX notes_kind SET (fillfactor = 70)",
		"ALTER INDEX notes_kind RENAME TO notes_sort",
		"ALTER TABLE notes ALTER COLUMN title DROP NOT NULL",
		"ALTER TABLE notes ALTER COLUMN size TYPE bigint",
		"DROP VIEW titles; ALTER TABLE notes ALTER COLUMN title TYPE varchar(40)",
		"DROP VIEW titles; ALTER TABLE notes ALTER COLUMN title TYPE text",
		"ALTER TABLE notes ALTER COLUMN kind TYPE int USING kind::int",
		"ALTER TABLE notes ADD CONSTRAINT c CHECK (size > 0)",
		"ALTER TABLE notes ADD CONSTRAINT c CHECK (size > 0) NOT VALID",
		"ALTER TABLE notes VALIDATE CONSTRAINT notes_late",
		"ALTER TABLE notes ADD CONSTRAINT f FOREIGN KEY (owner) REFERENCES owners",
		"ALTER TABLE notes ADD CONSTRAINT f FOREIGN KEY (owner) REFERENCES owners NOT VALID",
		"ALTER TABLE owners ADD CONSTRAINT u UNIQUE (name)",
		"ALTER TABLE notes DROP CONSTRAINT notes_pkey",
		"ALTER TABLE notes ADD UNIQUE USING INDEX notes_size",
		"ALTER TABLE notes ADD EXCLUDE USING btree (size WITH =)",
		"ALTER TABLE notes DROP CONSTRAINT notes_late",
		"ALTER TABLE notes RENAME COLUMN kind TO sort",
		"ALTER TABLE owners RENAME TO people",
		"ALTER TABLE notes ENABLE ROW LEVEL SECURITY",
		"ALTER TABLE notes FORCE ROW LEVEL SECURITY",
		"ALTER TABLE notes DISABLE TRIGGER nothing",
		"ALTER TABLE notes SET (fillfactor = 70)",
		"ALTER TABLE notes SET (autovacuum_enabled = off)",
		"ALTER TABLE notes SET UNLOGGED",
		"ALTER TABLE notes REPLICA IDENTITY FULL",
		"ALTER TABLE notes CLUSTER ON notes_kind",
		"ALTER TABLE notes OWNER TO chenu_owner",
		"ALTER TABLE logs ATTACH PARTITION logs_new FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",
		"ALTER TABLE logs DETACH PARTITION logs_old",
		"CREATE TABLE logs_22 PARTITION OF logs FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",
		"CREATE INDEX i ON notes (title)",
		"CREATE UNIQUE INDEX i ON owners (name)",
		"CREATE INDEX i ON notes ((kind::int))",
		"CREATE INDEX i ON logs (text)",
		"DROP INDEX notes_kind",
		"REINDEX INDEX notes_kind",
		"CREATE POLICY p ON notes USING (true)",
		"ALTER POLICY own ON notes USING (true)",
		"DROP POLICY own ON notes",
		"CREATE TRIGGER t AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION nothing()",
		"CREATE OR REPLACE TRIGGER nothing BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION nothing()",
		"DROP TRIGGER nothing ON notes",
		"CREATE RULE r AS ON DELETE TO notes DO INSTEAD NOTHING",
		"CREATE OR REPLACE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN old; END $$",
		"CREATE OR REPLACE VIEW titles AS SELECT title FROM notes WHERE size > 1",
		"CREATE MATERIALIZED VIEW m AS SELECT kind FROM notes",
		"CREATE TABLE copies AS SELECT * FROM notes",
		"CREATE TABLE parts (owner int REFERENCES owners)",
		"CREATE STATISTICS s ON owner, kind FROM notes",
		"GRANT SELECT ON notes TO PUBLIC",
		"REVOKE ALL ON notes FROM PUBLIC",
		"COMMENT ON TABLE notes IS 'x'",
		"COMMENT ON COLUMN notes.kind IS 'x'",
		"TRUNCATE notes",
		"DROP TABLE notes CASCADE",
		"DROP TABLE logs_old",
		"DROP VIEW titles",
		"UPDATE notes SET title = 'b'",
		"DELETE FROM notes",
		"INSERT INTO owners SELECT 1000 + id, name FROM owners",
		"LOCK TABLE notes IN EXCLUSIVE MODE",
		"ANALYZE notes",
		"SELECT count(*) FROM notes",
		"DO $$ BEGIN UPDATE notes SET kind = '8'; END $$",
		"CLUSTER notes USING notes_kind",
		"ALTER DOMAIN grade ADD CONSTRAINT c CHECK (VALUE > 0)",
		"ALTER DOMAIN grade ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID",
		"ALTER DOMAIN grade VALIDATE CONSTRAINT grade_low",
		"ALTER DOMAIN grade DROP CONSTRAINT grade_high",
		"ALTER DOMAIN grade RENAME CONSTRAINT grade_high TO grade_upper",
		"ALTER DOMAIN grade SET NOT NULL",
		"ALTER DOMAIN grade DROP NOT NULL",
		"ALTER DOMAIN grade SET DEFAULT 1",
	} {
		t.Run(sql, func(t *testing.T) {
			t.Parallel()
			f := plan(t, claimsBase, sql).Files[0]
			if last := f.Statements[len(f.Statements)-1]; last.Error != "" {
				t.Fatal(last.Error)
			}
			c := newClaims(t, goodRows)
			c.hold(f, sql)
			c.breaks(f, sql)
		})
	}
}

type claims struct {
	t           *testing.T
	db          *dbtest.DB
	conn, other *pgx.Conn
}

func newClaims(t *testing.T, rows string) *claims {
	t.Helper()
	c := &claims{t: t, db: dbtest.Empty(t)}
	c.conn, c.other = c.connect(), c.connect()
	c.exec(claimsBase)
	c.exec(rows)
	return c
}

func (c *claims) connect() *pgx.Conn {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), c.db.AdminURL)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(c.t.Context())) })
	return conn
}

func (c *claims) exec(sql string) {
	c.t.Helper()
	if _, err := c.conn.Exec(c.t.Context(), sql); err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
}

// hold runs the statement in a transaction, and compares its locks and rewrites.
func (c *claims) hold(f review.File, sql string) {
	c.t.Helper()
	before := c.files()
	c.exec("BEGIN")
	pid := c.conn.PgConn().PID()
	c.exec(sql)
	tables := c.tables()
	for _, name := range tables {
		claimed := ""
		for _, l := range f.Locks {
			if l.Table == name {
				claimed = l.Mode
			}
		}
		if locked := c.locked(pid, name); claimed != locked {
			c.t.Errorf("%s: reported lock %q, got %q", name, claimed, locked)
		}
		if name == "public.titles" && claimed == "" {
			continue // a read of the view reads the table
		}
		waits := ""
		for _, l := range f.Locks {
			if l.Table == name {
				waits = l.Blocks
			}
		}
		if got := c.blocked("SELECT FROM " + name + " LIMIT 0"); got != (waits == "blocks reads and writes") {
			c.t.Errorf("%s: reads wait: %t, reported %q", name, got, waits)
		}
		if got := c.blocked("DELETE FROM " + name + " WHERE tableoid = 0"); got != (waits == "blocks writes" || waits == "blocks reads and writes") {
			c.t.Errorf("%s: blocks writes: %t, reported %q", name, got, waits)
		}
	}
	c.exec("COMMIT")
	after := c.files()
	for _, name := range tables {
		now, exists := after[name]
		rewritten := exists && before[name] != now && before[name] != 0
		if claimed := c.reported(f, name, func(t review.Table) bool { return t.Rewritten }); rewritten != claimed {
			c.t.Errorf("%s: rewritten: %t, reported %t", name, rewritten, claimed)
		}
	}
}

func (c *claims) reported(f review.File, table string, is func(review.Table) bool) bool {
	return slices.ContainsFunc(f.Statements, func(s review.Statement) bool {
		return slices.ContainsFunc(s.Tables, func(t review.Table) bool { return t.Name == table && is(t) })
	})
}

// breaks runs the statement with rows that violate conditions: it may fail only if the report reported so. If the report
// reported so for a table with such rows, it must fail, except for failures that depend on triggers.
func (c *claims) breaks(f review.File, sql string) {
	c.t.Helper()
	bad := newClaims(c.t, badRows)
	bad.exec("BEGIN")
	_, err := bad.conn.Exec(c.t.Context(), sql)
	var reported []string
	for _, s := range f.Statements {
		reported = append(reported, s.MayFail...)
	}
	if err != nil && len(reported) == 0 {
		c.t.Errorf("fails on existing rows, which was not reported: %v", err)
	}
	perhaps := func(how string) bool {
		return strings.Contains(how, "trigger") || strings.Contains(how, "its code") || strings.Contains(how, "whose value in")
	}
	if err == nil && slices.ContainsFunc(reported, func(how string) bool { return !perhaps(how) }) {
		c.t.Errorf("reported to fail %q, but does not", reported)
	}
}

func (c *claims) tables() []string {
	return []string{"public.owners", "public.notes", "public.logs", "public.logs_old", "public.logs_new", "public.logs_default", "public.titles"}
}

// files returns the file numbers of the tables.
func (c *claims) files() map[string]uint32 {
	c.t.Helper()
	rows, err := c.other.Query(c.t.Context(), "SELECT 'public.' || relname, coalesce(pg_relation_filenode(oid), 0) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]uint32{}
	var (
		name string
		node uint32
	)
	if _, err := pgx.ForEachRow(rows, []any{&name, &node}, func() error { all[name] = node; return nil }); err != nil {
		c.t.Fatal(err)
	}
	return all
}

// locked returns the strongest lock of a session on a table, as another session sees it, without locks that are weaker
// than those of writes, which every query takes.
func (c *claims) locked(pid uint32, table string) string {
	c.t.Helper()
	modes := []string{"RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"}
	words := []string{"ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"}
	rows, err := c.other.Query(c.t.Context(), `SELECT mode FROM pg_locks WHERE pid = $1 AND granted AND locktype = 'relation'
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND relation = (SELECT oid FROM pg_class WHERE 'public.' || relname = $2 AND relnamespace = 'public'::regnamespace)`, pid, table)
	if err != nil {
		c.t.Fatal(err)
	}
	held, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		c.t.Fatal(err)
	}
	strongest := -1
	for _, mode := range held {
		strongest = max(strongest, slices.Index(modes, mode))
	}
	if strongest < 0 {
		return ""
	}
	return words[strongest]
}

// blocked reports whether a statement is blocked in another session.
func (c *claims) blocked(sql string) bool {
	c.t.Helper()
	_, err := c.other.Exec(c.t.Context(), "SET lock_timeout = '50ms'; "+sql)
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if ok && refused.Code == "55P03" {
		return true
	}
	if err != nil {
		c.t.Fatalf("%s: %v", sql, err)
	}
	return false
}

// TestClaims_OutsideTransactions compares the reported locks of statements that cannot run in a transaction with those of
// a server: a transaction that has written to the table makes the statement wait.
func TestClaims_OutsideTransactions(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"CREATE INDEX CONCURRENTLY i ON notes (title)",
		"CREATE UNIQUE INDEX CONCURRENTLY i ON notes (owner, size, id)",
		"DROP INDEX CONCURRENTLY notes_kind",
		"DROP INDEX CONCURRENTLY IF EXISTS notes_kind",
		"REINDEX TABLE CONCURRENTLY notes",
		"REINDEX INDEX CONCURRENTLY notes_kind",
	} {
		t.Run(sql, func(t *testing.T) {
			t.Parallel()
			f := plan(t, claimsBase, "-- atlas:txmode none\n\n"+sql).Files[0]
			c := newClaims(t, goodRows)
			writer := c.connect()
			if _, err := writer.Exec(t.Context(), "BEGIN; INSERT INTO notes VALUES (1, 100000, 'x', '7', now(), 100000)"); err != nil {
				t.Fatal(err)
			}
			pid := c.conn.PgConn().PID()
			done := make(chan error, 1)
			go func() {
				_, err := c.conn.Exec(t.Context(), sql)
				done <- err
			}()
			deadline := time.Now().Add(time.Minute)
			for waiting := false; !waiting; {
				if time.Now().After(deadline) {
					t.Fatal("the statement does not wait")
				}
				if err := c.other.QueryRow(t.Context(), "SELECT wait_event_type IS NOT DISTINCT FROM 'Lock' FROM pg_stat_activity WHERE pid = $1", pid).Scan(&waiting); err != nil {
					t.Fatal(err)
				}
			}
			var claimed string
			for _, l := range f.Locks {
				if l.Table == "public.notes" {
					claimed = l.Mode
				}
			}
			if locked := c.locked(pid, "public.notes"); locked != claimed {
				t.Errorf("reported lock %q, got %q", claimed, locked)
			}
			if c.blocked("SELECT FROM notes LIMIT 0") || c.blocked("DELETE FROM notes WHERE tableoid = 0") {
				t.Error("other sessions wait")
			}
			for _, mode := range []string{"SHARE UPDATE EXCLUSIVE", "SHARE"} {
				if !c.blocked("LOCK TABLE notes IN " + mode + " MODE") {
					t.Errorf("another session gets a %s lock at the same time", mode)
				}
			}
			if _, err := writer.Exec(t.Context(), "COMMIT"); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}
