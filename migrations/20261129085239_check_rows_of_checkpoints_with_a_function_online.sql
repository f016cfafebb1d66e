-- atlas:txmode none

-- check rows of checkpoints with a function
--
-- Runs outside a transaction: each statement commits separately. Statements that take long do not block reads or writes.
-- Strongest locks, each held for one statement:
--   public.checkpoints: SHARE UPDATE EXCLUSIVE (allows reads and writes)

-- Locks public.checkpoints: SHARE UPDATE EXCLUSIVE (allows reads and writes). Scans public.checkpoints.
ALTER TABLE public.checkpoints VALIDATE CONSTRAINT checkpoints_row;
