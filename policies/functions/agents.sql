-- Credentials with which hired agents authenticate. The human of the identity creates, lists and
-- revokes them. The agent can neither see nor change them. The functions belong to chenu_login,
-- except those that delete expired rows.

-- Serializes changes of the credentials of one agent: no credential is created while the agent is
-- being dismissed.
CREATE FUNCTION app.lock_agent_credentials(agent_id uuid) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('chenu agent credentials ' || agent_id, 0))
$$;

-- Reports whether a public key of Ed25519 (RFC 8032) is safe to verify signatures with. The eight
-- keys of small order are not: signatures that verify under them need no private key. Encodings of
-- numbers at or above the prime 2^255 - 19 are not canonical and are not accepted. The sign bit of
-- the last byte is ignored: both signs of a key of small order are not accepted.
CREATE FUNCTION app.ed25519_key_acceptable(key bytea) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    y bytea;
BEGIN
    IF octet_length(key) <> 32 THEN
        RETURN false;
    END IF;
    y := set_byte(key, 31, get_byte(key, 31) & 127);
    RETURN y NOT IN (
            '\x0000000000000000000000000000000000000000000000000000000000000000',
            '\x0100000000000000000000000000000000000000000000000000000000000000',
            '\x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
            '\xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
            '\xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')
        AND (get_byte(y, 0) < 237 OR substr(y, 2) <> '\xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
END
$$;

-- Refuses a caller whose e-mail address is not verified. A caller without an identity passes here
-- and is refused by the policies.
CREATE FUNCTION app.require_verified_email() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF EXISTS (SELECT FROM public.identities i WHERE i.id = caller AND i.email_verified_at IS NULL) THEN
        RAISE EXCEPTION 'the e-mail address is not verified' USING ERRCODE = 'CH403',
            DETAIL = '{"code": "email_unverified", "detail": "Verify the e-mail address of the account first: send the token from the verification mail to POST /v1/auth/verify-email. POST /v1/auth/request-email-verification sends another mail. If this service sends no mail, its operator can verify the address with chenu accounts verify --email ADDRESS."}';
    END IF;
END
$$;
ALTER FUNCTION app.require_verified_email() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.require_verified_email() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.require_verified_email() TO chenu_human, chenu_gate;

-- Creates a credential of an agent of the caller. Only the hash of the secret is passed to it. It
-- requires a recent authentication and a verified e-mail address. A credential expires after 90
-- days unless expires_at says otherwise, and after 365 days at most. The owner is notified by mail.
CREATE FUNCTION app.add_agent_credential(
    credential_id uuid, agent_id uuid, name text, secret_hash bytea, public_key bytea, expires_at timestamptz
) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    agent_status text;
    expiry timestamptz := coalesce(add_agent_credential.expires_at, clock_timestamp() + interval '90 days');
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human can create credentials' USING ERRCODE = 'CH403';
    END IF;
    -- A password reset locks the row, too, and ends the sessions: either it comes first, and the
    -- session that this runs in is over, or it revokes this credential.
    PERFORM FROM public.identities i WHERE i.id = caller FOR SHARE;
    PERFORM app.require_recent_authentication();
    PERFORM app.require_verified_email();
    PERFORM app.require_read_committed();
    PERFORM app.lock_agent_credentials(add_agent_credential.agent_id);
    SELECT a.status INTO agent_status FROM public.team_agents a
     WHERE a.created_by = caller AND a.id = add_agent_credential.agent_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such agent' USING ERRCODE = 'CH404';
    END IF;
    IF agent_status = 'dismissed' THEN
        RAISE EXCEPTION 'the agent is dismissed' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "agent_dismissed", "detail": "The agent is dismissed and cannot have credentials. Hire another agent."}';
    END IF;
    IF (SELECT count(*) FROM app.agent_credentials c
         WHERE c.created_by = caller AND c.agent_id = add_agent_credential.agent_id AND c.revoked_at IS NULL) >= 20 THEN
        RAISE EXCEPTION 'the agent has 20 credentials' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "too_many_credentials", "detail": "An agent can have at most 20 credentials. Revoke a credential first."}';
    END IF;
    IF add_agent_credential.secret_hash IS NOT NULL AND octet_length(add_agent_credential.secret_hash) <> 32 THEN
        RAISE EXCEPTION 'the hash of a secret must have 32 bytes' USING ERRCODE = 'CH422';
    END IF;
    IF NOT app.ed25519_key_acceptable(add_agent_credential.public_key) THEN
        RAISE EXCEPTION 'the public key is weak or invalid' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/public_key/x", "code": "weak_key", "detail": "The key must be the canonical encoding of an Ed25519 public key and must not have a small order. Anybody can sign for a key of small order. Generate another key."}';
    END IF;
    IF (expiry > clock_timestamp() AND expiry <= clock_timestamp() + interval '365 days') IS NOT TRUE THEN
        RAISE EXCEPTION 'a credential must expire within 365 days' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/expires_at", "code": "out_of_range", "detail": "The time must be in the future and at most 365 days ahead."}';
    END IF;
    INSERT INTO app.agent_credentials (id, created_by, agent_id, name, secret_hash, public_key, expires_at)
    VALUES (add_agent_credential.credential_id, caller, add_agent_credential.agent_id, add_agent_credential.name,
        add_agent_credential.secret_hash, add_agent_credential.public_key, expiry);
    PERFORM app.owe_notice('credential_created', jsonb_build_object(
        'agent_id', add_agent_credential.agent_id, 'credential_id', add_agent_credential.credential_id, 'expires_at', expiry));
END
$$;
ALTER FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamptz) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamptz) TO chenu_human;

-- Revokes a credential of an agent of the caller. Revoking a revoked credential changes nothing.
CREATE FUNCTION app.revoke_agent_credential(agent_id uuid, credential_id uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human can revoke credentials' USING ERRCODE = 'CH403';
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

-- Returns what a credential of the caller is checked against: its agent, and its hash or key. It
-- returns no key that app.ed25519_key_acceptable() does not accept. The service calls it as the
-- owner that the agent names, before the agent is authenticated.
CREATE FUNCTION app.agent_credential(credential_id uuid)
    RETURNS TABLE (agent_id uuid, secret_hash bytea, public_key bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    RETURN QUERY
    SELECT c.agent_id, c.secret_hash, CASE WHEN app.ed25519_key_acceptable(c.public_key) THEN c.public_key END
      FROM app.agent_credentials c
     WHERE c.created_by = caller AND c.id = agent_credential.credential_id;
END
$$;
ALTER FUNCTION app.agent_credential(uuid) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.agent_credential(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.agent_credential(uuid) TO chenu_human;

-- Uses a credential of the caller that the service has checked, records the login of its agent, and
-- returns the capabilities of the agent. It fails if the credential, its agent or its identity is
-- not active, or if the assertion was already used. The service calls it as the owner, before the
-- agent is authenticated.
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
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    -- A token that is made during a suspension would not be from before it.
    PERFORM app.hold_agent((SELECT c.agent_id FROM app.agent_credentials c
        WHERE c.created_by = caller AND c.id = use_agent_credential.credential_id));
    UPDATE app.agent_credentials c SET last_used_at = clock_timestamp()
      FROM public.team_agents a, public.identities i
     WHERE c.created_by = caller AND c.id = use_agent_credential.credential_id
       AND c.revoked_at IS NULL AND c.expires_at > clock_timestamp()
       AND (c.public_key IS NULL OR app.ed25519_key_acceptable(c.public_key))
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
            RAISE EXCEPTION 'the assertion was already used' USING ERRCODE = 'CH401';
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

-- Records a refused login with a credential of the caller: see app.record_failure(). Nothing is
-- recorded for a credential that does not exist.
CREATE FUNCTION app.refuse_agent_credential(credential_id uuid, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    asking text := refuse_agent_credential.credential_id || ' ' || app.client_network();
    agent uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT c.agent_id INTO agent FROM app.agent_credentials c
     WHERE c.created_by = caller AND c.id = refuse_agent_credential.credential_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO app.login_attempts (id, created_by, origin) VALUES (app.uuid_v7(), caller, asking)
    ON CONFLICT (created_by, origin) DO NOTHING;
    PERFORM app.record_failure(asking, 'agent_credential', refuse_agent_credential.credential_id,
        jsonb_build_object('reason', left(refuse_agent_credential.reason, 100), 'agent_id', agent));
END
$$;
ALTER FUNCTION app.refuse_agent_credential(uuid, text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.refuse_agent_credential(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.refuse_agent_credential(uuid, text) TO chenu_human;

-- Revokes all credentials of the caller's agents, and suspends the agents that were approved before
-- the e-mail address was verified, because the person who approved them may not own the address. It
-- returns the number of credentials and of agents. It requires no recent authentication.
CREATE FUNCTION app.revoke_agents() RETURNS TABLE (revoked_credentials integer, suspended_agents integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    verified timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human can revoke credentials' USING ERRCODE = 'CH403';
    END IF;
    -- Waits for whoever creates a credential: see app.add_agent_credential().
    SELECT i.email_verified_at INTO verified FROM public.identities i WHERE i.id = caller FOR NO KEY UPDATE;
    -- Agents first and then their credentials, as a dismissal locks them.
    suspended_agents := app.suspend_agents('approved before the e-mail address was verified', coalesce(verified, 'infinity'));
    UPDATE app.agent_credentials c SET revoked_at = clock_timestamp() WHERE c.created_by = caller AND c.revoked_at IS NULL;
    GET DIAGNOSTICS revoked_credentials = ROW_COUNT;
    -- Whoever held the credentials chose what these requests ask for.
    PERFORM app.expire_requests('all credentials of agents were revoked');
    RETURN NEXT;
END
$$;
ALTER FUNCTION app.revoke_agents() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.revoke_agents() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.revoke_agents() TO chenu_human;

-- Deletes used assertions that are no longer valid, at most `most` of them, and returns their
-- number. The owner of the function sees only those rows.
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
