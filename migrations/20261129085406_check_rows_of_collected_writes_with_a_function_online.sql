-- atlas:txmode none

-- check rows of collected writes with a function
--
-- Runs outside a transaction: each statement commits separately. Statements that take long do not block reads or writes.
-- Strongest locks, each held for one statement:
--   app.collected_writes: SHARE UPDATE EXCLUSIVE (allows reads and writes)

-- Locks app.collected_writes: SHARE UPDATE EXCLUSIVE (allows reads and writes). Scans app.collected_writes.
ALTER TABLE app.collected_writes VALIDATE CONSTRAINT collected_writes_row;
