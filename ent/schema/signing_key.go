package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// SigningKey signs access tokens. Its private half is encrypted under a key
// that the database never holds.
type SigningKey struct{ ent.Schema }

// Fields of the SigningKey.
func (SigningKey) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(newID).Immutable().
			Comment("The key's kid."),
		field.Bytes("public_key").Immutable().
			Comment("Ed25519 public key, 32 bytes."),
		field.Bytes("private_key").Immutable().Sensitive().
			Annotations(policies.Secret()).
			Comment("Ed25519 seed, encrypted under the service's secret."),
		field.String("status").Optional().
			Annotations(policies.Derived("'active'"), policies.Pattern("next|active|retiring")).
			Comment("Its place in its life: published before it signs, signing, or verifying what it signed before."),
		field.Time("created_at").Optional().Immutable().
			Annotations(policies.Derived("clock_timestamp()")).
			Comment("When it was made."),
		moment("activated_at", "When it began to sign; null for the first key, which signs from the start."),
		moment("retired_at", "When it ceased to sign."),
	}
}

// Annotations of the SigningKey.
func (SigningKey) Annotations() []schema.Annotation {
	return []schema.Annotation{
		supporting("signing_keys"),
		schema.Comment("Keys that sign access tokens."),
		policies.Ownerless{Why: "keys belong to the service, not to an identity"},
		policies.Access{},
		policies.Unaudited{Why: "no identity's data"},
	}
}
