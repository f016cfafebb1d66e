package policies_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// bomb returns SQL for a jsonb object whose text is longer than most bytes and whose stored form is many times shorter:
// 1e308 takes 14 bytes stored, and 309 as text.
func bomb(most int) string {
	return fmt.Sprintf("(SELECT jsonb_build_object('n', jsonb_agg('1e308'::jsonb)) FROM generate_series(1, %d))", most/309+1)
}

// bombFor returns a bomb of the form that the column's generated columns can read: an array if the column holds a list.
func bombFor(c policies.Column) string {
	if c.Rules.MaxLength > 0 {
		return "(" + bomb(c.Rules.MaxBytes) + " -> 'n')"
	}
	return bomb(c.Rules.MaxBytes)
}

// writers maps functions to statements that call them with a value for the jsonb column that only the function writes.
// %s is the value.
var writers = map[string]string{
	"app.append_events()":      `SELECT app.append_events('{Thread}', NULL, jsonb_build_array(jsonb_build_object('type', 'note.added', 'schema_version', 1, 'payload', %s)))`,
	"app.request_checkpoint()": `SELECT app.request_checkpoint('{"identity": "{Identity}", "type": "cost", "sphere": null, "resource_type": "note", "action": "x", "resource_id": null, "resource_version": null, "thread_id": null}'::jsonb || jsonb_build_object('content', %s))`,
	"app.record_event()":       `SELECT app.record_read('note', NULL, %s, NULL)`,
}

// TestNumberBombsAreRefused writes numbers whose text is many times longer than their stored form into every jsonb
// column, in raw SQL.
//
// Hardening item 7: the text of every jsonb column is limited in the database, and a column without a limit fails this
// test.
func TestNumberBombsAreRefused(t *testing.T) { //nolint:tparallel // The subtests share a connection.
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := pgtest.Connect(t, db.AdminURL)
	rows, err := admin.Query(t.Context(), `SELECT n.nspname, c.relname, a.attname FROM pg_attribute a
		JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE `+ours+` AND NOT c.relispartition AND a.atttypid IN ('jsonb'::regtype, 'json'::regtype) AND NOT a.attisdropped ORDER BY 1, 2, 3`)
	if err != nil {
		t.Fatal(err)
	}
	type column struct{ Schema, Table, Name string }
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		t.Fatal(err)
	}
	if len(columns) < 10 {
		t.Fatalf("only %d jsonb columns were found", len(columns))
	}
	for _, c := range columns { //nolint:paralleltest // The same.
		var table policies.Table
		for _, candidate := range policies.Tables {
			if candidate.Schema == c.Schema && candidate.Name == c.Table {
				table = candidate
			}
		}
		described, ok := table.Column(c.Name)
		if !ok || described.Rules.MaxBytes == 0 {
			t.Errorf("%s.%s is jsonb without a limit: give it policies.Bytes or policies.BytesBy", c.Table, c.Name)
			continue
		}
		who, statement, constraint := owner, "", ""
		if by := described.Rules.MaxBytesBy; by == "app.seal_audit_logs()" {
			// Columns that triggers fill from rows that are limited themselves: only a superuser can write them
			// directly.
			who = ""
			statement = w.insert(table, dbtest.NewID(), w.owner, map[string]string{c.Name: bombFor(described)})
		} else if by != "" {
			write, ok := writers[by]
			if !ok {
				t.Errorf("%s.%s is limited by %s, which this test does not call: add it to writers", c.Table, c.Name, by)
				continue
			}
			statement = fmt.Sprintf(resolve(write, w.rows(), nil), bombFor(described))
		} else {
			constraint = c.Table + "_" + c.Name + "_size"
			holder := constraint
			if table.RowCheck != nil {
				holder = table.RowConstraint().Name
			}
			var valid bool
			err := admin.QueryRow(t.Context(), `SELECT convalidated FROM pg_constraint WHERE conrelid = $1::regclass AND conname = $2`,
				c.Schema+"."+c.Table, holder).Scan(&valid)
			if err != nil || !valid {
				t.Errorf("%s.%s: no validated constraint limits its text (%v)", c.Table, c.Name, err)
			}
			if !table.Access.Human.Has('I') && !table.Access.Agent.Has('I') && table.Owner != "id" {
				who = "" // Only functions write the table. The constraint applies to their owners as it does to a superuser.
			}
			if table.Owner == "id" {
				statement = fmt.Sprintf("UPDATE %s SET %s = %s WHERE id = '%s'", table.QualifiedName(), c.Name, bombFor(described), w.owner)
			} else {
				statement = w.insert(table, dbtest.NewID(), w.owner, map[string]string{c.Name: bombFor(described)})
			}
		}
		t.Run(c.Table+"."+c.Name, func(t *testing.T) {
			tx, err := admin.Begin(t.Context())
			if who != "" {
				tx, err = w.service.Begin(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback(t.Context()) }()
			if who != "" {
				w.become(t, tx, who)
			}
			_, err = tx.Exec(t.Context(), statement)
			refusal, ok := errors.AsType[*pgconn.PgError](err)
			if !ok || refusal.Code != "23514" && refusal.Code != "CH422" {
				t.Errorf("%.200s\nwas not refused for its size: %v", statement, err)
			} else if constraint != "" && refusal.ConstraintName != constraint {
				t.Errorf("%.200s\nwas refused by %q, want %q: %v", statement, refusal.ConstraintName, constraint, err)
			}
		})
	}
}
