package plan

import (
	"fmt"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
	"github.com/chenu/chenu/postgres/syntax"
)

// differences describes in sentences how from differs from to. It returns nothing if there is
// nothing to plan. It compares more than the plan does: everything that Postgres prints of a table,
// and everything that Atlas would change.
func differences(driver migrate.Driver, from, to *dev.Inspection) ([]string, error) {
	var all []string
	whole := map[[2]string]bool{} // tables that exist on one side only
	found := catalog.Compare(from.State, to.State)
	for _, d := range found {
		if d.Key.Kind == catalog.KindTable && (d.From == nil || d.To == nil) {
			whole[[2]string{d.Key.Schema, d.Key.Name}] = true
		}
	}
	for _, d := range found {
		switch {
		case d.To == nil && onlyInMigrations(d.From):
		case d.Key.Kind != catalog.KindTable && whole[tableOf(d)]: // reported with its table
		default:
			all = append(all, d.String())
		}
	}
	changes, err := driver.RealmDiff(from.Realm, to.Realm, schema.DiffNormalized())
	if err != nil {
		if len(all) > 0 {
			return all, nil // the differences found so far include what Atlas cannot change
		}
		return nil, err
	}
	known := len(all) > 0
	for _, change := range changes {
		all = append(all, atlasDifference(change, known)...)
	}
	return all, nil
}

// tableOf returns the table of an object.
func tableOf(d catalog.Difference) [2]string {
	for _, o := range []catalog.Object{d.From, d.To} {
		switch o := o.(type) {
		case *catalog.Privileges:
			if o.Of.Kind != catalog.KindFunction {
				return [2]string{o.Of.Schema, o.Of.Name}
			}
		case *catalog.Detail:
			if o.Of.Kind == catalog.KindIndex {
				return [2]string{o.Of.Schema, indexTable(o.Definition)}
			}
		}
	}
	return [2]string{d.Key.Schema, d.Key.Name}
}

// indexTable returns the table in a result of pg_get_indexdef: CREATE … INDEX name ON [ONLY]
// schema.table USING ….
func indexTable(definition string) string {
	p := &parser{source: definition, tokens: syntax.Lex(definition)}
	for !p.end() && !p.words("on") {
		p.next()
	}
	p.words("only")
	_, name := p.qualified()
	return name
}

// atlasDifference describes the object that an Atlas change changes: comments, which only Atlas reads, and everything
// else only if no other difference is known.
func atlasDifference(change schema.Change, known bool) []string {
	var all []string
	say := func(text string) { all = append(all, text) }
	comment := func(changes []schema.Change) bool {
		for _, c := range changes {
			switch c := c.(type) {
			case *schema.AddAttr, *schema.ModifyAttr:
				return true
			case *schema.ModifyColumn:
				if c.Change.Is(schema.ChangeComment) {
					return true
				}
			case *schema.ModifyIndex:
				if c.Change.Is(schema.ChangeComment) {
					return true
				}
			}
		}
		return false
	}
	switch c := change.(type) {
	case *schema.ModifySchema:
		say("the comment of schema " + catalog.Ident(c.S.Name) + " differs")
	case *schema.ModifyTable:
		switch {
		case comment(c.Changes):
			say("comments of table " + tableName(c.T) + " differ")
		case !known:
			var kinds []string
			for _, part := range c.Changes {
				kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", part), "*schema."))
			}
			say("table " + tableName(c.T) + " differs: " + strings.Join(kinds, ", "))
		}
	case *schema.AddSchema:
		say("schema " + catalog.Ident(c.S.Name) + " is missing")
	case *schema.DropSchema:
		say("schema " + catalog.Ident(c.S.Name) + " is not expected")
	default:
		if !known {
			say(strings.TrimPrefix(fmt.Sprintf("%T", change), "*schema."))
		}
	}
	return all
}
