package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"github.com/chenu/chenu/migrations/explain"
)

const explainAbout = `Says whether an identity may see or write one row of a live database, and which
clause of which policy decides. It is tried out, as the service would do it, in a
transaction that is always rolled back, and read-only for select: nothing remains,
and no lock is taken but that of the statement itself, on the row, for which it waits
two seconds at most.

Two logins are needed, because none sees all. --url is one that may become the
role, as the service's login for people or for agents: it tries the statement, and
evaluates the clauses, with that role's rights. --audit-url is one that may become
chenu_auditor: it reads the row past the policies, so that a row that is hidden can
be told from one that does not exist, and clauses have values for it. Without it
those are unknown. A superuser's --url does for both.

For insert and update, --set column=value says what is written; an empty value after
= is an empty text, and column alone is NULL. A new row's id and created_by are filled
in if they are not set.

--json prints one object: verdict (allowed or refused), reason (policy, privilege,
no row, not seen, gate, constraint), because (a sentence), exists, privileges (granted,
columns, lacking), row_security, stages (each a question that policies answer: passed,
and policies with name, permissive, sql, value, connective and clauses), answer (rows,
sqlstate, message, constraint) and notes.

Exits with 0 when it could tell, 1 when not, 64 when called wrongly; with --expect
with 2 when the verdict is the other one.`

func runPoliciesExplain(ctx context.Context, args []string, env environment) error {
	var (
		in               explain.Input
		identity, id     string
		agent            string
		expect           string
		asJSON           bool
		urlVar, auditVar = "CHENU_DATABASE_URL", "CHENU_AUDIT_DATABASE_URL"
		agentVar         = "CHENU_AGENT_DATABASE_URL"
	)
	set := newFlags(env, "chenu policies explain [flags]", explainAbout)
	set.StringVar(&in.URL, "url", "", "`URL` of the database, with a login that may become the role;\nby default "+urlVar+", or "+agentVar+" for chenu_agent")
	set.StringVar(&in.AuditURL, "audit-url", env.Getenv(auditVar), "`URL` of the same database, with a login that may become chenu_auditor;\nby default "+auditVar)
	set.Lookup("audit-url").DefValue = "" // it may have a password
	set.StringVar(&identity, "identity", "", "`UUID` of the identity that asks")
	set.StringVar(&agent, "agent", "", "`UUID` of the agent that asks for the identity, in the role chenu_agent")
	set.StringVar(&in.Role, "role", "chenu_human", "`role` that the service takes: chenu_human or chenu_agent")
	set.StringVar(&in.Table, "table", "", "`name` of the table, as schema.name unless it is public")
	set.StringVar(&in.Command, "command", "select", "`one` of select, insert, update, delete")
	set.StringVar(&id, "id", "", "`UUID` of the row")
	set.Func("set", "`column=value` to write; may be repeated", func(text string) error {
		column, value, ok := strings.Cut(text, "=")
		if column == "" {
			return errors.New("write column=value")
		}
		a := explain.Assignment{Column: column}
		if ok {
			a.Value = &value
		}
		in.Set = append(in.Set, a)
		return nil
	})
	set.StringVar(&expect, "expect", "", "`verdict` to check for: allowed or refused")
	set.BoolVar(&asJSON, "json", false, "print JSON")
	if err := parseAll(set, args); err != nil {
		return err
	}
	for _, u := range []struct {
		flag, text string
		into       *uuid.UUID
	}{{"--identity", identity, &in.Identity}, {"--agent", agent, &in.Agent}, {"--id", id, &in.ID}} {
		if u.text == "" {
			continue
		}
		var err error
		if *u.into, err = uuid.Parse(u.text); err != nil {
			return usagef("%s %q is no UUID", u.flag, u.text)
		}
	}
	if agent != "" {
		in.Role = "chenu_agent"
	}
	if in.URL == "" && in.Role == "chenu_agent" {
		in.URL = env.Getenv(agentVar)
	}
	if in.URL == "" {
		in.URL = env.Getenv(urlVar)
	}
	switch {
	case in.URL == "":
		return usagef("no database is given: set %s or --url", urlVar)
	case expect != "" && expect != string(explain.Allowed) && expect != string(explain.Refused):
		return usagef("--expect is allowed or refused, not %q", expect)
	}
	e, err := explain.Explain(ctx, in)
	if explain.IsUsage(err) {
		return usagef("%v", err)
	}
	if err != nil {
		return err
	}
	if asJSON {
		err = writeJSON(env.Stdout, e)
	} else {
		err = printExplanation(env.Stdout, e)
	}
	if err != nil {
		return fmt.Errorf("write the explanation: %w", err)
	}
	if expect != "" && expect != string(e.Verdict) {
		return foundf("expected to be %s, but it is %s", expect, e.Verdict)
	}
	return nil
}

func printExplanation(w io.Writer, e *explain.Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", e.Verdict, e.Because)
	what := "a new row of " + e.Table
	if e.ID != nil {
		what = "row " + e.ID.String() + " of " + e.Table
	}
	fmt.Fprintf(&b, "asked:       %s %s, as %s for identity %s\n", strings.ToUpper(e.Command), what, e.Role, e.Identity)
	if e.Exists != nil {
		fmt.Fprintf(&b, "exists:      %s\n", yesNo(e.Exists))
	}
	privileges := "none"
	switch {
	case e.Privileges.Granted && e.Command == "delete":
		privileges = "granted"
	case e.Privileges.Granted:
		privileges = "on " + strings.Join(e.Privileges.Columns, ", ")
	}
	fmt.Fprintf(&b, "privileges:  %s\n", privileges)
	if len(e.Privileges.Lacking) > 0 {
		fmt.Fprintf(&b, "             not on %s\n", strings.Join(e.Privileges.Lacking, ", "))
	}
	answer := plural(int(e.Answer.Rows), "row")
	if e.Answer.SQLState != "" {
		answer = e.Answer.Message + " (SQLSTATE " + e.Answer.SQLState + ")"
	}
	fmt.Fprintf(&b, "tried:       %s; rolled back\n", answer)
	for _, note := range e.Notes {
		fmt.Fprintf(&b, "note:        %s\n", note)
	}
	for _, s := range e.Stages {
		fmt.Fprintf(&b, "\n%s: %s\n", s.Question, yesNo(s.Passed))
		if len(s.Policies) == 0 {
			b.WriteString("  no policy says so\n")
		}
		for _, p := range s.Policies {
			kind := "policy"
			if !p.Permissive {
				kind = "restrictive policy"
			}
			fmt.Fprintf(&b, "  %s %s\n", kind, p.Name)
			printCondition(&b, p.Condition, "    ")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printCondition(b *strings.Builder, c explain.Condition, indent string) {
	if len(c.Clauses) == 0 {
		fmt.Fprintf(b, "%s%-7s  %s\n", indent, c.Value, c.SQL)
		return
	}
	fmt.Fprintf(b, "%s%-7s  %s of\n", indent, c.Value, map[string]string{"AND": "all", "OR": "one"}[c.Connective])
	for _, part := range c.Clauses {
		printCondition(b, part, indent+"  ")
	}
}

func yesNo(v *bool) string {
	switch {
	case v == nil:
		return "unknown"
	case *v:
		return "yes"
	default:
		return "no"
	}
}
