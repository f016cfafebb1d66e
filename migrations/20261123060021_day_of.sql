-- day of
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   PUBLIC loses EXECUTE on function app.current_streak(text, bigint, date)
--   PUBLIC gains EXECUTE on function app.current_streak(text, bigint, date, date)
--   PUBLIC gains EXECUTE on function app.day_of(timestamp with time zone)

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.current_streak(text, bigint, date);

-- A check of the body would trip over row security, which is off while migrating.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.day_of(moment timestamptz) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (moment AT TIME ZONE coalesce((
        SELECT i.settings ->> 'time_zone' FROM public.identities i
        WHERE i.id = nullif(current_setting('app.identity_id', true), '')::uuid
    ), 'UTC'))::date
$$;

-- Existing rows keep what the old body made of them in column app.habit_check_ins.checked_in_on.
CREATE OR REPLACE FUNCTION app.today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.day_of(clock_timestamp())
$$;

CREATE FUNCTION app.current_streak(cadence text, streak bigint, last_period date, day date DEFAULT app.today()) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN last_period IS NOT NULL
        AND app.period_start(cadence, day) <= app.next_period(cadence, last_period)
    THEN streak ELSE 0 END
$$;
