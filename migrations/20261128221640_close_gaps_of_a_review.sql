-- atlas:nolint CN111 — no statement scans a table, so the locks end within moments; apply retries after a deadlock
-- atlas:nolint CN304 — chenu_login also reads when the password was changed, to refuse logins from before; it updates the same columns and rows as before

-- close gaps of a review
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   widening: chenu_login, SELECT on public.identities
--       before: columns (email_key, email_verified_at, failed_logins, hashed_password, id, locked_until, status), rows where (CURRENT_USER = 'chenu_login'::name)
--       after:  columns (email_key, email_verified_at, failed_logins, hashed_password, id, locked_until, password_changed_at, status), rows where (CURRENT_USER = 'chenu_login'::name)
--   widening: chenu_login, UPDATE on public.identities
--       the expressions are the same, but not what they come to: what SELECT reaches, or a function that they call, is another
--   review: function app.add_agent_credential(uuid, uuid, text, bytea, bytea, timestamp with time zone)
--       does something else, with the rights of chenu_login
--   review: function app.append_events(uuid, bigint, jsonb)
--       does something else, with the rights of chenu_threads
--   review: function app.audit()
--       does something else when app.agent_credentials, app.event_rsvps, app.habit_check_ins or one of 27 other tables changes, with the rights of chenu_audit
--   review: function app.change_password(text, text, uuid)
--       does something else, with the rights of chenu_login
--   review: function app.create_thread(uuid, uuid, integer, jsonb)
--       does something else, with the rights of chenu_threads
--   review: function app.gate()
--       does something else when public.business_invoices, public.community_events, public.community_groups or one of 8 other tables changes, with the rights of chenu_gate
--   review: function app.hire()
--       does something else when public.team_agents changes, with the rights of whoever causes it
--   review: function app.lock_account(text)
--       does something else, with the rights of chenu_login
--   review: function app.record_event(text, text, text, uuid, jsonb, text, uuid)
--       does something else, with the rights of chenu_audit
--   review: function app.record_step()
--       does something else when public.checkpoints changes, with the rights of chenu_maintain
--   review: function app.refuse_attempt(text, boolean)
--       does something else, with the rights of chenu_login
--   review: function app.refuse_inactive_agent()
--       does something else, with the rights of chenu_login
--   review: function app.request_checkpoint(jsonb, interval)
--       does something else, with the rights of chenu_gate
--   review: function app.reset_password(bytea, text)
--       does something else, with the rights of chenu_login
--   review: function app.take_write(jsonb, uuid, boolean)
--       does something else, with the rights of chenu_gate
--   review: function app.unlock_account(text)
--       does something else, with the rights of chenu_login
--   review: function app.use_agent_credential(uuid, text, bytea, timestamp with time zone)
--       does something else, with the rights of chenu_login
--   review: function app.verify_account(text)
--       does something else, with the rights of chenu_login
--   review: trigger approve_delete on public.business_invoices
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.business_invoices FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.business_invoices FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--   review: trigger approve_delete on public.community_groups
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.community_groups FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.community_groups FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--   review: trigger approve_delete on public.entertainment_playlists
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.entertainment_playlists FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.entertainment_playlists FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items')
--   review: trigger approve_delete on public.government_clinical_trials
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.government_clinical_trials FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status <> 'planned'::text))) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.government_clinical_trials FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status <> 'planned'::text))) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--   review: trigger approve_delete on public.government_compliance
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.government_compliance FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['active'::text, 'waived'::text]))))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.government_compliance FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['active'::text, 'waived'::text]))))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--   review: trigger approve_delete on public.scholar_manuscripts
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.scholar_manuscripts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text])))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.scholar_manuscripts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text])))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--   review: trigger approve_delete on public.social_posts
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL))))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL))))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger approve_delete on public.social_schedules
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.social_schedules FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) AND ((old.status = 'scheduled'::text) IS NOT TRUE))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.social_schedules FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) AND ((old.status = 'scheduled'::text) IS NOT TRUE))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--   review: trigger approve_delete on public.team_agents
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = 'active'::text))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = 'active'::text))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--   review: trigger approve_delete on public.threads
--       before: CREATE TRIGGER approve_delete AFTER DELETE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.visibility = 'public'::text))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--   review: trigger approve_delete_through on public.community_events
--       before: CREATE TRIGGER approve_delete_through AFTER DELETE ON public.community_events FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.group_id IS NOT NULL))) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--       after:  CREATE TRIGGER approve_delete_through AFTER DELETE ON public.community_events FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.group_id IS NOT NULL))) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--   review: trigger approve_insert on public.business_invoices
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.business_invoices FOR EACH ROW WHEN ((new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text]))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.business_invoices FOR EACH ROW WHEN ((new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text]))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--   review: trigger approve_insert on public.community_groups
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.community_groups FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.community_groups FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--   review: trigger approve_insert on public.entertainment_playlists
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.entertainment_playlists FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.entertainment_playlists FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items')
--   review: trigger approve_insert on public.government_clinical_trials
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.government_clinical_trials FOR EACH ROW WHEN ((new.status <> 'planned'::text)) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.government_clinical_trials FOR EACH ROW WHEN ((new.status <> 'planned'::text)) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--   review: trigger approve_insert on public.government_compliance
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.government_compliance FOR EACH ROW WHEN (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['active'::text, 'waived'::text])))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.government_compliance FOR EACH ROW WHEN (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['active'::text, 'waived'::text])))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--   review: trigger approve_insert on public.scholar_manuscripts
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.scholar_manuscripts FOR EACH ROW WHEN ((new.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text]))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.scholar_manuscripts FOR EACH ROW WHEN ((new.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text]))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--   review: trigger approve_insert on public.social_posts
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.social_posts FOR EACH ROW WHEN ((((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (new.published_at IS NOT NULL)))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.social_posts FOR EACH ROW WHEN ((((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (new.published_at IS NOT NULL)))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger approve_insert on public.social_schedules
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.social_schedules FOR EACH ROW WHEN (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text])))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.social_schedules FOR EACH ROW WHEN (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text])))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--   review: trigger approve_insert on public.team_agents
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.team_agents FOR EACH ROW WHEN ((new.status = 'active'::text)) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.team_agents FOR EACH ROW WHEN ((new.status = 'active'::text)) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--   review: trigger approve_insert on public.threads
--       before: CREATE TRIGGER approve_insert AFTER INSERT ON public.threads FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.threads FOR EACH ROW WHEN ((new.visibility = 'public'::text)) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--   review: trigger approve_insert_through on public.community_events
--       before: CREATE TRIGGER approve_insert_through AFTER INSERT ON public.community_events FOR EACH ROW WHEN ((new.group_id IS NOT NULL)) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--       after:  CREATE TRIGGER approve_insert_through AFTER INSERT ON public.community_events FOR EACH ROW WHEN ((new.group_id IS NOT NULL)) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--   review: trigger approve_update on public.business_invoices
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.business_invoices FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.number IS DISTINCT FROM new.number) OR (old.contact_id IS DISTINCT FROM new.contact_id)) OR (old.currency IS DISTINCT FROM new.currency)) OR (old.line_items IS DISTINCT FROM new.line_items)) OR (old.status IS DISTINCT FROM new.status)) OR (old.issued_on IS DISTINCT FROM new.issued_on)) OR (old.due_on IS DISTINCT FROM new.due_on)) OR (old.paid_at IS DISTINCT FROM new.paid_at)) AND ((old.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])) OR (new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text]))))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.business_invoices FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.number IS DISTINCT FROM new.number) OR (old.contact_id IS DISTINCT FROM new.contact_id)) OR (old.currency IS DISTINCT FROM new.currency)) OR (old.line_items IS DISTINCT FROM new.line_items)) OR (old.status IS DISTINCT FROM new.status)) OR (old.issued_on IS DISTINCT FROM new.issued_on)) OR (old.due_on IS DISTINCT FROM new.due_on)) OR (old.paid_at IS DISTINCT FROM new.paid_at)) AND ((old.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text])) OR (new.status = ANY (ARRAY['sent'::text, 'paid'::text, 'void'::text]))))) EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at')
--   review: trigger approve_update on public.community_groups
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.community_groups FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.description IS DISTINCT FROM new.description)) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.settings IS DISTINCT FROM new.settings)) OR (old.rules IS DISTINCT FROM new.rules)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.community_groups FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.description IS DISTINCT FROM new.description)) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.settings IS DISTINCT FROM new.settings)) OR (old.rules IS DISTINCT FROM new.rules)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules')
--   review: trigger approve_update on public.entertainment_playlists
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.entertainment_playlists FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.items IS DISTINCT FROM new.items)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{}', 'name', 'kind', 'visibility', 'items')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.entertainment_playlists FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.items IS DISTINCT FROM new.items)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items')
--   review: trigger approve_update on public.government_clinical_trials
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.government_clinical_trials FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((((old.registry_id IS DISTINCT FROM new.registry_id) OR (old.title IS DISTINCT FROM new.title)) OR (old.phase IS DISTINCT FROM new.phase)) OR (old.status IS DISTINCT FROM new.status)) OR (old.sponsor IS DISTINCT FROM new.sponsor)) OR (old.starts_on IS DISTINCT FROM new.starts_on)) OR (old.ends_on IS DISTINCT FROM new.ends_on)) OR (old.target_enrollment IS DISTINCT FROM new.target_enrollment)) OR (old.ethics_reference IS DISTINCT FROM new.ethics_reference)) OR (old.ethics_approved_on IS DISTINCT FROM new.ethics_approved_on)) AND ((old.status <> 'planned'::text) OR (new.status <> 'planned'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.government_clinical_trials FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((((old.registry_id IS DISTINCT FROM new.registry_id) OR (old.title IS DISTINCT FROM new.title)) OR (old.phase IS DISTINCT FROM new.phase)) OR (old.status IS DISTINCT FROM new.status)) OR (old.sponsor IS DISTINCT FROM new.sponsor)) OR (old.starts_on IS DISTINCT FROM new.starts_on)) OR (old.ends_on IS DISTINCT FROM new.ends_on)) OR (old.target_enrollment IS DISTINCT FROM new.target_enrollment)) OR (old.ethics_reference IS DISTINCT FROM new.ethics_reference)) OR (old.ethics_approved_on IS DISTINCT FROM new.ethics_approved_on)) AND ((old.status <> 'planned'::text) OR (new.status <> 'planned'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on')
--   review: trigger approve_update on public.government_compliance
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.government_compliance FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.name IS DISTINCT FROM new.name) OR (old.regulation IS DISTINCT FROM new.regulation)) OR (old.authority IS DISTINCT FROM new.authority)) OR (old.identifier IS DISTINCT FROM new.identifier)) OR (old.status IS DISTINCT FROM new.status)) OR (old.effective_on IS DISTINCT FROM new.effective_on)) OR (old.expires_on IS DISTINCT FROM new.expires_on)) OR (old.evidence IS DISTINCT FROM new.evidence)) AND (((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['active'::text, 'waived'::text]))) OR ((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['active'::text, 'waived'::text])))))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.government_compliance FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.name IS DISTINCT FROM new.name) OR (old.regulation IS DISTINCT FROM new.regulation)) OR (old.authority IS DISTINCT FROM new.authority)) OR (old.identifier IS DISTINCT FROM new.identifier)) OR (old.status IS DISTINCT FROM new.status)) OR (old.effective_on IS DISTINCT FROM new.effective_on)) OR (old.expires_on IS DISTINCT FROM new.expires_on)) OR (old.evidence IS DISTINCT FROM new.evidence)) AND (((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['active'::text, 'waived'::text]))) OR ((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['active'::text, 'waived'::text])))))) EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence')
--   review: trigger approve_update on public.scholar_manuscripts
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.scholar_manuscripts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((((((old.title IS DISTINCT FROM new.title) OR (old.abstract IS DISTINCT FROM new.abstract)) OR (old.sections IS DISTINCT FROM new.sections)) OR (old.status IS DISTINCT FROM new.status)) OR (old.target_journal IS DISTINCT FROM new.target_journal)) OR (old.submitted_at IS DISTINCT FROM new.submitted_at)) OR (old.co_authors IS DISTINCT FROM new.co_authors)) AND ((old.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text])) OR (new.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text]))))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.scholar_manuscripts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((((((old.title IS DISTINCT FROM new.title) OR (old.abstract IS DISTINCT FROM new.abstract)) OR (old.sections IS DISTINCT FROM new.sections)) OR (old.status IS DISTINCT FROM new.status)) OR (old.target_journal IS DISTINCT FROM new.target_journal)) OR (old.submitted_at IS DISTINCT FROM new.submitted_at)) OR (old.co_authors IS DISTINCT FROM new.co_authors)) AND ((old.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text])) OR (new.status = ANY (ARRAY['submitted'::text, 'accepted'::text, 'published'::text]))))) EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors')
--   review: trigger approve_update on public.social_posts
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.body IS DISTINCT FROM new.body) OR (old.media IS DISTINCT FROM new.media)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.thread_id IS DISTINCT FROM new.thread_id)) OR (old.reply_to_id IS DISTINCT FROM new.reply_to_id)) OR (old.published_at IS DISTINCT FROM new.published_at)) AND (((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL)) OR (((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (new.published_at IS NOT NULL)))))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.body IS DISTINCT FROM new.body) OR (old.media IS DISTINCT FROM new.media)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.thread_id IS DISTINCT FROM new.thread_id)) OR (old.reply_to_id IS DISTINCT FROM new.reply_to_id)) OR (old.published_at IS DISTINCT FROM new.published_at)) AND (((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL)) OR (((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (new.published_at IS NOT NULL)))))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger approve_update on public.social_schedules
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.social_schedules FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((((old.post_id IS DISTINCT FROM new.post_id) OR (old.platform IS DISTINCT FROM new.platform)) OR (old.scheduled_at IS DISTINCT FROM new.scheduled_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.external_id IS DISTINCT FROM new.external_id)) AND (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text])) AND ((((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) IS NOT TRUE) OR (((((old.post_id IS DISTINCT FROM new.post_id) OR (old.platform IS DISTINCT FROM new.platform)) OR (old.scheduled_at IS DISTINCT FROM new.scheduled_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.external_id IS DISTINCT FROM new.external_id)))) OR ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text])) AND (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) IS NOT TRUE) AND ((old.status = 'scheduled'::text) IS NOT TRUE))))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.social_schedules FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((((old.post_id IS DISTINCT FROM new.post_id) OR (old.platform IS DISTINCT FROM new.platform)) OR (old.scheduled_at IS DISTINCT FROM new.scheduled_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.external_id IS DISTINCT FROM new.external_id)) AND (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text])) AND ((((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) IS NOT TRUE) OR (((((old.post_id IS DISTINCT FROM new.post_id) OR (old.platform IS DISTINCT FROM new.platform)) OR (old.scheduled_at IS DISTINCT FROM new.scheduled_at)) OR (old.status IS DISTINCT FROM new.status)) OR (old.external_id IS DISTINCT FROM new.external_id)))) OR ((app.actor_kind() <> 'human'::text) AND (old.status = ANY (ARRAY['scheduled'::text, 'published'::text])) AND (((app.actor_kind() <> 'human'::text) AND (new.status = ANY (ARRAY['scheduled'::text, 'published'::text]))) IS NOT TRUE) AND ((old.status = 'scheduled'::text) IS NOT TRUE))))) EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id')
--   review: trigger approve_update on public.team_agents
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.provider IS DISTINCT FROM new.provider)) OR (old.model IS DISTINCT FROM new.model)) OR (old.capabilities IS DISTINCT FROM new.capabilities)) OR (old.status IS DISTINCT FROM new.status)) AND ((new.status = 'active'::text) AND (((old.status = 'active'::text) IS NOT TRUE) OR (NOT (app.implied_capabilities(new.capabilities) <@ app.implied_capabilities(old.capabilities))))))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.provider IS DISTINCT FROM new.provider)) OR (old.model IS DISTINCT FROM new.model)) OR (old.capabilities IS DISTINCT FROM new.capabilities)) OR (old.status IS DISTINCT FROM new.status)) AND ((new.status = 'active'::text) AND (((old.status = 'active'::text) IS NOT TRUE) OR (NOT (app.implied_capabilities(new.capabilities) <@ app.implied_capabilities(old.capabilities))))))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--   review: trigger approve_update on public.threads
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.founding_intent IS DISTINCT FROM new.founding_intent) OR (old.sphere IS DISTINCT FROM new.sphere)) OR (old.type IS DISTINCT FROM new.type)) OR (old.status IS DISTINCT FROM new.status)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.title IS DISTINCT FROM new.title)) OR (old.parent_thread_id IS DISTINCT FROM new.parent_thread_id)) OR (old.tags IS DISTINCT FROM new.tags)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.founding_intent IS DISTINCT FROM new.founding_intent) OR (old.sphere IS DISTINCT FROM new.sphere)) OR (old.type IS DISTINCT FROM new.type)) OR (old.status IS DISTINCT FROM new.status)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.title IS DISTINCT FROM new.title)) OR (old.parent_thread_id IS DISTINCT FROM new.parent_thread_id)) OR (old.tags IS DISTINCT FROM new.tags)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--   review: trigger approve_update_through on public.community_events
--       before: CREATE TRIGGER approve_update_through AFTER UPDATE ON public.community_events FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((((old.group_id IS DISTINCT FROM new.group_id) OR (old.title IS DISTINCT FROM new.title)) OR (old.description IS DISTINCT FROM new.description)) OR (old.starts_at IS DISTINCT FROM new.starts_at)) OR (old.ends_at IS DISTINCT FROM new.ends_at)) OR (old.time_zone IS DISTINCT FROM new.time_zone)) OR (old.location IS DISTINCT FROM new.location)) OR (old.online_url IS DISTINCT FROM new.online_url)) OR (old.capacity IS DISTINCT FROM new.capacity)) OR (old.status IS DISTINCT FROM new.status)) AND (num_nonnulls(old.group_id, new.group_id) > 0))) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--       after:  CREATE TRIGGER approve_update_through AFTER UPDATE ON public.community_events FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((((old.group_id IS DISTINCT FROM new.group_id) OR (old.title IS DISTINCT FROM new.title)) OR (old.description IS DISTINCT FROM new.description)) OR (old.starts_at IS DISTINCT FROM new.starts_at)) OR (old.ends_at IS DISTINCT FROM new.ends_at)) OR (old.time_zone IS DISTINCT FROM new.time_zone)) OR (old.location IS DISTINCT FROM new.location)) OR (old.online_url IS DISTINCT FROM new.online_url)) OR (old.capacity IS DISTINCT FROM new.capacity)) OR (old.status IS DISTINCT FROM new.status)) AND (num_nonnulls(old.group_id, new.group_id) > 0))) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--   narrowing: chenu_human, EXECUTE on function app.authenticate_again(uuid, text[]), function app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[])
--       before: EXECUTE
--       after:  nothing
--   narrowing: PUBLIC, EXECUTE on function app.gate_references(uuid, jsonb, regclass, jsonb)
--       before: EXECUTE
--       after:  nothing
--   new: chenu_human, EXECUTE on function app.authenticate_again(uuid, text[], text), function app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[], text), function app.refuse_agent_credential(uuid, text)
--       it runs with the rights of chenu_login
--   new: chenu_agent, EXECUTE on function app.hold_agent(uuid), function app.lock_idempotency_key(text, text)
--       it runs with the rights of chenu_gate
--   new: chenu_login, EXECUTE on function app.hold_agent(uuid)
--       it runs with the rights of chenu_gate
--   new: chenu_human, EXECUTE on function app.lock_idempotency_key(text, text)
--       it runs with the rights of chenu_gate
--   new: PUBLIC, EXECUTE on function app.checkpoint_usable(text, timestamp with time zone, timestamp with time zone), function app.event_schema_version(), function app.gate_references(uuid, jsonb, jsonb), function app.is_write(jsonb), function app.new_text(regclass, uuid, jsonb, jsonb, jsonb, jsonb), function app.requested_text(jsonb), function app.require_read_committed()
--       it runs with the rights of its caller
--   new: chenu_login, EXECUTE on function app.client_network(), function app.operate_on(text), function app.record_failure(text, text, uuid, jsonb)
--       it runs with the rights of its caller
-- Locks, held until commit:
--   app.login_attempts: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.business_invoices: SHARE ROW EXCLUSIVE (writes wait)
--   public.community_events: SHARE ROW EXCLUSIVE (writes wait)
--   public.community_groups: SHARE ROW EXCLUSIVE (writes wait)
--   public.entertainment_playlists: SHARE ROW EXCLUSIVE (writes wait)
--   public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait)
--   public.government_compliance: SHARE ROW EXCLUSIVE (writes wait)
--   public.scholar_manuscripts: SHARE ROW EXCLUSIVE (writes wait)
--   public.social_posts: SHARE ROW EXCLUSIVE (writes wait)
--   public.social_schedules: SHARE ROW EXCLUSIVE (writes wait)
--   public.team_agents: SHARE ROW EXCLUSIVE (writes wait)
--   public.threads: SHARE ROW EXCLUSIVE (writes wait)

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.authenticate_again(uuid, text[]);

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.gate_references(uuid, jsonb, regclass, jsonb);

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[]);

-- A check of the body would trip over row security, which is off while migrating.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.require_compared_password(compared text, amr text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    i record;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT x.status, x.hashed_password, x.password_changed_at INTO i FROM public.identities x WHERE x.id = caller FOR SHARE;
    IF NOT FOUND OR i.status <> 'active' THEN
        RAISE EXCEPTION 'the identity is not active' USING ERRCODE = 'CH403';
    END IF;
    IF compared IS DISTINCT FROM i.hashed_password AND (compared IS NOT NULL
            OR 'pwd' = ANY (amr) AND i.password_changed_at > clock_timestamp() - interval '1 minute') THEN
        RAISE EXCEPTION 'the password has changed since it was compared' USING ERRCODE = 'CH409',
            DETAIL = '{"code": "password_changed", "detail": "The password has changed since it was compared. Repeat the request."}';
    END IF;
END
$$;

CREATE FUNCTION app.open_session(session_id uuid, authenticated_at timestamptz, expires_at timestamptz, amr text[], compared text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM app.require_compared_password(open_session.compared, open_session.amr);
    IF (open_session.expires_at BETWEEN moment AND moment + interval '90 days') IS NOT TRUE THEN
        RAISE EXCEPTION 'a session ends within 90 days' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/expires_at", "code": "out_of_range"}';
    END IF;
    INSERT INTO app.sessions (id, created_by, expires_at, authenticated_at, amr, ip, user_agent)
    VALUES (open_session.session_id, caller, open_session.expires_at,
            least(open_session.authenticated_at, moment), open_session.amr,
            substring(left(current_setting('app.ip', true), 45) from '^[0-9A-Fa-f:.]+'),
            left(nullif(current_setting('app.user_agent', true), ''), 400));
    PERFORM app.record_event('login', 'success', 'session', open_session.session_id,
        jsonb_build_object('amr', open_session.amr));
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
    PERFORM app.require_read_committed();
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
    -- A token that is made during a suspension would not be from before it.
    PERFORM app.hold_agent((SELECT c.agent_id FROM app.agent_credentials c
        WHERE c.created_by = caller AND c.id = use_agent_credential.credential_id));
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

CREATE FUNCTION app.refuse_agent_credential(credential_id uuid, reason text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    asking text := refuse_agent_credential.credential_id || ' ' || app.client_network();
    agent uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT c.agent_id INTO agent FROM app.agent_credentials c
     WHERE c.created_by = caller AND c.id = refuse_agent_credential.credential_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO app.login_attempts (id, created_by, origin) VALUES (app.uuid_v7(), caller, asking)
    ON CONFLICT (created_by, origin) DO NOTHING;
    PERFORM app.record_failure(asking, 'agent_credential', refuse_agent_credential.credential_id,
        jsonb_build_object('reason', left(refuse_agent_credential.reason, 100), 'agent_id', agent));
END
$$;

CREATE FUNCTION app.client_network() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address inet;
BEGIN
    address := nullif(current_setting('app.ip', true), '')::inet;
    RETURN coalesce(network(set_masklen(address, CASE family(address) WHEN 4 THEN 24 ELSE 64 END))::text, 'unknown');
EXCEPTION WHEN invalid_text_representation THEN
    RETURN 'unknown';
END
$$;

CREATE OR REPLACE FUNCTION app.login_origin() RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    session uuid := nullif(current_setting('app.session_id', true), '')::uuid;
BEGIN
    IF session IS NOT NULL AND EXISTS (SELECT FROM app.sessions s WHERE s.created_by = caller AND s.id = session
            AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()) THEN
        RETURN 'session:' || session;
    END IF;
    RETURN app.client_network();
END
$$;

CREATE FUNCTION app.record_failure(asking text, resource_type text, resource_id uuid, details jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    moment timestamptz := clock_timestamp();
    hour timestamptz := date_trunc('hour', moment, 'UTC');
    a record;
BEGIN
    SELECT x.recorded_at, x.unrecorded INTO a FROM app.login_attempts x
     WHERE x.created_by = caller AND x.origin = asking FOR NO KEY UPDATE;
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
    PERFORM app.record_event('login', 'denied', record_failure.resource_type, record_failure.resource_id, record_failure.details);
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
    a record;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    SELECT x.succeeded_at INTO a FROM app.login_attempts x
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
    PERFORM app.record_failure(asking, 'identity', caller, jsonb_build_object('reason', refuse_attempt.reason));
END
$$;

CREATE OR REPLACE FUNCTION app.record_repeated_failures(identity uuid, origin text, hour timestamptz, failures bigint)
    RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.record_event('login', 'denied', CASE WHEN credential THEN 'agent_credential' ELSE 'identity' END,
        CASE WHEN credential THEN split_part(record_repeated_failures.origin, ' ', 1)::uuid ELSE record_repeated_failures.identity END,
        jsonb_build_object('reason', 'repeated', 'count', record_repeated_failures.failures,
            'origin', CASE WHEN credential THEN split_part(record_repeated_failures.origin, ' ', 2) ELSE record_repeated_failures.origin END,
            'hour', to_char(record_repeated_failures.hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
      FROM (VALUES (record_repeated_failures.origin LIKE '% %')) AS o (credential)
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
        PERFORM app.refuse_inactive_agent();
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
        substring(left(current_setting('app.traceparent', true), 55) from '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
        nullif(current_setting('app.session_id', true), '')::uuid,
        substring(left(current_setting('app.ip', true), 45) from '^[0-9A-Fa-f:.]+'),
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
    -- Whoever fails to log in with a credential has not shown to be its agent.
    unproven boolean := agent IS NULL AND action = 'login' AND outcome = 'denied' AND resource_type = 'agent_credential';
BEGIN
    IF identity IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF outcome = 'success' AND action NOT IN ('login', 'logout', 'credential_change', 'read') THEN
        RAISE EXCEPTION 'a success of % is recorded by the change itself', action USING ERRCODE = 'CH403';
    END IF;
    IF agent IS NULL AND app.actor_kind() = 'agent' THEN
        PERFORM app.refuse_inactive_agent();
    END IF;
    -- Details describe an event. They are no place to keep data in.
    IF octet_length(details::text) > 8192 THEN
        RAISE EXCEPTION 'the details of an audit row are longer than 8 KiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/details", "code": "too_long", "detail": "Details have at most 8192 bytes."}';
    END IF;
    PERFORM app.refuse_erased();
    INSERT INTO public.audit_logs (
        id, created_by, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere,
        details, request_id, client_request_id, traceparent, session_id, ip, user_agent, db_role
    ) VALUES (
        recorded,
        identity,
        CASE WHEN NOT unproven THEN coalesce(agent, nullif(current_setting('app.actor_id', true), '')::uuid) END,
        CASE WHEN unproven THEN 'system' WHEN agent IS NULL THEN app.actor_kind() ELSE 'agent' END,
        action, outcome, resource_type, resource_id, sphere, coalesce(details, '{}'),
        nullif(current_setting('app.request_id', true), '')::uuid,
        nullif(current_setting('app.client_request_id', true), '')::uuid,
        substring(left(current_setting('app.traceparent', true), 55) from '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'),
        nullif(current_setting('app.session_id', true), '')::uuid,
        substring(left(current_setting('app.ip', true), 45) from '^[0-9A-Fa-f:.]+'),
        nullif(left(current_setting('app.user_agent', true), 400), ''),
        coalesce(nullif(current_setting('role', true), 'none'), session_user)
    );
    RETURN recorded;
END
$$;

CREATE FUNCTION app.hold_agent(agent_id uuid) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM public.team_agents a
     WHERE a.created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND a.id = hold_agent.agent_id FOR SHARE;
END
$$;

CREATE OR REPLACE FUNCTION app.refuse_inactive_agent() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.hold_agent(app.actor());
    IF NOT EXISTS (SELECT FROM public.team_agents a
         WHERE a.created_by = nullif(current_setting('app.identity_id', true), '')::uuid
           AND a.id = app.actor() AND a.status = 'active'
           AND (nullif(current_setting('app.auth_time', true), '')::timestamptz <= a.suspended_at) IS NOT TRUE) THEN
        RAISE EXCEPTION 'the actor is not an active agent of the identity' USING ERRCODE = 'CH401';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION app.gated_through(owner uuid, old_row jsonb, new_row jsonb, through jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gated boolean;
BEGIN
    IF (through ->> 'lock')::boolean THEN
        EXECUTE format('SELECT FROM %s t WHERE t.created_by = $1 AND t.%I IN ($2, $3) ORDER BY t.id FOR NO KEY UPDATE',
                (through ->> 'table')::regclass, through ->> 'key')
            USING owner, (old_row ->> (through ->> 'column'))::uuid, (new_row ->> (through ->> 'column'))::uuid;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s t WHERE t.created_by = $1 AND t.%I IN ($2, $3) AND (%s))',
            (through ->> 'table')::regclass, through ->> 'key', through ->> 'condition')
        INTO gated USING owner, (old_row ->> (through ->> 'column'))::uuid, (new_row ->> (through ->> 'column'))::uuid;
    RETURN gated;
END
$$;

CREATE FUNCTION app.require_read_committed() RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'this write needs the isolation level READ COMMITTED' USING ERRCODE = 'feature_not_supported';
    END IF;
END
$$;

CREATE FUNCTION app.gate_references(owner uuid, present jsonb, options jsonb) RETURNS jsonb
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
        PERFORM app.require_read_committed();
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

CREATE FUNCTION app.requested_text(payload jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN payload ? 'writes' THEN jsonb_set(payload, '{writes}', (
            SELECT jsonb_agg(app.requested_text(w.write) ORDER BY w.place)
              FROM jsonb_array_elements(payload -> 'writes') WITH ORDINALITY AS w(write, place)))
        WHEN payload ? 'table' AND (payload ->> 'operation' = 'DELETE' OR payload ->> 'operation' = 'UPDATE' AND payload ->> 'type' IS NOT NULL)
            THEN payload - '{values,references}'::text[]
        ELSE payload
    END
$$;

CREATE FUNCTION app.new_text(relation regclass, owner uuid, old_row jsonb, new_row jsonb, options jsonb, payload jsonb) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gated boolean;
BEGIN
    IF options ? 'through' THEN
        gated := app.gated_through(owner, old_row, old_row, options -> 'through');
    ELSE
        EXECUTE format('SELECT %s FROM jsonb_populate_record(NULL::%s, $1) AS r', options ->> 'state', relation) INTO gated USING old_row;
    END IF;
    IF gated IS NOT TRUE THEN
        RETURN payload;
    END IF;
    RETURN payload || jsonb_build_object(
        'values', (SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(payload -> 'values') AS v
            WHERE old_row -> v.key IS DISTINCT FROM new_row -> v.key),
        'references', (SELECT jsonb_object_agg(v.key, v.value) FROM jsonb_each(payload -> 'references') AS v
            WHERE old_row -> v.key IS DISTINCT FROM new_row -> v.key));
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
        'references', app.gate_references(owner, present, options));
    IF TG_OP <> 'DELETE' AND app.reordered_text(payload) IS NOT NULL THEN
        PERFORM app.refuse_reordered_text(CASE TG_OP
            WHEN 'UPDATE' THEN app.new_text(TG_RELID, owner, old_row, present, options, payload) ELSE payload END);
    END IF;
    PERFORM app.take_write(payload, (present ->> 'id')::uuid, true);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION app.imitates_write(action text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(lower(regexp_replace(normalize(action, NFKC), E'[\u00AD\u034F\u0600-\u0605\u061C\u06DD\u070F\u0890-\u0891\u08E2\u115F-\u1160\u17B4-\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u2800\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\U000110BD\U000110CD\U00013430-\U0001343F\U0001BCA0-\U0001BCA3\U0001D173-\U0001D17A\U000E0000-\U000E0FFF]', '', 'g'))
        ~ '^[^[:alnum:]]*(insert|update|delete|append|erase)([^[:alnum:]]|$)', false)
$$;

CREATE OR REPLACE FUNCTION app.refuse_too_many_requests(caller uuid, actor uuid, kind text, fingerprint bytea) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own integer;
    alike integer;
    again integer;
BEGIN
    PERFORM app.require_read_committed();
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

CREATE FUNCTION app.is_write(write jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fields constant text[] := '{type,sphere,resource_type,table,operation,id,version,values}';
    named constant jsonb := jsonb_build_array(write -> 'type', write -> 'resource_type', write -> 'table', write -> 'operation');
BEGIN
    IF (jsonb_typeof(write) = 'object' AND write ?& fields AND write - 'references' - fields = '{}' AND jsonb_typeof(write -> 'values') = 'object') IS NOT TRUE
        OR write ? 'references' AND (write ->> 'type' IS NULL OR jsonb_typeof(write -> 'references') <> 'object') THEN
        RETURN false;
    END IF;
    IF named IN ('["sensitive", "thread_event", "thread_events", "INSERT"]', '["identity", "identity", "identities", "ERASE"]') THEN
        RETURN true; -- See app.gate_event() and app.erase_identity().
    END IF;
    RETURN write ->> 'operation' IN ('INSERT', 'UPDATE', 'DELETE') AND EXISTS (
        SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc f ON f.oid = t.tgfoid,
            string_to_array(encode(t.tgargs, 'escape'), '\000') AS given
         WHERE c.relname = write ->> 'table' AND c.relnamespace IN ('public'::regnamespace, 'app'::regnamespace)
           AND f.pronamespace = 'app'::regnamespace
           AND CASE f.proname
               WHEN 'gate' THEN given[1] = write ->> 'type' AND given[2] = write ->> 'resource_type'
               WHEN 'audit' THEN write -> 'type' = 'null' AND given[1] = write ->> 'resource_type'
           END);
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
    thread_sphere text;
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
    -- The action is made of what the payload says, so it says nothing but a write.
    IF is_write AND (app.is_write(payload - 'identity') AND payload ->> 'type' IS NOT NULL) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is no write that needs an approval' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    -- What a list says of itself follows from its writes.
    IF is_list AND (jsonb_typeof(payload -> 'writes') = 'array' AND payload = app.list_payload(caller, payload -> 'writes')
        AND NOT EXISTS (SELECT FROM jsonb_array_elements(payload -> 'writes') AS w WHERE app.is_write(w) IS NOT TRUE)) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is no list of writes' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    IF octet_length(payload::text) > 2097152 THEN
        RAISE EXCEPTION 'the payload is longer than 2 MiB' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/content", "code": "too_long", "detail": "A request for approval may have at most 2 MiB."}';
    END IF;
    -- An agent asks for what its capabilities cover. A list of writes in several spheres has none:
    -- the policies of the tables decided on its writes. What a client asks for is recorded in the
    -- thread that it names.
    IF kind = 'agent' THEN
        PERFORM app.require_capabilities(payload ->> 'sphere');
        IF NOT is_write AND NOT is_list THEN
            SELECT t.sphere INTO thread_sphere FROM public.threads t
             WHERE t.created_by = caller AND t.id = (payload ->> 'thread_id')::uuid;
            PERFORM app.require_capabilities('checkpoints', thread_sphere);
        END IF;
    END IF;
    IF app.reordered_text(payload) IS NOT NULL THEN
        PERFORM app.refuse_reordered_text(app.requested_text(payload));
    END IF;
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

CREATE FUNCTION app.lock_idempotency_key(route text, key text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    digest bit(64);
BEGIN
    IF coalesce(current_setting('app.identity_id', true), '') = '' THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    digest := ('x' || left(encode(sha256(convert_to(concat_ws(chr(10), current_setting('app.identity_id', true), app.actor_kind(),
        current_setting('app.actor_id', true), route, key), 'UTF8')), 'hex'), 16))::bit(64);
    RETURN pg_try_advisory_xact_lock(substring(digest from 1 for 32)::integer, substring(digest from 33 for 32)::integer);
END
$$;

CREATE FUNCTION app.operate_on(email text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid;
BEGIN
    IF app.actor_kind() <> 'system' THEN
        RAISE EXCEPTION 'only an operator changes an account by its address' USING ERRCODE = 'CH403';
    END IF;
    SELECT i.id INTO account FROM public.identities i
     WHERE i.email_key = lower(operate_on.email) AND i.status <> 'erased';
    PERFORM set_config('app.identity_id', account::text, true) WHERE account IS NOT NULL;
    RETURN account;
END
$$;

CREATE OR REPLACE FUNCTION app.lock_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean, ended_sessions integer)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    SET lock_timeout = '5s'
AS $$
DECLARE
    account uuid := app.operate_on(lock_account.email);
    present_status text;
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
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
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'a transaction of the account has been open for five seconds: the account is not locked' USING ERRCODE = 'CH409',
        HINT = 'Find the session with: SELECT pid, usename, state, xact_start, query FROM pg_stat_activity WHERE xact_start < now() - interval ''5 seconds''. End it with: SELECT pg_terminate_backend(PID). Then run the command again.';
END
$$;

CREATE OR REPLACE FUNCTION app.unlock_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid := app.operate_on(unlock_account.email);
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    UPDATE public.identities i SET status = 'active', failed_logins = 0, locked_until = NULL
     WHERE i.id = account AND i.status = 'locked';
    identity_id := account;
    changed := FOUND;
    RETURN NEXT;
    PERFORM set_config('app.identity_id', '', true);
END
$$;

CREATE OR REPLACE FUNCTION app.verify_account(email text)
    RETURNS TABLE (identity_id uuid, changed boolean)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account uuid := app.operate_on(verify_account.email);
BEGIN
    IF account IS NULL THEN
        RETURN;
    END IF;
    UPDATE public.identities i SET email_verified_at = clock_timestamp()
     WHERE i.id = account AND i.email_verified_at IS NULL;
    identity_id := account;
    changed := FOUND;
    RETURN NEXT;
    PERFORM set_config('app.identity_id', '', true);
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
    counters uuid[];
    agents record;
BEGIN
    IF NOT app.account_token_valid('reset_password', reset_password.token_hash) THEN
        RETURN NULL;
    END IF;
    -- First the counters, as a login locks them, then the identity, then its tokens, as
    -- app.issue_account_token() locks them.
    counters := ARRAY(SELECT a.id FROM app.login_attempts a WHERE a.created_by = caller ORDER BY a.id FOR NO KEY UPDATE);
    PERFORM FROM public.identities i WHERE i.id = caller FOR NO KEY UPDATE;
    IF NOT app.use_account_token('reset_password', reset_password.token_hash) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO agents FROM app.revoke_agents();
    PERFORM app.expire_requests('the password was reset by mail', own => true);
    UPDATE public.identities i
       SET hashed_password = reset_password.replacement, password_changed_at = clock_timestamp(),
           email_verified_at = coalesce(i.email_verified_at, clock_timestamp()),
           failed_logins = 0, locked_until = NULL
     WHERE i.id = caller;
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL WHERE a.created_by = caller AND a.id = ANY (counters);
    closed := app.close_sessions(NULL);
    PERFORM app.record_event('credential_change', 'success', 'identity', caller,
        jsonb_build_object('credential', 'password', 'ended_sessions', cardinality(closed), 'by', 'mail',
            'revoked_credentials', agents.revoked_credentials, 'suspended_agents', agents.suspended_agents));
    PERFORM app.owe_notice('password_reset', jsonb_build_object('ended_sessions', cardinality(closed),
        'revoked_credentials', agents.revoked_credentials, 'suspended_agents', agents.suspended_agents));
    RETURN closed;
END
$$;

CREATE FUNCTION app.authenticate_again(session_id uuid, amr text[], compared text DEFAULT NULL)
    RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    moment timestamptz;
BEGIN
    -- The identity is locked before the session, as a change of the password locks them.
    PERFORM app.require_compared_password(authenticate_again.compared, authenticate_again.amr);
    moment := clock_timestamp();
    UPDATE app.sessions s SET authenticated_at = moment, amr = authenticate_again.amr
     WHERE s.created_by = caller AND s.id = authenticate_again.session_id
       AND s.revoked_at IS NULL AND s.expires_at > moment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the session has ended' USING ERRCODE = 'CH403';
    END IF;
    PERFORM app.record_event('login', 'success', 'session', authenticate_again.session_id,
        jsonb_build_object('amr', authenticate_again.amr, 'step_up', true));
    RETURN moment;
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
    counters uuid[];
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    -- First the counters, then the identity, as a login locks them.
    counters := ARRAY(SELECT a.id FROM app.login_attempts a WHERE a.created_by = caller ORDER BY a.id FOR NO KEY UPDATE);
    UPDATE public.identities i
       SET hashed_password = change_password.replacement, password_changed_at = clock_timestamp(),
           failed_logins = 0, locked_until = NULL
     WHERE i.id = caller AND i.status = 'active' AND i.hashed_password = change_password.expected;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE app.login_attempts a SET failed = 0, locked_until = NULL WHERE a.created_by = caller AND a.id = ANY (counters);
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
    -- see app.refuse_inactive_agent().
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

CREATE FUNCTION app.event_schema_version() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT 1
$$;

CREATE OR REPLACE FUNCTION app.create_thread(thread_id uuid, event_id uuid, schema_version integer, content jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    caller uuid := nullif(current_setting('app.identity_id', true), '')::uuid;
    fields constant text[] := '{founding_intent,sphere,type,visibility,title,parent_thread_id,tags}';
    parent uuid;
BEGIN
    IF caller IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    PERFORM app.check_thread_fields(content, fields, '');
    IF NOT content ?& fields THEN
        RAISE EXCEPTION 'a thread is begun with all of its fields' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "", "code": "required"}';
    END IF;
    IF create_thread.schema_version IS DISTINCT FROM app.event_schema_version() THEN
        RAISE EXCEPTION 'events have the schema version %', app.event_schema_version() USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/schema_version", "code": "invalid_value"}';
    END IF;
    IF app.actor_kind() = 'agent' THEN
        PERFORM app.require_capabilities('threads', content ->> 'sphere');
    END IF;
    parent := content ->> 'parent_thread_id';
    IF parent = create_thread.thread_id THEN
        PERFORM app.check_thread_parent(caller, create_thread.thread_id, parent, '/parent_thread_id');
    END IF;
    WITH begun AS (
        INSERT INTO public.thread_events (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, request_id)
        VALUES (create_thread.event_id, caller, create_thread.thread_id, 1, 'thread.created', create_thread.schema_version,
            content || jsonb_build_object('parent_thread_id', parent),
            nullif(current_setting('app.actor_id', true), '')::uuid, app.actor_kind(),
            nullif(current_setting('app.request_id', true), '')::uuid)
        RETURNING created_at
    )
    INSERT INTO public.threads (id, created_by, founding_intent, sphere, type, status, visibility, title, parent_thread_id, tags,
        last_sequence, event_count, last_event_at)
    SELECT create_thread.thread_id, caller, content ->> 'founding_intent', content ->> 'sphere', content ->> 'type', 'active',
        content ->> 'visibility', content ->> 'title', parent,
        ARRAY(SELECT jsonb_array_elements_text(content -> 'tags')), 1, 1, b.created_at
    FROM begun b;
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
    becomes record;
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
        IF item -> 'schema_version' IS DISTINCT FROM to_jsonb(app.event_schema_version()) THEN
            RAISE EXCEPTION 'events have the schema version %', app.event_schema_version() USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', format('/events/%s/schema_version', place), 'code', 'invalid_value');
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

    SELECT t.status, t.visibility, t.sphere, t.last_sequence, t.type, t.title, t.parent_thread_id, t.tags INTO present
    FROM public.threads t WHERE t.created_by = caller AND t.id = thread
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such thread' USING ERRCODE = 'CH404';
    END IF;
    -- What an agent must not read does not exist for it.
    IF app.actor_kind() = 'agent' THEN
        IF NOT app.has_capabilities('threads:read', present.sphere || ':read') THEN
            PERFORM app.refuse_inactive_agent();
            RAISE EXCEPTION 'no such thread' USING ERRCODE = 'CH404';
        END IF;
        PERFORM app.require_capabilities('threads', present.sphere);
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
        IF kind = 'link.added' AND app.uri_allowed(item -> 'payload' ->> 'uri') IS NOT TRUE THEN
            RAISE EXCEPTION 'a link is not a URI with an allowed scheme' USING ERRCODE = 'CH422',
                DETAIL = jsonb_build_object('pointer', pointer || '/payload/uri', 'code', 'invalid_format',
                    'detail', 'A link must be a URI with an allowed scheme.');
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

    SELECT CASE WHEN state ? 'type' THEN state ->> 'type' ELSE present.type END AS type,
        CASE WHEN state ? 'visibility' THEN state ->> 'visibility' ELSE present.visibility END AS visibility,
        CASE WHEN state ? 'title' THEN state ->> 'title' ELSE present.title END AS title,
        CASE WHEN state ? 'parent_thread_id' THEN (state ->> 'parent_thread_id')::uuid ELSE present.parent_thread_id END AS parent_thread_id,
        CASE WHEN state ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(state -> 'tags')) ELSE present.tags END AS tags
    INTO becomes;

    -- What is appended to a public thread is published. One event thread.updated says nothing
    -- but the change of the thread, which has a gate of its own: if it does change the thread.
    IF present.visibility = 'public' AND NOT (size = 1 AND kind = 'thread.updated'
        AND ROW(becomes.type, becomes.visibility, becomes.title, becomes.parent_thread_id, becomes.tags)
            IS DISTINCT FROM ROW(present.type, present.visibility, present.title, present.parent_thread_id, present.tags)
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
        type = becomes.type,
        visibility = becomes.visibility,
        title = becomes.title,
        parent_thread_id = becomes.parent_thread_id,
        tags = becomes.tags
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
    IF present.visibility = 'public' AND said ? 'action' THEN
        said := said - '{resource_type,resource_id}'::text[] || jsonb_build_object('action',
            CASE NEW.origin WHEN 'write' THEN 'a change of data' ELSE 'an action that a client defined' END);
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

CREATE FUNCTION app.checkpoint_usable(status text, consumed_at timestamptz, use_before timestamptz) RETURNS boolean
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(status = 'approved' AND consumed_at IS NULL AND use_before > clock_timestamp(), false)
$$;

CREATE OR REPLACE FUNCTION app.take_write(payload jsonb, row_id uuid, gated boolean) RETURNS uuid
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

    SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted;
    mine := coalesce(named.requested_by = actor AND named.requested_by_kind = app.actor_kind(), false);
    usable := mine AND (position > 1 OR app.checkpoint_usable(named.status, named.consumed_at, named.use_before));
    size := app.approved_count(named.payload);
    equal := coalesce(CASE
        WHEN position > size THEN false
        WHEN named.payload ? 'writes' THEN
            app.list_element(payload, wanted, take_write.row_id)::text = (named.payload -> 'writes' -> position - 1)::text
        WHEN position < size THEN app.is_implied_event(payload, named.payload)
        ELSE app.payload_digest(payload) = named.digest
    END, false);
    IF usable AND equal AND position = 1 THEN
        SELECT * INTO named FROM public.checkpoints c WHERE c.created_by = caller AND c.id = wanted FOR UPDATE;
        usable := app.checkpoint_usable(named.status, named.consumed_at, named.use_before);
    END IF;
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

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_gate;

ALTER FUNCTION app.hold_agent(uuid) OWNER TO chenu_gate;

ALTER FUNCTION app.lock_idempotency_key(text, text) OWNER TO chenu_gate;

REVOKE CREATE ON SCHEMA app FROM chenu_gate;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.authenticate_again(uuid, text[], text) OWNER TO chenu_login;

ALTER FUNCTION app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[], text) OWNER TO chenu_login;

ALTER FUNCTION app.refuse_agent_credential(uuid, text) OWNER TO chenu_login;

ALTER FUNCTION app.require_compared_password(text, text[]) OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

-- Locks public.business_invoices: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON business_invoices
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status IN ('sent', 'paid', 'void'))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON business_invoices
    FOR EACH ROW WHEN (((NEW.status IN ('sent', 'paid', 'void'))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON business_invoices
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.number, OLD.contact_id, OLD.currency, OLD.line_items, OLD.status, OLD.issued_on, OLD.due_on, OLD.paid_at) IS DISTINCT FROM ROW(NEW.number, NEW.contact_id, NEW.currency, NEW.line_items, NEW.status, NEW.issued_on, NEW.due_on, NEW.paid_at) AND (((OLD.status IN ('sent', 'paid', 'void'))) OR ((NEW.status IN ('sent', 'paid', 'void')))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

-- Locks public.community_events: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete_through AFTER DELETE ON community_events
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND OLD.group_id IS NOT NULL)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');

CREATE OR REPLACE TRIGGER approve_insert_through AFTER INSERT ON community_events
    FOR EACH ROW WHEN (NEW.group_id IS NOT NULL)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');

CREATE OR REPLACE TRIGGER approve_update_through AFTER UPDATE ON community_events
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.group_id, OLD.title, OLD.description, OLD.starts_at, OLD.ends_at, OLD.time_zone, OLD.location, OLD.online_url, OLD.capacity, OLD.status) IS DISTINCT FROM ROW(NEW.group_id, NEW.title, NEW.description, NEW.starts_at, NEW.ends_at, NEW.time_zone, NEW.location, NEW.online_url, NEW.capacity, NEW.status) AND num_nonnulls(OLD.group_id, NEW.group_id) > 0)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');

-- Locks public.community_groups: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON community_groups
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON community_groups
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON community_groups
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.description, OLD.kind, OLD.visibility, OLD.settings, OLD.rules) IS DISTINCT FROM ROW(NEW.name, NEW.description, NEW.kind, NEW.visibility, NEW.settings, NEW.rules) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","starts_at"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

-- Locks public.entertainment_playlists: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON entertainment_playlists
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON entertainment_playlists
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON entertainment_playlists
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.kind, OLD.visibility, OLD.items) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.visibility, NEW.items) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items');

-- Locks public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON government_clinical_trials
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status <> 'planned')))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON government_clinical_trials
    FOR EACH ROW WHEN (((NEW.status <> 'planned')))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON government_clinical_trials
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.registry_id, OLD.title, OLD.phase, OLD.status, OLD.sponsor, OLD.starts_on, OLD.ends_on, OLD.target_enrollment, OLD.ethics_reference, OLD.ethics_approved_on) IS DISTINCT FROM ROW(NEW.registry_id, NEW.title, NEW.phase, NEW.status, NEW.sponsor, NEW.starts_on, NEW.ends_on, NEW.target_enrollment, NEW.ethics_reference, NEW.ethics_approved_on) AND (((OLD.status <> 'planned')) OR ((NEW.status <> 'planned'))))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

-- Locks public.government_compliance: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON government_compliance
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (app.actor_kind() <> 'human' AND (OLD.status IN ('active', 'waived'))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON government_compliance
    FOR EACH ROW WHEN ((app.actor_kind() <> 'human' AND (NEW.status IN ('active', 'waived'))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON government_compliance
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.regulation, OLD.authority, OLD.identifier, OLD.status, OLD.effective_on, OLD.expires_on, OLD.evidence) IS DISTINCT FROM ROW(NEW.name, NEW.regulation, NEW.authority, NEW.identifier, NEW.status, NEW.effective_on, NEW.expires_on, NEW.evidence) AND ((app.actor_kind() <> 'human' AND (OLD.status IN ('active', 'waived'))) OR (app.actor_kind() <> 'human' AND (NEW.status IN ('active', 'waived')))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

-- Locks public.scholar_manuscripts: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON scholar_manuscripts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status IN ('submitted', 'accepted', 'published'))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON scholar_manuscripts
    FOR EACH ROW WHEN (((NEW.status IN ('submitted', 'accepted', 'published'))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON scholar_manuscripts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.title, OLD.abstract, OLD.sections, OLD.status, OLD.target_journal, OLD.submitted_at, OLD.co_authors) IS DISTINCT FROM ROW(NEW.title, NEW.abstract, NEW.sections, NEW.status, NEW.target_journal, NEW.submitted_at, NEW.co_authors) AND (((OLD.status IN ('submitted', 'accepted', 'published'))) OR ((NEW.status IN ('submitted', 'accepted', 'published')))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

-- Locks public.social_posts: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON social_posts
    FOR EACH ROW WHEN (((NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (NEW.published_at IS NOT NULL)))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.body, OLD.media, OLD.visibility, OLD.thread_id, OLD.reply_to_id, OLD.published_at) IS DISTINCT FROM ROW(NEW.body, NEW.media, NEW.visibility, NEW.thread_id, NEW.reply_to_id, NEW.published_at) AND (((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)) OR ((NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (NEW.published_at IS NOT NULL))))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

-- Locks public.social_schedules: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON social_schedules
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) AND (OLD.status = 'scheduled') IS NOT TRUE)
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON social_schedules
    FOR EACH ROW WHEN ((app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))))
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON social_schedules
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.post_id, OLD.platform, OLD.scheduled_at, OLD.status, OLD.external_id) IS DISTINCT FROM ROW(NEW.post_id, NEW.platform, NEW.scheduled_at, NEW.status, NEW.external_id) AND ((app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))) AND ((app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) IS NOT TRUE OR ROW(OLD.post_id, OLD.platform, OLD.scheduled_at, OLD.status, OLD.external_id) IS DISTINCT FROM ROW(NEW.post_id, NEW.platform, NEW.scheduled_at, NEW.status, NEW.external_id)) OR (app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) AND (app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))) IS NOT TRUE AND (OLD.status = 'scheduled') IS NOT TRUE))
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');

-- Locks public.team_agents: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status = 'active')))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON team_agents
    FOR EACH ROW WHEN (((NEW.status = 'active')))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.kind, OLD.provider, OLD.model, OLD.capabilities, OLD.status) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.provider, NEW.model, NEW.capabilities, NEW.status) AND (((NEW.status = 'active')) AND (((OLD.status = 'active')) IS NOT TRUE OR (NOT app.implied_capabilities(NEW.capabilities) <@ app.implied_capabilities(OLD.capabilities)))))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');

-- Locks public.threads: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON threads
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON threads
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON threads
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.founding_intent, OLD.sphere, OLD.type, OLD.status, OLD.visibility, OLD.title, OLD.parent_thread_id, OLD.tags) IS DISTINCT FROM ROW(NEW.founding_intent, NEW.sphere, NEW.type, NEW.status, NEW.visibility, NEW.title, NEW.parent_thread_id, NEW.tags) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

REVOKE EXECUTE ON FUNCTION app.authenticate_again(uuid, text[], text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.authenticate_again(uuid, text[], text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.client_network() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.client_network() TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.hold_agent(uuid) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.hold_agent(uuid) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.hold_agent(uuid) TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.lock_idempotency_key(text, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.lock_idempotency_key(text, text) TO chenu_agent;

GRANT EXECUTE ON FUNCTION app.lock_idempotency_key(text, text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[], text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.open_session(uuid, timestamp with time zone, timestamp with time zone, text[], text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.operate_on(text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.operate_on(text) TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.record_failure(text, text, uuid, jsonb) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.record_failure(text, text, uuid, jsonb) TO chenu_login;

REVOKE EXECUTE ON FUNCTION app.refuse_agent_credential(uuid, text) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.refuse_agent_credential(uuid, text) TO chenu_human;

REVOKE EXECUTE ON FUNCTION app.require_compared_password(text, text[]) FROM PUBLIC;

GRANT SELECT (password_changed_at) ON public.identities TO chenu_login;

-- Locks app.login_attempts: SHARE UPDATE EXCLUSIVE (reads and writes go on).
COMMENT ON COLUMN "app"."login_attempts"."origin" IS 'Network in CIDR notation, a /24 of IPv4 or a /64 of IPv6; session: and its id for a known session; the id of a credential and a network for logins of an agent.';
