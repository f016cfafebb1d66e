package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// ReferenceCitation records that one reference cites another.
type ReferenceCitation struct{ ent.Schema }

// Mixin of the ReferenceCitation.
func (ReferenceCitation) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the ReferenceCitation.
func (ReferenceCitation) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("citing_id", uuid.UUID{}).Immutable().Comment("Id of the reference that cites."),
		field.UUID("cited_id", uuid.UUID{}).Immutable().Comment("Id of the reference that is cited."),
		field.String("locator").Optional().Nillable().Immutable().
			Annotations(policies.Length(1, 100)).
			Comment("Location in the cited work, such as a page."),
	}
}

// Edges of the ReferenceCitation.
func (ReferenceCitation) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("citing", Reference.Type).Ref("cites").Field("citing_id").Unique().Required().Immutable(),
		edge.From("cited", Reference.Type).Ref("cited_by").Field("cited_id").Unique().Required().Immutable(),
	}
}

// Indexes of the ReferenceCitation.
func (ReferenceCitation) Indexes() []ent.Index {
	return []ent.Index{by("citing_id", "cited_id").Unique(), by("cited_id", "id")}
}

// Annotations of the ReferenceCitation.
func (ReferenceCitation) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("reference_citations"),
		schema.Comment("A citation records that one reference cites another."),
		policies.Sphere("scholar"),
		policies.Access{Human: "SID", Agent: "SID"},
		policies.Ungated{Why: "it is a private link between two records"},
		policies.Checks{
			{
				Name: "reference_citations_other", Column: "cited_id",
				Expression: "citing_id <> cited_id",
				Detail:     "A reference doesn't cite itself.",
			},
		},
	}
}
