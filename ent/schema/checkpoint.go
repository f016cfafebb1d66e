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

// Checkpoint is the request for a human's approval of exactly one action (Rule #1): of one write, of a list of writes
// in one transaction (see policies/functions/writes.sql), or of an action that a client defines. Only
// app.request_checkpoint(), app.decide_checkpoint() and related functions change it.
type Checkpoint struct{ ent.Schema }

// Mixin of the Checkpoint.
func (Checkpoint) Mixin() []ent.Mixin { return []ent.Mixin{owned{}, tracked{}} }

// Fields of the Checkpoint.
func (Checkpoint) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("sphere").GoType(datatype.SphereType("")).Optional().Nillable().Immutable().
			Annotations(policies.Filter()).
			Comment("Sphere of the affected resource. Null if it belongs to none."),
		field.Enum("type").GoType(datatype.CheckpointType("")).Immutable().
			Annotations(policies.Filter()).
			Comment("Reason for the approval, as a category."),
		field.Enum("origin").GoType(datatype.CheckpointOrigin("")).Immutable().Optional().
			Annotations(policies.Filter(), policies.Rules{Derived: true, Default: "'write'"}).
			Comment("Origin of the request. `write`: the database refused a write, and the payload is exactly that write. `client`: a client described an action in its own words, and the database enforces nothing about it."),
		choice("status", datatype.CheckpointStatus(""), "pending", "Decision status. A pending checkpoint past `expires_at` is reported as `expired`.", policies.Filter(),
			policies.Erased("CASE status WHEN 'pending' THEN 'expired' ELSE status END"),
			policies.Read("CASE WHEN status = 'pending' AND expires_at <= clock_timestamp() THEN 'expired' ELSE status END")),
		fixedText("action", 120, "Action to approve.", policies.Erased("CASE WHEN payload ?| '{table,writes}' THEN action ELSE '[erased]' END")),
		fixedText("resource_type", 64, "Kind of the affected resource.", policies.Filter(),
			policies.Erased("CASE WHEN payload ?| '{table,writes}' THEN resource_type ELSE '[erased]' END")),
		field.UUID("resource_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Annotations(policies.Filter()).
			Comment("Id of the affected resource. Null for a resource that the action creates."),
		field.Int64("resource_version").Optional().Nillable().Immutable().Comment("Version of the affected resource that the request covers. Null if it has none."),
		field.JSON("payload", json.RawMessage{}).Optional().
			Annotations(policies.BytesBy(2<<20, "app.request_checkpoint()"), policies.Unlisted(), policies.Erased("NULL")).
			Comment("The exact write or action, whose text the digest covers. Null after erasure."),
		field.Bytes("digest").GoType(datatype.Digest{}).Immutable().Annotations(policies.Impersonal()).Comment("SHA-256 of the payload's canonical text. A decision must repeat it."),
		optionalText("reason", 2000, "Reason of the decision. Required for a rejection.",
			policies.Erased("CASE WHEN reason IS NOT NULL THEN '[erased]' END")),
		field.UUID("requested_by", uuid.UUID{}).Immutable().Comment("Id of the requester: the identity itself or one of its agents."),
		field.Enum("requested_by_kind").GoType(datatype.ActorKind("")).Immutable().Comment("Type of the requester: `human`, `agent` or `system`."),
		field.UUID("decided_by", uuid.UUID{}).Optional().Nillable().Comment("Id of the identity that decided. Null if there is no decision."),
		timestamp("decided_at", "Time of the decision. Null if there is no decision."),
		field.Time("expires_at").Immutable().Comment("Time after which the checkpoint can no longer be decided."),
		timestamp("use_before", "Time after which the approval can no longer be used."),
		timestamp("consumed_at", "Time when the approval was used. An approval can be used once."),
		field.UUID("thread_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Annotations(policies.Filter()).
			Comment("Id of the thread that records the steps of the checkpoint."),
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
		schema.Comment("A checkpoint is a request for a human's approval of one write, one list of writes or one action."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.ReadOnly},
		policies.Ungated{Why: "it is the approval itself, and changes through functions only"},
		policies.Capability("checkpoints"),
		policies.AgentOwnRows("requested_by = nullif(current_setting('app.actor_id', true), '')::uuid AND requested_by_kind = 'agent'"),
		policies.CheckedByFunction{},
		policies.AuditWithout{"payload"},
		policies.Triggers{{Name: "record_step", Events: "AFTER INSERT OR UPDATE", Function: "app.record_step()"}},
		policies.Checks{
			{Name: "checkpoints_payload_check", Expression: "pg_column_size(payload) <= 1048576"},
			{Name: "checkpoints_digest", Expression: "octet_length(digest) = 32"},
			{Name: "checkpoints_decided", Expression: "(decided_at IS NOT NULL) = (status IN ('approved', 'rejected'))"},
			{Name: "checkpoints_consumed", Expression: "consumed_at IS NULL OR status = 'approved'"},
			{Name: "checkpoints_reason", Expression: "status <> 'rejected' OR reason IS NOT NULL"},
			{Name: "checkpoints_expiry", Expression: "expires_at - created_at <= interval '7 days 1 minute'"},
		},
	}
}
