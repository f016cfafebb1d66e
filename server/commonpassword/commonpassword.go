// Package commonpassword reports whether a password is known from leaks, or is a famous phrase.
//
// The list is passwords.txt, which package generate makes from published lists: see its comment for
// their versions and checksums, and the LICENSE files beside this one for their licences.
package commonpassword

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// list has one normal form on each line, sorted by bytes, after comments that start with #. It is
// searched where it is, so that it costs no time at the start and no memory of the heap.
//
//go:embed passwords.txt
var list string

// MinLength is the number of characters that a normal form has at least to be in the list. Shorter ones
// would refuse passwords that only start like a common one.
const MinLength = 12

// phrases are normal forms of phrases that every list of passphrases has and no list of leaked
// passwords of this size: examples of passphrases, pangrams and quotations.
var phrases = []string{
	"correcthorsebatterystaple",                   // the example of xkcd 936
	"thequickbrownfoxjumpsoverthelazydog",         // the pangram of keyboard tests
	"thequickbrownfoxjumpedoverthelazydog",        // as it is often misquoted
	"loremipsumdolorsitametconsecteturadipiscing", // the text of typesetters
	"tobeornottobethatisthequestion",              // Hamlet
	"maytheforcebewithyou",                        // Star Wars
}

// Contains reports whether the normal form of the password is the normal form of a common password, or
// the first [MinLength] or more characters of a famous phrase. Safe for concurrent use.
func Contains(password string) bool {
	key := Normalize(password)
	if utf8.RuneCountInString(key) < MinLength {
		return false
	}
	return contains(list, key) || slices.ContainsFunc(phrases, func(phrase string) bool { return strings.HasPrefix(phrase, key) })
}

// Normalize returns the form in which passwords are compared. It is the letters and digits of the
// password in lower case, without accents, spaces, punctuation and symbols, and without the digits at its end. The
// digits at the end stay if fewer than [MinLength] characters would be left. A letter or digit in
// another width or style (Unicode's compatibility decomposition) is the plain one.
//
// So "Correct-Horse-Battery-Staple1!" and "correcthorsebatterystaple" have the same normal form.
func Normalize(password string) string {
	// By way of upper case, since several lower case letters can have the same one, such as σ and ς.
	// Decomposed again, because changing the case can compose.
	folded := norm.NFKD.String(strings.ToLower(strings.ToUpper(norm.NFKD.String(password))))
	all := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return r
		}
		return -1
	}, folded)
	if rest := strings.TrimRightFunc(all, unicode.IsNumber); utf8.RuneCountInString(rest) >= MinLength {
		return rest
	}
	return all
}

// contains reports whether one of the sorted lines of text is key.
func contains(text, key string) bool {
	for text != "" {
		start := strings.LastIndexByte(text[:len(text)/2], '\n') + 1
		line, rest, _ := strings.Cut(text[start:], "\n")
		switch strings.Compare(line, key) {
		case 0:
			return true
		case 1:
			text = text[:start]
		default:
			text = rest
		}
	}
	return false
}
