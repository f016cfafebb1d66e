-- Code generated from ent/schema. DO NOT EDIT.
--
-- social_schedules: A social schedule plans the publication of a post on a platform.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate sensitive: a schedule publishes a post, and reports that it was published; an agent may cancel one alone.
--   States for agents: status IN ('scheduled', 'published')
--   Free to change: attempts, last_error
--   Free to leave: status = 'scheduled'

ALTER TABLE social_schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE social_schedules FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON social_schedules FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON social_schedules FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON social_schedules FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON social_schedules FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON social_schedules FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON social_schedules FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON social_schedules FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON social_schedules FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'social' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON social_schedules FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY gate_select ON social_schedules FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON social_schedules FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON social_schedules FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON social_schedules
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER lock_post BEFORE INSERT OR UPDATE OF status ON social_schedules
    FOR EACH ROW EXECUTE FUNCTION app.lock_scheduled_post();
CREATE TRIGGER refuse_past BEFORE INSERT OR UPDATE OF scheduled_at ON social_schedules
    FOR EACH ROW EXECUTE FUNCTION app.refuse_past();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON social_schedules
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON social_schedules
    FOR EACH ROW WHEN ((app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))))
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","reply_to_id","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');
CREATE TRIGGER approve_update AFTER UPDATE ON social_schedules
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.post_id, OLD.platform, OLD.scheduled_at, OLD.status, OLD.external_id) IS DISTINCT FROM ROW(NEW.post_id, NEW.platform, NEW.scheduled_at, NEW.status, NEW.external_id) AND ((app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))) AND ((app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) IS NOT TRUE OR ROW(OLD.post_id, OLD.platform, OLD.scheduled_at, OLD.status, OLD.external_id) IS DISTINCT FROM ROW(NEW.post_id, NEW.platform, NEW.scheduled_at, NEW.status, NEW.external_id)) OR (app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) AND (app.actor_kind() <> 'human' AND (NEW.status IN ('scheduled', 'published'))) IS NOT TRUE AND (OLD.status = 'scheduled') IS NOT TRUE))
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","reply_to_id","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');
CREATE TRIGGER approve_delete AFTER DELETE ON social_schedules
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (app.actor_kind() <> 'human' AND (OLD.status IN ('scheduled', 'published'))) AND (OLD.status = 'scheduled') IS NOT TRUE)
    EXECUTE FUNCTION app.gate('sensitive', 'social_schedule', 'social', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''scheduled'', ''published'')))","references":[{"column":"post_id","table":"public.social_posts","resource_type":"social_post","shows":["body","media","visibility","reply_to_id","published_at"],"lock":true}]}', 'post_id', 'platform', 'scheduled_at', 'status', 'attempts', 'last_error', 'external_id');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON social_schedules
    FOR EACH ROW EXECUTE FUNCTION app.audit('social_schedule', 'created_by', 'social');

GRANT SELECT ON social_schedules TO chenu_human;
GRANT INSERT (id, created_by, post_id, platform, scheduled_at, status, attempts, last_error, external_id) ON social_schedules TO chenu_human;
GRANT UPDATE (scheduled_at, status, attempts, last_error, external_id) ON social_schedules TO chenu_human;
GRANT DELETE ON social_schedules TO chenu_human;
GRANT SELECT ON social_schedules TO chenu_agent;
GRANT INSERT (id, created_by, post_id, platform, scheduled_at, status, attempts, last_error, external_id) ON social_schedules TO chenu_agent;
GRANT UPDATE (scheduled_at, status, attempts, last_error, external_id) ON social_schedules TO chenu_agent;
GRANT DELETE ON social_schedules TO chenu_agent;
GRANT SELECT ON social_schedules TO chenu_auditor;
GRANT SELECT (id, created_by, post_id, status) ON social_schedules TO chenu_gate;
GRANT SELECT (created_by) ON social_schedules TO chenu_erase;
GRANT DELETE ON social_schedules TO chenu_erase;
