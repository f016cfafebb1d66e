-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.refresh_tokens: Hashes of refresh tokens. Serving roles can neither read nor write them.
-- Owner: created_by. Humans: nothing. Agents: nothing.
-- Not audited: logins, the ends of sessions and a token's second use are recorded; its ordinary use changes nothing else.

ALTER TABLE app.refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.refresh_tokens FORCE ROW LEVEL SECURITY;

CREATE POLICY auditor_select ON app.refresh_tokens FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY login_select ON app.refresh_tokens FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_insert ON app.refresh_tokens FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY login_update ON app.refresh_tokens FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_login' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON app.refresh_tokens FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());
CREATE POLICY maintain_delete ON app.refresh_tokens FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());
CREATE POLICY erase_select ON app.refresh_tokens FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.refresh_tokens FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.refresh_tokens
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.refresh_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON app.refresh_tokens TO chenu_auditor;
GRANT SELECT ON app.refresh_tokens TO chenu_login;
GRANT INSERT (id, created_by, session_id, generation, token_hash, expires_at) ON app.refresh_tokens TO chenu_login;
GRANT UPDATE (used_at, voided_at) ON app.refresh_tokens TO chenu_login;
GRANT SELECT (id, created_by, expires_at) ON app.refresh_tokens TO chenu_maintain;
GRANT DELETE ON app.refresh_tokens TO chenu_maintain;
GRANT SELECT (created_by) ON app.refresh_tokens TO chenu_erase;
GRANT DELETE ON app.refresh_tokens TO chenu_erase;
