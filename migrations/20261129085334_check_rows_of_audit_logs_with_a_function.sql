-- check rows of audit logs with a function
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   new: PUBLIC, EXECUTE on function app.check_audit_logs(text, text, text, text, text, text, text)
--       runs with the privileges of the caller
-- Locks, held until commit:
--   public.audit_logs: ACCESS EXCLUSIVE (blocks reads and writes)
--   public.audit_logs_default: ACCESS EXCLUSIVE (blocks reads and writes)

-- Locks public.audit_logs: ACCESS EXCLUSIVE (blocks reads and writes).
-- Locks public.audit_logs_default: ACCESS EXCLUSIVE (blocks reads and writes).
ALTER TABLE "public"."audit_logs" DROP CONSTRAINT "audit_logs_action_check", DROP CONSTRAINT "audit_logs_actor_kind_check", DROP CONSTRAINT "audit_logs_outcome_check", DROP CONSTRAINT "audit_logs_resource_type_check", DROP CONSTRAINT "audit_logs_sphere_check", DROP CONSTRAINT "audit_logs_user_agent_check";

-- Functions may refer to tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.check_audit_logs(
    rules text,
    actor_kind text,
    action text,
    outcome text,
    resource_type text,
    sphere text,
    user_agent text
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := CASE
        WHEN NOT (actor_kind IN ('human', 'agent', 'system')) THEN 'audit_logs_actor_kind_check'
        WHEN NOT (action IN ('login', 'logout', 'credential_change', 'create', 'read', 'update', 'delete', 'checkpoint_requested', 'checkpoint_approved', 'checkpoint_rejected', 'checkpoint_expired', 'checkpoint_consumed', 'agent_hired', 'agent_dismissed')) THEN 'audit_logs_action_check'
        WHEN NOT (outcome IN ('success', 'denied', 'failed')) THEN 'audit_logs_outcome_check'
        WHEN NOT (char_length(resource_type) BETWEEN 1 AND 64) THEN 'audit_logs_resource_type_check'
        WHEN NOT (sphere IN ('personal', 'business', 'creative_studio', 'entertainment', 'community', 'social', 'scholar', 'government', 'my_team')) THEN 'audit_logs_sphere_check'
        WHEN NOT (char_length(user_agent) <= 400) THEN 'audit_logs_user_agent_check'
    END;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "audit_logs" violates the rule "%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = 'public', TABLE = 'audit_logs', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;

-- Applies to rows that are written from now on. Existing rows are checked later.
ALTER TABLE "public"."audit_logs" ADD CONSTRAINT "audit_logs_row" CHECK (app.check_audit_logs('399fb8ca', actor_kind, action, outcome, resource_type, sphere, user_agent)) NOT VALID;
