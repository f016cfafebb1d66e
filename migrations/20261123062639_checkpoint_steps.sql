-- checkpoint steps
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   chenu_agent gains EXECUTE on function app.record_denial(text, text, uuid, jsonb, text)
--   chenu_agent loses EXECUTE on function app.record_event(text, text, text, uuid, jsonb)
--   chenu_agent gains EXECUTE on function app.record_read(text, uuid, jsonb, text)
--   chenu_human gains EXECUTE on function app.record_denial(text, text, uuid, jsonb, text)
--   chenu_human loses EXECUTE on function app.record_event(text, text, text, uuid, jsonb)
--   chenu_human gains EXECUTE on function app.record_read(text, uuid, jsonb, text)
--   chenu_login loses EXECUTE on function app.record_event(text, text, text, uuid, jsonb)
--   chenu_login gains EXECUTE on function app.record_event(text, text, text, uuid, jsonb, text)
--   chenu_maintain gains SELECT (thread_id) on public.checkpoints
--   chenu_maintain gains SELECT (created_by, created_at, checkpoint_id), INSERT (id, created_by, sequence, type, schema_version, payload, actor_id, actor_kind, checkpoint_id, request_id, thread_id) on public.thread_events
--   chenu_maintain gains SELECT (id, created_by, last_sequence, event_count, step_count), UPDATE (last_sequence, event_count, last_event_at, step_count) on public.threads
--   new policy maintain_insert on public.thread_events: chenu_maintain may INSERT rows that then have ((checkpoint_id IS NOT NULL) AND (CURRENT_USER = 'chenu_maintain'::name))
--   new policy maintain_select on public.thread_events: chenu_maintain may SELECT rows where ((checkpoint_id IS NOT NULL) AND (CURRENT_USER = 'chenu_maintain'::name))
--   new policy maintain_select on public.threads: chenu_maintain may SELECT rows where (CURRENT_USER = 'chenu_maintain'::name)
--   new policy maintain_update on public.threads: chenu_maintain may UPDATE rows where (CURRENT_USER = 'chenu_maintain'::name)
--   function app.append_events(uuid, bigint, jsonb), which runs with the rights of chenu_threads, does something else
--   function app.expire_checkpoints(integer), which runs with the rights of chenu_maintain, does something else
--   function app.record_denial(text, text, uuid, jsonb, text) runs with the rights of chenu_audit
--   function app.record_event(text, text, text, uuid, jsonb, text) runs with the rights of chenu_audit
--   function app.record_read(text, uuid, jsonb, text) runs with the rights of chenu_audit
--   function app.record_step() runs with the rights of chenu_maintain
--   function app.use_checkpoint(jsonb), which runs with the rights of chenu_gate, does something else
-- Locks, held until commit:
--   public.checkpoints: SHARE ROW EXCLUSIVE (writes wait)
--   public.thread_events: ACCESS EXCLUSIVE (reads and writes wait)
--   public.threads: ACCESS EXCLUSIVE (reads and writes wait)

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.record_event(text, text, text, uuid, jsonb);

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.record_event(action text, outcome text, resource_type text, resource_id uuid, details jsonb, sphere text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    identity uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    recorded uuid := app.uuid_v7();
BEGIN
    IF identity IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF outcome = 'success' AND action NOT IN ('login', 'logout', 'credential_change', 'read') THEN
        RAISE EXCEPTION 'a success of % is recorded by the change itself', action USING ERRCODE = 'CH403';
    END IF;
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere,
        details, checkpoint_id, request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        recorded,
        identity,
        nullif(current_setting('app.actor_id', true), '')::uuid,
        app.actor_kind(),
        action, outcome, resource_type, resource_id, sphere, coalesce(details, '{}'),
        nullif(current_setting('app.checkpoint_id', true), '')::uuid,
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.traceparent', true), ''),
        nullif(current_setting('app.session_id', true), '')::uuid,
        nullif(current_setting('app.ip', true), ''),
        nullif(left(current_setting('app.user_agent', true), 400), ''),
        coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
    RETURN recorded;
END
$$;

CREATE FUNCTION app.record_read(resource_type text, resource_id uuid, details jsonb, sphere text) RETURNS uuid
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.record_event('read', 'success', resource_type, resource_id, details, sphere)
$$;

CREATE FUNCTION app.record_denial(action text, resource_type text, resource_id uuid, details jsonb, sphere text DEFAULT NULL) RETURNS uuid
    LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.record_event(action, 'denied', resource_type, resource_id, details, sphere)
$$;

CREATE OR REPLACE FUNCTION app.use_checkpoint(payload jsonb) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    actor uuid := app.actor();
    wanted uuid := nullif(current_setting('app.checkpoint_id', true), '')::uuid;
    fingerprint bytea := app.payload_digest(payload);
    named public.checkpoints;
    code text := 'checkpoint_required';
BEGIN
    IF wanted IS NOT NULL THEN
        UPDATE public.checkpoints c SET consumed_at = clock_timestamp()
         WHERE c.created_by = caller AND c.id = wanted AND c.digest = fingerprint
           AND c.requested_by = actor AND c.requested_by_kind = app.actor_kind()
           AND c.status = 'approved' AND c.consumed_at IS NULL AND c.use_before > clock_timestamp();
        IF FOUND THEN
            RETURN wanted;
        END IF;
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted;
        code := CASE
            WHEN named.digest IS DISTINCT FROM fingerprint OR named.requested_by <> actor
                OR named.requested_by_kind <> app.actor_kind() THEN 'checkpoint_mismatch'
            WHEN named.status = 'rejected' THEN 'checkpoint_rejected'
            WHEN named.consumed_at IS NOT NULL THEN 'checkpoint_used'
            WHEN named.status = 'pending' AND named.expires_at > clock_timestamp() THEN 'checkpoint_pending'
            ELSE 'checkpoint_expired'
        END;
    END IF;
    -- The payload goes ahead of the error: an error's DETAIL is in the server's log at its
    -- default verbosity, an INFO reaches the client alone (log_min_messages is warning).
    RAISE INFO 'what a human must approve' USING ERRCODE = 'CH423', DETAIL = payload::text;
    RAISE EXCEPTION 'a human must approve exactly this: %', code USING ERRCODE = 'CH423',
        DETAIL = jsonb_build_object('code', code, 'checkpoint',
            app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at))::text;
END
$$;

CREATE OR REPLACE FUNCTION app.expire_checkpoints(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    WITH due AS MATERIALIZED (
        SELECT c.created_by, c.id, c.thread_id FROM public.checkpoints c
         WHERE c.status = 'pending' AND c.expires_at <= clock_timestamp() LIMIT most FOR UPDATE SKIP LOCKED
    ), free AS MATERIALIZED (
        SELECT t.created_by, t.id FROM public.threads t
         WHERE (t.created_by, t.id) IN (SELECT d.created_by, d.thread_id FROM due d) FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE public.checkpoints SET status = 'expired' WHERE (created_by, id) IN (
        SELECT d.created_by, d.id FROM due d
         WHERE d.thread_id IS NULL OR (d.created_by, d.thread_id) IN (SELECT f.created_by, f.id FROM free f));
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;

CREATE OR REPLACE FUNCTION app.stamp_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM app.check_id(NEW.id);
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

CREATE OR REPLACE FUNCTION app.thread_transition(status text, event text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN status = 'archived' THEN NULL
        WHEN event = 'thread.paused' THEN CASE WHEN status = 'active' THEN 'paused' END
        WHEN event = 'thread.resumed' THEN CASE WHEN status IN ('paused', 'completed') THEN 'active' END
        WHEN event = 'thread.completed' THEN CASE WHEN status IN ('active', 'paused') THEN 'completed' END
        WHEN event = 'thread.archived' THEN 'archived'
        WHEN event = 'thread.created' THEN NULL
        ELSE status
    END
$$;

CREATE OR REPLACE FUNCTION app.append_events(thread_id uuid, expected_sequence bigint, events jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    thread constant uuid := thread_id;
    expected constant bigint := expected_sequence;
    given constant jsonb := events;
    size integer;
    ids uuid[];
    wrong bigint;
    present record;
    before record;
    item record;
    state jsonb;
    parent uuid;
    result jsonb;
BEGIN
    IF (jsonb_typeof(given) = 'array' AND jsonb_array_length(given) BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION '1 to 100 events are appended at once' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/events", "code": "out_of_range"}';
    END IF;
    -- What the service itself records would mean nothing if anybody could say it.
    SELECT e.place - 1 INTO wrong FROM jsonb_array_elements(given) WITH ORDINALITY AS e(event, place)
    WHERE e.event ->> 'type' = 'thread.created' OR e.event ->> 'type' LIKE 'checkpoint.%' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'only the service itself records this event' USING ERRCODE = 'CH403',
            DETAIL = jsonb_build_object('pointer', format('/events/%s/type', wrong), 'code', 'not_in_enum',
                'detail', 'Only the service itself records events of this type.');
    END IF;
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    size := jsonb_array_length(given);
    ids := ARRAY(SELECT (g.event ->> 'id')::uuid FROM jsonb_array_elements(given) AS g(event) WHERE g.event ? 'id');

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

    IF expected > present.last_sequence OR expected < present.last_sequence AND EXISTS (
        SELECT FROM public.thread_events e
        WHERE e.created_by = caller AND e.thread_id = thread AND e.sequence > expected AND e.checkpoint_id IS NULL
    ) THEN
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

CREATE FUNCTION app.record_step() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step text;
    said jsonb := jsonb_build_object('checkpoint_id', NEW.id, 'digest', encode(NEW.digest, 'hex'));
    about jsonb := jsonb_build_object('action', NEW.action, 'resource_type', NEW.resource_type, 'resource_id', NEW.resource_id);
    present bigint;
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
    SELECT t.last_sequence INTO STRICT present FROM public.threads t
    WHERE t.created_by = NEW.created_by AND t.id = NEW.thread_id FOR NO KEY UPDATE;
    WITH recorded AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload,
            actor_id, actor_kind, request_id, checkpoint_id)
        VALUES (app.uuid_v7(), NEW.created_by, NEW.thread_id, present + 1, step, 1, jsonb_strip_nulls(said),
            nullif(current_setting('app.actor_id', true), '')::uuid,
            CASE WHEN nullif(current_setting('app.identity_id', true), '') IS NULL THEN 'system' ELSE app.actor_kind() END,
            nullif(current_setting('app.request_id', true), '')::uuid, NEW.id)
        RETURNING created_at
    )
    UPDATE public.threads t SET last_sequence = present + 1, event_count = t.event_count + 1, last_event_at = r.created_at,
        step_count = t.step_count + CASE WHEN NEW.payload ->> 'table' = 'threads' THEN 1 ELSE 0 END
    FROM recorded r WHERE t.created_by = NEW.created_by AND t.id = NEW.thread_id;
    RETURN NULL;
END
$$;

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

-- Locks public.thread_events: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."thread_events" ADD COLUMN "checkpoint_id" uuid NULL;

-- Locks public.threads: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."threads" ADD COLUMN "step_count" bigint NOT NULL DEFAULT 0;

-- Scans public.threads.
ALTER TABLE "public"."threads" ADD CONSTRAINT "threads_step_count_check" CHECK (step_count >= 0);

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_audit;

ALTER FUNCTION app.record_denial(text, text, uuid, jsonb, text) OWNER TO chenu_audit;

ALTER FUNCTION app.record_event(text, text, text, uuid, jsonb, text) OWNER TO chenu_audit;

ALTER FUNCTION app.record_read(text, uuid, jsonb, text) OWNER TO chenu_audit;

REVOKE CREATE ON SCHEMA app FROM chenu_audit;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_maintain;

ALTER FUNCTION app.record_step() OWNER TO chenu_maintain;

REVOKE CREATE ON SCHEMA app FROM chenu_maintain;

CREATE POLICY maintain_insert ON thread_events FOR INSERT TO chenu_maintain
    WITH CHECK (checkpoint_id IS NOT NULL AND current_user = 'chenu_maintain');

CREATE POLICY maintain_select ON thread_events FOR SELECT TO chenu_maintain
    USING (checkpoint_id IS NOT NULL AND current_user = 'chenu_maintain');

CREATE POLICY maintain_select ON threads FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain');

CREATE POLICY maintain_update ON threads FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain')
    WITH CHECK (current_user = 'chenu_maintain');

-- Locks public.checkpoints: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER record_step AFTER INSERT OR UPDATE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.record_step();

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR DELETE ON threads
    FOR EACH ROW EXECUTE FUNCTION app.audit('thread', 'created_by', '', 'last_sequence', 'event_count', 'last_event_at', 'step_count');

CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON threads
    FOR EACH ROW WHEN ((OLD.id, OLD.created_by, OLD.created_at, OLD.founding_intent, OLD.sphere, OLD.type, OLD.status, OLD.visibility, OLD.title, OLD.parent_thread_id, OLD.tags) IS DISTINCT FROM (NEW.id, NEW.created_by, NEW.created_at, NEW.founding_intent, NEW.sphere, NEW.type, NEW.status, NEW.visibility, NEW.title, NEW.parent_thread_id, NEW.tags))
    EXECUTE FUNCTION app.audit('thread', 'created_by', '', 'last_sequence', 'event_count', 'last_event_at', 'step_count');

CREATE TRIGGER stamp_step BEFORE UPDATE OF step_count ON threads
    FOR EACH ROW EXECUTE FUNCTION app.keep_version();

REVOKE EXECUTE ON FUNCTION app.record_denial(text, text, uuid, jsonb, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_denial(text, text, uuid, jsonb, text) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.record_denial(text, text, uuid, jsonb, text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb, text) TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.record_read(text, uuid, jsonb, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_read(text, uuid, jsonb, text) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.record_read(text, uuid, jsonb, text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.record_step() FROM PUBLIC;

GRANT SELECT (thread_id) ON public.checkpoints TO chenu_maintain;

GRANT SELECT (created_by, created_at, checkpoint_id), INSERT (id, created_by, sequence, type, schema_version, payload, actor_id, actor_kind, checkpoint_id, request_id, thread_id) ON public.thread_events TO chenu_maintain;

GRANT SELECT (id, created_by, last_sequence, event_count, step_count), UPDATE (last_sequence, event_count, last_event_at, step_count) ON public.threads TO chenu_maintain;

COMMENT ON COLUMN "public"."thread_events"."checkpoint_id" IS 'The checkpoint whose step this is; only the service itself records those.';

COMMENT ON COLUMN "public"."threads"."step_count" IS 'How many of its events are steps of checkpoints about itself; they leave its version as it is.';

DROP FUNCTION app.append_to_thread(uuid, bigint, jsonb);

DROP FUNCTION app.record_in_thread(uuid, text, jsonb);
