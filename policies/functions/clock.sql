-- Reports whether the text is an IANA name of a time zone that this server knows: an area with a
-- place, or UTC. Postgres also accepts abbreviations and POSIX forms; this function does not. The
-- result changes only with the time zone data.
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

-- Returns the day of the time in the time zone of the identity of the session, or in UTC if the
-- identity has no time zone. Days can have 23 or 25 hours.
CREATE FUNCTION app.day_of(moment timestamptz) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (moment AT TIME ZONE coalesce((
        SELECT i.settings ->> 'time_zone' FROM public.identities i
        WHERE i.id = nullif(current_setting('app.identity_id', true), '')::uuid
    ), 'UTC'))::date
$$;

-- Returns the current day in the time zone of the identity.
CREATE FUNCTION app.today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.day_of(clock_timestamp())
$$;
