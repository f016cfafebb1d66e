package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/postgres/syntax"
)

// The values of a condition.
const (
	True    Truth = "true"
	False   Truth = "false"
	Null    Truth = "null"    // which a policy treats as false
	Unknown Truth = "unknown" // the row could not be read, or the evaluation failed
)

// newRow computes the new row: the existing row, or the defaults, with the assigned columns.
// Changes by triggers are not included.
func (w *work) newRow(ctx context.Context) error {
	var (
		values []string
		args   []any
		sets   = map[string]bool{}
	)
	for _, a := range w.Set {
		sets[a.Column] = true
		args = append(args, a.Value)
		values = append(values, fmt.Sprintf("(%s, to_jsonb($%d::text::%s))", literal(a.Column), len(args), w.table.typeOf(a.Column)))
	}
	if w.Command == "insert" {
		for _, c := range w.table.columns {
			if c.Default != "" && !sets[c.Name] {
				values = append(values, fmt.Sprintf("(%s, to_jsonb((%s)::%s))", literal(c.Name), c.Default, c.Type))
			}
		}
	} else if w.old == nil {
		return nil
	}
	base := w.old
	if base == nil {
		base = json.RawMessage("{}")
	}
	if len(values) == 0 {
		w.row = base
		return nil
	}
	args = append(args, string(base))
	sql := fmt.Sprintf("SELECT $%d::text::jsonb || (SELECT jsonb_object_agg(k, coalesce(v, 'null')) FROM (VALUES %s) AS x (k, v))", len(args), strings.Join(values, ", "))
	err := w.savepoint(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, sql, args...).Scan(&w.row) })
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return nil // the conditions of the new row are unknown
	}
	return err
}

// question is a condition that the policies for a command determine for a row.
type question struct {
	words   string
	command string // polcmd
	check   bool   // for the new row
	row     json.RawMessage
}

// questions returns the conditions that Postgres checks. A statement that reads columns to find
// rows, or returns columns, also needs the SELECT policies.
// https://www.postgresql.org/docs/current/sql-createpolicy.html
func (w *work) questions() []question {
	see := question{"may read the row", "r", false, w.old}
	switch w.Command {
	case "select":
		return []question{see}
	case "delete":
		return []question{see, {"may delete the row", "d", false, w.old}}
	case "update":
		return []question{
			see, {"may update the row", "w", false, w.old}, {"may write the new row", "w", true, w.row},
			{"may read the new row", "r", false, w.row},
		}
	default:
		return []question{{"may insert the row", "a", true, w.row}, {"may read the inserted row", "r", false, w.row}}
	}
}

func (w *work) stages(ctx context.Context) ([]Stage, error) {
	stages := []Stage{}
	if !w.table.security {
		return stages, nil
	}
	for _, q := range w.questions() {
		stage := Stage{Question: q.words, Policies: []Policy{}}
		for _, p := range w.table.policies {
			if p.Command != "*" && p.Command != q.command {
				continue
			}
			expression := p.Using
			if q.check && p.Check != "" {
				expression = p.Check
			}
			if expression == "" {
				expression = "true"
			}
			condition, err := w.condition(ctx, expression, q.row)
			if err != nil {
				return nil, err
			}
			stage.Policies = append(stage.Policies, Policy{p.Name, p.Permissive, condition})
		}
		stage.Passed = passed(stage.Policies)
		stages = append(stages, stage)
	}
	return stages, nil
}

// passed combines the policies: one permissive policy and all restrictive policies must be true.
func passed(policies []Policy) *bool {
	some, unknown, all := false, false, true
	for _, p := range policies {
		switch {
		case p.Permissive:
			some = some || p.Value == True
			unknown = unknown || p.Value == Unknown
		case p.Value == Unknown:
			unknown = true
		default:
			all = all && p.Value == True
		}
	}
	yes := some && all
	if unknown && all {
		return nil
	}
	return &yes
}

// condition evaluates an expression and its clauses for a row.
func (w *work) condition(ctx context.Context, expression string, row json.RawMessage) (Condition, error) {
	c := Condition{SQL: expression, Value: Unknown}
	connective, clauses := syntax.Clauses(expression)
	if connective == "" {
		c.SQL = clauses[0]
	} else {
		c.Connective = connective
		for _, clause := range clauses {
			part, err := w.condition(ctx, clause, row)
			if err != nil {
				return c, err
			}
			c.Clauses = append(c.Clauses, part)
		}
	}
	if row == nil {
		return c, nil
	}
	var value *bool
	err := w.savepoint(ctx, func(tx pgx.Tx) error {
		sql := "SELECT (" + expression + ")::boolean FROM jsonb_populate_record(NULL::" + w.table.name + ", $1::text::jsonb) AS " + w.table.alias
		return tx.QueryRow(ctx, sql, string(row)).Scan(&value)
	})
	_, refused := errors.AsType[*pgconn.PgError](err)
	switch {
	case refused:
	case err != nil:
		return c, fmt.Errorf("evaluate %s: %w", expression, err)
	case value == nil:
		c.Value = Null
	case *value:
		c.Value = True
	default:
		c.Value = False
	}
	return c, nil
}

// decide sets the verdict from the response of Postgres, and the reason from the catalog and the row.
func (w *work) decide(e *Explanation) {
	a := e.Answer
	verb := strings.ToUpper(w.Command)
	is := func(v Verdict, r Reason, format string, args ...any) {
		e.Verdict, e.Reason, e.Because = v, r, fmt.Sprintf(format, args...)
	}
	policyRefusal := a.SQLState == "42501" && strings.Contains(a.Message, "row-level security")
	switch {
	case !e.Privileges.Granted:
		is(Refused, ByPrivilege, "%s has no privilege to %s on %s", w.Role, verb, e.Table)
	case len(e.Privileges.Lacking) > 0:
		is(Refused, ByPrivilege, "%s may not %s %s of %s", w.Role, verb, strings.Join(e.Privileges.Lacking, ", "), e.Table)
	case a.SQLState == "42501" && !policyRefusal:
		is(Refused, ByPrivilege, "%s", a.Message)
	case policyRefusal:
		is(Refused, ByPolicy, "%s", w.refusal(e))
	case a.SQLState == "CH423":
		is(Refused, ByGate, "the policies allow this, but a person must approve it first: the service returns 423 and creates a checkpoint")
	case a.SQLState != "" && w.Command == "select":
		is(Refused, ByPolicy, "a policy's condition fails: %s (SQLSTATE %s)", a.Message, a.SQLState)
	case a.SQLState != "":
		is(Refused, ByConstraint, "the policies allow this, but %s (SQLSTATE %s)", a.Message, a.SQLState)
	case a.Rows > 0:
		is(Allowed, ByPolicy, "%s", w.permission(e))
	case e.Exists == nil:
		is(Refused, ByUnseen, "%s cannot read such a row, and whether the row exists is unknown", w.Role)
	case !*e.Exists:
		is(Refused, ByAbsence, "the row does not exist")
	default:
		is(Refused, ByPolicy, "%s", w.refusal(e))
	}
}

// permission returns a sentence that names the policies that allowed the statement.
func (w *work) permission(e *Explanation) string {
	if !e.RowSecurity {
		return "row-level security does not apply to " + w.Role + " on " + e.Table + ": only privileges decide"
	}
	var parts []string
	for _, s := range e.Stages {
		for _, p := range s.Policies {
			if p.Permissive && p.Value == True {
				parts = append(parts, s.Question+" by policy "+p.Name)
				break
			}
		}
	}
	if len(parts) == 0 {
		return "Postgres allowed the statement"
	}
	return strings.Join(parts, "; ")
}

// refusal returns a sentence that names the clauses that rejected the row.
func (w *work) refusal(e *Explanation) string {
	for _, s := range e.Stages {
		if s.Passed == nil || *s.Passed {
			continue
		}
		var permissive, all []string
		allowed := false
		for _, p := range s.Policies {
			switch {
			case p.Permissive && p.Value == True:
				allowed = true
			case p.Permissive:
				permissive = append(permissive, "policy "+p.Name+": "+deciding(p.Condition))
			case p.Value != True:
				all = append(all, "restrictive policy "+p.Name+": "+deciding(p.Condition))
			}
		}
		switch {
		case allowed:
		case len(permissive) == 0:
			all = append([]string{"no policy of " + e.Table + " allows this for " + w.Role}, all...)
		default:
			all = append(permissive, all...)
		}
		return strings.Replace(s.Question, "may ", "may not ", 1) + ": " + strings.Join(all, "; ")
	}
	if e.Answer.Message != "" {
		return e.Answer.Message + "; a trigger may have changed the row"
	}
	return "the policies hide the row"
}

// deciding returns the clauses of a condition that are not true.
func deciding(c Condition) string {
	var parts []string
	for _, clause := range c.Clauses {
		if clause.Value != True {
			parts = append(parts, deciding(clause))
		}
	}
	if len(parts) == 0 {
		return c.SQL + " is " + string(c.Value)
	}
	return strings.Join(parts, ", ")
}
