-- Parts of rows that are stored as jsonb arrays of objects. Each function reports whether the value
-- is such an array of complete objects, with at most a certain number of them.

-- Reports whether the value is an array of at most `most` objects that have all required fields and
-- no fields other than these and the optional fields. The values of the fields in `numbers` are
-- numbers, all others strings.
CREATE FUNCTION app.objects_valid(parts jsonb, most integer, required text[], optional text[] DEFAULT '{}', numbers text[] DEFAULT '{}') RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(parts) = 'array' THEN
        jsonb_array_length(parts) <= most
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(parts) AS part
            WHERE CASE WHEN jsonb_typeof(part) = 'object' THEN
                NOT part ?& required OR part - required - optional <> '{}'
                OR EXISTS (
                    SELECT FROM jsonb_each(part) AS field
                    WHERE jsonb_typeof(field.value) <> CASE WHEN field.key = ANY (numbers) THEN 'number' ELSE 'string' END
                )
            ELSE true END
        )
    ELSE false END
$$;

CREATE FUNCTION app.playlist_items_valid(items jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(items, 1000, '{content_id,title,added_at}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(items) AS i
        WHERE char_length(i ->> 'content_id') NOT BETWEEN 1 AND 255 OR char_length(i ->> 'title') NOT BETWEEN 1 AND 300
            OR i ->> 'added_at' !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$')
$$;

CREATE FUNCTION app.media_valid(media jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(media, 10, '{uri,media_type}', '{description}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(media) AS m
        WHERE char_length(m ->> 'uri') NOT BETWEEN 1 AND 2048 OR char_length(m ->> 'media_type') NOT BETWEEN 3 AND 127
            OR char_length(m ->> 'description') NOT BETWEEN 1 AND 2000)
$$;

CREATE FUNCTION app.evidence_valid(evidence jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(evidence, 100, '{uri,sha256}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(evidence) AS e
        WHERE char_length(e ->> 'uri') NOT BETWEEN 1 AND 2048 OR e ->> 'sha256' !~ '^[0-9a-f]{64}$')
$$;

-- Reports whether the sections are valid: they also have ids and positions, and no two sections
-- share an id or a position.
CREATE FUNCTION app.sections_valid(sections jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(sections, 200, '{id,heading,body,position}', numbers => '{position}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(sections) AS s
        WHERE char_length(s ->> 'id') NOT BETWEEN 1 AND 64 OR char_length(s ->> 'heading') NOT BETWEEN 1 AND 300
            OR char_length(s ->> 'body') > 200000 OR s ->> 'position' !~ '^([1-9][0-9]{0,3}|10000)$'
    ) AND (
        SELECT count(*) = count(DISTINCT s ->> 'id') AND count(*) = count(DISTINCT s -> 'position')
        FROM jsonb_array_elements(sections) AS s)
$$;

-- Returns the number of words in all headings and bodies. A word is a run of characters other than
-- white space.
CREATE FUNCTION app.word_count(sections jsonb) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(
        regexp_count(coalesce(s ->> 'heading', ''), '\S+') + regexp_count(coalesce(s ->> 'body', ''), '\S+')), 0)::bigint
    FROM jsonb_array_elements(CASE WHEN jsonb_typeof(sections) = 'array' THEN sections ELSE '[]' END) AS s
$$;
