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

// EventRSVP is a contact's answer to the invitation to an event. There is one for each contact; answering again updates
// it.
type EventRSVP struct{ ent.Schema }

// Mixin of the EventRSVP.
func (EventRSVP) Mixin() []ent.Mixin { return []ent.Mixin{owned{}, tracked{}} }

// Fields of the EventRSVP.
func (EventRSVP) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("event_id", uuid.UUID{}).Immutable().Comment("Id of the event."),
		field.UUID("contact_id", uuid.UUID{}).Immutable().Comment("Id of the contact who answered."),
		required("status", datatype.RSVPStatus(""), "Answer of the contact.", policies.Example(`"going"`)),
	}
}

// Edges of the EventRSVP.
func (EventRSVP) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("event", CommunityEvent.Type).Ref("rsvps").Field("event_id").Unique().Required().Immutable(),
		edge.From("contact", Contact.Type).Ref("rsvps").Field("contact_id").Unique().Required().Immutable(),
	}
}

// Indexes of the EventRSVP.
func (EventRSVP) Indexes() []ent.Index {
	return []ent.Index{by("event_id", "contact_id").Unique(), by("contact_id", "id")}
}

// Annotations of the EventRSVP.
func (EventRSVP) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("event_rsvps"),
		schema.Comment("An RSVP is a contact's answer to the invitation to an event."),
		policies.Sphere("community"),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is the owner's record of an answer that a contact gave"},
		policies.Triggers{
			// It runs after the trigger stamp, which sets created_by: triggers fire in the order of their names.
			{Name: "take_locks", Events: "BEFORE INSERT", Function: "app.lock_answer()"},
			{Name: "rsvp_counts", Events: "AFTER INSERT OR UPDATE OR DELETE", Function: "app.derive_rsvp_counts()"},
		},
	}
}
