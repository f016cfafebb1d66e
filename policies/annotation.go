// Package policies says who may see and change each row, and turns that into SQL.
//
// It holds the annotations that ent/schema puts on entities and fields, the
// table descriptions that the generator makes of them (Tables), Render, which
// writes one reviewable file per table, and the written SQL: roles.sql and
// functions/*.sql. It is a leaf: it imports nothing of this project.
package policies

import "entgo.io/ent/schema"

// Owner names the column that holds the identity a row belongs to. Every
// entity has exactly one of Owner and Ownerless.
type Owner struct {
	Column string `json:"column"`
}

// Name implements schema.Annotation.
func (Owner) Name() string { return "Owner" }

// Ownerless marks a table that holds no identity's data, and says why. No
// serving role gets a policy on it: it is reached through functions only.
type Ownerless struct {
	Why string `json:"why"`
}

// Name implements schema.Annotation.
func (Ownerless) Name() string { return "Ownerless" }

// Verbs is what a role may do with its own identity's rows: any of the letters
// S (select), I (insert), U (update) and D (delete).
type Verbs string

// Common sets of verbs.
const (
	None     Verbs = ""
	ReadOnly Verbs = "S"
	AddOnly  Verbs = "SI"
	All      Verbs = "SIUD"
)

// Has tells whether v contains the verb.
func (v Verbs) Has(verb byte) bool {
	for i := range len(v) {
		if v[i] == verb {
			return true
		}
	}
	return false
}

// Access says what each kind of actor may do with rows of the identity it acts
// for. Everything else is refused by Postgres.
type Access struct {
	Human Verbs `json:"human"`
	Agent Verbs `json:"agent"`
}

// Name implements schema.Annotation.
func (Access) Name() string { return "Access" }

// AgentUpdates names the columns that agents may change, where they may change fewer than
// humans may.
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
	// Why says what the gate protects.
	Why string `json:"why"`
	// State is an SQL condition over the row's own columns. It holds for everyone.
	// It is empty when only Agents or Through say what is gated.
	State string `json:"state,omitempty"`
	// Agents is an SQL condition over the row's own columns that holds for agents
	// in addition to State: a human may do alone what it describes.
	Agents string `json:"agents,omitempty"`
	// Through extends the states by what another row says.
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

// Through makes a row gated while another row of the same owner meets Condition:
// a row of Table whose column Key equals this row's Column. The gate looks at the
// other row after the foreign keys' locks were taken.
type Through struct {
	Column    string `json:"column"`
	Table     string `json:"table"`
	Key       string `json:"key"`
	Condition string `json:"condition"`
	// Lock keeps the other row from changing until the transaction ends. It is needed
	// where this row is among the Contents of the other row's gate.
	Lock bool `json:"lock,omitempty"`
	// Agents limits it to the writes of agents.
	Agents bool `json:"agents,omitempty"`
}

// GateReference is a column of a gated row that names a row of another table.
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

// GateContent are the rows of a table whose Column names the gated row.
type GateContent struct {
	Table    string `json:"table"`
	Column   string `json:"column"`
	Resource string `json:"resource_type"`
	// Shows are the columns that the human is shown: all that clients set, except Column.
	Shows []string `json:"shows"`
}

// Ungated says why no state of the entity needs a human's approval.
type Ungated struct {
	Why string `json:"why"`
}

// Name implements schema.Annotation.
func (Ungated) Name() string { return "Ungated" }

// AuditReads makes every read of the entity leave an audit row.
type AuditReads struct{}

// Name implements schema.Annotation.
func (AuditReads) Name() string { return "AuditReads" }

// Unaudited leaves a table out of the audit trail, and says why.
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

// AppendOnly refuses UPDATE, DELETE and TRUNCATE to everyone, the owner of the
// table included. Content lists the columns that the erasure of an identity
// may set to NULL; a salted digest of them stays: see D10 of docs/architecture.md.
type AppendOnly struct {
	Content []string `json:"content"`
}

// Name implements schema.Annotation.
func (AppendOnly) Name() string { return "AppendOnly" }

// Kept makes the rows of a table outlive the erasure of their identity, because
// others are proved by them, and says why. Of such rows the erasure replaces the
// columns that have Erased, and the content of append-only ones; the rows of all
// other tables are deleted.
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

// AuditWithout names columns that audit rows leave out because they are large
// and kept elsewhere for good.
type AuditWithout []string

// Name implements schema.Annotation.
func (AuditWithout) Name() string { return "AuditWithout" }

// AuditCounters names columns that only count what is recorded elsewhere: an
// audit row leaves them out, and a change of nothing but them leaves none.
type AuditCounters []string

// Name implements schema.Annotation.
func (AuditCounters) Name() string { return "AuditCounters" }

// Unversioned names columns that no client sees: an update that changes nothing
// else makes no new version of the row.
type Unversioned []string

// Name implements schema.Annotation.
func (Unversioned) Name() string { return "Unversioned" }

// Triggers are triggers of an entity's own, beside those that every table has.
type Triggers []Trigger

// Name implements schema.Annotation.
func (Triggers) Name() string { return "Triggers" }

// Trigger calls a function for each row. Events is timing and events, as in
// BEFORE INSERT OR UPDATE.
type Trigger struct {
	Name     string `json:"name"`
	Events   string `json:"events"`
	Function string `json:"function"`
	// Deferred makes it a constraint trigger that runs at the end of the transaction.
	Deferred bool `json:"deferred,omitempty"`
}

// KeyWith names columns that the primary key has beside the owner and the id, because ids are
// unique only among the rows with the same values of these columns.
type KeyWith []string

// Name implements schema.Annotation.
func (KeyWith) Name() string { return "KeyWith" }

// TimeOrder names the column of a resource's own time, whose order its lists
// have, newest first; without it they have the order of their ids.
type TimeOrder string

// Name implements schema.Annotation.
func (TimeOrder) Name() string { return "TimeOrder" }

// Search adds a full-text column over the named text columns, in their order,
// and the q= filter.
type Search struct {
	Columns []string `json:"columns"`
}

// Name implements schema.Annotation.
func (Search) Name() string { return "Search" }

// Retired names columns that the service no longer uses and that the database still has. A release
// that still reads such a column runs beside this one during an upgrade, so the column is dropped
// by a later release: see docs/expand-and-contract.md. The columns are nullable; no serving role
// may write them, and the API does not have them.
type Retired []RetiredColumn

// RetiredColumn is a column that waits to be dropped.
type RetiredColumn struct {
	Name string `json:"name"`
	// Type is the column's type as Postgres prints it.
	Type string `json:"type"`
	Why  string `json:"why"`
}

// Name implements schema.Annotation.
func (Retired) Name() string { return "Retired" }

// UniqueExpression is a unique index over an expression rather than columns.
// Column is the field that an error names.
type UniqueExpression struct {
	Index      string `json:"index"`
	Expression string `json:"expression"`
	Column     string `json:"column"`
}

// Name implements schema.Annotation.
func (UniqueExpression) Name() string { return "UniqueExpression" }

// Checks are conditions that hold for every row, beyond those that follow from
// its fields.
type Checks []Check

// Name implements schema.Annotation.
func (Checks) Name() string { return "Checks" }

// Rules are what one column demands. The generator makes of them the CHECK
// constraint, the limits in the OpenAPI document and the service's validation,
// so that each limit stands once.
type Rules struct {
	// MinLength and MaxLength count characters of text and elements of arrays.
	MinLength int `json:"min_length,omitempty"`
	MaxLength int `json:"max_length,omitempty"`
	// ItemMaxLength counts characters of each element of a text array.
	ItemMaxLength int `json:"item_max_length,omitempty"`
	// MaxBytes limits the text of a jsonb value, in bytes. The stored form does not tell: 6
	// bytes of it, such as 1e308, may be hundreds of bytes of text. Every jsonb column has
	// a limit.
	MaxBytes int `json:"max_bytes,omitempty"`
	// MaxBytesBy names the function that enforces MaxBytes, where only functions write the
	// column; otherwise a CHECK constraint enforces it.
	MaxBytesBy string   `json:"max_bytes_by,omitempty"`
	Minimum    *float64 `json:"minimum,omitempty"`
	Maximum    *float64 `json:"maximum,omitempty"`
	// Pattern is a regular expression in the common subset of POSIX ARE,
	// ECMA-262 and RE2, anchored at both ends. The classes [[:space:]] and
	// [^[:space:]] are published in ECMA-262's form.
	Pattern string `json:"pattern,omitempty"`
	// Format is a JSON Schema format (email, uri). The service checks it all, the
	// database what every value of it has.
	Format string `json:"format,omitempty"`
	// Default is the SQL expression that the database inserts when the column
	// is left out.
	Default string `json:"default,omitempty"`
	// Derived columns are set by the database and never granted.
	Derived bool `json:"derived,omitempty"`
	// Nullable keeps a derived column nullable; by default it is NOT NULL.
	Nullable bool `json:"nullable,omitempty"`
	// Secret columns are never selected by a serving role and never audited.
	Secret bool `json:"secret,omitempty"`
	// Generated is the expression of a stored generated column.
	Generated string `json:"generated,omitempty"`
	// Backfill is the expression that fills rows which stand when the column
	// becomes NOT NULL.
	Backfill string `json:"backfill,omitempty"`
	// Filter makes the column an equality filter of the collection.
	Filter bool `json:"filter,omitempty"`
	// Range makes the column a pair of filters, <name>_after and <name>_before.
	Range bool `json:"range,omitempty"`
	// Unlisted leaves a large column out of the rows that lists read: there its value is
	// empty.
	Unlisted bool `json:"unlisted,omitempty"`
	// Read is the SQL expression that readers see in the column's place: what the
	// clock decides. Filters use it too. ReadValues are values that only it has.
	Read       string   `json:"read,omitempty"`
	ReadValues []string `json:"read_values,omitempty"`
	// Erased is the SQL expression that takes the value's place when the identity
	// is erased and the row is Kept.
	Erased string `json:"erased,omitempty"`
	// Impersonal says of a column of a Kept row that it tells nothing of a person.
	Impersonal bool `json:"impersonal,omitempty"`
	// Example is a valid value, as JSON, for the documentation.
	Example string `json:"example,omitempty"`
}

// Name implements schema.Annotation.
func (Rules) Name() string { return "Rules" }

// Merge implements schema.Merger: rules on one field add up.
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

// Length bounds the characters of a text or the elements of an array.
func Length(least, most int) Rules { return Rules{MinLength: least, MaxLength: most} }

// ItemLength bounds the characters of each element of a text array.
func ItemLength(most int) Rules { return Rules{ItemMaxLength: most} }

// Bytes limits the text of a jsonb value by a CHECK constraint.
func Bytes(most int) Rules { return Rules{MaxBytes: most} }

// BytesBy is Bytes for a column that only functions write: the named one enforces the limit.
func BytesBy(most int, function string) Rules { return Rules{MaxBytes: most, MaxBytesBy: function} }

// Unlisted leaves a large column out of the rows that lists read.
func Unlisted() Rules { return Rules{Unlisted: true} }

// Between bounds a number, both ends included.
func Between(least, most float64) Rules { return Rules{Minimum: &least, Maximum: &most} }

// AtLeast bounds a number from below.
func AtLeast(least float64) Rules { return Rules{Minimum: &least} }

// Pattern demands a match of the anchored regular expression.
func Pattern(expression string) Rules { return Rules{Pattern: expression} }

// Format names a JSON Schema format: email or uri.
func Format(name string) Rules { return Rules{Format: name} }

// Derived marks a column that only the database sets, by default from the
// SQL expression; without one a trigger sets it.
func Derived(expression string) Rules { return Rules{Derived: true, Default: expression} }

// DerivedNullable is Derived for a column that may be NULL.
func DerivedNullable() Rules { return Rules{Derived: true, Nullable: true} }

// Generated marks a stored generated column.
func Generated(expression string) Rules { return Rules{Derived: true, Generated: expression} }

// Secret marks a column that no serving role reads and no audit row holds.
func Secret() Rules { return Rules{Secret: true} }

// Filter makes the column an equality filter of its collection.
func Filter() Rules { return Rules{Filter: true} }

// Range makes a time or date column a pair of filters of its collection.
func Range() Rules { return Rules{Range: true} }

// Backfill is the expression for rows that stand when the column becomes
// NOT NULL.
func Backfill(expression string) Rules { return Rules{Backfill: expression} }

// Read makes readers see the SQL expression in the column's place, which may
// have values that are never stored.
func Read(expression string, values ...string) Rules {
	return Rules{Read: expression, ReadValues: values}
}

// Erased is the SQL expression that takes the value's place when the identity is
// erased and the row is Kept.
func Erased(expression string) Rules { return Rules{Erased: expression} }

// Impersonal says of a column of a Kept row that it tells nothing of a person.
func Impersonal() Rules { return Rules{Impersonal: true} }

// Example is a valid value, as JSON, that the documentation shows.
func Example(json string) Rules { return Rules{Example: json} }
