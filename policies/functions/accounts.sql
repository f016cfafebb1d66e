-- Accounts: the functions that read across identities for a login, and those that change sessions
-- and signing keys. They belong to chenu_login, whose privileges and policies are defined with the
-- tables. Agents cannot call them.

-- Keeps the key by which a login finds an identity. When an identity is erased, the key
-- becomes that of the address which takes the place of the erased one.
CREATE FUNCTION app.derive_email_key() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.email_key := lower(NEW.email);
    RETURN NEW;
END
$$;

-- Returns the account with an e-mail address, for a caller who is not authenticated yet. It also
-- returns accounts without a password and accounts that may not log in now, so that the caller does
-- the same work for all. It returns no hash: app.begin_attempt() does, which counts attempts.
CREATE FUNCTION app.login_lookup(email text)
    RETURNS TABLE (identity_id uuid, may_log_in boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT i.id, i.status = 'active' AND (i.locked_until IS NULL OR i.locked_until <= clock_timestamp())
      FROM public.identities i
     WHERE i.email_key = lower(login_lookup.email);
END
$$;
ALTER FUNCTION app.login_lookup(text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.login_lookup(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.login_lookup(text) TO chenu_human;

-- Refuses a caller who is not active, and one whose password is not the one that was compared
-- any more. The lock of the identity's row orders this and a change of the password: either the
-- change comes first and is seen here, or it waits and ends the session that this opens. NULL
-- means that no password was compared. For a password's method of authentication NULL is for
-- services from before this check alone: a password that changed in the last minute refuses it.
CREATE FUNCTION app.require_compared_password(compared text, amr text[]) RETURNS void
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
ALTER FUNCTION app.require_compared_password(text, text[]) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.require_compared_password(text, text[]) FROM PUBLIC;

-- Opens a session of the caller and records the login. The hash is the one that the password was
-- compared with: see app.require_compared_password(). The time of authentication is never in the
-- future: the service's clock may be ahead of this one.
CREATE FUNCTION app.open_session(session_id uuid, authenticated_at timestamptz, expires_at timestamptz, amr text[], compared text DEFAULT NULL)
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
ALTER FUNCTION app.open_session(uuid, timestamptz, timestamptz, text[], text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.open_session(uuid, timestamptz, timestamptz, text[], text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.open_session(uuid, timestamptz, timestamptz, text[], text) TO chenu_human;

-- Ends a session of the caller and records the logout. It returns false if the session had already
-- ended or is not a session of the caller.
CREATE FUNCTION app.close_session(session_id uuid)
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
ALTER FUNCTION app.close_session(uuid) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.close_session(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.close_session(uuid) TO chenu_human;

-- Replaces the caller's password hash by a stronger hash of the same password. `expected` is the
-- hash that the password was compared with, so that this cannot undo a change of the password that
-- happened since.
CREATE FUNCTION app.rehash_password(expected text, replacement text)
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
ALTER FUNCTION app.rehash_password(text, text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.rehash_password(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.rehash_password(text, text) TO chenu_human;

-- The keys that sign and verify access tokens. The private halves are encrypted under a
-- secret that the database never has.
CREATE FUNCTION app.signing_keys()
    RETURNS TABLE (id uuid, public_key bytea, private_key bytea, status text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT k.id, k.public_key, k.private_key, k.status::text FROM app.signing_keys k ORDER BY k.id;
END
$$;
ALTER FUNCTION app.signing_keys() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.signing_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.signing_keys() TO chenu_human;

-- Stores the first signing key and returns true, or returns false if there is an active signing
-- key. The lock ensures that instances that start together agree on one key.
CREATE FUNCTION app.add_first_signing_key(id uuid, public_key bytea, private_key bytea)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu signing keys', 0));
    IF EXISTS (SELECT FROM app.signing_keys k WHERE k.status = 'active') THEN
        RETURN false;
    END IF;
    INSERT INTO app.signing_keys (id, public_key, private_key)
    VALUES (add_first_signing_key.id, add_first_signing_key.public_key, add_first_signing_key.private_key);
    RETURN true;
END
$$;
ALTER FUNCTION app.add_first_signing_key(uuid, bytea, bytea) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.add_first_signing_key(uuid, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.add_first_signing_key(uuid, bytea, bytea) TO chenu_human;
