package apply

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/chenu/chenu/migrations"
	"github.com/chenu/chenu/postgres/project"
	"github.com/chenu/chenu/postgres/release"
)

const (
	// DefaultDatabase is the name of the database that Bootstrap creates by default.
	DefaultDatabase = "chenu"

	bootstrapWait = time.Minute
	// bootstrapAttempts is the number of attempts to create the roles. Sessions that do not take the lock, such as the
	// planner on a development server, may create them at the same time. Postgres then reports that a row of its
	// catalog changed concurrently.
	bootstrapAttempts = 5
)

// BootstrapOptions select what Bootstrap creates. All except Conventions may be zero, which is right for a new server.
type BootstrapOptions struct {
	Conventions *project.Conventions // of the project that owns the roles and the database

	Database string // "" means DefaultDatabase

	// The default names of the logins are the project's name and _service, _service_agent, _migrate and _verify.
	Service Login // serves requests of humans
	Agent   Login // serves requests of agents
	Migrate Login // applies migrations
	Audit   Login // verifies and creates backups

	// SharedLogin allows the service login to become the agents' role too, for an installation that serves humans and
	// agents with one login.
	SharedLogin bool
}

// Login is a role that may log in.
type Login struct {
	Name     string // "" means the default
	Password string // "" means a generated one if the login is created, and no change if it exists
}

// BootstrapReport describes the changes of Bootstrap.
type BootstrapReport struct {
	Database string
	Changes  []string // in order; empty if everything existed
	Warnings []string // changes that were not possible
	Logins   []BootstrapLogin
}

// BootstrapLogin is one of the logins.
type BootstrapLogin struct {
	Name     string
	Purpose  string
	Variable string // the environment variable for its URL
	URL      string // with the password if it is known, because it was given or generated
	// Password is set only if it was generated in this run: it is not stored and not shown again.
	Password string
}

// login is one of the logins with its fixed properties.
type login struct {
	Login
	key      string // name of its psql variable
	role     string // role of which it is a member
	not      string // role of which it was a member before, or is with the other value of SharedLogin
	serves   bool   // whether the service uses it; then its transactions are short
	inherit  bool   // whether it has the role's privileges without SET ROLE
	purpose  string
	variable string
}

func (o BootstrapOptions) database() string {
	if o.Database == "" {
		return DefaultDatabase
	}
	return o.Database
}

// logins returns the logins. Only the auditor inherits its role's privileges, because pg_dump runs no SET ROLE by
// default. The other logins use SET ROLE, and have no privileges before.
func (o BootstrapOptions) logins() []login {
	c := o.Conventions
	service := login{Login: o.Service, key: "service", role: c.Human, not: c.Shared, serves: true, purpose: "serves people's requests, as " + c.Human, variable: "CHENU_DATABASE_URL"}
	if o.SharedLogin {
		service.role, service.not, service.purpose = c.Shared, c.Human, fmt.Sprintf("serves all requests, as %s or %s", c.Human, c.Agent)
	}
	all := []login{
		service,
		{Login: o.Agent, key: "agent", role: c.Agent, serves: true, purpose: "serves agents' requests, as " + c.Agent, variable: "CHENU_AGENT_DATABASE_URL"},
		{Login: o.Migrate, key: "migrate", role: c.Owner, purpose: "applies migrations, as " + c.Owner, variable: "CHENU_MIGRATE_DATABASE_URL"},
		{Login: o.Audit, key: "audit", role: c.Auditor, inherit: true, purpose: "reads all rows, for verification and backups", variable: "CHENU_AUDIT_DATABASE_URL"},
	}
	for i, name := range []string{"service", "service_agent", "migrate", "verify"} {
		if all[i].Name == "" {
			all[i].Name = c.RolePrefix() + name
		}
	}
	return all
}

// Memberships returns the role of which each login is a member. Only members of the auditor's role inherit.
func (o BootstrapOptions) Memberships() map[string]string {
	all := map[string]string{}
	for _, l := range o.logins() {
		all[l.Name] = l.role
	}
	return all
}

// reRoleName accepts fewer names than Postgres: only names that need no quotes anywhere, including URLs and
// pg_hba.conf.
var reRoleName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

func (o BootstrapOptions) validate() error {
	if o.Conventions == nil {
		return errNoConventions
	}
	if !reRoleName.MatchString(o.database()) {
		return fmt.Errorf("database name %q: use at most 63 lower-case letters, digits and underscores, the first not a digit", o.Database)
	}
	seen := map[string]bool{}
	for _, l := range o.logins() {
		if !reRoleName.MatchString(l.Name) || strings.HasPrefix(l.Name, "pg_") {
			return fmt.Errorf("login name %q: use at most 63 lower-case letters, digits and underscores, the first not a digit, and not pg_", l.Name)
		}
		if seen[l.Name] {
			return fmt.Errorf("login name %q is given twice: use a different name for each login, because their rights differ", l.Name)
		}
		seen[l.Name] = true
	}
	return nil
}

// step is a query that returns the statements that are still needed, as psql's \gexec requires. Bootstrap and the
// printed script run the same steps, so they have the same effect. If everything exists, a step returns no statement.
type step struct {
	verb   string // a key of past
	object string // object of the verb, such as "login x"
	query  string
}

// past maps the verbs of steps to those in the report of changes.
var past = map[string]string{"create": "created", "change": "changed", "grant": "granted", "remove": "removed", "revoke": "revoked", "set": "set"}

// loginSteps returns the steps that create one login. password is an SQL expression.
func loginSteps(l login, password string) []step {
	attributes := "NOINHERIT"
	if l.inherit {
		attributes = "INHERIT"
	}
	name := literal(l.Name)
	steps := []step{
		{"create", "login " + l.Name, fmt.Sprintf(`SELECT format('CREATE ROLE %%I LOGIN %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD %%L', %s, %s)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %[2]s)`, attributes, name, password)},
		{"change", "login " + l.Name + " to " + attributes, fmt.Sprintf(`SELECT format('ALTER ROLE %%I %s', rolname)
FROM pg_catalog.pg_roles WHERE rolname = %s AND rolinherit <> %t`, attributes, name, l.inherit)},
		{"remove", "administrative attributes from login " + l.Name, fmt.Sprintf(`SELECT format('ALTER ROLE %%I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', rolname)
FROM pg_catalog.pg_roles WHERE rolname = %s AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)`, name)},
		// From PostgreSQL 16 on, inheriting is an option of each grant. Before, pg_auth_members has no such column, so
		// it is read through jsonb.
		{"grant", l.role + " to " + l.Name, fmt.Sprintf(`SELECT format('GRANT %%I TO %%I%%s', %s, %s,
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT %s, SET TRUE' ELSE '' END)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members m
    JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
    WHERE r.rolname = %[1]s AND u.rolname = %[2]s
      AND coalesce((to_jsonb(m)->>'inherit_option')::boolean, %[4]t) = %[4]t AND coalesce((to_jsonb(m)->>'set_option')::boolean, true))`,
			literal(l.role), name, strings.ToUpper(fmt.Sprint(l.inherit)), l.inherit)},
	}
	if l.not != "" {
		// An earlier version made the service login a member of the shared role, which can become either kind of actor.
		// From PostgreSQL 16 on, REVOKE removes only the grants of one grantor.
		steps = append(steps, step{"revoke", l.not + " from " + l.Name, fmt.Sprintf(`SELECT format('REVOKE %%I FROM %%I%%s', r.rolname, u.rolname,
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN format(' GRANTED BY %%I', g.rolname) ELSE '' END)
FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.roleid JOIN pg_catalog.pg_roles u ON u.oid = m.member
    LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantor
WHERE r.rolname = %s AND u.rolname = %s`, literal(l.not), name)})
	}
	return append(steps, timeoutSteps(l)...)
}

// timeoutSteps sets the default timeouts of sessions of a login of the service. A transaction that stays open would
// hold its locks: those of an agent delay the agent's suspension. A session can choose other timeouts, and a login
// keeps a value that was set before.
func timeoutSteps(l login) []step {
	if !l.serves {
		return nil
	}
	timeouts := []struct {
		name, value string
		since       int // the first server version that supports it
	}{{"idle_in_transaction_session_timeout", "30s", 0}, {"statement_timeout", "60s", 0}}
	if l.key == "agent" {
		// The only operation that takes longer, the erasure of an identity, is not available to agents.
		timeouts = append(timeouts, struct {
			name, value string
			since       int
		}{"transaction_timeout", "2min", 170000})
	}
	var steps []step
	for _, s := range timeouts {
		supported := ""
		if s.since > 0 {
			supported = fmt.Sprintf(" AND current_setting('server_version_num')::int >= %d", s.since)
		}
		steps = append(steps, step{"set", s.name + " of login " + l.Name + " to " + s.value, fmt.Sprintf(`SELECT format('ALTER ROLE %%I SET %s = %%L', rolname, '%s')
FROM pg_catalog.pg_roles u WHERE rolname = %s%s
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS c WHERE s.setrole = u.oid AND starts_with(c, '%[1]s='))`,
			s.name, s.value, literal(l.Name), supported)})
	}
	return steps
}

// databaseSteps returns the steps that create the database and set who may connect to it.
func (o BootstrapOptions) databaseSteps() []step {
	name, owner := literal(o.database()), o.Conventions.Owner
	steps := []step{
		// Only a member of a role, or a superuser, may create a database that the role owns.
		{"grant", owner + " to the administrator", fmt.Sprintf(`SELECT format('GRANT %s TO %%I', current_user)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %s)
  AND NOT pg_has_role(current_user, '%[1]s', CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)`, owner, name)},
		{"create", "database " + o.database(), fmt.Sprintf(`SELECT format('CREATE DATABASE %%I OWNER %s TEMPLATE template0 ENCODING ''UTF8''', %s)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %[2]s)`, owner, name)},
		{"revoke", "CONNECT and TEMPORARY on database " + o.database() + " from PUBLIC", fmt.Sprintf(`SELECT format('REVOKE CONNECT, TEMPORARY ON DATABASE %%I FROM PUBLIC', datname)
FROM pg_catalog.pg_database d WHERE datname = %s
  AND EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a WHERE a.grantee = 0)`, name)},
	}
	for _, l := range o.logins() {
		steps = append(steps, step{"grant", "CONNECT on database " + o.database() + " to " + l.Name, fmt.Sprintf(`SELECT format('GRANT CONNECT ON DATABASE %%I TO %%I', d.datname, u.rolname)
FROM pg_catalog.pg_database d, pg_catalog.pg_roles u WHERE d.datname = %s AND u.rolname = %s
  AND NOT EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = u.oid AND a.privilege_type = 'CONNECT')`, name, literal(l.Name))})
	}
	return steps
}

// catalogSteps revokes privileges on functions of pg_catalog that PUBLIC does not need, in the database itself. Only a
// superuser can do this: for others the steps change nothing, and the report warns. The migrate login keeps the two
// functions behind pg_stat_activity and pg_locks, since its second connection, which is not the owner, watches its
// migration.
func (o BootstrapOptions) catalogSteps() []step {
	migrate := o.logins()[2].Name
	return []step{{"revoke", "EXECUTE on functions of pg_catalog from PUBLIC", `SELECT statement FROM (` + o.Conventions.OpenFunctions + `) f, LATERAL (VALUES
    (1, format('GRANT EXECUTE ON FUNCTION %s TO %s', f.oid::pg_catalog.regprocedure, f.grantees)),
    (2, format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, ` + strings.Join(o.Conventions.Serving(), ", ") + `', f.oid::pg_catalog.regprocedure))) s (place, statement)
WHERE (place = 2 OR f.grantees IS NOT NULL) AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
ORDER BY place`}, {"grant", "EXECUTE on the functions of pg_stat_activity and pg_locks to " + migrate, fmt.Sprintf(`SELECT format('GRANT EXECUTE ON FUNCTION %%s TO %%I', p.oid::pg_catalog.regprocedure, u.rolname)
FROM pg_catalog.pg_proc p, pg_catalog.pg_roles u WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace
  AND p.proname IN ('pg_stat_get_activity', 'pg_lock_status') AND u.rolname = %s AND NOT pg_catalog.has_function_privilege(u.oid, p.oid, 'EXECUTE')
  AND (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)`, literal(migrate))}}
}

// roleCheck rejects a login name that is the name of an existing role without LOGIN, such as the roles of
// Conventions.Roles.
func (o BootstrapOptions) roleCheck() string {
	var names []string
	for _, l := range o.logins() {
		names = append(names, literal(l.Name))
	}
	return fmt.Sprintf(`DO $$
DECLARE
    other text := (SELECT string_agg(rolname, ', ') FROM pg_catalog.pg_roles WHERE rolname IN (%s) AND NOT rolcanlogin);
BEGIN
    IF other IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use',
            MESSAGE = 'there is a role already that nobody may log in as: ' || other,
            HINT = 'choose another name for the login';
    END IF;
END
$$`, strings.Join(names, ", "))
}

// ownerCheck rejects a database that another role owns.
func (o BootstrapOptions) ownerCheck() string {
	return fmt.Sprintf(`DO $$
DECLARE
    other text := (SELECT pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = %s);
BEGIN
    IF other <> '%s' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use',
            MESSAGE = 'there is a database %s already, and it belongs to ' || other,
            HINT = 'choose another name, or if this one is meant: ALTER DATABASE %[3]s OWNER TO %[2]s';
    END IF;
END
$$`, literal(o.database()), o.Conventions.Owner, o.database())
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// BootstrapSQL returns a psql script that has the same effect as Bootstrap, for a DBA to read and run. It contains no
// password: psql reads them from the environment, and a login without a password cannot log in by password until it
// gets one.
func BootstrapSQL(o BootstrapOptions) (string, error) {
	if err := o.validate(); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `-- Creates the roles, logins and database of chenu. Run it with psql 14 or later, on a server of version %d or later, as a
-- superuser or as a role with CREATEROLE and CREATEDB, connected to any database:
--
--     psql -X -d postgres -f bootstrap.sql
--
-- It can run again at any time, and then creates only what is missing. It creates four logins:
--
`, release.Oldest)
	for _, l := range o.logins() {
		fmt.Fprintf(&b, "--   %-20s  %s (%s)\n", l.Name, l.purpose, l.variable)
	}
	b.WriteString(`--
-- Their passwords are read from these environment variables. A login that is created without one has no password: it
-- cannot log in with a password until one is set. Prefer \password of psql: it keeps the password out of the log of the server.

\set ON_ERROR_STOP on
`)
	for _, l := range o.logins() {
		fmt.Fprintf(&b, "\\getenv %[1]s_password CHENU_BOOTSTRAP_%[2]s_PASSWORD\n\\if :{?%[1]s_password} \\else \\set %[1]s_password '' \\endif\n", l.key, strings.ToUpper(l.key))
	}
	b.WriteString("\nSET client_min_messages = warning;\nBEGIN;\n\n")
	fmt.Fprintf(&b, "%s\n\n%s;\n\n%s;\n", strings.TrimSpace(o.Conventions.Roles), o.roleCheck(), o.ownerCheck())
	for _, l := range o.logins() {
		fmt.Fprintf(&b, "\n-- %s: %s.\n", l.Name, l.purpose)
		for _, s := range loginSteps(l, fmt.Sprintf("nullif(:'%s_password', '')", l.key)) {
			fmt.Fprintf(&b, "%s \\gexec\n", s.query)
		}
	}
	b.WriteString("\nCOMMIT;\n\n-- The database, for the logins only: by default, all roles may connect to a new database.\n")
	for _, s := range o.databaseSteps() {
		fmt.Fprintf(&b, "%s \\gexec\n", s.query)
	}
	fmt.Fprintf(&b, "\n-- In the database: PUBLIC does not need these functions of pg_catalog. Only a superuser can revoke EXECUTE; for other roles this changes nothing.\n\\connect %s\n", o.database())
	for _, s := range o.catalogSteps() {
		fmt.Fprintf(&b, "%s \\gexec\n", s.query)
	}
	return b.String(), nil
}

// Bootstrap creates what belongs to the server and not to the history of one database: the roles, the logins, and the
// database itself. adminURL is the URL of an administrator (a superuser, or a role with CREATEROLE and CREATEDB).
// Bootstrap changes only what is missing, so it can be run again: the report then lists no changes. It returns an error
// if a database of that name belongs to another role. It does not migrate.
func Bootstrap(ctx context.Context, adminURL string, o BootstrapOptions) (BootstrapReport, error) {
	report := BootstrapReport{Database: o.database()}
	if err := o.validate(); err != nil {
		return report, err
	}
	config, err := parseURL(adminURL)
	if err != nil {
		return report, err
	}
	config.RuntimeParams["application_name"] = "chenu bootstrap"
	conn, err := dial(ctx, config)
	if err != nil {
		return report, err
	}
	s := &session{Conn: conn}
	defer s.close()
	if err := s.isDirect(ctx); err != nil {
		return report, err
	}
	if err := s.mayBootstrap(ctx, o); err != nil {
		return report, err
	}
	// Two concurrent runs would conflict over the roles.
	if err := s.lock(ctx, o.Conventions.Project+"_bootstrap", bootstrapWait, nil); err != nil {
		return report, err
	}
	b := bootstrapper{session: s, options: o, report: &report}
	for attempt := 1; ; attempt++ {
		err := b.roles(ctx)
		if err == nil {
			break
		}
		if attempt == bootstrapAttempts || !slices.Contains([]string{stateInternalError, stateUniqueViolation, stateDuplicateObject}, state(err)) {
			return report, b.explain(err)
		}
		report, b.known = BootstrapReport{Database: o.database()}, nil
	}
	for _, step := range o.databaseSteps() {
		if err := b.run(ctx, s, step); err != nil {
			return report, b.explain(err)
		}
	}
	if err := b.catalog(ctx, config); err != nil {
		return report, b.explain(err)
	}
	for i := range report.Logins {
		report.Logins[i].URL = b.url(adminURL, report.Logins[i].Name, b.known[i])
	}
	return report, nil
}

// catalog runs the steps that must run in the database itself.
func (b *bootstrapper) catalog(ctx context.Context, config *pgx.ConnConfig) error {
	config = config.Copy()
	config.Database = b.options.database()
	conn, err := dial(ctx, config)
	if err != nil {
		// An administrator who is not a superuser may not be allowed to connect to the database.
		b.report.Warnings = append(b.report.Warnings, "PUBLIC may execute functions of pg_catalog that the service does not need: run `chenu bootstrap` as a superuser to revoke this")
		return nil // The warning reports it.
	}
	s := &session{Conn: conn}
	defer s.close()
	for _, step := range b.options.catalogSteps() {
		before := len(b.report.Changes)
		if err := b.run(ctx, s, step); err != nil {
			return err
		}
		if len(b.report.Changes) > before { // one line for all functions
			b.report.Changes = b.report.Changes[:before+1]
		}
	}
	var open int
	if err := s.QueryRow(ctx, "SELECT count(*) FROM ("+b.options.Conventions.OpenFunctions+") f").Scan(&open); err != nil {
		return fmt.Errorf("read the privileges on functions of pg_catalog: %w", err)
	}
	if open > 0 {
		b.report.Warnings = append(b.report.Warnings, fmt.Sprintf("PUBLIC may execute %d functions of pg_catalog that the service does not need, such as those of large objects: "+
			"only a superuser can revoke this privilege, and managed servers may not allow it", open))
	}
	return nil
}

// mayBootstrap returns an error if a privilege is missing, before anything is changed.
func (s *session) mayBootstrap(ctx context.Context, o BootstrapOptions) error {
	var (
		version                                       int
		versionName                                   string
		user                                          string
		super, createRole, createDB, readOnly, exists bool
	)
	err := s.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_version'), rolname, rolsuper, rolcreaterole, rolcreatedb,
	pg_is_in_recovery(), EXISTS (SELECT FROM pg_database WHERE datname = $1)
FROM pg_roles WHERE rolname = current_user`, o.database()).Scan(&version, &versionName, &user, &super, &createRole, &createDB, &readOnly, &exists)
	if err != nil {
		return fmt.Errorf("read the version of the server and the rights of the login: %w", err)
	}
	major, _ := release.Split(version)
	switch {
	case major < release.Oldest:
		return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: "the server is PostgreSQL " + versionName, Advice: fmt.Sprintf("use version %d or later", release.Oldest)}
	case readOnly:
		return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: "the server is a replica", Advice: "use the URL of the primary"}
	case super:
		return nil
	}
	var missing []string
	if !createRole {
		missing = append(missing, "CREATEROLE (to create the roles and logins)")
	}
	if !createDB && !exists {
		missing = append(missing, "CREATEDB (to create the database)")
	}
	if len(missing) > 0 {
		return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: fmt.Sprintf("the role %s lacks %s", user, strings.Join(missing, " and ")),
			Advice: "use an administrator's URL, or give a DBA the output of `chenu bootstrap --print`"}
	}
	return nil
}

type bootstrapper struct {
	session *session
	options BootstrapOptions
	report  *BootstrapReport
	known   []string // the logins' passwords, if they are known
}

// roles creates the roles and logins in one transaction.
func (b *bootstrapper) roles(ctx context.Context) error {
	tx, err := b.session.Begin(ctx)
	if err != nil {
		return fmt.Errorf("start a transaction: %w", err)
	}
	defer func() {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = tx.Rollback(late) // does nothing after the commit
	}()
	before, err := b.roleFacts(ctx, tx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, b.options.Conventions.Roles); err != nil {
		return fmt.Errorf("create the roles: %w", err)
	}
	for _, check := range []string{b.options.roleCheck(), b.options.ownerCheck()} {
		if _, err := tx.Exec(ctx, check); err != nil {
			return err
		}
	}
	after, err := b.roleFacts(ctx, tx)
	if err != nil {
		return err
	}
	for _, fact := range after {
		if !slices.Contains(before, fact) {
			b.report.Changes = append(b.report.Changes, fact)
		}
	}
	for _, l := range b.options.logins() {
		if err := b.login(ctx, tx, l); err != nil {
			return err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit the roles: %w", err)
	}
	return nil
}

// roleFacts returns what Conventions.Roles may change, as sentences of the report.
func (b *bootstrapper) roleFacts(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT fact FROM (
	SELECT 1 AS kind, 'created role ' || rolname AS fact FROM pg_roles WHERE starts_with(rolname::text, $1)
	UNION ALL SELECT 2, 'changed role ' || rolname || ' to NOINHERIT' FROM pg_roles WHERE starts_with(rolname::text, $1) AND NOT rolinherit
	UNION ALL SELECT DISTINCT 3, 'granted ' || r.rolname || ' to ' || u.rolname FROM pg_auth_members m
		JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
		WHERE starts_with(r.rolname::text, $1) AND starts_with(u.rolname::text, $1)
) facts ORDER BY kind, fact`, b.options.Conventions.RolePrefix())
	if err != nil {
		return nil, fmt.Errorf("read the roles: %w", err)
	}
	facts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the roles: %w", err)
	}
	return facts, nil
}

func (b *bootstrapper) login(ctx context.Context, tx pgx.Tx, l login) error {
	var exists bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", l.Name).Scan(&exists); err != nil {
		return fmt.Errorf("read login %s: %w", l.Name, err)
	}
	made := BootstrapLogin{Name: l.Name, Purpose: l.purpose, Variable: l.variable}
	password := l.Password
	if password == "" && !exists {
		password = rand.Text()
		made.Password = password
	}
	verifier := ""
	if password != "" {
		var err error
		if verifier, err = scramVerifier(password); err != nil {
			return fmt.Errorf("password of login %s: %w", l.Name, err)
		}
	}
	for _, step := range loginSteps(l, literal(verifier)) {
		if err := b.run(ctx, tx, step); err != nil {
			return err
		}
	}
	if exists && password != "" && !passwordIs(ctx, tx, l.Name, password) {
		set := step{"set", "the password of login " + l.Name, fmt.Sprintf("SELECT format('ALTER ROLE %%I PASSWORD %%L', %s, %s)", literal(l.Name), literal(verifier))}
		if err := b.run(ctx, tx, set); err != nil {
			return err
		}
	}
	b.report.Logins = append(b.report.Logins, made)
	b.known = append(b.known, password)
	return nil
}

// passwordIs reports whether the login has this password. It returns false if the administrator may not read the stored
// form.
func passwordIs(ctx context.Context, tx pgx.Tx, name, password string) bool {
	var mayRead bool
	if err := tx.QueryRow(ctx, "SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')").Scan(&mayRead); err != nil || !mayRead {
		return false
	}
	var verifier *string
	err := tx.QueryRow(ctx, "SELECT rolpassword FROM pg_authid WHERE rolname = $1", name).Scan(&verifier)
	return err == nil && verifier != nil && scramMatches(*verifier, password)
}

// run executes the statements that the step's query returns.
func (b *bootstrapper) run(ctx context.Context, db Querier, s step) error {
	rows, err := db.Query(ctx, s.query)
	if err != nil {
		return fmt.Errorf("%s %s: %w", s.verb, s.object, err)
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("%s %s: %w", s.verb, s.object, err)
	}
	for _, statement := range statements {
		if _, err := db.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s %s: %w", s.verb, s.object, err)
		}
		b.report.Changes = append(b.report.Changes, past[s.verb]+" "+s.object)
	}
	return nil
}

// explain adds advice to an error of the server.
func (b *bootstrapper) explain(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.Code {
	case stateInsufficientPrivilege:
		return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: fmt.Sprintf("the role %s lacks a right", b.session.Config().User), Err: err,
			Advice: "from PostgreSQL 16 on, a role with CREATEROLE may change only roles that it created or has ADMIN OPTION on: use the administrator that created them, or a superuser"}
	case stateObjectInUse:
		return &migrations.Refusal{Kind: migrations.ErrNoRights, Reason: refused.Message, Advice: refused.Hint}
	}
	return err
}

// url returns the administrator's URL with another login and the database.
func (b *bootstrapper) url(adminURL, name, password string) string {
	u, err := url.Parse(adminURL)
	if err != nil || u.Scheme == "" { // key=value form
		config := b.session.Config()
		u = &url.URL{Scheme: "postgres", Host: fmt.Sprintf("%s:%d", config.Host, config.Port)}
		if strings.HasPrefix(config.Host, "/") {
			u.Host, u.RawQuery = "", url.Values{"host": {config.Host}, "port": {fmt.Sprint(config.Port)}}.Encode()
		}
	}
	query := u.Query()
	for _, key := range []string{"user", "password", "dbname", "database"} {
		query.Del(key)
	}
	out := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + b.options.database(), RawQuery: query.Encode(), User: url.User(name)}
	if password != "" {
		out.User = url.UserPassword(name, password)
	}
	return out.String()
}
