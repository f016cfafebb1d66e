-- Code generated from ent/schema. DO NOT EDIT.
--
-- thread_events: A thread event records a change of its thread or a step in it. Events are append-only.
-- Owner: created_by. Humans: select. Agents: select.
-- No gate: it never changes; appending to a thread is decided by the thread's gate.
-- Outlives the erasure of its identity, without its content: the order and the digests of what happened are proofs.

ALTER TABLE thread_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE thread_events FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON thread_events FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON thread_events FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'threads:read' = ANY (app.agent_capabilities())) AND EXISTS (SELECT FROM threads t WHERE t.created_by = thread_events.created_by AND t.id = thread_events.thread_id));
CREATE POLICY auditor_select ON thread_events FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY threads_select ON thread_events FOR SELECT TO chenu_threads
    USING (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY threads_insert ON thread_events FOR INSERT TO chenu_threads
    WITH CHECK (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON thread_events FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND checkpoint_id IS NOT NULL);
CREATE POLICY maintain_insert ON thread_events FOR INSERT TO chenu_maintain
    WITH CHECK (current_user = 'chenu_maintain' AND checkpoint_id IS NOT NULL);
CREATE POLICY erase_select ON thread_events FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_update ON thread_events FOR UPDATE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER seal_content BEFORE INSERT ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.seal_thread_events();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.refuse_change('payload');

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON thread_events
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON thread_events
    FOR EACH ROW EXECUTE FUNCTION app.audit('thread_event', 'created_by', '', 'payload', 'content_salt');

GRANT SELECT ON thread_events TO chenu_human;
GRANT SELECT ON thread_events TO chenu_agent;
GRANT SELECT ON thread_events TO chenu_auditor;
GRANT SELECT ON thread_events TO chenu_threads;
GRANT INSERT (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, causation_id, correlation_id, request_id) ON thread_events TO chenu_threads;
GRANT SELECT (created_by, created_at, checkpoint_id) ON thread_events TO chenu_maintain;
GRANT INSERT (id, created_by, thread_id, sequence, type, schema_version, payload, actor_id, actor_kind, request_id, checkpoint_id) ON thread_events TO chenu_maintain;
GRANT SELECT (created_by, payload, content_salt) ON thread_events TO chenu_erase;
GRANT UPDATE (payload, content_salt) ON thread_events TO chenu_erase;
