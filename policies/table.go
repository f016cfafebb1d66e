package policies

import "slices"

// Table describes one table as the generator found it in ent/schema. The
// desired policies, the planner's alterations of Ent's tables, the filters and
// the tests' matrix are all derived from these descriptions.
type Table struct {
	// Schema is "public" for entities and "app" for supporting tables.
	Schema string
	Name   string
	// Entity is Ent's type name; Resource is how the audit trail and error
	// documents call it: the same in snake_case.
	Entity   string
	Resource string
	Comment  string
	Sphere   string
	// Owner is the column that holds the identity; empty when OwnerlessWhy
	// says why there is none.
	Owner        string
	OwnerlessWhy string
	Access       Access
	// Capability is the capability that agents need; empty means the capability of the sphere.
	Capability string
	// AgentRows and AgentOwnRows are SQL conditions: see the annotations of these names.
	AgentRows    string
	AgentOwnRows string
	// HiddenFromAgents are the columns that agents have no privilege to read.
	HiddenFromAgents []string
	// AgentUpdates are the columns that agents may change; empty means those that humans may.
	AgentUpdates []string
	Gates        []Gate
	// UngatedWhy says why the table has no gate; empty when it has one.
	UngatedWhy   string
	AppendOnly   *AppendOnly
	AuditReads   bool
	UnauditedWhy string
	// Transient says that the rows never outlive their transaction.
	Transient   bool
	Partitioned bool
	// KeptWhy says why rows outlive the erasure of their identity; empty when they don't.
	KeptWhy      string
	Search       *Search
	Retired      Retired
	TimeOrder    string
	Triggers     []Trigger
	AuditWithout []string
	// AuditCounters are left out too, and alone are no change to record.
	AuditCounters []string
	// Unversioned columns alone are no new version.
	Unversioned []string
	// KeyWith are the columns of the primary key beside the owner and the id.
	KeyWith    []string
	Columns    []Column
	References []Reference
	Uniques    []Unique
	Checks     []Check
	// RowCheck are the columns that the function is given which checks all of Checks; empty where constraints do.
	RowCheck []Parameter
}

// Column is one column of a Table.
type Column struct {
	Name      string
	Comment   string
	Optional  bool
	Immutable bool
	Enum      []string
	Rules     Rules
}

// Reference is a foreign key to another entity's table. In the database it is
// composite: (owner, Column) → (owner, id).
type Reference struct {
	Name   string
	Column string
	Table  string
	// Cascade deletes the row with the one it is a part of; otherwise the
	// other row cannot be deleted while this one names it.
	Cascade bool
}

// Unique is a unique index, over columns that lead with the owner or over an
// expression of the one column.
type Unique struct {
	Name       string
	Columns    []string
	Expression string
}

// Check is a CHECK constraint.
type Check struct {
	Name string
	// Column is the one that an error points at, also where it concerns several.
	Column     string
	Expression string
	// Detail is the sentence that tells a client of the rule.
	Detail string
}

// Supporting reports whether the table is in schema app, which holds what the
// service needs beside the data of the identities.
func (t Table) Supporting() bool { return t.Schema == "app" }

// QualifiedName is the table's name with its schema, the entities' without.
func (t Table) QualifiedName() string {
	if t.Schema == "" || t.Schema == "public" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Key lists the columns of the primary key.
func (t Table) Key() []string {
	var key []string
	if t.Owner != "" && t.Owner != "id" {
		key = append(key, t.Owner) // The owner leads every key: key checks bypass row security.
	}
	return append(append(key, "id"), t.KeyWith...)
}

// Column returns the named column.
func (t Table) Column(name string) (Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return t.Columns[i], true
}

// ByEntity returns the table of Ent's type.
func ByEntity(entity string) (Table, bool) {
	i := slices.IndexFunc(Tables, func(t Table) bool { return t.Entity == entity })
	if i < 0 {
		return Table{}, false
	}
	return Tables[i], true
}

// Guard is what a constraint or unique index guards.
type Guard struct {
	// Resource is its table's.
	Resource string
	// Field is the one at fault; empty when none is in particular.
	Field string
	// Detail is a sentence for clients, if the constraint has one of its own.
	Detail string
}

// Constraint tells what the named constraint or unique index guards.
func Constraint(table, name string) (Guard, bool) {
	i := slices.IndexFunc(Tables, func(t Table) bool { return t.Name == table })
	if i < 0 {
		return Guard{}, false
	}
	t := Tables[i]
	g := Guard{Resource: t.Resource}
	for _, r := range t.References {
		if r.Name == name {
			g.Field = r.Column
		}
	}
	for _, u := range t.Uniques {
		if u.Name == name {
			g.Field = u.Columns[len(u.Columns)-1]
		}
	}
	for _, c := range t.Checks {
		if c.Name == name {
			g.Field, g.Detail = c.Column, c.Detail
		}
	}
	return g, true
}
