-- gates
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   PUBLIC gains EXECUTE on function app.actor()
--   PUBLIC gains EXECUTE on function app.checkpoint_lifetime(text)
--   PUBLIC gains EXECUTE on function app.checkpoint_summary(uuid, text, text, bytea, timestamp with time zone)
--   PUBLIC gains EXECUTE on function app.gates_hold()
--   PUBLIC gains EXECUTE on function app.payload_digest(jsonb)
--   chenu_agent gains EXECUTE on function app.consume_checkpoint(uuid, bytea)
--   chenu_agent gains EXECUTE on function app.request_checkpoint(jsonb, interval)
--   chenu_agent gains EXECUTE on function app.withdraw_checkpoint(uuid, text)
--   chenu_erase gains EXECUTE on function app.use_checkpoint(jsonb)
--   chenu_gate gains USAGE on schema app
--   chenu_gate gains USAGE on schema public
--   chenu_gate gains SELECT, INSERT (id, created_by, sphere, type, action, resource_type, resource_id, resource_version, payload, digest, requested_by, requested_by_kind, expires_at, thread_id), UPDATE (status, reason, decided_by, decided_at, use_before, consumed_at) on public.checkpoints
--   chenu_gate gains SELECT (id, created_by, status), UPDATE (status, dismiss_reason) on public.team_agents
--   chenu_gate gains SELECT (created_by, status, agent_id), UPDATE (status) on public.team_tasks
--   chenu_human gains EXECUTE on function app.consume_checkpoint(uuid, bytea)
--   chenu_human gains EXECUTE on function app.decide_checkpoint(uuid, bytea, text, text)
--   chenu_human gains EXECUTE on function app.dismiss_agent(uuid, text)
--   chenu_human gains EXECUTE on function app.expire_checkpoints(integer)
--   chenu_human gains EXECUTE on function app.request_checkpoint(jsonb, interval)
--   chenu_human gains EXECUTE on function app.withdraw_checkpoint(uuid, text)
--   chenu_maintain gains SELECT (id, created_by, status, expires_at), UPDATE (status) on public.checkpoints
--   new policy gate_insert on public.checkpoints: chenu_gate may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy gate_select on public.checkpoints: chenu_gate may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy gate_update on public.checkpoints: chenu_gate may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy maintain_select on public.checkpoints: chenu_maintain may SELECT rows where (expires_at <= clock_timestamp())
--   new policy maintain_update on public.checkpoints: chenu_maintain may UPDATE rows where (expires_at <= clock_timestamp())
--   new policy gate_select on public.team_agents: chenu_gate may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy gate_update on public.team_agents: chenu_gate may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy gate_select on public.team_tasks: chenu_gate may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy gate_update on public.team_tasks: chenu_gate may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   function app.audit(), which runs with the rights of chenu_audit, does something else
--   function app.consume_checkpoint(uuid, bytea) runs with the rights of chenu_gate
--   function app.decide_checkpoint(uuid, bytea, text, text) runs with the rights of chenu_gate
--   function app.dismiss_agent(uuid, text) runs with the rights of chenu_gate
--   function app.end_agent() runs with the rights of chenu_gate
--   function app.expire_checkpoints(integer) runs with the rights of chenu_maintain
--   function app.gate() runs with the rights of chenu_gate
--   function app.request_checkpoint(jsonb, interval) runs with the rights of chenu_gate
--   function app.use_checkpoint(jsonb) runs with the rights of chenu_gate
--   function app.withdraw_checkpoint(uuid, text) runs with the rights of chenu_gate
-- Locks, held until commit:
--   public.business_invoices: SHARE ROW EXCLUSIVE (writes wait)
--   public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait)
--   public.community_groups: SHARE ROW EXCLUSIVE (writes wait)
--   public.entertainment_playlists: SHARE ROW EXCLUSIVE (writes wait)
--   public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait)
--   public.scholar_manuscripts: SHARE ROW EXCLUSIVE (writes wait)
--   public.social_posts: SHARE ROW EXCLUSIVE (writes wait)
--   public.team_agents: ACCESS EXCLUSIVE (reads and writes wait)
--   public.team_tasks: ACCESS EXCLUSIVE (reads and writes wait)
--   public.threads: SHARE ROW EXCLUSIVE (writes wait)

-- A check of the body would trip over row security, which is off while migrating.
SET LOCAL check_function_bodies = off;

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
    approved text[] := string_to_array(current_setting('app.approved_write', true), ' ');
    before jsonb;
    after jsonb;
BEGIN
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
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere,
        before, after, details, checkpoint_id, request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        app.uuid_v7(),
        (present ->> TG_ARGV[1])::uuid,
        nullif(current_setting('app.actor_id', true), '')::uuid,
        -- A function that tidies up runs as nobody, although in the role of a human.
        CASE WHEN nullif(current_setting('app.identity_id', true), '') IS NULL THEN 'system' ELSE app.actor_kind() END,
        CASE
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'INSERT' THEN 'checkpoint_requested'
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'UPDATE' AND after ? 'consumed_at' THEN 'checkpoint_consumed'
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'UPDATE' AND after ? 'status' THEN 'checkpoint_' || (after ->> 'status')
            WHEN TG_ARGV[0] = 'hired_agent' AND after ->> 'status' = 'active' THEN 'agent_hired'
            WHEN TG_ARGV[0] = 'hired_agent' AND after ->> 'status' = 'dismissed' THEN 'agent_dismissed'
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
        -- What a client claims in its request is not what approved the write: see app.gate().
        CASE WHEN TG_ARGV[0] = 'checkpoint' THEN (present ->> 'id')::uuid
            WHEN approved[2:] = ARRAY[TG_ARGV[0], present ->> 'id'] THEN approved[1]::uuid END,
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.traceparent', true), ''),
        nullif(current_setting('app.session_id', true), '')::uuid,
        nullif(current_setting('app.ip', true), ''),
        nullif(left(current_setting('app.user_agent', true), 400), ''),
        coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
    RETURN NULL;
END
$$;

CREATE FUNCTION app.payload_digest(payload jsonb) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(convert_to(payload::text, 'UTF8'))
$$;

CREATE FUNCTION app.actor() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT nullif(CASE app.actor_kind()
        WHEN 'human' THEN current_setting('app.identity_id', true)
        ELSE current_setting('app.actor_id', true)
    END, '')::uuid
$$;

CREATE FUNCTION app.gates_hold() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT pg_has_role(coalesce(nullif(current_setting('role', true), 'none'), session_user)::name, 'chenu_owner', 'MEMBER')
$$;

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
    RAISE EXCEPTION 'a human must approve exactly this: %', code USING ERRCODE = 'CH423',
        DETAIL = jsonb_build_object('code', code, 'payload', payload, 'checkpoint',
            app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at))::text;
END
$$;

CREATE FUNCTION app.checkpoint_summary(id uuid, type text, status text, digest bytea, expires_at timestamptz) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object('id', id, 'type', type, 'digest', encode(digest, 'hex'), 'expires_at', expires_at,
        'status', CASE WHEN status = 'pending' AND expires_at <= clock_timestamp() THEN 'expired' ELSE status END)
    WHERE id IS NOT NULL
$$;

CREATE FUNCTION app.gate() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    present jsonb := CASE WHEN TG_OP = 'DELETE' THEN old_row ELSE to_jsonb(NEW) END;
    used uuid;
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' AND TG_ARGV[4] = 'keep' THEN
        RAISE EXCEPTION 'rows of % in this state are never deleted', TG_TABLE_NAME USING ERRCODE = 'CH409',
            DETAIL = '{"code": "never_deleted", "detail": "In this state it is never deleted."}';
    END IF;
    used := app.use_checkpoint(jsonb_build_object(
        'identity', present ->> TG_ARGV[3],
        'type', TG_ARGV[0],
        'sphere', coalesce(nullif(TG_ARGV[2], ''), present ->> 'sphere'),
        'resource_type', TG_ARGV[1],
        'table', TG_TABLE_NAME,
        'operation', TG_OP,
        'id', old_row ->> 'id',
        'version', old_row -> 'version',
        'values', (SELECT jsonb_object_agg(c, present -> c) FROM unnest(TG_ARGV[5:]) AS c)));
    PERFORM set_config('app.approved_write', concat_ws(' ', used, TG_ARGV[1], present ->> 'id'), true);
    RETURN NULL;
END
$$;

CREATE FUNCTION app.checkpoint_lifetime(type text) RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN type IN ('cost', 'identity') THEN interval '15 minutes' ELSE interval '24 hours' END
$$;

CREATE FUNCTION app.request_checkpoint(payload jsonb, lifetime interval DEFAULT NULL)
    RETURNS TABLE (id uuid, type text, status text, digest bytea, expires_at timestamptz)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    kind text := app.actor_kind();
    actor uuid := app.actor();
    fingerprint bytea := app.payload_digest(payload);
    is_write boolean := payload ? 'table';
    wanted_type text := payload ->> 'type';
    fields text[];
BEGIN
    IF caller IS NULL OR actor IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF kind = 'system' THEN
        RAISE EXCEPTION 'only humans and agents ask for approval' USING ERRCODE = 'CH403';
    END IF;
    fields := CASE WHEN is_write
        THEN '{identity,type,sphere,resource_type,table,operation,id,version,values}'::text[]
        ELSE '{identity,type,sphere,resource_type,action,resource_id,resource_version,thread_id,content}'::text[] END;
    IF (jsonb_typeof(payload) = 'object' AND payload ?& fields AND payload - fields = '{}'
        AND payload ->> 'identity' = caller::text) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is none of the caller''s' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
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
    INSERT INTO public.checkpoints AS c (
        id, created_by, sphere, type, action, resource_type, resource_id, resource_version,
        payload, digest, requested_by, requested_by_kind, expires_at, thread_id
    ) VALUES (
        app.uuid_v7(), caller, payload ->> 'sphere', wanted_type,
        CASE WHEN is_write THEN lower(payload ->> 'operation') || ' ' || replace(payload ->> 'resource_type', '_', ' ')
            ELSE payload ->> 'action' END,
        payload ->> 'resource_type',
        (payload ->> CASE WHEN is_write THEN 'id' ELSE 'resource_id' END)::uuid,
        (payload ->> CASE WHEN is_write THEN 'version' ELSE 'resource_version' END)::bigint,
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

CREATE FUNCTION app.decide_checkpoint(checkpoint_id uuid, digest bytea, decision text, reason text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    proven timestamptz := nullif(current_setting('app.auth_time', true), '')::timestamptz;
    c public.checkpoints;
    moment timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human decides' USING ERRCODE = 'CH403';
    END IF;
    IF (decision IN ('approved', 'rejected')) IS NOT TRUE THEN
        RAISE EXCEPTION 'a decision is approved or rejected' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/decision", "code": "invalid_value"}';
    END IF;
    SELECT * INTO c FROM public.checkpoints p
     WHERE p.created_by = caller AND p.id = decide_checkpoint.checkpoint_id FOR UPDATE;
    moment := clock_timestamp();
    IF c.id IS NULL THEN
        RAISE EXCEPTION 'no such checkpoint' USING ERRCODE = 'CH404';
    END IF;
    IF c.digest IS DISTINCT FROM decide_checkpoint.digest THEN
        RAISE EXCEPTION 'the decision names another digest' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "digest_mismatch", "detail": "The decision names another digest than the checkpoint has. Read it again."}';
    END IF;
    IF c.status = decision THEN
        RETURN false;
    END IF;
    IF c.status <> 'pending' OR c.expires_at <= moment THEN
        RAISE EXCEPTION 'the checkpoint is % already', CASE c.status WHEN 'pending' THEN 'expired' ELSE c.status END USING ERRCODE = 'CH409',
            DETAIL = CASE WHEN c.status IN ('approved', 'rejected')
                THEN '{"code": "already_decided", "detail": "It was decided otherwise already."}'
                ELSE '{"code": "checkpoint_expired", "detail": "Its time to be decided is over."}' END;
    END IF;
    IF decision = 'rejected' AND nullif(btrim(reason), '') IS NULL THEN
        RAISE EXCEPTION 'a rejection has a reason' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/reason", "code": "required", "detail": "A rejection has a reason."}';
    END IF;
    IF decision = 'approved' AND c.requested_by_kind = 'human'
        AND (proven BETWEEN moment - interval '5 minutes' AND moment + interval '5 seconds') IS NOT TRUE THEN
        RAISE EXCEPTION 'the human authenticated too long ago' USING ERRCODE = 'CH403',
            DETAIL = '{"code": "recent_authentication_required", "detail": "Confirming an own request needs an authentication within the last 5 minutes."}';
    END IF;
    UPDATE public.checkpoints p SET
        status = decide_checkpoint.decision, reason = nullif(btrim(decide_checkpoint.reason), ''), decided_by = caller, decided_at = moment,
        use_before = CASE decision WHEN 'approved' THEN moment + (c.expires_at - c.created_at) END
     WHERE p.created_by = caller AND p.id = c.id;
    RETURN true;
END
$$;

CREATE FUNCTION app.withdraw_checkpoint(checkpoint_id uuid, reason text DEFAULT NULL) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    c public.checkpoints;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT * INTO c FROM public.checkpoints p
     WHERE p.created_by = caller AND p.id = withdraw_checkpoint.checkpoint_id FOR UPDATE;
    IF c.id IS NULL THEN
        RAISE EXCEPTION 'no such checkpoint' USING ERRCODE = 'CH404';
    END IF;
    IF (c.requested_by = app.actor() AND c.requested_by_kind = app.actor_kind()) IS NOT TRUE THEN
        RAISE EXCEPTION 'only the requester withdraws' USING ERRCODE = 'CH403',
            DETAIL = '{"code": "not_the_requester", "detail": "Only who asked for it withdraws it."}';
    END IF;
    IF c.status = 'expired' THEN
        RETURN false;
    END IF;
    IF c.status <> 'pending' THEN
        RAISE EXCEPTION 'the checkpoint is % already', c.status USING ERRCODE = 'CH409',
            DETAIL = '{"code": "already_decided", "detail": "It was decided already."}';
    END IF;
    UPDATE public.checkpoints p SET status = 'expired',
        reason = concat_ws(': ', 'withdrawn', nullif(btrim(withdraw_checkpoint.reason), ''))
     WHERE p.created_by = caller AND p.id = c.id;
    RETURN true;
END
$$;

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
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT * INTO c FROM public.checkpoints p
     WHERE p.created_by = caller AND p.id = consume_checkpoint.checkpoint_id;
    IF c.id IS NULL THEN
        RAISE EXCEPTION 'no such checkpoint' USING ERRCODE = 'CH404';
    END IF;
    IF c.digest IS DISTINCT FROM consume_checkpoint.digest OR (c.payload ? 'table') IS NOT FALSE THEN
        RAISE EXCEPTION 'another digest, or the approval of a write' USING ERRCODE = 'CH423',
            DETAIL = jsonb_build_object('code', 'checkpoint_mismatch', 'checkpoint',
                app.checkpoint_summary(c.id, c.type, c.status, c.digest, c.expires_at))::text;
    END IF;
    PERFORM set_config('app.checkpoint_id', c.id::text, true);
    PERFORM app.use_checkpoint(c.payload);
END
$$;

CREATE FUNCTION app.expire_checkpoints(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    UPDATE public.checkpoints SET status = 'expired' WHERE (created_by, id) IN (
        SELECT c.created_by, c.id FROM public.checkpoints c
         WHERE c.status = 'pending' AND c.expires_at <= clock_timestamp() LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;

CREATE OR REPLACE FUNCTION app.hire() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() = 'agent' THEN
        RAISE EXCEPTION 'only a human hires, changes or dismisses agents' USING ERRCODE = 'CH403';
    END IF;
    IF TG_OP = 'INSERT' THEN
        NEW.hired_by := NEW.created_by;
        NEW.hired_at := clock_timestamp();
        NEW.hire_checkpoint_id := NULL;
    END IF;
    -- The gate refuses the write unless it uses up exactly this checkpoint.
    IF NEW.status = 'active' AND (TG_OP = 'INSERT' OR OLD.status <> 'active') THEN
        NEW.hire_checkpoint_id := nullif(current_setting('app.checkpoint_id', true), '')::uuid;
    END IF;
    IF NEW.status <> 'dismissed' THEN
        NEW.dismissed_by := NULL;
        NEW.dismissed_at := NULL;
        NEW.dismiss_reason := NULL;
    ELSIF TG_OP = 'INSERT' OR OLD.status <> 'dismissed' THEN
        NEW.dismissed_by := NEW.created_by;
        NEW.dismissed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION app.end_agent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status = 'dismissed' AND OLD.status <> 'dismissed' THEN
        UPDATE public.checkpoints c SET status = 'expired', reason = 'its agent was dismissed'
         WHERE c.created_by = NEW.created_by AND c.requested_by = NEW.id AND c.status = 'pending';
        UPDATE public.team_tasks t SET status = 'cancelled'
         WHERE t.created_by = NEW.created_by AND t.agent_id = NEW.id AND t.status IN ('todo', 'in_progress');
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION app.dismiss_agent(agent_id uuid, reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF nullif(btrim(reason), '') IS NULL THEN
        RAISE EXCEPTION 'a dismissal has a reason' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/reason", "code": "required", "detail": "A dismissal has a reason."}';
    END IF;
    UPDATE public.team_agents a SET status = 'dismissed', dismiss_reason = btrim(reason)
     WHERE a.created_by = caller AND a.id = dismiss_agent.agent_id AND a.status <> 'dismissed';
    RETURN FOUND;
END
$$;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_gate;

ALTER FUNCTION app.consume_checkpoint(uuid, bytea) OWNER TO chenu_gate;

ALTER FUNCTION app.decide_checkpoint(uuid, bytea, text, text) OWNER TO chenu_gate;

ALTER FUNCTION app.dismiss_agent(uuid, text) OWNER TO chenu_gate;

ALTER FUNCTION app.end_agent() OWNER TO chenu_gate;

ALTER FUNCTION app.gate() OWNER TO chenu_gate;

ALTER FUNCTION app.request_checkpoint(jsonb, interval) OWNER TO chenu_gate;

ALTER FUNCTION app.use_checkpoint(jsonb) OWNER TO chenu_gate;

ALTER FUNCTION app.withdraw_checkpoint(uuid, text) OWNER TO chenu_gate;

REVOKE CREATE ON SCHEMA app FROM chenu_gate;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_maintain;

ALTER FUNCTION app.expire_checkpoints(integer) OWNER TO chenu_maintain;

REVOKE CREATE ON SCHEMA app FROM chenu_maintain;

-- Locks public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_insert ON checkpoints FOR INSERT TO chenu_gate
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_select ON checkpoints FOR SELECT TO chenu_gate
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON checkpoints FOR UPDATE TO chenu_gate
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_select ON checkpoints FOR SELECT TO chenu_maintain
    USING (expires_at <= clock_timestamp());

CREATE POLICY maintain_update ON checkpoints FOR UPDATE TO chenu_maintain
    USING (expires_at <= clock_timestamp())
    WITH CHECK (expires_at <= clock_timestamp());

-- Locks public.team_agents: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON team_agents FOR SELECT TO chenu_gate
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON team_agents FOR UPDATE TO chenu_gate
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.team_tasks: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON team_tasks FOR SELECT TO chenu_gate
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON team_tasks FOR UPDATE TO chenu_gate
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_invoices: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER approve_delete AFTER DELETE ON business_invoices
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.status IN ('sent', 'paid', 'void')))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', 'keep', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

CREATE TRIGGER approve_insert AFTER INSERT ON business_invoices
    FOR EACH ROW WHEN (NEW.status IN ('sent', 'paid', 'void'))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', 'keep', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

CREATE TRIGGER approve_update AFTER UPDATE ON business_invoices
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status IN ('sent', 'paid', 'void')) IS DISTINCT FROM (NEW.status IN ('sent', 'paid', 'void')) OR (NEW.status IN ('sent', 'paid', 'void')) AND ROW(OLD.number, OLD.contact_id, OLD.currency, OLD.line_items, OLD.status, OLD.issued_on, OLD.due_on, OLD.paid_at) IS DISTINCT FROM ROW(NEW.number, NEW.contact_id, NEW.currency, NEW.line_items, NEW.status, NEW.issued_on, NEW.due_on, NEW.paid_at)))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', 'keep', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.audit('checkpoint', 'created_by', '', 'payload');

-- Locks public.community_groups: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER approve_delete AFTER DELETE ON community_groups
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.visibility = 'public'))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

CREATE TRIGGER approve_insert AFTER INSERT ON community_groups
    FOR EACH ROW WHEN (NEW.visibility = 'public')
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

CREATE TRIGGER approve_update AFTER UPDATE ON community_groups
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public') IS DISTINCT FROM (NEW.visibility = 'public') OR (NEW.visibility = 'public') AND ROW(OLD.name, OLD.description, OLD.kind, OLD.visibility, OLD.settings, OLD.rules) IS DISTINCT FROM ROW(NEW.name, NEW.description, NEW.kind, NEW.visibility, NEW.settings, NEW.rules)))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

-- Locks public.entertainment_playlists: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER approve_delete AFTER DELETE ON entertainment_playlists
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.visibility = 'public'))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '', 'name', 'kind', 'visibility', 'items');

CREATE TRIGGER approve_insert AFTER INSERT ON entertainment_playlists
    FOR EACH ROW WHEN (NEW.visibility = 'public')
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '', 'name', 'kind', 'visibility', 'items');

CREATE TRIGGER approve_update AFTER UPDATE ON entertainment_playlists
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public') IS DISTINCT FROM (NEW.visibility = 'public') OR (NEW.visibility = 'public') AND ROW(OLD.name, OLD.kind, OLD.visibility, OLD.items) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.visibility, NEW.items)))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '', 'name', 'kind', 'visibility', 'items');

-- Locks public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER approve_delete AFTER DELETE ON government_clinical_trials
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.status <> 'planned'))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

CREATE TRIGGER approve_insert AFTER INSERT ON government_clinical_trials
    FOR EACH ROW WHEN (NEW.status <> 'planned')
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

CREATE TRIGGER approve_update AFTER UPDATE ON government_clinical_trials
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.status IS DISTINCT FROM NEW.status))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

-- Locks public.scholar_manuscripts: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER approve_delete AFTER DELETE ON scholar_manuscripts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.status = 'submitted'))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

CREATE TRIGGER approve_insert AFTER INSERT ON scholar_manuscripts
    FOR EACH ROW WHEN (NEW.status = 'submitted')
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

CREATE TRIGGER approve_update AFTER UPDATE ON scholar_manuscripts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status = 'submitted') IS DISTINCT FROM (NEW.status = 'submitted') OR (NEW.status = 'submitted') AND ROW(OLD.title, OLD.abstract, OLD.sections, OLD.status, OLD.target_journal, OLD.submitted_at, OLD.co_authors) IS DISTINCT FROM ROW(NEW.title, NEW.abstract, NEW.sections, NEW.status, NEW.target_journal, NEW.submitted_at, NEW.co_authors)))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

-- Locks public.social_posts: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER approve_delete AFTER DELETE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.visibility = 'public' AND OLD.published_at IS NOT NULL))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE TRIGGER approve_insert AFTER INSERT ON social_posts
    FOR EACH ROW WHEN (NEW.visibility = 'public' AND NEW.published_at IS NOT NULL)
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE TRIGGER approve_update AFTER UPDATE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) IS DISTINCT FROM (NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR (NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) AND ROW(OLD.body, OLD.media, OLD.visibility, OLD.thread_id, OLD.reply_to_id, OLD.published_at) IS DISTINCT FROM ROW(NEW.body, NEW.media, NEW.visibility, NEW.thread_id, NEW.reply_to_id, NEW.published_at)))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE TRIGGER approve_delete AFTER DELETE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.status = 'active'))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', 'keep', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget');

CREATE TRIGGER approve_insert AFTER INSERT ON team_agents
    FOR EACH ROW WHEN (NEW.status = 'active')
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', 'keep', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget');

CREATE TRIGGER approve_update AFTER UPDATE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((NEW.status = 'active') AND ((OLD.status = 'active') IS NOT TRUE OR NOT NEW.capabilities <@ OLD.capabilities OR OLD.token_budget IS NOT NULL AND (NEW.token_budget <= OLD.token_budget) IS NOT TRUE)))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', 'keep', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget');

CREATE TRIGGER end_agent AFTER UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.end_agent();

-- Locks public.threads: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER approve_delete AFTER DELETE ON threads
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (OLD.visibility = 'public'))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

CREATE TRIGGER approve_insert AFTER INSERT ON threads
    FOR EACH ROW WHEN (NEW.visibility = 'public')
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

CREATE TRIGGER approve_update AFTER UPDATE ON threads
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public') IS DISTINCT FROM (NEW.visibility = 'public') OR (NEW.visibility = 'public') AND ROW(OLD.founding_intent, OLD.sphere, OLD.type, OLD.status, OLD.visibility, OLD.title, OLD.parent_thread_id, OLD.tags) IS DISTINCT FROM ROW(NEW.founding_intent, NEW.sphere, NEW.type, NEW.status, NEW.visibility, NEW.title, NEW.parent_thread_id, NEW.tags)))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

GRANT USAGE ON SCHEMA app TO chenu_gate;

GRANT USAGE ON SCHEMA public TO chenu_gate;

REVOKE EXECUTE ON FUNCTION app.consume_checkpoint(uuid, bytea) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.consume_checkpoint(uuid, bytea) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.consume_checkpoint(uuid, bytea) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.decide_checkpoint(uuid, bytea, text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.decide_checkpoint(uuid, bytea, text, text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.dismiss_agent(uuid, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.dismiss_agent(uuid, text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.end_agent() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.expire_checkpoints(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.expire_checkpoints(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.gate() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.request_checkpoint(jsonb, interval) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.request_checkpoint(jsonb, interval) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.request_checkpoint(jsonb, interval) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.use_checkpoint(jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.use_checkpoint(jsonb) TO chenu_erase;

REVOKE EXECUTE ON FUNCTION app.withdraw_checkpoint(uuid, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.withdraw_checkpoint(uuid, text) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.withdraw_checkpoint(uuid, text) TO chenu_human;

GRANT SELECT, INSERT (id, created_by, sphere, type, action, resource_type, resource_id, resource_version, payload, digest, requested_by, requested_by_kind, expires_at, thread_id), UPDATE (status, reason, decided_by, decided_at, use_before, consumed_at) ON public.checkpoints TO chenu_gate;

GRANT SELECT (id, created_by, status, expires_at), UPDATE (status) ON public.checkpoints TO chenu_maintain;

GRANT SELECT (id, created_by, status), UPDATE (status, dismiss_reason) ON public.team_agents TO chenu_gate;

GRANT SELECT (created_by, status, agent_id), UPDATE (status) ON public.team_tasks TO chenu_gate;

COMMENT ON COLUMN "public"."team_agents"."token_budget" IS 'How many tokens of its model it may use; null is no limit.';
