package language_test

import (
	"testing"

	"github.com/chenu/chenu/internal/language"
)

// TestPostgres reads the messages of the packages below postgres, which import nothing of this module. The names of
// objects in catalog.go are not read: chenu migrate drift --accept takes them, so they do not change.
func TestPostgres(t *testing.T) {
	t.Parallel()
	findings, err := language.Messages("../../postgres", "ident.go", "queries.go", "catalog.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}
