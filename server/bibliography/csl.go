package bibliography

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/chenu/chenu/ent"
)

// Item is a reference in the form of the Citation Style Language's JSON schema 1.0.2.
type Item struct {
	ID              string `json:"id" jsonschema_description:"Citation key of the reference."`
	Type            string `json:"type" jsonschema:"enum=article-journal,enum=book,enum=chapter,enum=thesis,enum=article,enum=dataset,enum=webpage" jsonschema_description:"CSL type of the work."`
	Title           string `json:"title" jsonschema_description:"Title of the work."`
	Author          []Name `json:"author" jsonschema_description:"Authors of the work."`
	Issued          *Date  `json:"issued,omitempty" jsonschema_description:"Year of publication."`
	ContainerTitle  string `json:"container-title,omitempty" jsonschema_description:"Journal, book or website in which the work appeared."`
	CollectionTitle string `json:"collection-title,omitempty" jsonschema_description:"Series of the book."`
	Publisher       string `json:"publisher,omitempty" jsonschema_description:"School of a thesis; repository of a preprint or dataset."`
	Volume          string `json:"volume,omitempty" jsonschema_description:"Volume of the journal or book."`
	Issue           string `json:"issue,omitempty" jsonschema_description:"Issue of the journal."`
	Page            string `json:"page,omitempty" jsonschema_description:"Pages of the work, such as 230-265."`
	DOI             string `json:"DOI,omitempty" jsonschema_description:"DOI of the work."`
	URL             string `json:"URL,omitempty" jsonschema_description:"URL of the work."`
	Abstract        string `json:"abstract,omitempty" jsonschema_description:"Abstract of the work."`
}

// Name is an author: a family and given name, or a literal name for an organization.
type Name struct {
	Family  string `json:"family,omitempty" jsonschema_description:"Family name of the author."`
	Given   string `json:"given,omitempty" jsonschema_description:"Given names of the author."`
	Suffix  string `json:"suffix,omitempty" jsonschema_description:"Suffix of the name, such as Jr."`
	Literal string `json:"literal,omitempty" jsonschema_description:"Whole name of an organisation or of a person with a single name."`
}

// Date is a date that consists of a year.
type Date struct {
	DateParts [][]int `json:"date-parts" jsonschema_description:"List with one element, a list that contains the year."`
}

var cslKind = map[string]string{
	"article": "article-journal", "book": "book", "chapter": "chapter", "thesis": "thesis",
	"preprint": "article", "dataset": "dataset", "web": "webpage",
}

// itemOf converts a reference.
func itemOf(r *ent.Reference) Item {
	item := Item{
		ID: r.CitationKey, Type: cslKind[string(r.Kind)], Title: strings.Join(strings.Fields(r.Title), " "), Volume: value(r.Volume), Issue: value(r.Issue),
		Page: pageRanges(value(r.Pages), "-"), DOI: value(r.Doi), URL: value(r.URL), Abstract: value(r.Abstract),
	}
	switch r.Kind {
	case "book":
		item.CollectionTitle = value(r.ContainerTitle)
	case "thesis", "preprint", "dataset":
		item.Publisher = value(r.ContainerTitle)
	default:
		item.ContainerTitle = value(r.ContainerTitle)
	}
	for _, name := range r.Authors {
		item.Author = append(item.Author, Name(parseAuthor(name)))
	}
	if r.Year != nil {
		item.Issued = &Date{DateParts: [][]int{{*r.Year}}}
	}
	return item
}

// cslWriter writes a JSON array with one item per line.
type cslWriter struct {
	out  *bytes.Buffer
	some bool
}

func (w *cslWriter) write(r *ent.Reference) error {
	separator := "[\n"
	if w.some {
		separator = ",\n"
	}
	w.some = true
	w.out.WriteString(separator)
	e := json.NewEncoder(w.out)
	e.SetEscapeHTML(false)
	if err := e.Encode(itemOf(r)); err != nil {
		return err
	}
	w.out.Truncate(w.out.Len() - 1) // the encoder's line feed
	return nil
}

func (w *cslWriter) end() error {
	if !w.some {
		w.out.WriteByte('[')
	}
	w.out.WriteString("\n]\n")
	return nil
}
