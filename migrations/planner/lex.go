package planner

import (
	"strings"
	"unicode/utf8"
)

// token is one lexical element of SQL. Comments and spaces are none.
type token struct {
	kind       tokenKind
	text       string // a word in lower case, a quoted name without its quotes, else as written
	start, end int    // bytes of the source
}

type tokenKind int

const (
	tokenWord   tokenKind = iota // keyword or plain name
	tokenName                    // "quoted name"
	tokenString                  // 'text', $$text$$, number
	tokenSymbol                  // one character of punctuation
)

// lex splits one SQL statement by the rules of
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html. Atlas has
// found where the statement ends, so that quotes and comments are known to be
// closed.
func lex(source string) []token {
	var tokens []token
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
			tokens = append(tokens, token{tokenString, source[start:i], start, i})
		case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
			i += 1 + quoted(rest[1:], '\'', true)
			tokens = append(tokens, token{tokenString, source[start:i], start, i})
		case c == '"':
			i += quoted(rest, '"', false)
			name := strings.ReplaceAll(source[start+1:max(start+1, i-1)], `""`, `"`)
			tokens = append(tokens, token{tokenName, name, start, i})
		case c == '$' && dollarTag(rest) != "":
			tag := dollarTag(rest)
			i += len(tag) + lengthTo(rest[len(tag):], tag)
			tokens = append(tokens, token{tokenString, source[start:i], start, i})
		case isWordStart(c):
			for i < len(source) && isWordPart(source[i]) {
				i++
			}
			tokens = append(tokens, token{tokenWord, strings.ToLower(source[start:i]), start, i})
		case c >= '0' && c <= '9':
			for i < len(source) && (isWordPart(source[i]) || source[i] == '.') {
				i++
			}
			tokens = append(tokens, token{tokenString, source[start:i], start, i})
		default:
			_, size := utf8.DecodeRuneInString(rest)
			i += size
			tokens = append(tokens, token{tokenSymbol, source[start:i], start, i})
		}
	}
	return tokens
}

// lengthTo is the length of s up to and including the end mark, or all of it.
func lengthTo(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

// blockComment is the length of the comment that s begins with; they nest.
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

// quoted is the length of the quoted text that s begins with. A doubled quote
// belongs to it.
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

// dollarTag is the opening tag of a dollar-quoted text, "" if s begins with none.
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
