package language_test

import (
	"testing"

	"github.com/chenu/chenu/internal/language"
)

// TestMessages checks the errors, advice, progress and reports of the packages that DBAs use, and of the packages below
// them.
func TestMessages(t *testing.T) {
	t.Parallel()
	for dir, skip := range map[string][]string{
		"migrations":       nil,
		"policies/access":  nil,
		"policies/explain": nil,
		"policies/verify":  nil,
		"server":           nil,
		"cmd":              {"demo_data.go"}, // its texts are sample data
		// chenu migrate drift --accept takes the names of objects in catalog.go, so they must not change.
		"postgres": {"ident.go", "queries.go", "catalog.go"},
	} {
		findings, err := language.Messages("../../"+dir, skip...)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range findings {
			t.Error(finding)
		}
	}
}
