package lint

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"

	"github.com/chenu/chenu/migrations/replay"
)

// maxLockTimeout is the longest lock_timeout that protects other sessions: queries on the table wait behind a statement
// for as long as it waits for its lock. strong_migrations rejects longer ones in production too (lock_timeout_limit).
const maxLockTimeout = 10 * time.Second

// lockTimeout returns the longest time that statement i waits for a lock; 0 if there is no limit. The server reports
// the setting before each statement. A change within the statement, by a block of code or a function, cannot be
// observed, so it is read from the code in PL/pgSQL and SQL. Triggers and values that are not constants are ignored.
func (p *pass) lockTimeout(i int) time.Duration {
	s := p.Statements[i]
	n := s.Node
	if n.GetDoStmt() == nil && n.GetCallStmt() == nil && n.GetSelectStmt() == nil && n.GetCreateTableAsStmt() == nil && n.GetInsertStmt() == nil {
		return s.LockTimeout
	}
	c := code{functions: p.functions(i), session: s.LockTimeout, current: s.LockTimeout}
	if n.GetDoStmt() != nil {
		c.block(s.SQL)
	} else {
		c.statement(n)
	}
	if len(c.timeouts) == 0 { // the code that takes the lock is unknown
		return s.LockTimeout
	}
	return slices.MaxFunc(c.timeouts, compareTimeouts)
}

// compareTimeouts compares timeouts, of which 0 is the longest.
func compareTimeouts(a, b time.Duration) int {
	switch {
	case a == b:
		return 0
	case b != 0 && (a == 0 || a > b):
		return 1
	}
	return -1
}

// function is the code of a function or procedure.
type function struct {
	sql     string
	node    *pg.CreateFunctionStmt
	setting []*pg.VariableSetStmt // of ALTER FUNCTION
}

// functions returns the functions that exist when statement i runs, by name. Functions of the same name in several
// schemas, or with other arguments, are not distinguished.
func (p *pass) functions(i int) map[string][]*function {
	definitions := map[string][]*function{}
	for _, f := range p.Before.State.Functions {
		definitions[f.Name] = append(definitions[f.Name], &function{sql: f.Definition})
	}
	for _, s := range p.Statements[:i] {
		if create := s.Node.GetCreateFunctionStmt(); create != nil {
			definitions[last(create.GetFuncname())] = []*function{{sql: s.SQL, node: create}}
		}
		alter := s.Node.GetAlterFunctionStmt()
		for _, f := range definitions[last(alter.GetFunc().GetObjname())] {
			f.setting = append(f.setting, settings(alter.GetActions())...)
		}
	}
	return definitions
}

func last(names []*pg.Node) string {
	if len(names) == 0 {
		return ""
	}
	return names[len(names)-1].GetString_().GetSval()
}

// settings returns the settings of CREATE FUNCTION or ALTER FUNCTION.
func settings(options []*pg.Node) []*pg.VariableSetStmt {
	var all []*pg.VariableSetStmt
	for _, o := range options {
		if set := o.GetDefElem().GetArg().GetVariableSetStmt(); set != nil {
			all = append(all, set)
		}
	}
	return all
}

// code follows lock_timeout through code, in the order of its text: branches and loops are not distinguished.
type code struct {
	functions map[string][]*function
	running   []string
	// session is the timeout after the next COMMIT.
	session, current time.Duration
	overridden       bool // a SET without LOCAL ends the setting of the function
	// timeouts are those of the statements that may take locks.
	timeouts []time.Duration
}

// block runs the body of a DO statement or of a function in PL/pgSQL.
func (c *code) block(sql string) {
	tree, err := pgquery.ParsePlPgSqlToJSON(sql)
	if err != nil || !json.Valid([]byte(tree)) {
		return
	}
	b := &block{code: c, decoder: json.NewDecoder(strings.NewReader(tree))}
	b.value("")
}

// block reads the tree of a block as libpg_query prints it.
type block struct {
	*code
	decoder *json.Decoder
	query   string
	dynamic bool // the query is an expression that returns the query
}

// value reads one value, with its key in an object.
func (b *block) value(key string) {
	token, _ := b.decoder.Token() // the tree is valid, so there is no error
	switch v := token.(type) {
	case json.Delim:
		for b.decoder.More() {
			name := ""
			if v == '{' {
				token, _ := b.decoder.Token()
				name, _ = token.(string)
				b.enter(name)
			}
			b.value(name)
		}
		_, _ = b.decoder.Token() // the closing delimiter
	case string:
		if key == "query" {
			b.query = v
		}
	case float64:
		if key == "parseMode" { // it follows the query
			b.run(v != 0)
		}
	}
}

func (b *block) enter(key string) {
	switch key {
	case "PLpgSQL_stmt_dynexecute":
		b.dynamic = true
	case "PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback":
		b.current = b.session
	}
}

// run runs a query, or an expression with its assignment.
func (b *block) run(isExpression bool) {
	query := b.query
	if isExpression {
		if _, after, ok := strings.Cut(query, ":="); ok {
			query = after
		}
		query = "SELECT " + query
	}
	n := replay.Parse(query)
	if !b.dynamic {
		b.statement(n)
		return
	}
	b.dynamic = false
	known := false
	walk(n, func(n *pg.Node) bool {
		if text := n.GetAConst().GetSval(); text != nil {
			known = b.sql(text.GetSval()) || known
		}
		return true
	})
	if !known {
		b.locks()
	}
}

// sql runs statements; it returns false if the text is not SQL.
func (c *code) sql(text string) bool {
	result, err := pgquery.Parse(text)
	if err != nil {
		return false
	}
	for _, s := range result.GetStmts() {
		if s.GetStmt().GetDoStmt() != nil {
			c.block(text)
			continue
		}
		c.statement(s.GetStmt())
	}
	return len(result.GetStmts()) > 0
}

func (c *code) locks() { c.timeouts = append(c.timeouts, c.current) }

func (c *code) statement(n *pg.Node) {
	if set := n.GetVariableSetStmt(); set != nil {
		if d, ok := lockTimeoutOf(set); ok {
			c.set(d, set.GetIsLocal())
		}
		return
	}
	walk(n, func(n *pg.Node) bool {
		if f := n.GetFuncCall(); f != nil {
			c.call(f)
		}
		return true
	})
	switch call := n.GetCallStmt().GetFunccall(); {
	case call != nil:
		c.call(call)
	case n != nil && n.GetSelectStmt() == nil: // SELECT takes no lock that blocks
		c.locks()
	}
}

func (c *code) set(d time.Duration, local bool) {
	c.current = d
	if !local {
		c.session = d
		c.overridden = true
	}
}

func (c *code) call(f *pg.FuncCall) {
	name := last(f.GetFuncname())
	if args := f.GetArgs(); name == "set_config" && len(args) == 3 && args[0].GetAConst().GetSval().GetSval() == "lock_timeout" {
		if d, ok := duration(args[1]); ok {
			c.set(d, args[2].GetAConst().GetBoolval().GetBoolval())
		}
		return
	}
	if slices.Contains(c.running, name) { // recursion
		return
	}
	c.running = append(c.running, name)
	for _, f := range c.functions[name] {
		c.function(f)
	}
	c.running = c.running[:len(c.running)-1]
}

func (c *code) function(f *function) {
	if f.node == nil {
		f.node = replay.Parse(f.sql).GetCreateFunctionStmt()
	}
	before, own := c.current, false
	for _, set := range slices.Concat(settings(f.node.GetOptions()), f.setting) {
		if d, ok := lockTimeoutOf(set); ok {
			c.current, own = d, set.GetKind() == pg.VariableSetKind_VAR_SET_VALUE
			if !own { // RESET removes the setting from the function
				c.current = before
			}
		}
	}
	c.overridden = false
	language, body := "", ""
	for _, o := range f.node.GetOptions() {
		switch d := o.GetDefElem(); d.GetDefname() {
		case "language":
			language = d.GetArg().GetString_().GetSval()
		case "as":
			if parts := texts(d.GetArg().GetList().GetItems()); len(parts) > 0 {
				body = parts[0]
			}
		}
	}
	switch language {
	case "plpgsql":
		c.block(f.sql)
	case "sql":
		c.sql(body)
	}
	if own && !c.overridden { // the setting of the function ends with it
		c.current = before
	}
}

// lockTimeoutOf returns the lock_timeout that a statement sets; false if it does not set it, or to an unknown value.
// The default of the server is no timeout.
func lockTimeoutOf(set *pg.VariableSetStmt) (time.Duration, bool) {
	if set.GetKind() == pg.VariableSetKind_VAR_RESET_ALL {
		return 0, true
	}
	if set.GetName() != "lock_timeout" {
		return 0, false
	}
	switch set.GetKind() {
	case pg.VariableSetKind_VAR_SET_DEFAULT, pg.VariableSetKind_VAR_RESET:
		return 0, true
	case pg.VariableSetKind_VAR_SET_VALUE:
		return duration(set.GetArgs()[0])
	default:
		return 0, false
	}
}

var (
	reDuration = regexp.MustCompile(`^\s*([\d.]+)\s*(us|ms|s|min|h|d|)\s*$`)
	units      = map[string]time.Duration{
		"us": time.Microsecond, "": time.Millisecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}
)

// duration returns the value of a timeout, whose unit is milliseconds by default; false if it is not a constant.
func duration(n *pg.Node) (time.Duration, bool) {
	v := n.GetAConst()
	switch {
	case v.GetIval() != nil:
		return time.Duration(v.GetIval().GetIval()) * time.Millisecond, true
	case v.GetFval() != nil, v.GetSval() != nil:
		m := reDuration.FindStringSubmatch(v.GetFval().GetFval() + v.GetSval().GetSval())
		if m == nil {
			return 0, false
		}
		number, err := strconv.ParseFloat(m[1], 64)
		return time.Duration(number * float64(units[m[2]])), err == nil
	}
	return 0, false
}
