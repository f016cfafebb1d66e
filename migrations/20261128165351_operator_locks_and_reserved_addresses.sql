-- operator locks and reserved addresses
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   widening: chenu_login, UPDATE on public.identities
--       before: columns (email_verified_at, failed_logins, hashed_password, locked_until, password_changed_at), rows where ((CURRENT_USER = 'chenu_login'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--       after:  columns (email_verified_at, failed_logins, hashed_password, locked_until, password_changed_at, status), rows where ((CURRENT_USER = 'chenu_login'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   review: function app.audit()
--       does something else when app.agent_credentials, app.event_rsvps, app.habit_check_ins or one of 27 other tables changes, with the rights of chenu_audit
--   review: function app.change_password(text, text, uuid)
--       does something else, with the rights of chenu_login
--   review: function app.erase_rows(uuid)
--       does something else, with the rights of chenu_erase
--   new: chenu_owner, EXECUTE on function app.lock_account(text), function app.unlock_account(text)
--       it runs with the rights of chenu_login
--   new: chenu_audit, EXECUTE on function app.refuse_inactive()
--       it runs with the rights of chenu_erase
-- Locks, held until commit:
--   public.identities: ACCESS EXCLUSIVE (reads and writes wait)

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

CREATE OR REPLACE FUNCTION app.audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    present jsonb := coalesce(new_row, old_row);
    left_out text[] := TG_ARGV[3:];
    approved text[] := string_to_array(current_setting('app.approved_write', true), ' ');
    before jsonb;
    after jsonb;
BEGIN
    IF TG_ARGV[0] <> 'identity' THEN
        PERFORM app.refuse_inactive();
    ELSIF old_row ->> 'status' = 'erased' OR old_row ->> 'status' = 'locked' AND app.actor_kind() <> 'system' THEN
        RAISE EXCEPTION 'the identity is locked or was erased' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() = 'agent' THEN
        PERFORM app.refuse_ended_agent();
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key) INTO before, after
        FROM jsonb_each(old_row) AS o
        WHERE o.value IS DISTINCT FROM new_row -> o.key AND o.key <> ALL (left_out);
        IF EXISTS (SELECT FROM unnest(left_out) AS c WHERE old_row -> c IS DISTINCT FROM new_row -> c) THEN
            after := coalesce(after, '{}');
        ELSIF after IS NULL THEN
            RETURN NULL;
        END IF;
    ELSE
        before := old_row - left_out;
        after := new_row - left_out;
    END IF;
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere,
        before, after, details, checkpoint_id, request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        app.uuid_v7(),
        (present ->> TG_ARGV[1])::uuid,
        nullif(current_setting('app.actor_id', true), '')::uuid,
        -- A function that tidies up runs as nobody, although in the role of a human.
        CASE WHEN nullif(current_setting('app.identity_id', true), '') IS NULL THEN 'system' ELSE app.actor_kind() END,
        CASE
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'INSERT' THEN 'checkpoint_requested'
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'UPDATE' AND after ? 'consumed_at' THEN 'checkpoint_consumed'
            WHEN TG_ARGV[0] = 'checkpoint' AND TG_OP = 'UPDATE' AND after ? 'status' THEN 'checkpoint_' || (after ->> 'status')
            WHEN TG_ARGV[0] = 'hired_agent' AND after ->> 'status' = 'active' THEN 'agent_hired'
            WHEN TG_ARGV[0] = 'hired_agent' AND after ->> 'status' = 'dismissed' THEN 'agent_dismissed'
            WHEN TG_ARGV[0] = 'identity' AND after ->> 'status' = 'erased' THEN 'delete'
            WHEN TG_OP = 'INSERT' THEN 'create'
            WHEN TG_OP = 'UPDATE' THEN 'update'
            ELSE 'delete'
        END,
        'success',
        TG_ARGV[0],
        (present ->> 'id')::uuid,
        coalesce(nullif(TG_ARGV[2], ''), present ->> 'sphere'),
        before,
        after,
        '{}',
        -- What a client claims in its request is not what approved the write: see app.gate().
        CASE WHEN TG_ARGV[0] = 'checkpoint' THEN (present ->> 'id')::uuid
            WHEN approved[2:] = ARRAY[TG_ARGV[0], present ->> 'id'] THEN approved[1]::uuid END,
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.traceparent', true), ''),
        nullif(current_setting('app.session_id', true), '')::uuid,
        nullif(current_setting('app.ip', true), ''),
        nullif(left(current_setting('app.user_agent', true), 400), ''),
        coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
    RETURN NULL;
END
$$;

CREATE FUNCTION app.refuse_inactive() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM public.identities i WHERE i.id = caller AND i.status = 'active' FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the identity is locked or was erased' USING ERRCODE = 'CH401';
    END IF;
END
$$;

CREATE FUNCTION app.lock_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean, ended_sessions integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid;
    present_status text;
BEGIN
    IF app.actor_kind() <> 'system' THEN
        RAISE EXCEPTION 'only an operator locks an account' USING ERRCODE = 'CH403';
    END IF;
    SELECT i.id INTO account FROM public.identities i WHERE lower(i.email) = lower(lock_account.email);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM set_config('app.identity_id', account::text, true);
    -- Waits for transactions that write for the identity, which hold a key share lock of its
    -- row (see app.refuse_inactive()). Transactions that come later see the new status.
    SELECT i.status INTO present_status FROM public.identities i WHERE i.id = account FOR UPDATE;
    IF present_status IN ('active', 'locked') THEN
        identity_id := account;
        changed := present_status = 'active';
        ended_sessions := 0;
        IF changed THEN
            ended_sessions := cardinality(app.close_sessions(NULL));
            DELETE FROM app.account_tokens t WHERE t.created_by = account;
            UPDATE public.identities i SET status = 'locked' WHERE i.id = account;
        END IF;
        RETURN NEXT;
    END IF;
    PERFORM set_config('app.identity_id', '', true);
END
$$;

CREATE FUNCTION app.unlock_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid;
BEGIN
    IF app.actor_kind() <> 'system' THEN
        RAISE EXCEPTION 'only an operator unlocks an account' USING ERRCODE = 'CH403';
    END IF;
    SELECT i.id INTO account FROM public.identities i
     WHERE lower(i.email) = lower(unlock_account.email) AND i.status <> 'erased';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM set_config('app.identity_id', account::text, true);
    UPDATE public.identities i SET status = 'active', failed_logins = 0, locked_until = NULL
     WHERE i.id = account AND i.status = 'locked';
    identity_id := account;
    changed := FOUND;
    RETURN NEXT;
    PERFORM set_config('app.identity_id', '', true);
END
$$;

CREATE OR REPLACE FUNCTION app.change_password(expected text, replacement text, keep uuid)
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
    -- A reset that was asked for before would undo this change.
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = 'reset_password';
    closed := app.close_sessions(change_password.keep);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed)));
    RETURN closed;
END
$$;

CREATE OR REPLACE FUNCTION app.erase_rows(owner uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
BEGIN
    WITH business_contacts AS (DELETE FROM public.business_contacts WHERE created_by = erase_rows.owner),
    business_invoices AS (DELETE FROM public.business_invoices WHERE created_by = erase_rows.owner),
    business_projects AS (DELETE FROM public.business_projects WHERE created_by = erase_rows.owner),
    community_events AS (DELETE FROM public.community_events WHERE created_by = erase_rows.owner),
    community_groups AS (DELETE FROM public.community_groups WHERE created_by = erase_rows.owner),
    creative_assets AS (DELETE FROM public.creative_assets WHERE created_by = erase_rows.owner),
    creative_projects AS (DELETE FROM public.creative_projects WHERE created_by = erase_rows.owner),
    entertainment_playlists AS (DELETE FROM public.entertainment_playlists WHERE created_by = erase_rows.owner),
    entertainment_stream_history AS (DELETE FROM public.entertainment_stream_history WHERE created_by = erase_rows.owner),
    government_clinical_trials AS (DELETE FROM public.government_clinical_trials WHERE created_by = erase_rows.owner),
    government_compliance AS (DELETE FROM public.government_compliance WHERE created_by = erase_rows.owner),
    personal_habits AS (DELETE FROM public.personal_habits WHERE created_by = erase_rows.owner),
    personal_notes AS (DELETE FROM public.personal_notes WHERE created_by = erase_rows.owner),
    personal_tasks AS (DELETE FROM public.personal_tasks WHERE created_by = erase_rows.owner),
    scholar_manuscripts AS (DELETE FROM public.scholar_manuscripts WHERE created_by = erase_rows.owner),
    scholar_references AS (DELETE FROM public.scholar_references WHERE created_by = erase_rows.owner),
    social_posts AS (DELETE FROM public.social_posts WHERE created_by = erase_rows.owner),
    social_schedules AS (DELETE FROM public.social_schedules WHERE created_by = erase_rows.owner),
    team_agents AS (DELETE FROM public.team_agents WHERE created_by = erase_rows.owner),
    team_members AS (DELETE FROM public.team_members WHERE created_by = erase_rows.owner),
    team_tasks AS (DELETE FROM public.team_tasks WHERE created_by = erase_rows.owner),
    account_tokens AS (DELETE FROM app.account_tokens WHERE created_by = erase_rows.owner),
    agent_credentials AS (DELETE FROM app.agent_credentials WHERE created_by = erase_rows.owner),
    event_rsvps AS (DELETE FROM app.event_rsvps WHERE created_by = erase_rows.owner),
    habit_check_ins AS (DELETE FROM app.habit_check_ins WHERE created_by = erase_rows.owner),
    idempotency_keys AS (DELETE FROM app.idempotency_keys WHERE created_by = erase_rows.owner),
    reference_citations AS (DELETE FROM app.reference_citations WHERE created_by = erase_rows.owner),
    refresh_tokens AS (DELETE FROM app.refresh_tokens WHERE created_by = erase_rows.owner),
    sessions AS (DELETE FROM app.sessions WHERE created_by = erase_rows.owner)
    DELETE FROM app.used_assertions WHERE created_by = erase_rows.owner;
    UPDATE public.checkpoints SET status = CASE status WHEN 'pending' THEN 'expired' ELSE status END, action = CASE WHEN payload ? 'table' THEN action ELSE '[erased]' END, resource_type = CASE WHEN payload ? 'table' THEN resource_type ELSE '[erased]' END, payload = NULL, reason = CASE WHEN reason IS NOT NULL THEN '[erased]' END
     WHERE created_by = erase_rows.owner;
    UPDATE public.thread_events SET payload = NULL, content_salt = NULL
     WHERE created_by = erase_rows.owner AND content_salt IS NOT NULL;
    UPDATE public.threads SET founding_intent = '[erased]', title = NULL, tags = '{}'
     WHERE created_by = erase_rows.owner;
    UPDATE public.identities SET email = 'erased-' || gen_random_uuid() || '@erased.invalid', name = '[erased]', hashed_password = NULL, settings = '{}', status = 'erased'
     WHERE id = erase_rows.owner;
    UPDATE public.audit_logs SET before = NULL, after = NULL, details = '{}', ip = NULL, user_agent = NULL, content_salt = NULL
     WHERE created_by = erase_rows.owner AND content_salt IS NOT NULL;
END
$$;

-- Holds for rows that are written from now on; the others are checked later.
-- Locks public.identities: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."identities" ADD CONSTRAINT "identities_email_reserved" CHECK (status <> 'active' OR lower(email) NOT LIKE '%@erased.invalid') NOT VALID;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_erase;

ALTER FUNCTION app.refuse_inactive() OWNER TO chenu_erase;

REVOKE CREATE ON SCHEMA app FROM chenu_erase;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.lock_account(text) OWNER TO chenu_login;

ALTER FUNCTION app.unlock_account(text) OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

REVOKE EXECUTE ON FUNCTION app.lock_account(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.lock_account(text) TO chenu_owner;

REVOKE EXECUTE ON FUNCTION app.refuse_inactive() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.refuse_inactive() TO chenu_audit;

REVOKE EXECUTE ON FUNCTION app.unlock_account(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.unlock_account(text) TO chenu_owner;

GRANT UPDATE (status) ON public.identities TO chenu_login;
