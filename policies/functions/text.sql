-- Whether the array has at most `most` elements, each of 1 to `longest`
-- characters and none of them NULL.
CREATE FUNCTION app.texts_valid(texts text[], most integer, longest integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT cardinality(texts) <= most
        AND coalesce(array_ndims(texts), 1) = 1
        AND NOT EXISTS (SELECT FROM unnest(texts) AS t WHERE t IS NULL OR char_length(t) NOT BETWEEN 1 AND longest)
$$;
