-- Returns the last migration that was applied to this database. It is written in plpgsql so that
-- the table need not exist when the function is created. The migration that gave the function to
-- chenu_maintain also lets that role read the table.
CREATE FUNCTION app.schema_version() RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT max(version) FROM atlas_schema_revisions.atlas_schema_revisions WHERE applied = total);
EXCEPTION WHEN undefined_table OR invalid_schema_name THEN
    RETURN '';
END
$$;
ALTER FUNCTION app.schema_version() OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.schema_version() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.schema_version() TO chenu_human, chenu_agent;

-- Creates the monthly partitions of the audit trail from this month to `months` months later, each
-- protected like its parent, and returns the number of partitions that it created. It belongs to
-- chenu_owner because only the owner of a table may create partitions of it (manual, CREATE TABLE).
-- It takes no text that could become SQL.
CREATE FUNCTION app.ensure_partitions(months integer DEFAULT 3) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    month timestamptz;
    name text;
    made integer := 0;
BEGIN
    IF months IS NULL OR months NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months must be between 0 and 24' USING ERRCODE = 'CH422';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('app.ensure_partitions'));
    FOR i IN 0..months LOOP
        month := (date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => i)) AT TIME ZONE 'UTC';
        name := 'audit_logs_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
        -- A partition gets its parent's foreign key, which locks identities. A change of an
        -- identity locks identities first and the audit trail second, so this does, too.
        LOCK TABLE public.identities IN SHARE ROW EXCLUSIVE MODE;
        -- Rows of the month that already stand in the default partition keep
        -- it from being made; they are as well kept there.
        BEGIN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.audit_logs FOR VALUES FROM (%L) TO (%L)',
                name, app.uuid_v7_floor(month),
                app.uuid_v7_floor((month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'));
        EXCEPTION WHEN check_violation THEN
            CONTINUE;
        END;
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.%I
            FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()', name);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
REVOKE EXECUTE ON FUNCTION app.ensure_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.ensure_partitions(integer) TO chenu_human;

-- Locks an idempotency key of the caller until the transaction ends; false when another transaction
-- holds it. The lock is named by the caller and the key, so no caller can lock what is not its own.
-- Other functions lock one number of 64 bits; this one locks two of 32 bits, which are other locks
-- (manual, pg_locks.objsubid). No serving role may lock numbers of its choice.
CREATE FUNCTION app.lock_idempotency_key(route text, key text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    digest bit(64);
BEGIN
    IF coalesce(current_setting('app.identity_id', true), '') = '' THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    digest := ('x' || left(encode(sha256(convert_to(concat_ws(chr(10), current_setting('app.identity_id', true), app.actor_kind(),
        current_setting('app.actor_id', true), route, key), 'UTF8')), 'hex'), 16))::bit(64);
    RETURN pg_try_advisory_xact_lock(substring(digest from 1 for 32)::integer, substring(digest from 33 for 32)::integer);
END
$$;
ALTER FUNCTION app.lock_idempotency_key(text, text) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.lock_idempotency_key(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.lock_idempotency_key(text, text) TO chenu_human, chenu_agent;

-- Deletes expired outcomes of POST requests, at most `most` of them, and returns their number. The
-- owner of the function sees only those rows.
CREATE FUNCTION app.expire_idempotency_keys(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    DELETE FROM app.idempotency_keys WHERE (created_by, id) IN (
        SELECT k.created_by, k.id FROM app.idempotency_keys k WHERE k.expires_at < clock_timestamp() LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;
ALTER FUNCTION app.expire_idempotency_keys(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.expire_idempotency_keys(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.expire_idempotency_keys(integer) TO chenu_human;
