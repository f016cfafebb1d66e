-- plain messages
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   review: function app.account_email(uuid)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.account_token_valid(text, bytea)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.agent_credential(uuid)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.append_events(uuid, bigint, jsonb)
--       the body changed; it runs with the privileges of chenu_threads
--   review: function app.assign()
--       the body changed; it runs when public.team_tasks changes, with the privileges of the caller
--   review: function app.begin_attempt()
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.change_password(text, text, uuid)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.check_collected()
--       the body changed; it runs when app.collected_writes changes, with the privileges of chenu_gate
--   review: function app.check_in_day()
--       the body changed; it runs when app.habit_check_ins changes, with the privileges of the caller
--   review: function app.close_session(uuid)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.close_sessions(uuid)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.consume_checkpoint(uuid, bytea)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.create_thread(uuid, uuid, integer, jsonb)
--       the body changed; it runs with the privileges of chenu_threads
--   review: function app.decide_checkpoint(uuid, bytea, text, text)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.dismiss_agent(uuid, text)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.erase_identity()
--       the body changed; it runs with the privileges of chenu_erase
--   review: function app.forgive_attempts()
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.gate()
--       the body changed; it runs when public.business_invoices, public.community_events, public.community_groups or one of 8 other tables changes, with the privileges of chenu_gate
--   review: function app.hire()
--       the body changed; it runs when public.team_agents changes, with the privileges of the caller
--   review: function app.issue_account_token(text, bytea)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.issue_refresh_token(uuid, bytea, interval)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.lock_idempotency_key(text, text)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.lock_scheduled_post()
--       the body changed; it runs when public.social_schedules changes, with the privileges of the caller
--   review: function app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[], text)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.record_event(text, text, text, uuid, jsonb, text, uuid)
--       the body changed; it runs with the privileges of chenu_audit
--   review: function app.refuse_agent_credential(uuid, text)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.refuse_attempt(text, boolean)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.refuse_future_approval()
--       the body changed; it runs when public.government_clinical_trials changes, with the privileges of the caller
--   review: function app.refuse_past()
--       the body changed; it runs when public.social_schedules changes, with the privileges of the caller
--   review: function app.refuse_truncate()
--       the body changed; it runs when app.account_notices, app.account_tokens, app.agent_credentials or one of 38 other tables changes, with the privileges of the caller
--   review: function app.rehash_password(text, text)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.request_checkpoint(jsonb, interval)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.require_capabilities(text[])
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.require_compared_password(text, text[])
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.require_recent_authentication()
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.require_verified_email()
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.reseal_signing_keys(uuid[], bytea[])
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.revoke_agent_credential(uuid, uuid)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.revoke_agents()
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.rotate_refresh_token(uuid, bytea, bytea, interval)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.seal_content()
--       the body changed; it runs when public.audit_logs or public.thread_events changes, with the privileges of the caller
--   review: function app.suspend_agents(text, timestamp with time zone)
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.suspend_all_agents()
--       the body changed; it runs with the privileges of chenu_gate
--   review: function app.take_tokens(bytea, integer, double precision, integer, integer)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.use_agent_credential(uuid, text, bytea, timestamp with time zone)
--       the body changed; it runs with the privileges of chenu_login
--   review: function app.withdraw_checkpoint(uuid, text)
--       the body changed; it runs with the privileges of chenu_gate

CREATE OR REPLACE FUNCTION app.require_compared_password(compared text, amr text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    i record;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT x.status, x.hashed_password, x.password_changed_at INTO i FROM public.identities x WHERE x.id = caller FOR SHARE;
    IF NOT FOUND OR i.status <> 'active' THEN
        RAISE EXCEPTION 'the identity is not active' USING ERRCODE = 'CH403';
    END IF;
    IF compared IS DISTINCT FROM i.hashed_password AND (compared IS NOT NULL
            OR 'pwd' = ANY (amr) AND i.password_changed_at > clock_timestamp() - interval '1 minute') THEN
        RAISE EXCEPTION 'the password has changed since it was compared' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "password_changed", "detail": "The password has changed since it was compared. Repeat the request."}';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.open_session(session_id uuid, authenticated_at timestamptz, expires_at timestamptz, amr text[], compared text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM app.require_compared_password(open_session.compared, open_session.amr);
    IF (open_session.expires_at BETWEEN moment AND moment + interval '90 days') IS NOT TRUE THEN
        RAISE EXCEPTION 'a session must expire within 90 days' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/expires_at", "code": "out_of_range"}';
    END IF;
    INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr, ip, user_agent)
    VALUES (open_session.session_id, caller, open_session.expires_at,
            least(open_session.authenticated_at, moment), open_session.amr,
            substring(left(current_setting('app.ip', true), 45) from '^[0-9A-Fa-f:.]+'),
            left(nullif(current_setting('app.user_agent', true), ''), 400));
    PERFORM app.record_event('login', 'success', 'session', open_session.session_id,
        jsonb_build_object('amr', open_session.amr));
END
$$;

CREATE OR REPLACE FUNCTION app.close_session(session_id uuid)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    -- The identity is locked before the session, as app.lock_account() locks them.
    PERFORM FROM public.identities i WHERE i.id = caller FOR KEY SHARE;
    UPDATE app.sessions s SET revoked_at = clock_timestamp()
     WHERE s.created_by = caller AND s.id = close_session.session_id AND s.revoked_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM app.record_event('logout', 'success', 'session', close_session.session_id, '{}'::jsonb);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION app.rehash_password(expected text, replacement text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE public.identities i SET hashed_password = rehash_password.replacement
     WHERE i.id = caller AND i.hashed_password = rehash_password.expected;
    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION app.require_verified_email() RETURNS void
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

CREATE OR REPLACE FUNCTION app.add_agent_credential(
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

CREATE OR REPLACE FUNCTION app.revoke_agent_credential(agent_id uuid, credential_id uuid) RETURNS void
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

CREATE OR REPLACE FUNCTION app.agent_credential(credential_id uuid)
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

CREATE OR REPLACE FUNCTION app.use_agent_credential(credential_id uuid, amr text, jti_digest bytea, assertion_expires_at timestamptz)
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

CREATE OR REPLACE FUNCTION app.refuse_agent_credential(credential_id uuid, reason text) RETURNS void
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

CREATE OR REPLACE FUNCTION app.revoke_agents() RETURNS TABLE (revoked_credentials integer, suspended_agents integer)
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

CREATE OR REPLACE FUNCTION app.seal_content() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    content jsonb := to_jsonb(NEW);
BEGIN
    IF octet_length(content::text) > 8388608 THEN
        RAISE EXCEPTION 'a row of % is larger than 8 MiB', TG_TABLE_NAME USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "too_long"}';
    END IF;
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := app.content_digest(NEW.content_salt, content, TG_ARGV);
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'cannot truncate %: TRUNCATE writes no audit rows', TG_TABLE_NAME
        USING ERRCODE = 'CH403', HINT = 'Use DELETE.';
END
$$;

CREATE OR REPLACE FUNCTION app.begin_attempt()
    RETURNS TABLE (hashed_password text, allowed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    asking text := app.login_origin();
    i record;
    a record;
    moment timestamptz;
    known boolean;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF NOT EXISTS (SELECT FROM public.identities x WHERE x.id = caller AND x.status <> 'erased') THEN
        RETURN;
    END IF;
    INSERT INTO app.login_attempts (id, created_by, origin) VALUES (app.uuid_v7(), caller, asking)
    ON CONFLICT (created_by, origin) DO NOTHING;
    SELECT x.failed, x.locked_until, x.succeeded_at INTO a FROM app.login_attempts x
     WHERE x.created_by = caller AND x.origin = asking FOR NO KEY UPDATE;
    moment := clock_timestamp();
    known := asking LIKE 'session:%' OR coalesce(a.succeeded_at > moment - interval '90 days', false);
    -- Attempts from unknown networks queue for the account's counter; the others do not.
    IF known THEN
        SELECT x.hashed_password, x.status, NULL::integer AS failed_logins, NULL::timestamptz AS locked_until INTO i
          FROM public.identities x WHERE x.id = caller;
    ELSE
        SELECT x.hashed_password, x.status, x.failed_logins, x.locked_until INTO i
          FROM public.identities x WHERE x.id = caller FOR NO KEY UPDATE;
    END IF;
    moment := clock_timestamp();
    hashed_password := i.hashed_password;
    allowed := i.status = 'active' AND coalesce(a.locked_until <= moment, true) AND coalesce(i.locked_until <= moment, true);
    IF allowed THEN
        UPDATE app.login_attempts x
           SET failed = x.failed + 1, used_at = moment,
               locked_until = CASE WHEN x.failed >= 19 THEN moment + interval '15 minutes' END
         WHERE x.created_by = caller AND x.origin = asking;
        IF NOT known AND a.failed < 5 THEN
            UPDATE public.identities x
               SET failed_logins = x.failed_logins + 1,
                   locked_until = CASE WHEN x.failed_logins >= 99 THEN moment + interval '15 minutes' END
             WHERE x.id = caller;
        END IF;
    END IF;
    RETURN NEXT;
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_attempt(reason text, counted boolean)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    asking text := app.login_origin();
    moment timestamptz;
    a record;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT x.succeeded_at INTO a FROM app.login_attempts x
     WHERE x.created_by = caller AND x.origin = asking FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the login attempt was not started' USING ERRCODE = 'CH403';
    END IF;
    moment := clock_timestamp();
    IF refuse_attempt.counted THEN
        UPDATE app.login_attempts x
           SET locked_until = greatest(x.locked_until, moment +
                   least(interval '1 second' * 2 ^ least(x.failed - 5, 10), interval '15 minutes'))
         WHERE x.created_by = caller AND x.origin = asking AND x.failed >= 5;
        IF NOT (asking LIKE 'session:%' OR coalesce(a.succeeded_at > moment - interval '90 days', false)) THEN
            UPDATE public.identities i
               SET locked_until = greatest(i.locked_until, moment +
                       least(interval '1 second' * 2 ^ least(i.failed_logins - 50, 10), interval '15 minutes'))
             WHERE i.id = caller AND i.failed_logins >= 50;
        END IF;
    END IF;
    PERFORM app.record_failure(asking, 'identity', caller, jsonb_build_object('reason', refuse_attempt.reason));
END
$$;

CREATE OR REPLACE FUNCTION app.forgive_attempts()
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    asking text := app.login_origin();
    moment timestamptz := clock_timestamp();
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL, succeeded_at = moment, used_at = moment
     WHERE a.created_by = caller AND a.origin = asking;
    IF asking NOT LIKE 'session:%' THEN
        UPDATE public.identities i SET failed_logins = 0, locked_until = NULL
         WHERE i.id = caller AND (i.failed_logins > 0 OR i.locked_until IS NOT NULL);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.record_event(action text, outcome text, resource_type text, resource_id uuid, details jsonb, sphere text DEFAULT NULL, agent uuid DEFAULT NULL) RETURNS uuid
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

CREATE OR REPLACE FUNCTION app.require_capabilities(VARIADIC needed text[]) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.has_capabilities(VARIADIC needed) THEN
        RETURN;
    END IF;
    PERFORM app.refuse_inactive_agent();
    RAISE EXCEPTION 'the capabilities of the agent do not cover the operation' USING ERRCODE = 'CH403',
        DETAIL = '{"code": "insufficient_scope", "detail": "The capabilities of the agent do not cover this operation."}';
END
$$;

CREATE OR REPLACE FUNCTION app.require_read_committed() RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'this write requires the isolation level READ COMMITTED' USING ERRCODE = 'feature_not_supported';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.gate_references(owner uuid, present jsonb, options jsonb, entering boolean) RETURNS jsonb
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

CREATE OR REPLACE FUNCTION app.refuse_reordered_text(payload jsonb) RETURNS void
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
        'references', app.gate_references(owner, present, options, entering));
    IF TG_OP <> 'DELETE' AND app.reordered_text(payload) IS NOT NULL THEN
        PERFORM app.refuse_reordered_text(CASE TG_OP
            WHEN 'UPDATE' THEN app.new_text(TG_RELID, owner, old_row, present, options, payload) ELSE payload END);
    END IF;
    PERFORM app.take_write(payload, (present ->> 'id')::uuid, true);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_too_many_requests(caller uuid, actor uuid, kind text, fingerprint bytea) RETURNS void
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

CREATE OR REPLACE FUNCTION app.withdraw_checkpoint(checkpoint_id uuid, reason text DEFAULT NULL) RETURNS boolean
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

CREATE OR REPLACE FUNCTION app.consume_checkpoint(checkpoint_id uuid, digest bytea) RETURNS void
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

CREATE OR REPLACE FUNCTION app.erase_identity() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    used uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human can erase an identity' USING ERRCODE = 'CH403';
    END IF;
    PERFORM FROM public.identities i WHERE i.id = caller AND i.status <> 'erased' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such identity' USING ERRCODE = 'CH401';
    END IF;
    used := app.use_checkpoint(jsonb_build_object(
        'identity', caller, 'type', 'identity', 'sphere', NULL, 'resource_type', 'identity', 'table', 'identities',
        'operation', 'ERASE', 'id', caller, 'version', NULL, 'values', '{}'::jsonb, 'references', '{}'::jsonb));
    PERFORM set_config('app.approved_write', concat_ws(' ', used, 'identity', caller), true);
    PERFORM app.erase_rows(caller);
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_future_approval() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Today differs by a day at most between time zones, so most dates need no look at it.
    IF NEW.ethics_approved_on > (clock_timestamp() AT TIME ZONE 'UTC')::date - 1
        AND (TG_OP = 'INSERT' OR NEW.ethics_approved_on IS DISTINCT FROM OLD.ethics_approved_on OR NEW.status <> OLD.status)
        AND NEW.ethics_approved_on > app.today() THEN
        RAISE EXCEPTION 'the date of an ethics approval must not be in the future' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/ethics_approved_on", "code": "in_the_future", "detail": "The date of the ethics approval must not be in the future."}';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.check_in_day() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.checked_in_on := coalesce(NEW.checked_in_on, app.today());
    IF NEW.checked_in_on > app.today() THEN
        RAISE EXCEPTION 'the date of a check-in must not be in the future'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/checked_in_on", "code": "in_the_future"}';
    END IF;
    PERFORM FROM public.personal_habits h WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id FOR NO KEY UPDATE;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_id() RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the id must be a UUIDv7 whose time is within one hour of the current time'
        USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/id", "code": "invalid_id"}';
END
$$;

CREATE OR REPLACE FUNCTION app.reseal_signing_keys(ids uuid[], private_keys bytea[]) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    resealed integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu signing keys', 0));
    UPDATE app.signing_keys k SET private_key = n.private_key
      FROM unnest(reseal_signing_keys.ids, reseal_signing_keys.private_keys) AS n(id, private_key) WHERE k.id = n.id;
    GET DIAGNOSTICS resealed = ROW_COUNT;
    IF resealed <> (SELECT count(*) FROM app.signing_keys) OR resealed <> cardinality(ids) THEN
        RAISE EXCEPTION 'the signing keys changed after they were read' USING ERRCODE = 'CH409';
    END IF;
    RETURN resealed;
END
$$;

CREATE OR REPLACE FUNCTION app.take_tokens(bucket bytea, capacity integer, period double precision, wanted integer, returned integer DEFAULT 0)
    RETURNS TABLE (taken integer, remaining integer, next_in double precision, full_in double precision)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    token double precision := take_tokens.period / take_tokens.capacity;
    missing double precision;
BEGIN
    IF (capacity > 0 AND period > 0 AND wanted BETWEEN 1 AND capacity AND returned BETWEEN 0 AND capacity) IS NOT TRUE THEN
        RAISE EXCEPTION 'the capacity and the period must be positive, and the tokens within the capacity' USING ERRCODE = 'CH422';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR attempt IN 1..2 LOOP
        UPDATE app.rate_buckets b SET (full_at, taken) = (
            SELECT m.moment + make_interval(secs => m.missing + g.given * token), g.given
              FROM (
                SELECT n.moment, least(take_tokens.period, greatest(0,
                    extract(epoch FROM b.full_at - n.moment) - take_tokens.returned * token)) AS missing
                  FROM (SELECT clock_timestamp() AS moment) AS n
              ) AS m,
              LATERAL (SELECT least(take_tokens.wanted,
                  floor((take_tokens.period - m.missing) / token + 1e-6)::integer) AS given) AS g)
         WHERE b.key = take_tokens.bucket
        RETURNING b.taken, extract(epoch FROM b.full_at - clock_timestamp()) INTO taken, missing;
        EXIT WHEN FOUND;
        INSERT INTO app.rate_buckets (id, key, full_at)
        VALUES (app.uuid_v7(), take_tokens.bucket, clock_timestamp())
        ON CONFLICT DO NOTHING;
    END LOOP;
    -- Tidied away twice between two statements: it was full.
    taken := coalesce(taken, take_tokens.wanted);
    missing := greatest(coalesce(missing, 0), 0);
    remaining := greatest(0, floor((take_tokens.period - missing) / token + 1e-6))::integer;
    next_in := greatest(0, missing + token - take_tokens.period);
    full_in := missing;
    RETURN NEXT;
END
$$;

CREATE OR REPLACE FUNCTION app.lock_idempotency_key(route text, key text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    digest bit(64);
BEGIN
    IF coalesce(current_setting('app.identity_id', true), '') = '' THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    digest := ('x' || left(encode(sha256(convert_to(concat_ws(chr(10), current_setting('app.identity_id', true), app.actor_kind(),
        current_setting('app.actor_id', true), route, key), 'UTF8')), 'hex'), 16))::bit(64);
    RETURN pg_try_advisory_xact_lock(substring(digest from 1 for 32)::integer, substring(digest from 33 for 32)::integer);
END
$$;

CREATE OR REPLACE FUNCTION app.operate_on(email text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid;
BEGIN
    IF app.actor_kind() <> 'system' THEN
        RAISE EXCEPTION 'only an operator can change an account by its e-mail address' USING ERRCODE = 'CH403';
    END IF;
    SELECT i.id INTO account FROM public.identities i
     WHERE i.email_key = lower(operate_on.email) AND i.status <> 'erased';
    PERFORM set_config('app.identity_id', account::text, true) WHERE account IS NOT NULL;
    RETURN account;
END
$$;

CREATE OR REPLACE FUNCTION app.account_email(identity_id uuid) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() <> 'system' THEN
        RAISE EXCEPTION 'only an operator can read the e-mail addresses of accounts' USING ERRCODE = 'CH403';
    END IF;
    RETURN (SELECT i.email_key FROM public.identities i WHERE i.id = account_email.identity_id);
END
$$;

CREATE OR REPLACE FUNCTION app.require_recent_authentication() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    authenticated timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human can authenticate again' USING ERRCODE = 'CH403';
    END IF;
    SELECT s.authenticated_at INTO authenticated FROM app.sessions s
     WHERE s.created_by = caller AND s.id = nullif(current_setting('app.session_id', true), '')::uuid
       AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp();
    IF (authenticated >= clock_timestamp() - interval '5 minutes') IS NOT TRUE THEN
        RAISE EXCEPTION 'the session was not authenticated within the last 5 minutes' USING ERRCODE = 'CH403',
            DETAIL = '{"code": "recent_authentication_required", "detail": "This operation requires an authentication within the last 5 minutes. Call POST /v1/auth/step-up with the password, then repeat the request with the access token that it returns."}';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.issue_account_token(kind text, token_hash bytea)
    RETURNS boolean
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
    SELECT i.email_verified_at INTO verified FROM public.identities i
     WHERE i.id = caller AND i.status = 'active' FOR NO KEY UPDATE;
    IF NOT FOUND OR issue_account_token.kind = 'verify_email' AND verified IS NOT NULL THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM app.account_tokens t WHERE t.created_by = caller
            AND t.kind = issue_account_token.kind AND t.created_at > clock_timestamp() - interval '1 minute') THEN
        RETURN false;
    END IF;
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = issue_account_token.kind
        AND t.expires_at <= clock_timestamp();
    INSERT INTO app.account_tokens (id, created_by, kind, token_hash, expires_at)
    VALUES (app.uuid_v7(), caller, issue_account_token.kind, issue_account_token.token_hash,
            clock_timestamp() + CASE issue_account_token.kind WHEN 'verify_email' THEN interval '3 days' ELSE interval '1 hour' END);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION app.account_token_valid(kind text, token_hash bytea)
    RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    RETURN EXISTS (SELECT FROM app.account_tokens t JOIN public.identities i ON i.id = t.created_by
        WHERE t.created_by = caller AND t.kind = account_token_valid.kind
          AND t.token_hash = account_token_valid.token_hash AND t.expires_at > clock_timestamp() AND i.status = 'active');
END
$$;

CREATE OR REPLACE FUNCTION app.issue_refresh_token(session_id uuid, token_hash bytea, idle interval)
    RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    ends timestamptz;
    idle_ends timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    -- The identity is locked before the session, as app.lock_account() locks them.
    PERFORM FROM public.identities i WHERE i.id = caller FOR KEY SHARE;
    SELECT s.expires_at INTO ends FROM app.sessions s
     WHERE s.created_by = caller AND s.id = issue_refresh_token.session_id
       AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND s.idle_expires_at IS NULL
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session is not open or already has a refresh token' USING ERRCODE = 'CH403';
    END IF;
    idle_ends := least(ends, clock_timestamp() + issue_refresh_token.idle);
    INSERT INTO app.refresh_tokens (id, created_by, session_id, generation, token_hash, expires_at)
    VALUES (app.uuid_v7(), caller, issue_refresh_token.session_id, 1, issue_refresh_token.token_hash, ends);
    UPDATE app.sessions s SET idle_expires_at = idle_ends
     WHERE s.created_by = caller AND s.id = issue_refresh_token.session_id;
    RETURN idle_ends;
END
$$;

CREATE OR REPLACE FUNCTION app.rotate_refresh_token(session_id uuid, token_hash bytea, successor_hash bytea, idle interval)
    RETURNS TABLE (outcome text, refresh_until timestamptz, authenticated timestamptz, methods text[])
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    s record;
    t record;
    moment timestamptz;
    good boolean := false;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    -- The identity is locked before the session, as app.lock_account() locks them.
    PERFORM FROM public.identities i WHERE i.id = caller FOR KEY SHARE;
    SELECT x.* INTO s FROM app.sessions x
     WHERE x.created_by = caller AND x.id = rotate_refresh_token.session_id FOR NO KEY UPDATE;
    SELECT x.* INTO t FROM app.refresh_tokens x
     WHERE x.created_by = caller AND x.session_id = rotate_refresh_token.session_id
       AND x.token_hash = rotate_refresh_token.token_hash;
    IF s.id IS NULL OR t.id IS NULL THEN
        outcome := 'unknown';
        RETURN NEXT;
        RETURN;
    END IF;
    moment := clock_timestamp();
    IF s.revoked_at IS NOT NULL OR s.expires_at <= moment OR s.idle_expires_at <= moment
        OR NOT EXISTS (SELECT FROM public.identities i WHERE i.id = caller AND i.status = 'active') THEN
        outcome := 'ended';
        RETURN NEXT;
        RETURN;
    END IF;
    IF t.voided_at > moment - interval '10 seconds' OR t.used_at IS NOT NULL AND EXISTS (
            SELECT FROM app.refresh_tokens x
             WHERE x.created_by = caller AND x.session_id = s.id AND x.generation = t.generation + 1
               AND x.created_at > moment - interval '10 seconds') THEN
        outcome := 'in_progress';
        RETURN NEXT;
        RETURN;
    END IF;
    IF t.used_at IS NOT NULL AND t.used_at > moment - interval '60 seconds' THEN
        UPDATE app.refresh_tokens x SET voided_at = moment
         WHERE x.created_by = caller AND x.session_id = s.id AND x.generation = t.generation + 1
           AND x.used_at IS NULL AND x.voided_at IS NULL;
        good := FOUND;
    ELSIF t.used_at IS NULL AND t.voided_at IS NULL THEN
        UPDATE app.refresh_tokens x SET used_at = moment WHERE x.created_by = caller AND x.id = t.id;
        good := FOUND;
    END IF;
    IF NOT good THEN
        UPDATE app.sessions x SET revoked_at = moment WHERE x.created_by = caller AND x.id = s.id;
        PERFORM app.record_event('login', 'denied', 'session', s.id, '{"reason": "refresh_token_reused"}');
        outcome := 'reused';
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO app.refresh_tokens (id, created_by, session_id, generation, token_hash, expires_at)
    VALUES (app.uuid_v7(), caller, s.id, t.generation + 1, rotate_refresh_token.successor_hash, s.expires_at);
    outcome := 'rotated';
    refresh_until := least(s.expires_at, moment + rotate_refresh_token.idle);
    authenticated := s.authenticated_at;
    methods := s.amr;
    UPDATE app.sessions x SET refreshed_at = moment, idle_expires_at = refresh_until
     WHERE x.created_by = caller AND x.id = s.id;
    RETURN NEXT;
END
$$;

CREATE OR REPLACE FUNCTION app.close_sessions(keep uuid)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    closed uuid[];
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    WITH ended AS (
        UPDATE app.sessions s SET revoked_at = clock_timestamp()
         WHERE s.created_by = caller AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
           AND s.id IS DISTINCT FROM close_sessions.keep
        RETURNING s.id)
    SELECT coalesce(array_agg(e.id), '{}') INTO closed FROM ended e;
    RETURN closed;
END
$$;

CREATE OR REPLACE FUNCTION app.change_password(expected text, replacement text, keep uuid)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    closed uuid[];
    counters uuid[];
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    -- First the counters, then the identity, as a login locks them.
    counters := ARRAY(SELECT a.id FROM app.login_attempts a WHERE a.created_by = caller ORDER BY a.id FOR NO KEY UPDATE);
    UPDATE public.identities i
       SET hashed_password = change_password.replacement, password_changed_at = clock_timestamp(),
           failed_logins = 0, locked_until = NULL
     WHERE i.id = caller AND i.status = 'active' AND i.hashed_password = change_password.expected;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL WHERE a.created_by = caller AND a.id = ANY (counters);
    -- A reset that was asked for before would undo this change.
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = 'reset_password';
    closed := app.close_sessions(change_password.keep);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed)));
    RETURN closed;
END
$$;

CREATE OR REPLACE FUNCTION app.lock_scheduled_post() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    seen bigint;
    present bigint;
BEGIN
    IF app.actor_kind() = 'human' AND NEW.status = 'scheduled' AND (TG_OP = 'INSERT' OR OLD.status <> 'scheduled') THEN
        PERFORM app.require_read_committed();
        SELECT p.version INTO seen FROM public.social_posts p WHERE p.created_by = NEW.created_by AND p.id = NEW.post_id;
        SELECT p.version INTO present FROM public.social_posts p WHERE p.created_by = NEW.created_by AND p.id = NEW.post_id FOR SHARE;
        IF seen IS DISTINCT FROM present THEN
            RAISE EXCEPTION 'the post was changed while it was scheduled' USING ERRCODE = 'CH409',
                DETAIL = '{"code": "conflict", "detail": "The post was changed while it was scheduled. Get the post again before you schedule it."}';
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_past() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (TG_OP = 'INSERT' OR NEW.scheduled_at <> OLD.scheduled_at) AND NEW.scheduled_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'a post must be scheduled for a time in the future'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/scheduled_at", "code": "in_the_past"}';
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.hire() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() = 'agent' THEN
        RAISE EXCEPTION 'only a human can hire, change or dismiss agents' USING ERRCODE = 'CH403';
    END IF;
    IF app.gates_hold() AND (TG_OP = 'INSERT' OR NEW.status = 'active' AND OLD.status <> 'active') THEN
        PERFORM app.require_verified_email();
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
    -- Access tokens say when they were made in whole seconds, so no two suspensions share one:
    -- see app.refuse_inactive_agent().
    IF TG_OP = 'UPDATE' AND NEW.status = 'suspended' AND OLD.status <> 'suspended' THEN
        NEW.suspended_at := greatest(clock_timestamp(), date_trunc('second', OLD.suspended_at) + interval '1 second');
    END IF;
    IF NEW.status <> 'suspended' THEN
        NEW.suspend_reason := NULL;
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

CREATE OR REPLACE FUNCTION app.assign() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF app.actor_kind() = 'agent' AND OLD.agent_id IS DISTINCT FROM app.actor() THEN
            RAISE EXCEPTION 'an agent can change only tasks that are assigned to it' USING ERRCODE = 'CH403',
                DETAIL = '{"code": "not_the_assignee", "detail": "An agent may change only tasks that are assigned to it."}';
        END IF;
        IF NEW.member_id IS NOT DISTINCT FROM OLD.member_id AND NEW.agent_id IS NOT DISTINCT FROM OLD.agent_id THEN
            RETURN NEW;
        END IF;
    END IF;
    IF app.actor_kind() = 'agent' THEN
        RAISE EXCEPTION 'only a human can assign tasks' USING ERRCODE = 'CH403';
    END IF;
    NEW.assigned_by := NEW.created_by;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.dismiss_agent(agent_id uuid, reason text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    IF nullif(btrim(reason), '') IS NULL THEN
        RAISE EXCEPTION 'a dismissal must have a reason' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/reason", "code": "required", "detail": "Give a reason for the dismissal."}';
    END IF;
    UPDATE public.team_agents a SET status = 'dismissed', dismiss_reason = btrim(reason)
     WHERE a.created_by = caller AND a.id = dismiss_agent.agent_id AND a.status <> 'dismissed';
    RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION app.suspend_agents(reason text, approved_before timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    suspended integer;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    -- In the order of their ids, so that two such calls do not deadlock.
    PERFORM FROM public.team_agents a WHERE a.created_by = caller AND a.status = 'active' ORDER BY a.id FOR NO KEY UPDATE;
    UPDATE public.team_agents a SET status = 'suspended', suspend_reason = suspend_agents.reason
     WHERE a.created_by = caller AND a.status = 'active'
       AND coalesce((SELECT c.decided_at FROM public.checkpoints c
            WHERE c.created_by = caller AND c.id = a.hire_checkpoint_id), a.hired_at) < suspend_agents.approved_before;
    GET DIAGNOSTICS suspended = ROW_COUNT;
    RETURN suspended;
END
$$;

CREATE OR REPLACE FUNCTION app.suspend_all_agents() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() <> 'human'
        OR nullif(current_setting('app.actor_id', true), '') IS DISTINCT FROM nullif(current_setting('app.identity_id', true), '') THEN
        RAISE EXCEPTION 'only a human can suspend agents' USING ERRCODE = 'CH403';
    END IF;
    RETURN app.suspend_agents('all agents were suspended at once', 'infinity');
END
$$;

CREATE OR REPLACE FUNCTION app.check_thread_fields(fields jsonb, allowed text[], pointer text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF (jsonb_typeof(fields) = 'object') IS NOT TRUE OR fields = '{}' THEN
        RAISE EXCEPTION 'the fields must be a JSON object that is not empty' USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', pointer, 'code', 'too_short');
    END IF;
    SELECT f.key INTO wrong FROM jsonb_each(fields) AS f
    WHERE f.key <> ALL (allowed) OR CASE f.key
        WHEN 'title' THEN jsonb_typeof(f.value) NOT IN ('string', 'null')
        WHEN 'parent_thread_id' THEN jsonb_typeof(f.value) NOT IN ('string', 'null')
        WHEN 'tags' THEN CASE jsonb_typeof(f.value) WHEN 'array' THEN
            EXISTS (SELECT FROM jsonb_array_elements(f.value) AS t WHERE jsonb_typeof(t) <> 'string') ELSE true END
        ELSE jsonb_typeof(f.value) <> 'string' END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'unknown field or invalid type of a field: %', wrong USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', pointer || '/' || wrong, 'code', 'invalid_value');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.check_thread_parent(owner uuid, thread uuid, parent uuid, pointer text) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu thread parents ' || owner, 0));
    IF EXISTS (
        WITH RECURSIVE ancestors AS (
            SELECT parent AS id
            UNION SELECT t.parent_thread_id FROM ancestors a
            JOIN public.threads t ON t.created_by = owner AND t.id = a.id
            WHERE t.parent_thread_id IS NOT NULL
        ) SELECT FROM ancestors a WHERE a.id = thread
    ) THEN
        RAISE EXCEPTION 'a thread must not be its own ancestor' USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', pointer, 'code', 'circular_reference', 'detail', 'A thread must not be its own ancestor. Choose another parent.');
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.create_thread(thread_id uuid, event_id uuid, schema_version integer, content jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    fields constant text[] := '{founding_intent,sphere,type,visibility,title,parent_thread_id,tags}';
    parent uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;
    PERFORM app.check_thread_fields(content, fields, '');
    IF NOT content ?& fields THEN
        RAISE EXCEPTION 'a new thread must have all fields' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "required"}';
    END IF;
    IF create_thread.schema_version IS DISTINCT FROM app.event_schema_version() THEN
        RAISE EXCEPTION 'the schema version of events must be %', app.event_schema_version() USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/schema_version", "code": "invalid_value"}';
    END IF;
    IF app.actor_kind() = 'agent' THEN
        PERFORM app.require_capabilities('threads', content ->> 'sphere');
    END IF;
    parent := content ->> 'parent_thread_id';
    IF parent = create_thread.thread_id THEN
        PERFORM app.check_thread_parent(caller, create_thread.thread_id, parent, '/parent_thread_id');
    END IF;
    WITH begun AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, request_id)
        VALUES (create_thread.event_id, caller, create_thread.thread_id, 1, 'thread.created', create_thread.schema_version,
            content || jsonb_build_object('parent_thread_id', parent),
            nullif(current_setting('app.actor_id', true), '')::uuid, app.actor_kind(),
            nullif(current_setting('app.request_id', true), '')::uuid)
        RETURNING created_at
    )
    INSERT INTO public.threads (id, created_by, founding_intent, sphere, type, status, visibility, title, parent_thread_id, tags,
        last_sequence, event_count, last_event_at)
    SELECT create_thread.thread_id, caller, content ->> 'founding_intent', content ->> 'sphere', content ->> 'type', 'active',
        content ->> 'visibility', content ->> 'title', parent,
        ARRAY(SELECT jsonb_array_elements_text(content -> 'tags')), 1, 1, b.created_at
    FROM begun b;
END
$$;

CREATE OR REPLACE FUNCTION app.append_events(thread_id uuid, expected_sequence bigint, events jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    -- The arguments change nothing about the best plan, and planning for each costs more
    -- than running it.
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    thread constant uuid := thread_id;
    expected constant bigint := expected_sequence;
    given jsonb := events;
    size integer;
    item jsonb;
    kind text;
    pointer text;
    event_id uuid;
    ids uuid[] := '{}';
    present record;
    before record;
    becomes record;
    state jsonb;
    parent uuid;
    result jsonb;
    moment timestamptz;
BEGIN
    IF (jsonb_typeof(given) = 'array' AND jsonb_array_length(given) BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION 'a request must have 1 to 100 events' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/events", "code": "out_of_range"}';
    END IF;
    size := jsonb_array_length(given);
    FOR place IN 0 .. size - 1 LOOP
        item := given -> place;
        kind := item ->> 'type';
        -- What the service itself records would mean nothing if anybody could say it.
        IF kind = 'thread.created' OR kind LIKE 'checkpoint.%' THEN
            RAISE EXCEPTION 'only the service can append events of this type' USING ERRCODE = 'CH403',
                DETAIL = jsonb_build_object('pointer', format('/events/%s/type', place), 'code', 'not_in_enum',
                    'detail', 'Only the service can append events of this type.');
        END IF;
        IF item -> 'schema_version' IS DISTINCT FROM to_jsonb(app.event_schema_version()) THEN
            RAISE EXCEPTION 'the schema version of events must be %', app.event_schema_version() USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', format('/events/%s/schema_version', place), 'code', 'invalid_value');
        END IF;
        IF item ? 'id' THEN
            event_id := item ->> 'id';
            IF event_id = ANY (ids) THEN
                RAISE EXCEPTION 'two events have the same id' USING ERRCODE = 'CH422',
                    DETAIL = jsonb_build_object('pointer', format('/events/%s/id', place), 'code', 'not_unique');
            END IF;
            ids := ids || event_id;
        END IF;
    END LOOP;
    IF caller IS NULL THEN
        RAISE EXCEPTION 'the session has no identity' USING ERRCODE = 'CH401';
    END IF;

    SELECT t.status, t.visibility, t.sphere, t.last_sequence, t.type, t.title, t.parent_thread_id, t.tags INTO present
    FROM public.threads t WHERE t.created_by = caller AND t.id = thread
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such thread' USING ERRCODE = 'CH404';
    END IF;
    -- What an agent must not read does not exist for it.
    IF app.actor_kind() = 'agent' THEN
        IF NOT app.has_capabilities('threads:read', present.sphere || ':read') THEN
            PERFORM app.refuse_inactive_agent();
            RAISE EXCEPTION 'no such thread' USING ERRCODE = 'CH404';
        END IF;
        PERFORM app.require_capabilities('threads', present.sphere);
    END IF;

    -- The conditions that need no query come first, alone: they are evaluated without one.
    IF ids <> '{}' THEN
        -- A statement after the lock sees what was committed while it waited for the lock. The
        -- array makes the ids an index condition; a join alone may read all rows of the owner.
        SELECT count(*) AS stored,
            count(*) FILTER (WHERE e.type = g.event ->> 'type'
                AND e.schema_version = (g.event ->> 'schema_version')::integer AND e.payload = g.event -> 'payload'
                AND e.causation_id IS NOT DISTINCT FROM (g.event ->> 'causation_id')::uuid
                AND e.correlation_id IS NOT DISTINCT FROM (g.event ->> 'correlation_id')::uuid) AS alike,
            count(DISTINCT e.sequence - g.place) AS runs,
            max(e.sequence) AS last_sequence,
            jsonb_agg(jsonb_build_object('id', e.id, 'sequence', e.sequence, 'type', e.type, 'created_at', e.created_at)
                ORDER BY e.sequence) AS events
        INTO before
        FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place)
        JOIN public.thread_events e ON e.id = (g.event ->> 'id')::uuid
        WHERE e.created_by = caller AND e.id = ANY (ids) AND e.thread_id = thread;
        IF before.alike = size AND before.runs = 1 THEN
            RETURN jsonb_build_object('replayed', true, 'last_sequence', before.last_sequence, 'events', before.events);
        END IF;
        IF before.stored > 0 THEN
            RAISE EXCEPTION 'an event with this id was already appended, with different content or in another request' USING ERRCODE = 'CH409',
                DETAIL = '{"code": "event_id_reused", "detail": "An event with one of these ids was already appended, with different content or in another request. Use a new id for each new event."}';
        END IF;
    END IF;

    IF expected <> present.last_sequence THEN
        -- The order makes Postgres read the index of the thread's sequences, and stop at the
        -- first event that is not a step of a checkpoint.
        IF expected > present.last_sequence OR (
            SELECT true FROM public.thread_events e
            WHERE e.created_by = caller AND e.thread_id = thread AND e.sequence > expected AND e.checkpoint_id IS NULL
            ORDER BY e.sequence LIMIT 1
        ) THEN
            RAISE EXCEPTION 'the last sequence of the thread is %', present.last_sequence USING ERRCODE = 'CH412',
                DETAIL = jsonb_build_object('code', 'stale_sequence', 'present', jsonb_build_object('last_sequence', present.last_sequence));
        END IF;
    END IF;

    state := jsonb_build_object('status', present.status);
    FOR place IN 0 .. size - 1 LOOP
        item := given -> place;
        kind := item ->> 'type';
        pointer := '/events/' || place;
        IF item ? 'id' AND NOT app.id_tells_time((item ->> 'id')::uuid) THEN
            RAISE EXCEPTION 'the id must be a UUIDv7 whose time is within one hour of the current time' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/id', 'code', 'invalid_id');
        END IF;
        IF octet_length((item -> 'payload')::text) > 262144 THEN
            RAISE EXCEPTION 'a payload is larger than 256 KiB' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/payload', 'code', 'too_long',
                    'detail', 'A payload must not be larger than 256 KiB.');
        END IF;
        IF item ? 'causation_id' OR kind IN ('decision.revised', 'action.executed') THEN
            PERFORM app.check_event_references(caller, thread, given, place);
        END IF;
        IF kind = 'link.added' AND app.uri_allowed(item -> 'payload' ->> 'uri') IS NOT TRUE THEN
            RAISE EXCEPTION 'the link is not a URI with an allowed scheme' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/payload/uri', 'code', 'invalid_format',
                    'detail', 'A link must be a URI with an allowed scheme.');
        END IF;
        IF kind = 'thread.updated' THEN
            PERFORM app.check_thread_fields(item -> 'payload', '{type,visibility,title,parent_thread_id,tags}', pointer || '/payload');
            parent := item -> 'payload' ->> 'parent_thread_id';
            IF parent IS NOT NULL THEN
                PERFORM app.check_thread_parent(caller, thread, parent, pointer || '/payload/parent_thread_id');
            END IF;
        END IF;
        result := app.thread_after(state, kind, item -> 'payload');
        IF result ->> 'status' IS NULL THEN
            RAISE EXCEPTION '% is forbidden while the thread is %', kind, state ->> 'status' USING ERRCODE = 'CH409',
                DETAIL = jsonb_build_object('code', 'forbidden_transition', 'present', jsonb_build_object('status', state -> 'status'),
                    'detail', format('The thread is %s. Events of the type %s cannot be appended in this status.', state ->> 'status', kind));
        END IF;
        state := result;
    END LOOP;

    becomes := present;
    IF state ?| '{type,visibility,title,parent_thread_id,tags}' THEN
        SELECT CASE WHEN state ? 'type' THEN state ->> 'type' ELSE present.type END AS type,
            CASE WHEN state ? 'visibility' THEN state ->> 'visibility' ELSE present.visibility END AS visibility,
            CASE WHEN state ? 'title' THEN state ->> 'title' ELSE present.title END AS title,
            CASE WHEN state ? 'parent_thread_id' THEN (state ->> 'parent_thread_id')::uuid ELSE present.parent_thread_id END AS parent_thread_id,
            CASE WHEN state ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(state -> 'tags')) ELSE present.tags END AS tags
        INTO becomes;
    END IF;

    -- What is appended to a public thread is published. One event thread.updated says nothing
    -- but the change of the thread, which has a gate of its own: if it does change the thread.
    IF present.visibility = 'public' AND NOT (size = 1 AND kind = 'thread.updated'
        AND ROW(becomes.type, becomes.visibility, becomes.title, becomes.parent_thread_id, becomes.tags)
            IS DISTINCT FROM ROW(present.type, present.visibility, present.title, present.parent_thread_id, present.tags)
        AND item ->> 'causation_id' IS NULL AND item ->> 'correlation_id' IS NULL) THEN
        SELECT jsonb_agg(CASE WHEN g.event ? 'id' THEN g.event ELSE g.event || jsonb_build_object('id', app.uuid_v7()) END ORDER BY g.place)
        INTO given FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place);
        FOR place IN 0 .. size - 1 LOOP
            PERFORM app.gate_event(thread, present.sphere, given -> place);
        END LOOP;
    END IF;

    WITH appended AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload,
            actor_id, actor_kind, causation_id, correlation_id, request_id)
        SELECT coalesce((g.event ->> 'id')::uuid, app.uuid_v7()), caller, thread, present.last_sequence + g.place,
            g.event ->> 'type', (g.event ->> 'schema_version')::integer, g.event -> 'payload',
            nullif(current_setting('app.actor_id', true), '')::uuid, app.actor_kind(),
            (g.event ->> 'causation_id')::uuid, (g.event ->> 'correlation_id')::uuid,
            nullif(current_setting('app.request_id', true), '')::uuid
        FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place) ORDER BY g.place
        RETURNING id, sequence, type, created_at
    )
    SELECT jsonb_agg(jsonb_build_object('id', a.id, 'sequence', a.sequence, 'type', a.type, 'created_at', a.created_at) ORDER BY a.sequence),
        (array_agg(a.created_at ORDER BY a.sequence DESC))[1]
    INTO result, moment FROM appended a;
    UPDATE public.threads t SET
        last_sequence = t.last_sequence + size,
        event_count = t.event_count + size,
        last_event_at = moment,
        status = state ->> 'status',
        type = becomes.type,
        visibility = becomes.visibility,
        title = becomes.title,
        parent_thread_id = becomes.parent_thread_id,
        tags = becomes.tags
    WHERE t.created_by = caller AND t.id = thread;
    RETURN jsonb_build_object('replayed', false, 'last_sequence', present.last_sequence + size, 'events', result);
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_write(code text, payload jsonb, checkpoint jsonb) RETURNS void
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
