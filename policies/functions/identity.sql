-- What runs for every row is plpgsql throughout: its expressions are evaluated without a
-- query, where a function of SQL with a search path of its own is one, planned at each call
-- before version 18.

-- UUIDv7 of RFC 9562, section 5.7, with method 3 for the 12 bits behind the
-- milliseconds: units of 256 ns, as the service's own ids have them.
CREATE FUNCTION app.uuid_v7(at timestamptz DEFAULT clock_timestamp()) RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- A double holds the microseconds of the next two centuries exactly.
    microseconds constant bigint := round(date_part('epoch', at) * 1000000);
BEGIN
    -- 48 bits of milliseconds, 4 of the version (7), 12 of the fraction. A random UUID has the
    -- variant and 62 random bits in its second half.
    RETURN encode(int8send((microseconds / 1000 << 16) | (7 << 12) | (microseconds % 1000 * 1000 / 256))
        || substr(uuid_send(gen_random_uuid()), 9), 'hex')::uuid;
END
$$;

-- Returns the time in the first 48 bits of a UUIDv7, which are milliseconds since 1970.
CREATE FUNCTION app.uuid_v7_time(id uuid) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN timestamptz 'epoch' + interval '1 millisecond'
        * (('x' || lpad(substr(replace(id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint);
END
$$;

-- Returns the kind of actor of the current role. The role decides, never a setting: in a SECURITY
-- DEFINER function, "role" is still that of the caller.
CREATE FUNCTION app.actor_kind() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE coalesce(nullif(current_setting('role', true), 'none'), session_user)
        WHEN 'chenu_human' THEN 'human'
        WHEN 'chenu_agent' THEN 'agent'
        ELSE 'system'
    END;
END
$$;

-- Reports whether an id is a UUIDv7 whose time is within one hour of the current time. Lists are in
-- the order of ids, and filters of times compare ids, so the time in an id must be right. Roles
-- other than the serving roles may use any id.
CREATE FUNCTION app.id_tells_time(id uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The first 48 bits are milliseconds since 1970. One expression takes less time than two.
    RETURN get_byte(uuid_send(id), 6) >> 4 = 7
        AND abs(date_part('epoch', clock_timestamp()) * 1000 - ('x' || encode(substr(uuid_send(id), 1, 6), 'hex'))::bit(48)::bigint) <= 3600000
        OR app.actor_kind() = 'system';
END
$$;

-- Refuses an id for which app.id_tells_time() returns false.
CREATE FUNCTION app.refuse_id() RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the id must be a UUIDv7 whose time is within one hour of the current time'
        USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/id", "code": "invalid_id"}';
END
$$;

-- Columns that the database sets on a row that never changes afterwards.
CREATE FUNCTION app.stamp() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT app.id_tells_time(NEW.id) THEN
        PERFORM app.refuse_id();
    END IF;
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END
$$;

-- Columns that the database sets on a row that changes: who, when, how often.
CREATE FUNCTION app.stamp_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT app.id_tells_time(NEW.id) THEN
            PERFORM app.refuse_id();
        END IF;
        NEW.created_at := clock_timestamp();
        NEW.updated_at := NEW.created_at;
        NEW.version := 1;
    ELSE
        NEW.updated_at := greatest(clock_timestamp(), OLD.updated_at);
        NEW.version := OLD.version + 1;
    END IF;
    NEW.updated_by := nullif(current_setting('app.actor_id', true), '')::uuid;
    -- A function that tidies up runs as nobody, although in the role of a human.
    NEW.updated_by_kind := CASE WHEN nullif(current_setting('app.identity_id', true), '') IS NULL THEN 'system' ELSE app.actor_kind() END;
    RETURN NEW;
END
$$;

-- Returns the least UUIDv7 of a time, for the bounds of ranges of ids.
CREATE FUNCTION app.uuid_v7_floor(at timestamptz) RETURNS uuid
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;
END
$$;
