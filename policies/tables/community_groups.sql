-- Code generated from ent/schema. DO NOT EDIT.
--
-- community_groups: A community group has settings and rules, and holds events.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate sensitive: what is public is meant for others to see, and a group becomes public together with its events.
--   States: visibility = 'public'

ALTER TABLE community_groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE community_groups FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON community_groups FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON community_groups FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON community_groups FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON community_groups FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON community_groups FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON community_groups FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON community_groups FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON community_groups FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON community_groups FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY derive_select ON community_groups FOR SELECT TO chenu_derive
    USING (current_user = 'chenu_derive');
CREATE POLICY derive_update ON community_groups FOR UPDATE TO chenu_derive
    USING (current_user = 'chenu_derive')
    WITH CHECK (current_user = 'chenu_derive');
CREATE POLICY gate_select ON community_groups FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_update ON community_groups FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON community_groups FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON community_groups FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON community_groups
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON community_groups
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON community_groups
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","description","starts_at","ends_at","time_zone","location","online_url","capacity","status"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');
CREATE TRIGGER approve_update AFTER UPDATE ON community_groups
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.description, OLD.kind, OLD.visibility, OLD.settings, OLD.rules) IS DISTINCT FROM ROW(NEW.name, NEW.description, NEW.kind, NEW.visibility, NEW.settings, NEW.rules) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","description","starts_at","ends_at","time_zone","location","online_url","capacity","status"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');
CREATE TRIGGER approve_delete AFTER DELETE ON community_groups
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'community_group', 'community', 'created_by', '{"state":"((r.visibility = ''public''))","contents":[{"table":"public.community_events","column":"group_id","resource_type":"community_event","shows":["title","description","starts_at","ends_at","time_zone","location","online_url","capacity","status"]}]}', 'name', 'description', 'kind', 'visibility', 'settings', 'rules');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON community_groups
    FOR EACH ROW EXECUTE FUNCTION app.audit('community_group', 'created_by', 'community');

GRANT SELECT ON community_groups TO chenu_human;
GRANT INSERT (id, created_by, name, description, kind, visibility, settings, rules) ON community_groups TO chenu_human;
GRANT UPDATE (name, description, kind, visibility, settings, rules) ON community_groups TO chenu_human;
GRANT DELETE ON community_groups TO chenu_human;
GRANT SELECT ON community_groups TO chenu_agent;
GRANT INSERT (id, created_by, name, description, kind, visibility, settings, rules) ON community_groups TO chenu_agent;
GRANT UPDATE (name, description, kind, visibility, settings, rules) ON community_groups TO chenu_agent;
GRANT DELETE ON community_groups TO chenu_agent;
GRANT SELECT ON community_groups TO chenu_auditor;
GRANT SELECT (id, created_by, member_count) ON community_groups TO chenu_derive;
GRANT UPDATE (member_count) ON community_groups TO chenu_derive;
GRANT SELECT (id, created_by, version, name, visibility) ON community_groups TO chenu_gate;
GRANT UPDATE (id) ON community_groups TO chenu_gate;
GRANT SELECT (created_by) ON community_groups TO chenu_erase;
GRANT DELETE ON community_groups TO chenu_erase;
