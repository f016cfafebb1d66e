-- clear refusals
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   PUBLIC loses EXECUTE on function app.objects_valid(jsonb, integer, text[], text[])
--   PUBLIC gains EXECUTE on function app.objects_valid(jsonb, integer, text[], text[], text[])
-- Locks, held until commit:
--   public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait)
--   public.community_events: ACCESS EXCLUSIVE (reads and writes wait)
--   public.creative_assets: ACCESS EXCLUSIVE (reads and writes wait)
--   public.identities: ACCESS EXCLUSIVE (reads and writes wait)
--   public.scholar_references: ACCESS EXCLUSIVE (reads and writes wait)
--   public.team_members: ACCESS EXCLUSIVE (reads and writes wait)

-- Locks public.scholar_references: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE "public"."scholar_references" DROP CONSTRAINT "scholar_references_authors_check";

-- Its signature changes: dropped here, created again below.
DROP FUNCTION app.objects_valid(jsonb, integer, text[], text[]);

-- Functions may speak of tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.objects_valid(parts jsonb, most integer, required text[], optional text[] DEFAULT '{}', numbers text[] DEFAULT '{}') RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN jsonb_typeof(parts) = 'array' THEN
        jsonb_array_length(parts) <= most
        AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(parts) AS part
            WHERE CASE WHEN jsonb_typeof(part) = 'object' THEN
                NOT part ?& required OR part - required - optional <> '{}'
                OR EXISTS (
                    SELECT FROM jsonb_each(part) AS field
                    WHERE jsonb_typeof(field.value) <> CASE WHEN field.key = ANY (numbers) THEN 'number' ELSE 'string' END
                )
            ELSE true END
        )
    ELSE false END
$$;

-- Existing rows keep what the old body made of them in constraint entertainment_playlists_items_valid on public.entertainment_playlists.
CREATE OR REPLACE FUNCTION app.playlist_items_valid(items jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(items, 1000, '{content_id,title,added_at}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(items) AS i
        WHERE char_length(i ->> 'content_id') NOT BETWEEN 1 AND 255 OR char_length(i ->> 'title') NOT BETWEEN 1 AND 300
            OR i ->> 'added_at' !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$')
$$;

-- Existing rows keep what the old body made of them in constraint scholar_manuscripts_sections_valid on public.scholar_manuscripts.
CREATE OR REPLACE FUNCTION app.sections_valid(sections jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.objects_valid(sections, 200, '{id,heading,body,position}', numbers => '{position}') AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(sections) AS s
        WHERE char_length(s ->> 'id') NOT BETWEEN 1 AND 64 OR char_length(s ->> 'heading') NOT BETWEEN 1 AND 300
            OR char_length(s ->> 'body') > 200000 OR s ->> 'position' !~ '^([1-9][0-9]{0,3}|10000)$'
    ) AND (
        SELECT count(*) = count(DISTINCT s ->> 'id') AND count(*) = count(DISTINCT s -> 'position')
        FROM jsonb_array_elements(sections) AS s)
$$;

-- Locks public.business_contacts: ACCESS EXCLUSIVE (reads and writes wait). Scans public.business_contacts.
ALTER TABLE "public"."business_contacts" ADD CONSTRAINT "business_contacts_email_form" CHECK (email ~ '^[^[:space:]@]+@[^[:space:]@]+$');

-- Locks public.community_events: ACCESS EXCLUSIVE (reads and writes wait). Scans public.community_events.
ALTER TABLE "public"."community_events" ADD CONSTRAINT "community_events_online_url_form" CHECK (online_url ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$');

-- Locks public.creative_assets: ACCESS EXCLUSIVE (reads and writes wait). Scans public.creative_assets.
ALTER TABLE "public"."creative_assets" ADD CONSTRAINT "creative_assets_uri_form" CHECK (uri ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$');

-- Locks public.identities: ACCESS EXCLUSIVE (reads and writes wait). Scans public.identities.
ALTER TABLE "public"."identities" ADD CONSTRAINT "identities_email_form" CHECK (email ~ '^[^[:space:]@]+@[^[:space:]@]+$');

-- Scans public.scholar_references.
ALTER TABLE "public"."scholar_references" ADD CONSTRAINT "scholar_references_authors_check" CHECK (app.texts_valid(authors, 200, 300) AND cardinality(authors) >= 1), ADD CONSTRAINT "scholar_references_url_form" CHECK (url ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:]]+$');

-- Locks public.team_members: ACCESS EXCLUSIVE (reads and writes wait). Scans public.team_members.
ALTER TABLE "public"."team_members" ADD CONSTRAINT "team_members_email_form" CHECK (email ~ '^[^[:space:]@]+@[^[:space:]@]+$');
