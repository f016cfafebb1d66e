package access

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/chenu/chenu/postgres/catalog"
)

// meanings contains what expressions mean beyond their text: the bodies of the functions that they
// call, and the rows of the tables that they read. Postgres does not record what the body of a
// function uses, so every object whose name occurs in the body is included, in any schema.
type meanings struct {
	state     *catalog.State
	named     map[string][]catalog.Key // by the last part of the name, in lower case
	multiWord []string                 // names in named that consist of several words
	texts     map[catalog.Key]string   // the definition of an object, which may name others
	facts     map[catalog.Key]string   // properties of an object that name no others
	whole     string                   // definitions and properties of all objects
	hashes    map[catalog.Key]string
	made      map[catalog.Key]string // expressions of generated columns
}

func newMeanings(state *catalog.State) *meanings {
	m := &meanings{state: state, named: map[string][]catalog.Key{}, texts: map[catalog.Key]string{}, facts: map[catalog.Key]string{}, made: map[catalog.Key]string{}, hashes: map[catalog.Key]string{}}
	add := func(key catalog.Key, text string) {
		if _, ok := m.texts[key]; !ok {
			name := strings.ToLower(key.Name)
			if m.named[name] = append(m.named[name], key); len(words(name)) != 1 {
				m.multiWord = append(m.multiWord, name)
			}
		}
		m.texts[key] += text + "\n"
	}
	for _, f := range state.Functions {
		add(f.Key(), f.Definition+" "+f.Owner)
	}
	for _, relation := range state.Relations {
		add(relation.Key, "")
	}
	table := func(schema, name string) catalog.Key {
		key := catalog.Key{Kind: catalog.KindTable, Schema: schema, Name: name}
		if view := (catalog.Key{Kind: catalog.KindView, Schema: schema, Name: name}); m.has(view) {
			return view
		}
		return key
	}
	for _, s := range state.Security {
		m.facts[table(s.Schema, s.Table)] += fmt.Sprint(s.Enabled, s.Forced)
	}
	for _, p := range state.Policies {
		add(table(p.Schema, p.Table), fmt.Sprintf("%+v", *p))
	}
	for _, p := range state.Privileges {
		switch p.Of.Kind {
		case catalog.KindTable, catalog.KindView, catalog.KindColumn:
			m.facts[table(p.Of.Schema, p.Of.Name)] += fmt.Sprint(p.Of.Sub, p.Owner, p.Grants)
		case catalog.KindFunction:
			m.facts[p.Of] += fmt.Sprint(p.Grants)
		}
	}
	for _, o := range state.Others {
		if schema, name, ok := strings.Cut(o.Identity, "."); ok && strings.Contains(o.Type, "view") {
			add(catalog.Key{Kind: catalog.KindView, Schema: schema, Name: name}, o.Definition)
		}
	}
	var b strings.Builder
	for _, key := range slices.SortedFunc(keys(m.texts), catalog.Key.Compare) {
		b.WriteString(key.String() + m.texts[key] + m.facts[key])
	}
	// Casts, operators and domains can affect every expression that is not part of the system.
	for _, o := range state.Others {
		fmt.Fprint(&b, *o)
	}
	m.whole = hash(b.String())
	for _, d := range state.Details {
		if d.Of.Kind == catalog.KindColumn && (strings.Contains(d.Definition, " GENERATED ") || strings.Contains(d.Definition, " VIRTUAL ")) {
			m.made[d.Of] = hash(d.Definition)
		}
	}
	return m
}

func keys[V any](m map[catalog.Key]V) func(func(catalog.Key) bool) {
	return func(yield func(catalog.Key) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

func (m *meanings) has(key catalog.Key) bool { _, ok := m.texts[key]; return ok }

// of implements Meaning of predicate.Context. An object that was not read, such as one of an
// extension, depends on everything.
func (m *meanings) of(field string, oid uint32) string {
	key, ok := m.state.Routines[oid]
	if field == "relid" {
		var relation catalog.Relation
		relation, ok = m.state.Relations[oid]
		key = relation.Key
	}
	if !ok || field == "opno" {
		return m.whole
	}
	return m.closure(key)
}

// closure returns the meaning of an object: its definition, and the definitions of all objects that
// it names.
func (m *meanings) closure(of catalog.Key) string {
	if h, ok := m.hashes[of]; ok {
		return h
	}
	seen := map[catalog.Key]bool{of: true}
	queue := []catalog.Key{of}
	for i := 0; i < len(queue); i++ {
		for _, word := range m.names(m.texts[queue[i]]) {
			if dynamic[word] {
				m.hashes[of] = m.whole // dynamic SQL may use any object
				return m.whole
			}
			for _, key := range m.named[word] {
				if !seen[key] {
					seen[key] = true
					queue = append(queue, key)
				}
			}
		}
	}
	slices.SortFunc(queue, catalog.Key.Compare)
	var b strings.Builder
	for _, key := range queue {
		b.WriteString(key.String() + m.texts[key] + m.facts[key])
	}
	m.hashes[of] = hash(b.String())
	return m.hashes[of]
}

// names returns the words of a text, and the names that consist of several words.
func (m *meanings) names(text string) []string {
	all := words(text)
	for _, name := range m.multiWord {
		if strings.Contains(strings.ToLower(text), name) {
			all = append(all, name)
		}
	}
	return all
}

// dynamic contains words that indicate dynamic SQL.
var dynamic = map[string]bool{"execute": true, "query_to_xml": true, "dblink": true}

// words returns the identifiers in a text, including those in quotes.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// column returns the meaning of a column by its number. For a generated column it is the
// expression.
func (m *meanings) column(relation catalog.Relation, number int) string {
	if number == 0 { // the whole row
		all := make([]string, 0, len(relation.Columns))
		for n := range relation.Columns {
			all = append(all, m.column(relation, n))
		}
		slices.Sort(all)
		return "row " + hash(strings.Join(all, " "))
	}
	key := catalog.Key{Kind: catalog.KindColumn, Schema: relation.Key.Schema, Name: relation.Key.Name, Sub: relation.Columns[number]}
	return strconv.Itoa(number) + m.made[key]
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
