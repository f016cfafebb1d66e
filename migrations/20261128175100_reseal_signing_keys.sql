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
        RAISE EXCEPTION 'the signing keys have changed' USING ERRCODE = 'CH409';
    END IF;
    RETURN resealed;
END
$$;

GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.reseal_signing_keys(uuid[], bytea[]) OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

REVOKE EXECUTE ON FUNCTION app.reseal_signing_keys(uuid[], bytea[]) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.reseal_signing_keys(uuid[], bytea[]) TO chenu_human;

GRANT UPDATE (private_key) ON app.signing_keys TO chenu_login;

-- Readiness asks as an agent, too.
GRANT EXECUTE ON FUNCTION app.schema_version() TO chenu_agent;
