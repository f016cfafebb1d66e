package explain_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/policies/explain"
)

const (
	ada, eve = "01900000-0000-7000-8000-00000000000a", "01900000-0000-7000-8000-00000000000e"
	note     = "01900000-0000-7000-8000-000000000001"
	invoice  = "01900000-0000-7000-8000-000000000002"
	contact  = "01900000-0000-7000-8000-000000000003"
	zero     = "01900000-0000-7000-8000-000000000004"
	clerk    = "01900000-0000-7000-8000-00000000000c"
	nothing  = "01900000-0000-7000-8000-0000000000ff"
)

// rows has rows of the project's tables, and creates tables with kinds of policies that the project does not use.
var rows = fmt.Sprintf(`
INSERT INTO identities (id, email, name) VALUES ('%[1]s', 'ada@example.org', 'Ada'), ('%[2]s', 'eve@example.org', 'Eve');
INSERT INTO personal_notes (id, created_by, title) VALUES ('%[3]s', '%[1]s', 'Of Ada');
INSERT INTO business_contacts (id, created_by, name) VALUES ('%[5]s', '%[1]s', 'Client');
INSERT INTO business_invoices (id, created_by, number, contact_id, currency, line_items) VALUES ('%[4]s', '%[1]s', '1', '%[5]s', 'EUR', '[{"description":"x","quantity":"1","unit_price":"1.00","tax_rate":"0"}]');
INSERT INTO team_agents (id, created_by, name, status, capabilities) VALUES ('%[7]s', '%[1]s', 'Clerk', 'active', '{personal:read}');
SET ROLE chenu_owner;
CREATE TABLE "Odd" (id uuid PRIMARY KEY, created_by uuid, kind text NOT NULL DEFAULT 'open', size int CHECK (size < 10), hidden text);
ALTER TABLE "Odd" ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON "Odd" TO chenu_human USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND kind <> 'closed' OR kind = 'public');
CREATE POLICY small ON "Odd" AS RESTRICTIVE TO chenu_human, chenu_agent USING (size < 5);
CREATE POLICY auditor ON "Odd" FOR SELECT TO chenu_auditor USING (true);
CREATE POLICY fails ON "Odd" FOR SELECT TO chenu_agent USING (1 / size > 0);
GRANT SELECT (id, created_by, kind, size), INSERT (id, created_by, kind, size), UPDATE (kind, size), DELETE ON "Odd" TO chenu_human;
GRANT SELECT ON "Odd" TO chenu_auditor, chenu_agent;
CREATE TABLE bare (id uuid PRIMARY KEY);
ALTER TABLE bare ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON bare TO chenu_human;
GRANT SELECT ON bare TO chenu_auditor;
CREATE POLICY auditor ON bare FOR SELECT TO chenu_auditor USING (true);
CREATE TABLE dim (id uuid PRIMARY KEY);
ALTER TABLE dim ENABLE ROW LEVEL SECURITY;
CREATE POLICY auditor ON dim FOR SELECT TO chenu_auditor USING (id IS NULL);
GRANT SELECT ON dim TO chenu_auditor, chenu_human;
CREATE TABLE open (id uuid PRIMARY KEY);
GRANT SELECT ON open TO chenu_human;
RESET ROLE;
INSERT INTO "Odd" (id, created_by, kind, size) VALUES ('%[3]s', '%[1]s', 'open', 1), ('%[4]s', '%[2]s', 'public', 7), ('%[5]s', '%[2]s', 'closed', NULL), ('%[6]s', '%[1]s', 'open', 0);
INSERT INTO bare VALUES ('%[3]s'); INSERT INTO open VALUES ('%[3]s'); INSERT INTO dim VALUES ('%[3]s')`, ada, eve, note, invoice, contact, zero, clerk)

type question struct {
	name                     string
	identity, table, command string
	role, agent, id          string
	set                      []string
	verdict                  explain.Verdict
	reason                   explain.Reason
	because                  []string // parts of the sentence
}

const mine = "created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid"

var questions = []question{
	{name: "own note", identity: ada, table: "personal_notes", command: "select", id: note, verdict: explain.Allowed, reason: explain.ByPolicy, because: []string{"may read the row by policy human_select"}},
	{name: "own note by agent", identity: ada, table: "personal_notes", command: "select", role: "chenu_agent", agent: clerk, id: note, verdict: explain.Allowed, reason: explain.ByPolicy, because: []string{"agent_select"}},
	{name: "own contact by agent without the capability", identity: ada, table: "business_contacts", command: "select", role: "chenu_agent", agent: clerk, id: contact, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"'business:read'::text = ANY (app.agent_capabilities())) is false"}},
	{name: "own note by no agent", identity: ada, table: "personal_notes", command: "select", role: "chenu_agent", id: note, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"app.agent_capabilities())) is false"}},
	{name: "foreign note", identity: eve, table: "public.personal_notes", command: "select", id: note, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"policy human_select: " + mine + " is false"}},
	{name: "no note", identity: eve, table: "personal_notes", command: "select", id: nothing, verdict: explain.Refused, reason: explain.ByAbsence},
	{name: "update own", identity: ada, table: "personal_notes", command: "update", id: note, set: []string{"title=Else", "tags={a,b}"}, verdict: explain.Allowed, reason: explain.ByPolicy, because: []string{"may update the row by policy human_update"}},
	{name: "update nothing", identity: ada, table: "personal_notes", command: "update", id: note, verdict: explain.Allowed, reason: explain.ByPolicy},
	{name: "update foreign", identity: eve, table: "personal_notes", command: "update", id: note, set: []string{"title=Else"}, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"may not read the row"}},
	{name: "update the owner", identity: ada, table: "personal_notes", command: "update", id: note, set: []string{"created_by=" + eve}, verdict: explain.Refused, reason: explain.ByPrivilege, because: []string{"may not UPDATE created_by"}},
	{name: "delete own", identity: ada, table: "personal_notes", command: "delete", id: note, verdict: explain.Allowed, reason: explain.ByPolicy, because: []string{"may delete the row by policy human_delete"}},
	{name: "delete foreign", identity: eve, table: "personal_notes", command: "delete", id: note, verdict: explain.Refused, reason: explain.ByPolicy},
	{name: "insert own", identity: ada, table: "personal_notes", command: "insert", set: []string{"title=New"}, verdict: explain.Allowed, reason: explain.ByPolicy, because: []string{"may insert the row by policy human_insert"}},
	{name: "insert for another", identity: eve, table: "personal_notes", command: "insert", set: []string{"title=New", "created_by=" + ada}, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"may not insert the row", mine + " is false"}},
	{name: "check", identity: ada, table: "personal_notes", command: "insert", set: []string{"title="}, verdict: explain.Refused, reason: explain.ByConstraint, because: []string{"23514"}},
	{name: "foreign key", identity: ada, table: "business_invoices", command: "update", id: invoice, set: []string{"contact_id=" + nothing}, verdict: explain.Refused, reason: explain.ByConstraint, because: []string{"23503"}},
	{name: "not null", identity: ada, table: "business_invoices", command: "update", id: invoice, set: []string{"number"}, verdict: explain.Refused, reason: explain.ByConstraint, because: []string{"23502"}},
	{name: "gate", identity: ada, table: "business_invoices", command: "update", id: invoice, set: []string{"status=sent", "issued_on=2026-01-01"}, verdict: explain.Refused, reason: explain.ByGate, because: []string{"a person must approve"}},
	{name: "no privilege", identity: ada, table: "audit_logs", command: "insert", verdict: explain.Refused, reason: explain.ByPrivilege, because: []string{"no privilege to INSERT"}},
	{name: "no privilege in schema app", identity: ada, table: "app.signing_keys", command: "select", id: note, verdict: explain.Refused, reason: explain.ByPrivilege},
	{name: "clauses", identity: ada, table: "Odd", command: "select", id: note, verdict: explain.Allowed, reason: explain.ByPolicy, because: []string{"policy mine"}},
	{name: "restrictive", identity: ada, table: "Odd", command: "select", id: invoice, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"restrictive policy small: size < 5 is false"}},
	{name: "null", identity: ada, table: "Odd", command: "select", id: contact, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"policy mine: " + mine + " is false, kind <> 'closed'::text is false, kind = 'public'::text is false"}},
	{name: "restrictive on a new row", identity: ada, table: "Odd", command: "update", id: note, set: []string{"size=7"}, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"may not write the new row", "size < 5 is false"}},
	{name: "default of a new row", identity: eve, table: "Odd", command: "insert", set: []string{"size=1"}, verdict: explain.Allowed, reason: explain.ByPolicy},
	{name: "column of a new row", identity: eve, table: "Odd", command: "insert", set: []string{"size=1", "hidden=x"}, verdict: explain.Refused, reason: explain.ByPrivilege, because: []string{"may not INSERT hidden"}},
	{name: "no policy", identity: ada, table: "bare", command: "select", id: note, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"no policy of public.bare allows this for chenu_human"}},
	{name: "no policy for a new row", identity: ada, table: "bare", command: "insert", verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"no policy"}},
	{name: "hidden from the auditor too", identity: ada, table: "dim", command: "select", id: note, verdict: explain.Refused, reason: explain.ByUnseen},
	{name: "an agent's policy", identity: ada, table: "Odd", command: "select", role: "chenu_agent", id: contact, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"policy fails: (1 / size) > 0 is null", "restrictive policy small"}},
	{name: "a policy that fails", identity: ada, table: "Odd", command: "select", role: "chenu_agent", id: zero, verdict: explain.Refused, reason: explain.ByPolicy, because: []string{"division by zero"}},
	{name: "no row security", identity: ada, table: "open", command: "select", id: note, verdict: explain.Allowed, reason: explain.ByPolicy, because: []string{"row-level security does not apply"}},
}

func setup(t *testing.T) (*dbtest.DB, *pgxpool.Pool) {
	t.Helper()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	if _, err := admin.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	return db, admin
}

func (q question) input(db *dbtest.DB) explain.Input {
	in := explain.Input{Conventions: &policies.Conventions, URL: db.ServiceURL, AuditURL: db.AuditURL, Identity: uuid.MustParse(q.identity), Role: q.role, Table: q.table, Command: q.command}
	if q.role == "" {
		in.Role = "chenu_human"
	}
	if q.agent != "" {
		in.Agent = uuid.MustParse(q.agent)
	}
	if q.id != "" {
		in.ID = uuid.MustParse(q.id)
	}
	for _, text := range q.set {
		column, value, ok := strings.Cut(text, "=")
		a := explain.Assignment{Column: column}
		if ok {
			a.Value = &value
		}
		in.Set = append(in.Set, a)
	}
	return in
}

// everything selects all rows of all tables, to check that nothing changed.
const everything = `SELECT string_agg(format('%s %s', t, x), E'\n' ORDER BY t) FROM (
	SELECT c.oid::regclass::text AS t, query_to_xml('SELECT * FROM ' || c.oid::regclass || ' AS r ORDER BY r::text', true, false, '')::text AS x
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'app') AND c.relkind = 'r') s`

// TestExplain checks explanations while another transaction holds locks on every table, and that they change nothing.
func TestExplain(t *testing.T) {
	t.Parallel()
	db, admin := setup(t)
	busy, err := admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Rollback(context.Background()) })
	if _, err := busy.Exec(t.Context(), `DO $$ DECLARE t text; BEGIN
		FOR t IN SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'app') AND c.relkind IN ('r', 'p')
		LOOP EXECUTE 'LOCK TABLE ' || t || ' IN ROW EXCLUSIVE MODE'; END LOOP; END $$`); err != nil {
		t.Fatal(err)
	}
	state := func() (text string) {
		if err := admin.QueryRow(context.Background(), everything).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := state()
	t.Cleanup(func() {
		if after := state(); after != before {
			t.Errorf("the rows changed:\n%s\nbefore:\n%s", after, before)
		}
	})
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			q.ask(t, db)
		})
	}
}

func (q question) ask(t *testing.T, db *dbtest.DB) {
	t.Helper()
	e, err := explain.Explain(t.Context(), q.input(db))
	if err != nil {
		t.Fatal(err)
	}
	if e.Verdict != q.verdict || e.Reason != q.reason || slices.ContainsFunc(q.because, func(part string) bool { return !strings.Contains(e.Because, part) }) {
		t.Errorf("%s by %s: %s\nwant %s by %s: %q\n%+v", e.Verdict, e.Reason, e.Because, q.verdict, q.reason, q.because, e)
	}
	// The result that is derived from the clauses of the policies matches Postgres.
	all := true
	for _, s := range e.Stages {
		all = all && s.Passed != nil && *s.Passed
	}
	if q.reason == explain.ByPolicy && all != (q.verdict == explain.Allowed) {
		t.Errorf("%s, but the stages say %t: %+v", q.verdict, all, e.Stages)
	}
}

func TestClausesOfARow(t *testing.T) {
	t.Parallel()
	db, _ := setup(t)
	e, err := explain.Explain(t.Context(), question{identity: ada, table: "Odd", command: "select", id: contact}.input(db))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	var walk func(c explain.Condition, indent string)
	walk = func(c explain.Condition, indent string) {
		text := c.SQL
		if c.Connective != "" {
			text = c.Connective
		}
		lines = append(lines, indent+string(c.Value)+" "+text)
		for _, part := range c.Clauses {
			walk(part, indent+"  ")
		}
	}
	for _, p := range e.Stages[0].Policies {
		lines = append(lines, p.Name)
		walk(p.Condition, "  ")
	}
	want := []string{
		"mine", "  false OR", "    false AND", "      false " + mine, "      false kind <> 'closed'::text", "    false kind = 'public'::text",
		"small", "  null size < 5",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("clauses:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// TestLogins checks which logins can be used for an explanation.
func TestLogins(t *testing.T) {
	t.Parallel()
	db, _ := setup(t)
	foreign := question{identity: eve, table: "personal_notes", command: "select", id: note}
	for name, test := range map[string]struct {
		change  func(*explain.Input)
		reason  explain.Reason
		refused string
	}{
		"no auditor":           {func(in *explain.Input) { in.AuditURL = "" }, explain.ByUnseen, ""},
		"a superuser for both": {func(in *explain.Input) { in.URL, in.AuditURL = db.AdminURL, "" }, explain.ByPolicy, ""},
		"the agents' login":    {func(in *explain.Input) { in.URL, in.Role = db.AgentURL, "chenu_agent" }, explain.ByPolicy, ""},
		"not that role":        {func(in *explain.Input) { in.URL = db.AgentURL }, "", "cannot SET ROLE chenu_human"},
		"no auditor at all":    {func(in *explain.Input) { in.AuditURL = db.ServiceURL }, "", "cannot SET ROLE chenu_auditor"},
		"another database":     {func(in *explain.Input) { in.AuditURL = dbtest.Empty(t).AuditURL }, "", "do both URLs name the same database?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := foreign.input(db)
			test.change(&in)
			e, err := explain.Explain(t.Context(), in)
			switch {
			case test.refused == "" && err != nil:
				t.Error(err)
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("%v; want %q", err, test.refused)
			case err == nil && (e.Verdict != explain.Refused || e.Reason != test.reason):
				t.Errorf("%s by %s: %s", e.Verdict, e.Reason, e.Because)
			}
		})
	}
}

// TestBusyRow checks that an explanation does not wait long for a row that another transaction is changing.
func TestBusyRow(t *testing.T) {
	t.Parallel()
	db, admin := setup(t)
	tx, err := admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "UPDATE personal_notes SET title = 'Busy' WHERE id = $1", note); err != nil {
		t.Fatal(err)
	}
	_, err = explain.Explain(t.Context(), question{identity: ada, table: "personal_notes", command: "delete", id: note}.input(db))
	if err == nil || !strings.Contains(err.Error(), "another session is changing the row") {
		t.Errorf("%v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWrongQuestions(t *testing.T) {
	t.Parallel()
	db, _ := setup(t)
	for name, test := range map[string]struct {
		change func(*explain.Input)
		want   string
	}{
		"command":  {func(in *explain.Input) { in.Command = "truncate" }, "unknown command"},
		"role":     {func(in *explain.Input) { in.Role = "chenu_owner" }, "is not a serving role"},
		"identity": {func(in *explain.Input) { in.Identity = uuid.Nil }, "the identity is missing"},
		"table":    {func(in *explain.Input) { in.Table = "nowhere" }, "unknown table nowhere"},
		"no table": {func(in *explain.Input) { in.Table = "" }, "the table is missing"},
		"row":      {func(in *explain.Input) { in.ID = uuid.Nil }, "the id of the row is missing"},
		"column":   {func(in *explain.Input) { in.Command, in.Set = "update", []explain.Assignment{{Column: "x"}} }, "has no column x"},
		"set":      {func(in *explain.Input) { in.Set = []explain.Assignment{{Column: "title"}} }, "select does not set columns"},
		"new id":   {func(in *explain.Input) { in.Command = "insert" }, "set id"},
		"value": {func(in *explain.Input) {
			value := "x"
			in.Command, in.Set = "update", []explain.Assignment{{Column: "pinned", Value: &value}}
		}, "is not valid for its column"},
	} {
		in := question{identity: ada, table: "personal_notes", command: "select", id: note}.input(db)
		test.change(&in)
		if _, err := explain.Explain(t.Context(), in); err == nil || !explain.IsUsage(err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
	}
}
