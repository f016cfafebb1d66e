package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// CreativeProject is a collection of assets.
type CreativeProject struct{ ent.Schema }

// Mixin of the CreativeProject.
func (CreativeProject) Mixin() []ent.Mixin { return inSphere("creative_studio") }

// Fields of the CreativeProject.
func (CreativeProject) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 200, "Name of the project.", policies.Example(`"Picture book"`)),
		optionalText("description", 20_000, "Description of the project."),
		choice("status", datatype.CreativeProjectStatus(""), "active", "Status of the project.", policies.Filter()),
		reference("cover_asset_id", "Id of the asset that is shown as the cover."),
	}
}

// Edges of the CreativeProject.
func (CreativeProject) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("assets", CreativeAsset.Type),
		edge.From("cover", CreativeAsset.Type).Ref("cover_of").Field("cover_asset_id").Unique(),
	}
}

// Indexes of the CreativeProject.
func (CreativeProject) Indexes() []ent.Index {
	return []ent.Index{by("status", "id"), by("cover_asset_id", "id")}
}

// Annotations of the CreativeProject.
func (CreativeProject) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("creative_projects"),
		schema.Comment("A creative project is a collection of creative assets."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is a private collection"},
	}
}
