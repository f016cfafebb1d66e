package server_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/postgres/pgtest"
	"github.com/chenu/chenu/server"
	"github.com/chenu/chenu/server/api/apitest"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// relay forwards connections from a fixed address to the running Postgres. If none is running, it closes them.
type relay struct {
	address string
	target  atomic.Pointer[string]
	stop    func()
}

func newRelay(t *testing.T, address string) *relay {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: listener.Addr().String()}
	var connections sync.WaitGroup
	r.stop = sync.OnceFunc(func() {
		_ = listener.Close()
		connections.Wait()
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { r.forward(client) })
		}
	}()
	return r
}

func (r *relay) forward(client net.Conn) {
	defer client.Close()
	target := r.target.Load()
	if target == nil {
		return
	}
	postgres, err := new(net.Dialer).Dial("tcp", *target)
	if err != nil {
		return
	}
	defer postgres.Close()
	go func() {
		_, _ = io.Copy(postgres, client)
		_ = postgres.Close()
	}()
	_, _ = io.Copy(client, postgres)
}

// through returns the URL with the relay's address, and makes the relay forward to the address of the URL.
func (r *relay) through(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	target := u.Host
	r.target.Store(&target)
	u.Host = r.address
	return u.String()
}

// TestServiceReconnects interrupts the database in four ways while requests run: a backend crashes, Postgres is
// killed, its address closes connections, and its address refuses them. Meanwhile requests succeed or get a 503
// without internals, /readyz is 503 and /healthz is 200. The same service works again as soon as the database does.
func TestServiceReconnects(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	postgres, urls := startPostgres(t, dir)
	relay := newRelay(t, "127.0.0.1:0")
	t.Cleanup(func() { relay.stop() }) // After the service has closed its connections.
	s, err := server.New(t.Context(), server.Config{
		DevelopmentTokens: true, Secret: auth.NewSecret(), Log: slog.New(slog.DiscardHandler),
		Session: session.Config{HumanURL: relay.through(t, urls["CHENU_DATABASE_URL"]), AgentURL: relay.through(t, urls["CHENU_AGENT_DATABASE_URL"]), MaxConns: 4},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	document, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	client := apitest.New(t, s.Handler(), document)
	const password = "copper meadow distant violin"
	token := client.Post("/v1/auth/register", object{"email": "ada@example.org", "name": "Ada", "password": password}).Want(http.StatusCreated).Object()["access_token"].(string)
	ada := client.As(token)
	requests := []struct {
		send func() *apitest.Response
		want int
	}{
		{func() *apitest.Response { return ada.Get("/v1/personal/notes") }, http.StatusOK},
		{func() *apitest.Response { return ada.Post("/v1/personal/notes", object{"title": "A note"}) }, http.StatusCreated},
		{func() *apitest.Response {
			return client.Post("/v1/auth/login", object{"email": "ada@example.org", "password": password})
		}, http.StatusOK},
	}
	// Send requests all the time.
	var failures atomic.Int64
	var running sync.WaitGroup
	stop := make(chan struct{})
	for _, r := range requests {
		running.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				response := r.send()
				if response.Status == r.want {
					continue
				}
				failures.Add(1)
				if response.Status != http.StatusServiceUnavailable || response.Header.Get("Content-Type") != "application/problem+json" {
					t.Errorf("%d %s", response.Status, response.Body)
				}
				for _, inside := range []string{"127.0.0.1", "SQLSTATE", "dial", "EOF", "pgx", "FATAL", "recovery", "service:service", "shutting"} {
					if strings.Contains(string(response.Body), inside) {
						t.Errorf("the response has the internal text %q: %s", inside, response.Body)
					}
				}
			}
		})
	}
	defer running.Wait()
	defer close(stop)
	await := func(what string, status int) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); ; <-time.After(20 * time.Millisecond) {
			client.Get("/healthz").Want(http.StatusOK)
			r := client.Get("/readyz")
			if r.Status == status {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: /readyz is %d %s, want %d", what, r.Status, r.Body, status)
			}
		}
	}
	works := func(what string) {
		t.Helper()
		await(what, http.StatusOK)
		if failures.Swap(0) == 0 {
			t.Errorf("%s: no request failed, so the test checks nothing", what)
		}
		for deadline := time.Now().Add(10 * time.Second); ; <-time.After(20 * time.Millisecond) {
			failed := 0
			for _, r := range requests {
				if response := r.send(); response.Status != r.want {
					failed++
				}
			}
			if failed == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: requests still fail after the database is back", what)
			}
		}
		failures.Store(0)
	}
	fails := func(what string) {
		t.Helper()
		await(what, http.StatusServiceUnavailable)
		for _, r := range requests {
			if p := r.send().WantProblem(http.StatusServiceUnavailable, "unavailable"); p.Detail == "" {
				t.Errorf("%s: no detail", what)
			}
		}
	}
	await("at the start", http.StatusOK)

	admin, err := pgx.Connect(t.Context(), postgres.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	var backend int
	err = admin.QueryRow(t.Context(), "SELECT pid FROM pg_stat_activity WHERE usename = 'service' LIMIT 1").Scan(&backend)
	_ = admin.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// If a backend crashes, Postgres closes all connections and recovers.
	if err := syscall.Kill(backend, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); failures.Load() == 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no request noticed that a backend crashed")
		}
	}
	works("after a backend crashed")

	pgtest.Kill(t, dir)
	<-postgres.Done()
	fails("while Postgres is killed")
	endPostgres(t, postgres)
	relay.target.Store(nil)
	fails("while connections are closed")
	relay.stop()
	fails("while connections are refused")
	address := relay.address
	_, urls = startPostgres(t, dir)
	relay = newRelay(t, address)
	relay.through(t, urls["CHENU_DATABASE_URL"])
	works("after Postgres is back")
}
