-- cheaper writes
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   review: function app.account_write(oid, text, text, text, text[], text, jsonb, jsonb)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.append_events(uuid, bigint, jsonb)
--       the body changed; it runs with the privileges of chenu_threads
--   review: function app.audit()
--       the body changed; it runs when app.agent_credentials, app.event_rsvps, app.habit_check_ins or one of 27 other tables changes, with the privileges of chenu_audit
--   review: function app.check_collected()
--       the body changed; it runs when app.collected_writes changes, with the privileges of chenu_gate
--   review: function app.record_denial(text, text, uuid, jsonb, text)
--       the body changed; it runs with the privileges of chenu_audit
--   review: function app.record_read(text, uuid, jsonb, text)
--       the body changed; it runs with the privileges of chenu_audit

CREATE OR REPLACE FUNCTION app.audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    present jsonb := coalesce(new_row, old_row);
    left_out text[] := TG_ARGV[3:];
    kind constant text := app.actor_kind();
    approved text[] := string_to_array(current_setting('app.approved_write', true), ' ');
    approval uuid;
    before jsonb;
    after jsonb;
BEGIN
    IF TG_ARGV[0] <> 'identity' THEN
        PERFORM app.refuse_inactive();
    ELSIF old_row ->> 'status' = 'erased' OR old_row ->> 'status' = 'locked' AND kind <> 'system' THEN
        RAISE EXCEPTION 'the identity is locked or was erased' USING ERRCODE = 'CH401';
    END IF;
    IF kind = 'agent' THEN
        PERFORM app.refuse_inactive_agent();
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key) INTO before, after
        FROM jsonb_each(old_row) AS o
        WHERE o.value IS DISTINCT FROM new_row -> o.key AND o.key <> ALL (left_out);
        IF EXISTS (SELECT FROM unnest(left_out) AS c WHERE old_row -> c IS DISTINCT FROM new_row -> c) THEN
            after := coalesce(after, '{}');
        ELSIF after IS NULL THEN
            RETURN NULL;
        END IF;
    ELSE
        before := old_row - left_out;
        after := new_row - left_out;
    END IF;
    -- In collecting mode and under an approval, every write counts.
    IF current_setting('app.checkpoint_id', true) <> '' OR current_setting('app.collecting', true) <> '' THEN
        approval := app.account_write(TG_RELID, TG_ARGV[0], TG_ARGV[1], TG_ARGV[2], left_out, TG_OP, old_row, new_row);
    END IF;
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere,
        before, after, details, checkpoint_id, request_id, client_request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        app.uuid_v7(),
        (present ->> TG_ARGV[1])::uuid,
        nullif(current_setting('app.actor_id', true), '')::uuid,
        -- A function that tidies up runs as nobody, although in the role of a human.
        CASE WHEN nullif(current_setting('app.identity_id', true), '') IS NULL THEN 'system' ELSE kind END,
        CASE
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'INSERT' THEN 'checkpoint_requested'
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'UPDATE' AND after ? 'consumed_at' THEN 'checkpoint_consumed'
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'UPDATE' AND after ? 'status' THEN 'checkpoint_' || (after ->> 'status')
            WHEN TG_ARGV[0] = 'hired_agent' AND after ->> 'status' = 'active' THEN 'agent_hired'
            WHEN TG_ARGV[0] = 'hired_agent' AND after ->> 'status' = 'dismissed' THEN 'agent_dismissed'
            WHEN TG_ARGV[0] = 'identity' AND after ->> 'status' = 'erased' THEN 'delete'
            WHEN TG_OP = 'INSERT' THEN 'create'
            WHEN TG_OP = 'UPDATE' THEN 'update'
            ELSE 'delete'
        END,
        'success',
        TG_ARGV[0],
        (present ->> 'id')::uuid,
        coalesce(nullif(TG_ARGV[2], ''), present ->> 'sphere'),
        before,
        after,
        '{}',
        -- What a client claims in its request is not what approved the write: see app.take_write().
        -- The approval of an erasure is looked up where the setting says; the checkpoint's row
        -- says whether it approved this write.
        CASE WHEN TG_ARGV[0] = 'checkpoint' THEN (present ->> 'id')::uuid
            WHEN approval IS NOT NULL THEN approval
            WHEN TG_ARGV[0] = 'identity' AND approved[2:] = ARRAY[TG_ARGV[0], present ->> 'id']
                THEN app.approval_of(approved[1]::uuid, TG_ARGV[0], TG_OP, (old_row ->> 'id')::uuid, (old_row ->> 'version')::bigint) END,
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.client_request_id', true), '')::uuid,
        substring(left(current_setting('app.traceparent', true), 55) from '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
        nullif(current_setting('app.session_id', true), '')::uuid,
        substring(left(current_setting('app.ip', true), 45) from '^[0-9A-Fa-f:.]+'),
        nullif(left(current_setting('app.user_agent', true), 400), ''),
        coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION app.record_read(resource_type text, resource_id uuid, details jsonb, sphere text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN app.record_event('read', 'success', resource_type, resource_id, details, sphere);
END
$$;

CREATE OR REPLACE FUNCTION app.record_denial(action text, resource_type text, resource_id uuid, details jsonb, sphere text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN app.record_event(action, 'denied', resource_type, resource_id, details, sphere);
END
$$;

CREATE OR REPLACE FUNCTION app.payload_digest(payload jsonb) RETURNS bytea
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN sha256(convert_to(payload::text, 'UTF8'));
END
$$;

-- Existing rows keep the results of the old body in column app.idempotency_keys.actor_id.
CREATE OR REPLACE FUNCTION app.actor() RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN nullif(CASE app.actor_kind()
        WHEN 'human' THEN current_setting('app.identity_id', true)
        ELSE current_setting('app.actor_id', true)
    END, '')::uuid;
END
$$;

CREATE OR REPLACE FUNCTION app.gates_hold() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT pg_has_role(coalesce(nullif(current_setting('role', true), 'none'), session_user)::name, 'chenu_owner', 'MEMBER');
END
$$;

CREATE OR REPLACE FUNCTION app.checkpoint_lifetime(type text) RETURNS interval
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN type IN ('cost', 'identity') THEN interval '15 minutes' ELSE interval '24 hours' END;
END
$$;

CREATE OR REPLACE FUNCTION app.uuid_v7(at timestamptz DEFAULT clock_timestamp()) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A double holds the microseconds of the next two centuries exactly.
    microseconds constant bigint := round(date_part('epoch', at) * 1000000);
BEGIN
    -- 48 bits of milliseconds, 4 of the version (7), 12 of the fraction. A random UUID has the
    -- variant and 62 random bits in its second half.
    RETURN encode(int8send((microseconds / 1000 << 16) | (7 << 12) | (microseconds % 1000 * 1000 / 256))
        || substr(uuid_send(gen_random_uuid()), 9), 'hex')::uuid;
END
$$;

CREATE OR REPLACE FUNCTION app.id_tells_time(id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    octets constant bytea := uuid_send(id);
BEGIN
    -- The first 48 bits are milliseconds since 1970.
    RETURN app.actor_kind() = 'system' OR get_byte(octets, 6) >> 4 = 7
        AND abs(date_part('epoch', clock_timestamp()) * 1000 - ('x' || encode(substr(octets, 1, 6), 'hex'))::bit(48)::bigint) <= 3600000;
END
$$;

CREATE OR REPLACE FUNCTION app.uuid_v7_floor(at timestamptz) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;
END
$$;

CREATE OR REPLACE FUNCTION app.event_schema_version() RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN 1;
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
        IF item -> 'schema_version' IS DISTINCT FROM to_jsonb(app.event_schema_version()) THEN
            RAISE EXCEPTION 'events have the schema version %', app.event_schema_version() USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', format('/events/%s/schema_version', place), 'code', 'invalid_value');
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
            RAISE EXCEPTION 'an event of this id is there with other content' USING ERRCODE = 'CH409',
                DETAIL = '{"code": "event_id_reused", "detail": "An event with one of these ids was appended before, with other content or among other events."}';
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
            RAISE EXCEPTION 'the thread is at sequence %', present.last_sequence USING ERRCODE = 'CH412',
                DETAIL = jsonb_build_object('code', 'stale_sequence', 'present', jsonb_build_object('last_sequence', present.last_sequence));
        END IF;
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
        IF octet_length((item -> 'payload')::text) > 262144 THEN
            RAISE EXCEPTION 'a payload is larger than 256 KiB' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/payload', 'code', 'too_long',
                    'detail', 'A payload may have at most 256 KiB.');
        END IF;
        IF item ? 'causation_id' OR kind IN ('decision.revised', 'action.executed') THEN
            PERFORM app.check_event_references(caller, thread, given, place);
        END IF;
        IF kind = 'link.added' AND app.uri_allowed(item -> 'payload' ->> 'uri') IS NOT TRUE THEN
            RAISE EXCEPTION 'a link is not a URI with an allowed scheme' USING ERRCODE = 'CH422',
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
                    'detail', format('The thread is %s, and takes no event %s then.', state ->> 'status', kind));
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

CREATE OR REPLACE FUNCTION app.checkpoint_usable(status text, consumed_at timestamptz, use_before timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(status = 'approved' AND consumed_at IS NULL AND use_before > clock_timestamp(), false);
END
$$;

CREATE OR REPLACE FUNCTION app.account_write(
    relation oid, resource text, owner text, sphere text, left_out text[], operation text, old_row jsonb, new_row jsonb
) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    present jsonb := CASE WHEN operation = 'DELETE' THEN old_row ELSE new_row END;
    name text;
    columns text[];
    content jsonb;
    approval uuid;
BEGIN
    -- The steps of checkpoints are no writes of the caller's.
    IF NOT app.gates_hold() OR resource = 'checkpoint' OR resource = 'thread_event' AND present ->> 'checkpoint_id' IS NOT NULL THEN
        RETURN NULL;
    END IF;
    SELECT c.relname INTO name FROM pg_class c WHERE c.oid = relation;
    UPDATE app.collected_writes w SET audited = true
     WHERE w.created_by = caller AND NOT w.audited AND w.table_name = name AND w.operation = account_write.operation
       AND w.row_id = (present ->> 'id')::uuid
    RETURNING w.checkpoint_id INTO approval;
    IF FOUND THEN
        RETURN approval;
    END IF;
    IF resource = 'thread_event' THEN
        content := app.event_content(present);
    ELSE
        columns := app.client_columns(relation);
        IF columns IS NOT NULL THEN
            SELECT jsonb_object_agg(c, present -> c) INTO content FROM unnest(columns) AS c WHERE c NOT IN ('id', owner);
        ELSE
            content := present - left_out - '{id,created_at,updated_at,updated_by,updated_by_kind,version}'::text[] - owner;
        END IF;
    END IF;
    RETURN app.take_write(jsonb_build_object(
        'identity', present ->> owner,
        'type', NULL,
        'sphere', coalesce(nullif(account_write.sphere, ''), present ->> 'sphere'),
        'resource_type', resource,
        'table', name,
        'operation', operation,
        'id', old_row ->> 'id',
        'version', old_row -> 'version',
        'values', content), (present ->> 'id')::uuid, false);
END
$$;

CREATE OR REPLACE FUNCTION app.check_collected() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    -- The arguments change nothing about the best plan, and planning for each costs more
    -- than running it.
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    transaction_id constant bigint := pg_current_xact_id()::text::bigint;
    earliest constant uuid := app.uuid_v7_floor(transaction_timestamp() - interval '5 seconds');
    used record;
    named public.checkpoints;
    accounted integer;
    made integer;
    written integer;
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF pg_trigger_depth() > 1 THEN
            RAISE EXCEPTION 'the writes of an approval are checked when the transaction commits' USING ERRCODE = 'CH423',
                DETAIL = '{"code": "checkpoint_mismatch"}';
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.checkpoint_id IS NULL THEN
        RAISE EXCEPTION 'a transaction in collecting mode never commits' USING ERRCODE = 'CH403';
    END IF;
    IF NEW.created_by IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'the identity was changed under an approval' USING ERRCODE = 'CH403';
    END IF;
    IF NOT EXISTS (SELECT FROM app.collected_writes w WHERE w.created_by = caller AND w.id = NEW.id) THEN
        RETURN NULL; -- It was checked with the first one.
    END IF;
    FOR used IN
        SELECT w.checkpoint_id AS id, count(*) AS made FROM app.collected_writes w WHERE w.created_by = caller GROUP BY w.checkpoint_id
    LOOP
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = used.id;
        IF used.made IS DISTINCT FROM app.approved_count(named.payload) THEN
            PERFORM app.refuse_write('checkpoint_mismatch', NULL,
                app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
        END IF;
    END LOOP;
    SELECT count(*) FILTER (WHERE w.audited), count(*) INTO accounted, made FROM app.collected_writes w WHERE w.created_by = caller;
    -- The ids of the transaction's audit rows tell that they are not older than it, unless the
    -- clock was set back meanwhile. The ids of a transaction's savepoints follow its own, in 32
    -- bits: the comparison saves a call for each older row.
    SELECT count(*) INTO written FROM public.audit_logs a
     WHERE a.created_by = caller AND a.id >= earliest
       AND ((a.xmin::text::bigint - transaction_id) & 4294967295) < 2147483648 AND app.written_here(a.xmin)
       AND a.outcome = 'success' AND a.action NOT IN ('read', 'login', 'logout', 'credential_change')
       AND a.resource_type <> 'checkpoint' AND (a.resource_type <> 'thread_event' OR a.after ->> 'checkpoint_id' IS NULL);
    IF accounted <> written OR accounted <> made OR EXISTS (SELECT FROM pg_cursors c WHERE c.is_holdable) THEN
        PERFORM app.refuse_write('checkpoint_mismatch', NULL,
                app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
    END IF;
    UPDATE public.checkpoints c SET consumed_at = clock_timestamp()
     WHERE c.created_by = caller AND c.consumed_at IS NULL
       AND c.id IN (SELECT w.checkpoint_id FROM app.collected_writes w WHERE w.created_by = caller);
    DELETE FROM app.collected_writes w WHERE w.created_by = caller;
    RETURN NULL;
END
$$;
