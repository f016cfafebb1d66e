//go:build !unix

package entpgx

import (
	"net"
	"time"
)

// doubtful tells whether a connection is worth a ping before it is used. Without
// a way to look at the socket it goes by time, as pgx does.
func doubtful(_ net.Conn, idleFor time.Duration) bool { return idleFor > time.Second }
