// Package ratelimit counts requests against limits that all instances of the service
// share: token buckets in Postgres (policies/functions/limits.sql). It is what package api
// asks before each request.
//
// An ordinary request costs no round trip of its own: an instance takes tokens for some
// seconds at once, gives back what it did not use with the next taking, and remembers an
// empty bucket until there is something in it again. So over any time T at most Requests ×
// (1 + (T + lease) / Window) requests get through, with however many instances; see lease.
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
	// lease is how long tokens may be used after they were taken. Those that are used in
	// some time were taken in it or at most this long before.
	lease = 5 * time.Second
	// leaseDivisor is the part of a bucket that is taken at once.
	leaseDivisor = 60
	// takeTimeout bounds one taking.
	takeTimeout = 2 * time.Second
	// maxAccounts bounds the memory of what is at hand, about 300 B each.
	maxAccounts = 20_000
)

// Database runs a statement as nobody, in one round trip. [session.DB] does.
type Database interface {
	AnonymousQuery(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Limiter implements [api.Limiter]. Safe for concurrent use.
type Limiter struct {
	db    Database
	key   []byte
	rules map[rule]bucket
	purse *ttlcache.Cache[[sha256.Size]byte, *tokens]
	log   *slog.Logger
	now   func() time.Time
}

type rule struct {
	group api.Group
	by    api.By
}

// bucket is what the database has to know of a limit.
type bucket struct {
	name  string
	limit Limit
	// batch is how many tokens are taken at once.
	batch int
	// closed refuses a request that can't be counted.
	closed bool
}

// New returns a limiter. The secret hides in the database whom a bucket is of.
func New(db Database, secret auth.Secret, limits Limits, log *slog.Logger) *Limiter {
	l := &Limiter{
		db: db, key: secret.Derive("rate-limits"), rules: map[rule]bucket{}, log: log, now: time.Now,
		purse: ttlcache.New(ttlcache.WithTTL[[sha256.Size]byte, *tokens](time.Minute), ttlcache.WithCapacity[[sha256.Size]byte, *tokens](maxAccounts)),
	}
	for _, r := range Rules {
		limit := limits.of(r)
		if limit == (Limit{}) {
			continue
		}
		b := bucket{name: r.Name(), limit: limit, batch: 1}
		// Who tries passwords waits until they can be counted. An ordinary request that can't
		// be finds the database away itself; a fault of the buckets alone shall not stop the
		// work of people and agents who are known.
		b.closed = r.Group != api.GroupAll
		if !b.closed {
			b.batch = max(1, limit.Requests/leaseDivisor)
		}
		l.rules[rule{r.Group, r.By}] = b
	}
	return l
}

// tokens are what an instance has of one bucket. Whoever holds the channel's value may
// touch the rest.
type tokens struct {
	turn  chan struct{}
	left  int
	until time.Time // left is good until then; when left is 0, there is nothing before then
	empty bool
	quota api.Quota
	asked time.Time // when quota was true
}

// Limits implements [api.Limiter].
func (l *Limiter) Limits(group api.Group) bool {
	return slices.ContainsFunc(Rules, func(r Rule) bool { return r.Group == group })
}

// Count implements [api.Limiter]. Requests are not counted by what no rule of their group names, and not against a limit
// that is off.
func (l *Limiter) Count(ctx context.Context, group api.Group, by api.By, key string) (api.Quota, error) {
	b, ok := l.rules[rule{group, by}]
	if !ok && !l.Limits(group) {
		return api.Quota{}, fmt.Errorf("ratelimit: there is no rule for the group %q", group)
	}
	if !ok {
		return api.Quota{}, nil
	}
	id := l.bucketKey(b.name, by, key)
	item, _ := l.purse.GetOrSetFunc(id, func() *tokens { return &tokens{turn: make(chan struct{}, 1)} })
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
			if b.closed {
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

// take gets tokens for the next while, and gives back those that were not used.
func (l *Limiter) take(ctx context.Context, b bucket, id [sha256.Size]byte, t *tokens) (err error) {
	// Not the caller's cancellation: who hangs up has been counted all the same.
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

// bucketKey names a bucket in the database, which learns nothing from it. Of an IPv6
// address the network counts: a single customer has at least 2^64 addresses (RFC 6177).
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
