-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.login_attempts: Counters of password attempts for each account and origin. Serving roles can neither read nor write them.
-- Owner: created_by. Humans: nothing. Agents: nothing.
-- Not audited: failed and successful attempts are recorded by themselves; this only counts them.

ALTER TABLE app.login_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.login_attempts FORCE ROW LEVEL SECURITY;

CREATE POLICY auditor_select ON app.login_attempts FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY login_select ON app.login_attempts FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_insert ON app.login_attempts FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_update ON app.login_attempts FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON app.login_attempts FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days'));
CREATE POLICY maintain_update ON app.login_attempts FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days'))
    WITH CHECK (current_user = 'chenu_maintain' AND (recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days'));
CREATE POLICY maintain_delete ON app.login_attempts FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND (recorded_at <= clock_timestamp() - interval '1 hour' OR used_at < clock_timestamp() - interval '7 days'));
CREATE POLICY erase_select ON app.login_attempts FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.login_attempts FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.login_attempts
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.login_attempts
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON app.login_attempts TO chenu_auditor;
GRANT SELECT ON app.login_attempts TO chenu_login;
GRANT INSERT (id, created_by, origin) ON app.login_attempts TO chenu_login;
GRANT UPDATE (failed, locked_until, succeeded_at, used_at, recorded_at, unrecorded) ON app.login_attempts TO chenu_login;
GRANT SELECT (id, created_by, origin, succeeded_at, used_at, recorded_at, unrecorded) ON app.login_attempts TO chenu_maintain;
GRANT UPDATE (unrecorded) ON app.login_attempts TO chenu_maintain;
GRANT DELETE ON app.login_attempts TO chenu_maintain;
GRANT SELECT (created_by) ON app.login_attempts TO chenu_erase;
GRANT DELETE ON app.login_attempts TO chenu_erase;
