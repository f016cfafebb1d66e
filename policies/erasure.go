package policies

import (
	"fmt"
	"slices"
	"strings"
)

// RenderErasure writes the function that removes an identity's rows from every table that has an owner. It is derived
// from the tables, so new tables are included automatically.
func RenderErasure(tables []Table) string {
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	line("-- Code generated from ent/schema. DO NOT EDIT.")
	line("--")
	line("-- Deletes an identity's rows, and takes the content of those that are kept. All are")
	line("-- deleted in one statement, so that it does not matter which refer to which: foreign keys")
	line("-- are checked at its end. The audit trail comes last, as it recorded the rest.")
	line("CREATE FUNCTION app.erase_rows(owner uuid) RETURNS void")
	line("    LANGUAGE plpgsql VOLATILE SECURITY DEFINER")
	line("    SET search_path = pg_catalog, pg_temp")
	line("    SET TimeZone = 'UTC'")
	line("AS $$")
	line("BEGIN")
	var deleted, kept []Table
	for _, t := range tables {
		switch {
		case t.Owner == "":
		case t.KeptWhy == "":
			deleted = append(deleted, t)
		default:
			kept = append(kept, t)
		}
	}
	for i, t := range deleted {
		statement := fmt.Sprintf("DELETE FROM %s.%s WHERE %s = erase_rows.owner", t.Schema, t.Name, t.Owner)
		switch {
		case i == len(deleted)-1:
			line("    %s;", statement)
		case i == 0:
			line("    WITH %s AS (%s),", t.Name, statement)
		case i == len(deleted)-2:
			line("    %s AS (%s)", t.Name, statement)
		default:
			line("    %s AS (%s),", t.Name, statement)
		}
	}
	// Tables whose changes are audited precede audit_logs. The identity is the last of these tables, because changes of
	// an erased identity are not audited.
	rank := func(t Table) int {
		switch {
		case t.Owner == "id":
			return 1
		case t.Name == "audit_logs":
			return 2
		}
		return 0
	}
	slices.SortStableFunc(kept, func(a, b Table) int { return rank(a) - rank(b) })
	for _, t := range kept {
		condition := ""
		if t.AppendOnly != nil {
			condition = " AND content_salt IS NOT NULL"
		}
		line("    UPDATE %s.%s SET %s", t.Schema, t.Name, strings.Join(t.erasures(), ", "))
		line("     WHERE %s = erase_rows.owner%s;", t.Owner, condition)
	}
	line("END")
	line("$$;")
	line("ALTER FUNCTION app.erase_rows(uuid) OWNER TO chenu_erase;")
	line("REVOKE EXECUTE ON FUNCTION app.erase_rows(uuid) FROM PUBLIC;")
	return text.String()
}

// erased returns the columns that the erasure of an identity changes in a Kept row.
func (t Table) erased() []string {
	var names []string
	for _, c := range t.Columns {
		content := t.AppendOnly != nil && (slices.Contains(t.AppendOnly.Content, c.Name) || c.Name == "content_salt")
		if content || c.Rules.Erased != "" {
			names = append(names, c.Name)
		}
	}
	return names
}

// erasures returns an SQL assignment for each column that the erasure of an identity changes in a Kept row.
func (t Table) erasures() []string {
	var out []string
	for _, name := range t.erased() {
		c, _ := t.Column(name)
		value := c.Rules.Erased
		if value == "" {
			value = "NULL"
		}
		out = append(out, name+" = "+value)
	}
	return out
}

// erasable returns the columns of an append-only table that an erasure may change: a name if it sets the column to
// NULL, and otherwise name=value.
func (t Table) erasable() []string {
	names := slices.Clone(t.AppendOnly.Content)
	for _, c := range t.Columns {
		if c.Rules.Erased != "" {
			names = append(names, c.Name+"="+strings.Trim(c.Rules.Erased, "'"))
		}
	}
	return names
}
