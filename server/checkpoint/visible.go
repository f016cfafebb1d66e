package checkpoint

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/chenu/chenu/policies"
)

// visible writes each character that a display does not show, or shows as a space, as its
// code point: \u{200D} is a zero-width joiner. A reader then sees that two texts differ which
// look alike. Nothing in the text can imitate the form: in JSON a backslash of the content is
// doubled.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			fmt.Fprintf(&b, `\u{%04X}`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// hidden reports whether a display shows nothing for the character, or a blank that is not
// the ordinary space.
func hidden(r rune) bool {
	return r != ' ' && (unicode.In(r, unicode.C, unicode.Z) || policies.IsInvisible(r))
}

// visibleJSON returns the visible form of a JSON document, or nothing if a display shows the
// document as it is.
func visibleJSON(document []byte) *string {
	text := string(document)
	if shown := visible(text); shown != text {
		return &shown
	}
	return nil
}
