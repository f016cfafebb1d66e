-- Advances the signing keys whose time has come: next → active → retiring → deleted. Tokens stay valid:
--   A key is published as next for ten minutes before it signs. Other services cache the key set
--   for five minutes; instances read it every minute.
--   A retiring key verifies for another hour. A token is valid for ten minutes, and an instance that
--   has not read the keys again may sign with the key for a little longer.
-- The given key becomes the next key if the active key is older than max_age and there is no next key.
-- The lock makes instances wait for each other, so that only one instance does each step.
CREATE FUNCTION app.advance_signing_keys(id uuid, public_key bytea, private_key bytea, max_age interval)
    RETURNS TABLE (made boolean, promoted boolean, removed integer, next_id uuid, next_signs_at timestamptz)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    published CONSTANT interval := interval '10 minutes';
    verifies CONSTANT interval := interval '1 hour';
    moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu signing keys', 0));
    moment := clock_timestamp();
    DELETE FROM app.signing_keys k WHERE k.status = 'retiring' AND k.retired_at <= moment - verifies;
    GET DIAGNOSTICS removed = ROW_COUNT;

    promoted := EXISTS (SELECT FROM app.signing_keys k WHERE k.status = 'next' AND k.created_at <= moment - published);
    IF promoted THEN
        UPDATE app.signing_keys k SET status = 'retiring', retired_at = moment WHERE k.status = 'active';
        UPDATE app.signing_keys k SET status = 'active', activated_at = moment WHERE k.status = 'next';
    END IF;

    made := NOT EXISTS (SELECT FROM app.signing_keys k WHERE k.status = 'next')
        AND EXISTS (SELECT FROM app.signing_keys k WHERE k.status = 'active'
            AND coalesce(k.activated_at, k.created_at) <= moment - advance_signing_keys.max_age);
    IF made THEN
        INSERT INTO app.signing_keys (id, public_key, private_key, status)
        VALUES (advance_signing_keys.id, advance_signing_keys.public_key, advance_signing_keys.private_key, 'next');
    END IF;
    SELECT k.id, k.created_at + published INTO next_id, next_signs_at FROM app.signing_keys k WHERE k.status = 'next';
    RETURN NEXT;
END
$$;
ALTER FUNCTION app.advance_signing_keys(uuid, bytea, bytea, interval) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.advance_signing_keys(uuid, bytea, bytea, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.advance_signing_keys(uuid, bytea, bytea, interval) TO chenu_human;

-- Stores the signing keys encrypted under another secret of the service: all of them in one
-- transaction, or none when the keys are not those that the caller read. For the operator: the
-- service's own login must not be able to make all signing keys unreadable.
CREATE FUNCTION app.reseal_signing_keys(ids uuid[], private_keys bytea[]) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    resealed integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu signing keys', 0));
    UPDATE app.signing_keys k SET private_key = n.private_key
      FROM unnest(reseal_signing_keys.ids, reseal_signing_keys.private_keys) AS n(id, private_key) WHERE k.id = n.id;
    GET DIAGNOSTICS resealed = ROW_COUNT;
    IF resealed <> (SELECT count(*) FROM app.signing_keys) OR resealed <> cardinality(ids) THEN
        RAISE EXCEPTION 'the signing keys changed after they were read' USING ERRCODE = 'CH409';
    END IF;
    RETURN resealed;
END
$$;
ALTER FUNCTION app.reseal_signing_keys(uuid[], bytea[]) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.reseal_signing_keys(uuid[], bytea[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.reseal_signing_keys(uuid[], bytea[]) TO chenu_owner;
