package lint_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	pages "github.com/chenu/chenu/docs/lint"
	"github.com/chenu/chenu/migrations/lint"
	"github.com/chenu/chenu/policies"
)

// TestCorpus runs the lint on a corpus. Each archive contains migration files, which follow the tables of docs/lint and
// further given tables, and the expected findings, as "CODE line". If it has a file says, the findings contain each of
// its lines, in messages or advice. The names of valid files begin with good_.
func TestCorpus(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/corpus/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	var (
		mu                               sync.Mutex
		good, expected, caught, spurious int
	)
	t.Cleanup(func() {
		t.Logf("%d valid files, %d invalid files; %d findings expected, %d of them found, %d unexpected",
			good, len(archives)-good, expected, caught, spurious)
	})
	for _, path := range archives {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts := []string{pages.Base()}
			skip := 1
			var want, says []string
			for _, f := range archive.Files {
				switch text := string(f.Data); f.Name {
				case "given.sql":
					texts = append(texts, text)
					skip++
				case "want":
					want = strings.Split(strings.TrimSpace(text), "\n")
				case "says":
					says = strings.Split(strings.TrimSpace(text), "\n")
				default:
					texts = append(texts, text)
				}
			}
			want = slices.DeleteFunc(want, func(s string) bool { return s == "" })
			found := run(t, skip, directory(t, texts...), lint.Options{Conventions: &policies.Conventions})
			missing := slices.Clone(want)
			var more []lint.Finding
			for _, f := range found {
				text := fmt.Sprintf("%s %d", f.Code, f.Line)
				if f.Accepted != "" {
					text += " accepted"
				}
				if i := slices.Index(missing, text); i >= 0 {
					missing = slices.Delete(missing, i, i+1)
				} else {
					more = append(more, f)
				}
			}
			mu.Lock()
			expected, caught, spurious = expected+len(want), caught+len(want)-len(missing), spurious+len(more)
			if strings.HasPrefix(name, "good_") {
				good++
			}
			mu.Unlock()
			for _, line := range says {
				if text := show(found); !strings.Contains(text, line) {
					t.Errorf("nothing says %q:\n%s", line, text)
				}
			}
			if len(missing) > 0 {
				t.Errorf("not found: %s", strings.Join(missing, ", "))
			}
			if len(more) > 0 {
				t.Errorf("found, but not expected:\n%s", show(more))
			}
		})
	}
}
