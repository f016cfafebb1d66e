-- Code generated from ent/schema. DO NOT EDIT.
--
-- team_tasks: A team task is assigned by a human to exactly one team member or agent.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, update.
-- No gate: only a human assigns it (Rule #4), and its assignee reports on it.

ALTER TABLE team_tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_tasks FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON team_tasks FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON team_tasks FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON team_tasks FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON team_tasks FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON team_tasks FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON team_tasks FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON team_tasks FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY gate_select ON team_tasks FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_update ON team_tasks FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON team_tasks FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON team_tasks FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON team_tasks
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER assign BEFORE INSERT OR UPDATE ON team_tasks
    FOR EACH ROW EXECUTE FUNCTION app.assign();
CREATE TRIGGER complete BEFORE INSERT OR UPDATE ON team_tasks
    FOR EACH ROW EXECUTE FUNCTION app.complete();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON team_tasks
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON team_tasks
    FOR EACH ROW EXECUTE FUNCTION app.audit('team_task', 'created_by', 'my_team');

GRANT SELECT ON team_tasks TO chenu_human;
GRANT INSERT (id, created_by, title, description, status, priority, member_id, agent_id, due_at, result) ON team_tasks TO chenu_human;
GRANT UPDATE (title, description, status, priority, member_id, agent_id, due_at, result) ON team_tasks TO chenu_human;
GRANT DELETE ON team_tasks TO chenu_human;
GRANT SELECT ON team_tasks TO chenu_agent;
GRANT UPDATE (status, result) ON team_tasks TO chenu_agent;
GRANT SELECT ON team_tasks TO chenu_auditor;
GRANT SELECT (created_by, agent_id, status) ON team_tasks TO chenu_gate;
GRANT UPDATE (status) ON team_tasks TO chenu_gate;
GRANT SELECT (created_by) ON team_tasks TO chenu_erase;
GRANT DELETE ON team_tasks TO chenu_erase;
