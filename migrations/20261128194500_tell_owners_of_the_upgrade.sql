-- atlas:txmode none

-- Tells owners by mail of what this upgrade changed for them: requests for approval that it
-- expired and approvals that it ended, and trials that are more than planned whose ethics approval
-- has a date in the future, which is no longer accepted. It also names these trials to the operator.
--
-- Runs outside a transaction, statement by statement. A run that was interrupted is repeated
-- without harm: nobody is told twice.
-- Strongest locks, each for its statement alone:
--   app.account_notices, public.checkpoints, public.government_clinical_trials: ACCESS EXCLUSIVE for a moment (reads and writes wait)

-- Between NO FORCE and FORCE the owner of the tables is not subject to their policies; every
-- other role still is.
ALTER TABLE app.account_notices NO FORCE ROW LEVEL SECURITY;

ALTER TABLE public.checkpoints NO FORCE ROW LEVEL SECURITY;

ALTER TABLE public.government_clinical_trials NO FORCE ROW LEVEL SECURITY;

-- The reason is the one that the migration harden_approvals_agents_and_accounts gave. Nobody else
-- gives it to an expired request: a withdrawn one has a reason that begins with "withdrawn".
-- Scans public.checkpoints and locks no row of it.
SELECT app.tell_expired_requests('An upgrade changed what an approval covers. Repeat the request to ask again.', '-infinity');

-- A date counts as future when it is so in every time zone, the first of which is UTC+14.
-- Scans public.government_clinical_trials and locks no row of it.
DO $trials$
DECLARE
    today CONSTANT date := (clock_timestamp() AT TIME ZONE 'UTC' + interval '14 hours')::date;
    found bigint;
    named text;
BEGIN
    SELECT count(*) INTO found FROM public.government_clinical_trials t
     WHERE t.status NOT IN ('planned', 'withdrawn') AND t.ethics_approved_on > today;
    IF found = 0 THEN
        RETURN;
    END IF;
    SELECT string_agg(l.id::text, ', ' ORDER BY l.id) INTO named FROM (
        SELECT t.id FROM public.government_clinical_trials t
         WHERE t.status NOT IN ('planned', 'withdrawn') AND t.ethics_approved_on > today ORDER BY t.id LIMIT 20) AS l;
    RAISE WARNING '% clinical trials are more than planned and have an ethics approval with a date in the future. Their owners are told by mail. The first of them, at most 20: %', found, named;
    INSERT INTO app.account_notices (id, created_by, kind, details)
    SELECT app.uuid_v7(), t.created_by, 'future_ethics_approvals', jsonb_build_object('trials', count(*), 'trial_id', min(t.id::text))
      FROM public.government_clinical_trials t
     WHERE t.status NOT IN ('planned', 'withdrawn') AND t.ethics_approved_on > today
       AND NOT EXISTS (SELECT FROM app.account_notices n WHERE n.created_by = t.created_by AND n.kind = 'future_ethics_approvals')
     GROUP BY t.created_by;
END $trials$;

ALTER TABLE public.government_clinical_trials FORCE ROW LEVEL SECURITY;

ALTER TABLE public.checkpoints FORCE ROW LEVEL SECURITY;

ALTER TABLE app.account_notices FORCE ROW LEVEL SECURITY;
