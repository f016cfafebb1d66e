-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.agent_credentials: Credentials with which hired agents authenticate.
-- Owner: created_by. Humans: select. Agents: nothing.

ALTER TABLE app.agent_credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.agent_credentials FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON app.agent_credentials FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY auditor_select ON app.agent_credentials FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY login_select ON app.agent_credentials FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_insert ON app.agent_credentials FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_update ON app.agent_credentials FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_select ON app.agent_credentials FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_update ON app.agent_credentials FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON app.agent_credentials FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.agent_credentials FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.agent_credentials
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.agent_credentials
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR DELETE ON app.agent_credentials
    FOR EACH ROW EXECUTE FUNCTION app.audit('agent_credential', 'created_by', '', 'last_used_at', 'secret_hash');
CREATE TRIGGER audit_update AFTER UPDATE ON app.agent_credentials
    FOR EACH ROW WHEN ((OLD.id, OLD.created_by, OLD.created_at, OLD.agent_id, OLD.name, OLD.secret_hash, OLD.public_key, OLD.expires_at, OLD.revoked_at) IS DISTINCT FROM (NEW.id, NEW.created_by, NEW.created_at, NEW.agent_id, NEW.name, NEW.secret_hash, NEW.public_key, NEW.expires_at, NEW.revoked_at))
    EXECUTE FUNCTION app.audit('agent_credential', 'created_by', '', 'last_used_at', 'secret_hash');

GRANT SELECT (id, created_by, created_at, agent_id, name, public_key, expires_at, revoked_at, last_used_at) ON app.agent_credentials TO chenu_human;
GRANT SELECT ON app.agent_credentials TO chenu_auditor;
GRANT SELECT (id, created_by, agent_id, secret_hash, public_key, expires_at, revoked_at) ON app.agent_credentials TO chenu_login;
GRANT INSERT (id, created_by, agent_id, name, secret_hash, public_key, expires_at) ON app.agent_credentials TO chenu_login;
GRANT UPDATE (revoked_at, last_used_at) ON app.agent_credentials TO chenu_login;
GRANT SELECT (created_by, agent_id, revoked_at) ON app.agent_credentials TO chenu_gate;
GRANT UPDATE (revoked_at) ON app.agent_credentials TO chenu_gate;
GRANT SELECT (created_by) ON app.agent_credentials TO chenu_erase;
GRANT DELETE ON app.agent_credentials TO chenu_erase;
