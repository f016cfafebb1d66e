-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.account_notices: Mails that tell identities what happened to their accounts.
-- Owner: created_by. Humans: select. Agents: nothing.
-- Not audited: the change that it tells of is recorded.

ALTER TABLE app.account_notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.account_notices FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON app.account_notices FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY auditor_select ON app.account_notices FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY login_select ON app.account_notices FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_insert ON app.account_notices FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_update ON app.account_notices FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON app.account_notices FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days'));
CREATE POLICY maintain_update ON app.account_notices FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days'))
    WITH CHECK (current_user = 'chenu_maintain' AND (sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days'));
CREATE POLICY maintain_delete ON app.account_notices FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (sent_at IS NULL OR created_at < clock_timestamp() - interval '30 days'));
CREATE POLICY erase_select ON app.account_notices FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.account_notices FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.account_notices
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.account_notices
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON app.account_notices TO chenu_human;
GRANT SELECT ON app.account_notices TO chenu_auditor;
GRANT SELECT (id, created_by, sent_at) ON app.account_notices TO chenu_login;
GRANT INSERT (id, created_by, kind, details) ON app.account_notices TO chenu_login;
GRANT UPDATE (sent_at) ON app.account_notices TO chenu_login;
GRANT SELECT (id, created_by, created_at, attempts, due_at, sent_at) ON app.account_notices TO chenu_maintain;
GRANT UPDATE (attempts, due_at) ON app.account_notices TO chenu_maintain;
GRANT DELETE ON app.account_notices TO chenu_maintain;
GRANT SELECT (created_by) ON app.account_notices TO chenu_erase;
GRANT DELETE ON app.account_notices TO chenu_erase;
