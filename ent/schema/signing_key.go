package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/chenu/chenu/policies"
)

// SigningKey is a key that signs access tokens. Its private half is encrypted under a key that is never stored in the
// database.
type SigningKey struct{ ent.Schema }

// Fields of the SigningKey.
func (SigningKey) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(newID).Immutable().
			Comment("Key id, the `kid` of the key."),
		field.Bytes("public_key").Immutable().
			Comment("Ed25519 public key, 32 bytes."),
		field.Bytes("private_key").Immutable().Sensitive().
			Annotations(policies.Secret()).
			Comment("Ed25519 seed, encrypted under the service's secret."),
		field.String("status").Optional().
			Annotations(policies.Derived("'active'"), policies.Pattern("next|active|retiring")).
			Comment("Status of the key: published before it signs, signing, or kept to verify earlier signatures."),
		field.Time("created_at").Optional().Immutable().
			Annotations(policies.Derived("clock_timestamp()")).
			Comment("Time of creation."),
		timestamp("activated_at", "Time when the key started to sign. Null for the first key, which signs from its creation."),
		timestamp("retired_at", "Time when the key stopped signing."),
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
