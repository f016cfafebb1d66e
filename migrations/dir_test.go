package migrations_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/migrations/dbtest"
)

func TestEmbedded(t *testing.T) {
	t.Parallel()
	dir, err := migrations.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrations.Validate(dir); err != nil {
		t.Fatal(err)
	}
	embedded, err := dir.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	local, err := migrate.NewLocalDir(".")
	if err != nil {
		t.Fatal(err)
	}
	here, err := local.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if embedded.Sum() != here.Sum() {
		t.Error("the embedded files differ from those in the directory")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string // included in atlas.sum
		then  map[string]string // changed afterwards; "" removes
		says  string            // part of the refusal; "" means valid
	}{
		{name: "empty"},
		{name: "plain", files: map[string]string{"1_a.sql": "SELECT 1;"}},
		{name: "no statements", files: map[string]string{"1_a.sql": "-- nothing yet\n"}},
		{name: "not a transaction", files: map[string]string{"1_a.sql": "-- atlas:txmode none\n\nSELECT 1;"}},
		{name: "nolint", files: map[string]string{"1_a.sql": "-- atlas:nolint destructive\nDROP TABLE a;"}},
		{name: "a function that begins and ends", files: map[string]string{"1_a.sql": "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n  COMMIT;\nEND\n$$;"}},
		{name: "a standard function body", files: map[string]string{"1_a.sql": "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;"}},

		{name: "edited", files: map[string]string{"1_a.sql": "SELECT 1;", "2_b.sql": "SELECT 2;"}, then: map[string]string{"1_a.sql": "SELECT 0;"}, says: "1_a.sql was edited"},
		{name: "added", files: map[string]string{"1_a.sql": "SELECT 1;"}, then: map[string]string{"2_b.sql": "SELECT 2;"}, says: "2_b.sql was added"},
		{name: "removed", files: map[string]string{"1_a.sql": "SELECT 1;", "2_b.sql": "SELECT 2;"}, then: map[string]string{"2_b.sql": ""}, says: "2_b.sql was removed"},
		{name: "no sum", files: map[string]string{"1_a.sql": "SELECT 1;"}, then: map[string]string{"atlas.sum": ""}, says: "atlas.sum is missing; run `chenu migrate hash`"},
		{name: "invalid sum", files: map[string]string{"1_a.sql": "SELECT 1;"}, then: map[string]string{"atlas.sum": "<<<<<<< ours\n"}, says: "atlas.sum was edited or merged manually"},

		{name: "a name without a version", files: map[string]string{"a.sql": "SELECT 1;"}, says: "a.sql is not named <timestamp>_<name>.sql"},
		{name: "the same version twice", files: map[string]string{"1_a.sql": "SELECT 1;", "1_b.sql": "SELECT 2;"}, says: "1_b.sql has version 1, which is not later than version 1 of 1_a.sql"},
		{name: "versions of another length", files: map[string]string{"10_a.sql": "SELECT 1;", "1_b.sql": "SELECT 2;"}, says: "1_b.sql has version 1, which is not later than version 10 of 10_a.sql"},
		{name: "not UTF-8", files: map[string]string{"1_a.sql": "SELECT '\xff';"}, says: "1_a.sql is not UTF-8"},
		{name: "an open quote", files: map[string]string{"1_a.sql": "SELECT 1;\nSELECT 'oops;"}, says: "1_a.sql cannot be split into statements: 2:"},
		{name: "a directive that Atlas would overlook", files: map[string]string{"1_a.sql": "-- atlas:txmode none\nSELECT 1;"}, says: "not followed by an empty line"},
		{name: "an unknown mode", files: map[string]string{"1_a.sql": "-- atlas:txmode all\n\nSELECT 1;"}, says: `atlas:txmode "all"`},
		{name: "two modes", files: map[string]string{"1_a.sql": "-- atlas:txmode none\n-- atlas:txmode file\n\nSELECT 1;"}, says: "more than one atlas:txmode"},
		{name: "a checkpoint", files: map[string]string{"1_a.sql": "-- atlas:checkpoint\n\nSELECT 1;"}, says: "atlas:checkpoint, which is not supported"},
		{name: "not in the sum", files: map[string]string{"1_a.sql": "-- atlas:sum ignore\n\nSELECT 1;"}, says: "1_a.sql is excluded from atlas.sum"},
		{name: "a delimiter too late", files: map[string]string{"1_a.sql": "SELECT 1;\n-- atlas:delimiter x\n"}, says: "below its first line"},
		{name: "COMMIT", files: map[string]string{"1_a.sql": "SELECT 1;\n\ncommit;\n"}, says: "1_a.sql:3 contains COMMIT"},
		{name: "BEGIN", files: map[string]string{"1_a.sql": "BEGIN;"}, says: "contains BEGIN"},
		{name: "ROLLBACK", files: map[string]string{"1_a.sql": "ROLLBACK TO SAVEPOINT x;"}, says: "contains ROLLBACK"},
		{name: "SET ROLE", files: map[string]string{"1_a.sql": "SET  local\nrole chenu_audit;"}, says: "contains SET LOCAL ROLE"},
		{name: "RESET ALL", files: map[string]string{"1_a.sql": "RESET ALL;"}, says: "contains RESET ALL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := dbtest.WriteDir(t, test.files)
			for name, text := range test.then {
				if err := os.Remove(filepath.Join(path, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				if text != "" {
					dbtest.WriteFile(t, path, name, text)
				}
			}
			err := migrations.Validate(dbtest.OpenDir(t, path))
			if test.says == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, migrations.ErrDirectory) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got  %v\nwant a refusal with %q", err, test.says)
			}
		})
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	path := dbtest.WriteDir(t, map[string]string{"1_a.sql": "SELECT 1;"})
	dbtest.WriteFile(t, path, "2_b.sql", "SELECT 2;")
	if err := migrations.Validate(dbtest.OpenDir(t, path)); err == nil {
		t.Fatal("an unhashed file is valid")
	}
	if err := migrations.Hash(path); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Validate(dbtest.OpenDir(t, path)); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Hash(filepath.Join(path, "nowhere")); err == nil {
		t.Error("hashed a directory that does not exist")
	}
}

func TestFileLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		lines      []int
	}{
		{"from the first line", "SELECT 1;\nSELECT 2;\n", []int{1, 2}},
		{"comments and empty lines", "-- one\n\n-- two\nSELECT 1;\n\n/* three\n*/ SELECT\n2;\n", []int{4, 7}},
		{"a directive", "-- atlas:txmode none\n\nSELECT 1;", []int{3}},
		{"another delimiter", "-- atlas:delimiter \\n\\n\\n\n\nSELECT 1;\nSELECT 1;\n\n\nSELECT 2;\n", []int{3, 7}},
		{"a body with semicolons", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$\n  SELECT 1;\n  SELECT 2;\n$$;\nSELECT 3;", []int{1, 5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files, err := migrations.Read(dbtest.OpenDir(t, dbtest.WriteDir(t, map[string]string{"1_x.sql": test.text})))
			if err != nil {
				t.Fatal(err)
			}
			var lines []int
			for _, s := range files[0].Statements {
				lines = append(lines, s.Line)
			}
			if !slices.Equal(lines, test.lines) {
				t.Errorf("lines %v, want %v", lines, test.lines)
			}
		})
	}
}
