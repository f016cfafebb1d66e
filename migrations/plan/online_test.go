package plan_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"

	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/local"
	"github.com/chenu/chenu/postgres/pgtest"
)

// TestInterruptedEverywhere interrupts the apply of a plan before and after each of its statements, and resumes it.
func TestInterruptedEverywhere(t *testing.T) {
	t.Parallel()
	devURL := otherServer(t)
	for _, name := range []string{"column_check_of_filled", "foreign_key_to_new_key", "index_changed", "primary_key_replaced"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, err := os.ReadFile("testdata/base.sql")
			if err != nil {
				t.Fatal(err)
			}
			s := readScript(t, "testdata/"+name+".txtar")
			s.base = plan.File{Name: "base.sql", SQL: string(base)}
			dir, day := &migrate.MemDir{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			add(t, dir, s.first(t, day))
			database := dbtest.Empty(t)
			applyAll(t, database.MigrateURL, dir)
			exec(t, database.AdminURL, "INSERT INTO identities (id, email) VALUES ('00000000-0000-7000-8000-00000000000a', 'ada@example.org'), ('00000000-0000-7000-8000-00000000000b', 'bob@example.org')")
			exec(t, database.AdminURL, s.file("rows.sql"))
			in := s.input
			in.Name, in.Dir, in.Desired, in.Now, in.DevURL = "change", dir, s.desired("after.sql"), day.AddDate(0, 0, 1), dbtest.ServerURL(t)
			planned, err := plan.Diff(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			add(t, dir, planned)

			stopped := map[string]bool{}
			for attempts := 0; ; attempts++ {
				ctx, cancel := context.WithCancel(t.Context())
				_, err := apply.Apply(ctx, database.MigrateURL, apply.Options{Conventions: &policies.Conventions, Dir: dir, Progress: func(e apply.Event) {
					var at apply.Position
					switch e := e.(type) {
					case apply.StatementStarted:
						at = e.Position
					case apply.StatementDone:
						at = e.Position
					default:
						return
					}
					if step := fmt.Sprintf("%T %s:%d", e, at.File, at.Statement); !stopped[step] {
						stopped[step] = true
						cancel()
					}
				}})
				cancel()
				if err == nil {
					break
				}
				if !errors.Is(err, context.Canceled) || attempts > 100 {
					t.Fatalf("attempt %d: %v", attempts, err)
				}
			}
			s.check(t, database.AdminURL)
			if found := drifted(t, database.MigrateURL, devURL, dir); len(found) > 0 {
				t.Errorf("drift: %v", found)
			}
		})
	}
}

// otherServer starts a server in addition to the one that tests share: migrations that are compared with a live
// database must not be replayed on its server.
func otherServer(t *testing.T) string {
	t.Helper()
	var major int
	if err := pgtest.Connect(t, dbtest.ServerURL(t)).QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int / 10000").Scan(&major); err != nil {
		t.Fatal(err)
	}
	server, err := local.Start(t.Context(), local.Config{Ephemeral: true, DataDir: local.MemoryDir(), Version: major})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server.URL("postgres")
}

// drifted returns the differences between a database and its migrations, without those of the server, which other tests
// share.
func drifted(t *testing.T, url, devURL string, dir migrate.Dir) (found []string) {
	t.Helper()
	login := func(name string) apply.Login { return apply.Login{Name: "chenu_test_" + name} }
	drift, err := plan.ReadDrift(t.Context(), plan.DriftInput{
		Conventions: &policies.Conventions,
		Logins:      apply.BootstrapOptions{Conventions: &policies.Conventions, Service: login("service"), Agent: login("agent"), Migrate: login("migrate"), Audit: login("audit")}.Memberships(),
		URL:         url, Dir: dir, DevServer: func(context.Context, int) (string, error) { return devURL, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range drift.Differences {
		switch d.Kind {
		case "role", "membership", "setting":
		default:
			found = append(found, d.What)
		}
	}
	return found
}

// TestFillKeepsNobodyWaiting fills rows of which another session has locked one: the first statement skips that row,
// and the second fills it.
func TestFillKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	dir, database := &migrate.MemDir{}, dbtest.Empty(t)
	const table = "CREATE TABLE notes (id int PRIMARY KEY, title text NOT NULL"
	in := plan.Input{Conventions: &policies.Conventions, Name: "first", Dir: dir, Desired: base(t, table+");"), DevURL: dbtest.ServerURL(t), Backfills: plan.Expressions{"notes.size": "char_length(title)"}}
	first, err := plan.Diff(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	add(t, dir, first)
	applyAll(t, database.MigrateURL, dir)
	exec(t, database.AdminURL, "INSERT INTO notes SELECT n, 'note ' || n FROM generate_series(1, 1000) n")
	in.Name, in.Desired = "size", base(t, table+", size int NOT NULL);")
	planned, err := plan.Diff(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	add(t, dir, planned)

	if _, err := apply.Apply(t.Context(), database.MigrateURL, apply.Options{Conventions: &policies.Conventions, Dir: dir, To: planned.Files[0].Name}); err != nil {
		t.Fatal(err)
	}
	// The row is locked until the first statement, which fills rows, has completed. If it waited for the row, the test
	// would hang.
	holder := pgtest.Connect(t, database.AdminURL)
	if _, err := holder.Exec(t.Context(), "BEGIN; SELECT FROM notes WHERE id = 500 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	var missing int
	_, err = apply.Apply(t.Context(), database.MigrateURL, apply.Options{Conventions: &policies.Conventions, Dir: dir, Progress: func(e apply.Event) {
		if e, ok := e.(apply.StatementDone); !ok || e.Statement != 1 || missing > 0 {
			return
		}
		if err := holder.QueryRow(t.Context(), "SELECT count(*) FROM notes WHERE size IS NULL").Scan(&missing); err != nil {
			t.Error(err)
		}
		if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if missing != 1 {
		t.Errorf("%d rows were skipped; want only the locked row", missing)
	}
	var wrong int
	if err := pgtest.Connect(t, database.AdminURL).QueryRow(t.Context(), "SELECT count(*) FROM notes WHERE size <> char_length(title)").Scan(&wrong); err != nil || wrong > 0 {
		t.Errorf("%d rows are wrong: %v", wrong, err)
	}
}
