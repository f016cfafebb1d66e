package policies_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/chenu/chenu/policies"
)

// Hardening item 35: the function that checks URIs in jsonb allows the same schemes as the columns' checks, and every
// column whose name says that it is a URI has that check.
func TestSchemesOfURIsAreOneList(t *testing.T) {
	t.Parallel()
	found := false
	for _, f := range policies.SQL() {
		found = found || strings.Contains(f.SQL, "uri ~ '"+policies.URIPattern+"'\n")
	}
	if !found {
		t.Errorf("app.uri_allowed() does not match %s", policies.URIPattern)
	}
	named := regexp.MustCompile(`(^|_)(uri|url|href|link|website)$`)
	columns := 0
	for _, table := range policies.Tables {
		for _, c := range table.Columns {
			if !named.MatchString(c.Name) {
				continue
			}
			columns++
			if c.Rules.Format != "uri" {
				t.Errorf("%s.%s has the format %q: it is a URI by its name", table.Name, c.Name, c.Rules.Format)
			}
		}
	}
	if columns < 3 {
		t.Errorf("only %d columns were found", columns)
	}
}
