package problem_test

import (
	"regexp"
	"testing"

	"github.com/chenu/chenu/internal/language"
	"github.com/chenu/chenu/server/problem"
)

// TestLanguageOfTheCodes checks the language of the causes and remedies of all codes.
func TestLanguageOfTheCodes(t *testing.T) {
	t.Parallel()
	check := func(code, cause, remedy string) {
		for _, text := range []string{cause, remedy} {
			for _, finding := range language.Description(text) {
				t.Errorf("%s: %q %s", code, text, finding)
			}
		}
	}
	for _, d := range problem.Definitions {
		check(d.Code, d.Cause, d.Remedy)
	}
	for _, d := range problem.FieldDefinitions {
		check(d.Code, d.Cause, d.Remedy)
	}
}

// plainSentence matches sentences: texts that start with a capital letter and end with a full stop.
var plainSentence = regexp.MustCompile(`^[A-Z][^\n]* [^\n]*\.$`)

// TestLanguageOfTheDetails checks the language of the sentences in the service's Go code, which are the details of
// problems and field errors, and the descriptions of the API.
func TestLanguageOfTheDetails(t *testing.T) {
	t.Parallel()
	literals, err := language.Literals("..")
	if err != nil {
		t.Fatal(err)
	}
	sentences := 0
	for _, l := range literals {
		if !plainSentence.MatchString(l.Text) {
			continue
		}
		sentences++
		for _, finding := range language.Retired(l.Text) {
			t.Errorf("%s: %q %s", l.Position, l.Text, finding)
		}
	}
	if sentences < 300 {
		t.Errorf("the service has %d sentences, so the test does not find all of them", sentences)
	}
}
