package policies_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations/dbtest"
	"github.com/chenu/chenu/policies"
)

// ours limits a catalogue query over pg_class c, pg_namespace n to our tables.
const ours = "n.nspname IN ('public', 'app') AND c.relkind IN ('r', 'p')"

// TestCatalogue holds the live catalogue to the sentences of the wall. Each
// query lists violations; none may be found.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	admin := db.Pool(t, db.AdminURL)
	tests := []struct{ sentence, violations string }{
		{"every table enables and forces row security", `
			SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE ` + ours + ` AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`},
		{"chenu_owner owns every table, sequence, view and schema", `
			SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname IN ('public', 'app') AND c.relowner <> 'chenu_owner'::regrole
			UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'app' AND nspowner <> 'chenu_owner'::regrole`},
		{"no role of ours is a superuser, logs in or bypasses row security", `
			SELECT rolname FROM pg_roles WHERE rolname IN
				('chenu_owner', 'chenu_app', 'chenu_human', 'chenu_agent', 'chenu_auditor', 'chenu_audit', 'chenu_login', 'chenu_maintain', 'chenu_derive', 'chenu_threads', 'chenu_erase', 'chenu_gate')
			AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolreplication)`},
		{"nobody but the owner holds TRUNCATE, REFERENCES, TRIGGER or MAINTAIN", `
			SELECT c.oid::regclass || ' ' || a.grantee::regrole || ' ' || a.privilege_type
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
			WHERE ` + ours + ` AND a.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN') AND a.grantee <> c.relowner`},
		{"PUBLIC holds no privilege on any table or schema app", `
			SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
			WHERE ` + ours + ` AND a.grantee = 0
			UNION ALL SELECT nspname FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'app' AND a.grantee = 0`},
		{"PUBLIC may neither connect to the database nor make temporary tables", `
			SELECT a.privilege_type FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
			WHERE d.datname = current_database() AND a.grantee = 0`},
		{"chenu_app holds no privilege of its own", `
			SELECT c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = 'chenu_app'::regrole`},
		{"partitions carry no privileges", `
			SELECT c.oid::regclass || ' ' || a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
			WHERE c.relispartition AND a.grantee <> c.relowner`},
		{"all policies are permissive, for one command and one role", `
			SELECT p.polname || ' on ' || p.polrelid::regclass FROM pg_policy p
			WHERE NOT p.polpermissive OR p.polcmd = '*' OR cardinality(p.polroles) <> 1 OR p.polroles = '{0}'`},
		{"at most one policy stands for a command and role of a table", `
			SELECT polrelid::regclass || ' ' || polcmd::text FROM pg_policy GROUP BY polrelid, polcmd, polroles HAVING count(*) > 1`},
		{"policies of humans and of definers are flat: no sub-select, no function of ours", `
			SELECT polname || ' on ' || polrelid::regclass FROM pg_policy
			WHERE polroles <> ARRAY['chenu_agent'::regrole::oid] AND coalesce(pg_get_expr(polqual, polrelid), '') || coalesce(pg_get_expr(polwithcheck, polrelid), '') ~* '\mselect\M|\mapp\.[a-z_]+\('`},
		{"policies of agents ask for their capabilities, and call nothing else of ours", `
			SELECT polname || ' on ' || polrelid::regclass FROM pg_policy, LATERAL (VALUES (polqual), (polwithcheck)) AS x (e)
			WHERE polroles = ARRAY['chenu_agent'::regrole::oid] AND e IS NOT NULL
			AND (pg_get_expr(e, polrelid) NOT LIKE '%app.agent_capabilities()%'
				OR replace(pg_get_expr(e, polrelid), 'app.agent_capabilities()', '') ~ '\mapp\.[a-z_]+\(')`},
		{"policies of serving roles compare with the identity, so that nobody sees nothing", `
			SELECT polname || ' on ' || polrelid::regclass FROM pg_policy
			WHERE polroles && ARRAY['chenu_human'::regrole::oid, 'chenu_agent'::regrole::oid]
			AND coalesce(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) NOT LIKE '%NULLIF(current_setting(''app.identity_id''::text, true), ''''::text))::uuid%'`},
		{"every key leads with the owner", `
			SELECT i.indexrelid::regclass::text
			FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
			WHERE ` + ours + ` AND c.relname NOT IN ('identities', 'signing_keys', 'rate_buckets') AND a.attname IS DISTINCT FROM 'created_by'`},
		{"the exceptions from that are the three that are written down", `
			SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid IN ('identities'::regclass, 'app.signing_keys'::regclass, 'app.rate_buckets'::regclass)
			AND indexrelid::regclass::text NOT IN ('identities_pkey', 'identities_email_key', 'app.signing_keys_pkey',
				'app.rate_buckets_pkey', 'app.rate_buckets_key_key')`},
		{"every foreign key leads with the owner on both sides", `
			SELECT k.conname FROM pg_constraint k
			JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
			JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[1]
			WHERE k.contype = 'f' AND (a.attname <> 'created_by'
				OR f.attname <> CASE WHEN k.confrelid = 'identities'::regclass THEN 'id' ELSE 'created_by' END)`},
		{"a reference never sets NULL and never follows an update", `
			SELECT conname FROM pg_constraint WHERE contype = 'f' AND (confdeltype NOT IN ('a', 'c') OR confupdtype <> 'a')`},
		{"constraints are all validated", `SELECT conname FROM pg_constraint WHERE NOT convalidated`},
		{"a definer function has a pinned search path and none of PUBLIC's", `
			SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'app'::regnamespace
			AND (NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'))
				OR EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0))`},
		{"every function of ours has a pinned search path", `
			SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'app'::regnamespace
			AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'))`},
		{"every column is explained", `
			SELECT c.oid::regclass || '.' || a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE ` + ours + ` AND NOT c.relispartition AND col_description(c.oid, a.attnum) IS NULL`},
		{"text is text, and no type is an enum of Postgres", `
			SELECT c.oid::regclass || '.' || a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 JOIN pg_type y ON y.oid = a.atttypid
			WHERE ` + ours + ` AND (y.typname IN ('varchar', 'bpchar', 'json', 'timestamp') OR y.typtype = 'e')`},
		{"every index is used: none is a prefix of another of its table", `
			SELECT a.indexrelid::regclass || ' of ' || b.indexrelid::regclass FROM pg_index a JOIN pg_index b USING (indrelid)
			JOIN pg_class c ON c.oid = a.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE ` + ours + ` AND a.indexrelid <> b.indexrelid AND a.indexprs IS NULL AND b.indexprs IS NULL
			AND (b.indkey::text || ' ') LIKE (a.indkey::text || ' %') AND NOT a.indisunique`},
	}
	for _, test := range tests {
		t.Run(test.sentence, func(t *testing.T) {
			t.Parallel()
			rows, _ := admin.Query(t.Context(), test.violations)
			found, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			for _, violation := range found {
				t.Error(violation)
			}
		})
	}
}

// definers is the closed list of what works across identities or with more
// than the caller's rights, with its owner and who may call it.
var definers = map[string]struct {
	owner   string
	callers []string
}{
	"audit":             {owner: "chenu_audit"},
	"record_event":      {owner: "chenu_audit", callers: []string{"chenu_login", "chenu_maintain"}},
	"record_read":       {owner: "chenu_audit", callers: []string{"chenu_agent", "chenu_human"}},
	"record_denial":     {owner: "chenu_audit", callers: []string{"chenu_agent", "chenu_human"}},
	"ensure_partitions": {owner: "chenu_owner", callers: []string{"chenu_human"}},
	"schema_version":    {owner: "chenu_maintain", callers: []string{"chenu_agent", "chenu_human"}},

	"derive_streak":        {owner: "chenu_derive"},
	"rederive_streak":      {owner: "chenu_derive"},
	"derive_rsvp_counts":   {owner: "chenu_derive"},
	"derive_members":       {owner: "chenu_derive"},
	"lock_answered_events": {owner: "chenu_derive"},

	"create_thread": {owner: "chenu_threads", callers: []string{"chenu_agent", "chenu_human"}},
	"append_events": {owner: "chenu_threads", callers: []string{"chenu_agent", "chenu_human"}},
	"record_step":   {owner: "chenu_maintain"},

	"gate":                {owner: "chenu_gate"},
	"use_checkpoint":      {owner: "chenu_gate", callers: []string{"chenu_erase"}},
	"request_checkpoint":  {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},
	"decide_checkpoint":   {owner: "chenu_gate", callers: []string{"chenu_human"}},
	"withdraw_checkpoint": {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},
	"consume_checkpoint":  {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},
	"approval_of":         {owner: "chenu_gate", callers: []string{"chenu_audit"}},
	"end_agent":           {owner: "chenu_gate"},
	"expire_requests":     {owner: "chenu_gate", callers: []string{"chenu_login"}},
	"dismiss_agent":       {owner: "chenu_gate", callers: []string{"chenu_human"}},
	"take_write":          {owner: "chenu_gate"},
	"account_write":       {owner: "chenu_gate", callers: []string{"chenu_audit"}},
	"gate_event":          {owner: "chenu_gate", callers: []string{"chenu_threads"}},
	"check_collected":     {owner: "chenu_gate"},
	"collected_payload":   {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},

	"expire_checkpoints":      {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"expire_idempotency_keys": {owner: "chenu_maintain", callers: []string{"chenu_human"}},

	"login_lookup":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"open_session":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"close_session":         {owner: "chenu_login", callers: []string{"chenu_human"}},
	"rehash_password":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"signing_keys":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"add_first_signing_key": {owner: "chenu_login", callers: []string{"chenu_human"}},
	"advance_signing_keys":  {owner: "chenu_login", callers: []string{"chenu_human"}},
	"reseal_signing_keys":   {owner: "chenu_login", callers: []string{"chenu_owner"}},
	"issue_refresh_token":   {owner: "chenu_login", callers: []string{"chenu_human"}},
	"rotate_refresh_token":  {owner: "chenu_login", callers: []string{"chenu_human"}},
	"begin_attempt":         {owner: "chenu_login", callers: []string{"chenu_human"}},
	"refuse_attempt":        {owner: "chenu_login", callers: []string{"chenu_human"}},
	"forgive_attempts":      {owner: "chenu_login", callers: []string{"chenu_human"}},
	"authenticate_again":    {owner: "chenu_login", callers: []string{"chenu_human"}},
	"change_password":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"close_sessions":        {owner: "chenu_login"},
	"issue_account_token":   {owner: "chenu_login", callers: []string{"chenu_human"}},
	"account_token_valid":   {owner: "chenu_login", callers: []string{"chenu_human"}},
	"use_account_token":     {owner: "chenu_login"},
	"verify_email":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"reset_password":        {owner: "chenu_login", callers: []string{"chenu_human"}},
	"expire_tokens":         {owner: "chenu_maintain", callers: []string{"chenu_human"}},

	"add_agent_credential":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"revoke_agent_credential":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"agent_credential":              {owner: "chenu_login", callers: []string{"chenu_human"}},
	"use_agent_credential":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"agent_capabilities":            {owner: "chenu_login", callers: []string{"chenu_agent"}},
	"has_capabilities":              {owner: "chenu_login", callers: []string{"chenu_gate", "chenu_threads"}},
	"require_capabilities":          {owner: "chenu_login", callers: []string{"chenu_gate", "chenu_threads"}},
	"refuse_inactive_agent":         {owner: "chenu_login", callers: []string{"chenu_audit", "chenu_threads"}},
	"hold_agent":                    {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_login"}},
	"refuse_agent_credential":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"require_compared_password":     {owner: "chenu_login"},
	"lock_idempotency_key":          {owner: "chenu_gate", callers: []string{"chenu_agent", "chenu_human"}},
	"require_recent_authentication": {owner: "chenu_login", callers: []string{"chenu_audit", "chenu_gate"}},
	"record_export":                 {owner: "chenu_audit", callers: []string{"chenu_human"}},

	"require_verified_email": {owner: "chenu_login", callers: []string{"chenu_gate", "chenu_human"}},
	"revoke_agents":          {owner: "chenu_login", callers: []string{"chenu_human"}},
	"suspend_agents":         {owner: "chenu_gate", callers: []string{"chenu_login"}},
	"suspend_all_agents":     {owner: "chenu_gate", callers: []string{"chenu_human"}},
	"agents_of_unverified":   {owner: "chenu_maintain", callers: []string{"chenu_owner"}},
	"unverified_agents":      {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"owe_notice":             {owner: "chenu_login"},
	"tell_hired":             {owner: "chenu_login"},
	"take_notices":           {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"mark_notice_sent":       {owner: "chenu_login", callers: []string{"chenu_human"}},
	"expire_notices":         {owner: "chenu_maintain", callers: []string{"chenu_human"}},

	"expire_used_assertions": {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"take_tokens":            {owner: "chenu_login", callers: []string{"chenu_human"}},
	"forget_rate_buckets":    {owner: "chenu_maintain", callers: []string{"chenu_human"}},

	"erase_identity": {owner: "chenu_erase", callers: []string{"chenu_human"}},
	"erase_rows":     {owner: "chenu_erase"},
	"refuse_erased":  {owner: "chenu_erase", callers: []string{"chenu_audit"}},

	"record_failures": {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"expire_attempts": {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"expire_sessions": {owner: "chenu_maintain", callers: []string{"chenu_human"}},
	"refuse_inactive": {owner: "chenu_erase", callers: []string{"chenu_audit"}},
	"lock_account":    {owner: "chenu_login", callers: []string{"chenu_owner"}},
	"unlock_account":  {owner: "chenu_login", callers: []string{"chenu_owner"}},
	"verify_account":  {owner: "chenu_login", callers: []string{"chenu_owner"}},
	"account_email":   {owner: "chenu_login", callers: []string{"chenu_owner"}},
}

// TestDefiners holds the definer functions to the closed list.
func TestDefiners(t *testing.T) {
	t.Parallel()
	admin := connect(t, dbtest.New(t).AdminURL)
	rows, _ := admin.Query(t.Context(), `
		SELECT p.proname, p.proowner::regrole::text, array(
			SELECT a.grantee::regrole::text FROM aclexplode(p.proacl) a WHERE a.grantee <> p.proowner ORDER BY 1)
		FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'app'::regnamespace`)
	type function struct {
		Name, Owner string
		Callers     []string
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[function])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		want, ok := definers[f.Name]
		if !ok {
			t.Errorf("app.%s is a definer function that the closed list does not have", f.Name)
			continue
		}
		if f.Owner != want.owner || !slices.Equal(f.Callers, want.callers) {
			t.Errorf("app.%s: owner %s, callers %v; want %s, %v", f.Name, f.Owner, f.Callers, want.owner, want.callers)
		}
	}
	if len(found) != len(definers) {
		t.Errorf("found %d definer functions, the closed list has %d", len(found), len(definers))
	}
}

// TestLogins shows what the logins can become, and that by themselves they can
// do nothing.
func TestLogins(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	tests := []struct {
		name, url, statement, want string
	}{
		{"the service reads nothing by itself", db.ServiceURL, "SELECT FROM personal_notes", refused},
		{"the service becomes a human", db.ServiceURL, "SET ROLE chenu_human", ""},
		{"the service becomes an agent", db.ServiceURL, "SET ROLE chenu_agent", ""},
		{"the service does not become the owner", db.ServiceURL, "SET ROLE chenu_owner", refused},
		{"the service does not become the auditor", db.ServiceURL, "SET ROLE chenu_auditor", refused},
		{"the service does not become the one who logs in", db.ServiceURL, "SET ROLE chenu_login", refused},
		{"the service does not become the one who appends", db.ServiceURL, "SET ROLE chenu_threads", refused},
		{"the service does not become the one who audits", db.ServiceURL, "SET ROLE chenu_audit", refused},
		{"the service does not become the one who approves", db.ServiceURL, "SET ROLE chenu_gate", refused},
		{"the service makes no table", db.ServiceURL, "CREATE TABLE public.x ()", refused},
		{"the service makes no temporary table", db.ServiceURL, "CREATE TEMPORARY TABLE x ()", refused},
		{"the service switches no trigger off", db.ServiceURL, "SET session_replication_role = replica", refused},
		{"the agents' login reads nothing by itself", db.AgentURL, "SELECT FROM personal_notes", refused},
		{"the agents' login becomes an agent", db.AgentURL, "SET ROLE chenu_agent", ""},
		{"the agents' login does not become a human", db.AgentURL, "SET ROLE chenu_human", refused},
		{"the agents' login does not become a human by set_config", db.AgentURL, "SELECT set_config('role', 'chenu_human', true)", refused},
		{"the auditor reads", db.AuditURL, "SELECT FROM personal_notes", ""},
		{"the auditor writes nothing", db.AuditURL, "INSERT INTO personal_notes (title) VALUES ('x')", refused},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := connect(t, test.url).Exec(t.Context(), test.statement)
			if test.want == "" && err == nil {
				return
			}
			if got := outcome(t, pgconn.CommandTag{}, err); got != test.want {
				t.Errorf("got %s, want %q", got, test.want)
			}
		})
	}
}

// TestOwner shows that the tables' owner, who is a member of every narrow role, neither sees nor changes a row by accident,
// whichever identity it names.
func TestOwner(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	conn := connect(t, db.MigrateURL)
	for _, who := range []string{"", w.owner.String()} {
		// Migrations run with row_security off: what a policy would hide is then an error.
		if _, err := conn.Exec(t.Context(), "SELECT set_config('role', 'chenu_owner', false), set_config('row_security', 'on', false), set_config('app.identity_id', $1, false), set_config('app.actor_id', $1, false)", who); err != nil {
			t.Fatal(err)
		}
		for _, table := range policies.Tables {
			for _, statement := range []string{"SELECT FROM %s", "UPDATE %s SET id = id", "DELETE FROM %s"} {
				statement = fmt.Sprintf(statement, table.QualifiedName())
				tag, err := conn.Exec(t.Context(), statement)
				if got := outcome(t, tag, err); got != zero {
					t.Errorf("%s as the owner, with the identity %q: got %s, want %s", statement, who, got, zero)
				}
			}
		}
	}
}

// TestAppendOnly shows that a superuser is refused as well: what happened stays
// as it was recorded.
func TestAppendOnly(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	newWorld(t, db)
	admin := connect(t, db.AdminURL)
	if _, err := admin.Exec(t.Context(), "SELECT app.ensure_partitions(2)"); err != nil {
		t.Fatal(err)
	}
	var tables []string
	for _, table := range policies.Tables {
		if table.AppendOnly != nil {
			tables = append(tables, table.QualifiedName())
		}
	}
	rows, _ := admin.Query(t.Context(), `SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_logs'::regclass`)
	partitions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if len(partitions) < 3 {
		t.Errorf("audit_logs has the partitions %v, want the default one and those of the months ahead", partitions)
	}
	for _, table := range append(tables, partitions...) {
		for _, statement := range []string{"UPDATE %s SET created_at = now()", "DELETE FROM %s", "TRUNCATE %s"} {
			statement = fmt.Sprintf(statement, table)
			tag, err := admin.Exec(t.Context(), statement)
			if err == nil && tag.RowsAffected() == 0 && !strings.HasPrefix(statement, "TRUNCATE") {
				continue // an empty partition has no row to refuse
			}
			if got := outcome(t, tag, err); got != "CH403" {
				t.Errorf("%s as a superuser: got %s, want CH403", statement, got)
			}
		}
	}
}

// TestAuditTrail shows what a change leaves behind: who, what, before and
// after, and no secret.
func TestAuditTrail(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	ctx := t.Context()
	request := newID()
	tx, err := w.service.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.become(t, tx, agent)
	for _, statement := range []string{
		fmt.Sprintf("SELECT set_config('app.request_id', '%s', true), set_config('app.ip', '192.0.2.1', true)", request),
		fmt.Sprintf("UPDATE business_contacts SET name = 'Rear Admiral', lead_score = lead_score WHERE id = '%s'", w.rows()["Contact"]),
		fmt.Sprintf("UPDATE business_contacts SET name = name WHERE id = '%s'", w.rows()["Note"]),
		fmt.Sprintf("DELETE FROM personal_notes WHERE id = '%s'", w.rows()["Note"]),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	admin := connect(t, db.AdminURL)
	rows, _ := admin.Query(ctx, `
		SELECT concat_ws(' ', action, outcome, resource_type, actor_kind, db_role, sphere, ip,
			CASE WHEN action = 'update' THEN before ->> 'name' || ' > ' || (after ->> 'name') ELSE before ->> 'title' END,
			(SELECT count(*) FROM jsonb_object_keys(after)),
			content_digest = app.content_digest(content_salt, to_jsonb(a), '{before,after,ip,user_agent}'))
		FROM audit_logs a WHERE request_id = $1 AND created_by = $2 ORDER BY id`, request, w.owner)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	// updated_at, updated_by, updated_by_kind and version change beside the name.
	want := []string{
		"update success contact agent chenu_agent business 192.0.2.1 Grace > Rear Admiral 5 t",
		"delete success note agent chenu_agent personal 192.0.2.1 Note 0 t",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestClaims shows what a serving role can say happened that left no row: that it read, and
// that it was denied.
func TestClaims(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	for _, who := range []actor{owner, agent} {
		for statement, want := range map[string]string{
			"SELECT app.record_read('clinical_trial', NULL, '{}', 'government')":   one,
			"SELECT app.record_denial('login', 'identity', NULL, '{}')":            one,
			"SELECT app.record_event('login', 'success', 'session', NULL, '{}')":   refused,
			"SELECT app.record_event('read', 'denied', 'session', NULL, '{}')":     refused,
			"INSERT INTO audit_logs (id, created_by) VALUES (app.uuid_v7(), NULL)": refused,
		} {
			if got := w.try(t, who, statement); got != want {
				t.Errorf("%v: %s: got %s, want %s", who, statement, got, want)
			}
		}
	}
	if got := w.try(t, nobody, "SELECT app.record_denial('login', 'identity', NULL, '{}')"); got != "CH401" {
		t.Errorf("nobody is denied something: %s", got)
	}
}

// TestNoSecretIsAudited puts a marker into every secret column and looks for it
// in the whole trail.
func TestNoSecretIsAudited(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t)
	w := newWorld(t, db)
	admin := connect(t, db.AdminURL)
	ctx := t.Context()
	const marker = "$argon2id$v=19$m=8,t=1,p=1$c2VjcmV0$bWFya2Vy"
	secrets := 0
	for _, table := range identitiesFirst() {
		for _, column := range table.Columns {
			if !column.Rules.Secret || table.UnauditedWhy != "" {
				continue
			}
			secrets++
			id, owner, mine := newID(), w.owner, w.rowsOf[w.owner]
			if table.Owner == "id" {
				owner = id
			}
			statement := insertWith(table, id, owner, mine.spare, mine.first, map[string]string{column.Name: "'" + marker + "'"})
			if _, err := admin.Exec(ctx, statement); err != nil {
				t.Fatal(err)
			}
			changed := fmt.Sprintf("UPDATE %s SET %[2]s = %[2]s || '1' WHERE id = '%[3]s'", table.QualifiedName(), column.Name, id)
			if _, err := admin.Exec(ctx, changed); err != nil {
				t.Fatal(err)
			}
			var recorded, leaked int
			err := admin.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE to_jsonb(a)::text LIKE '%bWFya2Vy%' OR to_jsonb(a)::text LIKE '%' || $2 || '%')
				FROM audit_logs a WHERE resource_id = $1`, id, column.Name).Scan(&recorded, &leaked)
			if err != nil {
				t.Fatal(err)
			}
			if recorded != 2 || leaked != 0 {
				t.Errorf("%s.%s: %d audit rows, of which %d name the secret; want 2 and 0", table.Name, column.Name, recorded, leaked)
			}
		}
	}
	if secrets == 0 {
		t.Error("the graph has no audited secret: this test shows nothing")
	}
}
