-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.event_rsvps: An RSVP is a contact's answer to the invitation to an event.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is the owner's record of an answer that a contact gave.

ALTER TABLE app.event_rsvps ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.event_rsvps FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON app.event_rsvps FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON app.event_rsvps FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON app.event_rsvps FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON app.event_rsvps FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON app.event_rsvps FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON app.event_rsvps FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON app.event_rsvps FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON app.event_rsvps FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'community' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON app.event_rsvps FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY derive_select ON app.event_rsvps FOR SELECT TO chenu_derive
    USING (current_user = 'chenu_derive');
CREATE POLICY erase_select ON app.event_rsvps FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.event_rsvps FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER take_locks BEFORE INSERT ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.lock_answer();
CREATE TRIGGER rsvp_counts AFTER INSERT OR UPDATE OR DELETE ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.derive_rsvp_counts();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.event_rsvps
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.audit('event_r_s_v_p', 'created_by', 'community');

GRANT SELECT ON app.event_rsvps TO chenu_human;
GRANT INSERT (id, created_by, event_id, contact_id, status) ON app.event_rsvps TO chenu_human;
GRANT UPDATE (status) ON app.event_rsvps TO chenu_human;
GRANT DELETE ON app.event_rsvps TO chenu_human;
GRANT SELECT ON app.event_rsvps TO chenu_agent;
GRANT INSERT (id, created_by, event_id, contact_id, status) ON app.event_rsvps TO chenu_agent;
GRANT UPDATE (status) ON app.event_rsvps TO chenu_agent;
GRANT DELETE ON app.event_rsvps TO chenu_agent;
GRANT SELECT ON app.event_rsvps TO chenu_auditor;
GRANT SELECT (created_by, event_id, contact_id, status) ON app.event_rsvps TO chenu_derive;
GRANT SELECT (created_by) ON app.event_rsvps TO chenu_erase;
GRANT DELETE ON app.event_rsvps TO chenu_erase;
