-- atlas:nolint CN304 — the new trigger derives email_key from the row's own address and refuses nothing; chenu_login reads fewer columns, and its members no rows

-- narrow roles
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   widening: chenu_agent, SELECT on public.identities
--       before: columns (created_at, email, email_verified_at, failed_logins, id, locked_until, name, password_changed_at, settings, status, updated_at, updated_by, updated_by_kind, version), rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (created_at, email, email_key, email_verified_at, failed_logins, id, locked_until, name, password_changed_at, settings, status, updated_at, updated_by, updated_by_kind, version), rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   widening: chenu_erase, SELECT on public.identities
--       before: columns (email, hashed_password, id, name, settings, status), rows where ((CURRENT_USER = 'chenu_erase'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--       after:  columns (email, email_key, hashed_password, id, name, settings, status), rows where ((CURRENT_USER = 'chenu_erase'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_erase, UPDATE on public.identities
--       before: columns (email, hashed_password, name, settings, status), rows where ((CURRENT_USER = 'chenu_erase'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--       after:  columns (email, email_key, hashed_password, name, settings, status), rows where ((CURRENT_USER = 'chenu_erase'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_human, SELECT on public.identities
--       before: columns (created_at, email, email_verified_at, failed_logins, id, locked_until, name, password_changed_at, settings, status, updated_at, updated_by, updated_by_kind, version), rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (created_at, email, email_key, email_verified_at, failed_logins, id, locked_until, name, password_changed_at, settings, status, updated_at, updated_by, updated_by_kind, version), rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   widening: chenu_human, INSERT on public.identities
--       the expressions are the same, but not what they come to: what SELECT reaches, or a function that they call, is another
--   widening: chenu_human, UPDATE on public.identities
--       the expressions are the same, but not what they come to: what SELECT reaches, or a function that they call, is another
--   review: function app.assign()
--       does something else when public.team_tasks changes, with the rights of whoever causes it
--   review: function app.audit()
--       does something else when app.agent_credentials, app.event_rsvps, app.habit_check_ins or one of 27 other tables changes, with the rights of chenu_audit
--   review: function app.erase_rows(uuid)
--       does something else, with the rights of chenu_erase
--   review: function app.login_lookup(text)
--       does something else, with the rights of chenu_login
--   review: function app.record_event(text, text, text, uuid, jsonb, text, uuid)
--       does something else, with the rights of chenu_audit
--   review: function app.refuse_truncate()
--       does something else when app.account_tokens, app.agent_credentials, app.event_rsvps or one of 35 other tables changes, with the rights of whoever causes it
--   review: function app.schema_version()
--       runs with the rights of chenu_maintain, before of chenu_owner
--   review: chenu_login, SELECT on public.identities
--       before: columns (email, email_verified_at, failed_logins, hashed_password, id, locked_until, status), rows without a condition
--       after:  columns (email_key, email_verified_at, failed_logins, hashed_password, id, locked_until, status), rows where (CURRENT_USER = 'chenu_login'::name)
--   review: chenu_login, UPDATE on public.identities
--       the expressions are the same, but not what they come to: what SELECT reaches, or a function that they call, is another
--   review: trigger audit on public.identities
--       before: CREATE TRIGGER audit AFTER INSERT OR DELETE ON public.identities FOR EACH ROW EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'hashed_password')
--       after:  CREATE TRIGGER audit AFTER INSERT OR DELETE ON public.identities FOR EACH ROW EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'email_key', 'hashed_password')
--   review: trigger audit_update on public.identities
--       before: CREATE TRIGGER audit_update AFTER UPDATE ON public.identities FOR EACH ROW WHEN ((((((((((old.id IS DISTINCT FROM new.id) OR (old.email IS DISTINCT FROM new.email)) OR (old.name IS DISTINCT FROM new.name)) OR (old.hashed_password IS DISTINCT FROM new.hashed_password)) OR (old.settings IS DISTINCT FROM new.settings)) OR (old.email_verified_at IS DISTINCT FROM new.email_verified_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.password_changed_at IS DISTINCT FROM new.password_changed_at)) OR (old.created_at IS DISTINCT FROM new.created_at))) EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'hashed_password')
--       after:  CREATE TRIGGER audit_update AFTER UPDATE ON public.identities FOR EACH ROW WHEN ((((((((((old.id IS DISTINCT FROM new.id) OR (old.email IS DISTINCT FROM new.email)) OR (old.name IS DISTINCT FROM new.name)) OR (old.hashed_password IS DISTINCT FROM new.hashed_password)) OR (old.settings IS DISTINCT FROM new.settings)) OR (old.email_verified_at IS DISTINCT FROM new.email_verified_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.password_changed_at IS DISTINCT FROM new.password_changed_at)) OR (old.created_at IS DISTINCT FROM new.created_at))) EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'email_key', 'hashed_password')
--   review: trigger refuse_truncate on app.account_tokens
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.account_tokens FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.agent_credentials
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.agent_credentials FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.event_rsvps
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.event_rsvps FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.habit_check_ins
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.habit_check_ins FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.idempotency_keys
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.idempotency_keys FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.rate_buckets
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.rate_buckets FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.reference_citations
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.reference_citations FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.refresh_tokens
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.refresh_tokens FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.sessions
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.sessions FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.signing_keys
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.signing_keys FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on app.used_assertions
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.used_assertions FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.business_contacts
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.business_contacts FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.business_invoices
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.business_invoices FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.business_projects
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.business_projects FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.checkpoints
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.checkpoints FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.community_events
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.community_events FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.community_groups
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.community_groups FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.creative_assets
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.creative_assets FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.creative_projects
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.creative_projects FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.entertainment_playlists
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.entertainment_playlists FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.government_clinical_trials
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.government_clinical_trials FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.government_compliance
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.government_compliance FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.identities
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.identities FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.personal_habits
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.personal_habits FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.personal_notes
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.personal_notes FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.personal_tasks
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.personal_tasks FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.scholar_manuscripts
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.scholar_manuscripts FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.scholar_references
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.scholar_references FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.social_posts
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.social_posts FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.social_schedules
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.social_schedules FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.team_agents
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.team_agents FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.team_members
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.team_members FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.team_tasks
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.team_tasks FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   review: trigger refuse_truncate on public.threads
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.threads FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()
--   narrowing: chenu_owner, SELECT on public.identities
--       before: rows without a condition
--       after:  nothing
--   narrowing: chenu_agent, INSERT on public.team_tasks
--       before: columns (agent_id, created_by, description, due_at, id, member_id, priority, result, status, title), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  nothing
--   narrowing: chenu_agent, UPDATE on public.team_tasks
--       before: columns (agent_id, description, due_at, member_id, priority, result, status, title), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (result, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   narrowing: chenu_agent, DELETE on public.team_tasks
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  nothing
--   new: chenu_audit, EXECUTE on function app.approval_of(uuid, text, text, uuid, bigint)
--       it runs with the rights of chenu_gate
--   new: PUBLIC, EXECUTE on function app.written_here(xid)
--       it runs with the rights of its caller
-- Locks, held until commit:
--   app.account_tokens: SHARE ROW EXCLUSIVE (writes wait)
--   app.agent_credentials: SHARE ROW EXCLUSIVE (writes wait)
--   app.event_rsvps: SHARE ROW EXCLUSIVE (writes wait)
--   app.habit_check_ins: SHARE ROW EXCLUSIVE (writes wait)
--   app.idempotency_keys: SHARE ROW EXCLUSIVE (writes wait)
--   app.rate_buckets: SHARE ROW EXCLUSIVE (writes wait)
--   app.reference_citations: SHARE ROW EXCLUSIVE (writes wait)
--   app.refresh_tokens: SHARE ROW EXCLUSIVE (writes wait)
--   app.sessions: SHARE ROW EXCLUSIVE (writes wait)
--   app.signing_keys: SHARE ROW EXCLUSIVE (writes wait)
--   app.used_assertions: SHARE ROW EXCLUSIVE (writes wait)
--   public.business_contacts: SHARE ROW EXCLUSIVE (writes wait)
--   public.business_invoices: SHARE ROW EXCLUSIVE (writes wait)
--   public.business_projects: SHARE ROW EXCLUSIVE (writes wait)
--   public.checkpoints: SHARE ROW EXCLUSIVE (writes wait)
--   public.community_events: SHARE ROW EXCLUSIVE (writes wait)
--   public.community_groups: SHARE ROW EXCLUSIVE (writes wait)
--   public.creative_assets: SHARE ROW EXCLUSIVE (writes wait)
--   public.creative_projects: SHARE ROW EXCLUSIVE (writes wait)
--   public.entertainment_playlists: SHARE ROW EXCLUSIVE (writes wait)
--   public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait)
--   public.government_compliance: SHARE ROW EXCLUSIVE (writes wait)
--   public.identities: ACCESS EXCLUSIVE (reads and writes wait)
--   public.personal_habits: SHARE ROW EXCLUSIVE (writes wait)
--   public.personal_notes: SHARE ROW EXCLUSIVE (writes wait)
--   public.personal_tasks: SHARE ROW EXCLUSIVE (writes wait)
--   public.scholar_manuscripts: SHARE ROW EXCLUSIVE (writes wait)
--   public.scholar_references: SHARE ROW EXCLUSIVE (writes wait)
--   public.social_posts: SHARE ROW EXCLUSIVE (writes wait)
--   public.social_schedules: SHARE ROW EXCLUSIVE (writes wait)
--   public.team_agents: SHARE ROW EXCLUSIVE (writes wait)
--   public.team_members: SHARE ROW EXCLUSIVE (writes wait)
--   public.team_tasks: ACCESS EXCLUSIVE (reads and writes wait)
--   public.threads: SHARE ROW EXCLUSIVE (writes wait)

-- Locks public.team_tasks: ACCESS EXCLUSIVE (reads and writes wait).
DROP POLICY agent_delete ON public.team_tasks;

DROP POLICY agent_insert ON public.team_tasks;

REVOKE SELECT (email) ON public.identities FROM chenu_login;

REVOKE INSERT (id, created_by, title, description, status, priority, due_at, result, agent_id, member_id), UPDATE (title, description, priority, due_at, agent_id, member_id), DELETE ON public.team_tasks FROM chenu_agent;

CREATE OR REPLACE FUNCTION app.lock_account(email text)
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
    SELECT i.id INTO account FROM public.identities i WHERE i.email_key = lower(lock_account.email);
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

CREATE OR REPLACE FUNCTION app.unlock_account(email text)
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
     WHERE i.email_key = lower(unlock_account.email) AND i.status <> 'erased';
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

CREATE OR REPLACE FUNCTION app.login_lookup(email text)
    RETURNS TABLE (identity_id uuid, may_log_in boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT i.id, i.status = 'active' AND (i.locked_until IS NULL OR i.locked_until <= clock_timestamp())
      FROM public.identities i
     WHERE i.email_key = lower(login_lookup.email);
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of % is refused: it would leave no audit rows', TG_TABLE_NAME
        USING ERRCODE = 'CH403', HINT = 'Use DELETE.';
END
$$;

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
        -- The setting only says where to look: every role can set it. The checkpoint's row says
        -- whether it approved this write.
        CASE WHEN TG_ARGV[0] = 'checkpoint' THEN (present ->> 'id')::uuid
            WHEN approved[2:] = ARRAY[TG_ARGV[0], present ->> 'id']
                THEN app.approval_of(approved[1]::uuid, TG_ARGV[0], TG_OP, (old_row ->> 'id')::uuid, (old_row ->> 'version')::bigint) END,
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

CREATE OR REPLACE FUNCTION app.record_event(action text, outcome text, resource_type text, resource_id uuid, details jsonb, sphere text DEFAULT NULL, agent uuid DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    identity uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    recorded uuid := app.uuid_v7();
BEGIN
    IF identity IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF outcome = 'success' AND action NOT IN ('login', 'logout', 'credential_change', 'read') THEN
        RAISE EXCEPTION 'a success of % is recorded by the change itself', action USING ERRCODE = 'CH403';
    END IF;
    -- Details describe an event. They are no place to keep data in.
    IF octet_length(details::text) > 8192 THEN
        RAISE EXCEPTION 'the details of an audit row are longer than 8 KiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/details", "code": "too_long", "detail": "Details have at most 8192 bytes."}';
    END IF;
    PERFORM app.refuse_erased();
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere,
        details, checkpoint_id, request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        recorded,
        identity,
        coalesce(agent, nullif(current_setting('app.actor_id', true), '')::uuid),
        CASE WHEN agent IS NULL THEN app.actor_kind() ELSE 'agent' END,
        action, outcome, resource_type, resource_id, sphere, coalesce(details, '{}'),
        nullif(current_setting('app.checkpoint_id', true), '')::uuid,
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.traceparent', true), ''),
        nullif(current_setting('app.session_id', true), '')::uuid,
        nullif(current_setting('app.ip', true), ''),
        nullif(left(current_setting('app.user_agent', true), 400), ''),
        coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
    RETURN recorded;
END
$$;

CREATE FUNCTION app.approval_of(checkpoint uuid, resource_type text, operation text, id uuid, version bigint) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    approved record;
BEGIN
    SELECT c.payload, c.resource_type INTO approved FROM public.checkpoints c
     WHERE c.created_by = caller AND c.id = approval_of.checkpoint
       AND c.consumed_at IS NOT NULL AND app.written_here(c.xmin);
    IF NOT FOUND OR approved.resource_type <> approval_of.resource_type THEN
        RETURN NULL;
    END IF;
    -- The erasure of an identity is approved as a whole, is an update of its row, and takes the
    -- payloads of all checkpoints first.
    IF approved.payload IS NULL AND approval_of.resource_type = 'identity'
        OR approved.payload ->> 'operation' = approval_of.operation
            AND (approved.payload ->> 'id')::uuid IS NOT DISTINCT FROM approval_of.id
            AND (approved.payload ->> 'version')::bigint IS NOT DISTINCT FROM approval_of.version THEN
        RETURN checkpoint;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION app.written_here(xmin xid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mine bigint := pg_current_xact_id()::text::bigint;
    distance bigint := (xmin::text::bigint - mine) & 4294967295;
BEGIN
    IF distance >= 2147483648 THEN
        distance := distance - 4294967296;
    END IF;
    RETURN coalesce(pg_xact_status((mine + distance)::text::xid8) = 'in progress', false);
END
$$;

CREATE OR REPLACE FUNCTION app.assign() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF app.actor_kind() = 'agent' AND OLD.agent_id IS DISTINCT FROM app.actor() THEN
            RAISE EXCEPTION 'an agent changes only tasks that are assigned to it' USING ERRCODE = 'CH403',
                DETAIL = '{"code": "not_the_assignee", "detail": "An agent may change only tasks that are assigned to it."}';
        END IF;
        IF NEW.member_id IS NOT DISTINCT FROM OLD.member_id AND NEW.agent_id IS NOT DISTINCT FROM OLD.agent_id THEN
            RETURN NEW;
        END IF;
    END IF;
    IF app.actor_kind() = 'agent' THEN
        RAISE EXCEPTION 'only a human assigns tasks' USING ERRCODE = 'CH403';
    END IF;
    NEW.assigned_by := NEW.created_by;
    RETURN NEW;
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
    UPDATE public.identities SET email = 'erased-' || gen_random_uuid() || '@erased.invalid', email_key = NULL, name = '[erased]', hashed_password = NULL, settings = '{}', status = 'erased'
     WHERE id = erase_rows.owner;
    UPDATE public.audit_logs SET before = NULL, after = NULL, details = '{}', ip = NULL, user_agent = NULL, content_salt = NULL
     WHERE created_by = erase_rows.owner AND content_salt IS NOT NULL;
END
$$;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_gate;

ALTER FUNCTION app.approval_of(uuid, text, text, uuid, bigint) OWNER TO chenu_gate;

REVOKE CREATE ON SCHEMA app FROM chenu_gate;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_maintain;

ALTER FUNCTION app.schema_version() OWNER TO chenu_maintain;

REVOKE CREATE ON SCHEMA app FROM chenu_maintain;

ALTER POLICY login_select ON public.identities
    USING (current_user = 'chenu_login');

-- Locks app.account_tokens: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.account_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.agent_credentials: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.agent_credentials
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.event_rsvps: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.event_rsvps
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.habit_check_ins: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.habit_check_ins
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.idempotency_keys: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.idempotency_keys
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.rate_buckets: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.rate_buckets
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.reference_citations: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.reference_citations
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.refresh_tokens: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.refresh_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.sessions: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.sessions
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.signing_keys: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks app.used_assertions: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.used_assertions
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.business_contacts: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON business_contacts
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.business_invoices: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON business_invoices
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.business_projects: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON business_projects
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.checkpoints: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.community_events: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON community_events
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.community_groups: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON community_groups
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.creative_assets: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON creative_assets
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.creative_projects: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON creative_projects
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.entertainment_playlists: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON entertainment_playlists
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON government_clinical_trials
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.government_compliance: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON government_compliance
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR DELETE ON identities
    FOR EACH ROW EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'email_key', 'hashed_password');

CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON identities
    FOR EACH ROW WHEN ((OLD.id, OLD.email, OLD.name, OLD.hashed_password, OLD.settings, OLD.email_verified_at, OLD.status, OLD.password_changed_at, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.email, NEW.name, NEW.hashed_password, NEW.settings, NEW.email_verified_at, NEW.status, NEW.password_changed_at, NEW.created_at))
    EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'email_key', 'hashed_password');

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON identities
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.personal_habits: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON personal_habits
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.personal_notes: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON personal_notes
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.personal_tasks: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON personal_tasks
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.scholar_manuscripts: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON scholar_manuscripts
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.scholar_references: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON scholar_references
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.social_posts: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON social_posts
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.social_schedules: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON social_schedules
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.team_agents: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON team_agents
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.team_members: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON team_members
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON team_tasks
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

-- Locks public.threads: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON threads
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

REVOKE EXECUTE ON FUNCTION app.approval_of(uuid, text, text, uuid, bigint) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.approval_of(uuid, text, text, uuid, bigint) TO chenu_audit;

GRANT SELECT (email_key) ON public.identities TO chenu_agent;

GRANT SELECT (email_key), UPDATE (email_key) ON public.identities TO chenu_erase;

GRANT SELECT (email_key) ON public.identities TO chenu_human;

GRANT SELECT (email_key) ON public.identities TO chenu_login;

-- app.schema_version() belongs to chenu_maintain now, which reads the record of migrations.
-- A database that migrations are only replayed on has no such table.
DO $$
BEGIN
    IF to_regclass('atlas_schema_revisions.atlas_schema_revisions') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA atlas_schema_revisions TO chenu_maintain;
        GRANT SELECT (version, applied, total) ON atlas_schema_revisions.atlas_schema_revisions TO chenu_maintain;
    END IF;
END
$$;
