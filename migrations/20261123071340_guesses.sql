-- guesses
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   chenu_human gains EXECUTE on function app.refuse_attempt(text, boolean)
--   function app.begin_attempt(), which runs with the rights of chenu_login, does something else
--   function app.issue_account_token(text, bytea), which runs with the rights of chenu_login, does something else
--   function app.issue_refresh_token(uuid, bytea, interval), which runs with the rights of chenu_login, does something else
--   function app.login_lookup(text), which runs with the rights of chenu_login, does something else
--   function app.refuse_attempt(text, boolean) runs with the rights of chenu_login
--   function app.rotate_refresh_token(uuid, bytea, bytea, interval), which runs with the rights of chenu_login, does something else

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.login_lookup(text);

CREATE FUNCTION app.login_lookup(email text)
    RETURNS TABLE (identity_id uuid, may_log_in boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT i.id, i.status = 'active' AND (i.locked_until IS NULL OR i.locked_until <= clock_timestamp())
      FROM public.identities i
     WHERE lower(i.email) = lower(login_lookup.email);
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
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
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
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = issue_account_token.kind;
    INSERT INTO app.account_tokens (id, created_by, kind, token_hash, expires_at)
    VALUES (app.uuid_v7(), caller, issue_account_token.kind, issue_account_token.token_hash,
            clock_timestamp() + CASE issue_account_token.kind WHEN 'verify_email' THEN interval '3 days' ELSE interval '1 hour' END);
    RETURN true;
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
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT s.expires_at INTO ends FROM app.sessions s
     WHERE s.created_by = caller AND s.id = issue_refresh_token.session_id
       AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND s.idle_expires_at IS NULL
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no open session without a refresh token' USING ERRCODE = 'CH403';
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
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
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
    IF t.used_at IS NOT NULL AND t.used_at > moment - interval '30 seconds' THEN
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

CREATE OR REPLACE FUNCTION app.begin_attempt()
    RETURNS TABLE (hashed_password text, allowed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    i record;
    moment timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT x.hashed_password, x.status, x.failed_logins, x.locked_until INTO i
      FROM public.identities x WHERE x.id = caller FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    moment := clock_timestamp();
    hashed_password := i.hashed_password;
    allowed := i.status = 'active' AND (i.locked_until IS NULL OR i.locked_until <= moment);
    IF allowed THEN
        UPDATE public.identities x
           SET failed_logins = i.failed_logins + 1,
               locked_until = CASE WHEN i.failed_logins >= 19 THEN moment + interval '15 minutes' END
         WHERE x.id = caller;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION app.refuse_attempt(reason text, counted boolean)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF refuse_attempt.counted THEN
        UPDATE public.identities i
           SET locked_until = greatest(i.locked_until, clock_timestamp() +
                   least(interval '1 second' * 2 ^ least(i.failed_logins - 5, 10), interval '15 minutes'))
         WHERE i.id = caller AND i.failed_logins >= 5;
    END IF;
    PERFORM app.record_event('login', 'denied', 'identity', caller, jsonb_build_object('reason', refuse_attempt.reason));
END
$$;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.login_lookup(text) OWNER TO chenu_login;

ALTER FUNCTION app.refuse_attempt(text, boolean) OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

REVOKE EXECUTE ON FUNCTION app.login_lookup(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.login_lookup(text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.refuse_attempt(text, boolean) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.refuse_attempt(text, boolean) TO chenu_human;
