// Package local runs a PostgreSQL server on this machine as a child of this process.
//
// `chenu serve` uses it if no database is configured; the planner and the tests use it if they need
// a server. The programs are installed on the machine or downloaded once. The data outlives the
// process, is never deleted, and is used by one process at a time. If the process is root, the
// server runs as an unprivileged user, because PostgreSQL does not run as root.
package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	superuser = "postgres"

	// maxSocketPath is the longest path that every Unix accepts for a socket: sun_path has 104 bytes on the BSDs and
	// macOS, 108 on Linux, one of them the final NUL.
	maxSocketPath = 103
	// socketFile is the longest name of a PostgreSQL socket.
	socketFile = "/.s.PGSQL.65535"

	// stopGrace limits a fast shutdown before an immediate one follows. A fast shutdown ends with a
	// checkpoint, which writes at most the size of shared_buffers.
	stopGrace = 30 * time.Second
	// killGrace limits an immediate shutdown. PostgreSQL itself kills its children after 5 seconds.
	killGrace = 8 * time.Second

	pollInterval     = 20 * time.Millisecond
	retryInterval    = 500 * time.Millisecond
	progressInterval = 2 * time.Second
)

// Config configures a server. The zero value with a DataDir is right for a service.
type Config struct {
	// DataDir contains the data in DataDir/postgres-<major>, the server's log, and a lock. It is
	// created if it does not exist. With Ephemeral it may be empty, which means the system's
	// directory for temporary files.
	DataDir string
	// Progress receives a line when a step takes long: downloading PostgreSQL, creating a cluster,
	// recovery. If it is nil, the lines are discarded.
	Progress io.Writer
	// Ephemeral creates a new server without durability in a new directory under DataDir, which
	// Stop removes. It is for tests and development databases.
	Ephemeral bool
	// Version is the major version to run. 0 means the version of the existing data, or the newest
	// installed version.
	Version int
	// CacheDir is the directory for a downloaded PostgreSQL. If it is empty, it is the user's cache
	// directory, or /var/cache/chenu for root, whose own cache directory the server's user cannot
	// access.
	CacheDir string

	repository string   // base URL of the Maven repository to fetch from; "" is Maven Central
	places     []string // patterns of directories to look for programs in; nil is the usual ones
}

// Server is a running PostgreSQL server. Its methods are safe for concurrent use.
type Server struct {
	major    int
	port     int
	password string
	dataDir  string // PGDATA
	log      *serverLog
	cmd      *exec.Cmd
	done     chan struct{}
	cleanup  []func()

	mu       sync.Mutex
	stopping bool
	exit     error

	stopOnce sync.Once
	stopErr  error
}

// Start runs a server and returns when it accepts connections. If ctx ends before, Start stops the
// server. Later ctx has no effect, because a service still needs the database while it shuts down.
// The server ends with Stop or with this process, even if the process is killed. It does not end
// with Ctrl-C in the terminal, which this process handles.
//
// Start returns an error with advice if another process uses the data directory, if no available
// PostgreSQL has the major version of the data, or if the server's user cannot access the
// directory. Start never removes or overwrites data.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	if cfg.Progress == nil {
		cfg.Progress = io.Discard
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", context.Cause(ctx))
	}
	s := &Server{done: make(chan struct{})}
	defer func() {
		if err != nil {
			s.release()
		}
	}()

	home, err := s.openHome(cfg)
	if err != nil {
		return nil, err
	}
	found, err := dataMajors(home)
	if err != nil {
		return nil, err
	}
	bin, err := obtain(ctx, cfg, home, found)
	if err != nil {
		return nil, err
	}
	s.major = bin.major
	s.dataDir = filepath.Join(home, dataName(bin.major))

	who, err := runAs(s.dataDir)
	if err != nil {
		return nil, err
	}
	if err := who.reach(home, "use another data directory"); err != nil {
		return nil, err
	}
	if err := who.reach(bin.dir, "install PostgreSQL in a directory that all users can read"); err != nil {
		return nil, err
	}
	if err := stopOrphans(ctx, cfg.Progress, s.dataDir); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx, cfg, home, bin, who); err != nil {
		return nil, err
	}
	if s.log, err = openLog(filepath.Join(home, dataName(bin.major)+".log")); err != nil {
		return nil, err
	}
	if err := s.run(ctx, cfg, bin, who); err != nil {
		return nil, err
	}
	return s, nil
}

// URL returns the URL of a database for the bootstrap superuser, over TCP on the loopback
// interface.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Major returns the server's major version.
func (s *Server) Major() int { return s.major }

// Done is closed when the server has exited.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err returns why the server exited unexpectedly, with the last lines of its log. It is nil while
// the server runs and after Stop.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exit
}

// Stop disconnects all clients, shuts the server down and waits until it has exited. A second call
// waits for the first. If ctx ends before a clean shutdown does, the server is stopped immediately,
// and recovers at its next start.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.mu.Lock()
		s.stopping = true
		s.mu.Unlock()
		s.stopErr = s.shutDown(ctx)
		s.release()
	})
	return s.stopErr
}

func (s *Server) shutDown(ctx context.Context) error {
	// Signals of the postmaster, https://www.postgresql.org/docs/current/server-shutdown.html: SIGINT is a fast
	// shutdown, SIGQUIT an immediate one.
	for _, step := range []struct {
		signal syscall.Signal
		grace  time.Duration
	}{{syscall.SIGINT, stopGrace}, {syscall.SIGQUIT, killGrace}, {syscall.SIGKILL, killGrace}} {
		if err := s.cmd.Process.Signal(step.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop PostgreSQL: %w", err)
		}
		timer := time.NewTimer(step.grace)
		defer timer.Stop()
		var hurry <-chan struct{}
		if step.signal == syscall.SIGINT {
			hurry = ctx.Done()
		}
		select {
		case <-s.done:
			return nil
		case <-timer.C:
		case <-hurry:
		}
	}
	return fmt.Errorf("stop PostgreSQL: process %d does not exit", s.cmd.Process.Pid)
}

// release undoes the other actions of Start, in reverse order.
func (s *Server) release() {
	for _, undo := range slices.Backward(s.cleanup) {
		undo()
	}
	s.cleanup = nil
}

// run starts the server and waits until it responds. It retries in two cases: another process used
// the free port first, or processes of a killed server are still running.
func (s *Server) run(ctx context.Context, cfg Config, bin binaries, who account) error {
	sockets, err := s.socketDir(who)
	if err != nil {
		return err
	}
	for begun := time.Now(); ; {
		if s.port, err = freePort(ctx); err != nil {
			return err
		}
		if err := s.launch(cfg, bin, who, sockets); err != nil {
			return err
		}
		err := s.ready(ctx, cfg.Progress)
		if err == nil {
			return nil
		}
		s.mu.Lock()
		s.stopping = true
		s.mu.Unlock()
		if stopErr := s.shutDown(ctx); stopErr != nil {
			return errors.Join(err, stopErr)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("start PostgreSQL: %w", context.Cause(ctx))
		}
		said := s.log.sinceStart()
		taken, inUse := bytes.Contains(said, []byte("could not bind")), bytes.Contains(said, []byte("is still in use"))
		if !taken && !inUse || time.Since(begun) > stopGrace {
			return fmt.Errorf("start PostgreSQL %d in %s: %w%s", s.major, s.dataDir, err, s.log.tail())
		}
		if inUse {
			fmt.Fprintln(cfg.Progress, "postgres: waiting for the processes of a killed server to exit")
		}
		select {
		case <-time.After(retryInterval):
		case <-ctx.Done():
		}
	}
}

// EphemeralSettings returns the settings of a server without durability, as name=value.
func EphemeralSettings() []string {
	return []string{
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
		"checkpoint_timeout=1d", "max_wal_size=4GB", "shared_buffers=256MB", "max_connections=200",
		// Autovacuum workers would prevent tests from dropping databases, and no database lives
		// long enough to need them.
		"autovacuum=off",
	}
}

func (s *Server) launch(cfg Config, bin binaries, who account, sockets string) error {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(s.port),
		"unix_socket_directories=" + `"` + strings.ReplaceAll(sockets, `"`, `""`) + `"`,
		"cluster_name=chenu",
		"lc_messages=C", // run recognises messages of the log
		"logging_collector=off",
		"log_destination=stderr",
	}
	if cfg.Ephemeral {
		settings = append(settings, EphemeralSettings()...)
	}
	args := []string{"-D", s.dataDir}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command(filepath.Join(bin.dir, "postgres"), args...) //nolint:noctx // Stop ends it cleanly
	cmd.Env = serverEnv()
	cmd.Dir = s.dataDir
	cmd.Stdout, cmd.Stderr = s.log.file, s.log.file
	who.apply(cmd)

	s.log.mark()
	s.mu.Lock()
	s.stopping, s.exit = false, nil
	s.mu.Unlock()
	s.cmd, s.done = cmd, make(chan struct{})
	done := s.done
	return startChild(cmd, func(err error) {
		s.mu.Lock()
		if !s.stopping {
			s.exit = fmt.Errorf("PostgreSQL %d in %s stopped unexpectedly: %s%s", s.major, s.dataDir, exitReason(err), s.log.tail())
		}
		s.mu.Unlock()
		close(done)
	})
}

// ready waits until the server answers a query. It has no timeout: recovery after a crash can take
// long, and a server that cannot start exits.
func (s *Server) ready(ctx context.Context, progress io.Writer) error {
	start, next := time.Now(), progressInterval
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		// Class 28 is a rejected login. Waiting does not help.
		if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) && strings.HasPrefix(pgErr.Code, "28") {
			return fmt.Errorf("log in as %s with the password in %s: %s", superuser, filepath.Join(s.dataDir, passwordName), pgErr.Message)
		}
		select {
		case <-s.done:
			return errors.New("the server exited before it was ready")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if since := time.Since(start); since > next {
			next += progressInterval
			fmt.Fprintf(progress, "postgres: waiting for the server to start, %.0fs (after a crash it first recovers)\n", since.Seconds())
		}
	}
}

// socketDir is the data directory, so that no file remains elsewhere, unless its path is too long
// for a socket.
func (s *Server) socketDir(who account) (string, error) {
	if len(s.dataDir)+len(socketFile) <= maxSocketPath {
		return s.dataDir, nil
	}
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		dir, err := os.MkdirTemp(parent, "chenu-socket-")
		if err != nil {
			return "", fmt.Errorf("create a directory for the socket of PostgreSQL: %w", err)
		}
		if len(dir)+len(socketFile) > maxSocketPath || who.reach(parent, "") != nil {
			_ = os.Remove(dir)
			continue
		}
		s.cleanup = append(s.cleanup, func() { _ = os.RemoveAll(dir) })
		return dir, who.own(dir)
	}
	return "", fmt.Errorf("%s and the directory for temporary files are too long for a socket path or not accessible to the server's user; set TMPDIR to a shorter directory that this user can access", s.dataDir)
}

// freePort returns a free port.
func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// serverEnv returns the environment without variables that affect the server, such as PG*. Without
// LC_ALL, PostgreSQL on macOS does not start.
func serverEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}

func exitReason(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}
