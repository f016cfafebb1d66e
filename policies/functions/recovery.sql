-- Proofs by mail: that an e-mail address belongs to the person, and that a forgotten password may
-- be replaced. The functions belong to chenu_login. Each runs as the identity that the token names,
-- and does nothing unless the hash of the token matches.

-- Stores the hash of a new token of the caller. Older tokens of its kind stay valid until they
-- expire: a person who requests a mail in another person's name must not invalidate the token that
-- the owner is about to use. Using one token deletes all tokens of its kind. The function returns
-- false, and no mail must be sent, if the identity may not log in, if its address is already
-- verified, or if the last token is less than a minute old.
CREATE FUNCTION app.issue_account_token(kind text, token_hash bytea)
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
ALTER FUNCTION app.issue_account_token(text, bytea) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.issue_account_token(text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.issue_account_token(text, bytea) TO chenu_human;

-- Reports whether a token is valid now. The service asks before it hashes a new password.
CREATE FUNCTION app.account_token_valid(kind text, token_hash bytea)
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
ALTER FUNCTION app.account_token_valid(text, bytea) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.account_token_valid(text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.account_token_valid(text, bytea) TO chenu_human;

-- Uses a token of the caller and deletes all tokens of its kind. It returns false if there is no
-- such token.
CREATE FUNCTION app.use_account_token(kind text, token_hash bytea)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF NOT app.account_token_valid(use_account_token.kind, use_account_token.token_hash) THEN
        RETURN false;
    END IF;
    -- Two requests with one token: the second one waits for the first and deletes nothing.
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = use_account_token.kind
        AND t.token_hash = use_account_token.token_hash;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = use_account_token.kind;
    RETURN true;
END
$$;
ALTER FUNCTION app.use_account_token(text, bytea) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.use_account_token(text, bytea) FROM PUBLIC;

-- Records that the caller's e-mail address is verified. It returns false if the token is not valid.
CREATE FUNCTION app.verify_email(token_hash bytea)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    -- The identity is locked before its tokens, as app.lock_account() locks them.
    PERFORM FROM public.identities i WHERE i.id = caller FOR NO KEY UPDATE;
    IF NOT app.use_account_token('verify_email', verify_email.token_hash) THEN
        RETURN false;
    END IF;
    UPDATE public.identities i SET email_verified_at = clock_timestamp()
     WHERE i.id = caller AND i.email_verified_at IS NULL;
    RETURN true;
END
$$;
ALTER FUNCTION app.verify_email(bytea) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.verify_email(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.verify_email(bytea) TO chenu_human;

-- Replaces the caller's password for a mailed token, ends all sessions and returns them. NULL
-- means that the token is not valid. Whoever read the mail has also verified the address.
-- Whoever used the account before may have been somebody else, so all credentials of agents are
-- revoked, agents that were approved before the address was verified are suspended, and all
-- pending requests for approval expire, so that the owner does not approve somebody else's.
CREATE FUNCTION app.reset_password(token_hash bytea, replacement text)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    closed uuid[];
    counters uuid[];
    agents record;
BEGIN
    IF NOT app.account_token_valid('reset_password', reset_password.token_hash) THEN
        RETURN NULL;
    END IF;
    -- First the counters, as a login locks them, then the identity, then its tokens, as
    -- app.issue_account_token() locks them.
    counters := ARRAY(SELECT a.id FROM app.login_attempts a WHERE a.created_by = caller ORDER BY a.id FOR NO KEY UPDATE);
    PERFORM FROM public.identities i WHERE i.id = caller FOR NO KEY UPDATE;
    IF NOT app.use_account_token('reset_password', reset_password.token_hash) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO agents FROM app.revoke_agents();
    PERFORM app.expire_requests('the password was reset by mail', own => true);
    UPDATE public.identities i
       SET hashed_password = reset_password.replacement, password_changed_at = clock_timestamp(),
           email_verified_at = coalesce(i.email_verified_at, clock_timestamp()),
           failed_logins = 0, locked_until = NULL
     WHERE i.id = caller;
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL WHERE a.created_by = caller AND a.id = ANY (counters);
    closed := app.close_sessions(NULL);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed), 'by', 'mail',
            'revoked_credentials', agents.revoked_credentials, 'suspended_agents', agents.suspended_agents));
    PERFORM app.owe_notice('password_reset', jsonb_build_object('ended_sessions', cardinality(closed),
        'revoked_credentials', agents.revoked_credentials, 'suspended_agents', agents.suspended_agents));
    RETURN closed;
END
$$;
ALTER FUNCTION app.reset_password(bytea, text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.reset_password(bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.reset_password(bytea, text) TO chenu_human;
