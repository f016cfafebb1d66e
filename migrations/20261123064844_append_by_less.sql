-- append by less
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   PUBLIC loses EXECUTE on function app.check_id(uuid)
--   PUBLIC gains EXECUTE on function app.refuse_id()
--   function app.append_events(uuid, bigint, jsonb), which runs with the rights of chenu_threads, does something else

CREATE OR REPLACE FUNCTION app.content_digest(salt bytea, content jsonb, fields text[]) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field text;
    digested jsonb := '{}';
BEGIN
    FOREACH field IN ARRAY fields LOOP
        IF content ? field THEN
            digested := digested || jsonb_build_object(field, content -> field);
        END IF;
    END LOOP;
    RETURN sha256(salt || convert_to(digested::text, 'UTF8'));
END
$$;

CREATE OR REPLACE FUNCTION app.uuid_v7(at timestamptz DEFAULT clock_timestamp()) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entropy bytea := uuid_send(gen_random_uuid());
    -- A double holds the microseconds of the next two centuries exactly.
    microseconds bigint := round(date_part('epoch', at) * 1000000);
BEGIN
    RETURN (lpad(to_hex(microseconds / 1000), 12, '0')
        || '7' || lpad(to_hex(microseconds % 1000 * 1000 / 256), 3, '0')
        || to_hex(8 + (get_byte(entropy, 0) & 3)) || substr(encode(entropy, 'hex'), 18, 15))::uuid;
END
$$;

CREATE OR REPLACE FUNCTION app.uuid_v7_time(id uuid) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN timestamptz 'epoch' + interval '1 millisecond'
        * (('x' || lpad(substr(replace(id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint);
END
$$;

CREATE OR REPLACE FUNCTION app.actor_kind() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE coalesce(nullif(current_setting('role', true), 'none'), session_user)
        WHEN 'chenu_human' THEN 'human'
        WHEN 'chenu_agent' THEN 'agent'
        ELSE 'system'
    END;
END
$$;

CREATE OR REPLACE FUNCTION app.id_tells_time(id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN app.actor_kind() = 'system' OR substr(id::text, 15, 1) = '7'
        AND abs(extract(epoch FROM clock_timestamp() - app.uuid_v7_time(id))) <= 3600;
END
$$;

CREATE FUNCTION app.refuse_id() RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'id is not a UUIDv7 of this hour'
        USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/id", "code": "invalid_id"}';
END
$$;

CREATE OR REPLACE FUNCTION app.stamp() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT app.id_tells_time(NEW.id) THEN
        PERFORM app.refuse_id();
    END IF;
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.stamp_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT app.id_tells_time(NEW.id) THEN
            PERFORM app.refuse_id();
        END IF;
        NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at;
        NEW.version := 1;
    ELSE
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
        NEW.version := OLD.version + 1;
    END IF;
    NEW.updated_by := nullif(current_setting('app.actor_id', true), '')::uuid;
    -- A function that tidies up runs as nobody, although in the role of a human.
    NEW.updated_by_kind := CASE WHEN nullif(current_setting('app.identity_id', true), '') IS NULL THEN 'system' ELSE app.actor_kind() END;
    RETURN NEW;
END
$$;

-- Existing rows keep what the old body made of them in constraint sessions_amr_check on app.sessions, constraint business_contacts_tags_check on public.business_contacts, constraint personal_notes_tags_check on public.personal_notes, constraint personal_tasks_tags_check on public.personal_tasks, constraint scholar_manuscripts_co_authors_check on public.scholar_manuscripts, constraint scholar_references_authors_check on public.scholar_references, constraint team_agents_capabilities_check on public.team_agents, constraint threads_tags_check on public.threads.
CREATE OR REPLACE FUNCTION app.texts_valid(texts text[], most integer, longest integer) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item text;
    valid boolean := cardinality(texts) <= most AND coalesce(array_ndims(texts), 1) = 1;
BEGIN
    IF valid IS NOT TRUE THEN
        RETURN valid;
    END IF;
    FOREACH item IN ARRAY texts LOOP
        IF (char_length(item) BETWEEN 1 AND longest) IS NOT TRUE THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION app.thread_transition(status text, event text) RETURNS text
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

CREATE OR REPLACE FUNCTION app.thread_after(state jsonb, event text, payload jsonb) RETURNS jsonb
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

CREATE OR REPLACE FUNCTION app.append_events(thread_id uuid, expected_sequence bigint, events jsonb) RETURNS jsonb
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
    given constant jsonb := events;
    size integer;
    item jsonb;
    kind text;
    pointer text;
    event_id uuid;
    ids uuid[] := '{}';
    present record;
    before record;
    state jsonb;
    parent uuid;
    result jsonb;
    moment timestamptz;
BEGIN
    IF (jsonb_typeof(given) = 'array' AND jsonb_array_length(given) BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION '1 to 100 events are appended at once' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/events", "code": "out_of_range"}';
    END IF;
    size := jsonb_array_length(given);
    FOR place IN 0 .. size - 1 LOOP
        item := given -> place;
        kind := item ->> 'type';
        -- What the service itself records would mean nothing if anybody could say it.
        IF kind = 'thread.created' OR kind LIKE 'checkpoint.%' THEN
            RAISE EXCEPTION 'only the service itself records this event' USING ERRCODE = 'CH403',
                DETAIL = jsonb_build_object('pointer', format('/events/%s/type', place), 'code', 'not_in_enum',
                    'detail', 'Only the service itself records events of this type.');
        END IF;
        IF item ? 'id' THEN
            event_id := item ->> 'id';
            IF event_id = ANY (ids) THEN
                RAISE EXCEPTION 'two events of one id' USING ERRCODE = 'CH422',
                    DETAIL = jsonb_build_object('pointer', format('/events/%s/id', place), 'code', 'not_unique');
            END IF;
            ids := ids || event_id;
        END IF;
    END LOOP;
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
    IF ids <> '{}' AND EXISTS (SELECT FROM public.thread_events e WHERE e.created_by = caller AND e.id = ANY (ids)) THEN
        SELECT count(*) FILTER (WHERE e.thread_id = thread AND e.type = g.event ->> 'type'
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
        IF before.alike = size AND before.runs = 1 THEN
            RETURN jsonb_build_object('replayed', true, 'last_sequence', before.last_sequence, 'events', before.events);
        END IF;
        RAISE EXCEPTION 'an event of this id is there with other content' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "event_id_reused", "detail": "An event with one of these ids was appended before, with other content or among other events."}';
    END IF;

    IF expected <> present.last_sequence AND (expected > present.last_sequence OR EXISTS (
        SELECT FROM public.thread_events e
        WHERE e.created_by = caller AND e.thread_id = thread AND e.sequence > expected AND e.checkpoint_id IS NULL
    )) THEN
        RAISE EXCEPTION 'the thread is at sequence %', present.last_sequence USING ERRCODE = 'CH412',
            DETAIL = jsonb_build_object('code', 'stale_sequence', 'present', jsonb_build_object('last_sequence', present.last_sequence));
    END IF;

    state := jsonb_build_object('status', present.status);
    FOR place IN 0 .. size - 1 LOOP
        item := given -> place;
        kind := item ->> 'type';
        pointer := '/events/' || place;
        IF item ? 'id' AND NOT app.id_tells_time((item ->> 'id')::uuid) THEN
            RAISE EXCEPTION 'id is not a UUIDv7 of this hour' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/id', 'code', 'invalid_id');
        END IF;
        IF pg_column_size(item -> 'payload') > 262144 THEN
            RAISE EXCEPTION 'a payload is larger than 256 KiB' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/payload', 'code', 'too_long',
                    'detail', 'A payload may have at most 256 KiB.');
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
                    'detail', format('The thread is %s, and takes no event %s then.', state ->> 'status', kind));
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
    )
    SELECT jsonb_agg(jsonb_build_object('id', a.id, 'sequence', a.sequence, 'type', a.type, 'created_at', a.created_at) ORDER BY a.sequence),
        (array_agg(a.created_at ORDER BY a.sequence DESC))[1]
    INTO result, moment FROM appended a;
    UPDATE public.threads t SET
        last_sequence = t.last_sequence + size,
        event_count = t.event_count + size,
        last_event_at = moment,
        status = state ->> 'status',
        type = CASE WHEN state ? 'type' THEN state ->> 'type' ELSE t.type END,
        visibility = CASE WHEN state ? 'visibility' THEN state ->> 'visibility' ELSE t.visibility END,
        title = CASE WHEN state ? 'title' THEN state ->> 'title' ELSE t.title END,
        parent_thread_id = CASE WHEN state ? 'parent_thread_id' THEN (state ->> 'parent_thread_id')::uuid ELSE t.parent_thread_id END,
        tags = CASE WHEN state ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(state -> 'tags')) ELSE t.tags END
    WHERE t.created_by = caller AND t.id = thread;
    RETURN jsonb_build_object('replayed', false, 'last_sequence', present.last_sequence + size, 'events', result);
END
$$;

DROP FUNCTION app.check_id(uuid);
