package bibliography

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/chenu/chenu/ent"
	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/internal/golden"
)

// library has references of every kind, and values that are hard to escape.
var library = []*ent.Reference{
	{
		CitationKey: "turing1937", Kind: "article", Title: "On Computable Numbers, with an Application to the Entscheidungsproblem",
		Authors: datatype.Texts{"Turing, Alan M."}, Year: new(1937), ContainerTitle: new("Proceedings of the London Mathematical Society"),
		Volume: new("s2-42"), Issue: new("1"), Pages: new("230-265"), Doi: new("10.1112/plms/s2-42.1.230"),
	},
	{
		CitationKey: "knuth1986", Kind: "book", Title: "The TeXbook", Authors: datatype.Texts{"Knuth, Donald E."}, Year: new(1986),
		ContainerTitle: new("Computers & Typesetting"), Volume: new("A"),
	},
	{
		CitationKey: "beethoven:chapter", Kind: "chapter", Title: "  über die\nÄsthetik von DNA ", ContainerTitle: new("Research & Development at 100%"),
		Authors: datatype.Texts{"van Beethoven, Ludwig", "King, Martin Luther, Jr.", "Gödel, Kurt"}, Year: new(1999), Pages: new("xi – xv, 7—9, S-12"),
	},
	{
		CitationKey: "lovelace-thesis", Kind: "thesis", Title: "a^2 + b_2 ~ {c} \\ $5 #1 ~Tilde {Brace}", Authors: datatype.Texts{"Lovelace, Ada"},
		ContainerTitle: new("University of London"), Abstract: new("One line.\n\nAnother, with 50% more & \"quotes\"."),
	},
	{
		CitationKey: "vaswani2017", Kind: "preprint", Title: "Attention Is All You Need", Authors: datatype.Texts{"Vaswani, Ashish", "Shazeer, Noam"},
		Year: new(2017), ContainerTitle: new("arXiv"), Doi: new("10.48550/arXiv.1706.03762"), URL: new("https://arxiv.org/abs/1706.03762"),
	},
	{
		CitationKey: "who2020", Kind: "dataset", Title: "Global health observatory", Authors: datatype.Texts{"World Health Organization", "Johnson and Johnson", "Rock and Roll, Anna"},
		Year: new(2020), URL: new("https://www.who.int/data/gho?a=1&b=50%25#top_1"),
	},
	{CitationKey: "plato", Kind: "web", Title: "iPhone, x86 and <b>HTML</b>", Authors: datatype.Texts{"Plato"}, URL: new("https://example.org/{id}~x")},
}

func written(t *testing.T, format string, references ...*ent.Reference) string {
	t.Helper()
	var b bytes.Buffer
	var w writer = &bibtexWriter{out: &b}
	if format == "csl-json" {
		w = &cslWriter{out: &b}
	}
	for _, r := range references {
		if err := w.write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.end(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for format, file := range map[string]string{"bibtex": "library.bib", "csl-json": "library.json"} {
		got := written(t, format, library...)
		golden.File(t, filepath.Join("testdata", file), got)
	}
}

// TestEveryKind fails for a kind without a translation.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	kinds := datatype.ReferenceKind("").Values()
	for _, kind := range kinds {
		if bibtexEntry[kind].kind == "" || bibtexEntry[kind].container == "" || cslKind[kind] == "" {
			t.Errorf("the kind %s has no translation", kind)
		}
	}
	if len(bibtexEntry) != len(kinds) || len(cslKind) != len(kinds) {
		t.Errorf("%d and %d translations of %d kinds", len(bibtexEntry), len(cslKind), len(kinds))
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	if got := written(t, "bibtex"); got != "" {
		t.Errorf("BibTeX of nothing is %q", got)
	}
	var items []Item
	if err := json.Unmarshal([]byte(written(t, "csl-json")), &items); err != nil || len(items) != 0 {
		t.Errorf("CSL-JSON of nothing has %v, %v", items, err)
	}
}

// TestWhatTeXCounts checks that any text is valid in BibTeX: braces are balanced within the value, and characters
// with a special meaning in TeX are escaped.
func TestWhatTeXCounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune(`aB {}\~^&%$#_",and ÄÖ`)), 1, 40, -1).Draw(t, "text")
		for name, value := range map[string]string{
			"title": bibtexTitle(text), "text": bibtexText(text), "name": bibtexName(parseAuthor(text)), "address": verbatim(text),
		} {
			depth := 0
			for i := range len(value) {
				switch value[i] {
				case '{':
					depth++
				case '}':
					if depth--; depth < 0 {
						t.Fatalf("%s: %q has an unmatched closing brace", name, value)
					}
				case '&', '%', '$', '#', '_':
					if name != "address" && (i == 0 || value[i-1] != '\\') {
						t.Fatalf("%s: %q has a bare %q", name, value, value[i])
					}
				case '~', '^':
					if name != "address" {
						t.Fatalf("%s: %q has a bare %q", name, value, value[i])
					}
				}
			}
			if depth != 0 {
				t.Fatalf("%s: %q has %d unmatched opening braces", name, value, depth)
			}
		}
	})
}

func TestAuthors(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]author{
		"Turing, Alan M.":          {Family: "Turing", Given: "Alan M."},
		" van  Gogh ,Vincent ":     {Family: "van Gogh", Given: "Vincent"},
		"King, Martin Luther, Jr.": {Family: "King", Given: "Martin Luther", Suffix: "Jr."},
		"Ford, III, Henry":         {Family: "Ford", Given: "Henry", Suffix: "III"},
		"Plato":                    {Literal: "Plato"},
		"Turing,":                  {Literal: "Turing,"},
		"A, B, C, D":               {Literal: "A, B, C, D"},
	} {
		if got := parseAuthor(name); got != want {
			t.Errorf("%q is %+v, want %+v", name, got, want)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for pages, want := range map[string]string{
		"230-265": "230--265", "230 – 265": "230--265", "230--265": "230--265", "xi-xv": "xi--xv", "e12-e15": "e12--e15",
		"1-2, 5—9": "1--2, 5--9", "S-12": "S-12", "42": "42", "A-B": "A-B",
	} {
		if got := pageRanges(pages, "--"); got != want {
			t.Errorf("%q is %q, want %q", pages, got, want)
		}
		if got := pageRanges(pages, "-"); strings.Contains(got, "--") {
			t.Errorf("%q is %q", pages, got)
		}
	}
}
