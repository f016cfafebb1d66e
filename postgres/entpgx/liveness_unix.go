//go:build unix

package entpgx

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"
)

// silence is the idle time after which a connection is checked with a ping even if its socket shows no problem: a
// firewall that dropped its state does not close the connection. The usual limits are minutes (RFC 5382 section 5: no
// less than 2 hours and 4 minutes; cloud gateways: 4 to 6 minutes).
const silence = 3 * time.Minute

// doubtful reports whether a connection should be checked with a ping before it is used. pgx pings each connection that
// was idle for a second. This function checks the socket instead, without a round trip: if the server closed the
// connection or exited, there is something to read.
func doubtful(conn net.Conn, idleFor time.Duration) bool {
	if idleFor > silence {
		return true
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	s, ok := conn.(syscall.Conn)
	if !ok {
		return idleFor > time.Second
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return true
	}
	quiet := false
	// Read would wait for other readers, so this uses Control: after a write that took longer than 15 ms, pgx leaves a
	// goroutine that waits for the next response.
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK)
	})
	return err != nil || !quiet
}
