-- atlas:txmode none

-- limit uri schemes
--
-- Runs outside a transaction, statement by statement. Some take long; none of those keeps reads or writes waiting.
-- Strongest locks, each for its statement alone:
--   public.community_events: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.creative_assets: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.government_compliance: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.scholar_references: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.social_posts: SHARE UPDATE EXCLUSIVE (reads and writes go on)

-- Validates the schemes of URIs. If rows have another one, it fails and names them all, at most 20 a column: see its hint.
-- Row-level security keeps even the owner from reading rows, so it is lifted for that report alone, which the failure undoes.
-- Locks the named tables, one after another: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans them.
DO $$
DECLARE
    part record;
    rows text;
    found text := '';
BEGIN
    FOR part IN SELECT * FROM (VALUES
        ('public.community_events', 'community_events_online_url_form', 'online_url', 'jsonb_build_array(jsonb_build_object(''uri'', online_url))'),
        ('public.creative_assets', 'creative_assets_uri_form', 'uri', 'jsonb_build_array(jsonb_build_object(''uri'', uri))'),
        ('public.government_compliance', 'government_compliance_evidence_uris', 'evidence', 'evidence'),
        ('public.scholar_references', 'scholar_references_url_form', 'url', 'jsonb_build_array(jsonb_build_object(''uri'', url))'),
        ('public.social_posts', 'social_posts_media_uris', 'media', 'media')
    ) AS uris (tab, name, col, parts) LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', part.tab, part.name);
        EXCEPTION WHEN check_violation THEN
            EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', part.tab);
            EXECUTE format('SELECT string_agg(id || '' ('' || coalesce(scheme, ''none'') || '')'', '', '' ORDER BY id) FROM (
                SELECT id, (SELECT min(lower(substring(u ->> ''uri'' FROM ''^([A-Za-z][A-Za-z0-9+.-]{0,30}):''))) FROM jsonb_array_elements(%2$s) AS u WHERE NOT app.uri_allowed(u ->> ''uri'')) AS scheme
                FROM %1$s WHERE %3$I IS NOT NULL AND NOT app.part_uris_allowed(%2$s) ORDER BY id LIMIT 20) AS others', part.tab, part.parts, part.col)
            INTO rows;
            found := found || format(E'\n%s.%s: %s', part.tab, part.col, rows);
        END;
    END LOOP;
    IF found <> '' THEN
        RAISE EXCEPTION 'rows have URIs with a scheme that is not allowed, or none:%', found
            USING ERRCODE = 'check_violation', HINT = 'Each row is named with its scheme. Let the owners change these URIs through the API, or change them as chenu_owner: in one transaction, ALTER TABLE … NO FORCE ROW LEVEL SECURITY, UPDATE the rows by id, for example to urn:removed:uri, and ALTER TABLE … FORCE ROW LEVEL SECURITY. Then apply the migration again.';
    END IF;
END
$$;

-- Locks public.community_events: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.community_events.
ALTER TABLE public.community_events VALIDATE CONSTRAINT community_events_online_url_form;

-- Locks public.creative_assets: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.creative_assets.
ALTER TABLE public.creative_assets VALIDATE CONSTRAINT creative_assets_uri_form;

-- Locks public.government_compliance: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.government_compliance.
ALTER TABLE public.government_compliance VALIDATE CONSTRAINT government_compliance_evidence_uris;

-- Locks public.scholar_references: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.scholar_references.
ALTER TABLE public.scholar_references VALIDATE CONSTRAINT scholar_references_url_form;

-- Locks public.social_posts: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.social_posts.
ALTER TABLE public.social_posts VALIDATE CONSTRAINT social_posts_media_uris;
