// Package docs_test checks the pages of the documentation.
package docs_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/chenu/chenu/internal/language"
)

const root = ".."

// pages returns the Markdown files of the documentation, relative to the root.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			all = append(all, strings.TrimPrefix(path, root+string(filepath.Separator)))
		}
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	codeBlock = regexp.MustCompile("(?ms)^```.*?^```$")
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	link      = regexp.MustCompile(`\[[^\]]*\]\(([^()\s]+)\)`)
	reference = regexp.MustCompile(`(?m)^\[[^\]]+\]: (\S+)`)
	heading   = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	anchor    = regexp.MustCompile(`<a (?:id|name)="([^"]+)">`)
)

// anchors returns the names that links into a page may have: an anchor for each heading, as
// GitHub derives it, and the explicit ones.
func anchors(text string) []string {
	text = codeBlock.ReplaceAllString(text, "")
	var all []string
	seen := map[string]int{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		name := slug(h[1])
		if n := seen[name]; n > 0 {
			all = append(all, name+"-"+string(rune('0'+n)))
		} else {
			all = append(all, name)
		}
		seen[name]++
	}
	for _, a := range anchor.FindAllStringSubmatch(text, -1) {
		all = append(all, a[1])
	}
	return all
}

// slug returns the anchor of a heading: letters, digits, hyphens and underscores in lower case,
// with a hyphen for each space.
func slug(heading string) string {
	heading = link.ReplaceAllStringFunc(heading, func(l string) string { return l[1:strings.Index(l, "](")] })
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// TestLinks checks that every relative link of the documentation names a file of the repository
// and, where it has a fragment, a heading of that file.
func TestLinks(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, page := range pages(t) {
		text := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(read(t, page), ""), "code")
		for _, l := range slices.Concat(link.FindAllStringSubmatch(text, -1), reference.FindAllStringSubmatch(text, -1)) {
			target, err := url.Parse(l[1])
			if err != nil {
				t.Errorf("%s: the link %q is not a URL: %v", page, l[1], err)
				continue
			}
			if target.Scheme != "" {
				continue
			}
			checked++
			file := page
			if target.Path != "" {
				file = filepath.Join(filepath.Dir(page), filepath.FromSlash(target.Path))
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil || !filepath.IsLocal(file) {
				t.Errorf("%s: the link %s names no file of the repository", page, l[1])
				continue
			}
			if target.Fragment != "" && !slices.Contains(anchors(read(t, file)), target.Fragment) {
				t.Errorf("%s: the link %s names no heading of %s", page, l[1], file)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d links were found", checked)
	}
}

// TestReadmeIsShort keeps details out of the README.
func TestReadmeIsShort(t *testing.T) {
	t.Parallel()
	if n := strings.Count(read(t, "README.md"), "\n"); n > 150 {
		t.Errorf("README.md has %d lines, more than 150: move details to a page in docs", n)
	}
}

// TestMapHasEveryPackage fails for a package that the map of docs/architecture.md does not list.
// The generated packages below ent count as one.
func TestMapHasEveryPackage(t *testing.T) {
	t.Parallel()
	written := []string{"ent", "ent/schema", "ent/datatype", "ent/generator"}
	page := read(t, "docs/architecture.md")
	listed := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if name := entry.Name(); name == "testdata" || path != root && strings.HasPrefix(name, ".") {
			return filepath.SkipDir
		}
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil {
			return err
		}
		files = slices.DeleteFunc(files, func(f string) bool { return strings.HasSuffix(f, "_test.go") })
		name := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		if len(files) == 0 || strings.HasPrefix(name, "ent/") && !slices.Contains(written, name) {
			return nil
		}
		listed++
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/architecture.md does not list the package %s: add it to the map", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if listed < 30 {
		t.Errorf("only %d packages were found", listed)
	}
}

// TestLanguage fails on retired words in the prose of pages for users and contributors.
func TestLanguage(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"README.md", "CONTRIBUTING.md", "docs/accounts.md", "docs/agents.md", "docs/api.md", "docs/architecture.md", "docs/deployment.md", "docs/problems.md",
	} {
		prose := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(read(t, page), ""), "code")
		for line := range strings.Lines(prose) {
			for _, finding := range language.Retired(line) {
				t.Errorf("%s: %q %s", page, strings.TrimSpace(line), finding)
			}
		}
	}
}

// TestEveryPageIsLinked fails for a page that no other page links to.
func TestEveryPageIsLinked(t *testing.T) {
	t.Parallel()
	linked := map[string]bool{"README.md": true}
	for _, page := range pages(t) {
		for _, l := range link.FindAllStringSubmatch(read(t, page), -1) {
			if target, _, _ := strings.Cut(l[1], "#"); target != "" {
				linked[filepath.Join(filepath.Dir(page), target)] = true
			}
		}
	}
	for _, page := range pages(t) {
		if !linked[page] {
			t.Errorf("no page links to %s: link it from README.md", page)
		}
	}
}
