package dbtest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ariga.io/atlas/sql/migrate"
)

// Dir returns a migration directory in memory with the files, by name.
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

// Hash writes the directory's atlas.sum for its current files.
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

// WriteDir writes a migration directory with the files and their atlas.sum, and returns its path. The directory is
// removed when the test ends.
func WriteDir(t testing.TB, files map[string]string) string {
	t.Helper()
	path := t.TempDir()
	for name, text := range files {
		WriteFile(t, path, name, text)
	}
	Hash(t, OpenDir(t, path))
	return path
}

// WriteFile writes a file of the directory at path, and leaves atlas.sum as it is.
func WriteFile(t testing.TB, path, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(path, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// OpenDir opens the migration directory at path.
func OpenDir(t testing.TB, path string) migrate.Dir {
	t.Helper()
	dir, err := migrate.NewLocalDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
