package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Hardening item 42: a tag of an image or of an action can be moved to other content, a digest cannot. The images that
// CI tests against are named by tag on purpose, to get the newest minor releases.
func TestImagesAndActionsArePinned(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		files       string
		name, built *regexp.Regexp
		pinned      *regexp.Regexp
		want        int // minimum number of names in the files
	}{
		{"../../Dockerfile", regexp.MustCompile(`(?m)^FROM (?:--\S+ )*(\S+)`), nil, regexp.MustCompile(`@sha256:[0-9a-f]{64}$`), 2},
		{"../../compose.yaml", regexp.MustCompile(`(?m)^ *image: (\S+)`), regexp.MustCompile(`^chenu$`), regexp.MustCompile(`@sha256:[0-9a-f]{64}\}$`), 2},
		{"../../.github/workflows/*.yml", regexp.MustCompile(`(?m)uses: (\S+)`), nil, regexp.MustCompile(`@[0-9a-f]{40}$`), 5},
	} {
		files, err := filepath.Glob(test.files)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range test.name.FindAllSubmatch(content, -1) {
				found++
				if name := match[1]; !test.pinned.Match(name) && (test.built == nil || !test.built.Match(name)) {
					t.Errorf("%s: %s is not pinned by digest", filepath.Base(file), name)
				}
			}
		}
		if found < test.want {
			t.Errorf("%s: %d names found, want at least %d", test.files, found, test.want)
		}
	}
}
