package policies

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// CheckedByFunction makes one function check all rules of a row, instead of one CHECK constraint for each rule.
// PostgreSQL parses the stored text of every CHECK constraint for each statement that writes, but a function only once
// for each session: writing an audit row takes a third less time (measured on PostgreSQL 15). The rules still apply to
// every role, and a violation names the rule. Use it for tables that serving roles do not write.
type CheckedByFunction struct{}

// Name implements schema.Annotation.
func (CheckedByFunction) Name() string { return "CheckedByFunction" }

// Parameter is a column that is passed to the function of a CheckedByFunction table.
type Parameter struct {
	Column string
	// Type is a type that accepts the values of the column.
	Type string
}

// RowConstraint returns the CHECK constraint of a table whose rules a function checks. Its first
// argument changes with the rules, so that a migration that changes them checks the rows that
// exist: Postgres does not do so when the body of a function changes.
func (t Table) RowConstraint() Check {
	columns := []string{"'" + t.rulesDigest() + "'"}
	for _, p := range t.RowCheck {
		columns = append(columns, p.Column)
	}
	return Check{Name: t.Name + "_row", Expression: fmt.Sprintf("app.check_%s(%s)", t.Name, strings.Join(columns, ", "))}
}

func (t Table) rulesDigest() string {
	sum := sha256.Sum256([]byte(t.rules()))
	return hex.EncodeToString(sum[:4])
}

// rules returns the expression whose value is the name of the first rule that a row violates, and
// NULL if it violates none. As in a CHECK constraint, a rule that is NULL is not violated.
func (t Table) rules() string {
	var b strings.Builder
	b.WriteString("CASE\n")
	for _, c := range t.Checks {
		fmt.Fprintf(&b, "        WHEN NOT (%s) THEN '%s'\n", c.Expression, c.Name)
	}
	b.WriteString("    END")
	return b.String()
}

// RenderRowFunctions returns, as SQL, the functions that check or seal each row of a table. They name the columns: to
// find them by the names in the arguments of a trigger takes several times as long.
func RenderRowFunctions(tables []Table) string {
	var b strings.Builder
	b.WriteString("-- Code generated from ent/schema. DO NOT EDIT.\n")
	for _, t := range tables {
		t.renderRowCheck(&b)
		t.renderSeal(&b)
	}
	return b.String()
}

// renderRowCheck writes the function that checks the rules of a row, if the table has one.
func (t Table) renderRowCheck(b *strings.Builder) {
	if t.RowCheck == nil {
		return
	}
	parameters := []string{"rules text"}
	for _, p := range t.RowCheck {
		parameters = append(parameters, p.Column+" "+p.Type)
	}
	fmt.Fprintf(b, `
-- Checks the rules of a row of %[1]s, for its CHECK constraint. The parameter rules changes with
-- the rules, so that a migration that changes them checks the rows that exist.
CREATE FUNCTION app.check_%[2]s(
    %[3]s
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := %[4]s;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "%[2]s" violates the rule "%%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = '%[5]s', TABLE = '%[2]s', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;
`, t.QualifiedName(), t.Name, strings.Join(parameters, ",\n    "), t.rules(), t.Schema)
}

// sealFunction returns the name of the trigger function that seals the content of the table's rows.
func (t Table) sealFunction() string { return "app.seal_" + t.Name }

// renderSeal writes the trigger function that seals the content of a row, if the table has content. The content is the
// text that app.content_digest() computes from the row and the names of the same columns.
func (t Table) renderSeal(b *strings.Builder) {
	if t.AppendOnly == nil || len(t.AppendOnly.Content) == 0 {
		return
	}
	var fields []string
	for _, column := range t.AppendOnly.Content {
		fields = append(fields, fmt.Sprintf("'%[1]s', NEW.%[1]s", column))
	}
	fmt.Fprintf(b, `
-- Seals the content of a new row of %[1]s: sets the salt and the digest, which is
-- app.content_digest() of the same columns. Because of the salt nobody can guess erased content. The
-- largest row that the other tables admit, before and after a change, is smaller than the limit.
CREATE FUNCTION %[2]s() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    content constant text := jsonb_build_object(%[3]s)::text;
BEGIN
    IF octet_length(content) > 8388608 THEN
        RAISE EXCEPTION 'the content of a row of %[1]s is larger than 8 MiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "too_long"}';
    END IF;
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := sha256(NEW.content_salt || convert_to(content, 'UTF8'));
    RETURN NEW;
END
$$;
`, t.QualifiedName(), t.sealFunction(), strings.Join(fields, ", "))
}
