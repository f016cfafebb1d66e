-- atlas:nolint CN111 — no statement scans a table, so the locks end within moments; apply retries after a deadlock
-- atlas:nolint CN304 — chenu_maintain also reads the visibility of a thread, to keep what clients wrote out of public threads; it updates the same columns and rows as before

-- harden approvals agents and accounts
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   widening: chenu_maintain, SELECT on app.sessions
--       before: nothing
--       after:  columns (created_by, expires_at, id, idle_expires_at, ip, revoked_at, user_agent), rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (LEAST(revoked_at, expires_at, idle_expires_at) < (clock_timestamp() - '30 days'::interval)))
--   widening: chenu_maintain, UPDATE on app.sessions
--       before: nothing
--       after:  columns (ip, user_agent), rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (LEAST(revoked_at, expires_at, idle_expires_at) < (clock_timestamp() - '30 days'::interval)))
--   widening: chenu_maintain, DELETE on app.sessions
--       before: nothing
--       after:  rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (LEAST(revoked_at, expires_at, idle_expires_at) < (clock_timestamp() - '30 days'::interval)))
--   widening: chenu_maintain, EXECUTE on function app.record_event(text, text, text, uuid, jsonb, text, uuid)
--       it runs with the rights of chenu_audit
--       before: nothing
--       after:  EXECUTE
--   widening: chenu_gate, SELECT on public.audit_logs
--       before: nothing
--       after:  rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_gate, SELECT on public.business_contacts
--       before: nothing
--       after:  columns (company, created_by, email, id, name, phone, version), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_gate, SELECT on public.community_events
--       before: nothing
--       after:  columns (created_by, group_id, id, starts_at, title, version), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_gate, SELECT on public.community_groups
--       before: nothing
--       after:  columns (created_by, id, name, version, visibility), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_gate, UPDATE on public.community_groups, public.social_posts
--       before: nothing
--       after:  columns (id), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_maintain, SELECT on public.identities
--       before: nothing
--       after:  columns (email_verified_at, id), rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (email_verified_at IS NULL))
--   widening: chenu_gate, SELECT on public.social_posts
--       before: nothing
--       after:  columns (body, created_by, id, media, published_at, version, visibility), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_gate, SELECT on public.social_schedules
--       before: nothing
--       after:  columns (created_by, id, post_id, status), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_gate, SELECT on public.team_agents
--       before: columns (created_by, id, status), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--       after:  columns (created_by, hire_checkpoint_id, hired_at, id, status), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_gate, UPDATE on public.team_agents
--       before: columns (dismiss_reason, status), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--       after:  columns (dismiss_reason, status, suspend_reason), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_maintain, SELECT on public.team_agents
--       before: nothing
--       after:  columns (created_by, id, status), rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (status = 'active'::text))
--   widening: chenu_maintain, SELECT on public.threads
--       before: columns (created_by, event_count, id, last_sequence, step_count), rows where (CURRENT_USER = 'chenu_maintain'::name)
--       after:  columns (created_by, event_count, id, last_sequence, step_count, visibility), rows where (CURRENT_USER = 'chenu_maintain'::name)
--   widening: chenu_maintain, UPDATE on public.threads
--       the expressions are the same, but not what they come to: what SELECT reaches, or a function that they call, is another
--   review: function app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone)
--       does something else, with the rights of chenu_login
--   review: function app.agent_credential(uuid)
--       does something else, with the rights of chenu_login
--   review: function app.append_events(uuid, bigint, jsonb)
--       does something else, with the rights of chenu_threads
--   review: function app.audit()
--       does something else when app.agent_credentials, app.event_rsvps, app.habit_check_ins or one of 27 other tables changes, with the rights of chenu_audit
--   review: function app.begin_attempt()
--       does something else, with the rights of chenu_login
--   review: function app.change_password(text, text, uuid)
--       does something else, with the rights of chenu_login
--   review: function app.consume_checkpoint(uuid, bytea)
--       does something else, with the rights of chenu_gate
--   review: function app.ensure_partitions(integer)
--       does something else, with the rights of chenu_owner
--   review: function app.erase_identity()
--       does something else, with the rights of chenu_erase
--   review: function app.erase_rows(uuid)
--       does something else, with the rights of chenu_erase
--   review: function app.forgive_attempts()
--       does something else, with the rights of chenu_login
--   review: function app.gate()
--       does something else when public.business_invoices, public.community_events, public.community_groups or one of 8 other tables changes, with the rights of chenu_gate
--   review: function app.hire()
--       does something else when public.team_agents changes, with the rights of whoever causes it
--   review: function app.issue_account_token(text, bytea)
--       does something else, with the rights of chenu_login
--   review: function app.record_event(text, text, text, uuid, jsonb, text, uuid)
--       does something else, with the rights of chenu_audit
--   review: function app.record_step()
--       does something else when public.checkpoints changes, with the rights of chenu_maintain
--   review: function app.refuse_attempt(text, boolean)
--       does something else, with the rights of chenu_login
--   review: function app.refuse_ended_agent()
--       does something else, with the rights of chenu_login
--   review: function app.request_checkpoint(jsonb, interval)
--       does something else, with the rights of chenu_gate
--   review: function app.reset_password(bytea, text)
--       does something else, with the rights of chenu_login
--   review: function app.rotate_refresh_token(uuid, bytea, bytea, interval)
--       does something else, with the rights of chenu_login
--   review: function app.seal_content()
--       does something else when public.audit_logs or public.thread_events changes, with the rights of whoever causes it
--   review: function app.use_account_token(text, bytea)
--       does something else, with the rights of chenu_login
--   review: function app.use_agent_credential(uuid, text, bytea, timestamp with time zone)
--       does something else, with the rights of chenu_login
--   review: function app.use_checkpoint(jsonb)
--       does something else, with the rights of chenu_gate
--   review: trigger approve_delete on public.business_invoices
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.business_invoices FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', 'keep', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.business_invoices FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--   review: trigger approve_delete on public.community_groups
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.community_groups FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.community_groups FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--   review: trigger approve_delete on public.entertainment_playlists
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.entertainment_playlists FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '', 'name', 'kind', 'visibility', 'items')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.entertainment_playlists FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items')
--   review: trigger approve_delete on public.government_clinical_trials
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.government_clinical_trials FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status <> 'planned'::text))) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.government_clinical_trials FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status <> 'planned'::text))) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--   review: trigger approve_delete on public.government_compliance
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_delete AFTER DELETE ON public.government_compliance FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['active'::text, 'waived'::text]))))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--   review: trigger approve_delete on public.scholar_manuscripts
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.scholar_manuscripts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = 'submitted'::text))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.scholar_manuscripts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text])))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--   review: trigger approve_delete on public.social_posts
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL))))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger approve_delete on public.social_schedules
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_delete AFTER DELETE ON public.social_schedules FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) AND ((old.status = 'scheduled'::text) IS NOT TRUE))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--   review: trigger approve_delete on public.team_agents
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = 'active'::text))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', 'keep', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = 'active'::text))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--   review: trigger approve_delete on public.threads
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--   review: trigger approve_delete_through on public.community_events
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_delete_through AFTER DELETE ON public.community_events FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.group_id IS NOT NULL))) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--   review: trigger approve_delete_through on public.social_posts
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_delete_through AFTER DELETE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (app.actor_kind() <> 'human'::text) AND ((((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL))) IS NOT TRUE))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"through":{"column":"id","table":"public.social_schedules","key":"post_id","condition":"status = ''scheduled''","agents":true},"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger approve_insert on public.business_invoices
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.business_invoices FOR EACH ROW WHEN ((new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text]))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', 'keep', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.business_invoices FOR EACH ROW WHEN ((new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text]))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--   review: trigger approve_insert on public.community_groups
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.community_groups FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.community_groups FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--   review: trigger approve_insert on public.entertainment_playlists
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.entertainment_playlists FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '', 'name', 'kind', 'visibility', 'items')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.entertainment_playlists FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items')
--   review: trigger approve_insert on public.government_clinical_trials
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.government_clinical_trials FOR EACH ROW WHEN ((new.status <> 'planned'::text)) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.government_clinical_trials FOR EACH ROW WHEN ((new.status <> 'planned'::text)) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--   review: trigger approve_insert on public.government_compliance
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_insert AFTER INSERT ON public.government_compliance FOR EACH ROW WHEN (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['active'::text, 'waived'::text])))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--   review: trigger approve_insert on public.scholar_manuscripts
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.scholar_manuscripts FOR EACH ROW WHEN ((new.status = 'submitted'::text)) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.scholar_manuscripts FOR EACH ROW WHEN ((new.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text]))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--   review: trigger approve_insert on public.social_posts
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.social_posts FOR EACH ROW WHEN (((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.social_posts FOR EACH ROW WHEN ((((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (new.published_at IS NOT NULL)))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger approve_insert on public.social_schedules
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_insert AFTER INSERT ON public.social_schedules FOR EACH ROW WHEN (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text])))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--   review: trigger approve_insert on public.team_agents
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.team_agents FOR EACH ROW WHEN ((new.status = 'active'::text)) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', 'keep', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.team_agents FOR EACH ROW WHEN ((new.status = 'active'::text)) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--   review: trigger approve_insert on public.threads
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.threads FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.threads FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--   review: trigger approve_insert_through on public.community_events
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_insert_through AFTER INSERT ON public.community_events FOR EACH ROW WHEN ((new.group_id IS NOT NULL)) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--   review: trigger approve_update on public.business_invoices
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.business_invoices FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])) IS DISTINCT FROM (new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text]))) OR ((new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])) AND ((((((((old.number IS DISTINCT FROM new.number) OR (old.contact_id IS DISTINCT FROM new.contact_id)) OR (old.currency IS DISTINCT FROM new.currency)) OR (old.line_items IS DISTINCT FROM new.line_items)) OR (old.status IS DISTINCT FROM new.status)) OR (old.issued_on IS DISTINCT FROM new.issued_on)) OR (old.due_on IS DISTINCT FROM new.due_on)) OR (old.paid_at IS DISTINCT FROM new.paid_at)))))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', 'keep', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.business_invoices FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.number IS DISTINCT FROM new.number) OR (old.contact_id IS DISTINCT FROM new.contact_id)) OR (old.currency IS DISTINCT FROM new.currency)) OR (old.line_items IS DISTINCT FROM new.line_items)) OR (old.status IS DISTINCT FROM new.status)) OR (old.issued_on IS DISTINCT FROM new.issued_on)) OR (old.due_on IS DISTINCT FROM new.due_on)) OR (old.paid_at IS DISTINCT FROM new.paid_at)) AND ((old.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])) OR (new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text]))))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--   review: trigger approve_update on public.community_groups
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.community_groups FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.visibility = 'public'::text) IS DISTINCT FROM (new.visibility = 'public'::text)) OR ((new.visibility = 'public'::text) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.description IS DISTINCT FROM new.description)) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.settings IS DISTINCT FROM new.settings)) OR (old.rules IS DISTINCT FROM new.rules)))))) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.community_groups FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.description IS DISTINCT FROM new.description)) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.settings IS DISTINCT FROM new.settings)) OR (old.rules IS DISTINCT FROM new.rules)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--   review: trigger approve_update on public.entertainment_playlists
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.entertainment_playlists FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.visibility = 'public'::text) IS DISTINCT FROM (new.visibility = 'public'::text)) OR ((new.visibility = 'public'::text) AND ((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.items IS DISTINCT FROM new.items)))))) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '', 'name', 'kind', 'visibility', 'items')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.entertainment_playlists FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.items IS DISTINCT FROM new.items)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items')
--   review: trigger approve_update on public.government_clinical_trials
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.government_clinical_trials FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status IS DISTINCT FROM new.status))) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.government_clinical_trials FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((((old.registry_id IS DISTINCT FROM new.registry_id) OR (old.title IS DISTINCT FROM new.title)) OR (old.phase IS DISTINCT FROM new.phase)) OR (old.status IS DISTINCT FROM new.status)) OR (old.sponsor IS DISTINCT FROM new.sponsor)) OR (old.starts_on IS DISTINCT FROM new.starts_on)) OR (old.ends_on IS DISTINCT FROM new.ends_on)) OR (old.target_enrollment IS DISTINCT FROM new.target_enrollment)) OR (old.ethics_reference IS DISTINCT FROM new.ethics_reference)) OR (old.ethics_approved_on IS DISTINCT FROM new.ethics_approved_on)) AND ((old.status <> 'planned'::text) OR (new.status <> 'planned'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--   review: trigger approve_update on public.government_compliance
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_update AFTER UPDATE ON public.government_compliance FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.name IS DISTINCT FROM new.name) OR (old.regulation IS DISTINCT FROM new.regulation)) OR (old.authority IS DISTINCT FROM new.authority)) OR (old.identifier IS DISTINCT FROM new.identifier)) OR (old.status IS DISTINCT FROM new.status)) OR (old.effective_on IS DISTINCT FROM new.effective_on)) OR (old.expires_on IS DISTINCT FROM new.expires_on)) OR (old.evidence IS DISTINCT FROM new.evidence)) AND (((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['active'::text, 'waived'::text]))) OR ((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['active'::text, 'waived'::text])))))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--   review: trigger approve_update on public.scholar_manuscripts
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.scholar_manuscripts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.status = 'submitted'::text) IS DISTINCT FROM (new.status = 'submitted'::text)) OR ((new.status = 'submitted'::text) AND (((((((old.title IS DISTINCT FROM new.title) OR (old.abstract IS DISTINCT FROM new.abstract)) OR (old.sections IS DISTINCT FROM new.sections)) OR (old.status IS DISTINCT FROM new.status)) OR (old.target_journal IS DISTINCT FROM new.target_journal)) OR (old.submitted_at IS DISTINCT FROM new.submitted_at)) OR (old.co_authors IS DISTINCT FROM new.co_authors)))))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.scholar_manuscripts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((((((old.title IS DISTINCT FROM new.title) OR (old.abstract IS DISTINCT FROM new.abstract)) OR (old.sections IS DISTINCT FROM new.sections)) OR (old.status IS DISTINCT FROM new.status)) OR (old.target_journal IS DISTINCT FROM new.target_journal)) OR (old.submitted_at IS DISTINCT FROM new.submitted_at)) OR (old.co_authors IS DISTINCT FROM new.co_authors)) AND ((old.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text])) OR (new.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text]))))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--   review: trigger approve_update on public.social_posts
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) IS DISTINCT FROM ((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL))) OR ((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL) AND ((((((old.body IS DISTINCT FROM new.body) OR (old.media IS DISTINCT FROM new.media)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.thread_id IS DISTINCT FROM new.thread_id)) OR (old.reply_to_id IS DISTINCT FROM new.reply_to_id)) OR (old.published_at IS DISTINCT FROM new.published_at)))))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.body IS DISTINCT FROM new.body) OR (old.media IS DISTINCT FROM new.media)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.thread_id IS DISTINCT FROM new.thread_id)) OR (old.reply_to_id IS DISTINCT FROM new.reply_to_id)) OR (old.published_at IS DISTINCT FROM new.published_at)) AND (((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL)) OR (((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (new.published_at IS NOT NULL)))))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger approve_update on public.social_schedules
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_update AFTER UPDATE ON public.social_schedules FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((((old.post_id IS DISTINCT FROM new.post_id) OR (old.platform IS DISTINCT FROM new.platform)) OR (old.scheduled_at IS DISTINCT FROM new.scheduled_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.external_id IS DISTINCT FROM new.external_id)) AND (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text])) AND ((((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) IS NOT TRUE) OR (((((old.post_id IS DISTINCT FROM new.post_id) OR (old.platform IS DISTINCT FROM new.platform)) OR (old.scheduled_at IS DISTINCT FROM new.scheduled_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.external_id IS DISTINCT FROM new.external_id)))) OR ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text])) AND (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) IS NOT TRUE) AND ((old.status = 'scheduled'::text) IS NOT TRUE))))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--   review: trigger approve_update on public.team_agents
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((new.status = 'active'::text) AND (((old.status = 'active'::text) IS NOT TRUE) OR (NOT (new.capabilities <@ old.capabilities)) OR ((old.token_budget IS NOT NULL) AND ((new.token_budget <= old.token_budget) IS NOT TRUE)))))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', 'keep', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.provider IS DISTINCT FROM new.provider)) OR (old.model IS DISTINCT FROM new.model)) OR (old.capabilities IS DISTINCT FROM new.capabilities)) OR (old.status IS DISTINCT FROM new.status)) AND ((new.status = 'active'::text) AND (((old.status = 'active'::text) IS NOT TRUE) OR (NOT (new.capabilities <@ old.capabilities)))))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--   review: trigger approve_update on public.threads
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.visibility = 'public'::text) IS DISTINCT FROM (new.visibility = 'public'::text)) OR ((new.visibility = 'public'::text) AND ((((((((old.founding_intent IS DISTINCT FROM new.founding_intent) OR (old.sphere IS DISTINCT FROM new.sphere)) OR (old.type IS DISTINCT FROM new.type)) OR (old.status IS DISTINCT FROM new.status)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.title IS DISTINCT FROM new.title)) OR (old.parent_thread_id IS DISTINCT FROM new.parent_thread_id)) OR (old.tags IS DISTINCT FROM new.tags)))))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.founding_intent IS DISTINCT FROM new.founding_intent) OR (old.sphere IS DISTINCT FROM new.sphere)) OR (old.type IS DISTINCT FROM new.type)) OR (old.status IS DISTINCT FROM new.status)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.title IS DISTINCT FROM new.title)) OR (old.parent_thread_id IS DISTINCT FROM new.parent_thread_id)) OR (old.tags IS DISTINCT FROM new.tags)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--   review: trigger approve_update_through on public.community_events
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_update_through AFTER UPDATE ON public.community_events FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((((old.group_id IS DISTINCT FROM new.group_id) OR (old.title IS DISTINCT FROM new.title)) OR (old.description IS DISTINCT FROM new.description)) OR (old.starts_at IS DISTINCT FROM new.starts_at)) OR (old.ends_at IS DISTINCT FROM new.ends_at)) OR (old.time_zone IS DISTINCT FROM new.time_zone)) OR (old.location IS DISTINCT FROM new.location)) OR (old.online_url IS DISTINCT FROM new.online_url)) OR (old.capacity IS DISTINCT FROM new.capacity)) OR (old.status IS DISTINCT FROM new.status)) AND (num_nonnulls(old.group_id, new.group_id) > 0))) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--   review: trigger approve_update_through on public.social_posts
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_update_through AFTER UPDATE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (app.actor_kind() <> 'human'::text) AND ((((((old.body IS DISTINCT FROM new.body) OR (old.media IS DISTINCT FROM new.media)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.thread_id IS DISTINCT FROM new.thread_id)) OR (old.reply_to_id IS DISTINCT FROM new.reply_to_id)) OR (old.published_at IS DISTINCT FROM new.published_at)) AND ((((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL)) OR (((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (new.published_at IS NOT NULL)))) IS NOT TRUE))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"through":{"column":"id","table":"public.social_schedules","key":"post_id","condition":"status = ''scheduled''","agents":true},"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger audit on app.sessions
--       before: CREATE TRIGGER audit AFTER INSERT OR DELETE ON app.sessions FOR EACH ROW EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at')
--       after:  CREATE TRIGGER audit AFTER INSERT OR DELETE ON app.sessions FOR EACH ROW EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at', 'ip', 'user_agent')
--   review: trigger audit_update on app.sessions
--       before: CREATE TRIGGER audit_update AFTER UPDATE ON app.sessions FOR EACH ROW WHEN ((((((((((old.id IS DISTINCT FROM new.id) OR (old.created_by IS DISTINCT FROM new.created_by)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.expires_at IS DISTINCT FROM new.expires_at)) OR (old.revoked_at IS DISTINCT FROM new.revoked_at)) OR (old.authenticated_at IS DISTINCT FROM new.authenticated_at)) OR (old.amr IS DISTINCT FROM new.amr)) OR (old.ip IS DISTINCT FROM new.ip)) OR (old.user_agent IS DISTINCT FROM new.user_agent))) EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at')
--       after:  CREATE TRIGGER audit_update AFTER UPDATE ON app.sessions FOR EACH ROW WHEN ((((((((old.id IS DISTINCT FROM new.id) OR (old.created_by IS DISTINCT FROM new.created_by)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.expires_at IS DISTINCT FROM new.expires_at)) OR (old.revoked_at IS DISTINCT FROM new.revoked_at)) OR (old.authenticated_at IS DISTINCT FROM new.authenticated_at)) OR (old.amr IS DISTINCT FROM new.amr))) EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at', 'ip', 'user_agent')
--   review: trigger refuse_future_approval on public.government_clinical_trials
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_future_approval BEFORE INSERT OR UPDATE ON public.government_clinical_trials FOR EACH ROW EXECUTE FUNCTION app.refuse_future_approval()
--   review: trigger tell_hired on public.team_agents
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER tell_hired AFTER INSERT OR UPDATE ON public.team_agents FOR EACH ROW EXECUTE FUNCTION app.tell_hired()
--   narrowing: chenu_human, INSERT on public.team_agents
--       before: columns (capabilities, created_by, id, kind, model, name, provider, status, token_budget), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (capabilities, created_by, id, kind, model, name, provider, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   narrowing: chenu_human, UPDATE on public.team_agents
--       before: columns (capabilities, kind, model, name, provider, status, token_budget), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (capabilities, kind, model, name, provider, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new: chenu_auditor, SELECT on app.account_notices, app.collected_writes, app.login_attempts
--       rows without a condition
--   new: chenu_erase, SELECT on app.account_notices, app.collected_writes, app.login_attempts
--       columns (created_by), rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_erase, DELETE on app.account_notices, app.collected_writes, app.login_attempts
--       rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_human, SELECT on app.account_notices
--       rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--   new: chenu_login, SELECT on app.account_notices
--       columns (created_by, id, sent_at), rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_login, INSERT on app.account_notices
--       columns (created_by, details, id, kind), new rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_login, UPDATE on app.account_notices
--       columns (sent_at), rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_maintain, SELECT on app.account_notices
--       columns (attempts, created_at, created_by, due_at, id, sent_at), rows where ((CURRENT_USER = 'chenu_maintain'::name) AND ((sent_at IS NULL) OR (created_at < (clock_timestamp() - '30 days'::interval))))
--   new: chenu_maintain, UPDATE on app.account_notices
--       columns (attempts, due_at), rows where ((CURRENT_USER = 'chenu_maintain'::name) AND ((sent_at IS NULL) OR (created_at < (clock_timestamp() - '30 days'::interval))))
--   new: chenu_maintain, DELETE on app.account_notices
--       rows where ((CURRENT_USER = 'chenu_maintain'::name) AND ((sent_at IS NULL) OR (created_at < (clock_timestamp() - '30 days'::interval))))
--   new: chenu_gate, SELECT, DELETE on app.collected_writes
--       rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_gate, INSERT on app.collected_writes
--       columns (audited, checkpoint_id, created_by, element, id, operation, payload, place, row_id, table_name), new rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_gate, UPDATE on app.collected_writes
--       columns (audited), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_login, SELECT on app.login_attempts
--       rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_login, INSERT on app.login_attempts
--       columns (created_by, id, origin), new rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_login, UPDATE on app.login_attempts
--       columns (failed, locked_until, recorded_at, succeeded_at, unrecorded, used_at), rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_maintain, SELECT on app.login_attempts
--       columns (created_by, id, origin, recorded_at, succeeded_at, unrecorded, used_at), rows where ((CURRENT_USER = 'chenu_maintain'::name) AND ((recorded_at <= (clock_timestamp() - '01:00:00'::interval)) OR (used_at < (clock_timestamp() - '7 days'::interval))))
--   new: chenu_maintain, UPDATE on app.login_attempts
--       columns (unrecorded), rows where ((CURRENT_USER = 'chenu_maintain'::name) AND ((recorded_at <= (clock_timestamp() - '01:00:00'::interval)) OR (used_at < (clock_timestamp() - '7 days'::interval))))
--   new: chenu_maintain, DELETE on app.login_attempts
--       rows where ((CURRENT_USER = 'chenu_maintain'::name) AND ((recorded_at <= (clock_timestamp() - '01:00:00'::interval)) OR (used_at < (clock_timestamp() - '7 days'::interval))))
--   new: chenu_owner, EXECUTE on function app.account_email(uuid), function app.verify_account(text)
--       it runs with the rights of chenu_login
--   new: chenu_audit, EXECUTE on function app.account_write(oid, text, text, text, text[], text, jsonb, jsonb)
--       it runs with the rights of chenu_gate
--   new: chenu_human, EXECUTE on function app.agents_of_unverified(integer), function app.expire_attempts(integer), function app.expire_notices(integer), function app.expire_sessions(integer), function app.record_failures(integer), function app.take_notices(integer)
--       it runs with the rights of chenu_maintain
--   new: chenu_owner, EXECUTE on function app.agents_of_unverified(integer)
--       it runs with the rights of chenu_maintain
--   new: chenu_agent, EXECUTE on function app.collected_payload()
--       it runs with the rights of chenu_gate
--   new: chenu_human, EXECUTE on function app.collected_payload(), function app.suspend_all_agents()
--       it runs with the rights of chenu_gate
--   new: chenu_threads, EXECUTE on function app.gate_event(uuid, text, jsonb)
--       it runs with the rights of chenu_gate
--   new: chenu_human, EXECUTE on function app.mark_notice_sent(uuid), function app.require_verified_email(), function app.revoke_agents()
--       it runs with the rights of chenu_login
--   new: chenu_gate, EXECUTE on function app.require_verified_email()
--       it runs with the rights of chenu_login
--   new: chenu_login, EXECUTE on function app.suspend_agents(text, timestamp with time zone)
--       it runs with the rights of chenu_gate
--   new: chenu_gate, INSERT on public.checkpoints
--       columns (origin), new rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: chenu_login, SELECT on public.team_agents
--       columns (suspended_at), rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: PUBLIC, EXECUTE on function app.approved_count(jsonb), function app.check_event_references(uuid, uuid, jsonb, integer), function app.client_columns(oid), function app.describe_writes(jsonb), function app.ed25519_key_acceptable(bytea), function app.event_content(jsonb), function app.gate_references(uuid, jsonb, regclass, jsonb), function app.gated_through(uuid, jsonb, jsonb, jsonb), function app.imitates_write(text), function app.is_implied_event(jsonb, jsonb), function app.list_element(jsonb, uuid, uuid), function app.list_payload(uuid, jsonb), function app.refuse_reordered_text(jsonb), function app.refuse_too_many_requests(uuid, uuid, text, bytea), function app.refuse_write(text, jsonb, jsonb), function app.reordered_text(jsonb, text)
--       it runs with the rights of its caller
--   new: chenu_login, EXECUTE on function app.login_origin(), function app.record_repeated_failures(uuid, text, timestamp with time zone, bigint)
--       it runs with the rights of its caller
--   new: chenu_maintain, EXECUTE on function app.record_repeated_failures(uuid, text, timestamp with time zone, bigint)
--       it runs with the rights of its caller
-- Locks, held until commit:
--   app.agent_credentials: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.idempotency_keys: ACCESS EXCLUSIVE (reads and writes wait)
--   app.sessions: ACCESS EXCLUSIVE (reads and writes wait)
--   public.audit_logs: ACCESS EXCLUSIVE (reads and writes wait)
--   public.audit_logs_default: ACCESS EXCLUSIVE (reads and writes wait)
--   public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.business_invoices: ACCESS EXCLUSIVE (reads and writes wait)
--   public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait)
--   public.community_events: ACCESS EXCLUSIVE (reads and writes wait)
--   public.community_groups: ACCESS EXCLUSIVE (reads and writes wait)
--   public.creative_assets: ACCESS EXCLUSIVE (reads and writes wait)
--   public.entertainment_playlists: ACCESS EXCLUSIVE (reads and writes wait)
--   public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait)
--   public.government_compliance: ACCESS EXCLUSIVE (reads and writes wait)
--   public.identities: ACCESS EXCLUSIVE (reads and writes wait)
--   public.scholar_manuscripts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.social_posts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.social_schedules: ACCESS EXCLUSIVE (reads and writes wait)
--   public.team_agents: ACCESS EXCLUSIVE (reads and writes wait)
--   public.threads: SHARE ROW EXCLUSIVE (writes wait)

REVOKE INSERT (token_budget), UPDATE (token_budget) ON public.team_agents FROM chenu_human;

-- Locks public.community_groups: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."community_groups" DROP CONSTRAINT "community_groups_settings_check";

-- Locks public.creative_assets: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."creative_assets" DROP CONSTRAINT "creative_assets_parameters_check";

-- Locks public.identities: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."identities" DROP CONSTRAINT "identities_settings_check";

-- Locks public.team_agents: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."team_agents" DROP CONSTRAINT "team_agents_token_budget_check";

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.ed25519_key_acceptable(key bytea) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    y bytea;
BEGIN
    IF octet_length(key) <> 32 THEN
        RETURN false;
    END IF;
    y := set_byte(key, 31, get_byte(key, 31) & 127);
    RETURN y NOT IN (
            '\x0000000000000000000000000000000000000000000000000000000000000000',
            '\x0100000000000000000000000000000000000000000000000000000000000000',
            '\x26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
            '\xc7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
            '\xecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')
        AND (get_byte(y, 0) < 237 OR substr(y, 2) <> '\xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
END
$$;

CREATE FUNCTION app.require_verified_email() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF EXISTS (SELECT FROM public.identities i WHERE i.id = caller AND i.email_verified_at IS NULL) THEN
        RAISE EXCEPTION 'the e-mail address is not verified' USING ERRCODE = 'CH403',
            DETAIL = '{"code": "email_unverified", "detail": "Verify the e-mail address of the account first: send the token from the verification mail to POST /v1/auth/verify-email. POST /v1/auth/request-email-verification sends another mail. If this service sends no mail, ask its operator to run: chenu accounts verify --email ADDRESS"}';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.add_agent_credential(
    credential_id uuid, agent_id uuid, name text, secret_hash bytea, public_key bytea, expires_at timestamptz
) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    agent_status text;
    expiry timestamptz := coalesce(add_agent_credential.expires_at, clock_timestamp() + interval '90 days');
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human makes credentials' USING ERRCODE = 'CH403';
    END IF;
    -- A password reset locks the row, too, and ends the sessions: either it comes first, and the
    -- session that this runs in is over, or it revokes this credential.
    PERFORM FROM public.identities i WHERE i.id = caller FOR SHARE;
    PERFORM app.require_recent_authentication();
    PERFORM app.require_verified_email();
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
    IF add_agent_credential.secret_hash IS NOT NULL AND octet_length(add_agent_credential.secret_hash) <> 32 THEN
        RAISE EXCEPTION 'a secret''s hash has 32 bytes' USING ERRCODE = 'CH422';
    END IF;
    IF NOT app.ed25519_key_acceptable(add_agent_credential.public_key) THEN
        RAISE EXCEPTION 'a weak or invalid public key' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/public_key/x", "code": "weak_key", "detail": "This is not the canonical encoding of an Ed25519 public key, or the key has a small order, so that anybody could sign for it."}';
    END IF;
    IF (expiry > clock_timestamp() AND expiry <= clock_timestamp() + interval '365 days') IS NOT TRUE THEN
        RAISE EXCEPTION 'a credential expires within 365 days' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/expires_at", "code": "out_of_range", "detail": "This must be in the future and at most 365 days ahead."}';
    END IF;
    INSERT INTO app.agent_credentials (id, created_by, agent_id, name, secret_hash, public_key, expires_at)
    VALUES (add_agent_credential.credential_id, caller, add_agent_credential.agent_id, add_agent_credential.name,
        add_agent_credential.secret_hash, add_agent_credential.public_key, expiry);
    PERFORM app.owe_notice('credential_created', jsonb_build_object(
        'agent_id', add_agent_credential.agent_id, 'credential_id', add_agent_credential.credential_id, 'expires_at', expiry));
END
$$;

CREATE OR REPLACE FUNCTION app.agent_credential(credential_id uuid)
    RETURNS TABLE (agent_id uuid, secret_hash bytea, public_key bytea)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    RETURN QUERY
    SELECT c.agent_id, c.secret_hash, CASE WHEN app.ed25519_key_acceptable(c.public_key) THEN c.public_key END
      FROM app.agent_credentials c
     WHERE c.created_by = caller AND c.id = agent_credential.credential_id;
END
$$;

CREATE OR REPLACE FUNCTION app.use_agent_credential(credential_id uuid, amr text, jti_digest bytea, assertion_expires_at timestamptz)
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
       AND c.revoked_at IS NULL AND c.expires_at > clock_timestamp()
       AND (c.public_key IS NULL OR app.ed25519_key_acceptable(c.public_key))
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

CREATE OR REPLACE FUNCTION app.refuse_ended_agent() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
BEGIN
    IF EXISTS (SELECT FROM public.team_agents a
         WHERE a.created_by = caller AND a.id = app.actor() AND (a.status <> 'active'
            OR (nullif(current_setting('app.auth_time', true), '')::timestamptz <= a.suspended_at) IS TRUE)) THEN
        RAISE EXCEPTION 'the agent is suspended or dismissed' USING ERRCODE = 'CH401';
    END IF;
END
$$;

CREATE FUNCTION app.revoke_agents() RETURNS TABLE (revoked_credentials integer, suspended_agents integer)
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
    IF app.actor_kind() <> 'human' OR nullif(current_setting('app.actor_id', true), '')::uuid IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'only a human revokes credentials' USING ERRCODE = 'CH403';
    END IF;
    -- Waits for whoever creates a credential: see app.add_agent_credential().
    SELECT i.email_verified_at INTO verified FROM public.identities i WHERE i.id = caller FOR NO KEY UPDATE;
    -- Agents first and then their credentials, as a dismissal locks them.
    suspended_agents := app.suspend_agents('approved before the e-mail address was verified', coalesce(verified, 'infinity'));
    UPDATE app.agent_credentials c SET revoked_at = clock_timestamp() WHERE c.created_by = caller AND c.revoked_at IS NULL;
    GET DIAGNOSTICS revoked_credentials = ROW_COUNT;
    RETURN NEXT;
END
$$;

CREATE OR REPLACE FUNCTION app.seal_content() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    content jsonb := to_jsonb(NEW);
BEGIN
    IF octet_length(content::text) > 8388608 THEN
        RAISE EXCEPTION 'a row of % is longer than 8 MiB', TG_TABLE_NAME USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "too_long"}';
    END IF;
    NEW.content_salt := uuid_send(gen_random_uuid());
    NEW.content_digest := app.content_digest(NEW.content_salt, content, TG_ARGV);
    RETURN NEW;
END
$$;

CREATE FUNCTION app.login_origin() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    session uuid := nullif(current_setting('app.session_id', true), '')::uuid;
    address inet;
BEGIN
    IF session IS NOT NULL AND EXISTS (SELECT FROM app.sessions s WHERE s.created_by = caller AND s.id = session
            AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()) THEN
        RETURN 'session:' || session;
    END IF;
    address := nullif(current_setting('app.ip', true), '')::inet;
    RETURN coalesce(network(set_masklen(address, CASE family(address) WHEN 4 THEN 24 ELSE 64 END))::text, 'unknown');
EXCEPTION WHEN invalid_text_representation THEN
    RETURN 'unknown';
END
$$;

CREATE OR REPLACE FUNCTION app.begin_attempt()
    RETURNS TABLE (hashed_password text, allowed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    asking text := app.login_origin();
    i record;
    a record;
    moment timestamptz;
    known boolean;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF NOT EXISTS (SELECT FROM public.identities x WHERE x.id = caller AND x.status <> 'erased') THEN
        RETURN;
    END IF;
    INSERT INTO app.login_attempts (id, created_by, origin) VALUES (app.uuid_v7(), caller, asking)
    ON CONFLICT (created_by, origin) DO NOTHING;
    SELECT x.failed, x.locked_until, x.succeeded_at INTO a FROM app.login_attempts x
     WHERE x.created_by = caller AND x.origin = asking FOR NO KEY UPDATE;
    moment := clock_timestamp();
    known := asking LIKE 'session:%' OR coalesce(a.succeeded_at > moment - interval '90 days', false);
    -- Attempts from unknown networks queue for the account's counter; the others do not.
    IF known THEN
        SELECT x.hashed_password, x.status, NULL::integer AS failed_logins, NULL::timestamptz AS locked_until INTO i
          FROM public.identities x WHERE x.id = caller;
    ELSE
        SELECT x.hashed_password, x.status, x.failed_logins, x.locked_until INTO i
          FROM public.identities x WHERE x.id = caller FOR NO KEY UPDATE;
    END IF;
    moment := clock_timestamp();
    hashed_password := i.hashed_password;
    allowed := i.status = 'active' AND coalesce(a.locked_until <= moment, true) AND coalesce(i.locked_until <= moment, true);
    IF allowed THEN
        UPDATE app.login_attempts x
           SET failed = x.failed + 1, used_at = moment,
               locked_until = CASE WHEN x.failed >= 19 THEN moment + interval '15 minutes' END
         WHERE x.created_by = caller AND x.origin = asking;
        IF NOT known AND a.failed < 5 THEN
            UPDATE public.identities x
               SET failed_logins = x.failed_logins + 1,
                   locked_until = CASE WHEN x.failed_logins >= 99 THEN moment + interval '15 minutes' END
             WHERE x.id = caller;
        END IF;
    END IF;
    RETURN NEXT;
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_attempt(reason text, counted boolean)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    asking text := app.login_origin();
    moment timestamptz;
    hour timestamptz;
    a record;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT x.failed, x.succeeded_at, x.recorded_at, x.unrecorded INTO a FROM app.login_attempts x
     WHERE x.created_by = caller AND x.origin = asking FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an attempt is refused that was not begun' USING ERRCODE = 'CH403';
    END IF;
    moment := clock_timestamp();
    IF refuse_attempt.counted THEN
        UPDATE app.login_attempts x
           SET locked_until = greatest(x.locked_until, moment +
                   least(interval '1 second' * 2 ^ least(x.failed - 5, 10), interval '15 minutes'))
         WHERE x.created_by = caller AND x.origin = asking AND x.failed >= 5;
        IF NOT (asking LIKE 'session:%' OR coalesce(a.succeeded_at > moment - interval '90 days', false)) THEN
            UPDATE public.identities i
               SET locked_until = greatest(i.locked_until, moment +
                       least(interval '1 second' * 2 ^ least(i.failed_logins - 50, 10), interval '15 minutes'))
             WHERE i.id = caller AND i.failed_logins >= 50;
        END IF;
    END IF;
    hour := date_trunc('hour', moment, 'UTC');
    IF a.recorded_at IS NOT DISTINCT FROM hour THEN
        UPDATE app.login_attempts x SET unrecorded = x.unrecorded + 1, used_at = moment
         WHERE x.created_by = caller AND x.origin = asking;
        RETURN;
    END IF;
    IF a.unrecorded > 0 THEN
        PERFORM app.record_repeated_failures(caller, asking, a.recorded_at, a.unrecorded);
    END IF;
    UPDATE app.login_attempts x SET recorded_at = hour, unrecorded = 0, used_at = moment
     WHERE x.created_by = caller AND x.origin = asking;
    PERFORM app.record_event('login', 'denied', 'identity', caller, jsonb_build_object('reason', refuse_attempt.reason));
END
$$;

CREATE FUNCTION app.record_repeated_failures(identity uuid, origin text, hour timestamptz, failures bigint)
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.record_event('login', 'denied', 'identity', record_repeated_failures.identity,
        jsonb_build_object('reason', 'repeated', 'count', record_repeated_failures.failures,
            'origin', record_repeated_failures.origin,
            'hour', to_char(record_repeated_failures.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
$$;

CREATE OR REPLACE FUNCTION app.forgive_attempts()
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    asking text := app.login_origin();
    moment timestamptz := clock_timestamp();
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL, succeeded_at = moment, used_at = moment
     WHERE a.created_by = caller AND a.origin = asking;
    IF asking NOT LIKE 'session:%' THEN
        UPDATE public.identities i SET failed_logins = 0, locked_until = NULL
         WHERE i.id = caller AND (i.failed_logins > 0 OR i.locked_until IS NOT NULL);
    END IF;
END
$$;

CREATE FUNCTION app.record_failures(most integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    a record;
    recorded integer := 0;
BEGIN
    FOR a IN
        SELECT x.id, x.created_by, x.origin, x.recorded_at, x.unrecorded FROM app.login_attempts x
         WHERE x.unrecorded > 0 AND x.recorded_at <= clock_timestamp() - interval '1 hour'
         LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM set_config('app.identity_id', a.created_by::text, true);
        PERFORM app.record_repeated_failures(a.created_by, a.origin, a.recorded_at, a.unrecorded);
        UPDATE app.login_attempts x SET unrecorded = 0 WHERE x.created_by = a.created_by AND x.id = a.id;
        recorded := recorded + 1;
    END LOOP;
    PERFORM set_config('app.identity_id', '', true);
    RETURN recorded;
END
$$;

CREATE FUNCTION app.expire_attempts(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    expired integer;
BEGIN
    DELETE FROM app.login_attempts WHERE (created_by, id) IN (
        SELECT a.created_by, a.id FROM app.login_attempts a
         WHERE a.unrecorded = 0 AND a.used_at < clock_timestamp() - interval '7 days'
           AND coalesce(a.succeeded_at < clock_timestamp() - interval '90 days' OR a.origin LIKE 'session:%', true) LIMIT most);
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END
$$;

CREATE FUNCTION app.expire_sessions(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted integer;
    emptied integer;
BEGIN
    DELETE FROM app.sessions WHERE (created_by, id) IN (
        SELECT s.created_by, s.id FROM app.sessions s
         WHERE least(s.revoked_at, s.expires_at, s.idle_expires_at) < clock_timestamp() - interval '90 days' LIMIT most);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    UPDATE app.sessions SET ip = NULL, user_agent = NULL WHERE (created_by, id) IN (
        SELECT s.created_by, s.id FROM app.sessions s
         WHERE (s.ip IS NOT NULL OR s.user_agent IS NOT NULL)
           AND least(s.revoked_at, s.expires_at, s.idle_expires_at) < clock_timestamp() - interval '30 days' LIMIT most);
    GET DIAGNOSTICS emptied = ROW_COUNT;
    RETURN deleted + emptied;
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
    approval uuid;
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
    -- In collecting mode and under an approval, every write counts.
    IF current_setting('app.checkpoint_id', true) <> '' OR current_setting('app.collecting', true) <> '' THEN
        approval := app.account_write(TG_RELID, TG_ARGV[0], TG_ARGV[1], TG_ARGV[2], left_out, TG_OP, old_row, new_row);
    END IF;
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere,
        before, after, details, checkpoint_id, request_id, client_request_id, traceparent, session_id, ip, user_agent, db_role
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
        -- What a client claims in its request is not what approved the write: see app.take_write().
        -- The approval of an erasure is looked up where the setting says; the checkpoint's row
        -- says whether it approved this write.
        CASE WHEN TG_ARGV[0] = 'checkpoint' THEN (present ->> 'id')::uuid
            WHEN approval IS NOT NULL THEN approval
            WHEN TG_ARGV[0] = 'identity' AND approved[2:] = ARRAY[TG_ARGV[0], present ->> 'id']
                THEN app.approval_of(approved[1]::uuid, TG_ARGV[0], TG_OP, (old_row ->> 'id')::uuid, (old_row ->> 'version')::bigint) END,
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.client_request_id', true), '')::uuid,
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
        details, checkpoint_id, request_id, client_request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        recorded,
        identity,
        coalesce(agent, nullif(current_setting('app.actor_id', true), '')::uuid),
        CASE WHEN agent IS NULL THEN app.actor_kind() ELSE 'agent' END,
        action, outcome, resource_type, resource_id, sphere, coalesce(details, '{}'),
        nullif(current_setting('app.checkpoint_id', true), '')::uuid,
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.client_request_id', true), '')::uuid,
        nullif(current_setting('app.traceparent', true), ''),
        nullif(current_setting('app.session_id', true), '')::uuid,
        nullif(current_setting('app.ip', true), ''),
        nullif(left(current_setting('app.user_agent', true), 400), ''),
        coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
    RETURN recorded;
END
$$;

CREATE OR REPLACE FUNCTION app.use_checkpoint(payload jsonb) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    actor uuid := app.actor();
    wanted uuid := nullif(current_setting('app.checkpoint_id', true), '')::uuid;
    fingerprint bytea := app.payload_digest(payload);
    named public.checkpoints;
    code text := 'checkpoint_required';
BEGIN
    IF wanted IS NOT NULL THEN
        UPDATE public.checkpoints c SET consumed_at = clock_timestamp()
         WHERE c.created_by = caller AND c.id = wanted AND c.digest = fingerprint
           AND c.requested_by = actor AND c.requested_by_kind = app.actor_kind()
           AND c.status = 'approved' AND c.consumed_at IS NULL AND c.use_before > clock_timestamp();
        IF FOUND THEN
            RETURN wanted;
        END IF;
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted;
        code := CASE
            WHEN named.digest IS DISTINCT FROM fingerprint OR named.requested_by <> actor
                OR named.requested_by_kind <> app.actor_kind() THEN 'checkpoint_mismatch'
            WHEN named.status = 'rejected' THEN 'checkpoint_rejected'
            WHEN named.consumed_at IS NOT NULL THEN 'checkpoint_used'
            WHEN named.status = 'pending' AND named.expires_at > clock_timestamp() THEN 'checkpoint_pending'
            ELSE 'checkpoint_expired'
        END;
    END IF;
    PERFORM app.refuse_write(code, payload, app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
    RETURN NULL;
END
$$;

CREATE FUNCTION app.gated_through(owner uuid, old_row jsonb, new_row jsonb, through jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gated boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s t WHERE t.created_by = $1 AND t.%I IN ($2, $3) AND (%s))',
            (through ->> 'table')::regclass, through ->> 'key', through ->> 'condition')
        INTO gated USING owner, (old_row ->> (through ->> 'column'))::uuid, (new_row ->> (through ->> 'column'))::uuid;
    RETURN gated;
END
$$;

CREATE FUNCTION app.gate_references(owner uuid, present jsonb, own_table regclass, options jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item jsonb;
    shown text;
    found_row jsonb;
    result jsonb := '{}';
BEGIN
    FOR item IN SELECT r FROM jsonb_array_elements(options -> 'references') AS r LOOP
        CONTINUE WHEN present ->> (item ->> 'column') IS NULL;
        SELECT string_agg(format('%L, t.%I', c, c), ', ') INTO shown FROM jsonb_array_elements_text(item -> 'shows') AS c;
        EXECUTE format('SELECT jsonb_build_object(''version'', t.version, ''shows'', jsonb_build_object(%s)) FROM %s t WHERE t.created_by = $1 AND t.id = $2%s',
                shown, (item ->> 'table')::regclass, CASE WHEN (item ->> 'lock')::boolean THEN ' FOR SHARE' END)
            INTO found_row USING owner, (present ->> (item ->> 'column'))::uuid;
        result := result || jsonb_build_object(item ->> 'column', jsonb_build_object(
            'resource_type', item -> 'resource_type', 'id', present -> (item ->> 'column')) || coalesce(found_row, '{"version": null}'));
    END LOOP;
    FOR item IN SELECT c FROM jsonb_array_elements(options -> 'contents') AS c LOOP
        -- Waits for transactions that are adding a row which belongs to this one: they hold
        -- the lock of the foreign key. A write that names no approval is refused anyway, and
        -- takes no lock that others wait for.
        IF nullif(current_setting('app.checkpoint_id', true), '') IS NOT NULL THEN
            EXECUTE format('SELECT FROM %s t WHERE t.created_by = $1 AND t.id = $2 FOR UPDATE', own_table)
                USING owner, (present ->> 'id')::uuid;
        END IF;
        SELECT string_agg(format('%L, t.%I', c, c), ', ') INTO shown FROM jsonb_array_elements_text(item -> 'shows') AS c;
        EXECUTE format('SELECT jsonb_build_object(''count'', count(*),
                ''digest'', encode(sha256(convert_to(coalesce(string_agg(t.id || '' '' || t.version, '','' ORDER BY t.id), ''''), ''UTF8'')), ''hex''),
                ''newest'', coalesce(jsonb_agg(jsonb_build_object(''id'', t.id, ''version'', t.version, ''shows'', jsonb_build_object(%1$s))
                    ORDER BY t.id DESC) FILTER (WHERE t.id IN (SELECT n.id FROM %2$s n WHERE n.created_by = $1 AND n.%3$I = $2 ORDER BY n.id DESC LIMIT 50)), ''[]''))
            FROM %2$s t WHERE t.created_by = $1 AND t.%3$I = $2', shown, (item ->> 'table')::regclass, item ->> 'column')
            INTO found_row USING owner, (present ->> 'id')::uuid;
        result := result || jsonb_build_object(item ->> 'resource_type', found_row);
    END LOOP;
    RETURN result;
END
$$;

CREATE FUNCTION app.reordered_text(value jsonb, pointer text DEFAULT '') RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reordering CONSTANT text := E'[\u202A-\u202E\u2066-\u2069]';
    part record;
    at text;
BEGIN
    -- The text of jsonb has every character as itself, so that one look is enough for most.
    IF value::text !~ reordering THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(value) = 'object' THEN
        FOR part IN SELECT f.key, f.value FROM jsonb_each(value) AS f LOOP
            at := pointer || '/' || replace(replace(part.key, '~', '~0'), '/', '~1');
            IF part.key ~ reordering THEN
                RETURN pointer;
            END IF;
            at := app.reordered_text(part.value, at);
            IF at IS NOT NULL THEN
                RETURN at;
            END IF;
        END LOOP;
    ELSIF jsonb_typeof(value) = 'array' THEN
        FOR part IN SELECT e.value, e.place FROM jsonb_array_elements(value) WITH ORDINALITY AS e(value, place) LOOP
            at := app.reordered_text(part.value, pointer || '/' || part.place - 1);
            IF at IS NOT NULL THEN
                RETURN at;
            END IF;
        END LOOP;
    END IF;
    RETURN pointer;
END
$$;

CREATE FUNCTION app.refuse_reordered_text(payload jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at text := app.reordered_text(payload);
BEGIN
    IF at IS NULL THEN
        RETURN;
    END IF;
    IF payload ? 'table' THEN
        at := coalesce(app.reordered_text(payload -> 'values'),
            (SELECT '/' || r.key FROM jsonb_each(payload -> 'references') AS r WHERE app.reordered_text(r.value) IS NOT NULL LIMIT 1), '');
    END IF;
    RAISE EXCEPTION 'text with characters that change the direction of writing' USING ERRCODE = 'CH422',
        DETAIL = jsonb_build_object('pointer', at, 'code', 'bidirectional_control', 'detail',
            'Text that a human approves must not contain the characters U+202A to U+202E and U+2066 to U+2069, which change the order in which it is displayed.')::text;
END
$$;

CREATE OR REPLACE FUNCTION app.gate() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    present jsonb := CASE WHEN TG_OP = 'DELETE' THEN old_row ELSE to_jsonb(NEW) END;
    owner uuid := present ->> TG_ARGV[3];
    options jsonb := TG_ARGV[4];
    payload jsonb;
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN NULL;
    END IF;
    IF options ? 'through' AND NOT app.gated_through(owner, old_row, present, options -> 'through') THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' AND options ? 'keep' THEN
        RAISE EXCEPTION 'rows of % in this state are never deleted', TG_TABLE_NAME USING ERRCODE = 'CH409',
            DETAIL = '{"code": "never_deleted", "detail": "In this state it is never deleted."}';
    END IF;
    payload := jsonb_build_object(
        'identity', owner,
        'type', TG_ARGV[0],
        'sphere', coalesce(nullif(TG_ARGV[2], ''), present ->> 'sphere'),
        'resource_type', TG_ARGV[1],
        'table', TG_TABLE_NAME,
        'operation', TG_OP,
        'id', old_row ->> 'id',
        'version', old_row -> 'version',
        'values', (SELECT jsonb_object_agg(c, present -> c) FROM unnest(TG_ARGV[5:]) AS c),
        'references', app.gate_references(owner, present, TG_RELID, options));
    PERFORM app.refuse_reordered_text(payload);
    PERFORM app.take_write(payload, (present ->> 'id')::uuid, true);
    RETURN NULL;
END
$$;

CREATE FUNCTION app.imitates_write(action text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(lower(regexp_replace(normalize(action, NFKC), E'[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180E\u200B-\u200F\u2060-\u206F\uFE00-\uFE0F\uFEFF]', '', 'g'))
        ~ '^[^[:alnum:]]*(insert|update|delete|append|erase)([^[:alnum:]]|$)', false)
$$;

CREATE FUNCTION app.refuse_too_many_requests(caller uuid, actor uuid, kind text, fingerprint bytea) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own integer;
    alike integer;
    again integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu checkpoint requests ' || caller, 0));
    SELECT count(*) FILTER (WHERE c.requested_by = actor), count(*), count(*) FILTER (WHERE c.requested_by = actor AND c.digest = fingerprint)
        INTO own, alike, again FROM public.checkpoints c
     WHERE c.created_by = caller AND c.status = 'pending' AND c.expires_at > clock_timestamp() AND c.requested_by_kind = kind;
    IF again = 0 AND (alike >= 100 OR kind = 'agent' AND own >= 20) THEN
        RAISE EXCEPTION 'too many requests wait for a decision' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "too_many_pending", "detail": "Too many requests wait for a human''s decision: at most 20 of one agent, and 100 of an identity''s agents or of its human. Wait for decisions, or withdraw some."}';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.request_checkpoint(payload jsonb, lifetime interval DEFAULT NULL)
    RETURNS TABLE (id uuid, type text, status text, digest bytea, expires_at timestamptz)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    kind text := app.actor_kind();
    actor uuid := app.actor();
    fingerprint bytea := app.payload_digest(payload);
    is_write boolean := payload ? 'table';
    is_list boolean := payload ? 'writes';
    wanted_type text := payload ->> 'type';
    fields text[];
BEGIN
    IF caller IS NULL OR actor IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF kind = 'system' THEN
        RAISE EXCEPTION 'only humans and agents ask for approval' USING ERRCODE = 'CH403';
    END IF;
    fields := CASE WHEN is_list THEN '{identity,type,sphere,resource_type,id,version,thread_id,writes}'::text[]
        WHEN is_write THEN '{identity,type,sphere,resource_type,table,operation,id,version,values,references}'::text[]
        ELSE '{identity,type,sphere,resource_type,action,resource_id,resource_version,thread_id,content}'::text[] END;
    IF (jsonb_typeof(payload) = 'object' AND payload ?& fields AND payload - fields = '{}'
        AND payload ->> 'identity' = caller::text) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is none of the caller''s' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    -- What a list says of itself follows from its writes.
    IF is_list AND (jsonb_typeof(payload -> 'writes') = 'array' AND payload = app.list_payload(caller, payload -> 'writes')) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is no list of writes' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    IF octet_length(payload::text) > 2097152 THEN
        RAISE EXCEPTION 'the payload is longer than 2 MiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/content", "code": "too_long", "detail": "A request for approval may have at most 2 MiB."}';
    END IF;
    PERFORM app.refuse_reordered_text(payload);
    IF NOT is_write AND NOT is_list AND app.imitates_write(payload ->> 'action') THEN
        RAISE EXCEPTION 'an action of a client reads like a write' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/action", "code": "reserved_action", "detail": "An action must not begin with insert, update, delete, append or erase: the database names writes that way. Use another verb."}';
    END IF;
    IF coalesce(lifetime, app.checkpoint_lifetime(wanted_type)) NOT BETWEEN interval '1 second' AND interval '7 days' THEN
        RAISE EXCEPTION 'a checkpoint lives for at most 7 days' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/lifetime_seconds", "code": "out_of_range"}';
    END IF;

    RETURN QUERY
    SELECT c.id, c.type::text, c.status::text, c.digest, c.expires_at FROM public.checkpoints c
     WHERE c.created_by = caller AND c.digest = fingerprint AND c.requested_by = actor AND c.requested_by_kind = kind
       AND c.status = 'approved' AND c.consumed_at IS NULL AND c.use_before > clock_timestamp()
     ORDER BY c.id DESC LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    -- One that the sweeper has not reached yet makes room.
    UPDATE public.checkpoints c SET status = 'expired'
     WHERE c.created_by = caller AND c.digest = fingerprint AND c.requested_by = actor
       AND c.status = 'pending' AND c.expires_at <= clock_timestamp();
    PERFORM app.refuse_too_many_requests(caller, actor, kind, fingerprint);
    INSERT INTO public.checkpoints AS c (
        id, created_by, sphere, type, origin, action, resource_type, resource_id, resource_version,
        payload, digest, requested_by, requested_by_kind, expires_at, thread_id
    ) VALUES (
        app.uuid_v7(), caller, payload ->> 'sphere', wanted_type, CASE WHEN is_write OR is_list THEN 'write' ELSE 'client' END,
        CASE WHEN is_list THEN app.describe_writes(payload -> 'writes')
            WHEN is_write THEN lower(payload ->> 'operation') || ' ' || replace(payload ->> 'resource_type', '_', ' ')
            ELSE payload ->> 'action' END,
        payload ->> 'resource_type',
        (payload ->> CASE WHEN is_write OR is_list THEN 'id' ELSE 'resource_id' END)::uuid,
        (payload ->> CASE WHEN is_write OR is_list THEN 'version' ELSE 'resource_version' END)::bigint,
        payload, fingerprint, actor, kind,
        clock_timestamp() + coalesce(lifetime, app.checkpoint_lifetime(wanted_type)),
        CASE WHEN NOT is_write THEN payload ->> 'thread_id'
            WHEN payload ->> 'table' = 'threads' THEN payload ->> 'id'
            ELSE payload -> 'values' ->> 'thread_id' END::uuid
    ) ON CONFLICT (created_by, digest, requested_by) WHERE c.status = 'pending' DO NOTHING;
    RETURN QUERY
    SELECT c.id, c.type::text, c.status::text, c.digest, c.expires_at FROM public.checkpoints c
     WHERE c.created_by = caller AND c.digest = fingerprint AND c.requested_by = actor AND c.status = 'pending';
END
$$;

CREATE OR REPLACE FUNCTION app.consume_checkpoint(checkpoint_id uuid, digest bytea) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    c public.checkpoints;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT * INTO c FROM public.checkpoints p
     WHERE p.created_by = caller AND p.id = consume_checkpoint.checkpoint_id;
    IF c.id IS NULL THEN
        RAISE EXCEPTION 'no such checkpoint' USING ERRCODE = 'CH404';
    END IF;
    IF c.digest IS DISTINCT FROM consume_checkpoint.digest OR (c.payload ?| '{table,writes}') IS NOT FALSE THEN
        RAISE EXCEPTION 'another digest, or the approval of a write' USING ERRCODE = 'CH423',
            DETAIL = jsonb_build_object('code', 'checkpoint_mismatch', 'checkpoint',
                app.checkpoint_summary(c.id, c.type, c.status, c.digest, c.expires_at))::text;
    END IF;
    PERFORM set_config('app.checkpoint_id', c.id::text, true);
    PERFORM app.use_checkpoint(c.payload);
END
$$;

CREATE OR REPLACE FUNCTION app.erase_identity() RETURNS void
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
        'operation', 'ERASE', 'id', caller, 'version', NULL, 'values', '{}'::jsonb, 'references', '{}'::jsonb));
    PERFORM set_config('app.approved_write', concat_ws(' ', used, 'identity', caller), true);
    PERFORM app.erase_rows(caller);
END
$$;

CREATE FUNCTION app.refuse_future_approval() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Today differs by a day at most between time zones, so most dates need no look at it.
    IF NEW.ethics_approved_on > (clock_timestamp() AT TIME ZONE 'UTC')::date - 1
        AND (TG_OP = 'INSERT' OR NEW.ethics_approved_on IS DISTINCT FROM OLD.ethics_approved_on OR NEW.status <> OLD.status)
        AND NEW.ethics_approved_on > app.today() THEN
        RAISE EXCEPTION 'an ethics approval lies in the future' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/ethics_approved_on", "code": "in_the_future", "detail": "The ethics committee cannot have approved the trial on a day in the future."}';
    END IF;
    RETURN NEW;
END
$$;

-- atlas:nolint CN319 — only the owner of audit_logs can create partitions of it; the function reads no row of a table
CREATE OR REPLACE FUNCTION app.ensure_partitions(months integer DEFAULT 3) RETURNS integer
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
        -- A partition gets its parent's foreign key, which locks identities. A change of an
        -- identity locks identities first and the audit trail second, so this does, too.
        LOCK TABLE public.identities IN SHARE ROW EXCLUSIVE MODE;
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

CREATE FUNCTION app.owe_notice(kind text, details jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO app.account_notices (id, created_by, kind, details)
    VALUES (app.uuid_v7(), nullif(current_setting('app.identity_id', true), '')::uuid, owe_notice.kind, owe_notice.details);
END
$$;

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

CREATE FUNCTION app.verify_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid;
BEGIN
    IF app.actor_kind() <> 'system' THEN
        RAISE EXCEPTION 'only an operator verifies an account' USING ERRCODE = 'CH403';
    END IF;
    SELECT i.id INTO account FROM public.identities i
     WHERE i.email_key = lower(verify_account.email) AND i.status <> 'erased';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM set_config('app.identity_id', account::text, true);
    UPDATE public.identities i SET email_verified_at = clock_timestamp()
     WHERE i.id = account AND i.email_verified_at IS NULL;
    identity_id := account;
    changed := FOUND;
    RETURN NEXT;
    PERFORM set_config('app.identity_id', '', true);
END
$$;

CREATE FUNCTION app.account_email(identity_id uuid) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() <> 'system' THEN
        RAISE EXCEPTION 'only an operator sees the addresses of accounts' USING ERRCODE = 'CH403';
    END IF;
    RETURN (SELECT i.email_key FROM public.identities i WHERE i.id = account_email.identity_id);
END
$$;

CREATE OR REPLACE FUNCTION app.issue_account_token(kind text, token_hash bytea)
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
     WHERE i.id = caller AND i.status = 'active' FOR NO KEY UPDATE;
    IF NOT FOUND OR issue_account_token.kind = 'verify_email' AND verified IS NOT NULL THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM app.account_tokens t WHERE t.created_by = caller
            AND t.kind = issue_account_token.kind AND t.created_at > clock_timestamp() - interval '1 minute') THEN
        RETURN false;
    END IF;
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = issue_account_token.kind
        AND t.expires_at <= clock_timestamp();
    INSERT INTO app.account_tokens (id, created_by, kind, token_hash, expires_at)
    VALUES (app.uuid_v7(), caller, issue_account_token.kind, issue_account_token.token_hash,
            clock_timestamp() + CASE issue_account_token.kind WHEN 'verify_email' THEN interval '3 days' ELSE interval '1 hour' END);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION app.use_account_token(kind text, token_hash bytea)
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
    -- Two requests with one token: the second one waits for the first and deletes nothing.
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = use_account_token.kind
        AND t.token_hash = use_account_token.token_hash;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = use_account_token.kind;
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION app.reset_password(token_hash bytea, replacement text)
    RETURNS uuid[]
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    closed uuid[];
    agents record;
BEGIN
    IF NOT app.account_token_valid('reset_password', reset_password.token_hash) THEN
        RETURN NULL;
    END IF;
    -- First the identity, then its tokens, as app.issue_account_token() locks them.
    PERFORM FROM public.identities i WHERE i.id = caller FOR NO KEY UPDATE;
    IF NOT app.use_account_token('reset_password', reset_password.token_hash) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO agents FROM app.revoke_agents();
    UPDATE public.identities i
       SET hashed_password = reset_password.replacement, password_changed_at = clock_timestamp(),
           email_verified_at = coalesce(i.email_verified_at, clock_timestamp()),
           failed_logins = 0, locked_until = NULL
     WHERE i.id = caller;
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL WHERE a.created_by = caller;
    closed := app.close_sessions(NULL);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed), 'by', 'mail',
            'revoked_credentials', agents.revoked_credentials, 'suspended_agents', agents.suspended_agents));
    PERFORM app.owe_notice('password_reset', jsonb_build_object('ended_sessions', cardinality(closed),
        'revoked_credentials', agents.revoked_credentials, 'suspended_agents', agents.suspended_agents));
    RETURN closed;
END
$$;

CREATE OR REPLACE FUNCTION app.rotate_refresh_token(session_id uuid, token_hash bytea, successor_hash bytea, idle interval)
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
     WHERE x.created_by = caller AND x.id = rotate_refresh_token.session_id FOR NO KEY UPDATE;
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
    IF t.voided_at > moment - interval '10 seconds' OR t.used_at IS NOT NULL AND EXISTS (
            SELECT FROM app.refresh_tokens x
             WHERE x.created_by = caller AND x.session_id = s.id AND x.generation = t.generation + 1
               AND x.created_at > moment - interval '10 seconds') THEN
        outcome := 'in_progress';
        RETURN NEXT;
        RETURN;
    END IF;
    IF t.used_at IS NOT NULL AND t.used_at > moment - interval '60 seconds' THEN
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
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL WHERE a.created_by = caller;
    -- A reset that was asked for before would undo this change.
    DELETE FROM app.account_tokens t WHERE t.created_by = caller AND t.kind = 'reset_password';
    closed := app.close_sessions(change_password.keep);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed)));
    RETURN closed;
END
$$;

CREATE OR REPLACE FUNCTION app.hire() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() = 'agent' THEN
        RAISE EXCEPTION 'only a human hires, changes or dismisses agents' USING ERRCODE = 'CH403';
    END IF;
    IF app.gates_hold() AND (TG_OP = 'INSERT' OR NEW.status = 'active' AND OLD.status <> 'active') THEN
        PERFORM app.require_verified_email();
    END IF;
    IF TG_OP = 'INSERT' THEN
        NEW.hired_by := NEW.created_by;
        NEW.hired_at := clock_timestamp();
        NEW.hire_checkpoint_id := NULL;
    END IF;
    -- The gate refuses the write unless it uses up exactly this checkpoint.
    IF NEW.status = 'active' AND (TG_OP = 'INSERT' OR OLD.status <> 'active') THEN
        NEW.hire_checkpoint_id := nullif(current_setting('app.checkpoint_id', true), '')::uuid;
    END IF;
    -- Access tokens say when they were made in whole seconds, so no two suspensions share one:
    -- see app.refuse_ended_agent().
    IF TG_OP = 'UPDATE' AND NEW.status = 'suspended' AND OLD.status <> 'suspended' THEN
        NEW.suspended_at := greatest(clock_timestamp(), date_trunc('second', OLD.suspended_at) + interval '1 second');
    END IF;
    IF NEW.status <> 'suspended' THEN
        NEW.suspend_reason := NULL;
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

CREATE FUNCTION app.suspend_agents(reason text, approved_before timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    suspended integer;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    -- In the order of their ids, so that two such calls do not deadlock.
    PERFORM FROM public.team_agents a WHERE a.created_by = caller AND a.status = 'active' ORDER BY a.id FOR NO KEY UPDATE;
    UPDATE public.team_agents a SET status = 'suspended', suspend_reason = suspend_agents.reason
     WHERE a.created_by = caller AND a.status = 'active'
       AND coalesce((SELECT c.decided_at FROM public.checkpoints c
            WHERE c.created_by = caller AND c.id = a.hire_checkpoint_id), a.hired_at) < suspend_agents.approved_before;
    GET DIAGNOSTICS suspended = ROW_COUNT;
    RETURN suspended;
END
$$;

CREATE FUNCTION app.suspend_all_agents() RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() <> 'human'
        OR nullif(current_setting('app.actor_id', true), '') IS DISTINCT FROM nullif(current_setting('app.identity_id', true), '') THEN
        RAISE EXCEPTION 'only a human suspends agents' USING ERRCODE = 'CH403';
    END IF;
    RETURN app.suspend_agents('all agents were suspended at once', 'infinity');
END
$$;

CREATE FUNCTION app.agents_of_unverified(most integer DEFAULT 100) RETURNS TABLE (identity_id uuid, agent_id uuid)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT a.created_by, a.id FROM public.team_agents a JOIN public.identities i ON i.id = a.created_by
     WHERE a.status = 'active' AND i.email_verified_at IS NULL ORDER BY a.created_by, a.id LIMIT most;
END
$$;

CREATE FUNCTION app.check_event_references(caller uuid, thread uuid, events jsonb, place integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    item constant jsonb := events -> place;
    cause constant uuid := item ->> 'causation_id';
    field text;
    kinds text[];
    wanted uuid;
BEGIN
    IF cause IS NOT NULL AND NOT EXISTS (
        SELECT FROM public.thread_events e WHERE e.created_by = caller AND e.id = cause
    ) AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(events) WITH ORDINALITY AS g(event, ordinal)
        WHERE g.ordinal <= place AND (g.event ->> 'id')::uuid = cause
    ) THEN
        RAISE EXCEPTION 'no such event: %', cause USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', format('/events/%s/causation_id', place), 'code', 'reference_not_found',
                'detail', 'There is no event with this id in any of your threads.');
    END IF;
    CASE item ->> 'type'
        WHEN 'decision.revised' THEN
            field := 'decision_event_id';
            kinds := '{decision.recorded,decision.revised}';
        WHEN 'action.executed' THEN
            field := 'proposal_event_id';
            kinds := '{action.proposed}';
        ELSE
            RETURN;
    END CASE;
    wanted := item -> 'payload' ->> field;
    IF wanted IS NOT NULL AND NOT EXISTS (
        SELECT FROM public.thread_events e
        WHERE e.created_by = caller AND e.id = wanted AND e.thread_id = thread AND e.type = ANY (kinds)
    ) AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(events) WITH ORDINALITY AS g(event, ordinal)
        WHERE g.ordinal <= place AND (g.event ->> 'id')::uuid = wanted AND g.event ->> 'type' = ANY (kinds)
    ) THEN
        RAISE EXCEPTION 'no such event in the thread: %', wanted USING ERRCODE = 'CH422',
            DETAIL = jsonb_build_object('pointer', format('/events/%s/payload/%s', place, field), 'code', 'reference_not_found',
                'detail', format('There is no event of the type %s with this id in this thread.', array_to_string(kinds, ' or ')));
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.append_events(thread_id uuid, expected_sequence bigint, events jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    -- The arguments change nothing about the best plan, and planning for each costs more
    -- than running it.
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    thread constant uuid := thread_id;
    expected constant bigint := expected_sequence;
    given jsonb := events;
    size integer;
    item jsonb;
    kind text;
    pointer text;
    event_id uuid;
    ids uuid[] := '{}';
    present record;
    before record;
    state jsonb;
    parent uuid;
    result jsonb;
    moment timestamptz;
BEGIN
    IF (jsonb_typeof(given) = 'array' AND jsonb_array_length(given) BETWEEN 1 AND 100) IS NOT TRUE THEN
        RAISE EXCEPTION '1 to 100 events are appended at once' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/events", "code": "out_of_range"}';
    END IF;
    size := jsonb_array_length(given);
    FOR place IN 0 .. size - 1 LOOP
        item := given -> place;
        kind := item ->> 'type';
        -- What the service itself records would mean nothing if anybody could say it.
        IF kind = 'thread.created' OR kind LIKE 'checkpoint.%' THEN
            RAISE EXCEPTION 'only the service itself records this event' USING ERRCODE = 'CH403',
                DETAIL = jsonb_build_object('pointer', format('/events/%s/type', place), 'code', 'not_in_enum',
                    'detail', 'Only the service itself records events of this type.');
        END IF;
        IF item ? 'id' THEN
            event_id := item ->> 'id';
            IF event_id = ANY (ids) THEN
                RAISE EXCEPTION 'two events of one id' USING ERRCODE = 'CH422',
                    DETAIL = jsonb_build_object('pointer', format('/events/%s/id', place), 'code', 'not_unique');
            END IF;
            ids := ids || event_id;
        END IF;
    END LOOP;
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;

    SELECT t.status, t.visibility, t.sphere, t.last_sequence INTO present
    FROM public.threads t WHERE t.created_by = caller AND t.id = thread
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such thread' USING ERRCODE = 'CH404';
    END IF;

    -- A statement of its own after the lock: it sees what was committed meanwhile. The
    -- array makes the ids an index condition; a join alone may read all of the owner's.
    IF ids <> '{}' AND EXISTS (
        SELECT FROM public.thread_events e WHERE e.created_by = caller AND e.id = ANY (ids) AND e.thread_id = thread
    ) THEN
        SELECT count(*) FILTER (WHERE e.type = g.event ->> 'type'
                AND e.schema_version = (g.event ->> 'schema_version')::integer AND e.payload = g.event -> 'payload'
                AND e.causation_id IS NOT DISTINCT FROM (g.event ->> 'causation_id')::uuid
                AND e.correlation_id IS NOT DISTINCT FROM (g.event ->> 'correlation_id')::uuid) AS alike,
            count(DISTINCT e.sequence - g.place) AS runs,
            max(e.sequence) AS last_sequence,
            jsonb_agg(jsonb_build_object('id', e.id, 'sequence', e.sequence, 'type', e.type, 'created_at', e.created_at)
                ORDER BY e.sequence) AS events
        INTO before
        FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place)
        JOIN public.thread_events e ON e.id = (g.event ->> 'id')::uuid
        WHERE e.created_by = caller AND e.id = ANY (ids) AND e.thread_id = thread;
        IF before.alike = size AND before.runs = 1 THEN
            RETURN jsonb_build_object('replayed', true, 'last_sequence', before.last_sequence, 'events', before.events);
        END IF;
        RAISE EXCEPTION 'an event of this id is there with other content' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "event_id_reused", "detail": "An event with one of these ids was appended before, with other content or among other events."}';
    END IF;

    IF expected <> present.last_sequence AND (expected > present.last_sequence OR EXISTS (
        SELECT FROM public.thread_events e
        WHERE e.created_by = caller AND e.thread_id = thread AND e.sequence > expected AND e.checkpoint_id IS NULL
    )) THEN
        RAISE EXCEPTION 'the thread is at sequence %', present.last_sequence USING ERRCODE = 'CH412',
            DETAIL = jsonb_build_object('code', 'stale_sequence', 'present', jsonb_build_object('last_sequence', present.last_sequence));
    END IF;

    state := jsonb_build_object('status', present.status);
    FOR place IN 0 .. size - 1 LOOP
        item := given -> place;
        kind := item ->> 'type';
        pointer := '/events/' || place;
        IF item ? 'id' AND NOT app.id_tells_time((item ->> 'id')::uuid) THEN
            RAISE EXCEPTION 'id is not a UUIDv7 of this hour' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/id', 'code', 'invalid_id');
        END IF;
        IF octet_length((item -> 'payload')::text) > 262144 THEN
            RAISE EXCEPTION 'a payload is larger than 256 KiB' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/payload', 'code', 'too_long',
                    'detail', 'A payload may have at most 256 KiB.');
        END IF;
        IF item ? 'causation_id' OR kind IN ('decision.revised', 'action.executed') THEN
            PERFORM app.check_event_references(caller, thread, given, place);
        END IF;
        IF kind = 'thread.updated' THEN
            PERFORM app.check_thread_fields(item -> 'payload', '{type,visibility,title,parent_thread_id,tags}', pointer || '/payload');
            parent := item -> 'payload' ->> 'parent_thread_id';
            IF parent IS NOT NULL THEN
                PERFORM app.check_thread_parent(caller, thread, parent, pointer || '/payload/parent_thread_id');
            END IF;
        END IF;
        result := app.thread_after(state, kind, item -> 'payload');
        IF result ->> 'status' IS NULL THEN
            RAISE EXCEPTION '% is forbidden while the thread is %', kind, state ->> 'status' USING ERRCODE = 'CH409',
                DETAIL = jsonb_build_object('code', 'forbidden_transition', 'present', jsonb_build_object('status', state -> 'status'),
                    'detail', format('The thread is %s, and takes no event %s then.', state ->> 'status', kind));
        END IF;
        state := result;
    END LOOP;

    -- What is appended to a public thread is published. One event thread.updated says nothing
    -- but the change of the thread, which has a gate of its own.
    IF present.visibility = 'public' AND NOT (size = 1 AND kind = 'thread.updated'
        AND item ->> 'causation_id' IS NULL AND item ->> 'correlation_id' IS NULL) THEN
        SELECT jsonb_agg(CASE WHEN g.event ? 'id' THEN g.event ELSE g.event || jsonb_build_object('id', app.uuid_v7()) END ORDER BY g.place)
        INTO given FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place);
        FOR place IN 0 .. size - 1 LOOP
            PERFORM app.gate_event(thread, present.sphere, given -> place);
        END LOOP;
    END IF;

    WITH appended AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload,
            actor_id, actor_kind, causation_id, correlation_id, request_id)
        SELECT coalesce((g.event ->> 'id')::uuid, app.uuid_v7()), caller, thread, present.last_sequence + g.place,
            g.event ->> 'type', (g.event ->> 'schema_version')::integer, g.event -> 'payload',
            nullif(current_setting('app.actor_id', true), '')::uuid, app.actor_kind(),
            (g.event ->> 'causation_id')::uuid, (g.event ->> 'correlation_id')::uuid,
            nullif(current_setting('app.request_id', true), '')::uuid
        FROM jsonb_array_elements(given) WITH ORDINALITY AS g(event, place) ORDER BY g.place
        RETURNING id, sequence, type, created_at
    )
    SELECT jsonb_agg(jsonb_build_object('id', a.id, 'sequence', a.sequence, 'type', a.type, 'created_at', a.created_at) ORDER BY a.sequence),
        (array_agg(a.created_at ORDER BY a.sequence DESC))[1]
    INTO result, moment FROM appended a;
    UPDATE public.threads t SET
        last_sequence = t.last_sequence + size,
        event_count = t.event_count + size,
        last_event_at = moment,
        status = state ->> 'status',
        type = CASE WHEN state ? 'type' THEN state ->> 'type' ELSE t.type END,
        visibility = CASE WHEN state ? 'visibility' THEN state ->> 'visibility' ELSE t.visibility END,
        title = CASE WHEN state ? 'title' THEN state ->> 'title' ELSE t.title END,
        parent_thread_id = CASE WHEN state ? 'parent_thread_id' THEN (state ->> 'parent_thread_id')::uuid ELSE t.parent_thread_id END,
        tags = CASE WHEN state ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(state -> 'tags')) ELSE t.tags END
    WHERE t.created_by = caller AND t.id = thread;
    RETURN jsonb_build_object('replayed', false, 'last_sequence', present.last_sequence + size, 'events', result);
END
$$;

CREATE OR REPLACE FUNCTION app.record_step() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step text;
    said jsonb := jsonb_build_object('checkpoint_id', NEW.id, 'digest', encode(NEW.digest, 'hex'));
    about jsonb := jsonb_build_object('action', NEW.action, 'resource_type', NEW.resource_type, 'resource_id', NEW.resource_id);
    -- Whether it is about the thread's own row.
    own boolean := coalesce(NEW.payload ->> 'table' = 'threads'
        OR NEW.payload -> 'writes' @> jsonb_build_array(jsonb_build_object('table', 'threads', 'id', NEW.thread_id)), false);
    present record;
BEGIN
    IF NEW.thread_id IS NULL THEN
        RETURN NULL;
    END IF;
    CASE
        WHEN TG_OP = 'INSERT' THEN
            step := 'checkpoint.requested';
            said := said || about || jsonb_build_object('type', NEW.type);
        WHEN NEW.status <> OLD.status THEN
            step := 'checkpoint.' || NEW.status;
            IF NEW.status <> 'expired' THEN
                said := said || jsonb_build_object('reason', NEW.reason);
            END IF;
        WHEN OLD.consumed_at IS NULL AND NEW.consumed_at IS NOT NULL THEN
            step := 'action.executed';
            said := about || jsonb_build_object('outcome', 'success');
        ELSE
            RETURN NULL;
    END CASE;
    SELECT t.last_sequence, t.visibility INTO STRICT present FROM public.threads t
    WHERE t.created_by = NEW.created_by AND t.id = NEW.thread_id FOR NO KEY UPDATE;
    IF present.visibility = 'public' AND said ? 'action' AND (NEW.payload ?| '{table,writes}') IS NOT TRUE THEN
        said := said - 'resource_type' || '{"action": "an action that a client defined"}';
    END IF;
    WITH recorded AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload,
            actor_id, actor_kind, request_id, checkpoint_id)
        VALUES (app.uuid_v7(), NEW.created_by, NEW.thread_id, present.last_sequence + 1, step, 1, jsonb_strip_nulls(said),
            nullif(current_setting('app.actor_id', true), '')::uuid,
            CASE WHEN nullif(current_setting('app.identity_id', true), '') IS NULL THEN 'system' ELSE app.actor_kind() END,
            nullif(current_setting('app.request_id', true), '')::uuid, NEW.id)
        RETURNING created_at
    )
    UPDATE public.threads t SET last_sequence = present.last_sequence + 1, event_count = t.event_count + 1, last_event_at = r.created_at,
        step_count = t.step_count + own::integer
    FROM recorded r WHERE t.created_by = NEW.created_by AND t.id = NEW.thread_id;
    RETURN NULL;
END
$$;

CREATE FUNCTION app.client_columns(relation oid) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(DISTINCT a.attname::text)
      FROM pg_attribute a, aclexplode(a.attacl) AS x
     WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
       AND x.grantee IN ('chenu_human'::regrole, 'chenu_agent'::regrole) AND x.privilege_type IN ('INSERT', 'UPDATE')
$$;

CREATE FUNCTION app.list_element(payload jsonb, checkpoint uuid, row_id uuid) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    inserted boolean := payload ->> 'operation' = 'INSERT';
    element text;
    given uuid;
    count integer := 0;
BEGIN
    element := replace((CASE WHEN inserted THEN payload || jsonb_build_object('id', list_element.row_id) ELSE payload END - 'identity')::text,
        '"new:', '"new::');
    FOR given IN
        SELECT w.row_id FROM app.collected_writes w
         WHERE w.created_by = caller AND w.checkpoint_id IS NOT DISTINCT FROM checkpoint AND w.operation = 'INSERT'
         ORDER BY w.place
    LOOP
        count := count + 1;
        element := replace(element, format('"%s"', given), format('"new:%s"', count));
    END LOOP;
    IF inserted THEN
        element := replace(element, format('"%s"', list_element.row_id), format('"new:%s"', count + 1));
    END IF;
    RETURN element::jsonb;
END
$$;

CREATE FUNCTION app.is_implied_event(event jsonb, thread jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(
        event ->> 'table' = 'thread_events' AND event ->> 'operation' = 'INSERT' AND event ->> 'type' IS NULL
        AND event -> 'values' ->> 'causation_id' IS NULL AND event -> 'values' ->> 'correlation_id' IS NULL
        AND thread ->> 'table' = 'threads'
        AND CASE thread ->> 'operation'
            WHEN 'INSERT' THEN event -> 'values' ->> 'type' = 'thread.created'
            WHEN 'UPDATE' THEN event -> 'values' ->> 'type' = 'thread.updated' AND event -> 'values' -> 'thread_id' = thread -> 'id'
        END, false);
END
$$;

CREATE FUNCTION app.approved_count(payload jsonb) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN payload ? 'writes' THEN jsonb_array_length(payload -> 'writes')
        WHEN payload ->> 'table' = 'threads' AND payload ->> 'operation' IN ('INSERT', 'UPDATE') THEN 2
        ELSE 1
    END;
END
$$;

CREATE FUNCTION app.refuse_write(code text, payload jsonb, checkpoint jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF payload IS NOT NULL THEN
        RAISE INFO 'what a human must approve' USING ERRCODE = 'CH423', DETAIL = payload::text;
    END IF;
    RAISE EXCEPTION 'a human must approve exactly this: %', code USING ERRCODE = 'CH423',
        DETAIL = jsonb_build_object('code', code, 'checkpoint', checkpoint)::text;
END
$$;

CREATE FUNCTION app.take_write(payload jsonb, row_id uuid, gated boolean) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    actor uuid := app.actor();
    collecting boolean := coalesce(current_setting('app.collecting', true), '') = 'on';
    wanted uuid := CASE WHEN NOT collecting THEN nullif(current_setting('app.checkpoint_id', true), '')::uuid END;
    operation text := payload ->> 'operation';
    position integer;
    size integer;
    named public.checkpoints;
    mine boolean;
    usable boolean;
    equal boolean;
BEGIN
    IF wanted IS NULL AND NOT collecting THEN
        IF gated THEN
            PERFORM app.refuse_write('checkpoint_required', payload, NULL);
        END IF;
        RETURN NULL;
    END IF;
    SELECT count(*) + 1 INTO position FROM app.collected_writes w
     WHERE w.created_by = caller AND w.checkpoint_id IS NOT DISTINCT FROM wanted;
    IF collecting THEN
        INSERT INTO app.collected_writes (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited, payload, element)
        VALUES (app.uuid_v7(), caller, NULL, position, payload ->> 'table', operation, take_write.row_id, NOT gated,
            payload, app.list_element(payload, NULL, take_write.row_id));
        RETURN NULL;
    END IF;

    IF position = 1 THEN
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted FOR UPDATE;
    ELSE
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted;
    END IF;
    mine := coalesce(named.requested_by = actor AND named.requested_by_kind = app.actor_kind(), false);
    usable := mine AND (position > 1 OR coalesce(named.status = 'approved' AND named.consumed_at IS NULL
        AND named.use_before > clock_timestamp(), false));
    size := app.approved_count(named.payload);
    equal := coalesce(CASE
        WHEN position > size THEN false
        WHEN named.payload ? 'writes' THEN
            app.list_element(payload, wanted, take_write.row_id)::text = (named.payload -> 'writes' -> position - 1)::text
        WHEN position < size THEN app.is_implied_event(payload, named.payload)
        ELSE app.payload_digest(payload) = named.digest
    END, false);
    IF usable AND equal THEN
        INSERT INTO app.collected_writes (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited)
        VALUES (app.uuid_v7(), caller, wanted, position, payload ->> 'table', operation, take_write.row_id, NOT gated);
        IF position = size AND payload ->> 'table' <> 'thread_events' THEN
            UPDATE public.checkpoints c SET consumed_at = clock_timestamp() WHERE c.created_by = caller AND c.id = wanted;
        END IF;
        RETURN wanted;
    END IF;
    IF NOT gated AND position = 1 THEN
        RETURN NULL; -- The approval may be for what follows; app.check_collected() decides.
    END IF;
    PERFORM app.refuse_write(CASE
        WHEN NOT mine THEN 'checkpoint_mismatch'
        WHEN position > size THEN 'checkpoint_used'
        WHEN position > 1 OR usable THEN 'checkpoint_mismatch'
        WHEN NOT named.payload ? 'writes' AND app.payload_digest(payload) <> named.digest THEN 'checkpoint_mismatch'
        WHEN named.status = 'rejected' THEN 'checkpoint_rejected'
        WHEN named.consumed_at IS NOT NULL THEN 'checkpoint_used'
        WHEN named.status = 'pending' AND named.expires_at > clock_timestamp() THEN 'checkpoint_pending'
        ELSE 'checkpoint_expired'
    END, payload, app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
    RETURN NULL;
END
$$;

CREATE FUNCTION app.account_write(
    relation oid, resource text, owner text, sphere text, left_out text[], operation text, old_row jsonb, new_row jsonb
) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET TimeZone = 'UTC'
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    present jsonb := CASE WHEN operation = 'DELETE' THEN old_row ELSE new_row END;
    name text := (SELECT c.relname FROM pg_class c WHERE c.oid = relation);
    columns text[] := app.client_columns(relation);
    content jsonb;
    approval uuid;
BEGIN
    -- The steps of checkpoints are no writes of the caller's.
    IF NOT app.gates_hold() OR resource = 'checkpoint' OR resource = 'thread_event' AND present ->> 'checkpoint_id' IS NOT NULL THEN
        RETURN NULL;
    END IF;
    UPDATE app.collected_writes w SET audited = true
     WHERE w.created_by = caller AND NOT w.audited AND w.table_name = name AND w.operation = account_write.operation
       AND w.row_id = (present ->> 'id')::uuid
    RETURNING w.checkpoint_id INTO approval;
    IF FOUND THEN
        RETURN approval;
    END IF;
    IF resource = 'thread_event' THEN
        content := app.event_content(present);
    ELSIF columns IS NOT NULL THEN
        SELECT jsonb_object_agg(c, present -> c) INTO content FROM unnest(columns) AS c WHERE c NOT IN ('id', owner);
    ELSE
        content := present - left_out - '{id,created_at,updated_at,updated_by,updated_by_kind,version}'::text[] - owner;
    END IF;
    RETURN app.take_write(jsonb_build_object(
        'identity', present ->> owner,
        'type', NULL,
        'sphere', coalesce(nullif(account_write.sphere, ''), present ->> 'sphere'),
        'resource_type', resource,
        'table', name,
        'operation', operation,
        'id', old_row ->> 'id',
        'version', old_row -> 'version',
        'values', content), (present ->> 'id')::uuid, false);
END
$$;

CREATE FUNCTION app.event_content(event jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object(
        'thread_id', CASE WHEN event ->> 'type' <> 'thread.created' THEN event ->> 'thread_id' END,
        'type', event ->> 'type', 'schema_version', event -> 'schema_version', 'payload', event -> 'payload',
        'causation_id', event ->> 'causation_id', 'correlation_id', event ->> 'correlation_id');
END
$$;

CREATE FUNCTION app.gate_event(thread_id uuid, sphere text, event jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN;
    END IF;
    PERFORM app.take_write(jsonb_build_object(
        'identity', nullif(current_setting('app.identity_id', true), ''),
        'type', 'sensitive',
        'sphere', gate_event.sphere,
        'resource_type', 'thread_event',
        'table', 'thread_events',
        'operation', 'INSERT',
        'id', NULL,
        'version', NULL,
        'values', app.event_content(event || jsonb_build_object('thread_id', gate_event.thread_id)),
        'references', '{}'::jsonb), (event ->> 'id')::uuid, true);
END
$$;

CREATE FUNCTION app.check_collected() RETURNS trigger
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    used record;
    named public.checkpoints;
    accounted integer;
    written integer;
BEGIN
    IF NOT app.gates_hold() THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF pg_trigger_depth() > 1 THEN
            RAISE EXCEPTION 'the writes of an approval are checked when the transaction commits' USING ERRCODE = 'CH423',
                DETAIL = '{"code": "checkpoint_mismatch"}';
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.checkpoint_id IS NULL THEN
        RAISE EXCEPTION 'a transaction in collecting mode never commits' USING ERRCODE = 'CH403';
    END IF;
    IF NEW.created_by IS DISTINCT FROM caller THEN
        RAISE EXCEPTION 'the identity was changed under an approval' USING ERRCODE = 'CH403';
    END IF;
    IF NOT EXISTS (SELECT FROM app.collected_writes w WHERE w.created_by = caller AND w.id = NEW.id) THEN
        RETURN NULL; -- It was checked with the first one.
    END IF;
    FOR used IN
        SELECT w.checkpoint_id AS id, count(*) AS made FROM app.collected_writes w WHERE w.created_by = caller GROUP BY w.checkpoint_id
    LOOP
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = used.id;
        IF used.made IS DISTINCT FROM app.approved_count(named.payload) THEN
            PERFORM app.refuse_write('checkpoint_mismatch', NULL,
                app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
        END IF;
    END LOOP;
    SELECT count(*) FILTER (WHERE w.audited) INTO accounted FROM app.collected_writes w WHERE w.created_by = caller;
    -- The ids of the transaction's audit rows tell that they are not older than it.
    SELECT count(*) INTO written FROM public.audit_logs a
     WHERE a.created_by = caller AND a.id >= app.uuid_v7_floor(transaction_timestamp() - interval '1 minute')
       AND a.outcome = 'success' AND a.action NOT IN ('read', 'login', 'logout', 'credential_change')
       AND a.resource_type <> 'checkpoint' AND (a.resource_type <> 'thread_event' OR a.after ->> 'checkpoint_id' IS NULL)
       AND app.written_here(a.xmin);
    IF accounted <> written OR EXISTS (SELECT FROM pg_cursors c WHERE c.is_holdable) OR accounted <> (SELECT count(*) FROM app.collected_writes w WHERE w.created_by = caller) THEN
        PERFORM app.refuse_write('checkpoint_mismatch', NULL,
                app.checkpoint_summary(named.id, named.type, named.status, named.digest, named.expires_at));
    END IF;
    UPDATE public.checkpoints c SET consumed_at = clock_timestamp()
     WHERE c.created_by = caller AND c.consumed_at IS NULL
       AND c.id IN (SELECT w.checkpoint_id FROM app.collected_writes w WHERE w.created_by = caller);
    DELETE FROM app.collected_writes w WHERE w.created_by = caller;
    RETURN NULL;
END
$$;

CREATE FUNCTION app.collected_payload() RETURNS jsonb
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    payloads jsonb[];
    writes jsonb;
BEGIN
    SELECT array_agg(w.payload ORDER BY w.place), jsonb_agg(w.element ORDER BY w.place) INTO payloads, writes
      FROM app.collected_writes w WHERE w.created_by = caller AND w.checkpoint_id IS NULL;
    RETURN CASE
        WHEN writes IS NULL OR NOT jsonb_path_exists(writes, '$[*].type ? (@ != null)') THEN NULL
        WHEN cardinality(payloads) = app.approved_count(payloads[cardinality(payloads)])
            AND (cardinality(payloads) = 1 OR app.is_implied_event(payloads[1], payloads[2])) THEN payloads[cardinality(payloads)]
        ELSE app.list_payload(caller, writes)
    END;
END
$$;

CREATE FUNCTION app.list_payload(identity uuid, writes jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH gated AS (
        SELECT w.write, w.place, CASE WHEN w.write ->> 'id' LIKE 'new:%' THEN 'null' ELSE w.write -> 'id' END AS id
          FROM jsonb_array_elements(writes) WITH ORDINALITY AS w(write, place)
         WHERE w.write ->> 'type' IS NOT NULL
    ), main AS (
        SELECT g.write, g.id FROM gated g ORDER BY g.place LIMIT 1
    ), thread AS (
        SELECT t.id FROM (
            SELECT g.place, CASE WHEN g.write ->> 'table' = 'threads' THEN g.id ELSE g.write -> 'values' -> 'thread_id' END AS id FROM gated g
        ) AS t
         WHERE jsonb_typeof(t.id) = 'string' AND t.id ->> 0 NOT LIKE 'new:%' ORDER BY t.place LIMIT 1
    )
    SELECT jsonb_build_object(
        'identity', list_payload.identity,
        'type', (SELECT g.write ->> 'type' FROM gated g
            ORDER BY array_position('{identity,cost,governance,sensitive,cross_sphere}', g.write ->> 'type') LIMIT 1),
        'sphere', (SELECT CASE WHEN count(DISTINCT g.write -> 'sphere') = 1 THEN min(g.write ->> 'sphere') END FROM gated g),
        'resource_type', m.write ->> 'resource_type',
        'id', m.id,
        'version', CASE WHEN m.id <> 'null' THEN m.write -> 'version' END,
        'thread_id', (SELECT t.id FROM thread t),
        'writes', writes)
      FROM main m
$$;

CREATE FUNCTION app.describe_writes(writes jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    WITH kind AS (
        SELECT CASE WHEN w.write ->> 'table' = 'thread_events' THEN 'append' ELSE lower(w.write ->> 'operation') END AS verb,
            CASE WHEN w.write ->> 'table' = 'thread_events' THEN 'event' ELSE replace(w.write ->> 'resource_type', '_', ' ') END AS noun,
            min(w.place) AS place, count(*) AS size
          FROM jsonb_array_elements(writes) WITH ORDINALITY AS w(write, place)
         GROUP BY 1, 2
    ), words AS (
        SELECT string_agg(CASE WHEN k.size = 1 THEN k.verb || ' ' || k.noun
            ELSE format('%s %s %s', k.verb, k.size, regexp_replace(k.noun, '([^aeiou])y$', '\1ie') || 's') END, ', ' ORDER BY k.place) AS text
          FROM kind k
    )
    SELECT CASE WHEN length(w.text) <= 120 THEN w.text ELSE jsonb_array_length(writes) || ' writes' END FROM words w
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
    account_notices AS (DELETE FROM app.account_notices WHERE created_by = erase_rows.owner),
    account_tokens AS (DELETE FROM app.account_tokens WHERE created_by = erase_rows.owner),
    agent_credentials AS (DELETE FROM app.agent_credentials WHERE created_by = erase_rows.owner),
    collected_writes AS (DELETE FROM app.collected_writes WHERE created_by = erase_rows.owner),
    event_rsvps AS (DELETE FROM app.event_rsvps WHERE created_by = erase_rows.owner),
    habit_check_ins AS (DELETE FROM app.habit_check_ins WHERE created_by = erase_rows.owner),
    idempotency_keys AS (DELETE FROM app.idempotency_keys WHERE created_by = erase_rows.owner),
    login_attempts AS (DELETE FROM app.login_attempts WHERE created_by = erase_rows.owner),
    reference_citations AS (DELETE FROM app.reference_citations WHERE created_by = erase_rows.owner),
    refresh_tokens AS (DELETE FROM app.refresh_tokens WHERE created_by = erase_rows.owner),
    sessions AS (DELETE FROM app.sessions WHERE created_by = erase_rows.owner)
    DELETE FROM app.used_assertions WHERE created_by = erase_rows.owner;
    UPDATE public.checkpoints SET status = CASE status WHEN 'pending' THEN 'expired' ELSE status END, action = CASE WHEN payload ?| '{table,writes}' THEN action ELSE '[erased]' END, resource_type = CASE WHEN payload ?| '{table,writes}' THEN resource_type ELSE '[erased]' END, payload = NULL, reason = CASE WHEN reason IS NOT NULL THEN '[erased]' END
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

-- Locks app.idempotency_keys: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "app"."idempotency_keys" ADD COLUMN "actor_id" uuid NULL DEFAULT app.actor(), ADD COLUMN "actor_kind" text NULL DEFAULT app.actor_kind();

-- Locks public.audit_logs: ACCESS EXCLUSIVE (reads and writes wait).
-- Locks public.audit_logs_default: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."audit_logs" ADD COLUMN "client_request_id" uuid NULL;

-- Locks public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."checkpoints" ADD COLUMN "origin" text NOT NULL DEFAULT 'write';

ALTER TABLE "public"."team_agents" ADD COLUMN "suspended_at" timestamptz NULL, ADD COLUMN "suspend_reason" text NULL;

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "app"."idempotency_keys" ADD CONSTRAINT "idempotency_keys_actor_kind_check" CHECK (actor_kind IN ('human', 'agent', 'system')) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "app"."idempotency_keys" ADD CONSTRAINT "idempotency_keys_headers_size" CHECK (octet_length(headers::text) <= 16384) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
-- Locks public.business_invoices: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."business_invoices" ADD CONSTRAINT "business_invoices_line_items_size" CHECK (octet_length(line_items::text) <= 2097152) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "public"."checkpoints" ADD CONSTRAINT "checkpoints_origin_check" CHECK (origin IN ('write', 'client')) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "public"."community_groups" ADD CONSTRAINT "community_groups_settings_size" CHECK (octet_length(settings::text) <= 16384) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "public"."creative_assets" ADD CONSTRAINT "creative_assets_parameters_size" CHECK (octet_length(parameters::text) <= 16384) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
-- Locks public.entertainment_playlists: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."entertainment_playlists" ADD CONSTRAINT "entertainment_playlists_items_size" CHECK (octet_length(items::text) <= 2097152) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
-- Locks public.government_compliance: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."government_compliance" ADD CONSTRAINT "government_compliance_evidence_size" CHECK (octet_length(evidence::text) <= 2097152) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "public"."identities" ADD CONSTRAINT "identities_settings_size" CHECK (octet_length(settings::text) <= 16384) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
-- Locks public.scholar_manuscripts: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."scholar_manuscripts" ADD CONSTRAINT "scholar_manuscripts_sections_size" CHECK (octet_length(sections::text) <= 2097152) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
-- Locks public.social_posts: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."social_posts" ADD CONSTRAINT "social_posts_media_size" CHECK (octet_length(media::text) <= 2097152) NOT VALID;

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "public"."team_agents" ADD CONSTRAINT "team_agents_suspend_reason_check" CHECK (char_length(suspend_reason) BETWEEN 1 AND 2000) NOT VALID;

CREATE TABLE "app"."account_notices" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "kind" text NOT NULL,
    "details" jsonb NOT NULL DEFAULT '{}',
    "attempts" bigint NOT NULL DEFAULT 0,
    "due_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "sent_at" timestamptz NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "account_notices_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"),
    CONSTRAINT "account_notices_attempts_check" CHECK (attempts >= 0),
    CONSTRAINT "account_notices_details_size" CHECK (octet_length(details::text) <= 2048),
    CONSTRAINT "account_notices_kind_format" CHECK (kind ~ '^([a-z_]{1,40})$')
);

CREATE INDEX "account_notices_due_at_idx" ON "app"."account_notices" ("created_by", "due_at") WHERE sent_at IS NULL;

CREATE TABLE "app"."collected_writes" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "checkpoint_id" uuid NULL,
    "place" bigint NOT NULL,
    "table_name" text NOT NULL,
    "operation" text NOT NULL,
    "row_id" uuid NOT NULL,
    "audited" boolean NOT NULL DEFAULT false,
    "payload" jsonb NULL,
    "element" jsonb NULL,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "collected_writes_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"),
    CONSTRAINT "collected_writes_element_size" CHECK (octet_length(element::text) <= 4194304),
    CONSTRAINT "collected_writes_payload_size" CHECK (octet_length(payload::text) <= 4194304),
    CONSTRAINT "collected_writes_place_check" CHECK (place >= 1)
);

CREATE TABLE "app"."login_attempts" (
    "id" uuid NOT NULL,
    "created_by" uuid NOT NULL,
    "created_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "origin" text NOT NULL,
    "failed" bigint NOT NULL DEFAULT 0,
    "locked_until" timestamptz NULL,
    "succeeded_at" timestamptz NULL,
    "used_at" timestamptz NOT NULL DEFAULT clock_timestamp(),
    "recorded_at" timestamptz NULL,
    "unrecorded" bigint NOT NULL DEFAULT 0,
    PRIMARY KEY ("created_by", "id"),
    CONSTRAINT "login_attempts_created_by_fkey" FOREIGN KEY ("created_by") REFERENCES "public"."identities" ("id"),
    CONSTRAINT "login_attempts_failed_check" CHECK (failed >= 0),
    CONSTRAINT "login_attempts_origin_check" CHECK (char_length(origin) BETWEEN 1 AND 64),
    CONSTRAINT "login_attempts_unrecorded_check" CHECK (unrecorded >= 0)
);

CREATE UNIQUE INDEX "login_attempts_origin_key" ON "app"."login_attempts" ("created_by", "origin");

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_gate;

ALTER FUNCTION app.account_write(oid, text, text, text, text[], text, jsonb, jsonb) OWNER TO chenu_gate;

ALTER FUNCTION app.check_collected() OWNER TO chenu_gate;

ALTER FUNCTION app.collected_payload() OWNER TO chenu_gate;

ALTER FUNCTION app.gate_event(uuid, text, jsonb) OWNER TO chenu_gate;

ALTER FUNCTION app.suspend_agents(text, timestamp with time zone) OWNER TO chenu_gate;

ALTER FUNCTION app.suspend_all_agents() OWNER TO chenu_gate;

ALTER FUNCTION app.take_write(jsonb, uuid, boolean) OWNER TO chenu_gate;

REVOKE CREATE ON SCHEMA app FROM chenu_gate;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.account_email(uuid) OWNER TO chenu_login;

ALTER FUNCTION app.mark_notice_sent(uuid) OWNER TO chenu_login;

ALTER FUNCTION app.owe_notice(text, jsonb) OWNER TO chenu_login;

ALTER FUNCTION app.require_verified_email() OWNER TO chenu_login;

ALTER FUNCTION app.revoke_agents() OWNER TO chenu_login;

ALTER FUNCTION app.tell_hired() OWNER TO chenu_login;

ALTER FUNCTION app.verify_account(text) OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_maintain;

ALTER FUNCTION app.agents_of_unverified(integer) OWNER TO chenu_maintain;

ALTER FUNCTION app.expire_attempts(integer) OWNER TO chenu_maintain;

ALTER FUNCTION app.expire_notices(integer) OWNER TO chenu_maintain;

ALTER FUNCTION app.expire_sessions(integer) OWNER TO chenu_maintain;

ALTER FUNCTION app.record_failures(integer) OWNER TO chenu_maintain;

ALTER FUNCTION app.take_notices(integer) OWNER TO chenu_maintain;

REVOKE CREATE ON SCHEMA app FROM chenu_maintain;

ALTER TABLE app.account_notices ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.collected_writes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

ALTER TABLE app.login_attempts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY auditor_select ON app.account_notices FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY erase_delete ON app.account_notices FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.account_notices FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY human_select ON app.account_notices FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_insert ON app.account_notices FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_select ON app.account_notices FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_update ON app.account_notices FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_delete ON app.account_notices FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days'));

CREATE POLICY maintain_select ON app.account_notices FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days'));

CREATE POLICY maintain_update ON app.account_notices FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days'))
    WITH CHECK (current_user = 'chenu_maintain' AND (sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days'));

CREATE POLICY auditor_select ON app.collected_writes FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY erase_delete ON app.collected_writes FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.collected_writes FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_delete ON app.collected_writes FOR DELETE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_insert ON app.collected_writes FOR INSERT TO chenu_gate
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_select ON app.collected_writes FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON app.collected_writes FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY auditor_select ON app.login_attempts FOR SELECT TO chenu_auditor
    USING (true);

CREATE POLICY erase_delete ON app.login_attempts FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY erase_select ON app.login_attempts FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_insert ON app.login_attempts FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_select ON app.login_attempts FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY login_update ON app.login_attempts FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_delete ON app.login_attempts FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days'));

CREATE POLICY maintain_select ON app.login_attempts FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days'));

CREATE POLICY maintain_update ON app.login_attempts FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days'))
    WITH CHECK (current_user = 'chenu_maintain' AND (recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days'));

-- Locks app.sessions: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY maintain_delete ON app.sessions FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days');

CREATE POLICY maintain_select ON app.sessions FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days');

CREATE POLICY maintain_update ON app.sessions FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days')
    WITH CHECK (current_user = 'chenu_maintain' AND least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days');

CREATE POLICY gate_select ON audit_logs FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON business_contacts FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.community_events: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON community_events FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_select ON community_groups FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON community_groups FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_select ON identities FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND email_verified_at IS NULL);

CREATE POLICY gate_select ON social_posts FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON social_posts FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.social_schedules: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON social_schedules FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY maintain_select ON team_agents FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND status = 'active');

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.account_notices
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER stamp BEFORE INSERT ON app.account_notices
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE CONSTRAINT TRIGGER check_collected AFTER INSERT OR DELETE ON app.collected_writes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.check_collected();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.collected_writes
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER stamp BEFORE INSERT ON app.collected_writes
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.login_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER stamp BEFORE INSERT ON app.login_attempts
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR DELETE ON app.sessions
    FOR EACH ROW EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at', 'ip', 'user_agent');

CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE ON app.sessions
    FOR EACH ROW WHEN ((OLD.id, OLD.created_by, OLD.created_at, OLD.expires_at, OLD.revoked_at, OLD.authenticated_at, OLD.amr) IS DISTINCT FROM (NEW.id, NEW.created_by, NEW.created_at, NEW.expires_at, NEW.revoked_at, NEW.authenticated_at, NEW.amr))
    EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at', 'ip', 'user_agent');

CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON business_invoices
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status IN ('sent', 'paid', 'void'))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON business_invoices
    FOR EACH ROW WHEN (((NEW.status IN ('sent', 'paid', 'void'))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON business_invoices
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.number, OLD.contact_id, OLD.currency, OLD.line_items, OLD.status, OLD.issued_on, OLD.due_on, OLD.paid_at) IS DISTINCT FROM ROW(NEW.number, NEW.contact_id, NEW.currency, NEW.line_items, NEW.status, NEW.issued_on, NEW.due_on, NEW.paid_at) AND (((OLD.status IN ('sent', 'paid', 'void'))) OR ((NEW.status IN ('sent', 'paid', 'void')))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

CREATE TRIGGER approve_delete_through AFTER DELETE ON community_events
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND OLD.group_id IS NOT NULL)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');

CREATE TRIGGER approve_insert_through AFTER INSERT ON community_events
    FOR EACH ROW WHEN (NEW.group_id IS NOT NULL)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');

CREATE TRIGGER approve_update_through AFTER UPDATE ON community_events
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.group_id, OLD.title, OLD.description, OLD.starts_at, OLD.ends_at, OLD.time_zone, OLD.location, OLD.online_url, OLD.capacity, OLD.status) IS DISTINCT FROM ROW(NEW.group_id, NEW.title, NEW.description, NEW.starts_at, NEW.ends_at, NEW.time_zone, NEW.location, NEW.online_url, NEW.capacity, NEW.status) AND num_nonnulls(OLD.group_id, NEW.group_id) > 0)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');

CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON community_groups
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON community_groups
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON community_groups
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.description, OLD.kind, OLD.visibility, OLD.settings, OLD.rules) IS DISTINCT FROM ROW(NEW.name, NEW.description, NEW.kind, NEW.visibility, NEW.settings, NEW.rules) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON entertainment_playlists
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON entertainment_playlists
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON entertainment_playlists
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.kind, OLD.visibility, OLD.items) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.visibility, NEW.items) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items');

-- Locks public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON government_clinical_trials
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status <> 'planned')))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON government_clinical_trials
    FOR EACH ROW WHEN (((NEW.status <> 'planned')))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON government_clinical_trials
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.registry_id, OLD.title, OLD.phase, OLD.status, OLD.sponsor, OLD.starts_on, OLD.ends_on, OLD.target_enrollment, OLD.ethics_reference, OLD.ethics_approved_on) IS DISTINCT FROM ROW(NEW.registry_id, NEW.title, NEW.phase, NEW.status, NEW.sponsor, NEW.starts_on, NEW.ends_on, NEW.target_enrollment, NEW.ethics_reference, NEW.ethics_approved_on) AND (((OLD.status <> 'planned')) OR ((NEW.status <> 'planned'))))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

CREATE TRIGGER refuse_future_approval BEFORE INSERT OR UPDATE ON government_clinical_trials
    FOR EACH ROW EXECUTE FUNCTION app.refuse_future_approval();

CREATE TRIGGER approve_delete AFTER DELETE ON government_compliance
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (app.actor_kind() <> 'human' AND (OLD.status IN ('active', 'waived'))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

CREATE TRIGGER approve_insert AFTER INSERT ON government_compliance
    FOR EACH ROW WHEN ((app.actor_kind() <> 'human' AND (NEW.status IN ('active', 'waived'))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

CREATE TRIGGER approve_update AFTER UPDATE ON government_compliance
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.regulation, OLD.authority, OLD.identifier, OLD.status, OLD.effective_on, OLD.expires_on, OLD.evidence) IS DISTINCT FROM ROW(NEW.name, NEW.regulation, NEW.authority, NEW.identifier, NEW.status, NEW.effective_on, NEW.expires_on, NEW.evidence) AND ((app.actor_kind() <> 'human' AND (OLD.status IN ('active', 'waived'))) OR (app.actor_kind() <> 'human' AND (NEW.status IN ('active', 'waived')))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON scholar_manuscripts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status IN ('submitted', 'accepted', 'published'))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON scholar_manuscripts
    FOR EACH ROW WHEN (((NEW.status IN ('submitted', 'accepted', 'published'))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON scholar_manuscripts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.title, OLD.abstract, OLD.sections, OLD.status, OLD.target_journal, OLD.submitted_at, OLD.co_authors) IS DISTINCT FROM ROW(NEW.title, NEW.abstract, NEW.sections, NEW.status, NEW.target_journal, NEW.submitted_at, NEW.co_authors) AND (((OLD.status IN ('submitted', 'accepted', 'published'))) OR ((NEW.status IN ('submitted', 'accepted', 'published')))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE TRIGGER approve_delete_through AFTER DELETE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND app.actor_kind() <> 'human' AND ((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)) IS NOT TRUE)
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"through":{"column":"id","table":"public.social_schedules","key":"post_id","condition":"status = ''scheduled''","agents":true},"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON social_posts
    FOR EACH ROW WHEN (((NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (NEW.published_at IS NOT NULL)))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.body, OLD.media, OLD.visibility, OLD.thread_id, OLD.reply_to_id, OLD.published_at) IS DISTINCT FROM ROW(NEW.body, NEW.media, NEW.visibility, NEW.thread_id, NEW.reply_to_id, NEW.published_at) AND (((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)) OR ((NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (NEW.published_at IS NOT NULL))))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE TRIGGER approve_update_through AFTER UPDATE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND app.actor_kind() <> 'human' AND ROW(OLD.body, OLD.media, OLD.visibility, OLD.thread_id, OLD.reply_to_id, OLD.published_at) IS DISTINCT FROM ROW(NEW.body, NEW.media, NEW.visibility, NEW.thread_id, NEW.reply_to_id, NEW.published_at) AND (((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)) OR ((NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (NEW.published_at IS NOT NULL))) IS NOT TRUE)
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"through":{"column":"id","table":"public.social_schedules","key":"post_id","condition":"status = ''scheduled''","agents":true},"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE TRIGGER approve_delete AFTER DELETE ON social_schedules
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) AND (OLD.status = 'scheduled') IS NOT TRUE)
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');

CREATE TRIGGER approve_insert AFTER INSERT ON social_schedules
    FOR EACH ROW WHEN ((app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))))
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');

CREATE TRIGGER approve_update AFTER UPDATE ON social_schedules
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.post_id, OLD.platform, OLD.scheduled_at, OLD.status, OLD.external_id) IS DISTINCT FROM ROW(NEW.post_id, NEW.platform, NEW.scheduled_at, NEW.status, NEW.external_id) AND ((app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))) AND ((app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) IS NOT TRUE OR ROW(OLD.post_id, OLD.platform, OLD.scheduled_at, OLD.status, OLD.external_id) IS DISTINCT FROM ROW(NEW.post_id, NEW.platform, NEW.scheduled_at, NEW.status, NEW.external_id)) OR (app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) AND (app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))) IS NOT TRUE AND (OLD.status = 'scheduled') IS NOT TRUE))
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');

CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status = 'active')))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON team_agents
    FOR EACH ROW WHEN (((NEW.status = 'active')))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.kind, OLD.provider, OLD.model, OLD.capabilities, OLD.status) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.provider, NEW.model, NEW.capabilities, NEW.status) AND (((NEW.status = 'active')) AND (((OLD.status = 'active')) IS NOT TRUE OR (NOT NEW.capabilities <@ OLD.capabilities))))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');

CREATE TRIGGER tell_hired AFTER INSERT OR UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.tell_hired();

-- Locks public.threads: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON threads
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON threads
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON threads
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.founding_intent, OLD.sphere, OLD.type, OLD.status, OLD.visibility, OLD.title, OLD.parent_thread_id, OLD.tags) IS DISTINCT FROM ROW(NEW.founding_intent, NEW.sphere, NEW.type, NEW.status, NEW.visibility, NEW.title, NEW.parent_thread_id, NEW.tags) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

REVOKE EXECUTE ON FUNCTION app.account_email(uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.account_email(uuid) TO chenu_owner;

REVOKE EXECUTE ON FUNCTION app.account_write(oid, text, text, text, text[], text, jsonb, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.account_write(oid, text, text, text, text[], text, jsonb, jsonb) TO chenu_audit;

REVOKE EXECUTE ON FUNCTION app.agents_of_unverified(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.agents_of_unverified(integer) TO chenu_human;

GRANT EXECUTE ON FUNCTION app.agents_of_unverified(integer) TO chenu_owner;

REVOKE EXECUTE ON FUNCTION app.check_collected() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.collected_payload() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.collected_payload() TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.collected_payload() TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.expire_attempts(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.expire_attempts(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.expire_notices(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.expire_notices(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.expire_sessions(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.expire_sessions(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.gate_event(uuid, text, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.gate_event(uuid, text, jsonb) TO chenu_threads;

REVOKE EXECUTE ON FUNCTION app.login_origin() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.login_origin() TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.mark_notice_sent(uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.mark_notice_sent(uuid) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.owe_notice(text, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_event(text, text, text, uuid, jsonb, text, uuid) TO chenu_maintain;

REVOKE EXECUTE ON FUNCTION app.record_failures(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_failures(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.record_repeated_failures(uuid, text, timestamp with time zone, bigint) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_repeated_failures(uuid, text, timestamp with time zone, bigint) TO chenu_login;

GRANT EXECUTE ON FUNCTION app.record_repeated_failures(uuid, text, timestamp with time zone, bigint) TO chenu_maintain;

REVOKE EXECUTE ON FUNCTION app.require_verified_email() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.require_verified_email() TO chenu_gate;

GRANT EXECUTE ON FUNCTION app.require_verified_email() TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.revoke_agents() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.revoke_agents() TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.suspend_agents(text, timestamp with time zone) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.suspend_agents(text, timestamp with time zone) TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.suspend_all_agents() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.suspend_all_agents() TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.take_notices(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.take_notices(integer) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.take_write(jsonb, uuid, boolean) FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.tell_hired() FROM PUBLIC;

REVOKE EXECUTE ON FUNCTION app.verify_account(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.verify_account(text) TO chenu_owner;

GRANT SELECT ON app.account_notices TO chenu_auditor;

GRANT SELECT (created_by), DELETE ON app.account_notices TO chenu_erase;

GRANT SELECT ON app.account_notices TO chenu_human;

GRANT SELECT (id, created_by, sent_at), INSERT (id, created_by, kind, details), UPDATE (sent_at) ON app.account_notices TO chenu_login;

GRANT SELECT (id, created_by, created_at, attempts, due_at, sent_at), UPDATE (attempts, due_at), DELETE ON app.account_notices TO chenu_maintain;

GRANT SELECT ON app.collected_writes TO chenu_auditor;

GRANT SELECT (created_by), DELETE ON app.collected_writes TO chenu_erase;

GRANT SELECT, INSERT (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited, payload, element), UPDATE (audited), DELETE ON app.collected_writes TO chenu_gate;

GRANT SELECT ON app.login_attempts TO chenu_auditor;

GRANT SELECT (created_by), DELETE ON app.login_attempts TO chenu_erase;

GRANT SELECT, INSERT (id, created_by, origin), UPDATE (failed, locked_until, succeeded_at, used_at, recorded_at, unrecorded) ON app.login_attempts TO chenu_login;

GRANT SELECT (id, created_by, origin, succeeded_at, used_at, recorded_at, unrecorded), UPDATE (unrecorded), DELETE ON app.login_attempts TO chenu_maintain;

GRANT SELECT (id, created_by, expires_at, revoked_at, ip, user_agent, idle_expires_at), UPDATE (ip, user_agent), DELETE ON app.sessions TO chenu_maintain;

GRANT SELECT ON public.audit_logs TO chenu_gate;

GRANT SELECT (id, created_by, version, name, email, phone, company) ON public.business_contacts TO chenu_gate;

GRANT INSERT (origin) ON public.checkpoints TO chenu_gate;

GRANT SELECT (id, created_by, version, title, starts_at, group_id) ON public.community_events TO chenu_gate;

GRANT SELECT (id, created_by, version, name, visibility), UPDATE (id) ON public.community_groups TO chenu_gate;

GRANT SELECT (id, email_verified_at) ON public.identities TO chenu_maintain;

GRANT SELECT (id, created_by, version, body, media, visibility, published_at), UPDATE (id) ON public.social_posts TO chenu_gate;

GRANT SELECT (id, created_by, status, post_id) ON public.social_schedules TO chenu_gate;

GRANT SELECT (hired_at, hire_checkpoint_id), UPDATE (suspend_reason) ON public.team_agents TO chenu_gate;

GRANT SELECT (suspended_at) ON public.team_agents TO chenu_login;

GRANT SELECT (id, created_by, status) ON public.team_agents TO chenu_maintain;

GRANT SELECT (visibility) ON public.threads TO chenu_maintain;

-- Locks app.agent_credentials: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON COLUMN "app"."agent_credentials"."expires_at" IS 'Expiry time, at most 365 days after the credential was created. A credential without one is refused.';

COMMENT ON COLUMN "app"."idempotency_keys"."actor_id" IS 'Actor that used the key: the identity itself or one of its agents; null for keys from before this column existed.';

COMMENT ON COLUMN "app"."idempotency_keys"."actor_kind" IS 'Kind of that actor. It follows from the database role, so that an agent cannot use a human''s keys.';

COMMENT ON COLUMN "public"."audit_logs"."client_request_id" IS 'Id that the client gave to the request in the Request-Id header; clients may send any.';

COMMENT ON COLUMN "public"."audit_logs"."request_id" IS 'Id that the service gave to the request it was done in.';

COMMENT ON COLUMN "public"."checkpoints"."origin" IS 'write: the database refused exactly this write and describes it. client: a client describes an action in its own words, and nothing in the database is bound to it.';

COMMENT ON TABLE "public"."checkpoints" IS 'Requests for a human''s approval, each of exactly one write, one list of writes or one action.';

COMMENT ON COLUMN "public"."team_agents"."suspended_at" IS 'Time of the last suspension. Access tokens made before are refused, also after the agent was resumed.';

COMMENT ON COLUMN "public"."team_agents"."suspend_reason" IS 'Reason why the service suspended the agent; null when its owner did, and when it is not suspended.';

COMMENT ON COLUMN "public"."team_agents"."token_budget" IS 'No longer used, and dropped by a later release. Nothing ever charged it.';

COMMENT ON TABLE "app"."account_notices" IS 'Mails that tell identities what happened to their accounts.';

COMMENT ON COLUMN "app"."account_notices"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."account_notices"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."account_notices"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."account_notices"."kind" IS 'Kind of event, which selects the text of the mail.';

COMMENT ON COLUMN "app"."account_notices"."details" IS 'Ids, counts and times that the mail names; no secrets and no text that a client chose.';

COMMENT ON COLUMN "app"."account_notices"."attempts" IS 'Number of times that an instance took the notice in order to send it.';

COMMENT ON COLUMN "app"."account_notices"."due_at" IS 'Time from which an instance may take the notice; infinity when it is not tried again.';

COMMENT ON COLUMN "app"."account_notices"."sent_at" IS 'Time when the mail was handed to the mail server.';

COMMENT ON TABLE "app"."collected_writes" IS 'Writes of the current transaction, in collecting mode or under an approval.';

COMMENT ON COLUMN "app"."collected_writes"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."collected_writes"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."collected_writes"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."collected_writes"."checkpoint_id" IS 'Checkpoint that approves the write; null in collecting mode.';

COMMENT ON COLUMN "app"."collected_writes"."place" IS 'Position of the write among the writes of its checkpoint, from 1.';

COMMENT ON COLUMN "app"."collected_writes"."table_name" IS 'Table of the written row.';

COMMENT ON COLUMN "app"."collected_writes"."operation" IS 'INSERT, UPDATE or DELETE.';

COMMENT ON COLUMN "app"."collected_writes"."row_id" IS 'Id of the written row.';

COMMENT ON COLUMN "app"."collected_writes"."audited" IS 'Whether the audit row of the write exists.';

COMMENT ON COLUMN "app"."collected_writes"."payload" IS 'Payload of a checkpoint for this write alone; only in collecting mode.';

COMMENT ON COLUMN "app"."collected_writes"."element" IS 'The write as an element of a list, with new:1, new:2 for the ids of new rows; only in collecting mode.';

COMMENT ON TABLE "app"."login_attempts" IS 'Attempts at passwords, counted for each account and origin. No serving role reads or writes any.';

COMMENT ON COLUMN "app"."login_attempts"."id" IS 'Identifier, a UUIDv7: newer rows sort after older ones.';

COMMENT ON COLUMN "app"."login_attempts"."created_by" IS 'The identity this belongs to.';

COMMENT ON COLUMN "app"."login_attempts"."created_at" IS 'When it was made.';

COMMENT ON COLUMN "app"."login_attempts"."origin" IS 'Network in CIDR notation, a /24 of IPv4 or a /64 of IPv6; session: and its id for a known session.';

COMMENT ON COLUMN "app"."login_attempts"."failed" IS 'Failed attempts since the last successful one.';

COMMENT ON COLUMN "app"."login_attempts"."locked_until" IS 'Time until which attempts from the origin are refused.';

COMMENT ON COLUMN "app"."login_attempts"."succeeded_at" IS 'Time of the last successful attempt.';

COMMENT ON COLUMN "app"."login_attempts"."used_at" IS 'Time of the last attempt.';

COMMENT ON COLUMN "app"."login_attempts"."recorded_at" IS 'Hour whose first failure was recorded in the audit trail.';

COMMENT ON COLUMN "app"."login_attempts"."unrecorded" IS 'Failures in that hour that are not recorded yet.';
