package replay_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

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
