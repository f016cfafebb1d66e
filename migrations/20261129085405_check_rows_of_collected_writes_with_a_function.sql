-- check rows of collected writes with a function
--
-- Runs in one transaction: other sessions see all of it or nothing.
-- Access:
--   new: PUBLIC, EXECUTE on function app.check_collected_writes(text, bigint, jsonb, jsonb)
--       runs with the privileges of the caller
-- Locks, held until commit:
--   app.collected_writes: ACCESS EXCLUSIVE (blocks reads and writes)

-- Locks app.collected_writes: ACCESS EXCLUSIVE (blocks reads and writes).
ALTER TABLE "app"."collected_writes" DROP CONSTRAINT "collected_writes_element_size", DROP CONSTRAINT "collected_writes_payload_size", DROP CONSTRAINT "collected_writes_place_check";

-- Functions may refer to tables that change below.
SET LOCAL check_function_bodies = off;

CREATE FUNCTION app.check_collected_writes(
    rules text,
    place bigint,
    payload jsonb,
    element jsonb
) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    violated constant text := CASE
        WHEN NOT (place >= 1) THEN 'collected_writes_place_check'
        WHEN NOT (octet_length(payload::text) <= 4194304) THEN 'collected_writes_payload_size'
        WHEN NOT (octet_length(element::text) <= 4194304) THEN 'collected_writes_element_size'
    END;
BEGIN
    IF violated IS NOT NULL THEN
        RAISE EXCEPTION 'a row of "collected_writes" violates the rule "%"', violated
            USING ERRCODE = 'check_violation', SCHEMA = 'app', TABLE = 'collected_writes', CONSTRAINT = violated;
    END IF;
    RETURN true;
END
$$;

-- Applies to rows that are written from now on. Existing rows are checked later.
ALTER TABLE "app"."collected_writes" ADD CONSTRAINT "collected_writes_row" CHECK (app.check_collected_writes('037b8fe8', place, payload, element)) NOT VALID;
