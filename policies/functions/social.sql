-- Keeps the post that a human schedules as it is until the transaction ends. A change of the post
-- that is under way comes first, and then the schedule is refused: nobody has seen what would be
-- published. A change that comes later finds the schedule: see the gate of social posts. For others
-- than humans the gate of schedules does the same.
CREATE FUNCTION app.lock_scheduled_post() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen bigint;
    present bigint;
BEGIN
    IF app.actor_kind() = 'human' AND NEW.status = 'scheduled' AND (TG_OP = 'INSERT' OR OLD.status <> 'scheduled') THEN
        PERFORM app.require_read_committed();
        SELECT p.version INTO seen FROM public.social_posts p WHERE p.created_by = NEW.created_by AND p.id = NEW.post_id;
        SELECT p.version INTO present FROM public.social_posts p WHERE p.created_by = NEW.created_by AND p.id = NEW.post_id FOR SHARE;
        IF seen IS DISTINCT FROM present THEN
            RAISE EXCEPTION 'the post was changed while it was scheduled' USING ERRCODE = 'CH409',
                DETAIL = '{"code": "conflict", "detail": "The post was changed while it was scheduled. Get the post again before you schedule it."}';
        END IF;
    END IF;
    RETURN NEW;
END
$$;

-- Refuses a new time of publication that is not in the future.
CREATE FUNCTION app.refuse_past() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (TG_OP = 'INSERT' OR NEW.scheduled_at <> OLD.scheduled_at) AND NEW.scheduled_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'a post must be scheduled for a time in the future'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/scheduled_at", "code": "in_the_past"}';
    END IF;
    RETURN NEW;
END
$$;
