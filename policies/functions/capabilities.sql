-- Capabilities of agents. A capability such as business allows reading and writing and implies
-- business:read. Policies of chenu_agent compare what app.agent_capabilities() returns with what
-- the table or the sphere of the row requires. Policies of chenu_human use no capabilities.

-- The capabilities together with those that they imply.
CREATE FUNCTION app.implied_capabilities(capabilities text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT capabilities || ARRAY(SELECT c || ':read' FROM unnest(capabilities) AS c WHERE c NOT LIKE '%:read')
$$;

-- The capabilities of the acting agent: those of its row in team_agents and those that they
-- imply, also under the names of the spheres creative_studio and my_team, whose capabilities are
-- creative and team. It returns none for an agent that is suspended or dismissed, that was never
-- hired or that another identity hired, and for a token from before the agent was last suspended.
-- No setting lists capabilities.
CREATE FUNCTION app.agent_capabilities() RETURNS text[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held text[];
BEGIN
    SELECT a.capabilities INTO held FROM public.team_agents a
     WHERE a.created_by = nullif(current_setting('app.identity_id', true), '')::uuid
       AND a.id = nullif(current_setting('app.actor_id', true), '')::uuid AND a.status = 'active'
       AND (nullif(current_setting('app.auth_time', true), '')::timestamptz <= a.suspended_at) IS NOT TRUE;
    IF held IS NULL OR held = '{}' THEN
        RETURN '{}';
    END IF;
    IF 'creative' = ANY (held) THEN
        held := held || 'creative_studio'::text;
    ELSIF 'creative:read' = ANY (held) THEN
        held := held || 'creative_studio:read'::text;
    END IF;
    IF 'team' = ANY (held) THEN
        held := held || 'my_team'::text;
    ELSIF 'team:read' = ANY (held) THEN
        held := held || 'my_team:read'::text;
    END IF;
    -- Adds :read to each without a query, which would take longer than everything else. What
    -- business:read becomes by that, business:read:read, is the name of nothing.
    RETURN held || string_to_array(array_to_string(held, ':read,') || ':read', ',');
END
$$;
ALTER FUNCTION app.agent_capabilities() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.agent_capabilities() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.agent_capabilities() TO chenu_agent;

-- Reports whether the acting agent has all of these capabilities. NULL among them is ignored. For
-- functions that write or lock rows for an agent with more rights than the agent has.
CREATE FUNCTION app.has_capabilities(VARIADIC needed text[]) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_remove(needed, NULL) <@ app.agent_capabilities()
$$;
ALTER FUNCTION app.has_capabilities(text[]) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.has_capabilities(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.has_capabilities(text[]) TO chenu_gate, chenu_threads;

-- Refuses an agent that does not have all of these capabilities. NULL among them is ignored.
CREATE FUNCTION app.require_capabilities(VARIADIC needed text[]) RETURNS void
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
ALTER FUNCTION app.require_capabilities(text[]) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.require_capabilities(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.require_capabilities(text[]) TO chenu_gate, chenu_threads;

-- Locks the row of an agent of the identity until the transaction ends: a suspension or dismissal
-- comes first, or waits. The lock does not conflict with itself, so that agents do not wait for
-- each other. The service takes it before the first statement of an agent's transaction, and so
-- before the locks of other rows, as a dismissal does.
CREATE FUNCTION app.hold_agent(agent_id uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM public.team_agents a
     WHERE a.created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND a.id = hold_agent.agent_id FOR SHARE;
END
$$;
ALTER FUNCTION app.hold_agent(uuid) OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.hold_agent(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.hold_agent(uuid) TO chenu_agent, chenu_login;

-- Refuses an actor that is not an active agent of the identity, and a token from before the agent
-- was last suspended: the service may accept the token for another two seconds. The trigger that
-- audits and the functions that record reads and refusals call it for agents. The agent's row stays
-- locked, so that no write commits after a suspension that it did not see.
CREATE FUNCTION app.refuse_inactive_agent() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.hold_agent(app.actor());
    IF NOT EXISTS (SELECT FROM public.team_agents a
         WHERE a.created_by = nullif(current_setting('app.identity_id', true), '')::uuid
           AND a.id = app.actor() AND a.status = 'active'
           AND (nullif(current_setting('app.auth_time', true), '')::timestamptz <= a.suspended_at) IS NOT TRUE) THEN
        RAISE EXCEPTION 'the actor is not an active agent of the identity' USING ERRCODE = 'CH401';
    END IF;
END
$$;
ALTER FUNCTION app.refuse_inactive_agent() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.refuse_inactive_agent() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.refuse_inactive_agent() TO chenu_audit, chenu_threads;
