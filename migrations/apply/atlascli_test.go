//go:build atlascli

package apply_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/apply"
	"github.com/chenu/chenu/migrations/dbtest"
)

// atlasBinary builds the Atlas CLI of ../tools/atlas, the newest version with source in the module proxy. The first
// build takes minutes; later ones use the build cache.
var atlasBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "atlascli")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "atlas")
	build := exec.Command("go", "build", "-o", binary, "ariga.io/atlas/cmd/atlas")
	build.Dir = "../../tools/atlas"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return binary, build.Run()
})

// setupCLI is like setup, for tests that run the CLI. It builds the CLI.
func setupCLI(t *testing.T, files map[string]string) *bundle {
	t.Helper()
	b := setup(t, files)
	// The CLI of the module proxy reads settings that do not exist since PostgreSQL 16.
	if version := b.ask("SELECT current_setting('server_version_num')::int / 10000"); version != "15" {
		t.Fatalf("the server is PostgreSQL %s, and this version of the CLI supports none after 15: make test-atlas", version)
	}
	if _, err := atlasBinary(); err != nil {
		t.Fatal(err)
	}
	return b
}

// atlas runs the CLI with the project's atlas.hcl on the bundle's directory and database.
func (b *bundle) atlas(args ...string) (string, error) {
	b.t.Helper()
	binary, err := atlasBinary()
	if err != nil {
		b.t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), binary, append(append([]string{"migrate"}, args...),
		"--env", "chenu", "--config", "file://"+filepath.Join(root, "atlas.hcl"), "--dir", "file://"+b.path)...)
	cmd.Env = append(os.Environ(), "ATLAS_NO_UPDATE_NOTIFIER=1", "CHENU_MIGRATE_DATABASE_URL="+libpqURL(b.t, b.db), "CHENU_DEV_DATABASE_URL=")
	switch args[0] {
	case "lint", "validate":
		cmd.Env = append(cmd.Env, "CHENU_DEV_DATABASE_URL="+libpqURL(b.t, dbtest.Empty(b.t)))
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// libpqURL sets sslmode, for which the CLI's driver, unlike pgx, defaults to "require".
func libpqURL(t *testing.T, db *dbtest.DB) string {
	t.Helper()
	u, err := url.Parse(db.MigrateURL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if !q.Has("sslmode") {
		q.Set("sslmode", "disable")
	}
	u.RawQuery = q.Encode()
	return u.String()
}

func TestAtlasCLI_StopsAndWeResume(t *testing.T) {
	t.Parallel()
	b := setupCLI(t, interchangeFiles)
	out, err := b.atlas("apply")
	if err == nil || !strings.Contains(out, "division by zero") {
		t.Fatalf("%v\n%s", err, out)
	}
	golden.File(t, recordingPath, b.record().String())
	b.want("owners", b.ask("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'atlas_schema_revisions')"), "chenu_owner")
	b.exec("UPDATE knob SET n = 1")
	b.mustApply()
	b.finished()
	if out, err := b.atlas("status"); err != nil || !strings.Contains(out, "Migration Status: OK") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := b.atlas("apply"); err != nil || !strings.Contains(out, "No migration files to execute") {
		t.Errorf("%v\n%s", err, out)
	}
	b.finished()
}

func TestAtlasCLI_ResumesWhatWeStopped(t *testing.T) {
	t.Parallel()
	b := setupCLI(t, interchangeFiles)
	b.want("stopped at", fmt.Sprint(b.fails().Statement), "3")
	if out, err := b.atlas("status"); err != nil || !strings.Contains(out, "Migration Status: PENDING") || !strings.Contains(out, "division by zero") {
		t.Errorf("%v\n%s", err, out)
	}
	b.exec("UPDATE knob SET n = 1")
	if out, err := b.atlas("apply"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b.finished()
	if report := b.mustApply(); len(report.Files) != 0 {
		t.Errorf("%+v", report)
	}
}

func TestAtlasCLI_SharesTheLock(t *testing.T) {
	t.Parallel()
	b := setupCLI(t, map[string]string{"1_a.sql": "SELECT gate();"})
	reached, open := b.gate()
	done := make(chan error, 1)
	go func() {
		_, err := apply.Apply(t.Context(), b.db.MigrateURL, b.options())
		done <- err
	}()
	await(t, "our migration to be in the middle", reached)
	type result struct {
		out string
		err error
	}
	cli := make(chan result, 1)
	go func() {
		out, err := b.atlas("apply")
		cli <- result{out, err}
	}()
	// Old versions wait in a statement; new versions poll.
	deadline := time.Now().Add(patience)
	for asking := ""; asking != "true"; {
		if time.Now().After(deadline) {
			t.Fatalf("the CLI does not wait for the lock: %s", b.ask("SELECT coalesce(query, '') || ' ' || usename FROM pg_stat_activity WHERE datname = current_database()"))
		}
		asking = b.ask(`SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'chenu migrate'
AND query LIKE 'SELECT pg_%advisory_lock($1)')`)
	}
	open()
	if err := await(t, "our migration", done); err != nil {
		t.Error(err)
	}
	if r := await(t, "the CLI", cli); r.err != nil || !strings.Contains(r.out, "No migration files to execute") {
		t.Errorf("%v\n%s", r.err, r.out)
	}
}

// TestAtlasCLI_TheProjectsFiles checks that both split the project's files into the same statements, because resuming
// depends on it.
func TestAtlasCLI_TheProjectsFiles(t *testing.T) {
	t.Parallel()
	b := setupCLI(t, nil)
	var err error
	if b.path, err = filepath.Abs(".."); err != nil {
		t.Fatal(err)
	}
	if out, err := b.atlas("apply"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b.want("state", string(b.status().State), "current")
	ours := setup(t, nil)
	ours.path = b.path
	ours.mustApply()
	b.want("revisions", b.versions(), ours.versions())
}

// must runs the CLI and checks that it succeeds and prints the given texts.
func (b *bundle) must(args []string, says ...string) {
	b.t.Helper()
	out, err := b.atlas(args...)
	if err != nil {
		b.t.Errorf("atlas migrate %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	b.contains(out, says...)
}

// refuses runs the CLI and checks that it fails and prints the given texts.
func (b *bundle) refuses(args []string, says ...string) {
	b.t.Helper()
	out, err := b.atlas(args...)
	if err == nil {
		b.t.Errorf("atlas migrate %s succeeded\n%s", strings.Join(args, " "), out)
	}
	b.contains(out, says...)
}

var turns = map[string]string{
	"20260101000000_a.sql": "CREATE TABLE a (id int PRIMARY KEY);",
	"20260102000000_b.sql": "-- atlas:txmode none\n\nCREATE INDEX CONCURRENTLY a_id ON a (id);",
	"20260103000000_c.sql": "CREATE FUNCTION c() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;",
	"20260104000000_d.sql": "CREATE TABLE d (id int PRIMARY KEY);\nINSERT INTO d VALUES (1);",
}

// TestAtlasCLI_InTurn applies files with both programs alternately. After each step both report the same applied and
// pending files.
func TestAtlasCLI_InTurn(t *testing.T) {
	t.Parallel()
	b := setupCLI(t, turns)
	agree := func(version, next, pending string) {
		t.Helper()
		status := b.status()
		b.want("version", status.Version, version)
		b.want("pending", fmt.Sprint(len(status.Pending)), pending)
		current, mark := version, "PENDING"
		if version == "" {
			current = "No migration applied yet"
		}
		if next == "" {
			next, mark = "Already at latest version", "OK"
		}
		b.must([]string{"status"}, "Migration Status: "+mark, "Current Version: "+current, "Next Version:    "+next, "Pending Files:   "+pending)
	}
	ours := func(to string) {
		t.Helper()
		o := b.options()
		o.To = to
		if _, err := apply.Apply(t.Context(), b.db.MigrateURL, o); err != nil {
			t.Fatal(err)
		}
	}
	agree("", "20260101000000", "4")
	b.must([]string{"apply", "1"}, "20260101000000")
	agree("20260101000000", "20260102000000", "3")
	ours("20260102000000")
	agree("20260102000000", "20260103000000", "2")
	b.must([]string{"apply", "1"}, "20260103000000")
	agree("20260103000000", "20260104000000", "1")
	ours("20260104000000")
	agree("20260104000000", "", "0")
	b.must([]string{"apply"}, "No migration files to execute")
	b.want("tables", b.tables(), "a,d")
	b.want("by", b.ask("SELECT string_agg(CASE WHEN operator_version LIKE 'Atlas CLI%' THEN 'theirs' ELSE 'ours' END, ' ' ORDER BY version) FROM atlas_schema_revisions.atlas_schema_revisions"), "theirs ours theirs ours")
}

// TestAtlasCLI_HashAndValidate checks that both programs write the same hashes and reject the same directories.
func TestAtlasCLI_HashAndValidate(t *testing.T) {
	t.Parallel()
	b := setupCLI(t, turns)
	sum := func() string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(b.path, "atlas.sum"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	valid := func() {
		t.Helper()
		b.must([]string{"validate"})
		if err := migrations.Validate(dbtest.OpenDir(t, b.path)); err != nil {
			t.Error(err)
		}
	}
	valid()
	dbtest.WriteFile(t, b.path, "20260105000000_e.sql", "CREATE TABLE e (id int);")
	b.refuses([]string{"validate"}, "checksum mismatch")
	if err := migrations.Validate(dbtest.OpenDir(t, b.path)); !errors.Is(err, migrations.ErrDirectory) {
		t.Errorf("Validate: %v", err)
	}
	b.must([]string{"hash"})
	theirs := sum()
	valid()
	if err := migrations.Hash(b.path); err != nil {
		t.Fatal(err)
	}
	b.want("atlas.sum", sum(), theirs)
	b.edit("20260105000000_e.sql", "CREATE TABLE e (id int, more int);")
	valid()
	// With the development database of atlas.hcl, the CLI also runs the files.
	b.edit("20260106000000_f.sql", "CREATE TABLE f (id nonsense);")
	b.refuses([]string{"validate"}, `type "nonsense" does not exist`)
	// An applied file was edited: the CLI does not detect this, Apply does.
	b.edit("20260106000000_f.sql", "CREATE TABLE f (id int);")
	b.must([]string{"apply"})
	b.edit("20260105000000_e.sql", "CREATE TABLE e (id int);")
	b.must([]string{"apply"}, "No migration files to execute")
	b.want("state", string(b.status().State), "conflict")
}

// TestAtlasCLI_Lint checks that both lints read the same directives: a finding that chenu migrate lint accepts by its
// code is also accepted by the CLI.
func TestAtlasCLI_Lint(t *testing.T) {
	t.Parallel()
	files := map[string]string{"20260101000000_a.sql": "CREATE TABLE a (id int PRIMARY KEY);\nCREATE TABLE b (id int PRIMARY KEY);"}
	for name, test := range map[string]struct {
		drop  string
		fails bool
	}{
		"bare":                {"DROP TABLE a;", true},
		"accepted":            {"-- atlas:nolint DS102 — nothing is in it\nDROP TABLE a;", false},
		"accepted for a file": {"-- atlas:nolint DS102 — nothing is in it\n\nDROP TABLE a;\nDROP TABLE b;", false},
		"of another code":     {"-- atlas:nolint CN101 — small\nDROP TABLE a;", true},
		"with hyphens":        {"-- atlas:nolint CN202 DS102 -- nothing is in it\nDROP TABLE a;", false},
		// This is why chenu migrate lint rejects a reason with such a word (CN002).
		"by a word of the reason": {"-- atlas:nolint CN101 -- this is not destructive\nDROP TABLE a;", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupCLI(t, files)
			b.edit("20260102000000_drop.sql", test.drop)
			if args := []string{"lint", "--latest", "1"}; test.fails {
				b.refuses(args, "destructive changes detected")
			} else {
				b.must(args)
			}
		})
	}
}

// TestAtlasCLI_LintsTheProject runs the CLI's lint, configured in atlas.hcl, on the project's files, which contain
// functions, policies and partitions.
func TestAtlasCLI_LintsTheProject(t *testing.T) {
	t.Parallel()
	b := setupCLI(t, nil)
	var err error
	if b.path, err = filepath.Abs(".."); err != nil {
		t.Fatal(err)
	}
	b.must([]string{"validate"})
	b.must([]string{"lint", "--latest", "1"})
}
