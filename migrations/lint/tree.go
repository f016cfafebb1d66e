package lint

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/postgres/catalog"
)

// walk calls fn for the node, and for its children if fn returns true.
func walk(n *pg.Node, fn func(*pg.Node) bool) {
	if n != nil {
		walkMessage(n.ProtoReflect(), fn)
	}
}

// mentions reports whether such returns true for the node or a node below it.
func mentions(n *pg.Node, such func(*pg.Node) bool) bool {
	found := false
	walk(n, func(n *pg.Node) bool {
		found = found || such(n)
		return !found
	})
	return found
}

func walkMessage(m protoreflect.Message, fn func(*pg.Node) bool) {
	if n, ok := m.Interface().(*pg.Node); ok && !fn(n) {
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := range v.List().Len() {
				walkMessage(v.List().Get(i).Message(), fn)
			}
		default:
			walkMessage(v.Message(), fn)
		}
		return true
	})
}

// key is a parsed constraint or index. Its columns are "" for expressions.
type key struct {
	of        catalog.Key
	kind      pg.ConstrType // CONSTR_TYPE_UNDEFINED for an index
	table     string
	columns   []string
	refers    string // the table to which a foreign key refers
	referred  []string
	action    string // of a foreign key on DELETE, as pg_constraint.confdeltype
	unique    bool
	partial   bool
	condition *pg.Node // of a partial index
}

// keyReader caches parsed keys, because most keys do not change and parsing takes time.
type keyReader map[catalog.Detail]*key

// all returns the keys, foreign keys and indexes of a state.
func (r keyReader) all(state *catalog.State) []key {
	var all []key
	for _, d := range state.Details {
		if k, ok := r.read(d); ok {
			all = append(all, k)
		}
	}
	return all
}

func (r keyReader) read(d *catalog.Detail) (key, bool) {
	k, ok := r[*d]
	if !ok {
		if one, is := readKey(d); is {
			k = &one
		}
		r[*d] = k
	}
	if k == nil {
		return key{}, false
	}
	return *k, true
}

func readKey(d *catalog.Detail) (key, bool) {
	k := key{of: d.Of}
	switch d.Of.Kind {
	case catalog.KindConstraint:
		if strings.HasPrefix(d.Definition, "CHECK ") {
			return k, false
		}
		cmds := replay.Parse("ALTER TABLE t ADD " + d.Definition).GetAlterTableStmt().GetCmds()
		if len(cmds) != 1 {
			return k, false
		}
		c := cmds[0].GetAlterTableCmd().GetDef().GetConstraint()
		k.kind, k.table, k.columns = c.GetContype(), d.Of.Qualified(), texts(c.GetKeys())
		switch k.kind {
		case pg.ConstrType_CONSTR_FOREIGN:
			k.columns, k.refers, k.referred, k.action = texts(c.GetFkAttrs()), replay.Name(c.GetPktable()), texts(c.GetPkAttrs()), c.GetFkDelAction()
		case pg.ConstrType_CONSTR_EXCLUSION:
			for _, e := range c.GetExclusions() {
				k.columns = append(k.columns, e.GetList().GetItems()[0].GetIndexElem().GetName())
			}
			k.unique = true
		default:
			k.unique = true
		}
		return k, true
	case catalog.KindIndex:
		s := replay.Parse(strings.TrimSuffix(d.Definition, " INVALID")).GetIndexStmt()
		if s == nil {
			return k, false
		}
		k.table, k.unique, k.condition = replay.Name(s.GetRelation()), s.GetUnique(), s.GetWhereClause()
		k.partial = k.condition != nil
		for _, p := range s.GetIndexParams() {
			k.columns = append(k.columns, p.GetIndexElem().GetName())
		}
		return k, true
	default:
		return k, false
	}
}

// columnsOfKey returns the columns of the table's constraint whose definition starts with prefix,
// as it was before the file.
func (p *pass) columnsOfKey(table, prefix string) []string {
	for _, d := range p.Before.State.Details {
		if d.Of.Kind == catalog.KindConstraint && d.Of.Qualified() == table && strings.HasPrefix(d.Definition, prefix) {
			k, _ := p.keys.read(d)
			return k.columns
		}
	}
	return nil
}

// columnsOf returns the names of a table's columns.
func columnsOf(state *catalog.State, table string) []string {
	for _, r := range state.Relations {
		if r.Key.Qualified() == table {
			all := make([]string, 0, len(r.Columns))
			for _, name := range r.Columns {
				all = append(all, name)
			}
			return all
		}
	}
	return nil
}

// expressionSQL returns an expression as SQL, in parentheses.
func expressionSQL(n *pg.Node) string {
	text := sql(&pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: &pg.SelectStmt{
		TargetList:  []*pg.Node{pg.MakeResTargetNodeWithVal(n, 0)},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}}})
	return "(" + strings.TrimPrefix(text, "SELECT ") + ")"
}

// typeSQL returns a type as SQL.
func typeSQL(t *pg.TypeName) string {
	text := sql(&pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: &pg.SelectStmt{
		TargetList: []*pg.Node{pg.MakeResTargetNodeWithVal(&pg.Node{Node: &pg.Node_TypeCast{TypeCast: &pg.TypeCast{
			Arg: pg.MakeAConstStrNode("x", 0), TypeName: t,
		}}}, 0)},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}}})
	if _, after, ok := strings.Cut(text, "::"); ok {
		return after
	}
	return strings.TrimSuffix(strings.TrimPrefix(text, "SELECT "), " 'x'")
}

// typeName returns the last part of a type's name in the parser: int4, not integer.
func typeName(t *pg.TypeName) string {
	if names := texts(t.GetNames()); len(names) > 0 {
		return names[len(names)-1]
	}
	return ""
}

// serialType returns the integer type of a serial column; "" for another type.
func serialType(t *pg.TypeName) string {
	switch typeName(t) {
	case "serial", "serial4":
		return "integer"
	case "bigserial", "serial8":
		return "bigint"
	case "smallserial", "serial2":
		return "smallint"
	}
	return ""
}
