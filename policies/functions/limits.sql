-- Rate limits: a token bucket for each address, account, identity or agent that sends requests,
-- shared by all instances of the service. The keys of buckets are keyed hashes, so the database
-- stores neither addresses nor names.

-- Takes up to `wanted` tokens from a bucket that holds `capacity` tokens and fills in `period`
-- seconds, after it returns `returned` tokens that were taken and not used. It is one UPDATE of one
-- row, and concurrent calls wait for each other, so no token is given twice. The bucket stores only
-- the time at which it is full again: n tokens are missing when that time is n × period / capacity
-- ahead.
--
-- Tokens that were taken need not survive a crash, so the commit does not wait for the disk. Call
-- it in a transaction of its own.
CREATE FUNCTION app.take_tokens(bucket bytea, capacity integer, period double precision, wanted integer, returned integer DEFAULT 0)
    RETURNS TABLE (taken integer, remaining integer, next_in double precision, full_in double precision)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    token double precision := take_tokens.period / take_tokens.capacity;
    missing double precision;
BEGIN
    IF (capacity > 0 AND period > 0 AND wanted BETWEEN 1 AND capacity AND returned BETWEEN 0 AND capacity) IS NOT TRUE THEN
        RAISE EXCEPTION 'the capacity and the period must be positive, and the tokens within the capacity' USING ERRCODE = 'CH422';
    END IF;
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR attempt IN 1..2 LOOP
        UPDATE app.rate_buckets b SET (full_at, taken) = (
            SELECT m.moment + make_interval(secs => m.missing + g.given * token), g.given
              FROM (
                SELECT n.moment, least(take_tokens.period, greatest(0,
                    extract(epoch FROM b.full_at - n.moment) - take_tokens.returned * token)) AS missing
                  FROM (SELECT clock_timestamp() AS moment) AS n
              ) AS m,
              LATERAL (SELECT least(take_tokens.wanted,
                  floor((take_tokens.period - m.missing) / token + 1e-6)::integer) AS given) AS g)
         WHERE b.key = take_tokens.bucket
        RETURNING b.taken, extract(epoch FROM b.full_at - clock_timestamp()) INTO taken, missing;
        EXIT WHEN FOUND;
        INSERT INTO app.rate_buckets (id, key, full_at)
        VALUES (app.uuid_v7(), take_tokens.bucket, clock_timestamp())
        ON CONFLICT DO NOTHING;
    END LOOP;
    -- Tidied away twice between two statements: it was full.
    taken := coalesce(taken, take_tokens.wanted);
    missing := greatest(coalesce(missing, 0), 0);
    remaining := greatest(0, floor((take_tokens.period - missing) / token + 1e-6))::integer;
    next_in := greatest(0, missing + token - take_tokens.period);
    full_in := missing;
    RETURN NEXT;
END
$$;
ALTER FUNCTION app.take_tokens(bytea, integer, double precision, integer, integer) OWNER TO chenu_login;
REVOKE EXECUTE ON FUNCTION app.take_tokens(bytea, integer, double precision, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.take_tokens(bytea, integer, double precision, integer, integer) TO chenu_human;

-- Deletes full buckets, at most `most` of them, and returns their number. A full bucket equals one
-- that was never used. The owner of the function sees only those rows. It skips buckets that are
-- locked.
CREATE FUNCTION app.forget_rate_buckets(most integer DEFAULT 10000) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    forgotten integer;
BEGIN
    DELETE FROM app.rate_buckets WHERE id IN (
        SELECT b.id FROM app.rate_buckets b WHERE b.full_at < clock_timestamp() LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END
$$;
ALTER FUNCTION app.forget_rate_buckets(integer) OWNER TO chenu_maintain;
REVOKE EXECUTE ON FUNCTION app.forget_rate_buckets(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.forget_rate_buckets(integer) TO chenu_human;

-- Waits until no other transaction of the identity clears references and deletes rows, and makes
-- the next one wait until this transaction ends. Of two rows that refer to each other, each is
-- deleted after the reference of the other one was cleared, so that no order of their locks is right
-- for both. Other writes do not wait.
CREATE FUNCTION app.lock_deletions() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('chenu deletions ' || current_setting('app.identity_id', true), 0));
END
$$;
ALTER FUNCTION app.lock_deletions() OWNER TO chenu_gate;
REVOKE EXECUTE ON FUNCTION app.lock_deletions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.lock_deletions() TO chenu_human, chenu_agent, chenu_erase;
