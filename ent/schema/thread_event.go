package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// ThreadEvent is an event in a thread. It never changes. Only app.append_events() and app.record_step() insert it.
type ThreadEvent struct{ ent.Schema }

// Mixin of the ThreadEvent.
func (ThreadEvent) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the ThreadEvent.
func (ThreadEvent) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("thread_id", uuid.UUID{}).Immutable().Comment("Id of the thread."),
		field.Int64("sequence").Immutable().Annotations(policies.AtLeast(1)).Comment("Sequence number in the thread, from 1 and without gaps."),
		field.Enum("type").GoType(datatype.ThreadEventType("")).Immutable().
			Annotations(policies.Filter()).
			Comment("Type of the event."),
		field.Int("schema_version").Immutable().Annotations(policies.AtLeast(1)).Comment("Version of the payload's schema."),
		field.JSON("payload", datatype.Object{}).Optional().Immutable().
			Annotations(policies.BytesBy(256<<10, "app.append_events()")).
			Comment("Content of the event, with the schema of its type. Null after erasure."),
		field.UUID("actor_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("Id of the actor: the identity itself or one of its agents."),
		field.Enum("actor_kind").GoType(datatype.ActorKind("")).Immutable().Comment("Type of the actor: `human`, `agent` or `system`."),
		field.UUID("causation_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("Id of the event that caused this event."),
		field.UUID("correlation_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("Correlation id shared by related events."),
		field.UUID("checkpoint_id", uuid.UUID{}).Optional().Nillable().Immutable().
			Comment("Id of the checkpoint whose step the event records. Only the service records steps."),
		field.UUID("request_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("Id of the request that appended the event."),
		field.Bytes("content_salt").Optional().Nillable().Sensitive().Comment("Salt of the digest, 16 random bytes."),
		field.Bytes("content_digest").Immutable().Comment("SHA-256 of the salt and the content. Kept when the content is erased."),
	}
}

// Edges of the ThreadEvent.
func (ThreadEvent) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("thread", Thread.Type).Ref("events").Field("thread_id").Unique().Required().Immutable(),
	}
}

// Indexes of the ThreadEvent.
func (ThreadEvent) Indexes() []ent.Index {
	return []ent.Index{by("thread_id", "sequence").Unique()}
}

// Annotations of the ThreadEvent.
func (ThreadEvent) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("thread_events"),
		policies.KeyWith{"thread_id"},
		policies.Kept{Why: "the order and the digests of what happened are proofs"},
		schema.Comment("A thread event records a change of its thread or a step in it. Events are append-only."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.ReadOnly},
		policies.Ungated{Why: "it never changes; appending to a thread is decided by the thread's gate"},
		policies.Capability("threads"),
		// The policy of threads decides by the sphere of the thread.
		policies.AgentRows("EXISTS (SELECT FROM threads t WHERE t.created_by = thread_events.created_by AND t.id = thread_events.thread_id)"),
		policies.AppendOnly{Content: []string{"payload"}},
		policies.CheckedByFunction{},
		policies.AuditWithout{"payload", "content_salt"},
		policies.Checks{
			{Name: "thread_events_payload_check", Expression: "pg_column_size(payload) <= 262144"},
			{Name: "thread_events_payload_object", Expression: "jsonb_typeof(payload) = 'object'"},
		},
	}
}
