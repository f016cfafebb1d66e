package language_test

import (
	"strings"
	"testing"

	"github.com/chenu/chenu/internal/language"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Create a contact":                       "",
		"Re-authenticate":                        "",
		"Get the documentation page":             "",
		"":                                       "is missing",
		"Make one":                               `"Make" is retired`,
		"Read one":                               `"Read one" is retired`,
		"Change some fields":                     `"some fields" is retired`,
		"Change the own identity":                "name the noun",
		"List them, newest first":                `"List them" is retired`,
		"Delete contacts (contact)":              "name the noun",
		"Create a contact.":                      "full stop",
		"Say what came of it":                    `"came of" is retired`,
		"Tidy up":                                `"Tidy" is retired`,
		"Show the makefile of the left-over one": `"left" is retired`,
	} {
		check(t, text, language.Summary(text), want)
	}
}

func TestDescription(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Title of the note.":                                  "",
		"JSON Pointer (RFC 6901) to the field.":               "",
		"Each character is written as its code point.":        "",
		"DOI of the work. Unique for each owner.":             "",
		"Only invoices due before this date.":                 "",
		"Pointer to the field.":                               "",
		"":                                                    "is missing",
		"When it was created.":                                `starts with "When"`,
		"Whether the note is pinned.":                         "",
		"Title.":                                              "has 1 words",
		"Its status.":                                         "has 2 words",
		"Status of the thread":                                "full stop",
		"At this moment or later.":                            `"moment" is retired`,
		"Which one.":                                          `"Which one" is retired`,
		"How far it has come.":                                `starts with "How"`,
		"What it belongs together with.":                      `starts with "What"`,
		"The point at which the code point is read.":          `"point" is retired`,
		"A page of the wall.":                                 `"wall" is retired`,
		"A note in the margin, MARKED by hand.":               `"MARKED" is retired`,
		"Time when the row was made, in the time zone of it.": `"made" is retired`,
	} {
		check(t, text, language.Description(text), want)
	}
}

func check(t *testing.T, text string, findings []string, want string) {
	t.Helper()
	got := strings.Join(findings, "; ")
	if (want == "") != (got == "") || !strings.Contains(got, want) {
		t.Errorf("%q: the findings are %q, want %q", text, got, want)
	}
}
