package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/chenu/chenu/policies"
	"github.com/chenu/chenu/postgres/release"
	"github.com/chenu/chenu/server/auth"
)

// guardSQL returns the attributes of the login and every reason why row-level security would not hold for it. It
// checks the login, the roles that it can become by SET ROLE or inherits from, over any number of memberships, and the
// objects that these roles own. From PostgreSQL 16 on, memberships count that have the set or inherit option, or the
// admin option, by which the login could grant itself the others. The last reason depends on the policies: a role with
// policies, other than the two serving roles, owns SECURITY DEFINER functions or is an auditor, and sees rows of many
// identities.
const guardSQL = `
WITH RECURSIVE reach(oid) AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user
    UNION
    SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN reach r ON m.member = r.oid
     WHERE coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
        OR coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true) OR m.admin_option
), role AS (
    SELECT r.*, CASE WHEN r.rolname = session_user THEN 'it ' ELSE 'it can become ' || quote_ident(r.rolname) || ', which ' END AS who
      FROM pg_catalog.pg_roles r JOIN reach USING (oid)
), object AS (
    SELECT relowner AS owner, relnamespace AS schema, relname::text AS name FROM pg_catalog.pg_class
    UNION ALL SELECT proowner, pronamespace, proname::text FROM pg_catalog.pg_proc
    UNION ALL SELECT nspowner, oid, NULL FROM pg_catalog.pg_namespace
), owned AS (
    SELECT o.owner, min(quote_ident(n.nspname) || coalesce('.' || quote_ident(o.name), '')) AS name
      FROM object o JOIN pg_catalog.pg_namespace n ON n.oid = o.schema
     WHERE o.owner IN (SELECT oid FROM reach) AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     GROUP BY o.owner
), reason AS (
    SELECT 1 AS weight, who || 'is a superuser' AS text FROM role WHERE rolsuper
    UNION ALL SELECT 2, who || 'has BYPASSRLS' FROM role WHERE rolbypassrls
    UNION ALL SELECT 3, who || 'owns ' || owned.name FROM role JOIN owned ON owned.owner = role.oid
    UNION ALL SELECT 4, who || 'owns the database' FROM role JOIN pg_catalog.pg_database d ON d.datdba = role.oid WHERE d.datname = current_database()
    UNION ALL SELECT 5, who || 'has CREATEROLE, and can make itself a member of others' FROM role WHERE rolcreaterole
    UNION ALL SELECT 6, who || 'has REPLICATION, and can copy the whole cluster' FROM role WHERE rolreplication
    UNION ALL SELECT 7, who || 'reaches beyond the tables'' privileges' FROM role WHERE rolname = ANY ($1)
    UNION ALL SELECT 8, who || 'has policies of its own' FROM role
        WHERE rolname <> ALL ($2) AND EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE role.oid = ANY (p.polroles))
    UNION ALL SELECT 9, who || 'is a human, and this login is for agents' FROM role WHERE rolname = $3
)
SELECT session_user::text, current_setting('server_version_num')::int, current_setting('server_version'),
       coalesce((SELECT text FROM reason ORDER BY weight, text LIMIT 1), ''),
       coalesce((SELECT rolinherit FROM role WHERE rolname = session_user), false)
           AND current_setting('server_version_num')::int < 160000,
       pg_backend_pid(),
       EXISTS (SELECT FROM role WHERE rolname = $4),
       (SELECT count(*) FROM (` + policies.OpenFunctions + `) f)`

// beyond are Postgres's predefined roles that bypass column privileges, or can access files (manual, section 22.5).
var beyond = []string{
	"pg_execute_server_program", "pg_read_server_files", "pg_write_server_files",
	"pg_read_all_data", "pg_write_all_data", "pg_maintain",
}

// guard returns an error if row-level security does not hold for the login.
func (d *DB) guard(ctx context.Context, kind auth.Kind, cfg Config) error {
	notHuman := "" // the login for agents must not be able to become a human
	if kind == auth.Agent && !cfg.shared() {
		notHuman = roles[auth.Human]
	}
	var (
		login, version, reason string
		number, open           int
		inherits, reachesAgent bool
		answered, announced    uint32
	)
	err := d.pool(kind).AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		announced = conn.Conn().PgConn().PID()
		return conn.QueryRow(ctx, guardSQL, beyond, []string{roles[auth.Human], roles[auth.Agent]}, notHuman, roles[auth.Agent]).
			Scan(&login, &number, &version, &reason, &inherits, &answered, &reachesAgent, &open)
	})
	if err != nil {
		return fmt.Errorf("session: read the attributes of the login for actors of the kind %s: %w", kind, err)
	}
	variable, group, command := "CHENU_DATABASE_URL", roles[auth.Human], "chenu bootstrap"
	switch {
	case cfg.shared():
		group, command = policies.Conventions.Shared, "chenu bootstrap --shared-login"
	case kind == auth.Agent:
		variable, group = "CHENU_AGENT_DATABASE_URL", roles[auth.Agent]
	}
	if reason != "" {
		return fmt.Errorf("session: refusing to serve as the login %q: %s, and row-level security would not hold; "+
			"set %s to a login that is a member of %s and of nothing else (`%s` creates one)", login, reason, variable, group, command)
	}
	// A pooler sends a process id of its own at startup.
	if answered != announced && !cfg.Pooler {
		return errors.New("session: there is a connection pooler in front of Postgres, and prepared statements may not work through it: " +
			"set CHENU_DATABASE_POOLER=transaction, or connect to Postgres directly")
	}
	if reachesAgent && kind == auth.Human && !cfg.shared() {
		cfg.Logger.WarnContext(ctx, "the login for people can also become chenu_agent: run `chenu bootstrap`, which revokes that membership", "login", login)
	}
	if open > 0 && kind == auth.Human {
		cfg.Logger.WarnContext(ctx, "PUBLIC may execute functions of pg_catalog that the service does not need, such as those of large objects: "+
			"run `chenu bootstrap` as a superuser", "functions", open)
	}
	if inherits && (kind == auth.Human || !cfg.shared()) {
		cfg.Logger.WarnContext(ctx, "the login inherits the privileges of the roles that it can become: set it to NOINHERIT with ALTER ROLE", "login", login)
	}
	if err := patchLevel(ctx, kind, number, version, cfg); err != nil {
		return err
	}
	if err := d.try(ctx, kind); err != nil {
		return fmt.Errorf("session: the login %q cannot become %s: grant it membership in %s (`%s` does): %w",
			login, roles[kind], group, command, err)
	}
	return nil
}

func patchLevel(ctx context.Context, kind auth.Kind, number int, version string, cfg Config) error {
	major, minor := release.Split(number)
	if major < release.Oldest {
		return fmt.Errorf("session: PostgreSQL %s is too old: %d or later is needed", version, release.Oldest)
	}
	need := release.Patched(major)
	if minor >= need {
		return nil
	}
	sentence := fmt.Sprintf("PostgreSQL %s lacks security fixes that row-level security relies on: update it to %d.%d or later",
		strings.Fields(version)[0], major, need)
	if cfg.StrictPatchLevel {
		return fmt.Errorf("session: %s", sentence)
	}
	if kind == auth.Human { // The login for agents uses the same server.
		cfg.Logger.WarnContext(ctx, sentence)
	}
	return nil
}
