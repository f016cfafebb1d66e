//go:build !unix

package entpgx

import (
	"net"
	"time"
)

// doubtful reports whether a connection should be checked with a ping before it is used. Without access to the socket
// it decides by the idle time, as pgx does.
func doubtful(_ net.Conn, idleFor time.Duration) bool { return idleFor > time.Second }
