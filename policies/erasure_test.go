package policies_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/policies/verify"
	"github.com/chenu/chenu/postgres/pgtest"
)

// asPerson runs fn in a transaction like the service's transactions for a human who has just logged in.
func (w *world) asPerson(ctx context.Context, who uuid.UUID, checkpoint string, fn func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, w.service, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT set_config('role', 'chenu_human', true), set_config('app.identity_id', $1, true),
			set_config('app.actor_id', $1, true), set_config('app.auth_time', now()::text, true), set_config('app.checkpoint_id', $2, true),
			set_config('app.ip', '192.0.2.1', true), set_config('app.user_agent', 'curl', true)`, who, checkpoint)
		if err == nil {
			_, err = tx.Exec(ctx, "SELECT set_config('app.session_id', max(id::text), true) FROM app.sessions WHERE created_by = $1", who)
		}
		if err != nil {
			return err
		}
		return fn(tx)
	})
}

// requestErasureSQL requests the approval of exactly the change that app.erase_identity() makes.
const requestErasureSQL = `SELECT id::text, digest FROM app.request_checkpoint(jsonb_build_object('identity', $1::uuid, 'type', 'identity', 'sphere', NULL,
	'resource_type', 'identity', 'table', 'identities', 'operation', 'ERASE', 'id', $1::uuid, 'version', NULL, 'values', '{}'::jsonb, 'references', '{}'::jsonb))`

// approveErasure requests the erasure of an identity and approves it, as the service does.
func (w *world) approveErasure(t *testing.T, who uuid.UUID) (checkpoint string) {
	t.Helper()
	ctx := t.Context()
	if err := w.erase(ctx, who, ""); pgtest.SQLState(err) != "CH423" {
		t.Fatalf("an erasure without approval: %v", err)
	}
	err := w.asPerson(ctx, who, "", func(tx pgx.Tx) error {
		var digest []byte
		if err := tx.QueryRow(ctx, requestErasureSQL, who).Scan(&checkpoint, &digest); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "SELECT app.decide_checkpoint($1, $2, 'approved')", checkpoint, digest)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint
}

func (w *world) erase(ctx context.Context, who uuid.UUID, checkpoint string) error {
	return w.asPerson(ctx, who, checkpoint, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT app.erase_identity()")
		return err
	})
}

// dump returns all rows of an identity by table, one line per row.
func dump(t *testing.T, admin *pgxpool.Pool, who uuid.UUID) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range policies.Tables {
		if table.Owner == "" {
			continue
		}
		rows, _ := admin.Query(t.Context(), fmt.Sprintf("SELECT to_jsonb(t)::text FROM %s t WHERE %s = $1 ORDER BY id", table.QualifiedName(), table.Owner), who)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if all[table.Name] = lines; len(lines) == 0 && table.Name != "audit_logs" {
			t.Logf("%s is empty", table.Name)
		}
	}
	return all
}

// TestErasure erases an identity that has a row in every table, and checks everything that remains of it.
func TestErasure(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := db.Pool(t, db.AdminURL)
	ctx := t.Context()
	// Pending checkpoints of a client-defined action, which may contain any text, and a rejected one with a reason.
	for range 2 {
		err := w.asPerson(ctx, w.owner, "", func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `SELECT app.request_checkpoint(jsonb_build_object('identity', $1::text, 'type', 'cross_sphere', 'sphere', NULL, 'resource_type', 'Ada''s report',
				'action', 'tell Grace', 'resource_id', NULL, 'resource_version', NULL, 'thread_id', NULL, 'content', jsonb_build_object('x', gen_random_uuid())))`, w.owner)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := w.asPerson(ctx, w.owner, "", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT app.decide_checkpoint(id, digest, 'rejected', 'Ada says no') FROM checkpoints WHERE action = 'tell Grace' ORDER BY id LIMIT 1`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := w.approveErasure(t, w.owner)
	before, others := dump(t, admin, w.owner), dump(t, admin, w.other)
	for name, lines := range before {
		if len(lines) == 0 {
			t.Errorf("the owner has no row in %s: this test does not check that table", name)
		}
	}
	if err := w.erase(ctx, w.other, checkpoint); pgtest.SQLState(err) != "CH423" {
		t.Errorf("another's approval: %v", err)
	}
	if err := w.erase(ctx, w.owner, checkpoint); err != nil {
		t.Fatal(err)
	}
	if again := dump(t, admin, w.other); !maps.EqualFunc(others, again, func(a, b []string) bool { return slices.Equal(a, b[:len(a)]) }) {
		t.Error("another identity's rows have changed")
	}
	after := dump(t, admin, w.owner)
	for _, table := range policies.Tables {
		if table.Owner == "" {
			continue
		}
		if table.KeptWhy == "" {
			if len(after[table.Name]) > 0 {
				t.Errorf("%s still has %s", table.Name, after[table.Name])
			}
			continue
		}
		if len(after[table.Name]) < len(before[table.Name]) {
			t.Errorf("%s had %d rows and has %d", table.Name, len(before[table.Name]), len(after[table.Name]))
		}
		for i, line := range after[table.Name] {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			checkErased(t, table, row)
			if i < len(before[table.Name]) {
				var was map[string]any
				if err := json.Unmarshal([]byte(before[table.Name][i]), &was); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"id", "created_at", "sequence", "type", "content_digest", "digest", "thread_id", "actor_id"} {
					if row[name] != was[name] {
						t.Errorf("%s: %s was %v and is %v", table.Name, name, was[name], row[name])
					}
				}
			}
		}
	}
	// The audit trail records the erasure with its approval.
	var recorded int
	if err := admin.QueryRow(ctx, `SELECT count(*) FROM audit_logs WHERE created_by = $1 AND action = 'delete' AND resource_type = 'identity'
		AND resource_id = $1 AND checkpoint_id = $2 AND actor_id = $1`, w.owner, checkpoint).Scan(&recorded); err != nil || recorded != 1 {
		t.Errorf("the erasure is recorded %d times, %v", recorded, err)
	}
	// Everything that could be verified before can still be verified.
	auditor := pgtest.Connect(t, db.AuditURL)
	report, err := verify.Database(ctx, auditor, func(f verify.Finding) {
		if f.CreatedBy == w.owner && f.Table != "threads" { // the rows of the threads in the fixtures do not follow from their events
			t.Error(f)
		}
	})
	if err != nil || report.Rows["audit_logs"] == 0 {
		t.Errorf("verified %v: %v", report.Rows, err)
	}
	// The address is free, and the identity can no longer be used.
	if err := w.erase(ctx, w.owner, checkpoint); pgtest.SQLState(err) != "CH401" {
		t.Errorf("erased again: %v", err)
	}
	for _, statement := range []string{
		"UPDATE identities SET name = 'Ada'",
		fmt.Sprintf("INSERT INTO personal_notes (id, created_by, title) VALUES (app.uuid_v7(), '%s', 'x')", w.owner),
		"SELECT app.record_denial('login', 'identity', NULL, '{}')",
		`SELECT app.create_thread(app.uuid_v7(), app.uuid_v7(), 1, '{"founding_intent": "x", "sphere": "personal", "type": "personal", "visibility": "private", "title": null, "parent_thread_id": null, "tags": []}')`,
	} {
		err := w.asPerson(ctx, w.owner, "", func(tx pgx.Tx) error { _, err := tx.Exec(ctx, statement); return err })
		if pgtest.SQLState(err) != "CH401" {
			t.Errorf("%s: %v", statement, err)
		}
	}
	next := dbtest.NewID()
	err = w.asPerson(ctx, next, "", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO identities (id, email, name) VALUES ($1, $2, 'Ada again')", next, w.owner.String()+"@example.org")
		return err
	})
	if err != nil {
		t.Errorf("the address is not free: %v", err)
	}
}

// checkErased checks every column that could contain something about a person.
func checkErased(t *testing.T, table policies.Table, row map[string]any) {
	t.Helper()
	for _, c := range table.Columns {
		value, ok := row[c.Name].(string)
		object, isObject := row[c.Name].(map[string]any)
		list, isList := row[c.Name].([]any)
		switch {
		case len(c.Enum) > 0 || c.Rules.Impersonal || c.Name == "content_digest":
		case isObject && len(object) > 0, isList && len(list) > 0:
			t.Errorf("%s.%s still is %v", table.Name, c.Name, row[c.Name])
		case !ok || value == "[erased]":
		case uuid.Validate(value) == nil:
		case (c.Name == "email" || c.Name == "email_key") && strings.HasSuffix(value, "@erased.invalid"):
		case table.Name == "checkpoints" && slices.Contains([]string{"erase identity", "identity"}, value):
		default:
			if _, err := time.Parse(time.RFC3339, value); err != nil {
				t.Errorf("%s.%s still is %q", table.Name, c.Name, value)
			}
		}
	}
}

// TestErasureWaits erases an identity for which others are writing. The erasure waits for writes that began before it,
// and later writes are refused.
func TestErasureWaits(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := db.Pool(t, db.AdminURL)
	ctx := t.Context()
	checkpoint := w.approveErasure(t, w.owner)
	erased, early, late := make(chan error, 1), make(chan error, 1), make(chan error, 2)
	// The early transaction stays open until the erasure waits for it.
	began := make(chan struct{})
	go func() {
		early <- w.asPerson(ctx, w.owner, "", func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO personal_notes (id, created_by, title) VALUES (app.uuid_v7(), $1, 'early')", w.owner)
			close(began)
			return errors.Join(err, pgtest.AwaitLocks(ctx, admin, 1, nil))
		})
	}()
	<-began
	// The late writes start while the erasure runs.
	erased <- w.asPerson(ctx, w.owner, checkpoint, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT app.erase_identity()"); err != nil {
			return err
		}
		for _, statement := range []string{
			fmt.Sprintf("INSERT INTO personal_notes (id, created_by, title) VALUES (app.uuid_v7(), '%s', 'late')", w.owner),
			"UPDATE identities SET name = 'late'",
		} {
			go func() {
				late <- w.asPerson(ctx, w.owner, "", func(tx pgx.Tx) error { _, err := tx.Exec(ctx, statement); return err })
			}()
		}
		return pgtest.AwaitLocks(ctx, admin, 2, nil)
	})
	if err := <-early; err != nil {
		t.Errorf("an early write: %v", err)
	}
	if err := <-erased; err != nil {
		t.Errorf("the erasure: %v", err)
	}
	for range 2 {
		if err := <-late; pgtest.SQLState(err) != "CH401" {
			t.Errorf("a late write: %v", err)
		}
	}
	var left int
	if err := admin.QueryRow(ctx, "SELECT count(*) FROM personal_notes WHERE created_by = $1", w.owner).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d notes still exist, %v", left, err)
	}
	var name string
	if err := admin.QueryRow(ctx, "SELECT name FROM identities WHERE id = $1", w.owner).Scan(&name); err != nil || name != "[erased]" {
		t.Errorf("the name is %q, %v", name, err)
	}
}

// Hardening item 17: the address that an erased identity gets is unpredictable, so no one can block an erasure by
// registering that address first. An identity's id is not secret: it is part of the client_id of each of its agents.
func TestErasureCannotBeBlocked(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := db.Pool(t, db.AdminURL)
	ctx := t.Context()
	// The address that earlier versions used, in a row that was locked by the migration.
	if _, err := admin.Exec(ctx, `INSERT INTO identities (id, email, name, status) VALUES ($1, $2, 'Eve', 'locked')`,
		dbtest.NewID(), "erased-"+w.owner.String()+"@erased.invalid"); err != nil {
		t.Fatal(err)
	}
	if err := w.erase(ctx, w.owner, w.approveErasure(t, w.owner)); err != nil {
		t.Fatal(err)
	}
	var email string
	if err := admin.QueryRow(ctx, `SELECT email FROM identities WHERE id = $1`, w.owner).Scan(&email); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(email, "erased-") || !strings.HasSuffix(email, "@erased.invalid") || strings.Contains(email, w.owner.String()) {
		t.Errorf("the erased identity has the address %s", email)
	}
	// No account can have an address of that domain, whatever its local part is.
	next := dbtest.NewID()
	for _, taken := range []string{"erased-" + next.String() + "@erased.invalid", "x@Erased.Invalid"} {
		err := w.asPerson(ctx, next, "", func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO identities (id, email, name) VALUES ($1, $2, 'Eve')", next, taken)
			return err
		})
		if pgtest.SQLState(err) != "23514" {
			t.Errorf("%s: %v", taken, err)
		}
	}
}
