-- Attempts to log in with a password. They are counted for each account and origin: the network of
-- the request, or the session that it belongs to. Wrong guesses of strangers lock an account for
-- their own networks, so that they do not lock out its owner. The functions belong to chenu_login,
-- except those that delete expired rows.
--
-- Guesses from many networks are slowed by a second counter, identities.failed_logins. It counts
-- the first five failures of each network from which nobody has logged in within 90 days. From the
-- fiftieth failure on, attempts from unknown networks are refused for a second, then two, up to 15
-- minutes. Known networks and open sessions are not refused.

-- The network of the transaction's request: a /24 of IPv4 or a /64 of IPv6.
CREATE FUNCTION app.client_network() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address inet;
BEGIN
    address := nullif(current_setting('app.ip', true), '')::inet;
    RETURN coalesce(network(set_masklen(address, CASE family(address) WHEN 4 THEN 24 ELSE 64 END))::text, 'unknown');
EXCEPTION WHEN invalid_text_representation THEN
    RETURN 'unknown';
END
$$;
REVOKE EXECUTE ON FUNCTION app.client_network() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.client_network() TO chenu_login;

-- The origin of the transaction's request.
CREATE FUNCTION app.login_origin() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    session uuid := nullif(current_setting('app.session_id', true), '')::uuid;
BEGIN
    IF session IS NOT NULL AND EXISTS (SELECT FROM app.sessions s WHERE s.created_by = caller AND s.id = session
            AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()) THEN
        RETURN 'session:' || session;
    END IF;
    RETURN app.client_network();
END
$$;
REVOKE EXECUTE ON FUNCTION app.login_origin() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.login_origin() TO chenu_login;

-- Counts an attempt at the caller's password before the password is compared, and returns
-- the hash to compare with and whether the attempt is allowed. No row: there is no such
-- identity.
--
-- Attempts are counted first so that guesses that come at once cannot all be compared before
-- one of them has failed: an origin with twenty attempts that have not succeeded is closed
-- for 15 minutes. It is not closed sooner here, since attempts of a person's many programs
-- at once may all be right: app.refuse_attempt() closes it when one was wrong.
CREATE FUNCTION app.begin_attempt()
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
ALTER FUNCTION app.begin_attempt() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.begin_attempt() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.begin_attempt() TO chenu_human;

-- Records a failed login from the origin, whose row of app.login_attempts exists. The first failure
-- of an hour is recorded in the audit trail at once. The others are counted, and
-- app.record_failures() records them as one row when the hour is over. For the functions that count
-- failures alone.
CREATE FUNCTION app.record_failure(asking text, resource_type text, resource_id uuid, details jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    moment timestamptz := clock_timestamp();
    hour timestamptz := date_trunc('hour', moment, 'UTC');
    a record;
BEGIN
    SELECT x.recorded_at, x.unrecorded INTO a FROM app.login_attempts x
     WHERE x.created_by = caller AND x.origin = asking FOR NO KEY UPDATE;
    IF a.recorded_at IS NOT DISTINCT FROM hour THEN
        UPDATE app.login_attempts x SET unrecorded = x.unrecorded + 1, used_at = moment
         WHERE x.created_by = caller AND x.origin = asking;
        RETURN;
    END IF;
    IF a.unrecorded > 0 THEN
        PERFORM app.record_repeated_failures(caller, asking, a.recorded_at, a.unrecorded);
    END IF;
    UPDATE app.login_attempts x SET recorded_at = hour, unrecorded = 0, used_at = moment
     WHERE x.created_by = caller AND x.origin = asking;
    PERFORM app.record_event('login', 'denied', record_failure.resource_type, record_failure.resource_id, record_failure.details);
END
$$;
REVOKE EXECUTE ON FUNCTION app.record_failure(text, text, uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_failure(text, text, uuid, jsonb) TO chenu_login;

-- Records an attempt that was refused: see app.record_failure(). If the attempt is counted, it
-- locks its origin from the fifth consecutive failure on: for a second, then two, up to 15 minutes.
-- It also locks the account for unknown networks after fifty failures from such networks.
CREATE FUNCTION app.refuse_attempt(reason text, counted boolean)
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
ALTER FUNCTION app.refuse_attempt(text, boolean) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.refuse_attempt(text, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.refuse_attempt(text, boolean) TO chenu_human;

-- Records the failures of one origin in one hour, beyond the first one, as one row. The origin of
-- an agent's logins begins with the id of the credential: see app.refuse_agent_credential(). For
-- the functions that count failures alone.
CREATE FUNCTION app.record_repeated_failures(identity uuid, origin text, hour timestamptz, failures bigint)
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.record_event('login', 'denied', CASE WHEN credential THEN 'agent_credential' ELSE 'identity' END,
        CASE WHEN credential THEN split_part(record_repeated_failures.origin, ' ', 1)::uuid ELSE record_repeated_failures.identity END,
        jsonb_build_object('reason', 'repeated', 'count', record_repeated_failures.failures,
            'origin', CASE WHEN credential THEN split_part(record_repeated_failures.origin, ' ', 2) ELSE record_repeated_failures.origin END,
            'hour', to_char(record_repeated_failures.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
      FROM (VALUES (record_repeated_failures.origin LIKE '% %')) AS o (credential)
$$;
REVOKE EXECUTE ON FUNCTION app.record_repeated_failures(uuid, text, timestamptz, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_repeated_failures(uuid, text, timestamptz, bigint) TO chenu_login, chenu_maintain;

-- Resets the counter of failed attempts from the caller's origin, because the password was right. A
-- login also resets the account's counter for unknown networks; a step-up does not.
CREATE FUNCTION app.forgive_attempts()
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
ALTER FUNCTION app.forgive_attempts() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.forgive_attempts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.forgive_attempts() TO chenu_human;

-- Records the failures of hours that are over, a row for each account and origin, at most
-- `most` rows, and returns how many. Its owner sees only rows of hours that are over. It
-- runs as each row's identity for the record.
CREATE FUNCTION app.record_failures(most integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    a record;
    recorded integer := 0;
BEGIN
    FOR a IN
        SELECT x.id, x.created_by, x.origin, x.recorded_at, x.unrecorded FROM app.login_attempts x
         WHERE x.unrecorded > 0 AND x.recorded_at <= clock_timestamp() - interval '1 hour'
         LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM set_config('app.identity_id', a.created_by::text, true);
        PERFORM app.record_repeated_failures(a.created_by, a.origin, a.recorded_at, a.unrecorded);
        UPDATE app.login_attempts x SET unrecorded = 0 WHERE x.created_by = a.created_by AND x.id = a.id;
        recorded := recorded + 1;
    END LOOP;
    PERFORM set_config('app.identity_id', '', true);
    RETURN recorded;
END
$$;
ALTER FUNCTION app.record_failures(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.record_failures(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_failures(integer) TO chenu_human;

-- Deletes counters that no longer count, at most `most` of them, and returns how many: a
-- week after the last attempt, and 90 days after the last successful one.
CREATE FUNCTION app.expire_attempts(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    DELETE FROM app.login_attempts WHERE (created_by, id) IN (
        SELECT a.created_by, a.id FROM app.login_attempts a
         WHERE a.unrecorded = 0 AND a.used_at < clock_timestamp() - interval '7 days'
           AND coalesce(a.succeeded_at < clock_timestamp() - interval '90 days' OR a.origin LIKE 'session:%', true) LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;
ALTER FUNCTION app.expire_attempts(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.expire_attempts(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.expire_attempts(integer) TO chenu_human;

-- Deletes the network address and the program of sessions that ended more than 30 days ago,
-- and sessions that ended more than 90 days ago, at most `most` of each. Returns how many
-- rows it changed or deleted. Its owner sees only sessions that ended 30 days ago.
CREATE FUNCTION app.expire_sessions(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted integer;
    emptied integer;
BEGIN
    DELETE FROM app.sessions WHERE (created_by, id) IN (
        SELECT s.created_by, s.id FROM app.sessions s
         WHERE least(s.revoked_at, s.expires_at, s.idle_expires_at) < clock_timestamp() - interval '90 days' LIMIT most);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    UPDATE app.sessions SET ip = NULL, user_agent = NULL WHERE (created_by, id) IN (
        SELECT s.created_by, s.id FROM app.sessions s
         WHERE (s.ip IS NOT NULL OR s.user_agent IS NOT NULL)
           AND least(s.revoked_at, s.expires_at, s.idle_expires_at) < clock_timestamp() - interval '30 days' LIMIT most);
    GET DIAGNOSTICS emptied = ROW_COUNT;
    RETURN deleted + emptied;
END
$$;
ALTER FUNCTION app.expire_sessions(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.expire_sessions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.expire_sessions(integer) TO chenu_human;
