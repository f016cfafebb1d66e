package policies_test

import (
	"testing"
	"time"

	"github.com/chenu/chenu/migrations/dbtest"
)

// Hardening item 3: a service that starts creates the future partitions of the audit trail while others write. It takes
// their locks in the order in which a change of an identity takes them.
func TestPartitionsDoNotDeadlockWithWriters(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	ctx := t.Context()
	// A transaction that has changed identities and has not written its audit row yet.
	writer, err := admin.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Rollback(ctx) }()
	if _, err := writer.Exec(ctx, "LOCK TABLE identities IN ROW EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	made := make(chan error, 1)
	go func() {
		_, err := admin.Exec(ctx, "SELECT app.ensure_partitions(24)")
		made <- err
	}()
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(5 * time.Millisecond) {
		var waits bool
		if err := admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'identities'::regclass)`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
		if waits {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("creating partitions never waits for the writer")
		}
	}
	if _, err := writer.Exec(ctx, "INSERT INTO identities (id, email, name) VALUES ($1, 'ada@example.org', 'Ada')", dbtest.NewID()); err != nil {
		t.Fatalf("the writer: %v", err)
	}
	if err := writer.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-made; err != nil {
		t.Errorf("creating partitions: %v", err)
	}
}
