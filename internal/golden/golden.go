// Package golden compares the output of tests with files. Only tests import it.
package golden

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// Update reports whether the flag -update is set, which rewrites the golden files.
func Update() bool { return *update }

// File compares got with the file at path. With -update it writes the file instead.
func File(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		Write(t, path, []byte(got))
		return
	}
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err != nil || got != string(want) {
		t.Errorf("%s differs: run the test with -update and review the change. It would be:\n%s", path, got)
	}
}

// Write writes a golden file.
func Write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // others read the repository
		t.Fatal(err)
	}
}
