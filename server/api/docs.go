package api

import (
	"bytes"
	_ "embed"
	"html/template"
)

// docsPolicy lets the page load its style and nothing else: there is no script.
const docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed docs/style.css
var docsStyle []byte

//go:embed docs/page.tmpl
var docsPage string

func renderDocs(doc *document) ([]byte, error) {
	t, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, doc)
	return b.Bytes(), err
}
