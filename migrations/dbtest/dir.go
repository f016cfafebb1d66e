package dbtest

import (
	"maps"
	"slices"
	"testing"

	"ariga.io/atlas/sql/migrate"
)

// Dir makes a migration directory of files, by their names. It lives in memory.
func Dir(t testing.TB, files map[string]string) *migrate.MemDir {
	t.Helper()
	dir := &migrate.MemDir{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := dir.WriteFile(name, []byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	Hash(t, dir)
	return dir
}

// Hash writes the directory's atlas.sum for the files that it has now.
func Hash(t testing.TB, dir migrate.Dir) {
	t.Helper()
	sum, err := dir.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate.WriteSumFile(dir, sum); err != nil {
		t.Fatal(err)
	}
}
