-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.collected_writes: Writes of the current transaction, in collecting mode or under an approval.
-- Owner: created_by. Humans: nothing. Agents: nothing.
-- Not audited: its rows never outlive their transaction.

ALTER TABLE app.collected_writes ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.collected_writes FORCE ROW LEVEL SECURITY;

CREATE POLICY auditor_select ON app.collected_writes FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY gate_select ON app.collected_writes FOR SELECT TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_insert ON app.collected_writes FOR INSERT TO chenu_gate
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_update ON app.collected_writes FOR UPDATE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid)
    WITH CHECK (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY gate_delete ON app.collected_writes FOR DELETE TO chenu_gate
    USING (current_user = 'chenu_gate' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_select ON app.collected_writes FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.collected_writes FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE CONSTRAINT TRIGGER check_collected AFTER INSERT OR DELETE ON app.collected_writes
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.check_collected();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.collected_writes
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON app.collected_writes TO chenu_auditor;
GRANT SELECT ON app.collected_writes TO chenu_gate;
GRANT INSERT (id, created_by, checkpoint_id, place, table_name, operation, row_id, audited, payload, element) ON app.collected_writes TO chenu_gate;
GRANT UPDATE (audited) ON app.collected_writes TO chenu_gate;
GRANT DELETE ON app.collected_writes TO chenu_gate;
GRANT SELECT (created_by) ON app.collected_writes TO chenu_erase;
GRANT DELETE ON app.collected_writes TO chenu_erase;
