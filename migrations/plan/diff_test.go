package plan_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ariga.io/atlas/sql/migrate"
	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
	"github.com/chenu/chenu/postgres/pgtest"
)

func base(t *testing.T, more ...string) plan.Desired {
	t.Helper()
	text, err := os.ReadFile("testdata/base.sql")
	if err != nil {
		t.Fatal(err)
	}
	files := []plan.File{{Name: "base.sql", SQL: string(text)}}
	for _, sql := range more {
		files = append(files, plan.File{Name: "more.sql", SQL: sql})
	}
	return plan.SQL(files...)
}

func TestDiffErrors(t *testing.T) {
	t.Parallel()
	dirWith := func(name, sql string) migrate.Dir {
		dir := &migrate.MemDir{}
		add(t, dir, &plan.Plan{Files: []plan.File{{Name: name, SQL: sql}}})
		return dir
	}
	edited := dirWith("20260101000000_first.sql", "SELECT 1;\n")
	if err := edited.WriteFile("20260101000000_first.sql", []byte("SELECT 2;\n")); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*plan.Input)
		want   string
	}{
		"name":        {func(in *plan.Input) { in.Name = "../x" }, `invalid migration name "../x": use a few words`},
		"no name":     {func(in *plan.Input) { in.Name = " " }, `invalid migration name " "`},
		"no server":   {func(in *plan.Input) { in.DevURL = "" }, "the URL of the development server is missing"},
		"edited file": {func(in *plan.Input) { in.Dir = edited }, "if the files are as intended, run `chenu migrate hash`"},
		"failing replay": {func(in *plan.Input) {
			in.Dir = dirWith("20260101000000_first.sql", "SELECT 1;\n\nSELECT nothing;\n")
		}, "replay 20260101000000_first.sql, line 3: column \"nothing\" does not exist (SQLSTATE 42703)"},
		"failing desired": {func(in *plan.Input) { in.Desired = base(t, "SELECT 1;\nCREATE POLICY p ON nowhere;\n") }, `more.sql:2: relation "nowhere" does not exist (SQLSTATE 42P01)`},
		"function body": {func(in *plan.Input) {
			in.Desired = base(t, "CREATE FUNCTION app.f() RETURNS integer LANGUAGE sql AS $$ SELECT id FROM nowhere $$;\n")
		}, `function app.f(): relation "nowhere" does not exist`},
		"unclosed": {func(in *plan.Input) { in.Desired = base(t, "SELECT (1;\n") }, "more.sql: 1:8: unclosed '('"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := plan.Input{Conventions: &policies.Conventions, Name: "test", Dir: &migrate.MemDir{}, Desired: base(t), DevURL: dbtest.ServerURL(t)}
			test.change(&in)
			planned, err := plan.Diff(t.Context(), in)
			if err == nil || planned != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Diff: %v, %v; want an error with %q", planned, err, test.want)
			}
		})
	}
}

// stuck is a desired state whose Build ends only when its context does.
type stuck struct{ database chan string }

func (s stuck) Build(ctx context.Context, session *dev.Session) (*plan.Declaration, error) {
	rows, err := session.Driver().QueryContext(ctx, "SELECT current_database()")
	if err != nil {
		return nil, err
	}
	var name string
	for rows.Next() {
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	s.database <- name
	return nil, session.Exec(ctx, "SELECT pg_sleep(600)")
}

// TestCancelled cancels a Diff, and checks that it leaves no database.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	desired := stuck{make(chan string, 1)}
	done := make(chan error, 1)
	go func() {
		_, err := plan.Diff(ctx, plan.Input{Conventions: &policies.Conventions, Name: "test", Dir: &migrate.MemDir{}, Desired: desired, DevURL: dbtest.ServerURL(t)})
		done <- err
	}()
	name := <-desired.database
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Diff: %v; want a cancellation", err)
	}
	if there(t, name) {
		t.Errorf("database %s still exists", name)
	}
}

// TestLeftovers checks that Diff drops the databases of a killed run, but not those that another run may still use.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	old, fresh := "chenu_plan_1700000000_test", "chenu_plan_99999999999_test"
	for _, name := range []string{old, fresh} {
		exec(t, dbtest.ServerURL(t), "DROP DATABASE IF EXISTS "+name)
		exec(t, dbtest.ServerURL(t), "CREATE DATABASE "+name)
	}
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), dbtest.ServerURL(t))
		if err != nil {
			t.Error(err)
			return
		}
		_, err = conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+fresh)
		if err := errors.Join(err, conn.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	if _, err := plan.Diff(t.Context(), plan.Input{Conventions: &policies.Conventions, Name: "test", Dir: &migrate.MemDir{}, Desired: base(t), DevURL: dbtest.ServerURL(t)}); err != nil {
		t.Fatal(err)
	}
	if there(t, old) || !there(t, fresh) {
		t.Errorf("the old database exists: %t; the new one: %t", there(t, old), there(t, fresh))
	}
}

func there(t *testing.T, database string) (yes bool) {
	t.Helper()
	err := pgtest.Connect(t, dbtest.ServerURL(t)).QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&yes)
	if err != nil {
		t.Fatal(err)
	}
	return yes
}

func TestWrite(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		t.Fatal(err)
	}
	in := plan.Input{
		Conventions: &policies.Conventions,
		Name:        "First migration", Dir: dir, Desired: base(t), DevURL: dbtest.ServerURL(t), Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)),
	}
	planned, err := plan.Diff(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if names := list(t, path); len(names) > 0 {
		t.Errorf("Diff wrote %v", names)
	}
	if err := plan.Write(path, planned); err != nil {
		t.Fatal(err)
	}
	if got, want := list(t, path), []string{"20260102020405_first_migration.sql", "atlas.sum"}; !slices.Equal(got, want) {
		t.Errorf("files: %v; want %v", got, want)
	}
	if err := migrate.Validate(dir); err != nil {
		t.Errorf("atlas.sum: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(path, planned.Files[0].Name)); err != nil || string(text) != planned.Files[0].SQL {
		t.Errorf("the file differs from the plan: %v", err)
	}
	// Writing it again would create the files of the plan twice.
	if err := plan.Write(path, planned); err == nil || !strings.Contains(err.Error(), "plan again") {
		t.Errorf("second Write: %v; want the advice to plan again", err)
	}
	// Versions increase even if the clock does not.
	in.Name, in.Desired = "second", base(t, "CREATE TABLE extra (id uuid PRIMARY KEY);")
	second, err := plan.Diff(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if want := "20260102020406_second.sql"; second.Files[0].Name != want {
		t.Errorf("name: %s; want %s", second.Files[0].Name, want)
	}
	// If the directory cannot be written, it does not change.
	if err := plan.Write(filepath.Join(path, "missing"), second); err == nil {
		t.Error("Write to a directory that does not exist: no error")
	}
	if err := plan.Write(path, second); err != nil {
		t.Fatal(err)
	}
	if err := migrate.Validate(dir); err != nil {
		t.Errorf("atlas.sum: %v", err)
	}
}

func list(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	e := plan.Expressions{}
	for _, text := range []string{"notes.kind=lower('A=B')", "app.notes.slug = title"} {
		if err := e.Set(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	if got, want := e.String(), "app.notes.slug=title, notes.kind=lower('A=B')"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
	for _, text := range []string{"", "notes.kind", "kind='a'", "notes.kind= "} {
		if err := e.Set(text); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
