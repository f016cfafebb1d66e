package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// CreativeAsset is a work, or part of one; of an AI-made one the prompt is kept.
type CreativeAsset struct{ ent.Schema }

// Mixin of the CreativeAsset.
func (CreativeAsset) Mixin() []ent.Mixin { return inSphere("creative_studio") }

// Fields of the CreativeAsset.
func (CreativeAsset) Fields() []ent.Field {
	return []ent.Field{
		text("name", 1, 300, "Name.", policies.Example(`"Cover, first draft"`)),
		required("kind", datatype.AssetKind(""), "What it is.", policies.Filter(), policies.Example(`"image"`)),
		text("uri", 1, 2048, "Where the asset itself is kept.", policies.Format("uri"), policies.Example(`"https://files.example.org/cover.png"`)),
		text("media_type", 3, 127, "Media type (RFC 6838).", policies.Pattern(`[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,62}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,62}`), policies.Example(`"image/png"`)),
		field.Int64("size_bytes").Annotations(policies.Between(0, 1<<50), policies.Example(`482113`)).Comment("Size in bytes."),
		optionalText("sha256", 64, "SHA-256 of the content in lower-case hex.", policies.Pattern(`[0-9a-f]{64}`)),
		mark("ai_generated", "Whether an AI made it; then the prompt is required.", policies.Filter()),
		optionalText("prompt", 20_000, "What the AI was asked for."),
		optionalText("negative_prompt", 20_000, "What the AI was asked to avoid."),
		optionalText("model", 200, "Model that made it.", policies.Filter()),
		field.JSON("parameters", map[string]any{}).Default(map[string]any{}).
			Annotations(policies.Bytes(16<<10), policies.Rules{Default: "'{}'"}).
			Comment("Settings that it was made with."),
		field.Int64("random_seed").Optional().Nillable().
			Annotations(policies.Between(0, 1<<53-1)).
			Comment("Seed that it was made with."),
		reference("project_id", "The project it belongs to."),
		optionalText("licence", 200, "Licence, as an SPDX identifier or in words."),
	}
}

// Edges of the CreativeAsset.
func (CreativeAsset) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("project", CreativeProject.Type).Ref("assets").Field("project_id").Unique(),
		edge.To("cover_of", CreativeProject.Type),
	}
}

// Indexes of the CreativeAsset.
func (CreativeAsset) Indexes() []ent.Index {
	return []ent.Index{by("project_id", "id"), by("kind", "id")}
}

// Annotations of the CreativeAsset.
func (CreativeAsset) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("creative_assets"),
		schema.Comment("Creative assets; of those made by AI the prompt is kept."),
		policies.Access{Human: policies.All, Agent: policies.All},
		policies.Ungated{Why: "it is a private record of a file that is kept elsewhere"},
		policies.Checks{
			{
				Name: "creative_assets_prompt", Column: "prompt",
				Expression: "NOT ai_generated OR prompt IS NOT NULL",
				Detail:     "What an AI made has the prompt that it was made from.",
			},
			{
				Name: "creative_assets_parameters", Column: "parameters",
				Expression: "jsonb_typeof(parameters) = 'object'",
				Detail:     "Parameters are an object.",
			},
		},
	}
}
