-- initial
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   PUBLIC gains EXECUTE on function app.actor_kind()
--   PUBLIC gains EXECUTE on function app.check_id(uuid)
--   PUBLIC gains EXECUTE on function app.content_digest(bytea, jsonb, text[])
--   PUBLIC gains EXECUTE on function app.count_members(uuid, uuid)
--   PUBLIC gains EXECUTE on function app.current_streak(text, bigint, date)
--   PUBLIC gains EXECUTE on function app.evidence_valid(jsonb)
--   PUBLIC gains EXECUTE on function app.line_item_amount(jsonb)
--   PUBLIC gains EXECUTE on function app.line_items_subtotal(jsonb)
--   PUBLIC gains EXECUTE on function app.line_items_tax(jsonb)
--   PUBLIC gains EXECUTE on function app.line_items_valid(jsonb)
--   PUBLIC gains EXECUTE on function app.media_valid(jsonb)
--   PUBLIC gains EXECUTE on function app.next_period(text, date)
--   PUBLIC gains EXECUTE on function app.objects_valid(jsonb, integer, text[], text[])
--   PUBLIC gains EXECUTE on function app.period_start(text, date)
--   PUBLIC gains EXECUTE on function app.playlist_items_valid(jsonb)
--   PUBLIC gains EXECUTE on function app.sections_valid(jsonb)
--   PUBLIC gains EXECUTE on function app.streaks(uuid, uuid, text, bigint)
--   PUBLIC gains EXECUTE on function app.texts_valid(text[], integer, integer)
--   PUBLIC gains EXECUTE on function app.time_zone_valid(text)
--   PUBLIC gains EXECUTE on function app.today()
--   PUBLIC gains EXECUTE on function app.uuid_v7(timestamp with time zone)
--   PUBLIC gains EXECUTE on function app.uuid_v7_floor(timestamp with time zone)
--   PUBLIC gains EXECUTE on function app.uuid_v7_time(uuid)
--   PUBLIC gains EXECUTE on function app.word_count(jsonb)
--   chenu_agent gains EXECUTE on function app.record_event(text, text, text, uuid, jsonb)
--   chenu_agent gains USAGE on schema app
--   chenu_agent gains USAGE on schema public
--   chenu_agent gains SELECT, INSERT (id, created_by, status, event_id, contact_id), UPDATE (status), DELETE on app.event_rsvps
--   chenu_agent gains SELECT, INSERT (id, created_by, checked_in_on, note, habit_id) on app.habit_check_ins
--   chenu_agent gains SELECT, INSERT (id, created_by, route, key, request_digest, status, headers, body), DELETE on app.idempotency_keys
--   chenu_agent gains SELECT, INSERT (id, created_by, locator, citing_id, cited_id), DELETE on app.reference_citations
--   chenu_agent gains SELECT on public.audit_logs
--   chenu_agent gains SELECT, INSERT (id, created_by, name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes), UPDATE (name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes), DELETE on public.business_contacts
--   chenu_agent gains SELECT, INSERT (id, created_by, number, currency, line_items, status, issued_on, due_on, paid_at, contact_id), UPDATE (number, currency, line_items, status, issued_on, due_on, paid_at, contact_id), DELETE on public.business_invoices
--   chenu_agent gains SELECT, INSERT (id, created_by, name, description, status, starts_on, ends_on, budget, currency, progress, contact_id), UPDATE (name, description, status, starts_on, ends_on, budget, currency, progress, contact_id), DELETE on public.business_projects
--   chenu_agent gains SELECT on public.checkpoints
--   chenu_agent gains SELECT, INSERT (id, created_by, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status, group_id), UPDATE (title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status, group_id), DELETE on public.community_events
--   chenu_agent gains SELECT, INSERT (id, created_by, name, description, kind, visibility, settings, rules), UPDATE (name, description, kind, visibility, settings, rules), DELETE on public.community_groups
--   chenu_agent gains SELECT, INSERT (id, created_by, name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, licence, project_id), UPDATE (name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, licence, project_id), DELETE on public.creative_assets
--   chenu_agent gains SELECT, INSERT (id, created_by, name, description, status, cover_asset_id), UPDATE (name, description, status, cover_asset_id), DELETE on public.creative_projects
--   chenu_agent gains SELECT, INSERT (id, created_by, name, kind, visibility, items), UPDATE (name, kind, visibility, items), DELETE on public.entertainment_playlists
--   chenu_agent gains SELECT, INSERT (id, created_by, content_id, content_type, title, started_at, watched_seconds, duration_seconds, device) on public.entertainment_stream_history
--   chenu_agent gains SELECT, INSERT (id, created_by, registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on), UPDATE (registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on), DELETE on public.government_clinical_trials
--   chenu_agent gains SELECT, INSERT (id, created_by, name, regulation, authority, identifier, status, effective_on, expires_on, evidence), UPDATE (name, regulation, authority, identifier, status, effective_on, expires_on, evidence), DELETE on public.government_compliance
--   chenu_agent gains SELECT (id, updated_at, version, updated_by, updated_by_kind, email, name, settings, email_verified_at, status, failed_logins, locked_until, password_changed_at, created_at) on public.identities
--   chenu_agent gains SELECT, INSERT (id, created_by, name, cadence, target_per_period, active), UPDATE (name, cadence, target_per_period, active), DELETE on public.personal_habits
--   chenu_agent gains SELECT, INSERT (id, created_by, title, content, folder, tags, pinned), UPDATE (title, content, folder, tags, pinned), DELETE on public.personal_notes
--   chenu_agent gains SELECT, INSERT (id, created_by, title, description, status, priority, due_at, tags), UPDATE (title, description, status, priority, due_at, tags), DELETE on public.personal_tasks
--   chenu_agent gains SELECT, INSERT (id, created_by, title, abstract, sections, status, target_journal, submitted_at, co_authors), UPDATE (title, abstract, sections, status, target_journal, submitted_at, co_authors), DELETE on public.scholar_manuscripts
--   chenu_agent gains SELECT, INSERT (id, created_by, title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key), UPDATE (title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key), DELETE on public.scholar_references
--   chenu_agent gains SELECT, INSERT (id, created_by, body, media, visibility, published_at, reply_to_id, thread_id), UPDATE (body, media, visibility, published_at, reply_to_id, thread_id), DELETE on public.social_posts
--   chenu_agent gains SELECT, INSERT (id, created_by, platform, scheduled_at, status, attempts, last_error, external_id, post_id), UPDATE (scheduled_at, status, attempts, last_error, external_id), DELETE on public.social_schedules
--   chenu_agent gains SELECT on public.team_agents
--   chenu_agent gains SELECT, INSERT (id, created_by, name, email, role, status, joined_on), UPDATE (name, email, role, status, joined_on), DELETE on public.team_members
--   chenu_agent gains SELECT, INSERT (id, created_by, title, description, status, priority, due_at, result, agent_id, member_id), UPDATE (title, description, status, priority, due_at, result, agent_id, member_id), DELETE on public.team_tasks
--   chenu_agent gains SELECT on public.thread_events
--   chenu_agent gains SELECT on public.threads
--   chenu_audit gains USAGE on schema app
--   chenu_audit gains USAGE on schema public
--   chenu_audit gains INSERT on public.audit_logs
--   chenu_auditor gains USAGE on schema app
--   chenu_auditor gains USAGE on schema public
--   chenu_auditor gains SELECT on app.event_rsvps
--   chenu_auditor gains SELECT on app.habit_check_ins
--   chenu_auditor gains SELECT on app.idempotency_keys
--   chenu_auditor gains SELECT on app.reference_citations
--   chenu_auditor gains SELECT on app.sessions
--   chenu_auditor gains SELECT on app.signing_keys
--   chenu_auditor gains SELECT on public.audit_logs
--   chenu_auditor gains SELECT on public.business_contacts
--   chenu_auditor gains SELECT on public.business_invoices
--   chenu_auditor gains SELECT on public.business_projects
--   chenu_auditor gains SELECT on public.checkpoints
--   chenu_auditor gains SELECT on public.community_events
--   chenu_auditor gains SELECT on public.community_groups
--   chenu_auditor gains SELECT on public.creative_assets
--   chenu_auditor gains SELECT on public.creative_projects
--   chenu_auditor gains SELECT on public.entertainment_playlists
--   chenu_auditor gains SELECT on public.entertainment_stream_history
--   chenu_auditor gains SELECT on public.government_clinical_trials
--   chenu_auditor gains SELECT on public.government_compliance
--   chenu_auditor gains SELECT on public.identities
--   chenu_auditor gains SELECT on public.personal_habits
--   chenu_auditor gains SELECT on public.personal_notes
--   chenu_auditor gains SELECT on public.personal_tasks
--   chenu_auditor gains SELECT on public.scholar_manuscripts
--   chenu_auditor gains SELECT on public.scholar_references
--   chenu_auditor gains SELECT on public.social_posts
--   chenu_auditor gains SELECT on public.social_schedules
--   chenu_auditor gains SELECT on public.team_agents
--   chenu_auditor gains SELECT on public.team_members
--   chenu_auditor gains SELECT on public.team_tasks
--   chenu_auditor gains SELECT on public.thread_events
--   chenu_auditor gains SELECT on public.threads
--   chenu_derive gains USAGE on schema app
--   chenu_derive gains USAGE on schema public
--   chenu_derive gains SELECT (created_by, status, event_id, contact_id) on app.event_rsvps
--   chenu_derive gains SELECT (created_by, checked_in_on, habit_id) on app.habit_check_ins
--   chenu_derive gains SELECT (id, created_by, capacity, going_count, maybe_count, declined_count, group_id), UPDATE (going_count, maybe_count, declined_count) on public.community_events
--   chenu_derive gains SELECT (id, created_by, member_count), UPDATE (member_count) on public.community_groups
--   chenu_derive gains SELECT (id, created_by, cadence, target_per_period), UPDATE (current_streak, best_streak, last_completed_period, last_checked_in_on) on public.personal_habits
--   chenu_erase gains USAGE on schema app
--   chenu_erase gains USAGE on schema public
--   chenu_human gains EXECUTE on function app.add_first_signing_key(uuid, bytea, bytea)
--   chenu_human gains EXECUTE on function app.close_session(uuid)
--   chenu_human gains EXECUTE on function app.ensure_partitions(integer)
--   chenu_human gains EXECUTE on function app.expire_idempotency_keys(integer)
--   chenu_human gains EXECUTE on function app.login_lookup(text)
--   chenu_human gains EXECUTE on function app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[])
--   chenu_human gains EXECUTE on function app.record_event(text, text, text, uuid, jsonb)
--   chenu_human gains EXECUTE on function app.rehash_password(text, text)
--   chenu_human gains EXECUTE on function app.schema_version()
--   chenu_human gains EXECUTE on function app.signing_keys()
--   chenu_human gains USAGE on schema app
--   chenu_human gains USAGE on schema public
--   chenu_human gains SELECT, INSERT (id, created_by, status, event_id, contact_id), UPDATE (status), DELETE on app.event_rsvps
--   chenu_human gains SELECT, INSERT (id, created_by, checked_in_on, note, habit_id) on app.habit_check_ins
--   chenu_human gains SELECT, INSERT (id, created_by, route, key, request_digest, status, headers, body), DELETE on app.idempotency_keys
--   chenu_human gains SELECT, INSERT (id, created_by, locator, citing_id, cited_id), DELETE on app.reference_citations
--   chenu_human gains SELECT on app.sessions
--   chenu_human gains SELECT on public.audit_logs
--   chenu_human gains SELECT, INSERT (id, created_by, name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes), UPDATE (name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes), DELETE on public.business_contacts
--   chenu_human gains SELECT, INSERT (id, created_by, number, currency, line_items, status, issued_on, due_on, paid_at, contact_id), UPDATE (number, currency, line_items, status, issued_on, due_on, paid_at, contact_id), DELETE on public.business_invoices
--   chenu_human gains SELECT, INSERT (id, created_by, name, description, status, starts_on, ends_on, budget, currency, progress, contact_id), UPDATE (name, description, status, starts_on, ends_on, budget, currency, progress, contact_id), DELETE on public.business_projects
--   chenu_human gains SELECT on public.checkpoints
--   chenu_human gains SELECT, INSERT (id, created_by, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status, group_id), UPDATE (title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status, group_id), DELETE on public.community_events
--   chenu_human gains SELECT, INSERT (id, created_by, name, description, kind, visibility, settings, rules), UPDATE (name, description, kind, visibility, settings, rules), DELETE on public.community_groups
--   chenu_human gains SELECT, INSERT (id, created_by, name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, licence, project_id), UPDATE (name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, licence, project_id), DELETE on public.creative_assets
--   chenu_human gains SELECT, INSERT (id, created_by, name, description, status, cover_asset_id), UPDATE (name, description, status, cover_asset_id), DELETE on public.creative_projects
--   chenu_human gains SELECT, INSERT (id, created_by, name, kind, visibility, items), UPDATE (name, kind, visibility, items), DELETE on public.entertainment_playlists
--   chenu_human gains SELECT, INSERT (id, created_by, content_id, content_type, title, started_at, watched_seconds, duration_seconds, device) on public.entertainment_stream_history
--   chenu_human gains SELECT, INSERT (id, created_by, registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on), UPDATE (registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on), DELETE on public.government_clinical_trials
--   chenu_human gains SELECT, INSERT (id, created_by, name, regulation, authority, identifier, status, effective_on, expires_on, evidence), UPDATE (name, regulation, authority, identifier, status, effective_on, expires_on, evidence), DELETE on public.government_compliance
--   chenu_human gains SELECT (id, updated_at, version, updated_by, updated_by_kind, email, name, settings, email_verified_at, status, failed_logins, locked_until, password_changed_at, created_at), INSERT (id, email, name, hashed_password, settings), UPDATE (name, settings) on public.identities
--   chenu_human gains SELECT, INSERT (id, created_by, name, cadence, target_per_period, active), UPDATE (name, cadence, target_per_period, active), DELETE on public.personal_habits
--   chenu_human gains SELECT, INSERT (id, created_by, title, content, folder, tags, pinned), UPDATE (title, content, folder, tags, pinned), DELETE on public.personal_notes
--   chenu_human gains SELECT, INSERT (id, created_by, title, description, status, priority, due_at, tags), UPDATE (title, description, status, priority, due_at, tags), DELETE on public.personal_tasks
--   chenu_human gains SELECT, INSERT (id, created_by, title, abstract, sections, status, target_journal, submitted_at, co_authors), UPDATE (title, abstract, sections, status, target_journal, submitted_at, co_authors), DELETE on public.scholar_manuscripts
--   chenu_human gains SELECT, INSERT (id, created_by, title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key), UPDATE (title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key), DELETE on public.scholar_references
--   chenu_human gains SELECT, INSERT (id, created_by, body, media, visibility, published_at, reply_to_id, thread_id), UPDATE (body, media, visibility, published_at, reply_to_id, thread_id), DELETE on public.social_posts
--   chenu_human gains SELECT, INSERT (id, created_by, platform, scheduled_at, status, attempts, last_error, external_id, post_id), UPDATE (scheduled_at, status, attempts, last_error, external_id), DELETE on public.social_schedules
--   chenu_human gains SELECT, INSERT (id, created_by, name, kind, provider, model, capabilities, status, token_budget), UPDATE (name, kind, provider, model, capabilities, status, token_budget) on public.team_agents
--   chenu_human gains SELECT, INSERT (id, created_by, name, email, role, status, joined_on), UPDATE (name, email, role, status, joined_on), DELETE on public.team_members
--   chenu_human gains SELECT, INSERT (id, created_by, title, description, status, priority, due_at, result, agent_id, member_id), UPDATE (title, description, status, priority, due_at, result, agent_id, member_id), DELETE on public.team_tasks
--   chenu_human gains SELECT on public.thread_events
--   chenu_human gains SELECT on public.threads
--   chenu_login gains EXECUTE on function app.record_event(text, text, text, uuid, jsonb)
--   chenu_login gains USAGE on schema app
--   chenu_login gains USAGE on schema public
--   chenu_login gains SELECT, INSERT (id, created_by, expires_at, authenticated_at, amr, ip, user_agent), UPDATE (revoked_at) on app.sessions
--   chenu_login gains SELECT, INSERT (id, public_key, private_key) on app.signing_keys
--   chenu_login gains SELECT (id, email, hashed_password, status, locked_until), UPDATE (hashed_password) on public.identities
--   chenu_maintain gains USAGE on schema app
--   chenu_maintain gains USAGE on schema public
--   chenu_maintain gains SELECT (id, created_by, expires_at), DELETE on app.idempotency_keys
--   new policy agent_delete on app.event_rsvps: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on app.event_rsvps: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on app.event_rsvps: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on app.event_rsvps: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.event_rsvps: chenu_auditor may SELECT rows where true
--   new policy derive_select on app.event_rsvps: chenu_derive may SELECT rows where true
--   new policy human_delete on app.event_rsvps: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on app.event_rsvps: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on app.event_rsvps: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on app.event_rsvps: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on app.habit_check_ins: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on app.habit_check_ins: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.habit_check_ins: chenu_auditor may SELECT rows where true
--   new policy derive_select on app.habit_check_ins: chenu_derive may SELECT rows where true
--   new policy human_insert on app.habit_check_ins: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on app.habit_check_ins: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on app.idempotency_keys: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on app.idempotency_keys: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on app.idempotency_keys: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.idempotency_keys: chenu_auditor may SELECT rows where true
--   new policy human_delete on app.idempotency_keys: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on app.idempotency_keys: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on app.idempotency_keys: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy maintain_delete on app.idempotency_keys: chenu_maintain may DELETE rows where (expires_at < clock_timestamp())
--   new policy maintain_select on app.idempotency_keys: chenu_maintain may SELECT rows where (expires_at < clock_timestamp())
--   new policy agent_delete on app.reference_citations: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on app.reference_citations: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on app.reference_citations: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.reference_citations: chenu_auditor may SELECT rows where true
--   new policy human_delete on app.reference_citations: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on app.reference_citations: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on app.reference_citations: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.sessions: chenu_auditor may SELECT rows where true
--   new policy human_select on app.sessions: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_insert on app.sessions: chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_select on app.sessions: chenu_login may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_update on app.sessions: chenu_login may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on app.signing_keys: chenu_auditor may SELECT rows where true
--   new policy login_insert on app.signing_keys: chenu_login may INSERT rows that then have true
--   new policy login_select on app.signing_keys: chenu_login may SELECT rows where true
--   new policy agent_select on public.audit_logs: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy audit_insert on public.audit_logs: chenu_audit may INSERT rows that then have true
--   new policy auditor_select on public.audit_logs: chenu_auditor may SELECT rows where true
--   new policy human_select on public.audit_logs: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.business_contacts: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.business_contacts: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.business_contacts: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.business_contacts: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.business_contacts: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.business_contacts: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.business_contacts: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.business_contacts: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.business_contacts: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.business_invoices: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.business_invoices: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.business_invoices: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.business_invoices: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.business_invoices: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.business_invoices: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.business_invoices: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.business_invoices: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.business_invoices: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.business_projects: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.business_projects: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.business_projects: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.business_projects: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.business_projects: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.business_projects: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.business_projects: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.business_projects: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.business_projects: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.checkpoints: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.checkpoints: chenu_auditor may SELECT rows where true
--   new policy human_select on public.checkpoints: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.community_events: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.community_events: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.community_events: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.community_events: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.community_events: chenu_auditor may SELECT rows where true
--   new policy derive_select on public.community_events: chenu_derive may SELECT rows where true
--   new policy derive_update on public.community_events: chenu_derive may UPDATE rows where true
--   new policy human_delete on public.community_events: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.community_events: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.community_events: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.community_events: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.community_groups: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.community_groups: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.community_groups: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.community_groups: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.community_groups: chenu_auditor may SELECT rows where true
--   new policy derive_select on public.community_groups: chenu_derive may SELECT rows where true
--   new policy derive_update on public.community_groups: chenu_derive may UPDATE rows where true
--   new policy human_delete on public.community_groups: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.community_groups: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.community_groups: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.community_groups: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.creative_assets: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.creative_assets: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.creative_assets: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.creative_assets: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.creative_assets: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.creative_assets: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.creative_assets: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.creative_assets: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.creative_assets: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.creative_projects: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.creative_projects: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.creative_projects: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.creative_projects: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.creative_projects: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.creative_projects: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.creative_projects: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.creative_projects: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.creative_projects: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.entertainment_playlists: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.entertainment_playlists: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.entertainment_playlists: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.entertainment_playlists: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.entertainment_playlists: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.entertainment_playlists: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.entertainment_playlists: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.entertainment_playlists: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.entertainment_playlists: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.entertainment_stream_history: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.entertainment_stream_history: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.entertainment_stream_history: chenu_auditor may SELECT rows where true
--   new policy human_insert on public.entertainment_stream_history: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.entertainment_stream_history: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.government_clinical_trials: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.government_clinical_trials: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.government_clinical_trials: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.government_clinical_trials: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.government_clinical_trials: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.government_clinical_trials: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.government_clinical_trials: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.government_clinical_trials: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.government_clinical_trials: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.government_compliance: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.government_compliance: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.government_compliance: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.government_compliance: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.government_compliance: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.government_compliance: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.government_compliance: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.government_compliance: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.government_compliance: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.identities: chenu_agent may SELECT rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.identities: chenu_auditor may SELECT rows where true
--   new policy human_insert on public.identities: chenu_human may INSERT rows that then have (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.identities: chenu_human may SELECT rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.identities: chenu_human may UPDATE rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy login_select on public.identities: chenu_login may SELECT rows where true
--   new policy login_update on public.identities: chenu_login may UPDATE rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.personal_habits: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.personal_habits: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.personal_habits: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.personal_habits: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.personal_habits: chenu_auditor may SELECT rows where true
--   new policy derive_select on public.personal_habits: chenu_derive may SELECT rows where true
--   new policy derive_update on public.personal_habits: chenu_derive may UPDATE rows where true
--   new policy human_delete on public.personal_habits: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.personal_habits: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.personal_habits: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.personal_habits: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.personal_notes: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.personal_notes: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.personal_notes: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.personal_notes: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.personal_notes: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.personal_notes: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.personal_notes: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.personal_notes: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.personal_notes: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.personal_tasks: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.personal_tasks: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.personal_tasks: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.personal_tasks: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.personal_tasks: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.personal_tasks: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.personal_tasks: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.personal_tasks: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.personal_tasks: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.scholar_manuscripts: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.scholar_manuscripts: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.scholar_manuscripts: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.scholar_manuscripts: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.scholar_manuscripts: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.scholar_manuscripts: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.scholar_manuscripts: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.scholar_manuscripts: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.scholar_manuscripts: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.scholar_references: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.scholar_references: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.scholar_references: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.scholar_references: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.scholar_references: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.scholar_references: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.scholar_references: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.scholar_references: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.scholar_references: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.social_posts: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.social_posts: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.social_posts: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.social_posts: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.social_posts: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.social_posts: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.social_posts: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.social_posts: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.social_posts: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.social_schedules: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.social_schedules: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.social_schedules: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.social_schedules: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.social_schedules: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.social_schedules: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.social_schedules: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.social_schedules: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.social_schedules: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.team_agents: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.team_agents: chenu_auditor may SELECT rows where true
--   new policy human_insert on public.team_agents: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.team_agents: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.team_agents: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.team_members: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.team_members: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.team_members: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.team_members: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.team_members: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.team_members: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.team_members: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.team_members: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.team_members: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_delete on public.team_tasks: chenu_agent may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_insert on public.team_tasks: chenu_agent may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.team_tasks: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_update on public.team_tasks: chenu_agent may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.team_tasks: chenu_auditor may SELECT rows where true
--   new policy human_delete on public.team_tasks: chenu_human may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_insert on public.team_tasks: chenu_human may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_select on public.team_tasks: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy human_update on public.team_tasks: chenu_human may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.thread_events: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.thread_events: chenu_auditor may SELECT rows where true
--   new policy human_select on public.thread_events: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy agent_select on public.threads: chenu_agent may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new policy auditor_select on public.threads: chenu_auditor may SELECT rows where true
--   new policy human_select on public.threads: chenu_human may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   function app.add_first_signing_key(uuid, bytea, bytea) runs with the rights of chenu_login
--   function app.audit() runs with the rights of chenu_audit
--   function app.close_session(uuid) runs with the rights of chenu_login
--   function app.derive_members() runs with the rights of chenu_derive
--   function app.derive_rsvp_counts() runs with the rights of chenu_derive
--   function app.derive_streak() runs with the rights of chenu_derive
--   function app.ensure_partitions(integer) runs with the rights of chenu_owner
--   function app.expire_idempotency_keys(integer) runs with the rights of chenu_maintain
--   function app.login_lookup(text) runs with the rights of chenu_login
--   function app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[]) runs with the rights of chenu_login
--   function app.record_event(text, text, text, uuid, jsonb) runs with the rights of chenu_audit
--   function app.rederive_streak() runs with the rights of chenu_derive
--   function app.rehash_password(text, text) runs with the rights of chenu_login
--   function app.schema_version() runs with the rights of chenu_owner
--   function app.signing_keys() runs with the rights of chenu_login

CREATE SCHEMA "app";

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.login_lookup(email text)
    RETURNS TABLE (identity_id uuid, hashed_password text, may_log_in boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT i.id, i.hashed_password::text,
           i.status = 'active' AND (i.locked_until IS NULL OR i.locked_until <= clock_timestamp())
      FROM public.identities i
     WHERE lower(i.email) = lower(login_lookup.email);
END
$$;

CREATE FUNCTION app.open_session(session_id uuid, authenticated_at timestamptz, expires_at timestamptz, amr text[])
    RETURNS void
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
    IF NOT EXISTS (SELECT FROM public.identities i WHERE i.id = caller AND i.status = 'active') THEN
        RAISE EXCEPTION 'the identity is not active' USING ERRCODE = 'CH403';
    END IF;
    IF (open_session.expires_at BETWEEN moment AND moment + interval '90 days') IS NOT TRUE THEN
        RAISE EXCEPTION 'a session ends within 90 days' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/expires_at", "code": "out_of_range"}';
    END IF;
    INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr, ip, user_agent)
    VALUES (open_session.session_id, caller, open_session.expires_at,
            least(open_session.authenticated_at, moment), open_session.amr,
            nullif(current_setting('app.ip', true), ''),
            left(nullif(current_setting('app.user_agent', true), ''), 400));
    PERFORM app.record_event('login', 'success', 'session', open_session.session_id,
        jsonb_build_object('amr', open_session.amr));
END
$$;

CREATE FUNCTION app.close_session(session_id uuid)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE app.sessions s SET revoked_at = clock_timestamp()
     WHERE s.created_by = caller AND s.id = close_session.session_id AND s.revoked_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM app.record_event('logout', 'success', 'session', close_session.session_id, '{}'::jsonb);
    RETURN true;
END
$$;

CREATE FUNCTION app.rehash_password(expected text, replacement text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE public.identities i SET hashed_password = rehash_password.replacement
     WHERE i.id = caller AND i.hashed_password = rehash_password.expected;
    RETURN FOUND;
END
$$;

CREATE FUNCTION app.signing_keys()
    RETURNS TABLE (id uuid, public_key bytea, private_key bytea, status text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT k.id, k.public_key, k.private_key, k.status::text FROM app.signing_keys k ORDER BY k.id;
END
$$;

CREATE FUNCTION app.add_first_signing_key(id uuid, public_key bytea, private_key bytea)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu signing keys', 0));
    IF EXISTS (SELECT FROM app.signing_keys k WHERE k.status = 'active') THEN
        RETURN false;
    END IF;
    INSERT INTO app.signing_keys (id, public_key, private_key)
    VALUES (add_first_signing_key.id, add_first_signing_key.public_key, add_first_signing_key.private_key);
    RETURN true;
END
$$;

CREATE FUNCTION app.seal_content() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
BEGIN
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := app.content_digest(NEW.content_salt, to_jsonb(NEW), TG_ARGV);
    RETURN NEW;
END
$$;

CREATE FUNCTION app.content_digest(salt bytea, content jsonb, fields text[]) RETURNS bytea
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT sha256(salt || convert_to(coalesce(jsonb_object_agg(key, value), '{}')::text, 'UTF8'))
    FROM jsonb_each(content) WHERE key = ANY (fields)
$$;

CREATE FUNCTION app.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    erased jsonb;
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = 'chenu_erase' AND TG_NARGS > 0 THEN
        SELECT to_jsonb(OLD) || jsonb_object_agg(field, NULL) INTO erased
        FROM unnest(TG_ARGV || 'content_salt'::text) AS field;
        IF to_jsonb(NEW) = erased THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'CH403';
END
$$;

CREATE FUNCTION app.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'CH403';
END
$$;

CREATE FUNCTION app.audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    present jsonb := coalesce(new_row, old_row);
    left_out text[] := TG_ARGV[3:];
    before jsonb;
    after jsonb;
BEGIN
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
        app.actor_kind(),
        CASE TG_OP WHEN 'INSERT' THEN 'create' WHEN 'UPDATE' THEN 'update' ELSE 'delete' END,
        'success',
        TG_ARGV[0],
        (present ->> 'id')::uuid,
        coalesce(nullif(TG_ARGV[2], ''), present ->> 'sphere'),
        before,
        after,
        '{}',
        nullif(current_setting('app.checkpoint_id', true), '')::uuid,
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

CREATE FUNCTION app.record_event(action text, outcome text, resource_type text, resource_id uuid, details jsonb) RETURNS uuid
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
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id,
        details, checkpoint_id, request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        recorded,
        identity,
        nullif(current_setting('app.actor_id', true), '')::uuid,
        app.actor_kind(),
        action, outcome, resource_type, resource_id, coalesce(details, '{}'),
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

CREATE FUNCTION app.line_item_amount(line jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT round((line ->> 'quantity')::numeric * (line ->> 'unit_price')::numeric, 2)
$$;

CREATE FUNCTION app.line_items_subtotal(lines jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(app.line_item_amount(line)), 0) FROM jsonb_array_elements(lines) AS line
$$;

CREATE FUNCTION app.line_items_tax(lines jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(round(app.line_item_amount(line) * (line ->> 'tax_rate')::numeric, 2)), 0)
    FROM jsonb_array_elements(lines) AS line
$$;

CREATE FUNCTION app.line_items_valid(lines jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(lines) = 'array' THEN
        jsonb_array_length(lines) BETWEEN 1 AND 200
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(lines) AS line
            WHERE NOT coalesce(
                jsonb_typeof(line) = 'object'
                AND line - ARRAY['description', 'quantity', 'unit_price', 'tax_rate'] = '{}'
                AND char_length(line ->> 'description') BETWEEN 1 AND 500
                AND (line ->> 'quantity')::numeric > 0
                AND (line ->> 'unit_price')::numeric IS NOT NULL
                AND (line ->> 'tax_rate')::numeric BETWEEN 0 AND 1, false)
        )
    ELSE false END
$$;

CREATE FUNCTION app.time_zone_valid(zone text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF zone !~ '^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+)+)$' THEN
        RETURN false;
    END IF;
    PERFORM timestamptz 'epoch' AT TIME ZONE zone;
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;

CREATE FUNCTION app.today() RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (clock_timestamp() AT TIME ZONE coalesce((
        SELECT i.settings ->> 'time_zone' FROM public.identities i
        WHERE i.id = nullif(current_setting('app.identity_id', true), '')::uuid
    ), 'UTC'))::date
$$;

CREATE FUNCTION app.derive_rsvp_counts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner uuid := coalesce(NEW.created_by, OLD.created_by);
    event uuid := coalesce(NEW.event_id, OLD.event_id);
    was text := CASE WHEN TG_OP <> 'INSERT' THEN OLD.status END;
    becomes text := CASE WHEN TG_OP <> 'DELETE' THEN NEW.status END;
    more integer := (becomes IS NOT DISTINCT FROM 'going')::integer - (was IS NOT DISTINCT FROM 'going')::integer;
    its_group uuid;
BEGIN
    IF was IS NOT DISTINCT FROM becomes THEN
        RETURN NULL;
    END IF;
    UPDATE public.community_events e SET
        going_count = e.going_count + more,
        maybe_count = e.maybe_count + (becomes IS NOT DISTINCT FROM 'maybe')::integer - (was IS NOT DISTINCT FROM 'maybe')::integer,
        declined_count = e.declined_count + (becomes IS NOT DISTINCT FROM 'declined')::integer - (was IS NOT DISTINCT FROM 'declined')::integer
    WHERE e.created_by = owner AND e.id = event AND (more <= 0 OR e.capacity IS NULL OR e.going_count + more <= e.capacity)
    RETURNING e.group_id INTO its_group;
    IF NOT FOUND THEN
        IF TG_OP = 'DELETE' THEN
            RETURN NULL; -- the event itself is going
        END IF;
        RAISE EXCEPTION 'the event is full' USING ERRCODE = 'CH409', DETAIL = '{"pointer": "/status", "code": "event_full"}';
    END IF;
    IF its_group IS NOT NULL AND more <> 0 THEN
        PERFORM app.count_members(owner, its_group);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION app.count_members(owner uuid, community uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM public.community_groups g WHERE g.created_by = owner AND g.id = community FOR UPDATE;
    UPDATE public.community_groups g SET member_count = n.members
    FROM (
        SELECT count(DISTINCT r.contact_id) AS members
        FROM public.community_events e JOIN app.event_rsvps r ON r.created_by = e.created_by AND r.event_id = e.id
        WHERE e.created_by = owner AND e.group_id = community AND r.status = 'going'
    ) AS n
    WHERE g.created_by = owner AND g.id = community AND g.member_count <> n.members;
END
$$;

CREATE FUNCTION app.derive_members() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF OLD.group_id IS NOT NULL AND (TG_OP = 'DELETE' OR OLD.group_id IS DISTINCT FROM NEW.group_id) THEN
        PERFORM app.count_members(OLD.created_by, OLD.group_id);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.group_id IS NOT NULL AND OLD.group_id IS DISTINCT FROM NEW.group_id THEN
        PERFORM app.count_members(NEW.created_by, NEW.group_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION app.period_start(cadence text, day date) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE cadence
        WHEN 'daily' THEN day
        WHEN 'weekly' THEN date_trunc('week', day::timestamp)::date
        ELSE date_trunc('month', day::timestamp)::date
    END
$$;

CREATE FUNCTION app.next_period(cadence text, start date) RETURNS date
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (start + CASE cadence WHEN 'daily' THEN interval '1 day' WHEN 'weekly' THEN interval '7 days' ELSE interval '1 month' END)::date
$$;

CREATE FUNCTION app.current_streak(cadence text, streak bigint, last_period date) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN last_period IS NOT NULL
        AND app.period_start(cadence, app.today()) <= app.next_period(cadence, last_period)
    THEN streak ELSE 0 END
$$;

CREATE FUNCTION app.streaks(owner uuid, habit uuid, cadence text, target bigint,
    OUT latest bigint, OUT best bigint, OUT last_period date, OUT last_day date)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH days AS (
        SELECT c.checked_in_on AS day FROM app.habit_check_ins c WHERE c.created_by = owner AND c.habit_id = habit
    ), reached AS (
        SELECT app.period_start(cadence, day) AS start FROM days GROUP BY 1 HAVING count(*) >= target
    ), runs AS (
        SELECT start, sum(broken) OVER (ORDER BY start) AS run
        FROM (
            SELECT start, CASE WHEN start = app.next_period(cadence, lag(start) OVER (ORDER BY start)) THEN 0 ELSE 1 END AS broken
            FROM reached
        ) AS marked
    ), lengths AS (
        SELECT run, count(*) AS length, max(start) AS last FROM runs GROUP BY run
    )
    SELECT coalesce((SELECT length FROM lengths ORDER BY run DESC LIMIT 1), 0),
        coalesce((SELECT max(length) FROM lengths), 0),
        (SELECT max(last) FROM lengths),
        (SELECT max(day) FROM days)
$$;

CREATE FUNCTION app.check_in_day() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.checked_in_on := coalesce(NEW.checked_in_on, app.today());
    IF NEW.checked_in_on > app.today() THEN
        RAISE EXCEPTION 'a check-in is of today or a day before'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/checked_in_on", "code": "in_the_future"}';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION app.derive_streak() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    habit record;
    s record;
BEGIN
    SELECT h.cadence, h.target_per_period INTO habit FROM public.personal_habits h
    WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id FOR UPDATE;
    s := app.streaks(NEW.created_by, NEW.habit_id, habit.cadence, habit.target_per_period);
    UPDATE public.personal_habits h
    SET current_streak = s.latest, best_streak = s.best, last_completed_period = s.last_period, last_checked_in_on = s.last_day
    WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION app.rederive_streak() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    s record;
BEGIN
    IF NEW.cadence <> OLD.cadence OR NEW.target_per_period <> OLD.target_per_period THEN
        s := app.streaks(NEW.created_by, NEW.id, NEW.cadence, NEW.target_per_period);
        NEW.current_streak := s.latest;
        NEW.best_streak := s.best;
        NEW.last_completed_period := s.last_period;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION app.uuid_v7(at timestamptz DEFAULT clock_timestamp()) RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0')
        || '7' || lpad(to_hex((mod(extract(epoch FROM at) * 1000000, 1000) * 1000 / 256)::bigint), 3, '0')
        || to_hex(8 + (get_byte(entropy, 0) & 3)) || substr(encode(entropy, 'hex'), 18, 15))::uuid
    FROM uuid_send(gen_random_uuid()) AS entropy
$$;

CREATE FUNCTION app.uuid_v7_time(id uuid) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT timestamptz 'epoch' + interval '1 millisecond'
        * (('x' || lpad(substr(replace(id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint)
$$;

CREATE FUNCTION app.actor_kind() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE coalesce(nullif(current_setting('role', true), 'none'), session_user)
        WHEN 'chenu_human' THEN 'human'
        WHEN 'chenu_agent' THEN 'agent'
        ELSE 'system'
    END
$$;

CREATE FUNCTION app.check_id(id uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() <> 'system' AND (substr(id::text, 15, 1) <> '7'
        OR abs(extract(epoch FROM clock_timestamp() - app.uuid_v7_time(id))) > 3600) THEN
        RAISE EXCEPTION 'id is not a UUIDv7 of this hour'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/id", "code": "invalid_id"}';
    END IF;
END
$$;

CREATE FUNCTION app.stamp() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.check_id(NEW.id);
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END
$$;

CREATE FUNCTION app.stamp_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM app.check_id(NEW.id);
        NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at;
        NEW.version := 1;
    ELSE
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
        NEW.version := OLD.version + 1;
    END IF;
    NEW.updated_by := nullif(current_setting('app.actor_id', true), '')::uuid;
    NEW.updated_by_kind := app.actor_kind();
    RETURN NEW;
END
$$;

CREATE FUNCTION app.uuid_v7_floor(at timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;

CREATE FUNCTION app.schema_version() RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT max(version) FROM atlas_schema_revisions.atlas_schema_revisions WHERE applied = total);
EXCEPTION WHEN undefined_table OR invalid_schema_name THEN
    RETURN '';
END
$$;

CREATE FUNCTION app.ensure_partitions(months integer DEFAULT 3) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    month timestamptz;
    name text;
    made integer := 0;
BEGIN
    IF months IS NULL OR months NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'months must be between 0 and 24' USING ERRCODE = 'CH422';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('app.ensure_partitions'));
    FOR i IN 0..months LOOP
        month := (date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => i)) AT TIME ZONE 'UTC';
        name := 'audit_logs_' || to_char(month AT TIME ZONE 'UTC', 'YYYYMM');
        CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
        -- Rows of the month that already stand in the default partition keep
        -- it from being made; they are as well kept there.
        BEGIN
            EXECUTE format('CREATE TABLE public.%I PARTITION OF public.audit_logs FOR VALUES FROM (%L) TO (%L)',
                name, app.uuid_v7_floor(month),
                app.uuid_v7_floor((month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'));
        EXCEPTION WHEN check_violation THEN
            CONTINUE;
        END;
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON public.%I
            FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate()', name);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

CREATE FUNCTION app.expire_idempotency_keys(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    DELETE FROM app.idempotency_keys WHERE (created_by, id) IN (
        SELECT k.created_by, k.id FROM app.idempotency_keys k WHERE k.expires_at < clock_timestamp() LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;

CREATE FUNCTION app.objects_valid(parts jsonb, most integer, required text[], optional text[] DEFAULT '{}') RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(parts) = 'array' THEN
        jsonb_array_length(parts) <= most
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(parts) AS part
            WHERE jsonb_typeof(part) <> 'object' OR NOT part ?& required OR part - required - optional <> '{}'
        )
    ELSE false END
$$;

CREATE FUNCTION app.playlist_items_valid(items jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(items, 1000, '{content_id,title,added_at}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(items) AS i
        WHERE char_length(i ->> 'content_id') NOT BETWEEN 1 AND 255 OR char_length(i ->> 'title') NOT BETWEEN 1 AND 300)
$$;

CREATE FUNCTION app.media_valid(media jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(media, 10, '{uri,media_type}', '{description}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(media) AS m
        WHERE char_length(m ->> 'uri') NOT BETWEEN 1 AND 2048 OR char_length(m ->> 'media_type') NOT BETWEEN 3 AND 127
            OR char_length(m ->> 'description') NOT BETWEEN 1 AND 2000)
$$;

CREATE FUNCTION app.evidence_valid(evidence jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(evidence, 100, '{uri,sha256}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(evidence) AS e
        WHERE char_length(e ->> 'uri') NOT BETWEEN 1 AND 2048 OR e ->> 'sha256' !~ '^[0-9a-f]{64}$')
$$;

CREATE FUNCTION app.sections_valid(sections jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(sections, 200, '{id,heading,body,position}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(sections) AS s
        WHERE char_length(s ->> 'id') NOT BETWEEN 1 AND 64 OR char_length(s ->> 'heading') NOT BETWEEN 1 AND 300
            OR char_length(s ->> 'body') > 200000 OR jsonb_typeof(s -> 'position') <> 'number'
    ) AND (
        SELECT count(*) = count(DISTINCT s ->> 'id') AND count(*) = count(DISTINCT s -> 'position')
        FROM jsonb_array_elements(sections) AS s)
$$;

CREATE FUNCTION app.word_count(sections jsonb) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(sum(
        regexp_count(coalesce(s ->> 'heading', ''), '\S+') + regexp_count(coalesce(s ->> 'body', ''), '\S+')), 0)::bigint
    FROM jsonb_array_elements(CASE WHEN jsonb_typeof(sections) = 'array' THEN sections ELSE '[]' END) AS s
$$;

CREATE FUNCTION app.refuse_past() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (TG_OP = 'INSERT' OR NEW.scheduled_at <> OLD.scheduled_at) AND NEW.scheduled_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'a schedule is in the future when it is set'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/scheduled_at", "code": "in_the_past"}';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION app.complete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.status <> 'done' THEN
        NEW.completed_at := NULL;
    ELSIF TG_OP = 'INSERT' OR OLD.status <> 'done' THEN
        NEW.completed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION app.hire() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() = 'agent' THEN
        RAISE EXCEPTION 'only a human hires, changes or dismisses agents' USING ERRCODE = 'CH403';
    END IF;
    IF TG_OP = 'INSERT' THEN
        NEW.hired_by := NEW.created_by;
        NEW.hired_at := clock_timestamp();
        NEW.hire_checkpoint_id := nullif(current_setting('app.checkpoint_id', true), '')::uuid;
    ELSIF NEW.status = 'active' AND OLD.status <> 'active' THEN
        NEW.hire_checkpoint_id := nullif(current_setting('app.checkpoint_id', true), '')::uuid;
    END IF;
    IF NEW.status <> 'dismissed' THEN
        NEW.dismissed_by := NULL;
        NEW.dismissed_at := NULL;
        NEW.dismiss_reason := NULL;
    ELSIF TG_OP = 'INSERT' OR OLD.status <> 'dismissed' THEN
        NEW.dismissed_by := NEW.created_by;
        NEW.dismissed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION app.assign() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
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

CREATE FUNCTION app.texts_valid(texts text[], most integer, longest integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT cardinality(texts) <= most
        AND coalesce(array_ndims(texts), 1) = 1
        AND NOT EXISTS (SELECT FROM unnest(texts) AS t WHERE t IS NULL OR char_length(t) NOT BETWEEN 1 AND longest)
$$;

CREATE TABLE "public"."audit_logs" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "actor_id" uuid NULL,
    "actor_kind" text NOT NULL,
    "action" text NOT NULL,
    "outcome" text NOT NULL,
    "resource_type" text NOT NULL,
    "resource_id" uuid NULL,
    "sphere" text NULL,
    "before" jsonb NULL,
    "after" jsonb NULL,
    "details" jsonb NOT NULL DEFAULT '{}',
    "checkpoint_id" uuid NULL,
    "request_id" uuid NULL,
    "traceparent" text NULL,
    "session_id" uuid NULL,
    "ip" text NULL,
    "user_agent" text NULL,
    "db_role" text NOT NULL,
    "content_salt" bytea NULL,
    "content_digest" bytea NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "audit_logs_action_check" CHECK (action IN ('login', 'logout', 'credential_change', 'create', 'read', 'update', 'delete', 'checkpoint_requested', 'checkpoint_approved', 'checkpoint_rejected', 'checkpoint_expired', 'checkpoint_consumed', 'agent_hired', 'agent_dismissed')),
    CONSTRAINT "audit_logs_actor_kind_check" CHECK (actor_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "audit_logs_outcome_check" CHECK (outcome IN ('success', 'denied', 'failed')),
    CONSTRAINT "audit_logs_resource_type_check" CHECK (char_length(resource_type) BETWEEN 1 AND 64),
    CONSTRAINT "audit_logs_sphere_check" CHECK (sphere IN ('personal', 'business', 'creative_studio', 'entertainment', 'community', 'social', 'scholar', 'government', 'my_team')),
    CONSTRAINT "audit_logs_user_agent_check" CHECK (char_length(user_agent) <= 400)
) PARTITION BY RANGE ("id");

CREATE INDEX "audit_logs_action_id_idx" ON "public"."audit_logs" ("created_by", "action", "id");

CREATE INDEX "audit_logs_actor_id_id_idx" ON "public"."audit_logs" ("created_by", "actor_id", "id");

CREATE INDEX "audit_logs_resource_type_resource_id_id_idx" ON "public"."audit_logs" ("created_by", "resource_type", "resource_id", "id");

CREATE TABLE "public"."business_contacts" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "email" text NULL,
    "phone" text NULL,
    "company" text NULL,
    "job_title" text NULL,
    "lead_score" bigint NOT NULL DEFAULT 0,
    "lead_status" text NOT NULL DEFAULT 'new',
    "source" text NULL,
    "tags" text[] NOT NULL DEFAULT '{}',
    "notes" text NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "business_contacts_company_check" CHECK (char_length(company) BETWEEN 1 AND 200),
    CONSTRAINT "business_contacts_email_check" CHECK (char_length(email) BETWEEN 1 AND 320),
    CONSTRAINT "business_contacts_job_title_check" CHECK (char_length(job_title) BETWEEN 1 AND 200),
    CONSTRAINT "business_contacts_lead_score_check" CHECK (lead_score BETWEEN 0 AND 100),
    CONSTRAINT "business_contacts_lead_status_check" CHECK (lead_status IN ('new', 'contacted', 'qualified', 'proposal', 'won', 'lost')),
    CONSTRAINT "business_contacts_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "business_contacts_notes_check" CHECK (char_length(notes) BETWEEN 1 AND 20000),
    CONSTRAINT "business_contacts_phone_check" CHECK (char_length(phone) BETWEEN 1 AND 16),
    CONSTRAINT "business_contacts_phone_format" CHECK (phone ~ '^([+][1-9][0-9]{1,14})$'),
    CONSTRAINT "business_contacts_source_check" CHECK (char_length(source) BETWEEN 1 AND 200),
    CONSTRAINT "business_contacts_tags_check" CHECK (app.texts_valid(tags, 64, 64)),
    CONSTRAINT "business_contacts_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "business_contacts_version_check" CHECK (version >= 1)
);

CREATE INDEX "business_contacts_company_id_idx" ON "public"."business_contacts" ("created_by", "company", "id");

CREATE INDEX "business_contacts_email_id_idx" ON "public"."business_contacts" ("created_by", "email", "id");

CREATE INDEX "business_contacts_lead_status_id_idx" ON "public"."business_contacts" ("created_by", "lead_status", "id");

CREATE TABLE "public"."business_invoices" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "number" text NOT NULL,
    "currency" text NOT NULL,
    "line_items" jsonb NOT NULL,
    "subtotal" numeric(14,2) NOT NULL GENERATED ALWAYS AS (app.line_items_subtotal(line_items)) STORED,
    "tax_total" numeric(14,2) NOT NULL GENERATED ALWAYS AS (app.line_items_tax(line_items)) STORED,
    "total" numeric(14,2) NOT NULL GENERATED ALWAYS AS (app.line_items_subtotal(line_items) + app.line_items_tax(line_items)) STORED,
    "status" text NOT NULL DEFAULT 'draft',
    "issued_on" date NULL,
    "due_on" date NULL,
    "paid_at" timestamptz NULL,
    "contact_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "business_invoices_currency_check" CHECK (char_length(currency) BETWEEN 3 AND 3),
    CONSTRAINT "business_invoices_currency_format" CHECK (currency ~ '^([A-Z]{3})$'),
    CONSTRAINT "business_invoices_due_on_order" CHECK (due_on >= issued_on),
    CONSTRAINT "business_invoices_line_items_valid" CHECK (app.line_items_valid(line_items)),
    CONSTRAINT "business_invoices_number_check" CHECK (char_length(number) BETWEEN 1 AND 50),
    CONSTRAINT "business_invoices_paid_at_status" CHECK (paid_at IS NULL OR status IN ('paid', 'void')),
    CONSTRAINT "business_invoices_status_check" CHECK (status IN ('draft', 'sent', 'paid', 'void')),
    CONSTRAINT "business_invoices_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "business_invoices_version_check" CHECK (version >= 1)
);

CREATE INDEX "business_invoices_contact_id_id_idx" ON "public"."business_invoices" ("created_by", "contact_id", "id");

CREATE INDEX "business_invoices_due_on_id_idx" ON "public"."business_invoices" ("created_by", "due_on", "id");

CREATE UNIQUE INDEX "business_invoices_number_key" ON "public"."business_invoices" ("created_by", "number");

CREATE INDEX "business_invoices_status_id_idx" ON "public"."business_invoices" ("created_by", "status", "id");

CREATE TABLE "public"."business_projects" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "description" text NULL,
    "status" text NOT NULL DEFAULT 'planned',
    "starts_on" date NULL,
    "ends_on" date NULL,
    "budget" numeric(14,2) NULL,
    "currency" text NULL,
    "progress" bigint NOT NULL DEFAULT 0,
    "contact_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "business_projects_budget_check" CHECK (budget >= 0),
    CONSTRAINT "business_projects_budget_currency" CHECK (budget IS NULL OR currency IS NOT NULL),
    CONSTRAINT "business_projects_currency_check" CHECK (char_length(currency) BETWEEN 1 AND 3),
    CONSTRAINT "business_projects_currency_format" CHECK (currency ~ '^([A-Z]{3})$'),
    CONSTRAINT "business_projects_description_check" CHECK (char_length(description) BETWEEN 1 AND 20000),
    CONSTRAINT "business_projects_ends_on_order" CHECK (ends_on >= starts_on),
    CONSTRAINT "business_projects_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "business_projects_progress_check" CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT "business_projects_status_check" CHECK (status IN ('planned', 'active', 'on_hold', 'done', 'cancelled')),
    CONSTRAINT "business_projects_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "business_projects_version_check" CHECK (version >= 1)
);

CREATE INDEX "business_projects_contact_id_id_idx" ON "public"."business_projects" ("created_by", "contact_id", "id");

CREATE INDEX "business_projects_ends_on_id_idx" ON "public"."business_projects" ("created_by", "ends_on", "id");

CREATE INDEX "business_projects_starts_on_id_idx" ON "public"."business_projects" ("created_by", "starts_on", "id");

CREATE INDEX "business_projects_status_id_idx" ON "public"."business_projects" ("created_by", "status", "id");

CREATE TABLE "public"."checkpoints" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "sphere" text NULL,
    "type" text NOT NULL,
    "status" text NOT NULL DEFAULT 'pending',
    "action" text NOT NULL,
    "resource_type" text NOT NULL,
    "resource_id" uuid NULL,
    "resource_version" bigint NULL,
    "payload" jsonb NULL,
    "digest" bytea NOT NULL,
    "reason" text NULL,
    "requested_by" uuid NOT NULL,
    "requested_by_kind" text NOT NULL,
    "decided_by" uuid NULL,
    "decided_at" timestamptz NULL,
    "expires_at" timestamptz NOT NULL,
    "use_before" timestamptz NULL,
    "consumed_at" timestamptz NULL,
    "thread_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "checkpoints_action_check" CHECK (char_length(action) BETWEEN 1 AND 120),
    CONSTRAINT "checkpoints_consumed" CHECK (consumed_at IS NULL OR status = 'approved'),
    CONSTRAINT "checkpoints_decided" CHECK ((decided_at IS NOT NULL) = (status IN ('approved', 'rejected'))),
    CONSTRAINT "checkpoints_digest" CHECK (octet_length(digest) = 32),
    CONSTRAINT "checkpoints_expiry" CHECK (expires_at <= created_at + interval '7 days 1 minute'),
    CONSTRAINT "checkpoints_payload_check" CHECK (pg_column_size(payload) <= 1048576),
    CONSTRAINT "checkpoints_reason" CHECK (status <> 'rejected' OR reason IS NOT NULL),
    CONSTRAINT "checkpoints_reason_check" CHECK (char_length(reason) BETWEEN 1 AND 2000),
    CONSTRAINT "checkpoints_requested_by_kind_check" CHECK (requested_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "checkpoints_resource_type_check" CHECK (char_length(resource_type) BETWEEN 1 AND 64),
    CONSTRAINT "checkpoints_sphere_check" CHECK (sphere IN ('personal', 'business', 'creative_studio', 'entertainment', 'community', 'social', 'scholar', 'government', 'my_team')),
    CONSTRAINT "checkpoints_status_check" CHECK (status IN ('pending', 'approved', 'rejected', 'expired')),
    CONSTRAINT "checkpoints_type_check" CHECK (type IN ('governance', 'cost', 'identity', 'sensitive', 'cross_sphere')),
    CONSTRAINT "checkpoints_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "checkpoints_version_check" CHECK (version >= 1)
);

CREATE UNIQUE INDEX "checkpoints_digest_requested_by_key" ON "public"."checkpoints" ("created_by", "digest", "requested_by") WHERE status = 'pending';

CREATE INDEX "checkpoints_resource_type_resource_id_id_idx" ON "public"."checkpoints" ("created_by", "resource_type", "resource_id", "id");

CREATE INDEX "checkpoints_status_id_idx" ON "public"."checkpoints" ("created_by", "status", "id");

CREATE INDEX "checkpoints_thread_id_id_idx" ON "public"."checkpoints" ("created_by", "thread_id", "id");

CREATE TABLE "public"."community_events" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "title" text NOT NULL,
    "description" text NULL,
    "starts_at" timestamptz NOT NULL,
    "ends_at" timestamptz NOT NULL,
    "time_zone" text NOT NULL,
    "location" text NULL,
    "online_url" text NULL,
    "capacity" bigint NULL,
    "status" text NOT NULL DEFAULT 'scheduled',
    "going_count" bigint NOT NULL DEFAULT 0,
    "maybe_count" bigint NOT NULL DEFAULT 0,
    "declined_count" bigint NOT NULL DEFAULT 0,
    "group_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "community_events_capacity" CHECK (going_count <= capacity),
    CONSTRAINT "community_events_capacity_check" CHECK (capacity BETWEEN 1 AND 1e+06),
    CONSTRAINT "community_events_declined_count_check" CHECK (declined_count >= 0),
    CONSTRAINT "community_events_description_check" CHECK (char_length(description) BETWEEN 1 AND 20000),
    CONSTRAINT "community_events_ends_at_order" CHECK (ends_at > starts_at),
    CONSTRAINT "community_events_going_count_check" CHECK (going_count >= 0),
    CONSTRAINT "community_events_location_check" CHECK (char_length(location) BETWEEN 1 AND 500),
    CONSTRAINT "community_events_maybe_count_check" CHECK (maybe_count >= 0),
    CONSTRAINT "community_events_online_url_check" CHECK (char_length(online_url) BETWEEN 1 AND 2048),
    CONSTRAINT "community_events_status_check" CHECK (status IN ('scheduled', 'cancelled', 'done')),
    CONSTRAINT "community_events_time_zone" CHECK (app.time_zone_valid(time_zone)),
    CONSTRAINT "community_events_time_zone_check" CHECK (char_length(time_zone) BETWEEN 1 AND 64),
    CONSTRAINT "community_events_title_check" CHECK (char_length(title) BETWEEN 1 AND 300),
    CONSTRAINT "community_events_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "community_events_version_check" CHECK (version >= 1)
);

CREATE INDEX "community_events_group_id_id_idx" ON "public"."community_events" ("created_by", "group_id", "id");

CREATE INDEX "community_events_starts_at_id_idx" ON "public"."community_events" ("created_by", "starts_at", "id");

CREATE TABLE "public"."community_groups" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "description" text NULL,
    "kind" text NOT NULL DEFAULT 'interest',
    "visibility" text NOT NULL DEFAULT 'private',
    "settings" jsonb NOT NULL DEFAULT '{}',
    "rules" text NULL,
    "member_count" bigint NOT NULL DEFAULT 0,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "community_groups_description_check" CHECK (char_length(description) BETWEEN 1 AND 20000),
    CONSTRAINT "community_groups_kind_check" CHECK (kind IN ('interest', 'neighbourhood', 'professional', 'support', 'club', 'other')),
    CONSTRAINT "community_groups_member_count_check" CHECK (member_count >= 0),
    CONSTRAINT "community_groups_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "community_groups_rules_check" CHECK (char_length(rules) BETWEEN 1 AND 20000),
    CONSTRAINT "community_groups_settings" CHECK (jsonb_typeof(settings) = 'object'),
    CONSTRAINT "community_groups_settings_check" CHECK (pg_column_size(settings) <= 16384),
    CONSTRAINT "community_groups_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "community_groups_version_check" CHECK (version >= 1),
    CONSTRAINT "community_groups_visibility_check" CHECK (visibility IN ('private', 'semi_private', 'public'))
);

CREATE INDEX "community_groups_kind_id_idx" ON "public"."community_groups" ("created_by", "kind", "id");

CREATE TABLE "public"."creative_assets" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "kind" text NOT NULL,
    "uri" text NOT NULL,
    "media_type" text NOT NULL,
    "size_bytes" bigint NOT NULL,
    "sha256" text NULL,
    "ai_generated" boolean NOT NULL DEFAULT false,
    "prompt" text NULL,
    "negative_prompt" text NULL,
    "model" text NULL,
    "parameters" jsonb NOT NULL DEFAULT '{}',
    "random_seed" bigint NULL,
    "licence" text NULL,
    "project_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "creative_assets_kind_check" CHECK (kind IN ('image', 'video', 'audio', 'text', 'model_3d')),
    CONSTRAINT "creative_assets_licence_check" CHECK (char_length(licence) BETWEEN 1 AND 200),
    CONSTRAINT "creative_assets_media_type_check" CHECK (char_length(media_type) BETWEEN 3 AND 127),
    CONSTRAINT "creative_assets_media_type_format" CHECK (media_type ~ '^([a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,62}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,62})$'),
    CONSTRAINT "creative_assets_model_check" CHECK (char_length(model) BETWEEN 1 AND 200),
    CONSTRAINT "creative_assets_name_check" CHECK (char_length(name) BETWEEN 1 AND 300),
    CONSTRAINT "creative_assets_negative_prompt_check" CHECK (char_length(negative_prompt) BETWEEN 1 AND 20000),
    CONSTRAINT "creative_assets_parameters" CHECK (jsonb_typeof(parameters) = 'object'),
    CONSTRAINT "creative_assets_parameters_check" CHECK (pg_column_size(parameters) <= 16384),
    CONSTRAINT "creative_assets_prompt" CHECK (NOT ai_generated OR prompt IS NOT NULL),
    CONSTRAINT "creative_assets_prompt_check" CHECK (char_length(prompt) BETWEEN 1 AND 20000),
    CONSTRAINT "creative_assets_random_seed_check" CHECK (random_seed BETWEEN 0 AND 9.007199254740991e+15),
    CONSTRAINT "creative_assets_sha256_check" CHECK (char_length(sha256) BETWEEN 1 AND 64),
    CONSTRAINT "creative_assets_sha256_format" CHECK (sha256 ~ '^([0-9a-f]{64})$'),
    CONSTRAINT "creative_assets_size_bytes_check" CHECK (size_bytes BETWEEN 0 AND 1.125899906842624e+15),
    CONSTRAINT "creative_assets_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "creative_assets_uri_check" CHECK (char_length(uri) BETWEEN 1 AND 2048),
    CONSTRAINT "creative_assets_version_check" CHECK (version >= 1)
);

CREATE INDEX "creative_assets_kind_id_idx" ON "public"."creative_assets" ("created_by", "kind", "id");

CREATE INDEX "creative_assets_project_id_id_idx" ON "public"."creative_assets" ("created_by", "project_id", "id");

CREATE TABLE "public"."creative_projects" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "description" text NULL,
    "status" text NOT NULL DEFAULT 'active',
    "cover_asset_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "creative_projects_description_check" CHECK (char_length(description) BETWEEN 1 AND 20000),
    CONSTRAINT "creative_projects_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "creative_projects_status_check" CHECK (status IN ('active', 'paused', 'done', 'archived')),
    CONSTRAINT "creative_projects_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "creative_projects_version_check" CHECK (version >= 1)
);

CREATE INDEX "creative_projects_cover_asset_id_id_idx" ON "public"."creative_projects" ("created_by", "cover_asset_id", "id");

CREATE INDEX "creative_projects_status_id_idx" ON "public"."creative_projects" ("created_by", "status", "id");

CREATE TABLE "public"."entertainment_playlists" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "kind" text NOT NULL DEFAULT 'mixed',
    "visibility" text NOT NULL DEFAULT 'private',
    "items" jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "entertainment_playlists_items_valid" CHECK (app.playlist_items_valid(items)),
    CONSTRAINT "entertainment_playlists_kind_check" CHECK (kind IN ('video', 'music', 'podcast', 'mixed')),
    CONSTRAINT "entertainment_playlists_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "entertainment_playlists_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "entertainment_playlists_version_check" CHECK (version >= 1),
    CONSTRAINT "entertainment_playlists_visibility_check" CHECK (visibility IN ('private', 'semi_private', 'public'))
);

CREATE INDEX "entertainment_playlists_kind_id_idx" ON "public"."entertainment_playlists" ("created_by", "kind", "id");

CREATE TABLE "public"."entertainment_stream_history" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "content_id" text NOT NULL,
    "content_type" text NOT NULL,
    "title" text NOT NULL,
    "started_at" timestamptz NOT NULL,
    "watched_seconds" bigint NOT NULL,
    "duration_seconds" bigint NULL,
    "device" text NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "entertainment_stream_history_content_id_check" CHECK (char_length(content_id) BETWEEN 1 AND 255),
    CONSTRAINT "entertainment_stream_history_content_type_check" CHECK (content_type IN ('movie', 'series', 'video', 'music', 'podcast', 'audiobook', 'live', 'other')),
    CONSTRAINT "entertainment_stream_history_device_check" CHECK (char_length(device) BETWEEN 1 AND 200),
    CONSTRAINT "entertainment_stream_history_duration_seconds_check" CHECK (duration_seconds BETWEEN 0 AND 1e+09),
    CONSTRAINT "entertainment_stream_history_title_check" CHECK (char_length(title) BETWEEN 1 AND 300),
    CONSTRAINT "entertainment_stream_history_watched_seconds_check" CHECK (watched_seconds BETWEEN 0 AND 1e+09)
);

CREATE INDEX "entertainment_stream_history_started_at_id_idx" ON "public"."entertainment_stream_history" ("created_by", "started_at", "id");

CREATE TABLE "public"."government_clinical_trials" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "registry_id" text NOT NULL,
    "title" text NOT NULL,
    "phase" text NOT NULL DEFAULT 'not_applicable',
    "status" text NOT NULL DEFAULT 'planned',
    "sponsor" text NULL,
    "starts_on" date NULL,
    "ends_on" date NULL,
    "target_enrollment" bigint NOT NULL DEFAULT 0,
    "enrolled" bigint NOT NULL DEFAULT 0,
    "ethics_reference" text NULL,
    "ethics_approved_on" date NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "government_clinical_trials_ends_on_order" CHECK (ends_on >= starts_on),
    CONSTRAINT "government_clinical_trials_enrolled" CHECK (enrolled <= target_enrollment),
    CONSTRAINT "government_clinical_trials_enrolled_check" CHECK (enrolled BETWEEN 0 AND 1e+07),
    CONSTRAINT "government_clinical_trials_ethics" CHECK (status IN ('planned', 'withdrawn') OR (ethics_reference IS NOT NULL AND ethics_approved_on IS NOT NULL)),
    CONSTRAINT "government_clinical_trials_ethics_reference_check" CHECK (char_length(ethics_reference) BETWEEN 1 AND 200),
    CONSTRAINT "government_clinical_trials_phase_check" CHECK (phase IN ('early_phase_1', 'phase_1', 'phase_1_2', 'phase_2', 'phase_2_3', 'phase_3', 'phase_4', 'not_applicable')),
    CONSTRAINT "government_clinical_trials_registry" CHECK (registry_id ~ '^(NCT[0-9]{8}|ISRCTN[0-9]{8})$' OR registry_id !~ '^(NCT|ISRCTN)'),
    CONSTRAINT "government_clinical_trials_registry_id_check" CHECK (char_length(registry_id) BETWEEN 1 AND 50),
    CONSTRAINT "government_clinical_trials_registry_id_format" CHECK (registry_id ~ '^([A-Za-z0-9][A-Za-z0-9./-]{2,49})$'),
    CONSTRAINT "government_clinical_trials_sponsor_check" CHECK (char_length(sponsor) BETWEEN 1 AND 300),
    CONSTRAINT "government_clinical_trials_status_check" CHECK (status IN ('planned', 'recruiting', 'active', 'suspended', 'completed', 'terminated', 'withdrawn')),
    CONSTRAINT "government_clinical_trials_target_enrollment_check" CHECK (target_enrollment BETWEEN 0 AND 1e+07),
    CONSTRAINT "government_clinical_trials_title_check" CHECK (char_length(title) BETWEEN 1 AND 1000),
    CONSTRAINT "government_clinical_trials_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "government_clinical_trials_version_check" CHECK (version >= 1)
);

CREATE UNIQUE INDEX "government_clinical_trials_registry_id_key" ON "public"."government_clinical_trials" ("created_by", "registry_id");

CREATE INDEX "government_clinical_trials_status_id_idx" ON "public"."government_clinical_trials" ("created_by", "status", "id");

CREATE TABLE "public"."government_compliance" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "regulation" text NOT NULL,
    "authority" text NOT NULL,
    "identifier" text NULL,
    "status" text NOT NULL DEFAULT 'pending',
    "effective_on" date NULL,
    "expires_on" date NULL,
    "evidence" jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "government_compliance_authority_check" CHECK (char_length(authority) BETWEEN 1 AND 300),
    CONSTRAINT "government_compliance_evidence_valid" CHECK (app.evidence_valid(evidence)),
    CONSTRAINT "government_compliance_expires_on_order" CHECK (expires_on >= effective_on),
    CONSTRAINT "government_compliance_identifier_check" CHECK (char_length(identifier) BETWEEN 1 AND 200),
    CONSTRAINT "government_compliance_name_check" CHECK (char_length(name) BETWEEN 1 AND 300),
    CONSTRAINT "government_compliance_regulation_check" CHECK (char_length(regulation) BETWEEN 1 AND 300),
    CONSTRAINT "government_compliance_status_check" CHECK (status IN ('pending', 'active', 'waived')),
    CONSTRAINT "government_compliance_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "government_compliance_version_check" CHECK (version >= 1)
);

CREATE INDEX "government_compliance_expires_on_id_idx" ON "public"."government_compliance" ("created_by", "expires_on", "id");

CREATE INDEX "government_compliance_status_id_idx" ON "public"."government_compliance" ("created_by", "status", "id");

CREATE TABLE "public"."identities" (
    "id" uuid NOT NULL,
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "email" text NOT NULL,
    "name" text NOT NULL,
    "hashed_password" text NULL,
    "settings" jsonb NOT NULL DEFAULT '{}',
    "email_verified_at" timestamptz NULL,
    "status" text NOT NULL DEFAULT 'active',
    "failed_logins" bigint NOT NULL DEFAULT 0,
    "locked_until" timestamptz NULL,
    "password_changed_at" timestamptz NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY ("id"),
    CONSTRAINT "identities_email_check" CHECK (char_length(email) BETWEEN 3 AND 320),
    CONSTRAINT "identities_failed_logins_check" CHECK (failed_logins >= 0),
    CONSTRAINT "identities_hashed_password_format" CHECK (hashed_password ~ '^([$]argon2id[$].*)$'),
    CONSTRAINT "identities_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "identities_settings_check" CHECK (pg_column_size(settings) <= 16384),
    CONSTRAINT "identities_settings_object" CHECK (jsonb_typeof(settings) = 'object'),
    CONSTRAINT "identities_status_check" CHECK (status IN ('active', 'locked', 'erased')),
    CONSTRAINT "identities_time_zone" CHECK (NOT settings ? 'time_zone' OR app.time_zone_valid(settings ->> 'time_zone')),
    CONSTRAINT "identities_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "identities_version_check" CHECK (version >= 1)
);

CREATE UNIQUE INDEX "identities_email" ON "public"."identities" ((lower(email)));

CREATE TABLE "public"."personal_habits" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "cadence" text NOT NULL DEFAULT 'daily',
    "target_per_period" bigint NOT NULL DEFAULT 1,
    "current_streak" bigint NOT NULL DEFAULT 0,
    "best_streak" bigint NOT NULL DEFAULT 0,
    "last_completed_period" date NULL,
    "last_checked_in_on" date NULL,
    "active" boolean NOT NULL DEFAULT true,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "personal_habits_best_streak_check" CHECK (best_streak >= 0),
    CONSTRAINT "personal_habits_cadence_check" CHECK (cadence IN ('daily', 'weekly', 'monthly')),
    CONSTRAINT "personal_habits_current_streak_check" CHECK (current_streak >= 0),
    CONSTRAINT "personal_habits_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "personal_habits_target_per_period_check" CHECK (target_per_period BETWEEN 1 AND 50),
    CONSTRAINT "personal_habits_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "personal_habits_version_check" CHECK (version >= 1)
);

CREATE TABLE "public"."personal_notes" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "title" text NOT NULL,
    "content" text NOT NULL DEFAULT '',
    "folder" text NULL,
    "tags" text[] NOT NULL DEFAULT '{}',
    "pinned" boolean NOT NULL DEFAULT false,
    "search" tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', coalesce(title, '') || ' ' || coalesce(content, ''))) STORED,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "personal_notes_content_check" CHECK (char_length(content) <= 200000),
    CONSTRAINT "personal_notes_folder_check" CHECK (char_length(folder) BETWEEN 1 AND 255),
    CONSTRAINT "personal_notes_tags_check" CHECK (app.texts_valid(tags, 64, 64)),
    CONSTRAINT "personal_notes_title_check" CHECK (char_length(title) BETWEEN 1 AND 300),
    CONSTRAINT "personal_notes_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "personal_notes_version_check" CHECK (version >= 1)
);

CREATE INDEX "personal_notes_folder_id_idx" ON "public"."personal_notes" ("created_by", "folder", "id");

CREATE TABLE "public"."personal_tasks" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "title" text NOT NULL,
    "description" text NULL,
    "status" text NOT NULL DEFAULT 'todo',
    "priority" text NOT NULL DEFAULT 'normal',
    "due_at" timestamptz NULL,
    "completed_at" timestamptz NULL,
    "tags" text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "personal_tasks_completed_at_status" CHECK ((status = 'done') = (completed_at IS NOT NULL)),
    CONSTRAINT "personal_tasks_description_check" CHECK (char_length(description) BETWEEN 1 AND 20000),
    CONSTRAINT "personal_tasks_priority_check" CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    CONSTRAINT "personal_tasks_status_check" CHECK (status IN ('todo', 'in_progress', 'done', 'cancelled')),
    CONSTRAINT "personal_tasks_tags_check" CHECK (app.texts_valid(tags, 64, 64)),
    CONSTRAINT "personal_tasks_title_check" CHECK (char_length(title) BETWEEN 1 AND 300),
    CONSTRAINT "personal_tasks_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "personal_tasks_version_check" CHECK (version >= 1)
);

CREATE INDEX "personal_tasks_due_at_id_idx" ON "public"."personal_tasks" ("created_by", "due_at", "id");

CREATE INDEX "personal_tasks_status_id_idx" ON "public"."personal_tasks" ("created_by", "status", "id");

CREATE TABLE "public"."scholar_manuscripts" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "title" text NOT NULL,
    "abstract" text NULL,
    "sections" jsonb NOT NULL DEFAULT '[]',
    "status" text NOT NULL DEFAULT 'draft',
    "target_journal" text NULL,
    "submitted_at" timestamptz NULL,
    "word_count" bigint NOT NULL GENERATED ALWAYS AS (app.word_count(sections)) STORED,
    "co_authors" text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "scholar_manuscripts_abstract_check" CHECK (char_length(abstract) BETWEEN 1 AND 20000),
    CONSTRAINT "scholar_manuscripts_co_authors_check" CHECK (app.texts_valid(co_authors, 200, 300)),
    CONSTRAINT "scholar_manuscripts_sections_valid" CHECK (app.sections_valid(sections)),
    CONSTRAINT "scholar_manuscripts_status_check" CHECK (status IN ('draft', 'in_review', 'submitted', 'revision', 'accepted', 'rejected', 'published')),
    CONSTRAINT "scholar_manuscripts_target_journal_check" CHECK (char_length(target_journal) BETWEEN 1 AND 500),
    CONSTRAINT "scholar_manuscripts_title_check" CHECK (char_length(title) BETWEEN 1 AND 1000),
    CONSTRAINT "scholar_manuscripts_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "scholar_manuscripts_version_check" CHECK (version >= 1)
);

CREATE INDEX "scholar_manuscripts_status_id_idx" ON "public"."scholar_manuscripts" ("created_by", "status", "id");

CREATE INDEX "scholar_manuscripts_submitted_at_id_idx" ON "public"."scholar_manuscripts" ("created_by", "submitted_at", "id");

CREATE TABLE "public"."scholar_references" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "title" text NOT NULL,
    "authors" text[] NOT NULL,
    "year" bigint NULL,
    "kind" text NOT NULL DEFAULT 'article',
    "container_title" text NULL,
    "volume" text NULL,
    "issue" text NULL,
    "pages" text NULL,
    "doi" text NULL,
    "url" text NULL,
    "abstract" text NULL,
    "citation_key" text NOT NULL,
    "search" tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', coalesce(title, '') || ' ' || coalesce(abstract, ''))) STORED,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "scholar_references_abstract_check" CHECK (char_length(abstract) BETWEEN 1 AND 20000),
    CONSTRAINT "scholar_references_authors_check" CHECK (app.texts_valid(authors, 200, 300)),
    CONSTRAINT "scholar_references_citation_key_check" CHECK (char_length(citation_key) BETWEEN 1 AND 100),
    CONSTRAINT "scholar_references_citation_key_format" CHECK (citation_key ~ '^([A-Za-z0-9][A-Za-z0-9_:.+/-]*)$'),
    CONSTRAINT "scholar_references_container_title_check" CHECK (char_length(container_title) BETWEEN 1 AND 500),
    CONSTRAINT "scholar_references_doi_check" CHECK (char_length(doi) BETWEEN 1 AND 300),
    CONSTRAINT "scholar_references_doi_format" CHECK (doi ~ '^(10[.][0-9]{4,9}/[^[:space:]]+)$'),
    CONSTRAINT "scholar_references_issue_check" CHECK (char_length(issue) BETWEEN 1 AND 50),
    CONSTRAINT "scholar_references_kind_check" CHECK (kind IN ('article', 'book', 'chapter', 'thesis', 'preprint', 'dataset', 'web')),
    CONSTRAINT "scholar_references_pages_check" CHECK (char_length(pages) BETWEEN 1 AND 50),
    CONSTRAINT "scholar_references_title_check" CHECK (char_length(title) BETWEEN 1 AND 1000),
    CONSTRAINT "scholar_references_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "scholar_references_url_check" CHECK (char_length(url) BETWEEN 1 AND 2048),
    CONSTRAINT "scholar_references_version_check" CHECK (version >= 1),
    CONSTRAINT "scholar_references_volume_check" CHECK (char_length(volume) BETWEEN 1 AND 50),
    CONSTRAINT "scholar_references_year_check" CHECK (year BETWEEN 1400 AND 2200)
);

CREATE UNIQUE INDEX "scholar_references_citation_key_key" ON "public"."scholar_references" ("created_by", "citation_key");

CREATE UNIQUE INDEX "scholar_references_doi_key" ON "public"."scholar_references" ("created_by", (lower(doi)));

CREATE INDEX "scholar_references_year_id_idx" ON "public"."scholar_references" ("created_by", "year", "id");

CREATE TABLE "public"."social_posts" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "body" text NOT NULL,
    "media" jsonb NOT NULL DEFAULT '[]',
    "visibility" text NOT NULL DEFAULT 'private',
    "published_at" timestamptz NULL,
    "reply_to_id" uuid NULL,
    "thread_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "social_posts_reply_to_id_fkey" FOREIGN KEY ("created_by", "reply_to_id") REFERENCES "public"."social_posts" ("created_by", "id"),
    CONSTRAINT "social_posts_body_check" CHECK (char_length(body) BETWEEN 1 AND 10000),
    CONSTRAINT "social_posts_media_valid" CHECK (app.media_valid(media)),
    CONSTRAINT "social_posts_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "social_posts_version_check" CHECK (version >= 1),
    CONSTRAINT "social_posts_visibility_check" CHECK (visibility IN ('private', 'semi_private', 'public'))
);

CREATE INDEX "social_posts_published_at_id_idx" ON "public"."social_posts" ("created_by", "published_at", "id");

CREATE INDEX "social_posts_reply_to_id_id_idx" ON "public"."social_posts" ("created_by", "reply_to_id", "id");

CREATE INDEX "social_posts_thread_id_id_idx" ON "public"."social_posts" ("created_by", "thread_id", "id");

CREATE TABLE "public"."social_schedules" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "platform" text NOT NULL,
    "scheduled_at" timestamptz NOT NULL,
    "status" text NOT NULL DEFAULT 'scheduled',
    "attempts" bigint NOT NULL DEFAULT 0,
    "last_error" text NULL,
    "external_id" text NULL,
    "post_id" uuid NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "social_schedules_attempts_check" CHECK (attempts BETWEEN 0 AND 10),
    CONSTRAINT "social_schedules_external_id_check" CHECK (char_length(external_id) BETWEEN 1 AND 255),
    CONSTRAINT "social_schedules_last_error_check" CHECK (char_length(last_error) BETWEEN 1 AND 2000),
    CONSTRAINT "social_schedules_platform_check" CHECK (platform IN ('mastodon', 'bluesky', 'threads', 'x', 'linkedin', 'instagram', 'facebook', 'youtube', 'tiktok', 'other')),
    CONSTRAINT "social_schedules_status_check" CHECK (status IN ('scheduled', 'published', 'failed', 'cancelled')),
    CONSTRAINT "social_schedules_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "social_schedules_version_check" CHECK (version >= 1)
);

CREATE UNIQUE INDEX "social_schedules_post_id_platform_key" ON "public"."social_schedules" ("created_by", "post_id", "platform");

CREATE INDEX "social_schedules_scheduled_at_id_idx" ON "public"."social_schedules" ("created_by", "scheduled_at", "id");

CREATE INDEX "social_schedules_status_id_idx" ON "public"."social_schedules" ("created_by", "status", "id");

CREATE TABLE "public"."team_agents" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "kind" text NOT NULL DEFAULT 'assistant',
    "provider" text NULL,
    "model" text NULL,
    "capabilities" text[] NOT NULL DEFAULT '{}',
    "status" text NOT NULL DEFAULT 'active',
    "token_budget" bigint NULL,
    "hired_by" uuid NOT NULL,
    "hired_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "hire_checkpoint_id" uuid NULL,
    "dismissed_by" uuid NULL,
    "dismissed_at" timestamptz NULL,
    "dismiss_reason" text NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "team_agents_capabilities_check" CHECK (app.texts_valid(capabilities, 64, 64)),
    CONSTRAINT "team_agents_dismiss_reason_check" CHECK (char_length(dismiss_reason) BETWEEN 1 AND 2000),
    CONSTRAINT "team_agents_dismissed" CHECK ((status = 'dismissed') = (dismissed_at IS NOT NULL)),
    CONSTRAINT "team_agents_kind_check" CHECK (kind IN ('assistant', 'researcher', 'writer', 'analyst', 'developer', 'operator', 'other')),
    CONSTRAINT "team_agents_model_check" CHECK (char_length(model) BETWEEN 1 AND 200),
    CONSTRAINT "team_agents_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "team_agents_provider_check" CHECK (char_length(provider) BETWEEN 1 AND 200),
    CONSTRAINT "team_agents_status_check" CHECK (status IN ('active', 'suspended', 'dismissed')),
    CONSTRAINT "team_agents_token_budget_check" CHECK (token_budget BETWEEN 0 AND 9.007199254740991e+15),
    CONSTRAINT "team_agents_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "team_agents_version_check" CHECK (version >= 1)
);

CREATE INDEX "team_agents_status_id_idx" ON "public"."team_agents" ("created_by", "status", "id");

CREATE TABLE "public"."team_members" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "name" text NOT NULL,
    "email" text NULL,
    "role" text NOT NULL,
    "status" text NOT NULL DEFAULT 'invited',
    "joined_on" date NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "team_members_email_check" CHECK (char_length(email) BETWEEN 1 AND 320),
    CONSTRAINT "team_members_name_check" CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT "team_members_role_check" CHECK (char_length(role) BETWEEN 1 AND 200),
    CONSTRAINT "team_members_status_check" CHECK (status IN ('invited', 'active', 'left')),
    CONSTRAINT "team_members_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "team_members_version_check" CHECK (version >= 1)
);

CREATE INDEX "team_members_status_id_idx" ON "public"."team_members" ("created_by", "status", "id");

CREATE TABLE "public"."team_tasks" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "title" text NOT NULL,
    "description" text NULL,
    "status" text NOT NULL DEFAULT 'todo',
    "priority" text NOT NULL DEFAULT 'normal',
    "assigned_by" uuid NOT NULL,
    "due_at" timestamptz NULL,
    "completed_at" timestamptz NULL,
    "result" text NULL,
    "agent_id" uuid NULL,
    "member_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "team_tasks_assignee" CHECK (num_nonnulls(member_id, agent_id) = 1),
    CONSTRAINT "team_tasks_completed_at_status" CHECK ((status = 'done') = (completed_at IS NOT NULL)),
    CONSTRAINT "team_tasks_description_check" CHECK (char_length(description) BETWEEN 1 AND 20000),
    CONSTRAINT "team_tasks_priority_check" CHECK (priority IN ('low', 'normal', 'high', 'urgent')),
    CONSTRAINT "team_tasks_result_check" CHECK (char_length(result) BETWEEN 1 AND 20000),
    CONSTRAINT "team_tasks_status_check" CHECK (status IN ('todo', 'in_progress', 'done', 'cancelled')),
    CONSTRAINT "team_tasks_title_check" CHECK (char_length(title) BETWEEN 1 AND 300),
    CONSTRAINT "team_tasks_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "team_tasks_version_check" CHECK (version >= 1)
);

CREATE INDEX "team_tasks_agent_id_id_idx" ON "public"."team_tasks" ("created_by", "agent_id", "id");

CREATE INDEX "team_tasks_due_at_id_idx" ON "public"."team_tasks" ("created_by", "due_at", "id");

CREATE INDEX "team_tasks_member_id_id_idx" ON "public"."team_tasks" ("created_by", "member_id", "id");

CREATE INDEX "team_tasks_status_id_idx" ON "public"."team_tasks" ("created_by", "status", "id");

CREATE TABLE "public"."thread_events" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "sequence" bigint NOT NULL,
    "type" text NOT NULL,
    "schema_version" bigint NOT NULL,
    "payload" jsonb NULL,
    "actor_id" uuid NULL,
    "actor_kind" text NOT NULL,
    "causation_id" uuid NULL,
    "correlation_id" uuid NULL,
    "request_id" uuid NULL,
    "content_salt" bytea NULL,
    "content_digest" bytea NOT NULL,
    "thread_id" uuid NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "thread_events_actor_kind_check" CHECK (actor_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "thread_events_payload_check" CHECK (pg_column_size(payload) <= 262144),
    CONSTRAINT "thread_events_schema_version_check" CHECK (schema_version >= 1),
    CONSTRAINT "thread_events_sequence_check" CHECK (sequence >= 1),
    CONSTRAINT "thread_events_type_check" CHECK (type IN ('thread.created', 'thread.updated', 'thread.paused', 'thread.resumed', 'thread.completed', 'thread.archived', 'intent.refined', 'decision.recorded', 'decision.revised', 'action.proposed', 'action.executed', 'note.added', 'link.added', 'checkpoint.requested', 'checkpoint.approved', 'checkpoint.rejected', 'checkpoint.expired'))
);

CREATE UNIQUE INDEX "thread_events_thread_id_sequence_key" ON "public"."thread_events" ("created_by", "thread_id", "sequence");

CREATE TABLE "public"."threads" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "founding_intent" text NOT NULL,
    "sphere" text NOT NULL,
    "type" text NOT NULL DEFAULT 'personal',
    "status" text NOT NULL DEFAULT 'active',
    "visibility" text NOT NULL DEFAULT 'private',
    "title" text NULL,
    "tags" text[] NOT NULL DEFAULT '{}',
    "last_sequence" bigint NOT NULL DEFAULT 0,
    "event_count" bigint NOT NULL DEFAULT 0,
    "last_event_at" timestamptz NULL,
    "parent_thread_id" uuid NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "threads_parent_thread_id_fkey" FOREIGN KEY ("created_by", "parent_thread_id") REFERENCES "public"."threads" ("created_by", "id"),
    CONSTRAINT "threads_event_count_check" CHECK (event_count >= 0),
    CONSTRAINT "threads_founding_intent_check" CHECK (char_length(founding_intent) BETWEEN 1 AND 2000),
    CONSTRAINT "threads_last_sequence_check" CHECK (last_sequence >= 0),
    CONSTRAINT "threads_sphere_check" CHECK (sphere IN ('personal', 'business', 'creative_studio', 'entertainment', 'community', 'social', 'scholar', 'government', 'my_team')),
    CONSTRAINT "threads_status_check" CHECK (status IN ('active', 'paused', 'completed', 'archived')),
    CONSTRAINT "threads_tags_check" CHECK (app.texts_valid(tags, 32, 64)),
    CONSTRAINT "threads_title_check" CHECK (char_length(title) BETWEEN 1 AND 200),
    CONSTRAINT "threads_type_check" CHECK (type IN ('personal', 'collective', 'institutional')),
    CONSTRAINT "threads_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "threads_version_check" CHECK (version >= 1),
    CONSTRAINT "threads_visibility_check" CHECK (visibility IN ('private', 'semi_private', 'public'))
);

CREATE INDEX "threads_parent_thread_id_id_idx" ON "public"."threads" ("created_by", "parent_thread_id", "id");

CREATE INDEX "threads_sphere_status_id_idx" ON "public"."threads" ("created_by", "sphere", "status", "id");

CREATE INDEX "threads_status_id_idx" ON "public"."threads" ("created_by", "status", "id");

CREATE TABLE "app"."event_rsvps" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "updated_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "version" bigint NOT NULL DEFAULT 1,
    "updated_by" uuid NULL,
    "updated_by_kind" text NOT NULL DEFAULT 'system',
    "status" text NOT NULL,
    "event_id" uuid NOT NULL,
    "contact_id" uuid NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "event_rsvps_status_check" CHECK (status IN ('going', 'maybe', 'declined')),
    CONSTRAINT "event_rsvps_updated_by_kind_check" CHECK (updated_by_kind IN ('human', 'agent', 'system')),
    CONSTRAINT "event_rsvps_version_check" CHECK (version >= 1)
);

CREATE INDEX "event_rsvps_contact_id_id_idx" ON "app"."event_rsvps" ("created_by", "contact_id", "id");

CREATE UNIQUE INDEX "event_rsvps_event_id_contact_id_key" ON "app"."event_rsvps" ("created_by", "event_id", "contact_id");

CREATE TABLE "app"."habit_check_ins" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "checked_in_on" date NULL DEFAULT app.today(),
    "note" text NULL,
    "habit_id" uuid NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "habit_check_ins_note_check" CHECK (char_length(note) BETWEEN 1 AND 2000)
);

CREATE INDEX "habit_check_ins_habit_id_checked_in_on_id_idx" ON "app"."habit_check_ins" ("created_by", "habit_id", "checked_in_on", "id");

CREATE TABLE "app"."idempotency_keys" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "route" text NOT NULL,
    "key" text NOT NULL,
    "request_digest" bytea NOT NULL,
    "status" bigint NOT NULL,
    "headers" jsonb NOT NULL,
    "body" bytea NULL,
    "expires_at" timestamptz NOT NULL DEFAULT clock_timestamp() + interval '24 hours',
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "idempotency_keys_key_check" CHECK (char_length(key) BETWEEN 1 AND 255),
    CONSTRAINT "idempotency_keys_route_check" CHECK (char_length(route) BETWEEN 1 AND 200),
    CONSTRAINT "idempotency_keys_status_check" CHECK (status BETWEEN 200 AND 299)
);

CREATE INDEX "idempotency_keys_expires_at_idx" ON "app"."idempotency_keys" ("created_by", "expires_at");

CREATE UNIQUE INDEX "idempotency_keys_route_key_key" ON "app"."idempotency_keys" ("created_by", "route", "key");

CREATE TABLE "app"."reference_citations" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "locator" text NULL,
    "citing_id" uuid NOT NULL,
    "cited_id" uuid NOT NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "reference_citations_locator_check" CHECK (char_length(locator) BETWEEN 1 AND 100),
    CONSTRAINT "reference_citations_other" CHECK (citing_id <> cited_id)
);

CREATE INDEX "reference_citations_cited_id_id_idx" ON "app"."reference_citations" ("created_by", "cited_id", "id");

CREATE UNIQUE INDEX "reference_citations_citing_id_cited_id_key" ON "app"."reference_citations" ("created_by", "citing_id", "cited_id");

CREATE TABLE "app"."sessions" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "expires_at" timestamptz NOT NULL,
    "revoked_at" timestamptz NULL,
    "authenticated_at" timestamptz NOT NULL,
    "amr" text[] NOT NULL,
    "ip" text NULL,
    "user_agent" text NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "sessions_amr_check" CHECK (app.texts_valid(amr, 8, 16)),
    CONSTRAINT "sessions_user_agent_check" CHECK (char_length(user_agent) <= 400)
);

CREATE TABLE "app"."signing_keys" (
    "id" uuid NOT NULL,
    "public_key" bytea NOT NULL,
    "private_key" bytea NOT NULL,
    "status" text NOT NULL DEFAULT 'active',
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY ("id"),
    CONSTRAINT "signing_keys_status_format" CHECK (status ~ '^(next|active|retiring)$')
);

ALTER TABLE "public"."audit_logs" ADD
CONSTRAINT "audit_logs_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."business_contacts" ADD
CONSTRAINT "business_contacts_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."business_invoices" ADD
CONSTRAINT "business_invoices_contact_id_fkey" FOREIGN KEY ("created_by", "contact_id") REFERENCES "public"."business_contacts" ("created_by", "id"), ADD
CONSTRAINT "business_invoices_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."business_projects" ADD
CONSTRAINT "business_projects_contact_id_fkey" FOREIGN KEY ("created_by", "contact_id") REFERENCES "public"."business_contacts" ("created_by", "id"), ADD
CONSTRAINT "business_projects_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."checkpoints" ADD
CONSTRAINT "checkpoints_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "checkpoints_thread_id_fkey" FOREIGN KEY ("created_by", "thread_id") REFERENCES "public"."threads" ("created_by", "id");

ALTER TABLE "public"."community_events" ADD
CONSTRAINT "community_events_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "community_events_group_id_fkey" FOREIGN KEY ("created_by", "group_id") REFERENCES "public"."community_groups" ("created_by", "id");

ALTER TABLE "public"."community_groups" ADD
CONSTRAINT "community_groups_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."creative_assets" ADD
CONSTRAINT "creative_assets_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "creative_assets_project_id_fkey" FOREIGN KEY ("created_by", "project_id") REFERENCES "public"."creative_projects" ("created_by", "id");

ALTER TABLE "public"."creative_projects" ADD
CONSTRAINT "creative_projects_cover_asset_id_fkey" FOREIGN KEY ("created_by", "cover_asset_id") REFERENCES "public"."creative_assets" ("created_by", "id"), ADD
CONSTRAINT "creative_projects_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."entertainment_playlists" ADD
CONSTRAINT "entertainment_playlists_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."entertainment_stream_history" ADD
CONSTRAINT "entertainment_stream_history_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."government_clinical_trials" ADD
CONSTRAINT "government_clinical_trials_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."government_compliance" ADD
CONSTRAINT "government_compliance_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."personal_habits" ADD
CONSTRAINT "personal_habits_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."personal_notes" ADD
CONSTRAINT "personal_notes_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."personal_tasks" ADD
CONSTRAINT "personal_tasks_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."scholar_manuscripts" ADD
CONSTRAINT "scholar_manuscripts_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."scholar_references" ADD
CONSTRAINT "scholar_references_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."social_posts" ADD
CONSTRAINT "social_posts_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "social_posts_thread_id_fkey" FOREIGN KEY ("created_by", "thread_id") REFERENCES "public"."threads" ("created_by", "id");

ALTER TABLE "public"."social_schedules" ADD
CONSTRAINT "social_schedules_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "social_schedules_post_id_fkey" FOREIGN KEY ("created_by", "post_id") REFERENCES "public"."social_posts" ("created_by", "id");

ALTER TABLE "public"."team_agents" ADD
CONSTRAINT "team_agents_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."team_members" ADD
CONSTRAINT "team_members_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "public"."team_tasks" ADD
CONSTRAINT "team_tasks_agent_id_fkey" FOREIGN KEY ("created_by", "agent_id") REFERENCES "public"."team_agents" ("created_by", "id"), ADD
CONSTRAINT "team_tasks_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "team_tasks_member_id_fkey" FOREIGN KEY ("created_by", "member_id") REFERENCES "public"."team_members" ("created_by", "id");

ALTER TABLE "public"."thread_events" ADD
CONSTRAINT "thread_events_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "thread_events_thread_id_fkey" FOREIGN KEY ("created_by", "thread_id") REFERENCES "public"."threads" ("created_by", "id");

ALTER TABLE "public"."threads" ADD
CONSTRAINT "threads_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "app"."event_rsvps" ADD
CONSTRAINT "event_rsvps_contact_id_fkey" FOREIGN KEY ("created_by", "contact_id") REFERENCES "public"."business_contacts" ("created_by", "id"), ADD
CONSTRAINT "event_rsvps_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "event_rsvps_event_id_fkey" FOREIGN KEY ("created_by", "event_id") REFERENCES "public"."community_events" ("created_by", "id") ON DELETE CASCADE;

ALTER TABLE "app"."habit_check_ins" ADD
CONSTRAINT "habit_check_ins_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"), ADD
CONSTRAINT "habit_check_ins_habit_id_fkey" FOREIGN KEY ("created_by", "habit_id") REFERENCES "public"."personal_habits" ("created_by", "id") ON DELETE CASCADE;

ALTER TABLE "app"."idempotency_keys" ADD
CONSTRAINT "idempotency_keys_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "app"."reference_citations" ADD
CONSTRAINT "reference_citations_cited_id_fkey" FOREIGN KEY ("created_by", "cited_id") REFERENCES "public"."scholar_references" ("created_by", "id") ON DELETE CASCADE, ADD
CONSTRAINT "reference_citations_citing_id_fkey" FOREIGN KEY ("created_by", "citing_id") REFERENCES "public"."scholar_references" ("created_by", "id") ON DELETE CASCADE, ADD
CONSTRAINT "reference_citations_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

ALTER TABLE "app"."sessions" ADD
CONSTRAINT "sessions_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id");

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_audit;

ALTER FUNCTION app.audit() OWNER TO chenu_audit;

ALTER FUNCTION app.record_event(text, text, text, uuid, jsonb) OWNER TO chenu_audit;

REVOKE CREATE ON SCHEMA app FROM chenu_audit;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_derive;

ALTER FUNCTION app.derive_members() OWNER TO chenu_derive;

ALTER FUNCTION app.derive_rsvp_counts() OWNER TO chenu_derive;

ALTER FUNCTION app.derive_streak() OWNER TO chenu_derive;

ALTER FUNCTION app.rederive_streak() OWNER TO chenu_derive;

REVOKE CREATE ON SCHEMA app FROM chenu_derive;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.add_first_signing_key(uuid, bytea, bytea) OWNER TO chenu_login;

ALTER FUNCTION app.close_session(uuid) OWNER TO chenu_login;

ALTER FUNCTION app.login_lookup(text) OWNER TO chenu_login;

ALTER FUNCTION app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[]) OWNER TO chenu_login;

ALTER FUNCTION app.rehash_password(text, text) OWNER TO chenu_login;

ALTER FUNCTION app.signing_keys() OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_maintain;

ALTER FUNCTION app.expire_idempotency_keys(integer) OWNER TO chenu_maintain;

REVOKE CREATE ON SCHEMA app FROM chenu_maintain;

CREATE TABLE public.audit_logs_default PARTITION OF public.audit_logs DEFAULT;

ALTER TABLE app.event_rsvps ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.habit_check_ins ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.idempotency_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.reference_citations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.sessions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.signing_keys ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.audit_logs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.audit_logs_default ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.business_contacts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.business_invoices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.business_projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.checkpoints ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.community_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.community_groups ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.creative_assets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.creative_projects ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.entertainment_playlists ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.entertainment_stream_history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.government_clinical_trials ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.government_compliance ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.identities ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.personal_habits ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.personal_notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.personal_tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.scholar_manuscripts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.scholar_references ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.social_posts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.social_schedules ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.team_agents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.team_members ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.team_tasks ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.thread_events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE public.threads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_delete ON app.event_rsvps FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON app.event_rsvps FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON app.event_rsvps FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON app.event_rsvps FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.event_rsvps FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY derive_select ON app.event_rsvps FOR SELECT TO chenu_derive
    USING (true);

CREATE POLICY human_delete ON app.event_rsvps FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON app.event_rsvps FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON app.event_rsvps FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON app.event_rsvps FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON app.habit_check_ins FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON app.habit_check_ins FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.habit_check_ins FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY derive_select ON app.habit_check_ins FOR SELECT TO chenu_derive
    USING (true);

CREATE POLICY human_insert ON app.habit_check_ins FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON app.habit_check_ins FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON app.idempotency_keys FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON app.idempotency_keys FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON app.idempotency_keys FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.idempotency_keys FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON app.idempotency_keys FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON app.idempotency_keys FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON app.idempotency_keys FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_delete ON app.idempotency_keys FOR DELETE TO chenu_maintain
    USING (expires_at < clock_timestamp());

CREATE POLICY maintain_select ON app.idempotency_keys FOR SELECT TO chenu_maintain
    USING (expires_at < clock_timestamp());

CREATE POLICY agent_delete ON app.reference_citations FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON app.reference_citations FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON app.reference_citations FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.reference_citations FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON app.reference_citations FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON app.reference_citations FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON app.reference_citations FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.sessions FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_select ON app.sessions FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_insert ON app.sessions FOR INSERT TO chenu_login
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_select ON app.sessions FOR SELECT TO chenu_login
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_update ON app.sessions FOR UPDATE TO chenu_login
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.signing_keys FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY login_insert ON app.signing_keys FOR INSERT TO chenu_login
    WITH CHECK (true);

CREATE POLICY login_select ON app.signing_keys FOR SELECT TO chenu_login
    USING (true);

CREATE POLICY agent_select ON audit_logs FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY audit_insert ON audit_logs FOR INSERT TO chenu_audit
    WITH CHECK (true);

CREATE POLICY auditor_select ON audit_logs FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_select ON audit_logs FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON business_contacts FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON business_contacts FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON business_contacts FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON business_contacts FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON business_contacts FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON business_contacts FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON business_contacts FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON business_contacts FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON business_contacts FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON business_invoices FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON business_invoices FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON business_invoices FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON business_invoices FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON business_invoices FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON business_invoices FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON business_invoices FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON business_invoices FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON business_invoices FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON business_projects FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON business_projects FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON business_projects FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON business_projects FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON business_projects FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON business_projects FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON business_projects FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON business_projects FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON business_projects FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON checkpoints FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON checkpoints FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_select ON checkpoints FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON community_events FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON community_events FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON community_events FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON community_events FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON community_events FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY derive_select ON community_events FOR SELECT TO chenu_derive
    USING (true);

CREATE POLICY derive_update ON community_events FOR UPDATE TO chenu_derive
    USING (true)
    WITH CHECK (true);

CREATE POLICY human_delete ON community_events FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON community_events FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON community_events FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON community_events FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON community_groups FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON community_groups FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON community_groups FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON community_groups FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON community_groups FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY derive_select ON community_groups FOR SELECT TO chenu_derive
    USING (true);

CREATE POLICY derive_update ON community_groups FOR UPDATE TO chenu_derive
    USING (true)
    WITH CHECK (true);

CREATE POLICY human_delete ON community_groups FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON community_groups FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON community_groups FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON community_groups FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON creative_assets FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON creative_assets FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON creative_assets FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON creative_assets FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON creative_assets FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON creative_assets FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON creative_assets FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON creative_assets FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON creative_assets FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON creative_projects FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON creative_projects FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON creative_projects FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON creative_projects FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON creative_projects FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON creative_projects FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON creative_projects FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON creative_projects FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON creative_projects FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON entertainment_playlists FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON entertainment_playlists FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON entertainment_playlists FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON entertainment_playlists FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON entertainment_playlists FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON entertainment_playlists FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON entertainment_playlists FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON entertainment_playlists FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON entertainment_playlists FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON entertainment_stream_history FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON entertainment_stream_history FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON entertainment_stream_history FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_insert ON entertainment_stream_history FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON entertainment_stream_history FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON government_clinical_trials FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON government_clinical_trials FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON government_clinical_trials FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON government_clinical_trials FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON government_clinical_trials FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON government_clinical_trials FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON government_clinical_trials FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON government_clinical_trials FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON government_clinical_trials FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON government_compliance FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON government_compliance FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON government_compliance FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON government_compliance FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON government_compliance FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON government_compliance FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON government_compliance FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON government_compliance FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON government_compliance FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON identities FOR SELECT TO chenu_agent
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON identities FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_insert ON identities FOR INSERT TO chenu_human
    WITH CHECK (id = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON identities FOR SELECT TO chenu_human
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON identities FOR UPDATE TO chenu_human
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (id = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_select ON identities FOR SELECT TO chenu_login
    USING (true);

CREATE POLICY login_update ON identities FOR UPDATE TO chenu_login
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (id = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON personal_habits FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON personal_habits FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON personal_habits FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON personal_habits FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON personal_habits FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY derive_select ON personal_habits FOR SELECT TO chenu_derive
    USING (true);

CREATE POLICY derive_update ON personal_habits FOR UPDATE TO chenu_derive
    USING (true)
    WITH CHECK (true);

CREATE POLICY human_delete ON personal_habits FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON personal_habits FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON personal_habits FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON personal_habits FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON personal_notes FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON personal_notes FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON personal_notes FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON personal_notes FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON personal_notes FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON personal_notes FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON personal_notes FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON personal_notes FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON personal_notes FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON personal_tasks FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON personal_tasks FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON personal_tasks FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON personal_tasks FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON personal_tasks FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON personal_tasks FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON personal_tasks FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON personal_tasks FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON personal_tasks FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON scholar_manuscripts FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON scholar_manuscripts FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON scholar_manuscripts FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON scholar_manuscripts FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON scholar_manuscripts FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON scholar_manuscripts FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON scholar_manuscripts FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON scholar_manuscripts FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON scholar_manuscripts FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON scholar_references FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON scholar_references FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON scholar_references FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON scholar_references FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON scholar_references FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON scholar_references FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON scholar_references FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON scholar_references FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON scholar_references FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON social_posts FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON social_posts FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON social_posts FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON social_posts FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON social_posts FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON social_posts FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON social_posts FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON social_posts FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON social_posts FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON social_schedules FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON social_schedules FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON social_schedules FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON social_schedules FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON social_schedules FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON social_schedules FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON social_schedules FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON social_schedules FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON social_schedules FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON team_agents FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON team_agents FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_insert ON team_agents FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON team_agents FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON team_agents FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON team_members FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON team_members FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON team_members FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON team_members FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON team_members FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON team_members FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON team_members FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON team_members FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON team_members FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_delete ON team_tasks FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_insert ON team_tasks FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON team_tasks FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_update ON team_tasks FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON team_tasks FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_delete ON team_tasks FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_insert ON team_tasks FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON team_tasks FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_update ON team_tasks FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON thread_events FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON thread_events FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_select ON thread_events FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY agent_select ON threads FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON threads FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY human_select ON threads FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.audit('event_r_s_v_p', 'created_by', '');

CREATE TRIGGER rsvp_counts AFTER INSERT OR UPDATE OR DELETE ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.derive_rsvp_counts();

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.audit('habit_check_in', 'created_by', '');

CREATE TRIGGER check_day BEFORE INSERT ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.check_in_day();

CREATE TRIGGER stamp BEFORE INSERT ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER streak AFTER INSERT ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.derive_streak();

CREATE TRIGGER stamp BEFORE INSERT ON app.idempotency_keys
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.reference_citations
    FOR EACH ROW EXECUTE FUNCTION app.audit('reference_citation', 'created_by', '');

CREATE TRIGGER stamp BEFORE INSERT ON app.reference_citations
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.sessions
    FOR EACH ROW EXECUTE FUNCTION app.audit('session', 'created_by', '');

CREATE TRIGGER stamp BEFORE INSERT ON app.sessions
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER stamp BEFORE INSERT ON app.signing_keys
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change('before', 'after', 'ip', 'user_agent');

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER seal_content BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.seal_content('before', 'after', 'ip', 'user_agent');

CREATE TRIGGER stamp BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit_logs_default
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON business_contacts
    FOR EACH ROW EXECUTE FUNCTION app.audit('contact', 'created_by', 'business');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON business_contacts
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON business_invoices
    FOR EACH ROW EXECUTE FUNCTION app.audit('invoice', 'created_by', 'business');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON business_invoices
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON business_projects
    FOR EACH ROW EXECUTE FUNCTION app.audit('project', 'created_by', 'business');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON business_projects
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.audit('checkpoint', 'created_by', '');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON community_events
    FOR EACH ROW EXECUTE FUNCTION app.audit('community_event', 'created_by', 'community');

CREATE TRIGGER members AFTER UPDATE OR DELETE ON community_events
    FOR EACH ROW EXECUTE FUNCTION app.derive_members();

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON community_events
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON community_groups
    FOR EACH ROW EXECUTE FUNCTION app.audit('community_group', 'created_by', 'community');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON community_groups
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON creative_assets
    FOR EACH ROW EXECUTE FUNCTION app.audit('creative_asset', 'created_by', 'creative_studio');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON creative_assets
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON creative_projects
    FOR EACH ROW EXECUTE FUNCTION app.audit('creative_project', 'created_by', 'creative_studio');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON creative_projects
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON entertainment_playlists
    FOR EACH ROW EXECUTE FUNCTION app.audit('playlist', 'created_by', 'entertainment');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON entertainment_playlists
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON entertainment_stream_history
    FOR EACH ROW EXECUTE FUNCTION app.audit('stream_history', 'created_by', 'entertainment');

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON entertainment_stream_history
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON entertainment_stream_history
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER stamp BEFORE INSERT ON entertainment_stream_history
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON government_clinical_trials
    FOR EACH ROW EXECUTE FUNCTION app.audit('clinical_trial', 'created_by', 'government');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON government_clinical_trials
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON government_compliance
    FOR EACH ROW EXECUTE FUNCTION app.audit('compliance_item', 'created_by', 'government');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON government_compliance
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON identities
    FOR EACH ROW EXECUTE FUNCTION app.audit('identity', 'id', '', 'hashed_password');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON identities
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON personal_habits
    FOR EACH ROW EXECUTE FUNCTION app.audit('habit', 'created_by', 'personal');

CREATE TRIGGER rederive_streak BEFORE UPDATE ON personal_habits
    FOR EACH ROW EXECUTE FUNCTION app.rederive_streak();

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON personal_habits
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON personal_notes
    FOR EACH ROW EXECUTE FUNCTION app.audit('note', 'created_by', 'personal', 'search');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON personal_notes
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON personal_tasks
    FOR EACH ROW EXECUTE FUNCTION app.audit('task', 'created_by', 'personal');

CREATE TRIGGER complete BEFORE INSERT OR UPDATE ON personal_tasks
    FOR EACH ROW EXECUTE FUNCTION app.complete();

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON personal_tasks
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON scholar_manuscripts
    FOR EACH ROW EXECUTE FUNCTION app.audit('manuscript', 'created_by', 'scholar');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON scholar_manuscripts
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON scholar_references
    FOR EACH ROW EXECUTE FUNCTION app.audit('reference', 'created_by', 'scholar', 'search');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON scholar_references
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON social_posts
    FOR EACH ROW EXECUTE FUNCTION app.audit('social_post', 'created_by', 'social');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON social_posts
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON social_schedules
    FOR EACH ROW EXECUTE FUNCTION app.audit('social_schedule', 'created_by', 'social');

CREATE TRIGGER refuse_past BEFORE INSERT OR UPDATE OF scheduled_at ON social_schedules
    FOR EACH ROW EXECUTE FUNCTION app.refuse_past();

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON social_schedules
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.audit('hired_agent', 'created_by', 'my_team');

CREATE TRIGGER hire BEFORE INSERT OR UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.hire();

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON team_members
    FOR EACH ROW EXECUTE FUNCTION app.audit('team_member', 'created_by', 'my_team');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON team_members
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER assign BEFORE INSERT OR UPDATE ON team_tasks
    FOR EACH ROW EXECUTE FUNCTION app.assign();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON team_tasks
    FOR EACH ROW EXECUTE FUNCTION app.audit('team_task', 'created_by', 'my_team');

CREATE TRIGGER complete BEFORE INSERT OR UPDATE ON team_tasks
    FOR EACH ROW EXECUTE FUNCTION app.complete();

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON team_tasks
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.audit('thread_event', 'created_by', '', 'payload', 'content_salt');

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change('payload');

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON thread_events
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER seal_content BEFORE INSERT ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.seal_content('payload');

CREATE TRIGGER stamp BEFORE INSERT ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON threads
    FOR EACH ROW EXECUTE FUNCTION app.audit('thread', 'created_by', '');

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON threads
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

GRANT USAGE ON SCHEMA app TO chenu_agent;

GRANT USAGE ON SCHEMA app TO chenu_audit;

GRANT USAGE ON SCHEMA app TO chenu_auditor;

GRANT USAGE ON SCHEMA app TO chenu_derive;

GRANT USAGE ON SCHEMA app TO chenu_erase;

GRANT USAGE ON SCHEMA app TO chenu_human;

GRANT USAGE ON SCHEMA app TO chenu_login;

GRANT USAGE ON SCHEMA app TO chenu_maintain;

GRANT USAGE ON SCHEMA public TO chenu_agent;

GRANT USAGE ON SCHEMA public TO chenu_audit;

GRANT USAGE ON SCHEMA public TO chenu_auditor;

GRANT USAGE ON SCHEMA public TO chenu_derive;

GRANT USAGE ON SCHEMA public TO chenu_erase;

GRANT USAGE ON SCHEMA public TO chenu_human;

GRANT USAGE ON SCHEMA public TO chenu_login;

GRANT USAGE ON SCHEMA public TO chenu_maintain;

REVOKE EXECUTE ON FUNCTION app.add_first_signing_key(uuid, bytea, bytea) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.add_first_signing_key(uuid, bytea, bytea) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.audit() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.close_session(uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.close_session(uuid) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.derive_members() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.derive_rsvp_counts() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.derive_streak() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.ensure_partitions(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.ensure_partitions(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.expire_idempotency_keys(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.expire_idempotency_keys(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.login_lookup(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.login_lookup(text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[]) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[]) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb) TO chenu_human;

GRANT EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb) TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.rederive_streak() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.rehash_password(text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.rehash_password(text, text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.schema_version() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.schema_version() TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.signing_keys() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.signing_keys() TO chenu_human;

GRANT SELECT, INSERT (id, created_by, status, event_id, contact_id), UPDATE (status), DELETE ON app.event_rsvps TO chenu_agent;

GRANT SELECT ON app.event_rsvps TO chenu_auditor;

GRANT SELECT (created_by, status, event_id, contact_id) ON app.event_rsvps TO chenu_derive;

GRANT SELECT, INSERT (id, created_by, status, event_id, contact_id), UPDATE (status), DELETE ON app.event_rsvps TO chenu_human;

GRANT SELECT, INSERT (id, created_by, checked_in_on, note, habit_id) ON app.habit_check_ins TO chenu_agent;

GRANT SELECT ON app.habit_check_ins TO chenu_auditor;

GRANT SELECT (created_by, checked_in_on, habit_id) ON app.habit_check_ins TO chenu_derive;

GRANT SELECT, INSERT (id, created_by, checked_in_on, note, habit_id) ON app.habit_check_ins TO chenu_human;

GRANT SELECT, INSERT (id, created_by, route, key, request_digest, status, headers, body), DELETE ON app.idempotency_keys TO chenu_agent;

GRANT SELECT ON app.idempotency_keys TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, route, key, request_digest, status, headers, body), DELETE ON app.idempotency_keys TO chenu_human;

GRANT SELECT (id, created_by, expires_at), DELETE ON app.idempotency_keys TO chenu_maintain;

GRANT SELECT, INSERT (id, created_by, locator, citing_id, cited_id), DELETE ON app.reference_citations TO chenu_agent;

GRANT SELECT ON app.reference_citations TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, locator, citing_id, cited_id), DELETE ON app.reference_citations TO chenu_human;

GRANT SELECT ON app.sessions TO chenu_auditor;

GRANT SELECT ON app.sessions TO chenu_human;

GRANT SELECT, INSERT (id, created_by, expires_at, authenticated_at, amr, ip, user_agent), UPDATE (revoked_at) ON app.sessions TO chenu_login;

GRANT SELECT ON app.signing_keys TO chenu_auditor;

GRANT SELECT, INSERT (id, public_key, private_key) ON app.signing_keys TO chenu_login;

GRANT SELECT ON public.audit_logs TO chenu_agent;

GRANT INSERT ON public.audit_logs TO chenu_audit;

GRANT SELECT ON public.audit_logs TO chenu_auditor;

GRANT SELECT ON public.audit_logs TO chenu_human;

GRANT SELECT, INSERT (id, created_by, name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes), UPDATE (name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes), DELETE ON public.business_contacts TO chenu_agent;

GRANT SELECT ON public.business_contacts TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes), UPDATE (name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes), DELETE ON public.business_contacts TO chenu_human;

GRANT SELECT, INSERT (id, created_by, number, currency, line_items, status, issued_on, due_on, paid_at, contact_id), UPDATE (number, currency, line_items, status, issued_on, due_on, paid_at, contact_id), DELETE ON public.business_invoices TO chenu_agent;

GRANT SELECT ON public.business_invoices TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, number, currency, line_items, status, issued_on, due_on, paid_at, contact_id), UPDATE (number, currency, line_items, status, issued_on, due_on, paid_at, contact_id), DELETE ON public.business_invoices TO chenu_human;

GRANT SELECT, INSERT (id, created_by, name, description, status, starts_on, ends_on, budget, currency, progress, contact_id), UPDATE (name, description, status, starts_on, ends_on, budget, currency, progress, contact_id), DELETE ON public.business_projects TO chenu_agent;

GRANT SELECT ON public.business_projects TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, name, description, status, starts_on, ends_on, budget, currency, progress, contact_id), UPDATE (name, description, status, starts_on, ends_on, budget, currency, progress, contact_id), DELETE ON public.business_projects TO chenu_human;

GRANT SELECT ON public.checkpoints TO chenu_agent;

GRANT SELECT ON public.checkpoints TO chenu_auditor;

GRANT SELECT ON public.checkpoints TO chenu_human;

GRANT SELECT, INSERT (id, created_by, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status, group_id), UPDATE (title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status, group_id), DELETE ON public.community_events TO chenu_agent;

GRANT SELECT ON public.community_events TO chenu_auditor;

GRANT SELECT (id, created_by, capacity, going_count, maybe_count, declined_count, group_id), UPDATE (going_count, maybe_count, declined_count) ON public.community_events TO chenu_derive;

GRANT SELECT, INSERT (id, created_by, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status, group_id), UPDATE (title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status, group_id), DELETE ON public.community_events TO chenu_human;

GRANT SELECT, INSERT (id, created_by, name, description, kind, visibility, settings, rules), UPDATE (name, description, kind, visibility, settings, rules), DELETE ON public.community_groups TO chenu_agent;

GRANT SELECT ON public.community_groups TO chenu_auditor;

GRANT SELECT (id, created_by, member_count), UPDATE (member_count) ON public.community_groups TO chenu_derive;

GRANT SELECT, INSERT (id, created_by, name, description, kind, visibility, settings, rules), UPDATE (name, description, kind, visibility, settings, rules), DELETE ON public.community_groups TO chenu_human;

GRANT SELECT, INSERT (id, created_by, name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, licence, project_id), UPDATE (name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, licence, project_id), DELETE ON public.creative_assets TO chenu_agent;

GRANT SELECT ON public.creative_assets TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, licence, project_id), UPDATE (name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, licence, project_id), DELETE ON public.creative_assets TO chenu_human;

GRANT SELECT, INSERT (id, created_by, name, description, status, cover_asset_id), UPDATE (name, description, status, cover_asset_id), DELETE ON public.creative_projects TO chenu_agent;

GRANT SELECT ON public.creative_projects TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, name, description, status, cover_asset_id), UPDATE (name, description, status, cover_asset_id), DELETE ON public.creative_projects TO chenu_human;

GRANT SELECT, INSERT (id, created_by, name, kind, visibility, items), UPDATE (name, kind, visibility, items), DELETE ON public.entertainment_playlists TO chenu_agent;

GRANT SELECT ON public.entertainment_playlists TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, name, kind, visibility, items), UPDATE (name, kind, visibility, items), DELETE ON public.entertainment_playlists TO chenu_human;

GRANT SELECT, INSERT (id, created_by, content_id, content_type, title, started_at, watched_seconds, duration_seconds, device) ON public.entertainment_stream_history TO chenu_agent;

GRANT SELECT ON public.entertainment_stream_history TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, content_id, content_type, title, started_at, watched_seconds, duration_seconds, device) ON public.entertainment_stream_history TO chenu_human;

GRANT SELECT, INSERT (id, created_by, registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on), UPDATE (registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on), DELETE ON public.government_clinical_trials TO chenu_agent;

GRANT SELECT ON public.government_clinical_trials TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on), UPDATE (registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on), DELETE ON public.government_clinical_trials TO chenu_human;

GRANT SELECT, INSERT (id, created_by, name, regulation, authority, identifier, status, effective_on, expires_on, evidence), UPDATE (name, regulation, authority, identifier, status, effective_on, expires_on, evidence), DELETE ON public.government_compliance TO chenu_agent;

GRANT SELECT ON public.government_compliance TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, name, regulation, authority, identifier, status, effective_on, expires_on, evidence), UPDATE (name, regulation, authority, identifier, status, effective_on, expires_on, evidence), DELETE ON public.government_compliance TO chenu_human;

GRANT SELECT (id, updated_at, version, updated_by, updated_by_kind, email, name, settings, email_verified_at, status, failed_logins, locked_until, password_changed_at, created_at) ON public.identities TO chenu_agent;

GRANT SELECT ON public.identities TO chenu_auditor;

GRANT SELECT (id, updated_at, version, updated_by, updated_by_kind, email, name, settings, email_verified_at, status, failed_logins, locked_until, password_changed_at, created_at), INSERT (id, email, name, hashed_password, settings), UPDATE (name, settings) ON public.identities TO chenu_human;

GRANT SELECT (id, email, hashed_password, status, locked_until), UPDATE (hashed_password) ON public.identities TO chenu_login;

GRANT SELECT, INSERT (id, created_by, name, cadence, target_per_period, active), UPDATE (name, cadence, target_per_period, active), DELETE ON public.personal_habits TO chenu_agent;

GRANT SELECT ON public.personal_habits TO chenu_auditor;

GRANT SELECT (id, created_by, cadence, target_per_period), UPDATE (current_streak, best_streak, last_completed_period, last_checked_in_on) ON public.personal_habits TO chenu_derive;

GRANT SELECT, INSERT (id, created_by, name, cadence, target_per_period, active), UPDATE (name, cadence, target_per_period, active), DELETE ON public.personal_habits TO chenu_human;

GRANT SELECT, INSERT (id, created_by, title, content, folder, tags, pinned), UPDATE (title, content, folder, tags, pinned), DELETE ON public.personal_notes TO chenu_agent;

GRANT SELECT ON public.personal_notes TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, title, content, folder, tags, pinned), UPDATE (title, content, folder, tags, pinned), DELETE ON public.personal_notes TO chenu_human;

GRANT SELECT, INSERT (id, created_by, title, description, status, priority, due_at, tags), UPDATE (title, description, status, priority, due_at, tags), DELETE ON public.personal_tasks TO chenu_agent;

GRANT SELECT ON public.personal_tasks TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, title, description, status, priority, due_at, tags), UPDATE (title, description, status, priority, due_at, tags), DELETE ON public.personal_tasks TO chenu_human;

GRANT SELECT, INSERT (id, created_by, title, abstract, sections, status, target_journal, submitted_at, co_authors), UPDATE (title, abstract, sections, status, target_journal, submitted_at, co_authors), DELETE ON public.scholar_manuscripts TO chenu_agent;

GRANT SELECT ON public.scholar_manuscripts TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, title, abstract, sections, status, target_journal, submitted_at, co_authors), UPDATE (title, abstract, sections, status, target_journal, submitted_at, co_authors), DELETE ON public.scholar_manuscripts TO chenu_human;

GRANT SELECT, INSERT (id, created_by, title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key), UPDATE (title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key), DELETE ON public.scholar_references TO chenu_agent;

GRANT SELECT ON public.scholar_references TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key), UPDATE (title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key), DELETE ON public.scholar_references TO chenu_human;

GRANT SELECT, INSERT (id, created_by, body, media, visibility, published_at, reply_to_id, thread_id), UPDATE (body, media, visibility, published_at, reply_to_id, thread_id), DELETE ON public.social_posts TO chenu_agent;

GRANT SELECT ON public.social_posts TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, body, media, visibility, published_at, reply_to_id, thread_id), UPDATE (body, media, visibility, published_at, reply_to_id, thread_id), DELETE ON public.social_posts TO chenu_human;

GRANT SELECT, INSERT (id, created_by, platform, scheduled_at, status, attempts, last_error, external_id, post_id), UPDATE (scheduled_at, status, attempts, last_error, external_id), DELETE ON public.social_schedules TO chenu_agent;

GRANT SELECT ON public.social_schedules TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, platform, scheduled_at, status, attempts, last_error, external_id, post_id), UPDATE (scheduled_at, status, attempts, last_error, external_id), DELETE ON public.social_schedules TO chenu_human;

GRANT SELECT ON public.team_agents TO chenu_agent;

GRANT SELECT ON public.team_agents TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, name, kind, provider, model, capabilities, status, token_budget), UPDATE (name, kind, provider, model, capabilities, status, token_budget) ON public.team_agents TO chenu_human;

GRANT SELECT, INSERT (id, created_by, name, email, role, status, joined_on), UPDATE (name, email, role, status, joined_on), DELETE ON public.team_members TO chenu_agent;

GRANT SELECT ON public.team_members TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, name, email, role, status, joined_on), UPDATE (name, email, role, status, joined_on), DELETE ON public.team_members TO chenu_human;

GRANT SELECT, INSERT (id, created_by, title, description, status, priority, due_at, result, agent_id, member_id), UPDATE (title, description, status, priority, due_at, result, agent_id, member_id), DELETE ON public.team_tasks TO chenu_agent;

GRANT SELECT ON public.team_tasks TO chenu_auditor;

GRANT SELECT, INSERT (id, created_by, title, description, status, priority, due_at, result, agent_id, member_id), UPDATE (title, description, status, priority, due_at, result, agent_id, member_id), DELETE ON public.team_tasks TO chenu_human;

GRANT SELECT ON public.thread_events TO chenu_agent;

GRANT SELECT ON public.thread_events TO chenu_auditor;

GRANT SELECT ON public.thread_events TO chenu_human;

GRANT SELECT ON public.threads TO chenu_agent;

GRANT SELECT ON public.threads TO chenu_auditor;

GRANT SELECT ON public.threads TO chenu_human;

COMMENT ON TABLE "public"."audit_logs" IS 'Who did what, when, before and after, and on whose behalf. Append-only.';

COMMENT ON COLUMN "public"."audit_logs"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."audit_logs"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."audit_logs"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."audit_logs"."actor_id" IS 'Who acted: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."audit_logs"."actor_kind" IS 'What kind of actor that was.';

COMMENT ON COLUMN "public"."audit_logs"."action" IS 'What was done.';

COMMENT ON COLUMN "public"."audit_logs"."outcome" IS 'How it ended.';

COMMENT ON COLUMN "public"."audit_logs"."resource_type" IS 'What kind of thing it was done to.';

COMMENT ON COLUMN "public"."audit_logs"."resource_id" IS 'Which one.';

COMMENT ON COLUMN "public"."audit_logs"."sphere" IS 'The sphere it belongs to.';

COMMENT ON COLUMN "public"."audit_logs"."before" IS 'The changed fields as they were.';

COMMENT ON COLUMN "public"."audit_logs"."after" IS 'The changed fields as they became.';

COMMENT ON COLUMN "public"."audit_logs"."details" IS 'What else is known of it.';

COMMENT ON COLUMN "public"."audit_logs"."checkpoint_id" IS 'The approval under which it was done.';

COMMENT ON COLUMN "public"."audit_logs"."request_id" IS 'The request it was done in.';

COMMENT ON COLUMN "public"."audit_logs"."traceparent" IS 'W3C trace context of the request.';

COMMENT ON COLUMN "public"."audit_logs"."session_id" IS 'The login session it was done in.';

COMMENT ON COLUMN "public"."audit_logs"."ip" IS 'Network address of the client.';

COMMENT ON COLUMN "public"."audit_logs"."user_agent" IS 'Program of the client, as it called itself.';

COMMENT ON COLUMN "public"."audit_logs"."db_role" IS 'The database role that did it.';

COMMENT ON COLUMN "public"."audit_logs"."content_salt" IS '16 random bytes that keep the digest from being guessed.';

COMMENT ON COLUMN "public"."audit_logs"."content_digest" IS 'SHA-256 of salt and content; stays when the content is erased.';

COMMENT ON TABLE "public"."business_contacts" IS 'Customers and leads.';

COMMENT ON COLUMN "public"."business_contacts"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."business_contacts"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."business_contacts"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."business_contacts"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."business_contacts"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."business_contacts"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."business_contacts"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."business_contacts"."name" IS 'Name of the person or organisation.';

COMMENT ON COLUMN "public"."business_contacts"."email" IS 'E-mail address.';

COMMENT ON COLUMN "public"."business_contacts"."phone" IS 'Telephone number in the form of E.164.';

COMMENT ON COLUMN "public"."business_contacts"."company" IS 'Company.';

COMMENT ON COLUMN "public"."business_contacts"."job_title" IS 'Position in the company.';

COMMENT ON COLUMN "public"."business_contacts"."lead_score" IS 'How promising a lead, 0 to 100; a note of the owner''s, never an order.';

COMMENT ON COLUMN "public"."business_contacts"."lead_status" IS 'How far the lead has come.';

COMMENT ON COLUMN "public"."business_contacts"."source" IS 'Where the contact came from.';

COMMENT ON COLUMN "public"."business_contacts"."tags" IS 'Free labels, in the order given.';

COMMENT ON COLUMN "public"."business_contacts"."notes" IS 'Free text.';

COMMENT ON TABLE "public"."business_invoices" IS 'Invoices with line items; the database computes the totals.';

COMMENT ON COLUMN "public"."business_invoices"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."business_invoices"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."business_invoices"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."business_invoices"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."business_invoices"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."business_invoices"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."business_invoices"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."business_invoices"."number" IS 'Invoice number, unique per owner.';

COMMENT ON COLUMN "public"."business_invoices"."currency" IS 'Currency code of ISO 4217.';

COMMENT ON COLUMN "public"."business_invoices"."line_items" IS 'What is charged for, 1 to 200 lines.';

COMMENT ON COLUMN "public"."business_invoices"."subtotal" IS 'Sum of the lines before tax: each line''s quantity × unit_price is rounded to two places, half away from zero.';

COMMENT ON COLUMN "public"."business_invoices"."tax_total" IS 'Sum of the lines'' taxes: each line''s rounded amount × tax_rate, rounded the same way.';

COMMENT ON COLUMN "public"."business_invoices"."total" IS 'subtotal + tax_total.';

COMMENT ON COLUMN "public"."business_invoices"."status" IS 'Status; a sent invoice past its due date reads as overdue.';

COMMENT ON COLUMN "public"."business_invoices"."issued_on" IS 'Day of issue.';

COMMENT ON COLUMN "public"."business_invoices"."due_on" IS 'Day by which it is to be paid, not before the day of issue.';

COMMENT ON COLUMN "public"."business_invoices"."paid_at" IS 'When it was paid.';

COMMENT ON COLUMN "public"."business_invoices"."contact_id" IS 'The contact it is addressed to.';

COMMENT ON TABLE "public"."business_projects" IS 'Business projects with progress and budget.';

COMMENT ON COLUMN "public"."business_projects"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."business_projects"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."business_projects"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."business_projects"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."business_projects"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."business_projects"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."business_projects"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."business_projects"."name" IS 'Name.';

COMMENT ON COLUMN "public"."business_projects"."description" IS 'What it is about.';

COMMENT ON COLUMN "public"."business_projects"."status" IS 'How far it has come.';

COMMENT ON COLUMN "public"."business_projects"."starts_on" IS 'First day.';

COMMENT ON COLUMN "public"."business_projects"."ends_on" IS 'Last day, not before the first.';

COMMENT ON COLUMN "public"."business_projects"."budget" IS 'Budget in the currency.';

COMMENT ON COLUMN "public"."business_projects"."currency" IS 'Currency code of ISO 4217; goes with the budget.';

COMMENT ON COLUMN "public"."business_projects"."progress" IS 'Progress in percent.';

COMMENT ON COLUMN "public"."business_projects"."contact_id" IS 'The contact it is done for.';

COMMENT ON TABLE "public"."checkpoints" IS 'Requests for a human''s approval, each of exactly one action.';

COMMENT ON COLUMN "public"."checkpoints"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."checkpoints"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."checkpoints"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."checkpoints"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."checkpoints"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."checkpoints"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."checkpoints"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."checkpoints"."sphere" IS 'The sphere that the action belongs to.';

COMMENT ON COLUMN "public"."checkpoints"."type" IS 'Why it needs a human.';

COMMENT ON COLUMN "public"."checkpoints"."status" IS 'How far it was decided; a pending one past its time reads as expired.';

COMMENT ON COLUMN "public"."checkpoints"."action" IS 'What is to be done.';

COMMENT ON COLUMN "public"."checkpoints"."resource_type" IS 'What kind of thing it is to be done to.';

COMMENT ON COLUMN "public"."checkpoints"."resource_id" IS 'Which one; null for one that is yet to be made.';

COMMENT ON COLUMN "public"."checkpoints"."resource_version" IS 'In which version.';

COMMENT ON COLUMN "public"."checkpoints"."payload" IS 'Exactly what would be done; the digest is of its text. Null once it was erased.';

COMMENT ON COLUMN "public"."checkpoints"."digest" IS 'SHA-256 of the payload''s text; a decision names it.';

COMMENT ON COLUMN "public"."checkpoints"."reason" IS 'Why it was decided so; required to reject.';

COMMENT ON COLUMN "public"."checkpoints"."requested_by" IS 'Who asked: the identity itself or one of its agents.';

COMMENT ON COLUMN "public"."checkpoints"."requested_by_kind" IS 'What kind of actor that was.';

COMMENT ON COLUMN "public"."checkpoints"."decided_by" IS 'The human who decided.';

COMMENT ON COLUMN "public"."checkpoints"."decided_at" IS 'When it was decided.';

COMMENT ON COLUMN "public"."checkpoints"."expires_at" IS 'Until when it can be decided.';

COMMENT ON COLUMN "public"."checkpoints"."use_before" IS 'Until when the approval can be used.';

COMMENT ON COLUMN "public"."checkpoints"."consumed_at" IS 'When the approval was used; it can be used once.';

COMMENT ON COLUMN "public"."checkpoints"."thread_id" IS 'The thread that it belongs to.';

COMMENT ON TABLE "public"."community_events" IS 'Events with the answers to their invitations; never above capacity.';

COMMENT ON COLUMN "public"."community_events"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."community_events"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."community_events"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."community_events"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."community_events"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."community_events"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."community_events"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."community_events"."title" IS 'Title.';

COMMENT ON COLUMN "public"."community_events"."description" IS 'What it is about.';

COMMENT ON COLUMN "public"."community_events"."starts_at" IS 'When it begins.';

COMMENT ON COLUMN "public"."community_events"."ends_at" IS 'When it ends, after it begins.';

COMMENT ON COLUMN "public"."community_events"."time_zone" IS 'Time zone of the place, an IANA name.';

COMMENT ON COLUMN "public"."community_events"."location" IS 'Where it is.';

COMMENT ON COLUMN "public"."community_events"."online_url" IS 'Where it is online.';

COMMENT ON COLUMN "public"."community_events"."capacity" IS 'How many may come; null for any number.';

COMMENT ON COLUMN "public"."community_events"."status" IS 'How far it has come.';

COMMENT ON COLUMN "public"."community_events"."going_count" IS 'How many answered going.';

COMMENT ON COLUMN "public"."community_events"."maybe_count" IS 'How many answered maybe.';

COMMENT ON COLUMN "public"."community_events"."declined_count" IS 'How many declined.';

COMMENT ON COLUMN "public"."community_events"."group_id" IS 'The group that holds it.';

COMMENT ON TABLE "public"."community_groups" IS 'Groups with their settings and rules.';

COMMENT ON COLUMN "public"."community_groups"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."community_groups"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."community_groups"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."community_groups"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."community_groups"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."community_groups"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."community_groups"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."community_groups"."name" IS 'Name.';

COMMENT ON COLUMN "public"."community_groups"."description" IS 'What it is about.';

COMMENT ON COLUMN "public"."community_groups"."kind" IS 'What kind of group it is.';

COMMENT ON COLUMN "public"."community_groups"."visibility" IS 'Whom the owner intends to see it; it opens nothing.';

COMMENT ON COLUMN "public"."community_groups"."settings" IS 'Settings of the group.';

COMMENT ON COLUMN "public"."community_groups"."rules" IS 'Rules of the group.';

COMMENT ON COLUMN "public"."community_groups"."member_count" IS 'People who answered going to one of its events, each counted once.';

COMMENT ON TABLE "public"."creative_assets" IS 'Creative assets; of those made by AI the prompt is kept.';

COMMENT ON COLUMN "public"."creative_assets"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."creative_assets"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."creative_assets"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."creative_assets"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."creative_assets"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."creative_assets"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."creative_assets"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."creative_assets"."name" IS 'Name.';

COMMENT ON COLUMN "public"."creative_assets"."kind" IS 'What it is.';

COMMENT ON COLUMN "public"."creative_assets"."uri" IS 'Where the asset itself is kept.';

COMMENT ON COLUMN "public"."creative_assets"."media_type" IS 'Media type (RFC 6838).';

COMMENT ON COLUMN "public"."creative_assets"."size_bytes" IS 'Size in bytes.';

COMMENT ON COLUMN "public"."creative_assets"."sha256" IS 'SHA-256 of the content in lower-case hex.';

COMMENT ON COLUMN "public"."creative_assets"."ai_generated" IS 'Whether an AI made it; then the prompt is required.';

COMMENT ON COLUMN "public"."creative_assets"."prompt" IS 'What the AI was asked for.';

COMMENT ON COLUMN "public"."creative_assets"."negative_prompt" IS 'What the AI was asked to avoid.';

COMMENT ON COLUMN "public"."creative_assets"."model" IS 'Model that made it.';

COMMENT ON COLUMN "public"."creative_assets"."parameters" IS 'Settings that it was made with.';

COMMENT ON COLUMN "public"."creative_assets"."random_seed" IS 'Seed that it was made with.';

COMMENT ON COLUMN "public"."creative_assets"."licence" IS 'Licence, as an SPDX identifier or in words.';

COMMENT ON COLUMN "public"."creative_assets"."project_id" IS 'The project it belongs to.';

COMMENT ON TABLE "public"."creative_projects" IS 'Collections of creative assets.';

COMMENT ON COLUMN "public"."creative_projects"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."creative_projects"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."creative_projects"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."creative_projects"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."creative_projects"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."creative_projects"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."creative_projects"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."creative_projects"."name" IS 'Name.';

COMMENT ON COLUMN "public"."creative_projects"."description" IS 'What it is about.';

COMMENT ON COLUMN "public"."creative_projects"."status" IS 'How far it has come.';

COMMENT ON COLUMN "public"."creative_projects"."cover_asset_id" IS 'The asset that is shown for it.';

COMMENT ON TABLE "public"."entertainment_playlists" IS 'Playlists of media.';

COMMENT ON COLUMN "public"."entertainment_playlists"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."entertainment_playlists"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."entertainment_playlists"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."entertainment_playlists"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."entertainment_playlists"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."entertainment_playlists"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."entertainment_playlists"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."entertainment_playlists"."name" IS 'Name.';

COMMENT ON COLUMN "public"."entertainment_playlists"."kind" IS 'What it holds.';

COMMENT ON COLUMN "public"."entertainment_playlists"."visibility" IS 'Whom the owner intends to see it; it opens nothing.';

COMMENT ON COLUMN "public"."entertainment_playlists"."items" IS 'Its items in the owner''s order, at most 1000.';

COMMENT ON TABLE "public"."entertainment_stream_history" IS 'What was watched or heard, in the order of time. Append-only.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."content_id" IS 'What it was, as its source calls it.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."content_type" IS 'What kind of thing it was.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."title" IS 'Title.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."started_at" IS 'When it was begun; the list is in this order.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."watched_seconds" IS 'For how many seconds it was watched or heard.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."duration_seconds" IS 'How many seconds the whole has.';

COMMENT ON COLUMN "public"."entertainment_stream_history"."device" IS 'Device it was played on.';

COMMENT ON TABLE "public"."government_clinical_trials" IS 'Clinical trials. Reading one is recorded.';

COMMENT ON COLUMN "public"."government_clinical_trials"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."government_clinical_trials"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."government_clinical_trials"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."government_clinical_trials"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."government_clinical_trials"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."government_clinical_trials"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."government_clinical_trials"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."government_clinical_trials"."registry_id" IS 'Id in a public registry, unique per owner: NCT and 8 digits, ISRCTN and 8 digits, or another registry''s.';

COMMENT ON COLUMN "public"."government_clinical_trials"."title" IS 'Title.';

COMMENT ON COLUMN "public"."government_clinical_trials"."phase" IS 'Phase.';

COMMENT ON COLUMN "public"."government_clinical_trials"."status" IS 'How far it has come; recruiting needs an ethics approval.';

COMMENT ON COLUMN "public"."government_clinical_trials"."sponsor" IS 'Sponsor.';

COMMENT ON COLUMN "public"."government_clinical_trials"."starts_on" IS 'First day.';

COMMENT ON COLUMN "public"."government_clinical_trials"."ends_on" IS 'Last day, not before the first.';

COMMENT ON COLUMN "public"."government_clinical_trials"."target_enrollment" IS 'How many people shall take part.';

COMMENT ON COLUMN "public"."government_clinical_trials"."enrolled" IS 'How many people take part, at most the target.';

COMMENT ON COLUMN "public"."government_clinical_trials"."ethics_reference" IS 'Reference of the ethics committee''s approval.';

COMMENT ON COLUMN "public"."government_clinical_trials"."ethics_approved_on" IS 'Day of the ethics committee''s approval.';

COMMENT ON TABLE "public"."government_compliance" IS 'Compliance items with expiry.';

COMMENT ON COLUMN "public"."government_compliance"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."government_compliance"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."government_compliance"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."government_compliance"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."government_compliance"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."government_compliance"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."government_compliance"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."government_compliance"."name" IS 'Name.';

COMMENT ON COLUMN "public"."government_compliance"."regulation" IS 'Rule that demands it.';

COMMENT ON COLUMN "public"."government_compliance"."authority" IS 'Authority that sees to it.';

COMMENT ON COLUMN "public"."government_compliance"."identifier" IS 'Number or mark that the authority gave.';

COMMENT ON COLUMN "public"."government_compliance"."status" IS 'Status; an active one reads as expiring within 30 days of its expiry, and as expired after it.';

COMMENT ON COLUMN "public"."government_compliance"."effective_on" IS 'First day it holds.';

COMMENT ON COLUMN "public"."government_compliance"."expires_on" IS 'Last day it holds, not before the first.';

COMMENT ON COLUMN "public"."government_compliance"."evidence" IS 'Documents that show it, at most 100.';

COMMENT ON TABLE "public"."identities" IS 'People with an account. Each is its own owner: its own row is the only one it sees.';

COMMENT ON COLUMN "public"."identities"."id" IS 'Identifier, a UUIDv7.';

COMMENT ON COLUMN "public"."identities"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."identities"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."identities"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."identities"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."identities"."email" IS 'E-mail address, unique without regard to case.';

COMMENT ON COLUMN "public"."identities"."name" IS 'Name to be shown.';

COMMENT ON COLUMN "public"."identities"."hashed_password" IS 'argon2id hash as a PHC string; never leaves the database but to the login function.';

COMMENT ON COLUMN "public"."identities"."settings" IS 'Preferences; time_zone is an IANA name and decides when a day begins.';

COMMENT ON COLUMN "public"."identities"."email_verified_at" IS 'When the e-mail address was verified.';

COMMENT ON COLUMN "public"."identities"."status" IS 'Whether the identity may log in.';

COMMENT ON COLUMN "public"."identities"."failed_logins" IS 'Failed logins since the last one that succeeded.';

COMMENT ON COLUMN "public"."identities"."locked_until" IS 'Until when logins are refused.';

COMMENT ON COLUMN "public"."identities"."password_changed_at" IS 'When the password was last changed.';

COMMENT ON COLUMN "public"."identities"."created_at" IS 'When the account was made.';

COMMENT ON TABLE "public"."personal_habits" IS 'Habits; the database derives their streaks from the check-ins.';

COMMENT ON COLUMN "public"."personal_habits"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."personal_habits"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."personal_habits"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."personal_habits"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."personal_habits"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."personal_habits"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."personal_habits"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."personal_habits"."name" IS 'What the habit is.';

COMMENT ON COLUMN "public"."personal_habits"."cadence" IS 'Its period.';

COMMENT ON COLUMN "public"."personal_habits"."target_per_period" IS 'How many check-ins make a period count.';

COMMENT ON COLUMN "public"."personal_habits"."current_streak" IS 'Periods in a row that reached the target, up to now; 0 after a missed one.';

COMMENT ON COLUMN "public"."personal_habits"."best_streak" IS 'The longest streak so far.';

COMMENT ON COLUMN "public"."personal_habits"."last_completed_period" IS 'First day of the latest period that reached the target.';

COMMENT ON COLUMN "public"."personal_habits"."last_checked_in_on" IS 'Day of the latest check-in.';

COMMENT ON COLUMN "public"."personal_habits"."active" IS 'Whether it is still pursued.';

COMMENT ON TABLE "public"."personal_notes" IS 'Personal notes, with folders and tags.';

COMMENT ON COLUMN "public"."personal_notes"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."personal_notes"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."personal_notes"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."personal_notes"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."personal_notes"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."personal_notes"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."personal_notes"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."personal_notes"."title" IS 'Title.';

COMMENT ON COLUMN "public"."personal_notes"."content" IS 'Text of the note.';

COMMENT ON COLUMN "public"."personal_notes"."folder" IS 'Folder it is kept in.';

COMMENT ON COLUMN "public"."personal_notes"."tags" IS 'Free labels, in the order given.';

COMMENT ON COLUMN "public"."personal_notes"."pinned" IS 'Whether it is pinned; a mark, not an order.';

COMMENT ON COLUMN "public"."personal_notes"."search" IS 'Words of title and content, for full-text search.';

COMMENT ON TABLE "public"."personal_tasks" IS 'Personal tasks, with status, priority and due dates.';

COMMENT ON COLUMN "public"."personal_tasks"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."personal_tasks"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."personal_tasks"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."personal_tasks"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."personal_tasks"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."personal_tasks"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."personal_tasks"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."personal_tasks"."title" IS 'What is to be done.';

COMMENT ON COLUMN "public"."personal_tasks"."description" IS 'More about it.';

COMMENT ON COLUMN "public"."personal_tasks"."status" IS 'How far it has come.';

COMMENT ON COLUMN "public"."personal_tasks"."priority" IS 'A label, never an order.';

COMMENT ON COLUMN "public"."personal_tasks"."due_at" IS 'When it is due.';

COMMENT ON COLUMN "public"."personal_tasks"."completed_at" IS 'When it was done; set exactly while it is.';

COMMENT ON COLUMN "public"."personal_tasks"."tags" IS 'Free labels, in the order given.';

COMMENT ON TABLE "public"."scholar_manuscripts" IS 'Manuscripts in sections; the database counts their words.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."title" IS 'Title.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."abstract" IS 'Abstract.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."sections" IS 'Its sections, at most 200, each with its position.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."status" IS 'How far it has come.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."target_journal" IS 'Journal it is meant for.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."submitted_at" IS 'When it was submitted.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."word_count" IS 'Words of all headings and bodies.';

COMMENT ON COLUMN "public"."scholar_manuscripts"."co_authors" IS 'Co-authors, family name first.';

COMMENT ON TABLE "public"."scholar_references" IS 'Academic references with DOI and citations.';

COMMENT ON COLUMN "public"."scholar_references"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."scholar_references"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."scholar_references"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."scholar_references"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."scholar_references"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."scholar_references"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."scholar_references"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."scholar_references"."title" IS 'Title.';

COMMENT ON COLUMN "public"."scholar_references"."authors" IS 'Authors, family name first, at least one.';

COMMENT ON COLUMN "public"."scholar_references"."year" IS 'Year of publication.';

COMMENT ON COLUMN "public"."scholar_references"."kind" IS 'What it refers to.';

COMMENT ON COLUMN "public"."scholar_references"."container_title" IS 'Journal, book or site it appeared in.';

COMMENT ON COLUMN "public"."scholar_references"."volume" IS 'Volume.';

COMMENT ON COLUMN "public"."scholar_references"."issue" IS 'Issue.';

COMMENT ON COLUMN "public"."scholar_references"."pages" IS 'Pages.';

COMMENT ON COLUMN "public"."scholar_references"."doi" IS 'DOI, unique per owner without regard to case.';

COMMENT ON COLUMN "public"."scholar_references"."url" IS 'Where it can be read.';

COMMENT ON COLUMN "public"."scholar_references"."abstract" IS 'Abstract.';

COMMENT ON COLUMN "public"."scholar_references"."citation_key" IS 'Key that it is cited by, unique per owner.';

COMMENT ON COLUMN "public"."scholar_references"."search" IS 'Words of title and abstract, for full-text search.';

COMMENT ON TABLE "public"."social_posts" IS 'Posts, in the order of time; nothing ranks them.';

COMMENT ON COLUMN "public"."social_posts"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."social_posts"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."social_posts"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."social_posts"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."social_posts"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."social_posts"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."social_posts"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."social_posts"."body" IS 'Text of the post.';

COMMENT ON COLUMN "public"."social_posts"."media" IS 'Pictures and the like, at most 10.';

COMMENT ON COLUMN "public"."social_posts"."visibility" IS 'Whom the owner intends to see it; it opens nothing.';

COMMENT ON COLUMN "public"."social_posts"."published_at" IS 'When it was published; null for a draft.';

COMMENT ON COLUMN "public"."social_posts"."reply_to_id" IS 'The post it replies to.';

COMMENT ON COLUMN "public"."social_posts"."thread_id" IS 'The thread it belongs to.';

COMMENT ON TABLE "public"."social_schedules" IS 'When which post is to be published where.';

COMMENT ON COLUMN "public"."social_schedules"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."social_schedules"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."social_schedules"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."social_schedules"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."social_schedules"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."social_schedules"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."social_schedules"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."social_schedules"."platform" IS 'Where it is to be published; once for each post.';

COMMENT ON COLUMN "public"."social_schedules"."scheduled_at" IS 'When; in the future when it is set.';

COMMENT ON COLUMN "public"."social_schedules"."status" IS 'How far it has come.';

COMMENT ON COLUMN "public"."social_schedules"."attempts" IS 'How often it was tried.';

COMMENT ON COLUMN "public"."social_schedules"."last_error" IS 'Why the last try failed.';

COMMENT ON COLUMN "public"."social_schedules"."external_id" IS 'What the platform calls the published post.';

COMMENT ON COLUMN "public"."social_schedules"."post_id" IS 'The post.';

COMMENT ON TABLE "public"."team_agents" IS 'AI agents that the owner hired, with the trail of their hiring.';

COMMENT ON COLUMN "public"."team_agents"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."team_agents"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."team_agents"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."team_agents"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."team_agents"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."team_agents"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."team_agents"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."team_agents"."name" IS 'Name.';

COMMENT ON COLUMN "public"."team_agents"."kind" IS 'What it is for.';

COMMENT ON COLUMN "public"."team_agents"."provider" IS 'Who provides it.';

COMMENT ON COLUMN "public"."team_agents"."model" IS 'Model it runs on.';

COMMENT ON COLUMN "public"."team_agents"."capabilities" IS 'What its tokens may do: the tags of the operations it may call.';

COMMENT ON COLUMN "public"."team_agents"."status" IS 'Whether it may work.';

COMMENT ON COLUMN "public"."team_agents"."token_budget" IS 'How many tokens of its model it may use.';

COMMENT ON COLUMN "public"."team_agents"."hired_by" IS 'The human who hired it.';

COMMENT ON COLUMN "public"."team_agents"."hired_at" IS 'When it was hired.';

COMMENT ON COLUMN "public"."team_agents"."hire_checkpoint_id" IS 'The approval that it was hired with.';

COMMENT ON COLUMN "public"."team_agents"."dismissed_by" IS 'The human who dismissed it.';

COMMENT ON COLUMN "public"."team_agents"."dismissed_at" IS 'When it was dismissed.';

COMMENT ON COLUMN "public"."team_agents"."dismiss_reason" IS 'Why it was dismissed.';

COMMENT ON TABLE "public"."team_members" IS 'People on the team.';

COMMENT ON COLUMN "public"."team_members"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."team_members"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."team_members"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."team_members"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."team_members"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."team_members"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."team_members"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."team_members"."name" IS 'Name.';

COMMENT ON COLUMN "public"."team_members"."email" IS 'E-mail address.';

COMMENT ON COLUMN "public"."team_members"."role" IS 'What they do on the team.';

COMMENT ON COLUMN "public"."team_members"."status" IS 'Whether they are part of the team.';

COMMENT ON COLUMN "public"."team_members"."joined_on" IS 'Day they joined.';

COMMENT ON TABLE "public"."team_tasks" IS 'Tasks of the team, each with exactly one assignee, given by a human.';

COMMENT ON COLUMN "public"."team_tasks"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."team_tasks"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."team_tasks"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."team_tasks"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."team_tasks"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."team_tasks"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."team_tasks"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."team_tasks"."title" IS 'What is to be done.';

COMMENT ON COLUMN "public"."team_tasks"."description" IS 'More about it.';

COMMENT ON COLUMN "public"."team_tasks"."status" IS 'How far it has come.';

COMMENT ON COLUMN "public"."team_tasks"."priority" IS 'A label, never an order.';

COMMENT ON COLUMN "public"."team_tasks"."assigned_by" IS 'The human who gave it.';

COMMENT ON COLUMN "public"."team_tasks"."due_at" IS 'When it is due.';

COMMENT ON COLUMN "public"."team_tasks"."completed_at" IS 'When it was done; set exactly while it is.';

COMMENT ON COLUMN "public"."team_tasks"."result" IS 'What came of it.';

COMMENT ON COLUMN "public"."team_tasks"."agent_id" IS 'The agent it was given to.';

COMMENT ON COLUMN "public"."team_tasks"."member_id" IS 'The member it was given to; exactly one of member_id and agent_id is set.';

COMMENT ON TABLE "public"."thread_events" IS 'What happened in threads, in order. Append-only.';

COMMENT ON COLUMN "public"."thread_events"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."thread_events"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."thread_events"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."thread_events"."sequence" IS 'Its place in the thread, from 1 and without gaps.';

COMMENT ON COLUMN "public"."thread_events"."type" IS 'What happened.';

COMMENT ON COLUMN "public"."thread_events"."schema_version" IS 'Version of the payload''s schema.';

COMMENT ON COLUMN "public"."thread_events"."payload" IS 'What there is to say about it, shaped by its type; null once it was erased.';

COMMENT ON COLUMN "public"."thread_events"."actor_id" IS 'Who did it: the identity itself or one of its agents.';

COMMENT ON COLUMN "public"."thread_events"."actor_kind" IS 'What kind of actor that was.';

COMMENT ON COLUMN "public"."thread_events"."causation_id" IS 'The event that caused it.';

COMMENT ON COLUMN "public"."thread_events"."correlation_id" IS 'What it belongs together with.';

COMMENT ON COLUMN "public"."thread_events"."request_id" IS 'The request it came in.';

COMMENT ON COLUMN "public"."thread_events"."content_salt" IS '16 random bytes that keep the digest from being guessed.';

COMMENT ON COLUMN "public"."thread_events"."content_digest" IS 'SHA-256 of salt and content; stays when the content is erased.';

COMMENT ON COLUMN "public"."thread_events"."thread_id" IS 'The thread.';

COMMENT ON TABLE "public"."threads" IS 'Lines of thought or work; each row is the projection of its events.';

COMMENT ON COLUMN "public"."threads"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "public"."threads"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "public"."threads"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "public"."threads"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "public"."threads"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "public"."threads"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "public"."threads"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "public"."threads"."founding_intent" IS 'What the thread was begun for; it never changes.';

COMMENT ON COLUMN "public"."threads"."sphere" IS 'The sphere it belongs to.';

COMMENT ON COLUMN "public"."threads"."type" IS 'For how many it is meant.';

COMMENT ON COLUMN "public"."threads"."status" IS 'Where it stands.';

COMMENT ON COLUMN "public"."threads"."visibility" IS 'Whom the owner intends to see it; it opens nothing.';

COMMENT ON COLUMN "public"."threads"."title" IS 'Title.';

COMMENT ON COLUMN "public"."threads"."tags" IS 'Free labels, in the order given.';

COMMENT ON COLUMN "public"."threads"."last_sequence" IS 'Sequence of its latest event.';

COMMENT ON COLUMN "public"."threads"."event_count" IS 'How many events it has.';

COMMENT ON COLUMN "public"."threads"."last_event_at" IS 'When its latest event came.';

COMMENT ON COLUMN "public"."threads"."parent_thread_id" IS 'The thread it came out of.';

COMMENT ON TABLE "app"."event_rsvps" IS 'Answers to the invitations to events.';

COMMENT ON COLUMN "app"."event_rsvps"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."event_rsvps"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."event_rsvps"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."event_rsvps"."updated_at" IS 'When it was last changed.';

COMMENT ON COLUMN "app"."event_rsvps"."version" IS 'Counts its changes from 1; the ETag is made of it.';

COMMENT ON COLUMN "app"."event_rsvps"."updated_by" IS 'Who changed it last: the identity itself or one of its agents; null for a bare database session.';

COMMENT ON COLUMN "app"."event_rsvps"."updated_by_kind" IS 'What kind of actor changed it last.';

COMMENT ON COLUMN "app"."event_rsvps"."status" IS 'The answer.';

COMMENT ON COLUMN "app"."event_rsvps"."event_id" IS 'The event.';

COMMENT ON COLUMN "app"."event_rsvps"."contact_id" IS 'The contact who answered.';

COMMENT ON TABLE "app"."habit_check_ins" IS 'Days on which habits were done.';

COMMENT ON COLUMN "app"."habit_check_ins"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."habit_check_ins"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."habit_check_ins"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."habit_check_ins"."checked_in_on" IS 'The day, in the identity''s time zone; today by default, never in the future.';

COMMENT ON COLUMN "app"."habit_check_ins"."note" IS 'What there is to say about it.';

COMMENT ON COLUMN "app"."habit_check_ins"."habit_id" IS 'The habit.';

COMMENT ON TABLE "app"."idempotency_keys" IS 'Outcomes of POST requests, kept for their repetition.';

COMMENT ON COLUMN "app"."idempotency_keys"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."idempotency_keys"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."idempotency_keys"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."idempotency_keys"."route" IS 'Operation that the key was used with.';

COMMENT ON COLUMN "app"."idempotency_keys"."key" IS 'Key that the client chose.';

COMMENT ON COLUMN "app"."idempotency_keys"."request_digest" IS 'SHA-256 of the request''s path and body.';

COMMENT ON COLUMN "app"."idempotency_keys"."status" IS 'HTTP status of the outcome.';

COMMENT ON COLUMN "app"."idempotency_keys"."headers" IS 'Headers of the outcome.';

COMMENT ON COLUMN "app"."idempotency_keys"."body" IS 'Body of the outcome.';

COMMENT ON COLUMN "app"."idempotency_keys"."expires_at" IS 'Until when the outcome is kept.';

COMMENT ON TABLE "app"."reference_citations" IS 'Which reference cites which.';

COMMENT ON COLUMN "app"."reference_citations"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."reference_citations"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."reference_citations"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."reference_citations"."locator" IS 'Where in the cited work, such as a page.';

COMMENT ON COLUMN "app"."reference_citations"."citing_id" IS 'The reference that cites.';

COMMENT ON COLUMN "app"."reference_citations"."cited_id" IS 'The reference that is cited.';

COMMENT ON TABLE "app"."sessions" IS 'Logins of identities.';

COMMENT ON COLUMN "app"."sessions"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."sessions"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."sessions"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."sessions"."expires_at" IS 'When it ends at the latest.';

COMMENT ON COLUMN "app"."sessions"."revoked_at" IS 'When it was ended before its time.';

COMMENT ON COLUMN "app"."sessions"."authenticated_at" IS 'When the identity last proved itself in it.';

COMMENT ON COLUMN "app"."sessions"."amr" IS 'How the identity proved itself: names of RFC 8176.';

COMMENT ON COLUMN "app"."sessions"."ip" IS 'Network address it was opened from.';

COMMENT ON COLUMN "app"."sessions"."user_agent" IS 'Program it was opened with.';

COMMENT ON TABLE "app"."signing_keys" IS 'Keys that sign access tokens.';

COMMENT ON COLUMN "app"."signing_keys"."id" IS 'The key''s kid.';

COMMENT ON COLUMN "app"."signing_keys"."public_key" IS 'Ed25519 public key, 32 bytes.';

COMMENT ON COLUMN "app"."signing_keys"."private_key" IS 'Ed25519 seed, encrypted under the service''s secret.';

COMMENT ON COLUMN "app"."signing_keys"."status" IS 'Its place in its life: published before it signs, signing, or verifying what it signed before.';

COMMENT ON COLUMN "app"."signing_keys"."created_at" IS 'When it was made.';
