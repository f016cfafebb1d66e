package policies

// OpenFunctions lists the functions of pg_catalog that PUBLIC or a serving role may execute and that the serving roles
// do not need: oid, and the roles that do need the function as an SQL list, or NULL. With these functions, the SQL of
// one identity could store data for another identity to read (large objects), hold locks that others wait for, end
// other sessions of the same login or see what they do, run SQL from a text, or write to the log of changes. NOTIFY has
// no privilege, so it stays possible.
//
// The list contains names rather than signatures because signatures differ between versions. A service checks it at each
// start, and LIKE takes an eighth of the time of a regular expression.
const OpenFunctions = `
SELECT p.oid, p.proname,
       CASE WHEN p.proname = 'pg_try_advisory_xact_lock' THEN 'chenu_owner, chenu_gate'
            WHEN p.proname = 'pg_advisory_xact_lock' THEN 'chenu_owner, chenu_login, chenu_gate, chenu_threads'
            WHEN p.proname ~ 'advisory' THEN 'chenu_owner'
            WHEN p.proname ~ '^(pg_stat_get_activity|pg_lock_status|pg_stat_get_backend_.*)$' THEN 'chenu_owner, chenu_auditor, pg_monitor'
            WHEN p.proname ~ 'backend$' THEN 'chenu_owner, pg_signal_backend' END AS grantees
  FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
   AND p.proname LIKE ANY (ARRAY['lo\_%', 'loread', 'lowrite', 'pg\_advisory\_%', 'pg\_try\_advisory\_%', 'pg\_cancel\_backend', 'pg\_terminate\_backend',
       'pg\_notify', 'pg\_logical\_emit\_message', 'query\_to\_xml%', 'cursor\_to\_xml%', 'ts\_stat', 'ts\_rewrite',
       'pg\_stat\_get\_activity', 'pg\_stat\_get\_backend\_%', 'pg\_lock\_status'])
   AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
       WHERE a.grantee = 0 OR a.grantee IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname IN ('chenu_human', 'chenu_agent')))`
