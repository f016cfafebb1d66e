package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/local"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"chenu": main})
}

// TestScripts runs the program as a user does. Each script has its own empty database, whose URL is in the usual
// variable. In addition to testscript's commands there are:
//
//	sql STATEMENT          run by a superuser on that database; prints rows
//	hold STATEMENT         run by a superuser, "the holder", in a transaction that stays open
//	release                end that transaction
//	server                 start a bootstrapped server for the following commands of the script only
//	run FILE               run by a superuser on that database, as psql would
//	exits CODE COMMAND …   like exec, but expects this exit code
//	scrub FILE             print a file, or stdout or stderr, with the parts replaced that differ from run to run
func TestScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			db := dbtest.Empty(t)
			var held *pgx.Conn
			prefix := "chenu_test_" + strings.ToLower(rand.Text()[:10])
			t.Cleanup(func() { dropBootstrapped(t, prefix) })
			testscript.Run(t, testscript.Params{
				Files:         []string{script},
				UpdateScripts: golden.Update(),
				Setup: func(env *testscript.Env) error {
					env.Setenv("CHENU_MIGRATE_DATABASE_URL", db.MigrateURL)
					env.Setenv("SERVICE_URL", db.ServiceURL)
					env.Setenv("AUDIT_URL", db.AuditURL)
					env.Setenv("ADMIN_URL", dbtest.ServerURL(t))
					env.Setenv("DATABASE_ADMIN_URL", db.AdminURL)
					program, err := exec.LookPath("chenu")
					env.Setenv("PROGRAM", program) // for scripts that change the PATH
					env.Setenv("PREFIX", prefix)
					return err
				},
				Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
					"sql": func(ts *testscript.TestScript, neg bool, args []string) {
						if neg || len(args) != 1 {
							ts.Fatalf("usage: sql STATEMENT")
						}
						ts.Check(runSQL(t.Context(), ts, ts.Getenv("DATABASE_ADMIN_URL"), args[0]))
					},
					"server": func(ts *testscript.TestScript, neg bool, args []string) {
						if neg || len(args) > 0 {
							ts.Fatalf("usage: server")
						}
						ts.Check(startServer(t, ts))
					},
					"hold": func(ts *testscript.TestScript, neg bool, args []string) {
						if neg || len(args) != 1 {
							ts.Fatalf("usage: hold STATEMENT")
						}
						conn, err := pgx.Connect(t.Context(), db.AdminURL)
						ts.Check(err)
						ts.Defer(func() { _ = conn.Close(context.Background()) })
						_, err = conn.Exec(t.Context(), "SET application_name = 'the holder'; BEGIN; "+args[0])
						ts.Check(err)
						held = conn
					},
					"release": func(ts *testscript.TestScript, neg bool, args []string) {
						if neg || len(args) > 0 || held == nil {
							ts.Fatalf("usage: release, after hold")
						}
						_, err := held.Exec(t.Context(), "ROLLBACK")
						ts.Check(err)
					},
					"run": func(ts *testscript.TestScript, neg bool, args []string) {
						if neg || len(args) != 1 {
							ts.Fatalf("usage: run FILE")
						}
						ts.Check(runFile(t.Context(), ts.Getenv("DATABASE_ADMIN_URL"), ts.ReadFile(args[0])))
					},
					"exits": exits,
					"scrub": func(ts *testscript.TestScript, neg bool, args []string) {
						if neg || len(args) != 1 {
							ts.Fatalf("usage: scrub FILE")
						}
						_, err := fmt.Fprint(ts.Stdout(), scrub(ts.ReadFile(args[0])))
						ts.Check(err)
					},
				},
			})
		})
	}
}

func runSQL(ctx context.Context, ts *testscript.TestScript, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			return err
		}
		fmt.Fprintln(ts.Stdout(), strings.Trim(fmt.Sprint(values), "[]"))
	}
	return rows.Err()
}

// startServer starts a server for scripts that read the whole server, because other tests use the shared server at the
// same time.
func startServer(t *testing.T, ts *testscript.TestScript) error {
	t.Helper()
	var major int
	conn, err := pgx.Connect(t.Context(), dbtest.ServerURL(t))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int / 10000").Scan(&major); err != nil {
		return err
	}
	server, err := local.Start(t.Context(), local.Config{Ephemeral: true, DataDir: local.MemoryDir(), Version: major})
	if err != nil {
		return err
	}
	ts.Defer(func() { ts.Check(server.Stop(context.Background())) })
	report, err := apply.Bootstrap(t.Context(), server.URL("postgres"), apply.BootstrapOptions{Conventions: &policies.Conventions})
	if err != nil {
		return err
	}
	for _, l := range report.Logins {
		ts.Setenv(l.Variable, l.URL)
	}
	ts.Setenv("SERVICE_URL", ts.Getenv("CHENU_DATABASE_URL"))
	ts.Setenv("DATABASE_ADMIN_URL", server.URL(apply.DefaultDatabase))
	return nil
}

func runFile(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.PgConn().Exec(ctx, strings.ReplaceAll(sql, "\\set ON_ERROR_STOP on\n", "")).ReadAll()
	return err
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND …")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

var scrubs = []struct {
	is *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(µs|ms|s)\b`), "DURATION"},
	{regexp.MustCompile(`"took_ns": \d+`), `"took_ns": DURATION`},
	{regexp.MustCompile(`chenu_test_[a-z0-9]{10}\b`), "PREFIX"},
	{regexp.MustCompile(`postgres(ql)?://[^@\s]*@\S*/`), "URL/"},
}

func scrub(s string) string {
	for _, r := range scrubs {
		s = r.is.ReplaceAllString(s, r.by)
	}
	return s
}

// dropBootstrapped drops what a script created on the server with `chenu bootstrap`.
func dropBootstrapped(t *testing.T, prefix string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dbtest.ServerURL(t))
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+prefix+" WITH (FORCE)"); err != nil {
		t.Error(err)
	}
	for _, login := range []string{"_service", "_agent", "_migrate", "_audit"} {
		if _, err := conn.Exec(ctx, "DROP ROLE IF EXISTS "+prefix+login); err != nil {
			t.Error(err)
		}
	}
}
