package policies_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/chenu/chenu/policies"
)

// Hardening item 24: reserved verbs passed the check of the database when they contained invisible characters that only
// the service recognized. Both use the same list, which matches Unicode's data.
func TestInvisibleCharactersAreOneList(t *testing.T) {
	t.Parallel()
	found := false
	for _, f := range policies.SQL() {
		found = found || strings.Contains(f.SQL, "E'"+policies.InvisiblePattern+"'")
	}
	if !found {
		t.Errorf("app.imitates_write() does not match %s", policies.InvisiblePattern)
	}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		want := r == '\u2800' || unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
		if got := policies.IsInvisible(r); got != want {
			t.Errorf("%U is invisible: %t, want %t", r, got, want)
		}
	}
}
