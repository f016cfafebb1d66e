-- Code generated from ent/schema. DO NOT EDIT.
--
-- Deletes an identity's rows, and takes the content of those that are kept. All are
-- deleted in one statement, so that it does not matter which refer to which: foreign keys
-- are checked at its end. The audit trail comes last, as it recorded the rest.
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
ALTER FUNCTION app.erase_rows(uuid) OWNER TO chenu_erase;
REVOKE EXECUTE ON FUNCTION app.erase_rows(uuid) FROM PUBLIC;
