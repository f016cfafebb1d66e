package predicate

import (
	"fmt"
	"strconv"
	"strings"
)

// Node is a node of an expression as nodeToString writes it: {TAG :field value …}. A value is a *Node, a List, or a
// string.
type Node struct {
	Tag    string
	Fields []Field
}

// Field is a named value of a node. The order is that of the text.
type Field struct {
	Name  string
	Value any
}

// List is a list of values.
type List []any

// Get returns the value of a field, or nil if there is none.
func (n *Node) Get(name string) any {
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Text returns the value of a plain field, or "" for other fields.
func (n *Node) Text(name string) string {
	text, _ := n.Get(name).(string)
	return text
}

// OID returns the value of a field that holds a number.
func (n *Node) OID(name string) uint32 {
	oid, err := strconv.ParseUint(n.Text(name), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(oid)
}

// Child returns the value of a field that holds a node, or nil for other fields.
func (n *Node) Child(name string) *Node {
	child, _ := n.Get(name).(*Node)
	return child
}

// Children returns the nodes in a field that holds a list.
func (n *Node) Children(name string) []*Node {
	list, _ := n.Get(name).(List)
	var all []*Node
	for _, value := range list {
		if child, ok := value.(*Node); ok {
			all = append(all, child)
		}
	}
	return all
}

// Walk calls fn for the node and for every node in it, outermost first.
func (n *Node) Walk(fn func(*Node)) {
	fn(n)
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case *Node:
			v.Walk(fn)
		case List:
			for _, one := range v {
				walk(one)
			}
		}
	}
	for _, f := range n.Fields {
		walk(f.Value)
	}
}

// Parse parses the text of a pg_node_tree.
func Parse(text string) (*Node, error) {
	p := &treeParser{text: text}
	value, err := p.value()
	if err != nil {
		return nil, fmt.Errorf("read expression tree: %w", err)
	}
	node, ok := value.(*Node)
	if token, _ := p.token(); !ok || token != "" {
		return nil, fmt.Errorf("read expression tree: it is not one node")
	}
	return node, nil
}

type treeParser struct {
	text string
	at   int
}

// token returns the next token, "" at the end, and reports whether it was quoted. It keeps backslashes: texts are only
// compared, never shown.
func (p *treeParser) token() (token string, quoted bool) {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n' || p.text[p.at] == '\t') {
		p.at++
	}
	if p.at == len(p.text) {
		return "", false
	}
	start := p.at
	const brackets = "(){}[]"
	switch c := p.text[p.at]; {
	case strings.IndexByte(brackets, c) >= 0:
		p.at++
		return p.text[start:p.at], false
	case c == '"':
		for p.at++; p.at < len(p.text) && p.text[p.at] != '"'; p.at++ {
			if p.text[p.at] == '\\' {
				p.at++
			}
		}
		p.at = min(p.at+1, len(p.text))
		return p.text[start:p.at], true
	}
	for p.at < len(p.text) && strings.IndexByte(brackets+" \n\t", p.text[p.at]) < 0 {
		if p.text[p.at] == '\\' {
			p.at++
		}
		p.at++
	}
	p.at = min(p.at, len(p.text))
	return p.text[start:p.at], false
}

func (p *treeParser) peek() string {
	at := p.at
	token, _ := p.token()
	p.at = at
	return token
}

// maxDepth is far deeper than the nesting that Postgres' own parser accepts.
const maxDepth = 10_000

func (p *treeParser) value() (any, error) { return p.nested(0) }

func (p *treeParser) nested(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it nests too deeply")
	}
	token, quoted := p.token()
	switch {
	case token == "":
		return nil, fmt.Errorf("it ends early")
	case quoted:
		return token, nil
	case token == "{":
		return p.node(depth)
	case token == "(" || token == "[":
		end := map[string]string{"(": ")", "[": "]"}[token]
		list := List{}
		for p.peek() != end {
			one, err := p.nested(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		p.token()
		return list, nil
	case token == ")" || token == "]" || token == "}":
		return nil, fmt.Errorf("unexpected %q at %d", token, p.at)
	default:
		return token, nil
	}
}

// node parses a node after its opening brace. A field has one or several values: the bytes of a constant follow their
// number.
func (p *treeParser) node(depth int) (*Node, error) {
	tag, _ := p.token()
	n := &Node{Tag: tag}
	for {
		switch token := p.peek(); {
		case token == "}":
			p.token()
			return n, nil
		case token == "":
			return nil, fmt.Errorf("it ends early")
		case !strings.HasPrefix(token, ":"):
			return nil, fmt.Errorf("%s: %q where a field should begin", tag, token)
		}
		name, _ := p.token()
		var values List
		for next := p.peek(); next != "" && next != "}" && !strings.HasPrefix(next, ":"); next = p.peek() {
			value, err := p.nested(depth + 1)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		f := Field{Name: strings.TrimPrefix(name, ":"), Value: values}
		if len(values) == 1 {
			f.Value = values[0]
		}
		n.Fields = append(n.Fields, f)
	}
}
