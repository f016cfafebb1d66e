-- atlas:txmode none

-- widen gates to content
--
-- Runs outside a transaction, statement by statement. Some take long; none of those keeps reads or writes waiting.
-- Strongest locks, each for its statement alone:
--   public.checkpoints: SHARE UPDATE EXCLUSIVE (reads and writes go on)

-- Locks public.checkpoints: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.checkpoints.
ALTER TABLE public.checkpoints VALIDATE CONSTRAINT checkpoints_origin_check;

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
