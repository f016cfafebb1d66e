// Package lint holds the pages about the rules of `chenu migrate lint`: why each
// is there, and an example of what it finds and of what to do instead. The
// examples are tests of the rules.
package lint

import (
	"embed"
	"strings"
)

//go:embed *.md base.sql
var files embed.FS

// Page is the page about a code; false if there is no such code.
func Page(code string) (string, bool) {
	if code != strings.ToUpper(code) {
		return "", false // README.md is none
	}
	page, err := files.ReadFile(code + ".md")
	return string(page), err == nil && code != "README"
}

// Base is the SQL of the tables that the examples change.
func Base() string {
	base, _ := files.ReadFile("base.sql") // is embedded
	return string(base)
}
