-- Agents' credentials: what a hired agent proves itself with. Its human makes, lists and
-- revokes them; the agent itself can neither see nor change any. All of it belongs to
-- chenu_login, but what tidies up.

-- Serializes what is done with the credentials of one agent: none is made while the agent
-- is being dismissed.
CREATE FUNCTION app.lock_agent_credentials(agent_id uuid) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('chenu agent credentials ' || agent_id, 0))
$$;

-- Creates a credential of an agent of the caller's, which needs a recent authentication. Only
-- the hash of the secret is passed to it.
CREATE FUNCTION app.add_agent_credential(
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
ALTER FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamptz) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamptz) TO chenu_human;

-- Revokes a credential of an agent of the caller's; again changes nothing.
CREATE FUNCTION app.revoke_agent_credential(agent_id uuid, credential_id uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human revokes credentials' USING ERRCODE = 'CH403';
    END IF;
    UPDATE app.agent_credentials c SET revoked_at = clock_timestamp()
     WHERE c.created_by = caller AND c.agent_id = revoke_agent_credential.agent_id
       AND c.id = revoke_agent_credential.credential_id AND c.revoked_at IS NULL;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM app.agent_credentials c
         WHERE c.created_by = caller AND c.agent_id = revoke_agent_credential.agent_id
           AND c.id = revoke_agent_credential.credential_id) THEN
        RAISE EXCEPTION 'no such credential' USING ERRCODE = 'CH404';
    END IF;
END
$$;
ALTER FUNCTION app.revoke_agent_credential(uuid, uuid) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.revoke_agent_credential(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.revoke_agent_credential(uuid, uuid) TO chenu_human;

-- What a credential of the caller's is checked against: its agent, and its hash or key. The
-- service calls it on the owner's behalf, whom the agent names, before the agent is anybody.
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
ALTER FUNCTION app.agent_credential(uuid) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.agent_credential(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.agent_credential(uuid) TO chenu_human;

-- Uses a credential of the caller's that has been proved, records that as its agent's login,
-- and returns what the agent may do. It is refused when anything of it has ended, or the
-- assertion was used before. The service calls it on the owner's behalf, before the agent is
-- anybody.
CREATE FUNCTION app.use_agent_credential(credential_id uuid, amr text, jti_digest bytea, assertion_expires_at timestamptz)
    RETURNS text[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    agent uuid;
    allowed text[];
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE app.agent_credentials c SET last_used_at = clock_timestamp()
      FROM public.team_agents a, public.identities i
     WHERE c.created_by = caller AND c.id = use_agent_credential.credential_id
       AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
       AND a.created_by = caller AND a.id = c.agent_id AND a.status = 'active'
       AND i.id = caller AND i.status = 'active'
    RETURNING a.id, a.capabilities INTO agent, allowed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the credential, its agent or its identity is not active' USING ERRCODE = 'CH401';
    END IF;
    IF use_agent_credential.jti_digest IS NOT NULL THEN
        INSERT INTO app.used_assertions (id, created_by, credential_id, jti_digest, expires_at)
        VALUES (app.uuid_v7(), caller, use_agent_credential.credential_id, use_agent_credential.jti_digest,
            use_agent_credential.assertion_expires_at)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the assertion was used before' USING ERRCODE = 'CH401';
        END IF;
    END IF;
    PERFORM app.record_event('login', 'success', 'agent_credential', use_agent_credential.credential_id,
        jsonb_build_object('amr', use_agent_credential.amr), NULL, agent);
    RETURN allowed;
END
$$;
ALTER FUNCTION app.use_agent_credential(uuid, text, bytea, timestamptz) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.use_agent_credential(uuid, text, bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.use_agent_credential(uuid, text, bytea, timestamptz) TO chenu_human;

-- Refuses what an agent writes once it is suspended or dismissed: its token may still be
-- believed for a moment. An agent that was never hired is one of a development token.
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
ALTER FUNCTION app.refuse_ended_agent() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.refuse_ended_agent() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.refuse_ended_agent() TO chenu_audit;

-- Forgets used assertions that are no longer valid in any case, at most `most` of them, and
-- returns how many. Its owner sees those rows only.
CREATE FUNCTION app.expire_used_assertions(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    DELETE FROM app.used_assertions WHERE (created_by, id) IN (
        SELECT u.created_by, u.id FROM app.used_assertions u WHERE u.expires_at < clock_timestamp() LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;
ALTER FUNCTION app.expire_used_assertions(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.expire_used_assertions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.expire_used_assertions(integer) TO chenu_human;
