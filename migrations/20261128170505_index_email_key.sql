-- atlas:txmode none

-- index email key
--
-- Runs outside a transaction, statement by statement. None keeps reads or writes waiting.
-- A build that is interrupted leaves an invalid index; `chenu migrate apply` drops it before it builds again.

-- atlas:nolint CN312 — identities own themselves: an e-mail address is unique among all of them, as it was
-- Locks public.identities: SHARE UPDATE EXCLUSIVE (reads and writes go on). Scans public.identities.
CREATE UNIQUE INDEX CONCURRENTLY "identities_email_key" ON "public"."identities" ("email_key");
