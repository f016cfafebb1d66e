package bibliography

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"github.com/chenu/chenu/ent"
)

// bibtexEntry is how a kind of reference is written: its entry type, and the
// field of what it appeared in. They are those of the standard styles (Patashnik,
// BibTeXing, 1988, section 3.1), which have no dataset, preprint or web page of
// their own; biblatex reads them too.
var bibtexEntry = map[string]struct{ kind, container string }{
	"article":  {"article", "journal"},
	"book":     {"book", "series"},
	"chapter":  {"incollection", "booktitle"},
	"thesis":   {"phdthesis", "school"},
	"preprint": {"misc", "howpublished"},
	"dataset":  {"misc", "howpublished"},
	"web":      {"misc", "howpublished"},
}

// bibtexWriter writes an entry after the other, with an empty line between them.
type bibtexWriter struct {
	out  *bytes.Buffer
	some bool
}

func (w *bibtexWriter) write(r *ent.Reference) error {
	entry := bibtexEntry[string(r.Kind)]
	if w.some {
		w.out.WriteByte('\n')
	}
	w.some = true
	w.out.WriteString("@" + entry.kind + "{" + r.CitationKey)
	field := func(name, value string) {
		if value != "" {
			w.out.WriteString(",\n  " + name + " = {" + value + "}")
		}
	}
	names := make([]string, len(r.Authors))
	for i, name := range r.Authors {
		names[i] = bibtexName(parseAuthor(name))
	}
	field("author", strings.Join(names, " and "))
	field("title", bibtexTitle(r.Title))
	field(entry.container, bibtexText(value(r.ContainerTitle)))
	if r.Year != nil {
		field("year", strconv.Itoa(*r.Year))
	}
	field("volume", bibtexText(value(r.Volume)))
	field("number", bibtexText(value(r.Issue)))
	field("pages", bibtexText(pageRanges(value(r.Pages), "--")))
	field("doi", verbatim(value(r.Doi)))
	field("url", verbatim(value(r.URL)))
	field("abstract", bibtexText(value(r.Abstract)))
	w.out.WriteString("\n}\n")
	return nil
}

func (*bibtexWriter) end() error { return nil }

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// escapes are the characters that TeX gives a meaning. Braces are named, not
// escaped: BibTeX counts them even behind a backslash.
var escapes = strings.NewReplacer(
	`\`, `\textbackslash{}`, "{", `\textbraceleft{}`, "}", `\textbraceright{}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`,
	"&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`,
)

// bibtexText writes a text on one line.
func bibtexText(s string) string { return escapes.Replace(strings.Join(strings.Fields(s), " ")) }

// bibtexTitle writes a title so that styles which lower its case leave words
// with capitals as they are. They keep the title's first letter by themselves.
func bibtexTitle(s string) string {
	words := strings.Fields(s)
	for i, word := range words {
		runes := []rune(word)
		checked := runes
		if i == 0 {
			checked = runes[1:]
		}
		words[i] = escapes.Replace(word)
		if strings.ContainsFunc(string(checked), isCapital) {
			words[i] = braced(words[i])
		}
	}
	return strings.Join(words, " ")
}

func isCapital(r rune) bool { return unicode.IsUpper(r) || unicode.IsTitle(r) }

// braced protects a text. A brace with a backslash behind it would begin one of
// BibTeX's special characters, whose case it does change.
func braced(s string) string {
	if strings.HasPrefix(s, `\`) {
		return "{{}" + s + "}"
	}
	return "{" + s + "}"
}

func bibtexName(a author) string {
	if a.Literal != "" {
		return braced(bibtexText(a.Literal))
	}
	family, given := namePart(a.Family), namePart(a.Given)
	if a.Suffix != "" {
		return family + ", " + bibtexText(a.Suffix) + ", " + given
	}
	return family + ", " + given
}

// namePart protects a part of a name in which BibTeX would see two names.
func namePart(s string) string {
	for word := range strings.FieldsSeq(s) {
		if strings.EqualFold(word, "and") {
			return braced(bibtexText(s))
		}
	}
	return bibtexText(s)
}

// verbatim writes an address, which TeX takes as it is; only what BibTeX would
// count is percent-encoded.
func verbatim(s string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D", `\`, "%5C").Replace(s)
}
