//go:build unix

package entpgx

import (
	"net"
	"testing"
	"time"
)

// connected returns the two ends of a TCP connection.
func connected(t *testing.T) (client, server net.Conn) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var d net.Dialer
	if client, err = d.DialContext(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

// TestDoubtfulDoesNotWait uses a connection on which another goroutine is still reading, as pgx does after a slow
// write.
func TestDoubtfulDoesNotWait(t *testing.T) {
	t.Parallel()
	client, _ := connected(t)
	reading := make(chan struct{})
	go func() {
		close(reading)
		_, _ = client.Read(make([]byte, 1))
	}()
	<-reading
	for range 100 { // At first, the reader may not be waiting yet.
		answer := make(chan bool, 1)
		go func() { answer <- doubtful(client, time.Second) }()
		select {
		case got := <-answer:
			if got {
				t.Fatal("a quiet connection is doubtful")
			}
		case <-time.After(time.Minute):
			t.Fatal("doubtful waits for the reader")
		}
	}
}

func TestDoubtfulNoticesTheEnd(t *testing.T) {
	t.Parallel()
	client, server := connected(t)
	if doubtful(client, time.Second) {
		t.Error("a quiet connection is doubtful")
	}
	if !doubtful(client, silence+time.Second) {
		t.Error("a connection that was silent for long is not doubtful")
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !doubtful(client, time.Second); {
		if time.Now().After(deadline) {
			t.Fatal("a closed connection is not doubtful")
		}
		<-time.After(time.Millisecond)
	}
}
