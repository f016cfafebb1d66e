package diagram_test

import (
	"testing"

	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/internal/golden"
	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/migrations/diagram"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/dev"
)

func realm(t *testing.T, db *dbtest.DB) *schema.Realm {
	t.Helper()
	s, err := dev.Connect(t.Context(), db.MigrateURL, &policies.Conventions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	in, err := s.Inspect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return in.Realm
}

// TestDocument checks that docs/schema.md matches the schema that the migrations create.
func TestDocument(t *testing.T) {
	t.Parallel()
	got, err := diagram.Document(realm(t, dbtest.New(t)))
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "../../docs/schema.md", got)
}

const small = `
SET ROLE chenu_owner;
CREATE SCHEMA app;
CREATE TABLE people (id uuid PRIMARY KEY, name varchar(20) NOT NULL UNIQUE, balance numeric(12, 2), seen timestamptz);
COMMENT ON TABLE people IS 'Who there is.';
CREATE TABLE app.passports (id uuid PRIMARY KEY REFERENCES people, tags text[] NOT NULL);
CREATE TABLE "Odd Names" (created_by uuid NOT NULL REFERENCES people, "a ""b""" int, friend uuid REFERENCES people, PRIMARY KEY (created_by));
CREATE TABLE logs (id uuid PRIMARY KEY, by uuid NOT NULL REFERENCES people) PARTITION BY RANGE (id);
CREATE TABLE logs_default PARTITION OF logs DEFAULT;`

func TestNotations(t *testing.T) {
	t.Parallel()
	db := dbtest.Empty(t)
	if _, err := db.Pool(t, db.AdminURL).Exec(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	r := realm(t, db)
	all, err := diagram.New(r, diagram.Options{})
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/all.mmd", all.Mermaid())
	golden.File(t, "testdata/all.dot", all.DOT())
	few, err := diagram.New(r, diagram.Options{Tables: []string{"app.passports", "public.Odd Names"}, NoOwners: true})
	if err != nil {
		t.Fatal(err)
	}
	golden.File(t, "testdata/few.mmd", few.Mermaid())
	if _, err := diagram.New(r, diagram.Options{Tables: []string{"nothing"}}); err == nil || err.Error() != "unknown table nothing" {
		t.Errorf("a table that does not exist: %v", err)
	}
}
