package plan

import (
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"

	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/syntax"
)

// Declaration is what a Desired declared, in its original text. Postgres prints expressions in
// another form, and not always in the same form when it parses them again. So states are compared
// in the form of Postgres, and files are written in the declared form.
type Declaration struct {
	Statements []*Statement
	// Tables contains the declared tables. It is nil if they were not declared as data.
	Tables *schema.Realm
	// Backfills and Conversions are as in Input.
	Backfills, Conversions Expressions
	// AppendOnly names the tables, as schema.table, that reject UPDATE.
	AppendOnly []string
}

// StatementKind is the kind of a Statement. Apart from its tables, a desired state contains only
// statements of these kinds.
type StatementKind int

// The kinds of statements.
const (
	OtherStatement StatementKind = iota
	CreateSchema
	CreateFunction
	AlterFunctionOwner
	RowSecurity
	CreatePolicy
	CreateTrigger
	CreatePartition
	GrantOrRevoke
)

// Statement is one statement of a desired-state file.
type Statement struct {
	Kind     StatementKind
	Text     string // without the semicolon
	Position string // file:line
	// Schema and Name are those of the object, or of the table of a policy or trigger, whose own
	// name is in Sub.
	Schema, Name, Sub string
	// Using and Check are the expressions of a policy, with their parentheses.
	Using, Check string
	// Role is the new owner of a function.
	Role string
}

// Parse parses a desired-state file. Unqualified names are in schema public. Statements of an
// unknown kind are returned as OtherStatement.
func Parse(file File) ([]*Statement, error) {
	// The driver needs no connection to scan.
	scanned, err := (*postgres.Driver)(nil).ScanStmts(file.SQL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file.Name, err)
	}
	statements := make([]*Statement, len(scanned))
	for i, s := range scanned {
		statements[i] = parse(s)
		line := 1 + strings.Count(file.SQL[:min(s.Pos, len(file.SQL))], "\n")
		statements[i].Position = fmt.Sprintf("%s:%d", file.Name, line)
	}
	return statements, nil
}

func parse(scanned *migrate.Stmt) *Statement {
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(scanned.Text), ";"))
	s := &Statement{Text: text}
	p := &parser{source: text, tokens: syntax.Lex(text)}
	switch {
	case p.words("create", "schema"):
		p.words("if", "not", "exists")
		s.Kind, s.Name = CreateSchema, p.name()
	case p.words("create", "or", "replace", "function"), p.words("create", "function"),
		p.words("create", "or", "replace", "procedure"), p.words("create", "procedure"):
		s.Kind = CreateFunction
		s.Schema, s.Name = p.qualified()
	case p.words("alter", "function"), p.words("alter", "procedure"):
		s.Schema, s.Name = p.qualified()
		p.parentheses()
		if p.words("owner", "to") {
			s.Kind, s.Role = AlterFunctionOwner, p.name()
		}
	case p.words("create", "policy"):
		s.Kind, s.Sub = CreatePolicy, p.name()
		p.words("on")
		s.Schema, s.Name = p.qualified()
		for !p.end() {
			switch {
			case p.words("using"):
				s.Using = p.parentheses()
			case p.words("with", "check"):
				s.Check = p.parentheses()
			default:
				p.next()
			}
		}
	case p.words("create", "or", "replace", "trigger"), p.words("create", "trigger"),
		p.words("create", "constraint", "trigger"):
		s.Kind, s.Sub = CreateTrigger, p.name()
		for !p.end() && !p.words("on") {
			p.next()
		}
		s.Schema, s.Name = p.qualified()
	case p.words("create", "table"):
		s.Schema, s.Name = p.qualified()
		if p.words("partition", "of") {
			p.qualified()
			if p.words("default") && p.end() {
				s.Kind = CreatePartition
			}
		}
	case p.words("alter", "table"):
		p.words("only")
		s.Schema, s.Name = p.qualified()
		if strings.HasSuffix(strings.Join(p.rest(), " "), "row level security") {
			s.Kind = RowSecurity
		}
	case p.words("grant"), p.words("revoke"):
		s.Kind = GrantOrRevoke
	}
	return s
}

// execution returns the statements to run. To change the owner of a function, the new owner needs
// CREATE on its schema, which narrow roles do not have, so it is granted and revoked.
func (s *Statement) execution() []string {
	if s.Kind == AlterFunctionOwner {
		return bracketOwner(s.Schema, s.Role, s.Text)
	}
	return []string{s.Text}
}

func bracketOwner(schemaName, role string, statements ...string) []string {
	space, role := catalog.Ident(schemaName), catalog.Ident(role)
	return slices.Concat(
		[]string{"GRANT CREATE ON SCHEMA " + space + " TO " + role},
		statements,
		[]string{"REVOKE CREATE ON SCHEMA " + space + " FROM " + role},
	)
}

type parser struct {
	source string
	tokens []syntax.Token
	at     int
}

func (p *parser) end() bool { return p.at >= len(p.tokens) }

func (p *parser) next() syntax.Token {
	if p.end() {
		return syntax.Token{Kind: syntax.Symbol}
	}
	p.at++
	return p.tokens[p.at-1]
}

// words consumes the words if they are next.
func (p *parser) words(words ...string) bool {
	for i, word := range words {
		if p.at+i >= len(p.tokens) || p.tokens[p.at+i].Kind != syntax.Word || p.tokens[p.at+i].Text != word {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *parser) name() string { return p.next().Text }

// qualified consumes [schema.]name.
func (p *parser) qualified() (schemaName, name string) {
	name = p.name()
	if !p.end() && p.tokens[p.at].Text == "." {
		p.next()
		return name, p.name()
	}
	return "public", name
}

// parentheses consumes a text in parentheses and returns it with its parentheses; "" if there is
// none.
func (p *parser) parentheses() string {
	if p.end() || p.tokens[p.at].Text != "(" {
		return ""
	}
	depth, start := 0, p.tokens[p.at].Start
	for !p.end() {
		switch t := p.next(); {
		case t.Kind == syntax.Symbol && t.Text == "(":
			depth++
		case t.Kind == syntax.Symbol && t.Text == ")":
			if depth--; depth == 0 {
				return p.source[start:t.End]
			}
		}
	}
	return p.source[start:]
}

// rest returns the texts of the remaining tokens.
func (p *parser) rest() []string {
	var texts []string
	for _, t := range p.tokens[p.at:] {
		texts = append(texts, t.Text)
	}
	return texts
}

// statement returns the declaration of an object.
func (d *Declaration) statement(kind StatementKind, key catalog.Key) *Statement {
	i := slices.IndexFunc(d.Statements, func(s *Statement) bool {
		if s.Kind != kind || s.Schema != key.Schema || s.Name != key.Name {
			return false
		}
		return kind == CreateFunction || s.Sub == key.Sub
	})
	if i < 0 {
		return nil
	}
	return d.Statements[i]
}

// SQL returns a desired state that is written in SQL. Its files run in order and may contain any
// statement.
func SQL(files ...File) Desired { return plainSQL(files) }
