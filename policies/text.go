package policies

import (
	"fmt"
	"strings"
)

// Invisible lists the ranges of characters above U+0080 that a display does not show, or shows as a blank although they
// are not spaces: those of the category Cf, those with the properties Default_Ignorable_Code_Point and
// Variation_Selector (Unicode Standard Annex 44), and the Braille pattern without a dot. The database has the same
// list, as [InvisiblePattern].
var Invisible = [][2]rune{
	{0x00AD, 0x00AD},
	{0x034F, 0x034F},
	{0x0600, 0x0605},
	{0x061C, 0x061C},
	{0x06DD, 0x06DD},
	{0x070F, 0x070F},
	{0x0890, 0x0891},
	{0x08E2, 0x08E2},
	{0x115F, 0x1160},
	{0x17B4, 0x17B5},
	{0x180B, 0x180F},
	{0x200B, 0x200F},
	{0x202A, 0x202E},
	{0x2060, 0x206F},
	{0x2800, 0x2800},
	{0x3164, 0x3164},
	{0xFE00, 0xFE0F},
	{0xFEFF, 0xFEFF},
	{0xFFA0, 0xFFA0},
	{0xFFF0, 0xFFFB},
	{0x110BD, 0x110BD},
	{0x110CD, 0x110CD},
	{0x13430, 0x1343F},
	{0x1BCA0, 0x1BCA3},
	{0x1D173, 0x1D17A},
	{0xE0000, 0xE0FFF},
}

// InvisiblePattern is the regular expression that matches one character of [Invisible], written for an escape string
// constant of Postgres.
var InvisiblePattern = invisiblePattern()

func invisiblePattern() string {
	escape := func(r rune) string {
		if r > 0xFFFF {
			return fmt.Sprintf(`\U%08X`, r)
		}
		return fmt.Sprintf(`\u%04X`, r)
	}
	var b strings.Builder
	b.WriteByte('[')
	for _, part := range Invisible {
		b.WriteString(escape(part[0]))
		if part[1] > part[0] {
			b.WriteString("-" + escape(part[1]))
		}
	}
	b.WriteByte(']')
	return b.String()
}

// IsInvisible reports whether the character is in [Invisible].
func IsInvisible(r rune) bool {
	for _, part := range Invisible {
		if part[0] <= r && r <= part[1] {
			return true
		}
	}
	return false
}
