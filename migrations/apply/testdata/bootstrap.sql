-- Creates the roles, logins and database of chenu. Run it with psql 14 or later, on a server of version 15 or later, as a
-- superuser or as a role with CREATEROLE and CREATEDB, connected to any database:
--
--     psql -X -d postgres -f bootstrap.sql
--
-- It can run again at any time, and then creates only what is missing. It creates four logins:
--
--   chenu_service         serves people's requests, as chenu_human (CHENU_DATABASE_URL)
--   chenu_service_agent   serves agents' requests, as chenu_agent (CHENU_AGENT_DATABASE_URL)
--   chenu_migrate         applies migrations, as chenu_owner (CHENU_MIGRATE_DATABASE_URL)
--   chenu_verify          reads all rows, for verification and backups (CHENU_AUDIT_DATABASE_URL)
--
-- Their passwords are read from these environment variables. A login that is created without one has no password: it
-- cannot log in with a password until one is set. Prefer \password of psql: it keeps the password out of the log of the server.

\set ON_ERROR_STOP on
\getenv service_password CHENU_BOOTSTRAP_SERVICE_PASSWORD
\if :{?service_password} \else \set service_password '' \endif
\getenv agent_password CHENU_BOOTSTRAP_AGENT_PASSWORD
\if :{?agent_password} \else \set agent_password '' \endif
\getenv migrate_password CHENU_BOOTSTRAP_MIGRATE_PASSWORD
\if :{?migrate_password} \else \set migrate_password '' \endif
\getenv audit_password CHENU_BOOTSTRAP_AUDIT_PASSWORD
\if :{?audit_password} \else \set audit_password '' \endif

SET client_min_messages = warning;
BEGIN;

-- (policies/roles.sql)

DO $$
DECLARE
    other text := (SELECT string_agg(rolname, ', ') FROM pg_catalog.pg_roles WHERE rolname IN ('chenu_service', 'chenu_service_agent', 'chenu_migrate', 'chenu_verify') AND NOT rolcanlogin);
BEGIN
    IF other IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use',
            MESSAGE = 'there is a role already that nobody may log in as: ' || other,
            HINT = 'choose another name for the login';
    END IF;
END
$$;

DO $$
DECLARE
    other text := (SELECT pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = 'chenu');
BEGIN
    IF other <> 'chenu_owner' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use',
            MESSAGE = 'there is a database chenu already, and it belongs to ' || other,
            HINT = 'choose another name, or if this one is meant: ALTER DATABASE chenu OWNER TO chenu_owner';
    END IF;
END
$$;

-- chenu_service: serves people's requests, as chenu_human.
SELECT format('CREATE ROLE %I LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L', 'chenu_service', nullif(:'service_password', ''))
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'chenu_service') \gexec
SELECT format('ALTER ROLE %I NOINHERIT', rolname)
FROM pg_catalog.pg_roles WHERE rolname = 'chenu_service' AND rolinherit <> false \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', rolname)
FROM pg_catalog.pg_roles WHERE rolname = 'chenu_service' AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) \gexec
SELECT format('GRANT %I TO %I%s', 'chenu_human', 'chenu_service',
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
    JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
    WHERE r.rolname = 'chenu_human' AND u.rolname = 'chenu_service'
      AND coalesce((to_jsonb(m)->>'inherit_option')::boolean, false) = false AND coalesce((to_jsonb(m)->>'set_option')::boolean, true)) \gexec
SELECT format('REVOKE %I FROM %I%s', r.rolname, u.rolname,
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN format(' GRANTED BY %I', g.rolname) ELSE '' END)
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
    LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantor
WHERE r.rolname = 'chenu_app' AND u.rolname = 'chenu_service' \gexec
SELECT format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', rolname, '30s')
FROM pg_catalog.pg_roles u WHERE rolname = 'chenu_service'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c WHERE s.setrole = u.oid AND starts_with(c, 'idle_in_transaction_session_timeout=')) \gexec
SELECT format('ALTER ROLE %I SET statement_timeout = %L', rolname, '60s')
FROM pg_catalog.pg_roles u WHERE rolname = 'chenu_service'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c WHERE s.setrole = u.oid AND starts_with(c, 'statement_timeout=')) \gexec

-- chenu_service_agent: serves agents' requests, as chenu_agent.
SELECT format('CREATE ROLE %I LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L', 'chenu_service_agent', nullif(:'agent_password', ''))
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'chenu_service_agent') \gexec
SELECT format('ALTER ROLE %I NOINHERIT', rolname)
FROM pg_catalog.pg_roles WHERE rolname = 'chenu_service_agent' AND rolinherit <> false \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', rolname)
FROM pg_catalog.pg_roles WHERE rolname = 'chenu_service_agent' AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) \gexec
SELECT format('GRANT %I TO %I%s', 'chenu_agent', 'chenu_service_agent',
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
    JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
    WHERE r.rolname = 'chenu_agent' AND u.rolname = 'chenu_service_agent'
      AND coalesce((to_jsonb(m)->>'inherit_option')::boolean, false) = false AND coalesce((to_jsonb(m)->>'set_option')::boolean, true)) \gexec
SELECT format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', rolname, '30s')
FROM pg_catalog.pg_roles u WHERE rolname = 'chenu_service_agent'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c WHERE s.setrole = u.oid AND starts_with(c, 'idle_in_transaction_session_timeout=')) \gexec
SELECT format('ALTER ROLE %I SET statement_timeout = %L', rolname, '60s')
FROM pg_catalog.pg_roles u WHERE rolname = 'chenu_service_agent'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c WHERE s.setrole = u.oid AND starts_with(c, 'statement_timeout=')) \gexec
SELECT format('ALTER ROLE %I SET transaction_timeout = %L', rolname, '2min')
FROM pg_catalog.pg_roles u WHERE rolname = 'chenu_service_agent' AND current_setting('server_version_num')::int >= 170000
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c WHERE s.setrole = u.oid AND starts_with(c, 'transaction_timeout=')) \gexec

-- chenu_migrate: applies migrations, as chenu_owner.
SELECT format('CREATE ROLE %I LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L', 'chenu_migrate', nullif(:'migrate_password', ''))
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'chenu_migrate') \gexec
SELECT format('ALTER ROLE %I NOINHERIT', rolname)
FROM pg_catalog.pg_roles WHERE rolname = 'chenu_migrate' AND rolinherit <> false \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', rolname)
FROM pg_catalog.pg_roles WHERE rolname = 'chenu_migrate' AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) \gexec
SELECT format('GRANT %I TO %I%s', 'chenu_owner', 'chenu_migrate',
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
    JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
    WHERE r.rolname = 'chenu_owner' AND u.rolname = 'chenu_migrate'
      AND coalesce((to_jsonb(m)->>'inherit_option')::boolean, false) = false AND coalesce((to_jsonb(m)->>'set_option')::boolean, true)) \gexec

-- chenu_verify: reads all rows, for verification and backups.
SELECT format('CREATE ROLE %I LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %L', 'chenu_verify', nullif(:'audit_password', ''))
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'chenu_verify') \gexec
SELECT format('ALTER ROLE %I INHERIT', rolname)
FROM pg_catalog.pg_roles WHERE rolname = 'chenu_verify' AND rolinherit <> true \gexec
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', rolname)
FROM pg_catalog.pg_roles WHERE rolname = 'chenu_verify' AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls) \gexec
SELECT format('GRANT %I TO %I%s', 'chenu_auditor', 'chenu_verify',
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
    JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
    WHERE r.rolname = 'chenu_auditor' AND u.rolname = 'chenu_verify'
      AND coalesce((to_jsonb(m)->>'inherit_option')::boolean, true) = true AND coalesce((to_jsonb(m)->>'set_option')::boolean, true)) \gexec

COMMIT;

-- The database, for the logins only: by default, all roles may connect to a new database.
SELECT format('GRANT chenu_owner TO %I', current_user)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'chenu')
  AND NOT pg_has_role(current_user, 'chenu_owner', CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) \gexec
SELECT format('CREATE DATABASE %I OWNER chenu_owner TEMPLATE template0 ENCODING ''UTF8''', 'chenu')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = 'chenu') \gexec
SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', datname)
FROM pg_catalog.pg_database d WHERE datname = 'chenu'
  AND EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee = 0) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', d.datname, u.rolname)
FROM pg_catalog.pg_database d, pg_catalog.pg_roles u WHERE d.datname = 'chenu' AND u.rolname = 'chenu_service'
  AND NOT EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = u.oid AND a.privilege_type = 'CONNECT') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', d.datname, u.rolname)
FROM pg_catalog.pg_database d, pg_catalog.pg_roles u WHERE d.datname = 'chenu' AND u.rolname = 'chenu_service_agent'
  AND NOT EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = u.oid AND a.privilege_type = 'CONNECT') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', d.datname, u.rolname)
FROM pg_catalog.pg_database d, pg_catalog.pg_roles u WHERE d.datname = 'chenu' AND u.rolname = 'chenu_migrate'
  AND NOT EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = u.oid AND a.privilege_type = 'CONNECT') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I', d.datname, u.rolname)
FROM pg_catalog.pg_database d, pg_catalog.pg_roles u WHERE d.datname = 'chenu' AND u.rolname = 'chenu_verify'
  AND NOT EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = u.oid AND a.privilege_type = 'CONNECT') \gexec

-- In the database: PUBLIC does not need these functions of pg_catalog. Only a superuser can revoke EXECUTE; for other roles this changes nothing.
\connect chenu
SELECT statement FROM (
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
       WHERE a.grantee = 0 OR a.grantee IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname IN ('chenu_human', 'chenu_agent')))) f, LATERAL (VALUES
    (1, format('GRANT EXECUTE ON FUNCTION %s TO %s', f.oid::pg_catalog.regprocedure, f.grantees)),
    (2, format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, chenu_human, chenu_agent', f.oid::pg_catalog.regprocedure))) s (place, statement)
WHERE (place = 2 OR f.grantees IS NOT NULL) AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
ORDER BY place \gexec
SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::pg_catalog.regprocedure, u.rolname)
FROM pg_catalog.pg_proc p, pg_catalog.pg_roles u WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
  AND p.proname IN ('pg_stat_get_activity', 'pg_lock_status') AND u.rolname = 'chenu_migrate' AND NOT pg_catalog.has_function_privilege(u.oid, p.oid, 'EXECUTE')
  AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) \gexec
