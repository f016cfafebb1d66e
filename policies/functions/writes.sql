-- Several writes under one approval. When a unit of work may contain several writes and one
-- of them needs an approval, the service runs the unit again in collecting mode
-- (app.collecting is on): gates do not refuse, and each write, gated or not, is added to
-- app.collected_writes. Such a transaction never commits. The list becomes the payload of one
-- checkpoint. Under the approval of a list, each write of the transaction must equal the next
-- element of the list, and when the transaction commits, the list must be complete and must
-- contain every write. An approval of one write is treated as a list of one.
--
-- All of it belongs to chenu_gate. Callers can change the settings, but not the rows.

-- Returns the columns of a table that clients write.
CREATE FUNCTION app.client_columns(relation oid) RETURNS text[]
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

-- Returns the write as an element of a list: without the identity, which the list names, and
-- with new:1, new:2 for the ids of the rows that the list has inserted so far. The ids are
-- replaced wherever they are a whole JSON string. A string that starts with new: by itself
-- gets a second colon, so that no value can pass for an id.
CREATE FUNCTION app.list_element(payload jsonb, checkpoint uuid, row_id uuid) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    inserted boolean := payload ->> 'operation' = 'INSERT';
    element text;
    given uuid;
    count integer := 0;
BEGIN
    element := replace((CASE WHEN inserted THEN payload || jsonb_build_object('id', list_element.row_id) ELSE payload END - 'identity')::text,
        '"new:', '"new::');
    FOR given IN
        SELECT w.row_id FROM app.collected_writes w
         WHERE w.created_by = caller AND w.checkpoint_id IS NOT DISTINCT FROM checkpoint AND w.operation = 'INSERT'
         ORDER BY w.place
    LOOP
        count := count + 1;
        element := replace(element, format('"%s"', given), format('"new:%s"', count));
    END LOOP;
    IF inserted THEN
        element := replace(element, format('"%s"', list_element.row_id), format('"new:%s"', count + 1));
    END IF;
    RETURN element::jsonb;
END
$$;

-- Reports whether the event contains nothing but the change of its thread. The approval of the
-- change then covers the event.
CREATE FUNCTION app.is_implied_event(event jsonb, thread jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(
        event ->> 'table' = 'thread_events' AND event ->> 'operation' = 'INSERT' AND event ->> 'type' IS NULL
        AND event -> 'values' ->> 'causation_id' IS NULL AND event -> 'values' ->> 'correlation_id' IS NULL
        AND thread ->> 'table' = 'threads'
        AND CASE thread ->> 'operation'
            WHEN 'INSERT' THEN event -> 'values' ->> 'type' = 'thread.created'
            WHEN 'UPDATE' THEN event -> 'values' ->> 'type' = 'thread.updated' AND event -> 'values' -> 'thread_id' = thread -> 'id'
        END, false);
END
$$;

-- Returns the number of writes that the approval of the payload covers. These are two for a change of
-- a thread: the event and the row of the thread.
CREATE FUNCTION app.approved_count(payload jsonb) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN payload ? 'writes' THEN jsonb_array_length(payload -> 'writes')
        WHEN payload ->> 'table' = 'threads' AND payload ->> 'operation' IN ('INSERT', 'UPDATE') THEN 2
        ELSE 1
    END;
END
$$;

-- Refuses a write. The payload goes ahead of the error: an error's DETAIL is in the server's
-- log at its default verbosity, an INFO reaches the client alone (log_min_messages is
-- warning).
CREATE FUNCTION app.refuse_write(code text, payload jsonb, checkpoint jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF payload IS NOT NULL THEN
        RAISE INFO 'payload that a human must approve' USING ERRCODE = 'CH423', DETAIL = payload::text;
    END IF;
    RAISE EXCEPTION 'a human must approve the write: %', code USING ERRCODE = 'CH423',
        DETAIL = jsonb_build_object('code', code, 'checkpoint', checkpoint)::text;
END
$$;

-- Reports whether a checkpoint with these columns is approved and can still be used.
CREATE FUNCTION app.checkpoint_usable(status text, consumed_at timestamptz, use_before timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(status = 'approved' AND consumed_at IS NULL AND use_before > clock_timestamp(), false);
END
$$;

-- Accounts for one write of the transaction. In collecting mode it adds the write to the list.
-- Otherwise it returns the checkpoint that app.checkpoint_id names if that checkpoint approves
-- exactly this write next: usable, requested by the same actor, every write before this one
-- made. A gated write without such an approval is refused. A write that is not gated is
-- refused only among the writes of an approval.
--
-- The first write of an approval locks its checkpoint, so that transactions which use the same
-- approval wait for each other; the second one then finds it used. No other checkpoint is locked: a
-- decision locks a pending checkpoint and then its thread, which an append has locked already. The
-- last write sets its time of use. If that write is an event, app.check_collected() does so: the use
-- of an approval may become an event of the same thread.
CREATE FUNCTION app.take_write(payload jsonb, row_id uuid, gated boolean) RETURNS uuid
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
ALTER FUNCTION app.take_write(jsonb, uuid, boolean) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.take_write(jsonb, uuid, boolean) FROM PUBLIC;

-- Accounts for an audited write, gated or not, and returns the checkpoint that approved it.
-- app.audit() calls it in collecting mode and under an approval. A gate has accounted for a
-- gated write before.
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
ALTER FUNCTION app.account_write(oid, text, text, text, text, text[], text, jsonb, jsonb) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.account_write(oid, text, text, text, text, text[], text, jsonb, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.account_write(oid, text, text, text, text, text[], text, jsonb, jsonb) TO chenu_audit;

-- Returns what an approval of an event covers. The event that creates a thread does not name
-- it: its row comes after the event.
CREATE FUNCTION app.event_content(event jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object(
        'thread_id', CASE WHEN event ->> 'type' <> 'thread.created' THEN event ->> 'thread_id' END,
        'type', event ->> 'type', 'schema_version', event -> 'schema_version', 'payload', event -> 'payload',
        'causation_id', event ->> 'causation_id', 'correlation_id', event ->> 'correlation_id');
END
$$;

-- The gate of the events of a public thread: what is appended there is published.
-- app.append_events() calls it for each event before it appends them.
CREATE FUNCTION app.gate_event(thread_id uuid, sphere text, event jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN;
    END IF;
    PERFORM app.take_write(jsonb_build_object(
        'identity', nullif(current_setting('app.identity_id', true), ''),
        'type', 'sensitive',
        'sphere', gate_event.sphere,
        'resource_type', 'thread_event',
        'table', 'thread_events',
        'operation', 'INSERT',
        'id', NULL,
        'version', NULL,
        'values', app.event_content(event || jsonb_build_object('thread_id', gate_event.thread_id)),
        'references', '{}'::jsonb), (event ->> 'id')::uuid, true);
END
$$;
ALTER FUNCTION app.gate_event(uuid, text, jsonb) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.gate_event(uuid, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.gate_event(uuid, text, jsonb) TO chenu_threads;

-- Checks the transaction when it commits. In collecting mode it always refuses. Under an approval,
-- the transaction must have written every element of the list, and the audit trail must have no other
-- write of the transaction.
--
-- With SET CONSTRAINTS a caller can run the check early, but it does not pass then. The check deletes
-- the rows, and their deletion runs this trigger again: within the check if it runs early, and after
-- it at the end of the transaction. There is one trigger for both, because SET CONSTRAINTS could name
-- one of two. A cursor WITH HOLD runs after the check, so there must be none.
CREATE FUNCTION app.check_collected() RETURNS trigger
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
ALTER FUNCTION app.check_collected() OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.check_collected() FROM PUBLIC;

-- Returns the payload of the checkpoint for what the transaction has collected; NULL if no write
-- needs an approval. The payload of a single write is the one that its gate would refuse, and so is
-- that of a change of a thread with its one event.
CREATE FUNCTION app.collected_payload() RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    payloads jsonb[];
    writes jsonb;
BEGIN
    SELECT array_agg(w.payload ORDER BY w.place), jsonb_agg(w.element ORDER BY w.place) INTO payloads, writes
      FROM app.collected_writes w WHERE w.created_by = caller AND w.checkpoint_id IS NULL;
    RETURN CASE
        WHEN writes IS NULL OR NOT jsonb_path_exists(writes, '$[*].type ? (@ != null)') THEN NULL
        WHEN cardinality(payloads) = app.approved_count(payloads[cardinality(payloads)])
            AND (cardinality(payloads) = 1 OR app.is_implied_event(payloads[1], payloads[2])) THEN payloads[cardinality(payloads)]
        ELSE app.list_payload(caller, writes)
    END;
END
$$;
ALTER FUNCTION app.collected_payload() OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.collected_payload() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.collected_payload() TO chenu_human, chenu_agent;

-- Returns the payload of the checkpoint for a list of writes. Everything beside the list
-- follows from it: the strictest type, the resource of the first write that needs an
-- approval, the sphere if all those have the same one, and the thread if there is one.
CREATE FUNCTION app.list_payload(identity uuid, writes jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH gated AS (
        SELECT w.write, w.place, CASE WHEN w.write ->> 'id' LIKE 'new:%' THEN 'null' ELSE w.write -> 'id' END AS id
          FROM jsonb_array_elements(writes) WITH ORDINALITY AS w(write, place)
         WHERE w.write ->> 'type' IS NOT NULL
    ), main AS (
        SELECT g.write, g.id FROM gated g ORDER BY g.place LIMIT 1
    ), thread AS (
        SELECT t.id FROM (
            SELECT g.place, CASE WHEN g.write ->> 'table' = 'threads' THEN g.id ELSE g.write -> 'values' -> 'thread_id' END AS id FROM gated g
        ) AS t
         WHERE jsonb_typeof(t.id) = 'string' AND t.id ->> 0 NOT LIKE 'new:%' ORDER BY t.place LIMIT 1
    )
    SELECT jsonb_build_object(
        'identity', list_payload.identity,
        'type', (SELECT g.write ->> 'type' FROM gated g
            ORDER BY array_position('{identity,cost,governance,sensitive,cross_sphere}', g.write ->> 'type') LIMIT 1),
        'sphere', (SELECT CASE WHEN count(DISTINCT g.write -> 'sphere') = 1 THEN min(g.write ->> 'sphere') END FROM gated g),
        'resource_type', m.write ->> 'resource_type',
        'id', m.id,
        'version', CASE WHEN m.id <> 'null' THEN m.write -> 'version' END,
        'thread_id', (SELECT t.id FROM thread t),
        'writes', writes)
      FROM main m
$$;

-- Describes a list of writes in a few words: "append 2 events, update thread".
CREATE FUNCTION app.describe_writes(writes jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH kind AS (
        SELECT CASE WHEN w.write ->> 'table' = 'thread_events' THEN 'append' ELSE lower(w.write ->> 'operation') END AS verb,
            CASE WHEN w.write ->> 'table' = 'thread_events' THEN 'event' ELSE replace(w.write ->> 'resource_type', '_', ' ') END AS noun,
            min(w.place) AS place, count(*) AS size
          FROM jsonb_array_elements(writes) WITH ORDINALITY AS w(write, place)
         GROUP BY 1, 2
    ), words AS (
        SELECT string_agg(CASE WHEN k.size = 1 THEN k.verb || ' ' || k.noun
            ELSE format('%s %s %s', k.verb, k.size, regexp_replace(k.noun, '([^aeiou])y$', '\1ie') || 's') END, ', ' ORDER BY k.place) AS text
          FROM kind k
    )
    SELECT CASE WHEN length(w.text) <= 120 THEN w.text ELSE jsonb_array_length(writes) || ' writes' END FROM words w
$$;
