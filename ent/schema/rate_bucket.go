package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// RateBucket is a token bucket, from which each request takes a token. Its tokens are stored as the time when it will
// be full again. Only app.take_tokens() changes it.
type RateBucket struct{ ent.Schema }

// Fields of the RateBucket.
func (RateBucket) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(newID).Immutable().
			Comment("Identifier, a UUIDv7."),
		field.Bytes("key").Immutable().
			Comment("Keyed hash of the subject of the limit."),
		field.Time("full_at").
			Comment("Time when the bucket will be full again."),
		field.Int("taken").Optional().
			Annotations(policies.Derived("0"), policies.AtLeast(0)).
			Comment("Number of tokens taken by the last request."),
		field.Time("created_at").Optional().Immutable().
			Annotations(policies.Derived("clock_timestamp()")).
			Comment("Time of creation."),
	}
}

// Indexes of the RateBucket.
func (RateBucket) Indexes() []ent.Index {
	return []ent.Index{index.Fields("key").Unique()}
}

// Annotations of the RateBucket.
func (RateBucket) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("rate_buckets"),
		schema.Comment("Token buckets of the rate limits."),
		policies.Ownerless{Why: "a bucket may be an address's, before anybody is known"},
		policies.Access{},
		policies.Unaudited{Why: "it counts requests and holds nobody's data"},
	}
}
