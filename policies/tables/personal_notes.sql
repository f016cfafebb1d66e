-- Code generated from ent/schema. DO NOT EDIT.
--
-- personal_notes: A personal note has a text, a folder and tags.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is private.

ALTER TABLE personal_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE personal_notes FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON personal_notes FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON personal_notes FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON personal_notes FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON personal_notes FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON personal_notes FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON personal_notes FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON personal_notes FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON personal_notes FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON personal_notes FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON personal_notes FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON personal_notes FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON personal_notes
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON personal_notes
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON personal_notes
    FOR EACH ROW EXECUTE FUNCTION app.audit('note', 'created_by', 'personal', 'search');

GRANT SELECT ON personal_notes TO chenu_human;
GRANT INSERT (id, created_by, title, content, folder, tags, pinned) ON personal_notes TO chenu_human;
GRANT UPDATE (title, content, folder, tags, pinned) ON personal_notes TO chenu_human;
GRANT DELETE ON personal_notes TO chenu_human;
GRANT SELECT ON personal_notes TO chenu_agent;
GRANT INSERT (id, created_by, title, content, folder, tags, pinned) ON personal_notes TO chenu_agent;
GRANT UPDATE (title, content, folder, tags, pinned) ON personal_notes TO chenu_agent;
GRANT DELETE ON personal_notes TO chenu_agent;
GRANT SELECT ON personal_notes TO chenu_auditor;
GRANT SELECT (created_by) ON personal_notes TO chenu_erase;
GRANT DELETE ON personal_notes TO chenu_erase;
