package planner

import "strings"

// Clauses splits a condition at the ANDs, or if there are none at the ORs,
// that stand outside all parentheses; the parentheses around the whole are
// left out. A condition without either is one clause, and the connective
// empty. Postgres writes each argument of a connective in parentheses, so that
// an AND which belongs to a BETWEEN is never outside of them.
func Clauses(condition string) (connective string, clauses []string) {
	condition = strings.TrimSpace(condition)
	for {
		inner, ok := unwrap(condition)
		if !ok {
			break
		}
		condition = inner
	}
	for _, word := range []string{"and", "or"} {
		if clauses := splitAt(condition, word); len(clauses) > 1 {
			return strings.ToUpper(word), clauses
		}
	}
	return "", []string{condition}
}

// unwrap takes away the parentheses around all of the text, if there are any.
func unwrap(text string) (string, bool) {
	p := &parser{source: text, tokens: lex(text)}
	if whole := p.parentheses(); whole == "" || !p.end() || len(whole) != len(text) {
		return text, false
	}
	return strings.TrimSpace(text[1 : len(text)-1]), true
}

func splitAt(text, word string) []string {
	var (
		clauses []string
		depth   int
		start   int
	)
	for _, t := range lex(text) {
		switch {
		case t.kind == tokenSymbol && (t.text == "(" || t.text == "["):
			depth++
		case t.kind == tokenSymbol && (t.text == ")" || t.text == "]"):
			depth--
		case t.kind == tokenWord && depth == 0 && t.text == "case":
			depth++
		case t.kind == tokenWord && depth == 1 && t.text == "end":
			depth--
		case t.kind == tokenWord && depth == 0 && t.text == word:
			clauses = append(clauses, strings.TrimSpace(text[start:t.start]))
			start = t.end
		}
	}
	return append(clauses, strings.TrimSpace(text[start:]))
}
