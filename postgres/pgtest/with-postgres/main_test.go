package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// deadline limits every wait for an expected event.
const deadline = time.Minute

// asProgram is the variable that makes this test program run as with-postgres.
const asProgram = "CHENU_WITH_POSTGRES_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// program returns with-postgres with the given arguments, and variables in addition to those of this process. It starts
// a local server.
func program(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", urlVariable+"=", "CHENU_TEST_SERVER=local")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func answers(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return false
	}
	return conn.Close(ctx) == nil
}

func TestCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		env, args   []string
		code        int
		out, stderr string
	}{
		{name: "success", args: []string{"--", "sh", "-c", "echo ${CHENU_TEST_DATABASE_URL%%:*}"}, out: "postgres\n", stderr: "using PostgreSQL"},
		{name: "exit code", args: []string{"sh", "-c", "exit 7"}, code: 7},
		{name: "killed command", args: []string{"sh", "-c", "kill -9 $$"}, code: 128 + 9},
		{name: "no such command", args: []string{"no-such-command"}, code: 127, stderr: "no-such-command"},
		{name: "unknown flag", args: []string{"-x"}, code: 125, stderr: "usage:"},
		{name: "given server", env: []string{urlVariable + "=postgres://given"}, args: []string{"sh", "-c", "echo $CHENU_TEST_DATABASE_URL"}, out: "postgres://given\n"},
		{name: "given server, no command", env: []string{urlVariable + "=postgres://given"}, out: "postgres://given\n"},
		{name: "unknown kind", env: []string{"CHENU_TEST_SERVER=cloud"}, code: 125, stderr: `CHENU_TEST_SERVER is "cloud": use container, local, or nothing`},
		{name: "unknown version", env: []string{"CHENU_TEST_MAJOR=new"}, code: 125, stderr: `CHENU_TEST_MAJOR is "new"`},
		{name: "too old version", env: []string{"CHENU_TEST_MAJOR=9"}, code: 125, stderr: "is not supported: use 15 or newer"},
		// Nothing listens on port 1, so there is no container, whether or not an engine responds.
		{name: "no container", env: []string{"CHENU_TEST_SERVER=container", "CHENU_TEST_IMAGE=localhost:1/none:1"}, code: 125},
		{name: "local instead of a container", env: []string{"CHENU_TEST_SERVER=", "CHENU_TEST_IMAGE=localhost:1/none:1"}, args: []string{"true"}, stderr: "of this machine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := program(t, tt.env, tt.args...)
			var out, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &stderr
			err := cmd.Run()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if code := cmd.ProcessState.ExitCode(); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if out.String() != tt.out {
				t.Errorf("output %q, want %q", out.String(), tt.out)
			}
			if !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("standard error %q does not contain %q", stderr.String(), tt.stderr)
			}
		})
	}
}

func TestSignalIsPassedOn(t *testing.T) {
	t.Parallel()
	cmd := program(t, nil, "sh", "-c", `trap 'echo caught; exit 3' TERM; echo $CHENU_TEST_DATABASE_URL; while :; do sleep 0.01; done`)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	url := lines.Text()
	if !answers(url) {
		t.Fatalf("no server at %q", url)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if lines.Scan(); lines.Text() != "caught" {
		t.Errorf("the command printed %q", lines.Text())
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 {
		t.Errorf("exit code %d", code)
	}
	if answers(url) {
		t.Error("the server still runs after the program")
	}
}

// TestKeep checks what a test process relies on: the server runs until the other end of standard input closes, and
// stops even if the program's output is no longer read.
func TestKeep(t *testing.T) {
	t.Parallel()
	cmd := program(t, nil)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		said, _ := io.ReadAll(stderr)
		t.Fatalf("%v: %s", err, said)
	}
	url = strings.TrimSpace(url)
	if !answers(url) {
		t.Fatalf("no server at %q", url)
	}
	for _, end := range []io.Closer{stdout, stderr, stdin} {
		if err := end.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if answers(url) {
		t.Error("the server still runs after the program")
	}
}

func TestKeepIsInterrupted(t *testing.T) {
	t.Parallel()
	cmd := program(t, nil)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if answers(strings.TrimSpace(url)) {
		t.Error("the server still runs after the program")
	}
}
