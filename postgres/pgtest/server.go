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

// urlVariable is the environment variable with the URL of the server that tests use.
const urlVariable = "CHENU_TEST_DATABASE_URL"

// withPostgres is the program that starts a server and prints its URL.
const withPostgres = "github.com/chenu/chenu/postgres/pgtest/with-postgres"

// server returns the superuser's URL of the server that this process uses. It starts a server if none is configured.
var server = sync.OnceValues(func() (string, error) {
	at := os.Getenv(urlVariable)
	if at == "" {
		var err error
		if at, err = startServer(); err != nil {
			return "", fmt.Errorf("pgtest: no PostgreSQL for the tests: %w\nset %s to a superuser's URL, start Docker, or install PostgreSQL", err, urlVariable)
		}
	}
	// pgx also accepts a list of keywords and values, but the database in it cannot be replaced here.
	if u, err := url.Parse(at); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", fmt.Errorf("pgtest: %s is not a postgres:// URL", urlVariable)
	}
	return at, nil
})

// keepOpen is the write end of the server program's standard input. When it closes, the program stops the server; the
// kernel closes it however this process ends. It is a package variable so that the garbage collector does not close it
// earlier.
var keepOpen io.WriteCloser //nolint:unused // it only keeps the pipe open

// startServer starts the program that keeps a server until this process ends. The program is in a separate process
// group: a Ctrl-C in the terminal is meant for this process, and the program must survive it to clean up.
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
	// Pipes rather than the output of this process, which `go test` would wait for until all processes that inherited
	// it have closed it.
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
