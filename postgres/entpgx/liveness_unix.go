//go:build unix

package entpgx

import (
	"crypto/tls"
	"errors"
	"net"
	"syscall"
	"time"
)

// silence is how long a connection may be idle before even a healthy-looking one
// is asked: a firewall that forgot it in between does not close it. The usual
// limits are minutes (RFC 5382 section 5: no less than 2 hours and 4 minutes;
// cloud gateways: 4 to 6 minutes).
const silence = 3 * time.Minute

// doubtful tells whether a connection is worth a ping before it is used. Instead
// of a round trip for each connection that was idle for a second, which is pgx's
// way, it looks at the socket: a server that went away, or closed the connection,
// has left something to read there.
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
	// Control and not Read, which waits for other readers: pgx leaves one behind that
	// waits for the next answer, after a write that took longer than 15 ms.
	err = raw.Control(func(fd uintptr) {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EWOULDBLOCK)
	})
	return err != nil || !quiet
}
