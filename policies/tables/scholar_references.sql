-- Code generated from ent/schema. DO NOT EDIT.
--
-- scholar_references: A reference describes a published work.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is a private record of a published work.

ALTER TABLE scholar_references ENABLE ROW LEVEL SECURITY;
ALTER TABLE scholar_references FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON scholar_references FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON scholar_references FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON scholar_references FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON scholar_references FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON scholar_references FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON scholar_references FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON scholar_references FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON scholar_references FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON scholar_references FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON scholar_references FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON scholar_references FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON scholar_references
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON scholar_references
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON scholar_references
    FOR EACH ROW EXECUTE FUNCTION app.audit('reference', 'created_by', 'scholar', 'search');

GRANT SELECT ON scholar_references TO chenu_human;
GRANT INSERT (id, created_by, title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key) ON scholar_references TO chenu_human;
GRANT UPDATE (title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key) ON scholar_references TO chenu_human;
GRANT DELETE ON scholar_references TO chenu_human;
GRANT SELECT ON scholar_references TO chenu_agent;
GRANT INSERT (id, created_by, title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key) ON scholar_references TO chenu_agent;
GRANT UPDATE (title, authors, year, kind, container_title, volume, issue, pages, doi, url, abstract, citation_key) ON scholar_references TO chenu_agent;
GRANT DELETE ON scholar_references TO chenu_agent;
GRANT SELECT ON scholar_references TO chenu_auditor;
GRANT SELECT (created_by) ON scholar_references TO chenu_erase;
GRANT DELETE ON scholar_references TO chenu_erase;
