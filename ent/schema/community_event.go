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

// CommunityEvent is a meeting that people answer to.
type CommunityEvent struct{ ent.Schema }

// Mixin of the CommunityEvent.
func (CommunityEvent) Mixin() []ent.Mixin { return inSphere("community") }

// Fields of the CommunityEvent.
func (CommunityEvent) Fields() []ent.Field {
	return []ent.Field{
		reference("group_id", "The group that holds it."),
		text("title", 1, 300, "Title.", policies.Example(`"Seed swap"`)),
		optionalText("description", 20_000, "What it is about."),
		field.Time("starts_at").Annotations(policies.Range(), policies.Example(`"2026-05-02T10:00:00Z"`)).Comment("When it begins."),
		field.Time("ends_at").Annotations(policies.Example(`"2026-05-02T13:00:00Z"`)).Comment("When it ends, after it begins."),
		text("time_zone", 1, 64, "Time zone of the place, an IANA name.", policies.Example(`"Europe/Vienna"`)),
		optionalText("location", 500, "Where it is."),
		optionalText("online_url", 2048, "Where it is online.", policies.Format("uri")),
		field.Int("capacity").Optional().Nillable().
			Annotations(policies.Between(1, 1e6), policies.Example(`20`)).
			Comment("How many may come; null for any number."),
		choice("status", datatype.EventStatus(""), "scheduled", "How far it has come.", policies.Filter()),
		counter("going_count", "How many answered going."),
		counter("maybe_count", "How many answered maybe."),
		counter("declined_count", "How many declined."),
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
		schema.Comment("Events with the answers to their invitations; never above capacity."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Gate{
			Type: "sensitive", Why: "an event in a public group is as public as its group",
			Through: &policies.Through{Column: "group_id", Table: "public.community_groups", Key: "id", Condition: "visibility = 'public'"},
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
