package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/policies/explain"
)

const explainAbout = `Explains whether an identity can read or write one row of a live database, and which
clause of which policy decides. The command runs the statement as the service would, in
a transaction that is always rolled back, and that is read-only for select. Nothing is
changed. The statement locks at most the row, and waits at most two seconds for it.

The command uses two logins:
  --url        a member of the role, such as the login of the service for people or for
               agents. It runs the statement and evaluates the clauses with the
               privileges of the role.
  --audit-url  a member of chenu_auditor. It reads the row without the policies, to
               distinguish a hidden row from a missing row, and to evaluate the clauses
               for a hidden row. Without this login these results are unknown.
The login of a superuser in --url is enough for both.

For insert and update, --set column=value sets a column. "column=" sets it to the empty
text, and "column" sets it to NULL. For a new row, id and created_by have default values.

--json prints one object: verdict (allowed or refused), reason (policy, privilege,
no row, not seen, gate, constraint), because (a sentence), exists, privileges (granted,
columns, lacking), row_security, stages (the questions that policies answer, each with
passed, and policies with name, permissive, sql, value, connective and clauses), answer
(rows, sqlstate, message, constraint) and notes.`

func newPoliciesExplain(env environment) *cobra.Command {
	const (
		urlVar, auditVar = "CHENU_DATABASE_URL", "CHENU_AUDIT_DATABASE_URL"
		agentVar         = "CHENU_AGENT_DATABASE_URL"
	)
	var (
		in                  = explain.Input{Conventions: &policies.Conventions}
		identity, id, agent string
		expect              string
		asJSON              bool
	)
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "explain whether an identity can read or write a row",
		Long:  explainAbout,
		Example: `  chenu policies explain --identity 0199… --table contacts --id 0199…
  chenu policies explain --identity 0199… --table invoices --id 0199… --command update --set status=sent
  chenu policies explain --identity 0199… --agent 0199… --table notes --id 0199… --expect refused`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, u := range []struct {
				flag, text string
				into       *uuid.UUID
			}{{"--identity", identity, &in.Identity}, {"--agent", agent, &in.Agent}, {"--id", id, &in.ID}} {
				if u.text == "" {
					continue
				}
				var err error
				if *u.into, err = uuid.Parse(u.text); err != nil {
					return usagef("%s: %q is not a valid UUID", u.flag, u.text)
				}
			}
			if agent != "" {
				in.Role = policies.Conventions.Agent
			}
			if in.URL == "" && in.Role == policies.Conventions.Agent {
				in.URL = env.Getenv(agentVar)
			}
			if in.URL == "" {
				in.URL = env.Getenv(urlVar)
			}
			switch {
			case in.URL == "":
				return usagef("no database is set: set %s or --url", urlVar)
			case expect != "" && !slices.Contains(verdicts, expect):
				return usagef("--expect: unknown verdict %q: use allowed or refused", expect)
			}
			return explainRow(cmd.Context(), env, in, expect, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&in.URL, "url", "", "`URL` of the database, with a login that is a member of the role; by default "+urlVar+", or "+agentVar+" for chenu_agent")
	flags.StringVar(&in.AuditURL, "audit-url", env.Getenv(auditVar), "`URL` of the same database, with a login that is a member of chenu_auditor; by default "+auditVar)
	flags.Lookup("audit-url").DefValue = "" // It may contain a password.
	flags.StringVar(&identity, "identity", "", "`UUID` of the identity that sends the statement")
	flags.StringVar(&agent, "agent", "", "`UUID` of the agent that acts for the identity, in the role chenu_agent")
	flags.StringVar(&in.Role, "role", "chenu_human", "`role` that the service uses: chenu_human or chenu_agent")
	flags.StringVar(&in.Table, "table", "", "`name` of the table, as schema.name unless the schema is public")
	flags.StringVar(&in.Command, "command", "select", "SQL `command`: select, insert, update or delete")
	flags.StringVar(&id, "id", "", "`UUID` of the row")
	flags.Var(repeated(func(text string) error {
		column, value, ok := strings.Cut(text, "=")
		if column == "" {
			return errors.New("use the form column=value")
		}
		a := explain.Assignment{Column: column}
		if ok {
			a.Value = &value
		}
		in.Set = append(in.Set, a)
		return nil
	}), "set", "`column=value` to set; may be repeated")
	flags.StringVar(&expect, "expect", "", "expected `verdict`: allowed or refused")
	jsonFlag(flags, &asJSON)
	completes(cmd, "table", tableNames)
	completesOneOf(cmd, "role", policies.Conventions.Serving()...)
	completesOneOf(cmd, "command", "select", "insert", "update", "delete")
	completesOneOf(cmd, "expect", verdicts...)
	describeExits(cmd, "there is a verdict", "the command failed", "with --expect: the verdict is not the expected one")
	return cmd
}

var verdicts = []string{string(explain.Allowed), string(explain.Refused)}

// explainRow prints an explanation, and fails if its verdict is not the expected one. An empty expect accepts every
// verdict.
func explainRow(ctx context.Context, env environment, in explain.Input, expect string, asJSON bool) error {
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
		err = e.Text(env.Stdout)
	}
	if err != nil {
		return err
	}
	if expect != "" && expect != string(e.Verdict) {
		return foundf("the verdict is %s: expected %s", e.Verdict, expect)
	}
	return nil
}
