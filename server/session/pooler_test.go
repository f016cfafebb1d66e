package session_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/server/session"
)

// TestPooler runs behind a pooler in transaction mode: each transaction may run in another server process, and always
// runs as the right identity.
func TestPooler(t *testing.T) {
	t.Parallel()
	b := closed(t)
	b.exec(t, things)
	const servers = 3
	b.database.ServiceURL = newPooler(t, b.database.ServiceURL, servers)
	b.DB = open(t, b.database, func(c *session.Config) { c.MaxConns, c.Pooler = 6, true })

	var (
		group sync.WaitGroup
		mu    sync.Mutex
		pids  = map[int]bool{}
	)
	for range 8 {
		group.Go(func() {
			ctx, id := as(t)
			for n := range 30 {
				if _, err := b.Client().ExecContext(ctx, insertThing, id, n); err != nil {
					t.Error(err)
				}
				err := b.Do(ctx, session.Options{}, func(ctx context.Context, tx *ent.Tx) error {
					var pids [2]int
					for i := range pids { // a transaction stays on one server
						scanOne(ctx, t, tx, "SELECT pg_backend_pid()", nil, &pids[i])
					}
					if pids[0] != pids[1] {
						t.Errorf("a transaction used two servers: %v", pids)
					}
					_, err := tx.ExecContext(ctx, "UPDATE things SET number = number + 1 WHERE note = $1", n)
					return err
				})
				if err != nil {
					t.Error(err)
				}
				var pid, count, sum int
				scanOne(ctx, t, b.Client(), "SELECT pg_backend_pid(), count(*), sum(number) FROM things", nil, &pid, &count, &sum)
				if count != n+1 || sum != n+1 {
					t.Errorf("%d rows with the sum %d, want %d of each", count, sum, n+1)
				}
				mu.Lock()
				pids[pid] = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(pids) != servers {
		t.Errorf("the pooler used %d server connections, want %d: the test proves nothing", len(pids), servers)
	}
}

// TestPoolerNotSaid shows the error for a pooler that is not configured.
func TestPoolerNotSaid(t *testing.T) {
	t.Parallel()
	b := closed(t)
	_, err := session.Open(t.Context(), session.Config{HumanURL: newPooler(t, b.database.ServiceURL, 2), MaxConns: 2, SharedLogin: true})
	if err == nil || !strings.Contains(err.Error(), "CHENU_DATABASE_POOLER=transaction") {
		t.Errorf("error %v", err)
	}
}
