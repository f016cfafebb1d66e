-- expire requests at a reset
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   widening: chenu_owner, EXECUTE on function app.reseal_signing_keys(uuid[], bytea[])
--       it runs with the rights of chenu_login
--       before: nothing
--       after:  EXECUTE
--   review: function app.end_agent()
--       does something else when public.team_agents changes, with the rights of chenu_gate
--   review: function app.reset_password(bytea, text)
--       does something else, with the rights of chenu_login
--   review: function app.revoke_agents()
--       does something else, with the rights of chenu_login
--   narrowing: chenu_human, EXECUTE on function app.reseal_signing_keys(uuid[], bytea[])
--       before: EXECUTE
--       after:  nothing
--   new: chenu_login, EXECUTE on function app.expire_requests(text, uuid, boolean)
--       it runs with the rights of chenu_gate

REVOKE EXECUTE ON FUNCTION app.reseal_signing_keys(uuid[], bytea[]) FROM chenu_human;

CREATE OR REPLACE FUNCTION app.revoke_agents() RETURNS TABLE (revoked_credentials integer, suspended_agents integer)
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
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human revokes credentials' USING ERRCODE = 'CH403';
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

CREATE FUNCTION app.expire_requests(reason text, agent uuid DEFAULT NULL, own boolean DEFAULT false) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    pending uuid[];
    request uuid;
BEGIN
    pending := ARRAY(
        SELECT l.id FROM (
            SELECT c.id, c.thread_id FROM public.checkpoints c
             WHERE c.created_by = caller AND c.status = 'pending'
               AND CASE WHEN expire_requests.agent IS NULL THEN c.requested_by_kind = 'agent' OR expire_requests.own
                   ELSE c.requested_by = expire_requests.agent END
             ORDER BY c.id FOR NO KEY UPDATE
        ) AS l ORDER BY l.thread_id);
    FOREACH request IN ARRAY pending LOOP
        UPDATE public.checkpoints c SET status = 'expired', reason = expire_requests.reason
         WHERE c.created_by = caller AND c.id = request;
    END LOOP;
    RETURN cardinality(pending);
END
$$;

CREATE FUNCTION app.tell_expired_requests(reason text, since timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told integer;
BEGIN
    INSERT INTO app.account_notices (id, created_by, kind, details)
    SELECT app.uuid_v7(), e.created_by, 'requests_expired', jsonb_build_object(
        'requests', count(*) FILTER (WHERE e.status = 'expired'), 'approvals', count(*) FILTER (WHERE e.status = 'approved'))
      FROM public.checkpoints e
     WHERE (e.status = 'expired' AND e.reason = tell_expired_requests.reason AND e.expires_at > tell_expired_requests.since
            -- An approval can be used for as long as its request could be decided.
            OR e.status = 'approved' AND e.consumed_at IS NULL AND e.use_before < e.decided_at + (e.expires_at - e.created_at)
                AND e.use_before >= tell_expired_requests.since)
       AND NOT EXISTS (SELECT FROM app.account_notices n WHERE n.created_by = e.created_by
            AND n.kind = 'requests_expired' AND n.created_at >= tell_expired_requests.since)
     GROUP BY e.created_by;
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END
$$;

CREATE OR REPLACE FUNCTION app.reset_password(token_hash bytea, replacement text)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    closed uuid[];
    agents record;
BEGIN
    IF NOT app.account_token_valid('reset_password', reset_password.token_hash) THEN
        RETURN NULL;
    END IF;
    -- First the identity, then its tokens, as app.issue_account_token() locks them.
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
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL WHERE a.created_by = caller;
    closed := app.close_sessions(NULL);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed), 'by', 'mail',
            'revoked_credentials', agents.revoked_credentials, 'suspended_agents', agents.suspended_agents));
    PERFORM app.owe_notice('password_reset', jsonb_build_object('ended_sessions', cardinality(closed),
        'revoked_credentials', agents.revoked_credentials, 'suspended_agents', agents.suspended_agents));
    RETURN closed;
END
$$;

CREATE OR REPLACE FUNCTION app.end_agent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status = 'dismissed' AND OLD.status <> 'dismissed' THEN
        PERFORM app.lock_agent_credentials(NEW.id);
        UPDATE app.agent_credentials c SET revoked_at = clock_timestamp()
         WHERE c.created_by = NEW.created_by AND c.agent_id = NEW.id AND c.revoked_at IS NULL;
        PERFORM app.expire_requests('its agent was dismissed', NEW.id);
        UPDATE public.team_tasks t SET status = 'cancelled'
         WHERE t.created_by = NEW.created_by AND t.agent_id = NEW.id AND t.status IN ('todo', 'in_progress');
    END IF;
    RETURN NULL;
END
$$;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_gate;

ALTER FUNCTION app.expire_requests(text, uuid, boolean) OWNER TO chenu_gate;

REVOKE CREATE ON SCHEMA app FROM chenu_gate;

REVOKE EXECUTE ON FUNCTION app.expire_requests(text, uuid, boolean) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.expire_requests(text, uuid, boolean) TO chenu_login;

GRANT EXECUTE ON FUNCTION app.reseal_signing_keys(uuid[], bytea[]) TO chenu_owner;

REVOKE EXECUTE ON FUNCTION app.tell_expired_requests(text, timestamp with time zone) FROM PUBLIC;
