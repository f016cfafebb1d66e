-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.sessions: Login sessions of identities.
-- Owner: created_by. Humans: select. Agents: nothing.

ALTER TABLE app.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.sessions FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON app.sessions FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY auditor_select ON app.sessions FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY maintain_select ON app.sessions FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days');
CREATE POLICY maintain_update ON app.sessions FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days')
    WITH CHECK (current_user = 'chenu_maintain' AND least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days');
CREATE POLICY maintain_delete ON app.sessions FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND least(revoked_at, expires_at, idle_expires_at) < clock_timestamp() - interval '30 days');
CREATE POLICY login_select ON app.sessions FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_insert ON app.sessions FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_update ON app.sessions FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON app.sessions FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.sessions FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.sessions
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.sessions
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR DELETE ON app.sessions
    FOR EACH ROW EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at', 'ip', 'user_agent');
CREATE TRIGGER audit_update AFTER UPDATE ON app.sessions
    FOR EACH ROW WHEN ((OLD.id, OLD.created_by, OLD.created_at, OLD.expires_at, OLD.revoked_at, OLD.authenticated_at, OLD.amr) IS DISTINCT FROM (NEW.id, NEW.created_by, NEW.created_at, NEW.expires_at, NEW.revoked_at, NEW.authenticated_at, NEW.amr))
    EXECUTE FUNCTION app.audit('session', 'created_by', '', 'refreshed_at', 'idle_expires_at', 'ip', 'user_agent');

GRANT SELECT ON app.sessions TO chenu_human;
GRANT SELECT ON app.sessions TO chenu_auditor;
GRANT SELECT (id, created_by, revoked_at, expires_at, idle_expires_at, ip, user_agent) ON app.sessions TO chenu_maintain;
GRANT UPDATE (ip, user_agent) ON app.sessions TO chenu_maintain;
GRANT DELETE ON app.sessions TO chenu_maintain;
GRANT SELECT ON app.sessions TO chenu_login;
GRANT INSERT (id, created_by, expires_at, authenticated_at, amr, ip, user_agent) ON app.sessions TO chenu_login;
GRANT UPDATE (revoked_at, authenticated_at, amr, refreshed_at, idle_expires_at) ON app.sessions TO chenu_login;
GRANT SELECT (created_by) ON app.sessions TO chenu_erase;
GRANT DELETE ON app.sessions TO chenu_erase;
