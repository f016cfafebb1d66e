-- The cluster's roles and the memberships among them. Idempotent: running it
-- again changes nothing. Run by `chenu bootstrap`, or by a DBA who has the
-- right to create roles; a migration never contains any of it.
--
--   chenu_owner     owns every object; the logins that migrate are its members
--   chenu_app       what the service's login is a member of; reads nothing by itself
--   chenu_human     what the service becomes for a person
--   chenu_agent     what the service becomes for an agent
--   chenu_auditor   reads everything; for verification and backups
--   chenu_audit     owns the function that writes the audit trail
--   chenu_login     owns the functions of logins, sessions, signing keys and rate limits
--   chenu_maintain  owns the functions that tidy up, and the record of each step of a checkpoint
--   chenu_derive    owns the functions that derive streaks and counts
--   chenu_threads   owns the functions that append to threads
--   chenu_erase     owns the functions that erase an identity
--   chenu_gate      owns the functions of human approval

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'chenu_owner', 'chenu_app', 'chenu_human', 'chenu_agent', 'chenu_auditor',
        'chenu_audit', 'chenu_login', 'chenu_maintain', 'chenu_derive', 'chenu_threads', 'chenu_erase',
        'chenu_gate'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name);
        END IF;
    END LOOP;
END
$$;

-- chenu_app may become a human or an agent and has neither's privileges before
-- it does. From PostgreSQL 16 on that is said at the grant, before at the role.
ALTER ROLE chenu_app NOINHERIT;

DO $$
DECLARE
    member text;
    parent text;
    options text := '';
BEGIN
    FOR member, parent IN VALUES
        ('chenu_app', 'chenu_human'), ('chenu_app', 'chenu_agent'),
        ('chenu_owner', 'chenu_audit'), ('chenu_owner', 'chenu_login'),
        ('chenu_owner', 'chenu_maintain'), ('chenu_owner', 'chenu_derive'), ('chenu_owner', 'chenu_threads'),
        ('chenu_owner', 'chenu_erase'), ('chenu_owner', 'chenu_gate')
    LOOP
        IF current_setting('server_version_num')::int >= 160000 THEN
            -- The owner must count as an owner of the definers' functions to
            -- replace them; the service must not count as anyone.
            options := format(' WITH INHERIT %s, SET TRUE', CASE member WHEN 'chenu_owner' THEN 'TRUE' ELSE 'FALSE' END);
        END IF;
        EXECUTE format('GRANT %I TO %I%s', parent, member, options);
    END LOOP;
END
$$;
