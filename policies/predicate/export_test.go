package predicate

import (
	"maps"
	"slices"
)

// Equalities returns the operators that the package assumes to compare bytes for equality.
func Equalities() []uint32 { return slices.Collect(maps.Keys(equalities)) }
