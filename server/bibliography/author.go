package bibliography

import (
	"regexp"
	"strings"
)

// author is a name in its parts. Literal is that of an organisation, or of a
// person who has a single name; the other fields are empty then.
type author struct {
	Family, Given, Suffix, Literal string
}

var suffixPattern = regexp.MustCompile(`^(?i:jr|sr|[ivx]+)\.?$`)

// parseAuthor reads "Family, Given" and "Family, Given, Suffix", and the same
// with the suffix in the middle as BibTeX writes it. A name without a comma,
// or with more, is literal.
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

// Page ranges, which people write with any dash. A hyphen is a range only
// between what looks like page numbers: S-12 is a page.
var (
	dashPattern   = regexp.MustCompile(`\s*(?:[‒–—―]|--+)\s*`)
	hyphenPattern = regexp.MustCompile(`\b([0-9]+[A-Za-z]?|[A-Za-z]{1,2}[0-9]+|[ivxlcdm]+)\s*[-‐‑]\s*([A-Za-z]{0,2}[0-9]+[A-Za-z]?|[ivxlcdm]+)\b`)
)

// pageRanges writes every range of pages with the given dash.
func pageRanges(pages, dash string) string {
	pages = hyphenPattern.ReplaceAllString(pages, "${1}–${2}")
	return dashPattern.ReplaceAllLiteralString(pages, dash)
}
