-- Code generated from ent/schema. DO NOT EDIT.
--
-- entertainment_playlists: A playlist is an ordered list of media.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate sensitive: what is public is meant for others to see.
--   States: visibility = 'public'

ALTER TABLE entertainment_playlists ENABLE ROW LEVEL SECURITY;
ALTER TABLE entertainment_playlists FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON entertainment_playlists FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON entertainment_playlists FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON entertainment_playlists FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON entertainment_playlists FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON entertainment_playlists FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON entertainment_playlists FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON entertainment_playlists FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON entertainment_playlists FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'entertainment' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON entertainment_playlists FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON entertainment_playlists FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON entertainment_playlists FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON entertainment_playlists
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON entertainment_playlists
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON entertainment_playlists
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items');
CREATE TRIGGER approve_update AFTER UPDATE ON entertainment_playlists
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.kind, OLD.visibility, OLD.items) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.visibility, NEW.items) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items');
CREATE TRIGGER approve_delete AFTER DELETE ON entertainment_playlists
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'playlist', 'entertainment', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'name', 'kind', 'visibility', 'items');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON entertainment_playlists
    FOR EACH ROW EXECUTE FUNCTION app.audit('playlist', 'created_by', 'entertainment');

GRANT SELECT ON entertainment_playlists TO chenu_human;
GRANT INSERT (id, created_by, name, kind, visibility, items) ON entertainment_playlists TO chenu_human;
GRANT UPDATE (name, kind, visibility, items) ON entertainment_playlists TO chenu_human;
GRANT DELETE ON entertainment_playlists TO chenu_human;
GRANT SELECT ON entertainment_playlists TO chenu_agent;
GRANT INSERT (id, created_by, name, kind, visibility, items) ON entertainment_playlists TO chenu_agent;
GRANT UPDATE (name, kind, visibility, items) ON entertainment_playlists TO chenu_agent;
GRANT DELETE ON entertainment_playlists TO chenu_agent;
GRANT SELECT ON entertainment_playlists TO chenu_auditor;
GRANT SELECT (created_by) ON entertainment_playlists TO chenu_erase;
GRANT DELETE ON entertainment_playlists TO chenu_erase;
