// Package release defines which versions of PostgreSQL the packages of this module support, and which minor version of
// each major version has the security fixes that they rely on.
package release

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// Oldest is the oldest major version that is supported. It is the first with views that run with the rights of the
	// caller (SECURITY INVOKER), and with a schema public in which only its owner may create objects.
	Oldest = 15
	// Newest is the newest major version that the tests run on. Later versions are not rejected.
	Newest = 18
)

// patched maps major versions to the first minor version without known security holes in row-level security or related
// privileges.
var patched = map[int]int{15: 20, 16: 16, 17: 12, 18: 7}

// Patched returns the first minor version of a major version that has the security fixes. It is 0 for a major version
// without known security holes.
func Patched(major int) int { return patched[major] }

// PatchedText lists the first version with the security fixes of each major version, such as "15.20, 16.16, 17.12 or 18.7".
func PatchedText() string {
	majors := slices.Sorted(maps.Keys(patched))
	texts := make([]string, len(majors))
	for i, major := range majors {
		texts[i] = strconv.Itoa(major) + "." + strconv.Itoa(patched[major])
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

// Split returns the major and the minor version of a server_version_num.
func Split(number int) (major, minor int) { return number / 10000, number % 10000 }
