-- Says who hired an agent and under which approval: a human, always the owner.
-- Whoever dismisses one is recorded the same way (Rule #4).
CREATE FUNCTION app.hire() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF app.actor_kind() = 'agent' THEN
        RAISE EXCEPTION 'only a human hires, changes or dismisses agents' USING ERRCODE = 'CH403';
    END IF;
    IF TG_OP = 'INSERT' THEN
        NEW.hired_by := NEW.created_by;
        NEW.hired_at := clock_timestamp();
        NEW.hire_checkpoint_id := nullif(current_setting('app.checkpoint_id', true), '')::uuid;
    ELSIF NEW.status = 'active' AND OLD.status <> 'active' THEN
        NEW.hire_checkpoint_id := nullif(current_setting('app.checkpoint_id', true), '')::uuid;
    END IF;
    IF NEW.status <> 'dismissed' THEN
        NEW.dismissed_by := NULL;
        NEW.dismissed_at := NULL;
        NEW.dismiss_reason := NULL;
    ELSIF TG_OP = 'INSERT' OR OLD.status <> 'dismissed' THEN
        NEW.dismissed_by := NEW.created_by;
        NEW.dismissed_at := clock_timestamp();
    END IF;
    RETURN NEW;
END
$$;

-- Says who gave a task to its assignee: a human, always the owner. An agent may
-- work on a task but neither gives one nor passes one on (Rule #4).
CREATE FUNCTION app.assign() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.member_id IS NOT DISTINCT FROM OLD.member_id AND NEW.agent_id IS NOT DISTINCT FROM OLD.agent_id THEN
            RETURN NEW;
        END IF;
    END IF;
    IF app.actor_kind() = 'agent' THEN
        RAISE EXCEPTION 'only a human assigns tasks' USING ERRCODE = 'CH403';
    END IF;
    NEW.assigned_by := NEW.created_by;
    RETURN NEW;
END
$$;
