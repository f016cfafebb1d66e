-- atlas:txmode none

-- Gives credentials of agents an expiry time where they have none or one beyond 365 days, and
-- revokes those whose key has a small order. Owners of working credentials that now expire are
-- told by mail.
--
-- Runs outside a transaction, statement by statement. A run that was interrupted is repeated
-- without harm.
-- Strongest locks, each for its statement alone:
--   app.agent_credentials, app.account_notices: ACCESS EXCLUSIVE for a moment (reads and writes wait)

-- Between NO FORCE and FORCE the owner of the tables is not subject to their policies; every
-- other role still is.
ALTER TABLE app.agent_credentials NO FORCE ROW LEVEL SECURITY;

ALTER TABLE app.account_notices NO FORCE ROW LEVEL SECURITY;

-- What the tables' triggers write is subject to policies, which is an error while this is off.
SET row_security = on;

-- Backfills app.agent_credentials.expires_at. A batch has all credentials of 100 owners, so that
-- each owner gets one notice. Its rows are locked until it commits.
DO $expire$
DECLARE
    changes bigint;
BEGIN
    LOOP
        WITH changed AS (
            UPDATE app.agent_credentials
               SET expires_at = clock_timestamp() + CASE WHEN expires_at IS NULL THEN interval '90 days' ELSE interval '365 days' END
             WHERE (expires_at IS NULL OR expires_at > clock_timestamp() + interval '365 days') AND created_by IN (
                SELECT DISTINCT c.created_by FROM app.agent_credentials c
                 WHERE c.expires_at IS NULL OR c.expires_at > clock_timestamp() + interval '365 days' LIMIT 100)
            RETURNING created_by, expires_at, revoked_at
        ), told AS (
            INSERT INTO app.account_notices (id, created_by, kind, details)
            SELECT app.uuid_v7(), created_by, 'credentials_expire', jsonb_build_object('credentials', count(*), 'expires_at', min(expires_at))
              FROM changed WHERE revoked_at IS NULL GROUP BY created_by
        )
        SELECT count(*) INTO changes FROM changed;
        EXIT WHEN changes = 0;
        COMMIT;
    END LOOP;
END $expire$;

-- Revokes credentials with weak keys, 1000 at a time.
DO $revoke$
BEGIN
    LOOP
        UPDATE app.agent_credentials SET revoked_at = clock_timestamp()
         WHERE (created_by, id) IN (
            SELECT created_by, id FROM app.agent_credentials
             WHERE revoked_at IS NULL AND NOT app.ed25519_key_acceptable(public_key) LIMIT 1000);
        EXIT WHEN NOT FOUND;
        COMMIT;
    END LOOP;
END $revoke$;

SET row_security = off;

ALTER TABLE app.account_notices FORCE ROW LEVEL SECURITY;

ALTER TABLE app.agent_credentials FORCE ROW LEVEL SECURITY;
