package syntax

import "strings"

// Clauses splits a condition, as Postgres prints it, at the ANDs outside all parentheses, or at the ORs if there is no such
// AND. Parentheses around the whole condition are removed. A condition with neither is one clause, and connective is
// empty. Postgres prints each argument of a connective in parentheses, so that the AND of a BETWEEN is always inside
// parentheses.
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

// unwrap removes the parentheses around the whole text, if there are any.
func unwrap(text string) (string, bool) {
	depth := 0
	for i, t := range Lex(text) {
		switch {
		case t.Kind == Symbol && t.Text == "(":
			depth++
		case t.Kind == Symbol && t.Text == ")":
			depth--
		}
		if i == 0 && t.Start != 0 || depth == 0 && t.End != len(text) {
			return text, false
		}
	}
	if depth != 0 || !strings.HasPrefix(text, "(") {
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
	for _, t := range Lex(text) {
		switch {
		case t.Kind == Symbol && (t.Text == "(" || t.Text == "["):
			depth++
		case t.Kind == Symbol && (t.Text == ")" || t.Text == "]"):
			depth--
		case t.Kind == Word && depth == 0 && t.Text == "case":
			depth++
		case t.Kind == Word && depth == 1 && t.Text == "end":
			depth--
		case t.Kind == Word && depth == 0 && t.Text == word:
			clauses = append(clauses, strings.TrimSpace(text[start:t.Start]))
			start = t.End
		}
	}
	return append(clauses, strings.TrimSpace(text[start:]))
}
