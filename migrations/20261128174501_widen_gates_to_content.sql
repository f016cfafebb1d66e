-- atlas:nolint CN111 -- each lock is held for a short moment, and no statement reads a table

-- widen gates to content
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
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
--   widening: chenu_gate, SELECT on public.social_posts
--       before: nothing
--       after:  columns (body, created_by, id, media, published_at, version, visibility), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   widening: chenu_gate, SELECT on public.social_schedules
--       before: nothing
--       after:  columns (created_by, id, post_id, status), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   review: function app.erase_identity()
--       does something else, with the rights of chenu_erase
--   review: function app.gate()
--       does something else when public.business_invoices, public.community_events, public.community_groups or one of 8 other tables changes, with the rights of chenu_gate
--   review: function app.request_checkpoint(jsonb, interval)
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
--       after:  CREATE TRIGGER approve_delete AFTER DELETE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (old.status = 'active'::text))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget')
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
--       after:  CREATE TRIGGER approve_insert AFTER INSERT ON public.team_agents FOR EACH ROW WHEN ((new.status = 'active'::text)) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget')
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
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.provider IS DISTINCT FROM new.provider)) OR (old.model IS DISTINCT FROM new.model)) OR (old.capabilities IS DISTINCT FROM new.capabilities)) OR (old.status IS DISTINCT FROM new.status)) OR (old.token_budget IS DISTINCT FROM new.token_budget)) AND ((new.status = 'active'::text) AND (((old.status = 'active'::text) IS NOT TRUE) OR ((NOT (new.capabilities <@ old.capabilities)) OR ((old.token_budget IS NOT NULL) AND ((new.token_budget <= old.token_budget) IS NOT TRUE))))))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget')
--   review: trigger approve_update on public.threads
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (((old.visibility = 'public'::text) IS DISTINCT FROM (new.visibility = 'public'::text)) OR ((new.visibility = 'public'::text) AND ((((((((old.founding_intent IS DISTINCT FROM new.founding_intent) OR (old.sphere IS DISTINCT FROM new.sphere)) OR (old.type IS DISTINCT FROM new.type)) OR (old.status IS DISTINCT FROM new.status)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.title IS DISTINCT FROM new.title)) OR (old.parent_thread_id IS DISTINCT FROM new.parent_thread_id)) OR (old.tags IS DISTINCT FROM new.tags)))))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.threads FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((old.founding_intent IS DISTINCT FROM new.founding_intent) OR (old.sphere IS DISTINCT FROM new.sphere)) OR (old.type IS DISTINCT FROM new.type)) OR (old.status IS DISTINCT FROM new.status)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.title IS DISTINCT FROM new.title)) OR (old.parent_thread_id IS DISTINCT FROM new.parent_thread_id)) OR (old.tags IS DISTINCT FROM new.tags)) AND ((old.visibility = 'public'::text) OR (new.visibility = 'public'::text)))) EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags')
--   review: trigger approve_update_through on public.community_events
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_update_through AFTER UPDATE ON public.community_events FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((((((old.group_id IS DISTINCT FROM new.group_id) OR (old.title IS DISTINCT FROM new.title)) OR (old.description IS DISTINCT FROM new.description)) OR (old.starts_at IS DISTINCT FROM new.starts_at)) OR (old.ends_at IS DISTINCT FROM new.ends_at)) OR (old.time_zone IS DISTINCT FROM new.time_zone)) OR (old.location IS DISTINCT FROM new.location)) OR (old.online_url IS DISTINCT FROM new.online_url)) OR (old.capacity IS DISTINCT FROM new.capacity)) OR (old.status IS DISTINCT FROM new.status)) AND (num_nonnulls(old.group_id, new.group_id) > 0))) EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''"},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status')
--   review: trigger approve_update_through on public.social_posts
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER approve_update_through AFTER UPDATE ON public.social_posts FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND (app.actor_kind() <> 'human'::text) AND ((((((old.body IS DISTINCT FROM new.body) OR (old.media IS DISTINCT FROM new.media)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.thread_id IS DISTINCT FROM new.thread_id)) OR (old.reply_to_id IS DISTINCT FROM new.reply_to_id)) OR (old.published_at IS DISTINCT FROM new.published_at)) AND ((((old.visibility = 'public'::text) AND (old.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (old.published_at IS NOT NULL)) OR (((new.visibility = 'public'::text) AND (new.published_at IS NOT NULL)) OR ((app.actor_kind() <> 'human'::text) AND (new.published_at IS NOT NULL)))) IS NOT TRUE))) EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"through":{"column":"id","table":"public.social_schedules","key":"post_id","condition":"status = ''scheduled''","agents":true},"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at')
--   review: trigger refuse_future_approval on public.government_clinical_trials
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER refuse_future_approval BEFORE INSERT OR UPDATE ON public.government_clinical_trials FOR EACH ROW EXECUTE FUNCTION app.refuse_future_approval()
--   new: chenu_gate, INSERT on public.checkpoints
--       columns (origin), new rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   new: PUBLIC, EXECUTE on function app.gate_references(uuid, jsonb, regclass, jsonb), function app.gated_through(uuid, jsonb, jsonb, jsonb), function app.imitates_write(text), function app.refuse_reordered_text(jsonb), function app.refuse_too_many_requests(uuid, uuid, text, bytea), function app.reordered_text(jsonb, text)
--       it runs with the rights of its caller
-- Locks, held until commit:
--   public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.business_invoices: SHARE ROW EXCLUSIVE (writes wait)
--   public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait)
--   public.community_events: ACCESS EXCLUSIVE (reads and writes wait)
--   public.community_groups: ACCESS EXCLUSIVE (reads and writes wait)
--   public.entertainment_playlists: SHARE ROW EXCLUSIVE (writes wait)
--   public.government_clinical_trials: SHARE ROW EXCLUSIVE (writes wait)
--   public.government_compliance: SHARE ROW EXCLUSIVE (writes wait)
--   public.scholar_manuscripts: SHARE ROW EXCLUSIVE (writes wait)
--   public.social_posts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.social_schedules: ACCESS EXCLUSIVE (reads and writes wait)
--   public.team_agents: SHARE ROW EXCLUSIVE (writes wait)
--   public.threads: SHARE ROW EXCLUSIVE (writes wait)

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

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
    used uuid;
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
    used := app.use_checkpoint(payload);
    PERFORM set_config('app.approved_write', concat_ws(' ', used, TG_ARGV[1], present ->> 'id'), true);
    RETURN NULL;
END
$$;

CREATE FUNCTION app.imitates_write(action text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(lower(regexp_replace(normalize(action, NFKC), E'[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180E\u200B-\u200F\u2060-\u206F\uFE00-\uFE0F\uFEFF]', '', 'g'))
        ~ '^[^[:alnum:]]*(insert|update|delete|erase)([^[:alnum:]]|$)', false)
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
    wanted_type text := payload ->> 'type';
    fields text[];
BEGIN
    IF caller IS NULL OR actor IS NULL THEN
        RAISE EXCEPTION 'no identity' USING ERRCODE = 'CH401';
    END IF;
    IF kind = 'system' THEN
        RAISE EXCEPTION 'only humans and agents ask for approval' USING ERRCODE = 'CH403';
    END IF;
    fields := CASE WHEN is_write
        THEN '{identity,type,sphere,resource_type,table,operation,id,version,values,references}'::text[]
        ELSE '{identity,type,sphere,resource_type,action,resource_id,resource_version,thread_id,content}'::text[] END;
    IF (jsonb_typeof(payload) = 'object' AND payload ?& fields AND payload - fields = '{}'
        AND payload ->> 'identity' = caller::text) IS NOT TRUE THEN
        RAISE EXCEPTION 'the payload is none of the caller''s' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/payload", "code": "invalid_payload"}';
    END IF;
    PERFORM app.refuse_reordered_text(payload);
    IF NOT is_write AND app.imitates_write(payload ->> 'action') THEN
        RAISE EXCEPTION 'an action of a client reads like a write' USING ERRCODE = 'CH422',
            DETAIL = '{"pointer": "/action", "code": "reserved_action", "detail": "An action must not begin with insert, update, delete or erase: the database names writes that way. Use another verb."}';
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
        app.uuid_v7(), caller, payload ->> 'sphere', wanted_type, CASE WHEN is_write THEN 'write' ELSE 'client' END,
        CASE WHEN is_write THEN lower(payload ->> 'operation') || ' ' || replace(payload ->> 'resource_type', '_', ' ')
            ELSE payload ->> 'action' END,
        payload ->> 'resource_type',
        (payload ->> CASE WHEN is_write THEN 'id' ELSE 'resource_id' END)::uuid,
        (payload ->> CASE WHEN is_write THEN 'version' ELSE 'resource_version' END)::bigint,
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

-- Locks public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."checkpoints" ADD COLUMN "origin" text NOT NULL DEFAULT 'write';

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "public"."checkpoints" ADD CONSTRAINT "checkpoints_origin_check" CHECK (origin IN ('write', 'client')) NOT VALID;

-- Locks public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON business_contacts FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.community_events: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON community_events FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.community_groups: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON community_groups FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON community_groups FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.social_posts: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON social_posts FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE POLICY gate_update ON social_posts FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.social_schedules: ACCESS EXCLUSIVE (reads and writes wait).
CREATE POLICY gate_select ON social_schedules FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_invoices: SHARE ROW EXCLUSIVE (writes wait).
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

-- Locks public.entertainment_playlists: SHARE ROW EXCLUSIVE (writes wait).
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

-- Locks public.government_compliance: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER approve_delete AFTER DELETE ON government_compliance
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (app.actor_kind() <> 'human' AND (OLD.status IN ('active', 'waived'))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

CREATE TRIGGER approve_insert AFTER INSERT ON government_compliance
    FOR EACH ROW WHEN ((app.actor_kind() <> 'human' AND (NEW.status IN ('active', 'waived'))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

CREATE TRIGGER approve_update AFTER UPDATE ON government_compliance
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.regulation, OLD.authority, OLD.identifier, OLD.status, OLD.effective_on, OLD.expires_on, OLD.evidence) IS DISTINCT FROM ROW(NEW.name, NEW.regulation, NEW.authority, NEW.identifier, NEW.status, NEW.effective_on, NEW.expires_on, NEW.evidence) AND ((app.actor_kind() <> 'human' AND (OLD.status IN ('active', 'waived'))) OR (app.actor_kind() <> 'human' AND (NEW.status IN ('active', 'waived')))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

-- Locks public.scholar_manuscripts: SHARE ROW EXCLUSIVE (writes wait).
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

-- Locks public.team_agents: SHARE ROW EXCLUSIVE (writes wait).
CREATE OR REPLACE TRIGGER approve_delete AFTER DELETE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status = 'active')))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget');

CREATE OR REPLACE TRIGGER approve_insert AFTER INSERT ON team_agents
    FOR EACH ROW WHEN (((NEW.status = 'active')))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.kind, OLD.provider, OLD.model, OLD.capabilities, OLD.status, OLD.token_budget) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.provider, NEW.model, NEW.capabilities, NEW.status, NEW.token_budget) AND (((NEW.status = 'active')) AND (((OLD.status = 'active')) IS NOT TRUE OR (NOT NEW.capabilities <@ OLD.capabilities OR OLD.token_budget IS NOT NULL AND (NEW.token_budget <= OLD.token_budget) IS NOT TRUE))))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status', 'token_budget');

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

GRANT SELECT (id, created_by, version, name, email, phone, company) ON public.business_contacts TO chenu_gate;

GRANT INSERT (origin) ON public.checkpoints TO chenu_gate;

GRANT SELECT (id, created_by, version, title, starts_at, group_id) ON public.community_events TO chenu_gate;

GRANT SELECT (id, created_by, version, name, visibility), UPDATE (id) ON public.community_groups TO chenu_gate;

GRANT SELECT (id, created_by, version, body, media, visibility, published_at), UPDATE (id) ON public.social_posts TO chenu_gate;

GRANT SELECT (id, created_by, status, post_id) ON public.social_schedules TO chenu_gate;

COMMENT ON COLUMN "public"."checkpoints"."origin" IS 'write: the database refused exactly this write and describes it. client: a client describes an action in its own words, and nothing in the database is bound to it.';
