-- Code generated from ent/schema. DO NOT EDIT.
--
-- checkpoints: A checkpoint is a request for a human's approval of one write, one list of writes or one action.
-- Owner: created_by. Humans: select. Agents: select.
-- No gate: it is the approval itself, and changes through functions only.
-- Outlives the erasure of its identity, without its content: what was done under an approval names it and its digest.

ALTER TABLE checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE checkpoints FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON checkpoints FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON checkpoints FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (requested_by = nullif(current_setting('app.actor_id', true), '')::uuid AND requested_by_kind = 'agent' AND (SELECT cardinality(app.agent_capabilities()) > 0) OR coalesce(ARRAY['checkpoints:read', sphere || ':read'] <@ (SELECT app.agent_capabilities())::text[], false)));
CREATE POLICY auditor_select ON checkpoints FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY gate_select ON checkpoints FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_insert ON checkpoints FOR INSERT TO chenu_gate
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_update ON checkpoints FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON checkpoints FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND expires_at <= clock_timestamp());
CREATE POLICY maintain_update ON checkpoints FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND expires_at <= clock_timestamp())
    WITH CHECK (current_user = 'chenu_maintain' AND expires_at <= clock_timestamp());
CREATE POLICY erase_select ON checkpoints FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_update ON checkpoints FOR UPDATE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER record_step AFTER INSERT OR UPDATE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.record_step();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON checkpoints
    FOR EACH ROW EXECUTE FUNCTION app.audit('checkpoint', 'created_by', '', 'payload');

GRANT SELECT ON checkpoints TO chenu_human;
GRANT SELECT ON checkpoints TO chenu_agent;
GRANT SELECT ON checkpoints TO chenu_auditor;
GRANT SELECT ON checkpoints TO chenu_gate;
GRANT INSERT (id, created_by, sphere, type, origin, action, resource_type, resource_id, resource_version, payload, digest, requested_by, requested_by_kind, expires_at, thread_id) ON checkpoints TO chenu_gate;
GRANT UPDATE (status, reason, decided_by, decided_at, use_before, consumed_at) ON checkpoints TO chenu_gate;
GRANT SELECT (id, created_by, status, expires_at, thread_id) ON checkpoints TO chenu_maintain;
GRANT UPDATE (status) ON checkpoints TO chenu_maintain;
GRANT SELECT (created_by, status, action, resource_type, payload, reason) ON checkpoints TO chenu_erase;
GRANT UPDATE (status, action, resource_type, payload, reason) ON checkpoints TO chenu_erase;
