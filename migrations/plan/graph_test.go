package plan_test

import (
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"

	entmigrate "github.com/chenu/chenu/ent/migrate"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/plan"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/pgtest"
)

// TestGraph plans the whole graph for an empty database, applies the plan, and checks that no table violates the rules
// of the graph.
func TestGraph(t *testing.T) {
	t.Parallel()
	dir := &migrate.MemDir{}
	in := plan.Input{
		Conventions: &policies.Conventions,
		Name:        "everything", Dir: dir, DevURL: dbtest.ServerURL(t),
		Desired: plan.Graph(entmigrate.Tables, policies.Tables, policies.SQL()),
	}
	planned, err := plan.Diff(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	add(t, dir, planned)
	database := dbtest.Empty(t)
	applyAll(t, database.MigrateURL, dir)
	if again, err := plan.Diff(t.Context(), in); err != nil || again != nil {
		t.Fatalf("second Diff: %v, %+v; want no changes", err, again)
	}

	conn := pgtest.Connect(t, database.AdminURL)
	for name, query := range map[string]string{
		"a foreign key may refer to rows of another identity": `
			SELECT c.conname FROM pg_constraint c
			WHERE c.contype = 'f' AND c.confrelid <> 'identities'::regclass AND cardinality(c.conkey) < 2`,
		"a foreign key sets a column to NULL or its default": `
			SELECT conname FROM pg_constraint WHERE contype = 'f' AND (confdeltype IN ('n', 'd') OR confupdtype IN ('n', 'd'))`,
		"rows of an owned table may have an owner that does not exist": `
			SELECT a.attrelid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE a.attname = 'created_by' AND c.relkind IN ('r', 'p') AND c.oid <> 'app.collected_writes'::regclass AND NOT EXISTS (
				SELECT FROM pg_constraint f
				WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid = 'identities'::regclass AND f.conkey = ARRAY[a.attnum])`,
		"a key of an owned table does not begin with the owner": `
			SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = 'created_by'
			WHERE i.indisunique AND i.indkey[0] <> a.attnum`,
		"a column is varchar": `
			SELECT attrelid::regclass || '.' || attname FROM pg_attribute
			WHERE atttypid = 'varchar'::regtype AND attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace IN ('public'::regnamespace, 'app'::regnamespace))`,
		"a table is without row security, or the owner is exempt": `
			SELECT oid::regclass::text FROM pg_class
			WHERE relkind IN ('r', 'p') AND relnamespace IN ('public'::regnamespace, 'app'::regnamespace) AND NOT (relrowsecurity AND relforcerowsecurity)`,
		"the owner of a definer function may create objects in a schema": `
			SELECT rolname || ' in ' || nspname FROM pg_roles, pg_namespace
			WHERE rolname LIKE 'chenu\_%' AND NOT pg_has_role(rolname, 'chenu_owner', 'USAGE') AND nspname IN ('public', 'app') AND has_schema_privilege(rolname, nspname, 'CREATE')
			AND NOT rolsuper`,
		"an object has an unknown owner": `
			SELECT proname FROM pg_proc WHERE pronamespace IN ('public'::regnamespace, 'app'::regnamespace) AND pg_get_userbyid(proowner) NOT LIKE 'chenu\_%'`,
	} {
		rows, err := conn.Query(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for rows.Next() {
			var which string
			if err := rows.Scan(&which); err != nil {
				t.Fatal(err)
			}
			t.Errorf("%s: %s", name, which)
		}
		if err := rows.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

func TestGraphErrors(t *testing.T) {
	t.Parallel()
	schema := policies.File{Name: "schema.sql", SQL: "CREATE SCHEMA app;\n"}
	for name, test := range map[string]struct {
		desired plan.Desired
		want    string
	}{
		"kind of statement": {
			plan.Graph(nil, nil, []policies.File{schema, {Name: "functions/x.sql", SQL: "-- no\nCREATE TABLE x (id uuid);\n"}}),
			"functions/x.sql:2: CREATE TABLE x (id uuid): this kind of statement cannot be part of the desired state",
		},
		"table without description": {
			plan.Graph(entmigrate.Tables[:1], nil, []policies.File{schema}),
			"is not described in policies: run `make generate`",
		},
		"description without table": {
			plan.Graph(nil, policies.Tables[:1], []policies.File{schema}),
			"is described in policies but ent/migrate does not have it: run `make generate`",
		},
		"function with a missing type": {
			plan.Graph(nil, nil, []policies.File{schema, {Name: "functions/x.sql", SQL: "CREATE FUNCTION app.f() RETURNS SETOF nothing LANGUAGE sql AS 'SELECT 1';\n"}}),
			`functions/x.sql:1: type "nothing" does not exist`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.Diff(t.Context(), plan.Input{Conventions: &policies.Conventions, Name: "test", Dir: &migrate.MemDir{}, Desired: test.desired, DevURL: dbtest.ServerURL(t)})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Diff: %v; want an error with %q", err, test.want)
			}
		})
	}
}
