-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.used_assertions: Assertions of agents that have been used. An assertion is valid once.
-- Owner: created_by. Humans: nothing. Agents: nothing.
-- Not audited: the login that it was used for is recorded.

ALTER TABLE app.used_assertions ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.used_assertions FORCE ROW LEVEL SECURITY;

CREATE POLICY auditor_select ON app.used_assertions FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY login_insert ON app.used_assertions FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON app.used_assertions FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());
CREATE POLICY maintain_delete ON app.used_assertions FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());
CREATE POLICY erase_select ON app.used_assertions FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.used_assertions FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.used_assertions
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.used_assertions
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON app.used_assertions TO chenu_auditor;
GRANT INSERT (id, created_by, credential_id, jti_digest, expires_at) ON app.used_assertions TO chenu_login;
GRANT SELECT (id, created_by, expires_at) ON app.used_assertions TO chenu_maintain;
GRANT DELETE ON app.used_assertions TO chenu_maintain;
GRANT SELECT (created_by) ON app.used_assertions TO chenu_erase;
GRANT DELETE ON app.used_assertions TO chenu_erase;
