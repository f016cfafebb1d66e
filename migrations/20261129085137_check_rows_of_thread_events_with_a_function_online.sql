-- atlas:txmode none

-- check rows of thread events with a function
--
-- Runs outside a transaction: each statement commits separately. Statements that take long do not block reads or writes.
-- Strongest locks, each held for one statement:
--   public.thread_events: SHARE UPDATE EXCLUSIVE (allows reads and writes)

-- Locks public.thread_events: SHARE UPDATE EXCLUSIVE (allows reads and writes). Scans public.thread_events.
ALTER TABLE public.thread_events VALIDATE CONSTRAINT thread_events_row;
