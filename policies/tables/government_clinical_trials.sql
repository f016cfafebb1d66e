-- Code generated from ent/schema. DO NOT EDIT.
--
-- government_clinical_trials: A clinical trial has a registry id, an enrollment and an ethics approval.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- Gate sensitive: people take part in the trial as the ethics committee and the registry know it; only the number of those who take part changes by itself.
--   States: status <> 'planned'
--   Free to change: enrolled

ALTER TABLE government_clinical_trials ENABLE ROW LEVEL SECURITY;
ALTER TABLE government_clinical_trials FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON government_clinical_trials FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON government_clinical_trials FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON government_clinical_trials FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON government_clinical_trials FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON government_clinical_trials FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON government_clinical_trials FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON government_clinical_trials FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON government_clinical_trials FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'government' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON government_clinical_trials FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY erase_select ON government_clinical_trials FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON government_clinical_trials FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON government_clinical_trials
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER refuse_future_approval BEFORE INSERT OR UPDATE ON government_clinical_trials
    FOR EACH ROW EXECUTE FUNCTION app.refuse_future_approval();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON government_clinical_trials
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER approve_insert AFTER INSERT ON government_clinical_trials
    FOR EACH ROW WHEN (((NEW.status <> 'planned')))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');
CREATE TRIGGER approve_update AFTER UPDATE ON government_clinical_trials
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ROW(OLD.registry_id, OLD.title, OLD.phase, OLD.status, OLD.sponsor, OLD.starts_on, OLD.ends_on, OLD.target_enrollment, OLD.ethics_reference, OLD.ethics_approved_on) IS DISTINCT FROM ROW(NEW.registry_id, NEW.title, NEW.phase, NEW.status, NEW.sponsor, NEW.starts_on, NEW.ends_on, NEW.target_enrollment, NEW.ethics_reference, NEW.ethics_approved_on) AND (((OLD.status <> 'planned')) OR ((NEW.status <> 'planned'))))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');
CREATE TRIGGER approve_delete AFTER DELETE ON government_clinical_trials
    FOR EACH ROW WHEN (current_user <> 'chenu_erase' AND ((OLD.status <> 'planned')))
    EXECUTE FUNCTION app.gate('sensitive', 'clinical_trial', 'government', 'created_by', '{"state":"((r.status \u003c\u003e ''planned''))"}', 'registry_id', 'title', 'phase', 'status', 'sponsor', 'starts_on', 'ends_on', 'target_enrollment', 'enrolled', 'ethics_reference', 'ethics_approved_on');

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON government_clinical_trials
    FOR EACH ROW EXECUTE FUNCTION app.audit('clinical_trial', 'created_by', 'government');

GRANT SELECT ON government_clinical_trials TO chenu_human;
GRANT INSERT (id, created_by, registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on) ON government_clinical_trials TO chenu_human;
GRANT UPDATE (registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on) ON government_clinical_trials TO chenu_human;
GRANT DELETE ON government_clinical_trials TO chenu_human;
GRANT SELECT ON government_clinical_trials TO chenu_agent;
GRANT INSERT (id, created_by, registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on) ON government_clinical_trials TO chenu_agent;
GRANT UPDATE (registry_id, title, phase, status, sponsor, starts_on, ends_on, target_enrollment, enrolled, ethics_reference, ethics_approved_on) ON government_clinical_trials TO chenu_agent;
GRANT DELETE ON government_clinical_trials TO chenu_agent;
GRANT SELECT ON government_clinical_trials TO chenu_auditor;
GRANT SELECT (created_by) ON government_clinical_trials TO chenu_erase;
GRANT DELETE ON government_clinical_trials TO chenu_erase;
