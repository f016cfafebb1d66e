package catalog

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// codeForRoles matches code that can assemble the name of a role.
var codeForRoles = regexp.MustCompile(`(?is)\b(DO|CALL|SELECT)\b.*\bROLE\b`)

// RolesAfter returns the roles as sql changed them, given those read before and after it ran. Roles belong to the whole
// server, where other sessions create and change roles at the same time: sql has changed only the roles that it names.
// SQL that can assemble the name of a role may have changed any role, so for such SQL the result is after.
func RolesAfter(before, after []*Role, sql string) []*Role {
	if codeForRoles.MatchString(sql) {
		return after
	}
	named := func(r *Role) bool { return strings.Contains(sql, r.Name) }
	unnamed := func(r *Role) bool { return !named(r) }
	all := slices.Concat(slices.DeleteFunc(slices.Clone(before), named), slices.DeleteFunc(slices.Clone(after), unnamed))
	slices.SortFunc(all, func(a, b *Role) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
