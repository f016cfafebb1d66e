-- append by ids
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   function app.append_to_thread(uuid, bigint, jsonb), which runs with the rights of chenu_threads, does something else

CREATE OR REPLACE FUNCTION app.append_to_thread(thread uuid, expected bigint, given jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    size integer := jsonb_array_length(given);
    ids uuid[] := ARRAY(SELECT (g.event ->> 'id')::uuid FROM jsonb_array_elements(given) AS g(event) WHERE g.event ? 'id');
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

    -- A statement of its own after the lock: it sees what was committed meanwhile. The
    -- array makes the ids an index condition; a join alone may read all of the owner's.
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
    JOIN public.thread_events e ON e.id = (g.event ->> 'id')::uuid
    WHERE e.created_by = caller AND e.id = ANY (ids);
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
