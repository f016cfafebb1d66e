-- sessions
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   chenu_auditor gains SELECT on app.account_tokens
--   chenu_auditor gains SELECT on app.refresh_tokens
--   chenu_human gains EXECUTE on function app.account_token_valid(text, bytea)
--   chenu_human gains EXECUTE on function app.advance_signing_keys(uuid, bytea, bytea, interval)
--   chenu_human gains EXECUTE on function app.authenticate_again(uuid, text[])
--   chenu_human gains EXECUTE on function app.begin_attempt()
--   chenu_human gains EXECUTE on function app.change_password(text, text, uuid)
--   chenu_human gains EXECUTE on function app.expire_tokens(integer)
--   chenu_human gains EXECUTE on function app.forgive_attempts()
--   chenu_human gains EXECUTE on function app.issue_account_token(text, bytea)
--   chenu_human gains EXECUTE on function app.issue_refresh_token(uuid, bytea, interval)
--   chenu_human gains EXECUTE on function app.reset_password(bytea, text)
--   chenu_human gains EXECUTE on function app.rotate_refresh_token(uuid, bytea, bytea, interval)
--   chenu_human gains EXECUTE on function app.verify_email(bytea)
--   chenu_login gains SELECT, INSERT (id, created_by, kind, token_hash, expires_at), DELETE on app.account_tokens
--   chenu_login gains SELECT, INSERT (id, created_by, generation, token_hash, expires_at, session_id), UPDATE (used_at, voided_at) on app.refresh_tokens
--   chenu_login gains UPDATE (authenticated_at, amr, refreshed_at, idle_expires_at) on app.sessions
--   chenu_login gains INSERT (status), UPDATE (status, activated_at, retired_at), DELETE on app.signing_keys
--   chenu_login gains SELECT (email_verified_at, failed_logins), UPDATE (email_verified_at, failed_logins, locked_until, password_changed_at) on public.identities
--   chenu_maintain gains SELECT (id, created_by, expires_at), DELETE on app.account_tokens
--   chenu_maintain gains SELECT (id, created_by, expires_at), DELETE on app.refresh_tokens
--   new policy auditor_select on app.account_tokens: chenu_auditor may SELECT rows where true
--   new policy login_delete on app.account_tokens: chenu_login may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_insert on app.account_tokens: chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_select on app.account_tokens: chenu_login may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy maintain_delete on app.account_tokens: chenu_maintain may DELETE rows where (expires_at < clock_timestamp())
--   new policy maintain_select on app.account_tokens: chenu_maintain may SELECT rows where (expires_at < clock_timestamp())
--   new policy auditor_select on app.refresh_tokens: chenu_auditor may SELECT rows where true
--   new policy login_insert on app.refresh_tokens: chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_select on app.refresh_tokens: chenu_login may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_update on app.refresh_tokens: chenu_login may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy maintain_delete on app.refresh_tokens: chenu_maintain may DELETE rows where (expires_at < clock_timestamp())
--   new policy maintain_select on app.refresh_tokens: chenu_maintain may SELECT rows where (expires_at < clock_timestamp())
--   new policy login_delete on app.signing_keys: chenu_login may DELETE rows where true
--   new policy login_update on app.signing_keys: chenu_login may UPDATE rows where true
--   function app.account_token_valid(text, bytea) runs with the rights of chenu_login
--   function app.advance_signing_keys(uuid, bytea, bytea, interval) runs with the rights of chenu_login
--   function app.authenticate_again(uuid, text[]) runs with the rights of chenu_login
--   function app.begin_attempt() runs with the rights of chenu_login
--   function app.change_password(text, text, uuid) runs with the rights of chenu_login
--   function app.close_sessions(uuid) runs with the rights of chenu_login
--   function app.expire_tokens(integer) runs with the rights of chenu_maintain
--   function app.forgive_attempts() runs with the rights of chenu_login
--   function app.issue_account_token(text, bytea) runs with the rights of chenu_login
--   function app.issue_refresh_token(uuid, bytea, interval) runs with the rights of chenu_login
--   function app.reset_password(bytea, text) runs with the rights of chenu_login
--   function app.rotate_refresh_token(uuid, bytea, bytea, interval) runs with the rights of chenu_login
--   function app.use_account_token(text, bytea) runs with the rights of chenu_login
--   function app.verify_email(bytea) runs with the rights of chenu_login
-- Locks, held until commit:
--   app.sessions: ACCESS EXCLUSIVE (reads and writes wait)
--   app.signing_keys: ACCESS EXCLUSIVE (reads and writes wait)
--   public.identities: SHARE ROW EXCLUSIVE (writes wait)

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.advance_signing_keys(id uuid, public_key bytea, private_key bytea, max_age interval)
    RETURNS TABLE (made boolean, promoted boolean, removed integer, next_id uuid, next_signs_at timestamptz)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    published CONSTANT interval := interval '10 minutes';
    verifies CONSTANT interval := interval '1 hour';
    moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu signing keys', 0));
    moment := clock_timestamp();
    DELETE FROM app.signing_keys k WHERE k.status = 'retiring' AND k.retired_at <= moment - verifies;
    GET DIAGNOSTICS removed = ROW_COUNT;

    promoted := EXISTS (SELECT FROM app.signing_keys k WHERE k.status = 'next' AND k.created_at <= moment - published);
    IF promoted THEN
        UPDATE app.signing_keys k SET status = 'retiring', retired_at = moment WHERE k.status = 'active';
        UPDATE app.signing_keys k SET status = 'active', activated_at = moment WHERE k.status = 'next';
    END IF;

    made := NOT EXISTS (SELECT FROM app.signing_keys k WHERE k.status = 'next')
        AND EXISTS (SELECT FROM app.signing_keys k WHERE k.status = 'active'
            AND coalesce(k.activated_at, k.created_at) <= moment - advance_signing_keys.max_age);
    IF made THEN
        INSERT INTO app.signing_keys (id, public_key, private_key, status)
        VALUES (advance_signing_keys.id, advance_signing_keys.public_key, advance_signing_keys.private_key, 'next');
    END IF;
    SELECT k.id, k.created_at + published INTO next_id, next_signs_at FROM app.signing_keys k WHERE k.status = 'next';
    RETURN NEXT;
END
$$;

CREATE FUNCTION app.issue_account_token(kind text, token_hash bytea)
    RETURNS boolean
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
    SELECT i.email_verified_at INTO verified FROM public.identities i
     WHERE i.id = caller AND i.status = 'active' FOR UPDATE;
    IF NOT FOUND OR issue_account_token.kind = 'verify_email' AND verified IS NOT NULL THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM app.account_tokens t WHERE t.created_by = caller
            AND t.kind = issue_account_token.kind AND t.created_at > clock_timestamp() - interval '1 minute') THEN
        RETURN false;
    END IF;
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = issue_account_token.kind;
    INSERT INTO app.account_tokens (id, created_by, kind, token_hash, expires_at)
    VALUES (app.uuid_v7(), caller, issue_account_token.kind, issue_account_token.token_hash,
            clock_timestamp() + CASE issue_account_token.kind WHEN 'verify_email' THEN interval '3 days' ELSE interval '1 hour' END);
    RETURN true;
END
$$;

CREATE FUNCTION app.account_token_valid(kind text, token_hash bytea)
    RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    RETURN EXISTS (SELECT FROM app.account_tokens t JOIN public.identities i ON i.id = t.created_by
        WHERE t.created_by = caller AND t.kind = account_token_valid.kind
          AND t.token_hash = account_token_valid.token_hash AND t.expires_at > clock_timestamp() AND i.status = 'active');
END
$$;

CREATE FUNCTION app.use_account_token(kind text, token_hash bytea)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF NOT app.account_token_valid(use_account_token.kind, use_account_token.token_hash) THEN
        RETURN false;
    END IF;
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = use_account_token.kind
        AND t.token_hash = use_account_token.token_hash;
    RETURN FOUND;
END
$$;

CREATE FUNCTION app.verify_email(token_hash bytea)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF NOT app.use_account_token('verify_email', verify_email.token_hash) THEN
        RETURN false;
    END IF;
    UPDATE public.identities i SET email_verified_at = clock_timestamp()
     WHERE i.id = caller AND i.email_verified_at IS NULL;
    RETURN true;
END
$$;

CREATE FUNCTION app.reset_password(token_hash bytea, replacement text)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    closed uuid[];
BEGIN
    IF NOT app.use_account_token('reset_password', reset_password.token_hash) THEN
        RETURN NULL;
    END IF;
    UPDATE public.identities i
       SET hashed_password = reset_password.replacement, password_changed_at = clock_timestamp(),
           email_verified_at = coalesce(i.email_verified_at, clock_timestamp()),
           failed_logins = 0, locked_until = NULL
     WHERE i.id = caller;
    closed := app.close_sessions(NULL);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed), 'by', 'mail'));
    RETURN closed;
END
$$;

CREATE FUNCTION app.issue_refresh_token(session_id uuid, token_hash bytea, idle interval)
    RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    ends timestamptz;
    idle_ends timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT s.expires_at INTO ends FROM app.sessions s
     WHERE s.created_by = caller AND s.id = issue_refresh_token.session_id
       AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND s.idle_expires_at IS NULL
       FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no open session without a refresh token' USING ERRCODE = 'CH403';
    END IF;
    idle_ends := least(ends, clock_timestamp() + issue_refresh_token.idle);
    INSERT INTO app.refresh_tokens (id, created_by, session_id, generation, token_hash, expires_at)
    VALUES (app.uuid_v7(), caller, issue_refresh_token.session_id, 1, issue_refresh_token.token_hash, ends);
    UPDATE app.sessions s SET idle_expires_at = idle_ends
     WHERE s.created_by = caller AND s.id = issue_refresh_token.session_id;
    RETURN idle_ends;
END
$$;

CREATE FUNCTION app.rotate_refresh_token(session_id uuid, token_hash bytea, successor_hash bytea, idle interval)
    RETURNS TABLE (outcome text, refresh_until timestamptz, authenticated timestamptz, methods text[])
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    s record;
    t record;
    moment timestamptz;
    good boolean := false;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT x.* INTO s FROM app.sessions x
     WHERE x.created_by = caller AND x.id = rotate_refresh_token.session_id FOR UPDATE;
    SELECT x.* INTO t FROM app.refresh_tokens x
     WHERE x.created_by = caller AND x.session_id = rotate_refresh_token.session_id
       AND x.token_hash = rotate_refresh_token.token_hash;
    IF s.id IS NULL OR t.id IS NULL THEN
        outcome := 'unknown';
        RETURN NEXT;
        RETURN;
    END IF;
    moment := clock_timestamp();
    IF s.revoked_at IS NOT NULL OR s.expires_at <= moment OR s.idle_expires_at <= moment
        OR NOT EXISTS (SELECT FROM public.identities i WHERE i.id = caller AND i.status = 'active') THEN
        outcome := 'ended';
        RETURN NEXT;
        RETURN;
    END IF;
    IF t.used_at IS NOT NULL AND t.used_at > moment - interval '30 seconds' THEN
        UPDATE app.refresh_tokens x SET voided_at = moment
         WHERE x.created_by = caller AND x.session_id = s.id AND x.generation = t.generation + 1
           AND x.used_at IS NULL AND x.voided_at IS NULL;
        good := FOUND;
    ELSIF t.used_at IS NULL AND t.voided_at IS NULL THEN
        UPDATE app.refresh_tokens x SET used_at = moment WHERE x.created_by = caller AND x.id = t.id;
        good := FOUND;
    END IF;
    IF NOT good THEN
        UPDATE app.sessions x SET revoked_at = moment WHERE x.created_by = caller AND x.id = s.id;
        PERFORM app.record_event('login', 'denied', 'session', s.id, '{"reason": "refresh_token_reused"}');
        outcome := 'reused';
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO app.refresh_tokens (id, created_by, session_id, generation, token_hash, expires_at)
    VALUES (app.uuid_v7(), caller, s.id, t.generation + 1, rotate_refresh_token.successor_hash, s.expires_at);
    outcome := 'rotated';
    refresh_until := least(s.expires_at, moment + rotate_refresh_token.idle);
    authenticated := s.authenticated_at;
    methods := s.amr;
    UPDATE app.sessions x SET refreshed_at = moment, idle_expires_at = refresh_until
     WHERE x.created_by = caller AND x.id = s.id;
    RETURN NEXT;
END
$$;

CREATE FUNCTION app.begin_attempt()
    RETURNS TABLE (hashed_password text, allowed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    i record;
    moment timestamptz;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT x.hashed_password, x.status, x.failed_logins, x.locked_until INTO i
      FROM public.identities x WHERE x.id = caller FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    moment := clock_timestamp();
    hashed_password := i.hashed_password;
    allowed := i.status = 'active' AND (i.locked_until IS NULL OR i.locked_until <= moment);
    IF allowed THEN
        UPDATE public.identities x
           SET failed_logins = i.failed_logins + 1,
               locked_until = CASE WHEN i.failed_logins >= 4 THEN
                   moment + least(interval '1 second' * 2 ^ least(i.failed_logins - 4, 10), interval '15 minutes') END
         WHERE x.id = caller;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION app.forgive_attempts()
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE public.identities i SET failed_logins = 0, locked_until = NULL
     WHERE i.id = caller AND (i.failed_logins > 0 OR i.locked_until IS NOT NULL);
END
$$;

CREATE FUNCTION app.authenticate_again(session_id uuid, amr text[])
    RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    moment timestamptz := clock_timestamp();
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE app.sessions s SET authenticated_at = moment, amr = authenticate_again.amr
     WHERE s.created_by = caller AND s.id = authenticate_again.session_id
       AND s.revoked_at IS NULL AND s.expires_at > moment
       AND EXISTS (SELECT FROM public.identities i WHERE i.id = caller AND i.status = 'active');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'CH403';
    END IF;
    PERFORM app.record_event('login', 'success', 'session', authenticate_again.session_id,
        jsonb_build_object('amr', authenticate_again.amr, 'step_up', true));
    RETURN moment;
END
$$;

CREATE FUNCTION app.close_sessions(keep uuid)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    closed uuid[];
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    WITH ended AS (
        UPDATE app.sessions s SET revoked_at = clock_timestamp()
         WHERE s.created_by = caller AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
           AND s.id IS DISTINCT FROM close_sessions.keep
        RETURNING s.id)
    SELECT coalesce(array_agg(e.id), '{}') INTO closed FROM ended e;
    RETURN closed;
END
$$;

CREATE FUNCTION app.change_password(expected text, replacement text, keep uuid)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    closed uuid[];
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE public.identities i
       SET hashed_password = change_password.replacement, password_changed_at = clock_timestamp(),
           failed_logins = 0, locked_until = NULL
     WHERE i.id = caller AND i.status = 'active' AND i.hashed_password = change_password.expected;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    closed := app.close_sessions(change_password.keep);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed)));
    RETURN closed;
END
$$;

CREATE FUNCTION app.expire_tokens(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
    more integer;
BEGIN
    DELETE FROM app.refresh_tokens WHERE (created_by, id) IN (
        SELECT t.created_by, t.id FROM app.refresh_tokens t WHERE t.expires_at < clock_timestamp() LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    DELETE FROM app.account_tokens WHERE (created_by, id) IN (
        SELECT t.created_by, t.id FROM app.account_tokens t WHERE t.expires_at < clock_timestamp() LIMIT most);
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN expired + more;
END
$$;

-- Locks app.sessions: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "app"."sessions" ADD COLUMN "refreshed_at" timestamptz NULL, ADD COLUMN "idle_expires_at" timestamptz NULL;

-- Locks app.signing_keys: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "app"."signing_keys" ADD COLUMN "activated_at" timestamptz NULL, ADD COLUMN "retired_at" timestamptz NULL;

-- Locks public.identities: SHARE ROW EXCLUSIVE (writes wait).
CREATE TABLE "app"."account_tokens" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "kind" text NOT NULL,
    "token_hash" bytea NOT NULL,
    "expires_at" timestamptz NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "account_tokens_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"),
    CONSTRAINT "account_tokens_hash" CHECK (octet_length(token_hash) = 32),
    CONSTRAINT "account_tokens_kind_format" CHECK (kind ~ '^(verify_email|reset_password)$')
);

CREATE UNIQUE INDEX "account_tokens_kind_key" ON "app"."account_tokens" ("created_by", "kind");

CREATE TABLE "app"."refresh_tokens" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "generation" bigint NOT NULL,
    "token_hash" bytea NOT NULL,
    "expires_at" timestamptz NOT NULL,
    "used_at" timestamptz NULL,
    "voided_at" timestamptz NULL,
    "session_id" uuid NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "refresh_tokens_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"),
    CONSTRAINT "refresh_tokens_session_id_fkey" FOREIGN KEY ("created_by", "session_id") REFERENCES "app"."sessions" ("created_by", "id") ON DELETE CASCADE,
    CONSTRAINT "refresh_tokens_generation_check" CHECK (generation >= 1),
    CONSTRAINT "refresh_tokens_hash" CHECK (octet_length(token_hash) = 32),
    CONSTRAINT "refresh_tokens_voided" CHECK (voided_at IS NULL OR used_at IS NULL)
);

CREATE UNIQUE INDEX "refresh_tokens_session_id_generation_key" ON "app"."refresh_tokens" ("created_by", "session_id", "generation") WHERE voided_at IS NULL;

CREATE UNIQUE INDEX "refresh_tokens_session_id_token_hash_key" ON "app"."refresh_tokens" ("created_by", "session_id", "token_hash");

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.account_token_valid(text, bytea) OWNER TO chenu_login;

ALTER FUNCTION app.advance_signing_keys(uuid, bytea, bytea, interval) OWNER TO chenu_login;

ALTER FUNCTION app.authenticate_again(uuid, text[]) OWNER TO chenu_login;

ALTER FUNCTION app.begin_attempt() OWNER TO chenu_login;

ALTER FUNCTION app.change_password(text, text, uuid) OWNER TO chenu_login;

ALTER FUNCTION app.close_sessions(uuid) OWNER TO chenu_login;

ALTER FUNCTION app.forgive_attempts() OWNER TO chenu_login;

ALTER FUNCTION app.issue_account_token(text, bytea) OWNER TO chenu_login;

ALTER FUNCTION app.issue_refresh_token(uuid, bytea, interval) OWNER TO chenu_login;

ALTER FUNCTION app.reset_password(bytea, text) OWNER TO chenu_login;

ALTER FUNCTION app.rotate_refresh_token(uuid, bytea, bytea, interval) OWNER TO chenu_login;

ALTER FUNCTION app.use_account_token(text, bytea) OWNER TO chenu_login;

ALTER FUNCTION app.verify_email(bytea) OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_maintain;

ALTER FUNCTION app.expire_tokens(integer) OWNER TO chenu_maintain;

REVOKE CREATE ON SCHEMA app FROM chenu_maintain;

ALTER TABLE app.account_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.refresh_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY auditor_select ON app.account_tokens FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY login_delete ON app.account_tokens FOR DELETE TO chenu_login
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_insert ON app.account_tokens FOR INSERT TO chenu_login
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_select ON app.account_tokens FOR SELECT TO chenu_login
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_delete ON app.account_tokens FOR DELETE TO chenu_maintain
    USING (expires_at < clock_timestamp());

CREATE POLICY maintain_select ON app.account_tokens FOR SELECT TO chenu_maintain
    USING (expires_at < clock_timestamp());

CREATE POLICY auditor_select ON app.refresh_tokens FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY login_insert ON app.refresh_tokens FOR INSERT TO chenu_login
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_select ON app.refresh_tokens FOR SELECT TO chenu_login
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_update ON app.refresh_tokens FOR UPDATE TO chenu_login
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_delete ON app.refresh_tokens FOR DELETE TO chenu_maintain
    USING (expires_at < clock_timestamp());

CREATE POLICY maintain_select ON app.refresh_tokens FOR SELECT TO chenu_maintain
    USING (expires_at < clock_timestamp());

CREATE POLICY login_delete ON app.signing_keys FOR DELETE TO chenu_login
    USING (true);

CREATE POLICY login_update ON app.signing_keys FOR UPDATE TO chenu_login
    USING (true)
    WITH CHECK (true);

CREATE TRIGGER stamp BEFORE INSERT ON app.account_tokens
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER stamp BEFORE INSERT ON app.refresh_tokens
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR DELETE ON app.sessions
    FOR EACH ROW EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at');

CREATE TRIGGER audit_update AFTER UPDATE ON app.sessions
    FOR EACH ROW WHEN ((OLD.id, OLD.created_by, OLD.created_at, OLD.expires_at, OLD.revoked_at, OLD.authenticated_at, OLD.amr, OLD.ip, OLD.user_agent) IS DISTINCT FROM (NEW.id, NEW.created_by, NEW.created_at, NEW.expires_at, NEW.revoked_at, NEW.authenticated_at, NEW.amr, NEW.ip, NEW.user_agent))
    EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at');

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR DELETE ON identities
    FOR EACH ROW EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'hashed_password');

CREATE TRIGGER audit_update AFTER UPDATE ON identities
    FOR EACH ROW WHEN ((OLD.id, OLD.email, OLD.name, OLD.hashed_password, OLD.settings, OLD.email_verified_at, OLD.status, OLD.password_changed_at, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.email, NEW.name, NEW.hashed_password, NEW.settings, NEW.email_verified_at, NEW.status, NEW.password_changed_at, NEW.created_at))
    EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'hashed_password');

CREATE OR REPLACE TRIGGER stamp BEFORE INSERT ON identities
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER stamp_update BEFORE UPDATE ON identities
    FOR EACH ROW WHEN ((OLD.id, OLD.email, OLD.name, OLD.hashed_password, OLD.settings, OLD.email_verified_at, OLD.status, OLD.password_changed_at, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.email, NEW.name, NEW.hashed_password, NEW.settings, NEW.email_verified_at, NEW.status, NEW.password_changed_at, NEW.created_at))
    EXECUTE FUNCTION app.stamp_change();

REVOKE EXECUTE ON FUNCTION app.account_token_valid(text, bytea) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.account_token_valid(text, bytea) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.advance_signing_keys(uuid, bytea, bytea, interval) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.advance_signing_keys(uuid, bytea, bytea, interval) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.authenticate_again(uuid, text[]) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.authenticate_again(uuid, text[]) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.begin_attempt() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.begin_attempt() TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.change_password(text, text, uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.change_password(text, text, uuid) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.close_sessions(uuid) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.expire_tokens(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.expire_tokens(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.forgive_attempts() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.forgive_attempts() TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.issue_account_token(text, bytea) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.issue_account_token(text, bytea) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.issue_refresh_token(uuid, bytea, interval) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.issue_refresh_token(uuid, bytea, interval) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.reset_password(bytea, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.reset_password(bytea, text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.rotate_refresh_token(uuid, bytea, bytea, interval) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.rotate_refresh_token(uuid, bytea, bytea, interval) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.use_account_token(text, bytea) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.verify_email(bytea) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.verify_email(bytea) TO chenu_human;

GRANT SELECT ON app.account_tokens TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, kind, token_hash, expires_at), DELETE ON app.account_tokens TO chenu_login;

GRANT SELECT (id, created_by, expires_at), DELETE ON app.account_tokens TO chenu_maintain;

GRANT SELECT ON app.refresh_tokens TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, generation, token_hash, expires_at, session_id), UPDATE (used_at, voided_at) ON app.refresh_tokens TO chenu_login;

GRANT SELECT (id, created_by, expires_at), DELETE ON app.refresh_tokens TO chenu_maintain;

GRANT UPDATE (authenticated_at, amr, refreshed_at, idle_expires_at) ON app.sessions TO chenu_login;

GRANT INSERT (status), UPDATE (status, activated_at, retired_at), DELETE ON app.signing_keys TO chenu_login;

GRANT SELECT (email_verified_at, failed_logins), UPDATE (email_verified_at, failed_logins, locked_until, password_changed_at) ON public.identities TO chenu_login;

COMMENT ON COLUMN "app"."sessions"."refreshed_at" IS 'When it was last refreshed.';

COMMENT ON COLUMN "app"."sessions"."idle_expires_at" IS 'When it ends unless it is refreshed before; null when it can''t be.';

COMMENT ON COLUMN "app"."signing_keys"."activated_at" IS 'When it began to sign; null for the first key, which signs from the start.';

COMMENT ON COLUMN "app"."signing_keys"."retired_at" IS 'When it ceased to sign.';

COMMENT ON TABLE "app"."account_tokens" IS 'Single-use tokens that were sent by mail, as hashes. No serving role reads or writes any.';

COMMENT ON COLUMN "app"."account_tokens"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."account_tokens"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."account_tokens"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."account_tokens"."kind" IS 'What it is good for.';

COMMENT ON COLUMN "app"."account_tokens"."token_hash" IS 'SHA-256 of the token''s random part.';

COMMENT ON COLUMN "app"."account_tokens"."expires_at" IS 'Until when it is good.';

COMMENT ON TABLE "app"."refresh_tokens" IS 'What sessions are refreshed with, as hashes. No serving role reads or writes any.';

COMMENT ON COLUMN "app"."refresh_tokens"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."refresh_tokens"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."refresh_tokens"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."refresh_tokens"."generation" IS 'Its place among the session''s tokens, from 1: the successor''s is one higher.';

COMMENT ON COLUMN "app"."refresh_tokens"."token_hash" IS 'SHA-256 of the token''s random part.';

COMMENT ON COLUMN "app"."refresh_tokens"."expires_at" IS 'When its session ends at the latest; nobody needs it after.';

COMMENT ON COLUMN "app"."refresh_tokens"."used_at" IS 'When it was first exchanged for its successor.';

COMMENT ON COLUMN "app"."refresh_tokens"."voided_at" IS 'When another took its place because nobody had received it.';

COMMENT ON COLUMN "app"."refresh_tokens"."session_id" IS 'The session that it refreshes.';
