package policies

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chenu/chenu/policies/functions"
)

// privilegesOf returns the privileges that the narrow roles, which own SECURITY DEFINER functions, have on the table:
// those of policies/functions, and those for erasing an identity, which follow from the table itself.
func privilegesOf(t Table) []functions.Privilege {
	written := functions.Privileges[t.Name]
	if t.Owner == "" {
		return written
	}
	erase := functions.Privilege{Role: "chenu_erase", Rows: t.Owner + " = " + identity}
	if t.KeptWhy == "" {
		erase.Grants = []string{fmt.Sprintf("SELECT (%s)", t.Owner), "DELETE"}
	} else {
		changed := t.erased()
		seen := append([]string{t.Owner}, changed...)
		erase.Grants = []string{
			fmt.Sprintf("SELECT (%s)", strings.Join(seen, ", ")), fmt.Sprintf("UPDATE (%s)", strings.Join(changed, ", ")),
		}
	}
	return append(slices.Clone(written), erase)
}
