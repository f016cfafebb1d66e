package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chenu/chenu/postgres/pgtest"
)

// output is a buffer that a running service writes to while a test reads it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// TestServeEndsWithItsPostgres kills the embedded Postgres of a service while requests run. The service responds with
// 503 or closes the connection, exits with an error that states the reason, so that a supervisor restarts it, and still
// has its data after the restart.
func TestServeEndsWithItsPostgres(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // Postgres may run as another user.
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const credentials = `"email":"ada@example.org","password":"copper meadow distant violin"`
	// send returns the status, or 0 if there was no response, and the body.
	send := func(method, url, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(text)
	}
	// start starts a service. It runs until stop is called or it ends by an error; ended receives its exit code.
	start := func() (url string, out *output, stop func(), ended chan int) {
		ctx, cancel := context.WithCancel(t.Context())
		env, _ := testEnvironment(t, map[string]string{"CHENU_DATA_DIR": dir, "CHENU_LISTEN_ADDR": "127.0.0.1:0"})
		out, ended = new(output), make(chan int, 1)
		env.Stdout, env.Stderr = out, out
		done := make(chan struct{})
		go func() {
			defer close(done)
			ended <- run(ctx, []string{"serve"}, env)
		}()
		t.Cleanup(func() { cancel(); <-done })
		address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`)
		for deadline := time.Now().Add(3 * time.Minute); ; <-time.After(50 * time.Millisecond) {
			if url = address.FindString(out.String()); url != "" {
				if status, _ := send(http.MethodGet, url+"/readyz", ""); status == http.StatusOK {
					return url, out, cancel, ended
				}
			}
			select {
			case code := <-ended:
				t.Fatalf("the service ended with %d: %s", code, out)
			default:
			}
			if time.Now().After(deadline) {
				t.Fatalf("the service is not ready: %s", out)
			}
		}
	}
	await := func(what string, ended chan int, out *output, want int) {
		t.Helper()
		select {
		case code := <-ended:
			if code != want {
				t.Fatalf("%s: exit code %d, want %d: %s", what, code, want, out)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: the service still runs: %s", what, out)
		}
	}

	url, out, _, ended := start()
	if status, body := send(http.MethodPost, url+"/v1/auth/register", `{"name":"Ada",`+credentials+`}`); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	var logins sync.WaitGroup
	var answered atomic.Int64
	killed := make(chan struct{})
	for range 2 {
		logins.Go(func() {
			for {
				status, body := send(http.MethodPost, url+"/v1/auth/login", "{"+credentials+"}")
				if status == 0 {
					select {
					case <-killed:
					default:
						t.Errorf("no response before the kill: %s", body)
					}
					return
				}
				if status == http.StatusOK {
					answered.Add(1)
				} else if status != http.StatusServiceUnavailable {
					t.Errorf("%d %s", status, body)
				}
				if strings.Contains(body, "127.0.0.1") || strings.Contains(body, "SQLSTATE") {
					t.Errorf("a response shows internal details: %s", body)
				}
			}
		})
	}
	for deadline := time.Now().Add(time.Minute); answered.Load() < 2; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no login succeeds")
		}
	}
	close(killed)
	pgtest.Kill(t, dir)
	await("after the kill", ended, out, exitFailed)
	logins.Wait()
	if !strings.Contains(out.String(), "in "+dir) || !strings.Contains(out.String(), "stopped unexpectedly: signal: killed") {
		t.Errorf("the service does not report why it ended: %s", out)
	}

	url, out, stop, ended := start()
	if status, body := send(http.MethodPost, url+"/v1/auth/login", "{"+credentials+"}"); status != http.StatusOK {
		t.Errorf("after a restart: %d %s", status, body)
	}
	stop()
	await("after the interruption", ended, out, exitOK)
}
