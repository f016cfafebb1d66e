package lint

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	_ "ariga.io/atlas/sql/postgres/postgrescheck" // registers the analyzers
	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlcheck"
	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies/access"
	"github.com/chenu/chenu/postgres/catalog"
)

// atlasRules are the rules of Atlas' open-source analyzers, under their codes.
var atlasRules = []rule{
	{Rule: Rule{"BC101", "table-renamed", "A table is renamed", themeAtlas, Error}, check: byAtlas("BC101", renameTable)},
	{Rule: Rule{"BC102", "column-renamed", "A column is renamed", themeAtlas, Error}, check: byAtlas("BC102", renameColumn)},
	{Rule: Rule{"CD101", "foreign-key-dropped", "A foreign key is dropped", themeAtlas, Warning},
		check: byAtlas("CD101", advise("Keep the foreign key. Or accept this finding with the reason why references stay valid."))},
	{Rule: Rule{"DS101", "schema-dropped", "A schema is dropped", themeAtlas, Error},
		check: byAtlas("DS101", advise("First drop each object in the schema by name."))},
	{Rule: Rule{"DS102", "table-dropped", "A table is dropped", themeAtlas, Error},
		check: byAtlas("DS102", advise("First check that no running release uses the table and that its rows are not needed. Then accept this finding with that reason."))},
	{Rule: Rule{"DS103", "column-dropped", "A column is dropped", themeAtlas, Error},
		check: byAtlas("DS103", advise("First check that no running release uses the column and that its values are not needed. Then accept this finding with that reason."))},
	{Rule: Rule{"MF101", "unique-added", "A new unique index may fail on duplicates", themeAtlas, Warning}, check: byAtlas("MF101", findDuplicates)},
	{Rule: Rule{"MF102", "index-made-unique", "An index that becomes unique may fail on duplicates", themeAtlas, Warning}, check: byAtlas("MF102", findDuplicates)},
	{Rule: Rule{"MF103", "not-null-added", "A NOT NULL column is added without a default", themeAtlas, Error}, check: byAtlas("MF103", addNullable)},
	{Rule: Rule{"MF104", "made-not-null", "SET NOT NULL may fail on NULL", themeAtlas, Warning}, check: byAtlas("MF104", findNulls)},
}

// analyze runs Atlas' analyzers, each separately, so that the findings of one do not stop the next.
func (p *pass) analyze(ctx context.Context) error {
	if p.After != nil {
		changes, err := access.Compare(p.Before.State, p.After.State)
		if err != nil {
			return fmt.Errorf("compare access: %w", err)
		}
		p.access = changes
	}
	file := &sqlcheck.File{File: migrate.NewLocalFile(p.Name, []byte(p.Text)), Parser: fileParser{p}}
	for i, s := range p.Statements {
		if s.Before == nil || s.After == nil {
			continue
		}
		changes, err := postgres.DefaultDiff.RealmDiff(s.Before, s.After)
		if err != nil {
			return fmt.Errorf("compare the tables around line %d: %w", s.Line, err)
		}
		// The position only needs to identify the statement.
		file.Changes = append(file.Changes, &sqlcheck.Change{
			Changes: renames(s.Node, withoutMoves(s.Node, changes)), Stmt: &migrate.Stmt{Pos: i, Text: s.SQL},
		})
	}
	analyzers, err := sqlcheck.AnalyzerFor(postgres.DriverName, nil)
	if err != nil {
		return fmt.Errorf("create Atlas' analyzers: %w", err)
	}
	for _, a := range analyzers {
		// The error only states that there are findings.
		_ = a.Analyze(ctx, &sqlcheck.Pass{File: file, Reporter: sqlcheck.ReportWriterFunc(func(r sqlcheck.Report) {
			p.atlas = append(p.atlas, r.Diagnostics...)
		})})
	}
	return nil
}

// withoutMoves removes drops that Atlas reports for objects that still exist: tables that become
// partitions, which Atlas does not read, or move to another schema, and renamed schemas.
func withoutMoves(n *pg.Node, changes schema.Changes) schema.Changes {
	if n.GetAlterObjectSchemaStmt() != nil || n.GetRenameStmt().GetRenameType() == pg.ObjectType_OBJECT_SCHEMA {
		return nil
	}
	for _, c := range n.GetAlterTableStmt().GetCmds() {
		name := c.GetAlterTableCmd().GetDef().GetPartitionCmd().GetName().GetRelname()
		if i := changes.IndexDropTable(name); name != "" && i >= 0 {
			changes.RemoveIndex(i)
		}
	}
	return changes
}

// renames replaces the drop and the addition of a renamed object by a rename.
func renames(n *pg.Node, changes schema.Changes) schema.Changes {
	r := n.GetRenameStmt()
	if r == nil {
		return changes
	}
	switch r.GetRenameType() {
	case pg.ObjectType_OBJECT_TABLE:
		from, to := changes.IndexDropTable(r.GetRelation().GetRelname()), changes.IndexAddTable(r.GetNewname())
		if from < 0 || to < 0 {
			return changes
		}
		rename := &schema.RenameTable{From: changes[from].(*schema.DropTable).T, To: changes[to].(*schema.AddTable).T}
		changes.RemoveIndex(from, to)
		return append(changes, rename)
	case pg.ObjectType_OBJECT_COLUMN:
		for _, c := range changes {
			m, ok := c.(*schema.ModifyTable)
			if !ok {
				continue
			}
			inner := schema.Changes(m.Changes)
			from, to := inner.IndexDropColumn(r.GetSubname()), inner.IndexAddColumn(r.GetNewname())
			if from < 0 || to < 0 {
				continue
			}
			rename := &schema.RenameColumn{From: inner[from].(*schema.DropColumn).C, To: inner[to].(*schema.AddColumn).C}
			inner.RemoveIndex(from, to)
			inner = append(inner, rename)
			m.Changes = inner
		}
	default:
	}
	return changes
}

// byAtlas returns the check of a rule whose findings come from Atlas.
func byAtlas(code string, advice func(p *pass, i int, text string) string) func(*pass) {
	return func(p *pass) {
		for _, d := range p.atlas {
			if d.Code != code {
				continue
			}
			if p.harmless(d) {
				continue
			}
			p.report(d.Pos, sentence(d.Text), advice(p, d.Pos, d.Text))
		}
	}
}

// harmless reports whether a finding of Atlas cannot fail.
func (p *pass) harmless(d sqlcheck.Diagnostic) bool {
	a := p.node(d.Pos).GetAlterTableStmt()
	if d.Code == "DS103" {
		return p.computedAgain(replay.Name(a.GetRelation()), a.GetCmds())
	}
	switch {
	case a == nil || !strings.HasPrefix(d.Code, "MF"):
		return false
	case !p.isOld(d.Pos, a.GetRelation()): // emptied by this file
		return true
	case d.Code == "MF103": // a column that Postgres fills
		return slices.ContainsFunc(a.GetCmds(), func(n *pg.Node) bool {
			c := n.GetAlterTableCmd().GetDef().GetColumnDef()
			return c != nil && strings.Contains(d.Text, fmt.Sprintf(" column %q ", c.GetColname())) && fillsItself(c)
		})
	case d.Code == "MF104": // Postgres knows that there are no NULLs, and does not scan
		return !slices.ContainsFunc(p.Statements[d.Pos].Effects, scanned)
	}
	return false
}

// computedAgain reports whether all dropped columns are generated columns that exist again after
// the file.
func (p *pass) computedAgain(table string, cmds []*pg.Node) bool {
	generated := func(s *catalog.State, name string) bool {
		return slices.ContainsFunc(s.Details, func(d *catalog.Detail) bool {
			return d.Of.Kind == catalog.KindColumn && d.Of.Qualified() == table && d.Of.Sub == name && strings.Contains(d.Definition, "GENERATED ")
		})
	}
	for _, n := range cmds {
		c := n.GetAlterTableCmd()
		if c.GetSubtype() == pg.AlterTableType_AT_DropColumn &&
			(p.After == nil || !generated(p.Before.State, c.GetName()) || !generated(p.After.State, c.GetName())) {
			return false
		}
	}
	return len(cmds) > 0
}

func fillsItself(c *pg.ColumnDef) bool {
	return serialType(c.GetTypeName()) != "" || slices.ContainsFunc(c.GetConstraints(), func(n *pg.Node) bool {
		t := n.GetConstraint().GetContype()
		return t == pg.ConstrType_CONSTR_IDENTITY || t == pg.ConstrType_CONSTR_GENERATED
	})
}

func advise(text string) func(*pass, int, string) string {
	return func(*pass, int, string) string { return text }
}

func renameTable(p *pass, i int, _ string) string {
	r := p.node(i).GetRenameStmt()
	was, is := replay.Name(r.GetRelation()), catalog.Qualify(schemaOf(r.GetRelation()), r.GetNewname())
	return lines("-- in the same transaction, for releases that use the old name:",
		p.text(i),
		fmt.Sprintf("CREATE VIEW %s WITH (security_invoker = true) AS SELECT * FROM %s;", was, is),
		"-- grant the table's privileges on the view; in a later file, when no such release runs:",
		"DROP VIEW "+was+";")
}

func renameColumn(p *pass, i int, _ string) string {
	r := p.node(i).GetRenameStmt()
	table, was, is := replay.Name(r.GetRelation()), catalog.Ident(r.GetSubname()), catalog.Ident(r.GetNewname())
	typ := "…"
	for _, d := range p.Before.State.Details {
		if d.Of.Kind == catalog.KindColumn && d.Of.Qualified() == table && d.Of.Sub == r.GetSubname() {
			typ, _, _ = strings.Cut(d.Definition, " NOT NULL")
			typ, _, _ = strings.Cut(typ, " DEFAULT ")
		}
	}
	return lines(fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s;", table, is, typ),
		fmt.Sprintf("-- write both columns, in a trigger or the program; fill %s in batches; let all readers use it;", is),
		"-- in a later file, when no running release uses the old column:",
		fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s;", table, was))
}

// findDuplicates returns a query for the rows that the index would reject. Rows with NULL in the
// key are no duplicates, unless the index has NULLS NOT DISTINCT.
func findDuplicates(p *pass, i int, _ string) string {
	n := p.node(i)
	var table string
	var columns, where []string
	nulls := false
	if s := n.GetIndexStmt(); s != nil {
		table, nulls = replay.Name(s.GetRelation()), s.GetNullsNotDistinct()
		for _, e := range s.GetIndexParams() {
			if name := e.GetIndexElem().GetName(); name != "" {
				columns = append(columns, catalog.Ident(name))
			} else {
				columns = append(columns, expressionSQL(e.GetIndexElem().GetExpr()))
			}
		}
		if s.GetWhereClause() != nil {
			where = append(where, expressionSQL(s.GetWhereClause()))
		}
	}
	for _, c := range n.GetAlterTableStmt().GetCmds() {
		if k := c.GetAlterTableCmd().GetDef().GetConstraint(); len(k.GetKeys()) > 0 {
			table, columns, nulls = replay.Name(n.GetAlterTableStmt().GetRelation()), []string{idents(texts(k.GetKeys()))}, k.GetNullsNotDistinct()
		}
	}
	if table == "" {
		return "First check for duplicates."
	}
	key := strings.Join(columns, ", ")
	if !nulls {
		where = append(where, "("+key+") IS NOT NULL")
	}
	query := fmt.Sprintf("SELECT %s, count(*) FROM %s", key, table)
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return lines("-- this must return no row:", query+" GROUP BY "+key+" HAVING count(*) > 1;")
}

func addNullable(p *pass, i int, _ string) string {
	var all []string
	n := p.node(i)
	for _, c := range n.GetAlterTableStmt().GetCmds() {
		if def := c.GetAlterTableCmd().GetDef().GetColumnDef(); def != nil {
			all = append(all, fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s;", replay.Name(n.GetAlterTableStmt().GetRelation()), catalog.Ident(def.GetColname()), typeSQL(def.GetTypeName())))
		}
	}
	return lines(append(all, "-- then fill it in batches, and add NOT NULL with a validated CHECK; or use a constant default, which does not rewrite rows")...)
}

func findNulls(p *pass, i int, _ string) string {
	var all []string
	n := p.node(i)
	for _, c := range n.GetAlterTableStmt().GetCmds() {
		if cmd := c.GetAlterTableCmd(); cmd.GetSubtype() == pg.AlterTableType_AT_SetNotNull {
			all = append(all, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL;", replay.Name(n.GetAlterTableStmt().GetRelation()), catalog.Ident(cmd.GetName())))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return lines(append([]string{"-- this must return 0:"}, all...)...)
}

// fileParser answers the questions of the analyzers about the file.
type fileParser struct{ p *pass }

// ColumnFilledBefore implements an interface of package datadepend: it reports whether a statement
// before the position fills the column where it is NULL.
func (f fileParser) ColumnFilledBefore(_ []*migrate.Stmt, t *schema.Table, c *schema.Column, pos int) (bool, error) {
	for _, s := range f.p.Statements[:pos] {
		u := s.Node.GetUpdateStmt()
		if u == nil || replay.Name(u.GetRelation()) != catalog.Qualify(t.Schema.Name, t.Name) {
			continue
		}
		sets := slices.ContainsFunc(u.GetTargetList(), func(n *pg.Node) bool { return n.GetResTarget().GetName() == c.Name })
		where := u.GetWhereClause()
		if sets && (where == nil || where.GetNullTest().GetNulltesttype() == pg.NullTestType_IS_NULL && isColumn(where.GetNullTest().GetArg(), c.Name)) {
			return true, nil
		}
	}
	return false, nil
}

// CreateViewAfter implements an interface of package incompatible: it reports whether a view with the old name of a
// table is created after the position.
func (f fileParser) CreateViewAfter(_ []*migrate.Stmt, old, renamed string, pos int) (bool, error) {
	for _, s := range f.p.Statements[pos:] {
		v := s.Node.GetViewStmt()
		if v.GetView().GetRelname() != old {
			continue
		}
		found := false
		walk(v.GetQuery(), func(n *pg.Node) bool {
			found = found || n.GetRangeVar().GetRelname() == renamed
			return !found
		})
		if found {
			return true, nil
		}
	}
	return false, nil
}
