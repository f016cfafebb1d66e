-- Recent authentication: it protects operations that a stolen access token, valid for ten minutes,
-- must not be able to call.

-- Refuses a caller who is not a human, or whose session was not authenticated within the last five
-- minutes. The time is read from the session's row, which only a login or a step-up changes
-- (app.open_session, app.authenticate_again). The setting app.auth_time is not used: a caller who
-- can set it could claim any time. The session is found by app.session_id, and must be open and a
-- session of the caller.
CREATE FUNCTION app.require_recent_authentication() RETURNS void
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
ALTER FUNCTION app.require_recent_authentication() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.require_recent_authentication() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.require_recent_authentication() TO chenu_gate, chenu_audit;

-- Records the export of all data of the caller, or of the audit trail, before the first row is
-- read. It requires a human with a recent authentication, because the caller keeps the copy.
CREATE FUNCTION app.record_export(resource_type text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (record_export.resource_type IN ('identity', 'audit_log')) IS NOT TRUE THEN
        RAISE EXCEPTION 'no such export' USING ERRCODE = 'CH422';
    END IF;
    PERFORM app.require_recent_authentication();
    RETURN app.record_event('read', 'success', record_export.resource_type,
        CASE record_export.resource_type WHEN 'identity' THEN current_setting('app.identity_id', true)::uuid END,
        '{"export": "ndjson"}'::jsonb);
END
$$;
ALTER FUNCTION app.record_export(text) OWNER TO chenu_audit;
REVOKE EXECUTE ON FUNCTION app.record_export(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.record_export(text) TO chenu_human;
