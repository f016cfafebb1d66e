-- atlas:txmode none

-- check rows of audit logs with a function
--
-- Runs outside a transaction: each statement commits separately. Statements that take long do not block reads or writes.
-- Strongest locks, each held for one statement:
--   public.audit_logs: SHARE UPDATE EXCLUSIVE (allows reads and writes)
--   public.audit_logs_default: SHARE UPDATE EXCLUSIVE (allows reads and writes)

-- Locks public.audit_logs: SHARE UPDATE EXCLUSIVE (allows reads and writes).
-- Locks public.audit_logs_default: SHARE UPDATE EXCLUSIVE (allows reads and writes). Scans public.audit_logs_default.
ALTER TABLE public.audit_logs VALIDATE CONSTRAINT audit_logs_row;
