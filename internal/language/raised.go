package language

import (
	"errors"
	"fmt"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// raised matches the texts of an error in PL/pgSQL: the message of a RAISE, its HINT, and the sentence "detail" in its
// DETAIL, which is JSON in a literal or in arguments of jsonb_build_object().
var raised = regexp.MustCompile(`\bRAISE\s+[A-Z]+\s+'((?:[^']|'')*)'|` +
	`\bHINT\s*=\s*'((?:[^']|'')*)'|` +
	`"detail":\s*"((?:[^"\\]|\\.)*)"|` +
	`'detail',\s*(?:format\(\s*)?'((?:[^']|'')*)'`)

// Raised returns the findings for the errors that the SQL files of the directory raise: retired words in messages and
// hints, and the findings of [Description] for details, which are shown to clients. It returns an error if there is no
// message or no detail to check.
func Raised(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil {
		return nil, err
	}
	var findings []string
	messages, details := 0, 0
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sql := string(content)
		for _, m := range raised.FindAllStringSubmatchIndex(sql, -1) {
			group := 2
			for m[group] < 0 {
				group += 2
			}
			text := strings.ReplaceAll(sql[m[group]:m[group+1]], "''", "'")
			check := Retired
			switch group {
			case 2:
				messages++
			case 6, 8:
				details++
				check = Description
			}
			position := token.Position{Filename: name, Line: 1 + strings.Count(sql[:m[group]], "\n")}
			for _, finding := range check(text) {
				findings = append(findings, fmt.Sprintf("%s: %q: %s", position, text, finding))
			}
		}
	}
	if messages == 0 || details == 0 {
		return nil, errors.New("no messages or no details of errors in " + dir)
	}
	return findings, nil
}
