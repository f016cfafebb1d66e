-- Threads: events in order, and the row of each thread, which is the projection of its events. One
-- statement writes both. All functions that write belong to chenu_threads, whose privileges and
-- policies are defined with the tables and cover only the rows of the identity of the session.

-- Returns the status of a thread after an event; NULL if the event is forbidden. Nothing else
-- defines the state machine. An archived thread never changes again; only app.record_step() still
-- appends events to it.
CREATE FUNCTION app.thread_transition(status text, event text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN status = 'archived' THEN NULL
        WHEN event = 'thread.paused' THEN CASE WHEN status = 'active' THEN 'paused' END
        WHEN event = 'thread.resumed' THEN CASE WHEN status IN ('paused', 'completed') THEN 'active' END
        WHEN event = 'thread.completed' THEN CASE WHEN status IN ('active', 'paused') THEN 'completed' END
        WHEN event = 'thread.archived' THEN 'archived'
        WHEN event = 'thread.created' THEN NULL
        ELSE status
    END;
END
$$;

-- Returns the current version of the payloads of events. All types have the same version, and the
-- service knows the same number: no client could read an event of another version. Postgres keeps
-- the plan of a PL/pgSQL function; it would plan a function in SQL again in each transaction.
CREATE FUNCTION app.event_schema_version() RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN 1;
END
$$;

-- Returns the state of a thread after an event. Nothing else defines the projection. State and
-- result have the columns of threads that events change; the status is NULL after a forbidden
-- event. An event whose content was erased changes nothing.
CREATE FUNCTION app.thread_after(state jsonb, event text, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE event
        WHEN 'thread.created' THEN coalesce(payload, '{}') || '{"status": "active"}'
        ELSE state || CASE event WHEN 'thread.updated' THEN coalesce(payload, '{}') ELSE '{}' END
            || jsonb_build_object('status', app.thread_transition(state ->> 'status', event))
    END;
END
$$;

-- Refuses fields that a thread does not have, and values of the wrong JSON type. The columns check
-- the values themselves.
CREATE FUNCTION app.check_thread_fields(fields jsonb, allowed text[], pointer text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF (jsonb_typeof(fields) = 'object') IS NOT TRUE OR fields = '{}' THEN
        RAISE EXCEPTION 'the fields must be a JSON object that is not empty' USING ERRCODE = 'CH422',
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
        RAISE EXCEPTION 'unknown field or invalid type of a field: %', wrong USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', pointer || '/' || wrong, 'code', 'invalid_value');
    END IF;
END
$$;

-- Refuses a parent that would be a descendant of the thread, or the thread itself. Transactions of
-- one identity that change parents wait for each other, so that two of them cannot form a circle
-- together.
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
        RAISE EXCEPTION 'a thread must not be its own ancestor' USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', pointer, 'code', 'circular_reference', 'detail', 'A thread must not be its own ancestor. Choose another parent.');
    END IF;
END
$$;

-- Creates a thread of the caller with its thread.created event. The payload of the event is the
-- content: all fields that a client sets or that have a default. One statement writes both, so that
-- the row has the time of its event.
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
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    PERFORM app.check_thread_fields(content, fields, '');
    IF NOT content ?& fields THEN
        RAISE EXCEPTION 'a new thread must have all fields' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "required"}';
    END IF;
    IF create_thread.schema_version IS DISTINCT FROM app.event_schema_version() THEN
        RAISE EXCEPTION 'the schema version of events must be %', app.event_schema_version() USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/schema_version", "code": "invalid_value"}';
    END IF;
    IF app.actor_kind() = 'agent' THEN
        PERFORM app.require_capabilities('threads', content ->> 'sphere');
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
ALTER FUNCTION app.create_thread(uuid, uuid, integer, jsonb) OWNER TO chenu_threads;
REVOKE EXECUTE ON FUNCTION app.create_thread(uuid, uuid, integer, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.create_thread(uuid, uuid, integer, jsonb) TO chenu_human, chenu_agent;

-- Refuses an event that refers to an event that does not exist. `place` is the position of the
-- event in the append. A revised decision and an executed proposal must be in the same thread; a
-- cause may be in any thread of the caller. The event that is referred to may also be an earlier
-- event of the same append to which the client gave an id.
CREATE FUNCTION app.check_event_references(caller uuid, thread uuid, events jsonb, place integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item constant jsonb := events -> place;
    cause constant uuid := item ->> 'causation_id';
    field text;
    kinds text[];
    wanted uuid;
BEGIN
    IF cause IS NOT NULL AND NOT EXISTS (
        SELECT FROM public.thread_events e WHERE e.created_by = caller AND e.id = cause
    ) AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(events) WITH ORDINALITY AS g(event, ordinal)
        WHERE g.ordinal <= place AND (g.event ->> 'id')::uuid = cause
    ) THEN
        RAISE EXCEPTION 'no such event: %', cause USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', format('/events/%s/causation_id', place), 'code', 'reference_not_found',
                'detail', 'There is no event with this id in any of your threads.');
    END IF;
    CASE item ->> 'type'
        WHEN 'decision.revised' THEN
            field := 'decision_event_id';
            kinds := '{decision.recorded,decision.revised}';
        WHEN 'action.executed' THEN
            field := 'proposal_event_id';
            kinds := '{action.proposed}';
        ELSE
            RETURN;
    END CASE;
    wanted := item -> 'payload' ->> field;
    IF wanted IS NOT NULL AND NOT EXISTS (
        SELECT FROM public.thread_events e
        WHERE e.created_by = caller AND e.id = wanted AND e.thread_id = thread AND e.type = ANY (kinds)
    ) AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(events) WITH ORDINALITY AS g(event, ordinal)
        WHERE g.ordinal <= place AND (g.event ->> 'id')::uuid = wanted AND g.event ->> 'type' = ANY (kinds)
    ) THEN
        RAISE EXCEPTION 'no such event in the thread: %', wanted USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', format('/events/%s/payload/%s', place, field), 'code', 'reference_not_found',
                'detail', format('There is no event of the type %s with this id in this thread.', array_to_string(kinds, ' or ')));
    END IF;
END
$$;

-- Appends 1 to 100 events to a thread of the caller, all or none, and updates the row of the
-- thread. An event is {"type", "schema_version", "payload"} with optional "id", "causation_id" and
-- "correlation_id". The lock of the row gives sequences their order without gaps. With an expected
-- sequence, the thread must have no later events except steps of checkpoints: these do not change
-- the thread, and an append that waits for its approval would otherwise always fail. A repeated
-- append, with the same ids and the same content, returns the result of the first one.
--
-- The result is {"replayed", "last_sequence", "events": [{"id", "sequence", "type",
-- "created_at"}]}, with the events in their order.
CREATE FUNCTION app.append_events(thread_id uuid, expected_sequence bigint, events jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    -- The arguments change nothing about the best plan, and planning for each costs more
    -- than running it.
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    thread constant uuid := thread_id;
    expected constant bigint := expected_sequence;
    given jsonb := events;
    size integer;
    item jsonb;
    kind text;
    pointer text;
    event_id uuid;
    ids uuid[] := '{}';
    present record;
    before record;
    becomes record;
    state jsonb;
    parent uuid;
    result jsonb;
    moment timestamptz;
BEGIN
    IF (jsonb_typeof(given) = 'array' AND jsonb_array_length(given) BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION 'a request must have 1 to 100 events' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/events", "code": "out_of_range"}';
    END IF;
    size := jsonb_array_length(given);
    FOR place IN 0 .. size - 1 LOOP
        item := given -> place;
        kind := item ->> 'type';
        -- What the service itself records would mean nothing if anybody could say it.
        IF kind = 'thread.created' OR kind LIKE 'checkpoint.%' THEN
            RAISE EXCEPTION 'only the service can append events of this type' USING ERRCODE = 'CH403',
                DETAIL = jsonb_build_object('pointer', format('/events/%s/type', place), 'code', 'not_in_enum',
                    'detail', 'Only the service can append events of this type.');
        END IF;
        IF item -> 'schema_version' IS DISTINCT FROM to_jsonb(app.event_schema_version()) THEN
            RAISE EXCEPTION 'the schema version of events must be %', app.event_schema_version() USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', format('/events/%s/schema_version', place), 'code', 'invalid_value');
        END IF;
        IF item ? 'id' THEN
            event_id := item ->> 'id';
            IF event_id = ANY (ids) THEN
                RAISE EXCEPTION 'two events have the same id' USING ERRCODE = 'CH422',
                    DETAIL = jsonb_build_object('pointer', format('/events/%s/id', place), 'code', 'not_unique');
            END IF;
            ids := ids || event_id;
        END IF;
    END LOOP;
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;

    SELECT t.status, t.visibility, t.sphere, t.last_sequence, t.type, t.title, t.parent_thread_id, t.tags INTO present
    FROM public.threads t WHERE t.created_by = caller AND t.id = thread
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such thread' USING ERRCODE = 'CH404';
    END IF;
    -- What an agent must not read does not exist for it.
    IF app.actor_kind() = 'agent' THEN
        IF NOT app.has_capabilities('threads:read', present.sphere || ':read') THEN
            PERFORM app.refuse_inactive_agent();
            RAISE EXCEPTION 'no such thread' USING ERRCODE = 'CH404';
        END IF;
        PERFORM app.require_capabilities('threads', present.sphere);
    END IF;

    -- The conditions that need no query come first, alone: they are evaluated without one.
    IF ids <> '{}' THEN
        -- A statement after the lock sees what was committed while it waited for the lock. The
        -- array makes the ids an index condition; a join alone may read all rows of the owner.
        SELECT count(*) AS stored,
            count(*) FILTER (WHERE e.type = g.event ->> 'type'
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
        WHERE e.created_by = caller AND e.id = ANY (ids) AND e.thread_id = thread;
        IF before.alike = size AND before.runs = 1 THEN
            RETURN jsonb_build_object('replayed', true, 'last_sequence', before.last_sequence, 'events', before.events);
        END IF;
        IF before.stored > 0 THEN
            RAISE EXCEPTION 'an event with this id was already appended, with different content or in another request' USING ERRCODE = 'CH409',
                DETAIL = '{"code": "event_id_reused", "detail": "An event with one of these ids was already appended, with different content or in another request. Use a new id for each new event."}';
        END IF;
    END IF;

    IF expected <> present.last_sequence THEN
        -- The order makes Postgres read the index of the thread's sequences, and stop at the
        -- first event that is not a step of a checkpoint.
        IF expected > present.last_sequence OR (
            SELECT true FROM public.thread_events e
            WHERE e.created_by = caller AND e.thread_id = thread AND e.sequence > expected AND e.checkpoint_id IS NULL
            ORDER BY e.sequence LIMIT 1
        ) THEN
            RAISE EXCEPTION 'the last sequence of the thread is %', present.last_sequence USING ERRCODE = 'CH412',
                DETAIL = jsonb_build_object('code', 'stale_sequence', 'present', jsonb_build_object('last_sequence', present.last_sequence));
        END IF;
    END IF;

    state := jsonb_build_object('status', present.status);
    FOR place IN 0 .. size - 1 LOOP
        item := given -> place;
        kind := item ->> 'type';
        pointer := '/events/' || place;
        IF item ? 'id' AND NOT app.id_tells_time((item ->> 'id')::uuid) THEN
            RAISE EXCEPTION 'the id must be a UUIDv7 whose time is within one hour of the current time' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/id', 'code', 'invalid_id');
        END IF;
        IF octet_length((item -> 'payload')::text) > 262144 THEN
            RAISE EXCEPTION 'a payload is larger than 256 KiB' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/payload', 'code', 'too_long',
                    'detail', 'A payload must not be larger than 256 KiB.');
        END IF;
        IF item ? 'causation_id' OR kind IN ('decision.revised', 'action.executed') THEN
            PERFORM app.check_event_references(caller, thread, given, place);
        END IF;
        IF kind = 'link.added' AND app.uri_allowed(item -> 'payload' ->> 'uri') IS NOT TRUE THEN
            RAISE EXCEPTION 'the link is not a URI with an allowed scheme' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/payload/uri', 'code', 'invalid_format',
                    'detail', 'A link must be a URI with an allowed scheme.');
        END IF;
        IF kind = 'thread.updated' THEN
            PERFORM app.check_thread_fields(item -> 'payload', '{type,visibility,title,parent_thread_id,tags}', pointer || '/payload');
            parent := item -> 'payload' ->> 'parent_thread_id';
            IF parent IS NOT NULL THEN
                PERFORM app.check_thread_parent(caller, thread, parent, pointer || '/payload/parent_thread_id');
            END IF;
        END IF;
        result := app.thread_after(state, kind, item -> 'payload');
        IF result ->> 'status' IS NULL THEN
            RAISE EXCEPTION '% is forbidden while the thread is %', kind, state ->> 'status' USING ERRCODE = 'CH409',
                DETAIL = jsonb_build_object('code', 'forbidden_transition', 'present', jsonb_build_object('status', state -> 'status'),
                    'detail', format('The thread is %s. Events of the type %s cannot be appended in this status.', state ->> 'status', kind));
        END IF;
        state := result;
    END LOOP;

    becomes := present;
    IF state ?| '{type,visibility,title,parent_thread_id,tags}' THEN
        SELECT CASE WHEN state ? 'type' THEN state ->> 'type' ELSE present.type END AS type,
            CASE WHEN state ? 'visibility' THEN state ->> 'visibility' ELSE present.visibility END AS visibility,
            CASE WHEN state ? 'title' THEN state ->> 'title' ELSE present.title END AS title,
            CASE WHEN state ? 'parent_thread_id' THEN (state ->> 'parent_thread_id')::uuid ELSE present.parent_thread_id END AS parent_thread_id,
            CASE WHEN state ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(state -> 'tags')) ELSE present.tags END AS tags
        INTO becomes;
    END IF;

    -- What is appended to a public thread is published. One event thread.updated says nothing
    -- but the change of the thread, which has a gate of its own: if it does change the thread.
    IF present.visibility = 'public' AND NOT (size = 1 AND kind = 'thread.updated'
        AND ROW(becomes.type, becomes.visibility, becomes.title, becomes.parent_thread_id, becomes.tags)
            IS DISTINCT FROM ROW(present.type, present.visibility, present.title, present.parent_thread_id, present.tags)
        AND item ->> 'causation_id' IS NULL AND item ->> 'correlation_id' IS NULL) THEN
        SELECT jsonb_agg(CASE WHEN g.event ? 'id' THEN g.event ELSE g.event || jsonb_build_object('id', app.uuid_v7()) END ORDER BY g.place)
        INTO given FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place);
        FOR place IN 0 .. size - 1 LOOP
            PERFORM app.gate_event(thread, present.sphere, given -> place);
        END LOOP;
    END IF;

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
    )
    SELECT jsonb_agg(jsonb_build_object('id', a.id, 'sequence', a.sequence, 'type', a.type, 'created_at', a.created_at) ORDER BY a.sequence),
        (array_agg(a.created_at ORDER BY a.sequence DESC))[1]
    INTO result, moment FROM appended a;
    UPDATE public.threads t SET
        last_sequence = t.last_sequence + size,
        event_count = t.event_count + size,
        last_event_at = moment,
        status = state ->> 'status',
        type = becomes.type,
        visibility = becomes.visibility,
        title = becomes.title,
        parent_thread_id = becomes.parent_thread_id,
        tags = becomes.tags
    WHERE t.created_by = caller AND t.id = thread;
    RETURN jsonb_build_object('replayed', false, 'last_sequence', present.last_sequence + size, 'events', result);
END
$$;
ALTER FUNCTION app.append_events(uuid, bigint, jsonb) OWNER TO chenu_threads;
REVOKE EXECUTE ON FUNCTION app.append_events(uuid, bigint, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.append_events(uuid, bigint, jsonb) TO chenu_human, chenu_agent;

-- Appends an event to the thread of a checkpoint for each of its steps: its request, decision,
-- withdrawal, use and expiry, whoever causes the step. The use of an approval is an executed
-- action. Only this function sets the checkpoint_id of an event. Its owner also expires
-- checkpoints, without an identity, and may only insert such events and change the counters of a
-- thread.
--
-- Steps of a checkpoint for the thread's own row do not change the version of the thread: the
-- approval of a change is bound to the version that the human saw, and requesting it must not
-- invalidate it. These steps contain only what the write and the human's decision contain, so
-- nothing else is published with them. All other events, also steps of other checkpoints, change
-- the version.
--
-- In a public thread an event repeats only the digest and the type of the request, because the
-- request was not approved for publication.
CREATE FUNCTION app.record_step() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step text;
    said jsonb := jsonb_build_object('checkpoint_id', NEW.id, 'digest', encode(NEW.digest, 'hex'));
    about jsonb := jsonb_build_object('action', NEW.action, 'resource_type', NEW.resource_type, 'resource_id', NEW.resource_id);
    -- Whether it is about the thread's own row.
    own boolean := coalesce(NEW.payload ->> 'table' = 'threads'
        OR NEW.payload -> 'writes' @> jsonb_build_array(jsonb_build_object('table', 'threads', 'id', NEW.thread_id)), false);
    present record;
BEGIN
    IF NEW.thread_id IS NULL THEN
        RETURN NULL;
    END IF;
    CASE
        WHEN TG_OP = 'INSERT' THEN
            step := 'checkpoint.requested';
            said := said || about || jsonb_build_object('type', NEW.type);
        WHEN NEW.status <> OLD.status THEN
            step := 'checkpoint.' || NEW.status;
            IF NEW.status <> 'expired' THEN
                said := said || jsonb_build_object('reason', NEW.reason);
            END IF;
        WHEN OLD.consumed_at IS NULL AND NEW.consumed_at IS NOT NULL THEN
            step := 'action.executed';
            said := about || jsonb_build_object('outcome', 'success');
        ELSE
            RETURN NULL;
    END CASE;
    SELECT t.last_sequence, t.visibility INTO STRICT present FROM public.threads t
    WHERE t.created_by = NEW.created_by AND t.id = NEW.thread_id FOR NO KEY UPDATE;
    IF present.visibility = 'public' AND said ? 'action' THEN
        said := said - '{resource_type,resource_id}'::text[] || jsonb_build_object('action',
            CASE NEW.origin WHEN 'write' THEN 'a change of data' ELSE 'an action that a client defined' END);
    END IF;
    WITH recorded AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload,
            actor_id, actor_kind, request_id, checkpoint_id)
        VALUES (app.uuid_v7(), NEW.created_by, NEW.thread_id, present.last_sequence + 1, step, 1, jsonb_strip_nulls(said),
            nullif(current_setting('app.actor_id', true), '')::uuid,
            CASE WHEN nullif(current_setting('app.identity_id', true), '') IS NULL THEN 'system' ELSE app.actor_kind() END,
            nullif(current_setting('app.request_id', true), '')::uuid, NEW.id)
        RETURNING created_at
    )
    UPDATE public.threads t SET last_sequence = present.last_sequence + 1, event_count = t.event_count + 1, last_event_at = r.created_at,
        step_count = t.step_count + own::integer
    FROM recorded r WHERE t.created_by = NEW.created_by AND t.id = NEW.thread_id;
    RETURN NULL;
END
$$;
ALTER FUNCTION app.record_step() OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.record_step() FROM PUBLIC;

-- Keeps the version of a thread when app.record_step() counts a step. It runs after the trigger
-- that increments the version: triggers fire in the order of their names.
CREATE FUNCTION app.keep_version() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.step_count > OLD.step_count THEN
        NEW.version := OLD.version;
    END IF;
    RETURN NEW;
END
$$;

-- Returns the row of a thread as its events define it, up to a sequence or to the last event: the
-- columns that events determine, and the actor of the last event. It returns NULL if there is no
-- event. It reads with the rights of its caller. Fields whose content was erased are missing.
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
