package language

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// statement matches literals that are SQL or patterns for SQL, whose words are fixed.
var statement = regexp.MustCompile(`^\s*(?:ALTER|BEGIN|COALESCE|COMMENT|COMMIT|CREATE|DELETE|DO|DROP|GRANT|INSERT|REVOKE|SELECT|SET|UPDATE|WITH)\b|pg_catalog\.|\\s|^<t[dr]`)

// Messages returns one finding for each retired word in the string literals of the Go files in the directory and the
// directories below it: errors, advice, progress and reports. It ignores tests, SQL and literals of one word. It
// returns an error if there is no literal to check.
func Messages(dir string, skip ...string) ([]string, error) {
	literals, err := Literals(dir, skip...)
	if err != nil {
		return nil, err
	}
	read := 0
	var findings []string
	for _, l := range literals {
		if len(strings.Fields(l.Text)) < 2 || statement.MatchString(l.Text) {
			continue
		}
		read++
		for _, finding := range Retired(l.Text) {
			findings = append(findings, fmt.Sprintf("%s: %q: %s", l.Position, l.Text, finding))
		}
	}
	if read == 0 {
		return nil, errors.New("no literals in " + dir)
	}
	return findings, nil
}
