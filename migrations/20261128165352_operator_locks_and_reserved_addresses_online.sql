-- atlas:txmode none

-- operator locks and reserved addresses
--
-- Runs outside a transaction, statement by statement. Some take long; none of those keeps reads or writes waiting.
-- Strongest locks, each for its statement alone:
--   public.identities: SHARE UPDATE EXCLUSIVE (reads and writes go on)

-- An account at the reserved domain receives no mail. It was registered to block an erasure: such accounts are locked.
-- The owner meets their rows only while row security is not forced.
ALTER TABLE public.identities NO FORCE ROW LEVEL SECURITY;

-- atlas:nolint CN113 — only accounts that were registered to block an erasure match
UPDATE public.identities SET status = 'locked' WHERE status = 'active' AND lower(email) LIKE '%@erased.invalid';

ALTER TABLE public.identities FORCE ROW LEVEL SECURITY;

-- Locks public.identities: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.identities.
ALTER TABLE public.identities VALIDATE CONSTRAINT identities_email_reserved;
