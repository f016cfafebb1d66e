package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Checkpoint is the request for a human's approval of exactly one action (Rule
// #1): of one write, of a list of writes in one transaction (see
// policies/functions/writes.sql), or of an action that a client defines. It changes
// through app.request_checkpoint(), app.decide_checkpoint() and their kin only.
type Checkpoint struct{ ent.Schema }

// Mixin of the Checkpoint.
func (Checkpoint) Mixin() []ent.Mixin { return []ent.Mixin{owned{}, tracked{}} }

// Fields of the Checkpoint.
func (Checkpoint) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("sphere").GoType(datatype.SphereType("")).Optional().Nillable().Immutable().
			Annotations(policies.Filter()).
			Comment("The sphere that the action belongs to."),
		field.Enum("type").GoType(datatype.CheckpointType("")).Immutable().
			Annotations(policies.Filter()).
			Comment("Why it needs a human."),
		field.Enum("origin").GoType(datatype.CheckpointOrigin("")).Immutable().Optional().
			Annotations(policies.Filter(), policies.Rules{Derived: true, Default: "'write'"}).
			Comment("write: the database refused exactly this write and describes it. client: a client describes an action in its own words, and nothing in the database is bound to it."),
		choice("status", datatype.CheckpointStatus(""), "pending", "How far it was decided; a pending one past its time reads as expired.", policies.Filter(),
			policies.Erased("CASE status WHEN 'pending' THEN 'expired' ELSE status END"),
			policies.Read("CASE WHEN status = 'pending' AND expires_at <= clock_timestamp() THEN 'expired' ELSE status END")),
		fixedText("action", 120, "What is to be done.", policies.Erased("CASE WHEN payload ?| '{table,writes}' THEN action ELSE '[erased]' END")),
		fixedText("resource_type", 64, "What kind of thing it is to be done to.", policies.Filter(),
			policies.Erased("CASE WHEN payload ?| '{table,writes}' THEN resource_type ELSE '[erased]' END")),
		field.UUID("resource_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Annotations(policies.Filter()).
			Comment("Which one; null for one that is yet to be made."),
		field.Int64("resource_version").Optional().Nillable().Immutable().Comment("In which version."),
		field.JSON("payload", json.RawMessage{}).Optional().
			Annotations(policies.BytesBy(2<<20, "app.request_checkpoint()"), policies.Unlisted(), policies.Erased("NULL")).
			Comment("Exactly what would be done; the digest is of its text. Null once it was erased."),
		field.Bytes("digest").GoType(datatype.Digest{}).Immutable().Annotations(policies.Impersonal()).Comment("SHA-256 of the payload's text; a decision names it."),
		optionalText("reason", 2000, "Why it was decided so; required to reject.",
			policies.Erased("CASE WHEN reason IS NOT NULL THEN '[erased]' END")),
		field.UUID("requested_by", uuid.UUID{}).Immutable().Comment("Who asked: the identity itself or one of its agents."),
		field.Enum("requested_by_kind").GoType(datatype.ActorKind("")).Immutable().Comment("What kind of actor that was."),
		field.UUID("decided_by", uuid.UUID{}).Optional().Nillable().Comment("The human who decided."),
		moment("decided_at", "When it was decided."),
		field.Time("expires_at").Immutable().Comment("Until when it can be decided."),
		moment("use_before", "Until when the approval can be used."),
		moment("consumed_at", "When the approval was used; it can be used once."),
		field.UUID("thread_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Annotations(policies.Filter()).
			Comment("The thread that it belongs to."),
	}
}

// Edges of the Checkpoint.
func (Checkpoint) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("thread", Thread.Type).Ref("checkpoints").Field("thread_id").Unique().Immutable(),
	}
}

// Indexes of the Checkpoint.
func (Checkpoint) Indexes() []ent.Index {
	return []ent.Index{
		by("status", "id"), by("thread_id", "id"), by("resource_type", "resource_id", "id"),
		by("digest", "requested_by").Unique().Annotations(entsqlWhere("status = 'pending'")),
	}
}

// Annotations of the Checkpoint.
func (Checkpoint) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("checkpoints"),
		policies.Kept{Why: "what was done under an approval names it and its digest"},
		schema.Comment("Requests for a human's approval, each of exactly one write, one list of writes or one action."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.ReadOnly},
		policies.Ungated{Why: "it is the approval itself, and changes through functions only"},
		policies.AuditWithout{"payload"},
		policies.Triggers{{Name: "record_step", Events: "AFTER INSERT OR UPDATE", Function: "app.record_step()"}},
		policies.Checks{
			{Name: "checkpoints_payload_check", Expression: "pg_column_size(payload) <= 1048576"},
			{Name: "checkpoints_digest", Expression: "octet_length(digest) = 32"},
			{Name: "checkpoints_decided", Expression: "(decided_at IS NOT NULL) = (status IN ('approved', 'rejected'))"},
			{Name: "checkpoints_consumed", Expression: "consumed_at IS NULL OR status = 'approved'"},
			{Name: "checkpoints_reason", Expression: "status <> 'rejected' OR reason IS NOT NULL"},
			{Name: "checkpoints_expiry", Expression: "expires_at <= created_at + interval '7 days 1 minute'"},
		},
	}
}
