package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// CommunityEvent is a meeting to which contacts can be invited.
type CommunityEvent struct{ ent.Schema }

// Mixin of the CommunityEvent.
func (CommunityEvent) Mixin() []ent.Mixin { return inSphere("community") }

// Fields of the CommunityEvent.
func (CommunityEvent) Fields() []ent.Field {
	return []ent.Field{
		reference("group_id", "Id of the group that organises the event."),
		text("title", 1, 300, "Title of the event.", policies.Example(`"Seed swap"`)),
		optionalText("description", 20_000, "Description of the event."),
		field.Time("starts_at").Annotations(policies.Range(), policies.Example(`"2026-05-02T10:00:00Z"`)).Comment("Start time of the event."),
		field.Time("ends_at").Annotations(policies.Example(`"2026-05-02T13:00:00Z"`)).Comment("End time of the event. After `starts_at`."),
		text("time_zone", 1, 64, "Time zone of the location, as an IANA name.", policies.Example(`"Europe/Vienna"`)),
		optionalText("location", 500, "Address or name of the location."),
		optionalText("online_url", 2048, "URL for online participation.", policies.Format("uri")),
		field.Int("capacity").Optional().Nillable().
			Annotations(policies.Between(1, 1e6), policies.Example(`20`)).
			Comment("Maximum number of contacts who can answer `going`. Null for no limit."),
		choice("status", datatype.EventStatus(""), "scheduled", "Status of the event.", policies.Filter()),
		counter("going_count", "Number of contacts who answered `going`."),
		counter("maybe_count", "Number of contacts who answered `maybe`."),
		counter("declined_count", "Number of contacts who declined."),
	}
}

// Edges of the CommunityEvent.
func (CommunityEvent) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("group", CommunityGroup.Type).Ref("events").Field("group_id").Unique(),
		edge.To("rsvps", EventRSVP.Type).Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes of the CommunityEvent.
func (CommunityEvent) Indexes() []ent.Index {
	return []ent.Index{by("group_id", "id"), by("starts_at", "id")}
}

// Annotations of the CommunityEvent.
func (CommunityEvent) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("community_events"),
		schema.Comment("Contacts answer the invitation to a community event. The database enforces its capacity."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Gate{
			Type: "sensitive", Why: "an event in a public group is as public as its group",
			Through: &policies.Through{Column: "group_id", Table: "public.community_groups", Key: "id", Condition: "visibility = 'public'", Lock: true},
			References: []policies.GateReference{{
				Column: "group_id", Table: "public.community_groups", Resource: "community_group",
				Shows: []string{"name", "visibility"},
			}},
		},
		policies.Triggers{{Name: "members", Events: "AFTER UPDATE OR DELETE", Function: "app.derive_members()"}},
		policies.Checks{
			{
				Name: "community_events_ends_at_order", Column: "ends_at",
				Expression: "ends_at > starts_at",
				Detail:     "An event ends after it begins.",
			},
			{
				Name: "community_events_time_zone", Column: "time_zone",
				Expression: "app.time_zone_valid(time_zone)",
				Detail:     "The time zone is an IANA name such as Europe/Vienna.",
			},
			{
				Name: "community_events_capacity", Column: "capacity",
				Expression: "going_count <= capacity",
				Detail:     "More people have answered going than there is room for.",
			},
		},
	}
}
