-- definers alone
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   changed policy erase_delete on app.account_tokens:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.account_tokens:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_delete on app.account_tokens:
--       was chenu_login may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may DELETE rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_insert on app.account_tokens:
--       was chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may INSERT rows that then have ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_select on app.account_tokens:
--       was chenu_login may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may SELECT rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy maintain_delete on app.account_tokens:
--       was chenu_maintain may DELETE rows where (expires_at < clock_timestamp())
--       now chenu_maintain may DELETE rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at < clock_timestamp()))
--   changed policy maintain_select on app.account_tokens:
--       was chenu_maintain may SELECT rows where (expires_at < clock_timestamp())
--       now chenu_maintain may SELECT rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at < clock_timestamp()))
--   changed policy erase_delete on app.agent_credentials:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.agent_credentials:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_select on app.agent_credentials:
--       was chenu_gate may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may SELECT rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_update on app.agent_credentials:
--       was chenu_gate may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may UPDATE rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_insert on app.agent_credentials:
--       was chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may INSERT rows that then have ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_select on app.agent_credentials:
--       was chenu_login may SELECT rows where true
--       now chenu_login may SELECT rows where (CURRENT_USER = 'chenu_login'::name)
--   changed policy login_update on app.agent_credentials:
--       was chenu_login may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may UPDATE rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy derive_select on app.event_rsvps:
--       was chenu_derive may SELECT rows where true
--       now chenu_derive may SELECT rows where (CURRENT_USER = 'chenu_derive'::name)
--   changed policy erase_delete on app.event_rsvps:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.event_rsvps:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy derive_select on app.habit_check_ins:
--       was chenu_derive may SELECT rows where true
--       now chenu_derive may SELECT rows where (CURRENT_USER = 'chenu_derive'::name)
--   changed policy erase_delete on app.habit_check_ins:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.habit_check_ins:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on app.idempotency_keys:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.idempotency_keys:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy maintain_delete on app.idempotency_keys:
--       was chenu_maintain may DELETE rows where (expires_at < clock_timestamp())
--       now chenu_maintain may DELETE rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at < clock_timestamp()))
--   changed policy maintain_select on app.idempotency_keys:
--       was chenu_maintain may SELECT rows where (expires_at < clock_timestamp())
--       now chenu_maintain may SELECT rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at < clock_timestamp()))
--   changed policy login_insert on app.rate_buckets:
--       was chenu_login may INSERT rows that then have true
--       now chenu_login may INSERT rows that then have (CURRENT_USER = 'chenu_login'::name)
--   changed policy login_select on app.rate_buckets:
--       was chenu_login may SELECT rows where true
--       now chenu_login may SELECT rows where (CURRENT_USER = 'chenu_login'::name)
--   changed policy login_update on app.rate_buckets:
--       was chenu_login may UPDATE rows where true
--       now chenu_login may UPDATE rows where (CURRENT_USER = 'chenu_login'::name)
--   changed policy maintain_delete on app.rate_buckets:
--       was chenu_maintain may DELETE rows where (full_at < clock_timestamp())
--       now chenu_maintain may DELETE rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (full_at < clock_timestamp()))
--   changed policy maintain_select on app.rate_buckets:
--       was chenu_maintain may SELECT rows where (full_at < clock_timestamp())
--       now chenu_maintain may SELECT rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (full_at < clock_timestamp()))
--   changed policy maintain_update on app.rate_buckets:
--       was chenu_maintain may UPDATE rows where (full_at < clock_timestamp())
--       now chenu_maintain may UPDATE rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (full_at < clock_timestamp()))
--   changed policy erase_delete on app.reference_citations:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.reference_citations:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on app.refresh_tokens:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.refresh_tokens:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_insert on app.refresh_tokens:
--       was chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may INSERT rows that then have ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_select on app.refresh_tokens:
--       was chenu_login may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may SELECT rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_update on app.refresh_tokens:
--       was chenu_login may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may UPDATE rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy maintain_delete on app.refresh_tokens:
--       was chenu_maintain may DELETE rows where (expires_at < clock_timestamp())
--       now chenu_maintain may DELETE rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at < clock_timestamp()))
--   changed policy maintain_select on app.refresh_tokens:
--       was chenu_maintain may SELECT rows where (expires_at < clock_timestamp())
--       now chenu_maintain may SELECT rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at < clock_timestamp()))
--   changed policy erase_delete on app.sessions:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.sessions:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_insert on app.sessions:
--       was chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may INSERT rows that then have ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_select on app.sessions:
--       was chenu_login may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may SELECT rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_update on app.sessions:
--       was chenu_login may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may UPDATE rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_delete on app.signing_keys:
--       was chenu_login may DELETE rows where true
--       now chenu_login may DELETE rows where (CURRENT_USER = 'chenu_login'::name)
--   changed policy login_insert on app.signing_keys:
--       was chenu_login may INSERT rows that then have true
--       now chenu_login may INSERT rows that then have (CURRENT_USER = 'chenu_login'::name)
--   changed policy login_select on app.signing_keys:
--       was chenu_login may SELECT rows where true
--       now chenu_login may SELECT rows where (CURRENT_USER = 'chenu_login'::name)
--   changed policy login_update on app.signing_keys:
--       was chenu_login may UPDATE rows where true
--       now chenu_login may UPDATE rows where (CURRENT_USER = 'chenu_login'::name)
--   changed policy erase_delete on app.used_assertions:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on app.used_assertions:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_insert on app.used_assertions:
--       was chenu_login may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may INSERT rows that then have ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy maintain_delete on app.used_assertions:
--       was chenu_maintain may DELETE rows where (expires_at < clock_timestamp())
--       now chenu_maintain may DELETE rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at < clock_timestamp()))
--   changed policy maintain_select on app.used_assertions:
--       was chenu_maintain may SELECT rows where (expires_at < clock_timestamp())
--       now chenu_maintain may SELECT rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at < clock_timestamp()))
--   changed policy audit_insert on public.audit_logs:
--       was chenu_audit may INSERT rows that then have true
--       now chenu_audit may INSERT rows that then have (CURRENT_USER = 'chenu_audit'::name)
--   changed policy erase_select on public.audit_logs:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_update on public.audit_logs:
--       was chenu_erase may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may UPDATE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.business_contacts:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.business_contacts:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.business_invoices:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.business_invoices:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.business_projects:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.business_projects:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.checkpoints:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_update on public.checkpoints:
--       was chenu_erase may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may UPDATE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_insert on public.checkpoints:
--       was chenu_gate may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may INSERT rows that then have ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_select on public.checkpoints:
--       was chenu_gate may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may SELECT rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_update on public.checkpoints:
--       was chenu_gate may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may UPDATE rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy maintain_select on public.checkpoints:
--       was chenu_maintain may SELECT rows where (expires_at <= clock_timestamp())
--       now chenu_maintain may SELECT rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at <= clock_timestamp()))
--   changed policy maintain_update on public.checkpoints:
--       was chenu_maintain may UPDATE rows where (expires_at <= clock_timestamp())
--       now chenu_maintain may UPDATE rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (expires_at <= clock_timestamp()))
--   changed policy derive_select on public.community_events:
--       was chenu_derive may SELECT rows where true
--       now chenu_derive may SELECT rows where (CURRENT_USER = 'chenu_derive'::name)
--   changed policy derive_update on public.community_events:
--       was chenu_derive may UPDATE rows where true
--       now chenu_derive may UPDATE rows where (CURRENT_USER = 'chenu_derive'::name)
--   changed policy erase_delete on public.community_events:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.community_events:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy derive_select on public.community_groups:
--       was chenu_derive may SELECT rows where true
--       now chenu_derive may SELECT rows where (CURRENT_USER = 'chenu_derive'::name)
--   changed policy derive_update on public.community_groups:
--       was chenu_derive may UPDATE rows where true
--       now chenu_derive may UPDATE rows where (CURRENT_USER = 'chenu_derive'::name)
--   changed policy erase_delete on public.community_groups:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.community_groups:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.creative_assets:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.creative_assets:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.creative_projects:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.creative_projects:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.entertainment_playlists:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.entertainment_playlists:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.entertainment_stream_history:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.entertainment_stream_history:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.government_clinical_trials:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.government_clinical_trials:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.government_compliance:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.government_compliance:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.identities:
--       was chenu_erase may SELECT rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_update on public.identities:
--       was chenu_erase may UPDATE rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may UPDATE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_update on public.identities:
--       was chenu_login may UPDATE rows where (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may UPDATE rows where ((CURRENT_USER = 'chenu_login'::name) AND (id = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy derive_select on public.personal_habits:
--       was chenu_derive may SELECT rows where true
--       now chenu_derive may SELECT rows where (CURRENT_USER = 'chenu_derive'::name)
--   changed policy derive_update on public.personal_habits:
--       was chenu_derive may UPDATE rows where true
--       now chenu_derive may UPDATE rows where (CURRENT_USER = 'chenu_derive'::name)
--   changed policy erase_delete on public.personal_habits:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.personal_habits:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.personal_notes:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.personal_notes:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.personal_tasks:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.personal_tasks:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.scholar_manuscripts:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.scholar_manuscripts:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.scholar_references:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.scholar_references:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.social_posts:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.social_posts:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.social_schedules:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.social_schedules:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.team_agents:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.team_agents:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_select on public.team_agents:
--       was chenu_gate may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may SELECT rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_update on public.team_agents:
--       was chenu_gate may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may UPDATE rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy login_select on public.team_agents:
--       was chenu_login may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_login may SELECT rows where ((CURRENT_USER = 'chenu_login'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.team_members:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.team_members:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_delete on public.team_tasks:
--       was chenu_erase may DELETE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may DELETE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.team_tasks:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_select on public.team_tasks:
--       was chenu_gate may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may SELECT rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy gate_update on public.team_tasks:
--       was chenu_gate may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_gate may UPDATE rows where ((CURRENT_USER = 'chenu_gate'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.thread_events:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_update on public.thread_events:
--       was chenu_erase may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may UPDATE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy maintain_insert on public.thread_events:
--       was chenu_maintain may INSERT rows that then have ((checkpoint_id IS NOT NULL) AND (CURRENT_USER = 'chenu_maintain'::name))
--       now chenu_maintain may INSERT rows that then have ((CURRENT_USER = 'chenu_maintain'::name) AND (checkpoint_id IS NOT NULL))
--   changed policy maintain_select on public.thread_events:
--       was chenu_maintain may SELECT rows where ((checkpoint_id IS NOT NULL) AND (CURRENT_USER = 'chenu_maintain'::name))
--       now chenu_maintain may SELECT rows where ((CURRENT_USER = 'chenu_maintain'::name) AND (checkpoint_id IS NOT NULL))
--   changed policy threads_insert on public.thread_events:
--       was chenu_threads may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_threads may INSERT rows that then have ((CURRENT_USER = 'chenu_threads'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy threads_select on public.thread_events:
--       was chenu_threads may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_threads may SELECT rows where ((CURRENT_USER = 'chenu_threads'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_select on public.threads:
--       was chenu_erase may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may SELECT rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy erase_update on public.threads:
--       was chenu_erase may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_erase may UPDATE rows where ((CURRENT_USER = 'chenu_erase'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy threads_insert on public.threads:
--       was chenu_threads may INSERT rows that then have (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_threads may INSERT rows that then have ((CURRENT_USER = 'chenu_threads'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy threads_select on public.threads:
--       was chenu_threads may SELECT rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_threads may SELECT rows where ((CURRENT_USER = 'chenu_threads'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
--   changed policy threads_update on public.threads:
--       was chenu_threads may UPDATE rows where (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid)
--       now chenu_threads may UPDATE rows where ((CURRENT_USER = 'chenu_threads'::name) AND (created_by = (NULLIF(current_setting('app.identity_id'::text, true), ''::text))::uuid))
-- Locks, held until commit:
--   app.account_tokens: ACCESS EXCLUSIVE (reads and writes wait)
--   app.agent_credentials: ACCESS EXCLUSIVE (reads and writes wait)
--   app.event_rsvps: ACCESS EXCLUSIVE (reads and writes wait)
--   app.habit_check_ins: ACCESS EXCLUSIVE (reads and writes wait)
--   app.idempotency_keys: ACCESS EXCLUSIVE (reads and writes wait)
--   app.rate_buckets: ACCESS EXCLUSIVE (reads and writes wait)
--   app.reference_citations: ACCESS EXCLUSIVE (reads and writes wait)
--   app.refresh_tokens: ACCESS EXCLUSIVE (reads and writes wait)
--   app.sessions: ACCESS EXCLUSIVE (reads and writes wait)
--   app.signing_keys: ACCESS EXCLUSIVE (reads and writes wait)
--   app.used_assertions: ACCESS EXCLUSIVE (reads and writes wait)
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

-- Locks app.account_tokens: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON app.account_tokens
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.account_tokens
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_delete ON app.account_tokens
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_insert ON app.account_tokens
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_select ON app.account_tokens
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY maintain_delete ON app.account_tokens
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());

ALTER POLICY maintain_select ON app.account_tokens
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());

-- Locks app.agent_credentials: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON app.agent_credentials
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.agent_credentials
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_select ON app.agent_credentials
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_update ON app.agent_credentials
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_insert ON app.agent_credentials
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_select ON app.agent_credentials
    USING (current_user = 'chenu_login');

ALTER POLICY login_update ON app.agent_credentials
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.event_rsvps: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY derive_select ON app.event_rsvps
    USING (current_user = 'chenu_derive');

ALTER POLICY erase_delete ON app.event_rsvps
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.event_rsvps
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.habit_check_ins: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY derive_select ON app.habit_check_ins
    USING (current_user = 'chenu_derive');

ALTER POLICY erase_delete ON app.habit_check_ins
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.habit_check_ins
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.idempotency_keys: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON app.idempotency_keys
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.idempotency_keys
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY maintain_delete ON app.idempotency_keys
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());

ALTER POLICY maintain_select ON app.idempotency_keys
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());

-- Locks app.rate_buckets: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY login_insert ON app.rate_buckets
    WITH CHECK (current_user = 'chenu_login');

ALTER POLICY login_select ON app.rate_buckets
    USING (current_user = 'chenu_login');

ALTER POLICY login_update ON app.rate_buckets
    USING (current_user = 'chenu_login')
    WITH CHECK (current_user = 'chenu_login');

ALTER POLICY maintain_delete ON app.rate_buckets
    USING (current_user = 'chenu_maintain' AND full_at < clock_timestamp());

ALTER POLICY maintain_select ON app.rate_buckets
    USING (current_user = 'chenu_maintain' AND full_at < clock_timestamp());

ALTER POLICY maintain_update ON app.rate_buckets
    USING (current_user = 'chenu_maintain' AND full_at < clock_timestamp())
    WITH CHECK (current_user = 'chenu_maintain' AND full_at < clock_timestamp());

-- Locks app.reference_citations: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON app.reference_citations
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.reference_citations
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.refresh_tokens: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON app.refresh_tokens
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.refresh_tokens
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_insert ON app.refresh_tokens
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_select ON app.refresh_tokens
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_update ON app.refresh_tokens
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY maintain_delete ON app.refresh_tokens
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());

ALTER POLICY maintain_select ON app.refresh_tokens
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());

-- Locks app.sessions: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON app.sessions
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.sessions
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_insert ON app.sessions
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_select ON app.sessions
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_update ON app.sessions
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks app.signing_keys: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY login_delete ON app.signing_keys
    USING (current_user = 'chenu_login');

ALTER POLICY login_insert ON app.signing_keys
    WITH CHECK (current_user = 'chenu_login');

ALTER POLICY login_select ON app.signing_keys
    USING (current_user = 'chenu_login');

ALTER POLICY login_update ON app.signing_keys
    USING (current_user = 'chenu_login')
    WITH CHECK (current_user = 'chenu_login');

-- Locks app.used_assertions: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON app.used_assertions
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON app.used_assertions
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_insert ON app.used_assertions
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY maintain_delete ON app.used_assertions
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());

ALTER POLICY maintain_select ON app.used_assertions
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());

-- Locks public.audit_logs: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY audit_insert ON public.audit_logs
    WITH CHECK (current_user = 'chenu_audit');

ALTER POLICY erase_select ON public.audit_logs
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_update ON public.audit_logs
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.business_contacts
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.business_contacts
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_invoices: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.business_invoices
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.business_invoices
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.business_projects: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.business_projects
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.business_projects
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.checkpoints: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_select ON public.checkpoints
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_update ON public.checkpoints
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_insert ON public.checkpoints
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_select ON public.checkpoints
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_update ON public.checkpoints
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY maintain_select ON public.checkpoints
    USING (current_user = 'chenu_maintain' AND expires_at <= clock_timestamp());

ALTER POLICY maintain_update ON public.checkpoints
    USING (current_user = 'chenu_maintain' AND expires_at <= clock_timestamp())
    WITH CHECK (current_user = 'chenu_maintain' AND expires_at <= clock_timestamp());

-- Locks public.community_events: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY derive_select ON public.community_events
    USING (current_user = 'chenu_derive');

ALTER POLICY derive_update ON public.community_events
    USING (current_user = 'chenu_derive')
    WITH CHECK (current_user = 'chenu_derive');

ALTER POLICY erase_delete ON public.community_events
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.community_events
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.community_groups: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY derive_select ON public.community_groups
    USING (current_user = 'chenu_derive');

ALTER POLICY derive_update ON public.community_groups
    USING (current_user = 'chenu_derive')
    WITH CHECK (current_user = 'chenu_derive');

ALTER POLICY erase_delete ON public.community_groups
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.community_groups
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.creative_assets: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.creative_assets
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.creative_assets
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.creative_projects: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.creative_projects
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.creative_projects
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.entertainment_playlists: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.entertainment_playlists
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.entertainment_playlists
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.entertainment_stream_history: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.entertainment_stream_history
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.entertainment_stream_history
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.government_clinical_trials: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.government_clinical_trials
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.government_clinical_trials
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.government_compliance: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.government_compliance
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.government_compliance
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.identities: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_select ON public.identities
    USING (current_user = 'chenu_erase' AND id = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_update ON public.identities
    USING (current_user = 'chenu_erase' AND id = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND id = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_update ON public.identities
    USING (current_user = 'chenu_login' AND id = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND id = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.personal_habits: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY derive_select ON public.personal_habits
    USING (current_user = 'chenu_derive');

ALTER POLICY derive_update ON public.personal_habits
    USING (current_user = 'chenu_derive')
    WITH CHECK (current_user = 'chenu_derive');

ALTER POLICY erase_delete ON public.personal_habits
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.personal_habits
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.personal_notes: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.personal_notes
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.personal_notes
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.personal_tasks: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.personal_tasks
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.personal_tasks
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.scholar_manuscripts: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.scholar_manuscripts
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.scholar_manuscripts
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.scholar_references: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.scholar_references
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.scholar_references
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.social_posts: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.social_posts
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.social_posts
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.social_schedules: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.social_schedules
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.social_schedules
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.team_agents: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.team_agents
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.team_agents
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_select ON public.team_agents
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_update ON public.team_agents
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY login_select ON public.team_agents
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.team_members: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.team_members
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.team_members
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.team_tasks: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_delete ON public.team_tasks
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_select ON public.team_tasks
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_select ON public.team_tasks
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY gate_update ON public.team_tasks
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.thread_events: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_select ON public.thread_events
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_update ON public.thread_events
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY maintain_insert ON public.thread_events
    WITH CHECK (current_user = 'chenu_maintain' AND checkpoint_id IS NOT NULL);

ALTER POLICY maintain_select ON public.thread_events
    USING (current_user = 'chenu_maintain' AND checkpoint_id IS NOT NULL);

ALTER POLICY threads_insert ON public.thread_events
    WITH CHECK (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY threads_select ON public.thread_events
    USING (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

-- Locks public.threads: ACCESS EXCLUSIVE (reads and writes wait).
ALTER POLICY erase_select ON public.threads
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY erase_update ON public.threads
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY threads_insert ON public.threads
    WITH CHECK (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY threads_select ON public.threads
    USING (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

ALTER POLICY threads_update ON public.threads
    USING (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
