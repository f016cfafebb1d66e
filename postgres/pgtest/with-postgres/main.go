// Command with-postgres runs a command with a PostgreSQL server for tests:
//
//	go run ./postgres/pgtest/with-postgres -- go test ./...
//
// The command finds the superuser's URL in CHENU_TEST_DATABASE_URL. Signals are passed on to it, and its exit code is
// that of this program. Without a command the program prints the URL and keeps the server until its standard input
// ends, or until it is interrupted.
//
// If CHENU_TEST_DATABASE_URL is set already, that server is used. Otherwise CHENU_TEST_SERVER selects the kind of
// server to start: "container" (of the image CHENU_TEST_IMAGE, with testcontainers), "local" (the newest installed
// PostgreSQL, or a downloaded one; CHENU_TEST_MAJOR selects a version), or nothing: a container if a Docker engine
// responds and has the image or can pull it, and otherwise a local server. The server holds no permanent data, and is
// removed at the end. The data of a local server is in memory if the machine has enough: see local.MemoryDir.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

const (
	urlVariable = "CHENU_TEST_DATABASE_URL"
	usage       = "usage: with-postgres [--] [command [argument]…]"

	stopTimeout = 30 * time.Second

	// exitSelf is for failures of this program; env, nice and timeout use the same codes for theirs.
	exitSelf       = 125
	exitNotFound   = 127
	exitSignalBase = 128
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	} else if len(args) > 0 && args[0][:1] == "-" {
		say(usage)
		return exitSelf
	}
	// The reader of the output may exit first. That must not prevent removing the server.
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	if os.Getenv(urlVariable) != "" {
		if len(args) == 0 {
			fmt.Println(os.Getenv(urlVariable))
			return 0
		}
		return command(args, signals, nil)
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	started := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			cancel(fmt.Errorf("%s while starting", s))
		case <-started:
		}
	}()
	s, err := start(ctx, os.Getenv)
	close(started)
	if err != nil {
		say("%v", err)
		return exitSelf
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		if err := s.stop(ctx); err != nil {
			say("stop the server: %v", err)
		}
	}()
	say("using %s", s.what)
	if len(args) == 0 {
		fmt.Println(s.url)
		return keep(signals, s)
	}
	if err := os.Setenv(urlVariable, s.url); err != nil {
		say("%v", err)
		return exitSelf
	}
	return command(args, signals, s)
}

// keep waits until standard input ends or a signal arrives.
func keep(signals <-chan os.Signal, s *server) int {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, bufio.NewReader(os.Stdin))
		close(ended)
	}()
	select {
	case <-ended:
	case <-signals:
	case <-s.done:
		say("%v", s.err())
		return exitSelf
	}
	return 0
}

// command runs args until they end. A terminal sends Ctrl-C to the whole process group, including the command; a
// supervisor sends its signal to this process only.
func command(args []string, signals <-chan os.Signal, s *server) int {
	cmd := exec.Command(args[0], args[1:]...) //nolint:noctx // signals end it
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		say("%v", err)
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return exitNotFound
		}
		return exitSelf
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var died <-chan struct{}
	if s != nil {
		died = s.done
	}
	for {
		select {
		case sig := <-signals:
			_ = cmd.Process.Signal(sig) // it may have ended meanwhile
		case <-died:
			say("%v", s.err())
			died = nil
		case err := <-ended:
			return exitCode(err)
		}
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		say("%v", err)
		return exitSelf
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignalBase + int(status.Signal())
	}
	return exit.ExitCode()
}

// say prints a message to standard error. Standard output belongs to the command.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "with-postgres: "+format+"\n", args...)
}
