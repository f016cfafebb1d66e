-- Code generated from ent/schema. DO NOT EDIT.
--
-- business_contacts: A contact is a customer or a lead.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is a private record; the invoice that relies on it carries it into the approval.

ALTER TABLE business_contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE business_contacts FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON business_contacts FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON business_contacts FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON business_contacts FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON business_contacts FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON business_contacts FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON business_contacts FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON business_contacts FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON business_contacts FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON business_contacts FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY gate_select ON business_contacts FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON business_contacts FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON business_contacts FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON business_contacts
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER lock_answered_events BEFORE DELETE ON business_contacts
    FOR EACH ROW EXECUTE FUNCTION app.lock_answered_events();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON business_contacts
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON business_contacts
    FOR EACH ROW EXECUTE FUNCTION app.audit('contact', 'created_by', 'business');

GRANT SELECT ON business_contacts TO chenu_human;
GRANT INSERT (id, created_by, name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes) ON business_contacts TO chenu_human;
GRANT UPDATE (name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes) ON business_contacts TO chenu_human;
GRANT DELETE ON business_contacts TO chenu_human;
GRANT SELECT ON business_contacts TO chenu_agent;
GRANT INSERT (id, created_by, name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes) ON business_contacts TO chenu_agent;
GRANT UPDATE (name, email, phone, company, job_title, lead_score, lead_status, source, tags, notes) ON business_contacts TO chenu_agent;
GRANT DELETE ON business_contacts TO chenu_agent;
GRANT SELECT ON business_contacts TO chenu_auditor;
GRANT SELECT (id, created_by, version, name, email, phone, company) ON business_contacts TO chenu_gate;
GRANT SELECT (created_by) ON business_contacts TO chenu_erase;
GRANT DELETE ON business_contacts TO chenu_erase;
