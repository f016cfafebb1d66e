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

// AuditLog is the complete audit trail (Rule #6). Rows come from triggers and
// app.record_event() only; the database makes their ids.
type AuditLog struct{ ent.Schema }

// Mixin of the AuditLog.
func (AuditLog) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the AuditLog.
func (AuditLog) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().
			Annotations(policies.Filter()).
			Comment("Who acted: the identity itself or one of its agents; null for a bare database session."),
		field.Enum("actor_kind").GoType(datatype.ActorKind("")).
			Annotations(policies.Filter()).
			Comment("What kind of actor that was."),
		field.Enum("action").GoType(datatype.AuditLogAction("")).
			Annotations(policies.Filter()).
			Comment("What was done."),
		field.Enum("outcome").GoType(datatype.AuditOutcome("")).
			Annotations(policies.Filter()).
			Comment("How it ended."),
		field.String("resource_type").
			Annotations(policies.Length(1, 64), policies.Filter(), policies.Impersonal()).
			Comment("What kind of thing it was done to."),
		field.UUID("resource_id", uuid.UUID{}).Optional().Nillable().
			Annotations(policies.Filter()).
			Comment("Which one."),
		field.Enum("sphere").GoType(datatype.SphereType("")).Optional().Nillable().
			Annotations(policies.Filter()).
			Comment("The sphere it belongs to."),
		field.JSON("before", json.RawMessage{}).Optional().
			Annotations(policies.BytesBy(8<<20, "app.seal_content()")).
			Comment("The changed fields as they were."),
		field.JSON("after", json.RawMessage{}).Optional().
			Annotations(policies.BytesBy(8<<20, "app.seal_content()")).
			Comment("The changed fields as they became."),
		field.JSON("details", json.RawMessage{}).
			Annotations(policies.BytesBy(8<<10, "app.record_event()"), policies.Rules{Default: "'{}'"}, policies.Erased("'{}'")).
			Comment("What else is known of it."),
		field.UUID("checkpoint_id", uuid.UUID{}).Optional().Nillable().
			Comment("The approval under which it was done."),
		field.UUID("request_id", uuid.UUID{}).Optional().Nillable().
			Comment("Id that the service gave to the request it was done in."),
		field.UUID("client_request_id", uuid.UUID{}).Optional().Nillable().
			Comment("Id that the client gave to the request in the Request-Id header; clients may send any."),
		field.String("traceparent").Optional().Nillable().
			Annotations(policies.Impersonal()).
			Comment("W3C trace context of the request."),
		field.UUID("session_id", uuid.UUID{}).Optional().Nillable().
			Comment("The login session it was done in."),
		field.String("ip").Optional().Nillable().
			Comment("Network address of the client."),
		field.String("user_agent").Optional().Nillable().
			Annotations(policies.Length(0, 400)).
			Comment("Program of the client, as it called itself."),
		field.String("db_role").
			Annotations(policies.Impersonal()).
			Comment("The database role that did it."),
		field.Bytes("content_salt").Optional().Nillable().Sensitive().
			Comment("16 random bytes that keep the digest from being guessed."),
		field.Bytes("content_digest").GoType(datatype.Digest{}).
			Comment("SHA-256 of salt and content; stays when the content is erased."),
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
		schema.Comment("Who did what, when, before and after, and on whose behalf. Append-only."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.ReadOnly},
		policies.Ungated{Why: "it is written by triggers and never changes"},
		policies.AppendOnly{Content: []string{"before", "after", "ip", "user_agent"}},
		policies.Unaudited{Why: "it is the audit trail"},
		policies.Partitioned{},
	}
}
