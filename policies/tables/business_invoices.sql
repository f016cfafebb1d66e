-- Code generated from ent/schema. DO NOT EDIT.
--
-- business_invoices: Invoices with line items; the database computes the totals.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate cost: status IN ('sent', 'paid', 'void').

ALTER TABLE business_invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE business_invoices FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON business_invoices FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON business_invoices FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON business_invoices FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON business_invoices FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON business_invoices FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_insert ON business_invoices FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_update ON business_invoices FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_delete ON business_invoices FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY auditor_select ON business_invoices FOR SELECT TO chenu_auditor
    USING (true);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON business_invoices
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON business_invoices
    FOR EACH ROW EXECUTE FUNCTION app.audit('invoice', 'created_by', 'business');

GRANT SELECT ON business_invoices TO chenu_human;
GRANT INSERT (id, created_by, number, contact_id, currency, line_items, status, issued_on, due_on, paid_at) ON business_invoices TO chenu_human;
GRANT UPDATE (number, contact_id, currency, line_items, status, issued_on, due_on, paid_at) ON business_invoices TO chenu_human;
GRANT DELETE ON business_invoices TO chenu_human;
GRANT SELECT ON business_invoices TO chenu_agent;
GRANT INSERT (id, created_by, number, contact_id, currency, line_items, status, issued_on, due_on, paid_at) ON business_invoices TO chenu_agent;
GRANT UPDATE (number, contact_id, currency, line_items, status, issued_on, due_on, paid_at) ON business_invoices TO chenu_agent;
GRANT DELETE ON business_invoices TO chenu_agent;
GRANT SELECT ON business_invoices TO chenu_auditor;
