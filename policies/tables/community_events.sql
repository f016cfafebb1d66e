-- Code generated from ent/schema. DO NOT EDIT.
--
-- community_events: Contacts answer the invitation to a community event. The database enforces its capacity.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate sensitive: an event in a public group is as public as its group.
--   Also while public.community_groups has a row with id = this group_id and visibility = 'public'

ALTER TABLE community_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE community_events FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON community_events FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON community_events FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON community_events FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON community_events FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON community_events FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON community_events FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON community_events FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON community_events FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON community_events FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY derive_select ON community_events FOR SELECT TO chenu_derive
    USING (current_user = 'chenu_derive');
CREATE POLICY derive_update ON community_events FOR UPDATE TO chenu_derive
    USING (current_user = 'chenu_derive')
    WITH CHECK (current_user = 'chenu_derive');
CREATE POLICY gate_select ON community_events FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON community_events FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON community_events FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON community_events
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER members AFTER UPDATE OR DELETE ON community_events
    FOR EACH ROW EXECUTE FUNCTION app.derive_members();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON community_events
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert_through AFTER INSERT ON community_events
    FOR EACH ROW WHEN (NEW.group_id IS NOT NULL)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');
CREATE TRIGGER approve_update_through AFTER UPDATE ON community_events
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.group_id, OLD.title, OLD.description, OLD.starts_at, OLD.ends_at, OLD.time_zone, OLD.location, OLD.online_url, OLD.capacity, OLD.status) IS DISTINCT FROM ROW(NEW.group_id, NEW.title, NEW.description, NEW.starts_at, NEW.ends_at, NEW.time_zone, NEW.location, NEW.online_url, NEW.capacity, NEW.status) AND num_nonnulls(OLD.group_id, NEW.group_id) > 0)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');
CREATE TRIGGER approve_delete_through AFTER DELETE ON community_events
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND OLD.group_id IS NOT NULL)
    EXECUTE FUNCTION app.gate('sensitive', 'community_event', 'community', 'created_by', '{"through":{"column":"group_id","table":"public.community_groups","key":"id","condition":"visibility = ''public''","lock":true},"references":[{"column":"group_id","table":"public.community_groups","resource_type":"community_group","shows":["name","visibility"]}]}', 'group_id', 'title', 'description', 'starts_at', 'ends_at', 'time_zone', 'location', 'online_url', 'capacity', 'status');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON community_events
    FOR EACH ROW EXECUTE FUNCTION app.audit('community_event', 'created_by', 'community');

GRANT SELECT ON community_events TO chenu_human;
GRANT INSERT (id, created_by, group_id, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status) ON community_events TO chenu_human;
GRANT UPDATE (group_id, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status) ON community_events TO chenu_human;
GRANT DELETE ON community_events TO chenu_human;
GRANT SELECT ON community_events TO chenu_agent;
GRANT INSERT (id, created_by, group_id, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status) ON community_events TO chenu_agent;
GRANT UPDATE (group_id, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status) ON community_events TO chenu_agent;
GRANT DELETE ON community_events TO chenu_agent;
GRANT SELECT ON community_events TO chenu_auditor;
GRANT SELECT (id, created_by, group_id, capacity, going_count, maybe_count, declined_count) ON community_events TO chenu_derive;
GRANT UPDATE (going_count, maybe_count, declined_count) ON community_events TO chenu_derive;
GRANT SELECT (id, created_by, version, group_id, title, description, starts_at, ends_at, time_zone, location, online_url, capacity, status) ON community_events TO chenu_gate;
GRANT SELECT (created_by) ON community_events TO chenu_erase;
GRANT DELETE ON community_events TO chenu_erase;
