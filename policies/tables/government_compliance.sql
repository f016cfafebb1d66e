-- Code generated from ent/schema. DO NOT EDIT.
--
-- government_compliance: A compliance item is a licence, permit or other obligation towards an authority, with an expiry date.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate governance: it states that the owner complies or need not; a human may state that alone, an agent may not.
--   States for agents: status IN ('active', 'waived')

ALTER TABLE government_compliance ENABLE ROW LEVEL SECURITY;
ALTER TABLE government_compliance FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON government_compliance FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON government_compliance FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON government_compliance FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON government_compliance FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON government_compliance FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON government_compliance FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON government_compliance FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON government_compliance FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON government_compliance FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON government_compliance FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON government_compliance FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON government_compliance
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON government_compliance
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON government_compliance
    FOR EACH ROW WHEN ((app.actor_kind() <> 'human' AND (NEW.status IN ('active', 'waived'))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');
CREATE TRIGGER approve_update AFTER UPDATE ON government_compliance
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.regulation, OLD.authority, OLD.identifier, OLD.status, OLD.effective_on, OLD.expires_on, OLD.evidence) IS DISTINCT FROM ROW(NEW.name, NEW.regulation, NEW.authority, NEW.identifier, NEW.status, NEW.effective_on, NEW.expires_on, NEW.evidence) AND ((app.actor_kind() <> 'human' AND (OLD.status IN ('active', 'waived'))) OR (app.actor_kind() <> 'human' AND (NEW.status IN ('active', 'waived')))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');
CREATE TRIGGER approve_delete AFTER DELETE ON government_compliance
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND (app.actor_kind() <> 'human' AND (OLD.status IN ('active', 'waived'))))
    EXECUTE FUNCTION app.gate('governance', 'compliance_item', 'government', 'created_by', '{"state":"(app.actor_kind() \u003c\u003e ''human'' AND (r.status IN (''active'', ''waived'')))"}', 'name', 'regulation', 'authority', 'identifier', 'status', 'effective_on', 'expires_on', 'evidence');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON government_compliance
    FOR EACH ROW EXECUTE FUNCTION app.audit('compliance_item', 'created_by', 'government');

GRANT SELECT ON government_compliance TO chenu_human;
GRANT INSERT (id, created_by, name, regulation, authority, identifier, status, effective_on, expires_on, evidence) ON government_compliance TO chenu_human;
GRANT UPDATE (name, regulation, authority, identifier, status, effective_on, expires_on, evidence) ON government_compliance TO chenu_human;
GRANT DELETE ON government_compliance TO chenu_human;
GRANT SELECT ON government_compliance TO chenu_agent;
GRANT INSERT (id, created_by, name, regulation, authority, identifier, status, effective_on, expires_on, evidence) ON government_compliance TO chenu_agent;
GRANT UPDATE (name, regulation, authority, identifier, status, effective_on, expires_on, evidence) ON government_compliance TO chenu_agent;
GRANT DELETE ON government_compliance TO chenu_agent;
GRANT SELECT ON government_compliance TO chenu_auditor;
GRANT SELECT (created_by) ON government_compliance TO chenu_erase;
GRANT DELETE ON government_compliance TO chenu_erase;
