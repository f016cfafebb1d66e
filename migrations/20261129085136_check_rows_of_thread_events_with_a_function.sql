-- check rows of thread events with a function
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   new: PUBLIC, EXECUTE on function app.check_thread_events(text, bigint, text, bigint, jsonb, text)
--       runs with the privileges of the caller
-- Locks, held until commit:
--   public.thread_events: ACCESS EXCLUSIVE (blocks reads and writes)

-- Locks public.thread_events: ACCESS EXCLUSIVE (blocks reads and writes).
ALTER TABLE "public"."thread_events" DROP CONSTRAINT "thread_events_actor_kind_check", DROP CONSTRAINT "thread_events_payload_check", DROP CONSTRAINT "thread_events_payload_object", DROP CONSTRAINT "thread_events_schema_version_check", DROP CONSTRAINT "thread_events_sequence_check", DROP CONSTRAINT "thread_events_type_check";

-- Functions may refer to tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.check_thread_events(
    rules text,
    sequence bigint,
    type text,
    schema_version bigint,
    payload jsonb,
    actor_kind text
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := CASE
        WHEN NOT (sequence >= 1) THEN 'thread_events_sequence_check'
        WHEN NOT (type IN ('thread.created', 'thread.updated', 'thread.paused', 'thread.resumed', 'thread.completed', 'thread.archived', 'intent.refined', 'decision.recorded', 'decision.revised', 'action.proposed', 'action.executed', 'note.added', 'link.added', 'checkpoint.requested', 'checkpoint.approved', 'checkpoint.rejected', 'checkpoint.expired')) THEN 'thread_events_type_check'
        WHEN NOT (schema_version >= 1) THEN 'thread_events_schema_version_check'
        WHEN NOT (actor_kind IN ('human', 'agent', 'system')) THEN 'thread_events_actor_kind_check'
        WHEN NOT (pg_column_size(payload) <= 262144) THEN 'thread_events_payload_check'
        WHEN NOT (jsonb_typeof(payload) = 'object') THEN 'thread_events_payload_object'
    END;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "thread_events" violates the rule "%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = 'public', TABLE = 'thread_events', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;

-- Applies to rows that are written from now on. Existing rows are checked later.
ALTER TABLE "public"."thread_events" ADD CONSTRAINT "thread_events_row" CHECK (app.check_thread_events('21d6dd8d', sequence, type, schema_version, payload, actor_kind)) NOT VALID;
