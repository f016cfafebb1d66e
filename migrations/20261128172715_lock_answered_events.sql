-- A file of its own, so that the transaction holds the lock of no other table.
-- Locks public.business_contacts: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER lock_answered_events BEFORE DELETE ON business_contacts
    FOR EACH ROW EXECUTE FUNCTION app.lock_answered_events();
