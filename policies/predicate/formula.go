// Package predicate decides whether one row-level security expression allows
// everything that another does. It reads the expressions as Postgres keeps
// them, in which every operator, function and column is named by number, and
// reasons about them in SQL's three-valued logic. It says so only when it is
// sure: what it does not understand is a thing of its own, equal to nothing
// but itself.
package predicate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chenu/chenu/postgres/catalog"
)

// Truth is a value of SQL's three-valued logic. A policy lets a row through
// when its expression is True.
type Truth uint8

// The truth values.
const (
	False Truth = iota
	Null
	True
)

// Formula is an expression as far as it is understood: constants and atoms,
// connected by AND, OR, NOT and IS.
type Formula interface{ eval(*world) Truth }

type (
	constant Truth
	// atom is something with an unknown truth value.
	atom struct {
		key string
		// volatile: it has another value each time.
		volatile bool
	}
	// comparison is operator(left, right) where both may be named elsewhere
	// too: it is null when one of them is, if the operator is strict.
	comparison struct {
		key         string
		left, right string
		strict      bool
	}
	// equality is value = constant, by an operator for which two constants
	// that are written differently are different.
	equality struct {
		compared
		constant string
	}
	compared struct {
		value string
		by    uint32
	}
	// isNull is the value IS NULL.
	isNull struct{ value string }
	// is holds when the operand has one of the truth values.
	is struct {
		of     Formula
		values [3]bool
	}
	and []Formula
	or  []Formula
	not struct{ of Formula }
)

// Always is the formula of a policy that lets every row through, Never that
// of one that lets none.
var (
	Always Formula = constant(True)
	Never  Formula = constant(False)
)

// Or holds when one of the formulas does. What is always so, or never, is left
// out or is the whole, so that nothing needs to be known of the rest.
func Or(all ...Formula) Formula {
	switch rest, ok := without(all, Never, Always); {
	case !ok:
		return Always
	case len(rest) == 1:
		return rest[0]
	default:
		return or(rest)
	}
}

// And holds when all of the formulas do.
func And(all ...Formula) Formula {
	switch rest, ok := without(all, Always, Never); {
	case !ok:
		return Never
	case len(rest) == 1:
		return rest[0]
	default:
		return and(rest)
	}
}

// without leaves out what does not count; ok is false when one decides all.
func without(all []Formula, idle, deciding Formula) (rest []Formula, ok bool) {
	for _, f := range all {
		switch f {
		case deciding:
			return nil, false
		case idle:
		default:
			rest = append(rest, f)
		}
	}
	return rest, true
}

// Context is what the meaning of an expression depends on beside its text.
type Context struct {
	State *catalog.State
	// Role is whom CURRENT_USER names; "" if that is not known.
	Role string
	// Column names the column of the policy's table with a number, so that
	// the name is the same wherever the column's content is.
	Column func(number int) string
	// Meaning is the meaning of a function, operator or relation that people
	// made, by the field that names it (funcid, opfuncid, opno or relid) and
	// its number; equal texts mean the same.
	Meaning func(field string, oid uint32) string
}

// Read makes a formula of an expression; Always of an empty one, which is that
// of a policy without it.
func (c *Context) Read(tree string) (Formula, error) {
	if tree == "" {
		return Always, nil
	}
	n, err := Parse(tree)
	if err != nil {
		return nil, err
	}
	return c.formula(n), nil
}

func (c *Context) formula(n *Node) Formula {
	switch n.Tag {
	case "BOOLEXPR":
		return c.connective(n)
	case "CONST":
		if v, ok := truth(n); ok {
			return constant(v)
		}
	case "NULLTEST":
		if arg := n.Child("arg"); arg != nil && n.Text("argisrow") == "false" {
			if c.volatile(arg) {
				return c.atom(n)
			}
			null := isNull{c.value(arg)}
			if n.Text("nulltesttype") == "0" {
				return null
			}
			return not{null}
		}
	case "BOOLEANTEST":
		if arg := n.Child("arg"); arg != nil {
			return c.booleanTest(n, arg)
		}
	case "OPEXPR":
		if args := n.Children("args"); len(args) == 2 {
			return c.operator(n, n.OID("opno"), args[0], args[1], n.Text("inputcollid"))
		}
	case "SCALARARRAYOPEXPR":
		return c.anyOrAll(n)
	}
	return c.atom(n)
}

func (c *Context) atom(n *Node) Formula { return atom{c.value(n), c.volatile(n)} }

func (c *Context) volatile(n *Node) bool {
	found := false
	n.Walk(func(n *Node) {
		for _, field := range []string{"funcid", "opfuncid"} {
			found = found || c.State.Volatile[n.OID(field)]
		}
	})
	return found
}

func (c *Context) connective(n *Node) Formula {
	var all []Formula
	for _, arg := range n.Children("args") {
		all = append(all, c.formula(arg))
	}
	switch op := n.Text("boolop"); {
	case op == "and":
		return And(all...)
	case op == "or":
		return Or(all...)
	case op == "not" && len(all) == 1:
		if known, ok := all[0].(constant); ok {
			return constant(True) - known
		}
		return not{all[0]}
	}
	return c.atom(n)
}

// truth reads a boolean constant.
func truth(n *Node) (Truth, bool) {
	const boolean = "16"
	if n.Text("consttype") != boolean {
		return 0, false
	}
	if n.Text("constisnull") == "true" {
		return Null, true
	}
	value, _ := n.Get("constvalue").(List) // 1 [ 1 0 0 … ]
	if len(value) != 2 {
		return 0, false
	}
	bytes, _ := value[1].(List)
	if len(bytes) == 0 {
		return 0, false
	}
	if bytes[0] == "0" {
		return False, true
	}
	return True, true
}

func (c *Context) booleanTest(n, arg *Node) Formula {
	const f, u, t = False, Null, True
	tests := map[string][]Truth{ // BoolTestType of primnodes.h
		"0": {t}, "1": {f, u}, "2": {f}, "3": {t, u}, "4": {u}, "5": {f, t},
	}
	values, ok := tests[n.Text("booltesttype")]
	if !ok {
		return c.atom(n)
	}
	is := is{of: c.formula(arg)}
	for _, v := range values {
		is.values[v] = true
	}
	return is
}

// operator brings an operator with two arguments into one of the up to four
// forms that say the same: with the arguments in the other order, or as the
// negation of the opposite.
func (c *Context) operator(n *Node, opno uint32, left, right *Node, collation string) Formula {
	op, ok := c.State.Operators[opno]
	if !ok || c.volatile(n) {
		return c.atom(n)
	}
	if f, ok := c.currentUser(opno, left, right); ok {
		return f
	}
	l, r := c.bare(left), c.bare(right)
	type form struct {
		opno        uint32
		left, right *Node
		negated     bool
	}
	forms := []form{{opno, l, r, false}}
	if op.Commutator != 0 {
		forms = append(forms, form{op.Commutator, r, l, false})
	}
	if negator, ok := c.State.Operators[op.Negator]; ok {
		forms = append(forms, form{op.Negator, l, r, true})
		if negator.Commutator != 0 {
			forms = append(forms, form{negator.Commutator, r, l, true})
		}
	}
	// An equality is told by its constant; between two forms of the same
	// operator the constant goes to the right.
	text := func(f form) string {
		rank := 0
		if !equalities[f.opno] {
			rank += 2
		}
		if f.left.Tag == "CONST" {
			rank++
		}
		return fmt.Sprintf("%d %10d %s %s", rank, f.opno, c.value(f.left), c.value(f.right))
	}
	first := forms[0]
	for _, f := range forms[1:] {
		if text(f) < text(first) {
			first = f
		}
	}
	negator := c.State.Operators[first.opno]
	var formula Formula = comparison{
		key:  fmt.Sprintf("op %d %s %s %s", first.opno, collation, c.value(first.left), c.value(first.right)),
		left: c.value(first.left), right: c.value(first.right), strict: op.Strict && negator.Strict,
	}
	if equalities[first.opno] && first.right.Tag == "CONST" && first.right.Text("constisnull") == "false" && plainCollations[collation] {
		formula = equality{compared{c.value(first.left), first.opno}, constantKey(first.right)}
	}
	if first.negated {
		return not{formula}
	}
	return formula
}

// equalities are operators of pg_operator that compare bytes: boolean, "char",
// name, smallint, integer, bigint, text, uuid and date.
// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_operator.dat
var equalities = map[uint32]bool{91: true, 92: true, 93: true, 94: true, 96: true, 98: true, 410: true, 2972: true, 1093: true}

// plainCollations are none, the default one, C and POSIX: equal means equal bytes.
var plainCollations = map[string]bool{"0": true, "100": true, "950": true, "951": true}

// currentUser knows the value of CURRENT_USER = 'role'.
func (c *Context) currentUser(opno uint32, left, right *Node) (Formula, bool) {
	const nameeq, namene = 93, 643
	if c.Role == "" || opno != nameeq && opno != namene {
		return nil, false
	}
	if left.Tag == "CONST" {
		left, right = right, left
	}
	const currentRole, currentUser, user = "9", "10", "11" // SQLValueFunctionOp of primnodes.h
	if op := left.Text("op"); left.Tag != "SQLVALUEFUNCTION" || op != currentRole && op != currentUser && op != user {
		return nil, false
	}
	name, ok := nameConstant(right)
	if !ok {
		return nil, false
	}
	if (name == c.Role) == (opno == nameeq) {
		return Always, true
	}
	return Never, true
}

// nameConstant decodes a constant of type name.
func nameConstant(n *Node) (string, bool) {
	const nameType = "19"
	if n.Tag != "CONST" || n.Text("consttype") != nameType || n.Text("constisnull") != "false" {
		return "", false
	}
	value, _ := n.Get("constvalue").(List)
	if len(value) != 2 {
		return "", false
	}
	bytes, _ := value[1].(List)
	var name []byte
	for _, b := range bytes {
		var number int
		if text, _ := b.(string); text == "0" {
			break
		} else if _, err := fmt.Sscan(text, &number); err != nil {
			return "", false
		}
		name = append(name, byte(number))
	}
	return string(name), true
}

// anyOrAll writes x = ANY (ARRAY[a, b]) as x = a OR x = b, and x <> ALL
// (ARRAY[a, b]) as x <> a AND x <> b.
func (c *Context) anyOrAll(n *Node) Formula {
	args := n.Children("args")
	if len(args) != 2 {
		return c.atom(n)
	}
	array := args[1]
	if coercion := array.Child("elemexpr"); array.Tag == "ARRAYCOERCEEXPR" && coercion != nil && coercion.Tag == "RELABELTYPE" &&
		coercion.Child("arg") != nil && coercion.Child("arg").Tag == "CASETESTEXPR" {
		array = array.Child("arg") // the elements stay as they are but for the name of their type
	}
	if array == nil || array.Tag != "ARRAYEXPR" || array.Text("multidims") != "false" {
		return c.atom(n)
	}
	elements := array.Children("elements")
	if _, known := c.State.Operators[n.OID("opno")]; !known || len(elements) == 0 || c.volatile(n) {
		return c.atom(n)
	}
	var all []Formula
	for _, element := range elements {
		all = append(all, c.operator(n, n.OID("opno"), args[0], element, n.Text("inputcollid")))
	}
	if n.Text("useOr") == "true" {
		return Or(all...)
	}
	return And(all...)
}

// bare is an argument of a system's operator without the names that a type
// was given: the operator sees the same bytes.
func (c *Context) bare(n *Node) *Node {
	for n.Tag == "RELABELTYPE" && n.Child("arg") != nil {
		n = n.Child("arg")
	}
	return n
}

// constantKey is a constant by its bytes; what type they were declared as is
// the operator's business.
func constantKey(n *Node) string {
	var b strings.Builder
	w := writer{b: &b}
	w.write(n.Get("constvalue"))
	return n.Text("constisnull") + " " + b.String()
}

// value is the canonical text of an expression: two with the same text have
// the same value, on the same row in the same moment of the same session.
func (c *Context) value(n *Node) string {
	n = c.bare(n)
	if n.Tag == "CONST" {
		return "const " + constantKey(n)
	}
	var b strings.Builder
	w := writer{Context: c, b: &b}
	w.write(n)
	return b.String()
}

// cosmetic are fields that say where an expression stood in its source text,
// or how to write it again.
var cosmetic = []string{
	"location", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end", "stmt_location", "stmt_len", "varnosyn", "varattnosyn",
	"funcformat", "coerceformat", "relabelformat", "row_format", "alias", "eref",
}

// FirstNormalOID is where the numbers of what people made begin; initdb uses
// the ones below.
// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/access/transam.h
const FirstNormalOID = 16384

type writer struct {
	*Context
	b *strings.Builder
	// inside a query numbers count the query's own tables.
	inside bool
}

func (w writer) write(value any) {
	switch v := value.(type) {
	case string:
		w.b.WriteString(v)
	case List:
		w.b.WriteByte('(')
		for i, one := range v {
			if i > 0 {
				w.b.WriteByte(' ')
			}
			w.write(one)
		}
		w.b.WriteByte(')')
	case *Node:
		w.node(v)
	}
}

func (w writer) node(n *Node) {
	if !w.inside && w.Context != nil && w.Column != nil && n.Tag == "VAR" && n.Text("varlevelsup") == "0" && n.Text("varno") == "1" {
		if number, err := strconv.Atoi(n.Text("varattno")); err == nil {
			w.b.WriteString("{column " + w.Column(number) + " " + n.Text("vartype") + " " + n.Text("vartypmod") + " " + n.Text("varcollid") + "}")
			return
		}
	}
	w.inside = w.inside || n.Tag == "QUERY"
	w.b.WriteString("{" + n.Tag)
	for _, f := range n.Fields {
		if slices.Contains(cosmetic, f.Name) {
			continue
		}
		w.b.WriteString(" :" + f.Name + " ")
		if oid := n.OID(f.Name); w.Context != nil && w.Meaning != nil && oid >= FirstNormalOID && slices.Contains(named, f.Name) {
			w.b.WriteString(w.Meaning(f.Name, oid))
			continue
		}
		w.write(f.Value)
	}
	w.b.WriteByte('}')
}

// named are the fields that name what people may have made.
var named = []string{"funcid", "opfuncid", "opno", "relid"}
