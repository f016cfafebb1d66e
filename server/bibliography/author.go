package bibliography

import (
	"regexp"
	"strings"
)

// author is a name split into its parts. Literal is the name of an organization or of a person with a single name;
// the other fields are then empty.
type author struct {
	Family, Given, Suffix, Literal string
}

var suffixPattern = regexp.MustCompile(`^(?i:jr|sr|[ivx]+)\.?$`)

// parseAuthor parses "Family, Given" and "Family, Given, Suffix", and also the order of BibTeX with the suffix in the
// middle. A name without a comma, or with more commas, is literal.
func parseAuthor(name string) author {
	parts := strings.Split(name, ",")
	for i := range parts {
		parts[i] = strings.Join(strings.Fields(parts[i]), " ")
	}
	switch {
	case len(parts) == 2 && parts[0] != "" && parts[1] != "":
		return author{Family: parts[0], Given: parts[1]}
	case len(parts) == 3 && parts[0] != "" && suffixPattern.MatchString(parts[1]) && parts[2] != "":
		return author{Family: parts[0], Suffix: parts[1], Given: parts[2]}
	case len(parts) == 3 && parts[0] != "" && parts[1] != "" && suffixPattern.MatchString(parts[2]):
		return author{Family: parts[0], Given: parts[1], Suffix: parts[2]}
	}
	return author{Literal: strings.Join(strings.Fields(name), " ")}
}

// Patterns of page ranges, which people write with any dash. A hyphen is a range only between page numbers: S-12 is a
// page.
var (
	dashPattern   = regexp.MustCompile(`\s*(?:[‒–—―]|--+)\s*`)
	hyphenPattern = regexp.MustCompile(`\b([0-9]+[A-Za-z]?|[A-Za-z]{1,2}[0-9]+|[ivxlcdm]+)\s*[-‐‑]\s*([A-Za-z]{0,2}[0-9]+[A-Za-z]?|[ivxlcdm]+)\b`)
)

// pageRanges replaces the dash of every page range.
func pageRanges(pages, dash string) string {
	pages = hyphenPattern.ReplaceAllString(pages, "${1}–${2}")
	return dashPattern.ReplaceAllLiteralString(pages, dash)
}
