CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO chenu_human, chenu_agent, chenu_audit;
GRANT USAGE ON SCHEMA public TO chenu_human, chenu_agent, chenu_audit;

CREATE FUNCTION app.identity() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.identity_id', true), '')::uuid $$;

CREATE TABLE identities (
    id uuid NOT NULL PRIMARY KEY,
    email text NOT NULL
);
CREATE UNIQUE INDEX identities_email ON identities (lower(email));
ALTER TABLE identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE identities FORCE ROW LEVEL SECURITY;
CREATE POLICY human_select ON identities FOR SELECT TO chenu_human USING (id = app.identity());
GRANT SELECT ON identities TO chenu_human;
