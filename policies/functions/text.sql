-- Reports whether the array has at most `most` elements, each of 1 to `longest` characters and none
-- of them NULL.
CREATE FUNCTION app.texts_valid(texts text[], most integer, longest integer) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item text;
    valid boolean := cardinality(texts) <= most AND coalesce(array_ndims(texts), 1) = 1;
BEGIN
    IF valid IS NOT TRUE THEN
        RETURN valid;
    END IF;
    FOREACH item IN ARRAY texts LOOP
        IF (char_length(item) BETWEEN 1 AND longest) IS NOT TRUE THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;

-- Reports whether the URI has one of the allowed schemes: see policies.URISchemes.
CREATE FUNCTION app.uri_allowed(uri text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT uri ~ '^([Hh][Tt][Tt][Pp][Ss]|[Hh][Tt][Tt][Pp]|[Ff][Tt][Pp]|[Ss][Ff][Tt][Pp]|[Ss]3|[Gg][Ss]|[Ii][Pp][Ff][Ss]|[Uu][Rr][Nn]):[^[:space:][:cntrl:]]+$'
$$;

-- Reports whether every object of the array has an allowed URI in its field uri.
CREATE FUNCTION app.part_uris_allowed(parts jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (
        SELECT FROM jsonb_array_elements(CASE jsonb_typeof(parts) WHEN 'array' THEN parts ELSE '[]' END) AS part
        WHERE app.uri_allowed(part ->> 'uri') IS NOT TRUE)
$$;
