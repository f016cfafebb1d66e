-- Erasure of an identity. Its human requests the erasure and approves it as a checkpoint of the
-- type identity. Then, in one transaction, the rows of the identity are deleted, rows that must be
-- kept lose their content, and the identity loses its name and address. Order, digests and proofs
-- stay valid.

-- Erases the caller's identity, under the approval that app.checkpoint_id names. Whoever of
-- the identity is writing meanwhile holds a share of its row by a foreign key: they are
-- waited for, and whoever comes later is refused by app.refuse_erased().
--
-- This is the only function that takes FOR UPDATE on a row that foreign keys refer to, and
-- it needs the conflict with their KEY SHARE. It can therefore deadlock with a request that
-- has changed a row and not yet recorded the change. Postgres ends one of the two
-- transactions, and the service runs that transaction once more.
CREATE FUNCTION app.erase_identity() RETURNS void
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
ALTER FUNCTION app.erase_identity() OWNER TO chenu_erase;
REVOKE EXECUTE ON FUNCTION app.erase_identity() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.erase_identity() TO chenu_human;

-- Refuses to write for an identity that was erased, also while this transaction was on its
-- way. It takes the lock that the foreign key to the identity takes in any case, and looks at
-- the row as it is then.
CREATE FUNCTION app.refuse_erased() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM public.identities i WHERE i.id = caller AND i.status <> 'erased' FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the identity was erased' USING ERRCODE = 'CH401';
    END IF;
END
$$;
ALTER FUNCTION app.refuse_erased() OWNER TO chenu_erase;
REVOKE EXECUTE ON FUNCTION app.refuse_erased() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.refuse_erased() TO chenu_audit;

-- Reports whether the session may write for its identity: the identity is active, or there is none.
-- An active identity stays active until the end of the transaction, because whoever locks or erases
-- it waits for the lock that this function takes.
CREATE FUNCTION app.identity_stays_active() RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RETURN true;
    END IF;
    PERFORM FROM public.identities i WHERE i.id = caller AND i.status = 'active' FOR KEY SHARE;
    RETURN FOUND;
END
$$;
ALTER FUNCTION app.identity_stays_active() OWNER TO chenu_erase;
REVOKE EXECUTE ON FUNCTION app.identity_stays_active() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.identity_stays_active() TO chenu_audit;
