-- avoid deadlocks
--
-- Runs in one transaction: no other session sees a state in between.
-- Access:
--   review: function app.check_in_day()
--       does something else when app.habit_check_ins changes, with the rights of whoever causes it
--   review: function app.derive_members()
--       does something else when public.community_events changes, with the rights of chenu_derive
--   review: function app.derive_streak()
--       does something else when app.habit_check_ins changes, with the rights of chenu_derive
--   review: function app.end_agent()
--       does something else when public.team_agents changes, with the rights of chenu_gate
--   review: trigger lock_answered_events on public.business_contacts
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER lock_answered_events BEFORE DELETE ON public.business_contacts FOR EACH ROW EXECUTE FUNCTION app.lock_answered_events()
--   review: trigger take_locks on app.event_rsvps
--       is new: it may refuse or change what is written, and write elsewhere: CREATE TRIGGER take_locks BEFORE INSERT ON app.event_rsvps FOR EACH ROW EXECUTE FUNCTION app.lock_answer()
-- Locks, held until commit:
--   app.event_rsvps: SHARE ROW EXCLUSIVE (writes wait)
--   public.business_contacts: SHARE ROW EXCLUSIVE (writes wait)

CREATE FUNCTION app.lock_answer() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM public.business_contacts c WHERE c.created_by = NEW.created_by AND c.id = NEW.contact_id FOR KEY SHARE;
    PERFORM FROM public.community_events e WHERE e.created_by = NEW.created_by AND e.id = NEW.event_id FOR NO KEY UPDATE;
    RETURN NEW;
END
$$;

CREATE FUNCTION app.lock_answered_events() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    events uuid[] := ARRAY(SELECT r.event_id FROM app.event_rsvps r WHERE r.created_by = OLD.created_by AND r.contact_id = OLD.id);
BEGIN
    IF events <> '{}' THEN
        PERFORM FROM public.community_events e WHERE e.created_by = OLD.created_by AND e.id = ANY (events)
        ORDER BY e.id FOR NO KEY UPDATE;
        PERFORM FROM public.community_groups g WHERE g.created_by = OLD.created_by AND g.id IN (
            SELECT e.group_id FROM public.community_events e WHERE e.created_by = OLD.created_by AND e.id = ANY (events))
        ORDER BY g.id FOR NO KEY UPDATE;
    END IF;
    RETURN OLD;
END
$$;

CREATE OR REPLACE FUNCTION app.count_members(owner uuid, community uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM public.community_groups g WHERE g.created_by = owner AND g.id = community FOR NO KEY UPDATE;
    UPDATE public.community_groups g SET member_count = n.members
    FROM (
        SELECT count(DISTINCT r.contact_id) AS members
        FROM public.community_events e JOIN app.event_rsvps r ON r.created_by = e.created_by AND r.event_id = e.id
        WHERE e.created_by = owner AND e.group_id = community AND r.status = 'going'
    ) AS n
    WHERE g.created_by = owner AND g.id = community AND g.member_count <> n.members;
END
$$;

CREATE OR REPLACE FUNCTION app.derive_members() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.group_id IS DISTINCT FROM NEW.group_id THEN
        PERFORM FROM public.community_groups g WHERE g.created_by = OLD.created_by AND g.id IN (OLD.group_id, NEW.group_id)
        ORDER BY g.id FOR NO KEY UPDATE;
    END IF;
    IF OLD.group_id IS NOT NULL AND (TG_OP = 'DELETE' OR OLD.group_id IS DISTINCT FROM NEW.group_id) THEN
        PERFORM app.count_members(OLD.created_by, OLD.group_id);
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.group_id IS NOT NULL AND OLD.group_id IS DISTINCT FROM NEW.group_id THEN
        PERFORM app.count_members(NEW.created_by, NEW.group_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION app.check_in_day() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.checked_in_on := coalesce(NEW.checked_in_on, app.today());
    IF NEW.checked_in_on > app.today() THEN
        RAISE EXCEPTION 'a check-in is of today or a day before'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/checked_in_on", "code": "in_the_future"}';
    END IF;
    PERFORM FROM public.personal_habits h WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id FOR NO KEY UPDATE;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION app.derive_streak() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    habit record;
    s record;
BEGIN
    SELECT h.cadence, h.target_per_period INTO habit FROM public.personal_habits h
    WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id FOR NO KEY UPDATE;
    s := app.streaks(NEW.created_by, NEW.habit_id, habit.cadence, habit.target_per_period);
    UPDATE public.personal_habits h
    SET current_streak = s.latest, best_streak = s.best, last_completed_period = s.last_period, last_checked_in_on = s.last_day
    WHERE h.created_by = NEW.created_by AND h.id = NEW.habit_id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION app.end_agent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    pending uuid[];
    request uuid;
BEGIN
    IF NEW.status = 'dismissed' AND OLD.status <> 'dismissed' THEN
        PERFORM app.lock_agent_credentials(NEW.id);
        UPDATE app.agent_credentials c SET revoked_at = clock_timestamp()
         WHERE c.created_by = NEW.created_by AND c.agent_id = NEW.id AND c.revoked_at IS NULL;
        pending := ARRAY(
            SELECT l.id FROM (
                SELECT c.id, c.thread_id FROM public.checkpoints c
                 WHERE c.created_by = NEW.created_by AND c.requested_by = NEW.id AND c.status = 'pending'
                 ORDER BY c.id FOR NO KEY UPDATE
            ) AS l ORDER BY l.thread_id);
        FOREACH request IN ARRAY pending LOOP
            UPDATE public.checkpoints c SET status = 'expired', reason = 'its agent was dismissed'
             WHERE c.created_by = NEW.created_by AND c.id = request;
        END LOOP;
        UPDATE public.team_tasks t SET status = 'cancelled'
         WHERE t.created_by = NEW.created_by AND t.agent_id = NEW.id AND t.status IN ('todo', 'in_progress');
    END IF;
    RETURN NULL;
END
$$;

-- An owner must have the right to create in the schema at the moment it becomes one.
GRANT CREATE ON SCHEMA app TO chenu_derive;

ALTER FUNCTION app.lock_answered_events() OWNER TO chenu_derive;

REVOKE CREATE ON SCHEMA app FROM chenu_derive;

-- Locks app.event_rsvps: SHARE ROW EXCLUSIVE (writes wait).
CREATE TRIGGER take_locks BEFORE INSERT ON app.event_rsvps
    FOR EACH ROW EXECUTE FUNCTION app.lock_answer();

REVOKE EXECUTE ON FUNCTION app.lock_answered_events() FROM PUBLIC;
