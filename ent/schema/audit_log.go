package schema

import (
	"encoding/json"

	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// AuditLog is the complete audit trail (Rule #6). Only triggers and app.record_event() insert rows; the database
// generates their ids.
type AuditLog struct{ ent.Schema }

// Mixin of the AuditLog.
func (AuditLog) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the AuditLog.
func (AuditLog) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().
			Annotations(policies.Filter()).
			Comment("Id of the actor: the identity itself or one of its agents. Null for a database session without an identity."),
		field.Enum("actor_kind").GoType(datatype.ActorKind("")).
			Annotations(policies.Filter()).
			Comment("Type of the actor: `human`, `agent` or `system`."),
		field.Enum("action").GoType(datatype.AuditLogAction("")).
			Annotations(policies.Filter()).
			Comment("Action that the entry records."),
		field.Enum("outcome").GoType(datatype.AuditOutcome("")).
			Annotations(policies.Filter()).
			Comment("Outcome of the action."),
		field.String("resource_type").
			Annotations(policies.Length(1, 64), policies.Filter(), policies.Impersonal()).
			Comment("Kind of the affected resource."),
		field.UUID("resource_id", uuid.UUID{}).Optional().Nillable().
			Annotations(policies.Filter()).
			Comment("Id of the affected resource. Null if there is none."),
		field.Enum("sphere").GoType(datatype.SphereType("")).Optional().Nillable().
			Annotations(policies.Filter()).
			Comment("Sphere of the affected resource. Null if it belongs to none."),
		field.JSON("before", json.RawMessage{}).Optional().
			Annotations(policies.BytesBy(8<<20, "app.seal_audit_logs()")).
			Comment("Changed fields with their values before the action."),
		field.JSON("after", json.RawMessage{}).Optional().
			Annotations(policies.BytesBy(8<<20, "app.seal_audit_logs()")).
			Comment("Changed fields with their values after the action."),
		field.JSON("details", json.RawMessage{}).
			Annotations(policies.BytesBy(8<<10, "app.record_event()"), policies.Rules{Default: "'{}'"}, policies.Erased("'{}'")).
			Comment("Further details of the action."),
		field.UUID("checkpoint_id", uuid.UUID{}).Optional().Nillable().
			Comment("Id of the checkpoint whose approval the action used."),
		field.UUID("request_id", uuid.UUID{}).Optional().Nillable().
			Comment("Id of the request, assigned by the service."),
		field.UUID("client_request_id", uuid.UUID{}).Optional().Nillable().
			Comment("Id of the request, as the client sent it in the `Request-Id` header. Not verified."),
		field.String("traceparent").Optional().Nillable().
			Annotations(policies.Impersonal()).
			Comment("W3C Trace Context of the request."),
		field.UUID("session_id", uuid.UUID{}).Optional().Nillable().
			Comment("Id of the login session."),
		field.String("ip").Optional().Nillable().
			Comment("Network address of the client."),
		field.String("user_agent").Optional().Nillable().
			Annotations(policies.Length(0, 400)).
			Comment("`User-Agent` header of the client."),
		field.String("db_role").
			Annotations(policies.Impersonal()).
			Comment("Database role of the session."),
		field.Bytes("content_salt").Optional().Nillable().Sensitive().
			Comment("Salt of the digest, 16 random bytes."),
		field.Bytes("content_digest").GoType(datatype.Digest{}).
			Comment("SHA-256 of the salt and the content. Kept when the content is erased."),
	}
}

// Indexes of the AuditLog.
func (AuditLog) Indexes() []ent.Index {
	return []ent.Index{
		by("resource_type", "resource_id", "id"),
		by("actor_id", "id"),
		by("action", "id"),
	}
}

// Annotations of the AuditLog.
func (AuditLog) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("audit_logs"),
		policies.Kept{Why: "the order and the digests of what was done are proofs"},
		schema.Comment("An audit log entry records an action: its actor, its time, the affected resource, and the changed fields before and after. The log is append-only."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.ReadOnly},
		policies.Ungated{Why: "it is written by triggers and never changes"},
		policies.Capability("audit-logs"),
		policies.AgentRows("resource_type <> ALL ('{session,agent_credential,identity}') AND action <> ALL ('{login,logout,credential_change}')"),
		policies.HiddenFromAgents{"session_id", "ip", "user_agent"},
		policies.AppendOnly{Content: []string{"before", "after", "ip", "user_agent"}},
		policies.Unaudited{Why: "it is the audit trail"},
		policies.CheckedByFunction{},
		policies.Partitioned{},
	}
}
