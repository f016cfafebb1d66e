package policies_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/chenu/chenu/migrations/dbtest"
)

// ours limits a catalog query over pg_class c, pg_namespace n to the tables of this project.
const ours = "n.nspname IN ('public', 'app') AND c.relkind IN ('r', 'p')"

// TestCatalogue compares the catalog of a migrated database with the access rules. Each query returns violations, and
// must return no row.
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
		{"no role of the project is a superuser, can log in or bypasses row security", `
			SELECT rolname FROM pg_roles WHERE rolname IN
				('chenu_owner', 'chenu_app', 'chenu_human', 'chenu_agent', 'chenu_auditor', 'chenu_audit', 'chenu_login', 'chenu_maintain', 'chenu_derive', 'chenu_threads', 'chenu_erase', 'chenu_gate')
			AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb OR rolreplication)`},
		{"no role but the owner holds TRUNCATE, REFERENCES, TRIGGER or MAINTAIN", `
			SELECT c.oid::regclass || ' ' || a.grantee::regrole || ' ' || a.privilege_type
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
			WHERE ` + ours + ` AND a.privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN') AND a.grantee <> c.relowner`},
		{"PUBLIC holds no privilege on any table or schema app", `
			SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a
			WHERE ` + ours + ` AND a.grantee = 0
			UNION ALL SELECT nspname FROM pg_namespace, aclexplode(nspacl) a WHERE nspname = 'app' AND a.grantee = 0`},
		{"PUBLIC may neither connect to the database nor create temporary tables", `
			SELECT a.privilege_type FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
			WHERE d.datname = current_database() AND a.grantee = 0`},
		{"chenu_app holds no privilege", `
			SELECT c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = 'chenu_app'::regrole`},
		{"partitions carry no privileges", `
			SELECT c.oid::regclass || ' ' || a.grantee::regrole FROM pg_class c, aclexplode(c.relacl) a
			WHERE c.relispartition AND a.grantee <> c.relowner`},
		{"all policies are permissive, for one command and one role", `
			SELECT p.polname || ' on ' || p.polrelid::regclass FROM pg_policy p
			WHERE NOT p.polpermissive OR p.polcmd = '*' OR cardinality(p.polroles) <> 1 OR p.polroles = '{0}'`},
		{"a table has at most one policy for a command and role", `
			SELECT polrelid::regclass || ' ' || polcmd::text FROM pg_policy GROUP BY polrelid, polcmd, polroles HAVING count(*) > 1`},
		{"policies of humans and of definers are flat: no sub-select, no function of the project", `
			SELECT polname || ' on ' || polrelid::regclass FROM pg_policy
			WHERE polroles <> ARRAY['chenu_agent'::regrole::oid] AND coalesce(pg_get_expr(polqual, polrelid), '') || coalesce(pg_get_expr(polwithcheck, polrelid), '') ~* '\mselect\M|\mapp\.[a-z_]+\('`},
		{"policies of agents check their capabilities, and call no other function of the project", `
			SELECT polname || ' on ' || polrelid::regclass FROM pg_policy, LATERAL (VALUES (polqual), (polwithcheck)) AS x (e)
			WHERE polroles = ARRAY['chenu_agent'::regrole::oid] AND e IS NOT NULL
			AND (pg_get_expr(e, polrelid) NOT LIKE '%app.agent_capabilities()%'
				OR replace(pg_get_expr(e, polrelid), 'app.agent_capabilities()', '') ~ '\mapp\.[a-z_]+\(')`},
		{"policies of serving roles compare with the identity, so that a session without one sees no rows", `
			SELECT polname || ' on ' || polrelid::regclass FROM pg_policy
			WHERE polroles && ARRAY['chenu_human'::regrole::oid, 'chenu_agent'::regrole::oid]
			AND coalesce(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) NOT LIKE '%NULLIF(current_setting(''app.identity_id''::text, true), ''''::text))::uuid%'`},
		{"every key leads with the owner", `
			SELECT i.indexrelid::regclass::text
			FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
			WHERE ` + ours + ` AND c.relname NOT IN ('identities', 'signing_keys', 'rate_buckets') AND a.attname IS DISTINCT FROM 'created_by'`},
		{"identities, signing_keys and rate_buckets have only the listed indexes", `
			SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid IN ('identities'::regclass, 'app.signing_keys'::regclass, 'app.rate_buckets'::regclass)
			AND indexrelid::regclass::text NOT IN ('identities_pkey', 'identities_email_key', 'app.signing_keys_pkey',
				'app.rate_buckets_pkey', 'app.rate_buckets_key_key')`},
		{"every foreign key leads with the owner on both sides", `
			SELECT k.conname FROM pg_constraint k
			JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
			JOIN pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = k.confkey[1]
			WHERE k.contype = 'f' AND (a.attname <> 'created_by'
				OR f.attname <> CASE WHEN k.confrelid = 'identities'::regclass THEN 'id' ELSE 'created_by' END)`},
		{"no foreign key has ON DELETE SET NULL or an ON UPDATE action", `
			SELECT conname FROM pg_constraint WHERE contype = 'f' AND (confdeltype NOT IN ('a', 'c') OR confupdtype <> 'a')`},
		{"constraints are all validated", `SELECT conname FROM pg_constraint WHERE NOT convalidated`},
		{"a definer function has a pinned search path and is not executable by PUBLIC", `
			SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'app'::regnamespace
			AND (NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'))
				OR EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0))`},
		{"every function of the project has a pinned search path", `
			SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'app'::regnamespace
			AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(p.proconfig, '{}'))`},
		{"every column has a comment", `
			SELECT c.oid::regclass || '.' || a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
			WHERE ` + ours + ` AND NOT c.relispartition AND col_description(c.oid, a.attnum) IS NULL`},
		{"text columns have the type text, and no column has an enum type", `
			SELECT c.oid::regclass || '.' || a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 JOIN pg_type y ON y.oid = a.atttypid
			WHERE ` + ours + ` AND (y.typname IN ('varchar', 'bpchar', 'json', 'timestamp') OR y.typtype = 'e')`},
		{"no index is a prefix of another index of its table", `
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
