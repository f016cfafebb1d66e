-- Whether the array has at most `most` elements, each of 1 to `longest`
-- characters and none of them NULL.
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
