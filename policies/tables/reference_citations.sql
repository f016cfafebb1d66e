-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.reference_citations: A citation records that one reference cites another.
-- Owner: created_by. Humans: select, insert, delete. Agents: select, insert, delete.
-- No gate: it is a private link between two records.

ALTER TABLE app.reference_citations ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.reference_citations FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON app.reference_citations FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON app.reference_citations FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON app.reference_citations FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON app.reference_citations FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON app.reference_citations FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON app.reference_citations FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON app.reference_citations FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON app.reference_citations FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.reference_citations FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.reference_citations
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.reference_citations
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.reference_citations
    FOR EACH ROW EXECUTE FUNCTION app.audit('reference_citation', 'created_by', 'scholar');

GRANT SELECT ON app.reference_citations TO chenu_human;
GRANT INSERT (id, created_by, citing_id, cited_id, locator) ON app.reference_citations TO chenu_human;
GRANT DELETE ON app.reference_citations TO chenu_human;
GRANT SELECT ON app.reference_citations TO chenu_agent;
GRANT INSERT (id, created_by, citing_id, cited_id, locator) ON app.reference_citations TO chenu_agent;
GRANT DELETE ON app.reference_citations TO chenu_agent;
GRANT SELECT ON app.reference_citations TO chenu_auditor;
GRANT SELECT (created_by) ON app.reference_citations TO chenu_erase;
GRANT DELETE ON app.reference_citations TO chenu_erase;
