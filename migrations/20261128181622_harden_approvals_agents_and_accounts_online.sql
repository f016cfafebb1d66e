-- atlas:txmode none

-- harden approvals agents and accounts
--
-- Runs outside a transaction, statement by statement. Some take long; none of those keeps reads or writes waiting.
-- A build that is interrupted leaves an invalid index; `chenu migrate apply` drops it before it builds again.
-- Strongest locks, each for its statement alone:
--   app.account_tokens: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   app.idempotency_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.business_invoices: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.checkpoints: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.community_groups: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.creative_assets: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.entertainment_playlists: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.government_compliance: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.identities: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.scholar_manuscripts: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.social_posts: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.team_agents: SHARE UPDATE EXCLUSIVE (reads and writes go on)
--   public.thread_events: ACCESS EXCLUSIVE (reads and writes wait)

-- Locks app.account_tokens: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans app.account_tokens.
CREATE INDEX CONCURRENTLY "account_tokens_kind_idx" ON "app"."account_tokens" ("created_by", "kind");

-- atlas:nolint MF101 — each row has its actor from its insertion on, and older rows have none, which is never a duplicate
-- Locks app.idempotency_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans app.idempotency_keys.
CREATE UNIQUE INDEX CONCURRENTLY "idempotency_keys_actor_kind_actor_id_route_key_key" ON "app"."idempotency_keys" ("created_by", "actor_kind", "actor_id", "route", "key");

-- Locks public.thread_events: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.thread_events.
CREATE UNIQUE INDEX CONCURRENTLY "thread_events_pkey_new" ON "public"."thread_events" ("created_by", "id", "thread_id");

-- Locks app.account_tokens: SHARE UPDATE EXCLUSIVE (reads and writes go on).
DROP INDEX CONCURRENTLY IF EXISTS app.account_tokens_kind_key;

-- Locks app.idempotency_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on).
DROP INDEX CONCURRENTLY IF EXISTS app.idempotency_keys_route_key_key;

-- Validates the limits of jsonb columns. If rows are longer, it fails and names them: make their values shorter and apply again.
-- Row-level security keeps even the owner from reading rows, so it is lifted for that report alone, which the failure undoes.
-- Locks the named tables, one after another: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans them.
DO $$
DECLARE
    part record;
    rows text;
BEGIN
    FOR part IN SELECT * FROM (VALUES
        ('app.idempotency_keys', 'idempotency_keys_headers_size', 'headers', 16384),
        ('public.business_invoices', 'business_invoices_line_items_size', 'line_items', 2097152),
        ('public.community_groups', 'community_groups_settings_size', 'settings', 16384),
        ('public.creative_assets', 'creative_assets_parameters_size', 'parameters', 16384),
        ('public.entertainment_playlists', 'entertainment_playlists_items_size', 'items', 2097152),
        ('public.government_compliance', 'government_compliance_evidence_size', 'evidence', 2097152),
        ('public.identities', 'identities_settings_size', 'settings', 16384),
        ('public.scholar_manuscripts', 'scholar_manuscripts_sections_size', 'sections', 2097152),
        ('public.social_posts', 'social_posts_media_size', 'media', 2097152)
    ) AS limits (tab, name, col, most) LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', part.tab, part.name);
        EXCEPTION WHEN check_violation THEN
            EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', part.tab);
            EXECUTE format('SELECT string_agg(format(''%%s (%%s bytes)'', id, size), '', '') FROM (
                SELECT id, octet_length(%1$I::text) AS size FROM %2$s WHERE octet_length(%1$I::text) > $1 ORDER BY id LIMIT 20) AS long', part.col, part.tab)
            INTO rows USING part.most;
            RAISE EXCEPTION '%.% may have at most % bytes of text. Longer rows, at most 20 of them: %', part.tab, part.col, part.most, rows
                USING ERRCODE = 'check_violation', HINT = 'Make these values shorter and apply the migration again.';
        END;
    END LOOP;
END
$$;

-- Locks app.idempotency_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans app.idempotency_keys.
ALTER TABLE app.idempotency_keys VALIDATE CONSTRAINT idempotency_keys_actor_kind_check;

-- Locks app.idempotency_keys: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans app.idempotency_keys.
ALTER TABLE app.idempotency_keys VALIDATE CONSTRAINT idempotency_keys_headers_size;

-- Locks public.business_invoices: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.business_invoices.
ALTER TABLE public.business_invoices VALIDATE CONSTRAINT business_invoices_line_items_size;

-- Locks public.checkpoints: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.checkpoints.
ALTER TABLE public.checkpoints VALIDATE CONSTRAINT checkpoints_origin_check;

-- Locks public.community_groups: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.community_groups.
ALTER TABLE public.community_groups VALIDATE CONSTRAINT community_groups_settings_size;

-- Locks public.creative_assets: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.creative_assets.
ALTER TABLE public.creative_assets VALIDATE CONSTRAINT creative_assets_parameters_size;

-- Locks public.entertainment_playlists: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.entertainment_playlists.
ALTER TABLE public.entertainment_playlists VALIDATE CONSTRAINT entertainment_playlists_items_size;

-- Locks public.government_compliance: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.government_compliance.
ALTER TABLE public.government_compliance VALIDATE CONSTRAINT government_compliance_evidence_size;

-- Locks public.identities: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.identities.
ALTER TABLE public.identities VALIDATE CONSTRAINT identities_settings_size;

-- Locks public.scholar_manuscripts: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.scholar_manuscripts.
ALTER TABLE public.scholar_manuscripts VALIDATE CONSTRAINT scholar_manuscripts_sections_size;

-- Locks public.social_posts: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.social_posts.
ALTER TABLE public.social_posts VALIDATE CONSTRAINT social_posts_media_size;

-- Locks public.team_agents: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.team_agents.
ALTER TABLE public.team_agents VALIDATE CONSTRAINT team_agents_suspend_reason_check;

-- The new one takes its place.
-- Locks public.thread_events for a moment: ACCESS EXCLUSIVE (reads and writes wait).
ALTER TABLE public.thread_events DROP CONSTRAINT thread_events_pkey, ADD CONSTRAINT thread_events_pkey PRIMARY KEY USING INDEX thread_events_pkey_new;

-- The payloads of writes have one field more from here on, so no write can have the digest of
-- a request from before. Those requests expire, and approvals that were not used can no longer
-- be used; each is recorded in the audit trail, and in the thread of the request if it has one.
-- Requests of clients get their origin; an erased one has no payload left to tell it by.
-- The owner's policies would hide the rows: FORCE is off for it.
ALTER TABLE public.checkpoints NO FORCE ROW LEVEL SECURITY;

-- What the table's triggers write is subject to policies, which is an error while this is off.
SET row_security = on;

-- A batch of blocks at a time: a row is locked until its batch commits. It begins anew without harm.
DO $expire$
#variable_conflict use_column
<<work>>
DECLARE
    batch CONSTANT bigint := 16; -- blocks
    low bigint := 0;
    blocks bigint := pg_relation_size('public.checkpoints') / current_setting('block_size')::bigint;
BEGIN
    WHILE low <= blocks LOOP
        UPDATE public.checkpoints SET
            status = 'expired', reason = 'An upgrade changed what an approval covers. Repeat the request to ask again.'
        WHERE status = 'pending' AND payload ? 'table' AND NOT payload ? 'references'
            AND ctid >= format('(%s,0)', work.low)::tid AND ctid < format('(%s,0)', work.low + work.batch)::tid;
        UPDATE public.checkpoints SET use_before = clock_timestamp()
        WHERE status = 'approved' AND consumed_at IS NULL AND use_before > clock_timestamp()
            AND payload ? 'table' AND NOT payload ? 'references'
            AND ctid >= format('(%s,0)', work.low)::tid AND ctid < format('(%s,0)', work.low + work.batch)::tid;
        UPDATE public.checkpoints SET origin = 'client'
        WHERE origin = 'write' AND CASE WHEN payload IS NULL THEN action = '[erased]' ELSE NOT payload ? 'table' END
            AND ctid >= format('(%s,0)', work.low)::tid AND ctid < format('(%s,0)', work.low + work.batch)::tid;
        COMMIT;
        low := low + batch;
    END LOOP;
END $expire$;

SET row_security = off;

ALTER TABLE public.checkpoints FORCE ROW LEVEL SECURITY;
