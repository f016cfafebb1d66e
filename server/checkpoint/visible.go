package checkpoint

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/chenu/chenu/policies"
)

// visible replaces each character that displays do not show, or show as a space, by its code point: \u{200D} is a
// zero-width joiner. The reader can then distinguish texts that look the same. The text itself cannot contain this
// form, because JSON doubles a backslash.
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

// hidden reports whether displays show the character not at all, or as a blank other than the space.
func hidden(r rune) bool {
	return r != ' ' && (unicode.In(r, unicode.C, unicode.Z) || policies.IsInvisible(r))
}

// visibleJSON returns the visible form of a JSON document, or nil if it equals the document.
func visibleJSON(document []byte) *string {
	text := string(document)
	if shown := visible(text); shown != text {
		return &shown
	}
	return nil
}
