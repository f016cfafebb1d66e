-- Functions for what an operator does with one account. Only chenu_owner may call them, and no
-- serving role can become chenu_owner. Each function runs as the account's identity, so the
-- policies of chenu_login show it only the rows of that identity. The triggers record the changes
-- in the audit trail with the actor kind "system".

-- Returns the id of the account with the e-mail address, and runs the rest of the calling function
-- as its identity. NULL: there is no such account. For the functions below alone.
CREATE FUNCTION app.operate_on(email text) RETURNS uuid
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
REVOKE EXECUTE ON FUNCTION app.operate_on(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.operate_on(text) TO chenu_login;

-- Locks the account with the e-mail address: ends its sessions, deletes its mailed tokens
-- and refuses its writes from the commit on. The service refuses its requests within two
-- seconds. Returns no row when there is no such account; changed is false when the account
-- was locked before. A transaction of the account that stays open for five seconds fails it with
-- CH409, and nothing has changed.
CREATE FUNCTION app.lock_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean, ended_sessions integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
DECLARE
    account uuid := app.operate_on(lock_account.email);
    present_status text;
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    -- Waits for transactions that write for the identity, which hold a key share lock of its
    -- row (see app.identity_stays_active()). Transactions that come later see the new status.
    SELECT i.status INTO present_status FROM public.identities i WHERE i.id = account FOR UPDATE;
    IF present_status IN ('active', 'locked') THEN
        identity_id := account;
        changed := present_status = 'active';
        ended_sessions := 0;
        IF changed THEN
            ended_sessions := cardinality(app.close_sessions(NULL));
            DELETE FROM app.account_tokens t WHERE t.created_by = account;
            UPDATE public.identities i SET status = 'locked' WHERE i.id = account;
        END IF;
        RETURN NEXT;
    END IF;
    PERFORM set_config('app.identity_id', '', true);
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'a transaction of the account has been open for five seconds: the account is not locked' USING ERRCODE = 'CH409',
        HINT = 'Find the session with: SELECT pid, usename, state, xact_start, query FROM pg_stat_activity WHERE xact_start < now() - interval ''5 seconds''. End it with: SELECT pg_terminate_backend(PID). Then run the command again.';
END
$$;
ALTER FUNCTION app.lock_account(text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.lock_account(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.lock_account(text) TO chenu_owner;

-- Unlocks the account with the e-mail address. Its owner logs in again: the sessions that
-- ended stay ended. Returns no row when there is no such account; changed is false when the
-- account was not locked.
CREATE FUNCTION app.unlock_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid := app.operate_on(unlock_account.email);
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    UPDATE public.identities i SET status = 'active', failed_logins = 0, locked_until = NULL
     WHERE i.id = account AND i.status = 'locked';
    identity_id := account;
    changed := FOUND;
    RETURN NEXT;
    PERFORM set_config('app.identity_id', '', true);
END
$$;
ALTER FUNCTION app.unlock_account(text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.unlock_account(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.unlock_account(text) TO chenu_owner;

-- Verifies the e-mail address of an account, for a service that sends no mail. Returns no row when
-- there is no such account; changed is false when the address was verified before.
CREATE FUNCTION app.verify_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid := app.operate_on(verify_account.email);
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    UPDATE public.identities i SET email_verified_at = clock_timestamp()
     WHERE i.id = account AND i.email_verified_at IS NULL;
    identity_id := account;
    changed := FOUND;
    RETURN NEXT;
    PERFORM set_config('app.identity_id', '', true);
END
$$;
ALTER FUNCTION app.verify_account(text) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.verify_account(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.verify_account(text) TO chenu_owner;

-- Returns the e-mail address of an account in lower case, for the operator's lists.
CREATE FUNCTION app.account_email(identity_id uuid) RETURNS text
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
ALTER FUNCTION app.account_email(uuid) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.account_email(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.account_email(uuid) TO chenu_owner;
