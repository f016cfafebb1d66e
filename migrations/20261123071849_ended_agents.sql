-- ended agents
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   chenu_audit gains EXECUTE on function app.refuse_ended_agent()
--   changed policy login_select on app.agent_credentials:
--       was chenu_login may SELECT rows where (CURRENT_USER = 'chenu_login'::name)
--       now chenu_login may SELECT rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   function app.agent_credential(uuid), which runs with the rights of chenu_login, does something else
--   function app.audit(), which runs with the rights of chenu_audit, does something else
--   function app.refuse_ended_agent() runs with the rights of chenu_login
-- Locks, held until commit:
--   app.agent_credentials: ACCESS EXCLUSIVE (reads and writes wait)

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.agent_credential(uuid);

CREATE FUNCTION app.agent_credential(credential_id uuid)
    RETURNS TABLE (agent_id uuid, secret_hash bytea, public_key bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    RETURN QUERY
    SELECT c.agent_id, c.secret_hash, c.public_key FROM app.agent_credentials c
     WHERE c.created_by = caller AND c.id = agent_credential.credential_id;
END
$$;

CREATE FUNCTION app.refuse_ended_agent() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF EXISTS (SELECT FROM public.team_agents a
         WHERE a.created_by = caller AND a.id = app.actor() AND a.status <> 'active') THEN
        RAISE EXCEPTION 'the agent is suspended or dismissed' USING ERRCODE = 'CH401';
    END IF;
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
    approved text[] := string_to_array(current_setting('app.approved_write', true), ' ');
    before jsonb;
    after jsonb;
BEGIN
    IF TG_ARGV[0] <> 'identity' THEN
        PERFORM app.refuse_erased();
    ELSIF old_row ->> 'status' = 'erased' THEN
        RAISE EXCEPTION 'the identity was erased' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() = 'agent' THEN
        PERFORM app.refuse_ended_agent();
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

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.agent_credential(uuid) OWNER TO chenu_login;

ALTER FUNCTION app.refuse_ended_agent() OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

-- Locks app.agent_credentials: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY login_select ON app.agent_credentials
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

REVOKE EXECUTE ON FUNCTION app.agent_credential(uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.agent_credential(uuid) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.refuse_ended_agent() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.refuse_ended_agent() TO chenu_audit;
