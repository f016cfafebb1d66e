-- Refuses an ethics approval that lies in the future, where the identity is. A planned trial
-- that has one from before this rule may be changed, but not begun.
CREATE FUNCTION app.refuse_future_approval() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Today differs by a day at most between time zones, so most dates need no look at it.
    IF NEW.ethics_approved_on > (clock_timestamp() AT TIME ZONE 'UTC')::date - 1
        AND (TG_OP = 'INSERT' OR NEW.ethics_approved_on IS DISTINCT FROM OLD.ethics_approved_on OR NEW.status <> OLD.status)
        AND NEW.ethics_approved_on > app.today() THEN
        RAISE EXCEPTION 'an ethics approval lies in the future' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/ethics_approved_on", "code": "in_the_future", "detail": "The ethics committee cannot have approved the trial on a day in the future."}';
    END IF;
    RETURN NEW;
END
$$;
