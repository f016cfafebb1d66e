// Package ratelimit counts requests against limits that all instances of the service share: token buckets in Postgres
// (policies/functions/limits.sql). Package api calls it before each request.
//
// Most requests cost no round trip: an instance leases tokens for some seconds at once, returns unused tokens with the
// next lease, and remembers an empty bucket until it has tokens again. So in any time T at most Requests × (1 + (T +
// lease) / Window) requests are admitted, however many instances there are; see lease.
package ratelimit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jellydator/ttlcache/v3"

	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
)

const (
	// lease is how long leased tokens may be used. Tokens that are used in a period were taken in the period or at
	// most this long before.
	lease = 5 * time.Second
	// leaseDivisor determines the size of a lease: a bucket's tokens divided by leaseDivisor.
	leaseDivisor = 60
	// takeTimeout limits how long taking tokens may take.
	takeTimeout = 2 * time.Second
	// maxAccounts limits the number of cached buckets; a bucket takes about 300 B.
	maxAccounts = 20_000
)

// Database runs a statement without an identity, in one round trip. [session.DB] implements it.
type Database interface {
	AnonymousQuery(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Limiter implements [api.Limiter]. It is safe for concurrent use.
type Limiter struct {
	db    Database
	key   []byte
	rules map[rule]bucket
	cache *ttlcache.Cache[[sha256.Size]byte, *tokens]
	log   *slog.Logger
	now   func() time.Time
}

type rule struct {
	group api.Group
	by    api.By
}

// bucket contains the parameters of a limit's buckets.
type bucket struct {
	name  string
	limit Limit
	// batch is how many tokens are taken at once.
	batch int
	// failClosed reports whether a request is rejected if it cannot be counted.
	failClosed bool
}

// New returns a limiter. The secret keys the hashes that identify buckets in the database, so that the database does
// not reveal whose they are.
func New(db Database, secret auth.Secret, limits Limits, log *slog.Logger) *Limiter {
	l := &Limiter{
		db: db, key: secret.Derive("rate-limits"), rules: map[rule]bucket{}, log: log, now: time.Now,
		cache: ttlcache.New(ttlcache.WithTTL[[sha256.Size]byte, *tokens](time.Minute), ttlcache.WithCapacity[[sha256.Size]byte, *tokens](maxAccounts)),
	}
	for _, r := range Rules {
		limit := limits.of(r)
		if limit == (Limit{}) {
			continue
		}
		b := bucket{name: r.Name(), limit: limit, batch: 1}
		// Attempts at passwords are rejected if they cannot be counted. Other requests are admitted: if the database
		// is unreachable, they fail anyway, and an error of the buckets alone must not stop authenticated humans and
		// agents.
		b.failClosed = r.Group != api.GroupAll
		if !b.failClosed {
			b.batch = max(1, limit.Requests/leaseDivisor)
		}
		l.rules[rule{r.Group, r.By}] = b
	}
	return l
}

// tokens are the leased tokens of a bucket. The other fields are guarded by turn: a goroutine may access them after it
// has sent to the channel and until it receives from it.
type tokens struct {
	turn  chan struct{}
	left  int
	until time.Time // left is valid until then; if the bucket is empty, it stays empty until then
	empty bool
	quota api.Quota
	asked time.Time // time of quota
}

// Limits implements [api.Limiter].
func (l *Limiter) Limits(group api.Group) bool {
	return slices.ContainsFunc(Rules, func(r Rule) bool { return r.Group == group })
}

// Count implements [api.Limiter]. It does not count requests by a By for which the group has no rule, or for which the
// limit is off.
func (l *Limiter) Count(ctx context.Context, group api.Group, by api.By, key string) (api.Quota, error) {
	b, ok := l.rules[rule{group, by}]
	if !ok && !l.Limits(group) {
		return api.Quota{}, fmt.Errorf("ratelimit: there is no rule for the group %q", group)
	}
	if !ok {
		return api.Quota{}, nil
	}
	id := l.bucketKey(b.name, by, key)
	item, _ := l.cache.GetOrSetFunc(id, func() *tokens { return &tokens{turn: make(chan struct{}, 1)} })
	t := item.Value()
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return api.Quota{}, fmt.Errorf("wait for the count of requests: %w", ctx.Err())
	}
	defer func() { <-t.turn }()
	now := l.now()
	if (t.left == 0 && !t.empty) || !now.Before(t.until) {
		if err := l.take(ctx, b, id, t); err != nil {
			if b.failClosed {
				return api.Quota{}, problem.New(http.StatusServiceUnavailable, "unavailable", "The service cannot check the rate limit at present. Repeat the request after Retry-After.").
					WithRetryAfter(5 * time.Second).WithCause(err)
			}
			l.log.ErrorContext(ctx, "the rate limit could not be checked; the request is allowed", "limit", b.name, "error", err)
			return api.Quota{}, nil
		}
		now = l.now()
	}
	quota := t.quota
	if passed := int(now.Sub(t.asked) / time.Second); passed > 0 {
		quota.Reset = max(0, quota.Reset-passed)
	}
	if t.empty {
		return quota, problem.RateLimited(max(time.Second, t.until.Sub(now)))
	}
	t.left--
	quota.Remaining += t.left
	return quota, nil
}

const takeSQL = `SELECT taken, remaining, next_in, full_in FROM app.take_tokens($1, $2, $3, $4, $5)`

// take leases tokens and returns the unused ones of the last lease.
func (l *Limiter) take(ctx context.Context, b bucket, id [sha256.Size]byte, t *tokens) (err error) {
	// The caller's cancellation does not apply: a request counts even if its client disconnects.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeTimeout)
	defer cancel()
	now, unused := l.now(), t.left
	t.left, t.empty = 0, false
	rows, err := l.db.AnonymousQuery(ctx, takeSQL, id[:], b.limit.Requests, b.limit.Window.Seconds(), b.batch, unused)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		return errors.Join(sql.ErrNoRows, rows.Err())
	}
	var taken, remaining int
	var nextIn, fullIn float64
	if err := rows.Scan(&taken, &remaining, &nextIn, &fullIn); err != nil {
		return err
	}
	t.asked, t.until, t.left = now, now.Add(lease), taken
	if t.empty = taken == 0; t.empty {
		t.until = now.Add(time.Duration(nextIn * float64(time.Second)))
	}
	t.quota = api.Quota{
		Policy: b.name, Limit: b.limit.Requests, Window: int(b.limit.Window / time.Second),
		Remaining: remaining, Reset: int(math.Ceil(fullIn)),
	}
	return nil
}

// bucketKey returns the key of a bucket in the database, which reveals nothing about its owner. An IPv6 address counts
// as its /64 network, since a customer has at least 2^64 addresses (RFC 6177).
func (l *Limiter) bucketKey(name string, by api.By, key string) [sha256.Size]byte {
	if by == api.ByAddress {
		if address, err := netip.ParseAddr(key); err == nil {
			bits := 64
			if address = address.Unmap().WithZone(""); address.Is4() {
				bits = 32
			}
			if network, err := address.Prefix(bits); err == nil {
				key = network.String()
			}
		}
	}
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(strings.Join([]string{name, string(by), key}, "\n")))
	return [sha256.Size]byte(mac.Sum(nil))
}
