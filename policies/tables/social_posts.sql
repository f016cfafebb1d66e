-- Code generated from ent/schema. DO NOT EDIT.
--
-- social_posts: Social posts are listed in the order of time and are never ranked.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate sensitive: a published post speaks for its owner, and a scheduled one is published as it then is; an agent marks no post as published by itself.
--   States: visibility = 'public' AND published_at IS NOT NULL
--   States for agents: published_at IS NOT NULL
--   Also while public.social_schedules has a row with post_id = this id and status = 'scheduled'

ALTER TABLE social_posts ENABLE ROW LEVEL SECURITY;
ALTER TABLE social_posts FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON social_posts FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON social_posts FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON social_posts FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON social_posts FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON social_posts FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON social_posts FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON social_posts FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON social_posts FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON social_posts FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY gate_select ON social_posts FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_update ON social_posts FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON social_posts FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON social_posts FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON social_posts
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON social_posts
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON social_posts
    FOR EACH ROW WHEN (((NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (NEW.published_at IS NOT NULL)))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');
CREATE TRIGGER approve_update AFTER UPDATE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.body, OLD.media, OLD.visibility, OLD.thread_id, OLD.reply_to_id, OLD.published_at) IS DISTINCT FROM ROW(NEW.body, NEW.media, NEW.visibility, NEW.thread_id, NEW.reply_to_id, NEW.published_at) AND (((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)) OR ((NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (NEW.published_at IS NOT NULL))))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');
CREATE TRIGGER approve_delete AFTER DELETE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)))
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"state":"((r.visibility = ''public'' AND r.published_at IS NOT NULL) OR app.actor_kind() \u003c\u003e ''human'' AND (r.published_at IS NOT NULL))","references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');
CREATE TRIGGER approve_update_through AFTER UPDATE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND app.actor_kind() <> 'human' AND ROW(OLD.body, OLD.media, OLD.visibility, OLD.thread_id, OLD.reply_to_id, OLD.published_at) IS DISTINCT FROM ROW(NEW.body, NEW.media, NEW.visibility, NEW.thread_id, NEW.reply_to_id, NEW.published_at) AND (((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)) OR ((NEW.visibility = 'public' AND NEW.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (NEW.published_at IS NOT NULL))) IS NOT TRUE)
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"through":{"column":"id","table":"public.social_schedules","key":"post_id","condition":"status = ''scheduled''","agents":true},"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');
CREATE TRIGGER approve_delete_through AFTER DELETE ON social_posts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND app.actor_kind() <> 'human' AND ((OLD.visibility = 'public' AND OLD.published_at IS NOT NULL) OR app.actor_kind() <> 'human' AND (OLD.published_at IS NOT NULL)) IS NOT TRUE)
    EXECUTE FUNCTION app.gate('sensitive', 'social_post', 'social', 'created_by', '{"through":{"column":"id","table":"public.social_schedules","key":"post_id","condition":"status = ''scheduled''","agents":true},"references":[{"column":"reply_to_id","table":"public.social_posts","resource_type":"social_post","shows":["body"]}]}', 'body', 'media', 'visibility', 'thread_id', 'reply_to_id', 'published_at');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON social_posts
    FOR EACH ROW EXECUTE FUNCTION app.audit('social_post', 'created_by', 'social');

GRANT SELECT ON social_posts TO chenu_human;
GRANT INSERT (id, created_by, body, media, visibility, thread_id, reply_to_id, published_at) ON social_posts TO chenu_human;
GRANT UPDATE (body, media, visibility, thread_id, reply_to_id, published_at) ON social_posts TO chenu_human;
GRANT DELETE ON social_posts TO chenu_human;
GRANT SELECT ON social_posts TO chenu_agent;
GRANT INSERT (id, created_by, body, media, visibility, thread_id, reply_to_id, published_at) ON social_posts TO chenu_agent;
GRANT UPDATE (body, media, visibility, thread_id, reply_to_id, published_at) ON social_posts TO chenu_agent;
GRANT DELETE ON social_posts TO chenu_agent;
GRANT SELECT ON social_posts TO chenu_auditor;
GRANT SELECT (id, created_by, version, body, media, visibility, reply_to_id, published_at) ON social_posts TO chenu_gate;
GRANT UPDATE (id) ON social_posts TO chenu_gate;
GRANT SELECT (created_by) ON social_posts TO chenu_erase;
GRANT DELETE ON social_posts TO chenu_erase;
