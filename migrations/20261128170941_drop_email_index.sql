-- atlas:txmode none

-- drop email index
--
-- Logins use identities_email_key now, which is as unique.
-- Locks public.identities: SHARE UPDATE EXCLUSIVE (reads and writes go on).
DROP INDEX CONCURRENTLY IF EXISTS public.identities_email;
