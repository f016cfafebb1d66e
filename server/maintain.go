package server

import (
	"context"
	"database/sql"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/session"
)

// maintenanceInterval is the pause between maintenance runs.
const maintenanceInterval = time.Minute

// maintenance lists the maintenance tasks: the message that is logged with the function's result, the function, and
// every how many intervals it runs. Most tasks are not urgent: partitions are created months ahead, and expired keys
// have no effect. An expired checkpoint is reported as expired at once; only its row is updated later.
var maintenance = []struct {
	done, sql string
	every     int
}{
	{"created partitions of the audit trail", `SELECT app.ensure_partitions()`, 60},
	{"deleted expired idempotency keys", `SELECT app.expire_idempotency_keys()`, 60},
	{"deleted expired refresh tokens and mailed tokens", `SELECT app.expire_tokens()`, 60},
	{"recorded failed logins of past hours", `SELECT app.record_failures()`, 1},
	{"deleted counters of login attempts", `SELECT app.expire_attempts()`, 60},
	{"cleared or deleted ended sessions", `SELECT app.expire_sessions()`, 60},
	{"deleted used assertions", `SELECT app.expire_used_assertions()`, 10},
	{"deleted rate limit buckets", `SELECT app.forget_rate_buckets()`, 10},
	{"deleted old notices", `SELECT app.expire_notices()`, 60},
	{"expired checkpoints", `SELECT app.expire_checkpoints()`, 1},
}

// maintain runs the maintenance tasks now and at every interval until ctx ends. Several
// instances may run them at the same time.
func (s *Server) maintain(ctx context.Context) {
	s.warnOfUnverified(ctx)
	ticker := time.NewTicker(maintenanceInterval)
	defer ticker.Stop()
	for interval := 0; ; interval++ {
		for _, m := range maintenance {
			if interval%m.every != 0 {
				continue
			}
			var n int
			err := s.db.Anonymous(ctx, func(q session.Querier) error { return session.One(ctx, q, m.sql, nil, &n) })
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.log.WarnContext(ctx, "maintenance failed", "task", m.done, "error", err)
			case n > 0:
				s.log.InfoContext(ctx, m.done, slog.Int("count", n))
			}
		}
		s.advanceKeys(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// advanceKeys rotates the signing keys according to their age.
func (s *Server) advanceKeys(ctx context.Context) {
	step, err := s.keys.Advance(ctx, auth.KeyMaxAge)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.log.WarnContext(ctx, "maintenance failed", "task", "rotate signing keys", "error", err)
	case step.Changed():
		s.log.InfoContext(ctx, "rotated signing keys", "published", step.Made, "promoted", step.Promoted, "removed", step.Removed)
	}
}

// unverifiedAgentsSQL returns agents without their identities, which no serving role may enumerate.
const unverifiedAgentsSQL = `SELECT agent_id FROM app.unverified_agents($1)`

// maxUnverified is the maximum number of agents of unverified identities that are logged at startup.
const maxUnverified = 20

// warnOfUnverified logs the active agents of identities whose e-mail address is not verified. These agents were hired
// before hiring required a verified address.
func (s *Server) warnOfUnverified(ctx context.Context) {
	var found []uuid.UUID // up to one more than are logged
	err := s.db.Anonymous(ctx, func(q session.Querier) error {
		found = nil
		return session.Each(ctx, q, unverifiedAgentsSQL, []any{maxUnverified + 1}, func(rows *sql.Rows) error {
			var agent uuid.UUID
			err := rows.Scan(&agent)
			found = append(found, agent)
			return err
		})
	})
	switch {
	case ctx.Err() != nil || len(found) == 0 && err == nil:
		return
	case err != nil:
		s.log.WarnContext(ctx, "the agents of identities with an unverified address could not be listed", "error", err)
		return
	}
	for _, agent := range found[:min(len(found), maxUnverified)] {
		s.log.WarnContext(ctx, "an active agent belongs to an identity whose e-mail address is not verified", "agent_id", agent)
	}
	s.log.WarnContext(ctx, "agents of identities with an unverified e-mail address are active, because they were hired before hiring required a verified address: "+
		"chenu accounts unverified lists all of them with their owners, and chenu accounts verify verifies an address", "more", len(found) > maxUnverified)
}
