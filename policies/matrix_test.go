package policies_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
)

// actor is who runs a statement of the matrix; every row it aims at belongs to
// the owner.
type actor string

const (
	owner    actor = "owner"
	other    actor = "other identity"
	nobody   actor = "no identity"
	agent    actor = "agent"
	stranger actor = "other identity's agent"
)

var actors = []actor{owner, other, nobody, agent, stranger}

// Outcomes of the matrix: a number of rows, or an SQLSTATE. A refusal by
// privilege and one by policy are the same SQLSTATE.
const (
	one     = "1 row"
	zero    = "0 rows"
	refused = "42501"
	// COPY FROM does not exist under row-level security (manual, COPY, Notes).
	noCopy = "0A000"
	// A reference to a row of another identity is one to a row that is not.
	noReference = "23503"
)

// expectations of one actor, by action. An action that is not named is refused.
type expectations map[actor]map[string]string

// collection is what every ordinary sphere entity grants: its owner everything,
// the owner's agents the same, everybody else nothing, and nobody the columns
// that the database sets.
var collection = expectations{
	owner:    {"select": one, "insert": one, "update": one, "delete": one, "upsert": one, "reference": noReference, "copy": noCopy},
	agent:    {"select": one, "insert": one, "update": one, "delete": one, "upsert": one, "reference": noReference, "copy": noCopy},
	other:    {"select": zero, "update": zero, "delete": zero, "copy": noCopy},
	stranger: {"select": zero, "update": zero, "delete": zero, "copy": noCopy},
	nobody:   {"select": zero, "update": zero, "delete": zero, "copy": noCopy},
}

// readOnly is what a table grants that only functions change.
var readOnly = expectations{
	owner:    {"select": one},
	agent:    {"select": one},
	other:    {"select": zero},
	stranger: {"select": zero},
	nobody:   {"select": zero},
}

// hidden is what a table grants that only functions reach.
var hidden = expectations{owner: {}, agent: {}, other: {}, stranger: {}, nobody: {}}

// matrix has every table of the graph.
var matrix = map[string]expectations{
	"Identity": {
		owner:    {"select": one, "update": one, "insert": "23505", "upsert": one, "copy": noCopy},
		agent:    {"select": one},
		other:    {"select": zero, "update": zero, "copy": noCopy},
		stranger: {"select": zero},
		nobody:   {"select": zero, "update": zero, "copy": noCopy},
	},
	"AuditLog": readOnly,
	"Note":     collection,
	"Contact":  collection,
	"Invoice":  collection,
	"Session":  readOnly,
	"IdempotencyKey": {
		owner:    {"select": one, "insert": one, "delete": one, "copy": noCopy},
		agent:    {"select": one, "insert": one, "delete": one, "copy": noCopy},
		other:    {"select": zero, "delete": zero, "copy": noCopy},
		stranger: {"select": zero, "delete": zero, "copy": noCopy},
		nobody:   {"select": zero, "delete": zero, "copy": noCopy},
	},
	"SigningKey": hidden,
}

// fixtures give the columns that a row needs beside its id and owner, as SQL.
var fixtures = map[string]map[string]string{
	"Identity":       {"email": "'%[1]s@example.org'", "name": "'Ada'"},
	"AuditLog":       {"actor_kind": "'human'", "action": "'read'", "outcome": "'success'", "resource_type": "'note'", "db_role": "'test'", "details": "'{}'"},
	"Note":           {"title": "'Note'"},
	"Contact":        {"name": "'Grace'"},
	"Invoice":        {"number": "'%[1]s'", "currency": "'EUR'", "line_items": `'[{"description":"x","quantity":"1","unit_price":"2","tax_rate":"0"}]'`},
	"Session":        {"expires_at": "now() + interval '1 day'", "authenticated_at": "now()"},
	"SigningKey":     {"public_key": `'\x00'`, "private_key": `'\x00'`},
	"IdempotencyKey": {"route": "'create-note'", "key": "'%[1]s'", "request_digest": `'\x00'`, "status": "201", "headers": "'{}'"},
}

// TestMatrix holds every table to what each kind of actor may do with a row of
// one identity, in raw SQL as the serving role.
func TestMatrix(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	for _, table := range policies.Tables {
		expected, ok := matrix[table.Entity]
		if !ok {
			t.Errorf("%s has no expectations: add it to the matrix", table.Entity)
			continue
		}
		if fixtures[table.Entity] == nil {
			t.Errorf("%s has no fixture: add one beside the matrix", table.Entity)
			continue
		}
		for _, who := range actors {
			for _, action := range slices.Sorted(maps.Keys(actions)) {
				statement := actions[action](w, table, who)
				if statement == "" {
					continue
				}
				want, ok := expected[who][action]
				if !ok {
					want = refused
				}
				t.Run(fmt.Sprintf("%s/%s/%s", table.Name, who, action), func(t *testing.T) {
					if got := w.try(t, who, statement); got != want {
						t.Errorf("%s\n%s: got %s, want %s", statement, who, got, want)
					}
				})
			}
		}
	}
	for entity := range matrix {
		if _, ok := policies.ByEntity(entity); !ok {
			t.Errorf("the matrix expects %s, which the graph does not have", entity)
		}
	}
}

// actions make the statement of each action on the owner's row, or nothing
// where the table has no such thing.
var actions = map[string]func(w *world, t policies.Table, who actor) string{
	"select": func(w *world, t policies.Table, _ actor) string {
		return fmt.Sprintf("SELECT id FROM %s WHERE id = '%s'", t.QualifiedName(), w.rows[t.Entity])
	},
	"insert": func(w *world, t policies.Table, _ actor) string {
		return insert(t, newID(), w.owner)
	},
	"update": func(w *world, t policies.Table, _ actor) string {
		column := "created_at"
		if u := t.Updatable(); len(u) > 0 {
			column = u[0]
		}
		return fmt.Sprintf("UPDATE %s SET %[2]s = %[2]s WHERE id = '%[3]s'", t.QualifiedName(), column, w.rows[t.Entity])
	},
	"delete": func(w *world, t policies.Table, _ actor) string {
		return fmt.Sprintf("DELETE FROM %s WHERE id = '%s'", t.QualifiedName(), w.rows[t.Entity])
	},
	"re-own": func(w *world, t policies.Table, _ actor) string {
		if t.Owner == "" {
			return ""
		}
		return fmt.Sprintf("UPDATE %s SET %s = '%s' WHERE id = '%s'", t.QualifiedName(), t.Owner, w.other, w.rows[t.Entity])
	},
	"upsert": func(w *world, t policies.Table, _ actor) string {
		columns := t.Updatable()
		key, set := "id", "id = excluded.id"
		if t.Owner != "" && t.Owner != "id" {
			key = t.Owner + ", id"
		}
		if len(columns) > 0 {
			set = fmt.Sprintf("%[1]s = excluded.%[1]s", columns[0])
		}
		return insert(t, w.rows[t.Entity], w.owner) + fmt.Sprintf(" ON CONFLICT (%s) DO UPDATE SET %s", key, set)
	},
	"reference": func(w *world, t policies.Table, who actor) string {
		if len(t.References) == 0 {
			return ""
		}
		ref := t.References[0]
		var target policies.Table
		for _, candidate := range policies.Tables {
			if candidate.Name == ref.Table {
				target = candidate
			}
		}
		// The other identity's row, named from a row of the owner's.
		return insertWith(t, newID(), w.owner, map[string]string{ref.Column: "'" + w.othersRows[target.Entity].String() + "'"})
	},
	"write an ungranted column": func(w *world, t policies.Table, _ actor) string {
		return fmt.Sprintf("UPDATE %s SET created_at = now() WHERE id = '%s'", t.QualifiedName(), w.rows[t.Entity])
	},
	"insert an ungranted column": func(w *world, t policies.Table, _ actor) string {
		return insertWith(t, newID(), w.owner, map[string]string{"created_at": "now()"})
	},
	"truncate": func(_ *world, t policies.Table, _ actor) string {
		return "TRUNCATE " + t.QualifiedName()
	},
	"copy": func(_ *world, t policies.Table, _ actor) string {
		return fmt.Sprintf("COPY %s (%s) FROM STDIN", t.QualifiedName(), strings.Join(columnsOf(t), ", "))
	},
}

// columnsOf are the columns that a fixture's row has.
func columnsOf(t policies.Table) []string {
	columns := []string{"id"}
	if t.Owner != "" && t.Owner != "id" {
		columns = append(columns, t.Owner)
	}
	return append(columns, slices.Sorted(maps.Keys(fixtures[t.Entity]))...)
}

func insert(t policies.Table, id, owner uuid.UUID) string { return insertWith(t, id, owner, nil) }

func insertWith(t policies.Table, id, owner uuid.UUID, more map[string]string) string {
	columns := columnsOf(t)
	for _, name := range slices.Sorted(maps.Keys(more)) {
		columns = append(columns, name)
	}
	values := make([]string, len(columns))
	for i, name := range columns {
		switch v, ok := more[name]; {
		case ok:
			values[i] = v
		case name == "id" && t.Owner == "id":
			values[i] = "'" + owner.String() + "'"
		case name == "id":
			values[i] = "'" + id.String() + "'"
		case name == t.Owner:
			values[i] = "'" + owner.String() + "'"
		default:
			values[i] = strings.ReplaceAll(fixtures[t.Entity][name], "%[1]s", id.String())
		}
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", t.QualifiedName(), strings.Join(columns, ", "), strings.Join(values, ", "))
}

// world is a database in which two identities have a row of everything.
type world struct {
	owner, other     uuid.UUID
	rows, othersRows map[string]uuid.UUID
	service          *pgx.Conn
}

func newWorld(t *testing.T, db *dbtest.DB) *world {
	t.Helper()
	w := &world{owner: newID(), other: newID(), rows: map[string]uuid.UUID{}, othersRows: map[string]uuid.UUID{}}
	admin := connect(t, db.AdminURL)
	for _, table := range identitiesFirst() {
		for who, rows := range map[uuid.UUID]map[string]uuid.UUID{w.owner: w.rows, w.other: w.othersRows} {
			id := newID()
			if table.Owner == "id" {
				id = who
			}
			if fixtures[table.Entity] == nil {
				continue
			}
			if _, err := admin.Exec(t.Context(), insert(table, id, who)); err != nil {
				t.Fatalf("fixture of %s: %v", table.Entity, err)
			}
			rows[table.Entity] = id
		}
	}
	w.service = connect(t, db.ServiceURL)
	return w
}

func identitiesFirst() []policies.Table {
	tables := slices.Clone(policies.Tables)
	slices.SortStableFunc(tables, func(a, b policies.Table) int {
		return boolOrder(b.Owner == "id") - boolOrder(a.Owner == "id")
	})
	return tables
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// try runs the statement as the actor and takes it back.
func (w *world) try(t *testing.T, who actor, statement string) string {
	t.Helper()
	ctx := t.Context()
	tx, err := w.service.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(ctx); err != nil {
			t.Fatal(err)
		}
	}()
	w.become(t, tx, who)
	if strings.HasPrefix(statement, "COPY") {
		_, err = w.service.PgConn().CopyFrom(ctx, strings.NewReader(""), statement)
		return outcome(t, pgconn.CommandTag{}, err)
	}
	tag, err := tx.Exec(ctx, statement)
	return outcome(t, tag, err)
}

// become sets the role and the identity of the actor for the transaction.
func (w *world) become(t *testing.T, tx pgx.Tx, who actor) {
	t.Helper()
	role, identity := "chenu_human", w.owner.String()
	switch who {
	case other:
		identity = w.other.String()
	case nobody:
		identity = ""
	case agent:
		role = "chenu_agent"
	case stranger:
		role, identity = "chenu_agent", w.other.String()
	}
	_, err := tx.Exec(t.Context(), "SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true), set_config('app.actor_id', $2, true)", role, identity)
	if err != nil {
		t.Fatal(err)
	}
}

func outcome(t *testing.T, tag pgconn.CommandTag, err error) string {
	t.Helper()
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	if tag.RowsAffected() == 1 {
		return one
	}
	return fmt.Sprintf("%d rows", tag.RowsAffected())
}
