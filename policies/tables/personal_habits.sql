-- Code generated from ent/schema. DO NOT EDIT.
--
-- personal_habits: A habit is repeated in every period. The database computes its streaks from the check-ins.
-- Owner: created_by. Humans: select, insert, update, delete. Agents: select, insert, update, delete.
-- No gate: it is private.

ALTER TABLE personal_habits ENABLE ROW LEVEL SECURITY;
ALTER TABLE personal_habits FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON personal_habits FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON personal_habits FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_update ON personal_habits FOR UPDATE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON personal_habits FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON personal_habits FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON personal_habits FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY agent_update ON personal_habits FOR UPDATE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())))
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY agent_delete ON personal_habits FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON personal_habits FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY derive_select ON personal_habits FOR SELECT TO chenu_derive
    USING (current_user = 'chenu_derive');
CREATE POLICY derive_update ON personal_habits FOR UPDATE TO chenu_derive
    USING (current_user = 'chenu_derive')
    WITH CHECK (current_user = 'chenu_derive');
CREATE POLICY erase_select ON personal_habits FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON personal_habits FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON personal_habits
    FOR EACH ROW EXECUTE FUNCTION app.stamp_change();
CREATE TRIGGER rederive_streak BEFORE UPDATE ON personal_habits
    FOR EACH ROW EXECUTE FUNCTION app.rederive_streak();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON personal_habits
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON personal_habits
    FOR EACH ROW EXECUTE FUNCTION app.audit('habit', 'created_by', 'personal');

GRANT SELECT ON personal_habits TO chenu_human;
GRANT INSERT (id, created_by, name, cadence, target_per_period, active) ON personal_habits TO chenu_human;
GRANT UPDATE (name, cadence, target_per_period, active) ON personal_habits TO chenu_human;
GRANT DELETE ON personal_habits TO chenu_human;
GRANT SELECT ON personal_habits TO chenu_agent;
GRANT INSERT (id, created_by, name, cadence, target_per_period, active) ON personal_habits TO chenu_agent;
GRANT UPDATE (name, cadence, target_per_period, active) ON personal_habits TO chenu_agent;
GRANT DELETE ON personal_habits TO chenu_agent;
GRANT SELECT ON personal_habits TO chenu_auditor;
GRANT SELECT (id, created_by, cadence, target_per_period) ON personal_habits TO chenu_derive;
GRANT UPDATE (current_streak, best_streak, last_completed_period, last_checked_in_on) ON personal_habits TO chenu_derive;
GRANT SELECT (created_by) ON personal_habits TO chenu_erase;
GRANT DELETE ON personal_habits TO chenu_erase;
