-- Code generated from ent/schema. DO NOT EDIT.
--
-- creative_projects: A creative project is a collection of creative assets.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is a private collection.

ALTER TABLE creative_projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE creative_projects FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON creative_projects FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON creative_projects FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON creative_projects FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON creative_projects FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON creative_projects FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON creative_projects FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON creative_projects FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON creative_projects FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON creative_projects FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON creative_projects FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON creative_projects FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON creative_projects
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON creative_projects
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON creative_projects
    FOR EACH ROW EXECUTE FUNCTION app.audit('creative_project', 'created_by', 'creative_studio');

GRANT SELECT ON creative_projects TO chenu_human;
GRANT INSERT (id, created_by, name, description, status, cover_asset_id) ON creative_projects TO chenu_human;
GRANT UPDATE (name, description, status, cover_asset_id) ON creative_projects TO chenu_human;
GRANT DELETE ON creative_projects TO chenu_human;
GRANT SELECT ON creative_projects TO chenu_agent;
GRANT INSERT (id, created_by, name, description, status, cover_asset_id) ON creative_projects TO chenu_agent;
GRANT UPDATE (name, description, status, cover_asset_id) ON creative_projects TO chenu_agent;
GRANT DELETE ON creative_projects TO chenu_agent;
GRANT SELECT ON creative_projects TO chenu_auditor;
GRANT SELECT (created_by) ON creative_projects TO chenu_erase;
GRANT DELETE ON creative_projects TO chenu_erase;
