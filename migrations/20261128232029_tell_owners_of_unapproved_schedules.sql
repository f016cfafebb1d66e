-- atlas:txmode none

-- Expires requests for approval whose payloads have other fields from here on: those of community
-- groups and of social schedules. Tells their owners by mail. It also names schedules that are still
-- to run and that an agent set, or whose post an agent changed, without an approval: to the operator,
-- and to their owners by mail.
--
-- Runs outside a transaction, statement by statement. A run that was interrupted is repeated
-- without harm: nobody is told twice.
-- Strongest locks, each for its statement alone:
--   app.account_notices, public.checkpoints, public.social_schedules, public.audit_logs: ACCESS EXCLUSIVE for a moment (reads and writes wait)

-- Between NO FORCE and FORCE the owner of the tables is not subject to their policies; every
-- other role still is.
ALTER TABLE app.account_notices NO FORCE ROW LEVEL SECURITY;

ALTER TABLE public.checkpoints NO FORCE ROW LEVEL SECURITY;

ALTER TABLE public.social_schedules NO FORCE ROW LEVEL SECURITY;

ALTER TABLE public.audit_logs NO FORCE ROW LEVEL SECURITY;

-- What the triggers of checkpoints write is subject to policies, which is an error while this is off.
SET row_security = on;

-- Requests that the migration harden_approvals_agents_and_accounts expired are none of these, and
-- their owners were told then. Locks the rows that it expires. Scans public.checkpoints.
DO $expire$
<<work>>
DECLARE
    reason CONSTANT text := 'An upgrade changed what a request for approval shows. Repeat the request to ask again.';
    began CONSTANT timestamptz := clock_timestamp();
    concerns CONSTANT jsonpath := '$.table ? (@ == "community_groups" || @ == "social_schedules")';
    concerns_one CONSTANT jsonpath := '$.writes[*].table ? (@ == "community_groups" || @ == "social_schedules")';
BEGIN
    UPDATE public.checkpoints c SET status = 'expired', reason = work.reason
     WHERE c.status = 'pending' AND (c.payload @? concerns OR c.payload @? concerns_one);
    UPDATE public.checkpoints c SET use_before = clock_timestamp()
     WHERE c.status = 'approved' AND c.consumed_at IS NULL AND c.use_before > clock_timestamp()
       AND (c.payload @? concerns OR c.payload @? concerns_one);
    PERFORM app.tell_expired_requests(work.reason, began);
END $expire$;

SET row_security = off;

-- An approval names itself in the audit row of the write that it approved. Schedules were not gated
-- before, so those of agents from then have none. What a human set last is the human's, unless an
-- agent changed the post afterwards.
-- Scans public.social_schedules and locks no row of it. Reads public.audit_logs by its index.
DO $schedules$
DECLARE
    unapproved uuid[];
BEGIN
    SELECT array_agg(s.id ORDER BY s.id) INTO unapproved
      FROM public.social_schedules s
      CROSS JOIN LATERAL (
        SELECT l.id, l.actor_kind, l.checkpoint_id FROM public.audit_logs l
         WHERE l.created_by = s.created_by AND l.resource_type = 'social_schedule' AND l.resource_id = s.id
           AND l.action IN ('create', 'update') AND l.after ->> 'status' = 'scheduled'
         ORDER BY l.id DESC LIMIT 1) AS set_by
     WHERE s.status = 'scheduled'
       AND (set_by.actor_kind = 'agent' AND set_by.checkpoint_id IS NULL
            OR EXISTS (SELECT FROM public.audit_logs l
                WHERE l.created_by = s.created_by AND l.resource_type = 'social_post' AND l.resource_id = s.post_id AND l.id > set_by.id
                  AND l.actor_kind = 'agent' AND l.checkpoint_id IS NULL AND l.action = 'update'
                  AND l.after ?| '{body,media,visibility,reply_to_id}'));
    IF unapproved IS NULL THEN
        RETURN;
    END IF;
    RAISE WARNING '% schedules of posts are still to run that an agent set, or whose post an agent changed, without an approval. Their owners are told by mail. The first of them, at most 20: %',
        cardinality(unapproved), array_to_string(unapproved[:20], ', ');
    INSERT INTO app.account_notices (id, created_by, kind, details)
    SELECT app.uuid_v7(), s.created_by, 'unapproved_schedules', jsonb_build_object('schedules', count(*), 'schedule_id', min(s.id::text))
      FROM public.social_schedules s
     WHERE s.id = ANY (unapproved)
       AND NOT EXISTS (SELECT FROM app.account_notices n WHERE n.created_by = s.created_by AND n.kind = 'unapproved_schedules')
     GROUP BY s.created_by;
END $schedules$;

ALTER TABLE public.audit_logs FORCE ROW LEVEL SECURITY;

ALTER TABLE public.social_schedules FORCE ROW LEVEL SECURITY;

ALTER TABLE public.checkpoints FORCE ROW LEVEL SECURITY;

ALTER TABLE app.account_notices FORCE ROW LEVEL SECURITY;
