-- deletions wait for each other
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   review: function app.erase_identity()
--       the body changed; it runs with the privileges of chenu_erase
--   new: chenu_agent, EXECUTE on function app.lock_deletions()
--       runs with the privileges of chenu_gate
--   new: chenu_erase, EXECUTE on function app.lock_deletions()
--       runs with the privileges of chenu_gate
--   new: chenu_human, EXECUTE on function app.lock_deletions()
--       runs with the privileges of chenu_gate

CREATE OR REPLACE FUNCTION app.erase_identity() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    used uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human can erase an identity' USING ERRCODE = 'CH403';
    END IF;
    PERFORM app.lock_deletions(); -- first: who holds this lock may wait for the identity
    PERFORM FROM public.identities i WHERE i.id = caller AND i.status <> 'erased' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such identity' USING ERRCODE = 'CH401';
    END IF;
    used := app.use_checkpoint(jsonb_build_object(
        'identity', caller, 'type', 'identity', 'sphere', NULL, 'resource_type', 'identity', 'table', 'identities',
        'operation', 'ERASE', 'id', caller, 'version', NULL, 'values', '{}'::jsonb, 'references', '{}'::jsonb));
    PERFORM set_config('app.approved_write', concat_ws(' ', used, 'identity', caller), true);
    PERFORM app.erase_rows(caller);
END
$$;

CREATE FUNCTION app.lock_deletions() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu deletions ' || current_setting('app.identity_id', true), 0));
END
$$;

-- The new owner needs CREATE on the schema while the owner changes.
GRANT CREATE ON SCHEMA app TO chenu_gate;

ALTER FUNCTION app.lock_deletions() OWNER TO chenu_gate;

REVOKE CREATE ON SCHEMA app FROM chenu_gate;

REVOKE EXECUTE ON FUNCTION app.lock_deletions() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.lock_deletions() TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.lock_deletions() TO chenu_erase;

GRANT EXECUTE ON FUNCTION app.lock_deletions() TO chenu_human;
