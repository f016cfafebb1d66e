package access

import (
	"slices"
	"strconv"
	"strings"

	"github.com/chenu/chenu/policies/predicate"
	"github.com/chenu/chenu/postgres/catalog"
)

// MayName reports whether code may set a column: it contains the name of the column, builds SQL
// dynamically, or calls a user-defined function. Triggers are not considered, because they run for
// every write.
func MayName(state *catalog.State, code, column string) bool {
	if strings.Contains(strings.ToLower(code), "u&") || strings.Contains(strings.ToLower(code), strings.ToLower(column)) {
		return true // with escapes, the code may contain the name without its letters
	}
	for _, word := range words(code) {
		if dynamic[word] || slices.ContainsFunc(state.Functions, func(f *catalog.Function) bool { return strings.ToLower(f.Name) == word }) {
			return true
		}
	}
	return false
}

// DecidingColumns returns the columns that policies of tables read, by table (schema.name, quoted
// as in SQL), sorted. A change of such a value can change who can access the row.
func DecidingColumns(state *catalog.State) (map[string][]string, error) {
	oids := map[catalog.Key]uint32{}
	for oid, r := range state.Relations {
		oids[r.Key] = oid
	}
	all := map[string][]string{}
	for key, trees := range state.Trees {
		table := catalog.Key{Kind: catalog.KindTable, Schema: key.Schema, Name: key.Name}
		relation := state.Relations[oids[table]]
		for _, tree := range []string{trees.Using, trees.Check} {
			if tree == "" {
				continue
			}
			n, err := predicate.Parse(tree)
			if err != nil {
				return nil, err
			}
			n.Walk(func(n *predicate.Node) {
				number, err := strconv.Atoi(n.Text("varattno"))
				name, ok := relation.Columns[number]
				if err == nil && ok && n.Tag == "VAR" && !slices.Contains(all[table.Qualified()], name) {
					all[table.Qualified()] = append(all[table.Qualified()], name)
				}
			})
		}
	}
	for _, columns := range all {
		slices.Sort(columns)
	}
	return all, nil
}
