package policies_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// TestAppendOnly checks that recorded rows cannot be changed, not even by a superuser.
func TestAppendOnly(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	newWorld(t, db)
	admin := pgtest.Connect(t, db.AdminURL)
	if _, err := admin.Exec(t.Context(), "SELECT app.ensure_partitions(2)"); err != nil {
		t.Fatal(err)
	}
	var tables []string
	for _, table := range policies.Tables {
		if table.AppendOnly != nil {
			tables = append(tables, table.QualifiedName())
		}
	}
	rows, _ := admin.Query(t.Context(), `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass`)
	partitions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(partitions) < 3 {
		t.Errorf("audit_logs has the partitions %v, want the default one and those of the months ahead", partitions)
	}
	for _, table := range append(tables, partitions...) {
		for _, statement := range []string{"UPDATE %s SET created_at = now()", "DELETE FROM %s", "TRUNCATE %s"} {
			statement = fmt.Sprintf(statement, table)
			tag, err := admin.Exec(t.Context(), statement)
			if err == nil && tag.RowsAffected() == 0 && !strings.HasPrefix(statement, "TRUNCATE") {
				continue // an empty partition has no row to refuse
			}
			if got := outcome(t, tag, err); got != "CH403" {
				t.Errorf("%s as a superuser: got %s, want CH403", statement, got)
			}
		}
	}
}
