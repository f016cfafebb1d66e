package syntax_test

import (
	"slices"
	"testing"

	"github.com/chenu/chenu/postgres/syntax"
)

func TestClauses(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string][]string{
		"true":                                {"", "true"},
		"((a = 1))":                           {"", "a = 1"},
		"((a = 1) AND (b = 2))":               {"AND", "(a = 1)", "(b = 2)"},
		"(a OR (b AND c))":                    {"OR", "a", "(b AND c)"},
		"(a) AND (b)":                         {"AND", "(a)", "(b)"},
		"((a AND b) OR c) AND d":              {"AND", "((a AND b) OR c)", "d"},
		`(x = 'a AND b') OR "or"`:             {"OR", "(x = 'a AND b')", `"or"`},
		"((x >= 1) AND (x <= 2) AND (NOT y))": {"AND", "(x >= 1)", "(x <= 2)", "(NOT y)"},
		"CASE WHEN (a AND b) THEN c AND d ELSE f END":        {"", "CASE WHEN (a AND b) THEN c AND d ELSE f END"},
		"(x = ANY (ARRAY['a'::text, 'b AND c'::text])) OR y": {"OR", "(x = ANY (ARRAY['a'::text, 'b AND c'::text]))", "y"},
		"(CASE WHEN a THEN b ELSE c END AND d)":              {"AND", "CASE WHEN a THEN b ELSE c END", "d"},
	} {
		connective, clauses := syntax.Clauses(condition)
		if got := append([]string{connective}, clauses...); !slices.Equal(got, want) {
			t.Errorf("%s: %q; want %q", condition, got, want)
		}
	}
}
