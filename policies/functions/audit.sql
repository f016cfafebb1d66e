-- Writes the audit row of every change in the transaction of the change, also for raw SQL and
-- superusers. Arguments: resource type, owner column, sphere or '', then the columns to omit. The
-- owner of the function may only insert audit rows.
CREATE FUNCTION app.audit() RETURNS trigger
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
ALTER FUNCTION app.audit() OWNER TO chenu_audit;
REVOKE EXECUTE ON FUNCTION app.audit() FROM PUBLIC;

-- Records an event that changes no row, for the identity of the session. Only functions of this
-- project may call it; the service calls the two functions below. A successful change is recorded
-- by its own trigger. The agent is an argument because the session does not run as the agent when
-- it logs in. The row names no approval, whatever the settings say: these events use none.
CREATE FUNCTION app.record_event(action text, outcome text, resource_type text, resource_id uuid, details jsonb, sphere text DEFAULT NULL, agent uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    identity uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    recorded uuid := app.uuid_v7();
    -- Whoever fails to log in with a credential has not shown to be its agent.
    unproven boolean := agent IS NULL AND action = 'login' AND outcome = 'denied' AND resource_type = 'agent_credential';
BEGIN
    IF identity IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF outcome = 'success' AND action NOT IN ('login', 'logout', 'credential_change', 'read') THEN
        RAISE EXCEPTION 'only the database records a successful %', action USING ERRCODE = 'CH403';
    END IF;
    IF agent IS NULL AND app.actor_kind() = 'agent' THEN
        PERFORM app.refuse_inactive_agent();
    END IF;
    -- Details describe an event. They are no place to keep data in.
    IF octet_length(details::text) > 8192 THEN
        RAISE EXCEPTION 'the details of an audit row are longer than 8192 bytes' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/details", "code": "too_long", "detail": "The details must not be longer than 8192 bytes."}';
    END IF;
    PERFORM app.refuse_erased();
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere,
        details, request_id, client_request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        recorded,
        identity,
        CASE WHEN NOT unproven THEN coalesce(agent, nullif(current_setting('app.actor_id', true), '')::uuid) END,
        CASE WHEN unproven THEN 'system' WHEN agent IS NULL THEN app.actor_kind() ELSE 'agent' END,
        action, outcome, resource_type, resource_id, sphere, coalesce(details, '{}'),
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.client_request_id', true), '')::uuid,
        substring(left(current_setting('app.traceparent', true), 55) from '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
        nullif(current_setting('app.session_id', true), '')::uuid,
        substring(left(current_setting('app.ip', true), 45) from '^[0-9A-Fa-f:.]+'),
        nullif(left(current_setting('app.user_agent', true), 400), ''),
        coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
    RETURN recorded;
END
$$;
ALTER FUNCTION app.record_event(text, text, text, uuid, jsonb, text, uuid) OWNER TO chenu_audit;
REVOKE EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb, text, uuid) TO chenu_login, chenu_maintain;

-- Records a read of a resource whose reads are audited. This is the only success that a serving
-- role may record.
CREATE FUNCTION app.record_read(resource_type text, resource_id uuid, details jsonb, sphere text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN app.record_event('read', 'success', resource_type, resource_id, details, sphere);
END
$$;
ALTER FUNCTION app.record_read(text, uuid, jsonb, text) OWNER TO chenu_audit;
REVOKE EXECUTE ON FUNCTION app.record_read(text, uuid, jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_read(text, uuid, jsonb, text) TO chenu_human, chenu_agent;

-- Records that the caller was denied something.
CREATE FUNCTION app.record_denial(action text, resource_type text, resource_id uuid, details jsonb, sphere text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN app.record_event(action, 'denied', resource_type, resource_id, details, sphere);
END
$$;
ALTER FUNCTION app.record_denial(text, text, uuid, jsonb, text) OWNER TO chenu_audit;
REVOKE EXECUTE ON FUNCTION app.record_denial(text, text, uuid, jsonb, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_denial(text, text, uuid, jsonb, text) TO chenu_human, chenu_agent;
