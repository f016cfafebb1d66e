package access

import (
	"slices"
	"strconv"
	"strings"

	"github.com/chenu/chenu/policies/predicate"
	"github.com/chenu/chenu/postgres/catalog"
)

// MayName says whether code may give a column another value: it has the column's
// name in it, puts SQL together, or calls a function that somebody made. Triggers
// do to its rows what they do to those of any write.
func MayName(state *catalog.State, code, column string) bool {
	if strings.Contains(strings.ToLower(code), "u&") || strings.Contains(strings.ToLower(code), strings.ToLower(column)) {
		return true // escapes spell names that are not there
	}
	for _, word := range words(code) {
		if dynamic[word] || slices.ContainsFunc(state.Functions, func(f *catalog.Function) bool { return strings.ToLower(f.Name) == word }) {
			return true
		}
	}
	return false
}

// DecidingColumns are the columns that the policies of tables read, by table
// (schema.name, quoted where SQL needs it), sorted: whoever changes such a value
// changes who reaches the row.
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
