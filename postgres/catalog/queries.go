package catalog

// scope limits every query to user-defined objects: spaces are the schemas, and relations the
// tables, views, sequences and indexes, without members of extensions. A partition is included only
// if it and its parents are DEFAULT partitions.
const scope = `
WITH spaces AS MATERIALIZED (
	SELECT n.oid, n.nspname AS schema, n.nspowner, n.nspacl
	FROM pg_catalog.pg_namespace n
	WHERE n.nspname <> ALL ('{information_schema,` + RevisionsSchema + `}') AND n.nspname !~ '^pg_'
	AND NOT EXISTS (
		SELECT FROM pg_catalog.pg_depend d
		WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid AND d.deptype = 'e'
	)
), relations AS MATERIALIZED (
	SELECT c.*, s.schema
	FROM pg_catalog.pg_class c JOIN spaces s ON s.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
	AND NOT EXISTS (
		SELECT FROM pg_catalog.pg_depend d
		WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
	)
	AND (NOT c.relispartition OR NOT EXISTS (
		SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) a JOIN pg_catalog.pg_class p ON p.oid = a.relid
		WHERE p.relkind IN ('r', 'p', 'f') AND p.relispartition AND pg_catalog.pg_get_expr(p.relpartbound, p.oid) <> 'DEFAULT'
	))
), functions AS MATERIALIZED (
	SELECT p.*, s.schema, coalesce((
		SELECT pg_catalog.string_agg(pg_catalog.format_type(t.type, NULL), ', ' ORDER BY t.position)
		FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS t (type, position)
	), '') AS types
	FROM pg_catalog.pg_proc p JOIN spaces s ON s.oid = p.pronamespace
	WHERE NOT EXISTS (
		SELECT FROM pg_catalog.pg_depend d
		WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
	)
)`

const functionsQuery = scope + `
SELECT schema, proname::text, types, pg_catalog.pg_get_function_identity_arguments(oid),
	coalesce(pg_catalog.pg_get_function_result(oid), ''), prokind::text, pronargdefaults::int, prosecdef,
	pg_catalog.pg_get_functiondef(oid), pg_catalog.pg_get_userbyid(proowner)::text,
	(SELECT l.lanname::text FROM pg_catalog.pg_language l WHERE l.oid = prolang),
	coalesce(pg_catalog.obj_description(oid, 'pg_proc'), '')
FROM functions WHERE prokind IN ('f', 'p')
ORDER BY schema, proname, types`

const triggersQuery = scope + `
SELECT r.schema, r.relname::text, t.tgname::text, n.nspname || '.' || p.proname,
	pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled::text, t.tgconstraint <> 0,
	coalesce(pg_catalog.obj_description(t.oid, 'pg_trigger'), '')
FROM pg_catalog.pg_trigger t
JOIN relations r ON r.oid = t.tgrelid
JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0
ORDER BY r.schema, r.relname, t.tgname`

const policiesQuery = scope + `
SELECT r.schema, r.relname::text, p.polname::text,
	CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
	p.polpermissive,
	ARRAY(
		SELECT CASE o WHEN 0 THEN '` + Public + `' ELSE pg_catalog.pg_get_userbyid(o)::text END
		FROM pg_catalog.unnest(p.polroles) o ORDER BY 1
	),
	coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), ''),
	coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), ''),
	coalesce(pg_catalog.obj_description(p.oid, 'pg_policy'), '')
FROM pg_catalog.pg_policy p JOIN relations r ON r.oid = p.polrelid
ORDER BY r.schema, r.relname, p.polname`

const treesQuery = scope + `
SELECT r.schema, r.relname::text, p.polname::text, coalesce(p.polqual::text, ''), coalesce(p.polwithcheck::text, '')
FROM pg_catalog.pg_policy p JOIN relations r ON r.oid = p.polrelid`

const relationsQuery = scope + `
SELECT oid, CASE WHEN relkind IN ('v', 'm') THEN '` + string(KindView) + `' ELSE '` + string(KindTable) + `' END, schema, relname::text, coalesce((
	SELECT pg_catalog.jsonb_object_agg(a.attnum, a.attname)
	FROM pg_catalog.pg_attribute a WHERE a.attrelid = relations.oid AND a.attnum > 0 AND NOT a.attisdropped
), '{}')
FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'f')`

const routinesQuery = scope + `
SELECT oid, schema, proname::text, types FROM functions`

// operatorsQuery returns only the operators of the system (FirstNormalObjectId is 16384), because
// the declared commutator and negator of others may be wrong.
const operatorsQuery = `
SELECT o.oid, o.oprcom::oid, o.oprnegate::oid, p.proisstrict
FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode
WHERE o.oid < 16384 AND o.oprresult = 'pg_catalog.bool'::pg_catalog.regtype`

const securityQuery = scope + `
SELECT schema, relname::text, relrowsecurity, relforcerowsecurity
FROM relations WHERE relkind IN ('r', 'p') ORDER BY schema, relname`

const partitionsQuery = scope + `
SELECT r.schema, r.relname::text, n.nspname::text, p.relname::text
FROM relations r
JOIN pg_catalog.pg_inherits i ON i.inhrelid = r.oid
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
WHERE r.relispartition AND r.relkind IN ('r', 'p')
ORDER BY r.schema, r.relname`

const runtimePartitionsQuery = `
SELECT n.nspname || '.' || c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f') AND pg_catalog.pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
ORDER BY 1`

// grants returns an ACL as a sorted JSON array, without grantors: in planned databases the grantor
// is always the owner.
func grants(acl string) string {
	return `(
	SELECT coalesce(pg_catalog.jsonb_agg(DISTINCT pg_catalog.jsonb_build_object(
		'grantee', CASE a.grantee WHEN 0 THEN '` + Public + `' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END,
		'privilege', a.privilege_type, 'grantable', a.is_grantable)), '[]')
	FROM pg_catalog.aclexplode(` + acl + `) a)`
}

var privilegesQuery = scope + `, securables AS (
	SELECT '` + string(KindSchema) + `' AS kind, '' AS schema, schema::text AS name, '' AS sub, nspowner AS owner, nspacl AS acl,
		pg_catalog.acldefault('n', nspowner) AS initial
	FROM spaces
	UNION ALL
	SELECT CASE relkind WHEN 'S' THEN '` + string(KindSequence) + `' WHEN 'v' THEN '` + string(KindView) + `' WHEN 'm' THEN '` + string(KindView) + `'
			ELSE '` + string(KindTable) + `' END,
		schema, relname, '', relowner, relacl, pg_catalog.acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)
	FROM relations WHERE relkind NOT IN ('i', 'I')
	UNION ALL
	SELECT '` + string(KindFunction) + `', schema, proname, types, proowner, proacl, pg_catalog.acldefault('f', proowner)
	FROM functions
	UNION ALL
	SELECT '` + string(KindColumn) + `', r.schema, r.relname, a.attname, NULL, a.attacl, pg_catalog.acldefault('c', r.relowner)
	FROM pg_catalog.pg_attribute a JOIN relations r ON r.oid = a.attrelid
	WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
)
SELECT kind, schema, name, sub, coalesce(pg_catalog.pg_get_userbyid(owner)::text, ''),
	` + grants("coalesce(acl, initial)") + `, ` + grants("initial") + `
FROM securables ORDER BY kind, schema, name, sub`

var defaultsQuery = `
SELECT pg_catalog.pg_get_userbyid(d.defaclrole)::text, coalesce(n.nspname::text, ''),
	CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
		WHEN 'n' THEN 'SCHEMAS' ELSE d.defaclobjtype::text END,
	` + grants("d.defaclacl") + `,
	CASE d.defaclnamespace WHEN 0 THEN ` + grants(`pg_catalog.acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)`) + ` ELSE '[]' END
FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
ORDER BY 1, 2, 3`

// rolesQuery reads the roles of the project. Since Postgres 16 each membership has INHERIT and SET options; they are
// read through jsonb so that the query also runs on 15.
const rolesQuery = `
SELECT r.rolname::text,
	pg_catalog.array_remove(ARRAY[
		CASE WHEN r.rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
		CASE WHEN r.rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
		CASE WHEN r.rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
		CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END,
		CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
		CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
		CASE WHEN r.rolreplication THEN 'REPLICATION' END
	], NULL),
	ARRAY(
		SELECT g.rolname::text || CASE WHEN m.admin_option THEN ' WITH ADMIN' ELSE '' END
			|| CASE pg_catalog.to_jsonb(m) ->> 'inherit_option' WHEN 'false' THEN ' WITHOUT INHERIT' ELSE '' END
			|| CASE pg_catalog.to_jsonb(m) ->> 'set_option' WHEN 'false' THEN ' WITHOUT SET' ELSE '' END
		FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
		WHERE m.member = r.oid ORDER BY 1
	)
FROM pg_catalog.pg_roles r WHERE starts_with(r.rolname::text, $1) ORDER BY 1`

// othersQuery names the objects that neither Atlas nor this package can plan. Properties that exist
// only in newer versions are read through jsonb.
const othersQuery = scope + `
SELECT * FROM (
	SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END AS type,
		schema || '.' || relname AS identity, pg_catalog.concat_ws(' ', 'WITH ' || reloptions::text, coalesce(pg_catalog.pg_get_viewdef(oid), '')) AS definition,
		pg_catalog.format('DROP %s %I.%I', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'FOREIGN TABLE' END, schema, relname) AS drop
	FROM relations WHERE relkind IN ('v', 'm', 'f')
	UNION ALL
	SELECT 'sequence', r.schema || '.' || r.relname,
		pg_catalog.format('%s %s %s %s %s %s', q.seqtypid::pg_catalog.regtype, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcycle),
		pg_catalog.format('DROP SEQUENCE %I.%I', r.schema, r.relname)
	FROM relations r JOIN pg_catalog.pg_sequence q ON q.seqrelid = r.oid
	WHERE NOT EXISTS (
		SELECT FROM pg_catalog.pg_depend d
		WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
	)
	UNION ALL
	SELECT 'table option', schema || '.' || relname, pg_catalog.concat_ws(' ', relpersistence, relreplident, reloptions::text,
		CASE WHEN reltablespace <> 0 THEN 'tablespace' END),
		pg_catalog.format('ALTER TABLE %I.%I ', schema, relname) || pg_catalog.concat_ws(', ',
			CASE WHEN relpersistence = 'u' THEN 'SET LOGGED' END, CASE WHEN relreplident <> 'd' THEN 'REPLICA IDENTITY DEFAULT' END,
			CASE WHEN reltablespace <> 0 THEN 'SET TABLESPACE pg_default' END,
			'RESET (' || (SELECT pg_catalog.string_agg(pg_catalog.split_part(o, '=', 1), ', ') FROM pg_catalog.unnest(reloptions) o) || ')')
	FROM relations
	WHERE relkind IN ('r', 'p') AND (relpersistence <> 'p' OR relreplident <> 'd' OR reloptions IS NOT NULL OR reltablespace <> 0)
	UNION ALL
	SELECT 'inheritance', r.schema || '.' || r.relname, i.inhparent::pg_catalog.regclass::text,
		pg_catalog.format('ALTER TABLE %I.%I NO INHERIT %s', r.schema, r.relname, i.inhparent::pg_catalog.regclass)
	FROM relations r JOIN pg_catalog.pg_inherits i ON i.inhrelid = r.oid
	WHERE r.relkind = 'r' AND NOT r.relispartition
	UNION ALL
	SELECT 'rule', r.schema || '.' || r.relname || '.' || w.rulename, pg_catalog.pg_get_ruledef(w.oid),
		pg_catalog.format('DROP RULE %I ON %I.%I', w.rulename, r.schema, r.relname)
	FROM pg_catalog.pg_rewrite w JOIN relations r ON r.oid = w.ev_class
	WHERE w.rulename <> '_RETURN'
	UNION ALL
	SELECT 'aggregate', schema || '.' || proname || '(' || types || ')', '', pg_catalog.format('DROP AGGREGATE %I.%I(%s)', schema, proname, types)
	FROM functions WHERE prokind NOT IN ('f', 'p')
	UNION ALL
	SELECT CASE t.typtype WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range type' ELSE 'composite type' END, s.schema || '.' || t.typname,
		coalesce((
			SELECT pg_catalog.string_agg(pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
			FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
		), '') || CASE WHEN t.typtype = 'd' THEN pg_catalog.concat_ws(' ', pg_catalog.format_type(t.typbasetype, t.typtypmod), t.typdefault, t.typnotnull::text, (
			SELECT pg_catalog.string_agg(pg_catalog.pg_get_constraintdef(c.oid), ', ' ORDER BY c.conname)
			FROM pg_catalog.pg_constraint c WHERE c.contypid = t.oid
		)) ELSE '' END,
		pg_catalog.format('DROP %s %I.%I', CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, s.schema, t.typname)
	FROM pg_catalog.pg_type t JOIN spaces s ON s.oid = t.typnamespace LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
	WHERE (t.typtype IN ('d', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
	AND NOT EXISTS (
		SELECT FROM pg_catalog.pg_depend d
		WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e'
	)
	UNION ALL
	SELECT 'statistics', s.schema || '.' || x.stxname, pg_catalog.pg_get_statisticsobjdef(x.oid),
		pg_catalog.format('DROP STATISTICS %I.%I', s.schema, x.stxname)
	FROM pg_catalog.pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace
	UNION ALL
	SELECT 'extension', e.extname, n.nspname, pg_catalog.format('DROP EXTENSION %I', e.extname)
	FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname <> 'plpgsql'
	UNION ALL
	SELECT 'event trigger', evtname, pg_catalog.concat_ws(' ', evtevent, evtfoid::pg_catalog.regproc, evtenabled), pg_catalog.format('DROP EVENT TRIGGER %I', evtname) FROM pg_catalog.pg_event_trigger
	UNION ALL
	SELECT 'publication', pubname, pg_catalog.concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate),
		pg_catalog.format('DROP PUBLICATION %I', pubname) FROM pg_catalog.pg_publication
	UNION ALL
	-- What enforces a foreign key, switched off.
	SELECT 'disabled key', r.schema || '.' || r.relname || '.' || k.conname, pg_catalog.string_agg(t.tgname, ' ' ORDER BY t.tgname),
		pg_catalog.format('ALTER TABLE %I.%I %s', r.schema, r.relname, pg_catalog.string_agg(pg_catalog.format('ENABLE TRIGGER %I', t.tgname), ', ' ORDER BY t.tgname))
	FROM pg_catalog.pg_trigger t JOIN relations r ON r.oid = t.tgrelid JOIN pg_catalog.pg_constraint k ON k.oid = t.tgconstraint
	WHERE t.tgisinternal AND t.tgparentid = 0 AND t.tgenabled IN ('D', 'R')
	GROUP BY r.schema, r.relname, k.conname
	UNION ALL
	SELECT i.type, i.identity, '', pg_catalog.format('DROP %s %s', pg_catalog.upper(i.type), i.identity)
	FROM (
		SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass AS class, oid FROM pg_catalog.pg_collation
		UNION ALL SELECT 'pg_catalog.pg_operator', oid FROM pg_catalog.pg_operator
		UNION ALL SELECT 'pg_catalog.pg_opclass', oid FROM pg_catalog.pg_opclass
		UNION ALL SELECT 'pg_catalog.pg_cast', oid FROM pg_catalog.pg_cast
		UNION ALL SELECT 'pg_catalog.pg_ts_config', oid FROM pg_catalog.pg_ts_config
		UNION ALL SELECT 'pg_catalog.pg_ts_dict', oid FROM pg_catalog.pg_ts_dict
		UNION ALL SELECT 'pg_catalog.pg_foreign_server', oid FROM pg_catalog.pg_foreign_server
		UNION ALL SELECT 'pg_catalog.pg_language', oid FROM pg_catalog.pg_language
	) o, pg_catalog.pg_identify_object(o.class, o.oid, 0) i
	WHERE o.oid >= 16384 -- FirstNormalObjectId: what initdb did not make
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
) others
ORDER BY 1, 2`

// detailsQuery returns the complete definitions of columns, constraints and indexes, without those that a partition
// inherits from its parent. Of the options of a column it includes only those that ALTER TABLE can set (SET
// attribute_option): servers from 15.20 on also store a pg_attver, which differs between databases.
const detailsQuery = scope + `
SELECT '` + string(KindColumn) + `' AS kind, r.schema, r.relname::text, a.attname::text, pg_catalog.concat_ws(' ',
	pg_catalog.format_type(a.atttypid, a.atttypmod),
	CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::pg_catalog.regcollation::text END,
	CASE WHEN a.attnotnull THEN 'NOT NULL' END,
	CASE a.attgenerated WHEN '' THEN 'DEFAULT ' WHEN 'v' THEN 'VIRTUAL ' ELSE 'GENERATED ' END || pg_catalog.pg_get_expr(d.adbin, d.adrelid),
	CASE a.attidentity WHEN 'a' THEN 'ALWAYS AS IDENTITY' WHEN 'd' THEN 'BY DEFAULT AS IDENTITY' END,
	CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || a.attstorage::text END,
	CASE WHEN a.attcompression <> '' THEN 'COMPRESSION ' || a.attcompression::text END,
	(SELECT pg_catalog.array_agg(o ORDER BY o) FROM pg_catalog.unnest(a.attoptions) o
		WHERE pg_catalog.split_part(o, '=', 1) IN ('n_distinct', 'n_distinct_inherited'))::text)
FROM pg_catalog.pg_attribute a
JOIN relations r ON r.oid = a.attrelid
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p') AND NOT r.relispartition AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT '` + string(KindConstraint) + `', r.schema, r.relname, c.conname, pg_catalog.pg_get_constraintdef(c.oid)
FROM pg_catalog.pg_constraint c JOIN relations r ON r.oid = c.conrelid
WHERE c.contype IN ('c', 'f', 'p', 'u', 'x') AND c.conparentid = 0 AND c.conislocal
UNION ALL
SELECT '` + string(KindIndex) + `', r.schema, r.relname, '',
	pg_catalog.pg_get_indexdef(r.oid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
FROM pg_catalog.pg_index i JOIN relations r ON r.oid = i.indexrelid JOIN relations o ON o.oid = i.indrelid
WHERE NOT r.relispartition
UNION ALL
SELECT '` + string(KindTable) + `', schema, relname, '',
	pg_catalog.concat_ws(' ', CASE relkind WHEN 'p' THEN 'PARTITION BY ' || pg_catalog.pg_get_partkeydef(oid) ELSE 'TABLE' END)
FROM relations WHERE relkind IN ('r', 'p') AND NOT relispartition
ORDER BY 1, 2, 3, 4`

// dependenciesQuery returns pairs of named objects, the first of which depends on the second. A row
// type counts as its table, a default or generation expression as its column, and the rule of a
// view as the view.
const dependenciesQuery = scope + `, named AS MATERIALIZED (
	SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS class, oid, 0 AS part,
		CASE relkind WHEN 'v' THEN '` + string(KindView) + `' WHEN 'm' THEN '` + string(KindView) + `' WHEN 'S' THEN '` + string(KindSequence) + `'
			WHEN 'i' THEN '` + string(KindIndex) + `' WHEN 'I' THEN '` + string(KindIndex) + `' ELSE '` + string(KindTable) + `' END AS kind,
		schema::text, relname::text AS name, '' AS sub
	FROM relations
	UNION ALL
	SELECT 'pg_catalog.pg_class', r.oid, a.attnum, '` + string(KindColumn) + `', r.schema, r.relname, a.attname
	FROM pg_catalog.pg_attribute a JOIN relations r ON r.oid = a.attrelid
	WHERE r.relkind NOT IN ('i', 'I', 'S') AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL
	SELECT 'pg_catalog.pg_attrdef', d.oid, 0, '` + string(KindColumn) + `', r.schema, r.relname, a.attname
	FROM pg_catalog.pg_attrdef d JOIN relations r ON r.oid = d.adrelid
	JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
	UNION ALL
	SELECT 'pg_catalog.pg_type', t.oid, 0, '` + string(KindTable) + `', r.schema, r.relname, ''
	FROM pg_catalog.pg_type t JOIN relations r ON r.reltype <> 0 AND r.reltype IN (t.oid, t.typelem)
	UNION ALL
	SELECT 'pg_catalog.pg_rewrite', w.oid, 0, '` + string(KindView) + `', r.schema, r.relname, ''
	FROM pg_catalog.pg_rewrite w JOIN relations r ON r.oid = w.ev_class
	WHERE r.relkind IN ('v', 'm')
	UNION ALL
	SELECT 'pg_catalog.pg_proc', oid, 0, '` + string(KindFunction) + `', schema, proname, types
	FROM functions
	UNION ALL
	SELECT 'pg_catalog.pg_policy', p.oid, 0, '` + string(KindPolicy) + `', r.schema, r.relname, p.polname
	FROM pg_catalog.pg_policy p JOIN relations r ON r.oid = p.polrelid
	UNION ALL
	SELECT 'pg_catalog.pg_trigger', t.oid, 0, '` + string(KindTrigger) + `', r.schema, r.relname, t.tgname
	FROM pg_catalog.pg_trigger t JOIN relations r ON r.oid = t.tgrelid
	WHERE NOT t.tgisinternal AND t.tgparentid = 0
	UNION ALL
	SELECT 'pg_catalog.pg_constraint', c.oid, 0, '` + string(KindConstraint) + `', r.schema, r.relname, c.conname
	FROM pg_catalog.pg_constraint c JOIN relations r ON r.oid = c.conrelid
)
SELECT DISTINCT a.kind, a.schema, a.name, a.sub, b.kind, b.schema, b.name, b.sub
FROM pg_catalog.pg_depend d
JOIN named a ON a.class = d.classid AND a.oid = d.objid AND a.part = d.objsubid
JOIN named b ON b.class = d.refclassid AND b.oid = d.refobjid AND b.part = d.refobjsubid
WHERE d.deptype IN ('n', 'a') AND (a.kind, a.schema, a.name, a.sub) <> (b.kind, b.schema, b.name, b.sub)
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8`
