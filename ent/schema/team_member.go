package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// TeamMember is a person on the team.
type TeamMember struct{ ent.Schema }

// Mixin of the TeamMember.
func (TeamMember) Mixin() []ent.Mixin { return inSphere("my_team") }

// Fields of the TeamMember.
func (TeamMember) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 200, "Name of the team member.", policies.Example(`"Katherine Johnson"`)),
		optionalText("email", 320, "E-mail address of the team member.", policies.Format("email"), policies.Filter()),
		text("role", 1, 200, "Role of the member on the team.", policies.Example(`"Editor"`)),
		choice("status", datatype.MemberStatus(""), "invited", "Status of the membership.", policies.Filter()),
		day("joined_on", "Date when the member joined."),
	}
}

// Edges of the TeamMember.
func (TeamMember) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("tasks", TeamTask.Type),
	}
}

// Indexes of the TeamMember.
func (TeamMember) Indexes() []ent.Index {
	return []ent.Index{by("status", "id")}
}

// Annotations of the TeamMember.
func (TeamMember) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("team_members"),
		schema.Comment("A team member is a person on the owner's team."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is a private record that grants nothing"},
	}
}
