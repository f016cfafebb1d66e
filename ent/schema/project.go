package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// Project is a business project with its progress.
type Project struct{ ent.Schema }

// Mixin of the Project.
func (Project) Mixin() []ent.Mixin { return inSphere("business") }

// Fields of the Project.
func (Project) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 200, "Name of the project.", policies.Example(`"Website relaunch"`)),
		optionalText("description", 20_000, "Description of the project."),
		choice("status", datatype.ProjectStatus(""), "planned", "Status of the project.", policies.Filter()),
		day("starts_on", "First day of the project.", policies.Range()),
		day("ends_on", "Last day of the project. Not before `starts_on`.", policies.Range()),
		field.Other("budget", datatype.Money{}).SchemaType(money).Optional().Nillable().
			Annotations(policies.AtLeast(0), policies.Example(`"15000.00"`)).
			Comment("Budget of the project, in `currency`."),
		optionalText("currency", 3, "Currency code (ISO 4217) of the budget. Required if `budget` is set.", policies.Pattern(`[A-Z]{3}`), policies.Example(`"EUR"`)),
		field.Int("progress").Default(0).
			Annotations(policies.Between(0, 100), policies.Rules{Default: "0"}).
			Comment("Progress of the project in percent."),
		reference("contact_id", "Id of the contact that the project is for."),
	}
}

// Edges of the Project.
func (Project) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("contact", Contact.Type).Ref("projects").Field("contact_id").Unique(),
	}
}

// Indexes of the Project.
func (Project) Indexes() []ent.Index {
	return []ent.Index{by("status", "id"), by("contact_id", "id"), by("starts_on", "id"), by("ends_on", "id")}
}

// Annotations of the Project.
func (Project) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("business_projects"),
		schema.Comment("A project of the business has a progress and a budget."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is a private plan: its budget spends nothing"},
		policies.Checks{
			{
				Name: "business_projects_ends_on_order", Column: "ends_on",
				Expression: "ends_on >= starts_on",
				Detail:     "The last day is not before the first.",
			},
			{
				Name: "business_projects_budget_currency", Column: "currency",
				Expression: "budget IS NULL OR currency IS NOT NULL",
				Detail:     "A budget has its currency.",
			},
		},
	}
}
