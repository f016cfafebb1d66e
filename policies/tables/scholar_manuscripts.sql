-- Code generated from ent/schema. DO NOT EDIT.
--
-- scholar_manuscripts: A manuscript consists of sections. The database counts its words.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate governance: a journal decides about the manuscript as it was submitted, and readers rely on it as it was published; drafts and revisions are the authors' own.
--   States: status IN ('submitted', 'accepted', 'published')

ALTER TABLE scholar_manuscripts ENABLE ROW LEVEL SECURITY;
ALTER TABLE scholar_manuscripts FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON scholar_manuscripts FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON scholar_manuscripts FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON scholar_manuscripts FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON scholar_manuscripts FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON scholar_manuscripts FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON scholar_manuscripts FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON scholar_manuscripts FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON scholar_manuscripts FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'scholar' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON scholar_manuscripts FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON scholar_manuscripts FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON scholar_manuscripts FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON scholar_manuscripts
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON scholar_manuscripts
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON scholar_manuscripts
    FOR EACH ROW WHEN (((NEW.status IN ('submitted', 'accepted', 'published'))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');
CREATE TRIGGER approve_update AFTER UPDATE ON scholar_manuscripts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.title, OLD.abstract, OLD.sections, OLD.status, OLD.target_journal, OLD.submitted_at, OLD.co_authors) IS DISTINCT FROM ROW(NEW.title, NEW.abstract, NEW.sections, NEW.status, NEW.target_journal, NEW.submitted_at, NEW.co_authors) AND (((OLD.status IN ('submitted', 'accepted', 'published'))) OR ((NEW.status IN ('submitted', 'accepted', 'published')))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');
CREATE TRIGGER approve_delete AFTER DELETE ON scholar_manuscripts
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status IN ('submitted', 'accepted', 'published'))))
    EXECUTE FUNCTION app.gate('governance', 'manuscript', 'scholar', 'created_by', '{"state":"((r.status IN (''submitted'', ''accepted'', ''published'')))"}', 'title', 'abstract', 'sections', 'status', 'target_journal', 'submitted_at', 'co_authors');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON scholar_manuscripts
    FOR EACH ROW EXECUTE FUNCTION app.audit('manuscript', 'created_by', 'scholar');

GRANT SELECT ON scholar_manuscripts TO chenu_human;
GRANT INSERT (id, created_by, title, abstract, sections, status, target_journal, submitted_at, co_authors) ON scholar_manuscripts TO chenu_human;
GRANT UPDATE (title, abstract, sections, status, target_journal, submitted_at, co_authors) ON scholar_manuscripts TO chenu_human;
GRANT DELETE ON scholar_manuscripts TO chenu_human;
GRANT SELECT ON scholar_manuscripts TO chenu_agent;
GRANT INSERT (id, created_by, title, abstract, sections, status, target_journal, submitted_at, co_authors) ON scholar_manuscripts TO chenu_agent;
GRANT UPDATE (title, abstract, sections, status, target_journal, submitted_at, co_authors) ON scholar_manuscripts TO chenu_agent;
GRANT DELETE ON scholar_manuscripts TO chenu_agent;
GRANT SELECT ON scholar_manuscripts TO chenu_auditor;
GRANT SELECT (created_by) ON scholar_manuscripts TO chenu_erase;
GRANT DELETE ON scholar_manuscripts TO chenu_erase;
