-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.signing_keys: Keys that sign access tokens.
-- No owner: keys belong to the service, not to an identity.
-- Not audited: no identity's data.

ALTER TABLE app.signing_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.signing_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY auditor_select ON app.signing_keys FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY login_select ON app.signing_keys FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login');
CREATE POLICY login_insert ON app.signing_keys FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login');
CREATE POLICY login_update ON app.signing_keys FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login')
    WITH CHECK (current_user = 'chenu_login');
CREATE POLICY login_delete ON app.signing_keys FOR DELETE TO chenu_login
    USING (current_user = 'chenu_login');

CREATE TRIGGER stamp BEFORE INSERT ON app.signing_keys
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.signing_keys
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON app.signing_keys TO chenu_auditor;
GRANT SELECT ON app.signing_keys TO chenu_login;
GRANT INSERT (id, public_key, private_key, status) ON app.signing_keys TO chenu_login;
GRANT UPDATE (private_key, status, activated_at, retired_at) ON app.signing_keys TO chenu_login;
GRANT DELETE ON app.signing_keys TO chenu_login;
