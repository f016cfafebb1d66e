-- cheaper approvals
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   review: function app.account_write(oid, text, text, text, text[], text, jsonb, jsonb)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.audit()
--       the body changed; it runs when app.agent_credentials, app.event_rsvps, app.habit_check_ins or one of 27 other tables changes, with the privileges of chenu_audit
--   review: function app.check_collected()
--       the body changed; it runs when app.collected_writes changes, with the privileges of chenu_gate
--   review: function app.request_checkpoint(jsonb, interval)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.take_write(jsonb, uuid, boolean)
--       the body changed; it runs with the privileges of chenu_gate

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
    approved text[];
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
    IF TG_ARGV[0] = 'identity' THEN
        approved := string_to_array(current_setting('app.approved_write', true), ' ');
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
        -- Not before its transaction, even if the clock was set back: app.check_collected() relies on it.
        app.uuid_v7(greatest(clock_timestamp(), transaction_timestamp())),
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

CREATE OR REPLACE FUNCTION app.is_write(write jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    SET plan_cache_mode = force_generic_plan -- planning for each write costs more than the query
AS $$
DECLARE
    fields constant text[] := '{type,sphere,resource_type,table,operation,id,version,values}';
    named constant jsonb := jsonb_build_array(write -> 'type', write -> 'resource_type', write -> 'table', write -> 'operation');
BEGIN
    IF (jsonb_typeof(write) = 'object' AND write ?& fields AND write - 'references' - fields = '{}' AND jsonb_typeof(write -> 'values') = 'object') IS NOT TRUE
        OR write ? 'references' AND (write ->> 'type' IS NULL OR jsonb_typeof(write -> 'references') <> 'object') THEN
        RETURN false;
    END IF;
    IF named IN ('["sensitive", "thread_event", "thread_events", "INSERT"]', '["identity", "identity", "identities", "ERASE"]') THEN
        RETURN true; -- See app.gate_event() and app.erase_identity().
    END IF;
    RETURN write ->> 'operation' IN ('INSERT', 'UPDATE', 'DELETE') AND EXISTS (
        SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc f ON f.oid = t.tgfoid,
            string_to_array(encode(t.tgargs, 'escape'), '\000') AS given
         WHERE c.relname = write ->> 'table' AND c.relnamespace IN ('public'::regnamespace, 'app'::regnamespace)
           AND f.pronamespace = 'app'::regnamespace
           AND CASE f.proname
               WHEN 'gate' THEN given[1] = write ->> 'type' AND given[2] = write ->> 'resource_type'
               WHEN 'audit' THEN write -> 'type' = 'null' AND given[1] = write ->> 'resource_type'
           END);
END
$$;

CREATE OR REPLACE FUNCTION app.request_checkpoint(payload jsonb, lifetime interval DEFAULT NULL)
    RETURNS TABLE (id uuid, type text, status text, digest bytea, expires_at timestamptz)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
    SET plan_cache_mode = force_generic_plan -- planning for each request costs more than the queries
AS $$
#variable_conflict use_column
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    kind text := app.actor_kind();
    actor uuid := app.actor();
    fingerprint bytea := app.payload_digest(payload);
    is_write boolean := payload ? 'table';
    is_list boolean := payload ? 'writes';
    wanted_type text := payload ->> 'type';
    fields text[];
    thread_sphere text;
BEGIN
    IF caller IS NULL OR actor IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF kind = 'system' THEN
        RAISE EXCEPTION 'only humans and agents ask for approval' USING ERRCODE = 'CH403';
    END IF;
    fields := CASE WHEN is_list THEN '{identity,type,sphere,resource_type,id,version,thread_id,writes}'::text[]
        WHEN is_write THEN '{identity,type,sphere,resource_type,table,operation,id,version,values,references}'::text[]
        ELSE '{identity,type,sphere,resource_type,action,resource_id,resource_version,thread_id,content}'::text[] END;
    IF (jsonb_typeof(payload) = 'object' AND payload ?& fields AND payload - fields = '{}'
        AND payload ->> 'identity' = caller::text) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is none of the caller''s' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    -- The action is made of what the payload says, so it says nothing but a write.
    IF is_write AND (app.is_write(payload - 'identity') AND payload ->> 'type' IS NOT NULL) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is no write that needs an approval' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    -- What a list says of itself follows from its writes.
    IF is_list AND (jsonb_typeof(payload -> 'writes') = 'array' AND payload = app.list_payload(caller, payload -> 'writes')
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(payload -> 'writes') AS w WHERE app.is_write(w) IS NOT TRUE)) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is no list of writes' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    IF octet_length(payload::text) > 2097152 THEN
        RAISE EXCEPTION 'the payload is longer than 2 MiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/content", "code": "too_long", "detail": "A request for approval may have at most 2 MiB."}';
    END IF;
    -- An agent asks for what its capabilities cover. A list of writes in several spheres has none:
    -- the policies of the tables decided on its writes. What a client asks for is recorded in the
    -- thread that it names.
    IF kind = 'agent' THEN
        PERFORM app.require_capabilities(payload ->> 'sphere');
        IF NOT is_write AND NOT is_list THEN
            SELECT t.sphere INTO thread_sphere FROM public.threads t
             WHERE t.created_by = caller AND t.id = (payload ->> 'thread_id')::uuid;
            PERFORM app.require_capabilities('checkpoints', thread_sphere);
        END IF;
    END IF;
    IF app.reordered_text(payload) IS NOT NULL THEN
        PERFORM app.refuse_reordered_text(app.requested_text(payload));
    END IF;
    IF NOT is_write AND NOT is_list AND app.imitates_write(payload ->> 'action') THEN
        RAISE EXCEPTION 'an action of a client reads like a write' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/action", "code": "reserved_action", "detail": "An action must not begin with insert, update, delete, append or erase: the database names writes that way. Use another verb."}';
    END IF;
    IF coalesce(lifetime, app.checkpoint_lifetime(wanted_type)) NOT BETWEEN interval '1 second' AND interval '7 days' THEN
        RAISE EXCEPTION 'a checkpoint lives for at most 7 days' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/lifetime_seconds", "code": "out_of_range"}';
    END IF;

    RETURN QUERY
    SELECT c.id, c.type::text, c.status::text, c.digest, c.expires_at FROM public.checkpoints c
     WHERE c.created_by = caller AND c.digest = fingerprint AND c.requested_by = actor AND c.requested_by_kind = kind
       AND c.status = 'approved' AND c.consumed_at IS NULL AND c.use_before > clock_timestamp()
     ORDER BY c.id DESC LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    -- One that the sweeper has not reached yet makes room.
    UPDATE public.checkpoints c SET status = 'expired'
     WHERE c.created_by = caller AND c.digest = fingerprint AND c.requested_by = actor
       AND c.status = 'pending' AND c.expires_at <= clock_timestamp();
    PERFORM app.refuse_too_many_requests(caller, actor, kind, fingerprint);
    INSERT INTO public.checkpoints AS c (
        id, created_by, sphere, type, origin, action, resource_type, resource_id, resource_version,
        payload, digest, requested_by, requested_by_kind, expires_at, thread_id
    ) VALUES (
        app.uuid_v7(), caller, payload ->> 'sphere', wanted_type, CASE WHEN is_write OR is_list THEN 'write' ELSE 'client' END,
        CASE WHEN is_list THEN app.describe_writes(payload -> 'writes')
            WHEN is_write THEN lower(payload ->> 'operation') || ' ' || replace(payload ->> 'resource_type', '_', ' ')
            ELSE payload ->> 'action' END,
        payload ->> 'resource_type',
        (payload ->> CASE WHEN is_write OR is_list THEN 'id' ELSE 'resource_id' END)::uuid,
        (payload ->> CASE WHEN is_write OR is_list THEN 'version' ELSE 'resource_version' END)::bigint,
        payload, fingerprint, actor, kind,
        clock_timestamp() + coalesce(lifetime, app.checkpoint_lifetime(wanted_type)),
        CASE WHEN NOT is_write THEN payload ->> 'thread_id'
            WHEN payload ->> 'table' = 'threads' THEN payload ->> 'id'
            ELSE payload -> 'values' ->> 'thread_id' END::uuid
    ) ON CONFLICT (created_by, digest, requested_by) WHERE c.status = 'pending' DO NOTHING;
    RETURN QUERY
    SELECT c.id, c.type::text, c.status::text, c.digest, c.expires_at FROM public.checkpoints c
     WHERE c.created_by = caller AND c.digest = fingerprint AND c.requested_by = actor AND c.status = 'pending';
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
    RETURN get_byte(octets, 6) >> 4 = 7
        AND abs(date_part('epoch', clock_timestamp()) * 1000 - ('x' || encode(substr(octets, 1, 6), 'hex'))::bit(48)::bigint) <= 3600000
        OR app.actor_kind() = 'system';
END
$$;

CREATE OR REPLACE FUNCTION app.client_columns(relation oid) RETURNS text[]
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT array_agg(DISTINCT a.attname::text)
          FROM pg_attribute a, aclexplode(a.attacl) AS x
         WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
           AND x.grantee IN ('chenu_human'::regrole, 'chenu_agent'::regrole) AND x.privilege_type IN ('INSERT', 'UPDATE'));
END
$$;

CREATE OR REPLACE FUNCTION app.take_write(payload jsonb, row_id uuid, gated boolean) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
    SET enable_seqscan = off -- see app.check_collected()
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    actor uuid := app.actor();
    collecting boolean := coalesce(current_setting('app.collecting', true), '') = 'on';
    wanted uuid := CASE WHEN NOT collecting THEN nullif(current_setting('app.checkpoint_id', true), '')::uuid END;
    operation text := payload ->> 'operation';
    position integer;
    size integer;
    named public.checkpoints;
    mine boolean;
    usable boolean;
    equal boolean;
BEGIN
    IF wanted IS NULL AND NOT collecting THEN
        IF gated THEN
            PERFORM app.refuse_write('checkpoint_required', payload, NULL);
        END IF;
        RETURN NULL;
    END IF;
    SELECT count(*) + 1 INTO position FROM app.collected_writes w
     WHERE w.created_by = caller AND w.checkpoint_id IS NOT DISTINCT FROM wanted;
    IF collecting THEN
        INSERT INTO app.collected_writes (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited, payload, element)
        VALUES (app.uuid_v7(), caller, NULL, position, payload ->> 'table', operation, take_write.row_id, NOT gated,
            payload, app.list_element(payload, NULL, take_write.row_id));
        RETURN NULL;
    END IF;

    SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted;
    mine := coalesce(named.requested_by = actor AND named.requested_by_kind = app.actor_kind(), false);
    usable := mine AND (position > 1 OR app.checkpoint_usable(named.status, named.consumed_at, named.use_before));
    size := app.approved_count(named.payload);
    equal := coalesce(CASE
        WHEN position > size THEN false
        WHEN named.payload ? 'writes' THEN
            app.list_element(payload, wanted, take_write.row_id)::text = (named.payload -> 'writes' -> position - 1)::text
        WHEN position < size THEN app.is_implied_event(payload, named.payload)
        ELSE app.payload_digest(payload) = named.digest
    END, false);
    IF usable AND equal AND position = 1 THEN
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted FOR UPDATE;
        usable := app.checkpoint_usable(named.status, named.consumed_at, named.use_before);
    END IF;
    IF usable AND equal THEN
        INSERT INTO app.collected_writes (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited)
        VALUES (app.uuid_v7(), caller, wanted, position, payload ->> 'table', operation, take_write.row_id, NOT gated);
        IF position = size AND payload ->> 'table' <> 'thread_events' THEN
            UPDATE public.checkpoints c SET consumed_at = clock_timestamp() WHERE c.created_by = caller AND c.id = wanted;
        END IF;
        RETURN wanted;
    END IF;
    IF NOT gated AND position = 1 THEN
        RETURN NULL; -- The approval may be for what follows; app.check_collected() decides.
    END IF;
    PERFORM app.refuse_write(CASE
        WHEN NOT mine THEN 'checkpoint_mismatch'
        WHEN position > size THEN 'checkpoint_used'
        WHEN position > 1 OR usable THEN 'checkpoint_mismatch'
        WHEN NOT named.payload ? 'writes' AND app.payload_digest(payload) <> named.digest THEN 'checkpoint_mismatch'
        WHEN named.status = 'rejected' THEN 'checkpoint_rejected'
        WHEN named.consumed_at IS NOT NULL THEN 'checkpoint_used'
        WHEN named.status = 'pending' AND named.expires_at > clock_timestamp() THEN 'checkpoint_pending'
        ELSE 'checkpoint_expired'
    END, payload, app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION app.account_write(
    relation oid, resource text, owner text, sphere text, left_out text[], operation text, old_row jsonb, new_row jsonb
) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
    SET enable_seqscan = off -- see app.check_collected()
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
    -- than running it. The deleted rows of other transactions stay in the table for a while:
    -- only the index leads past them.
    SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    transaction_id bigint;
    earliest uuid;
    used record;
    named public.checkpoints;
    accounted integer := 0;
    made integer := 0;
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
    IF NEW.place > 1 THEN
        RETURN NULL; -- It was checked with the first one.
    END IF;
    IF NEW.checkpoint_id IS NULL THEN
        RAISE EXCEPTION 'a transaction in collecting mode never commits' USING ERRCODE = 'CH403';
    END IF;
    IF NEW.created_by IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'the identity was changed under an approval' USING ERRCODE = 'CH403';
    END IF;
    FOR used IN
        WITH collected AS (
            DELETE FROM app.collected_writes w WHERE w.created_by = caller RETURNING w.checkpoint_id, w.audited
        )
        SELECT c.checkpoint_id AS id, count(*) AS made, count(*) FILTER (WHERE c.audited) AS audited FROM collected c GROUP BY c.checkpoint_id
    LOOP
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = used.id;
        IF used.made IS DISTINCT FROM app.approved_count(named.payload) THEN
            PERFORM app.refuse_write('checkpoint_mismatch', NULL,
                app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
        END IF;
        made := made + used.made;
        accounted := accounted + used.audited;
        IF named.consumed_at IS NULL THEN
            UPDATE public.checkpoints c SET consumed_at = clock_timestamp() WHERE c.created_by = caller AND c.id = used.id;
        END IF;
    END LOOP;
    IF made = 0 THEN
        RETURN NULL; -- It was checked with the list of another approval.
    END IF;
    -- app.audit() gives no row an id from before its transaction. The transaction ids of
    -- savepoints follow that of their transaction, in 32 bits: the comparison saves a call for
    -- each older row.
    transaction_id := pg_current_xact_id()::text::bigint;
    earliest := app.uuid_v7_floor(transaction_timestamp());
    SELECT count(*) INTO written FROM public.audit_logs a
     WHERE a.created_by = caller AND a.id >= earliest
       AND ((a.xmin::text::bigint - transaction_id) & 4294967295) < 2147483648 AND app.written_here(a.xmin)
       AND a.outcome = 'success' AND a.action NOT IN ('read', 'login', 'logout', 'credential_change')
       AND a.resource_type <> 'checkpoint' AND (a.resource_type <> 'thread_event' OR a.after ->> 'checkpoint_id' IS NULL);
    IF accounted <> written OR accounted <> made OR EXISTS (SELECT FROM pg_cursors c WHERE c.is_holdable) THEN
        PERFORM app.refuse_write('checkpoint_mismatch', NULL,
                app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
    END IF;
    RETURN NULL;
END
$$;
