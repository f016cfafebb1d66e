-- Refresh tokens, their rotation, and re-authentication. The functions belong to chenu_login. They
-- take hashes of tokens and never return them.

-- Stores the first refresh token of a session of the caller, and returns the time at which the
-- session expires unless it is refreshed.
CREATE FUNCTION app.issue_refresh_token(session_id uuid, token_hash bytea, idle interval)
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
ALTER FUNCTION app.issue_refresh_token(uuid, bytea, interval) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.issue_refresh_token(uuid, bytea, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.issue_refresh_token(uuid, bytea, interval) TO chenu_human;

-- Exchanges a refresh token for its successor. The outcome is
--   rotated      the successor is valid from now on
--   unknown      there is no such token in this session
--   ended        the session is over, or its identity may not log in
--   in_progress  the token lost a race: it was exchanged or replaced in the last 10 seconds.
--                Nothing changes; the client uses the successor, or repeats the request.
--   reused       the token was exchanged before, so somebody else may have it: the session
--                is revoked, with all its tokens
-- A lost response is forgiven: from 10 to 60 seconds after its first use, the immediate
-- predecessor is accepted again as long as nobody has used the successor. Another successor
-- then replaces that one. The lock on the session makes parallel refreshes queue.
--
-- It returns where it would raise, since what it records of a reuse has to be committed.
CREATE FUNCTION app.rotate_refresh_token(session_id uuid, token_hash bytea, successor_hash bytea, idle interval)
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
ALTER FUNCTION app.rotate_refresh_token(uuid, bytea, bytea, interval) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.rotate_refresh_token(uuid, bytea, bytea, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.rotate_refresh_token(uuid, bytea, bytea, interval) TO chenu_human;

-- Records that the caller has authenticated again in an open session, and returns when. The hash
-- is the one that the password was compared with: see app.require_compared_password().
CREATE FUNCTION app.authenticate_again(session_id uuid, amr text[], compared text DEFAULT NULL)
    RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    moment timestamptz;
BEGIN
    -- The identity is locked before the session, as a change of the password locks them.
    PERFORM app.require_compared_password(authenticate_again.compared, authenticate_again.amr);
    moment := clock_timestamp();
    UPDATE app.sessions s SET authenticated_at = moment, amr = authenticate_again.amr
     WHERE s.created_by = caller AND s.id = authenticate_again.session_id
       AND s.revoked_at IS NULL AND s.expires_at > moment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'CH403';
    END IF;
    PERFORM app.record_event('login', 'success', 'session', authenticate_again.session_id,
        jsonb_build_object('amr', authenticate_again.amr, 'step_up', true));
    RETURN moment;
END
$$;
ALTER FUNCTION app.authenticate_again(uuid, text[], text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.authenticate_again(uuid, text[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.authenticate_again(uuid, text[], text) TO chenu_human;

-- Ends all sessions of the caller, except the session to keep if there is one, and returns their
-- ids.
CREATE FUNCTION app.close_sessions(keep uuid)
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
ALTER FUNCTION app.close_sessions(uuid) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.close_sessions(uuid) FROM PUBLIC;

-- Replaces the caller's password, deletes reset tokens that were mailed before, ends all other
-- sessions and returns them. The hash of the earlier password is an argument: the function returns
-- NULL if it is no longer the current hash.
CREATE FUNCTION app.change_password(expected text, replacement text, keep uuid)
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
ALTER FUNCTION app.change_password(text, text, uuid) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.change_password(text, text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.change_password(text, text, uuid) TO chenu_human;

-- Deletes expired refresh tokens and mailed tokens, at most `most` of each, and returns their
-- number. The owner of the function sees only those rows.
CREATE FUNCTION app.expire_tokens(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
    more integer;
BEGIN
    DELETE FROM app.refresh_tokens WHERE (created_by, id) IN (
        SELECT t.created_by, t.id FROM app.refresh_tokens t WHERE t.expires_at < clock_timestamp() LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    DELETE FROM app.account_tokens WHERE (created_by, id) IN (
        SELECT t.created_by, t.id FROM app.account_tokens t WHERE t.expires_at < clock_timestamp() LIMIT most);
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN expired + more;
END
$$;
ALTER FUNCTION app.expire_tokens(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.expire_tokens(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.expire_tokens(integer) TO chenu_human;
