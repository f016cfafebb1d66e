package release_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chenu/chenu/postgres/release"
)

// TestDocumentation checks that the documentation states the supported versions and the patch levels. A test of
// cmd/chenu compares docs/configuration.md with the program.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"../../docs/deployment.md":    fmt.Sprintf("It supports PostgreSQL %d to %d.", release.Oldest, release.Newest),
		"../../docs/configuration.md": "older than " + release.PatchedText() + ".",
	} {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), want) {
			t.Errorf("%s does not contain %q", path, want)
		}
	}
}

func TestPatched(t *testing.T) {
	t.Parallel()
	for major := release.Oldest; major <= release.Newest; major++ {
		if release.Patched(major) == 0 {
			t.Errorf("version %d has no patch level", major)
		}
	}
	if n := release.Patched(release.Newest + 1); n != 0 {
		t.Errorf("an unknown version has the patch level %d", n)
	}
	if major, minor := release.Split(150020); major != 15 || minor != 20 {
		t.Errorf("150020 is %d.%d", major, minor)
	}
}
