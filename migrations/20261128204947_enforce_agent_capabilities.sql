-- enforce agent capabilities
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   widening: chenu_gate, SELECT on public.threads
--       before: nothing
--       after:  columns (created_by, id, sphere), rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   review: function app.append_events(uuid, bigint, jsonb)
--       does something else, with the rights of chenu_threads
--   review: function app.audit()
--       does something else when app.agent_credentials, app.event_rsvps, app.habit_check_ins or one of 27 other tables changes, with the rights of chenu_audit
--   review: function app.create_thread(uuid, uuid, integer, jsonb)
--       does something else, with the rights of chenu_threads
--   review: function app.record_event(text, text, text, uuid, jsonb, text, uuid)
--       does something else, with the rights of chenu_audit
--   review: function app.request_checkpoint(jsonb, interval)
--       does something else, with the rights of chenu_gate
--   review: trigger approve_update on public.team_agents
--       before: CREATE TRIGGER approve_update AFTER UPDATE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.provider IS DISTINCT FROM new.provider)) OR (old.model IS DISTINCT FROM new.model)) OR (old.capabilities IS DISTINCT FROM new.capabilities)) OR (old.status IS DISTINCT FROM new.status)) AND ((new.status = 'active'::text) AND (((old.status = 'active'::text) IS NOT TRUE) OR (NOT (new.capabilities <@ old.capabilities)))))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--       after:  CREATE TRIGGER approve_update AFTER UPDATE ON public.team_agents FOR EACH ROW WHEN (((CURRENT_USER <> 'chenu_erase'::name) AND ((((((old.name IS DISTINCT FROM new.name) OR (old.kind IS DISTINCT FROM new.kind)) OR (old.provider IS DISTINCT FROM new.provider)) OR (old.model IS DISTINCT FROM new.model)) OR (old.capabilities IS DISTINCT FROM new.capabilities)) OR (old.status IS DISTINCT FROM new.status)) AND ((new.status = 'active'::text) AND (((old.status = 'active'::text) IS NOT TRUE) OR (NOT (app.implied_capabilities(new.capabilities) <@ app.implied_capabilities(old.capabilities))))))) EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status')
--   review: trigger audit on app.event_rsvps
--       before: CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON app.event_rsvps FOR EACH ROW EXECUTE FUNCTION app.audit('event_r_s_v_p', 'created_by', '')
--       after:  CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON app.event_rsvps FOR EACH ROW EXECUTE FUNCTION app.audit('event_r_s_v_p', 'created_by', 'community')
--   review: trigger audit on app.habit_check_ins
--       before: CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON app.habit_check_ins FOR EACH ROW EXECUTE FUNCTION app.audit('habit_check_in', 'created_by', '')
--       after:  CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON app.habit_check_ins FOR EACH ROW EXECUTE FUNCTION app.audit('habit_check_in', 'created_by', 'personal')
--   review: trigger audit on app.reference_citations
--       before: CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON app.reference_citations FOR EACH ROW EXECUTE FUNCTION app.audit('reference_citation', 'created_by', '')
--       after:  CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON app.reference_citations FOR EACH ROW EXECUTE FUNCTION app.audit('reference_citation', 'created_by', 'scholar')
--   narrowing: chenu_agent, SELECT on app.event_rsvps, public.community_events, public.community_groups
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('community:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on app.event_rsvps
--       before: columns (contact_id, created_by, event_id, id, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (contact_id, created_by, event_id, id, status), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('community'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on app.event_rsvps
--       before: columns (status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (status), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('community'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on app.event_rsvps, public.community_events, public.community_groups
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('community'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on app.habit_check_ins, public.personal_habits, public.personal_notes, public.personal_tasks
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on app.habit_check_ins
--       before: columns (checked_in_on, created_by, habit_id, id, note), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (checked_in_on, created_by, habit_id, id, note), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT, DELETE on app.idempotency_keys
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT (cardinality(app.agent_capabilities()) > 0)) AND (((actor_kind = 'agent'::text) AND (actor_id = (NULLIF(current_setting('app.actor_id'::text, true), ''::text))::uuid)) OR (actor_id IS NULL)))
--   narrowing: chenu_agent, INSERT on app.idempotency_keys
--       before: columns (body, created_by, headers, id, key, request_digest, route, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (body, created_by, headers, id, key, request_digest, route, status), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT (cardinality(app.agent_capabilities()) > 0)) AND (((actor_kind = 'agent'::text) AND (actor_id = (NULLIF(current_setting('app.actor_id'::text, true), ''::text))::uuid)) OR (actor_id IS NULL)))
--   narrowing: chenu_agent, SELECT on app.reference_citations, public.scholar_manuscripts, public.scholar_references
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('scholar:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on app.reference_citations
--       before: columns (cited_id, citing_id, created_by, id, locator), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (cited_id, citing_id, created_by, id, locator), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('scholar'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on app.reference_citations, public.scholar_manuscripts, public.scholar_references
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('scholar'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_audit, EXECUTE on function app.refuse_ended_agent()
--       before: EXECUTE
--       after:  nothing
--   narrowing: chenu_agent, SELECT on public.audit_logs
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (action, actor_id, actor_kind, after, before, checkpoint_id, client_request_id, content_digest, content_salt, created_at, created_by, db_role, details, id, outcome, request_id, resource_id, resource_type, sphere, traceparent), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND COALESCE((ARRAY['audit-logs:read'::text, (sphere || ':read'::text)] <@ ( SELECT app.agent_capabilities() AS agent_capabilities)), false) AND (resource_type <> ALL ('{session,agent_credential,identity}'::text[])) AND (action <> ALL ('{login,logout,credential_change}'::text[])))
--   narrowing: chenu_agent, SELECT on public.business_contacts, public.business_invoices, public.business_projects
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('business:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.business_contacts
--       before: columns (company, created_by, email, id, job_title, lead_score, lead_status, name, notes, phone, source, tags), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (company, created_by, email, id, job_title, lead_score, lead_status, name, notes, phone, source, tags), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('business'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.business_contacts
--       before: columns (company, email, job_title, lead_score, lead_status, name, notes, phone, source, tags), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (company, email, job_title, lead_score, lead_status, name, notes, phone, source, tags), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('business'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on public.business_contacts, public.business_invoices, public.business_projects
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('business'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.business_invoices
--       before: columns (contact_id, created_by, currency, due_on, id, issued_on, line_items, number, paid_at, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (contact_id, created_by, currency, due_on, id, issued_on, line_items, number, paid_at, status), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('business'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.business_invoices
--       before: columns (contact_id, currency, due_on, issued_on, line_items, number, paid_at, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (contact_id, currency, due_on, issued_on, line_items, number, paid_at, status), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('business'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.business_projects
--       before: columns (budget, contact_id, created_by, currency, description, ends_on, id, name, progress, starts_on, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (budget, contact_id, created_by, currency, description, ends_on, id, name, progress, starts_on, status), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('business'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.business_projects
--       before: columns (budget, contact_id, currency, description, ends_on, name, progress, starts_on, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (budget, contact_id, currency, description, ends_on, name, progress, starts_on, status), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('business'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on public.checkpoints
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND (((requested_by = (NULLIF(current_setting('app.actor_id'::text, true), ''::text))::uuid) AND (requested_by_kind = 'agent'::text) AND ( SELECT (cardinality(app.agent_capabilities()) > 0))) OR COALESCE((ARRAY['checkpoints:read'::text, (sphere || ':read'::text)] <@ ( SELECT app.agent_capabilities() AS agent_capabilities)), false)))
--   narrowing: chenu_agent, INSERT on public.community_events
--       before: columns (capacity, created_by, description, ends_at, group_id, id, location, online_url, starts_at, status, time_zone, title), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (capacity, created_by, description, ends_at, group_id, id, location, online_url, starts_at, status, time_zone, title), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('community'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.community_events
--       before: columns (capacity, description, ends_at, group_id, location, online_url, starts_at, status, time_zone, title), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (capacity, description, ends_at, group_id, location, online_url, starts_at, status, time_zone, title), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('community'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.community_groups
--       before: columns (created_by, description, id, kind, name, rules, settings, visibility), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (created_by, description, id, kind, name, rules, settings, visibility), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('community'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.community_groups
--       before: columns (description, kind, name, rules, settings, visibility), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (description, kind, name, rules, settings, visibility), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('community'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on public.creative_assets, public.creative_projects
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('creative:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.creative_assets
--       before: columns (ai_generated, created_by, id, kind, licence, media_type, model, name, negative_prompt, parameters, project_id, prompt, random_seed, sha256, size_bytes, uri), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (ai_generated, created_by, id, kind, licence, media_type, model, name, negative_prompt, parameters, project_id, prompt, random_seed, sha256, size_bytes, uri), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('creative'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.creative_assets
--       before: columns (ai_generated, kind, licence, media_type, model, name, negative_prompt, parameters, project_id, prompt, random_seed, sha256, size_bytes, uri), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (ai_generated, kind, licence, media_type, model, name, negative_prompt, parameters, project_id, prompt, random_seed, sha256, size_bytes, uri), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('creative'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on public.creative_assets, public.creative_projects
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('creative'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.creative_projects
--       before: columns (cover_asset_id, created_by, description, id, name, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (cover_asset_id, created_by, description, id, name, status), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('creative'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.creative_projects
--       before: columns (cover_asset_id, description, name, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (cover_asset_id, description, name, status), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('creative'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on public.entertainment_playlists, public.entertainment_stream_history
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('entertainment:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.entertainment_playlists
--       before: columns (created_by, id, items, kind, name, visibility), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (created_by, id, items, kind, name, visibility), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('entertainment'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.entertainment_playlists
--       before: columns (items, kind, name, visibility), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (items, kind, name, visibility), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('entertainment'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on public.entertainment_playlists
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('entertainment'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.entertainment_stream_history
--       before: columns (content_id, content_type, created_by, device, duration_seconds, id, started_at, title, watched_seconds), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (content_id, content_type, created_by, device, duration_seconds, id, started_at, title, watched_seconds), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('entertainment'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on public.government_clinical_trials, public.government_compliance
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('government:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.government_clinical_trials
--       before: columns (created_by, ends_on, enrolled, ethics_approved_on, ethics_reference, id, phase, registry_id, sponsor, starts_on, status, target_enrollment, title), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (created_by, ends_on, enrolled, ethics_approved_on, ethics_reference, id, phase, registry_id, sponsor, starts_on, status, target_enrollment, title), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('government'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.government_clinical_trials
--       before: columns (ends_on, enrolled, ethics_approved_on, ethics_reference, phase, registry_id, sponsor, starts_on, status, target_enrollment, title), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (ends_on, enrolled, ethics_approved_on, ethics_reference, phase, registry_id, sponsor, starts_on, status, target_enrollment, title), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('government'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on public.government_clinical_trials, public.government_compliance
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('government'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.government_compliance
--       before: columns (authority, created_by, effective_on, evidence, expires_on, id, identifier, name, regulation, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (authority, created_by, effective_on, evidence, expires_on, id, identifier, name, regulation, status), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('government'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.government_compliance
--       before: columns (authority, effective_on, evidence, expires_on, identifier, name, regulation, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (authority, effective_on, evidence, expires_on, identifier, name, regulation, status), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('government'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on public.identities
--       before: columns (created_at, email, email_key, email_verified_at, failed_logins, id, locked_until, name, password_changed_at, settings, status, updated_at, updated_by, updated_by_kind, version), rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (created_at, email, email_key, email_verified_at, failed_logins, id, locked_until, name, password_changed_at, settings, status, updated_at, updated_by, updated_by_kind, version), rows where ((id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT (cardinality(app.agent_capabilities()) > 0)))
--   narrowing: chenu_agent, INSERT on public.personal_habits
--       before: columns (active, cadence, created_by, id, name, target_per_period), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (active, cadence, created_by, id, name, target_per_period), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.personal_habits
--       before: columns (active, cadence, name, target_per_period), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (active, cadence, name, target_per_period), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on public.personal_habits, public.personal_notes, public.personal_tasks
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.personal_notes
--       before: columns (content, created_by, folder, id, pinned, tags, title), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (content, created_by, folder, id, pinned, tags, title), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.personal_notes
--       before: columns (content, folder, pinned, tags, title), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (content, folder, pinned, tags, title), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.personal_tasks
--       before: columns (created_by, description, due_at, id, priority, status, tags, title), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (created_by, description, due_at, id, priority, status, tags, title), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.personal_tasks
--       before: columns (description, due_at, priority, status, tags, title), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (description, due_at, priority, status, tags, title), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('personal'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.scholar_manuscripts
--       before: columns (abstract, co_authors, created_by, id, sections, status, submitted_at, target_journal, title), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (abstract, co_authors, created_by, id, sections, status, submitted_at, target_journal, title), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('scholar'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.scholar_manuscripts
--       before: columns (abstract, co_authors, sections, status, submitted_at, target_journal, title), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (abstract, co_authors, sections, status, submitted_at, target_journal, title), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('scholar'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.scholar_references
--       before: columns (abstract, authors, citation_key, container_title, created_by, doi, id, issue, kind, pages, title, url, volume, year), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (abstract, authors, citation_key, container_title, created_by, doi, id, issue, kind, pages, title, url, volume, year), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('scholar'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.scholar_references
--       before: columns (abstract, authors, citation_key, container_title, doi, issue, kind, pages, title, url, volume, year), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (abstract, authors, citation_key, container_title, doi, issue, kind, pages, title, url, volume, year), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('scholar'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on public.social_posts, public.social_schedules
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('social:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.social_posts
--       before: columns (body, created_by, id, media, published_at, reply_to_id, thread_id, visibility), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (body, created_by, id, media, published_at, reply_to_id, thread_id, visibility), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('social'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.social_posts
--       before: columns (body, media, published_at, reply_to_id, thread_id, visibility), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (body, media, published_at, reply_to_id, thread_id, visibility), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('social'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on public.social_posts, public.social_schedules
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('social'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.social_schedules
--       before: columns (attempts, created_by, external_id, id, last_error, platform, post_id, scheduled_at, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (attempts, created_by, external_id, id, last_error, platform, post_id, scheduled_at, status), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('social'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.social_schedules
--       before: columns (attempts, external_id, last_error, scheduled_at, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (attempts, external_id, last_error, scheduled_at, status), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('social'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on public.team_agents, public.team_members, public.team_tasks
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('team:read'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, INSERT on public.team_members
--       before: columns (created_by, email, id, joined_on, name, role, status), new rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (created_by, email, id, joined_on, name, role, status), new rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('team'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.team_members
--       before: columns (email, joined_on, name, role, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (email, joined_on, name, role, status), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('team'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, DELETE on public.team_members
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('team'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, UPDATE on public.team_tasks
--       before: columns (result, status), rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  columns (result, status), rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('team'::text = ANY (app.agent_capabilities()))))
--   narrowing: chenu_agent, SELECT on public.thread_events
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND ( SELECT ('threads:read'::text = ANY (app.agent_capabilities()))) AND (EXISTS ( SELECT FROM public.threads t WHERE ((t.created_by = thread_events.created_by) AND (t.id = thread_events.thread_id)))))
--   narrowing: chenu_agent, SELECT on public.threads
--       before: rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       after:  rows where ((created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid) AND COALESCE((ARRAY['threads:read'::text, (sphere || ':read'::text)] <@ ( SELECT app.agent_capabilities() AS agent_capabilities)), false))
--   new: chenu_agent, EXECUTE on function app.agent_capabilities()
--       it runs with the rights of chenu_login
--   new: chenu_gate, EXECUTE on function app.has_capabilities(text[]), function app.require_capabilities(text[])
--       it runs with the rights of chenu_login
--   new: chenu_threads, EXECUTE on function app.has_capabilities(text[]), function app.refuse_inactive_agent(), function app.require_capabilities(text[])
--       it runs with the rights of chenu_login
--   new: chenu_audit, EXECUTE on function app.refuse_inactive_agent()
--       it runs with the rights of chenu_login
--   new: PUBLIC, EXECUTE on function app.implied_capabilities(text[])
--       it runs with the rights of its caller
-- Locks, held until commit:
--   app.event_rsvps: ACCESS EXCLUSIVE (reads and writes wait)
--   app.habit_check_ins: ACCESS EXCLUSIVE (reads and writes wait)
--   app.idempotency_keys: ACCESS EXCLUSIVE (reads and writes wait)
--   app.reference_citations: ACCESS EXCLUSIVE (reads and writes wait)
--   public.audit_logs: ACCESS EXCLUSIVE (reads and writes wait)
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

REVOKE SELECT ON public.audit_logs FROM chenu_agent;

-- Locks public.team_agents: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."team_agents" DROP CONSTRAINT "team_agents_capabilities";

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

CREATE FUNCTION app.implied_capabilities(capabilities text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT capabilities || ARRAY(SELECT c || ':read' FROM unnest(capabilities) AS c WHERE c NOT LIKE '%:read')
$$;

CREATE FUNCTION app.agent_capabilities() RETURNS text[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held text[];
BEGIN
    SELECT a.capabilities INTO held FROM public.team_agents a
     WHERE a.created_by = nullif(current_setting('app.identity_id', true), '')::uuid
       AND a.id = nullif(current_setting('app.actor_id', true), '')::uuid AND a.status = 'active'
       AND (nullif(current_setting('app.auth_time', true), '')::timestamptz <= a.suspended_at) IS NOT TRUE;
    IF held IS NULL OR held = '{}' THEN
        RETURN '{}';
    END IF;
    IF 'creative' = ANY (held) THEN
        held := held || 'creative_studio'::text;
    ELSIF 'creative:read' = ANY (held) THEN
        held := held || 'creative_studio:read'::text;
    END IF;
    IF 'team' = ANY (held) THEN
        held := held || 'my_team'::text;
    ELSIF 'team:read' = ANY (held) THEN
        held := held || 'my_team:read'::text;
    END IF;
    -- Adds :read to each without a query, which would take longer than everything else. What
    -- business:read becomes by that, business:read:read, is the name of nothing.
    RETURN held || string_to_array(array_to_string(held, ':read,') || ':read', ',');
END
$$;

CREATE FUNCTION app.has_capabilities(VARIADIC needed text[]) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_remove(needed, NULL) <@ app.agent_capabilities()
$$;

CREATE FUNCTION app.require_capabilities(VARIADIC needed text[]) RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.has_capabilities(VARIADIC needed) THEN
        RETURN;
    END IF;
    PERFORM app.refuse_inactive_agent();
    RAISE EXCEPTION 'the agent''s capabilities do not cover this' USING ERRCODE = 'CH403',
        DETAIL = '{"code": "insufficient_scope", "detail": "The agent''s capabilities do not cover this."}';
END
$$;

CREATE FUNCTION app.refuse_inactive_agent() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.team_agents a
         WHERE a.created_by = nullif(current_setting('app.identity_id', true), '')::uuid
           AND a.id = app.actor() AND a.status = 'active'
           AND (nullif(current_setting('app.auth_time', true), '')::timestamptz <= a.suspended_at) IS NOT TRUE) THEN
        RAISE EXCEPTION 'the actor is not an active agent of the identity' USING ERRCODE = 'CH401';
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
    -- What a list says of itself follows from its writes.
    IF is_list AND (jsonb_typeof(payload -> 'writes') = 'array' AND payload = app.list_payload(caller, payload -> 'writes')) IS NOT TRUE THEN
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

-- Holds for rows that are written from now on; the others are checked later.
ALTER TABLE "public"."team_agents" ADD CONSTRAINT "team_agents_capabilities" CHECK (capabilities <@ '{me,threads,checkpoints,personal,business,creative,entertainment,community,social,scholar,government,team,audit-logs,me:read,threads:read,checkpoints:read,personal:read,business:read,creative:read,entertainment:read,community:read,social:read,scholar:read,government:read,team:read,audit-logs:read}') NOT VALID;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_login;

ALTER FUNCTION app.agent_capabilities() OWNER TO chenu_login;

ALTER FUNCTION app.has_capabilities(text[]) OWNER TO chenu_login;

ALTER FUNCTION app.refuse_inactive_agent() OWNER TO chenu_login;

ALTER FUNCTION app.require_capabilities(text[]) OWNER TO chenu_login;

REVOKE CREATE ON SCHEMA app FROM chenu_login;

-- Locks app.event_rsvps: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON app.event_rsvps
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON app.event_rsvps
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON app.event_rsvps
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON app.event_rsvps
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

-- Locks app.habit_check_ins: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_insert ON app.habit_check_ins
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON app.habit_check_ins
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal:read' = ANY (app.agent_capabilities())));

-- Locks app.idempotency_keys: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON app.idempotency_keys
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT cardinality(app.agent_capabilities()) > 0) AND (actor_kind = 'agent' AND actor_id = nullif(current_setting('app.actor_id', true), '')::uuid OR actor_id IS NULL));

ALTER POLICY agent_insert ON app.idempotency_keys
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT cardinality(app.agent_capabilities()) > 0) AND (actor_kind = 'agent' AND actor_id = nullif(current_setting('app.actor_id', true), '')::uuid OR actor_id IS NULL));

ALTER POLICY agent_select ON app.idempotency_keys
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT cardinality(app.agent_capabilities()) > 0) AND (actor_kind = 'agent' AND actor_id = nullif(current_setting('app.actor_id', true), '')::uuid OR actor_id IS NULL));

-- Locks app.reference_citations: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON app.reference_citations
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON app.reference_citations
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON app.reference_citations
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar:read' = ANY (app.agent_capabilities())));

-- Locks public.audit_logs: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_select ON public.audit_logs
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND coalesce(ARRAY['audit-logs:read', sphere || ':read'] <@ (SELECT app.agent_capabilities())::text[], false) AND resource_type <> ALL ('{session,agent_credential,identity}') AND action <> ALL ('{login,logout,credential_change}'));

-- Locks public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.business_contacts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.business_contacts
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.business_contacts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.business_contacts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

-- Locks public.business_invoices: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.business_invoices
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.business_invoices
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.business_invoices
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.business_invoices
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

-- Locks public.business_projects: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.business_projects
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.business_projects
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.business_projects
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.business_projects
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));

-- Locks public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_select ON public.checkpoints
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (requested_by = nullif(current_setting('app.actor_id', true), '')::uuid AND requested_by_kind = 'agent' AND (SELECT cardinality(app.agent_capabilities()) > 0) OR coalesce(ARRAY['checkpoints:read', sphere || ':read'] <@ (SELECT app.agent_capabilities())::text[], false)));

-- Locks public.community_events: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.community_events
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.community_events
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.community_events
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.community_events
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

-- Locks public.community_groups: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.community_groups
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.community_groups
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.community_groups
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.community_groups
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));

-- Locks public.creative_assets: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.creative_assets
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.creative_assets
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.creative_assets
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.creative_assets
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));

-- Locks public.creative_projects: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.creative_projects
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.creative_projects
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.creative_projects
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.creative_projects
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));

-- Locks public.entertainment_playlists: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.entertainment_playlists
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.entertainment_playlists
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.entertainment_playlists
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.entertainment_playlists
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())));

-- Locks public.entertainment_stream_history: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_insert ON public.entertainment_stream_history
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.entertainment_stream_history
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment:read' = ANY (app.agent_capabilities())));

-- Locks public.government_clinical_trials: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.government_clinical_trials
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.government_clinical_trials
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.government_clinical_trials
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.government_clinical_trials
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));

-- Locks public.government_compliance: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.government_compliance
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.government_compliance
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.government_compliance
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.government_compliance
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));

-- Locks public.identities: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_select ON public.identities
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT cardinality(app.agent_capabilities()) > 0));

-- Locks public.personal_habits: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.personal_habits
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.personal_habits
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.personal_habits
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.personal_habits
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

-- Locks public.personal_notes: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.personal_notes
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.personal_notes
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.personal_notes
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.personal_notes
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

-- Locks public.personal_tasks: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.personal_tasks
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.personal_tasks
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.personal_tasks
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.personal_tasks
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));

-- Locks public.scholar_manuscripts: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.scholar_manuscripts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.scholar_manuscripts
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.scholar_manuscripts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.scholar_manuscripts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));

-- Locks public.scholar_references: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.scholar_references
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.scholar_references
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.scholar_references
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.scholar_references
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));

-- Locks public.social_posts: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.social_posts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.social_posts
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.social_posts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.social_posts
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));

-- Locks public.social_schedules: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.social_schedules
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.social_schedules
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.social_schedules
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.social_schedules
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.team_agents
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team:read' = ANY (app.agent_capabilities())));

-- Locks public.team_members: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_delete ON public.team_members
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())));

ALTER POLICY agent_insert ON public.team_members
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())));

ALTER POLICY agent_select ON public.team_members
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.team_members
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())));

-- Locks public.team_tasks: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_select ON public.team_tasks
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team:read' = ANY (app.agent_capabilities())));

ALTER POLICY agent_update ON public.team_tasks
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())));

-- Locks public.thread_events: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_select ON public.thread_events
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'threads:read' = ANY (app.agent_capabilities())) AND EXISTS (SELECT FROM threads t WHERE t.created_by = thread_events.created_by AND t.id = thread_events.thread_id));

-- Locks public.threads: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY agent_select ON public.threads
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND coalesce(ARRAY['threads:read', sphere || ':read'] <@ (SELECT app.agent_capabilities())::text[], false));

CREATE POLICY gate_select ON threads FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.audit('event_r_s_v_p', 'created_by', 'community');

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.audit('habit_check_in', 'created_by', 'personal');

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.reference_citations
    FOR EACH ROW EXECUTE FUNCTION app.audit('reference_citation', 'created_by', 'scholar');

CREATE OR REPLACE TRIGGER approve_update AFTER UPDATE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.kind, OLD.provider, OLD.model, OLD.capabilities, OLD.status) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.provider, NEW.model, NEW.capabilities, NEW.status) AND (((NEW.status = 'active')) AND (((OLD.status = 'active')) IS NOT TRUE OR (NOT app.implied_capabilities(NEW.capabilities) <@ app.implied_capabilities(OLD.capabilities)))))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');

REVOKE EXECUTE ON FUNCTION app.agent_capabilities() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.agent_capabilities() TO chenu_agent;

REVOKE EXECUTE ON FUNCTION app.has_capabilities(text[]) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.has_capabilities(text[]) TO chenu_gate;

GRANT EXECUTE ON FUNCTION app.has_capabilities(text[]) TO chenu_threads;

REVOKE EXECUTE ON FUNCTION app.refuse_inactive_agent() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.refuse_inactive_agent() TO chenu_audit;

GRANT EXECUTE ON FUNCTION app.refuse_inactive_agent() TO chenu_threads;

REVOKE EXECUTE ON FUNCTION app.require_capabilities(text[]) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION app.require_capabilities(text[]) TO chenu_gate;

GRANT EXECUTE ON FUNCTION app.require_capabilities(text[]) TO chenu_threads;

GRANT SELECT (id, created_by, created_at, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere, before, after, details, checkpoint_id, request_id, client_request_id, traceparent, db_role, content_salt, content_digest) ON public.audit_logs TO chenu_agent;

GRANT SELECT (id, created_by, sphere) ON public.threads TO chenu_gate;

COMMENT ON COLUMN "public"."team_agents"."capabilities" IS 'Capabilities of the agent: the tags of the operations that it may call. A tag with `:read`, such as `business:read`, allows only operations that read.';

DROP FUNCTION app.refuse_ended_agent();
