// Package policies defines who may read and change each row, and renders these rules as SQL.
//
// It holds the annotations that ent/schema puts on entities and fields, the table descriptions that the generator
// derives from them (Tables), Render, which writes one reviewable file per table, and the hand-written SQL: roles.sql
// and functions/*.sql. It imports neither ent nor server.
package policies

import "entgo.io/ent/schema"

// Owner names the column that holds the identity a row belongs to. Every
// entity has exactly one of Owner and Ownerless.
type Owner struct {
	Column string `json:"column"`
}

// Name implements schema.Annotation.
func (Owner) Name() string { return "Owner" }

// Ownerless marks a table that holds no identity's data, and states the reason. No serving role gets a policy on the
// table: it is accessed through functions only.
type Ownerless struct {
	Why string `json:"why"`
}

// Name implements schema.Annotation.
func (Ownerless) Name() string { return "Ownerless" }

// Verbs is the set of commands that a role may run on the rows of its own identity: any of the letters S (select), I
// (insert), U (update) and D (delete).
type Verbs string

// Common values of Verbs.
const (
	None     Verbs = ""
	ReadOnly Verbs = "S"
	AddOnly  Verbs = "SI"
	All      Verbs = "SIUD"
)

// Has reports whether v contains the verb.
func (v Verbs) Has(verb byte) bool {
	for i := range len(v) {
		if v[i] == verb {
			return true
		}
	}
	return false
}

// Access defines what each kind of actor may do with the rows of the identity for which it acts. Postgres refuses
// everything else.
type Access struct {
	Human Verbs `json:"human"`
	Agent Verbs `json:"agent"`
}

// Name implements schema.Annotation.
func (Access) Name() string { return "Access" }

// AgentUpdates names the columns that agents may change, if they may change fewer columns than humans.
type AgentUpdates []string

// Name implements schema.Annotation.
func (AgentUpdates) Name() string { return "AgentUpdates" }

// Capability names the capability that agents need for a table whose rows belong to no sphere or
// to several. If the table has a column sphere, agents also need the capability of the row's sphere.
type Capability string

// Name implements schema.Annotation.
func (Capability) Name() string { return "Capability" }

// AgentRows is an SQL condition: agents read and write only rows that meet it, in addition to
// what their capabilities allow.
type AgentRows string

// Name implements schema.Annotation.
func (AgentRows) Name() string { return "AgentRows" }

// AgentOwnRows is an SQL condition: an active agent reads the rows that meet it, whatever its
// capabilities are.
type AgentOwnRows string

// Name implements schema.Annotation.
func (AgentOwnRows) Name() string { return "AgentOwnRows" }

// HiddenFromAgents names columns that agents have no privilege to read.
type HiddenFromAgents []string

// Name implements schema.Annotation.
func (HiddenFromAgents) Name() string { return "HiddenFromAgents" }

// Sphere is the sphere that a table belongs to; the audit trail records it.
type Sphere string

// Name implements schema.Annotation.
func (Sphere) Name() string { return "Sphere" }

// Gate names the states of a row that need a human's approval (Rule #1). No row
// may enter or leave these states, or change while it is in one of them, without
// the approval of exactly that write. Every entity that has no Gate is Ungated.
type Gate struct {
	// Type is the CheckpointType of the approval.
	Type string `json:"type"`
	// Why states what the gate protects.
	Why string `json:"why"`
	// State is an SQL condition over the row's own columns. It holds for everyone.
	// It is empty if only Agents or Through define what is gated.
	State string `json:"state,omitempty"`
	// Agents is an SQL condition over the row's own columns that holds for agents
	// in addition to State: humans need no approval for what it describes.
	Agents string `json:"agents,omitempty"`
	// Through extends the gated states by a condition on another row.
	Through *Through `json:"through,omitempty"`
	// Within is an SQL condition over OLD and NEW: the changes of a row that stays
	// in a gated state that need approval. When it is empty, these are the changes
	// of any column that clients set, except those in Free.
	Within string `json:"within,omitempty"`
	// Free are columns that may change in every state without approval.
	Free []string `json:"free,omitempty"`
	// FreeExit is an SQL condition over the row's own columns. A row that met it may
	// leave the gated states, or be deleted, without approval.
	FreeExit string `json:"free_exit,omitempty"`
	// NoDelete forbids deleting a row in a gated state, with or without approval.
	NoDelete bool `json:"no_delete,omitempty"`
	// References are the rows that a gated state vouches for. Each enters the payload
	// with its id and version, so that an approval is void once one of them changed.
	References []GateReference `json:"references,omitempty"`
	// Contents are the rows that belong to this one and share its state. When the row
	// enters a gated state, all of them enter the payload in the same way, and a write
	// with more of them than a human can be shown is refused. Not together with Through.
	Contents []GateContent `json:"contents,omitempty"`
}

// Name implements schema.Annotation.
func (Gate) Name() string { return "Gate" }

// Through makes a row gated while another row of the same owner meets Condition: a row of Table whose column Key equals
// this row's Column. The gate reads the other row after the locks of the foreign keys were taken.
type Through struct {
	Column    string `json:"column"`
	Table     string `json:"table"`
	Key       string `json:"key"`
	Condition string `json:"condition"`
	// Lock keeps the other row from changing until the transaction ends. It is needed
	// where this row is among the Contents of the other row's gate.
	Lock bool `json:"lock,omitempty"`
	// Agents limits Through to the writes of agents.
	Agents bool `json:"agents,omitempty"`
}

// GateReference is a column of a gated row that refers to a row of another table.
type GateReference struct {
	Column   string `json:"column"`
	Table    string `json:"table"`
	Resource string `json:"resource_type"`
	// Shows are the columns of the other row that the human needs to see.
	Shows []string `json:"shows"`
	// Lock keeps the other row from changing until the transaction ends. It is
	// needed where the other table has a gate Through this one.
	Lock bool `json:"lock,omitempty"`
}

// GateContent describes the rows of a table whose Column refers to the gated row.
type GateContent struct {
	Table    string `json:"table"`
	Column   string `json:"column"`
	Resource string `json:"resource_type"`
	// Shows are the columns that the human is shown: all columns that clients set, except Column.
	Shows []string `json:"shows"`
}

// Ungated marks an entity of which no state needs a human's approval, and states the reason.
type Ungated struct {
	Why string `json:"why"`
}

// Name implements schema.Annotation.
func (Ungated) Name() string { return "Ungated" }

// AuditReads makes every read of the entity write an audit row.
type AuditReads struct{}

// Name implements schema.Annotation.
func (AuditReads) Name() string { return "AuditReads" }

// Unaudited excludes a table from the audit trail, and states the reason.
type Unaudited struct {
	Why string `json:"why"`
}

// Name implements schema.Annotation.
func (Unaudited) Name() string { return "Unaudited" }

// Transient marks a table whose rows never outlive the transaction that inserts them, because a
// function deletes them when it commits. Such a table is not audited, and its rows cost little: no
// trigger sets their times, and no foreign key checks that their owner exists.
type Transient struct{}

// Name implements schema.Annotation.
func (Transient) Name() string { return "Transient" }

// AppendOnly refuses UPDATE, DELETE and TRUNCATE to every role, including the owner of the table. Content lists the
// columns that the erasure of an identity may set to NULL. A salted digest of them remains: see D10 of
// docs/architecture.md.
type AppendOnly struct {
	Content []string `json:"content"`
}

// Name implements schema.Annotation.
func (AppendOnly) Name() string { return "AppendOnly" }

// Kept makes the rows of a table outlive the erasure of their identity, because other rows are verified by them, and
// states the reason. In such rows the erasure replaces the columns that have Erased, and the content of append-only
// rows. The rows of all other tables are deleted.
type Kept struct {
	Why string `json:"why"`
}

// Name implements schema.Annotation.
func (Kept) Name() string { return "Kept" }

// Partitioned splits the table by ranges of its UUIDv7 id, which are ranges of
// time, and gives it a DEFAULT partition.
type Partitioned struct{}

// Name implements schema.Annotation.
func (Partitioned) Name() string { return "Partitioned" }

// AuditWithout names columns that audit rows omit because they are large and stored permanently elsewhere.
type AuditWithout []string

// Name implements schema.Annotation.
func (AuditWithout) Name() string { return "AuditWithout" }

// AuditCounters names columns that only count what is recorded elsewhere. Audit rows omit them, and an update that
// changes only these columns writes no audit row.
type AuditCounters []string

// Name implements schema.Annotation.
func (AuditCounters) Name() string { return "AuditCounters" }

// Unversioned names columns that no client sees. An update that changes only these columns does not increase the
// version of the row.
type Unversioned []string

// Name implements schema.Annotation.
func (Unversioned) Name() string { return "Unversioned" }

// Triggers are triggers of one entity, in addition to those that every table has.
type Triggers []Trigger

// Name implements schema.Annotation.
func (Triggers) Name() string { return "Triggers" }

// Trigger is a trigger that calls a function for each row. Events holds the timing and the events, as in BEFORE INSERT
// OR UPDATE.
type Trigger struct {
	Name     string `json:"name"`
	Events   string `json:"events"`
	Function string `json:"function"`
	// Deferred makes the trigger a constraint trigger that runs at the end of the transaction.
	Deferred bool `json:"deferred,omitempty"`
}

// KeyWith names columns of the primary key in addition to the owner and the id, for tables whose ids are unique only
// among the rows with the same values of these columns.
type KeyWith []string

// Name implements schema.Annotation.
func (KeyWith) Name() string { return "KeyWith" }

// TimeOrder names the time column by which the lists of a resource are sorted, newest first. Without it, lists are
// sorted by id.
type TimeOrder string

// Name implements schema.Annotation.
func (TimeOrder) Name() string { return "TimeOrder" }

// Search adds a full-text column over the named text columns, in their order, and the filter q.
type Search struct {
	Columns []string `json:"columns"`
}

// Name implements schema.Annotation.
func (Search) Name() string { return "Search" }

// Retired names columns that the service no longer uses but that the database still has. During an upgrade, a release
// that still reads such a column runs beside this one, so a later release drops the column: see
// docs/expand-and-contract.md. The columns are nullable, no serving role may write them, and they are not part of the
// API.
type Retired []RetiredColumn

// RetiredColumn is a column that a later release drops.
type RetiredColumn struct {
	Name string `json:"name"`
	// Type is the column's type as Postgres prints it.
	Type string `json:"type"`
	Why  string `json:"why"`
}

// Name implements schema.Annotation.
func (Retired) Name() string { return "Retired" }

// UniqueExpression is a unique index over an expression rather than over columns. Column is the field that errors name.
type UniqueExpression struct {
	Index      string `json:"index"`
	Expression string `json:"expression"`
	Column     string `json:"column"`
}

// Name implements schema.Annotation.
func (UniqueExpression) Name() string { return "UniqueExpression" }

// Checks are conditions that every row must meet, in addition to those that follow from its fields.
type Checks []Check

// Name implements schema.Annotation.
func (Checks) Name() string { return "Checks" }

// Rules are the requirements of one column. The generator derives the CHECK constraint, the limits in the OpenAPI
// document and the service's validation from them, so that each limit is written once.
type Rules struct {
	// MinLength and MaxLength count characters of text and elements of arrays.
	MinLength int `json:"min_length,omitempty"`
	MaxLength int `json:"max_length,omitempty"`
	// ItemMaxLength counts characters of each element of a text array.
	ItemMaxLength int `json:"item_max_length,omitempty"`
	// MaxBytes limits the text of a jsonb value, in bytes. The size of the stored form is no limit on the text: 6 bytes
	// of it, such as 1e308, may be hundreds of bytes of text. Every jsonb column has a limit.
	MaxBytes int `json:"max_bytes,omitempty"`
	// MaxBytesBy names the function that enforces MaxBytes, for columns that only functions write. For other columns, a
	// CHECK constraint enforces it.
	MaxBytesBy string   `json:"max_bytes_by,omitempty"`
	Minimum    *float64 `json:"minimum,omitempty"`
	Maximum    *float64 `json:"maximum,omitempty"`
	// Pattern is a regular expression in the common subset of POSIX ARE,
	// ECMA-262 and RE2, anchored at both ends. The classes [[:space:]] and
	// [^[:space:]] are published in ECMA-262's form.
	Pattern string `json:"pattern,omitempty"`
	// Format is a JSON Schema format (email, uri). The service checks it fully; the database checks only a property
	// that every valid value has.
	Format string `json:"format,omitempty"`
	// Default is the SQL expression that the database inserts if a statement omits the column.
	Default string `json:"default,omitempty"`
	// Derived columns are set by the database; no role has a privilege to write them.
	Derived bool `json:"derived,omitempty"`
	// Nullable keeps a derived column nullable; by default it is NOT NULL.
	Nullable bool `json:"nullable,omitempty"`
	// Secret columns are never readable by a serving role and never audited.
	Secret bool `json:"secret,omitempty"`
	// Generated is the expression of a stored generated column.
	Generated string `json:"generated,omitempty"`
	// Backfill is the expression that fills existing rows when the column becomes NOT NULL.
	Backfill string `json:"backfill,omitempty"`
	// Filter makes the column an equality filter of the collection.
	Filter bool `json:"filter,omitempty"`
	// Range makes the column a pair of filters, <name>_after and <name>_before.
	Range bool `json:"range,omitempty"`
	// Unlisted excludes a large column from the rows that lists read: in lists its value is empty.
	Unlisted bool `json:"unlisted,omitempty"`
	// Read is the SQL expression that readers see instead of the column, for values that depend on the clock. Filters
	// use it too. ReadValues are values that only the expression has.
	Read       string   `json:"read,omitempty"`
	ReadValues []string `json:"read_values,omitempty"`
	// Erased is the SQL expression that replaces the value when the identity is erased and the row is Kept.
	Erased string `json:"erased,omitempty"`
	// Impersonal states that a column of a Kept row contains nothing about a person.
	Impersonal bool `json:"impersonal,omitempty"`
	// Example is a valid value, as JSON, for the documentation.
	Example string `json:"example,omitempty"`
}

// Name implements schema.Annotation.
func (Rules) Name() string { return "Rules" }

// Merge implements schema.Merger: it combines the rules of one field.
func (r Rules) Merge(other schema.Annotation) schema.Annotation {
	o, ok := other.(Rules)
	if !ok {
		return r
	}
	merge(&r.MinLength, o.MinLength)
	merge(&r.MaxLength, o.MaxLength)
	merge(&r.ItemMaxLength, o.ItemMaxLength)
	merge(&r.MaxBytes, o.MaxBytes)
	merge(&r.MaxBytesBy, o.MaxBytesBy)
	merge(&r.Minimum, o.Minimum)
	merge(&r.Maximum, o.Maximum)
	merge(&r.Pattern, o.Pattern)
	merge(&r.Format, o.Format)
	merge(&r.Default, o.Default)
	merge(&r.Derived, o.Derived)
	merge(&r.Nullable, o.Nullable)
	merge(&r.Secret, o.Secret)
	merge(&r.Generated, o.Generated)
	merge(&r.Backfill, o.Backfill)
	merge(&r.Filter, o.Filter)
	merge(&r.Range, o.Range)
	merge(&r.Unlisted, o.Unlisted)
	merge(&r.Read, o.Read)
	merge(&r.Erased, o.Erased)
	merge(&r.Impersonal, o.Impersonal)
	if len(o.ReadValues) > 0 {
		r.ReadValues = o.ReadValues
	}
	merge(&r.Example, o.Example)
	return r
}

func merge[T comparable](into *T, from T) {
	var zero T
	if from != zero {
		*into = from
	}
}

// Length limits the characters of a text or the elements of an array, both bounds included.
func Length(least, most int) Rules { return Rules{MinLength: least, MaxLength: most} }

// ItemLength limits the characters of each element of a text array.
func ItemLength(most int) Rules { return Rules{ItemMaxLength: most} }

// Bytes limits the text of a jsonb value with a CHECK constraint.
func Bytes(most int) Rules { return Rules{MaxBytes: most} }

// BytesBy is like Bytes, for a column that only functions write: the named function enforces the limit.
func BytesBy(most int, function string) Rules { return Rules{MaxBytes: most, MaxBytesBy: function} }

// Unlisted excludes a large column from the rows that lists read.
func Unlisted() Rules { return Rules{Unlisted: true} }

// Between limits a number, both bounds included.
func Between(least, most float64) Rules { return Rules{Minimum: &least, Maximum: &most} }

// AtLeast sets the minimum of a number.
func AtLeast(least float64) Rules { return Rules{Minimum: &least} }

// Pattern requires a match of the anchored regular expression.
func Pattern(expression string) Rules { return Rules{Pattern: expression} }

// Format sets a JSON Schema format: email or uri.
func Format(name string) Rules { return Rules{Format: name} }

// Derived marks a column that only the database sets, by default to the SQL expression. If the expression is empty, a
// trigger sets the column.
func Derived(expression string) Rules { return Rules{Derived: true, Default: expression} }

// DerivedNullable is like Derived, for a column that may be NULL.
func DerivedNullable() Rules { return Rules{Derived: true, Nullable: true} }

// Generated marks a stored generated column.
func Generated(expression string) Rules { return Rules{Derived: true, Generated: expression} }

// Secret marks a column that no serving role may read and that audit rows omit.
func Secret() Rules { return Rules{Secret: true} }

// Filter makes the column an equality filter of its collection.
func Filter() Rules { return Rules{Filter: true} }

// Range makes a time or date column a pair of filters of its collection.
func Range() Rules { return Rules{Range: true} }

// Backfill sets the expression that fills existing rows when the column becomes NOT NULL.
func Backfill(expression string) Rules { return Rules{Backfill: expression} }

// Read makes readers see the SQL expression instead of the column. The expression may have values that are never
// stored.
func Read(expression string, values ...string) Rules {
	return Rules{Read: expression, ReadValues: values}
}

// Erased sets the SQL expression that replaces the value when the identity is erased and the row is Kept.
func Erased(expression string) Rules { return Rules{Erased: expression} }

// Impersonal states that a column of a Kept row contains nothing about a person.
func Impersonal() Rules { return Rules{Impersonal: true} }

// Example sets a valid value, as JSON, that the documentation shows.
func Example(json string) Rules { return Rules{Example: json} }
