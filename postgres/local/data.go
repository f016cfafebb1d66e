package local

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	lockName     = "lock"
	passwordName = "superuser.password" // in PGDATA
	// partialPrefix is the prefix of a database cluster that is being created. A finished one is
	// renamed.
	partialPrefix = ".initdb-"
	// ephemeralPrefix is the prefix of the directories of ephemeral servers.
	ephemeralPrefix = "chenu-postgres-"
	// abandonedAfter is the minimum age of an ephemeral directory without a lock to be treated as
	// abandoned by a killed process. A running process locks its directory right after creating it.
	abandonedAfter = time.Minute
	// unfinishedTimeout limits how long the programs of a terminated initdb may keep writing.
	// Measured: less than a second on a busy machine.
	unfinishedTimeout = 30 * time.Second
)

func dataName(major int) string { return "postgres-" + strconv.Itoa(major) }

// openHome creates and locks the directory that contains all files of this server.
func (s *Server) openHome(cfg Config) (string, error) {
	home := cfg.DataDir
	switch {
	case cfg.Ephemeral:
		parent := home
		if parent == "" {
			parent = os.TempDir()
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return "", fmt.Errorf("create the data directory: %w", err)
		}
		removeAbandoned(parent)
		dir, err := os.MkdirTemp(parent, ephemeralPrefix)
		if err != nil {
			return "", fmt.Errorf("create the data directory: %w", err)
		}
		s.cleanup = append(s.cleanup, func() { _ = os.RemoveAll(dir) })
		home = dir
	case home == "":
		return "", errors.New("the data directory of PostgreSQL is missing")
	}
	// The path is absolute and without symbolic links: the server changes its working directory,
	// and an orphan is recognized by this path.
	home, err := filepath.Abs(home)
	if err != nil {
		return "", fmt.Errorf("find the data directory: %w", err)
	}
	_, err = os.Stat(home)
	isNew := errors.Is(err, os.ErrNotExist)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("create the data directory: %w", err)
	}
	if isNew || cfg.Ephemeral {
		// Whatever the umask is, the server's user must have access to the directory. Its contents
		// have their own permissions.
		if err := os.Chmod(home, 0o755); err != nil {
			return "", fmt.Errorf("create the data directory: %w", err)
		}
	}
	if home, err = filepath.EvalSymlinks(home); err != nil {
		return "", fmt.Errorf("find the data directory: %w", err)
	}
	return home, s.lock(home)
}

// lock locks home for this process until it exits. The kernel releases the lock of a killed
// process.
func (s *Server) lock(home string) error {
	name := filepath.Join(home, lockName)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	held, err := tryLock(f)
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("lock %s: %w", name, err)
	}
	if !held {
		holder, _ := io.ReadAll(io.LimitReader(f, 20))
		_ = f.Close()
		return fmt.Errorf("the data directory %s is in use by process %s: stop that process, or use another data directory",
			home, cmp.Or(string(bytes.TrimSpace(holder)), "(unknown)"))
	}
	s.cleanup = append(s.cleanup, func() { unlock(f) })
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	return nil
}

// removeAbandoned removes the ephemeral directories of killed processes.
func removeAbandoned(parent string) {
	dirs, err := filepath.Glob(filepath.Join(parent, ephemeralPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < abandonedAfter {
			continue
		}
		f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
		if err != nil {
			continue // of another user, or not a directory of this package
		}
		if held, err := tryLock(f); err == nil && held {
			_ = os.RemoveAll(dir)
		}
		_ = f.Close()
	}
}

// dataMajors returns the major versions of the data in home, ascending.
func dataMajors(home string) ([]int, error) {
	if _, err := os.Stat(filepath.Join(home, "PG_VERSION")); err == nil {
		return nil, fmt.Errorf("%s is the data directory of another PostgreSQL server: use a separate directory for chenu, or set a database URL to use that server", home)
	}
	dirs, err := filepath.Glob(filepath.Join(home, "postgres-*"))
	if err != nil {
		return nil, fmt.Errorf("read existing data: %w", err)
	}
	var majors []int
	for _, dir := range dirs {
		named, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "postgres-"))
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
		if errors.Is(err, os.ErrNotExist) {
			entries, err := os.ReadDir(dir)
			if err != nil {
				return nil, fmt.Errorf("read existing data: %w", err)
			}
			if len(entries) > 0 {
				return nil, fmt.Errorf("%s is not empty and is not a PostgreSQL data directory (it has no PG_VERSION): move it, or use another data directory", dir)
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the version of existing data: %w; run as the owner of the directory, or use another data directory", err)
		}
		if actual := strings.TrimSpace(string(text)); actual != strconv.Itoa(named) {
			return nil, fmt.Errorf("%s contains data of PostgreSQL %s, but its name states %d: rename it to %s if that is intended, or use another data directory",
				dir, actual, named, "postgres-"+actual)
		}
		majors = append(majors, named)
	}
	slices.Sort(majors)
	return majors, nil
}

// prepare creates the database cluster if there is none, and reads the password of its superuser.
func (s *Server) prepare(ctx context.Context, cfg Config, home string, bin binaries, who account) error {
	if _, err := os.Stat(filepath.Join(s.dataDir, "PG_VERSION")); errors.Is(err, os.ErrNotExist) {
		if !cfg.Ephemeral {
			fmt.Fprintf(cfg.Progress, "postgres: creating a database cluster of PostgreSQL %s in %s\n", bin.version, s.dataDir)
		}
		if err := initialise(ctx, home, s.dataDir, cfg.Ephemeral, bin, who); err != nil {
			return fmt.Errorf("create a database cluster in %s: %w", s.dataDir, err)
		}
	} else if err := who.ownAll(s.dataDir); err != nil {
		return err
	}
	name := filepath.Join(s.dataDir, passwordName)
	password, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read the password of the superuser: %w; it was created with the database, so restore it from the same backup", err)
	}
	s.password = strings.TrimSpace(string(password))
	return nil
}

// initialise runs initdb under a temporary name and renames the finished cluster, so that an
// interrupted one is never used.
func initialise(ctx context.Context, home, dataDir string, ephemeral bool, bin binaries, who account) error {
	// This process holds the lock, so the process that created these is gone.
	left, err := filepath.Glob(filepath.Join(home, partialPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range left {
		if err := removeUnfinished(ctx, dir); err != nil {
			return err
		}
	}
	work, err := os.MkdirTemp(home, partialPrefix)
	if err != nil {
		return err
	}
	defer func() { _ = removeUnfinished(context.WithoutCancel(ctx), work) }()

	password := rand.Text()
	passwordFile := filepath.Join(work, passwordName)
	if err := os.WriteFile(passwordFile, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	if err := who.ownAll(work); err != nil {
		return err
	}
	pgdata := filepath.Join(work, "data")
	args := []string{
		"-D", pgdata, "--username=" + superuser, "--pwfile=" + passwordFile, "--auth=scram-sha-256", "--encoding=UTF8",
	}
	if ephemeral {
		args = append(args, "--no-sync")
	} else {
		args = append(args, "--data-checksums")
	}
	// The locale supports Unicode and does not depend on a library of the system: the built-in
	// locale from 17 on. Before, it is C.UTF-8 if the system has it, otherwise C, which compares
	// bytes and changes the case of ASCII letters only.
	locales := [][]string{{"--locale=C.UTF-8"}, {"--locale=C"}}
	if bin.major >= 17 {
		locales = [][]string{{"--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"}}
	}
	for i, locale := range locales {
		cmd := exec.Command(filepath.Join(bin.dir, "initdb"), append(slices.Clone(args), locale...)...) //nolint:noctx // runChild handles ctx
		cmd.Dir = work
		out, err := runChild(ctx, cmd, who)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if i == len(locales)-1 || !bytes.Contains(out, []byte("invalid locale")) {
			return fmt.Errorf("initdb: %w\n%s", err, bytes.TrimSpace(out))
		}
	}
	if err := os.Rename(passwordFile, filepath.Join(pgdata, passwordName)); err != nil {
		return err
	}
	if err := os.Rename(pgdata, dataDir); err != nil {
		return err
	}
	if ephemeral {
		return nil
	}
	return syncDir(home)
}

// removeUnfinished removes a directory of a terminated initdb. The server that initdb had started
// exits a little later and can still create files, so removing the directory is retried.
func removeUnfinished(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, unfinishedTimeout)
	defer cancel()
	for {
		err := os.RemoveAll(dir)
		if !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, syscall.EEXIST) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// runChild runs a short-lived program of PostgreSQL as the server's user and returns its output.
// The program does not outlive this process.
func runChild(ctx context.Context, cmd *exec.Cmd, who account) ([]byte, error) {
	var out bytes.Buffer
	cmd.Env = serverEnv()
	cmd.Stdout, cmd.Stderr = &out, &out
	who.apply(cmd)
	var result error
	ended := make(chan struct{})
	if err := startChild(cmd, func(err error) { result = err; close(ended) }); err != nil {
		return nil, err
	}
	select {
	case <-ended:
		return out.Bytes(), result
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-ended
		return out.Bytes(), ctx.Err()
	}
}

// processKind classifies a process id.
type processKind int

const (
	processGone    processKind = iota
	processServer              // the server on the data directory in question
	processOther               // certainly another process
	processUnknown             // cannot be determined
)

// stopOrphans stops a server that still runs on dataDir although the process that started it is
// gone. This process holds the lock, so no other process uses the server.
func stopOrphans(ctx context.Context, progress io.Writer, dataDir string) error {
	name := filepath.Join(dataDir, "postmaster.pid")
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find a running server: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 {
		return nil //nolint:nilerr // PostgreSQL reports what is wrong with the file
	}
	switch serverOf(pid, dataDir) {
	case processGone:
		return nil // PostgreSQL recognizes the stale file, and backends that outlived their server
	case processOther:
		// The process id belongs to another process now, which PostgreSQL would treat as a running
		// server.
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("remove the stale %s: %w", name, err)
		}
		return nil
	case processServer:
		fmt.Fprintf(progress, "postgres: stopping the server of an earlier run (process %d)\n", pid)
		return endProcess(ctx, pid, func() bool { return serverOf(pid, dataDir) == processServer })
	default:
		return fmt.Errorf("process %d, which %s names, may be a PostgreSQL server that uses this data directory: stop it first", pid, name)
	}
}

// syncDir makes the directory entries of dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
