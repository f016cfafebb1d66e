package migrations_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"

	"github.com/chenu/chenu/migrations"
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
		t.Error("what is embedded is not what is in the directory")
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		files map[string]string // hashed after this
		then  map[string]string // changed after hashing; "" removes
		says  string            // of the refusal; "" means valid
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
		{name: "sum is rubbish", files: map[string]string{"1_a.sql": "SELECT 1;"}, then: map[string]string{"atlas.sum": "<<<<<<< ours\n"}, says: "atlas.sum was edited or merged by hand"},

		{name: "a name without a version", files: map[string]string{"a.sql": "SELECT 1;"}, says: "a.sql is not named <timestamp>_<name>.sql"},
		{name: "the same version twice", files: map[string]string{"1_a.sql": "SELECT 1;", "1_b.sql": "SELECT 2;"}, says: "1_b.sql has version 1, which does not come after 1 of 1_a.sql"},
		{name: "versions of another length", files: map[string]string{"10_a.sql": "SELECT 1;", "1_b.sql": "SELECT 2;"}, says: "1_b.sql has version 1, which does not come after 10 of 10_a.sql"},
		{name: "not UTF-8", files: map[string]string{"1_a.sql": "SELECT '\xff';"}, says: "1_a.sql is not UTF-8"},
		{name: "an open quote", files: map[string]string{"1_a.sql": "SELECT 1;\nSELECT 'oops;"}, says: "1_a.sql cannot be split into statements: 2:"},
		{name: "a directive that Atlas would overlook", files: map[string]string{"1_a.sql": "-- atlas:txmode none\nSELECT 1;"}, says: "not followed by an empty line"},
		{name: "an unknown mode", files: map[string]string{"1_a.sql": "-- atlas:txmode all\n\nSELECT 1;"}, says: `atlas:txmode "all"`},
		{name: "two modes", files: map[string]string{"1_a.sql": "-- atlas:txmode none\n-- atlas:txmode file\n\nSELECT 1;"}, says: "more than one atlas:txmode"},
		{name: "a checkpoint", files: map[string]string{"1_a.sql": "-- atlas:checkpoint\n\nSELECT 1;"}, says: "atlas:checkpoint, which is not supported"},
		{name: "left out of the sum", files: map[string]string{"1_a.sql": "-- atlas:sum ignore\n\nSELECT 1;"}, says: "1_a.sql is left out of atlas.sum"},
		{name: "a delimiter too late", files: map[string]string{"1_a.sql": "SELECT 1;\n-- atlas:delimiter x\n"}, says: "below its first line"},
		{name: "COMMIT", files: map[string]string{"1_a.sql": "SELECT 1;\n\ncommit;\n"}, says: "1_a.sql:3 says COMMIT"},
		{name: "BEGIN", files: map[string]string{"1_a.sql": "BEGIN;"}, says: "says BEGIN"},
		{name: "ROLLBACK", files: map[string]string{"1_a.sql": "ROLLBACK TO SAVEPOINT x;"}, says: "says ROLLBACK"},
		{name: "SET ROLE", files: map[string]string{"1_a.sql": "SET  local\nrole chenu_audit;"}, says: "says SET LOCAL ROLE"},
		{name: "RESET ALL", files: map[string]string{"1_a.sql": "RESET ALL;"}, says: "says RESET ALL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := writeDir(t, test.files)
			for name, text := range test.then {
				if err := os.Remove(filepath.Join(path, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				if text != "" {
					writeFile(t, path, name, text)
				}
			}
			err := migrations.Validate(openDir(t, path))
			if test.says == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, migrations.ErrDirectory) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got  %v\nwant a refusal that says %q", err, test.says)
			}
		})
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	path := writeDir(t, map[string]string{"1_a.sql": "SELECT 1;"})
	writeFile(t, path, "2_b.sql", "SELECT 2;")
	if err := migrations.Validate(openDir(t, path)); err == nil {
		t.Fatal("an unhashed file is valid")
	}
	if err := migrations.Hash(path); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Validate(openDir(t, path)); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Hash(filepath.Join(path, "nowhere")); err == nil {
		t.Error("hashed a directory that does not exist")
	}
}

// writeDir makes a hashed migration directory.
func writeDir(t *testing.T, files map[string]string) string {
	t.Helper()
	path := t.TempDir()
	for name, text := range files {
		writeFile(t, path, name, text)
	}
	if err := migrations.Hash(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeFile(t *testing.T, path, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func openDir(t *testing.T, path string) migrate.Dir {
	t.Helper()
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
