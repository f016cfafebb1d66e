-- Code generated from ent/schema. DO NOT EDIT.
--
-- personal_tasks: A personal task has a status, a priority and a due date.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is private.

ALTER TABLE personal_tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE personal_tasks FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON personal_tasks FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON personal_tasks FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON personal_tasks FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON personal_tasks FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON personal_tasks FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON personal_tasks FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON personal_tasks FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON personal_tasks FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON personal_tasks FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON personal_tasks FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON personal_tasks FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON personal_tasks
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER complete BEFORE INSERT OR UPDATE ON personal_tasks
    FOR EACH ROW EXECUTE FUNCTION app.complete();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON personal_tasks
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON personal_tasks
    FOR EACH ROW EXECUTE FUNCTION app.audit('task', 'created_by', 'personal');

GRANT SELECT ON personal_tasks TO chenu_human;
GRANT INSERT (id, created_by, title, description, status, priority, due_at, tags) ON personal_tasks TO chenu_human;
GRANT UPDATE (title, description, status, priority, due_at, tags) ON personal_tasks TO chenu_human;
GRANT DELETE ON personal_tasks TO chenu_human;
GRANT SELECT ON personal_tasks TO chenu_agent;
GRANT INSERT (id, created_by, title, description, status, priority, due_at, tags) ON personal_tasks TO chenu_agent;
GRANT UPDATE (title, description, status, priority, due_at, tags) ON personal_tasks TO chenu_agent;
GRANT DELETE ON personal_tasks TO chenu_agent;
GRANT SELECT ON personal_tasks TO chenu_auditor;
GRANT SELECT (created_by) ON personal_tasks TO chenu_erase;
GRANT DELETE ON personal_tasks TO chenu_erase;
