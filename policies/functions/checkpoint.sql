-- Human approval (Rule #1). A checkpoint requests the approval of one action, which its payload
-- describes completely. Its digest is the digest of the text of the payload. A gated write is
-- refused (SQLSTATE CH423) unless an approved checkpoint has the digest of that write. An approval can
-- be used once. Only these functions change checkpoints. All except app.expire_checkpoints() belong to
-- chenu_gate, which sees only the rows of the caller.

-- Returns the SHA-256 digest of the payload as jsonb prints it: keys in a fixed order, no duplicates
-- (manual, section 8.14). Nothing else computes a digest.
CREATE FUNCTION app.payload_digest(payload jsonb) RETURNS bytea
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN sha256(convert_to(payload::text, 'UTF8'));
END
$$;

-- Returns the actor. For a human it is the identity itself, whatever the settings say.
CREATE FUNCTION app.actor() RETURNS uuid
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

-- Reports whether gates hold for the session. They hold for everybody except the owner of the
-- tables and superusers, who could also drop the triggers. The exception is for migrations and
-- restores, which the audit trail records. A login that only inherits a serving role has no role
-- set and counts as system; gates hold for it.
CREATE FUNCTION app.gates_hold() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT pg_has_role(coalesce(nullif(current_setting('role', true), 'none'), session_user)::name, 'chenu_owner', 'MEMBER');
END
$$;

-- Consumes the checkpoint that app.checkpoint_id names and returns its id. The checkpoint must
-- approve exactly this payload and must have been requested by the same actor; otherwise the
-- function fails. The update waits for other transactions that use the same checkpoint, and then
-- finds it consumed. It is for actions as a whole; gates call app.take_write() for writes.
CREATE FUNCTION app.use_checkpoint(payload jsonb) RETURNS uuid
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
    PERFORM app.refuse_write(code, payload, app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
    RETURN NULL;
END
$$;
ALTER FUNCTION app.use_checkpoint(jsonb) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.use_checkpoint(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.use_checkpoint(jsonb) TO chenu_erase;

-- Returns what an error says about the named checkpoint; NULL if there is no checkpoint.
CREATE FUNCTION app.checkpoint_summary(id uuid, type text, status text, digest bytea, expires_at timestamptz) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('id', id, 'type', type, 'digest', encode(digest, 'hex'), 'expires_at', expires_at,
        'status', CASE WHEN status = 'pending' AND expires_at <= clock_timestamp() THEN 'expired' ELSE status END)
    WHERE id IS NOT NULL
$$;

-- Reports whether another row gates the write: a row that meets the condition, and whose key is
-- what the written row's column is or was (see policies.Through). If the other row can enter the
-- gated state together with this row, it is locked first: either its change sees this write, or
-- this write sees its change. It reads with its caller's rights.
CREATE FUNCTION app.gated_through(owner uuid, old_row jsonb, new_row jsonb, through jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gated boolean;
BEGIN
    IF (through ->> 'lock')::boolean THEN
        EXECUTE format('SELECT FROM %s t WHERE t.created_by = $1 AND t.%I IN ($2, $3) ORDER BY t.id FOR NO KEY UPDATE',
                (through ->> 'table')::regclass, through ->> 'key')
            USING owner, (old_row ->> (through ->> 'column'))::uuid, (new_row ->> (through ->> 'column'))::uuid;
    ELSE
        -- The other row's transaction locks this row. Whoever waited for it must see the other row.
        PERFORM app.require_read_committed();
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s t WHERE t.created_by = $1 AND t.%I IN ($2, $3) AND (%s))',
            (through ->> 'table')::regclass, through ->> 'key', through ->> 'condition')
        INTO gated USING owner, (old_row ->> (through ->> 'column'))::uuid, (new_row ->> (through ->> 'column'))::uuid;
    RETURN gated;
END
$$;

-- Refuses a transaction of another isolation level than READ COMMITTED. For rules that take a lock
-- and then read what others committed before it: at another level the statements read an older
-- snapshot.
CREATE FUNCTION app.require_read_committed() RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'this write requires the isolation level READ COMMITTED' USING ERRCODE = 'feature_not_supported';
    END IF;
END
$$;

-- Returns the rows that a gated row vouches for, as the payload has them. For each column that refers
-- to another row these are the row's id, its version and the columns that the human is shown. For each
-- type of rows that belong to the gated row they are the number of rows and a digest of all ids and
-- versions. If those rows become public together with the gated row (`entering`), the payload has
-- every one of them with its id, its version and all columns that clients set; if there are more than
-- the human can be shown, the write is refused. Rows that belong to a row that was gated before were
-- approved one by one.
--
-- A locked row keeps its version until the end of the transaction. Rows that belong to the gated row
-- keep theirs too: the write has locked the gated row, and app.gated_through() waits for that lock.
-- The function reads with its caller's rights.
CREATE FUNCTION app.gate_references(owner uuid, present jsonb, options jsonb, entering boolean) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item jsonb;
    shown text;
    found_row jsonb;
    members jsonb;
    result jsonb := '{}';
BEGIN
    FOR item IN SELECT r FROM jsonb_array_elements(options -> 'references') AS r LOOP
        CONTINUE WHEN present ->> (item ->> 'column') IS NULL;
        SELECT string_agg(format('%L, t.%I', c, c), ', ') INTO shown FROM jsonb_array_elements_text(item -> 'shows') AS c;
        EXECUTE format('SELECT jsonb_build_object(''version'', t.version, ''shows'', jsonb_build_object(%s)) FROM %s t WHERE t.created_by = $1 AND t.id = $2%s',
                shown, (item ->> 'table')::regclass, CASE WHEN (item ->> 'lock')::boolean THEN ' FOR SHARE' END)
            INTO found_row USING owner, (present ->> (item ->> 'column'))::uuid;
        result := result || jsonb_build_object(item ->> 'column', jsonb_build_object(
            'resource_type', item -> 'resource_type', 'id', present -> (item ->> 'column')) || coalesce(found_row, '{"version": null}'));
    END LOOP;
    FOR item IN SELECT c FROM jsonb_array_elements(options -> 'contents') AS c LOOP
        PERFORM app.require_read_committed();
        EXECUTE format('SELECT jsonb_build_object(''count'', count(*),
                ''digest'', encode(sha256(convert_to(coalesce(string_agg(t.id || '' '' || t.version, '','' ORDER BY t.id), ''''), ''UTF8'')), ''hex''))
            FROM %s t WHERE t.created_by = $1 AND t.%I = $2', (item ->> 'table')::regclass, item ->> 'column')
            INTO found_row USING owner, (present ->> 'id')::uuid;
        IF entering THEN
            members := NULL;
            IF (found_row ->> 'count')::bigint <= 50 THEN
                SELECT string_agg(format('%L, t.%I', c, c), ', ') INTO shown FROM jsonb_array_elements_text(item -> 'shows') AS c;
                EXECUTE format('SELECT coalesce(jsonb_agg(jsonb_build_object(''id'', t.id, ''version'', t.version, ''shows'', jsonb_build_object(%s)) ORDER BY t.id), ''[]'')
                    FROM %s t WHERE t.created_by = $1 AND t.%I = $2', shown, (item ->> 'table')::regclass, item ->> 'column')
                    INTO members USING owner, (present ->> 'id')::uuid;
            END IF;
            -- A request for approval may have 2 MiB.
            IF members IS NULL OR octet_length(members::text) > 1572864 THEN
                RAISE EXCEPTION 'too many rows become public for one approval' USING ERRCODE = 'CH409', DETAIL = jsonb_build_object(
                    'code', 'too_large_to_approve', 'detail', format(
                    'An approval shows each %1$s that becomes public with all its fields: at most 50 rows and at most 1.5 MiB in total. There are %2$s. Remove some rows, publish the others, and add the removed rows again. Each addition needs its own approval.',
                    replace(item ->> 'resource_type', '_', ' '), found_row ->> 'count'))::text;
            END IF;
            found_row := found_row || jsonb_build_object('rows', members);
        END IF;
        result := result || jsonb_build_object(item ->> 'resource_type', found_row);
    END LOOP;
    RETURN result;
END
$$;

-- The JSON pointer of the first text in the value, or key of an object, that has characters
-- which change the order in which text is displayed; NULL when none has. These are the
-- explicit formatting characters of Unicode Standard Annex 9, section 2.
CREATE FUNCTION app.reordered_text(value jsonb, pointer text DEFAULT '') RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reordering CONSTANT text := E'[\u202A-\u202E\u2066-\u2069]';
    part record;
    at text;
BEGIN
    -- The text of jsonb has every character as itself, so that one look is enough for most.
    IF value::text !~ reordering THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(value) = 'object' THEN
        FOR part IN SELECT f.key, f.value FROM jsonb_each(value) AS f LOOP
            at := pointer || '/' || replace(replace(part.key, '~', '~0'), '/', '~1');
            IF part.key ~ reordering THEN
                RETURN pointer;
            END IF;
            at := app.reordered_text(part.value, at);
            IF at IS NOT NULL THEN
                RETURN at;
            END IF;
        END LOOP;
    ELSIF jsonb_typeof(value) = 'array' THEN
        FOR part IN SELECT e.value, e.place FROM jsonb_array_elements(value) WITH ORDINALITY AS e(value, place) LOOP
            at := app.reordered_text(part.value, pointer || '/' || part.place - 1);
            IF at IS NOT NULL THEN
                RETURN at;
            END IF;
        END LOOP;
    END IF;
    RETURN pointer;
END
$$;

-- Refuses a payload with such characters: a human would read something else than what the
-- digest covers. Zero-width joiners pass, which Persian and emoji need. The pointer is the
-- field's in the request; text that a reference shows is another row's, and there the
-- pointer is that of the reference.
CREATE FUNCTION app.refuse_reordered_text(payload jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at text := app.reordered_text(payload);
BEGIN
    IF at IS NULL THEN
        RETURN;
    END IF;
    IF payload ? 'table' THEN
        at := coalesce(app.reordered_text(payload -> 'values'),
            (SELECT '/' || r.key FROM jsonb_each(payload -> 'references') AS r WHERE app.reordered_text(r.value) IS NOT NULL LIMIT 1), '');
    END IF;
    RAISE EXCEPTION 'the text has characters that change the direction of writing' USING ERRCODE = 'CH422',
        DETAIL = jsonb_build_object('pointer', at, 'code', 'bidirectional_control', 'detail',
            'Text that a human approves must not contain the characters U+202A to U+202E and U+2066 to U+2069, which change the order in which it is displayed.')::text;
END
$$;

-- Returns a requested payload with the text that must not have such characters. A deletion adds
-- no text. The gate decides what a gated row may keep when it changes: it sees the row, and
-- refuses the rest when the write is made, whatever was approved.
CREATE FUNCTION app.requested_text(payload jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN payload ? 'writes' THEN jsonb_set(payload, '{writes}', (
            SELECT jsonb_agg(app.requested_text(w.write) ORDER BY w.place)
              FROM jsonb_array_elements(payload -> 'writes') WITH ORDINALITY AS w(write, place)))
        WHEN payload ? 'table' AND (payload ->> 'operation' = 'DELETE' OR payload ->> 'operation' = 'UPDATE' AND payload ->> 'type' IS NOT NULL)
            THEN payload - '{values,references}'::text[]
        ELSE payload
    END
$$;

-- Returns the payload of a write, reduced to the text that must not have such characters. A row that
-- was gated before may have them in columns that cannot change, from before the rule. Of such a row
-- only the changed columns, and the rows to which they refer, are new to the human. A row that enters
-- the gated state is published as a whole.
CREATE FUNCTION app.new_text(relation regclass, owner uuid, old_row jsonb, new_row jsonb, options jsonb, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gated boolean;
BEGIN
    IF options ? 'through' THEN
        gated := app.gated_through(owner, old_row, old_row, options -> 'through');
    ELSE
        EXECUTE format('SELECT %s FROM jsonb_populate_record(NULL::%s, $1) AS r', options ->> 'state', relation) INTO gated USING old_row;
    END IF;
    IF gated IS NOT TRUE THEN
        RETURN payload;
    END IF;
    RETURN payload || jsonb_build_object(
        'values', (SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(payload -> 'values') AS v
            WHERE old_row -> v.key IS DISTINCT FROM new_row -> v.key),
        'references', (SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(payload -> 'references') AS v
            WHERE old_row -> v.key IS DISTINCT FROM new_row -> v.key));
END
$$;

-- The gate: called by the triggers that a table's Gate annotation becomes, whose WHEN has
-- seen that the write is a gated one. Arguments: checkpoint type, resource type, sphere or
-- '', owner column, options, then the columns that clients set. The options are those of
-- policies.Gate that the function needs: keep where rows in the state are never deleted, state
-- as a condition over a row r or, where another row decides whether the write is gated, through,
-- references and contents.
-- It runs before the trigger that audits (triggers fire in the order of their
-- names), so that the audit row of the write names the checkpoint which approved it.
CREATE FUNCTION app.gate() RETURNS trigger
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
ALTER FUNCTION app.gate() OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.gate() FROM PUBLIC;

-- Returns the checkpoint if it approved this write, and NULL otherwise: its row says that it
-- was used up in this transaction and that its payload is this write. The trigger that audits
-- asks, after the gate. The id and version are those of the row before the write.
CREATE FUNCTION app.approval_of(checkpoint uuid, resource_type text, operation text, id uuid, version bigint) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    approved record;
BEGIN
    SELECT c.payload, c.resource_type INTO approved FROM public.checkpoints c
     WHERE c.created_by = caller AND c.id = approval_of.checkpoint
       AND c.consumed_at IS NOT NULL AND app.written_here(c.xmin);
    IF NOT FOUND OR approved.resource_type <> approval_of.resource_type THEN
        RETURN NULL;
    END IF;
    -- The erasure of an identity is approved as a whole, is an update of its row, and takes the
    -- payloads of all checkpoints first.
    IF approved.payload IS NULL AND approval_of.resource_type = 'identity'
        OR approved.payload ->> 'operation' = approval_of.operation
            AND (approved.payload ->> 'id')::uuid IS NOT DISTINCT FROM approval_of.id
            AND (approved.payload ->> 'version')::bigint IS NOT DISTINCT FROM approval_of.version THEN
        RETURN checkpoint;
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION app.approval_of(uuid, text, text, uuid, bigint) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.approval_of(uuid, text, text, uuid, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.approval_of(uuid, text, text, uuid, bigint) TO chenu_audit;

-- Reports whether the current transaction wrote the visible row version that has this xmin. Rows of a
-- transaction in progress are visible to that transaction only. A savepoint has a transaction id of
-- its own, above or below that of its transaction in 32 bits.
CREATE FUNCTION app.written_here(xmin xid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mine bigint := pg_current_xact_id()::text::bigint;
    distance bigint := (xmin::text::bigint - mine) & 4294967295;
BEGIN
    IF distance >= 2147483648 THEN
        distance := distance - 4294967296;
    END IF;
    RETURN coalesce(pg_xact_status((mine + distance)::text::xid8) = 'in progress', false);
END
$$;

-- Returns how long a checkpoint of the type can be decided, and how long its approval can be used,
-- unless the request sets a lifetime.
CREATE FUNCTION app.checkpoint_lifetime(type text) RETURNS interval
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN type IN ('cost', 'identity') THEN interval '15 minutes' ELSE interval '24 hours' END;
END
$$;

-- Reports whether the text starts like the action of a write, such as "insert invoice", regardless
-- of case, width, white space and invisible characters. Those are the list policies.Invisible.
CREATE FUNCTION app.imitates_write(action text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(lower(regexp_replace(normalize(action, NFKC), E'[\u00AD\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890-\u0891\u08E2\u115F-\u1160\u17B4-\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000110BD\U000110CD\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]', '', 'g'))
        ~ '^[^[:alnum:]]*(insert|update|delete|append|erase)([^[:alnum:]]|$)', false)
$$;

-- Refuses a request above the limits of pending checkpoints: 20 of one agent, 100 of all agents of
-- an identity, 100 of the human. Checkpoints of agents do not count for the human. A repeated
-- request does not count again. Requests of one identity wait for each other here, so that no
-- request is inserted between the count and the insert of another one.
CREATE FUNCTION app.refuse_too_many_requests(caller uuid, actor uuid, kind text, fingerprint bytea) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own integer;
    alike integer;
    again integer;
BEGIN
    PERFORM app.require_read_committed();
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu checkpoint requests ' || caller, 0));
    SELECT count(*) FILTER (WHERE c.requested_by = actor), count(*), count(*) FILTER (WHERE c.requested_by = actor AND c.digest = fingerprint)
        INTO own, alike, again FROM public.checkpoints c
     WHERE c.created_by = caller AND c.status = 'pending' AND c.expires_at > clock_timestamp() AND c.requested_by_kind = kind;
    IF again = 0 AND (alike >= 100 OR kind = 'agent' AND own >= 20) THEN
        RAISE EXCEPTION 'too many checkpoints are pending' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "too_many_pending", "detail": "Too many checkpoints are pending. The limits are 20 for one agent, 100 for all agents of an identity and 100 for its human. Wait for decisions, or withdraw checkpoints."}';
    END IF;
END
$$;

-- Reports whether the payload without its identity, or the element of a list, can be a write: whether
-- a gate of the table, or the audit of a write that needs no approval, produces payloads of this type,
-- resource type and operation. It reads that from the arguments of the table's triggers.
CREATE FUNCTION app.is_write(write jsonb) RETURNS boolean
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

-- Requests an approval. The payload is that of a refused write, a list of writes, or an action that
-- clients define. An action has its content instead of a table and values. The payload has
-- everything that the human is shown, so the digest covers it. A repeated request returns the same
-- pending checkpoint, or the approved checkpoint that is not used yet. The origin of a checkpoint
-- says whether it is for a write or for an action of a client.
CREATE FUNCTION app.request_checkpoint(payload jsonb, lifetime interval DEFAULT NULL)
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
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF kind = 'system' THEN
        RAISE EXCEPTION 'only humans and agents can request an approval' USING ERRCODE = 'CH403';
    END IF;
    fields := CASE WHEN is_list THEN '{identity,type,sphere,resource_type,id,version,thread_id,writes}'::text[]
        WHEN is_write THEN '{identity,type,sphere,resource_type,table,operation,id,version,values,references}'::text[]
        ELSE '{identity,type,sphere,resource_type,action,resource_id,resource_version,thread_id,content}'::text[] END;
    IF (jsonb_typeof(payload) = 'object' AND payload ?& fields AND payload - fields = '{}'
        AND payload ->> 'identity' = caller::text) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload has missing or unknown fields, or belongs to another identity' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    -- The action is made of what the payload says, so it says nothing but a write.
    IF is_write AND (app.is_write(payload - 'identity') AND payload ->> 'type' IS NOT NULL) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is not a write that needs an approval' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    -- What a list says of itself follows from its writes.
    IF is_list AND (jsonb_typeof(payload -> 'writes') = 'array' AND payload = app.list_payload(caller, payload -> 'writes')
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(payload -> 'writes') AS w WHERE app.is_write(w) IS NOT TRUE)) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is not a list of writes' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    IF octet_length(payload::text) > 2097152 THEN
        RAISE EXCEPTION 'the payload is larger than 2 MiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/content", "code": "too_long", "detail": "A request for approval must not be larger than 2 MiB."}';
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
        RAISE EXCEPTION 'the action of a client has the name of a write' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/action", "code": "reserved_action", "detail": "An action must not start with insert, update, delete, append or erase, because the actions of writes start with these verbs. Use another verb."}';
    END IF;
    IF coalesce(lifetime, app.checkpoint_lifetime(wanted_type)) NOT BETWEEN interval '1 second' AND interval '7 days' THEN
        RAISE EXCEPTION 'the lifetime of a checkpoint must be between 1 second and 7 days' USING ERRCODE = 'CH422',
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
ALTER FUNCTION app.request_checkpoint(jsonb, interval) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.request_checkpoint(jsonb, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.request_checkpoint(jsonb, interval) TO chenu_human, chenu_agent;

-- Approves or rejects a checkpoint. Only the owner as a human may call it. `digest` is the digest
-- of the checkpoint that the human was shown. A decision about a checkpoint of the type cost,
-- governance or identity requires a recent authentication, and so does the approval of the human's
-- own request. It returns false, and changes nothing, if the checkpoint already has this decision.
CREATE FUNCTION app.decide_checkpoint(checkpoint_id uuid, digest bytea, decision text, reason text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    c public.checkpoints;
    moment timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human can decide a checkpoint' USING ERRCODE = 'CH403';
    END IF;
    IF (decision IN ('approved', 'rejected')) IS NOT TRUE THEN
        RAISE EXCEPTION 'a decision must be approved or rejected' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/decision", "code": "invalid_value"}';
    END IF;
    SELECT * INTO c FROM public.checkpoints p
     WHERE p.created_by = caller AND p.id = decide_checkpoint.checkpoint_id FOR UPDATE;
    moment := clock_timestamp();
    IF c.id IS NULL THEN
        RAISE EXCEPTION 'no such checkpoint' USING ERRCODE = 'CH404';
    END IF;
    IF c.digest IS DISTINCT FROM decide_checkpoint.digest THEN
        RAISE EXCEPTION 'the digest of the decision differs from the digest of the checkpoint' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "digest_mismatch", "detail": "The digest of the decision differs from the digest of the checkpoint. Get the checkpoint again."}';
    END IF;
    IF c.status = decision THEN
        RETURN false;
    END IF;
    IF c.status <> 'pending' OR c.expires_at <= moment THEN
        RAISE EXCEPTION 'the checkpoint is already %', CASE c.status WHEN 'pending' THEN 'expired' ELSE c.status END USING ERRCODE = 'CH409',
            DETAIL = CASE WHEN c.status IN ('approved', 'rejected')
                THEN '{"code": "already_decided", "detail": "The checkpoint already has another decision."}'
                ELSE '{"code": "checkpoint_expired", "detail": "The checkpoint has expired."}' END;
    END IF;
    IF decision = 'rejected' AND nullif(btrim(reason), '') IS NULL THEN
        RAISE EXCEPTION 'a rejection must have a reason' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/reason", "code": "required", "detail": "Give a reason for the rejection."}';
    END IF;
    IF c.type IN ('cost', 'governance', 'identity') OR decision = 'approved' AND c.requested_by_kind = 'human' THEN
        PERFORM app.require_recent_authentication();
    END IF;
    UPDATE public.checkpoints p SET
        status = decide_checkpoint.decision, reason = nullif(btrim(decide_checkpoint.reason), ''), decided_by = caller, decided_at = moment,
        use_before = CASE decision WHEN 'approved' THEN moment + (c.expires_at - c.created_at) END
     WHERE p.created_by = caller AND p.id = c.id;
    RETURN true;
END
$$;
ALTER FUNCTION app.decide_checkpoint(uuid, bytea, text, text) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.decide_checkpoint(uuid, bytea, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.decide_checkpoint(uuid, bytea, text, text) TO chenu_human;

-- Withdraws a pending checkpoint. Only its requester may call it. A withdrawn checkpoint has the
-- status expired and a reason.
CREATE FUNCTION app.withdraw_checkpoint(checkpoint_id uuid, reason text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    c public.checkpoints;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT * INTO c FROM public.checkpoints p
     WHERE p.created_by = caller AND p.id = withdraw_checkpoint.checkpoint_id FOR UPDATE;
    IF c.id IS NULL THEN
        RAISE EXCEPTION 'no such checkpoint' USING ERRCODE = 'CH404';
    END IF;
    IF (c.requested_by = app.actor() AND c.requested_by_kind = app.actor_kind()) IS NOT TRUE THEN
        RAISE EXCEPTION 'only the requester can withdraw a checkpoint' USING ERRCODE = 'CH403',
            DETAIL = '{"code": "not_the_requester", "detail": "Only the requester can withdraw the checkpoint."}';
    END IF;
    IF c.status = 'expired' THEN
        RETURN false;
    END IF;
    IF c.status <> 'pending' THEN
        RAISE EXCEPTION 'the checkpoint is already %', c.status USING ERRCODE = 'CH409',
            DETAIL = '{"code": "already_decided", "detail": "The checkpoint is already decided."}';
    END IF;
    UPDATE public.checkpoints p SET status = 'expired',
        reason = concat_ws(': ', 'withdrawn', nullif(btrim(withdraw_checkpoint.reason), ''))
     WHERE p.created_by = caller AND p.id = c.id;
    RETURN true;
END
$$;
ALTER FUNCTION app.withdraw_checkpoint(uuid, text) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.withdraw_checkpoint(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.withdraw_checkpoint(uuid, text) TO chenu_human, chenu_agent;

-- Expires pending checkpoints of the caller and returns their number. With an agent, these are the
-- checkpoints of that agent; without an agent, those of all agents and, if `own` is true, of the
-- human. The rows are locked first and then expire in the order of their threads: app.record_step()
-- locks the thread of each, and two calls that lock two threads in different orders deadlock.
CREATE FUNCTION app.expire_requests(reason text, agent uuid DEFAULT NULL, own boolean DEFAULT false) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    pending uuid[];
    request uuid;
BEGIN
    pending := ARRAY(
        SELECT l.id FROM (
            SELECT c.id, c.thread_id FROM public.checkpoints c
             WHERE c.created_by = caller AND c.status = 'pending'
               AND CASE WHEN expire_requests.agent IS NULL THEN c.requested_by_kind = 'agent' OR expire_requests.own
                   ELSE c.requested_by = expire_requests.agent END
             ORDER BY c.id FOR NO KEY UPDATE
        ) AS l ORDER BY l.thread_id);
    FOREACH request IN ARRAY pending LOOP
        UPDATE public.checkpoints c SET status = 'expired', reason = expire_requests.reason
         WHERE c.created_by = caller AND c.id = request;
    END LOOP;
    RETURN cardinality(pending);
END
$$;
ALTER FUNCTION app.expire_requests(text, uuid, boolean) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.expire_requests(text, uuid, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.expire_requests(text, uuid, boolean) TO chenu_login;

-- Consumes the approval of an action that clients define. Only its requester may call it, and only
-- once. The approval of a write can be used only by that write.
CREATE FUNCTION app.consume_checkpoint(checkpoint_id uuid, digest bytea) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    c public.checkpoints;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT * INTO c FROM public.checkpoints p
     WHERE p.created_by = caller AND p.id = consume_checkpoint.checkpoint_id;
    IF c.id IS NULL THEN
        RAISE EXCEPTION 'no such checkpoint' USING ERRCODE = 'CH404';
    END IF;
    IF c.digest IS DISTINCT FROM consume_checkpoint.digest OR (c.payload ?| '{table,writes}') IS NOT FALSE THEN
        RAISE EXCEPTION 'the digest differs from the digest of the checkpoint, or the checkpoint approves a write' USING ERRCODE = 'CH423',
            DETAIL = jsonb_build_object('code', 'checkpoint_mismatch', 'checkpoint',
                app.checkpoint_summary(c.id, c.type, c.status, c.digest, c.expires_at))::text;
    END IF;
    PERFORM set_config('app.checkpoint_id', c.id::text, true);
    PERFORM app.use_checkpoint(c.payload);
END
$$;
ALTER FUNCTION app.consume_checkpoint(uuid, bytea) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.consume_checkpoint(uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.consume_checkpoint(uuid, bytea) TO chenu_human, chenu_agent;

-- Expires pending checkpoints whose time is over, at most `most` of them, and returns their number.
-- The owner of the function sees only those rows. It skips a checkpoint that another transaction
-- has locked, or whose thread another transaction has locked: the next call expires it.
CREATE FUNCTION app.expire_checkpoints(most integer DEFAULT 10000) RETURNS integer
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
ALTER FUNCTION app.expire_checkpoints(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.expire_checkpoints(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.expire_checkpoints(integer) TO chenu_human;
