-- Code generated from ent/schema. DO NOT EDIT.
--
-- identities: An identity is a person with an account. It owns and sees only its own row.
-- Owner: id. Humans: select, insert, update. Agents: select.
-- No gate: its name and settings are the owner's own; the functions that change its password, address or status have rules of their own, and erasing it needs an approval.
-- Outlives the erasure of its identity, without its content: what proves the past names it.

ALTER TABLE identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE identities FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON identities FOR SELECT TO chenu_human
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON identities FOR INSERT TO chenu_human
    WITH CHECK (id = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON identities FOR UPDATE TO chenu_human
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (id = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON identities FOR SELECT TO chenu_agent
    USING (id = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT cardinality(app.agent_capabilities()) > 0));
CREATE POLICY auditor_select ON identities FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY login_select ON identities FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login');
CREATE POLICY login_update ON identities FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login' AND id = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND id = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON identities FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND email_verified_at IS NULL);
CREATE POLICY erase_select ON identities FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND id = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_update ON identities FOR UPDATE TO chenu_erase
    USING (current_user = 'chenu_erase' AND id = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND id = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON identities
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER stamp_update BEFORE UPDATE ON identities
    FOR EACH ROW WHEN ((OLD.id, OLD.email, OLD.name, OLD.hashed_password, OLD.settings, OLD.email_verified_at, OLD.status, OLD.password_changed_at, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.email, NEW.name, NEW.hashed_password, NEW.settings, NEW.email_verified_at, NEW.status, NEW.password_changed_at, NEW.created_at))
    EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER derive_email_key BEFORE INSERT OR UPDATE ON identities
    FOR EACH ROW EXECUTE FUNCTION app.derive_email_key();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON identities
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR DELETE ON identities
    FOR EACH ROW EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'email_key', 'hashed_password');
CREATE TRIGGER audit_update AFTER UPDATE ON identities
    FOR EACH ROW WHEN ((OLD.id, OLD.email, OLD.name, OLD.hashed_password, OLD.settings, OLD.email_verified_at, OLD.status, OLD.password_changed_at, OLD.created_at) IS DISTINCT FROM (NEW.id, NEW.email, NEW.name, NEW.hashed_password, NEW.settings, NEW.email_verified_at, NEW.status, NEW.password_changed_at, NEW.created_at))
    EXECUTE FUNCTION app.audit('identity', 'id', '', 'failed_logins', 'locked_until', 'email_key', 'hashed_password');

GRANT SELECT (id, updated_at, version, updated_by, updated_by_kind, email, email_key, name, settings, email_verified_at, status, failed_logins, locked_until, password_changed_at, created_at) ON identities TO chenu_human;
GRANT INSERT (id, email, name, hashed_password, settings) ON identities TO chenu_human;
GRANT UPDATE (name, settings) ON identities TO chenu_human;
GRANT SELECT (id, updated_at, version, updated_by, updated_by_kind, email, email_key, name, settings, email_verified_at, status, failed_logins, locked_until, password_changed_at, created_at) ON identities TO chenu_agent;
GRANT SELECT ON identities TO chenu_auditor;
GRANT SELECT (id, email_key, hashed_password, status, locked_until, failed_logins, email_verified_at, password_changed_at) ON identities TO chenu_login;
GRANT UPDATE (hashed_password, status, failed_logins, locked_until, password_changed_at, email_verified_at) ON identities TO chenu_login;
GRANT SELECT (id, email_verified_at) ON identities TO chenu_maintain;
GRANT SELECT (id, email, email_key, name, hashed_password, settings, status) ON identities TO chenu_erase;
GRANT UPDATE (email, email_key, name, hashed_password, settings, status) ON identities TO chenu_erase;
