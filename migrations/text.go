package migrations

import (
	"fmt"
	"strings"
)

// Count returns a number with its noun: 1 file, 2 files.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ShownVersion returns a version as reports print it. It is "no version" if none is applied.
func ShownVersion(version string) string {
	if version == "" {
		return "no version"
	}
	return version
}

// OneLine returns the beginning of a text on one line of at most width characters.
func OneLine(text string, width int) string {
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return text
}
