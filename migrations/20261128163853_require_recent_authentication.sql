-- require recent authentication
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   review: function app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone)
--       does something else, with the rights of chenu_login
--   review: function app.decide_checkpoint(uuid, bytea, text, text)
--       does something else, with the rights of chenu_gate
--   new: chenu_human, EXECUTE on function app.record_export(text)
--       it runs with the rights of chenu_audit
--   new: chenu_audit, EXECUTE on function app.require_recent_authentication()
--       it runs with the rights of chenu_login
--   new: chenu_gate, EXECUTE on function app.require_recent_authentication()
--       it runs with the rights of chenu_login

CREATE OR REPLACE FUNCTION app.add_agent_credential(
    credential_id uuid, agent_id uuid, name text, secret_hash bytea, public_key bytea, expires_at timestamptz
) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    agent_status text;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human makes credentials' USING ERRCODE = 'CH403';
    END IF;
    PERFORM app.require_recent_authentication();
    PERFORM app.lock_agent_credentials(add_agent_credential.agent_id);
    SELECT a.status INTO agent_status FROM public.team_agents a
     WHERE a.created_by = caller AND a.id = add_agent_credential.agent_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such agent' USING ERRCODE = 'CH404';
    END IF;
    IF agent_status = 'dismissed' THEN
        RAISE EXCEPTION 'the agent was dismissed' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "agent_dismissed", "detail": "A dismissed agent gets no credentials."}';
    END IF;
    IF (SELECT count(*) FROM app.agent_credentials c
         WHERE c.created_by = caller AND c.agent_id = add_agent_credential.agent_id AND c.revoked_at IS NULL) >= 20 THEN
        RAISE EXCEPTION 'the agent has 20 credentials' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "too_many_credentials", "detail": "An agent has at most 20 credentials. Revoke one first."}';
    END IF;
    IF (add_agent_credential.secret_hash IS NOT NULL AND octet_length(add_agent_credential.secret_hash) <> 32)
        OR (add_agent_credential.expires_at <= clock_timestamp()) IS TRUE THEN
        RAISE EXCEPTION 'no hash, or a time that is over' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/expires_at", "code": "out_of_range", "detail": "This must be in the future."}';
    END IF;
    INSERT INTO app.agent_credentials (id, created_by, agent_id, name, secret_hash, public_key, expires_at)
    VALUES (add_agent_credential.credential_id, caller, add_agent_credential.agent_id, add_agent_credential.name,
        add_agent_credential.secret_hash, add_agent_credential.public_key, add_agent_credential.expires_at);
END
$$;

CREATE OR REPLACE FUNCTION app.decide_checkpoint(checkpoint_id uuid, digest bytea, decision text, reason text DEFAULT NULL) RETURNS boolean
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

CREATE FUNCTION app.require_recent_authentication() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    authenticated timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human authenticates' USING ERRCODE = 'CH403';
    END IF;
    SELECT s.authenticated_at INTO authenticated FROM app.sessions s
     WHERE s.created_by = caller AND s.id = nullif(current_setting('app.session_id', true), '')::uuid
       AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp();
    IF (authenticated >= clock_timestamp() - interval '5 minutes') IS NOT TRUE THEN
        RAISE EXCEPTION 'the session was not authenticated within the last 5 minutes' USING ERRCODE = 'CH403',
            DETAIL = '{"code": "recent_authentication_required", "detail": "This needs an authentication within the last 5 minutes. Call POST /v1/auth/step-up with the password, then repeat the request with the access token that it returns."}';
    END IF;
END
$$;

CREATE FUNCTION app.record_export(resource_type text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (record_export.resource_type IN ('identity', 'audit_log')) IS NOT TRUE THEN
        RAISE EXCEPTION 'no such export' USING ERRCODE = 'CH422';
    END IF;
    PERFORM app.require_recent_authentication();
    RETURN app.record_event('read', 'success', record_export.resource_type,
        CASE record_export.resource_type WHEN 'identity' THEN current_setting('app.identity_id', true)::uuid END,
        '{"export": "ndjson"}'::jsonb);
END
$$;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_audit;

ALTER FUNCTION app.record_export(text) OWNER TO chenu_audit;

REVOKE CREATE ON SCHEMA app FROM chenu_audit;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.require_recent_authentication() OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

REVOKE EXECUTE ON FUNCTION app.record_export(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_export(text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.require_recent_authentication() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.require_recent_authentication() TO chenu_audit;

GRANT EXECUTE ON FUNCTION app.require_recent_authentication() TO chenu_gate;
