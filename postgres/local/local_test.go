package local

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// deadline limits every wait for an expected event.
const deadline = time.Minute

// helperDir is the variable with the data directory on which this program, started again by a test, runs a server.
const helperDir = "CHENU_LOCALPG_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(helper(dir))
	}
	os.Exit(run(m))
}

// run sets a separate directory for temporary files for the tests, because embedded-postgres leaves a log there.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "local-")
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.Setenv("TMPDIR", dir))
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	return m.Run()
}

// helper runs a server until this process is killed. It prints the server's URL, and then a line for every interrupt
// that its server has survived.
func helper(dir string) int {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	ctx := context.Background()
	s, err := Start(ctx, Config{DataDir: dir, Ephemeral: os.Getenv(helperDir+"_EPHEMERAL") != ""})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(s.URL("postgres"))
	for range interrupts {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err != nil {
			fmt.Println("server is gone:", err)
			return 1
		}
		_ = conn.Close(ctx)
		fmt.Println("server is up")
	}
	return 0
}

// startHelper starts helper in a separate process group. lines returns its output.
func startHelper(t *testing.T, dir string, env ...string) (cmd *exec.Cmd, lines *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self)
	cmd.Env = append(os.Environ(), append(env, helperDir+"="+dir)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		// Its server exits a little later, and writes to the directory until then.
		eventually(t, "the end of the helper's server", func() bool { return !serverLives(dir) })
	})
	return cmd, bufio.NewScanner(out)
}

// serverLives reports whether the process exists that a postmaster.pid below dir names.
func serverLives(dir string) bool {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "postmaster.pid")) // The pattern is valid.
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // The file has just been removed.
		}
		line, _, _ := strings.Cut(string(data), "\n")
		if pid, err := strconv.Atoi(line); err == nil && syscall.Kill(pid, 0) == nil {
			return true
		}
	}
	return false
}

func nextLine(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("the helper printed no further line: %v", lines.Err())
	}
	return lines.Text()
}

// dataDir returns a temporary directory that any user may traverse, unlike the parent of t.TempDir.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts a server that is stopped when the test ends.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var text string
	if err := conn.QueryRow(ctx, sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func exec1(t *testing.T, url, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	timeout := time.After(deadline)
	for !ok() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%s did not happen within %s", what, deadline)
		}
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not contain %q", err, part)
		}
	}
}

// postmaster returns the process id of the server on a data directory.
func postmaster(t *testing.T, s *Server) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dataDir, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestEphemeral(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	s := start(t, Config{DataDir: dir, Ephemeral: true})
	for setting, want := range map[string]string{
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200",
		"listen_addresses": "127.0.0.1", "server_encoding": "UTF8",
	} {
		if got := query(t, s.URL("postgres"), "SHOW "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	if got := query(t, s.URL("postgres"), "SELECT current_setting('server_version_num')::int / 10000 || ''"); got != strconv.Itoa(s.Major()) {
		t.Errorf("server_version = %q, Major() = %d", got, s.Major())
	}
	if got := query(t, s.URL("postgres"), "SELECT lower('É')"); got != "é" {
		t.Errorf("lower('É') = %q", got)
	}
	stop(t, s)
	if err := s.Err(); err != nil {
		t.Errorf("Err() after Stop = %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAbandonedEphemeralIsRemoved(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	helper, lines := startHelper(t, dir, helperDir+"_EPHEMERAL=1")
	nextLine(t, lines)
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	left, err := filepath.Glob(filepath.Join(dir, ephemeralPrefix+"*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("directories of the killed process: %v, %v", left, err)
	}
	old := time.Now().Add(-2 * abandonedAfter)
	eventually(t, "the end of the killed process's server", func() bool {
		_, err := os.Stat(filepath.Join(left[0], dataName(majorIn(t, left[0])), "postmaster.pid"))
		return errors.Is(err, fs.ErrNotExist)
	})
	if err := os.Chtimes(left[0], old, old); err != nil {
		t.Fatal(err)
	}
	alive := start(t, Config{DataDir: dir, Ephemeral: true})
	if _, err := os.Stat(left[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there (%v)", left[0], err)
	}
	// The directory of a running server is kept, however old it is.
	if err := os.Chtimes(filepath.Dir(alive.dataDir), old, old); err != nil {
		t.Fatal(err)
	}
	start(t, Config{DataDir: dir, Ephemeral: true})
	query(t, alive.URL("postgres"), "SELECT 'yes'")
}

func majorIn(t *testing.T, home string) int {
	t.Helper()
	majors, err := dataMajors(home)
	if err != nil || len(majors) != 1 {
		t.Fatalf("majors in %s: %v, %v", home, majors, err)
	}
	return majors[0]
}

func TestDataSurvivesStop(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), "new", "data")
	var progress lockedBuffer
	s := start(t, Config{DataDir: dir, Progress: &progress})
	if !strings.Contains(progress.String(), "creating a database cluster") {
		t.Errorf("progress = %q", progress.String())
	}
	exec1(t, s.URL("postgres"), "CREATE TABLE kept AS SELECT 'before' AS text")
	if got := query(t, s.URL("postgres"), "SHOW fsync"); got != "on" {
		t.Errorf("fsync = %q", got)
	}
	for _, name := range []string{filepath.Join(s.dataDir, passwordName), filepath.Join(dir, dataName(s.Major())+".log")} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	stop(t, s)
	select {
	case <-s.Done():
	default:
		t.Error("Done is open after Stop")
	}

	again := start(t, Config{DataDir: dir})
	if got := query(t, again.URL("postgres"), "SELECT text FROM kept"); got != "before" {
		t.Errorf("kept = %q", got)
	}
}

func TestLongPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), strings.Repeat("long", 25), "and 'quoted\" name")
	s := start(t, Config{DataDir: dir})
	if got := query(t, s.URL("postgres"), "SHOW data_directory"); got != filepath.Join(dir, dataName(s.Major())) {
		t.Errorf("data_directory = %q", got)
	}
	sockets := strings.Trim(query(t, s.URL("postgres"), "SHOW unix_socket_directories"), `"`)
	stop(t, s)
	if _, err := os.Stat(sockets); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket directory %s is still there (%v)", sockets, err)
	}
}

func TestDataSurvivesKill(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	helper, lines := startHelper(t, dir)
	url := nextLine(t, lines)
	exec1(t, url, "CREATE TABLE kept AS SELECT 'before' AS text")
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	s := start(t, Config{DataDir: dir})
	if got := query(t, s.URL("postgres"), "SELECT text FROM kept"); got != "before" {
		t.Errorf("kept = %q", got)
	}
}

// A data directory that is given back is free at once, although another test forks a process at this moment, which has
// the same open files until it runs its own program.
func TestLockIsReleasedAtOnce(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	first := new(Server)
	if err := first.lock(dir); err != nil {
		t.Fatal(err)
	}
	var file syscall.Stat_t
	if err := syscall.Stat(filepath.Join(dir, lockName), &file); err != nil {
		t.Fatal(err)
	}
	locked := -1 // the descriptor of the lock file
	for fd := range 1024 {
		var open syscall.Stat_t
		if err := syscall.Fstat(fd, &open); err == nil && open.Dev == file.Dev && open.Ino == file.Ino {
			locked = fd
		}
	}
	copied, err := syscall.Dup(locked)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(copied) }()
	if err := new(Server).lock(dir); err == nil {
		t.Error("the directory was locked twice")
	}
	for _, release := range first.cleanup {
		release()
	}
	second := new(Server)
	if err := second.lock(dir); err != nil {
		t.Error(err)
	}
	for _, release := range second.cleanup {
		release()
	}
}

func TestServerKilled(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	s := start(t, Config{DataDir: dir})
	exec1(t, s.URL("postgres"), "CREATE TABLE kept AS SELECT 'before' AS text")
	if err := syscall.Kill(postmaster(t, s), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
	case <-time.After(deadline):
		t.Fatal("Done stays open")
	}
	wantError(t, s.Err(), "stopped unexpectedly: signal: killed", "database system is ready to accept connections")
	stop(t, s)

	again := start(t, Config{DataDir: dir})
	if got := query(t, again.URL("postgres"), "SELECT text FROM kept"); got != "before" {
		t.Errorf("kept = %q", got)
	}
}

func TestOrphanIsStopped(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	s := start(t, Config{DataDir: dir})
	stop(t, s)
	// A server whose parent process has ended, so that the lock is free.
	who, err := runAs(s.dataDir)
	if err != nil {
		t.Fatal(err)
	}
	orphan := exec.Command(s.cmd.Path, s.cmd.Args[1:]...)
	orphan.Env, orphan.Dir = serverEnv(), s.dataDir
	who.apply(orphan)
	orphan.SysProcAttr.Setpgid = true
	ended := make(chan struct{})
	if err := startChild(orphan, func(error) { close(ended) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = orphan.Process.Kill() })
	pid := orphan.Process.Pid
	eventually(t, "the orphan's pid file", func() bool {
		text, err := os.ReadFile(filepath.Join(s.dataDir, "postmaster.pid"))
		return err == nil && strings.HasPrefix(string(text), strconv.Itoa(pid)+"\n") && serverOf(pid, s.dataDir) == processServer
	})
	var progress lockedBuffer
	again := start(t, Config{DataDir: dir, Progress: &progress})
	select {
	case <-ended:
	case <-time.After(deadline):
		t.Fatal("the orphan still runs")
	}
	if want := fmt.Sprintf("process %d", pid); !strings.Contains(progress.String(), want) {
		t.Errorf("progress = %q, want %q", progress.String(), want)
	}
	query(t, again.URL("postgres"), "SELECT 'yes'")
}

func TestStalePIDFile(t *testing.T) {
	t.Parallel()
	ended := exec.Command("true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range map[string]int{
		"of a process that ended": ended.Process.Pid,
		"of another program":      os.Getpid(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := dataDir(t)
			s := start(t, Config{DataDir: dir})
			pidFile := filepath.Join(s.dataDir, "postmaster.pid")
			text, err := os.ReadFile(pidFile)
			if err != nil {
				t.Fatal(err)
			}
			stop(t, s)
			_, rest, _ := strings.Cut(string(text), "\n")
			if err := os.WriteFile(pidFile, []byte(strconv.Itoa(pid)+"\n"+rest), 0o600); err != nil {
				t.Fatal(err)
			}
			who, err := runAs(s.dataDir)
			if err != nil {
				t.Fatal(err)
			}
			if err := who.own(pidFile); err != nil {
				t.Fatal(err)
			}
			again := start(t, Config{DataDir: dir})
			query(t, again.URL("postgres"), "SELECT 'yes'")
		})
	}
}

func TestOneProcessAtATime(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	helper, lines := startHelper(t, dir)
	nextLine(t, lines)
	_, err := Start(t.Context(), Config{DataDir: dir})
	wantError(t, err, dir, "in use by process "+strconv.Itoa(helper.Process.Pid))
}

func TestInterruptedInitdb(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	helper, _ := startHelper(t, dir)
	partial := filepath.Join(dir, partialPrefix+"*", "data")
	eventually(t, "the start of initdb", func() bool {
		found, err := filepath.Glob(filepath.Join(partial, "PG_VERSION"))
		return err == nil && len(found) > 0
	})
	if err := helper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = helper.Wait()
	if majors, err := dataMajors(dir); err != nil || len(majors) > 0 {
		t.Fatalf("data after an interrupted initdb: %v, %v", majors, err)
	}
	s := start(t, Config{DataDir: dir})
	query(t, s.URL("postgres"), "SELECT 'yes'")
	if left, err := filepath.Glob(filepath.Join(dir, partialPrefix+"*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestRemoveWhileWritten removes a directory in which files are created at the same time, as by the processes of a
// killed initdb.
func TestRemoveWhileWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), partialPrefix+"1")
	sub := filepath.Join(dir, "data")
	if err := os.MkdirAll(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	stopped := time.Now().Add(500 * time.Millisecond)
	var writers sync.WaitGroup
	for writer := range 4 {
		writers.Go(func() {
			for i := 0; time.Now().Before(stopped); i++ {
				_ = os.MkdirAll(sub, 0o700)
				_ = os.WriteFile(filepath.Join(sub, fmt.Sprintf("%d-%d", writer, i)), nil, 0o600)
			}
		})
	}
	err := removeUnfinished(t.Context(), dir)
	writers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := removeUnfinished(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

func TestInterruptOfTheGroup(t *testing.T) {
	t.Parallel()
	helper, lines := startHelper(t, dataDir(t))
	nextLine(t, lines)
	// The signal that a terminal sends on Ctrl-C.
	if err := syscall.Kill(-helper.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := nextLine(t, lines); got != "server is up" {
		t.Error(got)
	}
}

func TestContextEndsTheStartOnly(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := Start(ctx, Config{DataDir: dir})
		ended <- err
	}()
	eventually(t, "the start of initdb", func() bool {
		found, err := filepath.Glob(filepath.Join(dir, partialPrefix+"*", "data", "PG_VERSION"))
		return err == nil && len(found) > 0
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Start with a context that ended meanwhile: %v", err)
	}
	_, err := Start(ctx, Config{DataDir: dir})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Start with an ended context: %v", err)
	}

	ctx, cancel = context.WithCancel(t.Context())
	s, err := Start(ctx, Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	cancel()
	query(t, s.URL("postgres"), "SELECT 'yes'")
}

func TestFailureShowsTheLog(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	s := start(t, Config{DataDir: dir})
	stop(t, s)
	name := filepath.Join(s.dataDir, "postgresql.auto.conf")
	if err := os.WriteFile(name, []byte("no_such_setting = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{DataDir: dir})
	wantError(t, err, "exited before it was ready", "no_such_setting", "postgres-"+strconv.Itoa(s.Major())+".log")

	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(s.dataDir, passwordName)
	if err := os.WriteFile(password, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Config{DataDir: dir})
	wantError(t, err, "password in "+password)

	if err := os.Remove(password); err != nil {
		t.Fatal(err)
	}
	_, err = Start(t.Context(), Config{DataDir: dir})
	wantError(t, err, password, "restore it")
}

// TestNothingIsWiped passes directories to Start that it must not change, and checks that they are unchanged.
func TestNothingIsWiped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		files   map[string]string
		version int
		want    []string
	}{
		{
			name:  "older version",
			files: map[string]string{"postgres-14/PG_VERSION": "14\n", "postgres-14/base/1": "data"},
			want:  []string{"contains data of PostgreSQL 14", "this machine has PostgreSQL", "install PostgreSQL 14"},
		},
		{
			name:  "future version",
			files: map[string]string{"postgres-99/PG_VERSION": "99\n", "postgres-99/base/1": "data"},
			want:  []string{"contains data of PostgreSQL 99", "install PostgreSQL 99"},
		},
		{
			name:    "other version requested",
			files:   map[string]string{"postgres-16/PG_VERSION": "16\n", "postgres-16/base/1": "data"},
			version: 15,
			want:    []string{"contains data of PostgreSQL 16", "version 15 was requested", "request 16"},
		},
		{
			name:  "renamed",
			files: map[string]string{"postgres-15/PG_VERSION": "16\n", "postgres-15/base/1": "data"},
			want:  []string{"contains data of PostgreSQL 16, but its name states 15", "rename it to postgres-16"},
		},
		{
			name:  "no database",
			files: map[string]string{"postgres-15/notes": "mine"},
			want:  []string{"is not empty", "move it"},
		},
		{
			name:  "a server's own data",
			files: map[string]string{"PG_VERSION": "15\n", "base/1": "data"},
			want:  []string{"is the data directory of another PostgreSQL server"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := dataDir(t)
			for name, text := range tt.files {
				name = filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Start(t.Context(), Config{DataDir: dir, Version: tt.version})
			wantError(t, err, tt.want...)
			for name, text := range tt.files {
				if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != text {
					t.Errorf("%s = %q, %v", name, got, err)
				}
			}
		})
	}
}

func TestUserOfTheServer(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		_, err := runAs("/")
		wantError(t, err, "/ is owned by user root", "run as the owner")
		s := start(t, Config{DataDir: dataDir(t)})
		info, err := os.Stat(s.dataDir)
		if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			t.Errorf("the data's owner: %v, %v", info, err)
		}
		return
	}
	closed := filepath.Join(dataDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{DataDir: filepath.Join(closed, "data")})
	wantError(t, err, "cannot access "+closed, "chmod o+x "+closed, "use another data directory")

	// Data that another account created keeps its owner.
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := accountOf(u)
	if err != nil {
		t.Fatal(err)
	}
	dir := dataDir(t)
	s := start(t, Config{DataDir: dir})
	stop(t, s)
	if err := filepath.WalkDir(s.dataDir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody.uid, nobody.gid))
	}); err != nil {
		t.Fatal(err)
	}
	again := start(t, Config{DataDir: dir})
	if who, err := runAs(again.dataDir); err != nil || who.uid != nobody.uid {
		t.Errorf("account = %v, %v", who, err)
	}
	stop(t, again)

	// A copy of the data that belongs to root is given to the server's user.
	if err := filepath.WalkDir(s.dataDir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 0, 0))
	}); err != nil {
		t.Fatal(err)
	}
	query(t, start(t, Config{DataDir: dir}).URL("postgres"), "SELECT 'yes'")
}

func TestMemoryDir(t *testing.T) {
	t.Parallel()
	dir := MemoryDir()
	if dir == "" {
		return // This machine has no directory in memory, or too little space in it.
	}
	// The server may run as another user.
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || info.Mode().Perm()&0o007 != 0o007 {
		t.Errorf("%s: %v, %v; want a directory that every user can write", dir, info, err)
	}
}
