-- A time to publish at is in the future when it is set.
CREATE FUNCTION app.refuse_past() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (TG_OP = 'INSERT' OR NEW.scheduled_at <> OLD.scheduled_at) AND NEW.scheduled_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'a schedule is in the future when it is set'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/scheduled_at", "code": "in_the_past"}';
    END IF;
    RETURN NEW;
END
$$;
