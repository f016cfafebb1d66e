-- Whether it is an IANA name of a time zone that this server knows: an area
-- with a place, or UTC. Abbreviations and POSIX forms, which Postgres takes
-- too, are none. The answer changes only with the time zone data.
CREATE FUNCTION app.time_zone_valid(zone text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF zone !~ '^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$' THEN
        RETURN false;
    END IF;
    PERFORM timestamptz 'epoch' AT TIME ZONE zone;
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;

-- The day that the moment falls into in the time zone of the identity that the
-- session runs as; in UTC where it names none. Days have 23 and 25 hours too.
CREATE FUNCTION app.day_of(moment timestamptz) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (moment AT TIME ZONE coalesce((
        SELECT i.settings ->> 'time_zone' FROM public.identities i
        WHERE i.id = nullif(current_setting('app.identity_id', true), '')::uuid
    ), 'UTC'))::date
$$;

-- The present day where the identity is.
CREATE FUNCTION app.today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.day_of(clock_timestamp())
$$;
