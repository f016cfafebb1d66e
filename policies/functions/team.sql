-- Records who hired an agent, always the owner as a human, and under which approval. Who
-- dismissed it is recorded the same way (Rule #4). Hiring and resuming an agent need a verified
-- e-mail address: otherwise whoever registers another person's address could leave an agent
-- inside an account that its owner later takes back.
CREATE FUNCTION app.hire() RETURNS trigger
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

-- Records who assigned a task: a human, always the owner. An agent works on the tasks that are
-- assigned to it. It neither assigns tasks nor changes those of others (Rule #4); its
-- privileges end at the columns status and result.
CREATE FUNCTION app.assign() RETURNS trigger
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

-- Ends the work of a dismissed agent, however it was dismissed: it revokes its credentials, expires
-- its pending requests for approval, and cancels the tasks that it has not done.
CREATE FUNCTION app.end_agent() RETURNS trigger
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
ALTER FUNCTION app.end_agent() OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.end_agent() FROM PUBLIC;

-- Dismisses an agent, which requires no approval. It returns false if the agent does not exist or
-- was already dismissed.
CREATE FUNCTION app.dismiss_agent(agent_id uuid, reason text) RETURNS boolean
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
ALTER FUNCTION app.dismiss_agent(uuid, text) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.dismiss_agent(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.dismiss_agent(uuid, text) TO chenu_human;

-- Suspends the caller's active agents whose approval was given before the time, and returns how
-- many. An agent without an approval counts from its hiring. It needs no recent authentication:
-- stopping must be easy. Resuming an agent needs an approval of its own.
CREATE FUNCTION app.suspend_agents(reason text, approved_before timestamptz) RETURNS integer
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
ALTER FUNCTION app.suspend_agents(text, timestamptz) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.suspend_agents(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.suspend_agents(text, timestamptz) TO chenu_login;

-- Suspends all active agents of the caller at once and returns how many. Their access tokens end
-- with that, also for the time after an agent was resumed.
CREATE FUNCTION app.suspend_all_agents() RETURNS integer
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
ALTER FUNCTION app.suspend_all_agents() OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.suspend_all_agents() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.suspend_all_agents() TO chenu_human;

-- Lists active agents of identities whose e-mail address is not verified, by their ids and those of
-- their identities. New ones cannot appear (see app.hire()); these were hired before that rule. For
-- the operator alone.
CREATE FUNCTION app.agents_of_unverified(most integer DEFAULT 100) RETURNS TABLE (identity_id uuid, agent_id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT a.created_by, a.id FROM public.team_agents a JOIN public.identities i ON i.id = a.created_by
     WHERE a.status = 'active' AND i.email_verified_at IS NULL ORDER BY a.created_by, a.id LIMIT most;
END
$$;
ALTER FUNCTION app.agents_of_unverified(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.agents_of_unverified(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.agents_of_unverified(integer) TO chenu_owner;

-- Lists the same agents without their identities, for the log of the service. Whoever knows the id
-- of an agent and not that of its identity can do nothing with it.
CREATE FUNCTION app.unverified_agents(most integer DEFAULT 100) RETURNS TABLE (agent_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.agent_id FROM app.agents_of_unverified(most) AS a ORDER BY a.agent_id
$$;
ALTER FUNCTION app.unverified_agents(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.unverified_agents(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.unverified_agents(integer) TO chenu_human;
