-- threads
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   PUBLIC gains EXECUTE on function app.check_thread_fields(jsonb, text[], text)
--   PUBLIC gains EXECUTE on function app.check_thread_parent(uuid, uuid, uuid, text)
--   PUBLIC gains EXECUTE on function app.id_tells_time(uuid)
--   PUBLIC gains EXECUTE on function app.rebuild_thread(uuid, uuid, bigint)
--   PUBLIC gains EXECUTE on function app.thread_after(jsonb, text, jsonb)
--   PUBLIC gains EXECUTE on function app.thread_transition(text, text)
--   chenu_agent gains EXECUTE on function app.append_events(uuid, bigint, jsonb)
--   chenu_agent gains EXECUTE on function app.create_thread(uuid, uuid, integer, jsonb)
--   chenu_human gains EXECUTE on function app.append_events(uuid, bigint, jsonb)
--   chenu_human gains EXECUTE on function app.create_thread(uuid, uuid, integer, jsonb)
--   chenu_threads gains USAGE on schema app
--   chenu_threads gains USAGE on schema public
--   chenu_threads gains SELECT, INSERT (id, created_by, sequence, type, schema_version, payload, actor_id, actor_kind, causation_id, correlation_id, request_id, thread_id) on public.thread_events
--   chenu_threads gains SELECT, INSERT (id, created_by, founding_intent, sphere, type, status, visibility, title, tags, last_sequence, event_count, last_event_at, parent_thread_id), UPDATE (type, status, visibility, title, tags, last_sequence, event_count, last_event_at, parent_thread_id) on public.threads
--   new policy threads_insert on public.thread_events: chenu_threads may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy threads_select on public.thread_events: chenu_threads may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy threads_insert on public.threads: chenu_threads may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy threads_select on public.threads: chenu_threads may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy threads_update on public.threads: chenu_threads may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   function app.append_events(uuid, bigint, jsonb) runs with the rights of chenu_threads
--   function app.append_to_thread(uuid, bigint, jsonb) runs with the rights of chenu_threads
--   function app.create_thread(uuid, uuid, integer, jsonb) runs with the rights of chenu_threads
--   function app.record_in_thread(uuid, text, jsonb) runs with the rights of chenu_threads
-- Locks, held until commit:
--   public.thread_events: ACCESS EXCLUSIVE (reads and writes wait)
--   public.threads: ACCESS EXCLUSIVE (reads and writes wait)

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.id_tells_time(id uuid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.actor_kind() = 'system' OR substr(id::text, 15, 1) = '7'
        AND abs(extract(epoch FROM clock_timestamp() - app.uuid_v7_time(id))) <= 3600
$$;

CREATE OR REPLACE FUNCTION app.check_id(id uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT app.id_tells_time(id) THEN
        RAISE EXCEPTION 'id is not a UUIDv7 of this hour'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/id", "code": "invalid_id"}';
    END IF;
END
$$;

CREATE FUNCTION app.thread_transition(status text, event text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN event LIKE 'checkpoint.%' THEN status
        WHEN status = 'archived' THEN NULL
        WHEN event = 'thread.paused' THEN CASE WHEN status = 'active' THEN 'paused' END
        WHEN event = 'thread.resumed' THEN CASE WHEN status IN ('paused', 'completed') THEN 'active' END
        WHEN event = 'thread.completed' THEN CASE WHEN status IN ('active', 'paused') THEN 'completed' END
        WHEN event = 'thread.archived' THEN 'archived'
        WHEN event = 'thread.created' THEN NULL
        ELSE status
    END
$$;

CREATE FUNCTION app.thread_after(state jsonb, event text, payload jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE event
        WHEN 'thread.created' THEN coalesce(payload, '{}') || '{"status": "active"}'
        ELSE state || CASE event WHEN 'thread.updated' THEN coalesce(payload, '{}') ELSE '{}' END
            || jsonb_build_object('status', app.thread_transition(state ->> 'status', event))
    END
$$;

CREATE FUNCTION app.check_thread_fields(fields jsonb, allowed text[], pointer text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF (jsonb_typeof(fields) = 'object') IS NOT TRUE OR fields = '{}' THEN
        RAISE EXCEPTION 'no fields' USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', pointer, 'code', 'too_short');
    END IF;
    SELECT f.key INTO wrong FROM jsonb_each(fields) AS f
    WHERE f.key <> ALL (allowed) OR CASE f.key
        WHEN 'title' THEN jsonb_typeof(f.value) NOT IN ('string', 'null')
        WHEN 'parent_thread_id' THEN jsonb_typeof(f.value) NOT IN ('string', 'null')
        WHEN 'tags' THEN CASE jsonb_typeof(f.value) WHEN 'array' THEN
            EXISTS (SELECT FROM jsonb_array_elements(f.value) AS t WHERE jsonb_typeof(t) <> 'string') ELSE true END
        ELSE jsonb_typeof(f.value) <> 'string' END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a thread has no such field: %', wrong USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', pointer || '/' || wrong, 'code', 'invalid_value');
    END IF;
END
$$;

CREATE FUNCTION app.check_thread_parent(owner uuid, thread uuid, parent uuid, pointer text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu thread parents ' || owner, 0));
    IF EXISTS (
        WITH RECURSIVE ancestors AS (
            SELECT parent AS id
            UNION SELECT t.parent_thread_id FROM ancestors a
            JOIN public.threads t ON t.created_by = owner AND t.id = a.id
            WHERE t.parent_thread_id IS NOT NULL
        ) SELECT FROM ancestors a WHERE a.id = thread
    ) THEN
        RAISE EXCEPTION 'a thread is not its own ancestor' USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', pointer, 'code', 'circular_reference', 'detail', 'A thread can''t come out of itself.');
    END IF;
END
$$;

CREATE FUNCTION app.create_thread(thread_id uuid, event_id uuid, schema_version integer, content jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    fields constant text[] := '{founding_intent,sphere,type,visibility,title,parent_thread_id,tags}';
    parent uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    PERFORM app.check_thread_fields(content, fields, '');
    IF NOT content ?& fields THEN
        RAISE EXCEPTION 'a thread is begun with all of its fields' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "required"}';
    END IF;
    parent := content ->> 'parent_thread_id';
    IF parent = create_thread.thread_id THEN
        PERFORM app.check_thread_parent(caller, create_thread.thread_id, parent, '/parent_thread_id');
    END IF;
    WITH begun AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, request_id)
        VALUES (create_thread.event_id, caller, create_thread.thread_id, 1, 'thread.created', create_thread.schema_version,
            content || jsonb_build_object('parent_thread_id', parent),
            nullif(current_setting('app.actor_id', true), '')::uuid, app.actor_kind(),
            nullif(current_setting('app.request_id', true), '')::uuid)
        RETURNING created_at
    )
    INSERT INTO public.threads (id, created_by, founding_intent, sphere, type, status, visibility, title, parent_thread_id, tags,
        last_sequence, event_count, last_event_at)
    SELECT create_thread.thread_id, caller, content ->> 'founding_intent', content ->> 'sphere', content ->> 'type', 'active',
        content ->> 'visibility', content ->> 'title', parent,
        ARRAY(SELECT jsonb_array_elements_text(content -> 'tags')), 1, 1, b.created_at
    FROM begun b;
END
$$;

CREATE FUNCTION app.append_events(thread_id uuid, expected_sequence bigint, events jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong bigint;
BEGIN
    IF (jsonb_typeof(events) = 'array' AND jsonb_array_length(events) BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION '1 to 100 events are appended at once' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/events", "code": "out_of_range"}';
    END IF;
    -- What the service itself records would mean nothing if anybody could say it.
    SELECT e.place - 1 INTO wrong FROM jsonb_array_elements(events) WITH ORDINALITY AS e(event, place)
    WHERE e.event ->> 'type' = 'thread.created' OR e.event ->> 'type' LIKE 'checkpoint.%' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'only the service itself records this event' USING ERRCODE = 'CH403',
            DETAIL = jsonb_build_object('pointer', format('/events/%s/type', wrong), 'code', 'not_in_enum',
                'detail', 'Only the service itself records events of this type.');
    END IF;
    RETURN app.append_to_thread(append_events.thread_id, append_events.expected_sequence, append_events.events);
END
$$;

CREATE FUNCTION app.record_in_thread(thread_id uuid, event text, payload jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN app.append_to_thread(record_in_thread.thread_id, NULL, jsonb_build_array(jsonb_build_object(
        'type', record_in_thread.event, 'schema_version', 1, 'payload', record_in_thread.payload))) -> 'last_sequence';
END
$$;

CREATE FUNCTION app.append_to_thread(thread uuid, expected bigint, given jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    size integer := jsonb_array_length(given);
    present record;
    before record;
    item record;
    state jsonb;
    parent uuid;
    result jsonb;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT t.status, t.last_sequence INTO present
    FROM public.threads t WHERE t.created_by = caller AND t.id = thread
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such thread' USING ERRCODE = 'CH404';
    END IF;

    -- A statement of its own after the lock: it sees what was committed meanwhile.
    SELECT count(*) AS known,
        count(*) FILTER (WHERE e.thread_id = thread AND e.type = g.event ->> 'type'
            AND e.schema_version = (g.event ->> 'schema_version')::integer AND e.payload = g.event -> 'payload'
            AND e.causation_id IS NOT DISTINCT FROM (g.event ->> 'causation_id')::uuid
            AND e.correlation_id IS NOT DISTINCT FROM (g.event ->> 'correlation_id')::uuid) AS alike,
        count(DISTINCT e.sequence - g.place) AS runs,
        max(e.sequence) AS last_sequence,
        jsonb_agg(jsonb_build_object('id', e.id, 'sequence', e.sequence, 'type', e.type, 'created_at', e.created_at)
            ORDER BY e.sequence) AS events
    INTO before
    FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place)
    JOIN public.thread_events e ON e.created_by = caller AND e.id = (g.event ->> 'id')::uuid;
    IF before.known > 0 THEN
        IF before.known = size AND before.alike = size AND before.runs = 1 THEN
            RETURN jsonb_build_object('replayed', true, 'last_sequence', before.last_sequence, 'events', before.events);
        END IF;
        RAISE EXCEPTION 'an event of this id is there with other content' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "event_id_reused", "detail": "An event with one of these ids was appended before, with other content or among other events."}';
    END IF;

    IF expected <> present.last_sequence THEN
        RAISE EXCEPTION 'the thread is at sequence %', present.last_sequence USING ERRCODE = 'CH412',
            DETAIL = jsonb_build_object('code', 'stale_sequence', 'present', jsonb_build_object('last_sequence', present.last_sequence));
    END IF;

    state := jsonb_build_object('status', present.status);
    FOR item IN
        SELECT g.event ->> 'type' AS type, g.event -> 'payload' AS payload, (g.event ->> 'id')::uuid AS id,
            format('/events/%s', g.place - 1) AS pointer,
            count(*) FILTER (WHERE g.event ? 'id') OVER (PARTITION BY (g.event ->> 'id')::uuid) > 1 AS repeated
        FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place) ORDER BY g.place
    LOOP
        IF item.repeated THEN
            RAISE EXCEPTION 'two events of one id' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', item.pointer || '/id', 'code', 'not_unique');
        END IF;
        IF item.id IS NOT NULL AND NOT app.id_tells_time(item.id) THEN
            RAISE EXCEPTION 'id is not a UUIDv7 of this hour' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', item.pointer || '/id', 'code', 'invalid_id');
        END IF;
        IF pg_column_size(item.payload) > 262144 THEN
            RAISE EXCEPTION 'a payload is larger than 256 KiB' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', item.pointer || '/payload', 'code', 'too_long',
                    'detail', 'A payload may have at most 256 KiB.');
        END IF;
        IF item.type = 'thread.updated' THEN
            PERFORM app.check_thread_fields(item.payload, '{type,visibility,title,parent_thread_id,tags}', item.pointer || '/payload');
            parent := item.payload ->> 'parent_thread_id';
            IF parent IS NOT NULL THEN
                PERFORM app.check_thread_parent(caller, thread, parent, item.pointer || '/payload/parent_thread_id');
            END IF;
        END IF;
        result := app.thread_after(state, item.type, item.payload);
        IF result ->> 'status' IS NULL THEN
            RAISE EXCEPTION '% is forbidden while the thread is %', item.type, state ->> 'status' USING ERRCODE = 'CH409',
                DETAIL = jsonb_build_object('code', 'forbidden_transition', 'present', jsonb_build_object('status', state -> 'status'),
                    'detail', format('The thread is %s, and takes no event %s then.', state ->> 'status', item.type));
        END IF;
        state := result;
    END LOOP;

    WITH appended AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload,
            actor_id, actor_kind, causation_id, correlation_id, request_id)
        SELECT coalesce((g.event ->> 'id')::uuid, app.uuid_v7()), caller, thread, present.last_sequence + g.place,
            g.event ->> 'type', (g.event ->> 'schema_version')::integer, g.event -> 'payload',
            nullif(current_setting('app.actor_id', true), '')::uuid, app.actor_kind(),
            (g.event ->> 'causation_id')::uuid, (g.event ->> 'correlation_id')::uuid,
            nullif(current_setting('app.request_id', true), '')::uuid
        FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place) ORDER BY g.place
        RETURNING id, sequence, type, created_at
    ), moved AS (
        UPDATE public.threads t SET
            last_sequence = t.last_sequence + size,
            event_count = t.event_count + size,
            last_event_at = (SELECT a.created_at FROM appended a ORDER BY a.sequence DESC LIMIT 1),
            status = state ->> 'status',
            type = CASE WHEN state ? 'type' THEN state ->> 'type' ELSE t.type END,
            visibility = CASE WHEN state ? 'visibility' THEN state ->> 'visibility' ELSE t.visibility END,
            title = CASE WHEN state ? 'title' THEN state ->> 'title' ELSE t.title END,
            parent_thread_id = CASE WHEN state ? 'parent_thread_id' THEN (state ->> 'parent_thread_id')::uuid ELSE t.parent_thread_id END,
            tags = CASE WHEN state ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(state -> 'tags')) ELSE t.tags END
        WHERE t.created_by = caller AND t.id = thread
    )
    SELECT jsonb_build_object('replayed', false, 'last_sequence', present.last_sequence + size, 'events',
        jsonb_agg(jsonb_build_object('id', a.id, 'sequence', a.sequence, 'type', a.type, 'created_at', a.created_at) ORDER BY a.sequence))
    INTO result FROM appended a;
    RETURN result;
END
$$;

CREATE FUNCTION app.rebuild_thread(owner uuid, thread uuid, until bigint DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    e record;
    state jsonb := '{}';
    counted bigint;
    bound bigint := coalesce(until, 9223372036854775807);
BEGIN
    SELECT count(*) INTO counted FROM public.thread_events v
    WHERE v.created_by = owner AND v.thread_id = thread AND v.sequence <= bound;
    IF counted = 0 THEN
        RETURN NULL;
    END IF;
    FOR e IN
        SELECT v.type, v.payload FROM public.thread_events v
        WHERE v.created_by = owner AND v.thread_id = thread AND v.sequence <= bound AND v.type LIKE 'thread.%'
        ORDER BY v.sequence
    LOOP
        state := app.thread_after(state, e.type, e.payload);
    END LOOP;
    SELECT v.sequence, v.created_at, v.actor_id, v.actor_kind INTO e FROM public.thread_events v
    WHERE v.created_by = owner AND v.thread_id = thread AND v.sequence <= bound
    ORDER BY v.sequence DESC LIMIT 1;
    RETURN state || jsonb_build_object('last_sequence', e.sequence, 'event_count', counted, 'last_event_at', e.created_at,
        'actor_id', e.actor_id, 'actor_kind', e.actor_kind);
END
$$;

-- Locks public.thread_events: ACCESS EXCLUSIVE (reads and writes wait). Scans public.thread_events.
ALTER TABLE "public"."thread_events" ADD CONSTRAINT "thread_events_payload_object" CHECK (jsonb_typeof(payload) = 'object');

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_threads;

ALTER FUNCTION app.append_events(uuid, bigint, jsonb) OWNER TO chenu_threads;

ALTER FUNCTION app.append_to_thread(uuid, bigint, jsonb) OWNER TO chenu_threads;

ALTER FUNCTION app.create_thread(uuid, uuid, integer, jsonb) OWNER TO chenu_threads;

ALTER FUNCTION app.record_in_thread(uuid, text, jsonb) OWNER TO chenu_threads;

REVOKE CREATE ON SCHEMA app FROM chenu_threads;

CREATE POLICY threads_insert ON thread_events FOR INSERT TO chenu_threads
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY threads_select ON thread_events FOR SELECT TO chenu_threads
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.threads: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY threads_insert ON threads FOR INSERT TO chenu_threads
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY threads_select ON threads FOR SELECT TO chenu_threads
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY threads_update ON threads FOR UPDATE TO chenu_threads
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR DELETE ON threads
    FOR EACH ROW EXECUTE FUNCTION app.audit('thread', 'created_by', '', 'last_sequence', 'event_count', 'last_event_at');

CREATE TRIGGER audit_update AFTER UPDATE ON threads
    FOR EACH ROW WHEN ((OLD.id, OLD.created_by, OLD.created_at, OLD.founding_intent, OLD.sphere, OLD.type, OLD.status, OLD.visibility, OLD.title, OLD.parent_thread_id, OLD.tags) IS DISTINCT FROM (NEW.id, NEW.created_by, NEW.created_at, NEW.founding_intent, NEW.sphere, NEW.type, NEW.status, NEW.visibility, NEW.title, NEW.parent_thread_id, NEW.tags))
    EXECUTE FUNCTION app.audit('thread', 'created_by', '', 'last_sequence', 'event_count', 'last_event_at');

GRANT USAGE ON SCHEMA app TO chenu_threads;

GRANT USAGE ON SCHEMA public TO chenu_threads;

REVOKE EXECUTE ON FUNCTION app.append_events(uuid, bigint, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.append_events(uuid, bigint, jsonb) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.append_events(uuid, bigint, jsonb) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.append_to_thread(uuid, bigint, jsonb) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.create_thread(uuid, uuid, integer, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.create_thread(uuid, uuid, integer, jsonb) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.create_thread(uuid, uuid, integer, jsonb) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.record_in_thread(uuid, text, jsonb) FROM PUBLIC;

GRANT SELECT, INSERT (id, created_by, sequence, type, schema_version, payload, actor_id, actor_kind, causation_id, correlation_id, request_id, thread_id) ON public.thread_events TO chenu_threads;

GRANT SELECT, INSERT (id, created_by, founding_intent, sphere, type, status, visibility, title, tags, last_sequence, event_count, last_event_at, parent_thread_id), UPDATE (type, status, visibility, title, tags, last_sequence, event_count, last_event_at, parent_thread_id) ON public.threads TO chenu_threads;
