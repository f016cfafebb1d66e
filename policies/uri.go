package policies

import "strings"

// URISchemes are the schemes that a URI may have, in lower case. None of them makes the program that opens the URI run
// code or show content that the URI itself contains, as javascript: and data: do. The database and the OpenAPI document
// have the same list, as [URIPattern].
var URISchemes = []string{"https", "http", "ftp", "sftp", "s3", "gs", "ipfs", "urn"}

// URIPattern is the regular expression that each stored URI matches, in the common subset of POSIX ARE and RE2. Schemes
// are case-insensitive (RFC 3986, section 3.1), and JSON Schema has no option to ignore case, so each letter is a
// class. Nothing may precede the scheme: browsers skip white space and control characters there.
var URIPattern = "^(" + strings.Join(anyCase(URISchemes), "|") + "):[^[:space:][:cntrl:]]+$"

// ECMAPattern returns the pattern in the dialect of JSON Schema (ECMA-262), where POSIX classes
// are an error.
func ECMAPattern(pattern string) string { return ecma.Replace(pattern) }

var ecma = strings.NewReplacer("[^[:space:][:cntrl:]]", `[^\s\x00-\x1f\x7f]`, "[^[:space:]]", `\S`, "[[:space:]]", `\s`)

// anyCase returns regular expressions that match the words in upper and lower case.
func anyCase(words []string) []string {
	patterns := make([]string, len(words))
	for i, word := range words {
		var b strings.Builder
		for _, r := range word {
			if upper := strings.ToUpper(string(r)); upper != string(r) {
				b.WriteString("[" + upper + string(r) + "]")
			} else {
				b.WriteRune(r)
			}
		}
		patterns[i] = b.String()
	}
	return patterns
}
