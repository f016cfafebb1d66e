-- Code generated from ent/schema. DO NOT EDIT.
--
-- threads: Lines of thought or work; each row is the projection of its events.
-- Owner: created_by. Humans: select. Agents: select.
-- Gate sensitive: visibility = 'public'.

ALTER TABLE threads ENABLE ROW LEVEL SECURITY;
ALTER TABLE threads FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON threads FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON threads FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY auditor_select ON threads FOR SELECT TO chenu_auditor
    USING (true);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON threads
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON threads
    FOR EACH ROW EXECUTE FUNCTION app.audit('thread', 'created_by', '');

GRANT SELECT ON threads TO chenu_human;
GRANT SELECT ON threads TO chenu_agent;
GRANT SELECT ON threads TO chenu_auditor;
