-- Code generated from ent/schema. DO NOT EDIT.
--
-- entertainment_stream_history: A stream history entry records content that was played. The history is append-only.
-- Owner: created_by. Humans: select, insert. Agents: select, insert.
-- No gate: it is a private record, and never changes.

ALTER TABLE entertainment_stream_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE entertainment_stream_history FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON entertainment_stream_history FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON entertainment_stream_history FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON entertainment_stream_history FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON entertainment_stream_history FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON entertainment_stream_history FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON entertainment_stream_history FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON entertainment_stream_history FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON entertainment_stream_history
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON entertainment_stream_history
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON entertainment_stream_history
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON entertainment_stream_history
    FOR EACH ROW EXECUTE FUNCTION app.audit('stream_history', 'created_by', 'entertainment');

GRANT SELECT ON entertainment_stream_history TO chenu_human;
GRANT INSERT (id, created_by, content_id, content_type, title, started_at, watched_seconds, duration_seconds, device) ON entertainment_stream_history TO chenu_human;
GRANT SELECT ON entertainment_stream_history TO chenu_agent;
GRANT INSERT (id, created_by, content_id, content_type, title, started_at, watched_seconds, duration_seconds, device) ON entertainment_stream_history TO chenu_agent;
GRANT SELECT ON entertainment_stream_history TO chenu_auditor;
GRANT SELECT (created_by) ON entertainment_stream_history TO chenu_erase;
GRANT DELETE ON entertainment_stream_history TO chenu_erase;
