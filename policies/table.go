package policies

import "slices"

// Table describes one table as derived from ent/schema by the generator. The desired policies, the planner's changes to
// Ent's tables, the filters and the test matrix are all derived from these descriptions.
type Table struct {
	// Schema is "public" for entities and "app" for supporting tables.
	Schema string
	Name   string
	// Entity is Ent's type name. Resource is the name in the audit trail and in error documents: the same name in
	// snake_case.
	Entity   string
	Resource string
	Comment  string
	Sphere   string
	// Owner is the column that holds the identity. It is empty if the table has no owner; then OwnerlessWhy states the
	// reason.
	Owner        string
	OwnerlessWhy string
	Access       Access
	// Capability is the capability that agents need; empty means the capability of the sphere.
	Capability string
	// AgentRows and AgentOwnRows are SQL conditions: see the annotations with these names.
	AgentRows    string
	AgentOwnRows string
	// HiddenFromAgents are the columns that agents have no privilege to read.
	HiddenFromAgents []string
	// AgentUpdates are the columns that agents may change; empty means the columns that humans may change.
	AgentUpdates []string
	Gates        []Gate
	// UngatedWhy states why the table has no gate; empty if it has one.
	UngatedWhy   string
	AppendOnly   *AppendOnly
	AuditReads   bool
	UnauditedWhy string
	// Transient reports that the rows never outlive their transaction.
	Transient   bool
	Partitioned bool
	// KeptWhy states why rows outlive the erasure of their identity; empty if they do not.
	KeptWhy      string
	Search       *Search
	Retired      Retired
	TimeOrder    string
	Triggers     []Trigger
	AuditWithout []string
	// AuditCounters are omitted as well, and an update that changes only them is not recorded.
	AuditCounters []string
	// Unversioned are columns whose change alone does not increase the version.
	Unversioned []string
	// KeyWith are the columns of the primary key in addition to the owner and the id.
	KeyWith    []string
	Columns    []Column
	References []Reference
	Uniques    []Unique
	Checks     []Check
	// RowCheck are the parameters of the function that checks all of Checks; empty if constraints check them.
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
	// Cascade deletes the row together with the row to which it refers. Without it, the other row cannot be deleted
	// while this one refers to it.
	Cascade bool
}

// Unique is a unique index over columns that begin with the owner, or over an expression of one column.
type Unique struct {
	Name       string
	Columns    []string
	Expression string
}

// Check is a CHECK constraint.
type Check struct {
	Name string
	// Column is the column that an error refers to, even if the constraint covers several.
	Column     string
	Expression string
	// Detail is the sentence that explains the rule to clients.
	Detail string
}

// Supporting reports whether the table is in schema app, which holds what the service needs in addition to the
// identities' data.
func (t Table) Supporting() bool { return t.Schema == "app" }

// QualifiedName returns the table's name with its schema, or without it for entities in schema public.
func (t Table) QualifiedName() string {
	if t.Schema == "" || t.Schema == "public" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

// Key returns the columns of the primary key.
func (t Table) Key() []string {
	var key []string
	if t.Owner != "" && t.Owner != "id" {
		key = append(key, t.Owner) // The owner is the first column of every key, because key checks bypass row security.
	}
	return append(append(key, "id"), t.KeyWith...)
}

// Column returns the column with the name and reports whether the table has it.
func (t Table) Column(name string) (Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return t.Columns[i], true
}

// ByEntity returns the table of an Ent type and reports whether it exists.
func ByEntity(entity string) (Table, bool) {
	i := slices.IndexFunc(Tables, func(t Table) bool { return t.Entity == entity })
	if i < 0 {
		return Table{}, false
	}
	return Tables[i], true
}

// Guard describes a constraint or unique index for an error.
type Guard struct {
	// Resource is the resource of its table.
	Resource string
	// Field is the field at fault; empty if no single field is.
	Field string
	// Detail is a sentence for clients, if the constraint has a specific one.
	Detail string
}

// Constraint returns the Guard of the named constraint or unique index and reports whether it exists.
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
