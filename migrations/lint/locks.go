package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlcheck"
	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
)

var lockRules = []rule{
	{Rule: Rule{"CN101", "index-not-concurrent", "Building an index blocks writes", themeLocks, Error}, check: indexNotConcurrent},
	{Rule: Rule{"CN102", "concurrently-in-transaction", "CONCURRENTLY is used in a transaction", themeLocks, Error}, check: concurrentlyInTransaction},
	{Rule: Rule{"CN103", "check-not-valid", "A CHECK is added without NOT VALID", themeLocks, Error}, check: checkNotValid},
	{Rule: Rule{"CN104", "foreign-key-not-valid", "A foreign key is added without NOT VALID", themeLocks, Error}, check: foreignKeyNotValid},
	{Rule: Rule{"CN105", "validate-at-once", "NOT VALID and VALIDATE are in one transaction", themeLocks, Warning}, check: validateAtOnce},
	{Rule: Rule{"CN106", "set-not-null", "SET NOT NULL scans the table under a lock", themeLocks, Error}, check: setNotNull},
	{Rule: Rule{"CN107", "column-rewrites", "Adding a column rewrites the table", themeLocks, Error}, check: columnRewrites},
	{Rule: Rule{"CN108", "type-rewrites", "Changing a type rewrites the table", themeLocks, Error}, check: typeRewrites},
	{Rule: Rule{"CN109", "key-builds-index", "Adding a key builds its index under a lock", themeLocks, Error}, check: keyBuildsIndex},
	{Rule: Rule{"CN110", "no-lock-timeout", "A lock without lock_timeout", themeLocks, Error}, check: noLockTimeout},
	{Rule: Rule{"CN111", "several-tables", "A transaction locks several tables", themeLocks, Warning}, check: severalTables},
	{Rule: Rule{"CN112", "work-under-lock", "Long work while a table is locked", themeLocks, Error}, check: workUnderLock},
	{Rule: Rule{"CN113", "backfill-at-once", "One statement changes an unbounded number of rows", themeLocks, Warning}, check: backfillAtOnce},
	{Rule: Rule{"CN114", "rewrites", "A statement rewrites a table", themeLocks, Error}, check: rewrites},
	{Rule: Rule{"CN115", "drop-index", "Dropping an index blocks reads and writes", themeLocks, Warning}, check: dropIndex},
	{Rule: Rule{"CN116", "reindex", "REINDEX blocks reads and writes", themeLocks, Error}, check: reindex},
	{Rule: Rule{"CN117", "scans-under-lock", "A table is scanned under a lock", themeLocks, Error}, check: scansUnderLock},
	{Rule: Rule{"CN118", "hides-invalid-index", "IF NOT EXISTS keeps an invalid index", themeLocks, Warning}, check: hidesInvalidIndex},
}

// concurrently reports whether a statement has the option CONCURRENTLY, which Postgres allows only outside a
// transaction.
func concurrently(n *pg.Node) bool {
	if a := n.GetAlterTableStmt(); a != nil {
		return slices.ContainsFunc(a.GetCmds(), func(c *pg.Node) bool {
			return c.GetAlterTableCmd().GetDef().GetPartitionCmd().GetConcurrent()
		})
	}
	if r := n.GetReindexStmt(); r != nil {
		return option(r.GetParams(), "concurrently")
	}
	return n.GetIndexStmt().GetConcurrent() || n.GetDropStmt().GetConcurrent()
}

// option reports whether a list of options contains the option without disabling it.
func option(options []*pg.Node, name string) bool {
	for _, o := range options {
		if d := o.GetDefElem(); d.GetDefname() == name {
			return !slices.Contains([]string{"false", "off", "0", "no"}, value(d.GetArg()))
		}
	}
	return false
}

func value(n *pg.Node) string {
	switch {
	case n.GetString_() != nil:
		return strings.ToLower(n.GetString_().GetSval())
	case n.GetInteger() != nil:
		return fmt.Sprint(n.GetInteger().GetIval())
	case n.GetBoolean() != nil:
		return fmt.Sprint(n.GetBoolean().GetBoolval())
	case n.GetTypeName() != nil:
		return strings.ToLower(strings.Join(texts(n.GetTypeName().GetNames()), "."))
	}
	return ""
}

func indexNotConcurrent(p *pass) {
	for i := range p.Statements {
		n := p.node(i)
		s := n.GetIndexStmt()
		if s == nil || s.GetConcurrent() || !p.isOld(i, s.GetRelation()) {
			continue
		}
		table := replay.Name(s.GetRelation())
		what, of := "an index", "…"
		if index := p.indexName(i, s); index != "" {
			what, of = "index "+catalog.Ident(index), catalog.Qualify(schemaOf(s.GetRelation()), index)
		}
		online := changed(n, func(n *pg.Node) { n.GetIndexStmt().Concurrent = true })
		advice := lines(ownFile, online+";")
		if p.partitioned[table] {
			if !s.GetRelation().GetInh() {
				continue // with ON ONLY no rows are read
			}
			advice = lines(
				changed(n, func(n *pg.Node) { n.GetIndexStmt().GetRelation().Inh = false })+";",
				"-- then for each partition, in a file of its own that starts with `-- atlas:txmode none`:",
				"CREATE INDEX CONCURRENTLY … ON partition …;",
				"ALTER INDEX "+of+" ATTACH PARTITION …;",
			)
		}
		p.report(i, fmt.Sprintf("Writes to %s are blocked while %s is built.", table, what), advice)
	}
}

// indexName returns the name of the index that statement i creates. If the statement names none, the server has chosen
// it; it is "" if the statement failed.
func (p *pass) indexName(i int, s *pg.IndexStmt) string {
	if s.GetIdxname() != "" {
		return s.GetIdxname()
	}
	names := func(realm *schema.Realm) (all []string) {
		if realm == nil {
			return nil
		}
		table, ok := (&dev.Inspection{Realm: realm}).Table(schemaOf(s.GetRelation()), s.GetRelation().GetRelname())
		if !ok {
			return nil
		}
		for _, index := range table.Indexes {
			all = append(all, index.Name)
		}
		return all
	}
	before := names(p.Statements[i].Before)
	for _, name := range names(p.Statements[i].After) {
		if !slices.Contains(before, name) {
			return name
		}
	}
	return ""
}

func concurrentlyInTransaction(p *pass) {
	if !p.Transaction {
		return
	}
	for i := range p.Statements {
		if concurrently(p.node(i)) {
			p.report(i, "This file runs in one transaction, where Postgres rejects CONCURRENTLY.",
				lines(ownFile, p.text(i)))
		}
	}
}

// hidesInvalidIndex ignores an index that the file drops first.
func hidesInvalidIndex(p *pass) {
	dropped := map[string]bool{}
	for i := range p.Statements {
		n := p.node(i)
		for _, o := range n.GetDropStmt().GetObjects() {
			dropped[objectName(o)] = true
		}
		s := n.GetIndexStmt()
		name := catalog.Qualify(schemaOf(s.GetRelation()), s.GetIdxname())
		if !s.GetConcurrent() || !s.GetIfNotExists() || dropped[name] {
			continue
		}
		p.report(i, fmt.Sprintf("If index %s is invalid after an interrupted build, IF NOT EXISTS skips the statement, and the index stays invalid.", name),
			lines("DROP INDEX CONCURRENTLY IF EXISTS "+name+";", changed(n, func(n *pg.Node) { n.GetIndexStmt().IfNotExists = false })+";"))
	}
}

// constraints calls fn for each constraint that is added to a table that may have rows, separately
// or with a column.
func (p *pass) constraints(fn func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd, c *pg.Constraint, column *pg.ColumnDef)) {
	p.alter(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		switch cmd.GetSubtype() {
		case pg.AlterTableType_AT_AddConstraint:
			fn(i, table, cmd, cmd.GetDef().GetConstraint(), nil)
		case pg.AlterTableType_AT_AddColumn:
			column := cmd.GetDef().GetColumnDef()
			for _, c := range column.GetConstraints() {
				fn(i, table, cmd, c.GetConstraint(), column)
			}
		default:
		}
	})
}

// validateLater returns the advice to add a constraint as NOT VALID and to validate it later.
func (p *pass) validateLater(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd, c *pg.Constraint, column *pg.ColumnDef, name string) string {
	c = proto.Clone(c).(*pg.Constraint)
	c.SkipValidation, c.InitiallyValid, c.Conname = true, false, name
	first := ""
	if column != nil {
		bare := proto.Clone(cmd).(*pg.AlterTableCmd)
		def := bare.GetDef().GetColumnDef()
		def.Constraints = slices.DeleteFunc(def.GetConstraints(), func(n *pg.Node) bool {
			return n.GetConstraint().GetContype() == c.GetContype()
		})
		first = alterSQL(p.node(i), bare) + ";"
		if c.GetContype() == pg.ConstrType_CONSTR_FOREIGN && len(c.GetFkAttrs()) == 0 {
			c.FkAttrs = []*pg.Node{pg.MakeStrNode(column.GetColname())}
		}
	}
	add := &pg.AlterTableCmd{
		Subtype: pg.AlterTableType_AT_AddConstraint, Behavior: pg.DropBehavior_DROP_RESTRICT,
		Def: &pg.Node{Node: &pg.Node_Constraint{Constraint: c}},
	}
	return lines(first, alterSQL(p.node(i), add)+";", laterFile,
		"ALTER TABLE "+replay.Name(table)+" VALIDATE CONSTRAINT "+catalog.Ident(name)+";")
}

// constraintName returns the given name, or the name that Postgres would choose.
// https://www.postgresql.org/docs/current/sql-createtable.html
func constraintName(c *pg.Constraint, table *pg.RangeVar, columns []string, suffix string) string {
	if c.GetConname() != "" {
		return c.GetConname()
	}
	return strings.Join(slices.Concat([]string{table.GetRelname()}, columns, []string{suffix}), "_")
}

func checkNotValid(p *pass) {
	p.constraints(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd, c *pg.Constraint, column *pg.ColumnDef) {
		if c.GetContype() != pg.ConstrType_CONSTR_CHECK || c.GetSkipValidation() {
			return
		}
		var columns []string
		if column != nil {
			columns = []string{column.GetColname()}
		}
		name := constraintName(c, table, columns, "check")
		p.report(i, fmt.Sprintf("Reads and writes of %s are blocked while all its rows are checked for constraint %s.", replay.Name(table), catalog.Ident(name)),
			p.validateLater(i, table, cmd, c, column, name))
	})
}

func foreignKeyNotValid(p *pass) {
	p.constraints(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd, c *pg.Constraint, column *pg.ColumnDef) {
		if c.GetContype() != pg.ConstrType_CONSTR_FOREIGN || c.GetSkipValidation() {
			return
		}
		columns := texts(c.GetFkAttrs())
		if column != nil {
			if !hasDefault(column) {
				return // every reference is NULL, so Postgres reads no rows
			}
			columns = []string{column.GetColname()}
		}
		name := constraintName(c, table, columns, "fkey")
		advice := p.validateLater(i, table, cmd, c, column, name)
		if p.partitioned[replay.Name(table)] {
			advice = "Before version 18, Postgres does not support NOT VALID for a foreign key of a partitioned table. Add the key to each partition with NOT VALID, validate it there, and then add it here."
		}
		p.report(i, fmt.Sprintf("Writes to %s and %s are blocked while every row of the former is checked for foreign key %s.",
			replay.Name(table), replay.Name(c.GetPktable()), catalog.Ident(name)), advice)
	})
}

func hasDefault(c *pg.ColumnDef) bool {
	return slices.ContainsFunc(c.GetConstraints(), func(n *pg.Node) bool {
		d := n.GetConstraint()
		return d.GetContype() == pg.ConstrType_CONSTR_DEFAULT && !d.GetRawExpr().GetAConst().GetIsnull()
	})
}

func validateAtOnce(p *pass) {
	type constraint struct{ table, name string }
	added := map[constraint]int{}
	p.alter(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		switch cmd.GetSubtype() {
		case pg.AlterTableType_AT_AddConstraint:
			c := cmd.GetDef().GetConstraint()
			if c.GetSkipValidation() {
				suffix := "check"
				if c.GetContype() == pg.ConstrType_CONSTR_FOREIGN {
					suffix = "fkey"
				}
				added[constraint{replay.Name(table), constraintName(c, table, texts(c.GetFkAttrs()), suffix)}] = i
			}
		case pg.AlterTableType_AT_ValidateConstraint:
			at, ok := added[constraint{replay.Name(table), cmd.GetName()}]
			if !ok || !p.Transaction && at != i {
				return
			}
			p.report(i, fmt.Sprintf("Constraint %s is validated in the transaction that adds it, so its lock on %s is held during the scan.",
				catalog.Ident(cmd.GetName()), replay.Name(table)), lines(laterFile, alterSQL(p.node(i), cmd)+";"))
		default:
		}
	})
}

func setNotNull(p *pass) {
	p.alter(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		e := p.effect(i, replay.Name(table))
		if cmd.GetSubtype() != pg.AlterTableType_AT_SetNotNull || !e.Scanned || e.Rewritten {
			return
		}
		column, on := catalog.Ident(cmd.GetName()), "ALTER TABLE "+replay.Name(table)
		check := catalog.Ident(table.GetRelname() + "_" + cmd.GetName() + "_not_null")
		p.report(i, fmt.Sprintf("Reads and writes of %s are blocked while the table is scanned for NULL in %s.", replay.Name(table), column),
			lines(fmt.Sprintf("%s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID;", on, check, column),
				laterFile, fmt.Sprintf("%s VALIDATE CONSTRAINT %s;", on, check),
				"-- in the file after that, without a scan:",
				fmt.Sprintf("%s ALTER COLUMN %s SET NOT NULL;", on, column), fmt.Sprintf("%s DROP CONSTRAINT %s;", on, check)))
	})
}

func columnRewrites(p *pass) {
	p.alter(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		if cmd.GetSubtype() != pg.AlterTableType_AT_AddColumn || !p.effect(i, replay.Name(table)).Rewritten {
			return
		}
		def := cmd.GetDef().GetColumnDef()
		column, on := catalog.Ident(def.GetColname()), "ALTER TABLE "+replay.Name(table)
		why, advice := "", "Add the column without the default or expression, and fill it in batches."
		for _, n := range def.GetConstraints() {
			switch c := n.GetConstraint(); c.GetContype() {
			case pg.ConstrType_CONSTR_DEFAULT:
				if c.GetRawExpr().GetAConst() != nil {
					continue
				}
				why = "its default is computed for each row"
				bare := proto.Clone(cmd).(*pg.AlterTableCmd)
				b := bare.GetDef().GetColumnDef()
				b.Constraints = slices.DeleteFunc(b.GetConstraints(), func(n *pg.Node) bool {
					t := n.GetConstraint().GetContype()
					return t == pg.ConstrType_CONSTR_DEFAULT || t == pg.ConstrType_CONSTR_NOTNULL
				})
				set := changed(p.node(i), func(n *pg.Node) {
					n.GetAlterTableStmt().Cmds = []*pg.Node{{Node: &pg.Node_AlterTableCmd{AlterTableCmd: &pg.AlterTableCmd{
						Subtype: pg.AlterTableType_AT_ColumnDefault, Name: def.GetColname(), Def: c.GetRawExpr(), Behavior: pg.DropBehavior_DROP_RESTRICT,
					}}}}
				})
				advice = lines(alterSQL(p.node(i), bare)+";", set+";",
					"-- then fill existing rows in batches, and add NOT NULL with a validated CHECK")
			case pg.ConstrType_CONSTR_IDENTITY:
				why = "every row gets a value of the sequence"
				advice = lines(fmt.Sprintf("%s ADD COLUMN %s bigint;", on, column),
					"-- fill it in batches, and add NOT NULL with a validated CHECK; then:",
					fmt.Sprintf("%s ALTER COLUMN %s ADD GENERATED BY DEFAULT AS IDENTITY;", on, column))
			case pg.ConstrType_CONSTR_GENERATED:
				why = "it is a stored generated column"
				advice = "Compute the value in a view or in the query. Or add a plain column, set it in a trigger, and fill it in batches."
			default:
			}
		}
		if serialType(def.GetTypeName()) != "" {
			why = "every row gets a value of the sequence"
		}
		if why != "" {
			why = ", because " + why
		}
		p.report(i, fmt.Sprintf("Reads and writes of %s are blocked while the table is rewritten for column %s%s.", replay.Name(table), column, why), advice)
	})
}

func typeRewrites(p *pass) {
	p.alter(func(i int, table *pg.RangeVar, cmd *pg.AlterTableCmd) {
		e := p.effect(i, replay.Name(table))
		if cmd.GetSubtype() != pg.AlterTableType_AT_AlterColumnType || !e.Rewritten && !e.Scanned {
			return
		}
		column, on := catalog.Ident(cmd.GetName()), "ALTER TABLE "+replay.Name(table)
		what := "the table is rewritten"
		if !e.Rewritten {
			what = "the table is scanned"
		}
		next := catalog.Ident(cmd.GetName() + "_new")
		typ := typeSQL(cmd.GetDef().GetColumnDef().GetTypeName())
		p.report(i, fmt.Sprintf("Reads and writes of %s are blocked while %s for the new type of column %s.", replay.Name(table), what, column),
			lines(fmt.Sprintf("%s ADD COLUMN %s %s;", on, next, typ),
				fmt.Sprintf("-- write both columns, in a trigger or the program; fill %s in batches; then let all readers use it under this name;", next),
				"-- in a later file, when nothing uses the old column:",
				fmt.Sprintf("%s DROP COLUMN %s;", on, column)))
	})
}

func keyBuildsIndex(p *pass) {
	p.constraints(func(i int, table *pg.RangeVar, _ *pg.AlterTableCmd, c *pg.Constraint, column *pg.ColumnDef) {
		columns := texts(c.GetKeys())
		if column != nil {
			columns = []string{column.GetColname()}
		}
		on := replay.Name(table)
		var kind, name string
		switch c.GetContype() {
		case pg.ConstrType_CONSTR_PRIMARY:
			kind, name = "PRIMARY KEY", constraintName(c, table, nil, "pkey")
		case pg.ConstrType_CONSTR_UNIQUE:
			kind, name = "UNIQUE", constraintName(c, table, columns, "key")
		case pg.ConstrType_CONSTR_EXCLUSION:
			p.report(i, fmt.Sprintf("Reads and writes of %s are blocked while the index of its exclusion constraint is built.", on),
				"Postgres has no other way to add an exclusion constraint to a table with rows: add it in a maintenance window, or to a new table.")
			return
		default:
			return
		}
		if c.GetIndexname() != "" {
			return
		}
		advice := lines(ownFile,
			fmt.Sprintf("CREATE UNIQUE INDEX CONCURRENTLY %s ON %s (%s);", catalog.Ident(name), on, idents(columns)), laterFile,
			fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %[2]s;", on, catalog.Ident(name), kind))
		if p.partitioned[on] {
			advice = "On a partitioned table, create the index with CREATE UNIQUE INDEX … ON ONLY, build an index CONCURRENTLY on each partition, and attach these."
		}
		if column != nil {
			advice = lines("-- add the column without the key; then", advice)
		}
		p.report(i, fmt.Sprintf("Reads and writes of %s are blocked while the index of its %s (%s) is built.", on, kind, idents(columns)), advice)
	})
}

// blocks returns the strongest lock on the table, its indexes and partitions.
func blocks(e dev.Effect) dev.LockMode { return max(e.Lock, e.Through) }

// noLockTimeout reports the first statement of those that follow each other with the same timeout.
func noLockTimeout(p *pass) {
	reported := time.Duration(-1)
	for i := range p.Statements {
		effects := p.effects(i)
		at := slices.IndexFunc(effects, func(e dev.Effect) bool { return blocks(e) >= dev.Share })
		if at < 0 {
			continue
		}
		e, timeout := effects[at], p.lockTimeout(i)
		if timeout != 0 && timeout <= maxLockTimeout {
			reported = -1
			continue
		}
		if timeout == reported {
			continue
		}
		reported = timeout
		message := fmt.Sprintf("There is no lock_timeout for the lock on %s (%s): while this statement waits for it, later queries on the table wait too.", e.Table, blocks(e))
		if timeout != 0 {
			message = fmt.Sprintf("The lock_timeout for the lock on %s (%s) is longer than %s: while this statement waits for it, for up to %s, later queries on the table wait too.",
				e.Table, blocks(e), maxLockTimeout, timeout)
		}
		advice := lines("-- keep the lock_timeout of `chenu migrate apply`, or set one:", "SET LOCAL lock_timeout = '3s';")
		if timeout != p.Statements[i].LockTimeout {
			advice = "The code that this statement runs sets this lock_timeout. Remove the setting, or set a shorter one in the code."
		}
		p.report(i, message, advice)
	}
}

func severalTables(p *pass) {
	if !p.Transaction {
		return
	}
	var held []string
	for i := range p.Statements {
		var more []string
		for _, e := range p.effects(i) {
			table := e.Table
			if parent := p.parents[table]; parent != "" {
				table = parent
			}
			if blocks(e) >= dev.Share && !slices.Contains(held, table) && !slices.Contains(more, table) {
				more = append(more, table)
			}
		}
		if len(held) > 0 && len(more) > 0 {
			p.report(i, fmt.Sprintf("%s is locked while the transaction holds a lock on %s. A session that locks these tables in another order can deadlock with it, and all locks are held until the end of the transaction.",
				strings.Join(more, ", "), strings.Join(held, ", ")),
				lines("-- move this to a file of its own:", p.text(i)))
			return
		}
		held = append(held, more...)
	}
}

// atOnce returns the table of which a statement changes an unbounded number of rows, and the kind of change. The table
// is nil if there is none.
func (p *pass) atOnce(i int) (table *pg.RangeVar, what string) {
	n := p.node(i)
	var where *pg.Node
	var from []*pg.Node
	var verb string
	switch {
	case n.GetUpdateStmt() != nil:
		u := n.GetUpdateStmt()
		table, verb, where, from = u.GetRelation(), "updates", u.GetWhereClause(), u.GetFromClause()
	case n.GetDeleteStmt() != nil:
		d := n.GetDeleteStmt()
		table, verb, where, from = d.GetRelation(), "deletes", d.GetWhereClause(), d.GetUsingClause()
	case n.GetMergeStmt() != nil:
		m := n.GetMergeStmt()
		table, verb, where, from = m.GetRelation(), "merges into", m.GetJoinCondition(), []*pg.Node{m.GetSourceRelation()}
	default:
		return nil, ""
	}
	if where == nil && n.GetDeleteStmt() != nil { // CN203
		return nil, ""
	}
	if !p.isOld(i, table) || where != nil && p.bounded(replay.Name(table), where, from) {
		return nil, ""
	}
	if where == nil {
		return table, verb + " all rows of " + replay.Name(table)
	}
	return table, verb + " an unbounded number of rows of " + replay.Name(table)
}

// bounded reports whether a condition compares the primary key of the table, has a LIMIT, or joins
// with a list of values.
func (p *pass) bounded(table string, where *pg.Node, from []*pg.Node) bool {
	for _, f := range from {
		if len(f.GetRangeSubselect().GetSubquery().GetSelectStmt().GetValuesLists()) == 0 {
			return limited(where)
		}
	}
	key := p.columnsOfKey(table, "PRIMARY KEY ")
	named := func(n *pg.Node) bool {
		return mentions(n, func(n *pg.Node) bool {
			return n.GetColumnRef() != nil && slices.ContainsFunc(key, func(c string) bool { return isColumn(n, c) })
		})
	}
	return limited(where) || mentions(where, func(n *pg.Node) bool {
		switch {
		case n.GetSubLink() != nil:
			return named(n.GetSubLink().GetTestexpr())
		case n.GetAExpr() != nil:
			l, r := n.GetAExpr().GetLexpr(), n.GetAExpr().GetRexpr()
			return !slices.Equal(texts(n.GetAExpr().GetName()), []string{"<>"}) &&
				(named(l) && (len(from) > 0 || !hasColumn(r)) || named(r) && (len(from) > 0 || !hasColumn(l)))
		}
		return false
	})
}

func limited(n *pg.Node) bool {
	return mentions(n, func(n *pg.Node) bool { return n.GetSelectStmt().GetLimitCount() != nil })
}

func backfillAtOnce(p *pass) {
	for i := range p.Statements {
		table, what := p.atOnce(i)
		if table == nil {
			continue
		}
		advice := p.batches(i, replay.Name(table))
		if advice == "" {
			advice = "Change the rows in batches, each in a transaction of its own, with the primary key in WHERE."
		}
		p.report(i, fmt.Sprintf("One statement %s. Each row stays locked until the statement ends, and leaves a dead row version.", what), advice)
	}
}

// batches returns a statement as a loop over batches; "" if the loop might not end, because a
// changed row still matches WHERE.
func (p *pass) batches(i int, table string) string {
	n := p.node(i)
	update, remove := n.GetUpdateStmt(), n.GetDeleteStmt()
	where := update.GetWhereClause()
	ends := func(n *pg.Node) bool {
		test := n.GetNullTest()
		return test.GetNulltesttype() == pg.NullTestType_IS_NULL && slices.ContainsFunc(update.GetTargetList(), func(n *pg.Node) bool {
			return isColumn(test.GetArg(), n.GetResTarget().GetName())
		})
	}
	switch {
	case remove != nil && len(remove.GetUsingClause()) == 0:
		where = remove.GetWhereClause()
	case update != nil && len(update.GetFromClause()) == 0 && (ends(where) || where.GetBoolExpr().GetBoolop() == pg.BoolExprType_AND_EXPR &&
		slices.ContainsFunc(where.GetBoolExpr().GetArgs(), ends)):
	default:
		return ""
	}
	key := p.columnsOfKey(table, "PRIMARY KEY ")
	if len(key) == 0 {
		key = []string{"ctid"}
	}
	bound := expression(fmt.Sprintf("(%s) IN (SELECT %[1]s FROM %s WHERE %s LIMIT 1000)", idents(key), table, expressionSQL(where)))
	batch := changed(n, func(n *pg.Node) {
		if d := n.GetDeleteStmt(); d != nil {
			d.WhereClause = bound
		} else {
			n.GetUpdateStmt().WhereClause = bound
		}
	})
	return lines("-- in a file that starts with `-- atlas:txmode none` and an empty line; the loop ends when no row matches:",
		"DO $$ BEGIN LOOP", "    "+batch+";", "    EXIT WHEN NOT FOUND;", "    COMMIT;", "END LOOP; END $$;")
}

func rewrites(p *pass) {
	for i := range p.Statements {
		n := p.node(i)
		if n.GetTruncateStmt() != nil || adds(n, pg.AlterTableType_AT_AddColumn) || adds(n, pg.AlterTableType_AT_AlterColumnType) {
			continue
		}
		for _, e := range p.effects(i) {
			if !e.Rewritten {
				continue
			}
			advice := "Run the statement in a maintenance window. Or fill a second table, and switch to it."
			switch {
			case n.GetVacuumStmt() != nil, n.GetClusterStmt() != nil:
				advice = "Let autovacuum reuse the space. To shrink a table, use pg_repack, which does not block reads and writes."
			case n.GetRefreshMatViewStmt() != nil:
				advice = lines("-- after creating a unique index on it:", changed(n, func(n *pg.Node) { n.GetRefreshMatViewStmt().Concurrent = true })+";")
			}
			p.report(i, fmt.Sprintf("Reads and writes of %s are blocked while it is rewritten.", e.Table), advice)
		}
	}
}

// adds reports whether a statement is an ALTER TABLE with such a subcommand.
func adds(n *pg.Node, t pg.AlterTableType) bool {
	return slices.ContainsFunc(n.GetAlterTableStmt().GetCmds(), func(c *pg.Node) bool { return c.GetAlterTableCmd().GetSubtype() == t })
}

func dropIndex(p *pass) {
	for i := range p.Statements {
		d := p.node(i).GetDropStmt()
		if d == nil || d.GetRemoveType() != pg.ObjectType_OBJECT_INDEX || d.GetConcurrent() {
			continue
		}
		for _, o := range d.GetObjects() {
			name := named(o.GetList().GetItems())
			table := p.indexed(name)
			if table == "" || !p.old[i][table] {
				continue
			}
			p.report(i, fmt.Sprintf("Reads and writes of %s are blocked until all running queries on it have ended and index %s is dropped.", table, name),
				lines(ownFile, "DROP INDEX CONCURRENTLY "+name+";"))
		}
	}
}

// indexed returns the table of an index that existed before the file. It returns "" for the index of a partitioned
// table, which cannot be dropped concurrently.
func (p *pass) indexed(index string) string {
	for _, d := range p.Before.State.Details {
		if d.Of.Kind == catalog.KindIndex && d.Of.Qualified() == index {
			if r := replay.Parse(strings.TrimSuffix(d.Definition, " INVALID")).GetIndexStmt().GetRelation(); r.GetInh() {
				return replay.Name(r)
			}
		}
	}
	return ""
}

func reindex(p *pass) {
	for i := range p.Statements {
		n := p.node(i)
		r := n.GetReindexStmt()
		if r == nil || concurrently(n) {
			continue
		}
		what := replay.Name(r.GetRelation())
		if r.GetRelation() == nil {
			what = "all of " + r.GetName()
		} else if r.GetKind() == pg.ReindexObjectType_REINDEX_OBJECT_TABLE && !p.isOld(i, r.GetRelation()) {
			continue
		}
		p.report(i, fmt.Sprintf("Reads and writes are blocked while %s is reindexed, because every query opens all indexes of its tables.", what),
			lines(ownFile, changed(n, func(n *pg.Node) {
				n.GetReindexStmt().Params = append(n.GetReindexStmt().Params, &pg.Node{Node: &pg.Node_DefElem{DefElem: &pg.DefElem{
					Defname: "concurrently", Defaction: pg.DefElemAction_DEFELEM_UNSPEC,
				}}})
			})+";"))
	}
}

// judged reports whether another rule already covers the scan of an ALTER TABLE.
func (p *pass) judged(i int) bool {
	if slices.ContainsFunc(p.atlas, func(d sqlcheck.Diagnostic) bool { return d.Pos == i && d.Code == "MF103" }) {
		return true // the statement fails before
	}
	return slices.ContainsFunc(p.findings, func(f Finding) bool {
		return f.Statement == i+1 && slices.Contains([]string{"CN103", "CN104", "CN105", "CN106", "CN107", "CN108", "CN109"}, f.Code)
	})
}

func scansUnderLock(p *pass) {
	for i := range p.Statements {
		n := p.node(i)
		ddl := n.GetAlterTableStmt() != nil || n.GetAlterDomainStmt() != nil || n.GetDoStmt() != nil || n.GetCallStmt() != nil || n.GetSelectStmt() != nil
		if !ddl || p.judged(i) {
			continue
		}
		for _, e := range p.effects(i) {
			if !e.Scanned || e.Rewritten || p.lockAt(i, e.Table) < dev.Share {
				continue
			}
			advice := "First add a CHECK with NOT VALID that proves the condition, and validate it: then Postgres skips the scan."
			if adds(n, pg.AlterTableType_AT_AttachPartition) {
				advice = lines("-- before: a CHECK of the partition's bounds, which avoids the scan",
					"ALTER TABLE "+e.Table+" ADD CONSTRAINT … CHECK (…) NOT VALID;", laterFile, "ALTER TABLE "+e.Table+" VALIDATE CONSTRAINT …;")
			}
			p.report(i, fmt.Sprintf("%s of %s are blocked while it is scanned.", waiters(p.lockAt(i, e.Table)), e.Table), advice)
		}
	}
}

func waiters(m dev.LockMode) string {
	if m == dev.AccessExclusive {
		return "Reads and writes"
	}
	return "Writes"
}

// lockAt returns the strongest lock on a table that the transaction holds after statement i.
func (p *pass) lockAt(i int, table string) dev.LockMode {
	var mode dev.LockMode
	from := 0
	if !p.Transaction {
		from = i
	}
	for j := from; j <= i; j++ {
		mode = max(mode, p.effect(j, table).Lock)
	}
	return mode
}

func workUnderLock(p *pass) {
	if !p.Transaction {
		return
	}
	held := map[string]bool{}
	for i := range p.Statements {
		work, own := p.work(i)
		others := make([]string, 0, len(held))
		for table := range held {
			if !slices.Contains(own, table) {
				others = append(others, table)
			}
		}
		slices.Sort(others)
		if work != "" && len(others) > 0 {
			p.report(i, fmt.Sprintf("The statement %s while the transaction blocks reads and writes of %s.", work, strings.Join(others, ", ")),
				lines("-- move this to a file of its own, after the file with the lock:", p.text(i)))
		}
		for _, e := range p.effects(i) {
			if blocks(e) == dev.AccessExclusive {
				held[e.Table] = true
			}
		}
	}
}

// work returns the part of a statement whose time grows with the number of rows, and the tables
// whose lock another rule already covers.
func (p *pass) work(i int) (string, []string) {
	if table, what := p.atOnce(i); table != nil {
		return what, nil
	}
	n := p.node(i)
	if n.GetTruncateStmt() != nil || n.GetUpdateStmt() != nil || n.GetDeleteStmt() != nil {
		return "", nil
	}
	for _, e := range p.effects(i) {
		var own []string
		if p.effect(i, e.Table).Lock >= dev.Share || p.judged(i) {
			own = append(own, e.Table)
		}
		switch {
		case e.Rewritten:
			return "rewrites " + e.Table, own
		case e.Scanned:
			return "scans " + e.Table, own
		}
	}
	return "", nil
}
