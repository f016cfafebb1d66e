package predicate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Relation of two formulas, by the rows that they let through.
type Relation int

// The relations.
const (
	// Unknown: neither could be shown to let through all that the other does.
	Unknown Relation = iota
	// Same: each lets through what the other does.
	Same
	// Wider: the second lets through all that the first does, and perhaps more.
	Wider
	// Narrower: the first lets through all that the second does, and perhaps more.
	Narrower
)

// maxWorlds bounds the search. Beyond it nothing is known.
const maxWorlds = 1 << 18

// Compare relates two formulas. It tries every combination of truth values of
// their atoms that can occur, and some that cannot; so Same, Wider and Narrower
// are certain.
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

// IsNever says whether the formula certainly lets no row through.
func IsNever(f Formula) bool { return Compare(f, Never) == Same }

// space is everything whose value is open. A world is one choice of each.
type space struct {
	names   []string              // of variables
	sizes   []int                 // how many values each can have
	index   map[string]int        // by name
	equal   map[compared][]string // the constants that a value is compared with
	compare []comparison
	// volatile says that an atom has another value each time it is asked.
	volatile bool
}

// world gives each variable a value. An atom's is a Truth; that of a compared
// value is 0 for null, i for its i-th constant, and one more for any other.
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

// next counts up; nil after the last world.
func (s *space) next(w *world) *world {
	for i := range w.values {
		if w.values[i]++; w.values[i] < s.sizes[i] {
			return w
		}
		w.values[i] = 0
	}
	return nil
}

// possible leaves out worlds that contradict what is known of null: a strict
// comparison with a null value is null, and so one that is not null has no
// null value; and what is asked whether it is null may be a truth value itself.
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

// isNull says whether a value is known to be null in this world.
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
