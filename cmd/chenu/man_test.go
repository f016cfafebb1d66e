package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writtenPages runs chenu man and returns the pages by name.
func writtenPages(t *testing.T, variables map[string]string) map[string]string {
	t.Helper()
	env, out := testEnvironment(t, variables)
	dir := filepath.Join(t.TempDir(), "share", "man1")
	if code := run(t.Context(), []string{"man", dir}, env); code != exitOK {
		t.Fatalf("exits with %d and prints\n%s", code, out)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		pages[f.Name()] = string(text)
	}
	return pages
}

// words returns the text with single spaces between words, so that it can be searched for text with other line breaks.
func words(text string) string {
	text = strings.NewReplacer("−", "-", "‐", "-", "’", "'", "⋅", "·").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}

// TestManualIsReproducible writes the pages in different environments.
func TestManualIsReproducible(t *testing.T) {
	t.Parallel()
	first := writtenPages(t, nil)
	second := writtenPages(t, map[string]string{
		"CHENU_MIGRATE_DATABASE_URL": "postgres://a:secret@db/chenu", "CHENU_LISTEN_ADDR": "127.0.0.1:1", "LANG": "de_DE", "TZ": "Asia/Tokyo",
	})
	for name, page := range first {
		if second[name] != page {
			t.Errorf("%s depends on the environment:\n%s", name, second[name])
		}
	}
	version, err := programVersion()
	if err != nil || !strings.Contains(first["chenu.1"], `.TH CHENU 1 "" "chenu `+version+`"`) {
		t.Errorf("the pages do not have the version %q: %v", version, err)
	}
}

func TestManualUsage(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"man"}, exitUsage, "expected one argument, the directory of the pages, such as man1"},
		{[]string{"man", "a", "b"}, exitUsage, "expected one argument"},
		{[]string{"man", file}, exitFailed, "create the directory of the pages: "},
	} {
		env, out := testEnvironment(t, nil)
		if code := run(t.Context(), test.args, env); code != test.code || !strings.Contains(out.String(), test.want) {
			t.Errorf("%v: exits with %d and prints\n%s", test.args, code, out)
		}
	}
}
