-- Code generated from ent/schema. DO NOT EDIT.
--
-- team_agents: A hired agent is an AI agent that acts for its owner within its capabilities.
-- Owner: created_by. Humans: select, insert, update. Agents: select.
-- Gate governance: an active agent acts for its owner: hiring it and widening what it may do are the owner's decisions, and narrowing or ending it needs none.
--   States: status = 'active'
--   Changes within: NOT app.implied_capabilities(NEW.capabilities) <@ app.implied_capabilities(OLD.capabilities)
--   Free to leave: true

ALTER TABLE team_agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE team_agents FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON team_agents FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON team_agents FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON team_agents FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON team_agents FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'team:read' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON team_agents FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY gate_select ON team_agents FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_update ON team_agents FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON team_agents FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND status = 'active');
CREATE POLICY login_select ON team_agents FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON team_agents FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON team_agents FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER hire BEFORE INSERT OR UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.hire();
CREATE TRIGGER end_agent AFTER UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.end_agent();
CREATE TRIGGER tell_hired AFTER INSERT OR UPDATE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.tell_hired();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON team_agents
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON team_agents
    FOR EACH ROW WHEN (((NEW.status = 'active')))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');
CREATE TRIGGER approve_update AFTER UPDATE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.name, OLD.kind, OLD.provider, OLD.model, OLD.capabilities, OLD.status) IS DISTINCT FROM ROW(NEW.name, NEW.kind, NEW.provider, NEW.model, NEW.capabilities, NEW.status) AND (((NEW.status = 'active')) AND (((OLD.status = 'active')) IS NOT TRUE OR (NOT app.implied_capabilities(NEW.capabilities) <@ app.implied_capabilities(OLD.capabilities)))))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');
CREATE TRIGGER approve_delete AFTER DELETE ON team_agents
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status = 'active')))
    EXECUTE FUNCTION app.gate('governance', 'hired_agent', 'my_team', 'created_by', '{"keep":true,"state":"((r.status = ''active''))"}', 'name', 'kind', 'provider', 'model', 'capabilities', 'status');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON team_agents
    FOR EACH ROW EXECUTE FUNCTION app.audit('hired_agent', 'created_by', 'my_team');

GRANT SELECT ON team_agents TO chenu_human;
GRANT INSERT (id, created_by, name, kind, provider, model, capabilities, status) ON team_agents TO chenu_human;
GRANT UPDATE (name, kind, provider, model, capabilities, status) ON team_agents TO chenu_human;
GRANT SELECT ON team_agents TO chenu_agent;
GRANT SELECT ON team_agents TO chenu_auditor;
GRANT SELECT (id, created_by, status, hired_at, hire_checkpoint_id) ON team_agents TO chenu_gate;
GRANT UPDATE (status, dismiss_reason, suspend_reason) ON team_agents TO chenu_gate;
GRANT SELECT (id, created_by, status) ON team_agents TO chenu_maintain;
GRANT SELECT (id, created_by, status, capabilities, suspended_at) ON team_agents TO chenu_login;
GRANT SELECT (created_by) ON team_agents TO chenu_erase;
GRANT DELETE ON team_agents TO chenu_erase;
