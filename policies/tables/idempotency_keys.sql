-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.idempotency_keys: Outcomes of POST requests, which repeated requests receive again.
-- Owner: created_by. Humans: select, insert, delete. Agents: select, insert, delete.
-- No gate: it only keeps the answer of a request that was carried out.
-- Not audited: it repeats what the audited write says.

ALTER TABLE app.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.idempotency_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY human_select ON app.idempotency_keys FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_insert ON app.idempotency_keys FOR INSERT TO chenu_human
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY human_delete ON app.idempotency_keys FOR DELETE TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY agent_select ON app.idempotency_keys FOR SELECT TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT cardinality(app.agent_capabilities()) > 0) AND (actor_kind = 'agent' AND actor_id = nullif(current_setting('app.actor_id', true), '')::uuid OR actor_id IS NULL));
CREATE POLICY agent_insert ON app.idempotency_keys FOR INSERT TO chenu_agent
    WITH CHECK (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT cardinality(app.agent_capabilities()) > 0) AND (actor_kind = 'agent' AND actor_id = nullif(current_setting('app.actor_id', true), '')::uuid OR actor_id IS NULL));
CREATE POLICY agent_delete ON app.idempotency_keys FOR DELETE TO chenu_agent
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid AND (SELECT cardinality(app.agent_capabilities()) > 0) AND (actor_kind = 'agent' AND actor_id = nullif(current_setting('app.actor_id', true), '')::uuid OR actor_id IS NULL));
CREATE POLICY auditor_select ON app.idempotency_keys FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY maintain_select ON app.idempotency_keys FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());
CREATE POLICY maintain_delete ON app.idempotency_keys FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND expires_at < clock_timestamp());
CREATE POLICY erase_select ON app.idempotency_keys FOR SELECT TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
CREATE POLICY erase_delete ON app.idempotency_keys FOR DELETE TO chenu_erase
    USING (current_user = 'chenu_erase' AND created_by = nullif(current_setting('app.identity_id', true), '')::uuid);

CREATE TRIGGER stamp BEFORE INSERT ON app.idempotency_keys
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.idempotency_keys
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON app.idempotency_keys TO chenu_human;
GRANT INSERT (id, created_by, route, key, request_digest, status, headers, body) ON app.idempotency_keys TO chenu_human;
GRANT DELETE ON app.idempotency_keys TO chenu_human;
GRANT SELECT ON app.idempotency_keys TO chenu_agent;
GRANT INSERT (id, created_by, route, key, request_digest, status, headers, body) ON app.idempotency_keys TO chenu_agent;
GRANT DELETE ON app.idempotency_keys TO chenu_agent;
GRANT SELECT ON app.idempotency_keys TO chenu_auditor;
GRANT SELECT (id, created_by, expires_at) ON app.idempotency_keys TO chenu_maintain;
GRANT DELETE ON app.idempotency_keys TO chenu_maintain;
GRANT SELECT (created_by) ON app.idempotency_keys TO chenu_erase;
GRANT DELETE ON app.idempotency_keys TO chenu_erase;
