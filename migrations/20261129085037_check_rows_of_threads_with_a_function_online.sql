-- atlas:txmode none

-- check rows of threads with a function
--
-- Runs outside a transaction: each statement commits separately. Statements that take long do not block reads or writes.
-- Strongest locks, each held for one statement:
--   public.threads: SHARE UPDATE EXCLUSIVE (allows reads and writes)

-- Locks public.threads: SHARE UPDATE EXCLUSIVE (allows reads and writes). Scans public.threads.
ALTER TABLE public.threads VALIDATE CONSTRAINT threads_row;
