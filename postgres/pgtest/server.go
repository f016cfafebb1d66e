package pgtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
)

// urlVariable names the server that tests use.
const urlVariable = "CHENU_TEST_DATABASE_URL"

// withPostgres is the program that starts a server and says how to reach it.
const withPostgres = "github.com/chenu/chenu/postgres/pgtest/with-postgres"

// server is the superuser's URL of the server that this process uses, which it starts if none is named.
var server = sync.OnceValues(func() (string, error) {
	at := os.Getenv(urlVariable)
	if at == "" {
		var err error
		if at, err = startServer(); err != nil {
			return "", fmt.Errorf("pgtest: no PostgreSQL for the tests: %w\nset %s to a superuser's URL, start Docker, or install PostgreSQL", err, urlVariable)
		}
	}
	// A list of keywords and values works with pgx, but cannot be given another database here.
	if u, err := url.Parse(at); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", fmt.Errorf("pgtest: %s is not a postgres:// URL", urlVariable)
	}
	return at, nil
})

// keepOpen is the other end of the server program's standard input. It stops the server when that closes, which the
// kernel does however this process ends. It stands here so that the garbage collector does not close it before.
var keepOpen io.WriteCloser //nolint:unused // being there is its use

// startServer starts the program that keeps a server until this process ends. The program is in a process group of its
// own: a Ctrl-C in the terminal is for this process, and it must live to clean up.
func startServer() (string, error) {
	cmd := exec.Command("go", "run", withPostgres) //nolint:noctx // it ends when this process does
	ownGroup(cmd)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	// Pipes rather than our own output, which `go test` waits for to be closed by all processes that have it.
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("go run %s: %w", withPostgres, err)
	}
	keepOpen = stdin
	var said bytes.Buffer
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.MultiWriter(os.Stderr, &said), stderr)
	}()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		return strings.TrimSpace(line), nil
	}
	<-drained
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", withPostgres, err, bytes.TrimSpace(said.Bytes()))
	}
	return "", errors.New(withPostgres + " ended without a server")
}
