-- The first day of the period that the day falls into: the day itself, the
-- Monday of its week (ISO 8601), or the first of its month.
CREATE FUNCTION app.period_start(cadence text, day date) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE cadence
        WHEN 'daily' THEN day
        WHEN 'weekly' THEN date_trunc('week', day::timestamp)::date
        ELSE date_trunc('month', day::timestamp)::date
    END
$$;

-- The first day of the next period.
CREATE FUNCTION app.next_period(cadence text, start date) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (start + CASE cadence WHEN 'daily' THEN interval '1 day' WHEN 'weekly' THEN interval '7 days' ELSE interval '1 month' END)::date
$$;

-- Returns the streak on a day. A streak ends when a whole period passes in which the target is not
-- reached. The period of the day itself is not over yet.
CREATE FUNCTION app.current_streak(cadence text, streak bigint, last_period date, day date DEFAULT app.today()) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN last_period IS NOT NULL
        AND app.period_start(cadence, day) <= app.next_period(cadence, last_period)
    THEN streak ELSE 0 END
$$;

-- The streaks that the check-ins of a habit give: the latest and the longest
-- run of periods that each reached the target, and where the latest one ends.
CREATE FUNCTION app.streaks(owner uuid, habit uuid, cadence text, target bigint,
    OUT latest bigint, OUT best bigint, OUT last_period date, OUT last_day date)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH days AS (
        SELECT c.checked_in_on AS day FROM app.habit_check_ins c WHERE c.created_by = owner AND c.habit_id = habit
    ), reached AS (
        SELECT app.period_start(cadence, day) AS start FROM days GROUP BY 1 HAVING count(*) >= target
    ), runs AS (
        SELECT start, sum(broken) OVER (ORDER BY start) AS run
        FROM (
            SELECT start, CASE WHEN start = app.next_period(cadence, lag(start) OVER (ORDER BY start)) THEN 0 ELSE 1 END AS broken
            FROM reached
        ) AS marked
    ), lengths AS (
        SELECT run, count(*) AS length, max(start) AS last FROM runs GROUP BY run
    )
    SELECT coalesce((SELECT length FROM lengths ORDER BY run DESC LIMIT 1), 0),
        coalesce((SELECT max(length) FROM lengths), 0),
        (SELECT max(last) FROM lengths),
        (SELECT max(day) FROM days)
$$;

-- Refuses a check-in of a day that has not started in the time zone of the identity. The function
-- locks the habit before the foreign key does, whose KEY SHARE app.derive_streak() would have to
-- raise while a deletion of the habit waits for it.
CREATE FUNCTION app.check_in_day() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.checked_in_on := coalesce(NEW.checked_in_on, app.today());
    IF NEW.checked_in_on > app.today() THEN
        RAISE EXCEPTION 'the date of a check-in must not be in the future'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/checked_in_on", "code": "in_the_future"}';
    END IF;
    PERFORM FROM public.personal_habits h WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id FOR NO KEY UPDATE;
    RETURN NEW;
END
$$;

-- Derives the habit's streaks after a check-in. The habit's row is locked first, so that the
-- later of two concurrent check-ins counts both. The lock is FOR NO KEY UPDATE, because the
-- foreign key of the check-in holds KEY SHARE on the row: FOR UPDATE conflicts with the KEY
-- SHARE of every other check-in, and two concurrent check-ins would deadlock.
CREATE FUNCTION app.derive_streak() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    habit record;
    s record;
BEGIN
    SELECT h.cadence, h.target_per_period INTO habit FROM public.personal_habits h
    WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id FOR NO KEY UPDATE;
    s := app.streaks(NEW.created_by, NEW.habit_id, habit.cadence, habit.target_per_period);
    UPDATE public.personal_habits h
    SET current_streak = s.latest, best_streak = s.best, last_completed_period = s.last_period, last_checked_in_on = s.last_day
    WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id;
    RETURN NULL;
END
$$;
ALTER FUNCTION app.derive_streak() OWNER TO chenu_derive;
REVOKE EXECUTE ON FUNCTION app.derive_streak() FROM PUBLIC;

-- Derives the streaks again when the cadence or the target of the habit changes.
CREATE FUNCTION app.rederive_streak() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s record;
BEGIN
    IF NEW.cadence <> OLD.cadence OR NEW.target_per_period <> OLD.target_per_period THEN
        s := app.streaks(NEW.created_by, NEW.id, NEW.cadence, NEW.target_per_period);
        NEW.current_streak := s.latest;
        NEW.best_streak := s.best;
        NEW.last_completed_period := s.last_period;
    END IF;
    RETURN NEW;
END
$$;
ALTER FUNCTION app.rederive_streak() OWNER TO chenu_derive;
REVOKE EXECUTE ON FUNCTION app.rederive_streak() FROM PUBLIC;
