package explain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/postgres/catalog"
)

// table is the catalog's description of the table, for one role.
type table struct {
	oid      uint32
	name     string // schema.name as SQL reads it
	alias    string // the name alone, as in the expressions of policies
	security bool
	audited  bool            // the auditor can read all of its rows
	granted  map[string]bool // commands, on the whole table or on a column
	columns  []column
	policies []policy
}

type column struct {
	Name, Type, Default    string // Default is empty for generated columns and columns without a default
	Select, Insert, Update bool
}

type policy struct {
	Name, Command string // polcmd
	Permissive    bool
	Using, Check  string
}

const tableSQL = `SELECT c.oid, n.nspname::text, c.relname::text, c.relrowsecurity AND NOT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname = $3::name),
	EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = $4::name
		AND pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
		AND (NOT c.relrowsecurity OR (
			SELECT bool_or(p.polpermissive AND pg_catalog.pg_get_expr(p.polqual, p.polrelid) = 'true') AND bool_and(p.polpermissive)
			FROM pg_catalog.pg_policy p
			WHERE p.polrelid = c.oid AND p.polcmd IN ('r', '*') AND EXISTS (
				SELECT FROM pg_catalog.unnest(p.polroles) o WHERE CASE o WHEN 0 THEN true ELSE pg_catalog.pg_has_role(r.oid, o, 'USAGE') END)))),
	pg_catalog.has_schema_privilege($3::name, n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege($3::name, c.oid, 'SELECT'),
	pg_catalog.has_schema_privilege($3::name, n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege($3::name, c.oid, 'INSERT'),
	pg_catalog.has_schema_privilege($3::name, n.oid, 'USAGE') AND pg_catalog.has_any_column_privilege($3::name, c.oid, 'UPDATE'),
	pg_catalog.has_schema_privilege($3::name, n.oid, 'USAGE') AND pg_catalog.has_table_privilege($3::name, c.oid, 'DELETE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = $1 AND c.relname = $2`

const columnsSQL = `SELECT a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod),
	CASE WHEN a.attgenerated = '' THEN coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') ELSE '' END,
	pg_catalog.has_column_privilege($2::name, a.attrelid, a.attnum, 'SELECT'), pg_catalog.has_column_privilege($2::name, a.attrelid, a.attnum, 'INSERT'),
	pg_catalog.has_column_privilege($2::name, a.attrelid, a.attnum, 'UPDATE')
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

// policiesSQL selects the policies for the role as Postgres does: those for PUBLIC, and those for a
// role whose privileges it has.
const policiesSQL = `SELECT p.polname::text, p.polcmd::text, p.polpermissive,
	coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), '')
FROM pg_catalog.pg_policy p
WHERE p.polrelid = $1::oid AND EXISTS (SELECT FROM pg_catalog.unnest(p.polroles) o WHERE CASE o WHEN 0 THEN true ELSE pg_catalog.pg_has_role($2::name, o, 'USAGE') END)
ORDER BY NOT p.polpermissive, p.polname`

// readTable reads the catalog with an empty search path, so that Postgres qualifies names.
func readTable(ctx context.Context, tx pgx.Tx, in Input) (t table, err error) {
	space, name, ok := strings.Cut(in.Table, ".")
	if !ok {
		space, name = "public", in.Table
	}
	if _, err := tx.Exec(ctx, "SET LOCAL search_path = ''"); err != nil {
		return t, fmt.Errorf("read the catalog: %w", err)
	}
	var sel, ins, upd, del bool
	err = tx.QueryRow(ctx, tableSQL, space, name, in.Role, in.Conventions.Auditor).Scan(&t.oid, &space, &name, &t.security, &t.audited, &sel, &ins, &upd, &del)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, wrong("unknown table %s", in.Table)
	}
	if err != nil {
		return t, fmt.Errorf("read the table: %w", err)
	}
	t.name, t.alias = catalog.Qualify(space, name), catalog.Ident(name)
	t.granted = map[string]bool{"select": sel, "insert": ins, "update": upd, "delete": del}
	rows, err := tx.Query(ctx, columnsSQL, t.oid, in.Role)
	if err == nil {
		t.columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	}
	if err != nil {
		return t, fmt.Errorf("read the columns: %w", err)
	}
	rows, err = tx.Query(ctx, policiesSQL, t.oid, in.Role)
	if err == nil {
		t.policies, err = pgx.CollectRows(rows, pgx.RowToStructByPos[policy])
	}
	if err != nil {
		return t, fmt.Errorf("read the policies: %w", err)
	}
	return t, nil
}

func (t *table) has(name string) bool {
	return slices.ContainsFunc(t.columns, func(c column) bool { return c.Name == name })
}

// typeOf returns the type of a column in SQL.
func (t *table) typeOf(name string) string {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.Name == name })
	return t.columns[i].Type
}

// columnsFor returns the columns that the role may name in the command.
func (t *table) columnsFor(command string) []string {
	var all []string
	for _, c := range t.columns {
		if map[string]bool{"select": c.Select, "insert": c.Insert, "update": c.Update}[command] {
			all = append(all, c.Name)
		}
	}
	return all
}

func (t *table) privileges(command string, set []Assignment) Privileges {
	p := Privileges{Granted: t.granted[command]}
	if p.Granted && command != "delete" {
		p.Columns = t.columnsFor(command)
	}
	for _, a := range set {
		if t.has(a.Column) && !slices.Contains(p.Columns, a.Column) {
			p.Lacking = append(p.Lacking, a.Column)
		}
	}
	return p
}
