package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/ent/datatype"
	"github.com/chenu/chenu/policies"
)

// StreamHistory is content that was watched or heard, in chronological order (Rule #5).
type StreamHistory struct{ ent.Schema }

// Mixin of the StreamHistory.
func (StreamHistory) Mixin() []ent.Mixin {
	return []ent.Mixin{owned{}, annotated{policies.Sphere("entertainment")}}
}

// Fields of the StreamHistory.
func (StreamHistory) Fields() []ent.Field {
	return []ent.Field{
		fixedText("content_id", 255, "Id of the content at its source.", policies.Filter(), policies.Example(`"film-4711"`)),
		field.Enum("content_type").GoType(datatype.StreamContentType("")).Immutable().
			Annotations(policies.Filter(), policies.Example(`"movie"`)).
			Comment("Kind of the content."),
		fixedText("title", 300, "Title of the content.", policies.Example(`"Metropolis"`)),
		field.Time("started_at").Immutable().Annotations(policies.Range()).Comment("Time when playback started. Lists are sorted by it."),
		field.Int("watched_seconds").Immutable().
			Annotations(policies.Between(0, 1e9), policies.Example(`5400`)).
			Comment("Number of seconds that were played."),
		field.Int("duration_seconds").Optional().Nillable().Immutable().
			Annotations(policies.Between(0, 1e9)).
			Comment("Duration of the content in seconds."),
		field.String("device").Optional().Nillable().Immutable().
			Annotations(policies.Length(1, 200)).
			Comment("Device that played the content."),
	}
}

// Indexes of the StreamHistory.
func (StreamHistory) Indexes() []ent.Index {
	return []ent.Index{by("started_at", "id")}
}

// Annotations of the StreamHistory.
func (StreamHistory) Annotations() []schema.Annotation {
	return []schema.Annotation{
		table("entertainment_stream_history"),
		schema.Comment("A stream history entry records content that was played. The history is append-only."),
		policies.Access{Human: policies.AddOnly, Agent: policies.AddOnly},
		policies.Ungated{Why: "it is a private record, and never changes"},
		policies.AppendOnly{},
		policies.TimeOrder("started_at"),
	}
}
