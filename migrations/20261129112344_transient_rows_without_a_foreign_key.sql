-- transient rows without a foreign key
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Locks, held until commit:
--   app.collected_writes: ACCESS EXCLUSIVE (blocks reads and writes)
--   public.identities: ACCESS EXCLUSIVE (blocks reads and writes)

-- Locks app.collected_writes: ACCESS EXCLUSIVE (blocks reads and writes).
-- Locks public.identities: ACCESS EXCLUSIVE (blocks reads and writes).
-- atlas:nolint CD101 — no row outlives its transaction, whose audit rows keep the foreign key
ALTER TABLE "app"."collected_writes" DROP CONSTRAINT "collected_writes_created_by_fkey";
