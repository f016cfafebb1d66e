-- audit logs are sealed by a function of their own
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   review: trigger seal_content on public.audit_logs
--       before: CREATE TRIGGER seal_content BEFORE INSERT ON public.audit_logs FOR EACH ROW EXECUTE FUNCTION app.seal_content('before', 'after', 'ip', 'user_agent')
--       after:  CREATE TRIGGER seal_content BEFORE INSERT ON public.audit_logs FOR EACH ROW EXECUTE FUNCTION app.seal_audit_logs()
-- Locks, held until commit:
--   public.audit_logs: SHARE ROW EXCLUSIVE (blocks writes)
--   public.audit_logs_default: SHARE ROW EXCLUSIVE (blocks writes)

CREATE OR REPLACE FUNCTION app.content_digest(salt bytea, content jsonb, fields text[]) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field text;
    digested jsonb := '{}';
BEGIN
    FOREACH field IN ARRAY fields LOOP
        IF content ? field THEN
            digested := digested || jsonb_build_object(field, content -> field);
        END IF;
    END LOOP;
    RETURN sha256(salt || convert_to(digested::text, 'UTF8'));
END
$$;

CREATE OR REPLACE FUNCTION app.id_tells_time(id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The first 48 bits are milliseconds since 1970. One expression takes less time than two.
    RETURN get_byte(uuid_send(id), 6) >> 4 = 7
        AND abs(date_part('epoch', clock_timestamp()) * 1000 - ('x' || encode(substr(uuid_send(id), 1, 6), 'hex'))::bit(48)::bigint) <= 3600000
        OR app.actor_kind() = 'system';
END
$$;

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

-- Locks public.audit_logs: SHARE ROW EXCLUSIVE (blocks writes).
-- Locks public.audit_logs_default: SHARE ROW EXCLUSIVE (blocks writes).
CREATE OR REPLACE TRIGGER seal_content BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.seal_audit_logs();
