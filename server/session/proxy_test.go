package session_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// frame is a message of the protocol (Postgres manual, section 55.7). Startup messages have no kind.
type frame struct {
	kind byte
	raw  []byte
}

func (f frame) body() []byte { return f.raw[5:] }

func readFrame(r *bufio.Reader) (frame, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err != nil {
		return frame{}, err
	}
	raw := make([]byte, 1+binary.BigEndian.Uint32(head[1:]))
	copy(raw, head)
	_, err := io.ReadFull(r, raw[5:])
	return frame{head[0], raw}, err
}

// readStartup reads the first message of a client. It declines encryption until the client continues without it.
func readStartup(r *bufio.Reader, w io.Writer) ([]byte, error) {
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(r, head); err != nil {
			return nil, err
		}
		raw := make([]byte, binary.BigEndian.Uint32(head))
		copy(raw, head)
		if _, err := io.ReadFull(r, raw[8:]); err != nil {
			return nil, err
		}
		switch binary.BigEndian.Uint32(head[4:]) {
		case 80877103, 80877104: // SSLRequest, GSSENCRequest
			if _, err := w.Write([]byte("N")); err != nil {
				return nil, err
			}
		case 80877102:
			return nil, errors.New("a request to cancel")
		default:
			return raw, nil
		}
	}
}

// listen accepts connections and calls handle for each of them until the test ends. It returns the target's URL with
// the address of the listener.
func listen(t testing.TB, target string, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.Addr().String()
	q := u.Query()
	q.Del("host")
	q.Del("port")
	u.RawQuery = q.Encode()
	return u.String()
}

func dial(ctx context.Context, target string) (net.Conn, error) {
	cfg, err := pgconn.ParseConfig(target)
	if err != nil {
		return nil, err
	}
	network, address := pgconn.NetworkAddress(cfg.Host, cfg.Port)
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// counter is a proxy that counts the round trips of a session: a round trip is everything up to a Sync or a simple
// query.
type counter struct {
	url string

	mu     sync.Mutex
	trips  []string // message kinds of each round trip
	parsed []string // text of each parsed statement
}

// newCounter starts a counter in front of the target. It does not change the traffic.
func newCounter(t testing.TB, target string) *counter {
	t.Helper()
	c := &counter{}
	c.url = listen(t, target, func(client net.Conn) {
		server, err := dial(context.Background(), target)
		if err != nil {
			return
		}
		defer server.Close()
		in := bufio.NewReader(client)
		startup, err := readStartup(in, client)
		if err != nil {
			return
		}
		if _, err := server.Write(startup); err != nil {
			return
		}
		go func() {
			defer client.Close()
			_, _ = io.Copy(client, server)
		}()
		var trip strings.Builder
		for {
			f, err := readFrame(in)
			if err != nil {
				return
			}
			trip.WriteByte(f.kind)
			if f.kind == 'P' {
				parts := strings.SplitN(string(f.body()), "\x00", 3) // name, text
				c.mu.Lock()
				c.parsed = append(c.parsed, parts[1])
				c.mu.Unlock()
			}
			if f.kind == 'S' || f.kind == 'Q' || f.kind == 'H' {
				c.mu.Lock()
				c.trips = append(c.trips, trip.String())
				c.mu.Unlock()
				trip.Reset()
			}
			if _, err := server.Write(f.raw); err != nil {
				return
			}
		}
	})
	return c
}

// during returns the round trips that happened while f ran.
func (c *counter) during(f func()) []string {
	c.mu.Lock()
	c.trips = nil
	c.mu.Unlock()
	f()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trips
}

// statements returns the text of every statement that was parsed.
func (c *counter) statements() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.parsed)
}

// newPooler starts a pooler that works like PgBouncer in transaction mode: many clients share a few server
// connections. A client has a server connection from the first message of a transaction until the server reports its
// end; its next transaction gets another one. As in PgBouncer in this mode, connections are not reset in between.
func newPooler(t testing.TB, target string, servers int) string {
	t.Helper()
	idle := make(chan *pgconn.HijackedConn, servers)
	connect := func() (*pgconn.HijackedConn, error) {
		conn, err := pgconn.Connect(context.Background(), target)
		if err != nil {
			return nil, err
		}
		// On a busy machine, pgconn may have a pending background read, which would consume the first response.
		if err := conn.SyncConn(context.Background()); err != nil {
			return nil, err
		}
		return conn.Hijack()
	}
	for range servers {
		server, err := connect()
		if err != nil {
			t.Fatal(err)
		}
		idle <- server
	}
	t.Cleanup(func() {
		for range servers {
			(<-idle).Conn.Close()
		}
	})
	return listen(t, target, func(client net.Conn) {
		in, out := bufio.NewReader(client), bufio.NewWriter(client)
		if _, err := readStartup(in, client); err != nil {
			return
		}
		send := func(kind byte, body ...byte) {
			_ = out.WriteByte(kind)
			_ = binary.Write(out, binary.BigEndian, uint32(4+len(body)))
			_, _ = out.Write(body)
		}
		send('R', 0, 0, 0, 0) // AuthenticationOk
		for _, s := range []string{"client_encoding\x00UTF8\x00", "standard_conforming_strings\x00on\x00"} {
			send('S', []byte(s)...)
		}
		send('K', 0, 0, 0, 1, 0, 0, 0, 2) // BackendKeyData
		send('Z', 'I')
		if out.Flush() != nil {
			return
		}
		for {
			f, err := readFrame(in)
			if err != nil || f.kind == 'X' {
				return
			}
			server := <-idle
			if err := transact(server, in, out, f); err != nil {
				// The client disconnected in a transaction, so the server connection is replaced, too.
				server.Conn.Close()
				if server, err = connect(); err != nil {
					panic(fmt.Sprintf("replace a connection of the pooler: %v", err))
				}
				idle <- server
				return
			}
			idle <- server
		}
	})
}

// transact forwards one transaction of a client, whose first message is f.
func transact(server *pgconn.HijackedConn, in *bufio.Reader, out *bufio.Writer, f frame) error {
	answers := bufio.NewReader(server.Conn)
	for {
		if _, err := server.Conn.Write(f.raw); err != nil {
			return err
		}
		if f.kind == 'S' || f.kind == 'Q' {
			for {
				a, err := readFrame(answers)
				if err != nil {
					return err
				}
				if _, err := out.Write(a.raw); err != nil {
					return err
				}
				if a.kind != 'Z' {
					continue
				}
				if err := out.Flush(); err != nil {
					return err
				}
				if a.body()[0] == 'I' {
					return nil
				}
				break
			}
		}
		var err error
		if f, err = readFrame(in); err != nil {
			return err
		}
		if f.kind == 'X' {
			return io.EOF
		}
	}
}

// cutter is a proxy that, once armed, closes the connection after the next Sync: the server receives the message, but
// the client does not receive the response.
type cutter struct {
	url   string
	armed atomic.Bool
}

func newCutter(t testing.TB, target string) *cutter {
	t.Helper()
	c := &cutter{}
	c.url = listen(t, target, func(client net.Conn) {
		server, err := dial(context.Background(), target)
		if err != nil {
			return
		}
		in := bufio.NewReader(client)
		startup, err := readStartup(in, client)
		if err != nil {
			server.Close()
			return
		}
		if _, err := server.Write(startup); err != nil {
			return
		}
		var deaf atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer server.Close()
			buf := make([]byte, 4096)
			for {
				n, err := server.Read(buf)
				if err != nil || deaf.Load() {
					client.Close()
					return
				}
				if _, err := client.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
		for {
			f, err := readFrame(in)
			if err != nil {
				return
			}
			if f.kind == 'S' && c.armed.Swap(false) {
				deaf.Store(true)
			}
			if _, err := server.Write(f.raw); err != nil {
				return
			}
			if deaf.Load() {
				<-done
				return
			}
		}
	})
	return c
}
