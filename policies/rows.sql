-- Code generated from ent/schema. DO NOT EDIT.

-- Checks the rules of a row of audit_logs, for its CHECK constraint. The parameter rules changes with
-- the rules, so that a migration that changes them checks the rows that exist.
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

-- Seals the content of a new row of audit_logs: sets the salt and the digest, which is
-- app.content_digest() of the same columns. Because of the salt nobody can guess erased content. The
-- largest row that the other tables admit, before and after a change, is smaller than the limit.
CREATE FUNCTION app.seal_audit_logs() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    content constant text := jsonb_build_object('before', NEW.before, 'after', NEW.after, 'ip', NEW.ip, 'user_agent', NEW.user_agent)::text;
BEGIN
    IF octet_length(content) > 8388608 THEN
        RAISE EXCEPTION 'the content of a row of audit_logs is larger than 8 MiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "too_long"}';
    END IF;
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := sha256(NEW.content_salt || convert_to(content, 'UTF8'));
    RETURN NEW;
END
$$;

-- Checks the rules of a row of checkpoints, for its CHECK constraint. The parameter rules changes with
-- the rules, so that a migration that changes them checks the rows that exist.
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

-- Checks the rules of a row of thread_events, for its CHECK constraint. The parameter rules changes with
-- the rules, so that a migration that changes them checks the rows that exist.
CREATE FUNCTION app.check_thread_events(
    rules text,
    sequence bigint,
    type text,
    schema_version bigint,
    payload jsonb,
    actor_kind text
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := CASE
        WHEN NOT (sequence >= 1) THEN 'thread_events_sequence_check'
        WHEN NOT (type IN ('thread.created', 'thread.updated', 'thread.paused', 'thread.resumed', 'thread.completed', 'thread.archived', 'intent.refined', 'decision.recorded', 'decision.revised', 'action.proposed', 'action.executed', 'note.added', 'link.added', 'checkpoint.requested', 'checkpoint.approved', 'checkpoint.rejected', 'checkpoint.expired')) THEN 'thread_events_type_check'
        WHEN NOT (schema_version >= 1) THEN 'thread_events_schema_version_check'
        WHEN NOT (actor_kind IN ('human', 'agent', 'system')) THEN 'thread_events_actor_kind_check'
        WHEN NOT (pg_column_size(payload) <= 262144) THEN 'thread_events_payload_check'
        WHEN NOT (jsonb_typeof(payload) = 'object') THEN 'thread_events_payload_object'
    END;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "thread_events" violates the rule "%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = 'public', TABLE = 'thread_events', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;

-- Seals the content of a new row of thread_events: sets the salt and the digest, which is
-- app.content_digest() of the same columns. Because of the salt nobody can guess erased content. The
-- largest row that the other tables admit, before and after a change, is smaller than the limit.
CREATE FUNCTION app.seal_thread_events() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    content constant text := jsonb_build_object('payload', NEW.payload)::text;
BEGIN
    IF octet_length(content) > 8388608 THEN
        RAISE EXCEPTION 'the content of a row of thread_events is larger than 8 MiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "too_long"}';
    END IF;
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := sha256(NEW.content_salt || convert_to(content, 'UTF8'));
    RETURN NEW;
END
$$;

-- Checks the rules of a row of threads, for its CHECK constraint. The parameter rules changes with
-- the rules, so that a migration that changes them checks the rows that exist.
CREATE FUNCTION app.check_threads(
    rules text,
    version bigint,
    updated_by_kind text,
    founding_intent text,
    sphere text,
    type text,
    status text,
    visibility text,
    title text,
    tags text[],
    last_sequence bigint,
    event_count bigint,
    step_count bigint
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := CASE
        WHEN NOT (version >= 1) THEN 'threads_version_check'
        WHEN NOT (updated_by_kind IN ('human', 'agent', 'system')) THEN 'threads_updated_by_kind_check'
        WHEN NOT (char_length(founding_intent) BETWEEN 1 AND 2000) THEN 'threads_founding_intent_check'
        WHEN NOT (sphere IN ('personal', 'business', 'creative_studio', 'entertainment', 'community', 'social', 'scholar', 'government', 'my_team')) THEN 'threads_sphere_check'
        WHEN NOT (type IN ('personal', 'collective', 'institutional')) THEN 'threads_type_check'
        WHEN NOT (status IN ('active', 'paused', 'completed', 'archived')) THEN 'threads_status_check'
        WHEN NOT (visibility IN ('private', 'semi_private', 'public')) THEN 'threads_visibility_check'
        WHEN NOT (char_length(title) BETWEEN 1 AND 200) THEN 'threads_title_check'
        WHEN NOT (app.texts_valid(tags, 32, 64)) THEN 'threads_tags_check'
        WHEN NOT (last_sequence >= 0) THEN 'threads_last_sequence_check'
        WHEN NOT (event_count >= 0) THEN 'threads_event_count_check'
        WHEN NOT (step_count >= 0) THEN 'threads_step_count_check'
    END;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "threads" violates the rule "%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = 'public', TABLE = 'threads', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;

-- Checks the rules of a row of app.collected_writes, for its CHECK constraint. The parameter rules changes with
-- the rules, so that a migration that changes them checks the rows that exist.
CREATE FUNCTION app.check_collected_writes(
    rules text,
    place bigint,
    payload jsonb,
    element jsonb
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := CASE
        WHEN NOT (place >= 1) THEN 'collected_writes_place_check'
        WHEN NOT (octet_length(payload::text) <= 4194304) THEN 'collected_writes_payload_size'
        WHEN NOT (octet_length(element::text) <= 4194304) THEN 'collected_writes_element_size'
    END;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "collected_writes" violates the rule "%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = 'app', TABLE = 'collected_writes', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;
