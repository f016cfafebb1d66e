-- agents limits erasure
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   PUBLIC gains EXECUTE on function app.lock_agent_credentials(uuid)
--   chenu_audit gains EXECUTE on function app.refuse_erased()
--   chenu_auditor gains SELECT on app.agent_credentials
--   chenu_auditor gains SELECT on app.rate_buckets
--   chenu_auditor gains SELECT on app.used_assertions
--   chenu_erase gains SELECT (created_by), DELETE on app.account_tokens
--   chenu_erase gains SELECT (created_by), DELETE on app.agent_credentials
--   chenu_erase gains SELECT (created_by), DELETE on app.event_rsvps
--   chenu_erase gains SELECT (created_by), DELETE on app.habit_check_ins
--   chenu_erase gains SELECT (created_by), DELETE on app.idempotency_keys
--   chenu_erase gains SELECT (created_by), DELETE on app.reference_citations
--   chenu_erase gains SELECT (created_by), DELETE on app.refresh_tokens
--   chenu_erase gains SELECT (created_by), DELETE on app.sessions
--   chenu_erase gains SELECT (created_by), DELETE on app.used_assertions
--   chenu_erase gains SELECT (created_by, before, after, details, ip, user_agent, content_salt), UPDATE (before, after, details, ip, user_agent, content_salt) on public.audit_logs
--   chenu_erase gains SELECT (created_by), DELETE on public.business_contacts
--   chenu_erase gains SELECT (created_by), DELETE on public.business_invoices
--   chenu_erase gains SELECT (created_by), DELETE on public.business_projects
--   chenu_erase gains SELECT (created_by, status, action, resource_type, payload, reason), UPDATE (status, action, resource_type, payload, reason) on public.checkpoints
--   chenu_erase gains SELECT (created_by), DELETE on public.community_events
--   chenu_erase gains SELECT (created_by), DELETE on public.community_groups
--   chenu_erase gains SELECT (created_by), DELETE on public.creative_assets
--   chenu_erase gains SELECT (created_by), DELETE on public.creative_projects
--   chenu_erase gains SELECT (created_by), DELETE on public.entertainment_playlists
--   chenu_erase gains SELECT (created_by), DELETE on public.entertainment_stream_history
--   chenu_erase gains SELECT (created_by), DELETE on public.government_clinical_trials
--   chenu_erase gains SELECT (created_by), DELETE on public.government_compliance
--   chenu_erase gains SELECT (id, email, name, hashed_password, settings, status), UPDATE (email, name, hashed_password, settings, status) on public.identities
--   chenu_erase gains SELECT (created_by), DELETE on public.personal_habits
--   chenu_erase gains SELECT (created_by), DELETE on public.personal_notes
--   chenu_erase gains SELECT (created_by), DELETE on public.personal_tasks
--   chenu_erase gains SELECT (created_by), DELETE on public.scholar_manuscripts
--   chenu_erase gains SELECT (created_by), DELETE on public.scholar_references
--   chenu_erase gains SELECT (created_by), DELETE on public.social_posts
--   chenu_erase gains SELECT (created_by), DELETE on public.social_schedules
--   chenu_erase gains SELECT (created_by), DELETE on public.team_agents
--   chenu_erase gains SELECT (created_by), DELETE on public.team_members
--   chenu_erase gains SELECT (created_by), DELETE on public.team_tasks
--   chenu_erase gains SELECT (created_by, payload, content_salt), UPDATE (payload, content_salt) on public.thread_events
--   chenu_erase gains SELECT (created_by, founding_intent, title, tags), UPDATE (founding_intent, title, tags) on public.threads
--   chenu_gate gains SELECT (created_by, revoked_at, agent_id), UPDATE (revoked_at) on app.agent_credentials
--   chenu_human gains EXECUTE on function app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone)
--   chenu_human gains EXECUTE on function app.agent_credential(uuid)
--   chenu_human gains EXECUTE on function app.erase_identity()
--   chenu_human gains EXECUTE on function app.expire_used_assertions(integer)
--   chenu_human gains EXECUTE on function app.forget_rate_buckets(integer)
--   chenu_human gains EXECUTE on function app.revoke_agent_credential(uuid, uuid)
--   chenu_human gains EXECUTE on function app.take_tokens(bytea, integer, double precision, integer, integer)
--   chenu_human gains EXECUTE on function app.use_agent_credential(uuid, text, bytea, timestamp with time zone)
--   chenu_human gains SELECT (id, created_by, created_at, name, public_key, expires_at, revoked_at, last_used_at, agent_id) on app.agent_credentials
--   chenu_login loses EXECUTE on function app.record_event(text, text, text, uuid, jsonb, text)
--   chenu_login gains EXECUTE on function app.record_event(text, text, text, uuid, jsonb, text, uuid)
--   chenu_login gains SELECT (id, created_by, secret_hash, public_key, expires_at, revoked_at, agent_id), INSERT (id, created_by, name, secret_hash, public_key, expires_at, agent_id), UPDATE (revoked_at, last_used_at) on app.agent_credentials
--   chenu_login gains SELECT, INSERT (id, key, full_at), UPDATE (full_at, taken) on app.rate_buckets
--   chenu_login gains INSERT (id, created_by, credential_id, jti_digest, expires_at) on app.used_assertions
--   chenu_login gains SELECT (id, created_by, capabilities, status) on public.team_agents
--   chenu_maintain gains SELECT (id, full_at), UPDATE (full_at), DELETE on app.rate_buckets
--   chenu_maintain gains SELECT (id, created_by, expires_at), DELETE on app.used_assertions
--   new policy erase_delete on app.account_tokens: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.account_tokens: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.agent_credentials: chenu_auditor may SELECT rows where true
--   new policy erase_delete on app.agent_credentials: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.agent_credentials: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy gate_select on app.agent_credentials: chenu_gate may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy gate_update on app.agent_credentials: chenu_gate may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on app.agent_credentials: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_insert on app.agent_credentials: chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_select on app.agent_credentials: chenu_login may SELECT rows where true
--   new policy login_update on app.agent_credentials: chenu_login may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on app.event_rsvps: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.event_rsvps: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on app.habit_check_ins: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.habit_check_ins: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on app.idempotency_keys: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.idempotency_keys: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.rate_buckets: chenu_auditor may SELECT rows where true
--   new policy login_insert on app.rate_buckets: chenu_login may INSERT rows that then have true
--   new policy login_select on app.rate_buckets: chenu_login may SELECT rows where true
--   new policy login_update on app.rate_buckets: chenu_login may UPDATE rows where true
--   new policy maintain_delete on app.rate_buckets: chenu_maintain may DELETE rows where (full_at < clock_timestamp())
--   new policy maintain_select on app.rate_buckets: chenu_maintain may SELECT rows where (full_at < clock_timestamp())
--   new policy maintain_update on app.rate_buckets: chenu_maintain may UPDATE rows where (full_at < clock_timestamp())
--   new policy erase_delete on app.reference_citations: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.reference_citations: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on app.refresh_tokens: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.refresh_tokens: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on app.sessions: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.sessions: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.used_assertions: chenu_auditor may SELECT rows where true
--   new policy erase_delete on app.used_assertions: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on app.used_assertions: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_insert on app.used_assertions: chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy maintain_delete on app.used_assertions: chenu_maintain may DELETE rows where (expires_at < clock_timestamp())
--   new policy maintain_select on app.used_assertions: chenu_maintain may SELECT rows where (expires_at < clock_timestamp())
--   new policy erase_select on public.audit_logs: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_update on public.audit_logs: chenu_erase may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.business_contacts: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.business_contacts: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.business_invoices: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.business_invoices: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.business_projects: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.business_projects: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.checkpoints: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_update on public.checkpoints: chenu_erase may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.community_events: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.community_events: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.community_groups: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.community_groups: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.creative_assets: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.creative_assets: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.creative_projects: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.creative_projects: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.entertainment_playlists: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.entertainment_playlists: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.entertainment_stream_history: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.entertainment_stream_history: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.government_clinical_trials: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.government_clinical_trials: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.government_compliance: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.government_compliance: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.identities: chenu_erase may SELECT rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_update on public.identities: chenu_erase may UPDATE rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.personal_habits: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.personal_habits: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.personal_notes: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.personal_notes: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.personal_tasks: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.personal_tasks: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.scholar_manuscripts: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.scholar_manuscripts: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.scholar_references: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.scholar_references: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.social_posts: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.social_posts: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.social_schedules: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.social_schedules: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.team_agents: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.team_agents: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_select on public.team_agents: chenu_login may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.team_members: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.team_members: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_delete on public.team_tasks: chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.team_tasks: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.thread_events: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_update on public.thread_events: chenu_erase may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_select on public.threads: chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy erase_update on public.threads: chenu_erase may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   function app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone) runs with the rights of chenu_login
--   function app.agent_credential(uuid) runs with the rights of chenu_login
--   function app.audit(), which runs with the rights of chenu_audit, does something else
--   function app.end_agent(), which runs with the rights of chenu_gate, does something else
--   function app.erase_identity() runs with the rights of chenu_erase
--   function app.erase_rows(uuid) runs with the rights of chenu_erase
--   function app.expire_used_assertions(integer) runs with the rights of chenu_maintain
--   function app.forget_rate_buckets(integer) runs with the rights of chenu_maintain
--   function app.record_event(text, text, text, uuid, jsonb, text, uuid) runs with the rights of chenu_audit
--   function app.refuse_erased() runs with the rights of chenu_erase
--   function app.revoke_agent_credential(uuid, uuid) runs with the rights of chenu_login
--   function app.take_tokens(bytea, integer, double precision, integer, integer) runs with the rights of chenu_login
--   function app.use_agent_credential(uuid, text, bytea, timestamp with time zone) runs with the rights of chenu_login
-- Locks, held until commit:
--   app.account_tokens: ACCESS EXCLUSIVE (reads and writes wait)
--   app.event_rsvps: ACCESS EXCLUSIVE (reads and writes wait)
--   app.habit_check_ins: ACCESS EXCLUSIVE (reads and writes wait)
--   app.idempotency_keys: ACCESS EXCLUSIVE (reads and writes wait)
--   app.reference_citations: ACCESS EXCLUSIVE (reads and writes wait)
--   app.refresh_tokens: ACCESS EXCLUSIVE (reads and writes wait)
--   app.sessions: ACCESS EXCLUSIVE (reads and writes wait)
--   public.audit_logs: ACCESS EXCLUSIVE (reads and writes wait)
--   public.audit_logs_default: SHARE ROW EXCLUSIVE (writes wait)
--   public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.business_invoices: ACCESS EXCLUSIVE (reads and writes wait)
--   public.business_projects: ACCESS EXCLUSIVE (reads and writes wait)
--   public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait)
--   public.community_events: ACCESS EXCLUSIVE (reads and writes wait)
--   public.community_groups: ACCESS EXCLUSIVE (reads and writes wait)
--   public.creative_assets: ACCESS EXCLUSIVE (reads and writes wait)
--   public.creative_projects: ACCESS EXCLUSIVE (reads and writes wait)
--   public.entertainment_playlists: ACCESS EXCLUSIVE (reads and writes wait)
--   public.entertainment_stream_history: ACCESS EXCLUSIVE (reads and writes wait)
--   public.government_clinical_trials: ACCESS EXCLUSIVE (reads and writes wait)
--   public.government_compliance: ACCESS EXCLUSIVE (reads and writes wait)
--   public.identities: ACCESS EXCLUSIVE (reads and writes wait)
--   public.personal_habits: ACCESS EXCLUSIVE (reads and writes wait)
--   public.personal_notes: ACCESS EXCLUSIVE (reads and writes wait)
--   public.personal_tasks: ACCESS EXCLUSIVE (reads and writes wait)
--   public.scholar_manuscripts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.scholar_references: ACCESS EXCLUSIVE (reads and writes wait)
--   public.social_posts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.social_schedules: ACCESS EXCLUSIVE (reads and writes wait)
--   public.team_agents: ACCESS EXCLUSIVE (reads and writes wait)
--   public.team_members: ACCESS EXCLUSIVE (reads and writes wait)
--   public.team_tasks: ACCESS EXCLUSIVE (reads and writes wait)
--   public.thread_events: ACCESS EXCLUSIVE (reads and writes wait)
--   public.threads: ACCESS EXCLUSIVE (reads and writes wait)

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.record_event(text, text, text, uuid, jsonb, text);

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.lock_agent_credentials(agent_id uuid) RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('chenu agent credentials ' || agent_id, 0))
$$;

CREATE FUNCTION app.add_agent_credential(
    credential_id uuid, agent_id uuid, name text, secret_hash bytea, public_key bytea, expires_at timestamptz
) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    agent_status text;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human makes credentials' USING ERRCODE = 'CH403';
    END IF;
    PERFORM app.lock_agent_credentials(add_agent_credential.agent_id);
    SELECT a.status INTO agent_status FROM public.team_agents a
     WHERE a.created_by = caller AND a.id = add_agent_credential.agent_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such agent' USING ERRCODE = 'CH404';
    END IF;
    IF agent_status = 'dismissed' THEN
        RAISE EXCEPTION 'the agent was dismissed' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "agent_dismissed", "detail": "A dismissed agent gets no credentials."}';
    END IF;
    IF (SELECT count(*) FROM app.agent_credentials c
         WHERE c.created_by = caller AND c.agent_id = add_agent_credential.agent_id AND c.revoked_at IS NULL) >= 20 THEN
        RAISE EXCEPTION 'the agent has 20 credentials' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "too_many_credentials", "detail": "An agent has at most 20 credentials. Revoke one first."}';
    END IF;
    IF (add_agent_credential.secret_hash IS NOT NULL AND octet_length(add_agent_credential.secret_hash) <> 32)
        OR (add_agent_credential.expires_at <= clock_timestamp()) IS TRUE THEN
        RAISE EXCEPTION 'no hash, or a time that is over' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/expires_at", "code": "out_of_range", "detail": "This must be in the future."}';
    END IF;
    INSERT INTO app.agent_credentials (id, created_by, agent_id, name, secret_hash, public_key, expires_at)
    VALUES (add_agent_credential.credential_id, caller, add_agent_credential.agent_id, add_agent_credential.name,
        add_agent_credential.secret_hash, add_agent_credential.public_key, add_agent_credential.expires_at);
END
$$;

CREATE FUNCTION app.revoke_agent_credential(agent_id uuid, credential_id uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human revokes credentials' USING ERRCODE = 'CH403';
    END IF;
    UPDATE app.agent_credentials c SET revoked_at = clock_timestamp()
     WHERE c.created_by = caller AND c.agent_id = revoke_agent_credential.agent_id
       AND c.id = revoke_agent_credential.credential_id AND c.revoked_at IS NULL;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM app.agent_credentials c
         WHERE c.created_by = caller AND c.agent_id = revoke_agent_credential.agent_id
           AND c.id = revoke_agent_credential.credential_id) THEN
        RAISE EXCEPTION 'no such credential' USING ERRCODE = 'CH404';
    END IF;
END
$$;

CREATE FUNCTION app.agent_credential(credential_id uuid)
    RETURNS TABLE (identity_id uuid, agent_id uuid, secret_hash bytea, public_key bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.created_by, c.agent_id, c.secret_hash, c.public_key FROM app.agent_credentials c
     WHERE c.id = agent_credential.credential_id;
END
$$;

CREATE FUNCTION app.use_agent_credential(credential_id uuid, amr text, jti_digest bytea, assertion_expires_at timestamptz)
    RETURNS text[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    agent uuid;
    allowed text[];
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE app.agent_credentials c SET last_used_at = clock_timestamp()
      FROM public.team_agents a, public.identities i
     WHERE c.created_by = caller AND c.id = use_agent_credential.credential_id
       AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp())
       AND a.created_by = caller AND a.id = c.agent_id AND a.status = 'active'
       AND i.id = caller AND i.status = 'active'
    RETURNING a.id, a.capabilities INTO agent, allowed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the credential, its agent or its identity is not active' USING ERRCODE = 'CH401';
    END IF;
    IF use_agent_credential.jti_digest IS NOT NULL THEN
        INSERT INTO app.used_assertions (id, created_by, credential_id, jti_digest, expires_at)
        VALUES (app.uuid_v7(), caller, use_agent_credential.credential_id, use_agent_credential.jti_digest,
            use_agent_credential.assertion_expires_at)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the assertion was used before' USING ERRCODE = 'CH401';
        END IF;
    END IF;
    PERFORM app.record_event('login', 'success', 'agent_credential', use_agent_credential.credential_id,
        jsonb_build_object('amr', use_agent_credential.amr), NULL, agent);
    RETURN allowed;
END
$$;

CREATE FUNCTION app.expire_used_assertions(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    DELETE FROM app.used_assertions WHERE (created_by, id) IN (
        SELECT u.created_by, u.id FROM app.used_assertions u WHERE u.expires_at < clock_timestamp() LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    erased jsonb;
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = 'chenu_erase' AND TG_NARGS > 0 THEN
        SELECT to_jsonb(OLD) || jsonb_object_agg(split_part(field, '=', 1), nullif(split_part(field, '=', 2), '')::jsonb)
        INTO erased FROM unnest(TG_ARGV || 'content_salt'::text) AS field;
        IF to_jsonb(NEW) = erased THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' AND current_user = 'chenu_erase' AND TG_NARGS = 0 THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'CH403';
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
        PERFORM app.refuse_erased();
    ELSIF old_row ->> 'status' = 'erased' THEN
        RAISE EXCEPTION 'the identity was erased' USING ERRCODE = 'CH401';
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

CREATE FUNCTION app.record_event(action text, outcome text, resource_type text, resource_id uuid, details jsonb, sphere text DEFAULT NULL, agent uuid DEFAULT NULL) RETURNS uuid
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

CREATE FUNCTION app.erase_identity() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    used uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human erases an identity' USING ERRCODE = 'CH403';
    END IF;
    PERFORM FROM public.identities i WHERE i.id = caller AND i.status <> 'erased' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such identity' USING ERRCODE = 'CH401';
    END IF;
    used := app.use_checkpoint(jsonb_build_object(
        'identity', caller, 'type', 'identity', 'sphere', NULL, 'resource_type', 'identity', 'table', 'identities',
        'operation', 'ERASE', 'id', caller, 'version', NULL, 'values', '{}'::jsonb));
    PERFORM set_config('app.approved_write', concat_ws(' ', used, 'identity', caller), true);
    PERFORM app.erase_rows(caller);
END
$$;

CREATE FUNCTION app.refuse_erased() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RETURN;
    END IF;
    PERFORM FROM public.identities i WHERE i.id = caller AND i.status <> 'erased' FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the identity was erased' USING ERRCODE = 'CH401';
    END IF;
END
$$;

CREATE FUNCTION app.take_tokens(bucket bytea, capacity integer, period double precision, wanted integer, returned integer DEFAULT 0)
    RETURNS TABLE (taken integer, remaining integer, next_in double precision, full_in double precision)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    token double precision := take_tokens.period / take_tokens.capacity;
    missing double precision;
BEGIN
    IF (capacity > 0 AND period > 0 AND wanted BETWEEN 1 AND capacity AND returned BETWEEN 0 AND capacity) IS NOT TRUE THEN
        RAISE EXCEPTION 'a bucket and its tokens are more than nothing' USING ERRCODE = 'CH422';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR attempt IN 1..2 LOOP
        UPDATE app.rate_buckets b SET (full_at, taken) = (
            SELECT m.moment + make_interval(secs => m.missing + g.given * token), g.given
              FROM (
                SELECT n.moment, least(take_tokens.period, greatest(0,
                    extract(epoch FROM b.full_at - n.moment) - take_tokens.returned * token)) AS missing
                  FROM (SELECT clock_timestamp() AS moment) AS n
              ) AS m,
              LATERAL (SELECT least(take_tokens.wanted,
                  floor((take_tokens.period - m.missing) / token + 1e-6)::integer) AS given) AS g)
         WHERE b.key = take_tokens.bucket
        RETURNING b.taken, extract(epoch FROM b.full_at - clock_timestamp()) INTO taken, missing;
        EXIT WHEN FOUND;
        INSERT INTO app.rate_buckets (id, key, full_at)
        VALUES (app.uuid_v7(), take_tokens.bucket, clock_timestamp())
        ON CONFLICT DO NOTHING;
    END LOOP;
    -- Tidied away twice between two statements: it was full.
    taken := coalesce(taken, take_tokens.wanted);
    missing := greatest(coalesce(missing, 0), 0);
    remaining := greatest(0, floor((take_tokens.period - missing) / token + 1e-6))::integer;
    next_in := greatest(0, missing + token - take_tokens.period);
    full_in := missing;
    RETURN NEXT;
END
$$;

CREATE FUNCTION app.forget_rate_buckets(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    forgotten integer;
BEGIN
    DELETE FROM app.rate_buckets WHERE id IN (
        SELECT b.id FROM app.rate_buckets b WHERE b.full_at < clock_timestamp() LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;

CREATE OR REPLACE FUNCTION app.end_agent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status = 'dismissed' AND OLD.status <> 'dismissed' THEN
        PERFORM app.lock_agent_credentials(NEW.id);
        UPDATE app.agent_credentials c SET revoked_at = clock_timestamp()
         WHERE c.created_by = NEW.created_by AND c.agent_id = NEW.id AND c.revoked_at IS NULL;
        UPDATE public.checkpoints c SET status = 'expired', reason = 'its agent was dismissed'
         WHERE c.created_by = NEW.created_by AND c.requested_by = NEW.id AND c.status = 'pending';
        UPDATE public.team_tasks t SET status = 'cancelled'
         WHERE t.created_by = NEW.created_by AND t.agent_id = NEW.id AND t.status IN ('todo', 'in_progress');
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION app.erase_rows(owner uuid) RETURNS void
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
    UPDATE public.identities SET email = 'erased-' || id || '@erased.invalid', name = '[erased]', hashed_password = NULL, settings = '{}', status = 'erased'
     WHERE id = erase_rows.owner;
    UPDATE public.audit_logs SET before = NULL, after = NULL, details = '{}', ip = NULL, user_agent = NULL, content_salt = NULL
     WHERE created_by = erase_rows.owner AND content_salt IS NOT NULL;
END
$$;

CREATE TABLE "app"."rate_buckets" (
    "id" uuid NOT NULL,
    "key" bytea NOT NULL,
    "full_at" timestamptz NOT NULL,
    "taken" bigint NOT NULL DEFAULT 0,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY ("id"),
    CONSTRAINT "rate_buckets_taken_check" CHECK (taken >= 0)
);

CREATE UNIQUE INDEX "rate_buckets_key_key" ON "app"."rate_buckets" ("key");

-- Locks public.identities: SHARE ROW EXCLUSIVE (writes wait).
-- Locks public.team_agents: SHARE ROW EXCLUSIVE (writes wait).
CREATE TABLE "app"."agent_credentials" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "name" text NULL,
    "secret_hash" bytea NULL,
    "public_key" bytea NULL,
    "expires_at" timestamptz NULL,
    "revoked_at" timestamptz NULL,
    "last_used_at" timestamptz NULL,
    "agent_id" uuid NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "agent_credentials_agent_id_fkey" FOREIGN KEY ("created_by", "agent_id") REFERENCES "public"."team_agents" ("created_by", "id"),
    CONSTRAINT "agent_credentials_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"),
    CONSTRAINT "agent_credentials_key" CHECK (octet_length(public_key) = 32),
    CONSTRAINT "agent_credentials_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "agent_credentials_one" CHECK (num_nonnulls(secret_hash, public_key) = 1)
);

CREATE INDEX "agent_credentials_agent_id_id_idx" ON "app"."agent_credentials" ("created_by", "agent_id", "id");

CREATE TABLE "app"."used_assertions" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "credential_id" uuid NOT NULL,
    "jti_digest" bytea NOT NULL,
    "expires_at" timestamptz NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "used_assertions_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id")
);

CREATE UNIQUE INDEX "used_assertions_credential_id_jti_digest_key" ON "app"."used_assertions" ("created_by", "credential_id", "jti_digest");

CREATE INDEX "used_assertions_expires_at_idx" ON "app"."used_assertions" ("created_by", "expires_at");

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_audit;

ALTER FUNCTION app.record_event(text, text, text, uuid, jsonb, text, uuid) OWNER TO chenu_audit;

REVOKE CREATE ON SCHEMA app FROM chenu_audit;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_erase;

ALTER FUNCTION app.erase_identity() OWNER TO chenu_erase;

ALTER FUNCTION app.erase_rows(uuid) OWNER TO chenu_erase;

ALTER FUNCTION app.refuse_erased() OWNER TO chenu_erase;

REVOKE CREATE ON SCHEMA app FROM chenu_erase;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone) OWNER TO chenu_login;

ALTER FUNCTION app.agent_credential(uuid) OWNER TO chenu_login;

ALTER FUNCTION app.revoke_agent_credential(uuid, uuid) OWNER TO chenu_login;

ALTER FUNCTION app.take_tokens(bytea, integer, double precision, integer, integer) OWNER TO chenu_login;

ALTER FUNCTION app.use_agent_credential(uuid, text, bytea, timestamp with time zone) OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_maintain;

ALTER FUNCTION app.expire_used_assertions(integer) OWNER TO chenu_maintain;

ALTER FUNCTION app.forget_rate_buckets(integer) OWNER TO chenu_maintain;

REVOKE CREATE ON SCHEMA app FROM chenu_maintain;

ALTER TABLE app.agent_credentials ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.rate_buckets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.used_assertions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

-- Locks app.account_tokens: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON app.account_tokens FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.account_tokens FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.agent_credentials FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY erase_delete ON app.agent_credentials FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.agent_credentials FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_select ON app.agent_credentials FOR SELECT TO chenu_gate
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON app.agent_credentials FOR UPDATE TO chenu_gate
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON app.agent_credentials FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_insert ON app.agent_credentials FOR INSERT TO chenu_login
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_select ON app.agent_credentials FOR SELECT TO chenu_login
    USING (true);

CREATE POLICY login_update ON app.agent_credentials FOR UPDATE TO chenu_login
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.event_rsvps: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON app.event_rsvps FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.event_rsvps FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.habit_check_ins: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON app.habit_check_ins FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.habit_check_ins FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.idempotency_keys: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON app.idempotency_keys FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.idempotency_keys FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.rate_buckets FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY login_insert ON app.rate_buckets FOR INSERT TO chenu_login
    WITH CHECK (true);

CREATE POLICY login_select ON app.rate_buckets FOR SELECT TO chenu_login
    USING (true);

CREATE POLICY login_update ON app.rate_buckets FOR UPDATE TO chenu_login
    USING (true)
    WITH CHECK (true);

CREATE POLICY maintain_delete ON app.rate_buckets FOR DELETE TO chenu_maintain
    USING (full_at < clock_timestamp());

CREATE POLICY maintain_select ON app.rate_buckets FOR SELECT TO chenu_maintain
    USING (full_at < clock_timestamp());

CREATE POLICY maintain_update ON app.rate_buckets FOR UPDATE TO chenu_maintain
    USING (full_at < clock_timestamp())
    WITH CHECK (full_at < clock_timestamp());

-- Locks app.reference_citations: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON app.reference_citations FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.reference_citations FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.refresh_tokens: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON app.refresh_tokens FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.refresh_tokens FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.sessions: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON app.sessions FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.sessions FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.used_assertions FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY erase_delete ON app.used_assertions FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.used_assertions FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_insert ON app.used_assertions FOR INSERT TO chenu_login
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_delete ON app.used_assertions FOR DELETE TO chenu_maintain
    USING (expires_at < clock_timestamp());

CREATE POLICY maintain_select ON app.used_assertions FOR SELECT TO chenu_maintain
    USING (expires_at < clock_timestamp());

-- Locks public.audit_logs: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_select ON audit_logs FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_update ON audit_logs FOR UPDATE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON business_contacts FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON business_contacts FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_invoices: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON business_invoices FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON business_invoices FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_projects: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON business_projects FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON business_projects FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_select ON checkpoints FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_update ON checkpoints FOR UPDATE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.community_events: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON community_events FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON community_events FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.community_groups: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON community_groups FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON community_groups FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.creative_assets: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON creative_assets FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON creative_assets FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.creative_projects: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON creative_projects FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON creative_projects FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.entertainment_playlists: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON entertainment_playlists FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON entertainment_playlists FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.entertainment_stream_history: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON entertainment_stream_history FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON entertainment_stream_history FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.government_clinical_trials: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON government_clinical_trials FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON government_clinical_trials FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.government_compliance: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON government_compliance FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON government_compliance FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.identities: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_select ON identities FOR SELECT TO chenu_erase
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_update ON identities FOR UPDATE TO chenu_erase
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (id = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.personal_habits: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON personal_habits FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON personal_habits FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.personal_notes: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON personal_notes FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON personal_notes FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.personal_tasks: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON personal_tasks FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON personal_tasks FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.scholar_manuscripts: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON scholar_manuscripts FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON scholar_manuscripts FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.scholar_references: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON scholar_references FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON scholar_references FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.social_posts: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON social_posts FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON social_posts FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.social_schedules: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON social_schedules FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON social_schedules FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.team_agents: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON team_agents FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON team_agents FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_select ON team_agents FOR SELECT TO chenu_login
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.team_members: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON team_members FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON team_members FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.team_tasks: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_delete ON team_tasks FOR DELETE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON team_tasks FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.thread_events: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_select ON thread_events FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_update ON thread_events FOR UPDATE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.threads: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY erase_select ON threads FOR SELECT TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_update ON threads FOR UPDATE TO chenu_erase
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER audit AFTER INSERT OR DELETE ON app.agent_credentials
    FOR EACH ROW EXECUTE FUNCTION app.audit('agent_credential', 'created_by', '', 'last_used_at', 'secret_hash');

CREATE TRIGGER audit_update AFTER UPDATE ON app.agent_credentials
    FOR EACH ROW WHEN ((OLD.id, OLD.created_by, OLD.created_at, OLD.agent_id, OLD.name, OLD.secret_hash, OLD.public_key, OLD.expires_at, OLD.revoked_at) IS DISTINCT FROM (NEW.id, NEW.created_by, NEW.created_at, NEW.agent_id, NEW.name, NEW.secret_hash, NEW.public_key, NEW.expires_at, NEW.revoked_at))
    EXECUTE FUNCTION app.audit('agent_credential', 'created_by', '', 'last_used_at', 'secret_hash');

CREATE TRIGGER stamp BEFORE INSERT ON app.agent_credentials
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER stamp BEFORE INSERT ON app.rate_buckets
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER stamp BEFORE INSERT ON app.used_assertions
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

-- Locks public.audit_logs_default: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change('before', 'after', 'ip', 'user_agent', 'details={}');

REVOKE EXECUTE ON FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.agent_credential(uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.agent_credential(uuid) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.erase_identity() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.erase_identity() TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.erase_rows(uuid) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.expire_used_assertions(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.expire_used_assertions(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.forget_rate_buckets(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.forget_rate_buckets(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb, text, uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb, text, uuid) TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.refuse_erased() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.refuse_erased() TO chenu_audit;

REVOKE EXECUTE ON FUNCTION app.revoke_agent_credential(uuid, uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.revoke_agent_credential(uuid, uuid) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.take_tokens(bytea, integer, double precision, integer, integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.take_tokens(bytea, integer, double precision, integer, integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.use_agent_credential(uuid, text, bytea, timestamp with time zone) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.use_agent_credential(uuid, text, bytea, timestamp with time zone) TO chenu_human;

GRANT SELECT (created_by), DELETE ON app.account_tokens TO chenu_erase;

GRANT SELECT ON app.agent_credentials TO chenu_auditor;

GRANT SELECT (created_by), DELETE ON app.agent_credentials TO chenu_erase;

GRANT SELECT (created_by, revoked_at, agent_id), UPDATE (revoked_at) ON app.agent_credentials TO chenu_gate;

GRANT SELECT (id, created_by, created_at, name, public_key, expires_at, revoked_at, last_used_at, agent_id) ON app.agent_credentials TO chenu_human;

GRANT SELECT (id, created_by, secret_hash, public_key, expires_at, revoked_at, agent_id), INSERT (id, created_by, name, secret_hash, public_key, expires_at, agent_id), UPDATE (revoked_at, last_used_at) ON app.agent_credentials TO chenu_login;

GRANT SELECT (created_by), DELETE ON app.event_rsvps TO chenu_erase;

GRANT SELECT (created_by), DELETE ON app.habit_check_ins TO chenu_erase;

GRANT SELECT (created_by), DELETE ON app.idempotency_keys TO chenu_erase;

GRANT SELECT ON app.rate_buckets TO chenu_auditor;

GRANT SELECT, INSERT (id, key, full_at), UPDATE (full_at, taken) ON app.rate_buckets TO chenu_login;

GRANT SELECT (id, full_at), UPDATE (full_at), DELETE ON app.rate_buckets TO chenu_maintain;

GRANT SELECT (created_by), DELETE ON app.reference_citations TO chenu_erase;

GRANT SELECT (created_by), DELETE ON app.refresh_tokens TO chenu_erase;

GRANT SELECT (created_by), DELETE ON app.sessions TO chenu_erase;

GRANT SELECT ON app.used_assertions TO chenu_auditor;

GRANT SELECT (created_by), DELETE ON app.used_assertions TO chenu_erase;

GRANT INSERT (id, created_by, credential_id, jti_digest, expires_at) ON app.used_assertions TO chenu_login;

GRANT SELECT (id, created_by, expires_at), DELETE ON app.used_assertions TO chenu_maintain;

GRANT SELECT (created_by, before, after, details, ip, user_agent, content_salt), UPDATE (before, after, details, ip, user_agent, content_salt) ON public.audit_logs TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.business_contacts TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.business_invoices TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.business_projects TO chenu_erase;

GRANT SELECT (created_by, status, action, resource_type, payload, reason), UPDATE (status, action, resource_type, payload, reason) ON public.checkpoints TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.community_events TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.community_groups TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.creative_assets TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.creative_projects TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.entertainment_playlists TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.entertainment_stream_history TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.government_clinical_trials TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.government_compliance TO chenu_erase;

GRANT SELECT (id, email, name, hashed_password, settings, status), UPDATE (email, name, hashed_password, settings, status) ON public.identities TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.personal_habits TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.personal_notes TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.personal_tasks TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.scholar_manuscripts TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.scholar_references TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.social_posts TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.social_schedules TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.team_agents TO chenu_erase;

GRANT SELECT (id, created_by, capabilities, status) ON public.team_agents TO chenu_login;

GRANT SELECT (created_by), DELETE ON public.team_members TO chenu_erase;

GRANT SELECT (created_by), DELETE ON public.team_tasks TO chenu_erase;

GRANT SELECT (created_by, payload, content_salt), UPDATE (payload, content_salt) ON public.thread_events TO chenu_erase;

GRANT SELECT (created_by, founding_intent, title, tags), UPDATE (founding_intent, title, tags) ON public.threads TO chenu_erase;

COMMENT ON TABLE "app"."rate_buckets" IS 'Token buckets of the rate limits.';

COMMENT ON COLUMN "app"."rate_buckets"."id" IS 'Identifier, a UUIDv7.';

COMMENT ON COLUMN "app"."rate_buckets"."key" IS 'Keyed hash of whom or what it limits.';

COMMENT ON COLUMN "app"."rate_buckets"."full_at" IS 'When it will have all of its tokens again.';

COMMENT ON COLUMN "app"."rate_buckets"."taken" IS 'How many tokens were taken the last time.';

COMMENT ON COLUMN "app"."rate_buckets"."created_at" IS 'When it was made.';

COMMENT ON TABLE "app"."agent_credentials" IS 'What hired agents prove themselves with.';

COMMENT ON COLUMN "app"."agent_credentials"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."agent_credentials"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."agent_credentials"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."agent_credentials"."name" IS 'What its human calls it.';

COMMENT ON COLUMN "app"."agent_credentials"."secret_hash" IS 'SHA-256 of the secret, which has 32 random bytes; null for a key.';

COMMENT ON COLUMN "app"."agent_credentials"."public_key" IS 'Ed25519 public key, 32 bytes; null for a secret.';

COMMENT ON COLUMN "app"."agent_credentials"."expires_at" IS 'Until when it is good; null is without end.';

COMMENT ON COLUMN "app"."agent_credentials"."revoked_at" IS 'When it was revoked.';

COMMENT ON COLUMN "app"."agent_credentials"."last_used_at" IS 'When a token was last made with it.';

COMMENT ON COLUMN "app"."agent_credentials"."agent_id" IS 'The agent.';

COMMENT ON TABLE "app"."used_assertions" IS 'Signed assertions of agents that were used.';

COMMENT ON COLUMN "app"."used_assertions"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."used_assertions"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."used_assertions"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."used_assertions"."credential_id" IS 'The credential that signed it.';

COMMENT ON COLUMN "app"."used_assertions"."jti_digest" IS 'SHA-256 of the assertion''s id.';

COMMENT ON COLUMN "app"."used_assertions"."expires_at" IS 'Until when it would be valid.';
