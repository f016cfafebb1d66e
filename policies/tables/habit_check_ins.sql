-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.habit_check_ins: A check-in records that a habit was performed on a day.
-- Owner: created_by. Humans: select, insert. Agents: select, insert.
-- No gate: it is private, and never changes.

ALTER TABLE app.habit_check_ins ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.habit_check_ins FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON app.habit_check_ins FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON app.habit_check_ins FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON app.habit_check_ins FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal:read' = ANY (app.agent_capabilities())));
CREATE POLICY agent_insert ON app.habit_check_ins FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT 'personal' = ANY (app.agent_capabilities())));
CREATE POLICY auditor_select ON app.habit_check_ins FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY derive_select ON app.habit_check_ins FOR SELECT TO chenu_derive
    USING (current_user = 'chenu_derive');
CREATE POLICY erase_select ON app.habit_check_ins FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.habit_check_ins FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.stamp();
CREATE TRIGGER check_day BEFORE INSERT ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.check_in_day();
CREATE TRIGGER streak AFTER INSERT ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.derive_streak();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.habit_check_ins
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON app.habit_check_ins
    FOR EACH ROW EXECUTE FUNCTION app.audit('habit_check_in', 'created_by', 'personal');

GRANT SELECT ON app.habit_check_ins TO chenu_human;
GRANT INSERT (id, created_by, habit_id, checked_in_on, note) ON app.habit_check_ins TO chenu_human;
GRANT SELECT ON app.habit_check_ins TO chenu_agent;
GRANT INSERT (id, created_by, habit_id, checked_in_on, note) ON app.habit_check_ins TO chenu_agent;
GRANT SELECT ON app.habit_check_ins TO chenu_auditor;
GRANT SELECT (created_by, habit_id, checked_in_on) ON app.habit_check_ins TO chenu_derive;
GRANT SELECT (created_by) ON app.habit_check_ins TO chenu_erase;
GRANT DELETE ON app.habit_check_ins TO chenu_erase;
