-- UUIDv7 of RFC 9562, section 5.7, with method 3 for the 12 bits behind the
-- milliseconds: units of 256 ns, as the service's own ids have them.
CREATE FUNCTION app.uuid_v7(at timestamptz DEFAULT clock_timestamp()) RETURNS uuid
    LANGUAGE sql VOLATILE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0')
        || '7' || lpad(to_hex((mod(extract(epoch FROM at) * 1000000, 1000) * 1000 / 256)::bigint), 3, '0')
        || to_hex(8 + (get_byte(entropy, 0) & 3)) || substr(encode(entropy, 'hex'), 18, 15))::uuid
    FROM uuid_send(gen_random_uuid()) AS entropy
$$;

-- The milliseconds since 1970 that a UUIDv7 begins with, as a time.
CREATE FUNCTION app.uuid_v7_time(id uuid) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT timestamptz 'epoch' + interval '1 millisecond'
        * (('x' || lpad(substr(replace(id::text, '-', ''), 1, 12), 16, '0'))::bit(64)::bigint)
$$;

-- The kind of actor that the present role is. The role decides, never a
-- setting; within a definer function "role" still holds the caller's.
CREATE FUNCTION app.actor_kind() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE coalesce(nullif(current_setting('role', true), 'none'), session_user)
        WHEN 'chenu_human' THEN 'human'
        WHEN 'chenu_agent' THEN 'agent'
        ELSE 'system'
    END
$$;

-- Whether an id is a UUIDv7 of this hour: lists are in the order of ids, and
-- time filters bound ids, so an id must tell the time. Others than the service
-- are free.
CREATE FUNCTION app.id_tells_time(id uuid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT app.actor_kind() = 'system' OR substr(id::text, 15, 1) = '7'
        AND abs(extract(epoch FROM clock_timestamp() - app.uuid_v7_time(id))) <= 3600
$$;

-- Refuses an id of the service's that does not tell the time.
CREATE FUNCTION app.check_id(id uuid) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT app.id_tells_time(id) THEN
        RAISE EXCEPTION 'id is not a UUIDv7 of this hour'
            USING ERRCODE = 'CH422', DETAIL = '{"pointer": "/id", "code": "invalid_id"}';
    END IF;
END
$$;

-- Columns that the database sets on a row that never changes afterwards.
CREATE FUNCTION app.stamp() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM app.check_id(NEW.id);
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
        PERFORM app.check_id(NEW.id);
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

-- The least UUIDv7 of a time, for the bounds of ranges of ids.
CREATE FUNCTION app.uuid_v7_floor(at timestamptz) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;
