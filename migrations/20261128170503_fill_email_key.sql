-- atlas:txmode none

-- fill email key
--
-- Gives existing identities their key, 1000 at a time. The update is neither a new version of
-- a row nor audited, since the key follows from the address.
DO $$ BEGIN LOOP
    UPDATE public.identities SET email_key = lower(email) WHERE id IN (SELECT id FROM public.identities WHERE email_key IS NULL LIMIT 1000);
    EXIT WHEN NOT FOUND;
    COMMIT;
END LOOP; END $$;
