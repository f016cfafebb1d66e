package predicate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Relation of two formulas, by the rows that they allow.
type Relation int

// The relations.
const (
	// Unknown: neither formula is known to allow every row that the other allows.
	Unknown Relation = iota
	// Same: both allow the same rows.
	Same
	// Wider: the second formula allows every row that the first allows, and perhaps more.
	Wider
	// Narrower: the first formula allows every row that the second allows, and perhaps more.
	Narrower
)

// maxWorlds limits the search. If there are more worlds, the relation is Unknown.
const maxWorlds = 1 << 18

// Compare relates two formulas. It tries all possible combinations of truth values of their atoms, and some impossible
// ones, so Same, Wider and Narrower are certain.
func Compare(before, after Formula) Relation {
	if reflect.DeepEqual(before, after) {
		return Same
	}
	s := newSpace(before, after)
	if s == nil || s.volatile {
		return Unknown
	}
	wider, narrower := true, true
	for w := s.first(); w != nil && (wider || narrower); w = s.next(w) {
		if !w.possible() {
			continue
		}
		a, b := before.eval(w) == True, after.eval(w) == True
		wider = wider && (!a || b)
		narrower = narrower && (!b || a)
	}
	switch {
	case wider && narrower:
		return Same
	case wider:
		return Wider
	case narrower:
		return Narrower
	}
	return Unknown
}

// IsNever reports whether the formula certainly allows no row.
func IsNever(f Formula) bool { return Compare(f, Never) == Same }

// space has the variables of the formulas: everything whose value is unknown. A world assigns a value to each variable.
type space struct {
	names   []string              // of variables
	sizes   []int                 // number of values of each variable
	index   map[string]int        // by name
	equal   map[compared][]string // constants with which a value is compared
	compare []comparison
	// volatile reports that a formula has an atom whose evaluations may return different values.
	volatile bool
}

// world assigns a value to each variable. The value of an atom is a Truth. The value of a compared expression is 0 for
// null, i for its i-th constant, and the highest number for any other value.
type world struct {
	*space
	values []int
}

func newSpace(all ...Formula) *space {
	s := &space{index: map[string]int{}, equal: map[compared][]string{}}
	for _, f := range all {
		s.collect(f)
	}
	worlds := 1
	for _, size := range s.sizes {
		if worlds *= size; worlds > maxWorlds {
			return nil
		}
	}
	return s
}

func (s *space) variable(name string, size int) {
	if i, ok := s.index[name]; ok {
		s.sizes[i] = max(s.sizes[i], size)
		return
	}
	s.index[name] = len(s.names)
	s.names, s.sizes = append(s.names, name), append(s.sizes, size)
}

func (s *space) collect(f Formula) {
	switch f := f.(type) {
	case atom:
		s.volatile = s.volatile || f.volatile
		s.variable("atom "+f.key, 3)
	case comparison:
		if _, ok := s.index["atom "+f.key]; !ok {
			s.compare = append(s.compare, f)
		}
		s.variable("atom "+f.key, 3)
	case equality:
		if !slices.Contains(s.equal[f.compared], f.constant) {
			s.equal[f.compared] = append(s.equal[f.compared], f.constant)
		}
		s.variable(f.name(), len(s.equal[f.compared])+2)
	case isNull:
		s.variable("null "+f.value, 2)
	case is:
		s.collect(f.of)
	case not:
		s.collect(f.of)
	case and:
		for _, one := range f {
			s.collect(one)
		}
	case or:
		for _, one := range f {
			s.collect(one)
		}
	}
}

func (s *space) first() *world { return &world{s, make([]int, len(s.names))} }

// next returns the next world, or nil after the last one.
func (s *space) next(w *world) *world {
	for i := range w.values {
		if w.values[i]++; w.values[i] < s.sizes[i] {
			return w
		}
		w.values[i] = 0
	}
	return nil
}

// possible reports whether the world is consistent with the rules for null. A strict comparison with a null operand is
// null. A value whose IS NULL is evaluated may also be an atom or a compared value of its own.
func (w *world) possible() bool {
	for _, c := range w.compare {
		if !c.strict {
			continue
		}
		known := Truth(w.values[w.index["atom "+c.key]]) != Null
		if known && (w.isNull(c.left) || w.isNull(c.right)) {
			return false
		}
	}
	for null, i := range w.index {
		value, ok := strings.CutPrefix(null, "null ")
		if !ok {
			continue
		}
		if j, ok := w.index["atom "+value]; ok && (w.values[i] == 1) != (Truth(w.values[j]) == Null) {
			return false
		}
	}
	for c := range w.equal {
		if i, ok := w.index["null "+c.value]; ok && (w.values[i] == 1) != (w.values[w.index[c.name()]] == 0) {
			return false
		}
	}
	return true
}

// isNull reports whether a value is known to be null in this world.
func (w *world) isNull(value string) bool {
	if i, ok := w.index["null "+value]; ok {
		return w.values[i] == 1
	}
	for c := range w.equal {
		if c.value == value {
			return w.values[w.index[c.name()]] == 0
		}
	}
	return false
}

func (f constant) eval(*world) Truth { return Truth(f) }

func (f atom) eval(w *world) Truth { return Truth(w.values[w.index["atom "+f.key]]) }

func (f comparison) eval(w *world) Truth { return Truth(w.values[w.index["atom "+f.key]]) }

func (c compared) name() string { return fmt.Sprintf("value %d %s", c.by, c.value) }

func (f equality) eval(w *world) Truth {
	switch value := w.values[w.index[f.name()]]; {
	case value == 0:
		return Null
	case value <= len(w.equal[f.compared]) && w.equal[f.compared][value-1] == f.constant:
		return True
	default:
		return False
	}
}

func (f isNull) eval(w *world) Truth {
	if w.values[w.index["null "+f.value]] == 1 {
		return True
	}
	return False
}

func (f is) eval(w *world) Truth {
	if f.values[f.of.eval(w)] {
		return True
	}
	return False
}

func (f not) eval(w *world) Truth { return True - f.of.eval(w) }

func (f and) eval(w *world) Truth {
	least := True
	for _, one := range f {
		least = min(least, one.eval(w))
	}
	return least
}

func (f or) eval(w *world) Truth {
	most := False
	for _, one := range f {
		most = max(most, one.eval(w))
	}
	return most
}
