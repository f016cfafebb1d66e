package pgtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Kill ends the server that postgres/local runs on a data directory with SIGKILL, like a crash. Use it only for a
// server of the test, never for the server that tests share.
func Kill(t testing.TB, dataDir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dataDir, "postgres-*", "postmaster.pid"))
	if err != nil || len(found) != 1 {
		t.Fatalf("postmaster.pid: %v, %v", found, err)
	}
	data, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || pid <= 1 {
		t.Fatalf("postmaster.pid contains %q", line)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
}
