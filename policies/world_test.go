package policies_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// world is a database with two identities, each of which has a row of every entity.
type world struct {
	owner, other uuid.UUID
	// agents are active agents with every capability, one of each identity.
	agents  map[uuid.UUID]uuid.UUID
	rowsOf  map[uuid.UUID]rows
	service *pgxpool.Pool
}

func (w *world) rows() map[string]uuid.UUID { return w.rowsOf[w.owner].first }

func newWorld(t *testing.T, db *dbtest.DB) *world {
	t.Helper()
	w := &world{owner: dbtest.NewID(), other: dbtest.NewID(), rowsOf: map[uuid.UUID]rows{}, agents: map[uuid.UUID]uuid.UUID{}}
	admin := pgtest.Connect(t, db.AdminURL)
	for _, who := range []uuid.UUID{w.owner, w.other} {
		w.rowsOf[who] = rows{map[string]uuid.UUID{}, map[string]uuid.UUID{}}
		w.populate(t, admin, who)
		if _, err := admin.Exec(t.Context(), "UPDATE identities SET email_verified_at = now() WHERE id = $1", who); err != nil {
			t.Fatal(err)
		}
		// Rows without an actor were written before keys were scoped to actors.
		if _, err := admin.Exec(t.Context(), "UPDATE app.idempotency_keys SET actor_id = created_by, actor_kind = 'human' WHERE created_by = $1", who); err != nil {
			t.Fatal(err)
		}
		w.agents[who] = hireAgent(t, db, who, "active", datatype.Capability("").Values()...)
	}
	w.service = db.Pool(t, db.ServiceURL)
	return w
}

// populate inserts an identity's rows, each after the rows to which it refers.
func (w *world) populate(t *testing.T, admin *pgx.Conn, who uuid.UUID) {
	t.Helper()
	mine := w.rowsOf[who]
	referred := map[string]bool{}
	for _, table := range policies.Tables {
		for _, r := range table.References {
			if _, ok := fixtures[table.Entity][r.Column]; ok {
				referred[r.Table] = true
			}
		}
	}
	for waiting := identitiesFirst(); len(waiting) > 0; {
		var next []policies.Table
		for _, table := range waiting {
			for i, into := range []map[string]uuid.UUID{mine.first, mine.spare} {
				if i == 1 && !referred[table.Name] || fixtures[table.Entity] == nil {
					continue
				}
				id := dbtest.NewID()
				if table.Owner == "id" {
					id = who
				}
				statement := insertWith(table, id, who, mine.first, mine.spare, nil)
				if strings.Contains(statement, "{") && unresolved.MatchString(statement) {
					next = append(next, table)
					break
				}
				if _, err := admin.Exec(t.Context(), statement); err != nil {
					t.Fatalf("fixture of %s: %v\n%s", table.Entity, err, statement)
				}
				into[table.Entity] = id
			}
		}
		if len(next) == len(waiting) {
			t.Fatalf("fixtures of %v refer to one another in a circle", next[0].Entity)
		}
		waiting = next
	}
}

// unresolved matches a reference to an entity whose row does not exist yet.
var unresolved = regexp.MustCompile(`'\{[A-Z][A-Za-z]+'?\}'`)

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

// try runs the statement as the actor, rolls it back and returns its outcome.
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
		_, err = tx.Conn().PgConn().CopyFrom(ctx, strings.NewReader(""), statement)
		return outcome(t, pgconn.CommandTag{}, err)
	}
	tag, err := tx.Exec(ctx, statement)
	return outcome(t, tag, err)
}

// become sets the role and the identity of the actor for the transaction.
func (w *world) become(t *testing.T, tx pgx.Tx, who actor) {
	t.Helper()
	role, identity, actor := "chenu_human", w.owner.String(), ""
	switch who {
	case other:
		identity = w.other.String()
	case nobody:
		identity = ""
	case agent:
		role, actor = "chenu_agent", w.agents[w.owner].String()
	case stranger:
		role, identity, actor = "chenu_agent", w.other.String(), w.agents[w.other].String()
	}
	if actor == "" {
		actor = identity
	}
	_, err := tx.Exec(t.Context(), "SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true), set_config('app.actor_id', $3, true)", role, identity, actor)
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

// as returns a transaction of the role, for the identity and the actor. It is rolled back when
// the test ends.
func as(t *testing.T, pool *pgxpool.Pool, role string, identity, actor uuid.UUID) pgx.Tx {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(t.Context()) })
	_, err = tx.Exec(t.Context(), "SELECT set_config('role', $1, true), set_config('app.identity_id', $2, true), set_config('app.actor_id', $3, true)",
		role, identity.String(), actor.String())
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// attempt runs the statement in a savepoint and returns its outcome.
func attempt(t *testing.T, tx pgx.Tx, statement string, args ...any) string {
	t.Helper()
	inner, err := tx.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tag, err := inner.Exec(t.Context(), statement, args...)
	got := outcome(t, tag, err)
	if err != nil {
		err = inner.Rollback(t.Context())
	} else {
		err = inner.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}
