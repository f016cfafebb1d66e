-- force row security of identities
--
-- Ends what the file before the last began.
ALTER TABLE public.identities FORCE ROW LEVEL SECURITY;
