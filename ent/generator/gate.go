package generator

import (
	"fmt"
	"slices"

	"github.com/chenu/chenu/policies"
)

// checkGate refuses an entity that states neither what needs a human's approval nor why nothing does (Rule #1), and a
// gate that names columns that do not exist. Supporting tables that no serving role writes need no such annotation.
func checkGate(t policies.Table) error {
	written := func(v policies.Verbs) bool { return v.Has('I') || v.Has('U') || v.Has('D') }
	if t.Supporting() && !written(t.Access.Human) && !written(t.Access.Agent) && len(t.Gates) == 0 {
		return nil
	}
	if (len(t.Gates) > 0) == (t.UngatedWhy != "") {
		return fmt.Errorf("%s needs exactly one of the annotations Gate and Ungated, with a reason: say which of its states a human must approve, or why none (Rule #1)", t.Entity)
	}
	for _, g := range t.Gates {
		if g.Why == "" {
			return fmt.Errorf("%s has a Gate without a reason: say in Why what it protects", t.Entity)
		}
		if g.State == "" && g.Agents == "" && g.Through == nil {
			return fmt.Errorf("%s has a Gate that covers no state", t.Entity)
		}
		columns := slices.Clone(g.Free)
		for _, r := range g.References {
			columns = append(columns, r.Column)
		}
		if g.Through != nil {
			columns = append(columns, g.Through.Column)
		}
		for _, name := range columns {
			if _, ok := t.Column(name); !ok {
				return fmt.Errorf("%s has a Gate that names the column %q, which it does not have", t.Entity, name)
			}
		}
	}
	return nil
}

// checkContents refuses a gate that omits columns that clients can set in the rows that become public with the gated
// row: a human would approve content that was not shown.
func checkContents(tables []policies.Table) error {
	for _, t := range tables {
		for _, g := range t.Gates {
			if g.Through != nil && len(g.Contents) > 0 {
				return fmt.Errorf("%s has a Gate with both Through and Contents", t.Entity)
			}
			for _, c := range g.Contents {
				i := slices.IndexFunc(tables, func(t policies.Table) bool { return t.Schema+"."+t.Name == c.Table })
				if i < 0 {
					return fmt.Errorf("%s has a Gate with contents of the table %q, which does not exist", t.Entity, c.Table)
				}
				for _, name := range tables[i].Gated() {
					if name != c.Column && !slices.Contains(c.Shows, name) {
						return fmt.Errorf("%s has a Gate that does not show %s of its contents in %s: add the column to Shows", t.Entity, name, c.Table)
					}
				}
			}
		}
	}
	return nil
}
