-- Returns the SHA-256 digest of the salt and the named fields of the row as jsonb text, whose key order
-- Postgres fixes (manual, section 8.14). A row has such a digest from the generated functions that seal
-- rows, app.seal_audit_logs() and app.seal_thread_events(). It stays when the content is erased, so
-- proofs remain valid.
CREATE FUNCTION app.content_digest(salt bytea, content jsonb, fields text[]) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field text;
    digested jsonb := '{}';
BEGIN
    FOREACH field IN ARRAY fields LOOP
        IF content ? field THEN
            digested := digested || jsonb_build_object(field, content -> field);
        END IF;
    END LOOP;
    RETURN sha256(salt || convert_to(digested::text, 'UTF8'));
END
$$;

-- Refuses UPDATE and DELETE to everyone. The only exception is the erasure of an identity's
-- content, which sets the named columns and the salt to NULL and changes nothing else. A column
-- named with a value (details={}) is set to that value instead. Rows without digests prove nothing,
-- so they are deleted.
CREATE FUNCTION app.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    erased jsonb;
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = 'chenu_erase' AND TG_NARGS > 0 THEN
        SELECT to_jsonb(OLD) || jsonb_object_agg(split_part(field, '=', 1), nullif(split_part(field, '=', 2), '')::jsonb)
        INTO erased FROM unnest(TG_ARGV || 'content_salt'::text) AS field;
        IF to_jsonb(NEW) = erased THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' AND current_user = 'chenu_erase' AND TG_NARGS = 0 THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'CH403';
END
$$;

-- Refuses TRUNCATE to everyone: no row trigger sees the rows that it removes, so TRUNCATE would
-- write no audit rows. DELETE does.
CREATE FUNCTION app.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'cannot truncate %: TRUNCATE writes no audit rows', TG_TABLE_NAME
        USING ERRCODE = 'CH403', HINT = 'Use DELETE.';
END
$$;
