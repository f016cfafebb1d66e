// Package predicate decides whether one row-level security expression allows every row that another allows. It reads
// the expressions as Postgres stores them, in which operators, functions and columns are identified by number, and
// evaluates them in SQL's three-valued logic. Its answers are conservative: an expression that it does not understand
// is an atom that is equal only to itself.
package predicate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/chenu/chenu/postgres/catalog"
)

// Truth is a value of SQL's three-valued logic. A policy allows a row if its expression is True.
type Truth uint8

// The truth values.
const (
	False Truth = iota
	Null
	True
)

// Formula is an expression as far as the package understands it: constants and atoms, connected by AND, OR, NOT and IS.
type Formula interface{ eval(*world) Truth }

type (
	constant Truth
	// atom is an expression with an unknown truth value.
	atom struct {
		key string
		// volatile reports that each evaluation may return another value.
		volatile bool
	}
	// comparison is operator(left, right), whose operands may also occur in other comparisons. If the operator is
	// strict, the comparison is null if an operand is null.
	comparison struct {
		key         string
		left, right string
		strict      bool
	}
	// equality is value = constant, for operators for which constants that are written differently are different.
	equality struct {
		compared
		constant string
	}
	compared struct {
		value string
		by    uint32
	}
	// isNull is value IS NULL.
	isNull struct{ value string }
	// is, a test such as IS TRUE, is true if the operand has one of the truth values.
	is struct {
		of     Formula
		values [3]bool
	}
	and []Formula
	or  []Formula
	not struct{ of Formula }
)

// Always is the formula of a policy that allows every row, and Never that of a policy that allows none.
var (
	Always Formula = constant(True)
	Never  Formula = constant(False)
)

// Or is true if one of the formulas is. It removes operands that are Never, and returns Always if one operand is, so
// that the others need not be understood.
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

// And is true if all formulas are. It simplifies as Or does.
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

// without removes operands that are idle. ok is false if an operand is deciding, which determines the result.
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

// Context holds what the meaning of an expression depends on in addition to its text.
type Context struct {
	State *catalog.State
	// Role is the value of CURRENT_USER; "" if it is unknown.
	Role string
	// Column returns a name for the column of the policy's table with the number. Columns with the same content must
	// have the same name in both states.
	Column func(number int) string
	// Meaning returns the meaning of a user-defined function, operator or relation, given the field that refers to it
	// (funcid, opfuncid, opno or relid) and its number. Equal texts mean the same.
	Meaning func(field string, oid uint32) string
}

// Read parses an expression. It returns Always for an empty one, as for a policy without that expression.
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

// truth returns the value of a boolean constant.
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

// operator rewrites a binary operator into a canonical form. There are up to four equivalent forms: with the operands
// exchanged, and as the negation of the negator.
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
	// Equality operators are preferred. Among the forms of the same kind, those with the constant on the right are
	// preferred.
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

// equalities are operators of pg_operator that compare bytes: those of boolean, "char", name, smallint, integer,
// bigint, text, uuid and date.
// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_operator.dat
var equalities = map[uint32]bool{91: true, 92: true, 93: true, 94: true, 96: true, 98: true, 410: true, 2972: true, 1093: true}

// plainCollations are the collations in which equal means equal bytes: none, the default one, C and POSIX.
var plainCollations = map[string]bool{"0": true, "100": true, "950": true, "951": true}

// currentUser evaluates CURRENT_USER = 'role'.
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

// anyOrAll rewrites x = ANY (ARRAY[a, b]) as x = a OR x = b, and x <> ALL (ARRAY[a, b]) as x <> a AND x <> b.
func (c *Context) anyOrAll(n *Node) Formula {
	args := n.Children("args")
	if len(args) != 2 {
		return c.atom(n)
	}
	array := args[1]
	if coercion := array.Child("elemexpr"); array.Tag == "ARRAYCOERCEEXPR" && coercion != nil && coercion.Tag == "RELABELTYPE" &&
		coercion.Child("arg") != nil && coercion.Child("arg").Tag == "CASETESTEXPR" {
		array = array.Child("arg") // the cast changes only the name of the elements' type
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

// bare strips casts that only change the name of the type of an operand: the operator sees the same bytes.
func (c *Context) bare(n *Node) *Node {
	for n.Tag == "RELABELTYPE" && n.Child("arg") != nil {
		n = n.Child("arg")
	}
	return n
}

// constantKey returns a text for a constant that depends only on its bytes. The operator determines the type.
func constantKey(n *Node) string {
	var b strings.Builder
	w := writer{b: &b}
	w.write(n.Get("constvalue"))
	return n.Text("constisnull") + " " + b.String()
}

// value returns the canonical text of an expression. Two expressions with the same text have the same value for the
// same row, at the same time in the same session.
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

// cosmetic are fields that only record where an expression was in its source text, or how to print it.
var cosmetic = []string{
	"location", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end", "stmt_location", "stmt_len", "varnosyn", "varattnosyn",
	"funcformat", "coerceformat", "relabelformat", "row_format", "alias", "eref",
}

// FirstNormalOID is the first number of user-defined objects; initdb uses the numbers below it.
// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/access/transam.h
const FirstNormalOID = 16384

type writer struct {
	*Context
	b *strings.Builder
	// inside is set inside a query, where range table indexes refer to the query's tables.
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

// named are the fields that refer to objects that may be user-defined.
var named = []string{"funcid", "opfuncid", "opno", "relid"}
