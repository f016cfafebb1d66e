package ratelimit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/server/api"
	"github.com/chenu/chenu/server/auth"
	"github.com/chenu/chenu/server/problem"
	"github.com/chenu/chenu/server/session"
)

// bundle is a database on which a test starts instances of the service.
type bundle struct {
	db     *dbtest.DB
	secret auth.Secret
	admin  *pgxpool.Pool
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{db: dbtest.New(t), secret: auth.NewSecret()}
	b.admin = b.db.Pool(t, b.db.AdminURL)
	return b
}

// counting counts the statements that are sent to the database.
type counting struct {
	Database

	statements atomic.Int64
}

func (c *counting) AnonymousQuery(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	c.statements.Add(1)
	return c.Database.AnonymousQuery(ctx, query, args...)
}

func (b *bundle) instance(t testing.TB, limits Limits) (*Limiter, *counting) {
	t.Helper()
	db, err := session.Open(t.Context(), session.Config{HumanURL: b.db.ServiceURL, AgentURL: b.db.AgentURL, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	c := &counting{Database: db}
	return New(c, b.secret, limits, slog.New(slog.DiscardHandler)), c
}

// spend counts requests and returns how many were admitted.
func spend(t *testing.T, l *Limiter, group api.Group, by api.By, key string, requests int) int {
	t.Helper()
	through := 0
	for range requests {
		quota, err := l.Count(t.Context(), group, by, key)
		switch {
		case err == nil:
			through++
		case !problem.Is(err, "rate_limited"):
			t.Fatal(err)
		}
		if quota.Remaining < 0 || quota.Remaining > quota.Limit || (err != nil && quota.Remaining != 0) {
			t.Errorf("the quota is %+v, %v", quota, err)
		}
	}
	return through
}

// TestInstancesShareBuckets spends one bucket with several concurrent instances, with leases and without. No token is
// spent twice.
func TestInstancesShareBuckets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	limits := Limits{"identity": {300, 24 * time.Hour}, "login-account": {40, 24 * time.Hour}}
	for _, test := range []struct {
		group api.Group
		by    api.By
		want  int
	}{{"", api.ByIdentity, 300}, {"login", api.ByAccount, 40}} {
		var through atomic.Int64
		var all sync.WaitGroup
		for range 3 {
			l, _ := b.instance(t, limits)
			for range 4 {
				all.Go(func() { through.Add(int64(spend(t, l, test.group, test.by, "ada", 80))) })
			}
		}
		all.Wait()
		// Tokens that an instance has leased and not used when the others ran out are lost.
		if got := int(through.Load()); got > test.want || got < test.want-2*300/leaseDivisor {
			t.Errorf("%s: %d requests of %d were admitted", test.by, got, test.want)
		}
		// The bucket of another key is not affected.
		l, _ := b.instance(t, limits)
		if got := spend(t, l, test.group, test.by, "eve", 1); got != 1 {
			t.Errorf("%s: the bucket of another key is empty, too", test.by)
		}
	}
}

// TestRefill checks that tokens return with time. For the database, it moves the stored time of the bucket.
func TestRefill(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l, _ := b.instance(t, Limits{"login-address": {4, 4 * time.Hour}})
	now := time.Now()
	l.now = func() time.Time { return now }
	if got := spend(t, l, "login", api.ByAddress, "192.0.2.1", 6); got != 4 {
		t.Fatalf("%d of 4 requests were admitted", got)
	}
	_, err := l.Count(t.Context(), "login", api.ByAddress, "192.0.2.1")
	p := problem.From(err)
	if wait, err := strconv.Atoi(p.Header.Get("Retry-After")); p.Status != http.StatusTooManyRequests || err != nil || wait > 3600 || wait < 3000 {
		t.Errorf("rejected with %v and Retry-After %q", p, p.Header.Get("Retry-After"))
	}
	for _, test := range []struct {
		later time.Duration
		want  int
	}{{30 * time.Minute, 0}, {45 * time.Minute, 1}, {2 * time.Hour, 2}, {24 * time.Hour, 4}} {
		now = now.Add(test.later)
		if _, err := b.admin.Exec(t.Context(), "UPDATE app.rate_buckets SET full_at = full_at - $1::interval", test.later.String()); err != nil {
			t.Fatal(err)
		}
		if got := spend(t, l, "login", api.ByAddress, "192.0.2.1", 6); got != test.want {
			t.Errorf("%v later, %d requests were admitted, want %d", test.later, got, test.want)
		}
	}
}

// TestLeasesSpareRoundTrips checks how many statements are sent to the database, and that unused tokens are returned.
func TestLeasesSpareRoundTrips(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l, c := b.instance(t, Limits{"identity": {600, time.Hour}})
	now := time.Now()
	l.now = func() time.Time { return now }
	if got := spend(t, l, "", api.ByIdentity, "ada", 100); got != 100 || c.statements.Load() != 10 {
		t.Errorf("%d requests cost %d statements, want 100 and 10", got, c.statements.Load())
	}
	for range 10 {
		spend(t, l, "", api.ByIdentity, "eve", 1)
		now = now.Add(lease) // the lease has expired
	}
	quota, err := l.Count(t.Context(), "", api.ByIdentity, "eve")
	if err != nil || quota.Remaining < 600-12 {
		t.Errorf("after 11 requests %d of 600 are left, %v", quota.Remaining, err)
	}
	before := c.statements.Load()
	one, _ := b.instance(t, Limits{"identity": {600, time.Hour}})
	spend(t, one, "", api.ByIdentity, "grace", 700)
	l2, c2 := b.instance(t, Limits{"identity": {600, time.Hour}})
	if got := spend(t, l2, "", api.ByIdentity, "grace", 50); got != 0 || c2.statements.Load() != 1 {
		t.Errorf("an empty bucket admits %d requests and costs %d statements, want 0 and 1", got, c2.statements.Load())
	}
	if c.statements.Load() != before {
		t.Error("a statement of one instance is counted for another")
	}
}

// TestAddresses checks which addresses share a bucket.
func TestAddresses(t *testing.T) {
	t.Parallel()
	l := &Limiter{key: []byte("key")}
	key := func(by api.By, s string) string { return fmt.Sprintf("%x", l.bucketKey("login", by, s)) }
	for _, same := range [][2]string{
		{"192.0.2.1", "::ffff:192.0.2.1"}, {"2001:db8::1", "2001:db8::ffff:0:1"}, {"fe80::1%eth0", "fe80::1"},
	} {
		if key(api.ByAddress, same[0]) != key(api.ByAddress, same[1]) {
			t.Errorf("%s and %s have different buckets", same[0], same[1])
		}
	}
	for _, other := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8:0:1::1"}, {"x", "y"}} {
		if key(api.ByAddress, other[0]) == key(api.ByAddress, other[1]) {
			t.Errorf("%s and %s share a bucket", other[0], other[1])
		}
	}
	if key(api.ByAddress, "192.0.2.1") == key(api.ByAccount, "192.0.2.1") {
		t.Error("an address and an account share a bucket")
	}
}

// broken is an unreachable database.
type broken struct{}

var errBroken = errors.New("broken")

func (broken) AnonymousQuery(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, errBroken
}

// TestWithoutDatabase checks that authenticated requests are admitted and attempts at passwords are rejected if the
// database is unreachable.
func TestWithoutDatabase(t *testing.T) {
	t.Parallel()
	l := New(broken{}, auth.NewSecret(), nil, slog.New(slog.DiscardHandler))
	for _, r := range Rules {
		_, err := l.Count(t.Context(), r.Group, r.By, "key")
		open := r.Group == ""
		if open && err != nil {
			t.Errorf("%s: %v", r.Name(), err)
		}
		if !open && (problem.From(err).Status != http.StatusServiceUnavailable || !errors.Is(err, errBroken)) {
			t.Errorf("%s: %v", r.Name(), err)
		}
	}
	if quota, err := l.Count(t.Context(), "nothing", api.ByAddress, "key"); err == nil {
		t.Errorf("a group without a rule: %+v", quota)
	}
	if quota, err := l.Count(t.Context(), api.GroupRegister, api.ByAccount, "key"); err != nil || quota != (api.Quota{}) {
		t.Errorf("a group whose rules do not count by account: %+v, %v", quota, err)
	}
	off := New(broken{}, auth.NewSecret(), Limits{"login-address": {}}, slog.New(slog.DiscardHandler))
	if _, err := off.Count(t.Context(), "login", api.ByAddress, "key"); err != nil {
		t.Errorf("a limit that is off: %v", err)
	}
}

// TestBucketsHoldNobody checks that buckets contain no addresses and names, and that full buckets are deleted.
func TestBucketsHoldNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l, _ := b.instance(t, nil)
	spend(t, l, "login", api.ByAddress, "192.0.2.77", 1)
	spend(t, l, "login", api.ByAccount, "ada@example.org", 1)
	rows, err := b.admin.Query(t.Context(), "SELECT encode(key, 'escape'), octet_length(key) FROM app.rate_buckets")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for rows.Next() {
		var key string
		var size int
		if err := rows.Scan(&key, &size); err != nil {
			t.Fatal(err)
		}
		if seen++; size != 32 || slices.Contains([]string{"192.0.2.77", "ada@example.org"}, key) {
			t.Errorf("a bucket's key is %q", key)
		}
	}
	if rows.Err() != nil || seen != 2 {
		t.Fatalf("%d buckets, %v", seen, rows.Err())
	}
	forget := func() (n int) {
		t.Helper()
		if err := b.admin.QueryRow(t.Context(), "SELECT app.forget_rate_buckets()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := forget(); n != 0 {
		t.Errorf("%d buckets in use were deleted", n)
	}
	if _, err := b.admin.Exec(t.Context(), "UPDATE app.rate_buckets SET full_at = now() - interval '1 second'"); err != nil {
		t.Fatal(err)
	}
	if n := forget(); n != 2 {
		t.Errorf("%d full buckets were deleted, want 2", n)
	}
}

// TestTake calls the database's function with arguments that no limiter sends.
func TestTake(t *testing.T) {
	t.Parallel()
	b := setup(t)
	take := func(args ...any) (taken, remaining int, err error) {
		err = b.admin.QueryRow(t.Context(), "SELECT taken, remaining FROM app.take_tokens($1, $2, $3, $4, $5)", args...).Scan(&taken, &remaining)
		return taken, remaining, err
	}
	for _, wrong := range [][]any{
		{[]byte("k"), 0, 60.0, 1, 0}, {[]byte("k"), 10, 0.0, 1, 0}, {[]byte("k"), 10, 60.0, 0, 0}, {[]byte("k"), 10, 60.0, 11, 0},
		{[]byte("k"), 10, 60.0, 1, -1}, {[]byte("k"), 10, 60.0, 1, 11}, {[]byte("k"), nil, 60.0, 1, 0},
	} {
		if taken, _, err := take(wrong...); err == nil {
			t.Errorf("%v returns %d tokens", wrong, taken)
		}
	}
	for i, step := range []struct{ wanted, returned, taken, remaining int }{
		{4, 0, 4, 6}, {10, 0, 6, 0}, {1, 0, 0, 0}, {5, 3, 3, 0}, {1, 10, 1, 9}, {1, 10, 1, 9},
	} {
		taken, remaining, err := take([]byte("steps"), 10, 86400.0, step.wanted, step.returned)
		if err != nil || taken != step.taken || remaining != step.remaining {
			t.Errorf("step %d takes %d and leaves %d, %v; want %+v", i, taken, remaining, err, step)
		}
	}
}

// BenchmarkTake compares taking tokens with a plain query, and a request counted from a lease with both.
func BenchmarkTake(b *testing.B) {
	s := setup(b)
	l, c := s.instance(b, Limits{"login-account": {1_000_000, time.Second}, "identity": {1_000_000, time.Minute}})
	query := func(b *testing.B, sql string, args ...any) {
		b.Helper()
		for b.Loop() {
			rows, err := c.AnonymousQuery(b.Context(), sql, args...)
			if err != nil {
				b.Fatal(err)
			}
			_ = rows.Close() //nolint:sqlclosecheck // the rows contain no data
		}
	}
	b.Run("a plain query", func(b *testing.B) { query(b, "SELECT 1") })
	b.Run("a query of a SECURITY DEFINER function", func(b *testing.B) { query(b, "SELECT id FROM app.signing_keys()") })
	b.Run("a token", func(b *testing.B) { query(b, takeSQL, []byte("bench"), 1_000_000, 1.0, 1, 0) })
	b.Run("a request without a lease", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Count(b.Context(), "login", api.ByAccount, "ada"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("a request from a lease", func(b *testing.B) {
		for b.Loop() {
			if _, err := l.Count(b.Context(), "", api.ByIdentity, "ada"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
