-- Code generated from ent/schema. DO NOT EDIT.
--
-- creative_assets: A creative asset describes a stored file. For an AI-generated asset, it includes the prompt.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is a private record of a file that is kept elsewhere.

ALTER TABLE creative_assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE creative_assets FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON creative_assets FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON creative_assets FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON creative_assets FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON creative_assets FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON creative_assets FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON creative_assets FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON creative_assets FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON creative_assets FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'creative' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON creative_assets FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON creative_assets FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON creative_assets FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON creative_assets
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON creative_assets
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON creative_assets
    FOR EACH ROW EXECUTE FUNCTION app.audit('creative_asset', 'created_by', 'creative_studio');

GRANT SELECT ON creative_assets TO chenu_human;
GRANT INSERT (id, created_by, name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, project_id, licence) ON creative_assets TO chenu_human;
GRANT UPDATE (name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, project_id, licence) ON creative_assets TO chenu_human;
GRANT DELETE ON creative_assets TO chenu_human;
GRANT SELECT ON creative_assets TO chenu_agent;
GRANT INSERT (id, created_by, name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, project_id, licence) ON creative_assets TO chenu_agent;
GRANT UPDATE (name, kind, uri, media_type, size_bytes, sha256, ai_generated, prompt, negative_prompt, model, parameters, random_seed, project_id, licence) ON creative_assets TO chenu_agent;
GRANT DELETE ON creative_assets TO chenu_agent;
GRANT SELECT ON creative_assets TO chenu_auditor;
GRANT SELECT (created_by) ON creative_assets TO chenu_erase;
GRANT DELETE ON creative_assets TO chenu_erase;
