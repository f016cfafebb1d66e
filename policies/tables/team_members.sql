-- Code generated from ent/schema. DO NOT EDIT.
--
-- team_members: A team member is a person on the owner's team.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is a private record that grants nothing.

ALTER TABLE team_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_members FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON team_members FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON team_members FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON team_members FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON team_members FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON team_members FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON team_members FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON team_members FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON team_members FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON team_members FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON team_members FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON team_members FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON team_members
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON team_members
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON team_members
    FOR EACH ROW EXECUTE FUNCTION app.audit('team_member', 'created_by', 'my_team');

GRANT SELECT ON team_members TO chenu_human;
GRANT INSERT (id, created_by, name, email, role, status, joined_on) ON team_members TO chenu_human;
GRANT UPDATE (name, email, role, status, joined_on) ON team_members TO chenu_human;
GRANT DELETE ON team_members TO chenu_human;
GRANT SELECT ON team_members TO chenu_agent;
GRANT INSERT (id, created_by, name, email, role, status, joined_on) ON team_members TO chenu_agent;
GRANT UPDATE (name, email, role, status, joined_on) ON team_members TO chenu_agent;
GRANT DELETE ON team_members TO chenu_agent;
GRANT SELECT ON team_members TO chenu_auditor;
GRANT SELECT (created_by) ON team_members TO chenu_erase;
GRANT DELETE ON team_members TO chenu_erase;
