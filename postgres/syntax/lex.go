// Package syntax reads those properties of SQL text that need no parser: its tokens, and the clauses of a condition.
package syntax

import (
	"strings"
	"unicode/utf8"
)

// Token is a lexical element of SQL. Comments and spaces are not tokens.
type Token struct {
	Kind       Kind
	Text       string // a word in lower case, a quoted name without its quotes, everything else as it is written
	Start, End int    // bytes of the source
}

// Kind of a Token.
type Kind int

// The kinds of tokens.
const (
	Word   Kind = iota // keyword or unquoted name
	Name               // "quoted name"
	String             // 'text', $$text$$, number
	Symbol             // one character of punctuation
)

// Lex splits one SQL statement into tokens by the rules of
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html. A quote or comment that is not closed ends with the
// text.
func Lex(source string) []Token {
	var tokens []Token
	for i := 0; i < len(source); {
		start, rest := i, source[i:]
		c := rest[0]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			i++
			continue
		case strings.HasPrefix(rest, "--"):
			i += lengthTo(rest, "\n")
			continue
		case strings.HasPrefix(rest, "/*"):
			i += blockComment(rest)
			continue
		case c == '\'':
			i += quoted(rest, '\'', false)
			tokens = append(tokens, Token{String, source[start:i], start, i})
		case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
			i += 1 + quoted(rest[1:], '\'', true)
			tokens = append(tokens, Token{String, source[start:i], start, i})
		case c == '"':
			i += quoted(rest, '"', false)
			name := strings.ReplaceAll(source[start+1:max(start+1, i-1)], `""`, `"`)
			tokens = append(tokens, Token{Name, name, start, i})
		case c == '$' && dollarTag(rest) != "":
			tag := dollarTag(rest)
			i += len(tag) + lengthTo(rest[len(tag):], tag)
			tokens = append(tokens, Token{String, source[start:i], start, i})
		case isWordStart(c):
			for i < len(source) && isWordPart(source[i]) {
				i++
			}
			tokens = append(tokens, Token{Word, strings.ToLower(source[start:i]), start, i})
		case c >= '0' && c <= '9':
			for i < len(source) && (isWordPart(source[i]) || source[i] == '.') {
				i++
			}
			tokens = append(tokens, Token{String, source[start:i], start, i})
		default:
			_, size := utf8.DecodeRuneInString(rest)
			i += size
			tokens = append(tokens, Token{Symbol, source[start:i], start, i})
		}
	}
	return tokens
}

// lengthTo returns the length of s up to and including the end mark, or all of it.
func lengthTo(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

// blockComment returns the length of the comment at the beginning of s. Comments nest.
func blockComment(s string) int {
	depth := 0
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(s)
}

// quoted returns the length of the quoted text at the beginning of s. A doubled quote is part of the text.
func quoted(s string, quote byte, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// dollarTag returns the opening tag of the dollar-quoted text at the beginning of s, or "" if there is none.
func dollarTag(s string) string {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '$':
			return s[:i+1]
		case !isWordPart(c) || i == 1 && c >= '0' && c <= '9':
			return ""
		}
	}
	return ""
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isWordPart(c byte) bool { return isWordStart(c) || c >= '0' && c <= '9' }
