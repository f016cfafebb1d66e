package lint

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/postgres/catalog"
)

var dataRules = []rule{
	{Rule: Rule{"CN201", "set-null", "A foreign key sets columns to NULL or a default", themeData, Error}, check: setNull},
	{Rule: Rule{"CN202", "drop-cascade", "DROP … CASCADE", themeData, Error}, check: dropCascade},
	{Rule: Rule{"CN203", "empties-table", "A table is emptied", themeData, Error}, check: emptiesTable},
	{Rule: Rule{"CN204", "backfill-under-force", "Row-level security hides rows from a backfill", themeData, Error}, check: backfillUnderForce},
	{Rule: Rule{"CN205", "triggers-off", "Triggers are disabled", themeData, Error}, check: triggersOff},
	{Rule: Rule{"CN206", "enum-value-in-use", "A new enum value is used in the same transaction", themeData, Error}, check: enumValueInUse},
	{Rule: Rule{"CN207", "unlogged", "An unlogged table", themeData, Error}, check: unlogged},
	{Rule: Rule{"CN208", "renamed", "An object that running releases use is renamed", themeData, Error}, check: renamed},
	{Rule: Rule{"CN209", "interface-dropped", "A function or view that requests use is dropped", themeData, Warning}, check: interfaceDropped},
	{Rule: Rule{"CN210", "nullable", "A column becomes nullable", themeData, Warning}, check: nullable},
}

// fresh calls fn for the keys that are new or changed after the file.
func (p *pass) fresh(fn func(k key)) {
	if p.After == nil {
		return
	}
	before := map[catalog.Key]string{}
	for _, d := range p.Before.State.Details {
		before[d.Of] = d.Definition
	}
	for _, d := range p.After.State.Details {
		// A constraint that was validated is unchanged.
		if was, ok := before[p.before(d.Of)]; ok && strings.TrimSuffix(was, " NOT VALID") == d.Definition {
			continue
		}
		if k, ok := p.keys.read(d); ok {
			fn(k)
		}
	}
}

// whereKey returns the statement that created a key.
func (p *pass) whereKey(k key) int {
	table := k.of.Name
	if k.of.Kind == catalog.KindIndex {
		return p.last(func(n *pg.Node) bool { return n.GetIndexStmt().GetIdxname() == k.of.Name }, k.of.Name)
	}
	at := p.last(func(n *pg.Node) bool {
		a := n.GetAlterTableStmt()
		return replay.Name(a.GetRelation()) == k.table && slices.ContainsFunc(a.GetCmds(), func(c *pg.Node) bool {
			def := c.GetAlterTableCmd().GetDef()
			return def.GetConstraint() != nil && def.GetConstraint().GetConname() == k.of.Sub ||
				slices.ContainsFunc(def.GetColumnDef().GetConstraints(), func(n *pg.Node) bool { return n.GetConstraint().GetContype() == k.kind })
		})
	})
	if at >= 0 {
		return at
	}
	return p.whereTable(table, k.table)
}

// whereTable returns the statement that created or last changed a table.
func (p *pass) whereTable(name, qualified string) int {
	created := p.last(func(n *pg.Node) bool {
		return replay.Name(n.GetCreateStmt().GetRelation()) == qualified || replay.Name(n.GetCreateTableAsStmt().GetInto().GetRel()) == qualified
	})
	if created >= 0 {
		return created
	}
	return p.last(func(n *pg.Node) bool { return replay.Name(n.GetAlterTableStmt().GetRelation()) == qualified }, name)
}

func setNull(p *pass) {
	p.fresh(func(k key) {
		what := map[string]string{"n": "SET NULL", "d": "SET DEFAULT"}[k.action]
		if k.kind != pg.ConstrType_CONSTR_FOREIGN || what == "" {
			return
		}
		p.report(p.whereKey(k), fmt.Sprintf("Foreign key %s of %s has ON DELETE %s for (%s): if the columns include the owner, every delete of a parent fails; otherwise the row changes without policies, audit or version.",
			catalog.Ident(k.of.Sub), k.table, what, idents(k.columns)),
			lines("-- clear the references before deleting the parent:",
				fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s) ON DELETE NO ACTION;",
					k.table, catalog.Ident(k.of.Sub), idents(k.columns), k.refers, idents(k.referred))))
	})
}

func dropCascade(p *pass) {
	cascade := func(i int, what string, on []catalog.Key) {
		var with []string
		for _, k := range on {
			for _, d := range p.Before.State.Dependents(k) {
				if text := d.String(); !slices.Contains(with, text) {
					with = append(with, text)
				}
			}
		}
		message := fmt.Sprintf("DROP %s CASCADE drops all dependent objects", what)
		if n := len(with); n > 0 {
			const most = 4
			if n > most {
				with = append(with[:most], fmt.Sprintf("and %d more", n-most))
			}
			message += ": " + strings.Join(with, ", ")
		}
		p.report(i, message+".", "Remove CASCADE, and drop each object by name.")
	}
	for i := range p.Statements {
		d := p.node(i).GetDropStmt()
		if d.GetBehavior() != pg.DropBehavior_DROP_CASCADE {
			continue
		}
		var names []string
		var keys []catalog.Key
		for _, o := range d.GetObjects() {
			name, kind := objectName(o), kindOf(d.GetRemoveType())
			names = append(names, name)
			keys = append(keys, p.objects(kind, name)...)
		}
		cascade(i, strings.ToUpper(string(kindOf(d.GetRemoveType())))+" "+strings.Join(names, ", "), keys)
	}
	p.alter(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		if cmd.GetBehavior() != pg.DropBehavior_DROP_CASCADE {
			return
		}
		switch name := catalog.Ident(cmd.GetName()); cmd.GetSubtype() {
		case pg.AlterTableType_AT_DropColumn:
			key := catalog.Key{Kind: catalog.KindColumn, Schema: schemaOf(table), Name: table.GetRelname(), Sub: cmd.GetName()}
			cascade(i, "COLUMN "+replay.Name(table)+"."+name, []catalog.Key{key})
		case pg.AlterTableType_AT_DropConstraint:
			cascade(i, "CONSTRAINT "+name, nil)
		default:
		}
	})
}

// objects returns the keys of the objects with this kind and name before the file.
func (p *pass) objects(kind catalog.Kind, name string) []catalog.Key {
	var all []catalog.Key
	for _, d := range p.Before.State.Dependencies {
		if d.On.Kind == kind && d.On.Qualified() == name && !slices.Contains(all, d.On) {
			all = append(all, d.On)
		}
	}
	return all
}

func objectName(o *pg.Node) string {
	switch {
	case o.GetList() != nil:
		return named(o.GetList().GetItems())
	case o.GetObjectWithArgs() != nil:
		return named(o.GetObjectWithArgs().GetObjname())
	case o.GetTypeName() != nil:
		return named(o.GetTypeName().GetNames())
	}
	return catalog.Ident(o.GetString_().GetSval())
}

func kindOf(t pg.ObjectType) catalog.Kind {
	switch t {
	case pg.ObjectType_OBJECT_TABLE:
		return catalog.KindTable
	case pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW:
		return catalog.KindView
	case pg.ObjectType_OBJECT_FUNCTION, pg.ObjectType_OBJECT_PROCEDURE, pg.ObjectType_OBJECT_ROUTINE:
		return catalog.KindFunction
	case pg.ObjectType_OBJECT_INDEX:
		return catalog.KindIndex
	case pg.ObjectType_OBJECT_SEQUENCE:
		return catalog.KindSequence
	case pg.ObjectType_OBJECT_SCHEMA:
		return catalog.KindSchema
	default:
		return catalog.Kind(strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(t.String(), "OBJECT_")), "_", " "))
	}
}

func emptiesTable(p *pass) {
	for i := range p.Statements {
		n := p.node(i)
		for _, r := range n.GetTruncateStmt().GetRelations() {
			if p.isOld(i, r.GetRangeVar()) {
				p.report(i, fmt.Sprintf("TRUNCATE deletes all rows of %s without policies, row triggers or audit.", replay.Name(r.GetRangeVar())),
					"Delete the rows in batches, in the program, as the identity that owns them. Or accept this finding with the reason why no row is needed.")
			}
		}
		if d := n.GetDeleteStmt(); d != nil && d.GetWhereClause() == nil && p.isOld(i, d.GetRelation()) {
			p.report(i, fmt.Sprintf("DELETE without WHERE deletes all rows of %s.", replay.Name(d.GetRelation())), "Add a WHERE clause. Or accept this finding with the reason why no row is needed.")
		}
	}
}

// forced reports whether row-level security of the table is forced for its owner when statement i
// runs.
func (p *pass) forced(i int, table string) bool {
	forced := false
	for _, s := range p.Before.State.Security {
		if s.Key().Qualified() == table && p.Existed[table] {
			forced = s.Enabled && s.Forced
		}
	}
	for _, s := range p.Statements[:i] {
		if replay.Name(s.Node.GetCreateStmt().GetRelation()) == table {
			forced = false
		}
		a := s.Node.GetAlterTableStmt()
		if replay.Name(a.GetRelation()) != table {
			continue
		}
		for _, c := range a.GetCmds() {
			switch c.GetAlterTableCmd().GetSubtype() {
			case pg.AlterTableType_AT_ForceRowSecurity:
				forced = true
			case pg.AlterTableType_AT_NoForceRowSecurity, pg.AlterTableType_AT_DisableRowSecurity:
				forced = false
			default:
			}
		}
	}
	return forced
}

// rowSecurityRefuses reports whether Postgres rejected the statement because a policy would have
// hidden rows from it. The body of a function is checked in this way too, but then reads no rows.
func rowSecurityRefuses(s *replay.Statement) bool {
	return s.Err != nil && s.Node.GetCreateFunctionStmt() == nil && s.Err.Code == insufficientPrivilege && strings.Contains(s.Err.Message, "row-level security")
}

// touched returns the tables whose rows a statement reads or writes.
func touched(n *pg.Node) []string {
	var all []string
	add := func(r *pg.RangeVar) {
		if name := replay.Name(r); name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	switch {
	case n.GetUpdateStmt() != nil:
		add(n.GetUpdateStmt().GetRelation())
	case n.GetDeleteStmt() != nil:
		add(n.GetDeleteStmt().GetRelation())
	case n.GetInsertStmt() != nil:
		add(n.GetInsertStmt().GetRelation())
	case n.GetMergeStmt() != nil:
		add(n.GetMergeStmt().GetRelation())
	case n.GetSelectStmt() != nil, n.GetCreateTableAsStmt() != nil:
	default:
		return nil
	}
	for _, r := range replay.Relations(n) {
		add(r)
	}
	return all
}

func backfillUnderForce(p *pass) {
	for i, s := range p.Statements {
		var tables []string
		references := p.validates(i)
		for _, table := range append(touched(s.Node), references...) {
			if p.forced(i, table) && !slices.Contains(tables, table) {
				tables = append(tables, table)
			}
		}
		refused := rowSecurityRefuses(s)
		if !refused && len(tables) == 0 {
			continue
		}
		message := fmt.Sprintf("Row-level security of %s hides the rows from the migration, so the statement affects no row.", strings.Join(tables, " and "))
		if len(references) > 0 {
			message = fmt.Sprintf("Row-level security of %s hides the rows from the migration, so no reference is checked.", strings.Join(tables, " and "))
		}
		if refused {
			message = "Postgres rejects the statement: " + s.Err.Message + "."
		}
		advice := "Run ALTER TABLE … NO FORCE ROW LEVEL SECURITY before the statement, and FORCE after it, in the same transaction."
		if len(tables) > 0 {
			var off, on []string
			for _, t := range tables {
				off = append(off, "ALTER TABLE "+t+" NO FORCE ROW LEVEL SECURITY;")
				on = append(on, "ALTER TABLE "+t+" FORCE ROW LEVEL SECURITY;")
			}
			where := "-- in one transaction:"
			if len(references) > 0 { // the statement reads for a long time, and holds the other locks only briefly
				where = ownFile
			}
			advice = lines(where, strings.Join(off, "\n"), p.text(i), strings.Join(on, "\n"))
		}
		p.report(i, message, advice)
	}
}

// validates returns the two tables of a foreign key whose rows statement i checks.
func (p *pass) validates(i int) []string {
	a := p.node(i).GetAlterTableStmt()
	table := replay.Name(a.GetRelation())
	for _, c := range a.GetCmds() {
		cmd := c.GetAlterTableCmd()
		switch cmd.GetSubtype() {
		case pg.AlterTableType_AT_AddConstraint:
			if f := cmd.GetDef().GetConstraint(); f.GetContype() == pg.ConstrType_CONSTR_FOREIGN && !f.GetSkipValidation() {
				return []string{table, replay.Name(f.GetPktable())}
			}
		case pg.AlterTableType_AT_ValidateConstraint:
			if to := p.refers(i, table, cmd.GetName()); to != "" {
				return []string{table, to}
			}
		default:
		}
	}
	return nil
}

// refers returns the table to which a foreign key refers when statement i runs, or "" if the key does not exist.
func (p *pass) refers(i int, table, name string) string {
	for j := range i {
		a := p.node(j).GetAlterTableStmt()
		for _, c := range a.GetCmds() {
			f := c.GetAlterTableCmd().GetDef().GetConstraint()
			if replay.Name(a.GetRelation()) == table && f.GetContype() == pg.ConstrType_CONSTR_FOREIGN && f.GetConname() == name {
				return replay.Name(f.GetPktable())
			}
		}
	}
	for _, d := range p.Before.State.Details {
		if d.Of.Kind == catalog.KindConstraint && d.Of.Qualified() == table && d.Of.Sub == name {
			k, _ := p.keys.read(d)
			return k.refers
		}
	}
	return ""
}

func triggersOff(p *pass) {
	p.alter(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		switch cmd.GetSubtype() {
		case pg.AlterTableType_AT_DisableTrig, pg.AlterTableType_AT_DisableTrigAll, pg.AlterTableType_AT_DisableTrigUser:
			what := "all triggers"
			if cmd.GetName() != "" {
				what = "trigger " + catalog.Ident(cmd.GetName())
			}
			p.report(i, fmt.Sprintf("Rows written to %s without %s are not checked or recorded.", replay.Name(table), what),
				"Keep the triggers enabled. In a backfill, set the settings that they read.")
		default:
		}
	})
	for i := range p.Statements {
		s := p.node(i).GetVariableSetStmt()
		if s.GetName() == "session_replication_role" && len(s.GetArgs()) == 1 && s.GetArgs()[0].GetAConst().GetSval().GetSval() != "origin" {
			p.report(i, "session_replication_role disables all triggers and foreign keys in the session.", "Keep the triggers enabled.")
		}
	}
}

func enumValueInUse(p *pass) {
	for i := range p.Statements {
		if p.refused(i, unsafeEnumValue) {
			p.report(i, "Postgres rejects the statement: "+p.Statements[i].Err.Message+". A new value can be used only after the transaction that adds it has committed.",
				lines("-- add the value in a file of its own; "+strings.TrimPrefix(laterFile, "-- "), p.text(i)))
		}
	}
}

func unlogged(p *pass) {
	off := func(i int, table *pg.RangeVar) {
		p.report(i, fmt.Sprintf("%s is not written to the write-ahead log: a crash empties it, and replicas and backups do not contain its rows.", replay.Name(table)),
			"Remove UNLOGGED.")
	}
	for i := range p.Statements {
		n := p.node(i)
		for _, r := range []*pg.RangeVar{n.GetCreateStmt().GetRelation(), n.GetCreateTableAsStmt().GetInto().GetRel()} {
			if r.GetRelpersistence() == "u" {
				off(i, r)
			}
		}
	}
	p.alterAny(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		if cmd.GetSubtype() == pg.AlterTableType_AT_SetUnLogged {
			off(i, table)
		}
	})
}

// renamed checks renames that BC101 (tables) and BC102 (columns) do not cover.
func renamed(p *pass) {
	change := func(i int, what, was, is string) {
		p.report(i, fmt.Sprintf("%s %s is renamed to %s: running releases still use the old name.", what, was, is),
			"Create the new object beside the old one, release a service that uses it, and drop the old one in a later file.")
	}
	for i := range p.Statements {
		n := p.node(i)
		if r := n.GetRenameStmt(); r != nil {
			is := catalog.Ident(r.GetNewname())
			switch r.GetRenameType() {
			case pg.ObjectType_OBJECT_SCHEMA:
				change(i, "Schema", catalog.Ident(r.GetSubname()), is)
			case pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW:
				if p.isOld(i, r.GetRelation()) {
					change(i, "View", replay.Name(r.GetRelation()), is)
				}
			case pg.ObjectType_OBJECT_FUNCTION, pg.ObjectType_OBJECT_PROCEDURE, pg.ObjectType_OBJECT_ROUTINE:
				if name := objectName(r.GetObject()); p.hadFunction(name) {
					change(i, "Function", name, is)
				}
			case pg.ObjectType_OBJECT_TYPE:
				change(i, "Type", named(r.GetObject().GetList().GetItems()), is)
			default:
			}
		}
		if m := n.GetAlterObjectSchemaStmt(); m != nil && isTable(m.GetObjectType()) && p.isOld(i, m.GetRelation()) {
			change(i, "Table", replay.Name(m.GetRelation()), catalog.Qualify(m.GetNewschema(), m.GetRelation().GetRelname()))
		}
		if e := n.GetAlterEnumStmt(); e.GetOldVal() != "" {
			change(i, "Value", "'"+e.GetOldVal()+"' of "+named(e.GetTypeName()), "'"+e.GetNewVal()+"'")
		}
	}
}

func (p *pass) hadFunction(name string) bool {
	return slices.ContainsFunc(p.Before.State.Functions, func(f *catalog.Function) bool { return catalog.Qualify(f.Schema, f.Name) == name })
}

// interfaceDropped ignores objects that are replaced by one of the same name.
func interfaceDropped(p *pass) {
	if p.After == nil {
		return
	}
	exists := map[string]bool{}
	for _, of := range p.After.State.Privileges {
		exists[of.Of.Qualified()] = true
	}
	served := p.served()
	for _, of := range p.Before.State.Privileges {
		k := of.Of
		if k.Kind != catalog.KindFunction && k.Kind != catalog.KindView || exists[k.Qualified()] {
			continue
		}
		var roles []string
		for _, g := range of.Grants {
			if slices.Contains(served, g.Grantee) && !slices.Contains(roles, g.Grantee) {
				roles = append(roles, g.Grantee)
			}
		}
		at := p.last(func(n *pg.Node) bool {
			return slices.ContainsFunc(n.GetDropStmt().GetObjects(), func(o *pg.Node) bool { return objectName(o) == k.Qualified() })
		}, k.Name)
		if len(roles) > 0 && (at < 0 || p.node(at).GetRenameStmt() == nil) {
			p.report(at, fmt.Sprintf("%s is dropped, but %s may use it: a running release that does so fails.", k, strings.Join(roles, ", ")),
				"Drop it in a later file, when no running release uses it. Then accept this finding with that reason.")
		}
	}
}

func nullable(p *pass) {
	p.alter(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		if cmd.GetSubtype() == pg.AlterTableType_AT_DropNotNull {
			p.report(i, fmt.Sprintf("%s.%s becomes nullable: a running release that does not expect NULL fails when it reads one.", replay.Name(table), catalog.Ident(cmd.GetName())),
				"First release a service that can read NULL. Then accept this finding with that reason.")
		}
	})
}
