package plan

import (
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/postgres/catalog"
)

// stage plans what has to go before the tables can change: Postgres neither
// drops nor retypes a column, and does not drop a function, while something
// stands on it. Whatever goes is also removed from the current state, so that
// the comparisons after it bring it back. It gives Atlas' changes for what
// remains.
func (p *planning) stage() ([]schema.Change, error) {
	s := &staging{planning: p, seen: map[catalog.Key]bool{}}
	s.changedFunctions()
	s.changedColumns()
	s.settle()
	if err := p.refused(); err != nil {
		return nil, err
	}
	s.retypedKeys()
	return p.driver.RealmDiff(p.current.Realm, p.desired.Realm, schema.DiffNormalized())
}

type staging struct {
	*planning
	queue []catalog.Key
	seen  map[catalog.Key]bool
	// gone are tables and columns that do not exist afterwards; retyped are
	// columns whose type changes.
	gone, retyped map[catalog.Key]bool
}

// block notes that what stands on the object must go first.
func (s *staging) block(key catalog.Key) {
	if !s.seen[key] {
		s.seen[key] = true
		s.queue = append(s.queue, key)
	}
}

// changedFunctions finds the functions that CREATE OR REPLACE cannot change.
func (s *staging) changedFunctions() {
	for _, old := range s.current.State.Functions {
		for _, want := range s.desired.State.Functions {
			if want.Schema == old.Schema && want.Name == old.Name && (want.Key() != old.Key() || !want.Replaces(old)) {
				s.dropFunction(old)
			}
		}
	}
}

func (s *staging) dropFunction(f *catalog.Function) {
	key := f.Key()
	if s.oldFunctions[key] {
		return
	}
	s.oldFunctions[key] = true
	note := "Its signature changes: dropped here, created again below."
	if !slices.ContainsFunc(s.desired.State.Functions, func(d *catalog.Function) bool { return d.Schema == f.Schema && d.Name == f.Name }) {
		note = ""
	}
	s.add(phaseOldFunctions, "DROP "+routine(f)+" "+f.Key().Qualified()+"("+f.Types+")", note)
	delete(s.work, key)
	delete(s.work, catalog.PrivilegesOf(key))
	s.block(key)
}

// changedColumns finds the columns that go, that get another type, or that
// are generated in another way; the last are dropped and added again, as
// Postgres 15 and 16 cannot change the expression.
func (s *staging) changedColumns() {
	s.gone, s.retyped = map[catalog.Key]bool{}, map[catalog.Key]bool{}
	for _, space := range s.current.Realm.Schemas {
		for _, from := range space.Tables {
			to, ok := s.desired.Table(space.Name, from.Name)
			if !ok {
				s.gone[tableKey(from)] = true
				s.block(tableKey(from))
			}
			for _, c := range slices.Clone(from.Columns) {
				key := columnKey(from, c.Name)
				if !ok {
					s.gone[key] = true
					s.block(key)
					continue
				}
				d, stays := to.Column(c.Name)
				switch {
				case !stays && generated(c) != "":
					s.rebuild(from, c)
				case !stays:
					s.gone[key] = true
					s.block(key)
				case generated(d) != "" && generated(c) != generated(d):
					s.rebuild(from, c)
				case typeOf(c) != typeOf(d):
					s.retyped[key] = true
					s.block(key)
				}
			}
		}
	}
}

// rebuild drops a column that is, or becomes, generated. If the desired state
// has it, the comparison adds it again.
func (s *staging) rebuild(t *schema.Table, c *schema.Column) {
	key := columnKey(t, c.Name)
	if s.rebuilt[key] {
		return
	}
	s.rebuilt[key] = true
	s.block(key)
	drop := step{phase: phaseUnbuild, sql: "ALTER TABLE " + tableName(t) + " DROP COLUMN " + catalog.Ident(c.Name)}
	if generated(c) == "" {
		drop.note = "The column becomes a generated column. Its values are computed again."
		drop.destroys = key.String()
	} else if d, ok := s.desired.Table(t.Schema.Name, t.Name); ok {
		if _, again := d.Column(c.Name); again {
			drop.note = "Created again below. Its values are computed again."
		}
	}
	s.steps = append(s.steps, drop)
	s.removeColumn(t, c)
}

// removeColumn takes a column out of the current state, with the indexes,
// checks and keys that Postgres drops along.
func (s *staging) removeColumn(t *schema.Table, c *schema.Column) {
	var indexes []string // by expression or predicate
	for _, of := range s.current.State.Dependents(columnKey(t, c.Name)) {
		if of.Kind == catalog.KindIndex {
			indexes = append(indexes, of.Name)
		}
	}
	t.Columns = slices.DeleteFunc(t.Columns, func(o *schema.Column) bool { return o.Name == c.Name })
	t.Indexes = slices.DeleteFunc(t.Indexes, func(i *schema.Index) bool {
		goes := slices.Contains(indexColumns(i), c.Name) || slices.Contains(indexes, i.Name)
		if goes && i.Unique {
			s.unbuilt[catalog.Qualify(t.Schema.Name, i.Name)] = true
		}
		return goes
	})
	t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(fk *schema.ForeignKey) bool {
		return slices.ContainsFunc(fk.Columns, func(o *schema.Column) bool { return o.Name == c.Name })
	})
	t.Attrs = slices.DeleteFunc(t.Attrs, func(a schema.Attr) bool {
		check, ok := a.(*schema.Check)
		return ok && slices.Contains(checkColumns(check), c.Name)
	})
	delete(s.work, catalog.PrivilegesOf(columnKey(t, c.Name)))
}

// settle drops what stands on blocked objects, and what stands on that.
func (s *staging) settle() {
	for len(s.queue) > 0 {
		on := s.queue[0]
		s.queue = s.queue[1:]
		for _, of := range s.current.State.Dependents(on) {
			s.release(of, on)
		}
	}
}

// release drops one dependent of a blocked object, unless Postgres does it or
// does not mind.
func (s *staging) release(of, on catalog.Key) {
	inGoneTable := s.gone[catalog.Key{Kind: catalog.KindTable, Schema: of.Schema, Name: of.Name}]
	switch of.Kind {
	case catalog.KindPolicy, catalog.KindTrigger:
		if on.Kind == catalog.KindTable && on.Schema == of.Schema && on.Name == of.Name {
			return // it goes with its table
		}
		if _, ok := s.work[of]; !ok {
			return
		}
		if !inGoneTable {
			note := ""
			if _, again := s.want[of]; again {
				note = "Depends on " + on.String() + ", which changes. Created again below."
			}
			s.add(phaseUnguard, "DROP "+strings.ToUpper(string(of.Kind))+" "+catalog.Ident(of.Sub)+" ON "+of.Qualified(), note)
		}
		delete(s.work, of)
	case catalog.KindFunction:
		for _, f := range s.current.State.Functions {
			if f.Key() == of {
				s.dropFunction(f)
			}
		}
	case catalog.KindColumn:
		if inGoneTable {
			return
		}
		t, ok := s.current.Table(of.Schema, of.Name)
		if !ok {
			return // a partition's; it follows its parent's
		}
		c, ok := t.Column(of.Sub)
		switch {
		case !ok:
		case generated(c) != "":
			s.rebuild(t, c)
		case on.Kind == catalog.KindFunction && c.Default != nil:
			s.add(phaseUnbuild, "ALTER TABLE "+tableName(t)+" ALTER COLUMN "+catalog.Ident(c.Name)+" DROP DEFAULT", "")
			c.Default = nil
		}
	case catalog.KindConstraint:
		// On a column it goes, or is adapted, together with the column.
		if on.Kind != catalog.KindFunction || inGoneTable {
			return
		}
		if t, ok := s.current.Table(of.Schema, of.Name); ok {
			before := len(t.Attrs)
			t.Attrs = slices.DeleteFunc(t.Attrs, func(a schema.Attr) bool {
				check, ok := a.(*schema.Check)
				return ok && check.Name == of.Sub
			})
			if len(t.Attrs) < before {
				s.add(phaseUnbuild, "ALTER TABLE "+tableName(t)+" DROP CONSTRAINT "+catalog.Ident(of.Sub), "")
			}
		}
	case catalog.KindIndex:
		if on.Kind != catalog.KindFunction {
			return
		}
		for _, space := range s.current.Realm.Schemas {
			for _, t := range space.Tables {
				i, ok := t.Index(of.Name)
				if !ok || of.Schema != space.Name || s.gone[tableKey(t)] {
					continue
				}
				t.Indexes = slices.DeleteFunc(t.Indexes, func(o *schema.Index) bool { return o == i })
				s.unbuilt[of.Qualified()] = i.Unique
				s.add(phaseUnbuild, "DROP INDEX "+of.Qualified(), "")
			}
		}
	case catalog.KindView:
		s.refuse("%s depends on %s, which changes: write the migration manually", of, on)
	}
}

// retypedKeys drops the foreign keys of which both sides get another type:
// each side would be checked against the other's old one.
func (s *staging) retypedKeys() {
	for _, space := range s.current.Realm.Schemas {
		for _, t := range space.Tables {
			for _, fk := range slices.Clone(t.ForeignKeys) {
				both := false
				for i := range fk.Columns {
					both = both || s.retyped[columnKey(t, fk.Columns[i].Name)] && fk.RefTable.Schema != nil &&
						s.retyped[columnKey(fk.RefTable, fk.RefColumns[i].Name)]
				}
				if both {
					s.add(phaseUnlink, "ALTER TABLE "+tableName(t)+" DROP CONSTRAINT "+catalog.Ident(fk.Symbol), "Both columns change their type. Created again below.")
					t.ForeignKeys = slices.DeleteFunc(t.ForeignKeys, func(o *schema.ForeignKey) bool { return o == fk })
				}
			}
		}
	}
}

// generated is the expression of a generated column, "" for another.
func generated(c *schema.Column) string {
	for _, a := range c.Attrs {
		if x, ok := a.(*schema.GeneratedExpr); ok {
			return x.Expr
		}
	}
	return ""
}

func typeOf(c *schema.Column) string {
	text, err := postgres.FormatType(c.Type.Type)
	if err != nil {
		return c.Type.Raw
	}
	return text
}

func indexColumns(i *schema.Index) []string {
	var names []string
	for _, part := range i.Parts {
		if part.C != nil {
			names = append(names, part.C.Name)
		}
	}
	for _, a := range i.Attrs {
		if include, ok := a.(*postgres.IndexInclude); ok {
			for _, c := range include.Columns {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

func checkColumns(c *schema.Check) []string {
	for _, a := range c.Attrs {
		if columns, ok := a.(*postgres.CheckColumns); ok {
			return columns.Columns
		}
	}
	return nil
}

func routine(f *catalog.Function) string {
	if f.Kind == "p" {
		return "PROCEDURE"
	}
	return "FUNCTION"
}
