package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// CommunityGroup is a group of people with its settings.
type CommunityGroup struct{ ent.Schema }

// Mixin of the CommunityGroup.
func (CommunityGroup) Mixin() []ent.Mixin { return inSphere("community") }

// Fields of the CommunityGroup.
func (CommunityGroup) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 200, "Name of the group.", policies.Example(`"Allotment gardeners"`)),
		optionalText("description", 20_000, "Description of the group."),
		choice("kind", datatype.GroupKind(""), "interest", "Kind of the group.", policies.Filter()),
		visibility(),
		field.JSON("settings", map[string]any{}).Default(map[string]any{}).
			Annotations(policies.Bytes(16<<10), policies.Rules{Default: "'{}'"}).
			Comment("Settings of the group, in a form that clients define."),
		optionalText("rules", 20_000, "Rules for the members of the group."),
		counter("member_count", "Number of distinct contacts who answered `going` to an event of the group."),
	}
}

// Edges of the CommunityGroup.
func (CommunityGroup) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("events", CommunityEvent.Type),
	}
}

// Indexes of the CommunityGroup.
func (CommunityGroup) Indexes() []ent.Index {
	return []ent.Index{by("kind", "id")}
}

// Annotations of the CommunityGroup.
func (CommunityGroup) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("community_groups"),
		schema.Comment("A community group has settings and rules, and holds events."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Gate{
			Type: "sensitive", State: "visibility = 'public'",
			Why: "what is public is meant for others to see, and a group becomes public together with its events",
			Contents: []policies.GateContent{{
				Table: "public.community_events", Column: "group_id", Resource: "community_event",
				Shows: []string{
					"title", "description", "starts_at", "ends_at", "time_zone", "location", "online_url", "capacity", "status",
				},
			}},
		},
		policies.Checks{
			{
				Name: "community_groups_settings", Column: "settings",
				Expression: "jsonb_typeof(settings) = 'object'",
				Detail:     "Settings are an object.",
			},
		},
	}
}
