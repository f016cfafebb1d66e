-- Code generated from ent/schema. DO NOT EDIT.
--
-- audit_logs: An audit log entry records an action: its actor, its time, the affected resource, and the changed fields before and after. The log is append-only.
-- Owner: created_by. Humans: select. Agents: select.
-- No gate: it is written by triggers and never changes.
-- Outlives the erasure of its identity, without its content: the order and the digests of what was done are proofs.
-- Not audited: it is the audit trail.

ALTER TABLE audit_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs FORCE ROW LEVEL SECURITY;

CREATE TABLE audit_logs_default PARTITION OF audit_logs DEFAULT;
ALTER TABLE audit_logs_default ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_logs_default FORCE ROW LEVEL SECURITY;
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit_logs_default
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE POLICY human_select ON audit_logs FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON audit_logs FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND coalesce(ARRAY['audit-logs:read', sphere || ':read'] <@ (SELECT app.agent_capabilities())::text[], false) AND resource_type <> ALL ('{session,agent_credential,identity}') AND action <> ALL ('{login,logout,credential_change}'));
CREATE POLICY auditor_select ON audit_logs FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY audit_insert ON audit_logs FOR INSERT TO chenu_audit
    WITH CHECK (current_user = 'chenu_audit');
CREATE POLICY gate_select ON audit_logs FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON audit_logs FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_update ON audit_logs FOR UPDATE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER seal_content BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.seal_audit_logs();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change('before', 'after', 'ip', 'user_agent', 'details={}');

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON audit_logs TO chenu_human;
GRANT SELECT (id, created_by, created_at, actor_id, actor_kind, action, outcome, resource_type, resource_id, sphere, before, after, details, checkpoint_id, request_id, client_request_id, traceparent, db_role, content_salt, content_digest) ON audit_logs TO chenu_agent;
GRANT SELECT ON audit_logs TO chenu_auditor;
GRANT INSERT ON audit_logs TO chenu_audit;
GRANT SELECT ON audit_logs TO chenu_gate;
GRANT SELECT (created_by, before, after, details, ip, user_agent, content_salt) ON audit_logs TO chenu_erase;
GRANT UPDATE (before, after, details, ip, user_agent, content_salt) ON audit_logs TO chenu_erase;
