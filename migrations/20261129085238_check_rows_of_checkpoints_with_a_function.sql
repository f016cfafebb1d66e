-- check rows of checkpoints with a function
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   new: PUBLIC, EXECUTE on function app.check_checkpoints(text, timestamp with time zone, bigint, text, text, text, text, text, text, text, jsonb, bytea, text, text, timestamp with time zone, timestamp with time zone, timestamp with time zone)
--       runs with the privileges of the caller
-- Locks, held until commit:
--   public.checkpoints: ACCESS EXCLUSIVE (blocks reads and writes)

-- Locks public.checkpoints: ACCESS EXCLUSIVE (blocks reads and writes).
ALTER TABLE "public"."checkpoints" DROP CONSTRAINT "checkpoints_action_check", DROP CONSTRAINT "checkpoints_consumed", DROP CONSTRAINT "checkpoints_decided", DROP CONSTRAINT "checkpoints_digest", DROP CONSTRAINT "checkpoints_expiry", DROP CONSTRAINT "checkpoints_origin_check", DROP CONSTRAINT "checkpoints_payload_check", DROP CONSTRAINT "checkpoints_reason", DROP CONSTRAINT "checkpoints_reason_check", DROP CONSTRAINT "checkpoints_requested_by_kind_check", DROP CONSTRAINT "checkpoints_resource_type_check", DROP CONSTRAINT "checkpoints_sphere_check", DROP CONSTRAINT "checkpoints_status_check", DROP CONSTRAINT "checkpoints_type_check", DROP CONSTRAINT "checkpoints_updated_by_kind_check", DROP CONSTRAINT "checkpoints_version_check";

-- Functions may refer to tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.check_checkpoints(
    rules text,
    created_at timestamptz,
    version bigint,
    updated_by_kind text,
    sphere text,
    type text,
    origin text,
    status text,
    action text,
    resource_type text,
    payload jsonb,
    digest bytea,
    reason text,
    requested_by_kind text,
    decided_at timestamptz,
    expires_at timestamptz,
    consumed_at timestamptz
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := CASE
        WHEN NOT (version >= 1) THEN 'checkpoints_version_check'
        WHEN NOT (updated_by_kind IN ('human', 'agent', 'system')) THEN 'checkpoints_updated_by_kind_check'
        WHEN NOT (sphere IN ('personal', 'business', 'creative_studio', 'entertainment', 'community', 'social', 'scholar', 'government', 'my_team')) THEN 'checkpoints_sphere_check'
        WHEN NOT (type IN ('governance', 'cost', 'identity', 'sensitive', 'cross_sphere')) THEN 'checkpoints_type_check'
        WHEN NOT (origin IN ('write', 'client')) THEN 'checkpoints_origin_check'
        WHEN NOT (status IN ('pending', 'approved', 'rejected', 'expired')) THEN 'checkpoints_status_check'
        WHEN NOT (char_length(action) BETWEEN 1 AND 120) THEN 'checkpoints_action_check'
        WHEN NOT (char_length(resource_type) BETWEEN 1 AND 64) THEN 'checkpoints_resource_type_check'
        WHEN NOT (char_length(reason) BETWEEN 1 AND 2000) THEN 'checkpoints_reason_check'
        WHEN NOT (requested_by_kind IN ('human', 'agent', 'system')) THEN 'checkpoints_requested_by_kind_check'
        WHEN NOT (consumed_at IS NULL OR status = 'approved') THEN 'checkpoints_consumed'
        WHEN NOT ((decided_at IS NOT NULL) = (status IN ('approved', 'rejected'))) THEN 'checkpoints_decided'
        WHEN NOT (octet_length(digest) = 32) THEN 'checkpoints_digest'
        WHEN NOT (expires_at - created_at <= interval '7 days 1 minute') THEN 'checkpoints_expiry'
        WHEN NOT (pg_column_size(payload) <= 1048576) THEN 'checkpoints_payload_check'
        WHEN NOT (status <> 'rejected' OR reason IS NOT NULL) THEN 'checkpoints_reason'
    END;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "checkpoints" violates the rule "%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = 'public', TABLE = 'checkpoints', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;

-- Applies to rows that are written from now on. Existing rows are checked later.
ALTER TABLE "public"."checkpoints" ADD CONSTRAINT "checkpoints_row" CHECK (app.check_checkpoints('090514a8', created_at, version, updated_by_kind, sphere, type, origin, status, action, resource_type, payload, digest, reason, requested_by_kind, decided_at, expires_at, consumed_at)) NOT VALID;
