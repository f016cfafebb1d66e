-- Notices: mails that tell the owner of an account about an event. A notice is stored in the
-- transaction of the event, so neither exists without the other. Any instance of the service that
-- can send mail takes notices and records which it has sent.

-- Stores a notice for the caller. The details have ids, counts and times, but never a secret or
-- text that a user chose: otherwise a user could send any text by the service's mail.
CREATE FUNCTION app.owe_notice(kind text, details jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO app.account_notices (id, created_by, kind, details)
    VALUES (app.uuid_v7(), nullif(current_setting('app.identity_id', true), '')::uuid, owe_notice.kind, owe_notice.details);
END
$$;
ALTER FUNCTION app.owe_notice(text, jsonb) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.owe_notice(text, jsonb) FROM PUBLIC;

-- Tells the owner that an agent was hired or resumed.
CREATE FUNCTION app.tell_hired() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status <> 'active' OR NOT app.gates_hold() THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.status = 'active' THEN
            RETURN NULL;
        END IF;
    END IF;
    PERFORM app.owe_notice('agent_hired', jsonb_build_object('agent_id', NEW.id, 'checkpoint_id', NEW.hire_checkpoint_id));
    RETURN NULL;
END
$$;
ALTER FUNCTION app.tell_hired() OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.tell_hired() FROM PUBLIC;

-- Stores a notice for each identity whose pending checkpoints an upgrade expired for the reason, or
-- whose unused approvals it ended, and returns the number of these identities. It counts the
-- checkpoints that would have been valid at the time, which is when the upgrade started to expire
-- them, and skips identities that got such a notice since. Migrations that change the payloads of
-- gates must call it. The caller owns the tables, and FORCE is lifted from both.
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
REVOKE EXECUTE ON FUNCTION app.tell_expired_requests(text, timestamptz) FROM PUBLIC;

-- Takes due notices, at most `most`, and returns their ids with those of their identities. A notice
-- that is not recorded as sent is due again after five minutes, at most five times. A mail can
-- therefore be sent twice if an instance stops before it records the notice as sent.
CREATE FUNCTION app.take_notices(most integer DEFAULT 10) RETURNS TABLE (notice_id uuid, identity_id uuid)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    UPDATE app.account_notices n
       SET attempts = n.attempts + 1,
           due_at = CASE WHEN n.attempts >= 4 THEN 'infinity' ELSE clock_timestamp() + interval '5 minutes' END
     WHERE (n.created_by, n.id) IN (
        SELECT d.created_by, d.id FROM app.account_notices d
         WHERE d.sent_at IS NULL AND d.due_at <= clock_timestamp() ORDER BY d.id LIMIT most FOR UPDATE SKIP LOCKED)
    RETURNING n.id, n.created_by;
END
$$;
ALTER FUNCTION app.take_notices(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.take_notices(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.take_notices(integer) TO chenu_human;

-- Records that a notice of the caller was sent.
CREATE FUNCTION app.mark_notice_sent(notice_id uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE app.account_notices n SET sent_at = clock_timestamp()
     WHERE n.created_by = nullif(current_setting('app.identity_id', true), '')::uuid
       AND n.id = mark_notice_sent.notice_id AND n.sent_at IS NULL;
END
$$;
ALTER FUNCTION app.mark_notice_sent(uuid) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.mark_notice_sent(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.mark_notice_sent(uuid) TO chenu_human;

-- Deletes notices that are older than 30 days, sent or not, at most `most` of them, and returns
-- their number.
CREATE FUNCTION app.expire_notices(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    DELETE FROM app.account_notices WHERE (created_by, id) IN (
        SELECT n.created_by, n.id FROM app.account_notices n
         WHERE n.created_at < clock_timestamp() - interval '30 days' LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;
ALTER FUNCTION app.expire_notices(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.expire_notices(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.expire_notices(integer) TO chenu_human;
