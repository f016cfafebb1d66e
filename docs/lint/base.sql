-- The tables that the examples change.

CREATE TABLE identities (
    id uuid PRIMARY KEY,
    email text
);
ALTER TABLE identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE identities FORCE ROW LEVEL SECURITY;

CREATE TABLE notes (
    created_by uuid NOT NULL REFERENCES identities (id),
    id uuid NOT NULL,
    title text NOT NULL,
    body text,
    size integer,
    PRIMARY KEY (created_by, id)
);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
CREATE POLICY human_select ON notes FOR SELECT TO chenu_human
    USING (created_by = nullif(current_setting('app.identity_id', true), '')::uuid);
GRANT SELECT ON notes TO chenu_human;

CREATE TABLE tags (
    created_by uuid NOT NULL REFERENCES identities (id),
    id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (created_by, id)
);
ALTER TABLE tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE tags FORCE ROW LEVEL SECURITY;

-- Nobody's rows, which only the owner reaches.
CREATE TABLE currencies (
    code text PRIMARY KEY,
    label text,
    symbol text
);
