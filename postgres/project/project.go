// Package project names the objects of a project on a PostgreSQL server: its roles, settings and columns. The packages
// that know PostgreSQL, and those that plan and review migrations, know no project: they receive Conventions.
package project

import (
	"fmt"
	"slices"
	"strings"
)

// Conventions are the names of a project's roles, settings and columns. A value must not be changed once it is in use,
// and is then safe for concurrent use.
type Conventions struct {
	// Project is the name of the project. The names of its roles, and of the databases that are created on development
	// servers, start with it and an underscore.
	Project string
	// Roles is SQL that creates the project's roles, and repairs their attributes and memberships. It can run any number of
	// times, and needs CREATEROLE.
	Roles string
	// OpenFunctions is a query for the functions of pg_catalog for which PUBLIC or a serving role has the privilege
	// EXECUTE and which no role of the project needs. Its columns are oid and grantees: the roles that keep the
	// privilege, separated by commas, or NULL.
	OpenFunctions string
	// Owner is the role that owns every object and runs migrations.
	Owner string
	// Human and Agent are the roles that run requests: of a human, and of an agent that acts for a human.
	Human, Agent string
	// Shared is the role that can become Human or Agent.
	Shared string
	// Auditor is the role that reads every row. It is the only role whose members inherit its privileges.
	Auditor string
	// IdentitySetting is the setting that names the identity for which a session acts, and ActorSetting the setting
	// that names the human or agent that acts.
	IdentitySetting, ActorSetting string
	// RequestSettings are the other settings that a request sets.
	RequestSettings []string
	// OwnerColumn is the column that names the identity to which a row belongs. OwnerColumns has, by schema.table, the
	// column for tables in which it has another name.
	OwnerColumn  string
	OwnerColumns map[string]string
}

// Settings returns the settings that a request sets in addition to the role: IdentitySetting, ActorSetting and
// RequestSettings.
func (c *Conventions) Settings() []string {
	return append([]string{c.IdentitySetting, c.ActorSetting}, c.RequestSettings...)
}

// SettingsSQL returns the statement that gives a transaction the role and the settings of a request, local to the
// transaction. Its parameters are the role and the values of Settings, in this order. The role is set first: the rest of the
// statement runs with the rights of the role and not of the login.
func (c *Conventions) SettingsSQL() string {
	var b strings.Builder
	b.WriteString("SELECT set_config('role', $1, true)")
	for i, name := range c.Settings() {
		fmt.Fprintf(&b, ", set_config('%s', $%d, true)", strings.ReplaceAll(name, "'", "''"), i+2)
	}
	return b.String()
}

// RolePrefix returns the prefix of the names of the project's roles.
func (c *Conventions) RolePrefix() string { return c.Project + "_" }

// Serving returns the roles that run requests.
func (c *Conventions) Serving() []string { return []string{c.Human, c.Agent} }

// Serves reports whether the role runs requests.
func (c *Conventions) Serves(role string) bool { return slices.Contains(c.Serving(), role) }

// Creates reports whether Roles creates the role.
func (c *Conventions) Creates(role string) bool { return strings.Contains(c.Roles, "'"+role+"'") }

// OwnerColumnOf returns the column that names the identity to which a row of the table, schema.name, belongs.
func (c *Conventions) OwnerColumnOf(table string) string {
	if column := c.OwnerColumns[table]; column != "" {
		return column
	}
	return c.OwnerColumn
}
