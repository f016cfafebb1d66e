package policies

// OpenFunctions lists the functions of pg_catalog that PUBLIC or a serving role may execute and that the serving roles
// do not need: oid, and the roles that do need the function as an SQL list, or NULL. With these functions, the SQL of
// one identity could store data for another identity to read (large objects), hold locks that others wait for, end
// other sessions of the same login or see what they do, run SQL from a text, or write to the log of changes. NOTIFY has
// no privilege, so it stays possible.
//
// The list contains names rather than signatures because signatures differ between versions.
const OpenFunctions = `
SELECT p.oid, p.proname,
       CASE WHEN p.proname = 'pg_try_advisory_xact_lock' THEN 'chenu_owner, chenu_gate'
            WHEN p.proname = 'pg_advisory_xact_lock' THEN 'chenu_owner, chenu_login, chenu_gate, chenu_threads'
            WHEN p.proname ~ 'advisory' THEN 'chenu_owner'
            WHEN p.proname ~ '^(pg_stat_get_activity|pg_lock_status|pg_stat_get_backend_.*)$' THEN 'chenu_owner, chenu_auditor, pg_monitor'
            WHEN p.proname ~ 'backend$' THEN 'chenu_owner, pg_signal_backend' END AS grantees
  FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
   AND p.proname ~ '^(lo_.*|loread|lowrite|pg_(try_)?advisory_.*|pg_(cancel|terminate)_backend|pg_notify|pg_logical_emit_message|(query|cursor)_to_xml.*|ts_stat|ts_rewrite|pg_stat_get_activity|pg_stat_get_backend_.*|pg_lock_status)$'
   AND EXISTS (SELECT FROM pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
       WHERE a.grantee = 0 OR a.grantee IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname IN ('chenu_human', 'chenu_agent')))`
