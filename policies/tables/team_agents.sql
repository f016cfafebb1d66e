-- Code generated from ent/schema. DO NOT EDIT.
--
-- team_agents: AI agents that the owner hired, with the trail of their hiring.
-- Owner: created_by. Humans: select, insert, update. Agents: select.
-- Gate governance: status = 'active'.

ALTER TABLE team_agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_agents FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON team_agents FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON team_agents FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON team_agents FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON team_agents FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY auditor_select ON team_agents FOR SELECT TO chenu_auditor
    USING (true);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER hire BEFORE INSERT OR UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.hire();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.audit('hired_agent', 'created_by', 'my_team');

GRANT SELECT ON team_agents TO chenu_human;
GRANT INSERT (id, created_by, name, kind, provider, model, capabilities, status, token_budget) ON team_agents TO chenu_human;
GRANT UPDATE (name, kind, provider, model, capabilities, status, token_budget) ON team_agents TO chenu_human;
GRANT SELECT ON team_agents TO chenu_agent;
GRANT SELECT ON team_agents TO chenu_auditor;
