-- Refuses an ethics approval whose date is in the future in the time zone of the identity. A
-- planned trial that got such a date before this rule may be changed, but its status may not.
CREATE FUNCTION app.refuse_future_approval() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Today differs by a day at most between time zones, so most dates need no look at it.
    IF NEW.ethics_approved_on > (clock_timestamp() AT TIME ZONE 'UTC')::date - 1
        AND (TG_OP = 'INSERT' OR NEW.ethics_approved_on IS DISTINCT FROM OLD.ethics_approved_on OR NEW.status <> OLD.status)
        AND NEW.ethics_approved_on > app.today() THEN
        RAISE EXCEPTION 'the date of an ethics approval must not be in the future' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/ethics_approved_on", "code": "in_the_future", "detail": "The date of the ethics approval must not be in the future."}';
    END IF;
    RETURN NEW;
END
$$;
