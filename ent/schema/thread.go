package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Thread is a line of thought or work. Its row is a projection of its events and changes only through them:
// app.create_thread() and app.append_events().
//
// The content of a public thread is published. So making a thread public, changing it while it is public, and appending
// to it need an approval, for humans as for agents: a human confirms an append to a public thread like every other
// change of public data, because a stolen access token must not be able to publish either. An approval covers all
// events of the append, with their payloads. Appending to a private thread needs no approval.
type Thread struct{ ent.Schema }

// Mixin of the Thread.
func (Thread) Mixin() []ent.Mixin { return []ent.Mixin{owned{}, tracked{}} }

// Fields of the Thread.
func (Thread) Fields() []ent.Field {
	return []ent.Field{
		fixedText("founding_intent", 2000, "Original purpose of the thread. It never changes.", policies.Example(`"Write the annual report"`), policies.Erased("'[erased]'")),
		field.Enum("sphere").GoType(datatype.SphereType("")).Immutable().
			Annotations(policies.Filter(), policies.Example(`"business"`)).
			Comment("Sphere of the thread."),
		choice("type", datatype.ThreadType(""), "personal", "Scope of the thread: `personal`, `collective` or `institutional`.", policies.Filter()),
		choice("status", datatype.ThreadStatus(""), "active", "Status of the thread.", policies.Filter()),
		visibility(),
		optionalText("title", 200, "Title of the thread.", policies.Erased("NULL")),
		reference("parent_thread_id", "Id of the thread from which this thread originated."),
		tags(32, policies.Erased("'{}'")),
		field.Int64("last_sequence").Optional().
			Annotations(policies.Derived("0"), policies.AtLeast(0)).
			Comment("Sequence number of the latest event."),
		field.Int64("event_count").Optional().
			Annotations(policies.Derived("0"), policies.AtLeast(0)).
			Comment("Number of events in the thread."),
		timestamp("last_event_at", "Time of the latest event.", policies.DerivedNullable()),
		field.Int64("step_count").Optional().StructTag(`json:"-"`).
			Annotations(policies.Derived("0"), policies.AtLeast(0)).
			Comment("Number of events that are steps of checkpoints about the thread. They do not change its version."),
	}
}

// Edges of the Thread.
func (Thread) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("children", Thread.Type).From("parent").Field("parent_thread_id").Unique(),
		edge.To("events", ThreadEvent.Type),
		edge.To("checkpoints", Checkpoint.Type),
		edge.To("posts", SocialPost.Type),
	}
}

// Indexes of the Thread.
func (Thread) Indexes() []ent.Index {
	return []ent.Index{by("sphere", "status", "id"), by("status", "id"), by("parent_thread_id", "id")}
}

// Annotations of the Thread.
func (Thread) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("threads"),
		policies.Kept{Why: "its events stand in its order"},
		schema.Comment("A thread is a line of thought or work. Its fields are computed from its events."),
		policies.Access{Human: policies.ReadOnly, Agent: policies.ReadOnly},
		policies.Capability("threads"),
		policies.CheckedByFunction{},
		policies.AuditCounters{"last_sequence", "event_count", "last_event_at", "step_count"},
		policies.Triggers{{Name: "stamp_step", Events: "BEFORE UPDATE OF step_count", Function: "app.keep_version()"}},
		// The payload contains only the id of its parent, which reveals nothing about the parent. Its events increase
		// its version, so an approval covers the existing events.
		policies.Gate{Type: "sensitive", State: "visibility = 'public'", Why: "what is public is meant for others to see"},
	}
}
