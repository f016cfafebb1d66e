-- thread events are sealed by a function of their own
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   review: trigger seal_content on public.thread_events
--       before: CREATE TRIGGER seal_content BEFORE INSERT ON public.thread_events FOR EACH ROW EXECUTE FUNCTION app.seal_content('payload')
--       after:  CREATE TRIGGER seal_content BEFORE INSERT ON public.thread_events FOR EACH ROW EXECUTE FUNCTION app.seal_thread_events()
--   narrowing: PUBLIC, EXECUTE on function app.digested_text(jsonb, text[])
--       before: EXECUTE
--       after:  nothing
-- Locks, held until commit:
--   public.thread_events: SHARE ROW EXCLUSIVE (blocks writes)

CREATE FUNCTION app.seal_thread_events() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    content constant text := jsonb_build_object('payload', NEW.payload)::text;
BEGIN
    IF octet_length(content) > 8388608 THEN
        RAISE EXCEPTION 'the content of a row of thread_events is larger than 8 MiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "too_long"}';
    END IF;
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := sha256(NEW.content_salt || convert_to(content, 'UTF8'));
    RETURN NEW;
END
$$;

-- Locks public.thread_events: SHARE ROW EXCLUSIVE (blocks writes).
CREATE OR REPLACE TRIGGER seal_content BEFORE INSERT ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.seal_thread_events();

DROP FUNCTION app.digested_text(jsonb, text[]);

DROP FUNCTION app.seal_content();
