-- Code generated from ent/schema. DO NOT EDIT.
--
-- community_events: Events with the answers to their invitations; never above capacity.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.

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
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_insert ON community_events FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_update ON community_events FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_delete ON community_events FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY auditor_select ON community_events FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY derive_select ON community_events FOR SELECT TO chenu_derive
    USING (current_user = 'chenu_derive');
CREATE POLICY derive_update ON community_events FOR UPDATE TO chenu_derive
    USING (current_user = 'chenu_derive')
    WITH CHECK (current_user = 'chenu_derive');
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
GRANT SELECT (created_by) ON community_events TO chenu_erase;
GRANT DELETE ON community_events TO chenu_erase;
