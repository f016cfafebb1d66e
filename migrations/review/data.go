package review

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/chenu/chenu/migrations/replay"
	"github.com/chenu/chenu/policies/access"
	"github.com/chenu/chenu/postgres/catalog"
	"github.com/chenu/chenu/postgres/dev"
)

// changesOfOwnership returns the statements that may change the values of columns that policies use: this can give
// other identities access to the rows although no policy changes.
func changesOfOwnership(f *replay.File) ([]access.Change, error) {
	deciding, err := access.DecidingColumns(f.Before.State)
	if err != nil {
		return nil, fmt.Errorf("read the policies before %s: %w", f.Name, err)
	}
	var all []access.Change
	held := map[string]bool{} // tables that code might write without a further lock
	for _, s := range f.Statements {
		if !f.Transaction {
			clear(held)
		}
		for _, e := range s.Effects {
			if e.Lock >= dev.RowExclusive {
				held[e.Table] = true
			}
		}
		if runsCode(s.Node) {
			for _, table := range slices.Sorted(maps.Keys(held)) {
				columns := slices.DeleteFunc(slices.Clone(deciding[table]), func(c string) bool { return !access.MayName(f.Before.State, s.SQL, c) })
				if len(columns) > 0 {
					all = append(all, access.Change{Effect: access.Review, Object: table, What: fmt.Sprintf(
						"line %d runs code that may write rows: if it changes %s, other identities may gain access to them", s.Line, strings.Join(columns, " or "))})
				}
			}
			continue
		}
		table, set := changes(s.Node)
		set = slices.DeleteFunc(set, func(c string) bool { return !slices.Contains(deciding[table], c) })
		if len(set) > 0 {
			all = append(all, access.Change{Effect: access.Review, Object: table, What: fmt.Sprintf(
				"line %d changes %s, which policies use: other identities may gain access to the rows", s.Line, strings.Join(set, ", "))})
		}
	}
	return all, nil
}

// runsCode reports whether the statement runs code, so that its text does not show what it writes.
func runsCode(n *pg.Node) bool {
	return n == nil || n.GetDoStmt() != nil || n.GetCallStmt() != nil || n.GetSelectStmt() != nil || n.GetExecuteStmt() != nil
}

// changes returns the columns that a statement sets, and their table.
func changes(n *pg.Node) (table string, columns []string) {
	switch {
	case n.GetUpdateStmt() != nil:
		return replay.Name(n.GetUpdateStmt().GetRelation()), targets(n.GetUpdateStmt().GetTargetList())
	case n.GetInsertStmt() != nil:
		return replay.Name(n.GetInsertStmt().GetRelation()), targets(n.GetInsertStmt().GetOnConflictClause().GetTargetList())
	case n.GetMergeStmt() != nil:
		for _, when := range n.GetMergeStmt().GetMergeWhenClauses() {
			if when.GetMergeWhenClause().GetCommandType() == pg.CmdType_CMD_UPDATE {
				columns = append(columns, targets(when.GetMergeWhenClause().GetTargetList())...)
			}
		}
		return replay.Name(n.GetMergeStmt().GetRelation()), columns
	case n.GetAlterTableStmt() != nil:
		for _, node := range n.GetAlterTableStmt().GetCmds() {
			c := node.GetAlterTableCmd()
			if c.GetSubtype() == pg.AlterTableType_AT_AlterColumnType && c.GetDef().GetColumnDef().GetRawDefault() != nil {
				columns = append(columns, c.GetName())
			}
		}
		return replay.Name(n.GetAlterTableStmt().GetRelation()), columns
	}
	return "", nil
}

func targets(list []*pg.Node) []string {
	var all []string
	for _, target := range list {
		all = append(all, target.GetResTarget().GetName())
	}
	return all
}

// fires returns the triggers that a statement fires for rows of an existing table.
func fires(f *replay.File, n *pg.Node) []string {
	var event string
	switch {
	case n.GetUpdateStmt() != nil:
		event = "UPDATE"
	case n.GetInsertStmt() != nil:
		event = "INSERT"
	case n.GetDeleteStmt() != nil:
		event = "DELETE"
	default:
		return nil
	}
	var all []string
	for _, table := range writes(n) {
		for _, t := range f.Before.State.Triggers {
			head, _, _ := strings.Cut(t.Definition, " ON ")
			if catalog.Qualify(t.Schema, t.Table) == table && strings.Contains(head, event) && t.Enabled != "D" && t.Enabled != "R" {
				all = append(all, t.Name)
			}
		}
	}
	return all
}
