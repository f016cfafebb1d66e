-- Sets the salt of a new row and the digest of its content, the columns that the trigger names. A
-- row whose content is longer than 8 MiB is refused: the largest row that the other tables admit,
-- before and after a change, is smaller. The digest stays when the content is erased, so proofs
-- remain valid. Because of the salt nobody can guess erased content.
CREATE FUNCTION app.seal_content() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    content text := app.digested_text(to_jsonb(NEW), TG_ARGV);
BEGIN
    IF octet_length(content) > 8388608 THEN
        RAISE EXCEPTION 'the content of a row of % is larger than 8 MiB', TG_TABLE_NAME USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "too_long"}';
    END IF;
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := sha256(NEW.content_salt || convert_to(content, 'UTF8'));
    RETURN NEW;
END
$$;

-- Returns the named fields of the row as jsonb text, whose key order Postgres fixes (manual, section
-- 8.14).
CREATE FUNCTION app.digested_text(content jsonb, fields text[]) RETURNS text
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
    RETURN digested::text;
END
$$;

-- Returns the SHA-256 digest of the salt and the named fields of the row.
CREATE FUNCTION app.content_digest(salt bytea, content jsonb, fields text[]) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN sha256(salt || convert_to(app.digested_text(content, fields), 'UTF8'));
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
