package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Environment contains facts that determine access but are not objects of the database: its owner and privileges, the
// roles and their memberships, the initial settings of sessions, and the protection of partitions that were created at
// run time.
type Environment struct {
	Database, Owner string
	// User is the login of the session.
	User string
	// Server identifies the running server.
	Server      string
	Grants      []Grant // on the database
	Roles       []*ClusterRole
	Memberships []*Membership
	Settings    []*Setting
	Partitions  []*RuntimePartition
}

// ClusterRole is a role with its attributes.
type ClusterRole struct {
	Name                                                string
	Superuser, Login, Inherit, BypassRLS                bool
	CreateRole, CreateDB, Replication, MayConnect, Ours bool
}

// Membership is one grant of a role to another. Inherit and Set are options of the grant since
// PostgreSQL 16; before, they follow from the member.
type Membership struct {
	Role, Member        string
	Admin, Inherit, Set bool
	Grantor             string
}

// Setting is an initial setting of sessions by ALTER DATABASE or ALTER ROLE … SET. Role is empty if
// the setting applies to every role. Everywhere reports whether it applies in every database.
type Setting struct {
	Role        string
	Everywhere  bool
	Name, Value string
}

// RuntimePartition is a partition that is not a DEFAULT partition, with its protection.
type RuntimePartition struct {
	Schema, Name              string
	ParentSchema, ParentTable string
	Owner                     string
	Enabled, Forced           bool
	Policies                  []string
	Triggers                  []string // those of the partition, not those of its parent
	Disabled                  []string // disabled ones among all its triggers
	Grants                    []Grant
}

// concerned limits a query to the roles of the project, the given logins, and the direct and
// indirect members of both.
const concerned = `
WITH RECURSIVE concerned AS (
	SELECT oid FROM pg_catalog.pg_roles WHERE starts_with(rolname::text, $2) OR rolname = ANY ($1::text[]) OR rolname = session_user
	UNION
	SELECT m.member FROM pg_catalog.pg_auth_members m JOIN concerned c ON c.oid = m.roleid
)`

const clusterRolesQuery = concerned + `
SELECT r.rolname::text, r.rolsuper, r.rolcanlogin, r.rolinherit, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication,
	pg_catalog.has_database_privilege(r.oid, pg_catalog.current_database(), 'CONNECT'), starts_with(r.rolname::text, $2) AND NOT r.rolcanlogin
FROM pg_catalog.pg_roles r JOIN concerned c ON c.oid = r.oid ORDER BY 1`

// Columns that exist since PostgreSQL 16 are read through jsonb, so that the query also runs on 15.
const membershipsQuery = concerned + `
SELECT g.rolname::text, r.rolname::text, m.admin_option,
	coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit),
	coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, true), pg_catalog.pg_get_userbyid(m.grantor)::text
FROM pg_catalog.pg_auth_members m
JOIN pg_catalog.pg_roles g ON g.oid = m.roleid JOIN pg_catalog.pg_roles r ON r.oid = m.member
WHERE m.member IN (SELECT oid FROM concerned)
ORDER BY 1, 2, 6`

const settingsQuery = concerned + `
SELECT coalesce(r.rolname::text, ''), s.setdatabase = 0, pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1)
FROM pg_catalog.pg_db_role_setting s
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole, pg_catalog.unnest(s.setconfig) c
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()))
AND (s.setrole = 0 OR s.setrole IN (SELECT oid FROM concerned))
ORDER BY 1, 2, 3`

var databaseQuery = `
SELECT d.datname::text, pg_catalog.pg_get_userbyid(d.datdba)::text, session_user::text,
	pg_catalog.pg_postmaster_start_time()::text || ' ' || pg_catalog.current_setting('port'),
	` + grants("coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))") + `
FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`

var runtimeProtectionQuery = `
SELECT n.nspname::text, c.relname::text, pn.nspname::text, p.relname::text, pg_catalog.pg_get_userbyid(c.relowner)::text,
	c.relrowsecurity, c.relforcerowsecurity,
	ARRAY(SELECT y.polname::text FROM pg_catalog.pg_policy y WHERE y.polrelid = c.oid ORDER BY 1),
	ARRAY(SELECT t.tgname::text FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgparentid = 0 ORDER BY 1),
	ARRAY(SELECT t.tgname::text FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled = 'D' ORDER BY 1),
	` + grants("coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))") + `
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE c.relispartition AND c.relkind IN ('r', 'p') AND pg_catalog.pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'
ORDER BY 1, 2`

// ReadEnvironment reads the environment in the caller's transaction. It includes the given
// logins. The session can have any role.
func ReadEnvironment(ctx context.Context, tx pgx.Tx, rolePrefix string, logins []string) (*Environment, error) {
	var (
		s     = &Environment{}
		batch pgx.Batch
	)
	batch.Queue(databaseQuery).QueryRow(func(row pgx.Row) error { return row.Scan(&s.Database, &s.Owner, &s.User, &s.Server, &s.Grants) })
	queue(&batch, clusterRolesQuery, &s.Roles, logins, rolePrefix)
	queue(&batch, membershipsQuery, &s.Memberships, logins, rolePrefix)
	queue(&batch, settingsQuery, &s.Settings, logins, rolePrefix)
	queue(&batch, runtimeProtectionQuery, &s.Partitions)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return nil, fmt.Errorf("read roles and database: %w", err)
	}
	return s, nil
}

// Role returns a role by name.
func (s *Environment) Role(name string) (*ClusterRole, bool) {
	for _, r := range s.Roles {
		if r.Name == name {
			return r, true
		}
	}
	return nil, false
}
