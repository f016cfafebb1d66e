-- cheaper repetitions
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   review: function app.audit()
--       the body changed; it runs when app.agent_credentials, app.event_rsvps, app.habit_check_ins or one of 27 other tables changes, with the privileges of chenu_audit
--   review: function app.check_collected()
--       the body changed; it runs when app.collected_writes changes, with the privileges of chenu_gate
--   review: function app.gate()
--       the body changed; it runs when public.business_invoices, public.community_events, public.community_groups or one of 8 other tables changes, with the privileges of chenu_gate
--   review: function app.lock_account(text)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.seal_content()
--       the body changed; it runs when public.audit_logs or public.thread_events changes, with the privileges of the caller
--   review: function app.take_write(jsonb, uuid, boolean)
--       the body changed; it runs with the privileges of chenu_gate
--   review: trigger stamp on app.collected_writes
--       was dropped, so its checks and writes no longer happen: CREATE TRIGGER stamp BEFORE INSERT ON app.collected_writes FOR EACH ROW EXECUTE FUNCTION app.stamp()
--   narrowing: chenu_audit, EXECUTE on function app.account_write(oid, text, text, text, text[], text, jsonb, jsonb), function app.refuse_inactive()
--       before: EXECUTE
--       after:  nothing
--   new: chenu_audit, EXECUTE on function app.account_write(oid, text, text, text, text, text[], text, jsonb, jsonb)
--       runs with the privileges of chenu_gate
--   new: chenu_audit, EXECUTE on function app.identity_stays_active()
--       runs with the privileges of chenu_erase
--   new: PUBLIC, EXECUTE on function app.digested_text(jsonb, text[])
--       runs with the privileges of the caller
-- Locks, held until commit:
--   app.collected_writes: ACCESS EXCLUSIVE (blocks reads and writes)

-- Locks app.collected_writes: ACCESS EXCLUSIVE (blocks reads and writes).
DROP TRIGGER stamp ON app.collected_writes;

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.account_write(oid, text, text, text, text[], text, jsonb, jsonb);

CREATE OR REPLACE FUNCTION app.seal_content() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    content text := app.digested_text(to_jsonb(NEW), TG_ARGV);
BEGIN
    IF octet_length(content) > 8388608 THEN
        RAISE EXCEPTION 'the content of a row of % is larger than 8 MiB', TG_TABLE_NAME USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "too_long"}';
    END IF;
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := sha256(NEW.content_salt || convert_to(content, 'UTF8'));
    RETURN NEW;
END
$$;

CREATE FUNCTION app.digested_text(content jsonb, fields text[]) RETURNS text
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
    RETURN digested::text;
END
$$;

CREATE OR REPLACE FUNCTION app.content_digest(salt bytea, content jsonb, fields text[]) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN sha256(salt || convert_to(app.digested_text(content, fields), 'UTF8'));
END
$$;

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
    -- The condition is one expression without a query: PERFORM would be one.
    IF (CASE WHEN TG_ARGV[0] <> 'identity' THEN NOT app.identity_stays_active()
        ELSE old_row ->> 'status' = 'erased' OR old_row ->> 'status' = 'locked' AND kind <> 'system' END) THEN
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
        IF after IS NULL THEN
            -- Columns that the trail does not record may have changed.
            IF new_row = old_row THEN
                RETURN NULL;
            END IF;
            after := '{}';
        END IF;
    ELSE
        before := old_row - left_out;
        after := new_row - left_out;
    END IF;
    -- In collecting mode and under an approval, every write counts. The steps of checkpoints are no
    -- writes of the caller.
    IF (current_setting('app.checkpoint_id', true) <> '' OR current_setting('app.collecting', true) <> '')
        AND TG_ARGV[0] <> 'checkpoint' AND (TG_ARGV[0] <> 'thread_event' OR present ->> 'checkpoint_id' IS NULL) THEN
        approval := app.account_write(TG_RELID, TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1], TG_ARGV[2], left_out, TG_OP, old_row, new_row);
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

CREATE OR REPLACE FUNCTION app.gate() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    present jsonb := CASE WHEN TG_OP = 'DELETE' THEN old_row ELSE to_jsonb(NEW) END;
    owner uuid := present ->> TG_ARGV[3];
    options jsonb := TG_ARGV[4];
    entering boolean := true;
    payload jsonb;
    approval uuid;
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN NULL;
    END IF;
    IF options ? 'through' AND NOT app.gated_through(owner, old_row, present, options -> 'through') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' AND options ? 'keep' THEN
        RAISE EXCEPTION 'rows of % in this state cannot be deleted', TG_TABLE_NAME USING ERRCODE = 'CH409',
            DETAIL = '{"code": "never_deleted", "detail": "A resource in this state cannot be deleted."}';
    END IF;
    IF options ? 'contents' AND TG_OP <> 'INSERT' THEN
        EXECUTE format('SELECT (%s) IS NOT TRUE FROM jsonb_populate_record(NULL::%s, $1) AS r', options ->> 'state', TG_RELID::regclass)
            INTO entering USING old_row;
    END IF;
    payload := jsonb_build_object(
        'identity', owner,
        'type', TG_ARGV[0],
        'sphere', coalesce(nullif(TG_ARGV[2], ''), present ->> 'sphere'),
        'resource_type', TG_ARGV[1],
        'table', TG_TABLE_NAME,
        'operation', TG_OP,
        'id', old_row ->> 'id',
        'version', old_row -> 'version',
        'values', (SELECT jsonb_object_agg(c, present -> c) FROM unnest(TG_ARGV[5:]) AS c),
        'references', CASE WHEN options ?| '{references,contents}' THEN app.gate_references(owner, present, options, entering) ELSE '{}' END);
    IF TG_OP <> 'DELETE' AND app.reordered_text(payload) IS NOT NULL THEN
        PERFORM app.refuse_reordered_text(CASE TG_OP
            WHEN 'UPDATE' THEN app.new_text(TG_RELID, owner, old_row, present, options, payload) ELSE payload END);
    END IF;
    approval := app.take_write(payload, (present ->> 'id')::uuid, true);
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
    gate constant oid := to_regprocedure('app.gate()');
    audit constant oid := to_regprocedure('app.audit()');
BEGIN
    IF (jsonb_typeof(write) = 'object' AND write ?& fields AND write - 'references' - fields = '{}' AND jsonb_typeof(write -> 'values') = 'object') IS NOT TRUE
        OR write ? 'references' AND (write ->> 'type' IS NULL OR jsonb_typeof(write -> 'references') <> 'object') THEN
        RETURN false;
    END IF;
    IF named IN ('["sensitive", "thread_event", "thread_events", "INSERT"]', '["identity", "identity", "identities", "ERASE"]') THEN
        RETURN true; -- See app.gate_event() and app.erase_identity().
    END IF;
    RETURN write ->> 'operation' IN ('INSERT', 'UPDATE', 'DELETE') AND EXISTS (
        SELECT FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
         WHERE c.relname = write ->> 'table' AND c.relnamespace IN ('public'::regnamespace, 'app'::regnamespace)
           AND CASE t.tgfoid
               WHEN gate THEN (string_to_array(encode(t.tgargs, 'escape'), '\000'))[1:2] = ARRAY[write ->> 'type', write ->> 'resource_type']
               WHEN audit THEN write -> 'type' = 'null' AND split_part(encode(t.tgargs, 'escape'), '\000', 1) = write ->> 'resource_type'
           END);
END
$$;

CREATE FUNCTION app.identity_stays_active() RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RETURN true;
    END IF;
    PERFORM FROM public.identities i WHERE i.id = caller AND i.status = 'active' FOR KEY SHARE;
    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION app.lock_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean, ended_sessions integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
DECLARE
    account uuid := app.operate_on(lock_account.email);
    present_status text;
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    -- Waits for transactions that write for the identity, which hold a key share lock of its
    -- row (see app.identity_stays_active()). Transactions that come later see the new status.
    SELECT i.status INTO present_status FROM public.identities i WHERE i.id = account FOR UPDATE;
    IF present_status IN ('active', 'locked') THEN
        identity_id := account;
        changed := present_status = 'active';
        ended_sessions := 0;
        IF changed THEN
            ended_sessions := cardinality(app.close_sessions(NULL));
            DELETE FROM app.account_tokens t WHERE t.created_by = account;
            UPDATE public.identities i SET status = 'locked' WHERE i.id = account;
        END IF;
        RETURN NEXT;
    END IF;
    PERFORM set_config('app.identity_id', '', true);
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'a transaction of the account has been open for five seconds: the account is not locked' USING ERRCODE = 'CH409',
        HINT = 'Find the session with: SELECT pid, usename, state, xact_start, query FROM pg_stat_activity WHERE xact_start < now() - interval ''5 seconds''. End it with: SELECT pg_terminate_backend(PID). Then run the command again.';
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
    named record;
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
    IF collecting THEN
        SELECT count(*) + 1 INTO position FROM app.collected_writes w WHERE w.created_by = caller AND w.checkpoint_id IS NULL;
        INSERT INTO app.collected_writes (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited, payload, element)
        VALUES (app.uuid_v7(), caller, NULL, position, payload ->> 'table', operation, take_write.row_id, NOT gated,
            payload, app.list_element(payload, NULL, take_write.row_id));
        RETURN NULL;
    END IF;

    -- One row also if there is no such checkpoint.
    SELECT u.taken + 1 AS position, c.id, c.type, c.status, c.payload, c.digest, c.requested_by, c.requested_by_kind,
        c.expires_at, c.use_before, c.consumed_at INTO named
      FROM (SELECT count(*)::integer AS taken FROM app.collected_writes w WHERE w.created_by = caller AND w.checkpoint_id = wanted) AS u
      LEFT JOIN public.checkpoints c ON c.created_by = caller AND c.id = wanted;
    position := named.position;
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
        SELECT c.status, c.consumed_at, c.use_before INTO named.status, named.consumed_at, named.use_before
          FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted FOR UPDATE;
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

CREATE FUNCTION app.account_write(
    relation oid, name text, resource text, owner text, sphere text, left_out text[], operation text, old_row jsonb, new_row jsonb
) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
    SET enable_seqscan = off -- see app.check_collected()
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    present jsonb := CASE WHEN operation = 'DELETE' THEN old_row ELSE new_row END;
    columns text[];
    content jsonb;
    approval uuid;
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN NULL;
    END IF;
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
    named record;
    accounted integer := 0;
    made integer := 0;
    written integer;
    held boolean;
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF pg_trigger_depth() > 1 THEN
            RAISE EXCEPTION 'approved writes must not be checked before the transaction commits' USING ERRCODE = 'CH423',
                DETAIL = '{"code": "checkpoint_mismatch"}';
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.place > 1 THEN
        RETURN NULL; -- It was checked with the first one.
    END IF;
    IF NEW.checkpoint_id IS NULL THEN
        RAISE EXCEPTION 'a transaction in collecting mode cannot commit' USING ERRCODE = 'CH403';
    END IF;
    IF NEW.created_by IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'the identity of the session changed after the approved writes' USING ERRCODE = 'CH403';
    END IF;
    FOR used IN
        WITH collected AS (
            DELETE FROM app.collected_writes w WHERE w.created_by = caller RETURNING w.checkpoint_id, w.audited
        )
        SELECT u.checkpoint_id AS id, u.made, u.audited, c.type, c.status, c.payload, c.digest, c.expires_at, c.consumed_at
          FROM (SELECT w.checkpoint_id, count(*) AS made, count(*) FILTER (WHERE w.audited) AS audited FROM collected w GROUP BY w.checkpoint_id) AS u
          LEFT JOIN public.checkpoints c ON c.created_by = caller AND c.id = u.checkpoint_id
    LOOP
        IF used.made IS DISTINCT FROM app.approved_count(used.payload) THEN
            PERFORM app.refuse_write('checkpoint_mismatch', NULL,
                app.checkpoint_summary(used.id, used.type, used.status, used.digest, used.expires_at));
        END IF;
        named := used;
        made := made + used.made;
        accounted := accounted + used.audited;
        IF used.consumed_at IS NULL THEN
            UPDATE public.checkpoints c SET consumed_at = clock_timestamp() WHERE c.created_by = caller AND c.id = used.id;
        END IF;
    END LOOP;
    IF made = 0 THEN
        RETURN NULL; -- It was checked with the list of another approval.
    END IF;
    -- app.audit() gives no row an id from before its transaction. The transaction ids of savepoints
    -- follow that of their transaction, in 32 bits: the comparisons save most calls.
    transaction_id := pg_current_xact_id()::text::bigint;
    earliest := app.uuid_v7_floor(transaction_timestamp());
    SELECT count(*), EXISTS (SELECT FROM pg_cursors c WHERE c.is_holdable) INTO written, held FROM public.audit_logs a
     WHERE a.created_by = caller AND a.id >= earliest
       AND CASE WHEN (a.xmin::text::bigint - transaction_id) & 4294967295 = 0 THEN true
           WHEN (a.xmin::text::bigint - transaction_id) & 4294967295 < 2147483648 THEN app.written_here(a.xmin) END
       AND a.outcome = 'success' AND a.action NOT IN ('read', 'login', 'logout', 'credential_change')
       AND a.resource_type <> 'checkpoint' AND (a.resource_type <> 'thread_event' OR a.after ->> 'checkpoint_id' IS NULL);
    IF accounted <> written OR accounted <> made OR held THEN
        PERFORM app.refuse_write('checkpoint_mismatch', NULL,
            app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
    END IF;
    RETURN NULL;
END
$$;

-- The new owner needs CREATE on the schema while the owner changes.
GRANT CREATE ON SCHEMA app TO chenu_erase;

ALTER FUNCTION app.identity_stays_active() OWNER TO chenu_erase;

REVOKE CREATE ON SCHEMA app FROM chenu_erase;

-- The new owner needs CREATE on the schema while the owner changes.
GRANT CREATE ON SCHEMA app TO chenu_gate;

ALTER FUNCTION app.account_write(oid, text, text, text, text, text[], text, jsonb, jsonb) OWNER TO chenu_gate;

REVOKE CREATE ON SCHEMA app FROM chenu_gate;

REVOKE EXECUTE ON FUNCTION app.account_write(oid, text, text, text, text, text[], text, jsonb, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.account_write(oid, text, text, text, text, text[], text, jsonb, jsonb) TO chenu_audit;

REVOKE EXECUTE ON FUNCTION app.identity_stays_active() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.identity_stays_active() TO chenu_audit;

DROP FUNCTION app.refuse_inactive();
