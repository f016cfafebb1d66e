package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/chenu/chenu/server/session"
)

// maintenanceInterval is how often the database is tidied up. Partitions are
// made months ahead and old keys do no harm, so it is far from urgent.
const maintenanceInterval = time.Hour

// maintenance are functions that tidy up, with what they count.
var maintenance = []struct{ done, sql string }{
	{"partitions of the audit trail made", `SELECT app.ensure_partitions()`},
	{"expired idempotency keys forgotten", `SELECT app.expire_idempotency_keys()`},
}

// maintain tidies up now and at every interval until ctx ends. Instances may do
// so at once.
func (s *Server) maintain(ctx context.Context) {
	ticker := time.NewTicker(maintenanceInterval)
	defer ticker.Stop()
	for {
		for _, m := range maintenance {
			var n int
			err := s.db.Anonymous(ctx, func(q session.Querier) error { return scalar(ctx, q, m.sql, &n) })
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.log.WarnContext(ctx, "maintenance failed", "of", m.done, "error", err)
			case n > 0:
				s.log.InfoContext(ctx, m.done, slog.Int("count", n))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
