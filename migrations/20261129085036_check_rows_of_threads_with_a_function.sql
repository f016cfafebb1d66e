-- check rows of threads with a function
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   new: PUBLIC, EXECUTE on function app.check_threads(text, bigint, text, text, text, text, text, text, text, text[], bigint, bigint, bigint)
--       runs with the privileges of the caller
-- Locks, held until commit:
--   public.threads: ACCESS EXCLUSIVE (blocks reads and writes)

-- Locks public.threads: ACCESS EXCLUSIVE (blocks reads and writes).
ALTER TABLE "public"."threads" DROP CONSTRAINT "threads_event_count_check", DROP CONSTRAINT "threads_founding_intent_check", DROP CONSTRAINT "threads_last_sequence_check", DROP CONSTRAINT "threads_sphere_check", DROP CONSTRAINT "threads_status_check", DROP CONSTRAINT "threads_step_count_check", DROP CONSTRAINT "threads_tags_check", DROP CONSTRAINT "threads_title_check", DROP CONSTRAINT "threads_type_check", DROP CONSTRAINT "threads_updated_by_kind_check", DROP CONSTRAINT "threads_version_check", DROP CONSTRAINT "threads_visibility_check";

-- Functions may refer to tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.check_threads(
    rules text,
    version bigint,
    updated_by_kind text,
    founding_intent text,
    sphere text,
    type text,
    status text,
    visibility text,
    title text,
    tags text[],
    last_sequence bigint,
    event_count bigint,
    step_count bigint
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := CASE
        WHEN NOT (version >= 1) THEN 'threads_version_check'
        WHEN NOT (updated_by_kind IN ('human', 'agent', 'system')) THEN 'threads_updated_by_kind_check'
        WHEN NOT (char_length(founding_intent) BETWEEN 1 AND 2000) THEN 'threads_founding_intent_check'
        WHEN NOT (sphere IN ('personal', 'business', 'creative_studio', 'entertainment', 'community', 'social', 'scholar', 'government', 'my_team')) THEN 'threads_sphere_check'
        WHEN NOT (type IN ('personal', 'collective', 'institutional')) THEN 'threads_type_check'
        WHEN NOT (status IN ('active', 'paused', 'completed', 'archived')) THEN 'threads_status_check'
        WHEN NOT (visibility IN ('private', 'semi_private', 'public')) THEN 'threads_visibility_check'
        WHEN NOT (char_length(title) BETWEEN 1 AND 200) THEN 'threads_title_check'
        WHEN NOT (app.texts_valid(tags, 32, 64)) THEN 'threads_tags_check'
        WHEN NOT (last_sequence >= 0) THEN 'threads_last_sequence_check'
        WHEN NOT (event_count >= 0) THEN 'threads_event_count_check'
        WHEN NOT (step_count >= 0) THEN 'threads_step_count_check'
    END;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "threads" violates the rule "%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = 'public', TABLE = 'threads', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;

-- Applies to rows that are written from now on. Existing rows are checked later.
ALTER TABLE "public"."threads" ADD CONSTRAINT "threads_row" CHECK (app.check_threads('cdf4eeb2', version, updated_by_kind, founding_intent, sphere, type, status, visibility, title, tags, last_sequence, event_count, step_count)) NOT VALID;
