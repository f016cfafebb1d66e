-- Code generated from ent/schema. DO NOT EDIT.
--
-- app.rate_buckets: Token buckets of the rate limits.
-- No owner: a bucket may be an address's, before anybody is known.
-- Not audited: it counts requests and holds nobody's data.

ALTER TABLE app.rate_buckets ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.rate_buckets FORCE ROW LEVEL SECURITY;

CREATE POLICY auditor_select ON app.rate_buckets FOR SELECT TO chenu_auditor
    USING (true);
CREATE POLICY login_select ON app.rate_buckets FOR SELECT TO chenu_login
    USING (current_user = 'chenu_login');
CREATE POLICY login_insert ON app.rate_buckets FOR INSERT TO chenu_login
    WITH CHECK (current_user = 'chenu_login');
CREATE POLICY login_update ON app.rate_buckets FOR UPDATE TO chenu_login
    USING (current_user = 'chenu_login')
    WITH CHECK (current_user = 'chenu_login');
CREATE POLICY maintain_select ON app.rate_buckets FOR SELECT TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND full_at < clock_timestamp());
CREATE POLICY maintain_update ON app.rate_buckets FOR UPDATE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND full_at < clock_timestamp())
    WITH CHECK (current_user = 'chenu_maintain' AND full_at < clock_timestamp());
CREATE POLICY maintain_delete ON app.rate_buckets FOR DELETE TO chenu_maintain
    USING (current_user = 'chenu_maintain' AND full_at < clock_timestamp());

CREATE TRIGGER stamp BEFORE INSERT ON app.rate_buckets
    FOR EACH ROW EXECUTE FUNCTION app.stamp();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON app.rate_buckets
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_truncate();

GRANT SELECT ON app.rate_buckets TO chenu_auditor;
GRANT SELECT ON app.rate_buckets TO chenu_login;
GRANT INSERT (id, key, full_at) ON app.rate_buckets TO chenu_login;
GRANT UPDATE (full_at, taken) ON app.rate_buckets TO chenu_login;
GRANT SELECT (id, full_at) ON app.rate_buckets TO chenu_maintain;
GRANT UPDATE (full_at) ON app.rate_buckets TO chenu_maintain;
GRANT DELETE ON app.rate_buckets TO chenu_maintain;
