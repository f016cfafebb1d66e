-- Code generated from ent/schema. DO NOT EDIT.
--
-- business_invoices: An invoice has line items. The database computes its totals.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate cost: an invoice that was sent is a claim to money, made to the contact at the address it had then.
--   States: status IN ('sent', 'paid', 'void')

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
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON business_invoices FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON business_invoices FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON business_invoices FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'business' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON business_invoices FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON business_invoices FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON business_invoices FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON business_invoices
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON business_invoices
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON business_invoices
    FOR EACH ROW WHEN (((NEW.status IN ('sent', 'paid', 'void'))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');
CREATE TRIGGER approve_update AFTER UPDATE ON business_invoices
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.number, OLD.contact_id, OLD.currency, OLD.line_items, OLD.status, OLD.issued_on, OLD.due_on, OLD.paid_at) IS DISTINCT FROM ROW(NEW.number, NEW.contact_id, NEW.currency, NEW.line_items, NEW.status, NEW.issued_on, NEW.due_on, NEW.paid_at) AND (((OLD.status IN ('sent', 'paid', 'void'))) OR ((NEW.status IN ('sent', 'paid', 'void')))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');
CREATE TRIGGER approve_delete AFTER DELETE ON business_invoices
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status IN ('sent', 'paid', 'void'))))
    EXECUTE FUNCTION app.gate('cost', 'invoice', 'business', 'created_by', '{"keep":true,"state":"((r.status IN (''sent'', ''paid'', ''void'')))","references":[{"column":"contact_id","table":"public.business_contacts","resource_type":"contact","shows":["name","email","phone","company"]}]}', 'number', 'contact_id', 'currency', 'line_items', 'status', 'issued_on', 'due_on', 'paid_at');

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
GRANT SELECT (created_by) ON business_invoices TO chenu_erase;
GRANT DELETE ON business_invoices TO chenu_erase;
