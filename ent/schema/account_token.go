package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/chenu/chenu/policies"
)

// AccountToken proves, once, that its holder can read an identity's mail. Using a token deletes all tokens of its kind.
// Only the functions of policies/functions/recovery.sql change it.
type AccountToken struct{ ent.Schema }

// Mixin of the AccountToken.
func (AccountToken) Mixin() []ent.Mixin { return []ent.Mixin{owned{}} }

// Fields of the AccountToken.
func (AccountToken) Fields() []ent.Field {
	return []ent.Field{
		field.String("kind").Immutable().
			Annotations(policies.Pattern("verify_email|reset_password")).
			Comment("Purpose of the token."),
		field.Bytes("token_hash").Immutable().Sensitive().
			Annotations(policies.Secret()).
			Comment("SHA-256 of the token's random part."),
		field.Time("expires_at").Immutable().
			Comment("Time when the token expires."),
	}
}

// Indexes of the AccountToken.
func (AccountToken) Indexes() []ent.Index { return []ent.Index{by("kind")} }

// Annotations of the AccountToken.
func (AccountToken) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("account_tokens"),
		schema.Comment("Hashes of single-use tokens that were sent by mail. Serving roles can neither read nor write them."),
		policies.Access{},
		policies.Unaudited{Why: "what a token changes is recorded, and a token by itself changes nothing"},
		policies.Checks{{Name: "account_tokens_hash", Expression: "octet_length(token_hash) = 32"}},
	}
}
