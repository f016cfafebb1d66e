-- Code generated from ent/schema. DO NOT EDIT.
--
-- business_projects: A project of the business has a progress and a budget.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is a private plan: its budget spends nothing.

ALTER TABLE business_projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE business_projects FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON business_projects FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON business_projects FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON business_projects FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON business_projects FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON business_projects FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON business_projects FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON business_projects FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON business_projects FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON business_projects FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON business_projects FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON business_projects FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON business_projects
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON business_projects
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON business_projects
    FOR EACH ROW EXECUTE FUNCTION app.audit('project', 'created_by', 'business');

GRANT SELECT ON business_projects TO chenu_human;
GRANT INSERT (id, created_by, name, description, status, starts_on, ends_on, budget, currency, progress, contact_id) ON business_projects TO chenu_human;
GRANT UPDATE (name, description, status, starts_on, ends_on, budget, currency, progress, contact_id) ON business_projects TO chenu_human;
GRANT DELETE ON business_projects TO chenu_human;
GRANT SELECT ON business_projects TO chenu_agent;
GRANT INSERT (id, created_by, name, description, status, starts_on, ends_on, budget, currency, progress, contact_id) ON business_projects TO chenu_agent;
GRANT UPDATE (name, description, status, starts_on, ends_on, budget, currency, progress, contact_id) ON business_projects TO chenu_agent;
GRANT DELETE ON business_projects TO chenu_agent;
GRANT SELECT ON business_projects TO chenu_auditor;
GRANT SELECT (created_by) ON business_projects TO chenu_erase;
GRANT DELETE ON business_projects TO chenu_erase;
