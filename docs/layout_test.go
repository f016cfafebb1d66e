package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestToolsKnowNoProject finds names of this project in the packages that are given them (project.Conventions).
func TestToolsKnowNoProject(t *testing.T) {
	t.Parallel()
	names := regexp.MustCompile(`chenu_|app\.identity_id`)
	for _, root := range []string{"postgres", "policies/access", "policies/predicate", "policies/explain", "migrations"} {
		err := filepath.WalkDir(filepath.Join("..", root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/dbtest/") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i, line := range strings.Split(string(text), "\n") {
				if name := names.FindString(line); name != "" {
					t.Errorf("%s:%d contains %s", path, i+1, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
