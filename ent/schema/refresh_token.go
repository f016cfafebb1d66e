package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// RefreshToken is one of the refresh tokens of a session. Only app.issue_refresh_token() and app.rotate_refresh_token()
// change it.
type RefreshToken struct{ ent.Schema }

// Mixin of the RefreshToken.
func (RefreshToken) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the RefreshToken.
func (RefreshToken) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("session_id", uuid.UUID{}).Immutable().
			Comment("Id of the session that the token refreshes."),
		field.Int("generation").Immutable().
			Annotations(policies.AtLeast(1)).
			Comment("Sequence number among the tokens of the session, from 1."),
		field.Bytes("token_hash").Immutable().Sensitive().
			Annotations(policies.Secret()).
			Comment("SHA-256 of the token's random part."),
		field.Time("expires_at").Immutable().
			Comment("Latest time at which its session can end. The row is deleted afterwards."),
		field.Time("used_at").Optional().Nillable().
			Comment("Time when the token was first exchanged for its successor."),
		field.Time("voided_at").Optional().Nillable().
			Comment("Time when another token replaced it because no client had received it."),
	}
}

// Edges of the RefreshToken.
func (RefreshToken) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("session", Session.Type).Ref("refresh_tokens").Field("session_id").Unique().Required().Immutable(),
	}
}

// Indexes of the RefreshToken.
func (RefreshToken) Indexes() []ent.Index {
	return []ent.Index{
		by("session_id", "token_hash").Unique(),
		by("session_id", "generation").Unique().Annotations(entsql.IndexWhere("voided_at IS NULL")),
	}
}

// Annotations of the RefreshToken.
func (RefreshToken) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("refresh_tokens"),
		schema.Comment("Hashes of refresh tokens. Serving roles can neither read nor write them."),
		policies.Access{},
		policies.Unaudited{Why: "logins, the ends of sessions and a token's second use are recorded; its ordinary use changes nothing else"},
		policies.Checks{
			{Name: "refresh_tokens_hash", Expression: "octet_length(token_hash) = 32"},
			{Name: "refresh_tokens_voided", Expression: "voided_at IS NULL OR used_at IS NULL"},
		},
	}
}
