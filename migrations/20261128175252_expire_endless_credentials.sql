-- Gives credentials of agents an expiry time where they have none or one beyond 365 days, and
-- revokes those whose key has a small order. Owners of working credentials that now expire are
-- told by mail.
--
-- Applied in one transaction. Locks, held until commit:
--   app.agent_credentials, app.account_notices: ACCESS EXCLUSIVE (reads and writes wait)
-- The tables have few rows for each identity: the credentials are 20 for each agent at most.

-- Between NO FORCE and FORCE the owner, and nobody else, is past its own policies.
ALTER TABLE app.agent_credentials NO FORCE ROW LEVEL SECURITY;
ALTER TABLE app.account_notices NO FORCE ROW LEVEL SECURITY;

-- What the tables' triggers write is subject to policies, which is an error while this is off.
SET LOCAL row_security = on;

-- Backfills app.agent_credentials.expires_at.
WITH changed AS (
    UPDATE app.agent_credentials
       SET expires_at = clock_timestamp() + CASE WHEN expires_at IS NULL THEN interval '90 days' ELSE interval '365 days' END
     WHERE expires_at IS NULL OR expires_at > clock_timestamp() + interval '365 days'
    RETURNING created_by, expires_at, revoked_at
)
INSERT INTO app.account_notices (id, created_by, kind, details)
SELECT app.uuid_v7(), created_by, 'credentials_expire', jsonb_build_object('credentials', count(*), 'expires_at', min(expires_at))
  FROM changed WHERE revoked_at IS NULL GROUP BY created_by;

UPDATE app.agent_credentials SET revoked_at = clock_timestamp()
 WHERE revoked_at IS NULL AND NOT app.ed25519_key_acceptable(public_key);

SET LOCAL row_security = off;
ALTER TABLE app.agent_credentials FORCE ROW LEVEL SECURITY;
ALTER TABLE app.account_notices FORCE ROW LEVEL SECURITY;
