-- Keeps completed_at set exactly while the task is done.
CREATE FUNCTION app.complete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status <> 'done' THEN
        NEW.completed_at := NULL;
    ELSIF TG_OP = 'INSERT' OR OLD.status <> 'done' THEN
        NEW.completed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;
