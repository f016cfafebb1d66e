package bibliography

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"github.com/chenu/chenu/ent"
)

// bibtexEntry maps a kind of reference to its entry type and to the field of its container. They are those of the
// standard styles (Patashnik, BibTeXing, 1988, section 3.1), which have no types for datasets, preprints and web
// pages. biblatex supports them too.
var bibtexEntry = map[string]struct{ kind, container string }{
	"article":  {"article", "journal"},
	"book":     {"book", "series"},
	"chapter":  {"incollection", "booktitle"},
	"thesis":   {"phdthesis", "school"},
	"preprint": {"misc", "howpublished"},
	"dataset":  {"misc", "howpublished"},
	"web":      {"misc", "howpublished"},
}

// bibtexWriter writes entries, separated by empty lines.
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

// escapes replaces the characters with a special meaning in TeX by their escape sequences. Braces are replaced by
// commands, because BibTeX counts them even after a backslash.
var escapes = strings.NewReplacer(
	`\`, `\textbackslash{}`, "{", `\textbraceleft{}`, "}", `\textbraceright{}`, "~", `\textasciitilde{}`, "^", `\textasciicircum{}`,
	"&", `\&`, "%", `\%`, "$", `\$`, "#", `\#`, "_", `\_`,
)

// bibtexText returns a text as one line of BibTeX.
func bibtexText(s string) string { return escapes.Replace(strings.Join(strings.Fields(s), " ")) }

// bibtexTitle returns a title in which words with capitals are in braces, so that styles that change titles to lower
// case keep them. Styles always keep the first letter of a title.
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

// braced encloses a text in braces. A brace followed by a backslash would start one of BibTeX's special characters,
// whose case styles do change.
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

// namePart encloses a part of a name in braces if BibTeX would otherwise read it as two names.
func namePart(s string) string {
	for word := range strings.FieldsSeq(s) {
		if strings.EqualFold(word, "and") {
			return braced(bibtexText(s))
		}
	}
	return bibtexText(s)
}

// verbatim returns an address, which TeX does not interpret. Only the characters that BibTeX counts are
// percent-encoded.
func verbatim(s string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D", `\`, "%5C").Replace(s)
}
