package lint

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	pgquery "github.com/wasilibs/go-pgquery"
	"google.golang.org/protobuf/proto"

	"ariga.io/atlas/sql/sqlcheck"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies/access"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
)

// pass is one run of the rules over a file.
type pass struct {
	*replay.File
	options  Options
	keys     keyReader
	rule     *rule
	findings []Finding
	// old contains, for each statement, the tables and views that existed before the file and may
	// have rows when the statement runs.
	old []map[string]bool
	// former maps a table that the file renames to its previous name.
	former map[string]catalog.Key
	// partitioned are the partitioned tables. parents maps default partitions to their tables.
	partitioned map[string]bool
	parents     map[string]string
	atlas       []sqlcheck.Diagnostic
	access      []access.Change
}

func newPass(file *replay.File, options Options, keys keyReader) *pass {
	p := &pass{File: file, options: options, keys: keys, former: map[string]catalog.Key{}, partitioned: map[string]bool{}, parents: map[string]string{}}
	for _, d := range file.Before.State.Details {
		if d.Of.Kind == catalog.KindTable && strings.HasPrefix(d.Definition, "PARTITION BY ") {
			p.partitioned[d.Of.Qualified()] = true
		}
	}
	for _, d := range file.Before.State.Partitions {
		p.parents[catalog.Qualify(d.Schema, d.Name)] = catalog.Qualify(d.ParentSchema, d.ParentTable)
	}
	old := maps.Clone(file.Existed)
	for _, s := range file.Statements {
		p.old = append(p.old, maps.Clone(old))
		follow(old, s.Node)
		p.rename(s.Node)
	}
	return p
}

// rename records the previous name of a renamed table.
func (p *pass) rename(n *pg.Node) {
	var was *pg.RangeVar
	var is string
	switch r, m := n.GetRenameStmt(), n.GetAlterObjectSchemaStmt(); {
	case r != nil && isTable(r.GetRenameType()):
		was, is = r.GetRelation(), catalog.Qualify(schemaOf(r.GetRelation()), r.GetNewname())
	case m != nil && isTable(m.GetObjectType()):
		was, is = m.GetRelation(), catalog.Qualify(m.GetNewschema(), m.GetRelation().GetRelname())
	default:
		return
	}
	first, again := p.former[replay.Name(was)]
	if !again {
		first = catalog.Key{Schema: schemaOf(was), Name: was.GetRelname()}
	}
	delete(p.former, replay.Name(was))
	p.former[is] = first
}

// before returns the key that an object had before the file.
func (p *pass) before(k catalog.Key) catalog.Key {
	if was, ok := p.former[k.Qualified()]; ok && k.Kind != catalog.KindIndex && k.Kind != catalog.KindFunction {
		k.Schema, k.Name = was.Schema, was.Name
	}
	return k
}

// follow applies the drops, renames and additions of a statement to the names of tables that may
// have rows.
func follow(old map[string]bool, n *pg.Node) {
	switch {
	case n.GetCreateStmt() != nil:
		if !n.GetCreateStmt().GetIfNotExists() {
			delete(old, replay.Name(n.GetCreateStmt().GetRelation()))
		}
	case n.GetCreateTableAsStmt() != nil:
		delete(old, replay.Name(n.GetCreateTableAsStmt().GetInto().GetRel()))
	case n.GetTruncateStmt() != nil:
		for _, r := range n.GetTruncateStmt().GetRelations() {
			delete(old, replay.Name(r.GetRangeVar()))
		}
	case n.GetRenameStmt() != nil && isTable(n.GetRenameStmt().GetRenameType()):
		was := replay.Name(n.GetRenameStmt().GetRelation())
		is := catalog.Qualify(schemaOf(n.GetRenameStmt().GetRelation()), n.GetRenameStmt().GetNewname())
		if old[was] {
			delete(old, was)
			old[is] = true
		} else {
			delete(old, is)
		}
	case n.GetAlterObjectSchemaStmt() != nil && isTable(n.GetAlterObjectSchemaStmt().GetObjectType()):
		was := n.GetAlterObjectSchemaStmt().GetRelation()
		if old[replay.Name(was)] {
			delete(old, replay.Name(was))
			old[catalog.Qualify(n.GetAlterObjectSchemaStmt().GetNewschema(), was.GetRelname())] = true
		}
	case n.GetInsertStmt() != nil:
		// The number of rows is unknown, so the table is treated like one that existed before the
		// file.
	}
}

func isTable(t pg.ObjectType) bool {
	return t == pg.ObjectType_OBJECT_TABLE || t == pg.ObjectType_OBJECT_VIEW || t == pg.ObjectType_OBJECT_MATVIEW
}

func schemaOf(r *pg.RangeVar) string {
	if r.GetSchemaname() == "" {
		return replay.DefaultSchema
	}
	return r.GetSchemaname()
}

// node returns the parsed statement i; nil if it could not be parsed.
func (p *pass) node(i int) *pg.Node { return p.Statements[i].Node }

// isOld reports whether a table existed before the file and may have rows when statement i runs.
func (p *pass) isOld(i int, table *pg.RangeVar) bool { return p.old[i][replay.Name(table)] }

// text returns statement i for an advice, truncated if it is long.
func (p *pass) text(i int) string {
	const most = 200
	return strings.TrimSuffix(p.Statements[i].Oneline(most), ";") + ";"
}

// effects returns the effects of statement i on tables that may have rows.
func (p *pass) effects(i int) []dev.Effect {
	var all []dev.Effect
	for _, e := range p.Statements[i].Effects {
		if p.old[i][e.Table] {
			all = append(all, e)
		}
	}
	return all
}

// effect returns the effect of statement i on the table; zero if there is none.
func (p *pass) effect(i int, table string) dev.Effect {
	for _, e := range p.effects(i) {
		if e.Table == table {
			return e
		}
	}
	return dev.Effect{}
}

// report adds a finding of the running rule about statement i, or about the whole file if i < 0.
func (p *pass) report(i int, message, advice string) {
	p.reportAs(p.rule.Severity, i, message, advice)
}

func (p *pass) reportAs(severity Severity, i int, message, advice string) {
	f := Finding{Code: p.rule.Code, Name: p.rule.Name, Severity: severity, File: p.Name, Message: message, Advice: advice}
	if i >= 0 {
		f.Line, f.Statement = p.Statements[i].Line, i+1
	}
	p.findings = append(p.findings, f)
}

// alter calls fn for each subcommand of each ALTER TABLE on a table that may have rows.
func (p *pass) alter(fn func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd)) {
	p.alterAny(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		if p.isOld(i, table) {
			fn(i, table, cmd)
		}
	})
}

// alterAny calls fn for each subcommand of each ALTER TABLE.
func (p *pass) alterAny(fn func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd)) {
	for i, s := range p.Statements {
		a := s.Node.GetAlterTableStmt()
		for _, c := range a.GetCmds() {
			fn(i, a.GetRelation(), c.GetAlterTableCmd())
		}
	}
}

// refused reports whether Postgres rejected statement i with the SQLSTATE.
func (p *pass) refused(i int, code string) bool {
	return p.Statements[i].Err != nil && p.Statements[i].Err.Code == code
}

// last returns the last statement for which yes returns true. If there is none, it returns the last statement whose
// text contains all the words, such as a block of code, or -1.
func (p *pass) last(yes func(n *pg.Node) bool, words ...string) int {
	for i, s := range slices.Backward(p.Statements) {
		if s.Node != nil && yes(s.Node) {
			return i
		}
	}
	for i, s := range slices.Backward(p.Statements) {
		if containsAll(s.SQL, words) {
			return i
		}
	}
	return -1
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return len(words) > 0
}

// sql returns a node as SQL; "" if that is not possible.
func sql(n *pg.Node) string {
	text, err := pgquery.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: n}}})
	if err != nil {
		return ""
	}
	return text
}

// changed returns a changed copy of the node as SQL.
func changed(n *pg.Node, change func(*pg.Node)) string {
	n = proto.Clone(n).(*pg.Node)
	change(n)
	return sql(n)
}

// alterSQL returns an ALTER TABLE with only this subcommand.
func alterSQL(n *pg.Node, cmd *pg.AlterTableCmd) string {
	return changed(n, func(n *pg.Node) {
		n.GetAlterTableStmt().Cmds = []*pg.Node{{Node: &pg.Node_AlterTableCmd{AlterTableCmd: cmd}}}
	})
}

// expression parses an expression; nil if that is not possible.
func expression(text string) *pg.Node {
	n := replay.Parse("SELECT " + text)
	targets := n.GetSelectStmt().GetTargetList()
	if len(targets) != 1 {
		return nil
	}
	return targets[0].GetResTarget().GetVal()
}

// texts returns the strings of a list of names.
func texts(nodes []*pg.Node) []string {
	all := make([]string, len(nodes))
	for i, n := range nodes {
		all[i] = n.GetString_().GetSval()
	}
	return all
}

// idents returns column names as in SQL.
func idents(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = catalog.Ident(n)
	}
	return strings.Join(quoted, ", ")
}

// named returns the qualified name of a list of one or two names.
func named(names []*pg.Node) string {
	parts := texts(names)
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return catalog.Qualify(replay.DefaultSchema, parts[0])
	}
	return catalog.Qualify(parts[len(parts)-2], parts[len(parts)-1])
}

// lines joins lines.
func lines(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "\n")
}

const (
	ownFile   = "-- in a file of its own that starts with `-- atlas:txmode none` and an empty line:"
	laterFile = "-- in a later file:"
)

var comments = regexp.MustCompile(`--[^\n]*|(?s:/\*.*?\*/)`)

// uncommented returns SQL without comments.
func uncommented(sql string) string { return comments.ReplaceAllString(sql, " ") }

func scanned(e dev.Effect) bool { return e.Scanned || e.Rewritten }
