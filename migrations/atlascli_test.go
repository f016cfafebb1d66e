//go:build atlascli

package migrations_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chenu/chenu/migrations"
)

// atlasBinary builds the Atlas CLI of ../tools/atlas, the newest that has its source in the module proxy. The first time
// takes minutes; then it is in the build cache.
var atlasBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "atlascli")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "atlas")
	build := exec.Command("go", "build", "-o", binary, "ariga.io/atlas/cmd/atlas")
	build.Dir = "../tools/atlas"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	return binary, build.Run()
})

// atlas runs the CLI with the project's atlas.hcl on the bundle's directory and database.
func (b *bundle) atlas(args ...string) (string, error) {
	b.t.Helper()
	binary, err := atlasBinary()
	if err != nil {
		b.t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.CommandContext(b.t.Context(), binary, append(append([]string{"migrate"}, args...),
		"--env", "chenu", "--config", "file://"+filepath.Join(root, "atlas.hcl"), "--dir", "file://"+b.path)...)
	cmd.Env = append(os.Environ(), "ATLAS_NO_UPDATE_NOTIFIER=1", "CHENU_MIGRATE_DATABASE_URL="+b.libpqURL())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// libpqURL says sslmode, which the CLI's driver, unlike ours, takes for "require".
func (b *bundle) libpqURL() string {
	u, err := url.Parse(b.db.MigrateURL)
	if err != nil {
		b.t.Fatal(err)
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
	b := setup(t, interchangeFiles)
	out, err := b.atlas("apply")
	if err == nil || !strings.Contains(out, "division by zero") {
		t.Fatalf("%v\n%s", err, out)
	}
	golden(t, recordingPath, b.record().String())
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
	b := setup(t, interchangeFiles)
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
	b := setup(t, map[string]string{"1_a.sql": "SELECT gate();"})
	if _, err := atlasBinary(); err != nil { // it takes longer than anything here may wait
		t.Fatal(err)
	}
	reached, open := b.gate()
	done := make(chan error, 1)
	go func() {
		_, err := migrations.Apply(t.Context(), b.db.MigrateURL, b.options())
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
	// Old versions wait in a statement, and new ones ask again and again.
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

// Both cut the project's own files into the same statements; resuming depends on it.
func TestAtlasCLI_TheProjectsFiles(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	var err error
	if b.path, err = filepath.Abs("."); err != nil {
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
