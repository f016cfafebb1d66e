-- Code generated from ent/schema. DO NOT EDIT.
--
-- checkpoints: Requests for a human's approval, each of exactly one action.
-- Owner: created_by. Humans: select. Agents: select.

ALTER TABLE checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE checkpoints FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON checkpoints FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON checkpoints FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY auditor_select ON checkpoints FOR SELECT TO chenu_auditor
    USING (true);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.audit('checkpoint', 'created_by', '');

GRANT SELECT ON checkpoints TO chenu_human;
GRANT SELECT ON checkpoints TO chenu_agent;
GRANT SELECT ON checkpoints TO chenu_auditor;
