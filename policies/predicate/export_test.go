package predicate

import (
	"maps"
	"slices"
)

// Equalities are the operators that the package takes for equality of bytes.
func Equalities() []uint32 { return slices.Collect(maps.Keys(equalities)) }
