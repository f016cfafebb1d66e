-- Lock order of this file. Every transaction locks a contact first, then events by id, then
-- groups by id, and the rows of event_rsvps after the event that they answer. All of these
-- locks are FOR NO KEY UPDATE or weaker, because the foreign keys hold KEY SHARE on the
-- same rows. Only a DELETE takes the stronger lock of the row that it deletes.
--
-- Whoever inserts, changes or deletes an event of a group locks the group FOR NO KEY UPDATE
-- (app.gated_through()), and so does whoever changes the group, by its UPDATE alone. So the
-- publication of a group never needs a stronger lock than it has, and never locks an event.

-- Keeps the counts of an event's answers. The update takes the event's lock, so
-- that answers at once are counted one after the other, and none can lead above
-- the capacity.
CREATE FUNCTION app.derive_rsvp_counts() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner uuid := coalesce(NEW.created_by, OLD.created_by);
    event uuid := coalesce(NEW.event_id, OLD.event_id);
    was text := CASE WHEN TG_OP <> 'INSERT' THEN OLD.status END;
    becomes text := CASE WHEN TG_OP <> 'DELETE' THEN NEW.status END;
    more integer := (becomes IS NOT DISTINCT FROM 'going')::integer - (was IS NOT DISTINCT FROM 'going')::integer;
    its_group uuid;
BEGIN
    IF was IS NOT DISTINCT FROM becomes THEN
        RETURN NULL;
    END IF;
    UPDATE public.community_events e SET
        going_count = e.going_count + more,
        maybe_count = e.maybe_count + (becomes IS NOT DISTINCT FROM 'maybe')::integer - (was IS NOT DISTINCT FROM 'maybe')::integer,
        declined_count = e.declined_count + (becomes IS NOT DISTINCT FROM 'declined')::integer - (was IS NOT DISTINCT FROM 'declined')::integer
    WHERE e.created_by = owner AND e.id = event AND (more <= 0 OR e.capacity IS NULL OR e.going_count + more <= e.capacity)
    RETURNING e.group_id INTO its_group;
    IF NOT FOUND THEN
        IF TG_OP = 'DELETE' THEN
            RETURN NULL; -- the event itself is going
        END IF;
        RAISE EXCEPTION 'the event is full' USING ERRCODE = 'CH409', DETAIL = '{"pointer": "/status", "code": "event_full"}';
    END IF;
    IF its_group IS NOT NULL AND more <> 0 THEN
        PERFORM app.count_members(owner, its_group);
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION app.derive_rsvp_counts() OWNER TO chenu_derive;
REVOKE EXECUTE ON FUNCTION app.derive_rsvp_counts() FROM PUBLIC;

-- Locks the contact and the event of an answer before the row of the answer is locked.
-- INSERT … ON CONFLICT DO UPDATE would otherwise lock the earlier answer first and the event
-- second, while the deletion of the event or the contact locks them the other way round.
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

-- Locks what the deletion of a contact changes: the events that the contact answered, then
-- the groups of these events. The cascade would lock them in the order of the answers, and
-- two contacts who answered the same events in different orders would deadlock.
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
ALTER FUNCTION app.lock_answered_events() OWNER TO chenu_derive;
REVOKE EXECUTE ON FUNCTION app.lock_answered_events() FROM PUBLIC;

-- Counts the members of a group again: the contacts who are going to at least one of its events.
-- The group's row is locked first, so that the count includes everything that was committed before.
CREATE FUNCTION app.count_members(owner uuid, community uuid) RETURNS void
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

-- Counts the members of the groups that an event leaves and joins. The function locks both
-- groups by id before it counts: two events that change places between two groups would
-- otherwise lock them in opposite orders.
CREATE FUNCTION app.derive_members() RETURNS trigger
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
ALTER FUNCTION app.derive_members() OWNER TO chenu_derive;
REVOKE EXECUTE ON FUNCTION app.derive_members() FROM PUBLIC;
