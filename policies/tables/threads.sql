-- Code generated from ent/schema. DO NOT EDIT.
--
-- threads: A thread is a line of thought or work. Its fields are computed from its events.
-- Owner: created_by. Humans: select. Agents: select.
-- Gate sensitive: what is public is meant for others to see.
--   States: visibility = 'public'
-- Outlives the erasure of its identity, without its content: its events stand in its order.

ALTER TABLE threads ENABLE ROW LEVEL SECURITY;
ALTER TABLE threads FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON threads FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON threads FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND coalesce(ARRAY['threads:read', sphere || ':read'] <@ (SELECT app.agent_capabilities())::text[], false));
CREATE POLICY auditor_select ON threads FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY gate_select ON threads FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY threads_select ON threads FOR SELECT TO chenu_threads
    USING (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY threads_insert ON threads FOR INSERT TO chenu_threads
    WITH CHECK (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY threads_update ON threads FOR UPDATE TO chenu_threads
    USING (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_threads' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY maintain_select ON threads FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain');
CREATE POLICY maintain_update ON threads FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain')
    WITH CHECK (current_user = 'chenu_maintain');
CREATE POLICY erase_select ON threads FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_update ON threads FOR UPDATE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON threads
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER stamp_step BEFORE UPDATE OF step_count ON threads
    FOR EACH ROW EXECUTE FUNCTION app.keep_version();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON threads
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON threads
    FOR EACH ROW WHEN (((NEW.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');
CREATE TRIGGER approve_update AFTER UPDATE ON threads
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.founding_intent, OLD.sphere, OLD.type, OLD.status, OLD.visibility, OLD.title, OLD.parent_thread_id, OLD.tags) IS DISTINCT FROM ROW(NEW.founding_intent, NEW.sphere, NEW.type, NEW.status, NEW.visibility, NEW.title, NEW.parent_thread_id, NEW.tags) AND (((OLD.visibility = 'public')) OR ((NEW.visibility = 'public'))))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');
CREATE TRIGGER approve_delete AFTER DELETE ON threads
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.visibility = 'public')))
    EXECUTE FUNCTION app.gate('sensitive', 'thread', '', 'created_by', '{"state":"((r.visibility = ''public''))"}', 'founding_intent', 'sphere', 'type', 'status', 'visibility', 'title', 'parent_thread_id', 'tags');

CREATE TRIGGER audit AFTER INSERT OR DELETE ON threads
    FOR EACH ROW EXECUTE FUNCTION app.audit('thread', 'created_by', '', 'last_sequence', 'event_count', 'last_event_at', 'step_count');
CREATE TRIGGER audit_update AFTER UPDATE ON threads
    FOR EACH ROW WHEN ((OLD.id, OLD.created_by, OLD.created_at, OLD.founding_intent, OLD.sphere, OLD.type, OLD.status, OLD.visibility, OLD.title, OLD.parent_thread_id, OLD.tags) IS DISTINCT FROM (NEW.id, NEW.created_by, NEW.created_at, NEW.founding_intent, NEW.sphere, NEW.type, NEW.status, NEW.visibility, NEW.title, NEW.parent_thread_id, NEW.tags))
    EXECUTE FUNCTION app.audit('thread', 'created_by', '', 'last_sequence', 'event_count', 'last_event_at', 'step_count');

GRANT SELECT ON threads TO chenu_human;
GRANT SELECT ON threads TO chenu_agent;
GRANT SELECT ON threads TO chenu_auditor;
GRANT SELECT (id, created_by, sphere) ON threads TO chenu_gate;
GRANT SELECT ON threads TO chenu_threads;
GRANT INSERT (id, created_by, founding_intent, sphere, type, status, visibility, title, parent_thread_id, tags, last_sequence, event_count, last_event_at) ON threads TO chenu_threads;
GRANT UPDATE (type, status, visibility, title, parent_thread_id, tags, last_sequence, event_count, last_event_at) ON threads TO chenu_threads;
GRANT SELECT (id, created_by, visibility, last_sequence, event_count, step_count) ON threads TO chenu_maintain;
GRANT UPDATE (last_sequence, event_count, last_event_at, step_count) ON threads TO chenu_maintain;
GRANT SELECT (created_by, founding_intent, title, tags) ON threads TO chenu_erase;
GRANT UPDATE (founding_intent, title, tags) ON threads TO chenu_erase;
