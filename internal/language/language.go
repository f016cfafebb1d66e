// Package language checks public texts: those of the OpenAPI document and of the command line. Only tests import it.
package language

import (
	"fmt"
	"regexp"
	"strings"
)

// retired are words and phrases that public texts must not use, each with its usual replacements. A phrase matches
// whole words in every inflection that it lists, ignoring case.
var retired = []struct{ phrase, instead string }{
	{"make|makes|making|made", "create, generate, send, issue"},
	{"begin|begins|beginning|began|begun", "start, create"},
	{"forget|forgets|forgetting|forgot|forgotten", "delete, expire"},
	{"tidy|tidies|tidied|tidying", "clean up, delete"},
	{"stand|stands|standing|stood", "is, exists, current, status"},
	{"hear|hears|hearing|heard", "receive, play"},
	{"patient|patients|patiently", "without a lock timeout"},
	{"take away|takes away|took away|taken away|taking away", "remove, revoke"},
	{"let through|lets through|letting through", "accept, allow"},
	{"leave out|leaves out|left out|leaving out", "omit, exclude"},
	{"come to|comes to|came to|come of|comes of|came of", "result, outcome"},
	{"keep waiting|keeps waiting|kept waiting|keeping waiting", "block"},
	{"read one|make one|delete one|begin one|which one|the present one|count them|list them", "the noun"},
	{"oneself|prove itself|proves itself|proved itself|proving itself", "authenticate"},
	{"some fields", "the noun"},
	{"wall|walls", "row-level security, access control"},
	{"purse|purses", "budget"},
	{"conductor|conductors", "driver"},
	{"wire|wires|wired", "connection, protocol"},
	{"letter|letters", "mail, character"},
	{"left", "remaining"},
	{"surroundings", "environment"},
	{"hand|hands|handed|handing", "pass, accept, manual"},
	{"point|points|pointed|pointing", "refer, time, place"},
	{"mark|marks|marked|marking", "flag, field, set"},
	{"moment|moments", "time"},
	{"mend|mends|mended|mending", "correct, fix"},
	{"anew", "again, rewrite"},
}

// allowed are exact phrases that contain a retired word but are terms of the field.
var allowed = []struct{ phrase, why string }{
	{"JSON Pointer", "the name of RFC 6901"},
	{"code point", "the term of Unicode"},
	{"lower-case letters", "characters of the alphabet"},
	{"make generate", "a command of this repository"},
	{"make migration", "a command of this repository"},
}

// minWords is the minimum number of words of a description.
const minWords = 3

var (
	word     = regexp.MustCompile(`[\pL\pN][\pL\pN_'’./-]*`)
	retiredR = compile()
	allowedR = regexp.MustCompile(`(?i)\b(?:` + strings.Join(allowedPhrases(), "|") + `)s?\b`)
)

func compile() []*regexp.Regexp {
	list := make([]*regexp.Regexp, len(retired))
	for i, r := range retired {
		list[i] = regexp.MustCompile(`(?i)\b(?:` + strings.ReplaceAll(r.phrase, " ", `\s+`) + `)\b`)
	}
	return list
}

func allowedPhrases() []string {
	list := make([]string, len(allowed))
	for i, a := range allowed {
		list[i] = regexp.QuoteMeta(a.phrase)
	}
	return list
}

// Retired returns one finding for each retired word in the text.
func Retired(text string) []string {
	text = allowedR.ReplaceAllString(text, "")
	var findings []string
	for i, r := range retiredR {
		if found := r.FindString(text); found != "" {
			findings = append(findings, fmt.Sprintf("%q is retired: use %s", found, retired[i].instead))
		}
	}
	return findings
}

// question matches the start of a description that paraphrases its noun: "When it was created."
// instead of "Time of creation.", for example.
var question = regexp.MustCompile(`^(?:What|When|Where|Which|Who|Whom|Whose|Why|How)\b`)

// placeholder matches summaries whose object is a pronoun instead of a noun.
var placeholder = regexp.MustCompile(`(?i)\b(one|ones|them|it|own)\b|\(`)

// Summary returns the findings for a short title, such as the summary of an operation: it must name its noun and have
// no full stop.
func Summary(text string) []string {
	findings := Retired(text)
	if text == "" {
		return []string{"is missing"}
	}
	if found := placeholder.FindString(text); found != "" {
		findings = append(findings, fmt.Sprintf("%q stands for a noun: name the noun", found))
	}
	if strings.HasSuffix(text, ".") {
		findings = append(findings, "ends with a full stop")
	}
	return findings
}

// Description returns the findings for one or more sentences: they must have at least three words and end with a full
// stop.
func Description(text string) []string {
	if text == "" {
		return []string{"is missing"}
	}
	findings := Retired(text)
	if found := question.FindString(text); found != "" {
		findings = append(findings, fmt.Sprintf("starts with %q: name the noun that the value is", found))
	}
	if n := len(word.FindAllString(text, -1)); n < minWords {
		findings = append(findings, fmt.Sprintf("has %d words: at least %d say what the value means", n, minWords))
	}
	if !strings.HasSuffix(text, ".") {
		findings = append(findings, "does not end with a full stop")
	}
	return findings
}
